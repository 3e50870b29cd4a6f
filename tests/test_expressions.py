"""Expressions at run time: text -> value or error (tests/cases/expressions), copying, hostile texts, properties."""

from __future__ import annotations

import asyncio
import sys
import time
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from colang.source import Span
from colang.syntax import nodes
from colang.syntax.parser_v2 import parse_expression
from colang_interpreter.expressions import (
    FUNCTIONS,
    Compiled,
    ExpressionError,
    compile_expression,
    known_functions,
)

CASES = Path(__file__).parent / "cases" / "expressions"


class FakeRuntime:
    def __init__(self) -> None:
        self.count = 0

    def random(self) -> float:
        return 0.25

    def randint(self, n: int) -> int:
        return n - 1

    def uid(self) -> str:
        self.count += 1
        return f"uid-{self.count}"

    def flows_info(self, uid: str | None = None) -> object:
        return {"flow_id": uid}

    def flow_spec(self, name: str) -> object:
        return name


@dataclass
class FakeFrame:
    locals: dict[str, Any] = field(default_factory=dict)
    globals: dict[str, Any] = field(default_factory=dict)
    self_ref: object = "the flow"
    system_ref: object = "the system"
    runtime: Any = field(default_factory=FakeRuntime)

    def read(self, name: str) -> Any:
        return self.globals.get(name)


class Foreign:
    """What a Python action may return."""

    plain = 7
    module = types
    kind = int

    def __init__(self) -> None:
        self.frame = sys._getframe()

    def __getitem__(self, key: str) -> str:
        if key != "by_key":
            raise KeyError(key)
        return "item"

    def secret(self, more: str = "") -> str:
        return "told" + more

    def leak(self) -> object:
        return (x for x in [1])

    async def later(self) -> None:
        await asyncio.sleep(0)

    @property
    def fails(self) -> object:
        raise RuntimeError("broken")

    def fails_too(self) -> object:
        raise KeyError("x")


class Shown:
    """What our own runtime objects look like."""

    colang_type = "FlowState"

    def colang_attribute(self, name: str) -> object:
        if name == "flow_id":
            return "greet"
        raise AttributeError(f"the flow has no `{name}`")


def doubled(turns: int) -> list[Any]:
    value: list[Any] = [1]
    for _ in range(turns):
        value = [value, value]
    return value


def doubled_pair(turns: int) -> tuple[Any, ...]:
    value: tuple[Any, ...] = (1,)
    for _ in range(turns):
        value = (value, value)
    return value


def variables() -> dict[str, Any]:
    endless: list[Any] = []
    endless.append(endless)
    return {
        "two": 2,
        "half": 0.5,
        "big": 1_000_000,
        "word": "hello",
        "list": [1, 2, 3],
        "dict": {"k": 1, "inner": {"deep": ["yes"]}},
        "path": 'C:\\new "q"',
        "text": "a" * 60_000,
        "numbers": list(range(5_000)),
        "doubled": doubled(40),
        "doubled_too": doubled(40),
        "endless": endless,
        "pair": doubled_pair(40),
        "object": Foreign(),
        "flow": Shown(),
    }


def compiled(text: str, *shared: str) -> Compiled:
    expr, diagnostics = parse_expression(text)
    assert expr is not None and not diagnostics, (text, diagnostics)
    return compile_expression(expr, shared=frozenset(shared))


def evaluate(text: str, frame: FakeFrame | None = None) -> Any:
    return compiled(text)(frame or FakeFrame(variables()))


def load(name: str) -> list[dict[str, Any]]:
    data = yaml.safe_load((CASES / name).read_text(encoding="utf-8"))
    groups = data.values() if isinstance(data, dict) else [data]
    return [case for group in groups for case in group]


def as_data(value: Any) -> Any:
    """Tuples as the lists that YAML has."""
    return [as_data(item) for item in value] if isinstance(value, (list, tuple)) else value


def show(case: dict[str, Any]) -> str:
    return str(case["text"])


@pytest.mark.parametrize("case", load("values.yaml"), ids=show)
def test_value(case: dict[str, Any]) -> None:
    text = str(case["text"])
    if "error" in case:
        with pytest.raises(ExpressionError) as caught:
            evaluate(text)
        assert case["error"] in caught.value.message
        assert caught.value.kind == "ColangValueError"
    else:
        value = as_data(evaluate(text))
        assert value == case["value"]
        assert type(value) is type(case["value"])


@pytest.mark.parametrize("case", load("hostile.yaml"), ids=show)
def test_hostile(case: dict[str, Any]) -> None:
    frame = FakeFrame(variables())
    begin = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        evaluate(case["text"], frame)
    assert case["error"] in caught.value.message
    assert len(caught.value.message) < 400
    assert time.process_time() - begin < 2  # a second, and what a busy machine adds


def test_a_number_with_too_many_digits_is_refused_when_compiled() -> None:
    literal = nodes.Literal(span=Span(0, 1), value=10**5_000)
    with pytest.raises(ExpressionError, match="too many digits"):
        compile_expression(literal)


def test_a_tree_that_is_too_deep_is_refused_when_compiled() -> None:
    tree: nodes.Expr = nodes.Literal(span=Span(0, 1), value=1)
    for _ in range(100_000):
        tree = nodes.Unary(span=Span(0, 1), op="-", operand=tree)
    with pytest.raises(ExpressionError, match="more than 200 levels"):
        compile_expression(tree)


def test_the_deepest_tree_that_is_accepted_runs() -> None:
    tree: nodes.Expr = nodes.Variable(span=Span(0, 1), name="two")
    for _ in range(199):
        tree = nodes.Unary(span=Span(0, 1), op="-", operand=tree)
    assert compile_expression(tree)(FakeFrame(variables())) == -2


# ---------------------------------------------------------------- variables


def test_a_dictionary_is_copied_where_it_leaves_its_variable() -> None:
    frame = FakeFrame(variables())
    original = frame.locals["dict"]
    for text in (
        "$dict",
        "[$dict][0]",
        '{"a": $dict}["a"]',
        "$missing or $dict",
        "$dict if True else 1",
    ):
        value = evaluate(text, frame)
        assert value == original and value is not original, text
        assert value["inner"] is original["inner"], text


def test_a_dictionary_is_changed_in_its_variable() -> None:
    frame = FakeFrame(variables())
    evaluate('$dict.update({"new": 1})', frame)
    evaluate('$dict["inner"].update({"by_index": 1})', frame)
    evaluate('$dict.inner.update({"by_attribute": 1})', frame)
    assert frame.locals["dict"]["new"] == 1
    assert frame.locals["dict"]["inner"] == {"deep": ["yes"], "by_index": 1, "by_attribute": 1}


def test_a_dictionary_put_into_a_list_is_a_copy() -> None:
    frame = FakeFrame({"list": [], "dict": {"a": 1}})
    evaluate("$list.append($dict)", frame)
    evaluate('$dict.update({"a": 2})', frame)
    assert frame.locals["list"] == [{"a": 1}]


def test_lists_are_shared() -> None:
    frame = FakeFrame(variables())
    assert evaluate("$list", frame) is frame.locals["list"]


def test_global_names_are_read_through_the_frame() -> None:
    frame = FakeFrame({"x": "local"}, {"x": "global", "d": {"k": 1}})
    assert compiled("$x")(frame) == "local"
    assert compiled("$x", "x")(frame) == "global"
    assert compiled("$x + '!'", "x")(frame) == "global!"
    assert compiled("$d", "d")(frame) is not frame.globals["d"]


def test_the_flow_and_the_system() -> None:
    frame = FakeFrame(self_ref=Shown())
    assert evaluate("$self.flow_id", frame) == "greet"
    assert evaluate("$system", frame) == "the system"


def test_names_of_any_script() -> None:
    assert evaluate("$größe + 1", FakeFrame({"größe": 5})) == 6


# ---------------------------------------------------------------- objects


def test_runtime_objects_say_what_they_show() -> None:
    assert evaluate("$flow.flow_id") == "greet"
    assert evaluate("type($flow)") == "FlowState"
    with pytest.raises(ExpressionError, match="the flow has no `nope`, in"):
        evaluate("$flow.nope")


def test_objects_of_actions_show_public_attributes_items_and_methods() -> None:
    assert evaluate("$object.plain") == 7
    assert evaluate("$object.by_key") == "item"
    assert evaluate('$object.secret("!")') == "told!"


def test_methods_of_subclasses_keep_their_limits() -> None:
    class Word(str):
        extra = "more"

    frame = FakeFrame({"word": Word("a")})
    assert evaluate("$word.extra", frame) == "more"
    assert evaluate("$word.upper()", frame) == "A"
    with pytest.raises(ExpressionError, match="longer than 100000"):
        evaluate("$word.ljust(10 ** 9)", frame)
    with pytest.raises(ExpressionError, match="not accessible"):
        evaluate("$word.format()", frame)


def test_functions_of_the_runtime_need_a_running_flow() -> None:
    with pytest.raises(ExpressionError, match=r"`uid\(\)` is only available while a flow runs"):
        evaluate("uid()", FakeFrame(runtime=None))


# ---------------------------------------------------------------- what the machine relies on


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("1 + 2 * 3", 7),
        ('"a" + "b"', "ab"),
        ('""', ""),
        ('"{1 + 1}"', "2"),
        ("None", None),
        ("1 < 2 and 'x'", "x"),
        ("less_than(5).value if False else 1", None),
    ],
)
def test_constants(text: str, value: object) -> None:
    expression = compiled(text)
    assert expression.variables == frozenset()
    if value is None and text != "None":
        assert not expression.constant
    else:
        assert expression.constant and expression.value == value
        assert expression(FakeFrame()) == value


@pytest.mark.parametrize(
    "text",
    ["$x", "rand()", "uid()", "[]", "{}", "{1}", "[1, 2]", "1 / 0", "open(1)", "[x for x in [1]]"],
)
def test_not_constant(text: str) -> None:
    assert not compiled(text).constant


def test_patterns_and_comparators_of_constants_are_constant() -> None:
    assert compiled('regex("^a")').value.matches("abc")
    assert compiled("less_than(5)").value.matches(4.5)


def test_a_new_container_each_time() -> None:
    expression = compiled("[1, {}]")
    assert expression(FakeFrame()) is not expression(FakeFrame())


def test_variables_and_simple_variable() -> None:
    assert compiled("$x").simple_variable == "x"
    assert compiled("$self").simple_variable is None
    assert compiled("$x + 1").simple_variable is None
    expression = compiled('"{$a} {$b.c}" if $self else [$d[$e] for f in $g]')
    assert expression.variables == {"a", "b", "self", "d", "e", "g"}


def test_the_text_of_an_expression() -> None:
    for text in (
        "$x + 1 * (2 - $y)",
        'f("a", key=1)',
        '"n={$x} {{y}}"',
        "not $a and $b or $c",
        "[x for x in $l if x > 1]",
        "{a: b for a, b in $d.items()}",
        "$l[1:][0]",
        "-$x ** 2",
        "1 if $a else 2",
        '{"a": (1,)}',
        "$a is not None",
    ):
        assert compiled(text).text == text
    assert len(compiled(" + ".join(["$abc"] * 100)).text) == 60


def test_known_functions_are_the_documented_ones() -> None:
    assert known_functions() == set(FUNCTIONS)
    assert {"len", "regex", "find_all", "flows_info", "not_equal_to"} <= known_functions()
    assert not {"abs", "min", "sum", "bool", "sorted", "range", "open", "eval"} & known_functions()


# ---------------------------------------------------------------- properties

NUMBERS = st.integers(-20, 20).map(str) | st.sampled_from(["0.5", "2.25", "1e3", "True"])
ARITHMETIC = st.recursive(
    NUMBERS,
    lambda inner: (
        st.tuples(
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
                    "<=",
                    "==",
                    "!=",
                ]
            ),
            inner,
        ).map(lambda parts: f"({' '.join(parts)})")
        | inner.map(lambda text: f"(-{text})")
        | inner.map(lambda text: f"(not {text})")
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(ARITHMETIC)
def test_arithmetic_is_python_arithmetic(text: str) -> None:
    try:
        mine: object = evaluate(text)
    except ExpressionError as error:
        differences = ("too many digits", "cannot shift by more", "a root of a negative number")
        if any(text in error.message for text in differences):
            return
        mine = "error"
    try:
        # Only digits, operators and parentheses that the strategy above wrote.
        python: object = eval(text)
    except (TypeError, ValueError, ArithmeticError, MemoryError):
        python = "error"
    assert mine == python
    assert type(mine) is type(python)


ATOMS = st.sampled_from(
    ["1", "0", "2.5", "None", "True", '"a"', '"%s %5d"', '"{$two}"', "$two", "$list", "$dict", "$missing", "$word",
     "$object", "$flow", "$self", "$endless", "$doubled", "$pair", "[]", "{1, 2}", '{"a": 1}', "(1, 2)", "-1", "4000001"]
)  # fmt: skip
METHOD = st.sampled_from(
    [
        "upper",
        "strip",
        "split",
        "join",
        "replace",
        "get",
        "keys",
        "items",
        "pop",
        "append",
        "extend",
        "update",
        "index",
        "format",
        "__class__",
        "secret",
        "fails",
        "sort",
        "count",
        "add",
        "union",
        "k",
        "inner",
        "_x",
        "func_y",
        "plain",
        "leak",
    ]
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    operators = [
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
        "is",
        "and",
        "or",
    ]
    return st.one_of(
        st.tuples(inner, st.sampled_from([*operators, "not in", "is not"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda text: f"(not {text})"),
        inner.map(lambda text: f"(~{text})"),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, max_size=2)).map(
            lambda parts: f"{parts[0]}({', '.join(parts[1])})"
        ),
        st.tuples(inner, METHOD).map(lambda parts: f"({parts[0]}).{parts[1]}"),
        st.tuples(inner, METHOD, st.lists(inner, max_size=2)).map(
            lambda parts: f"({parts[0]}).{parts[1]}({', '.join(parts[2])})"
        ),
        pair.map(lambda parts: f"({parts[0]})[{parts[1]}]"),
        pair.map(lambda parts: f"({parts[0]})[{parts[1]}:]"),
        pair.map(lambda parts: f"[x for x in {parts[0]} if {parts[1]}]"),
        pair.map(lambda parts: f"{{x: {parts[1]} for x in {parts[0]}}}"),
        pair.map(lambda parts: f"[{parts[0]}, {parts[1]}]"),
        pair.map(lambda parts: f"{{{parts[0]}: {parts[1]}}}"),
        pair.map(lambda parts: f"({parts[0]} if {parts[1]} else x)"),
    )


@settings(max_examples=250)
@given(st.recursive(ATOMS, _combined, max_leaves=8))
def test_any_expression_gives_a_value_or_an_expression_error(text: str) -> None:
    expr, diagnostics = parse_expression(text)
    assert expr is not None, (text, diagnostics)
    try:
        compile_expression(expr)(FakeFrame(variables()))
    except ExpressionError as error:
        assert error.message
        assert "Traceback" not in error.message and "NoneType" not in error.message
