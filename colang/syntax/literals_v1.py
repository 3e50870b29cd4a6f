"""Literal values of Colang 1.0: arguments (section 5.16) and the values of parameter blocks.

Own and small, because `ast.literal_eval` prints warnings about escapes, takes complex numbers and sets,
and has no limit on nesting. Nothing here raises anything but `BadLiteral`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import cast

_MAX_DEPTH = 40

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>[rRuU]?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))
    | (?P<number>0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
        |(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?!\w))
    | (?P<word>[^\W\d]\w*)
    | (?P<mark>[-+\[\](){},:])
    | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SIMPLE_STRING = re.compile(r"""(["'])([^"'\\]*)\1""")
_SIMPLE_INT = re.compile(r"-?(?:[1-9]\d{0,15}|0)")
_WORDS: Mapping[str, object] = {"True": True, "False": False, "None": None}
_ESCAPE = re.compile(
    r"\\(\n|[\\'\"abfnrtv]|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]+\})"
)
_PLAIN = dict(
    zip(
        "\n\\'\"abfnrtv",
        ["", "\\", "'", '"', "\a", "\b", "\f", "\n", "\r", "\t", "\v"],
        strict=True,
    )
)


class BadLiteral(ValueError):
    """The text is not a literal value."""


def unescape(text: str) -> str:
    r"""Resolve the escapes of a Python string literal; unknown ones stay as they are.

    Example:
        >>> unescape(r"a\tb\d\x41")
        'a\tb\\dA'
    """
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    plain = _PLAIN.get(code)
    if plain is not None:
        return plain
    try:
        if code[0] == "N":
            return unicodedata.lookup(code[2:-1])
        return chr(int(code[1:], 16) if code[0] in "xuU" else int(code, 8))
    except (KeyError, ValueError, OverflowError):
        return match.group(0)


def literal(text: str) -> object:
    """The value of a literal: number, text, True, False, None, list or dict.

    Tuples and sets become lists, as the reference does. Linear in the length of `text`.

    Raises:
        BadLiteral: anything else, or nesting deeper than 40.

    Example:
        >>> literal('{"k": (1, -2.5), "on": True}')
        {'k': [1, -2.5], 'on': True}
    """
    simple = _SIMPLE_STRING.fullmatch(text)
    if simple is not None:
        return simple.group(2)
    if _SIMPLE_INT.fullmatch(text):
        return int(text)
    reader = _Reader(text)
    value = reader.value(0)
    if reader.kind != "end":
        raise BadLiteral
    return value


class _Reader:
    """One token of look-ahead over a literal."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.at = 0
        self.kind = ""
        self.text = ""
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self.source, self.at)
        if match is None:
            raise BadLiteral
        self.kind = match.lastgroup or ""
        self.text = match.group(self.kind)
        self.at = match.end()

    def take(self, mark: str) -> bool:
        if self.kind == "mark" and self.text == mark:
            self.advance()
            return True
        return False

    def value(self, depth: int) -> object:
        if depth > _MAX_DEPTH:
            raise BadLiteral
        kind, text = self.kind, self.text
        if kind == "string":
            pieces: list[str] = []
            while self.kind == "string":
                raw = self.text
                prefix = raw[0] if raw[0] not in "\"'" else ""
                body = raw[len(prefix) + 1 : -1]
                pieces.append(body if prefix in ("r", "R") else unescape(body))
                self.advance()
            return "".join(pieces)
        if kind == "number":
            self.advance()
            return _number(text)
        if kind == "word":
            if text not in _WORDS:
                raise BadLiteral
            self.advance()
            return _WORDS[text]
        if kind != "mark":
            raise BadLiteral
        if text in "+-":
            self.advance()
            number = _number(self.text) if self.kind == "number" else None
            if number is None:
                raise BadLiteral
            self.advance()
            return -number if text == "-" else number
        if text == "[":
            return self.items("]", depth)
        if text == "(":
            items = self.items(")", depth, single=True)
            return items
        if text == "{":
            return self.mapping(depth)
        raise BadLiteral

    def items(self, close: str, depth: int, *, single: bool = False) -> object:
        self.advance()
        items: list[object] = []
        comma = False
        while not self.take(close):
            items.append(self.value(depth + 1))
            if self.take(","):
                comma = True
            elif not (self.kind == "mark" and self.text == close):
                raise BadLiteral
        return items[0] if single and len(items) == 1 and not comma else items

    def mapping(self, depth: int) -> object:
        self.advance()
        pairs: dict[object, object] = {}
        members: list[object] = []
        while not self.take("}"):
            key = self.value(depth + 1)
            if self.take(":"):
                if isinstance(key, (list, dict)):
                    raise BadLiteral
                pairs[key] = self.value(depth + 1)
            else:
                members.append(key)
            if not self.take(",") and not (self.kind == "mark" and self.text == "}"):
                raise BadLiteral
        if members and pairs:
            raise BadLiteral
        return members or pairs


def _number(text: str) -> int | float:
    try:
        if text[:1] == "0" and text[1:2].lower() in ("x", "o", "b"):
            return int(text, 0)
        if "." in text or "e" in text or "E" in text:
            return float(text)
        if len(text) > 1 and text[0] == "0" and text.strip("0_"):
            raise BadLiteral  # 007 is not a number
        return int(text)
    except ValueError as error:
        raise BadLiteral from error


_YAML_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", "None", ""), None),
}
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_YAML_NUMBER = re.compile(r"[-+]?(?:\d+|\d+\.\d*(?:[eE][-+]\d+)?|\.\d+)")


def yaml_value(text: str) -> object:
    """The value of one line of a parameter block (section 5.16).

    Raises:
        BadLiteral: the text starts like a YAML list, mapping or quoted text and is none.

    Example:
        >>> yaml_value("-1.5"), yaml_value('"thin"'), yaml_value("true"), yaml_value('"a", "b"')
        (-1.5, 'thin', True, ['a', 'b'])
    """
    if text in _YAML_WORDS:
        return _YAML_WORDS[text]
    if text[0] == "$":
        return text
    simple = _SIMPLE_STRING.fullmatch(text)
    if simple is not None:
        return simple.group(2)
    if _YAML_NUMBER.fullmatch(text) and len(text) < 400:
        return float(text) if "." in text else int(text.replace("+", ""))
    if text[0] in "\"'[{" or "," in text or ": " in text:
        return _yaml(text)
    return text


def _yaml(text: str) -> object:
    import yaml  # late: most files have no such value

    bare = _QUOTED.sub("", text)
    if bare.count("[") + bare.count("{") > _MAX_DEPTH or "&" in bare or "*" in bare:
        raise BadLiteral
    text = text.replace("\t", " ")  # YAML has no tabs between values
    flow = text if text[0] in "[{" else f"[{text}]"
    try:
        value: object = yaml.safe_load(flow)
    except (yaml.YAMLError, ValueError) as error:
        raise BadLiteral from error
    value = plain(value)
    if text[0] not in "[{" and isinstance(value, list):
        items = cast("list[object]", value)
        return items[0] if len(items) == 1 else items
    return value


def plain(value: object) -> object:
    """The value if it is JSON data; a date or the like as text, tuples and sets as lists."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in cast("dict[object, object]", value).items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(v) for v in cast("list[object]", value)]
    return str(value)
