"""The event log: a recorded conversation is repeated to the last uid, without actions or clocks."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import colang
from colang_interpreter import ActionResult, Bot, LogError, VirtualClock, action, compile, replay
from colang_interpreter.host.log import decode, encode
from colang_interpreter.machine import Event, Program
from fixtures.actions import BY_NAME
from fixtures.machines import FakeMachine, FakeProgram
from fixtures.sessions import run

PROGRAMS = {
    "dialog": """
import core

flow main
  global $user_name
  activate greeting
  activate farewell
  match Quit()

flow greeting
  global $user_name
  user said "hi"
  bot say "Hello {$user_name}"

flow farewell
  user said "bye"
  $n = randint(1000000)
  bot say "Bye {$n} {uid()}"
""",
    "actions": """
import core

flow main
  while True
    user said something as $u
    $a = await AddAction(a=1, b=2)
    $e = await EchoAction(value={"t": $u.transcript, "s": {1, 2}})
    await SetContextAction(key="color", value=["blue", 1.5])
    $c = await GetContextAction(key="color")
    start SlowEchoAction(value=$c) as $s
    await FailAction()
    match $s.Finished()
    bot say "{$a} {$e} {$c}"
""",
    "flows at run time": """
import core

flow main
  while True
    user said something
    $names = await AddFlowsAction(config="flow extra\\n  bot say \\"extra {1 + 1}\\"\\n")
    await await_flow_by_name "extra"
    await RemoveFlowsAction(flow_ids=$names)
""",
    "timers": """
import core
import timing

flow main
  activate waiting
  match Quit()

flow waiting
  user said something as $u
  wait 2.5
  bot say "still there, {$u.transcript}?"
""",
}


def program(text: str) -> Program:
    return compile(colang.Project.load({"main.co": text}))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_replay_is_identical(name: str) -> None:
    lines: list[str] = []
    recorded: list[str] = []
    compiled = program(PROGRAMS[name])

    async def work() -> None:
        clock = VirtualClock()
        bot = Bot(compiled, actions=list(BY_NAME.values()), clock=clock)
        async with bot.session(seed=3, context={"user_name": "Kim"}, log=lines.append) as session:
            for text in ("hi", "bye", "hi", "what?"):
                reply = await session.say(text)
                recorded.append(reply.text)
                await clock.advance(3)
                while (spontaneous := await session.receive(0)) is not None:
                    recorded.append(spontaneous.text)

    run(work)
    assert any(recorded)
    result = replay(compiled, lines)
    assert result.difference is None and result.is_identical
    said = [
        event["script"]
        for step in result.outgoing
        for event in step
        if event["type"] == "StartUtteranceBotAction"
    ]
    assert said == [line for text in recorded if text for line in text.split("\n")]
    assert replay(compiled, "".join(lines)).is_identical


def test_a_restored_session_has_a_log_of_its_own() -> None:
    lines: list[str] = []
    compiled = program(PROGRAMS["dialog"])

    async def work() -> None:
        bot = Bot(compiled)
        async with bot.session(seed=3) as session:
            await session.say("hi")
            saved = session.dump()
        async with bot.restore_session(saved, log=lines.append) as session:
            await session.say("bye")

    run(work)
    assert replay(compiled, lines).is_identical


def test_the_first_difference_is_found() -> None:
    lines, compiled = recorded_dialog()
    number = next(i for i, line in enumerate(lines) if "Hello" in line)
    lines[number] = lines[number].replace("Hello", "Goodbye")
    result = replay(compiled, lines)
    assert result.difference is not None and result.difference.line == number + 1
    assert "Goodbye" in str(result.difference.recorded)
    assert "Hello" in str(result.difference.replayed)


def recorded_dialog() -> tuple[list[str], Program]:
    lines: list[str] = []
    compiled = program(PROGRAMS["dialog"])

    async def work() -> None:
        async with Bot(compiled).session(seed=3, log=lines.append) as session:
            await session.say("hi")

    run(work)
    return lines, compiled


def test_the_first_line_names_version_program_and_seed() -> None:
    lines, compiled = recorded_dialog()
    header = json.loads(lines[0])
    assert (header["colang_log"], header["program"], header["seed"]) == (1, compiled.digest, 3)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


def test_damaged_logs_are_refused_with_the_line() -> None:
    lines, compiled = recorded_dialog()
    other = program("flow main\n  match Quit()\n")
    for damaged, message in [
        ([], "line 1: this is not an event log"),
        (["{}\n", *lines[1:]], "line 1: this is not an event log"),
        (["nonsense\n"], "line 1: not JSON"),
        (["[]\n"], "line 1: not an object"),
        (lines[:1], "the log ends before"),
        ([lines[0], *lines[2:]], "line 2: the conversation has not been started"),
        ([*lines, '{"do": "dance"}\n'], f"line {len(lines) + 1}: nothing is known about `dance`"),
        ([*lines, '{"do": "feed", "now": ""}\n'], f"line {len(lines) + 1}: `event` is missing"),
        ([*lines, '{"do": "feed", "now": "", "sent": [99, 0]}\n'], f"line {len(lines) + 1}: "),
    ]:
        with pytest.raises(LogError, match=message.replace("`", ".")):
            replay(compiled, damaged)
    with pytest.raises(LogError, match="the log was made with program"):
        replay(other, lines)


def test_objects_of_actions_are_where_a_replay_has_to_stop() -> None:
    class Thing: ...

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        return [machine.start("TryAction")] if event is None else []

    lines: list[str] = []

    async def work() -> None:
        bot = Bot(FakeProgram(handler), actions={"TryAction": Thing_maker})
        async with bot.session(log=lines.append) as session:
            await session.send()

    def Thing_maker() -> object:
        return Thing()

    run(work)
    with pytest.raises(LogError, match="Thing, which has no plain form"):
        replay(FakeProgram(handler), lines)


def test_an_error_of_the_machine_is_repeated() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "Go":
            raise LookupError("no such thing")
        return [{"type": "Seen"}] if event and event["type"] == "ColangError" else []

    lines: list[str] = []

    async def work() -> None:
        async with Bot(FakeProgram(handler)).session(log=lines.append) as session:
            await session.send({"type": "Go"})

    run(work)
    assert replay(FakeProgram(handler), lines).is_identical


def test_actions_that_end_together_are_recorded_in_their_order() -> None:
    @action(name="RaceAction")
    async def race(n: int) -> ActionResult:
        for _ in range((n * 7) % 5):
            await asyncio.sleep(0)
        return ActionResult(n, context_updates={"last": n})

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("RaceAction", n=n) for n in range(10)]
        if event["type"] == "RaceActionFinished":
            return [{"type": "Done", "n": event["return_value"], "last": machine.globals["last"]}]
        return []

    lines: list[str] = []
    done: list[int] = []

    async def work() -> None:
        async with Bot(FakeProgram(handler), actions=[race]).session(log=lines.append) as session:
            done.extend(event["n"] for event in (await session.send()).events)

    run(work)
    assert sorted(done) == list(range(10)) and done != sorted(done)
    result = replay(FakeProgram(handler), lines)
    assert result.is_identical
    assert [event["n"] for step in result.outgoing for event in step if "n" in event][10:] == done


NAMES = st.sampled_from("ABCDE")
GRAPHS = st.dictionaries(
    NAMES, st.lists(st.tuples(st.booleans(), NAMES, st.integers(0, 3)), max_size=3), max_size=5
)


@settings(max_examples=60)
@given(GRAPHS, st.lists(NAMES, max_size=4))
def test_whatever_happens_can_be_repeated(
    graph: dict[str, list[tuple[bool, str, int]]], inputs: list[str]
) -> None:
    """Programs that answer events with events and with actions of different length."""

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        name = "A" if event is None else event["type"].removesuffix("ActionFinished")
        machine.globals["count"] = count = machine.globals.get("count", 0) + 1
        if count > 60:
            return []
        return [
            machine.start(f"{name}Action", pauses=pauses) if is_action else {"type": name}
            for is_action, name, pauses in graph.get(name, [])
        ]

    async def wait(pauses: int) -> int:
        for _ in range(pauses):
            await asyncio.sleep(0)
        return pauses

    lines: list[str] = []
    sent: list[Event] = []

    async def work() -> None:
        actions = {"AAction": wait, "BAction": wait, "CAction": lambda pauses: pauses}
        bot = Bot(FakeProgram(handler), actions=actions)
        async with bot.session(seed=1, log=lines.append) as session:
            for name in inputs:
                sent.extend((await session.send({"type": name})).events)

    run(work)
    if inputs:
        result = replay(FakeProgram(handler), lines)
        assert result.is_identical
        everything = [event for step in result.outgoing for event in step]
        assert all(event in everything for event in sent)


# ---------------------------------------------------------------- values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=20,
)


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    back = decode(json.loads(json.dumps(encode(value))))
    assert back == value
    assert repr(back) == repr(value) or isinstance(value, (set, dict, list, tuple))


def test_values_without_a_plain_form() -> None:
    assert math.isnan(decode(encode(math.nan)))
    assert encode(object()) == {"$opaque": "builtins.object"}
    assert encode({"$opaque": 1}) == {"$dict": [["$opaque", 1]]}
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(LogError, match="no plain form"):
        decode(encode(circular))
