"""Python actions: names, injection, results, and everything that can go wrong in one."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from functools import partial
from typing import Any

import pytest

from colang_interpreter import ActionError, ActionResult, Bot, VirtualClock, action
from colang_interpreter.host.actions import ActionRegistry, snake_case
from colang_interpreter.machine import Event
from fixtures.machines import FakeMachine, FakeProgram
from fixtures.sessions import asks, run


def said(target: Any, text: str = "x", /, **arguments: Any) -> str:
    """What a bot says that answers with the value of this action."""
    replies: list[str] = []

    async def work() -> None:
        bot = Bot(FakeProgram(asks("TryAction", **arguments)), actions={"TryAction": target})
        async with bot.session(seed=1) as session:
            replies.append((await session.say(text)).text)

    run(work)
    return replies[0]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FetchPriceAction", "fetch_price"),
        ("fetch_price", "fetch_price"),
        ("GetHTTPCodeAction", "get_http_code"),
        ("HTTPGetAction", "http_get"),
        ("SelfCheck2Action", "self_check2"),
        ("Action", "action"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_lookup_takes_the_exact_name_first_and_the_latest_registration() -> None:
    def one() -> int:
        return 1

    registry = ActionRegistry().register(one, "fetch_price")
    found = registry.find("FetchPriceAction")
    assert found is not None and found.meta.name == "fetch_price"
    assert registry.find("FetchAction") is None
    registry.register(one, "FetchAction").register(one, "FetchPriceAction")
    exact = registry.find("FetchPriceAction")
    assert exact is not None and exact.meta.name == "FetchPriceAction"
    later = registry.register(lambda: 2, "FetchAction").find("FetchAction")
    assert later is not None and later.call({}) == 2


def test_the_decorator_keeps_the_function_and_its_marks() -> None:
    @action
    def bare() -> None: ...

    @action(is_system_action=True, execute_async=True)
    async def marked() -> None: ...

    assert bare.action_meta["name"] == "bare"  # type: ignore[attr-defined]
    marks = marked.action_meta  # type: ignore[attr-defined]
    assert (marks["name"], marks["is_system_action"], marks["execute_async"]) == (
        "marked",
        True,
        True,
    )
    with pytest.raises(ActionError, match="number of seconds"):
        action(timeout=0)


@pytest.mark.parametrize("rubbish", [5, "text", None, object(), type("Empty", (), {})])
def test_what_cannot_be_called_is_refused_at_registration(rubbish: Any) -> None:
    with pytest.raises(ActionError, match="method `run`"):
        ActionRegistry().register(rubbish, "x")


# ---------------------------------------------------------------- kinds of actions


def test_functions_classes_and_objects() -> None:
    made: list[object] = []

    class Shout:
        def __init__(self) -> None:
            made.append(self)

        async def run(self, text: str) -> str:
            return text.upper()

    class Chain:
        async def ainvoke(self, input: dict[str, Any]) -> str:
            return f"chain {input['text']}"

    class Callable_:
        def __call__(self, text: str) -> str:
            return f"called {text}"

    def returns_a_coroutine(text: str) -> Any:
        async def later() -> str:
            await asyncio.sleep(0)
            return f"later {text}"

        return later()

    assert said(Shout) == "X"
    assert len(made) == 1
    assert said(Shout()) == "X"
    assert said(Chain()) == "chain x"
    assert said(Callable_()) == "called x"
    assert said(returns_a_coroutine) == "later x"
    assert said(lambda text: f"lambda {text}") == "lambda x"


def test_a_class_is_instantiated_once_for_all_sessions() -> None:
    made: list[object] = []

    class Count:
        def __init__(self) -> None:
            made.append(self)

        def run(self, text: str) -> int:
            return len(made)

    bot = Bot(FakeProgram(asks("CountAction")), actions={"CountAction": Count})

    def talk() -> None:
        with bot.session_sync() as session:
            assert session.say_sync("x").text == "1"

    threads = [threading.Thread(target=talk) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bot.close()
    assert len(made) == 1


# ---------------------------------------------------------------- injection


def test_special_and_registered_parameters() -> None:
    seen: dict[str, Any] = {}

    def look(
        text: str,
        events: Any,
        context: Any,
        config: Any,
        state: Any,
        llm: Any,
        kb: Any,
        llm_task_manager: Any,
        price_list: Any,
        __context__user: Any,
        __context__missing: Any,
    ) -> str:
        seen.update(locals())
        return "looked"

    async def work() -> None:
        program = FakeProgram(asks("LookAction"))
        program.config = {"a": 1}
        bot = Bot(program, llm="model", actions=[look]).register_action_param("price_list", [1])
        async with bot.session(context={"user": "Kim"}) as session:
            assert (await session.say("x")).text == "looked"

    run(work)
    assert seen["text"] == "x"
    assert seen["context"] == {"user": "Kim"}
    assert [event["type"] for event in seen["events"]][:1] == ["UtteranceUserActionFinished"]
    assert (seen["config"], seen["llm"], seen["kb"]) == ({"a": 1}, "model", None)
    assert seen["price_list"] == [1] and isinstance(seen["state"], FakeMachine)
    assert (seen["__context__user"], seen["__context__missing"]) == ("Kim", None)


def test_an_action_can_have_a_model_of_its_own() -> None:
    def ask(text: str, llm: Any) -> str:
        return str(llm)

    async def work() -> None:
        bot = Bot(FakeProgram(asks("AskAction")), llm="main", actions=[ask])
        async with bot.session() as session:
            assert (await session.say("x")).text == "main"
            bot.register_action_param("ask_llm", "small")
            assert (await session.say("x")).text == "small"

    run(work)


def test_flow_arguments_do_not_replace_what_the_host_injects() -> None:
    assert said(lambda state: type(state).__name__, state="forged") == "FakeMachine"


def test_a_text_like_a_variable_is_left_alone() -> None:  # Q44
    assert said(lambda text: text, "$secret") == "$secret"


# ---------------------------------------------------------------- what goes wrong


def raising(text: str) -> None:
    raise KeyError("no such\nthing")


async def raising_later(text: str) -> None:
    await asyncio.sleep(0)
    raise ValueError("bad value")


async def cancelling_itself(text: str) -> None:
    raise asyncio.CancelledError


def exiting(text: str) -> None:
    sys.exit(3)


def stopping(text: str) -> None:
    raise StopIteration


class CannotBeMade:
    def __init__(self) -> None:
        raise OSError("no disk")

    def run(self, text: str) -> None: ...


FAULTS = [
    (raising, r"KeyError: 'no such\\nthing' \(test_host_actions.py:\d+\)$"),
    (raising_later, r"ValueError: bad value \(test_host_actions.py:\d+\)$"),
    (cancelling_itself, "it was cancelled"),
    (exiting, r"SystemExit: 3 \(test_host_actions.py:\d+\)$"),
    (stopping, "StopIteration"),
    (CannotBeMade, r"OSError: no disk \(test_host_actions.py:\d+\)$"),
    (lambda text: ActionResult(1, context_updates=5), "context_updates is int, not a mapping"),  # type: ignore[arg-type]
    (lambda text: ActionResult(1, events="x"), "events is str, not a list"),  # type: ignore[arg-type]
    (lambda: 1, "action `TryAction` has no parameter `text`; it takes none"),
    (lambda texts: 1, "has no parameter `text`; it takes `texts`"),
    (lambda text, more: 1, r"action `TryAction` needs `more` \(test_host_actions.py:\d+\)"),
]


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize(("target", "reason"), FAULTS)
def test_a_fault_is_a_failed_action_and_the_session_goes_on(
    target: Any, reason: str, threads: bool
) -> None:
    async def work() -> None:
        bot = Bot(
            FakeProgram(asks("TryAction")),
            actions={"TryAction": target},
            sync_actions="thread" if threads else "inline",
        )
        async with bot.session("kim") as session:
            for _ in range(2):
                reply = await session.say("x")
                assert reply.text.startswith("failed: ")
                assert re.search(reason, reply.text), reply.text
                (note,) = reply.trace.notes
                assert note.kind == "failed"
                assert note.text.startswith("session 'kim': action `TryAction` failed: ")

    run(work)


def test_positional_arguments_are_refused_with_the_names() -> None:
    text = said(lambda item, events: 1, **{"$0": 5})
    assert "positional arguments; name them: `item`" in text


def test_rubbish_results_stay_usable_and_are_refused_when_saved() -> None:
    class Thing:
        def __str__(self) -> str:
            return "a thing"

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "TryActionFinished":
            machine.globals["thing"] = event["return_value"]
        return asks("TryAction")(machine, event) or []

    async def work() -> None:
        bot = Bot(FakeProgram(handler), actions={"TryAction": lambda text: Thing()})
        async with bot.session() as session:
            assert (await session.say("x")).text == "a thing"
            with pytest.raises(TypeError, match="Thing"):  # the machine's own words
                session.dump()
            assert (await session.say("x")).text == "a thing"

    run(work)


def test_a_hanging_action_times_out() -> None:
    @action(name="TryAction", timeout=5.0)
    async def hang(text: str) -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        clock = VirtualClock()
        bot = Bot(FakeProgram(asks("TryAction")), actions=[hang], clock=clock)
        async with bot.session() as session:
            turn = asyncio.ensure_future(session.say("x"))
            await clock.advance(4.9)
            assert not turn.done()
            await clock.advance(0.2)
            assert (await turn).text == "failed: it did not end within 5 s"

    run(work)


def test_an_action_that_ignores_its_cancellation_does_not_hold_up_the_turn() -> None:
    release = asyncio.Event()

    async def stubborn(text: str) -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "too late"

    async def work() -> None:
        clock = VirtualClock()
        bot = Bot(
            FakeProgram(asks("TryAction")),
            actions={"TryAction": stubborn},
            clock=clock,
            action_timeout=1.0,
        )
        async with bot.session() as session:
            turn = asyncio.ensure_future(session.say("x"))
            await clock.advance(1.0)
            assert (await turn).text == "failed: it did not end within 1 s"
            release.set()
            await asyncio.sleep(0)
            assert await session.receive(0) is None

    run(work)


def test_blocking_actions_get_a_thread_on_request() -> None:
    here = threading.get_ident()

    @action(name="TryAction", thread=True)
    def threaded(text: str) -> bool:
        return threading.get_ident() != here

    assert said(threaded) == "True"
    assert said(lambda text: threading.get_ident() == here) == "True"


# ---------------------------------------------------------------- coroutine functions that wait for nothing


class Opened:
    """An asynchronous context manager, and an asynchronous iterator without items."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...

    def __aiter__(self) -> Opened:
        return self

    async def __anext__(self) -> int:
        raise StopAsyncIteration


async def at_once(text: str) -> str:
    async def unused() -> None:
        await asyncio.sleep(0)

    return in_which_task()


async def with_await(text: str) -> str:
    await asyncio.sleep(0)
    return in_which_task()


async def with_async_with(text: str) -> str:
    async with Opened():
        return in_which_task()


async def with_async_for(text: str) -> str:
    async for _ in Opened():
        pass
    return in_which_task()


async def with_comprehension(text: str) -> str:
    return in_which_task() + "".join([str(item) async for item in Opened()])


class Method:
    async def run(self, text: str) -> str:
        return in_which_task()


@action(execute_async=True)
class Background(Method): ...


def in_which_task() -> str:
    return "own" if asyncio.current_task() is not turn_task else "turn"


turn_task: asyncio.Task[Any] | None = None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (at_once, "turn"),
        (Method, "turn"),
        (Background, "own"),
        (with_await, "own"),
        (with_async_with, "own"),
        (with_async_for, "own"),
        (with_comprehension, "own"),
        (partial(at_once), "own"),  # nobody looks into objects
    ],
)
def test_a_task_is_made_only_for_what_may_wait(target: Any, expected: str) -> None:
    replies: list[str] = []

    async def work() -> None:
        global turn_task
        turn_task = asyncio.current_task()
        bot = Bot(FakeProgram(asks("TryAction")), actions={"TryAction": target})
        conversation = bot.conversation(seed=1)
        events: list[Event] = [{"type": "UtteranceUserActionFinished", "final_transcript": "x"}]
        turn = await conversation.process(events, blocking=True)
        replies.append(str(turn.trace.actions[0].return_value))
        await conversation.close()

    run(work)
    assert replies == [expected]


async def cancelled(text: str) -> None:
    raise asyncio.CancelledError


async def exhausted(text: str) -> None:
    raise StopIteration


async def failing(text: str) -> None:
    raise KeyError("price")


@pytest.mark.parametrize(
    ("target", "failure"),
    [
        (cancelled, "it was cancelled"),
        (exhausted, "RuntimeError: coroutine raised StopIteration"),
        (failing, "KeyError: 'price'"),
    ],
)
def test_what_a_function_that_waits_for_nothing_raises_is_its_failure(
    target: Any, failure: str
) -> None:
    failures: list[str | None] = []

    async def work() -> None:
        bot = Bot(FakeProgram(asks("TryAction")), actions={"TryAction": target})
        async with bot.session(seed=1) as session:
            reply = await session.say("x")
            failures.extend(run.failure for run in reply.trace.actions)

    run(work)
    assert str(failures[0]).startswith(failure)
