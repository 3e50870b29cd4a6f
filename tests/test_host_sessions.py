"""Sessions: turns in order, data per request, timers between turns, cancelling, saving, closing."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from colang_interpreter import (
    Bot,
    ConversationError,
    VirtualClock,
    action,
    current_request,
    current_session_id,
)
from colang_interpreter.machine import Event
from fixtures.machines import FakeMachine, FakeProgram
from fixtures.sessions import asks, run, types


def echo(machine: FakeMachine, event: Event | None) -> list[Event]:
    if event is not None and event["type"] == "UtteranceUserActionFinished":
        return [machine.start("UtteranceBotAction", script=f"You said {event['final_transcript']}")]
    if event is not None and event["type"] == "UtteranceBotActionFinished":
        return [{"type": "Spoken"}]
    return []


def timed(machine: FakeMachine, event: Event | None) -> list[Event]:
    """Sets a timer on each utterance ("3.5" seconds, "stop" stops it); says when it is over."""
    if event is None:
        return []
    if event["type"] == "UtteranceUserActionFinished":
        if event["final_transcript"] == "stop":
            uid = machine.globals["timer"]
            return [{"type": "StopTimerBotAction", "action_uid": uid}]
        duration = float(event["final_transcript"])
        started = machine.start("TimerBotAction", timer_name="t", duration=duration)
        machine.globals["timer"] = started["action_uid"]
        return [started]
    if event["type"] == "TimerBotActionFinished":
        return [machine.start("UtteranceBotAction", script=f"over at {machine.now[14:19]}")]
    return []


# ---------------------------------------------------------------- turns


def test_say() -> None:
    async def work() -> None:
        async with Bot(FakeProgram(echo)).session("kim") as session:
            reply = await session.say("hi")
            assert reply.text == "You said hi"
            assert types(reply.events) == ["StartUtteranceBotAction", "Spoken"]
            fed = types(step.event for step in reply.trace.steps if step.event)
            assert fed == [
                "UtteranceUserActionFinished",
                "StartUtteranceBotAction",
                "UtteranceBotActionStarted",
                "UtteranceBotActionFinished",
                "Spoken",
            ]

    run(work)


def test_several_utterances_are_lines_of_the_text() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("UtteranceBotAction", script=text) for text in ("Hello!", "You?")]
        return []

    async def work() -> None:
        async with Bot(FakeProgram(handler)).session() as session:
            assert (await session.send()).text == "Hello!\nYou?"

    run(work)


def test_a_channel_that_is_not_the_hosts_is_left_to_the_embedder() -> None:
    async def work() -> None:
        async with Bot(FakeProgram(echo), channels=["timer"]).session() as session:
            reply = await session.say("hi")
            assert (reply.text, types(reply.events)) == ("You said hi", ["StartUtteranceBotAction"])
            uid = reply.events[0]["action_uid"]
            done = await session.send({"type": "UtteranceBotActionFinished", "action_uid": uid})
            assert types(done.events) == ["Spoken"]

    run(work)
    with pytest.raises(ValueError, match="no channel is named 'smoke'"):
        Bot(FakeProgram(echo), channels=["smoke"])


@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_decides_the_uids(seed: int) -> None:
    async def work() -> None:
        uids = set[str]()
        for _ in range(2):
            async with Bot(FakeProgram(echo)).session(seed=seed) as session:
                uids.add((await session.say("x")).events[0]["action_uid"])
        assert uids == {f"{seed}-1"}

    run(work)


# ---------------------------------------------------------------- data per request


@action(name="WhoAction")
async def who(text: str) -> str:
    user = current_request()["user"]
    await asyncio.sleep(random.random() / 200)
    assert current_request()["user"] == user
    return f"{current_session_id()} {user}"


@action(name="WhoAction")
def who_sync(text: str) -> str:
    return f"{current_session_id()} {current_request()['user']}"


@action(name="WhoAction", execute_async=True)
async def who_background(text: str) -> str:
    await asyncio.sleep(random.random() / 200)
    return f"{current_session_id()} {current_request()['user']}"


@action(name="WhoAction", thread=True)
def who_threaded(text: str) -> str:
    return f"{current_session_id()} {current_request()['user']}"


@action(name="WhoAction")
class WhoClass:
    async def run(self, text: str) -> str:
        await asyncio.sleep(random.random() / 200)
        return f"{current_session_id()} {current_request()['user']}"


KINDS = [who, who_sync, who_background, who_threaded, WhoClass]


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_interleaved_conversations_do_not_mix_up(kind: Any) -> None:
    async def work() -> None:
        bot = Bot(FakeProgram(asks("WhoAction")), actions=[kind])

        async def talk(number: int) -> None:
            name = f"s{number}"
            async with bot.session(name, request={"user": f"of {name}"}) as session:
                for turn in range(3):
                    assert (await session.say("?")).text == f"{name} of {name}"
                    mine = {"user": f"{name}-{turn}"}
                    assert (await session.say("?", request=mine)).text == f"{name} {name}-{turn}"
                    await asyncio.sleep(0)

        await asyncio.gather(*(talk(number) for number in range(200)))
        assert dict(current_request()) == {}

    run(work)


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_threads_do_not_mix_up(kind: Any) -> None:
    bot = Bot(FakeProgram(asks("WhoAction")), actions=[kind])
    wrong: list[object] = []

    def talk(number: int) -> None:
        try:
            with bot.session_sync(f"s{number}") as session:
                for turn in range(5):
                    reply = session.say_sync("?", request={"user": (number, turn)})
                    assert reply.text == f"s{number} {(number, turn)}"
        except BaseException as problem:  # noqa: BLE001 - shown below, in the main thread
            wrong.append(problem)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    bot.close()
    assert not wrong


def test_threads_with_loops_of_their_own_share_a_bot() -> None:
    bot = Bot(FakeProgram(asks("WhoAction")), actions=[who])
    texts: list[str] = []

    def talk(number: int) -> None:
        async def work() -> None:
            async with bot.session(f"s{number}", request={"user": number}) as session:
                texts.append((await session.say("?")).text)

        asyncio.run(work())

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(texts) == sorted(f"s{number} {number}" for number in range(20))


def test_the_mapping_itself_is_shared_so_actions_can_leave_notes_in_it() -> None:
    def count(text: str) -> int:
        request: Any = current_request()
        request["calls"] += 1
        return int(request["calls"])

    async def work() -> None:
        request = {"calls": 0}
        bot = Bot(FakeProgram(asks("CountAction")), actions=[count])
        async with bot.session(request=request) as session:
            await session.say("?")
            assert (await session.say("?")).text == "2"
        assert request == {"calls": 2}

    run(work)


def test_a_timer_carries_the_request_of_the_turn_that_has_set_it() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "TimerBotActionFinished":
            return [machine.start("WhoAction", text="")]
        if event is not None and event["type"] == "WhoActionFinished":
            return [machine.start("UtteranceBotAction", script=event["return_value"])]
        return timed(machine, event)

    async def work() -> None:
        clock = VirtualClock()
        bot = Bot(FakeProgram(handler), actions=[who_sync], clock=clock)
        async with bot.session("s", request={"user": "session"}) as session:
            await session.say("2", request={"user": "turn"})
            await session.say("100")
            await clock.advance(2)
            reply = await session.receive(0)
            assert reply is not None and reply.text == "s turn"

    run(work)


# ---------------------------------------------------------------- timers and background work


def test_timers_fire_between_turns() -> None:
    async def work() -> None:
        clock = VirtualClock()
        async with Bot(FakeProgram(timed), clock=clock).session() as session:
            assert types((await session.say("3")).events) == ["StartTimerBotAction"]
            await clock.advance(2.5)
            assert await session.receive(0) is None
            await clock.advance(2.5)
            reply = await session.receive(0)
            assert reply is not None and reply.text == "over at 00:03"

    run(work)


def test_a_repeating_timer_fires_at_each_of_its_times() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        tick = machine.start("TimerBotAction", timer_name="t", duration=1.0)
        if event is None:
            return [tick]
        if event["type"] == "TimerBotActionFinished":
            return [{"type": "Tick", "at": machine.now[17:19]}, tick]
        return []

    async def work() -> None:
        clock = VirtualClock()
        async with Bot(FakeProgram(handler), clock=clock).session() as session:
            await session.send()
            await clock.advance(3.5)
            at = []
            while (reply := await session.receive(0)) is not None:
                at += [event["at"] for event in reply.events if event["type"] == "Tick"]
            assert at == ["01", "02", "03"]

    run(work)


def test_timers_on_the_real_clock() -> None:
    async def work() -> None:
        async with Bot(FakeProgram(timed)).session() as session:
            await session.say("0.01")
            reply = await session.receive(5)
            assert reply is not None and reply.text.startswith("over at ")
            assert await session.receive(0.02) is None

    run(work)


def test_each_utterance_has_a_uid_of_its_own() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "UtteranceUserActionFinished":
            return [machine.start("UtteranceBotAction", script=event["action_uid"])]
        return []

    async def work() -> None:
        bot = Bot(FakeProgram(handler))
        async with bot.session() as session:
            replies = await asyncio.gather(*(session.say("x") for _ in range(3)))
            saved = session.dump()
        async with bot.restore_session(saved) as session:
            replies.append(await session.say("x"))
        assert [reply.text for reply in replies] == ["user-1", "user-2", "user-3", "user-4"]

    run(work)


def test_a_stopped_timer_stays_silent() -> None:
    async def work() -> None:
        clock = VirtualClock()
        async with Bot(FakeProgram(timed), clock=clock).session() as session:
            await session.say("3")
            await session.say("stop")
            await clock.advance(10)
            assert await session.receive(0) is None

    run(work)


@pytest.mark.parametrize("duration", [-1, float("nan"), float("inf"), "3", None, True])
def test_a_timer_without_a_duration_fails(duration: Any) -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("TimerBotAction", duration=duration)]
        if event["type"] == "TimerBotActionFinished":
            return [{"type": "End", "why": event["failure_reason"], "ok": event["is_success"]}]
        return []

    async def work() -> None:
        async with Bot(FakeProgram(handler)).session() as session:
            end = (await session.send()).events[-1]
            assert end["ok"] is False and end["why"].startswith("duration is ")

    run(work)


def test_a_timer_is_heard_while_a_turn_waits_for_an_action() -> None:
    clock = VirtualClock()

    @action(name="SlowAction")
    async def slow() -> None:
        await clock.sleep(10)

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("SlowAction"), machine.start("TimerBotAction", duration=5)]
        answers = {"TimerBotActionFinished": "One moment.", "SlowActionFinished": "Done."}
        script = answers.get(event["type"])
        return [machine.start("UtteranceBotAction", script=script)] if script else []

    async def work() -> None:
        async with Bot(FakeProgram(handler), actions=[slow], clock=clock).session() as session:
            turn = asyncio.ensure_future(session.send())
            await clock.advance(10)
            assert (await turn).text == "One moment.\nDone."

    run(work)


def test_background_actions_can_outlive_their_turn() -> None:
    release = asyncio.Event()

    @action(name="TryAction", execute_async=True)
    async def slow(text: str) -> str:
        await release.wait()
        return "at last"

    async def work() -> None:
        bot = Bot(FakeProgram(asks("TryAction")), actions=[slow], wait_for_background=False)
        async with bot.session() as session:
            assert (await session.say("x")).text == ""
            waiting = asyncio.ensure_future(session.receive(5))
            await asyncio.sleep(0)
            release.set()
            reply = await waiting
            assert reply is not None and reply.text == "at last"

    run(work)


def test_postures_last_until_they_are_stopped() -> None:
    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is None:
            return [machine.start("PostureBotAction", posture="idle")]
        if event["type"] == "Stop":
            return [{"type": "StopPostureBotAction", "action_uid": f"{machine.seed}-1"}]
        return []

    async def work() -> None:
        async with Bot(FakeProgram(handler)).session(seed=1) as session:
            begun = await session.send()
            assert "PostureBotActionFinished" not in fed(begun)
            assert "PostureBotActionFinished" in fed(await session.send({"type": "Stop"}))

    def fed(reply: Any) -> list[str]:
        return types(step.event for step in reply.trace.steps if step.event)

    run(work)


# ---------------------------------------------------------------- cancelling and closing


def hanging(started: list[str], stopped: list[str]) -> Callable[..., Any]:
    async def hang(text: str) -> str:
        if text != "hang":
            return text
        started.append(text)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(text)
        return "never"

    return hang


def test_a_cancelled_turn_stops_its_actions_and_leaves_the_session_usable() -> None:
    async def work() -> None:
        started: list[str] = []
        stopped: list[str] = []
        actions = {"TryAction": hanging(started, stopped)}
        async with Bot(FakeProgram(asks("TryAction")), actions=actions).session() as session:
            for _ in range(3):
                turn = asyncio.ensure_future(session.say("hang"))
                while len(started) == len(stopped):
                    await asyncio.sleep(0)
                turn.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await turn
                await asyncio.sleep(0)
                assert len(stopped) == len(started)
                reply = await session.say("fine")
                reason = "failed: it was stopped, because its turn was cancelled"
                assert reply.text == f"{reason}\nfine"
                assert [note.kind for note in reply.trace.notes] == ["failed"]

    run(work)


def test_a_turn_that_waits_for_its_order_can_be_cancelled() -> None:
    async def work() -> None:
        clock = VirtualClock()

        async def slow(text: str) -> str:
            await clock.sleep(1)
            return text

        bot = Bot(FakeProgram(asks("TryAction")), actions={"TryAction": slow}, clock=clock)
        async with bot.session() as session:
            turns = [asyncio.ensure_future(session.say(text)) for text in "abc"]
            await asyncio.sleep(0)
            turns[1].cancel()
            await clock.advance(1)
            await clock.advance(1)
            assert ((await turns[0]).text, (await turns[2]).text) == ("a", "c")

    run(work)


def test_time_limits_of_the_embedder_work() -> None:
    async def work() -> None:
        actions = {"TryAction": hanging([], [])}
        async with Bot(FakeProgram(asks("TryAction")), actions=actions).session() as session:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(session.say("hang"), 0.01)
            assert (await session.say("fine")).text.endswith("\nfine")

    run(work)


def test_closing_stops_timers_and_actions() -> None:
    stopped: list[str] = []

    @action(name="TryAction", execute_async=True)
    async def hang(text: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(text)

    def handler(machine: FakeMachine, event: Event | None) -> list[Event]:
        if event is not None and event["type"] == "TimerBotActionFinished":
            raise AssertionError("the timer is still running")
        timer = machine.start("TimerBotAction", duration=0.01)
        return [timer] if event is None else asks("TryAction")(machine, event) or []

    async def work() -> None:
        bot = Bot(FakeProgram(handler), actions=[hang], wait_for_background=False)
        async with bot.session() as session:
            await session.say("x")
            await asyncio.sleep(0)
        assert stopped == ["x"]
        await asyncio.sleep(0.03)
        with pytest.raises(ConversationError, match="closed"):
            await session.say("x")
        with pytest.raises(ConversationError, match="closed"):
            await session.receive()
        await session.close()

    run(work)


def test_closing_does_not_wait_for_ever() -> None:
    release = asyncio.Event()

    async def stubborn(text: str) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def work() -> None:
        bot = Bot(FakeProgram(asks("TryAction")), actions={"TryAction": stubborn})
        session = await bot.session().open()
        turn = asyncio.ensure_future(session.say("x"))
        await asyncio.sleep(0.01)
        await session.close()
        with pytest.raises(ConversationError, match="closed in the middle of a turn"):
            await turn
        release.set()
        await asyncio.sleep(0.01)

    run(work)


def test_five_hundred_sessions_at_a_time() -> None:
    async def work() -> None:
        bot = Bot(FakeProgram(asks("WhoAction")), actions=[who])

        async def talk(number: int) -> None:
            async with bot.session(f"s{number}", request={"user": number}) as session:
                for _ in range(3):
                    assert (await session.say("?")).text == f"s{number} {number}"

        await asyncio.gather(*(talk(number) for number in range(500)))

    run(work)


# ---------------------------------------------------------------- using it the wrong way


def test_a_session_wants_to_be_opened_and_used_in_one_loop() -> None:
    bot = Bot(FakeProgram(echo))

    async def not_open() -> None:
        with pytest.raises(ConversationError, match="not open"):
            await bot.session().say("x")

    run(not_open)
    with bot.session_sync("kim") as session:

        async def elsewhere() -> None:
            with pytest.raises(ConversationError, match="belongs to the event loop"):
                await session.say("x")
            with pytest.raises(RuntimeError, match="inside a running event loop"):
                session.say_sync("x")
            with (
                pytest.raises(RuntimeError, match="inside a running event loop"),
                bot.session_sync(),
            ):
                pass

        run(elsewhere)
        assert session.say_sync("x").text == "You said x"
        assert session.send_sync({"type": "Nothing"}).events == ()
        assert session.receive_sync(0) is None
    bot.close()


def test_a_text_is_a_text() -> None:
    async def work() -> None:
        async with Bot(FakeProgram(echo)).session() as session:
            with pytest.raises(TypeError, match="a text, not int"):
                await session.say(5)  # type: ignore[arg-type]

    run(work)


# ---------------------------------------------------------------- saving


def counting(machine: FakeMachine, event: Event | None) -> list[Event]:
    if event is None or event["type"] != "UtteranceUserActionFinished":
        return []
    machine.globals["n"] = machine.globals.get("n", 0) + 1
    return [machine.start("UtteranceBotAction", script=f"{machine.globals['n']}")]


def test_a_restored_session_goes_on() -> None:
    async def work() -> None:
        bot = Bot(FakeProgram(counting))
        async with bot.session("kim", seed=1) as session:
            await session.say("x")
            saved = session.dump()
            uid = (await session.say("x")).events[0]["action_uid"]
        async with bot.restore_session(saved) as session:
            reply = await session.say("x")
            assert (reply.text, reply.events[0]["action_uid"]) == ("2", uid)
        async with bot.session(state=json.dumps({**json.loads(saved), "extra": 1})) as session:
            assert (await session.say("x")).text == "2"

    run(work)


def test_a_session_can_be_saved_before_it_begins() -> None:
    async def work() -> None:
        bot = Bot(FakeProgram(counting))
        async with bot.session("kim", seed=5) as session:
            saved = session.dump()
        async with bot.restore_session(saved) as session:
            assert (await session.say("x")).events[0]["action_uid"] == "5-1"

    run(work)


def test_variables_can_be_set_when_restoring() -> None:
    async def work() -> None:
        bot = Bot(FakeProgram(counting))
        async with bot.session() as session:
            await session.say("x")
            saved = session.dump()
        async with bot.restore_session(saved, context={"n": 41}) as session:
            assert (await session.say("x")).text == "42"

    run(work)


def test_timers_go_on_with_the_time_they_had_left() -> None:
    async def work() -> None:
        clock = VirtualClock()
        bot = Bot(FakeProgram(timed), clock=clock)
        async with bot.session() as session:
            await session.say("3")
            await clock.advance(1)
            saved = session.dump()
        await clock.advance(100)
        async with bot.restore_session(saved) as session:
            await clock.advance(1.9)
            assert await session.receive(0) is None
            await clock.advance(0.1)
            assert await session.receive(0) is not None

    run(work)


def test_running_actions_count_as_failed_after_a_restoration() -> None:
    async def hang(text: str) -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        background = action(name="TryAction", execute_async=True)(hang)
        bot = Bot(FakeProgram(asks("TryAction")), actions=[background], wait_for_background=False)
        async with bot.session("kim") as session:
            await session.say("x")
            saved = session.dump()
        async with bot.restore_session(saved, "kim") as session:
            reply = await session.send()
            assert reply.text.startswith("failed: it was running when the conversation was saved")
            (note,) = reply.trace.notes
            assert note.kind == "cancelled" and "action `TryAction`" in note.text

    run(work)


def test_nothing_is_saved_in_the_middle_of_a_turn() -> None:
    async def work() -> None:
        actions = {"TryAction": hanging([], [])}
        async with Bot(FakeProgram(asks("TryAction")), actions=actions).session("kim") as session:
            turn = asyncio.ensure_future(session.say("hang"))
            await asyncio.sleep(0.01)
            with pytest.raises(ConversationError, match="'kim' is in the middle of a turn"):
                session.dump()
            turn.cancel()
            await asyncio.wait([turn])

    run(work)


GOOD: dict[str, Any] = {
    "colang_conversation": 1, "name": None, "seed": 1, "utterances": 0, "machine": None, "overdue": [],
    "running": [], "lasting": [], "timers": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ("", "no saved conversation"),
        ("[]", "no saved conversation"),
        ("{}", "no saved conversation"),
        ("[" * 100_000, "no saved conversation"),
        (json.dumps({**GOOD, "colang_conversation": 2}), "of version 1"),
        (json.dumps({**GOOD, "seed": "x"}), "damaged"),
        (json.dumps({**GOOD, "name": 5}), "damaged"),
        (json.dumps({**GOOD, "overdue": [5]}), "damaged"),
        (json.dumps({**GOOD, "lasting": {}}), "damaged"),
        (json.dumps({**GOOD, "timers": [[{"type": "StartTimerBotAction"}, -1]]}), "damaged"),
        (json.dumps({**GOOD, "timers": [1]}), "damaged"),
        (json.dumps({**GOOD, "overdue": [{"type": "A", "v": {"$opaque": "os.x"}}]}), "damaged"),
        (json.dumps({key: GOOD[key] for key in GOOD if key != "utterances"}), "damaged"),
    ],
)
def test_damaged_saves_are_refused(saved: str, message: str) -> None:
    async def work() -> None:
        with pytest.raises(ConversationError, match=message):
            await Bot(FakeProgram(echo)).session(state=saved).open()

    run(work)
