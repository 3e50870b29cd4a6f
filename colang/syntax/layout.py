"""Line ends, blanks and indentation: the part of the lexer that both the parser and its expressions need."""

from __future__ import annotations

import re

from colang.syntax.nodes import Token

TAB = 8  # columns that a tab in the indentation counts for (section 1.3)

# One line that holds nothing but blanks and perhaps a comment: blanks, comment, line end.
_EMPTY_LINE = re.compile(r"[ \t]*(#[^\n]*?(?=\r?\n|\Z)|)(\r?\n|\Z)").match
_INDENT = re.compile(r"[ \t]*").match
_CONTINUES = re.compile(r"[ \t]*(?:and[ \t]|or[ \t](?![ \t]*when(?!\w)))").match


def column(text: str, start: int, stop: int) -> int:
    """Width of the indentation `text[start:stop]`.

    >>> column("  \\t x", 0, 4)
    11
    """
    return stop - start + (TAB - 1) * text.count("\t", start, stop)


def next_line(text: str, position: int, tokens: list[Token]) -> int:
    """Pass empty and comment-only lines, collecting their tokens; the start of the next line with content.

    `position` is the start of a line. The result is ``len(text)`` if nothing follows.
    """
    size = len(text)
    while position < size:
        match = _EMPTY_LINE(text, position)
        if match is None:
            return position
        start, stop = match.span(1)
        if stop > start:
            tokens.append(Token("COMMENT", match.group(1), start))
        start, stop = match.span(2)
        if stop > start:
            tokens.append(Token("_NEWLINE", match.group(2), start))
        position = stop
    return position


def indentation_end(text: str, position: int) -> int:
    """Offset of the first character of a line that is not a blank."""
    match = _INDENT(text, position)
    return match.end() if match else position


def continues(text: str, line_start: int) -> bool:
    """Whether a line continues the one before it: it starts with `and` or `or`, but not with `or when`.

    >>> continues("   or foo", 0), continues("or  when foo", 0), continues("order", 0)
    (True, False, False)
    """
    return _CONTINUES(text, line_start) is not None
