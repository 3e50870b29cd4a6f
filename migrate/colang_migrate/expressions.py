r"""Expressions of 1.0 in the narrower grammar of 2.x statements (migration, section 8).

2.x takes no grouping parentheses, no ``a if c else b``, no tuples and no f-strings where a statement has an
expression. What needs them is rewritten where a rewriting means the same (precedence, De Morgan), or computed
before the statement into a variable of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from colang.records import Draft, fresh
from colang.syntax import nodes as x
from colang.syntax.expressions_v1 import ExpressionFlaw, parse_expression_v1

Place = Literal["condition", "value", "argument"]

_NEEDS_TREE = re.compile(r"\(|\bif\b|\bnot\b|\b[fF][rR]?[\"']|\b[rR][\"']|\{|\bis\b|\blambda\b")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_CONFIG = re.compile(r"\$config\b")
_OPERATOR = re.compile(r"[<>=!]=?|\band\b|\bor\b|\bnot\b|\bin\b|[-+*/%]")

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _ATOM = range(1, 9)
_LEVEL = {
    **dict.fromkeys("|^&", 0),
    "<<": 0,
    ">>": 0,
    **dict.fromkeys("+-", _SUM),
    "*": _PRODUCT,
    "/": _PRODUCT,
    "//": _PRODUCT,
    "%": _PRODUCT,
    "**": _SIGN,
}
_OPPOSITE = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">": "<=",
    "<=": ">",
    ">=": "<",
    "in": "not in",
    "not in": "in",
    "is": "is not",
    "is not": "is",
}


class Rewritten(Draft):
    """The expression in 2.x, and the lines that have to stand before its statement."""

    text: str
    before: list[str] = fresh(factory=list[str])
    notes: list[tuple[str, str]] = fresh(factory=list[tuple[str, str]])


def rewrite_expression(
    text: str, place: Place, fresh: Callable[[str], str], unit: str = "  "
) -> Rewritten:
    """An expression of 1.0 for a place in 2.x.

    Args:
        text: The expression; what does not parse is left as it is.
        place: A condition may become the text of a condition; an argument takes no operators at all.
        fresh: Makes the name of a variable that nothing else uses, from a suggestion.
        unit: One level of indentation, for lines of an `if` that has to stand before.

    Example:
        >>> made = rewrite_expression("($a + $b) / 2", "value", lambda name: name)
        >>> made.before, made.text
        (['$sum = $a + $b'], '$sum / 2')
        >>> rewrite_expression("not ($mean < 3)", "condition", str).text
        '$mean >= 3'
    """
    operators = place == "argument" and _OPERATOR.search(_STRING.sub("", text)) is not None
    if not _NEEDS_TREE.search(text) and not operators:
        return _plain(text)
    if place != "argument" and not _grouping(text):
        return _plain(text)
    try:
        tree = parse_expression_v1(text)
    except ExpressionFlaw:
        return _plain(text)
    writer = _Writer(text, fresh, unit)
    if place == "argument":
        made = writer.argument(tree)
    elif place == "condition":
        made = writer.condition(tree)
    else:
        made = writer.write(tree, _OR, True)
    return Rewritten(made, writer.before, writer.notes)


def _grouping(text: str) -> bool:
    """Whether the text has something that a statement of 2.x does not take."""
    bare = _STRING.sub('""', text)
    if re.search(r"\bif\b|\bf\"\"|\blambda\b|\b[fFrRbB]{1,2}\"\"", bare):
        return True
    return re.search(r"(?<![\w\])])\s*\(|\b(?:not|and|or|in|is)\s*\(", bare) is not None


def _plain(text: str) -> Rewritten:
    """Only strings and `$config` change."""
    if "config" in text:
        text = _CONFIG.sub("$system.config", text)
    if '"' not in text and "'" not in text:
        return Rewritten(text)
    notes: list[tuple[str, str]] = []
    made = _STRING.sub(lambda match: string_literal(match.group(), notes), text)
    return Rewritten(made, [], notes)


_INTERPOLATED = re.compile(r"\$([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def string_literal(raw: str, notes: list[tuple[str, str]]) -> str:
    """A string of an expression: braces are plain in 1.0; ``$name`` in it was meant to be filled in."""
    if "{" not in raw and "}" not in raw and "$" not in raw:
        return raw
    text = raw.replace("{", "{{").replace("}", "}}")
    if _INTERPOLATED.search(text):
        names = ", ".join(f"${name}" for name in _INTERPOLATED.findall(text))
        notes.append(("M210", f"1.0 did not fill in {names} in this text; 2.x does"))
        text = _INTERPOLATED.sub(r"{$\1}", text)
    return text


class _Writer:
    """Writes a tree; what needs parentheses becomes a line before the statement."""

    def __init__(self, source: str, fresh: Callable[[str], str], unit: str) -> None:
        self.source = source
        self.fresh = fresh
        self.unit = unit
        self.before: list[str] = []
        self.notes: list[tuple[str, str]] = []

    def raw(self, node: x.Node) -> str:
        return self.source[node.span.start : node.span.end]

    def condition(self, node: x.Expr) -> str:
        return self.write(_pushed(node, False), _OR, True)

    def argument(self, node: x.Expr) -> str:
        if isinstance(node, (x.Binary, x.BoolOp, x.Compare, x.Conditional)) or (
            isinstance(node, x.Unary) and not isinstance(node.operand, x.Literal)
        ):
            return self.hoist(node)
        if isinstance(node, x.Unary):
            return self.raw(node)
        return self.write(node, _ATOM, True)

    def hoist(self, node: x.Expr) -> str:
        """Compute it before the statement."""
        if isinstance(node, x.Conditional):
            name = f"${self.fresh('value')}"
            test = self.condition(node.test)
            then, otherwise = (
                self.write(node.then, _OR, True),
                self.write(node.otherwise, _OR, True),
            )
            self.before += [
                f"if {test}",
                f"{self.unit}{name} = {then}",
                "else",
                f"{self.unit}{name} = {otherwise}",
            ]
            return name
        suggestion = "sum" if isinstance(node, x.Binary) and node.op == "+" else "value"
        text = self.write(node, _OR, True)
        name = f"${self.fresh(suggestion)}"
        self.before.append(f"{name} = {text}")
        return name

    def grouped(self, node: x.Expr, always: bool) -> str:
        """A part that would need parentheses."""
        if always:
            return self.hoist(node)
        # Computing it beforehand could fail where 1.0 would have skipped it.
        self.notes.append(
            ("M206", f"`{self.raw(node)}` is computed even where 1.0 would have skipped it")
        )
        return self.hoist(node)

    def write(self, node: x.Expr, level: int, always: bool) -> str:
        """The text of a tree where operators below `level` would need parentheses.

        `always` says that the part is evaluated whenever the statement is.
        """
        match node:
            case x.BoolOp():
                own = _OR if node.op == "or" else _AND
                if level > own:
                    return self.bracketed_bool(node, always)
                parts = [
                    self.write(value, own + 1, always and index == 0)
                    for index, value in enumerate(node.values)
                ]
                return f" {node.op} ".join(parts)
            case x.Unary(op="not"):
                if level > _NOT:
                    return self.grouped(node, always)
                return f"not {self.write(node.operand, _NOT, always)}"
            case x.Unary():
                if level > _SIGN:
                    return self.grouped(node, always)
                return f"{node.op}{self.write(node.operand, _SIGN, always)}"
            case x.Compare():
                if level > _COMPARE:
                    return self.grouped(node, always)
                text = self.write(node.left, _SUM, always)
                for op, right in zip(node.ops, node.rights, strict=True):
                    text += f" {op} {self.write(right, _SUM, always)}"
                return text
            case x.Binary():
                own = _LEVEL[node.op]
                if own == 0 or level > own:
                    return self.grouped(node, always) if level > _OR else self.raw_plain(node)
                power = node.op == "**"
                first = self.write(node.left, own + power, always)
                second = self.write(node.right, own + (not power), always)
                return f"{first} {node.op} {second}"
            case x.Conditional():
                return self.grouped(node, always)
            case x.Attribute():
                text = f"{self.write(node.value, _ATOM, always)}.{node.name}"
                return _CONFIG.sub("$system.config", text)
            case x.Subscript():
                held = self.write(node.value, _ATOM, always)
                return f"{held}[{self.raw_plain(node.index)}]"
            case x.Call():
                inside = [self.argument_of_call(argument, always) for argument in node.arguments]
                inside += [
                    f"{k.name}={self.argument_of_call(k.value, always)}" for k in node.keywords
                ]
                function = (
                    node.function.name
                    if isinstance(node.function, x.Name)
                    else f"{self.write(node.function.value, _ATOM, always)}.{node.function.name}"
                )
                return f"{function}({', '.join(inside)})"
            case x.TupleExpr() | x.ListExpr():
                return f"[{', '.join(self.write(item, _OR, always) for item in node.items)}]"
            case _:
                return self.raw_plain(node)

    def argument_of_call(self, node: x.Expr, always: bool) -> str:
        return self.write(node, _SUM, always)

    def bracketed_bool(self, node: x.BoolOp, always: bool) -> str:
        return self.grouped(node, always)

    def raw_plain(self, node: x.Node) -> str:
        raw = self.raw(node)
        if raw[:1] in "fF" and raw[1:2] in "\"'":
            inner = raw[1:]
            return re.sub(r"(?<!\{)\{(?!\{)", "{", inner)
        made = _plain(raw)
        self.notes += made.notes
        return made.text


def _pushed(node: x.Expr, negate: bool) -> x.Expr:
    """A condition with its negations at the leaves and with `or` above `and`, where that stays short."""
    if isinstance(node, x.Unary) and node.op == "not":
        inner = node.operand
        if isinstance(inner, (x.BoolOp, x.Compare)) or (
            isinstance(inner, x.Unary) and inner.op == "not"
        ):
            return _pushed(inner, not negate)
        return inner if negate else node
    if isinstance(node, x.BoolOp):
        op = node.op if not negate else {"and": "or", "or": "and"}[node.op]
        values = tuple([_pushed(value, negate) for value in node.values])
        return _distributed(x.BoolOp(span=node.span, op=op, values=values))
    if not negate:
        return node
    if isinstance(node, x.Compare) and len(node.ops) == 1:
        op = _OPPOSITE[node.ops[0]]
        return x.Compare(span=node.span, left=node.left, ops=(op,), rights=node.rights)
    return x.Unary(span=node.span, op="not", operand=node)


def _distributed(node: x.BoolOp) -> x.Expr:
    """``(a or b) and c`` as ``a and c or b and c``, unless that grows long."""
    if node.op == "or":
        flat: list[x.Expr] = []
        for value in node.values:
            flat += value.values if isinstance(value, x.BoolOp) and value.op == "or" else (value,)
        return x.BoolOp(span=node.span, op="or", values=tuple(flat))
    terms: list[tuple[x.Expr, ...]] = [()]
    for value in node.values:
        options = value.values if isinstance(value, x.BoolOp) and value.op == "or" else (value,)
        terms = [(*term, *_and_parts(option)) for term in terms for option in options]
        if len(terms) > 4:
            return node
    if len(terms) == 1:
        return x.BoolOp(span=node.span, op="and", values=terms[0])
    return x.BoolOp(
        span=node.span,
        op="or",
        values=tuple([x.BoolOp(span=node.span, op="and", values=term) for term in terms]),
    )


def _and_parts(node: x.Expr) -> tuple[x.Expr, ...]:
    return node.values if isinstance(node, x.BoolOp) and node.op == "and" else (node,)
