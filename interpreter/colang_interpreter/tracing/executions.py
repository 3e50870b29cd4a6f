"""What execution rails have made of what actions are given and give back, collected during a turn.

The decorators of `host.validation` tell; a conversation that runs has a list for it. An action that goes on after its
turn is on record in the turn in which it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from colang_interpreter.tracing.decisions import Decision, Verdict, joined
from colang_interpreter.tracing.noting import lists

if TYPE_CHECKING:
    from colang_interpreter.host.trace import ActionRun

KIND: Final = "execution"
"""Of their decisions."""


class Check(NamedTuple):
    """One run of one execution rail.

    Attributes:
        rail: The decorator and what it checks, such as ``validate_input(query)``.
        function: Name of the function.
        path: Its file; "" if it has none.
        line: Its first line from 1, that of the topmost decorator; 0 if it has none.
        verdict: ``allow``, ``block``, ``transform``, or ``error`` if the rail could not tell.
        reason: In words, without anything of the value.
        action: The uid of the action; None outside of conversations.
        text: What was checked, if it is a text and may be shown.
        text_after: What it has become.
    """

    rail: str
    function: str
    path: str
    line: int
    verdict: Verdict
    reason: str | None
    action: str | None
    text: str | None
    text_after: str | None


def checked(check: Check) -> None:
    """An execution rail has decided."""
    checks = lists().checks
    if checks is not None:
        checks.append(check)


def checked_before(checks: Iterable[Check], action: str | None) -> None:
    """These checks were made before, and belong to this action."""
    for check in checks:
        checked(check._replace(action=action))


def decisions_of(checks: Iterable[Check], actions: Iterable[ActionRun]) -> list[Decision]:
    """One decision for each execution rail; of several runs the strictest counts.

    Args:
        checks: Of a turn.
        actions: That have ended in it.

    Example:
        >>> check = Check("validate_input(query)", "search", "actions.py", 7, "allow", None, "1", "tea", "tea")
        >>> [(d.rail, d.verdict, d.actions, d.runs) for d in decisions_of([check, check], [])]
        [('validate_input(query)', 'allow', ('search',), 2)]
    """
    runs = {run.uid: run for run in actions}
    found: dict[tuple[str, str, str, int, str], Decision] = {}
    for check in checks:
        run = runs.get(check.action or "")
        name = run.name if run is not None else check.function
        made = Decision(
            kind=KIND,
            rail=check.rail,
            verdict=check.verdict,
            path=check.path,
            line=check.line,
            started_at=run.started_at if run is not None else "",
            actions=(name,),
            failures=("ValidationError",) if check.verdict == "error" else (),
            reason=check.reason,
            text=check.text,
            text_after=check.text_after,
            uids=() if check.action is None else (check.action,),
        )
        key = (check.rail, check.function, check.path, check.line, name)
        before = found.get(key)
        found[key] = made if before is None else joined(before, made)
    return list(found.values())
