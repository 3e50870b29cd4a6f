"""String literals: escapes as in Python, and the pieces in braces (section 3.4)."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.source import Span

if TYPE_CHECKING:
    from colang.syntax.expressions import Expressions
    from colang.syntax.nodes import Expr

MAX_STRING = 1_000_000  # characters of a literal

_PIECE = re.compile(
    r"(?P<double>\{\{|\}\})|(?P<named>\\N\{[^{}\n]*\})|(?P<escape>\\[\s\S])|(?P<braces>\{[^{}]*\})"
)
_HEX = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_OCTAL = re.compile(r"\\[0-7]{1,3}")
_SIMPLE = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\n": "",
}


def string_parts(
    body: str,
    offset: int,
    reader: Expressions,
    *,
    verbatim: bool = False,
    escapes: list[Diagnostic] | None = None,
) -> tuple[str | Expr, ...]:
    """Split what stands between the quotes, at `offset` of the text, into texts and expressions.

    ``{{`` and ``}}`` stand for one brace; a lone brace and ``{}`` stay. Findings about escapes go to `escapes`.
    """
    parts: list[str | Expr] = []
    pieces: list[str] = []
    position = 0
    size = len(body)
    while position < size:
        match = _PIECE.search(body, position)
        if match is None:
            break
        start, stop = match.span()
        pieces.append(body[position:start])
        kind = match.lastgroup
        if kind == "double":
            pieces.append(body[start])
        elif kind == "braces":
            inner = body[start + 1 : stop - 1]
            value = None
            if inner.strip(" \t\r\n"):
                value = reader.interpolated(offset + start + 1, offset + stop - 1)
            if value is None:
                pieces.append(match.group())
            else:
                before = "".join(pieces)
                if before:
                    parts.append(before)
                pieces.clear()
                parts.append(value)
        elif verbatim:
            pieces.append(match.group())
        else:
            text, stop = escape(body, start, offset, escapes)
            pieces.append(text)
        position = stop
    pieces.append(body[position:])
    rest = "".join(pieces)
    if rest:
        parts.append(rest)
    return tuple(parts)


def unescape(body: str, offset: int, problems: list[Diagnostic] | None = None) -> str:
    r"""The text of a literal without interpolation, as in decorators.

    >>> unescape(r"a\tb {$x}", 0)
    'a\tb {$x}'
    """
    if "\\" not in body:
        return body
    pieces: list[str] = []
    position = 0
    while (start := body.find("\\", position)) >= 0:
        pieces.append(body[position:start])
        text, position = escape(body, start, offset, problems)
        pieces.append(text)
    pieces.append(body[position:])
    return "".join(pieces)


def escape(
    body: str, start: int, offset: int, problems: list[Diagnostic] | None
) -> tuple[str, int]:
    r"""The text that the escape at ``body[start]`` stands for, and the offset behind it.

    As in Python, a backslash before any other character stays; a broken ``\x``, ``\u`` or ``\N`` is reported.
    """
    following = body[start + 1 : start + 2]
    if following in _SIMPLE:
        return _SIMPLE[following], start + 2
    if following == "\r" and body[start + 2 : start + 3] == "\n":
        return "", start + 3
    if following in "01234567" and following:
        match = _OCTAL.match(body, start)
        assert match is not None
        return chr(int(match.group()[1:], 8)), match.end()
    if following == "N":
        stop = body.find("}", start) + 1
        if body[start + 2 : start + 3] == "{" and stop:
            try:
                return unicodedata.lookup(body[start + 3 : stop - 1]), stop
            except (KeyError, UnicodeError):
                pass
    elif following in ("x", "u", "U"):
        match = _HEX.match(body, start)
        if match:
            code = int(body[start + 2 : match.end()], 16)
            if code <= 0x10FFFF:
                return chr(code), match.end()
    else:
        return "\\" + following, start + 2
    if problems is not None:
        problems.append(say.bad_escape("\\" + following, Span(offset + start, offset + start + 2)))
    return "\\" + following, start + 2
