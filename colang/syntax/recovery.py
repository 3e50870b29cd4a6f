"""Where a line in error ends: what the parser passes to go on with the next line."""

from __future__ import annotations

from colang.syntax.layout import indentation, next_content
from colang.syntax.lexer import COMMENT, END, NEWLINE, Lexed
from colang.syntax.words import BRANCH_WORDS

HEADS = frozenset(("flow", *BRANCH_WORDS, "if", "while", "when", "or"))


def begins_definition(lexed: Lexed, index: int) -> bool:
    """Whether a token at the start of a line begins a flow, a decorator or an import."""
    kind = lexed.types[index]
    if kind == "AT":
        return True
    text = lexed.texts[index]
    if text == "flow":
        return lexed.types[index + 1] not in ("LPAR", NEWLINE)
    return text == "import"


def line_end(lexed: Lexed, line: int) -> int:
    """The index of the line end (or comment before it) that ends the line in error that starts at `line`.

    Brackets may take it over several lines, but only over lines that are indented deeper or begin with a closing
    bracket, and not over a line that begins a definition: more likely the bracket was never closed. What is indented
    below a header with an open bracket is its block.
    """
    end = _bracketed_end(lexed, line)
    if lexed.texts[line] in HEADS and unclosed_brackets(lexed, line, end):
        end = line
        goes_on = True
        while goes_on:
            while lexed.types[end] not in (NEWLINE, COMMENT, END):
                end += 1
            following, goes_on = next_content(lexed, end)
            end = following if goes_on else end
    return end


def _bracketed_end(lexed: Lexed, line: int) -> int:
    types = lexed.types
    base = indentation(lexed, line)
    depth = 0
    index = line
    while True:
        kind = types[index]
        if kind == END:
            return index
        if kind == "LPAR" or kind == "LSQB" or kind == "LBRACE":
            depth += 1
        elif kind == "RPAR" or kind == "RSQB" or kind == "RBRACE":
            depth = max(depth - 1, 0)
        elif kind == NEWLINE or kind == COMMENT:
            following, goes_on = next_content(lexed, index)
            if types[following] == END:
                return index
            if goes_on:
                depth = 0
            elif depth:
                closes = types[following] in ("RPAR", "RSQB", "RBRACE")
                deeper = indentation(lexed, following) > base
                if not closes and (not deeper or begins_definition(lexed, following)):
                    return index
            else:
                return index
            index = following
            continue
        index += 1


def unclosed_brackets(lexed: Lexed, first: int, limit: int) -> set[int]:
    """The opening brackets between two tokens that are not closed there."""
    opened: list[int] = []
    for index in range(first, limit):
        kind = lexed.types[index]
        if kind == "LPAR" or kind == "LSQB" or kind == "LBRACE":
            opened.append(index)
        elif (kind == "RPAR" or kind == "RSQB" or kind == "RBRACE") and opened:
            opened.pop()
    return set(opened)
