"""Names with parameters, as settings and computed calls write them: ``check words $level=strict``."""

from __future__ import annotations

import re

_IN_PARENTHESES = re.compile(r"^(?P<name>[^($]+?)\s*\((?P<arguments>.*)\)\s*$", re.DOTALL)
_DOLLAR = re.compile(r"\$(\w+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|\S+))?")
_COMMA = re.compile(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)(?=(?:[^']*'[^']*')*[^']*$)")


def flow_call(text: str) -> tuple[str, dict[str, str | None]]:
    """Name and parameters of a configured or computed flow (section 10.5).

    The forms are ``name``, ``name(a=1, b="x")`` and ``name $a=1 $b=x``. Values are texts without their quotes;
    a parameter without ``=`` is None.

    Example:
        >>> flow_call("check words $level=strict")
        ('check words', {'level': 'strict'})
        >>> flow_call('check(a=1, b="x y", c)')
        ('check', {'a': '1', 'b': 'x y', 'c': None})
    """
    text = text.strip()
    found = _IN_PARENTHESES.match(text)
    parameters: dict[str, str | None] = {}
    if found:
        for part in _COMMA.split(found["arguments"]):
            key, equals, value = part.partition("=")
            key = key.strip().removeprefix("$")
            if key:
                parameters[key] = _unquoted(value) if equals else None
        return found["name"].strip(), parameters
    name, dollar, _ = text.partition("$")
    if not dollar:
        return text, {}
    for key, value in _DOLLAR.findall(text):
        parameters[key] = _unquoted(value) if value else None
    return name.strip(), parameters


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
