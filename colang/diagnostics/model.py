"""The types of a diagnostic. Building one prints, raises and reads nothing."""

from __future__ import annotations

import enum

from colang.records import Record, changed
from colang.source import Span


class Severity(str, enum.Enum):
    """How much a finding matters: only ``error`` keeps a program from being compiled."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Edit(Record, kw_only=False):
    """Replace the text of `span` by `text`; an empty span inserts."""

    span: Span
    text: str


class Fix(Record):
    """Edits that mend a finding. A `safe` fix keeps meaning and comments and may be applied unasked."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = False


class Label(Record, kw_only=False):
    """Another place that explains a finding ("first defined here"); `path` None is the same file."""

    span: Span
    text: str
    path: str | None = None


class Diagnostic(Record):
    """One thing to tell an author.

    `span` counts characters of the text of `path`; `path` is None until the finding leaves a single text
    (a parser does not know file names) and is set with `at`.
    """

    code: str  # stable once released, looked up in docs: "CO201"
    message: str  # one line, what is true
    span: Span  # the smallest text to blame
    severity: Severity = Severity.ERROR
    labels: tuple[Label, ...] = ()
    help: str | None = None  # one line, what to do next
    fix: Fix | None = None
    path: str | None = None

    def at(self, path: str) -> Diagnostic:
        """The same finding with the file it belongs to."""
        return changed(self, path=path)
