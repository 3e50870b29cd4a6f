"""Kind `stream` of the Colang 1.0 conformance data: the chunks of `stream_async`, and what the rails see of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from conformance_v1 import application, load, recommended, stub

CASES = [
    pytest.param(case, id=case["id"])
    for case in load("streaming-api.yaml", {"expect", "prompt", "generator", "include_metadata"})
]
RECOMMENDED = recommended("recommended_stream.yaml")
EXPECT_KEYS = {"chunks", "window_inputs", "full_message_checks", "raises"}


@pytest.mark.parametrize("case", CASES)
def test_stream(case: dict[str, Any]) -> None:
    expect = {**case["expect"], **RECOMMENDED.get(case["id"], {})}
    assert set(expect) <= EXPECT_KEYS, case["id"]
    assert "quirk" not in case or case["id"] in RECOMMENDED
    rails, _ = application(case)
    seen: list[Any] = []
    for name, spec in case.get("actions", {}).items():
        rails.register_action(_watched(name, spec, seen), name)
    if "raises" in expect:
        with pytest.raises(ValueError) as caught:
            asyncio.run(_chunks(rails, case))
        assert type(caught.value).__name__ == expect["raises"]
        return
    chunks = asyncio.run(_chunks(rails, case))
    rails.close()
    assert _readable(chunks, expect["chunks"]) == expect["chunks"]
    assert seen == expect["window_inputs"], "what the rails see, and nothing twice (S6)"


def _watched(name: str, spec: Mapping[str, Any], seen: list[Any]) -> Any:
    """The stub, which notes the text it is asked about."""
    made = stub(name, spec)
    outcome = spec.get("outcome")
    if outcome is None:
        return made
    if "param" in outcome:

        async def asked(**given: Any) -> Any:
            seen.append(given[outcome["param"]])
            return await made(**given)

        return asked

    async def looked(context: Mapping[str, Any]) -> Any:
        seen.append(context[outcome["context"]])
        return await made(context)

    return looked


async def _chunks(rails: Any, case: Mapping[str, Any]) -> list[Any]:
    given: dict[str, Any] = {}
    if "generator" in case:
        given["generator"] = _tokens(case["generator"])
    elif "prompt" in case:
        given["prompt"] = case["prompt"]
    else:
        given["messages"] = [{"role": "user", "content": "go"}]
    if "include_metadata" in case:
        given["include_metadata"] = case["include_metadata"]
    return [chunk async for chunk in rails.stream_async(**given)]


async def _tokens(tokens: Sequence[str]) -> AsyncIterator[str]:
    for token in tokens:
        yield token


def _readable(chunks: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """JSON texts as values where the case shows values; ``*`` for a message it leaves open."""
    result: list[Any] = []
    for number, chunk in enumerate(chunks):
        want = like[number] if number < len(like) else None
        if isinstance(want, dict) and "json" in want and isinstance(chunk, str):
            value = json.loads(chunk)
            if want["json"].get("error", {}).get("message") == "*":
                value["error"]["message"] = "*"
            result.append({"json": value})
        else:
            result.append(chunk)
    return result


def test_no_case_is_left_out() -> None:
    assert len(CASES) == 25
    assert set(RECOMMENDED) <= {param.id for param in CASES}
