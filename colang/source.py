"""Source text and positions: the only code that turns offsets into lines and columns."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from colang.records import Record


class Span(NamedTuple):
    """A half-open range ``[start, end)`` of character offsets into one source text."""

    start: int
    end: int

    def cover(self, other: Span) -> Span:
        """The smallest span that holds both.

        >>> Span(2, 4).cover(Span(7, 9))
        Span(start=2, end=9)
        """
        return Span(min(self.start, other.start), max(self.end, other.end))

    def shift(self, offset: int) -> Span:
        """The same span, `offset` characters further on."""
        return Span(self.start + offset, self.end + offset)


class Position(NamedTuple):
    """A place for people: line and column, both counted from 1, columns in characters."""

    line: int
    column: int


class _Lines:
    """A slot for what a source works out once."""

    __slots__ = ("_starts",)
    _starts: list[int]


class Source(_Lines, Record, kw_only=False):
    r"""One text with the name it is reported under.

    Lines end with ``\n``, ``\r\n`` or a lone ``\r`` is ordinary text; a tab is one column.

    Example:
        >>> source = Source("flow main\n  pass\n", path="main.co")
        >>> source.position(12)
        Position(line=2, column=3)
        >>> source.line_text(2)
        '  pass'
    """

    text: str
    path: str = "<text>"

    @property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line; computed on first use, linear in the text."""
        try:
            return self._starts
        except AttributeError:
            starts, find, at = [0], self.text.find, -1
            while (at := find("\n", at + 1)) >= 0:
                starts.append(at + 1)
            object.__setattr__(self, "_starts", starts)
            return starts

    def position(self, offset: int) -> Position:
        """Line and column of an offset in ``[0, len(text)]``; logarithmic."""
        starts = self.line_starts
        line = bisect_right(starts, offset)
        return Position(line, offset - starts[line - 1] + 1)

    def line_text(self, line: int) -> str:
        """The text of a line counted from 1, without its line end; empty past the last line."""
        starts = self.line_starts
        if not 1 <= line <= len(starts):
            return ""
        end = starts[line] - 1 if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].removesuffix("\r")
