"""What of a completion in Colang 2.x is said word for word, so that it can be shown while it arrives.

A completion is the value of an expression, or code, and only the program knows what becomes of it. So text is passed on
only where that is certain: a next step of the bot that says a plain text, and a value or an answer whose variable is
said by the statement behind it, wherever the program asks for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from colang.records import fields as record_fields
from colang.syntax import nodes
from colang_interpreter.dynamic import is_a
from colang_interpreter.llm.model import TokenCallback

SAYING: Final = frozenset(
    {f"bot {verb}" for verb in ("say", "inform", "ask", "express", "respond", "clarify", "suggest")}
)
"""The flows of the standard library that say their first argument."""

ANSWER: Final = "PassthroughLLMAction"


def said_at_once(definitions: Mapping[str, nodes.FlowDef]) -> frozenset[str]:
    r"""Names of variables whose generated values are said right away, everywhere; `ANSWER` if answers are.

    Example:
        >>> from colang.syntax.parser_v2 import parse_v2
        >>> module, _ = parse_v2('flow a\n  $joke = ..."A joke."\n  bot say $joke\n')
        >>> said_at_once({"a": module.flows[0]})
        frozenset({'joke'})
    """
    said: set[str] = set()
    kept: set[str] = set()
    for definition in definitions.values():
        for statements in _blocks(definition):
            for number, statement in enumerate(statements):
                asked = _asked(statement)
                if asked is None:
                    continue
                name, variable = asked
                behind = statements[number + 1] if number + 1 < len(statements) else None
                (said if variable is not None and _says(behind, variable) else kept).add(name)
    return frozenset(said - kept)


def _asked(statement: object) -> tuple[str, str | None] | None:
    """What a statement asks a model for: the name it goes by here, and the variable that takes it."""
    if isinstance(statement, nodes.Assign) and isinstance(statement.value, nodes.Generation):
        return statement.target, statement.target
    if isinstance(statement, nodes.Operation) and _names(statement, ANSWER):
        is_awaited = statement.op == "await"
        return ANSWER, statement.target if is_awaited else None
    return None


def _names(node: object, name: str) -> bool:
    """Whether a call of this name is in an operation."""
    if isinstance(node, nodes.Spec):
        return node.name == name
    if isinstance(node, nodes.Operation):
        return _names(node.group, name)
    items: Any = getattr(node, "items", ())
    return is_a(items, tuple) and any(_names(item, name) for item in items)


def _says(statement: object, variable: str) -> bool:
    if not isinstance(statement, nodes.Operation) or statement.op != "await":
        return False
    spec = statement.group
    if not isinstance(spec, nodes.Spec) or spec.name not in SAYING or not spec.arguments:
        return False
    value = spec.arguments[0].value
    return isinstance(value, nodes.Variable) and value.name == variable


def _blocks(node: Any) -> Iterator[tuple[object, ...]]:
    """The statements of all blocks inside a node."""
    if isinstance(node, nodes.Block):
        yield node.statements
    if isinstance(node, nodes.Node):
        for name in record_fields(node):
            yield from _blocks(getattr(node, name))
    elif is_a(node, tuple):
        for item in node:
            yield from _blocks(item)


class SaidText:
    r"""Passes on the text between the first quotes of a completion, up to where it is more than plain text.

    A backslash or a brace begins something that is not said as it is written; what is behind it is left for whoever
    has the whole.

    Example:
        >>> seen = []
        >>> text = SaidText(seen.append, ACTION_OPENING)
        >>> for piece in ["bot intent: bot greet\nbot act", 'ion: bot say "Hel', 'lo \\"Kim\\""']:
        ...     text.take(piece)
        >>> seen
        ['Hel', 'lo ']
    """

    def __init__(self, target: TokenCallback, opening: re.Pattern[str]) -> None:
        """Pass on to `target` what is behind `opening`, whose last group is the quote."""
        self._target = target
        self._opening = opening
        self._held = ""
        self._end: re.Pattern[str] | None = None
        self._ended = False

    def take(self, piece: str) -> None:
        """The next piece of the completion."""
        if self._ended:
            return
        if self._end is None:
            self._held += piece
            found = self._opening.match(self._held)
            if found is None:
                self._ended = len(self._held) > _LONGEST_OPENING
                return
            self._end = _ENDS[found.group(found.lastindex or 0)]
            piece, self._held = self._held[found.end() :], ""
        end = self._end.search(piece)
        if end is not None:
            self._ended = True
            piece = piece[: end.start()]
        if piece:
            self._target(piece)


_LONGEST_OPENING: Final = 2000
_ENDS: Final = {'"': re.compile(r'["\\{}\n]'), "'": re.compile(r"['\\{}\n]")}

ACTION_OPENING: Final = re.compile(
    rf"(?:[^\n]*\n){{0,20}}?[ \t]*bot action:[ \t]+(?:{'|'.join(sorted(SAYING))})[ \t]+(\"|')(?!\1)"
)
"""The first action of a next step, if it says a text."""

VALUE_OPENING: Final = re.compile(r"\s*(?:\$\w+[ \t]*=[ \t]*)?(\"|')(?!\1)(?=.)", re.DOTALL)
"""A value, if it is a text."""
