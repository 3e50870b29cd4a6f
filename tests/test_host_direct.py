"""Actions that are awaited without a task of their own: context, cancellation, time-outs, and rails that do so."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from colang_interpreter import LLMRails, RailOutcome, RailsConfig, action
from colang_interpreter.host import direct
from colang_interpreter.host.actions import ActionError
from colang_interpreter.streaming import error_of

USER: ContextVar[str] = ContextVar("user", default="nobody")


async def called(function: Callable[..., Any], **given: Any) -> Any:
    context = copy_context()
    result, started = context.run(direct.begin, function, given)
    return result if started is None else await direct.go_on(context, started, result)


def run(work: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work(), 20))


def test_what_an_action_sets_stays_inside_before_and_behind_a_wait() -> None:
    async def act(name: str) -> str:
        USER.set(f"{USER.get()} {name}")
        await asyncio.sleep(0)
        USER.set(f"{USER.get()} again")
        return USER.get()

    async def main() -> None:
        USER.set("kim")
        assert await called(act, name="a") == "kim a again"
        assert await called(partial(act, "b")) == "kim b again"
        assert await called(lambda: asyncio.sleep(0, 7)) == 7
        assert await called(lambda: 8) == 8
        assert USER.get() == "kim"

    run(main)


def test_an_action_that_cancels_itself_has_failed() -> None:
    async def at_once() -> None:
        raise asyncio.CancelledError

    async def later() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    async def main() -> None:
        for function in (at_once, later):
            with pytest.raises(ActionError, match="it was cancelled"):
                await called(function)

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is newer")
def test_a_time_out_of_its_own_is_the_actions_business() -> None:
    async def act() -> str:
        try:
            async with asyncio.timeout(0.01):  # type: ignore[attr-defined,unused-ignore]
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(0)
            return "too late"
        return "in time"

    async def main() -> None:
        assert await called(act) == "too late"

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="nobody knows who cancels")
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancellation_that_an_action_ignores_reaches_the_caller(
    stubborn: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(direct, "PATIENCE", 0.05)

    async def act() -> str:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not stubborn:
                    return "never mind"

    async def main() -> None:
        task = asyncio.create_task(called(act))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.WARNING):
        run(main)
    assert ("ignores its cancellation" in caplog.text) == stubborn


# ---------------------------------------------------------------- rails on streams

RAIL = """
define subflow look
  $outcome = execute look_at(text=$bot_message)
  if $outcome.is_blocked
    stop
"""
SETTINGS = """
models: []
rails:
  output:
    flows: [look]
    streaming: {enabled: true, chunk_size: 4, context_size: 2, stream_first: false}
"""
WORDS = [f"w{number} " for number in range(10)]


async def tokens(words: list[str]) -> AsyncGenerator[str]:
    for word in words:
        await asyncio.sleep(0)
        yield word


def app(look_at: Any, **marks: Any) -> LLMRails:
    rails = LLMRails(RailsConfig.from_content(RAIL, SETTINGS))
    rails.register_action(action(name="look_at", **marks)(look_at), "look_at")
    return rails


async def read(rails: LLMRails, words: list[str], name: str = "hello") -> list[str]:
    stream = rails.stream_async(name, generator=tokens(words))
    return [chunk async for chunk in stream]


@pytest.mark.parametrize(
    ("marks", "is_async"),
    [({}, True), ({}, False), ({"timeout": 5.0}, True), ({"thread": True}, False)],
)
def test_every_kind_of_action_judges_and_fails_closed(
    marks: dict[str, Any], is_async: bool
) -> None:
    seen: list[str] = []
    faults: list[Callable[[], Any]] = []

    def judge(text: str) -> Any:
        seen.append(text)
        if faults:
            return faults[0]()
        return RailOutcome.block() if "BAD" in text else RailOutcome.allow()

    async def judge_later(text: str) -> Any:
        await asyncio.sleep(0)
        return judge(text)

    rails = app(judge_later if is_async else judge, **marks)
    assert run(lambda: read(rails, WORDS)) == WORDS
    assert len(seen) == 4
    found = run(lambda: read(rails, [*WORDS[:5], "BAD ", "w7"]))
    assert found[:-1] == WORDS[:4]
    assert (error_of(found[-1]) or {})["code"] == "content_blocked"
    assert len(seen) == 6, "an action that has judged a window is not asked again"
    for fault, code in ((lambda: 1 // 0, "rail_execution_failure"), (object, "rail_execution_failure"), (lambda: False, "content_blocked")):  # fmt: skip
        faults[:] = [fault]
        (error,) = run(lambda: read(rails, WORDS))
        assert (error_of(error) or {})["code"] == code
    faults.clear()
    assert run(lambda: read(rails, WORDS)) == WORDS, "a fault is over when it is over"


def test_a_slow_rail_ends_with_its_time_out() -> None:
    async def wait(text: str) -> bool:
        await asyncio.Event().wait()
        return True

    (error,) = run(lambda: read(app(wait, timeout=0.02), WORDS))
    assert (error_of(error) or {})["code"] == "rail_execution_failure"


def test_a_reader_that_is_cancelled_ends_rail_and_source() -> None:
    ended: list[str] = []

    async def wait(text: str) -> bool:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(text)
        return True

    async def source() -> AsyncGenerator[str]:
        try:
            for word in WORDS:
                yield word
        finally:
            ended.append("source")

    async def main() -> None:
        rails = app(wait)

        async def reading() -> None:
            async for _ in rails.stream_async("x", generator=source()):
                pass

        reader = asyncio.create_task(reading())
        await asyncio.sleep(0.05)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert ended == ["w0 w1 w2 w3 ", "source"]

    run(main)


def test_hundreds_of_streams_at_a_time_see_their_own_user_and_text() -> None:
    async def look_at(text: str, context: dict[str, Any]) -> RailOutcome:
        user = USER.get()
        await asyncio.sleep(0)
        assert USER.get() == user == context["user_message"]
        assert text.count(user) == len(text.split())
        return RailOutcome.block() if "BAD" in text else RailOutcome.allow()

    async def one(rails: LLMRails, number: int) -> list[str]:
        name = f"u{number}u"
        USER.set(name)
        words = [f"{name}{at} " for at in range(9)]
        if number % 3 == 0:
            words[6] = f"{name}BAD "
        return await read(rails, words, name)

    async def main() -> None:
        rails = app(look_at)
        found = await asyncio.gather(*(one(rails, number) for number in range(300)))
        for number, chunks in enumerate(found):
            assert len(chunks) == (7 if number % 3 == 0 else 9)
            assert (error_of(chunks[-1]) is not None) == (number % 3 == 0)

    run(main)
