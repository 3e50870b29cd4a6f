"""Expression trees back to text, for messages."""

from __future__ import annotations

import json
from typing import Final

from colang.syntax import nodes

MAX_SHOWN: Final = 60  # characters of an expression in a message

_LEVELS: Final = {
    "|": 5,
    "^": 6,
    "&": 7,
    "<<": 8,
    ">>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "//": 10,
    "%": 10,
    "**": 12,
}
_ATOM: Final = 14


def text_of_expression(expr: nodes.Expr) -> str:
    """The expression in one line, cut to 60 characters; layout is not kept.

    Example:
        >>> from colang.source import Span
        >>> text_of_expression(nodes.Variable(span=Span(0, 2), name="x"))
        '$x'
    """
    writer = _Writer()
    writer.write(expr, 0)
    text = "".join(writer.parts)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


class _Writer:
    """Writes until there is more than a message can show, so the cost does not grow with the tree."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def row(self, items: tuple[nodes.Expr, ...]) -> None:
        for number, item in enumerate(items):
            if self.length > MAX_SHOWN:
                return
            self.put(", " if number else "")
            self.write(item, 0)

    def wrapped(self, open_: str, items: tuple[nodes.Expr, ...], close: str) -> None:
        self.put(open_)
        self.row(items)
        self.put(close)

    def write(self, expr: nodes.Expr, level: int) -> None:
        if self.length > MAX_SHOWN:
            return
        own = _level(expr)
        if own < level:
            self.put("(")
        self._write(expr, own)
        if own < level:
            self.put(")")

    def _write(self, expr: nodes.Expr, own: int) -> None:
        match expr:
            case nodes.Literal():
                self.put(repr(expr.value))
            case nodes.String():
                self.string(expr)
            case nodes.Variable():
                self.put(f"${expr.name}")
            case nodes.Name():
                self.put(expr.name)
            case nodes.Attribute():
                self.write(expr.value, _ATOM)
                self.put(f".{expr.name}")
            case nodes.Subscript():
                self.write(expr.value, _ATOM)
                self.put("[")
                if isinstance(expr.index, nodes.Slice):
                    self.slice(expr.index)
                else:
                    self.write(expr.index, 0)
                self.put("]")
            case nodes.Call():
                self.write(expr.function, _ATOM)
                self.wrapped("(", expr.arguments, "")
                for number, keyword in enumerate(expr.keywords):
                    self.put(f"{', ' if number or expr.arguments else ''}{keyword.name}=")
                    self.write(keyword.value, 0)
                self.put(")")
            case nodes.Unary():
                self.put("not " if expr.op == "not" else expr.op)
                self.write(expr.operand, own)
            case nodes.Binary():
                self.write(expr.left, own)
                self.put(f" {expr.op} ")
                self.write(expr.right, own + 1)
            case nodes.BoolOp():
                for number, value in enumerate(expr.values):
                    self.put(f" {expr.op} " if number else "")
                    self.write(value, own + 1)
            case nodes.Compare():
                self.write(expr.left, own + 1)
                for op, right in zip(expr.ops, expr.rights, strict=True):
                    self.put(f" {op} ")
                    self.write(right, own + 1)
            case nodes.Conditional():
                self.write(expr.then, 1)
                self.put(" if ")
                self.write(expr.test, 1)
                self.put(" else ")
                self.write(expr.otherwise, 0)
            case nodes.ListExpr():
                self.wrapped("[", expr.items, "]")
            case nodes.TupleExpr():
                self.wrapped("(", expr.items, ",)" if len(expr.items) == 1 else ")")
            case nodes.SetExpr():
                self.wrapped("{", expr.items, "}")
            case nodes.DictExpr():
                self.put("{")
                for number, (key, value) in enumerate(expr.items):
                    self.put(", " if number else "")
                    self.write(key, 0)
                    self.put(": ")
                    self.write(value, 0)
                self.put("}")
            case nodes.Comprehension():
                self.comprehension(expr)
            case nodes.Generation():
                self.put("...")
                self.string(expr.instruction)

    def string(self, expr: nodes.String) -> None:
        self.put('"')
        for part in expr.parts:
            if self.length > MAX_SHOWN:
                return
            if isinstance(part, str):
                shown = json.dumps(part[: MAX_SHOWN + 1], ensure_ascii=False)[1:-1]
                self.put(shown.replace("{", "{{").replace("}", "}}"))
            else:
                self.put("{")
                self.write(part, 0)
                self.put("}")
        self.put('"')

    def slice(self, index: nodes.Slice) -> None:
        if index.start is not None:
            self.write(index.start, 0)
        self.put(":")
        if index.stop is not None:
            self.write(index.stop, 0)
        if index.step is not None:
            self.put(":")
            self.write(index.step, 0)

    def comprehension(self, expr: nodes.Comprehension) -> None:
        open_, close = {"list": ("[", "]"), "generator": ("(", ")")}.get(expr.kind, ("{", "}"))
        self.put(open_)
        if expr.key is not None:
            self.write(expr.key, 0)
            self.put(": ")
        self.write(expr.element, 0)
        for clause in expr.clauses:
            self.put(f" for {', '.join(clause.targets)} in ")
            self.write(clause.iterable, 2)
            for condition in clause.conditions:
                self.put(" if ")
                self.write(condition, 2)
        self.put(close)


def _level(expr: nodes.Expr) -> int:
    """How tightly an expression binds; a looser one gets parentheses inside a tighter one."""
    match expr:
        case nodes.Conditional():
            return 0
        case nodes.BoolOp():
            return 1 if expr.op == "or" else 2
        case nodes.Unary():
            return 3 if expr.op == "not" else 11
        case nodes.Compare():
            return 4
        case nodes.Binary():
            return _LEVELS[expr.op]
        case _:
            return _ATOM
