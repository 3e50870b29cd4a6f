"""Edits of a text: small replacements that leave everything else as it is, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from colang.source import Span


class Edit(NamedTuple):
    """Replace the characters of `span` by `text`; an empty span inserts, an empty text deletes."""

    span: Span
    text: str


class OverlapError(ValueError):
    """Two edits want to change the same characters: a bug in a rewrite, never the fault of a text."""


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits done at once; linear in the text, sorted by place.

    Several insertions at one place keep the order they come in and stand before a replacement there.

    Raises:
        OverlapError: Two edits touch the same characters.

    Example:
        >>> apply_edits("stop it", [Edit(Span(0, 4), "abort"), Edit(Span(7, 7), "!")])
        'abort it!'
    """
    pieces: list[str] = []
    at = 0
    for (start, end), new in sorted(edits, key=itemgetter(0)):
        if start < at:
            raise OverlapError(f"edits overlap at {start}: {text[start : start + 40]!r}")
        pieces.append(text[at:start])
        pieces.append(new)
        at = end
    pieces.append(text[at:])
    return "".join(pieces)


def line_start(text: str, offset: int) -> int:
    """Offset of the first character of the line that holds `offset`."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    r"""Offset of the line end behind `offset` (of its ``\r`` if it has one), or the end of the text."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    if offset == end and text.startswith("\r\n", end - 1):
        return end - 1
    return end - 1 if end > offset and text[end - 1] == "\r" else end


def next_line(text: str, offset: int) -> int:
    """Offset of the first character of the line below, or the end of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def indent_at(text: str, offset: int) -> str:
    """The blanks at the start of the line that holds `offset`."""
    start = line_start(text, offset)
    end = start
    while end < len(text) and text[end] in " \t":
        end += 1
    return text[start:end]
