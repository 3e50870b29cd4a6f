"""Rails that run at the same time: each in a task of its own, on a copy of the conversation (`rails-runtime.md`, 8.5).

A rail has passed only if its end marker came out; one that stops, fails, waits or is given up blocks.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias, cast

from colang_interpreter.host.actions import ActionResult
from colang_interpreter.host.loop import Conversation, Runtime, Turn
from colang_interpreter.machine import Event, Machine

Kind: TypeAlias = Literal["input", "output"]

MAX_DEPTH = 4
"""Rails may start rails, when a refusal that a model has written is checked in turn; but not for ever."""

_depth: ContextVar[int] = ContextVar("colang_parallel_depth", default=0)


class _MachineV1(Machine, Protocol):
    def fork_for(self, seed: int) -> Machine: ...


@dataclass(slots=True)
class _Ended:
    """How one rail went."""

    events: list[Event]
    passed: bool


async def run_rails(
    kind: Kind,
    rails: Sequence[str],
    conversation: Conversation,
    start: Mapping[str, Any],
    *,
    marked: bool = True,
) -> ActionResult:
    """Run rails at the same time.

    Args:
        kind: Which kind they are of.
        rails: Their configured texts, in order.
        conversation: In the middle of its turn; each rail gets a copy of its state.
        start: The event that started this; the uids of the copies follow from it.
        marked: Keep the markers around each rail; without them these are any flows.

    Returns:
        One `EventHistoryUpdate` with the events of all rails in configured order. If one of them blocks, the others
        are cancelled; only those that had passed are kept, and what ends the turn follows as events of its own.

    Raises:
        Exception: What a rail's model or machine raised: then all count as blocked.
    """
    if _depth.get() >= MAX_DEPTH:
        raise RuntimeError(
            f"parallel rails inside each other, {MAX_DEPTH} deep: refusals refuse each other"
        )
    machine = cast(_MachineV1, conversation.machine)
    tasks: list[asyncio.Task[_Ended]] = []
    for number, rail in enumerate(rails):
        seed = hashlib.sha256(f"{start.get('action_uid')} {number}".encode()).digest()[:8]
        twin = machine.fork_for(int.from_bytes(seed, "big") >> 1)
        tasks.append(asyncio.create_task(_run(kind, rail, conversation, twin)))
    ended: dict[int, _Ended] = {}
    blocking: int | None = None
    waiting: set[asyncio.Task[_Ended]] = set(tasks)
    try:
        while waiting and blocking is None:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for number, task in enumerate(tasks):
                if task in done:
                    ended[number] = task.result()
                    if blocking is None and not ended[number].passed:
                        blocking = number
    finally:
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)
    return _result(ended, blocking, marked)


async def _run(kind: Kind, rail: str, conversation: Conversation, twin: Machine) -> _Ended:
    _depth.set(_depth.get() + 1)  # of this task only
    runtime = replace(
        conversation.runtime, on_decisions=None
    )  # the whole turn's include this one's
    turn = await run_alone(kind, rail, runtime, twin)
    conversation.include(turn)
    raise_failures(turn)
    events = [event for event in turn.output if not _is_bookkeeping(event)]
    if events and events[-1]["type"] == "Listen":
        events.pop()
    return _Ended(events, has_passed(kind, events))


async def run_alone(
    kind: Kind, rail: str, runtime: Runtime, machine: Machine, text: str | None = None
) -> Turn:
    """Run one rail on a machine of its own; what it says goes to no stream.

    Args:
        kind: What it checks.
        rail: As it is configured.
        runtime: Of the whole conversation.
        machine: A copy of its machine.
        text: The message to check, if it is not the one the machine knows.
    """
    from colang_interpreter.llm.tokens import streaming

    own = Conversation(runtime)
    own.adopt(machine)
    params = {"_rail": rail}
    if text is not None:
        params["user_message" if kind == "input" else "bot_message"] = text
    begin = {"type": "start_flow", "flow_id": f"run one {kind} rail", "params": params}
    with streaming(None):
        try:
            return await own.process([begin], blocking=True)
        finally:
            await own.close()


def has_passed(kind: Kind, events: Sequence[Event]) -> bool:
    """Whether the end marker of the rail came out, and nothing after it but `Listen`."""
    for event in reversed(events):
        if event["type"] != "Listen":
            return bool(event["type"] == f"{kind.capitalize()}RailFinished")
    return False


def raise_failures(turn: Turn) -> None:
    """Calls of models that failed, and flows without end, end the turn of the whole conversation."""
    for run in turn.trace.actions:
        if run.error is not None and type(run.error).__name__ == "LLMCallException":
            raise run.error
    for step in turn.trace.steps:
        if step.event is not None and step.event["type"] == "EngineError":
            raise RuntimeError(str(step.event["error"]))


def _is_bookkeeping(event: Event) -> bool:
    """What belongs to the running of a single rail, and to no conversation."""
    match event["type"]:
        case "ContextUpdate":
            return all(name in _PRIVATE for name in event["data"])
        case "StartInternalSystemAction" | "InternalSystemActionFinished":
            described = event.get("action_params", {}).get("event")
            return (
                event.get("action_name") == "create_event"
                and isinstance(described, Mapping)
                and cast("Mapping[str, Any]", described).get("_type") in _MARKERS
            )
        case _:
            return False


_PRIVATE = frozenset({"_rail", "triggered_input_rail", "triggered_output_rail"})
_MARKERS = frozenset(
    {"StartInputRail", "InputRailFinished", "StartOutputRail", "OutputRailFinished"}
)


def _result(ended: Mapping[int, _Ended], blocking: int | None, marked: bool) -> ActionResult:
    if not marked:
        for one in ended.values():
            one.events = [event for event in one.events if event["type"] not in _MARKERS]
    events: list[Event] = []
    for number in sorted(ended):
        if ended[number].passed:
            events += ended[number].events
    if blocking is None:
        return ActionResult(events=[_packed(events)], context_updates=_variables(events))
    own = ended[blocking].events
    ends = next((at for at, event in enumerate(own) if _ends_a_turn(event)), len(own))
    events += own[:ends]
    last = [event for event in own[ends:] if event["type"] != "ContextUpdate"]
    if not last or last[-1] != {**last[-1], "type": "BotIntent", "intent": "stop"}:
        last.append({"type": "BotIntent", "intent": "stop"})
    updates = _variables([*events, *own[ends:]])
    return ActionResult(events=[_packed(events), *last], context_updates=updates)


def _packed(events: list[Event]) -> Event:
    return {"type": "EventHistoryUpdate", "data": {"events": events}}


def _ends_a_turn(event: Event) -> bool:
    kind: str = event["type"]
    return (
        kind == "hide_prev_turn"
        or kind.endswith("Exception")
        or (kind == "BotIntent" and event.get("intent") == "stop")
    )


def _variables(events: Iterable[Event]) -> dict[str, Any]:
    """What the rails have set, later ones winning."""
    changed: dict[str, Any] = {}
    for event in events:
        if event["type"] == "ContextUpdate":
            changed.update(event["data"])
    changed.pop("_rail", None)
    return changed
