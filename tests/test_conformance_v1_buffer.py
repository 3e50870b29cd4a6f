"""The conformance cases of windows over streams. Their README explains the keys.

We do what the specification recommends: no window without new tokens at the end (S1), windows without overlap
when there is no context (S2), and sizes that make no sense are rejected (S3).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import yaml

from colang_interpreter.streaming import ErrorChunk, JudgedChunk, RollingBuffer, windows

CASES = Path(__file__).parent / "conformance" / "colang1" / "streaming-buffer.yaml"
KEYS = {
    *("id", "title", "chunk_size", "context_size", "tokens", "token_count", "expect"),
    *("documented_count", "quirk", "recommended"),
}
EXPECT = {"windows", "window_count", "check_sizes", "out_sizes", "raises"}

#: Cases of quirk S1 that are not marked with it: their last window has no new tokens either.
UNMARKED = {"buf-context-one", "buf-empty-token", "buf-json-looking"}

#: The recommended windows of quirk S2, which the cases give in words.
RECOMMENDED = {
    "buf-chunk-one-context-zero": [("a ", ["a "]), ("b ", ["b "]), ("c", ["c"])],
    "buf-context-zero": [("a b c ", ["a ", "b ", "c "]), ("d e f ", ["d ", "e ", "f "])],
    "buf-context-zero-rest": [("a b c ", ["a ", "b ", "c "]), ("d e ", ["d ", "e "])],
}


def load() -> list[dict[str, Any]]:
    document = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    assert document["kind"] == "buffer"
    cases: list[dict[str, Any]] = document["cases"]
    return cases


def cut(tokens: list[str], chunk_size: int, context_size: int) -> list[tuple[str, list[str]]]:
    buffer = RollingBuffer(chunk_size=chunk_size, context_size=context_size)

    async def stream() -> AsyncGenerator[str]:
        for token in tokens:
            yield token

    async def main() -> list[tuple[str, list[str]]]:
        found: list[tuple[str, list[str]]] = []
        async for window in windows(stream(), buffer):
            assert not isinstance(window, (ErrorChunk, JudgedChunk))
            found.append(window)
        return found

    return asyncio.run(main())


def wanted(case: dict[str, Any]) -> dict[str, Any]:
    """What we give: as the reference, or as recommended."""
    expect = {key: value for key, value in case["expect"].items() if key != "windows"}
    if case["id"] in RECOMMENDED:
        return {"windows": RECOMMENDED[case["id"]]}
    if "windows" in case["expect"]:
        expect["windows"] = [
            (window["check"], window["out"]) for window in case["expect"]["windows"]
        ]
    if case.get("quirk") == "S1" or case["id"] in UNMARKED:
        if "windows" in expect:
            assert expect["windows"].pop()[1] == []
        else:
            expect["window_count"] -= 1
            assert expect["out_sizes"][-1] == 0
            expect["check_sizes"], expect["out_sizes"] = (
                expect[key][:-1] for key in ("check_sizes", "out_sizes")
            )
    if case.get("quirk") == "S3":
        return {"raises": "ValueError"}
    return expect


@pytest.mark.parametrize("case", load(), ids=lambda case: case["id"])
def test_buffer(case: dict[str, Any]) -> None:
    assert not set(case) - KEYS, "unknown keys in the case"
    assert not set(case["expect"]) - EXPECT, "unknown keys in the expectation"
    count = case.get("token_count")
    tokens = case["tokens"] if count is None else [f"t{number} " for number in range(1, count + 1)]
    sizes = case["chunk_size"], case["context_size"]
    expect = wanted(case)
    if "raises" in expect:
        with pytest.raises(ValueError, match="_size is"):
            cut(tokens, *sizes)
        return
    found = cut(tokens, *sizes)
    assert [token for _, new in found for token in new] == tokens
    if "windows" in expect:
        assert found == expect["windows"]
        return
    assert len(found) == expect["window_count"] == case.get("documented_count", len(found))
    assert [text.count(" ") for text, _ in found] == expect["check_sizes"]
    assert [len(new) for _, new in found] == expect["out_sizes"]


def test_lists_are_current() -> None:
    cases = {case["id"]: case for case in load()}
    assert {name for name, case in cases.items() if case.get("quirk") == "S2"} == set(RECOMMENDED)
    assert set(cases) >= UNMARKED and not any("quirk" in cases[name] for name in UNMARKED)
    assert {case.get("quirk") for case in cases.values()} == {None, "S1", "S2", "S3"}


def test_the_number_of_windows_follows_the_formula() -> None:
    for size in range(1, 7):
        for context in range(size):
            for count in range(25):
                found = cut([f"{number} " for number in range(count)], size, context)
                formula = math.ceil((count - context) / (size - context))
                assert len(found) == (max(formula, 1) if count else 0), (size, context, count)
