"""Kind `generate` of the Colang 1.0 conformance data: the message API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from colang_interpreter.messages.options import GenerationResponse, RailsResult
from conformance_v1 import LEFT_OUT, application, load, plain, recommended

CASES = [pytest.param(case, id=case["id"]) for case in load("generate.yaml", {"calls"})]
RECOMMENDED = recommended("recommended_generate.yaml")
CALL_KEYS = {"prompt", "messages", "check", "options", "state", "expect"}
EXPECT_KEYS = {
    *("message", "response", "output_data", "activated_rails", "llm_call_tasks", "colang_history"),
    *("state_has_events", "check", "llm_calls", "raises"),
}


def expected_calls(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    own = RECOMMENDED.get(case["id"])
    assert ("quirk" in case) == (own is not None), case["id"]
    calls = [dict(call["expect"]) for call in case["calls"]]
    if own is None:
        return calls
    assert len(own) == len(calls), case["id"]
    return [call if one == "same" else one for call, one in zip(calls, own, strict=True)]


@pytest.mark.parametrize("case", CASES)
def test_generate(case: dict[str, Any]) -> None:
    rails, model = application(case)
    previous: Any = None
    with rails:
        for call, expect in zip(case["calls"], expected_calls(case), strict=True):
            assert set(call) <= CALL_KEYS, case["id"]
            assert set(expect) <= EXPECT_KEYS, case["id"]
            before = len(model.calls)
            if "raises" in expect:
                with pytest.raises(Exception) as caught:
                    run(rails, call, previous)
                names = [kind.__name__ for kind in type(caught.value).__mro__]
                assert expect["raises"] in names
                continue
            result = run(rails, call, previous)
            previous = getattr(result, "state", None)
            compare(expect, result)
            assert len(model.calls) - before == expect.get("llm_calls", 0)


def run(rails: Any, call: Mapping[str, Any], previous: Any) -> Any:
    if "check" in call:
        return rails.check(call["check"])
    given = {key: call[key] for key in ("prompt", "messages", "options", "state") if key in call}
    if given.get("state") == "previous":
        given["state"] = previous
    return rails.generate(**given)


def message(value: Any) -> Any:
    """A message without runtime data."""
    if isinstance(value, dict) and value.get("role") == "exception":
        content = {key: item for key, item in value["content"].items() if key not in LEFT_OUT}
        return {**value, "content": content}
    return value


def compare(expect: Mapping[str, Any], result: Any) -> None:
    if "message" in expect:
        assert message(result) == expect["message"]
    if "check" in expect:
        assert isinstance(result, RailsResult)
        assert result.model_dump() == expect["check"]
    if "response" not in expect:
        return
    assert isinstance(result, GenerationResponse)
    assert [message(one) for one in result.response] == expect["response"]
    if "output_data" in expect:
        assert plain(result.output_data) == expect["output_data"]
    if expect.get("state_has_events"):
        assert result.state is not None
        assert result.state["events"]
    log = result.log
    if "activated_rails" in expect:
        assert log is not None
        found = [
            {
                "type": rail.type,
                "name": rail.name,
                "decisions": rail.decisions,
                "stop": rail.stop,
                "actions": [action.action_name for action in rail.executed_actions],
            }
            for rail in log.activated_rails or ()
        ]
        assert found == expect["activated_rails"]
    if "llm_call_tasks" in expect:
        assert log is not None
        assert [call.task for call in log.llm_calls or ()] == expect["llm_call_tasks"]
    if "colang_history" in expect:
        assert log is not None
        assert log.colang_history == expect["colang_history"]


def test_no_case_is_left_out() -> None:
    ids = {param.id for param in CASES}
    assert len(ids) == 31
    assert set(RECOMMENDED) <= ids
