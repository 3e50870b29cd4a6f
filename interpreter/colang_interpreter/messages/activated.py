"""Which rails were active in a turn, read off its events (`rails-runtime.md`, 13.1): Colang 1.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.machine import Event
from colang_interpreter.messages.options import (
    ActivatedRail,
    ExecutedAction,
    GenerationStats,
    LLMCallInfo,
)
from colang_interpreter.messages.recording import Recorder

_OPENING: Final = {
    "StartInputRail": "input",
    "StartOutputRail": "output",
    "StartToolInputRail": "tool_input",
    "StartToolOutputRail": "tool_output",
}
_CLOSING: Final = frozenset(
    {"InputRailFinished", "OutputRailFinished", "ToolInputRailFinished", "ToolOutputRailFinished"}
)
_RUNNERS: Final = frozenset(
    {
        *("process user input", "process bot message", "process bot tool call"),
        *("process user tool messages", "run dialog rails", "run retrieval rails"),
        *("run input rails", "run output rails", "run tool input rails", "run tool output rails"),
        *("run one input rail", "run one output rail"),
    }
)
_IGNORED: Final = frozenset(
    {"create_event", "run_input_rails_in_parallel", "run_output_rails_in_parallel"}
)
_GENERATING: Final = "generate bot message"
_FIRST: Final = "generate user intent"


def activated_rails(
    events: Sequence[Event], deciders: Mapping[str, str], recorder: Recorder
) -> list[ActivatedRail]:
    """The rails, and the flows of the dialog that decided something, in order.

    Args:
        events: The new events of the turn.
        deciders: Which flow wanted an event, by the event's uid.
        recorder: The model calls of the turn.
    """
    rails: list[ActivatedRail] = []
    current: ActivatedRail | None = None
    in_rail = False
    running: dict[str, ExecutedAction] = {}
    for event in events:
        kind: str = event["type"]
        moment = _time(event)
        if kind in _OPENING:
            _close(current, moment)
            name = str(event.get("flow_id"))
            current = ActivatedRail(type=_OPENING[kind], name=name, started_at=moment)
            in_rail = True
            rails.append(current)
        elif kind in _CLOSING:
            _close(current, moment)
            current, in_rail = None, False
        elif kind.endswith("Exception") and in_rail and current is not None:
            current.stop = True
        elif kind == "InternalSystemActionFinished":
            action = running.pop(str(event.get("action_uid")), None)
            if action is not None:
                action.return_value = event.get("return_value")
                action.finished_at = moment
                if action.started_at is not None and moment is not None:
                    action.duration = moment - action.started_at
        elif kind in ("BotIntent", "StartInternalSystemAction"):
            decision = _decision(event)
            if decision is None:
                continue
            if not in_rail:
                flow = deciders.get(str(event.get("uid")))
                if flow is None or flow in _RUNNERS:
                    continue
                if current is None or not (current.name == flow or current.type == "generation"):
                    _close(current, moment)
                    category = "generation" if flow == _GENERATING else "dialog"
                    current = ActivatedRail(type=category, name=flow, started_at=moment)
                    rails.append(current)
            if current is None:
                continue
            current.decisions.append(decision)
            if kind == "StartInternalSystemAction":
                uid = str(event.get("action_uid"))
                running[uid] = _started(event, moment, recorder.infos(uid))
                current.executed_actions.append(running[uid])
    end = next((at for event in reversed(events) if (at := _time(event)) is not None), None)
    _close(current, end)
    if in_rail and current is not None:
        current.stop = True
    for rail in rails:
        if rail.stop:
            rail.decisions.append("stop")
        if rail.name == _FIRST and _answers_directly(rail):
            rail.type = "generation"
    return rails


def _decision(event: Event) -> str | None:
    if event["type"] == "BotIntent":
        intent = str(event.get("intent"))
        return None if intent == "stop" else intent
    name = str(event.get("action_name"))
    return None if name in _IGNORED else f"execute {name}"


def _started(event: Event, moment: float | None, calls: list[LLMCallInfo]) -> ExecutedAction:
    params: Any = event.get("action_params")
    return ExecutedAction(
        action_name=str(event.get("action_name")),
        action_params=dict(params) if is_mapping(params) else {},
        started_at=moment,
        llm_calls=calls,
    )


def _answers_directly(rail: ActivatedRail) -> bool:
    calls = [call for action in rail.executed_actions for call in action.llm_calls]
    return len(calls) == 1 and calls[0].task == "general"


def _close(rail: ActivatedRail | None, moment: float | None) -> None:
    if rail is None or rail.finished_at is not None:
        return
    rail.finished_at = moment
    if rail.started_at is not None and moment is not None:
        rail.duration = moment - rail.started_at


def _time(event: Event) -> float | None:
    created = event.get("event_created_at")
    if not isinstance(created, str):
        return None
    try:
        return datetime.fromisoformat(created).timestamp()
    except ValueError:
        return None


def stats_of(
    rails: Iterable[ActivatedRail], calls: Sequence[LLMCallInfo], total: float
) -> GenerationStats:
    """Seconds for each kind of rail, and the sums of the model calls."""
    stats = GenerationStats(total_duration=total)
    for rail in rails:
        name = f"{rail.type}_rails_duration"
        if name in GenerationStats.model_fields and rail.duration is not None:
            setattr(stats, name, (getattr(stats, name) or 0.0) + rail.duration)
    for call in calls:
        stats.llm_calls_count += 1
        stats.llm_calls_duration += call.duration
        stats.llm_calls_total_prompt_tokens += call.prompt_tokens or 0
        stats.llm_calls_total_completion_tokens += call.completion_tokens or 0
        stats.llm_calls_total_tokens += call.total_tokens or 0
    return stats
