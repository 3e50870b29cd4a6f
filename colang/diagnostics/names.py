"""CO2xx: names of flows, functions, parameters and modules. One factory function for each code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from colang.diagnostics.config import near
from colang.diagnostics.model import Diagnostic, Label, Severity
from colang.source import Span


def undefined_flow(name: str, span: Span, known: Iterable[str], *, strict: bool) -> Diagnostic:
    """CO201: a flow is called that no loaded file defines.

    A warning unless the check is strict: events can answer the start of an undefined flow (C2-383).
    """
    guess = near(name, known)
    return Diagnostic(
        code="CO201",
        message=f"no flow is named `{name}`",
        span=span,
        severity=Severity.ERROR if strict else Severity.WARNING,
        help=f"did you mean `{guess}`?" if guess else "define it, or import its module",
    )


def duplicate_flow(name: str, span: Span, first: Span, first_path: str) -> Diagnostic:
    """CO202: two flows have one name and none of them overrides the other. C2-035, C2-449."""
    return Diagnostic(
        code="CO202",
        message=f"a flow named `{name}` exists already",
        span=span,
        labels=(Label(first, "first defined here", first_path),),
        help="rename one of them, or write `@override` above the one that counts",
    )


def override_of_nothing(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO203: `@override` stands above a flow that replaces no other. C2-331."""
    guess = near(name, known)
    return Diagnostic(
        code="CO203",
        message=f"`@override` replaces nothing: no other flow is named `{name}`",
        span=span,
        help=f"did you mean `{guess}`?" if guess else "delete `@override`, or import the module",
    )


def second_override(name: str, span: Span, first: Span, first_path: str) -> Diagnostic:
    """CO204: two flows override the same one. C2-332."""
    return Diagnostic(
        code="CO204",
        message=f"the flow `{name}` is overridden twice",
        span=span,
        labels=(Label(first, "first override here", first_path),),
        help="delete one of the two",
    )


def missing_main(near_name: str | None) -> Diagnostic:
    """CO205: no file defines the flow `main`, so nothing would ever start. C2-037."""
    advice = f"did you mean `main` by `{near_name}`?" if near_name else "add `flow main`"
    return Diagnostic(
        code="CO205",
        message="there is no flow `main`, so nothing starts",
        span=Span(0, 0),
        help=advice,
    )


def unknown_function(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO207: an expression calls a function that does not exist; the flow would fail there. Section 3.3."""
    guess = near(name, known)
    return Diagnostic(
        code="CO207",
        message=f"there is no function `{name}` in expressions",
        span=span,
        severity=Severity.WARNING,
        help=f"did you mean `{guess}`?" if guess else "the flow fails here when it runs",
    )


def call_in_assignment(name: str, kind: str, span: Span) -> Diagnostic:
    """CO208: `$x = name(1)` is a function call, and `name` is a flow or an action. Section 2.2."""
    return Diagnostic(
        code="CO208",
        message=f"`{name}(...)` is read as a function call here, but it is {kind}",
        span=span,
        severity=Severity.WARNING,
        help=f"write `await {name}(...)`",
    )


def unresolved_import(path: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO209: an import names no file, folder or module of the standard library. C2-448."""
    guess = near(path, known)
    shown = path.replace("/", ".")
    return Diagnostic(
        code="CO209",
        message=f"the import `{shown}` could not be resolved",
        span=span,
        help=f"did you mean `{guess}`?"
        if guess
        else "looked in the project, the import paths and the library",
    )


def import_outside(path: str, span: Span) -> Diagnostic:
    """CO210: an import leaves the folders that may be read."""
    return Diagnostic(
        code="CO210",
        message=f"the import `{path}` leads out of the project",
        span=span,
        help="copy the files into the project, or give their folder as an import path",
    )


def unknown_argument(flow: str, name: str, span: Span, parameters: Sequence[str]) -> Diagnostic:
    """CO211: a call names a parameter that the flow does not have. Q09."""
    guess = near(name, parameters)
    listed = ", ".join(f"`{parameter}`" for parameter in parameters) or "none"
    return Diagnostic(
        code="CO211",
        message=f"the flow `{flow}` has no parameter `{name}`",
        span=span,
        severity=Severity.WARNING,
        help=f"did you mean `{guess}`?" if guess else f"its parameters: {listed}",
    )


def too_many_arguments(flow: str, given: int, span: Span, parameters: Sequence[str]) -> Diagnostic:
    """CO212: a call has more positional arguments than the flow has parameters. Q09."""
    count = len(parameters)
    takes = "takes no arguments" if not count else f"takes {count} argument{'s'[: count > 1]}"
    return Diagnostic(
        code="CO212",
        message=f"the flow `{flow}` {takes}, {given} are given here",
        span=span,
        severity=Severity.WARNING,
        help="the call fails when it runs; join words with quotes, or delete what is too much",
    )


def argument_twice(flow: str, name: str, span: Span) -> Diagnostic:
    """CO213: one parameter gets two arguments in one call."""
    return Diagnostic(
        code="CO213",
        message=f"the parameter `{name}` of `{flow}` is given twice",
        span=span,
        severity=Severity.WARNING,
        help="delete one of the two",
    )


def parameter_twice(flow: str, name: str, span: Span) -> Diagnostic:
    """CO215: a flow declares two parameters or return members of the same name."""
    return Diagnostic(
        code="CO215",
        message=f"`{flow}` declares `${name}` twice",
        span=span,
        help="rename one of them",
    )
