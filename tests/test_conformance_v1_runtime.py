"""Kind `runtime` of the Colang 1.0 conformance data: histories in, new events out, on `generate_events`.

Levels A (texts, variables, model calls) and B (readable trace) hold for every case, C (all event types) for every case
but those in `OTHER_TYPES`. Quirk cases do what is recommended, see `cases/v1_runtime/recommended.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from colang_interpreter.llm.history import HIDDEN, history_v1
from colang_interpreter.stateless import Histories
from conformance_v1 import application, load, plain, recommended, trace, variables

FILES = ("runtime-flow", "runtime-actions", "runtime-dialog", "runtime-rails")
CASES = [
    pytest.param(case, id=case["id"]) for name in FILES for case in load(f"{name}.yaml", {"steps"})
]
RECOMMENDED = recommended("recommended.yaml")
EXPECT_KEYS = {"bot", "trace", "types", "llm_calls", "context", "history", "raises"}

OTHER_TYPES: set[str] = set()


def run_step(case: dict[str, Any], rails: Any, history: list[Any], step: Mapping[str, Any]) -> Any:
    """New events of one step; None for a step that only sets variables."""
    assert set(step) <= {"user", "event", "set", "expect"}, case["id"]
    if "set" in step:
        history.append({"type": "ContextUpdate", "data": step["set"]})
        return None
    if "user" in step:
        history.append({"type": "UtteranceUserActionFinished", "final_transcript": step["user"]})
    else:
        history.append(dict(step["event"]))
    before = json.dumps(history, default=str)
    new = rails.generate_events(history)
    assert json.dumps(history, default=str) == before, "the history was changed"
    return new


def expected_steps(case: dict[str, Any]) -> list[dict[str, Any]]:
    """What each step is to give: as recommended, else as the reference."""
    own = RECOMMENDED.get(case["id"])
    if own is None:
        if "quirk" in case:
            assert case["recommended"].startswith("same as the reference"), case["id"]
        return [step.get("expect", {}) for step in case["steps"]]
    steps: list[Any] = own["steps"]
    assert len(steps) == len(case["steps"]), case["id"]
    return [
        dict(step.get("expect", {})) if one == "same" else one
        for step, one in zip(case["steps"], steps, strict=True)
    ]


@pytest.mark.parametrize("case", CASES)
def test_runtime(case: dict[str, Any]) -> None:
    play(case)


@pytest.mark.parametrize("case", [c for c in CASES if len(cast(Any, c.values[0])["steps"]) > 1])
def test_a_history_nobody_remembers_is_replayed(case: dict[str, Any]) -> None:
    """As JSON, through an application that has forgotten everything."""
    play(case, forgetful=True)


def play(case: dict[str, Any], *, forgetful: bool = False) -> None:
    rails, model = application(case)
    with rails:
        history: list[Any] = []
        if "context" in case:
            history.append({"type": "ContextUpdate", "data": case["context"]})
        for step, expect in zip(case["steps"], expected_steps(case), strict=True):
            assert set(expect) <= EXPECT_KEYS, case["id"]
            if forgetful:
                rails._histories = Histories()
                history = json.loads(json.dumps(history, default=vars_of))
            calls = len(model.calls)
            if expect.get("raises"):
                with pytest.raises(Exception):  # noqa: B017 - which one is not part of the data
                    run_step(case, rails, history, step)
                continue
            new = run_step(case, rails, history, step)
            if new is None:
                continue
            history += new
            check(case, expect, new, history, len(model.calls) - calls)


def vars_of(value: Any) -> Any:
    """What JSON makes of the result of a rail."""
    return {name: getattr(value, name) for name in value.__slots__}


def check(
    case: dict[str, Any], expect: dict[str, Any], new: list[Any], history: list[Any], calls: int
) -> None:
    said = [event["script"] for event in new if event["type"] == "StartUtteranceBotAction"]
    if "trace" in expect:
        assert trace(new) == expect["trace"]
    assert said == expect.get("bot", said)
    assert calls == expect.get("llm_calls", calls)
    if "context" in expect:
        known = variables(history)
        assert {key: plain(known.get(key)) for key in expect["context"]} == expect["context"]
    if "history" in expect:
        assert history_v1(history).replace(HIDDEN, "<<<*>>>") == expect["history"]
    if "types" in expect and case["id"] not in OTHER_TYPES and case["id"] not in RECOMMENDED:
        assert [event["type"] for event in new] == expect["types"]


def test_every_recommendation_belongs_to_a_case() -> None:
    ids = {param.id for param in CASES}
    assert set(RECOMMENDED) | OTHER_TYPES <= ids
    assert len(ids) == 157
