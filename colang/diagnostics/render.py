r"""Diagnostics as text for people: the source line, carets below it, labels, help and the fix as a diff.

The result is lines of styled pieces, so that the same code serves a coloured terminal, a pipe and a test;
`plain` joins them. Nothing here prints or knows what a terminal is. Other forms are in `reports`.

Example:
    >>> from colang.diagnostics import Diagnostic
    >>> from colang.source import Source, Span
    >>> source = Source('flow main\n  bot sya "Hi"\n', path="main.co")
    >>> found = Diagnostic(
    ...     code="CO201", message="no flow is named `bot sya`", span=Span(12, 19),
    ...     help="did you mean `bot say`?", path="main.co",
    ... )
    >>> print(plain(render(found, {"main.co": source})))
    error[CO201]: no flow is named `bot sya`
     --> main.co:2:3
      |
    2 |   bot sya "Hi"
      |   ^^^^^^^
      = help: did you mean `bot say`?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from colang.diagnostics.cells import Cells, printable
from colang.diagnostics.model import Diagnostic, Edit, Fix, Severity
from colang.source import Position, Source, Span

Sources: TypeAlias = Mapping[str, Source]
"""The texts by path; a finding in a path that is not among them is shown without its source line."""

NO_PATH = "<text>"
"""The path of a finding that never left its text."""

WIDTH = 100
_ELLIPSIS = "..."
_WHOLE_SPAN_LINES = 6  # a longer span shows its first and last lines
_DIFF_LINES = 8


class Piece(NamedTuple):
    """Text in one style: "error", "warning", "info", "gutter", "label", "help", "added", "removed", "bold", ""."""

    text: str
    style: str = ""


Line: TypeAlias = tuple[Piece, ...]


class Range(NamedTuple):
    """A span as lines and columns counted from 1; the end is the place behind the last character."""

    start: Position
    end: Position


def plain(lines: Iterable[Line]) -> str:
    """The lines without styles, joined by line ends, without trailing blanks."""
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)


def locate(source: Source, span: Span) -> Range:
    """Lines and columns of a span; a span that leaves the text is cut at its end."""
    length = len(source.text)
    start = min(max(span.start, 0), length)
    end = min(max(span.end, start), length)
    return Range(source.position(start), source.position(end))


def render(diagnostic: Diagnostic, sources: Sources, *, width: int = WIDTH) -> list[Line]:
    """A diagnostic as lines of at most about `width` cells (messages are not broken)."""
    path = diagnostic.path or NO_PATH
    places: dict[str, list[_Note]] = {path: [_Note(diagnostic.span, "", True)]}
    for label in diagnostic.labels:
        places.setdefault(label.path or path, []).append(_Note(label.span, label.text, False))
    snippets = [_Snippet(where, sources.get(where), notes) for where, notes in places.items()]
    source = sources.get(path)
    fix = _diff(source, diagnostic.fix) if source is not None and diagnostic.fix else []
    digits = len(str(max([1, *(s.last_line for s in snippets), *(row.line for row in fix)])))

    style = diagnostic.severity.value
    title = (
        Piece(f"{style}[{diagnostic.code}]", style),
        Piece(f": {printable(diagnostic.message)}", "bold"),
    )
    lines: list[Line] = [title]
    for number, snippet in enumerate(snippets):
        arrow = "-->" if number == 0 else ":::"
        lines.append((Piece(f"{' ' * digits}{arrow} ", "gutter"), Piece(snippet.place)))
        lines.extend(snippet.render(digits, width, diagnostic.severity))
    if diagnostic.help:
        lines.append(_note(digits, "help", diagnostic.help))
    if diagnostic.fix:
        unsafe = "" if diagnostic.fix.safe else " (look before applying)"
        lines.append(_note(digits, "fix", diagnostic.fix.title + unsafe))
        if fix:
            lines.append((_gutter(digits),))
            lines.extend(row.render(digits, width) for row in fix)
    return lines


def _note(digits: int, kind: str, text: str) -> Line:
    gutter = Piece(f"{' ' * digits} = ", "gutter")
    return gutter, Piece(f"{kind}:", "help"), Piece(f" {printable(text)}")


def _gutter(digits: int, line: int | None = None) -> Piece:
    return Piece(f"{'' if line is None else line:>{digits}} |", "gutter")


class _Note(NamedTuple):
    """Something to underline."""

    span: Span
    text: str
    primary: bool


@dataclass(frozen=True, slots=True)
class _Mark:
    """An underline within one line: characters ``[start, end)`` counted from 0."""

    line: int
    start: int
    end: int
    text: str
    primary: bool


@dataclass(frozen=True, slots=True)
class _Bar:
    """A span of several lines, drawn as a line at their left."""

    first: int
    last: int
    end: int  # characters of the last line that belong to it
    text: str
    primary: bool


class _Snippet:
    """The lines of one file that a diagnostic speaks of."""

    def __init__(self, path: str, source: Source | None, notes: list[_Note]) -> None:
        self.source = source
        self.marks: list[_Mark] = []
        self.bar: _Bar | None = None
        self.notes = notes
        self.place = printable(path)
        if source is None:
            return
        for note in notes:
            self._place(source, note)
        start = locate(source, notes[0].span).start
        self.place += f":{start.line}:{start.column}"
        self.marks.sort(key=lambda mark: (mark.line, not mark.primary, mark.start))

    @property
    def last_line(self) -> int:
        """The largest line number that is shown."""
        lines = [mark.line for mark in self.marks]
        return max([1, *lines, self.bar.last if self.bar else 1])

    def _place(self, source: Source, note: _Note) -> None:
        start, end = locate(source, note.span)
        if end.line > start.line and end.column == 1:  # the line end belongs to the line before
            line = end.line - 1
            end = Position(line, len(source.line_text(line)) + 1)
        if end.line == start.line:
            mark = _Mark(start.line, start.column - 1, end.column - 1, note.text, note.primary)
            self.marks.append(mark)
        elif self.bar is None:
            self.bar = _Bar(start.line, end.line, end.column - 1, note.text, note.primary)
        else:  # a second bar would cross the first: underline where it begins
            stop = len(source.line_text(start.line))
            mark = _Mark(start.line, start.column - 1, stop, note.text, note.primary)
            self.marks.append(mark)

    def _lines(self) -> list[int]:
        lines = {mark.line for mark in self.marks}
        if self.bar is not None:
            first, last = self.bar.first, self.bar.last
            if last - first < _WHOLE_SPAN_LINES:
                lines.update(range(first, last + 1))
            else:
                lines.update((first, first + 1, first + 2, last - 1, last))
        return sorted(lines)

    def render(self, digits: int, width: int, severity: Severity) -> list[Line]:
        """Source lines with the underlines below them."""
        if self.source is None:
            texts = [note.text for note in self.notes if note.text]
            return [_note(digits, "note", text) for text in texts]
        rows: list[Line] = [(_gutter(digits),)]
        before: int | None = None
        for line in self._lines():
            if (
                before is not None and line == before + 2
            ):  # a gap of one line is no shorter than the line
                rows.extend(self._line(self.source, line - 1, digits, width, severity))
            elif before is not None and line > before + 2:
                inside = self.bar is not None and self.bar.first < line <= self.bar.last
                bar = self._bar_piece("| ", severity) if inside else Piece("")
                rows.append((Piece(_ELLIPSIS.ljust(digits + 3), "gutter"), bar))
            rows.extend(self._line(self.source, line, digits, width, severity))
            before = line
        return rows

    def _line(
        self, source: Source, line: int, digits: int, width: int, severity: Severity
    ) -> list[Line]:
        marks = [mark for mark in self.marks if mark.line == line]
        bar = self.bar
        cells = Cells(source.line_text(line))
        room = max(20, width - digits - 3 - (2 if bar else 0) - 2 * len(_ELLIPSIS))
        start = min((mark.start for mark in marks), default=0)
        end = max((mark.end for mark in marks), default=0)
        if bar and line == bar.last:
            end = max(end, bar.end)
        view = _View(cells, *cells.window(min(start, len(cells.pieces)), end, room))

        lead = self._lead(line, severity)
        rows: list[Line] = [(_gutter(digits, line), *lead, Piece(view.text))]
        blank = _gutter(digits)
        if bar and line == bar.last:
            reach = "_" * (view.cell(max(bar.end - 1, 0)) + 1)
            style = severity.value if bar.primary else "label"
            sign = "^" if bar.primary else "-"
            rows.append((blank, Piece(" "), Piece(f"|{reach}{sign} {bar.text}".rstrip(), style)))
        behind = self._lead(line, severity, below=True)
        for mark in marks:
            at = view.cell(mark.start)
            length = max(1, view.cell(mark.end) - at)
            style = severity.value if mark.primary else "label"
            underline = ("^" if mark.primary else "-") * length
            pieces = Piece(" " * at), Piece(f"{underline} {printable(mark.text)}".rstrip(), style)
            rows.append((blank, *behind, *pieces))
        return rows

    def _lead(self, line: int, severity: Severity, *, below: bool = False) -> tuple[Piece, ...]:
        """The blank behind the gutter and, where a bar is drawn, the two cells of it."""
        bar = self.bar
        if bar is None:
            return (Piece(" "),)
        if line == bar.first and not below:
            return Piece(" "), self._bar_piece("/ ", severity)
        if bar.first <= line <= bar.last and not (below and line == bar.last):
            return Piece(" "), self._bar_piece("| ", severity)
        return (Piece("   "),)

    def _bar_piece(self, text: str, severity: Severity) -> Piece:
        return Piece(text, severity.value if self.bar and self.bar.primary else "label")


class _View:
    """The characters ``[first, last)`` of a line, with signs that something was left out."""

    def __init__(self, cells: Cells, first: int, last: int) -> None:
        self.cells, self.first, self.last = cells, first, last
        self.cut = _ELLIPSIS if first else ""
        after = _ELLIPSIS if last < len(cells.pieces) else ""
        self.text = self.cut + "".join(cells.pieces[first:last]) + after

    def cell(self, character: int) -> int:
        """The cell in which a character of the line is shown, the nearest one if it is left out."""
        inside = min(max(character, self.first), self.last)
        return self.cells.offsets[inside] - self.cells.offsets[self.first] + len(self.cut)


class _DiffRow(NamedTuple):
    line: int
    sign: str  # "+", "-", or "." for lines left out
    text: str

    def render(self, digits: int, width: int) -> Line:
        if self.sign == ".":
            return (Piece(_ELLIPSIS.rjust(digits + 2), "gutter"),)
        cells = Cells(self.text)
        view = _View(cells, *cells.window(0, 0, max(20, width - digits - 6)))
        style = "added" if self.sign == "+" else "removed"
        return Piece(f"{self.line:>{digits}} ", "gutter"), Piece(f"{self.sign} {view.text}", style)


def _diff(source: Source, fix: Fix) -> list[_DiffRow]:
    """The lines that a fix removes and adds, region by region."""
    rows: list[_DiffRow] = []
    shift = 0  # how many lines the regions above have grown
    for edits in _regions(source, fix.edits):
        last = source.position(_end_inside(edits[-1].span)).line
        first = source.position(edits[0].span.start).line
        at = source.line_starts[first - 1]
        end = source.line_starts[last] if last < len(source.line_starts) else len(source.text)
        text, done = "", at
        for edit in edits:
            text += source.text[done : edit.span.start] + edit.text
            done = edit.span.end
        text += source.text[done:end]
        old, new = _lines(source.text[at:end]), _lines(text)
        rows += _capped([_DiffRow(first + i, "-", line) for i, line in enumerate(old)])
        rows += _capped([_DiffRow(first + shift + i, "+", line) for i, line in enumerate(new)])
        shift += len(new) - len(old)
    return rows


def _regions(source: Source, edits: tuple[Edit, ...]) -> list[list[Edit]]:
    """Edits in order, those of the same or of neighbouring lines together."""
    regions: list[list[Edit]] = []
    for edit in sorted(edits, key=lambda edit: edit.span):
        if regions:
            before = source.position(_end_inside(regions[-1][-1].span)).line
            if source.position(edit.span.start).line <= before + 1:
                regions[-1].append(edit)
                continue
        regions.append([edit])
    return regions


def _end_inside(span: Span) -> int:
    """An offset in the last line that the span touches."""
    return max(span.start, span.end - 1)


def _lines(text: str) -> list[str]:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if not lines[-1] else lines


def _capped(rows: list[_DiffRow]) -> list[_DiffRow]:
    if len(rows) <= _DIFF_LINES:
        return rows
    return [*rows[: _DIFF_LINES - 1], _DiffRow(rows[0].line, ".", "")]
