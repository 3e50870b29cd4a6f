"""CO5xx: actions and the Python files they are in. One factory function for each code."""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics.config import near
from colang.diagnostics.model import Diagnostic, Severity
from colang.source import Span


def unknown_action(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO501: no file of the project and no built-in module has this action, so the host has to execute it."""
    guess = near(name, known)
    return Diagnostic(
        code="CO501",
        message=f"the action `{name}` is neither built in nor defined in the project",
        span=span,
        severity=Severity.WARNING if guess else Severity.INFO,
        help=f"did you mean `{guess}`?" if guess else "the application has to execute it",
    )


def positional_argument(kind: str, name: str, span: Span) -> Diagnostic:
    """CO502: an action or event has an argument without a name. Q42."""
    return Diagnostic(
        code="CO502",
        message=f"{kind} take named arguments only, this argument of `{name}` has no name",
        span=span,
        help="write `name=value`",
    )


def bad_python(problem: str, span: Span) -> Diagnostic:
    """CO503: a Python file of the project cannot be parsed, so its actions are missing. Quirk C10."""
    return Diagnostic(
        code="CO503", message=f"this Python file cannot be loaded: {problem}", span=span
    )


def type_parameter(kind: str, name: str, span: Span) -> Diagnostic:
    """CO504: an argument called `type` would replace the name of the event. Q24."""
    return Diagnostic(
        code="CO504",
        message=f"the {kind} `{name}` cannot have a parameter called `type`",
        span=span,
        help="rename the parameter; `type` is the name of the event itself",
    )


def unknown_action_argument(
    action: str, name: str, span: Span, parameters: Iterable[str]
) -> Diagnostic:
    """CO505: an argument that the Python action of the project does not take."""
    parameters = list(parameters)
    guess = near(name, parameters)
    listed = ", ".join(f"`{parameter}`" for parameter in parameters) or "none"
    return Diagnostic(
        code="CO505",
        message=f"the action `{action}` has no parameter `{name}`",
        span=span,
        severity=Severity.WARNING,
        help=f"did you mean `{guess}`?" if guess else f"its parameters: {listed}",
    )


def bad_execution_rail(problem: str, span: Span) -> Diagnostic:
    """CO506: `validate_input` or `validate_response` cannot work like that, so the Python file cannot be loaded."""
    return Diagnostic(
        code="CO506",
        message=problem,
        span=span,
        help="without this the file cannot be loaded; NeMo Guardrails leaves out what it does not know, silently",
    )
