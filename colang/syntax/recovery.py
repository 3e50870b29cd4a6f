"""Where a line in error ends, and its tokens: what the parser passes to go on with the next line."""

from __future__ import annotations

import re

from colang.syntax.expressions import (
    COMMENT_GROUP,
    END_GROUP,
    LONG_GROUP,
    NEWLINE_GROUP,
    NUMBER_GROUP,
    OPERATOR_GROUP,
    OPERATORS,
    STRING_GROUP,
    TOKEN,
    VAR_GROUP,
    WORD_GROUP,
    WORDS,
)
from colang.syntax.layout import column, continues, indentation_end, next_line
from colang.syntax.nodes import Token
from colang.syntax.words import KEYWORDS

TOP_LEVEL = re.compile(r"[ \t]*(?:flow[ \t]+[^\W\d]|@[^\W\d]|import[ \t]+[\"'\w])").match
GROUP_TYPES = {
    VAR_GROUP: "VAR",
    NUMBER_GROUP: "NUMBER",
    STRING_GROUP: "STRING",
    LONG_GROUP: "LONG_STRING",
    COMMENT_GROUP: "COMMENT",
    NEWLINE_GROUP: "_NEWLINE",
}


def physical_line_end(text: str, position: int) -> int:
    """Offset of the line end at or behind `position`, in front of its carriage return."""
    end = text.find("\n", position)
    if end < 0:
        return len(text)
    return end - 1 if end > position and text[end - 1] == "\r" else end


def line_start_behind(text: str, position: int) -> int:
    """Start of the line after the one `position` is in; ``len(text)`` if there is none."""
    end = text.find("\n", position)
    return end + 1 if end >= 0 else len(text)


def line_column(text: str, start: int) -> int:
    """The indentation of the line whose first character that is no blank stands at `start`."""
    begin = text.rfind("\n", 0, start) + 1
    return column(text, begin, start)


def line_end(text: str, start: int) -> int:
    """The end of the logical line in error that starts at `start`.

    Brackets and long strings may take it over several lines, but never over a line that begins a definition, and
    inside brackets only over lines that are indented deeper or begin with a closing bracket: more likely the bracket
    was never closed.
    """
    base = line_column(text, start)
    size = len(text)
    position = start
    depth = 0
    while True:
        match = TOKEN(text, position)
        assert match is not None
        group = match.lastindex
        token_start, stop = match.span(group or END_GROUP)
        if group == END_GROUP:
            return size
        if group == OPERATOR_GROUP:
            value = text[token_start:stop]
            depth += (value in "([{") - (value in ")]}")
            depth = max(depth, 0)
        elif group == LONG_GROUP:
            stop = long_string_end(text, token_start, stop, base)
        elif group == NEWLINE_GROUP:
            here = token_start
            following = next_line(text, stop, [])
            at = indentation_end(text, following)
            if at >= size:
                return here
            if depth:
                deeper = column(text, following, at) > base
                if not (deeper or text[at] in ")]}") or TOP_LEVEL(text, following) and not deeper:
                    return here
                position = following
                continue
            if not continues(text, following):
                return here
            position = following
            continue
        elif group is not None and text[token_start] in "'\"":
            if text.startswith(text[token_start] * 3, token_start):
                return long_string_end(text, token_start, size, base)
            stop = physical_line_end(text, token_start)
        position = stop


def long_string_end(text: str, start: int, stop: int, base: int) -> int:
    """Where to go on behind a triple-quoted string in a line in error.

    A string that runs over a line that begins a definition was probably never closed: it ends in front of it.
    """
    position = text.find("\n", start, stop)
    while position >= 0:
        line = position + 1
        if TOP_LEVEL(text, line):
            at = indentation_end(text, line)
            if column(text, line, at) <= base or at == line:
                return position - 1 if text[position - 1] == "\r" else position
        position = text.find("\n", line, stop)
    return stop


def keep_tokens(text: str, start: int, stop: int, tokens: list[Token]) -> None:
    """Append the tokens of a stretch of text; what is no token has the type ``OTHER``."""
    position = start
    while position < stop:
        match = TOKEN(text, position, stop)
        assert match is not None
        group = match.lastindex or END_GROUP
        token_start, position = match.span(group)
        if group == END_GROUP:
            return
        value = match.group(group)
        if group == WORD_GROUP:
            kind = KEYWORDS.get(value) or WORDS.get(value, "WORD")
        elif group == OPERATOR_GROUP:
            kind = OPERATORS[value]
        elif group in GROUP_TYPES:
            kind = GROUP_TYPES[group]
        else:
            kind = "OTHER"
            if value in ("'", '"'):  # an open string: to the end of its line, or of the stretch
                long = text.startswith(value * 3, token_start)
                position = stop if long else min(physical_line_end(text, token_start), stop)
                value = text[token_start:position]
        tokens.append(Token(kind, value, token_start))
