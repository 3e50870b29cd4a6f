"""The event-based API: a whole history in, the new events out; nothing is remembered that matters.

`rails-runtime.md`, section 3. A conversation's state after a history is kept for as long as it is likely to be
continued: the next call, whose history begins with that one, goes on from there. A history nobody remembers is
replayed once. 1.0 histories hold everything; of a 2.x history what the machine itself sent is made again.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colang_interpreter.errors import TooManyEventsError
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.clock import stamp
from colang_interpreter.host.loop import Conversation, Turn
from colang_interpreter.host.rules import rules_for
from colang_interpreter.host.trace import Trace
from colang_interpreter.machine import Event, Machine

MAX_REMEMBERED = 256
"""Conversations whose state is kept between calls."""

_BATCH = "EventBatch"


class Histories:
    """States after the histories seen lately, found by the history itself.

    A state is found only if every event of its history stands at the beginning of the history asked for, so a
    forgotten or a wrong answer is not possible, only a slower one.
    """

    __slots__ = ("_limit", "_states")

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._states: OrderedDict[_Key, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def find(self, history: list[Event]) -> tuple[Machine, int] | None:
        """The state after the longest known beginning of a history, and the length of that beginning."""
        lengths = sorted({length for length, _ in self._states}, reverse=True)
        for length in lengths:
            if length > len(history):
                continue
            key = (length, _mark(history[length - 1]))
            known = self._states.get(key)
            # Lists compare their items by identity first: cheap for who passes the same events again.
            if known is not None and known.history == history[:length]:
                self._states.move_to_end(key)
                return known.machine, length
        return None

    def keep(self, history: list[Event], machine: Machine, continued: int = 0) -> None:
        """Remember the state after a history.

        `continued` is the length of the known beginning it was made from (0: none). That one is kept, for who
        asks again; the one before it is forgotten, and so are the oldest beyond the limit.
        """
        key = (len(history), _mark(history[-1]))
        before = (continued, _mark(history[continued - 1])) if continued else None
        parent = self._states.get(before) if before is not None else None
        if parent is not None and parent.before is not None:
            self._states.pop(parent.before, None)
            parent.before = None
        self._states[key] = _Known(history, machine, before)
        self._states.move_to_end(key)
        while len(self._states) > self._limit:
            self._states.popitem(last=False)


_Key = tuple[int, int]


@dataclass(slots=True)
class _Known:
    history: list[Event]
    machine: Machine
    before: _Key | None  # the shorter history it was continued from


def _mark(event: Event) -> int:
    if type(event) is not dict:
        return 0
    uid = event.get("uid")
    return hash((event.get("type"), uid if isinstance(uid, str) else None))


async def generate_events(
    bot: Bot, histories: Histories, events: Sequence[Mapping[str, Any]]
) -> tuple[list[Event], Turn]:
    """The new events after a history, and the turn that made them.

    Args:
        bot: Runs the program and its actions.
        histories: States after earlier histories.
        events: The whole history; it is not changed.

    Raises:
        ValueError: The history is empty, or something in it is no event.
    """
    history: list[Any] = list(events)
    if not history:
        raise ValueError("the history is empty: it needs at least the event to react to")
    known = histories.find(history)
    # What is known was looked at when it came: a call costs what is new, not what is old.
    for number in range(known[1] if known is not None else 0, len(history)):
        event = history[number] = dict(history[number])
        if not event.get("type") or not isinstance(event["type"], str):
            raise ValueError(f"event {number} of the history has no `type`")
    conversation = bot.conversation()
    if bot.program.version == "1.0":
        if known is not None:
            conversation.adopt(copy.deepcopy(known[0]))
            history_left = history[known[1] :]
        else:
            history_left = history
        turn = await _finished(conversation, [{"type": _BATCH, "events": history_left}])
        raise_failures(turn.trace)
        new = unpacked(turn.output)
    else:
        if known is not None:
            conversation.adopt(copy.deepcopy(known[0]))
            given = history[known[1] :]
        else:
            machine, given = _replayed(conversation, history)
            conversation.adopt(machine)
        turn = await _finished(conversation, given)
        new = _everything(turn, given)
    continued = known[1] if known is not None else 0
    histories.keep([*history, *new], conversation.machine, continued)
    return new, turn


async def _finished(conversation: Conversation, events: list[Event]) -> Turn:
    try:
        return await conversation.process(events, blocking=True)
    finally:
        await conversation.close()


def raise_failures(trace: Trace) -> None:
    """Raise what ends a whole call: a model that failed, flows without end (4.3).

    Raises:
        LLMCallException: A call of a model failed in an action that did not deal with it.
        TooManyEventsError: The flows react to each other without end.
    """
    from colang_interpreter.llm.errors import LLMCallException

    for run in trace.actions:
        if isinstance(run.error, LLMCallException):
            raise run.error
    for step in trace.steps:
        if step.event is not None and step.event["type"] == "EngineError":
            raise TooManyEventsError(str(step.event["error"]).partition(": ")[2])


def unpacked(events: Sequence[Event]) -> list[Event]:
    """Events with each `EventHistoryUpdate` replaced by what it holds, `Listen` left out (section 1)."""
    result: list[Event] = []
    for event in events:
        if event["type"] == "EventHistoryUpdate":
            held = event.get("data", {}).get("events", ())
            result += [one for one in held if one.get("type") != "Listen"]
        else:
            result.append(event)
    return result


# ---------------------------------------------------------------- 2.x


def _everything(turn: Turn, given: Sequence[Event]) -> list[Event]:
    """All new events of a 2.x turn: also the starts and ends of actions that ran here.

    A 2.x history needs them: only with the results of its actions it can be replayed.
    """
    seen = {id(event) for event in given}
    new: list[Event] = []
    for step in turn.trace.steps:
        if step.event is not None and id(step.event) not in seen:
            seen.add(id(step.event))
            new.append(step.event)
        for event in step.outgoing:
            if id(event) not in seen:
                seen.add(id(event))
                new.append(event)
    return new


def _replayed(conversation: Conversation, history: Sequence[Event]) -> tuple[Machine, list[Event]]:
    """A 2.x machine that has gone through a history except for what is new at its end.

    What the machine sent is not fed again but comes out again, with the same uids: chance and uids follow from
    the seed. The new events are those behind the last one the machine or the host has made.
    """
    program = conversation.runtime.program
    rules: Any = rules_for(program)
    now = stamp(conversation.runtime.clock.now())
    first = next((e["event_created_at"] for e in history if "event_created_at" in e), now)
    machine, outgoing = rules.start(program, 0, first, {})
    made = [at for at, event in enumerate(history) if event.get("source_uid") in _OURS]
    end = made[-1] + 1 if made else 0
    waiting = list(outgoing)
    for event in history[:end]:
        if event.get("source_uid") == machine.source_uid:
            continue
        while waiting:
            waiting += machine.feed(waiting.pop(0), now=now)
        now = str(event.get("event_created_at", now))
        waiting += rules.feed(machine, event, now)
    while waiting:
        waiting += machine.feed(waiting.pop(0), now=now)
    return machine, list(history[end:])


_OURS = frozenset({"colang", "colang-2.x"})
