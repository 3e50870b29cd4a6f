"""CO3xx: statements that cannot do what they say. One factory function for each code."""

from __future__ import annotations

from colang.diagnostics.model import Diagnostic, Severity
from colang.source import Span


def not_an_event(op: str, name: str, kind: str, span: Span) -> Diagnostic:
    """CO310: `match` and `send` take events, this is a flow or an action. C2-217, C2-218."""
    if op == "match":
        advice = f"write `await {name}` to run it, or `match {name}.Finished()` to wait for one"
    else:
        advice = f"write `start {name}` to run it"
    return Diagnostic(
        code="CO310",
        message=f"`{op}` takes an event, and `{name}` is {kind}",
        span=span,
        help=advice,
    )


def not_runnable(op: str, written: bool, name: str, kind: str, span: Span) -> Diagnostic:
    """CO311: `start` and `await` take flows and actions, this is an event or a variable. C2-178, C2-219."""
    shown = f"`{op}`" if written else "a call"
    if kind == "a variable":
        advice = f"write `match {name}.Finished()` to wait for what it refers to"
    else:
        advice = f"write `match {name}` to wait for it, or `send {name}` to send it"
    return Diagnostic(
        code="CO311",
        message=f"{shown} takes a flow or an action, and `{name}` is {kind}",
        span=span,
        help=advice,
    )


def not_a_flow(op: str, name: str, kind: str, span: Span) -> Diagnostic:
    """CO312: `activate` and `deactivate` take flows only. C2-179."""
    return Diagnostic(
        code="CO312",
        message=f"`{op}` takes a flow, and `{name}` is {kind}",
        span=span,
        help="put it into a flow of its own and name that flow here",
    )


def or_group(op: str, span: Span) -> Diagnostic:
    """CO313: `activate`, `deactivate` and `stop` cannot choose between flows. C2-216."""
    return Diagnostic(
        code="CO313",
        message=f"`{op}` cannot take alternatives",
        span=span,
        help="join them with `and`, or write one statement for each",
    )


def not_stoppable(name: str, kind: str, span: Span) -> Diagnostic:
    """CO314: `stop` takes a reference or a flow. Q28."""
    return Diagnostic(
        code="CO314",
        message=f"`stop` takes a reference or a flow, and `{name}` is {kind}",
        span=span,
        help="capture a reference with `start ... as $ref` and write `stop $ref`",
    )


def statement_outside(span: Span) -> Diagnostic:
    """CO315: a statement at file level never runs. C2-034, Q41."""
    return Diagnostic(
        code="CO315",
        message="this statement is outside of any flow, so it never runs",
        span=span,
        severity=Severity.WARNING,
        help="put it into `flow main`, or indent it below its flow",
    )
