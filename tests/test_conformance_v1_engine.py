"""Colang 1.0, the flow engine alone: event history in, next steps out; and expressions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.v1.elements import module_elements
from colang_interpreter.v1.engine import EngineError
from colang_interpreter.v1.flows import flow_of
from colang_interpreter.v1.program import Program, registered
from colang_interpreter.v1.state import State

ROOT = Path(__file__).parent / "conformance" / "colang1"
STEPS = yaml.safe_load((ROOT / "engine-steps.yaml").read_text(encoding="utf-8"))["cases"]
EXPRESSIONS = yaml.safe_load((ROOT / "expressions.yaml").read_text(encoding="utf-8"))


def bare_program(text: str, *, compat: bool = False) -> Program:
    """The flows of a text and nothing else: no built-in flows."""
    module, _ = parse_v1(text)
    found = module_elements(module)
    return Program(
        flows=registered(flow_of(flow, number) for number, flow in enumerate(found.flows)),
        user_messages=found.user_messages,
        bot_messages=found.bot_messages,
        compat=compat,
    )


def shown(event: dict[str, Any]) -> str:
    """A next step in the notation of the data."""
    if event["type"] == "ContextUpdate":
        return "ContextUpdate " + json.dumps(event["data"], sort_keys=True, ensure_ascii=False)
    if event["type"] == "BotIntent":
        return f"BotIntent {event['intent']}"
    params = ", ".join(
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in event["action_params"].items()
    )
    target = f" -> {event['action_result_key']}" if event["action_result_key"] else ""
    return f"start {event['action_name']}({params}){target}"


def play(case: dict[str, Any], *, compat: bool, saving: bool = False) -> None:
    assert set(case) <= {"id", "colang", "events", "quirks"}, case["id"]
    program = bare_program(case["colang"], compat=compat)
    state = State(program)
    for number, step in enumerate(case["events"]):
        assert set(step) <= {"event", "next"}, case["id"]
        state._take(step["event"])
        if "next" in step:
            assert [shown(event) for event in state.next_steps()] == step["next"], number
        if saving:
            blob = state.dump()
            state = program.restore(blob)
            assert state.dump() == blob


@pytest.mark.parametrize("case", STEPS, ids=lambda c: c["id"])
def test_steps_like_the_reference(case: dict[str, Any]) -> None:
    play(case, compat=True)


@pytest.mark.parametrize("case", [c for c in STEPS if not c.get("quirks")], ids=lambda c: c["id"])
def test_steps(case: dict[str, Any]) -> None:
    """The quirks a case names are repaired, so only cases without count here."""
    play(case, compat=False)


@pytest.mark.parametrize("case", STEPS[::5], ids=lambda c: c["id"])
def test_a_state_restored_after_every_event(case: dict[str, Any]) -> None:
    play(case, compat=True, saving=True)


def same(have: Any, want: Any) -> bool:
    """Equality with types: 1 is neither true nor 1.0."""
    if isinstance(want, list):
        return (
            isinstance(have, list)
            and len(have) == len(want)
            and all(same(h, w) for h, w in zip(have, want, strict=True))
        )
    if isinstance(want, dict):
        return (
            isinstance(have, dict)
            and set(have) == set(want)
            and all(same(have[key], want[key]) for key in want)
        )
    return type(have) is type(want) and have == want


@pytest.mark.parametrize("case", EXPRESSIONS["cases"], ids=lambda c: c["id"])
def test_expressions(case: dict[str, Any]) -> None:
    """Quirk cases hold what a good implementation does: E1 keeps the text, E2 and E3 are errors."""
    assert set(case) <= {"id", "expr", "expect", "quirk", "recommended", "title"}, case["id"]
    program = bare_program("")
    context = json.loads(json.dumps(EXPRESSIONS["context"]))
    try:
        value = program.evaluate(case["expr"], context, "test")
    except EngineError:
        assert case["expect"].get("error") or case.get("quirk") in ("E2", "E3"), case
        return
    if case.get("quirk") == "E1":
        assert value == case["expr"][1:-1], "the text is unchanged"
        return
    assert "quirk" not in case, "E2 and E3 are errors"
    assert "value" in case["expect"], f"should be an error, but gives {value!r}"
    assert same(value, case["expect"]["value"]), f"{value!r}"
