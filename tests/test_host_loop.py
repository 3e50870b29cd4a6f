"""The outer loop (colang-2.md 7.2), on a machine that is a Python function."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from colang_interpreter.host.actions import ActionResult, action
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.clock import VirtualClock, stamp
from colang_interpreter.host.loop import Conversation
from colang_interpreter.host.saving import ConversationError
from colang_interpreter.machine import Event
from fixtures.machines import FakeMachine, FakeProgram, Handler
from fixtures.sessions import run, types


def conversation(handler: Handler, *actions: Any, **options: Any) -> Conversation:
    bot = Bot(FakeProgram(handler), actions=actions, clock=VirtualClock(), **options)
    return bot.conversation(seed=1)


def test_outgoing_events_are_fed_back_round_by_round() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        answers = {"A": ["A1", "A2"], "A1": ["A11"], "B": ["B1"]}
        return [{"type": name} for name in answers.get(event["type"] if event else "", [])]

    async def work() -> None:
        turn = await conversation(handler).process([{"type": "A"}, {"type": "B"}])
        assert types(turn.output) == ["A1", "A2", "B1", "A11"]
        fed = [step.event["type"] for step in turn.trace.steps if step.event]
        assert fed == ["A", "B", "A1", "A2", "B1", "A11"]

    run(work)


def test_main_starts_before_the_events_and_again_when_it_has_ended() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [{"type": "Hello"}]
        if event["type"] == "Bye":
            machine.main_is_waiting = True
        return []

    async def work() -> None:
        talk = conversation(handler)
        assert types((await talk.process([{"type": "Bye"}])).output) == ["Hello"]
        assert types((await talk.process([])).output) == ["Hello"]
        assert types((await talk.process([])).output) == []

    run(work)


def test_local_actions_run_and_stay_unreported() -> None:
    @action(name="AddAction")
    async def add(a: int, b: int = 10) -> int:
        await asyncio.sleep(0)
        return a + b

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("AddAction", a=1), {"type": "Asked"}]
        if event["type"] == "AddActionFinished":
            return [{"type": "R", "v": event["return_value"], "ok": event["is_success"]}]
        return []

    async def work() -> None:
        turn = await conversation(handler, add).process([])
        assert types(turn.output) == ["Asked", "R"]
        assert turn.output[1] == {"type": "R", "v": 11, "ok": True}
        (ran,) = turn.trace.actions
        assert (ran.name, ran.return_value, ran.failure) == ("AddAction", 11, None)
        assert ran.where.startswith("test_host_loop.py:")

    run(work)


def test_unregistered_actions_are_outgoing_events() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        return [machine.start("RemoteAction", x=1)] if event is None else []

    async def work() -> None:
        turn = await conversation(handler).process([])
        assert types(turn.output) == ["StartRemoteAction"]

    run(work)


def test_instant_actions_are_finished_in_place_of_their_start() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("UtteranceBotAction", script="Hi")]
        if event["type"] == "UtteranceBotActionFinished":
            return [{"type": "Said", "text": event["final_script"]}]
        return []

    async def work() -> None:
        turn = await conversation(handler).process([], instant_actions=["UtteranceBotAction"])
        assert types(turn.output) == ["UtteranceBotActionFinished", "Said"]
        assert turn.output[0]["final_script"] == turn.output[1]["text"] == "Hi"

    run(work)


def test_actions_finish_in_order_of_completion() -> None:
    clock = VirtualClock()

    @action(name="SleepAction")
    async def sleep(seconds: float) -> float:
        await clock.sleep(seconds)
        return seconds

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("SleepAction", seconds=s) for s in (3.0, 1.0, 2.0)]
        if event["type"] == "SleepActionFinished":
            return [{"type": "Done", "s": event["return_value"]}]
        return []

    async def work() -> None:
        bot = Bot(FakeProgram(handler), actions=[sleep], clock=clock)
        turn = asyncio.ensure_future(bot.conversation().process([]))
        await asyncio.sleep(0)
        await clock.advance(3)
        assert [event["s"] for event in (await turn).output] == [1.0, 2.0, 3.0]

    run(work)


def test_background_actions_are_collected_later() -> None:
    release = asyncio.Event()

    @action(name="SlowAction", execute_async=True)
    async def slow() -> int:
        await release.wait()
        return 3

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("SlowAction")]
        if event["type"] == "SlowActionFinished":
            return [{"type": "R", "v": event["return_value"]}]
        return []

    async def work() -> None:
        talk = conversation(handler, slow)
        assert (await talk.process([])).output == []
        (pending,) = (await talk.process([{"type": "CheckLocalAsync"}])).output
        assert (pending["type"], pending["counter"]) == ("LocalAsyncCounter", 1)
        release.set()
        await asyncio.sleep(0.01)
        turn = await talk.process([{"type": "CheckLocalAsync"}])
        assert types(turn.output) == ["R", "LocalAsyncCounter"]
        assert turn.output[1]["counter"] == 0

    run(work)


def test_blocking_waits_for_background_actions() -> None:
    @action(name="SlowAction", execute_async=True)
    async def slow() -> None:
        await asyncio.sleep(0.01)

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("SlowAction")]
        return [{"type": "R"}] if event["type"] == "SlowActionFinished" else []

    async def work() -> None:
        turn = await conversation(handler, slow).process([], blocking=True)
        assert types(turn.output) == ["R"]

    run(work)


def test_an_endless_exchange_is_cut_off_and_said_so() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        kinds = {"Ping": "Pong", "Pong": "Ping", "Call": "Echo"}
        name = kinds.get(event["type"]) if event else None
        return [{"type": name}] if name else []

    async def work() -> None:
        talk = conversation(handler)
        turn = await talk.process([{"type": "Ping"}])
        assert turn.processed == 500
        (note,) = turn.trace.notes
        assert note.kind == "limit" and "500 events" in note.text
        assert types((await talk.process([{"type": "Call"}])).output) == ["Echo"]

    run(work)


def test_internal_names_are_refused_from_outside() -> None:
    seen: list[str] = []

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        seen.append(event["type"] if event else "")
        return []

    async def work() -> None:
        turn = await conversation(handler).process([{"type": "FinishFlow", "flow_id": "job"}])
        assert seen == [""]
        (note,) = turn.trace.notes
        assert note.kind == "refused" and "`FinishFlow`" in note.text

    run(work)


@pytest.mark.parametrize("rubbish", [None, 5, "text", [], {}, {"type": ""}, {"type": 5}])
def test_what_is_no_event_is_refused_before_anything_happens(rubbish: Any) -> None:
    async def work() -> None:
        talk = conversation(lambda machine, event: [])
        with pytest.raises(ValueError, match="an event is a dictionary"):
            await talk.process([{"type": "Fine"}, rubbish])
        assert not talk.has_begun

    run(work)


def test_context_updates_apply_before_the_finished_event() -> None:
    def set_color(context: dict[str, Any]) -> ActionResult:
        context["color"] = "lost: a copy"
        return ActionResult("ok", context_updates={"color": "blue"})

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("SetColorAction")]
        if event["type"] == "SetColorActionFinished":
            return [{"type": "R", "r": event["return_value"], "c": machine.globals["color"]}]
        return []

    async def work() -> None:
        turn = await conversation(handler, set_color).process([])
        assert turn.output == [{"type": "R", "r": "ok", "c": "blue"}]

    run(work)


def test_an_error_of_the_machine_becomes_an_event() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "Go":
            raise LookupError("no such thing")
        return [{"type": "Seen"}] if event and event["type"] == "ColangError" else []

    async def work() -> None:
        turn = await conversation(handler).process([{"type": "Go"}])
        assert types(turn.output) == ["Seen"]
        assert turn.trace.notes[0].kind == "error"

    run(work)


def test_a_flow_can_stop_its_local_action() -> None:
    ended: list[str] = []

    @action(name="SlowAction", execute_async=True)
    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("slow")

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            started = machine.start("SlowAction")
            machine.globals["uid"] = started["action_uid"]
            return [started]
        if event["type"] == "Stop":
            return [{"type": "StopSlowAction", "action_uid": machine.globals["uid"]}]
        return []

    async def work() -> None:
        talk = conversation(handler, slow)
        await talk.process([])
        await asyncio.sleep(0)
        assert types((await talk.process([{"type": "Stop"}])).output) == ["StopSlowAction"]
        await asyncio.sleep(0.01)
        assert ended == ["slow"]
        (pending,) = (await talk.process([{"type": "CheckLocalAsync"}])).output
        assert pending["counter"] == 0

    run(work)


def test_calls_of_one_conversation_queue_up() -> None:
    @action(name="WaitAction")
    async def wait() -> None:
        await asyncio.sleep(0.005)

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "Go":
            machine.globals["n"] = event["n"]
            return [machine.start("WaitAction")]
        if event is not None and event["type"] == "WaitActionFinished":
            return [{"type": "R", "n": machine.globals["n"]}]
        return []

    async def work() -> None:
        talk = conversation(handler, wait)
        turns = await asyncio.gather(*(talk.process([{"type": "Go", "n": n}]) for n in range(5)))
        assert [turn.output[0]["n"] for turn in turns] == [0, 1, 2, 3, 4]

    run(work)


def test_a_closed_conversation_says_so() -> None:
    async def work() -> None:
        talk = conversation(lambda machine, event: [])
        await talk.process([])
        await talk.close()
        with pytest.raises(ConversationError, match="closed"):
            await talk.process([])

    run(work)


def test_a_fork_goes_its_own_way() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        machine.globals["n"] = machine.globals.get("n", 0) + 1
        return [{"type": "N", "n": machine.globals["n"]}] if event and event["type"] == "Go" else []

    async def work() -> None:
        talk = conversation(handler)
        await talk.process([])
        twin = talk.fork()
        await talk.process([{"type": "Go"}])
        (event,) = (await twin.process([{"type": "Go"}])).output
        assert event["n"] == 2
        assert twin.machine.globals["n"] == 3
        assert talk.machine.globals["n"] == 3

    run(work)


@pytest.mark.parametrize("micro", [0, 7, 123_456, 999_999])
def test_moments_are_written_as_the_library_does(micro: int) -> None:
    for second in (1_700_000_000, 1_700_000_000, 1_700_000_001, 1_699_999_999, 0, 4_102_444_799):
        moment = datetime.fromtimestamp(second, timezone.utc) + timedelta(microseconds=micro)
        assert stamp(moment) == moment.isoformat()
        elsewhere = moment.astimezone(timezone(timedelta(hours=2)))
        assert stamp(elsewhere) == elsewhere.isoformat()
