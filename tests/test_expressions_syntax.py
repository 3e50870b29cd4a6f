"""Expressions of Colang 2.x: what they mean, shown as Python writes its own trees, and where their parts stand."""

from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import assert_never

from colang.syntax import nodes as n
from colang.syntax.parser_v2 import parse_expression

OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.Lt: "<",
    ast.Gt: ">",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
}


def read(text: str) -> n.Expr:
    value, problems = parse_expression(text)
    assert problems == ()
    assert value is not None
    return value


def show(node: n.Expr | n.Slice) -> object:
    """A node as nested tuples."""
    match node:
        case n.Literal():
            return node.value
        case n.String():
            return ("str", *(p if isinstance(p, str) else show(p) for p in node.parts))
        case n.Variable():
            return f"${node.name}"
        case n.Name():
            return node.name
        case n.Attribute():
            return (".", show(node.value), node.name)
        case n.Subscript():
            return ("[]", show(node.value), show(node.index))
        case n.Slice():
            return ("slice", *(b and show(b) for b in (node.start, node.stop, node.step)))
        case n.Call():
            function = show(node.function)
            keywords = [(k.name, show(k.value)) for k in node.keywords]
            return ("call", function, [show(a) for a in node.arguments], keywords)
        case n.Unary():
            return (node.op, show(node.operand))
        case n.Binary():
            return (node.op, show(node.left), show(node.right))
        case n.BoolOp():
            return (node.op, [show(v) for v in node.values])
        case n.Compare():
            return ("compare", show(node.left), list(node.ops), [show(r) for r in node.rights])
        case n.Conditional():
            return ("if", show(node.test), show(node.then), show(node.otherwise))
        case n.ListExpr() | n.TupleExpr() | n.SetExpr():
            return (type(node).__name__[:-4].lower(), [show(i) for i in node.items])
        case n.DictExpr():
            return ("dict", [(show(k), show(v)) for k, v in node.items])
        case n.Comprehension():
            clauses = [
                (list(c.targets), show(c.iterable), [show(i) for i in c.conditions])
                for c in node.clauses
            ]
            return (node.kind, node.key and show(node.key), show(node.element), clauses)
        case n.Generation():
            return ("...", show(node.instruction))
        case _:
            assert_never(node)


def show_python(node: ast.AST | None) -> object:
    """The same of a tree of Python, where ``v_x`` stands for ``$x``."""
    match node:
        case None:
            return None
        case ast.Constant(value=str(text)):
            return ("str", text) if text else ("str",)
        case ast.Constant():
            return node.value
        case ast.Name():
            return f"${node.id[2:]}" if node.id.startswith("v_") else node.id
        case ast.Attribute():
            return (".", show_python(node.value), node.attr)
        case ast.Subscript():
            return ("[]", show_python(node.value), show_python(node.slice))
        case ast.Slice():
            return ("slice", *(b and show_python(b) for b in (node.lower, node.upper, node.step)))
        case ast.Call():
            keywords = [(k.arg, show_python(k.value)) for k in node.keywords]
            return ("call", show_python(node.func), [show_python(a) for a in node.args], keywords)
        case ast.UnaryOp():
            return (OPERATORS[type(node.op)], show_python(node.operand))
        case ast.BinOp():
            return (OPERATORS[type(node.op)], show_python(node.left), show_python(node.right))
        case ast.BoolOp():
            return (OPERATORS[type(node.op)], [show_python(v) for v in node.values])
        case ast.Compare():
            ops = [OPERATORS[type(op)] for op in node.ops]
            return (
                "compare",
                show_python(node.left),
                ops,
                [show_python(c) for c in node.comparators],
            )
        case ast.IfExp():
            return ("if", *(show_python(p) for p in (node.test, node.body, node.orelse)))
        case ast.List() | ast.Tuple() | ast.Set():
            return (type(node).__name__.lower(), [show_python(i) for i in node.elts])
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return ("dict", [(show_python(k), show_python(v)) for k, v in pairs])
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            kind = {ast.ListComp: "list", ast.SetComp: "set", ast.GeneratorExp: "generator"}
            return (kind[type(node)], None, show_python(node.elt), clauses_of(node.generators))
        case ast.DictComp():
            found = clauses_of(node.generators)
            return ("dict", show_python(node.key), show_python(node.value), found)
        case _:
            raise AssertionError(ast.dump(node))


def clauses_of(generators: list[ast.comprehension]) -> list[object]:
    found: list[object] = []
    for g in generators:
        names = g.target.elts if isinstance(g.target, ast.Tuple) else [g.target]
        targets = [name.id for name in names if isinstance(name, ast.Name)]
        found.append((targets, show_python(g.iter), [show_python(i) for i in g.ifs]))
    return found


def parse_python(text: str) -> ast.expr:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has opinions about `1 is 2` and about unknown escapes
        return ast.parse(f"({text.replace('$', 'v_')}\n)", mode="eval").body


AS_IN_PYTHON = [
    "1 + 2 * 3 - 4",
    "-2 ** -2 ** 3",
    "2 - 3 - 4",
    "1 << 2 + 3 & 4 | 5 ^ 6",
    "~$a // 2 % 3",
    "not $a and not $b or $c",
    "$a or $b and $c or $d",
    "1 < 2 <= $a != 3",
    "$a not in $b is not None",
    "not $a in $b",
    "$a if $b else $c if $d else $e",
    "($a if $b else $c) + 1",
    "(1 + 2) * 3",
    "()",
    "(1,)",
    "(1, 2,)",
    "[1 + 1, -2, []]",
    "{1, 2}",
    "{}",
    "{'a': 1, $b: {'c': []}, }",
    "$a[0][1:2][::2][:][-1:]",
    "$a[1:2:3].b.c(1, x=2)",
    "len($a) + max(1, key=$b, )",
    "'a'.join([str(x) for x in $l if x > 1 if x < 3])",
    "[x + y for x in $a for y in x]",
    "{k: v for k, v in $d.items() if v}",
    "{x for x in $a}",
    "sum(x for x in $a)",
    "[[y for y in x] for x in $a]",
    "[1 if x else 2 for x in $a]",
    "1_000 + 1e3 + .5 + 5. + 2.5e-1",
    "True and False is None",
    "'it\\'s' + \"\\u00e9\\n\\x41\\101\\N{BULLET}\\q\"",
    "'''a\n'b' ''' + ''",
    "f($a == 1, b=not $c)",
    "$a\n  or $b\n  and $c",
    "[\n1, # one\n2]",
    "$größe + 1",
]


@pytest.mark.parametrize("text", AS_IN_PYTHON)
def test_as_in_python(text: str) -> None:
    python = parse_python(text.replace(", )", ")"))
    if "max(" in text:
        text = text.replace(", )", ")")  # a call takes no comma at its end
    assert show(read(text)) == show_python(python)


OPERAND = st.sampled_from(["$a", "1", "'s'", "None", "$b.c", "$d[0]", "f(1)", "[1]", "(2)"])


@settings(max_examples=200)
@given(
    st.recursive(
        OPERAND,
        lambda inner: st.one_of(
            st.builds(
                "{} {} {}".format,
                inner,
                st.sampled_from(
                    [
                        "+",
                        "-",
                        "*",
                        "/",
                        "//",
                        "%",
                        "**",
                        "<<",
                        ">>",
                        "&",
                        "|",
                        "^",
                        "<",
                        ">",
                        "==",
                        "!=",
                        "<=",
                        ">=",
                        "in",
                        "and",
                        "or",
                        "is",
                        "not in",
                        "is not",
                    ]
                ),
                inner,
            ),
            st.builds("{} if {} else {}".format, inner, inner, inner),
            st.builds("{}{}".format, st.sampled_from(["-", "+", "~", "not "]), inner),
            st.builds("({})".format, inner),
            st.builds("[{}, {}]".format, inner, inner),
        ),
        max_leaves=12,
    )
)
def test_precedence_is_that_of_python(text: str) -> None:
    try:
        python = parse_python(text)
    except SyntaxError:  # `1 + not 2`
        assert parse_expression(text)[1]
        return
    assert show(read(text)) == show_python(python)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('""', ()),
        ('"plain"', ("plain",)),
        ('"a{$x}b{$y}"', ("a", "$x", "b", "$y")),
        ('"{{x}} {{{$x}}}"', ("{x} {", "$x", "}")),
        ('"{ $x }"', ("$x",)),
        ('"{} { } } {"', ("{} { } } {",)),
        ('"{{$x}"', ("{$x}",)),
        ('"cost $usd $5"', ("cost $usd $5",)),
        ('"\\"{$d[\'k\']}\\n"', ('"', ("[]", "$d", ("str", "k")), "\n")),
        ('"a{{2,3}}"', ("a{2,3}",)),
        ('"{1, 2}"', (("tuple", [1, 2]),)),
        (
            '\'{"x" if $n > 1 else r"\\d"}\'',
            (("if", ("compare", "$n", [">"], [1]), ("str", "x"), ("str", "\\d")),),
        ),
        ('"""{\n$x\n}"""', ("$x",)),
        ('"{[y for y in $l]}"', (("list", None, "y", [(["y"], "$l", [])]),)),
    ],
)
def test_strings(text: str, parts: tuple[object, ...]) -> None:
    assert show(read(text)) == ("str", *parts)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "CO141"),
        ("1 +", "CO141"),
        ("* 1", "CO141"),
        ("1 2", "CO143"),
        ("1 + not 2", "CO141"),
        ("a + 1", "CO133"),
        ("[x for y in $l]", "CO133"),
        ("[x for x in $l] + [x]", "CO133"),
        ("f(a=1, 2)", "CO118"),
        ("f(1,)", "CO140"),
        ("f($a=1)", "CO140"),
        ("$a = 1", "CO116"),
        ("$a if $b", "CO144"),
        ("[x for x]", "CO145"),
        ("007", "CO122"),
        ("1.2.3", "CO122"),
        ('r"a"', "CO134"),
        ('"{$x + }"', "CO136"),
        ('"{$x:>3}"', "CO136"),
        ('"{$x!r}"', "CO136"),
        ('"{name}"', "CO133"),
        ('"\\x4"', "CO135"),
        ('"open', "CO106"),
        ("(1", "CO107"),
        ("(1]", "CO108"),
        ("1)", "CO108"),
        ('..."make it"', "CO139"),
        ("lambda x: 1", "CO143"),
        ("$a && $b", "CO132"),
        ("$a\n$b", "CO100"),
    ],
)
def test_mistakes(text: str, code: str) -> None:
    _, problems = parse_expression(text)
    assert code in [p.code for p in problems]


def test_spans_are_those_of_the_text() -> None:
    text = "f( $a.b [ 1 ] , k = 'x{ $y }' ) + (2 * 3)"
    value = read(text)
    assert isinstance(value, n.Binary)
    call, product = value.left, value.right
    assert isinstance(call, n.Call)
    assert isinstance(call.keywords[0].value, n.String)
    inner = call.keywords[0].value.parts[1]
    assert isinstance(inner, n.Variable)
    found = [value, call, call.arguments[0], call.keywords[0], inner, product]
    assert [text[node.span.start : node.span.end] for node in found] == [
        text,
        "f( $a.b [ 1 ] , k = 'x{ $y }' )",
        "$a.b [ 1 ]",
        "k = 'x{ $y }'",
        "$y",
        "(2 * 3)",
    ]


@settings(max_examples=200)
@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    value, problems = parse_expression(text)
    assert value is not None or problems
