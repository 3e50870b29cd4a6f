"""Expressions of Colang 1.0: what is one, what only fails when it is evaluated, and where the flaw is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from colang.syntax import nodes as x
from colang.syntax.expressions_v1 import ExpressionFlaw, check_expression, parse_expression_v1
from colang.syntax.literals_v1 import BadLiteral, literal, yaml_value

DATA = Path(__file__).parent / "conformance" / "colang1" / "expressions.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(DATA.read_text("utf-8"))["cases"]

# These fail by what their values are, which no parser can know.
FAIL_BY_VALUE = {
    "$undefined.foo",
    '$d["missing"]',
    "$s.format(1)",
    "9 ** 9 ** 9",
    '"a" * 1000000',
    "$x / 0",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_conformance(case: dict[str, Any]) -> None:
    """What has a value is free of flaws; what is an error for its form has one."""
    flaw = check_expression(case["expr"])
    if case.get("quirk") == "E2":
        assert flaw is not None and flaw.kind in ("assignment", "character")
    elif "value" in case["expect"] or case["expr"] in FAIL_BY_VALUE:
        assert flaw is None
    else:
        assert flaw is not None


FLAWS = [
    ("$a = 1", "assignment", "="),
    ("$a == ", "missing", None),
    ("($a or $b", "bracket", "("),
    ("$l[0", "bracket", "["),
    ("$a $b", "extra", "b"),
    ("$a == 'x", "quote", "'"),
    ("$1", "dollar", "$"),
    ("1; 2", "character", ";"),
    ("$f(1)", "call", "$f"),
    ("[1, 2]", "unsupported", "list"),
    ("$a in (1, 2)", "unsupported", "tuple"),
    ("{'a': 1}", "unsupported", "dict"),
    ("int($a)", "unsupported", "function"),
    ("$a == true", "unsupported", "name"),
    ("$a._b", "unsupported", "private"),
    ("f'{$a:.2f}'", "unsupported", "format"),
    ("(" * 80 + "1" + ")" * 80, "deep", ""),
    ("$a + " * 400 + "1", "deep", ""),
]


@pytest.mark.parametrize(("text", "kind", "blamed"), FLAWS, ids=lambda v: str(v)[:30])
def test_flaw(text: str, kind: str, blamed: str | None) -> None:
    flaw = check_expression(text)
    assert flaw is not None and flaw.kind == kind
    assert blamed is None or flaw.text == blamed
    assert 0 <= flaw.start <= flaw.end <= len(text)
    if kind != "unsupported":
        with pytest.raises(ExpressionFlaw):
            parse_expression_v1(text)


def shape(tree: object) -> str:
    """A tree with all its brackets."""
    match tree:
        case x.Binary():
            return f"({shape(tree.left)} {tree.op} {shape(tree.right)})"
        case x.BoolOp():
            return "(" + f" {tree.op} ".join(shape(value) for value in tree.values) + ")"
        case x.Unary():
            return f"({tree.op} {shape(tree.operand)})"
        case x.Compare():
            rest = [f" {op} {shape(r)}" for op, r in zip(tree.ops, tree.rights, strict=True)]
            return "(" + shape(tree.left) + "".join(rest) + ")"
        case x.Conditional():
            return f"({shape(tree.then)} if {shape(tree.test)} else {shape(tree.otherwise)})"
        case x.Variable():
            return tree.name
        case x.Literal():
            return repr(tree.value)
        case x.Attribute():
            return f"{shape(tree.value)}.{tree.name}"
        case x.Subscript():
            return f"{shape(tree.value)}[{shape(tree.index)}]"
        case x.String():
            return "".join(p if isinstance(p, str) else f"<{shape(p)}>" for p in tree.parts)
        case x.Call():
            return f"{shape(tree.function)}({', '.join(shape(a) for a in tree.arguments)})"
        case _:
            return type(tree).__name__


SHAPES = [
    ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
    ("-$a ** 2", "(- (a ** 2))"),
    ("2 ** -1", "(2 ** (- 1))"),
    ("not $a == $b and $c or $d", "(((not (a == b)) and c) or d)"),
    ("$a or $b or $c and $d", "(a or b or (c and d))"),
    ("1 < $a <= 2", "(1 < a <= 2)"),
    ("$a not in $b", "(a not in b)"),
    ("$a is not None", "(a is not None)"),
    ("$a | $b & $c", "(a | (b & c))"),
    ("$a if $b else $c if $d else $e", "(a if b else (c if d else e))"),
    ("$a.b[0].c", "a.b[0].c"),
    ("$s.split('x', 1)[0]", "s.split(x, 1)[0]"),
    ("$l[1:]", "l[Slice]"),
    ("\"a\" 'b'", "ab"),
    ('f"{$x} and {$y.z}!"', "<x> and <y.z>!"),
    ('"{$x}"', "{$x}"),
    (r'"n\n\x41"', "n\nA"),
    ("($a + 1) * 2", "((a + 1) * 2)"),
    ("1_000", "1000"),
    ("0x10", "16"),
]


@pytest.mark.parametrize(("text", "expected"), SHAPES)
def test_shape(text: str, expected: str) -> None:
    assert shape(parse_expression_v1(text)) == expected


GOOD: list[tuple[str, object]] = [
    ("5", 5),
    ("-1.5", -1.5),
    ('"a" "b"', "ab"),
    (r"'it\'s'", "it's"),
    ("[1, [2, 3], ()]", [1, [2, 3], []]),
    ('{"a": {1, 2}}', {"a": [1, 2]}),
    ("(1,)", [1]),
    ("(1)", 1),
    ("None", None),
    ("1e3", 1000.0),
]


@pytest.mark.parametrize(("text", "value"), GOOD)
def test_literal(text: str, value: object) -> None:
    assert literal(text) == value and type(literal(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["", "true", "x", "1 + 2", "[1", "[$k]", '"a', "{1: 2, 3}", "007", "[" * 99, "--1", "f''"],
)
def test_no_literal(text: str) -> None:
    with pytest.raises(BadLiteral):
        literal(text)


@pytest.mark.parametrize("text", ["[1", "{a: b: c}", '"a', "[*x]", "&a 1, *a", "[" * 99])
def test_no_yaml_value(text: str) -> None:
    with pytest.raises(BadLiteral):
        yaml_value(text)
