"""Decorator arguments: literals only, turned into plain data (sections 2.1 and 3.5)."""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.syntax import nodes as n


class NotLiteralError(Exception):
    """Something that has to be computed; carries its node."""

    def __init__(self, node: n.Node) -> None:
        """Remember the smallest node to blame."""
        super().__init__()
        self.node = node


def decorator_arguments(
    arguments: Iterable[n.Argument], problems: list[Diagnostic]
) -> tuple[n.DecoratorArgument, ...]:
    """Arguments with their values; those that are no literals are reported and left out."""
    found: list[n.DecoratorArgument] = []
    for argument in arguments:
        try:
            value = literal(argument.value)
        except NotLiteralError as error:
            problems.append(say.decorator_not_literal(error.node.span))
        else:
            found.append(n.DecoratorArgument(span=argument.span, name=argument.name, value=value))
    return tuple(found)


def literal(node: n.Expr) -> object:
    """The value of a literal; its strings are read without interpolation."""
    if isinstance(node, n.Literal):
        return node.value
    if isinstance(node, n.String) and node.constant is not None:
        return node.constant
    if isinstance(node, n.ListExpr):
        return [literal(item) for item in node.items]
    if isinstance(node, n.DictExpr):
        pairs = [(literal(key), literal(value)) for key, value in node.items]
        for (key, _), (key_node, _) in zip(pairs, node.items, strict=True):
            if isinstance(key, (list, dict)):
                raise NotLiteralError(key_node)
        return dict(pairs)
    if isinstance(node, n.Unary) and node.op in "+-" and isinstance(node.operand, n.Literal):
        value = node.operand.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if node.op == "-" else value
    raise NotLiteralError(node)
