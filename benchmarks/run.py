"""Run rows of the table, alone or side by side with the reference.

    python -m benchmarks                                   all rows, this toolchain alone
    python -m benchmarks R1 R2                             some rows
    python -m benchmarks --reference ENV/bin/python        side by side; ENV has nemoguardrails installed
    python -m benchmarks --list

Ours and the reference alternate; medians of the repeats are compared. Exit status: 0 every "must" that was
measured holds, 1 one does not, 2 bad usage.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.driving import median
from benchmarks.rows import CASES, Case, Figure

if TYPE_CHECKING:
    from typing_extensions import Self

_HERE = Path(__file__).resolve().parent
ENDED = "the driver ended without an answer"


class Driver:
    """A driver process; used as a context."""

    def __init__(self, python: str, script: str) -> None:
        """Start `script`, a file beside this one."""
        # An installed package has its bytecode; without it a new process would measure the compiler of Python.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(
            [python, str(_HERE / script)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        """The driver is running already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def measure(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Numbers, or the reason why there are none under `unavailable`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"unavailable": ENDED}
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"unavailable": ENDED}
        return answer


@dataclass(slots=True)
class Samples:
    """What one side answered."""

    by_key: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    unavailable: str | None = None

    def add(self, answer: Mapping[str, Any]) -> None:
        """Take one answer of a driver."""
        if "unavailable" in answer:
            self.unavailable = " ".join(answer["unavailable"].split())[:160]
        for key, value in answer.get("numbers", {}).items():
            self.by_key.setdefault(key, []).append(value)

    def get(self, key: str) -> float | None:
        """The median."""
        return median(self.by_key[key]) if key in self.by_key else None


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    case: Case
    figure: Figure
    ours: float | None
    reference: float | None
    notes: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """How many times better than the reference."""
        return self.reference / self.ours if self.ours and self.reference else None

    def holds(self, target: float | None) -> bool | None:
        """Whether a target is reached; None: not known, or there is none."""
        return None if target is None or self.ratio is None else self.ratio >= target

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "row": self.case.row,
            "title": self.case.title,
            "figure": self.figure.name or self.figure.key,
            "unit": self.figure.unit,
            "ours": self.ours,
            "reference": self.reference,
            "ratio": self.ratio,
            "must": self.figure.must,
            "must_holds": self.holds(self.figure.must),
            "stretch": self.figure.stretch,
            "stretch_holds": self.holds(self.figure.stretch),
            "notes": list(self.notes),
        }


def compare(case: Case, reference: str | None, repeats: int) -> list[Result]:
    """Measure one case on both sides, in turn; each side is one process for all repeats."""
    ours, theirs = Samples(), Samples()
    with Driver(sys.executable, "driver_ours.py") as our_driver:
        if reference is None:
            for _ in range(repeats):
                ours.add(our_driver.measure(case.job))
        else:
            with Driver(reference, "driver_reference.py") as their_driver:
                for number in range(repeats):
                    ours.add(our_driver.measure(case.job))
                    if number == 0 or not case.slow:
                        theirs.add(their_driver.measure(case.job))
    notes = tuple(
        f"{who}: {side.unavailable}"
        for who, side in (("ours", ours), ("reference", theirs))
        if side.unavailable
    )
    return [
        Result(case, figure, ours.get(figure.key), theirs.get(figure.key), notes)
        for figure in case.figures
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(arguments)
    known = dict.fromkeys(case.row for case in CASES)
    unknown = [row for row in options.rows if row not in known]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    chosen = [case for case in CASES if not options.rows or case.row in options.rows]
    if options.list:
        for case in chosen:
            print(f"{case.row:4} {case.title}")
        return 0
    print(_line("row", "what", "ours", "reference", "ratio", "must", "stretch"))
    results: list[Result] = []
    for case in chosen:
        for number, result in enumerate(compare(case, options.reference, options.repeats)):
            results.append(result)
            print(_row(result), flush=True)
            if number == 0:
                for note in result.notes:
                    print(f"     ({note})")
    if options.json:
        report = json.dumps([result.as_json() for result in results], indent=1)
        Path(options.json).write_text(report + "\n", encoding="utf-8")
    missed = [r for r in results if r.holds(r.figure.must) is False]
    if options.reference:
        judged = [r for r in results if r.holds(r.figure.must) is not None]
        print(f"\n{len(judged) - len(missed)} of {len(judged)} musts hold")
    return 1 if missed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure rows of the performance table, alone or beside the reference.",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="ids such as R1; all by default")
    parser.add_argument(
        "--reference", metavar="PYTHON", help="interpreter that has nemoguardrails installed"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="3 by default")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--list", action="store_true", help="show the rows and measure nothing")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats needs a number from 1")
    return options


def _row(result: Result) -> str:
    figure = result.figure
    title = result.case.title + (f": {figure.name}" if figure.name else "")
    return _line(
        result.case.row,
        title,
        _quantity(result.ours, figure.unit),
        _quantity(result.reference, figure.unit),
        "-" if result.ratio is None else f"{result.ratio:,.1f}x",
        _verdict(result, figure.must),
        _verdict(result, figure.stretch),
    )


def _verdict(result: Result, target: float | None) -> str:
    if target is None:
        return "-"
    holds = result.holds(target)
    word = "" if holds is None else " yes" if holds else " NO"
    return f"{target:g}x{word}"


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "B":
        return f"{value / 1000:,.1f} KB"
    if value >= 1:
        return f"{value:,.2f} s"
    return f"{value * 1e3:,.2f} ms" if value >= 1e-3 else f"{value * 1e6:,.1f} us"


def _line(row: str, what: str, *cells: str) -> str:
    return f"{row:4} {what:52}" + "".join(f"{cell:>12}" for cell in cells)


if __name__ == "__main__":
    raise SystemExit(main())
