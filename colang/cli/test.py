"""``colang test``: plays scenarios to programs and reports where the bot differs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from colang.cli import FOUND, CliError, files, terminal
from colang.cli.bots import Loaded, ProgramErrors, load
from colang.cli.check import surrounding_project
from colang.project.loader import is_scenario

if TYPE_CHECKING:
    from colang.scenario import Scenario
    from colang_interpreter.scenarios.playing import ScenarioResult

_SIDES: tuple[Literal["before", "after"], ...] = ("before", "after")


class Case(NamedTuple):
    """A scenario file, the program it is about, and which side of a migration that is."""

    scenario: Path
    program: Path
    side: Literal["before", "after"] | None

    @property
    def name(self) -> str:
        """As reports name it."""
        return f"{self.scenario} ({self.side})" if self.side else str(self.scenario)


def test(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Scenarios, or folders to search for them. [default: this folder]"),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the conversations.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each.")] = False,
) -> int:
    """Play scenarios and report where the bot differs.

    A scenario is a file scenario.yaml, or one whose name ends in .scenario.yaml. It is about the
    configuration folder around it; next to folders named before and after, about these two.

    Exit status: 0 all went as expected, 1 something did not, 2 bad usage, or there is no scenario.
    """
    cases: dict[Case, None] = {}
    for path in paths or ["."]:
        found = list(_cases(Path(path)))
        if not found:
            raise CliError(f"there is no scenario in {path}")
        cases.update(dict.fromkeys(found))
    failed = sum(not _run(case, verbose=verbose, json=json) for case in cases)
    sys.stdout.flush()
    terminal.progress(f"{len(cases) - failed} passed, {failed} failed")
    return FOUND if failed else 0


test.__test__ = False  # type: ignore[attr-defined]  # for pytest: not a test, in spite of its name


def _cases(path: Path) -> Iterator[Case]:
    if not path.exists():
        raise CliError(f"cannot read {path}: no such file or folder")
    found = [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*.y*ml") if is_scenario(file.name))
    for file in found:
        if all((file.parent / side).is_dir() for side in _SIDES):
            yield from (Case(file, file.parent / side, side) for side in _SIDES)
        else:
            yield Case(file, surrounding_project(file) or file.parent, None)


def _run(case: Case, *, verbose: bool, json: bool) -> bool:
    """Play one scenario and print what came of it; whether it went as expected."""
    from colang.cli.chat import show_scenario

    scenario = read_scenario(str(case.scenario))
    problem, result = "", None
    if scenario is None:
        problem = "the scenario has errors"
    else:
        try:
            loaded = load(case.program)
        except ProgramErrors as errors:
            errors.show()
            problem = f"the program {case.program} has errors"
        else:
            result = play_scenario(scenario, loaded, case.side)
    passed = result is not None and result.passed
    if json:
        terminal.write_json(
            {
                "scenario": str(case.scenario),
                "program": str(case.program),
                "side": case.side,
                "passed": passed,
                "turns": len(result.turns) if result else 0,
                "report": result.report() if result else problem,
            }
        )
        return passed
    terminal.say(f"{'ok    ' if passed else 'FAILED'} {case.name}", "bot" if passed else "error")
    if result is not None and verbose:
        show_scenario(result)
    if not passed:
        terminal.say(result.report() if result else f"  {problem}")
    return passed


def read_scenario(path: str) -> Scenario | None:
    """Read a scenario file; if it has errors, report them on standard error and give None.

    Raises:
        CliError: It cannot be read.
    """
    from colang.diagnostics.render import render
    from colang.scenario import load_scenario
    from colang.source import Source

    text = files.read_text(path)
    scenario, problems = load_scenario(text, path)
    for problem in problems:
        sources = {path: Source(text, path)}
        terminal.show(render(problem, sources, width=terminal.width()), sys.stderr)
        terminal.progress("")
    return scenario


def play_scenario(
    scenario: Scenario, loaded: Loaded, side: Literal["before", "after"] | None
) -> ScenarioResult:
    """Play a scenario to a program, with its actions and without the outside world."""
    from colang_interpreter.errors import MissingPackageError
    from colang_interpreter.scenarios.player import session_opener
    from colang_interpreter.scenarios.playing import play

    opener = session_opener(loaded.program, loaded.actions, on_open=loaded.initialize)
    names = loaded.project.flows
    try:
        return asyncio.run(play(scenario, opener, side=side, flow_names=names))
    except MissingPackageError as error:
        raise CliError(str(error)) from error
