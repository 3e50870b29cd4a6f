"""A verification in words and as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from colang.diagnostics.cells import printable
from colang_interpreter.host.rules import ENVELOPE
from colang_interpreter.machine import Event
from colang_migrate.findings import Finding, finding
from colang_migrate.verify.model import Record, Result
from colang_migrate.verify.verification import Verification

VERSION = 1
"""Of the JSON form, which only grows."""

_SHOWN = 10  # of other differing conversations, and of what was not reached


def to_text(found: Verification) -> str:
    """For people: the first difference with both traces, then the figures."""
    lines: list[str] = []
    first = found.first_difference
    if first is not None:
        lines += [*_difference(first), ""]
        others = [each for each in found.of("different") if each is not first]
        if others:
            lines.append("Also different:")
            lines += [
                f"  {_title(each)}, turn {each.turn}: {each.reason}" for each in others[:_SHOWN]
            ]
            if len(others) > _SHOWN:
                lines.append(f"  and {len(others) - _SHOWN} more")
            lines.append("")
    accepted = found.of("accepted")
    if accepted:
        lines.append("Known differences (M903):")
        for reason, results in _by_reason(accepted):
            lines.append(f"  {_count(len(results), 'conversation')}: {reason}")
            lines.append(f"    for example {_title(results[0])}, turn {results[0].turn}")
        lines.append("")
    missing = found.coverage.missing
    if missing:
        lines.append("Not reached:")
        for each in missing[:_SHOWN]:
            lines.append(f"  {each.path}:{each.line}: {each.what}: {each.reason}")
        if len(missing) > _SHOWN:
            lines.append(f"  and {len(missing) - _SHOWN} more")
        lines.append("")
    lines += [f"Note: {note}." for note in found.notes]
    lines.append(summary(found))
    return "\n".join(printable(line) for line in lines)


def summary(found: Verification) -> str:
    """One line of figures."""
    equal, accepted, different = (
        len(found.of(outcome)) for outcome in ("equal", "accepted", "different")
    )
    total = _count(len(found.results), "conversation")
    if found.alone:
        said = (
            f"{total} of {found.new} as expected"
            if found.holds
            else f"{total}, {different} not as expected"
        )
        return f"{said}."
    parts = [f"{equal} equal"]
    if accepted:
        parts.append(f"{accepted} equal but for known differences")
    if different:
        parts.append(f"{different} different")
    text = f"{total}: {', '.join(parts)}"
    reached = found.coverage
    if reached.flows:
        text += f"; {reached.flows_reached} of {_count(reached.flows, 'flow')} covered"
    if reached.branches:
        text += f", {reached.branches_reached} of {reached.branches} branches"
    return f"{text}."


def findings(found: Verification) -> list[Finding]:
    """The differences as entries of the report of a migration: each that is real, and each known one once."""
    made = [
        finding("M902", f"{_title(each)}, turn {each.turn}: {each.reason}")
        for each in found.of("different")
    ]
    for reason, results in _by_reason(found.of("accepted")):
        made.append(finding("M903", f"{_count(len(results), 'conversation')}: {reason}"))
    return made


def _by_reason(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    found: dict[str, list[Result]] = {}
    for each in results:
        found.setdefault(each.reason, []).append(each)
    return list(found.items())


def _title(result: Result) -> str:
    trial = result.trial
    return f"{trial.title} ({trial.place})" if trial.place else trial.title


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _difference(result: Result) -> Iterator[str]:
    yield f"M902 {_title(result)}, turn {result.turn}: {result.reason}"
    for old, new in itertools.zip_longest(result.old, result.new):
        yield from _turn(old, new, is_last=(old or new).number == result.turn)


def _turn(old: Record | None, new: Record | None, *, is_last: bool) -> Iterator[str]:
    record = old or new
    assert record is not None
    what = " and ".join(record.inputs) or "the conversation begins"
    before = list(_outside(old)) if old is not None else ["(over)"]
    after = list(_outside(new)) if new is not None else ["(over)"]
    if record.number == 0 and before == after and not is_last:
        return
    yield f"  turn {record.number}: {what}"
    if before == after and not is_last:
        yield from (f"    both: {line}" for line in before)
        return
    for name, lines, side in (("old", before, old), ("new", after, new)):
        yield from (f"    {name}:  {line}" for line in lines)
        if is_last and side is not None:
            yield from (f"           because: {line}" for line in side.inside)


def _outside(record: Record) -> Iterator[str]:
    if record.broken:
        yield f"({record.broken})"
    yield from (repr(text) for text in record.said)
    yield from (_event(event) for event in record.events)
    if not record.said and not record.events and not record.broken:
        yield "nothing"


def _event(event: Event) -> str:
    given = ", ".join(f"{key}={value!r}" for key, value in event.items() if key not in ENVELOPE)
    return f"event {event['type']}({given})"


def to_json(found: Verification) -> dict[str, Any]:
    """For programs."""
    reached = found.coverage
    return {
        "version": VERSION,
        "old": found.old,
        "new": found.new,
        "holds": found.holds,
        "conversations": {
            "total": len(found.results),
            "equal": len(found.of("equal")),
            "accepted": len(found.of("accepted")),
            "different": len(found.of("different")),
        },
        "coverage": {
            "flows": reached.flows,
            "flows_reached": reached.flows_reached,
            "branches": reached.branches,
            "branches_reached": reached.branches_reached,
            "missing": [
                {"path": each.path, "line": each.line, "what": each.what, "reason": each.reason}
                for each in reached.missing
            ],
        },
        "differences": [_result_json(each) for each in found.of("different")],
        "accepted": [
            {"code": "M903", "reason": reason, "conversations": [_title(each) for each in results]}
            for reason, results in _by_reason(found.of("accepted"))
        ],
        "notes": list(found.notes),
    }


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "code": "M902",
        "title": result.trial.title,
        "origin": result.trial.origin,
        "place": result.trial.place or None,
        "turn": result.turn,
        "reason": result.reason,
        "old": [_record_json(each) for each in result.old],
        "new": [_record_json(each) for each in result.new],
    }


def _record_json(record: Record) -> dict[str, Any]:
    return {
        "turn": record.number,
        "inputs": list(record.inputs),
        "said": list(record.said),
        "events": [_event(event) for event in record.events],
        "inside": list(record.inside),
        "broken": record.broken or None,
    }
