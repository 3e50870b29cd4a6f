"""CO45x: scenario files. One factory function for each code."""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics.config import near
from colang.diagnostics.model import Diagnostic, Label
from colang.source import Span


def unknown_key(key: str, where: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO450: a scenario file has a key that means nothing there, so a check it was written for never runs."""
    names = tuple(known)
    guess = near(key, names)
    return Diagnostic(
        code="CO450",
        message=f"{where} has no key `{key}`",
        span=span,
        help=f"did you mean `{guess}`?" if guess else f"there is {', '.join(names)}",
    )


def wrong_value(where: str, problem: str, span: Span, help: str | None = None) -> Diagnostic:
    """CO451: a value in a scenario file has the wrong type or is out of range, or a key is missing."""
    return Diagnostic(code="CO451", message=f"{where}: {problem}", span=span, help=help)


def turn_without_input(span: Span, first: Span) -> Diagnostic:
    """CO452: only the first turn may have no input: it tells what the bot does by itself at the start."""
    return Diagnostic(
        code="CO452",
        message="nothing happens in this turn: it has no user, event, context or wait",
        span=span,
        labels=(Label(first, "only the first turn of a conversation may do without"),),
        help="say what the user does, or join the expectations to the turn before",
    )
