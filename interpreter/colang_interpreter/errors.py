"""Errors that embedders meet, whichever dialect runs."""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics import Diagnostic, Severity


class StateError(Exception):
    """A state cannot be saved or restored; the text says why."""


class MissingPackageError(ImportError):
    """An optional package is not installed; the text says which and how to install it."""


class TooManyEventsError(Exception):
    """The flows of a conversation produce events without end."""


class CompileError(Exception):
    """The program has errors; `diagnostics` lists them all, errors first."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        errors = [d for d in self.diagnostics if d.severity is Severity.ERROR]
        first = errors[0] if errors else self.diagnostics[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{first.path or '<text>'}: {first.code} {first.message}{more}")
