"""Flows of Colang 1.0 in YAML: the short form, the long form, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.v1.elements import flow_elements, to_data
from colang_interpreter.v1.elements_yaml import from_data, yaml_flow

CONFORMANCE = Path(__file__).parent / "conformance" / "colang1"


def conformance_flows() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The configurations of the conformance data that hold flows in YAML, with what is expected of them."""
    cases = yaml.safe_load((CONFORMANCE / "config.yaml").read_text("utf-8"))["cases"]
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for case in cases:
        for path, text in case["files"].items():
            if "flows:" not in text or not path.endswith((".yml", ".yaml")):
                continue
            config = yaml.safe_load(text)
            if isinstance(config, dict) and config.get("flows"):
                found.append((config, case))
    assert len(found) >= 2
    return found


@pytest.mark.parametrize(
    ("config", "case"), conformance_flows(), ids=lambda value: value.get("id", "-")
)
def test_conformance(config: dict[str, Any], case: dict[str, Any]) -> None:
    flows = [yaml_flow(flow) for flow in config["flows"]]
    if "error" in case["expect"]:
        assert any(problems for _, problems in flows)
        return
    assert not any(problems for _, problems in flows)
    for (flow, _), expected in zip(flows, case["expect"].get("flows", []), strict=False):
        assert flow is not None and flow.to_data() == expected


SAME = [
    ("user: hi(p=1)\nsize: 2", "user hi(p=1)\n    size: 2"),
    ("you: hi", "user hi"),
    ("ask: x", "bot x"),
    ('bot: x "text"', 'bot x "text"'),
    ("action: $v = a(n=1)", "$v = execute a(n=1)"),
    ("run: a\nn: 1", "execute a\n    n: 1"),
    ("run: a\nn: $k", "execute a\n    n: $k"),
    ("set: v = 1", "$v = 1"),
    ("call: b(x=1)", "do b(x=1)"),
    ("flow: b\nx: 1", "do b(x=1)"),
    ("if: $a\nthen: [{bot: x}]", "if $a\n    bot x"),
    ("abort: true", "stop"),
    ("checkpoint: l", "label l"),
    ("post: [{event: F(q=2)}]", "infer\n    event F(q=2)"),
    ("or: [{user: a}, {user: b}]", "any\n    user a\n    user b"),
    ("check: $a == '#'", "check $a == '#'"),
    ("meta: {priority: 3}", "priority 3"),
]


@pytest.mark.parametrize(("short", "statement"), SAME, ids=lambda text: text.split("\n")[0])
def test_short_form_is_the_statement(short: str, statement: str) -> None:
    flow, problems = yaml_flow({"id": "f", "elements": [yaml.safe_load(short)]})
    module, diagnostics = parse_v1(f"define flow f\n  {statement}\n")
    assert (problems, diagnostics) == ((), ())
    assert flow is not None and flow.to_data() == flow_elements(module)[0].to_data()


WRONG = [
    ({"elements": []}, ("id",)),
    ({"id": "a", "elements": 5}, ("elements",)),
    ({"id": "a", "elements": [{"foo": 1}]}, ("elements", 0)),
    ({"id": "a", "elements": [{"user": "x", "size": "thin"}]}, ("elements", 0, "size")),
    ({"id": "a", "elements": [{"if": "$a ==", "then": []}]}, ("elements", 0, "if")),
    ({"id": "a", "elements": [{"if": "$a", "then": [{"x": 1}]}]}, ("elements", 0, "then", 0)),
    ({"id": "a", "elements": [{"while": "$a", "then": []}]}, ("elements", 0, "then")),
    ({"id": "a", "elements": [{"goto": "a", "b": 1}]}, ("elements", 0, "b")),
    ({"id": "a", "elements": [{"new": []}]}, ("elements", 0, "new")),
    ({"id": "a", "elements": [{"_type": "set"}, 5]}, ("elements", 1)),
    ("flow", ()),
]


@pytest.mark.parametrize(("data", "path"), WRONG, ids=str)
def test_wrong_flow(data: object, path: tuple[str | int, ...]) -> None:
    flow, problems = yaml_flow(data)
    assert flow is None
    assert [problem.path for problem in problems] == [path]


def test_attributes_become_meta() -> None:
    flow, _ = yaml_flow({"id": "a", "priority": 2, "is_subflow": True, "elements": [{"bot": "x"}]})
    assert flow is not None and flow.meta == {"priority": 2, "subflow": True}


def test_deep_nesting_is_refused() -> None:
    data: Any = [{"bot": "x"}]
    for _ in range(200):
        data = [{"if": "$a", "then": data}]
    assert yaml_flow({"id": "a", "elements": data})[0] is None


def test_long_form_goes_round() -> None:
    """Every element of the conformance data is the same after `to_data` and back."""
    seen: set[str] = set()
    for path in CONFORMANCE.glob("parse-*.yaml"):
        for case in yaml.safe_load(path.read_text("utf-8"))["cases"]:
            for flow in flow_elements(parse_v1(case["source"])[0]):
                data = [to_data(element) for element in flow.elements]
                again = [from_data(item) for item in data]
                assert [to_data(item) for item in again if item is not None] == data
                seen |= {type(item).__name__ for item in again}
    assert len(seen) >= 13
