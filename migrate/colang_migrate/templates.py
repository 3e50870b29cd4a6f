"""Expressions of the 1.0 text templates (Jinja) as expressions of 2.x; only what both can say."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"[^"\\]*"|'[^'\\]*')|(?P<number>\d+(?:\.\d+)?)|\$?(?P<name>[^\W\d]\w*)"""
    r"""|(?P<op>==|!=|<=|>=|//|\*\*|[-+*/%<>()\[\],.|=]))"""
)
_WORDS = {"and", "or", "not", "in", "is", "if", "else"}
_CONSTANTS = {
    "true": "True",
    "True": "True",
    "false": "False",
    "False": "False",
    "none": "None",
    "None": "None",
}
_METHODS = {
    "upper": "{0}.upper()",
    "lower": "{0}.lower()",
    "title": "{0}.title()",
    "capitalize": "{0}.capitalize()",
    "trim": "{0}.strip()",
    "length": "len({0})",
    "count": "len({0})",
    "first": "{0}[0]",
    "last": "{0}[-1]",
    "int": "int({0})",
    "float": "float({0})",
    "string": "str({0})",
    "safe": "{0}",
}


class NotSimple(ValueError):
    """2.x has no counterpart; the text says for what."""


def convert(text: str) -> tuple[str, list[str], bool]:
    """An expression of Jinja in the spelling of 2.x, its variables, and whether it is just a path.

    Strings come out in single quotes, so that the result may stand in a text in double quotes.

    Raises:
        NotSimple: loops, macros, unknown filters and functions, and everything else without counterpart.

    Example:
        >>> convert("guest.name | upper")
        ('$guest.name.upper()', ['guest'], False)
        >>> convert("nights > 2 and not late")[0]
        '$nights > 2 and not $late'
    """
    tokens = _tokens(text)
    variables: list[str] = []
    pieces: list[str] = []
    at = 0
    depth = 0
    while at < len(tokens):
        kind, value = tokens[at]
        previous = tokens[at - 1][1] if at else ""
        if kind == "string":
            pieces.append(_string(value))
        elif kind == "number" or (kind == "name" and previous == "."):
            pieces.append(value)
        elif kind == "name" and value in _WORDS:
            if value == "is":
                at, piece = _test(tokens, at)
                pieces.append(piece)
                continue
            pieces.append(f" {value} ")
        elif kind == "name" and value in _CONSTANTS:
            pieces.append(_CONSTANTS[value])
        elif kind == "name":
            if at + 1 < len(tokens) and tokens[at + 1][1] in ("(", "="):
                raise NotSimple(f"the function `{value}`")
            if value.startswith("_"):
                raise NotSimple(f"the name `{value}`")
            variables.append(value)
            pieces.append(f"${value}")
        elif value == "|":
            if depth or any(piece.startswith(" ") for piece in pieces):
                raise NotSimple("a filter behind an operator")
            at, made = _filter(tokens, at + 1, "".join(pieces))
            pieces = [made]
            continue
        elif value in ".[]":
            depth += (value == "[") - (value == "]")
            pieces.append(value)
        elif value in "(),":
            if value == "(" and previous and tokens[at - 1][0] == "name" and previous not in _WORDS:
                method = len(pieces) > 1 and tokens[at - 2][1] == "."
                if not method:
                    raise NotSimple(f"the function `{previous}`")
            depth += (value == "(") - (value == ")")
            pieces.append(f"{value} " if value == "," else value)
        elif value == "=":
            raise NotSimple("an assignment")
        else:
            pieces.append(f" {value} ")
        at += 1
    if depth or not pieces:
        raise NotSimple("an unfinished expression")
    result = re.sub(r"  +", " ", "".join(pieces)).strip()
    simple = all(kind == "name" or value in ".[]" or kind == "number" for kind, value in tokens)
    return result, list(dict.fromkeys(variables)), simple


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotSimple(f"`{text[at : at + 10]}`")
        kind = match.lastgroup or ""
        tokens.append((kind, match.group(kind)))
        at = match.end()
    return tokens


def _string(raw: str) -> str:
    inner = raw[1:-1]
    if any(char in inner for char in "'\"{}"):
        raise NotSimple("a quote or a brace in a text inside of an expression")
    return f"'{inner}'"


def _test(tokens: list[tuple[str, str]], at: int) -> tuple[int, str]:
    words = [value for _, value in tokens[at : at + 3]]
    if words[1:3] == ["not", "defined"]:
        return at + 3, " is None"
    if words[1:2] == ["defined"]:
        return at + 2, " is not None"
    if words[1:2] and words[1] in ("none", "None"):
        return at + 2, " is None"
    if words[1:3] in (["not", "none"], ["not", "None"]):
        return at + 3, " is not None"
    raise NotSimple(f"the test `is {' '.join(words[1:])}`")


def _filter(tokens: list[tuple[str, str]], at: int, operand: str) -> tuple[int, str]:
    if at >= len(tokens) or tokens[at][0] != "name":
        raise NotSimple("a filter without a name")
    name = tokens[at][1]
    arguments: list[str] = []
    at += 1
    if at < len(tokens) and tokens[at][1] == "(":
        at += 1
        while at < len(tokens) and tokens[at][1] != ")":
            kind, value = tokens[at]
            if kind == "string":
                arguments.append(_string(value))
            elif kind == "number":
                arguments.append(value)
            elif value != ",":
                raise NotSimple(f"the arguments of the filter `{name}`")
            at += 1
        at += 1
    make = _with_arguments.get((name, len(arguments)))
    if make is not None:
        return at, make(operand, arguments)
    if name in _METHODS and not arguments:
        return at, _METHODS[name].format(operand)
    raise NotSimple(f"the filter `{name}`")


_with_arguments: dict[tuple[str, int], Callable[[str, list[str]], str]] = {
    ("replace", 2): lambda operand, a: f"{operand}.replace({a[0]}, {a[1]})",
    ("join", 1): lambda operand, a: f"{a[0]}.join({operand})",
    ("join", 0): lambda operand, a: f"''.join({operand})",
    ("default", 1): lambda operand, a: f"{operand} if {operand} is not None else {a[0]}",
    ("d", 1): lambda operand, a: f"{operand} if {operand} is not None else {a[0]}",
}
