"""Line ends and indentation: the part of the lexer that both the parser and its expressions need (section 1.3)."""

from __future__ import annotations

from colang.syntax.lexer import COMMENT, NEWLINE, Lexed

TAB = 8  # columns that a tab in the indentation counts for


def column(text: str, start: int, stop: int) -> int:
    r"""Width of the indentation `text[start:stop]`.

    >>> column("  \t x", 0, 4)
    11
    """
    return stop - start + (TAB - 1) * text.count("\t", start, stop)


def next_content(lexed: Lexed, index: int) -> tuple[int, bool]:
    """From a line end or a comment, the next token that is neither, and whether it continues the line.

    A line continues the one before it when it starts with `and` or `or` and a blank, but not with `or when`.
    """
    types = lexed.types
    kind = types[index]
    while kind == NEWLINE or kind == COMMENT:
        index += 1
        kind = types[index]
    if kind == "AND" or kind == "OR":
        if kind == "OR" and lexed.texts[index + 1] == "when":
            return index, False
        return index, lexed.starts[index + 1] > lexed.starts[index] + len(kind)
    return index, False


def indentation(lexed: Lexed, index: int) -> int:
    """The column of the first token of a line."""
    start = lexed.starts[index]
    if index == 0:
        return column(lexed.text, 0, start)
    before = lexed.starts[index - 1] + len(lexed.texts[index - 1])
    return column(lexed.text, before, start)
