"""Tokens of Colang 2.x, found in one sweep over the text (section 1).

The lexer knows no context: a word is a WORD unless it has a meaning inside expressions, `(` is LPAR with or without
a blank before it. The parser decides what is a keyword and which words make a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from colang.records import Record

NUMBER = r"(?:(?:0(?:_?0)*|[1-9](?:_?\d)*)(?:\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][-+]?\d(?:_?\d)*)?"

# Pieces of a string between backslashes or quotes: more are reported as a string too long. Without a limit, a
# hostile literal would make the regular expression engine remember millions of places.
MAX_PIECES = 60_000

_DEFINITION = r"[ \t]*(?:flow[ \t]+[^\W\d]|@[ \t]*[^\W\d]|import[ \t]+[^\W\d])"

_PATTERN = (
    r"[ \t]+|[^\W\d]\w*|\$[^\W\d]\w*"
    r"|\n|\r\n"
    r"|{long_double}|{long_single}"
    r'|"(?!"")[^"\\\n]*(?:\\[^\n][^"\\\n]*){{0,{limit}}}"'
    r"|'(?!'')[^'\\\n]*(?:\\[^\n][^'\\\n]*){{0,{limit}}}'"
    r"|\*\*|//|<<|>>|==|!=|<=|>=|->|\+=|-=|\.\.\."
    r"|[0-9](?:[eE][-+](?=[0-9])|[\w.])*|\.[0-9](?:[eE][-+](?=[0-9])|[\w.])*"
    r"|[-+*/%&|^~<>=()\[\]{{}},.:@]"
    r"|#[^\n]*?(?=\r?\n|\Z)"
    rf'|"""[\s\S]*?(?=\r?\n{_DEFINITION}|\Z)'
    rf"|'''[\s\S]*?(?=\r?\n{_DEFINITION}|\Z)"
    r'|"[^\n]*?(?=\r?\n|\Z)'
    r"|'[^\n]*?(?=\r?\n|\Z)"
    r"|[\s\S]"
)
_LONG = r"{q}{q}{q}[^{q}\\]*(?:(?:\\[\s\S]|{q}(?!{q}{q}))[^{q}\\]*){{0,{limit}}}{q}{q}{q}"

OPERATORS = {
    "(": "LPAR",
    ")": "RPAR",
    "[": "LSQB",
    "]": "RSQB",
    "{": "LBRACE",
    "}": "RBRACE",
    ",": "COMMA",
    ".": "DOT",
    ":": "COLON",
    "=": "EQUAL",
    "+=": "AUGMENT",
    "-=": "AUGMENT",
    "->": "ARROW",
    "...": "ELLIPSIS",
    "@": "AT",
    "+": "PLUS",
    "-": "MINUS",
    "*": "STAR",
    "**": "POWER",
    "/": "SLASH",
    "//": "FLOOR",
    "%": "PERCENT",
    "<<": "LSHIFT",
    ">>": "RSHIFT",
    "&": "AMPERSAND",
    "^": "CIRCUMFLEX",
    "|": "VBAR",
    "~": "TILDE",
    "<": "LESSTHAN",
    ">": "MORETHAN",
    "==": "EQUALS",
    "!=": "UNEQUAL",
    "<=": "ATMOST",
    ">=": "ATLEAST",
}
# Words with a type of their own; the other keywords are WORD until the parser meets them where they are keywords.
WORDS = {w: w.upper() for w in ("and", "or", "as", "not", "in", "is", "if", "else", "for")} | {
    "None": "NONE",
    "True": "TRUE",
    "False": "FALSE",
}
NEWLINE, COMMENT, END, OTHER = "_NEWLINE", "COMMENT", "$END", "OTHER"
OPEN_STRING, OPEN_LONG_STRING = "OPEN_STRING", "OPEN_LONG_STRING"  # quotes that nothing closes

_BLANK = ""
_TYPES = (
    OPERATORS
    | WORDS
    | {" " * width: _BLANK for width in range(1, 33)}
    | {"\n": NEWLINE, "\r\n": NEWLINE, "$": OTHER, '"': OPEN_STRING, "'": OPEN_STRING}
)
_FIRST = (
    dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", "WORD")
    | dict.fromkeys("0123456789.", "NUMBER")
    | {"$": "VAR", "#": COMMENT, " ": _BLANK, "\t": _BLANK, '"': "STRING", "'": "STRING"}
)
_is_number = re.compile(NUMBER).fullmatch


class Lexed(Record, kw_only=False):
    """A text and its tokens in three lists of the same length; the last token is ``$END`` behind the text.

    Between tokens there are only spaces and tabs. What is no token at all has the type ``OTHER``.
    """

    text: str
    types: list[str]
    texts: list[str]
    starts: list[int]


def lex(text: str, offset: int = 0) -> Lexed:
    r"""Split a text into tokens; linear in its length, never fails.

    `offset` is added to the places, for a text that is a part of another.

    >>> lex("match Ping  # here\n").types
    ['WORD', 'WORD', 'COMMENT', '_NEWLINE', '$END']
    """
    found = _lex(text, offset, _pieces(careful=False))
    if OPEN_LONG_STRING in found.types:
        # One triple quote too few: from there on strings and code are taken for each other. Assume that the first
        # string that runs over the beginning of a definition is the one that was not closed.
        found = _lex(text, offset, _pieces(careful=True))
    return found


@lru_cache(maxsize=2)
def _pieces(*, careful: bool) -> Callable[[str], list[str]]:
    if careful:
        stop = rf"(?!\r?\n{_DEFINITION})"
        long = {
            q: rf"{q}{q}{q}(?:{stop}[^{q}\\]|\\[\s\S]|{q}(?!{q}{q})){{0,{MAX_PIECES}}}{q}{q}{q}"
            for q in "\"'"
        }
    else:
        long = {q: _LONG.format(q=q, limit=MAX_PIECES) for q in "\"'"}
    pattern = _PATTERN.format(long_double=long['"'], long_single=long["'"], limit=MAX_PIECES)
    return re.compile(pattern).findall


def _lex(text: str, offset: int, pieces: Callable[[str], list[str]]) -> Lexed:
    types: list[str] = []
    texts: list[str] = []
    starts: list[int] = []
    add_type, add_text, add_start = types.append, texts.append, starts.append
    known, first = _TYPES.get, _FIRST.get
    position = offset
    for piece in pieces(text):
        kind = known(piece)
        if kind is None:
            kind = first(piece[0])
            if kind is None:
                kind = "WORD" if piece[0].isalnum() and not piece[0].isdecimal() else OTHER
            elif kind == "NUMBER":
                if not _is_number(piece):
                    kind = OTHER
            elif kind == "STRING":
                kind = _string_type(piece)
        if kind:
            add_type(kind)
            add_text(piece)
            add_start(position)
        position += len(piece)
    add_type(END)
    add_text("")
    add_start(position)
    return Lexed(text, types, texts, starts)


def _string_type(piece: str) -> str:
    quote = piece[0]
    if piece.startswith(quote * 3):
        closed = len(piece) >= 6 and piece.endswith(quote * 3) and _closed(piece, 3)
        return "LONG_STRING" if closed else OPEN_LONG_STRING
    return "STRING" if piece.endswith(quote) and _closed(piece, 1) else OPEN_STRING


def _closed(piece: str, width: int) -> bool:
    """Whether the quotes at the end are not escaped."""
    before = piece[:-width]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0
