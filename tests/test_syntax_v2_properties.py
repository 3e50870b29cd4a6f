"""What holds for the 2.x parser whatever the text: nothing is lost, nothing is raised, mistakes stay where they are."""

from __future__ import annotations

import time
from functools import lru_cache

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from colang.syntax import nodes, to_text
from colang.syntax.parser_v2 import parse_v2
from support import ROOT
from test_syntax_v2 import outline

PIECES = st.sampled_from(
    [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        '"""',
        "'''",
        ":",
        ";",
        "\\",
        "$",
        "$x",
        "@",
        "@active",
        "=",
        "==",
        "+=",
        "+",
        "-",
        "->",
        "...",
        ".",
        ",",
        "#",
        "#",
        "\x00",
        "\ufeff",
        "�",
        "1",
        "007",
        "1e",
        "{$x}",
        "{{",
        "True",
        "name",
        "if",
        "else",
        "or",
        "and",
        "when",
        "while",
        "match",
        "send",
        "await",
        "start",
        "return",
        "pass",
        "not",
        "in",
        "is",
        "for",
        "as",
        "import",
        "flow",
        "define",
        "elif",
        "orwhen",
        "label:",
        "$x=",
        "f(1)",
        "(a",
        "or",
        "b)",
        " ",
        "  ",
        "\t",
        "\n",
        "\n  ",
        "\n    ",
        "\r\n",
        "\nflow b\n  pass\n",
        "# meta: exclude from llm\n",
    ]
)
ANY_TEXT = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


@lru_cache(maxsize=1)
def programs() -> list[str]:
    """Valid programs of several flows."""
    found: list[str] = []
    for path in sorted((ROOT / "tests" / "conformance" / "colang2").glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            module, problems = parse_v2(case.get("program", ""))
            names = [flow.name for flow in module.flows]
            if not problems and len(set(names)) == len(names) > 1:
                found.append(case["program"])
    return found


@settings(max_examples=300)
@given(ANY_TEXT)
def test_any_text_is_kept(text: str) -> None:
    module, problems = parse_v2(text)
    assert to_text(module) == text
    position = 0
    for token in module.tokens:
        assert token.start >= position
        assert not text[position : token.start].strip(" \t")
        assert text[token.start : token.end] == token.text
        position = token.end
    for problem in problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
        assert problem.help


@settings(max_examples=60)
@given(st.data())
def test_a_cut_file_keeps_what_is_before_the_cut(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(programs()))
    whole = parse_v2(text)[0]
    token = data.draw(st.sampled_from(whole.tokens))
    cut = parse_v2(text[: token.end])[0]
    assert to_text(cut) == text[: token.end]
    before = [flow for flow in whole.flows if flow.span.end <= token.start]
    assert list(cut.flows[: len(before)]) == before


@settings(max_examples=100)
@given(st.data())
def test_mistakes_in_one_flow_leave_the_others_alone(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([p for p in programs() if "'''" not in p and '"""' not in p]))
    flows = parse_v2(text)[0].flows
    at = data.draw(st.integers(0, len(flows) - 1))
    inside = flows[at].body.span
    place = data.draw(st.integers(inside.start, inside.end))
    mistake = data.draw(
        st.sampled_from(["(", "[", "{", '"', "'", '"""', ")", ";", "!", "$", "=", " or", "\\", ":"])
    )
    changed = parse_v2(text[:place] + mistake + text[place:])[0]
    found = {flow.name: outline(flow) for flow in changed.flows}
    for number, flow in enumerate(flows):
        if number != at:
            assert found[flow.name] == outline(flow)


def expression(size: int) -> str:
    return "flow m\n" + '  $x = f($a + 1, b="{$c} and {$d}")[0] or [1, 2, {"k": 3}]\n' * size


def mistakes(size: int) -> str:
    return "flow m\n" + '  $x = f(1\n  send A(x="b)\n  else\n    ]\n  $y.z = (\n' * size


@pytest.mark.parametrize(
    "write",
    [
        expression,
        mistakes,
        lambda size: "flow m\n  pass\n" + "# comment\n\n" * size * 10,
        lambda size: "flow m\n  send A(x=[\n" + "    1,\n" * size * 5,
        lambda size: 'flow m\n  """a\n' * size,
        lambda size: "flow m\n  match A()\n" + "    or B()\n" * size * 2,
        lambda size: 'flow m\n  $x = "' + "{$a}\\n{{" * size * 2 + '"\n',
        lambda size: "(" * size * 10,
        lambda size: "@a\n" * size * 3,
        lambda size: "flow m\n  if $a\n" + "    pass\n  elif $b\n" * size,
    ],
    ids=[
        "expression",
        "mistakes",
        "comments",
        "items",
        "strings",
        "groups",
        "interpolation",
        "brackets",
        "decorators",
        "branches",
    ],
)
def test_time_is_linear(write: object) -> None:
    """Four times the text takes about four times as long: sixteen would be quadratic."""
    assert callable(write)
    small, large = (min(duration(write(size)) for _ in range(3)) for size in (100, 400))
    assert large < 9 * small + 0.02


def duration(text: str) -> float:
    start = time.process_time()
    module, _ = parse_v2(text)
    assert isinstance(module, nodes.Module)
    return time.process_time() - start
