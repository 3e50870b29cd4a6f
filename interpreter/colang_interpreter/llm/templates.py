"""Bot texts with variables: ``$name`` and Jinja (Colang 1.0, section 9.4; repairs T1 to T4 of section 12)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from colang_interpreter.llm.sandbox import Sandbox, TemplateFlaw

__all__ = ["TemplateFlaw", "flaw_of", "render"]

_SANDBOX: Final = Sandbox()
_JINJA = re.compile(r"\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)|\{#.*?(?:#\}|\Z)", re.DOTALL)
_VARIABLE = re.compile(
    r"(?P<brace>\{?)\$(?P<path>[^\W\d]\w*(?:\.\w+|\[-?\d+\]|\['[^'\]]*'\]|\[\"[^\"\]]*\"\])*)"
)

_NAME = re.compile(r"(?:^|(?<=\.))\w+")
_OPERATORS = frozenset({"and", "else", "if", "in", "is", "not", "or"})


def render(template: str, context: Mapping[str, Any]) -> str:
    r"""The text a message becomes.

    ``$name``, ``$user.name`` and ``$list[0]`` stand for values, and so do Jinja's ``{{ ... }}``; what is not set is
    empty. A name begins with a letter or ``_`` and ends where no path can go on, so ``costs $5`` stays as it is. The
    two characters ``\n`` become a line end.

    Raises:
        TemplateFlaw: The template is wrong, or fails with these values.

    Example:
        >>> render("Hi $user.name, {{ l | length }} of $5: {$n}.", {"user": {"name": "Bob"}, "l": [1], "n": 7})
        'Hi Bob, 1 of $5: {7}.'
    """
    if "$" not in template and "{" not in template:  # most texts
        return template.replace("\\n", "\n")
    return _SANDBOX.text(_as_jinja(template), context).replace("\\n", "\n")


def flaw_of(template: str) -> str | None:
    """What is wrong with a message's text before it is said; None if nothing (T6).

    >>> flaw_of("Hello $name"), flaw_of("unclosed {{ name")
    (None, "line 1: unexpected end of template, expected 'end of print statement'.")
    """
    return _SANDBOX.flaw(_as_jinja(template))


@lru_cache(maxsize=512)
def _as_jinja(template: str) -> str:
    parts: list[str] = []
    end = 0
    for found in _JINJA.finditer(template):
        parts.append(_VARIABLE.sub(_placed, template[end : found.start()]))
        parts.append(_VARIABLE.sub(lambda v: v["brace"] + v["path"], found[0]))
        end = found.end()
    parts.append(_VARIABLE.sub(_placed, template[end:]))
    return "".join(parts)


def _placed(found: re.Match[str]) -> str:
    """A variable in Jinja's words; what Jinja could not take for a name stays text."""
    first, *parts = _NAME.findall(found["path"])
    if first in _OPERATORS or not first.isidentifier():
        return found[0]
    if not all(part.isidentifier() or part.isascii() for part in parts):
        return found[0]
    brace = "{{ '{' }}" if found["brace"] else ""
    return f"{brace}{{{{ {found['path']} }}}}"
