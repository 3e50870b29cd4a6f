"""One walk over a tree of Colang 2.x: every node once, parents before children, in the order of the text."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from colang.records import fields
from colang.syntax import nodes


def walk(top: nodes.Node) -> Iterator[nodes.Node]:
    """A node and all nodes below it; uses no recursion.

    Example:
        >>> from colang.source import Span
        >>> one = nodes.Literal(span=Span(0, 1), value=1)
        >>> [type(n).__name__ for n in walk(nodes.Unary(span=Span(0, 2), op="-", operand=one))]
        ['Unary', 'Literal']
    """
    pending: list[nodes.Node] = [top]
    while pending:
        node = pending.pop()
        yield node
        below: list[nodes.Node] = []
        for get in _getters(node.__class__):
            _collect(get(node), below)
        pending.extend(reversed(below))


def _collect(value: Any, into: list[nodes.Node]) -> None:
    if isinstance(value, nodes.Node):
        into.append(value)
    elif type(value) is tuple:  # not a Token or a Span
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            _collect(item, into)


_GETTERS: dict[type[nodes.Node], tuple[Any, ...]] = {}


def _getters(kind: type[nodes.Node]) -> tuple[Any, ...]:
    """Getters of the fields that may hold nodes."""
    known = _GETTERS.get(kind)
    if known is not None:
        return known
    plain = {
        "span",
        "text",
        "tokens",
        "keyword",
        "target_span",
        "ref_span",
        "path_span",
        "name_span",
    }
    names = [name for name in fields(kind) if name not in plain]
    return _GETTERS.setdefault(kind, tuple(attrgetter(name) for name in names))
