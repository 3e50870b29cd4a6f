"""Diagnostics for programs: one-line form, JSON, annotations of a code host, and counts.

The JSON object is version 1 of a format that only grows: readers ignore keys they do not know. Lines and
columns count from 1, columns in characters; an end is the place behind the last character. All four are
null for a finding about a folder or a file that is no text.
"""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics.cells import printable
from colang.diagnostics.model import Diagnostic, Fix, Label, Severity
from colang.diagnostics.render import NO_PATH, Sources, locate
from colang.source import Source, Span

JSON_VERSION = 1


def concise(diagnostic: Diagnostic, sources: Sources) -> str:
    """``path:line:col: CO201 message`` in one line; without line and column if there is no source text."""
    path = diagnostic.path or NO_PATH
    source = sources.get(path)
    place = printable(path)
    if source is not None:
        start = locate(source, diagnostic.span).start
        place += f":{start.line}:{start.column}"
    return f"{place}: {diagnostic.code} {printable(diagnostic.message)}"


def annotation(diagnostic: Diagnostic, sources: Sources) -> str:
    """A GitHub workflow command, shown there beside the line of a change: ``::error file=...::message``."""
    path = diagnostic.path or NO_PATH
    source = sources.get(path)
    fields = [f"file={_escaped(path, in_property=True)}"]
    if source is not None:
        start, end = locate(source, diagnostic.span)
        fields += [f"line={start.line}", f"endLine={end.line}"]
        if start.line == end.line:
            fields += [f"col={start.column}", f"endColumn={end.column}"]
    fields.append(f"title={_escaped(diagnostic.code, in_property=True)}")
    text = diagnostic.message if not diagnostic.help else f"{diagnostic.message}\n{diagnostic.help}"
    level = "notice" if diagnostic.severity is Severity.INFO else diagnostic.severity.value
    return f"::{level} {','.join(fields)}::{_escaped(text, in_property=False)}"


def _escaped(text: str, *, in_property: bool) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text


def count(diagnostics: Iterable[Diagnostic]) -> dict[str, int]:
    """How many errors, warnings and infos there are.

    >>> count([])
    {'errors': 0, 'warnings': 0, 'infos': 0}
    """
    counts = {"errors": 0, "warnings": 0, "infos": 0}
    for diagnostic in diagnostics:
        counts[f"{diagnostic.severity.value}s"] += 1
    return counts


def counted(number: int, thing: str) -> str:
    """A number with its noun.

    >>> counted(1, "error"), counted(0, "warning")
    ('1 error', '0 warnings')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def to_json(diagnostics: Iterable[Diagnostic], sources: Sources) -> dict[str, object]:
    """The report object: ``{"version": 1, "diagnostics": [...], "summary": {...}}``."""
    found = list(diagnostics)
    return {
        "version": JSON_VERSION,
        "diagnostics": [diagnostic_to_json(diagnostic, sources) for diagnostic in found],
        "summary": dict(count(found)),
    }


def diagnostic_to_json(diagnostic: Diagnostic, sources: Sources) -> dict[str, object]:
    """One entry of the report's list; every key is always there."""
    path = diagnostic.path or NO_PATH
    source = sources.get(path)
    return {
        "path": path,
        **_place(source, diagnostic.span),
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "fix": None if diagnostic.fix is None else _fix(diagnostic.fix, source),
        "labels": [_label(label, path, sources) for label in diagnostic.labels],
    }


def _place(source: Source | None, span: Span) -> dict[str, int | None]:
    if source is None:
        return {"line": None, "column": None, "end_line": None, "end_column": None}
    start, end = locate(source, span)
    return {
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    }


def _fix(fix: Fix, source: Source | None) -> dict[str, object]:
    edits = [{**_place(source, edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}


def _label(label: Label, path: str, sources: Sources) -> dict[str, object]:
    where = label.path or path
    return {"path": where, **_place(sources.get(where), label.span), "text": label.text}
