"""The `text` cases of the Colang 1.0 conformance data: parsers, filters, clean-up of completions, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from colang_interpreter.host.actions import snake_case
from colang_interpreter.llm import completions
from colang_interpreter.llm.filters import filters_for
from colang_interpreter.llm.history import HIDDEN, history_key, history_v1
from colang_interpreter.llm.parsers import PARSERS
from colang_interpreter.v1.names import flow_call
from conformance import ROOT, equal

DATA = yaml.safe_load((ROOT / "colang1" / "text-functions.yaml").read_text(encoding="utf-8"))
KEYS = {"id", "function", "args", "expect"}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "history": lambda events: history_v1(events).replace(HIDDEN, "<<<*>>>"),
    "strip_quotes": completions.strip_quotes,
    "multiline_response": completions.multiline_response,
    "generated_value": completions.generated_value,
    "flow_name": lambda text: flow_call(text)[0],
    "flow_parameters": lambda text: flow_call(text)[1],
    # The suffix `Action` has been removed when the case begins.
    "snake_case": lambda name: snake_case(name + "Action"),
    "history_key": history_key,
}


def function_of(name: str) -> Callable[..., Any]:
    kind, _, of = name.partition(" ")
    if kind == "parser":
        return PARSERS[of]
    if kind == "filter":
        return filters_for("1.0")[of]
    return FUNCTIONS[name]


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["id"])
def test_text(case: dict[str, Any]) -> None:
    assert set(case) == KEYS, f"{case['id']}: unknown or missing keys"
    have = function_of(case["function"])(*case["args"])
    assert equal(case["expect"], have), have


def test_no_case_is_left_out() -> None:
    assert set(DATA) == {"kind", "cases"} and DATA["kind"] == "text"
    assert len(DATA["cases"]) == 72
