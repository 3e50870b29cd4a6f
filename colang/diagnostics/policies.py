"""CO43x: the policies of the moderation service in the settings. One factory function for each code."""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics.config import near
from colang.diagnostics.model import Diagnostic
from colang.source import Span


def unknown_policy(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO430: a policy is named by an alias that the settings do not define, so the rail could check nothing."""
    known = sorted(known)
    guess = near(name, known)
    listed = ", ".join(f"`{one}`" for one in known) or "none"
    return Diagnostic(
        code="CO430",
        message=f"no policy is called `{name}`, and it is no id (a UUID) either",
        span=span,
        help=f"did you mean `{guess}`?" if guess else f"policies in the settings: {listed}",
    )


def bad_policy_id(name: str, span: Span) -> Diagnostic:
    """CO431: the id of a policy is none, so the service would not know it."""
    return Diagnostic(
        code="CO431",
        message=f"the id of the policy `{name}` is no UUID",
        span=span,
        help="take the id from the service, for example 11111111-1111-4111-8111-111111111111",
    )


def missing_policy(rail: str, dotted: str, span: Span) -> Diagnostic:
    """CO432: a rail takes its policy from the settings, and there is none."""
    return Diagnostic(
        code="CO432",
        message=f"the rail `{rail}` needs `{dotted}`, which is not set",
        span=span,
        help=f"set `{dotted}` to the name or id of a policy",
    )
