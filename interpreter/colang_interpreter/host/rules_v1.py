"""Colang 1.0's part of the outer loop (`rails-runtime.md`, sections 1, 3 and 10).

A 1.0 machine runs on by itself until it wants an action or listens, so nothing it says is fed back. What comes
of an action are several events of which only the last one drives the flows; they enter as one `OUTCOME`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.host.actions import Outcome
from colang_interpreter.host.rules import Call
from colang_interpreter.machine import Event, Machine, Program

if TYPE_CHECKING:
    from colang_interpreter.host.trace import Trace
    from colang_interpreter.tracing.decisions import Decision
    from colang_interpreter.v1.rails import Mark

OUTCOME: Final = "ActionOutcome"
"""Type of the event that carries the end of an action into a 1.0 machine; it never leaves it."""

BATCH: Final = "EventBatch"
"""Type of the event that carries several events of which only the last one drives the flows."""

_INTERNAL: Final = re.compile(
    r"(Start)?InternalSystemAction(Finished)?|(User|Bot)(Message|Intent|Thinking|ToolCalls)|User(Tool)?Messages"
    r"|SystemMessage|Utterance(User|Bot)ActionFinished|ContextUpdate|Listen|EngineError"
    r"|(Start)?(Tool)?(Input|Output)Rails?(Finished)?|hide_prev_turn|mask_prev_user_message|start_flow"
)
"""Types of the events that the flows of a 1.0 program have among themselves (`rails-runtime.md`, section 2)."""

_FAILED_TEXT: Final = "Action '{name}' not found."


class RulesV1:
    """See `colang_interpreter.host.rules.Rules`."""

    limit = 500
    feeds_back = False
    reports_calls = True
    sets_variables = False

    def start(
        self, program: Program, seed: int, now: str, context: Mapping[str, Any]
    ) -> tuple[Machine, list[Event]]:
        """Nothing happens before the first event."""
        machine, events = cast(_ProgramV1, program).start(seed, context=context, now=now)
        return machine, events

    def resume(self, program: Program, blob: str) -> Machine:
        """Restore a dump."""
        return cast(_ProgramV1, program).restore(blob)

    def begin(self, machine: Machine, now: str) -> list[Event] | None:
        """Nothing is due; new events are counted from here on."""
        cast(_MachineV1, machine).begin_call()
        return None

    def feed(self, machine: Machine, event: Event, now: str) -> list[Event]:
        """Feed an event, a batch of events, or the events that an ended action becomes."""
        known = cast(_MachineV1, machine)
        if event["type"] == BATCH:
            return known.feed_all(event["events"], now=now)
        if event["type"] != OUTCOME:
            return known.feed(event, now=now)
        known.now = now
        events = known.action_finished(
            event["start"],
            return_value=event["return_value"],
            events=event["events"],
            context_updates=event["context_updates"],
            failure=event["failure"],
            message=event["message"],
        )
        known.count(len(events))
        return [*events, *known.feed_all(events, now=now)]

    def update(self, machine: Machine, data: Mapping[str, Any]) -> None:
        """Set variables, as a `ContextUpdate` from outside does."""
        cast(_MachineV1, machine).set_variables(data)

    def refusal(self, event: Event) -> str | None:
        """Every event may come from outside: that is how a history is continued."""
        return None

    def call(self, event: Event, machine: Machine) -> Call | None:
        """`StartInternalSystemAction`, with its arguments resolved (10.3)."""
        if event["type"] != "StartInternalSystemAction" or event["action_name"] == "create_event":
            return None  # the machine creates events by itself
        given = event.get("action_params")
        arguments = cast(_MachineV1, machine).resolved(given if is_mapping(given) else {})
        uid = event.get("action_uid")
        return Call(
            str(event["action_name"]), uid if isinstance(uid, str) else "", arguments, event
        )

    def missing(self, call: Call) -> Outcome | None:
        """An unknown action has failed (10.2)."""
        return Outcome(failure=_FAILED_TEXT.format(name=call.name))

    def stopped(self, event: Event) -> str | None:
        """1.0 stops no actions."""
        return None

    def finished(self, call: Call, outcome: Outcome, now: str) -> list[Event]:
        """One event that carries the outcome; the machine makes the documented ones of it."""
        unknown = outcome.failure == _FAILED_TEXT.format(name=call.name)
        return [
            {
                "type": OUTCOME,
                "start": call.event,
                "return_value": outcome.value,
                "events": outcome.events,
                "context_updates": dict(outcome.context_updates or {}),
                "failure": outcome.failure,
                "message": outcome.failure if unknown else None,
            }
        ]

    def progressed(self, call: Call, phase: str, now: str, **parameters: Any) -> Event:
        """The end of an action that counts as done at once."""
        return self.finished(call, Outcome(), now)[0]

    def asks_for_pending(self, event: Event) -> bool:
        """There are no background actions in 1.0."""
        return False

    def pending(self, count: int, now: str) -> Event:
        """Never asked for."""
        return {"type": "LocalAsyncCounter", "counter": count}

    def failure(self, error: Exception, now: str) -> Event:
        """An event no flow needs to know: the turn is over."""
        return {"type": "EngineError", "error": f"{type(error).__name__}: {error}"}

    def heard(self, text: str, uid: str, now: str) -> Event:
        """`UtteranceUserActionFinished`."""
        return {
            "type": "UtteranceUserActionFinished",
            "uid": uid,
            "event_created_at": now,
            "final_transcript": text,
        }

    def said(self, event: Event) -> str | None:
        """The script of a `StartUtteranceBotAction`; all scripts in the events of parallel rails."""
        if event["type"] == "EventHistoryUpdate":
            held = [self.said(one) for one in event["data"]["events"]]
            return "\n".join(text for text in held if text is not None) if any(held) else None
        script = event.get("script")
        return script if event["type"] == "StartUtteranceBotAction" and script is not None else None

    def outward(self, events: Sequence[Event]) -> list[Event]:
        """Utterances, tool calls, exceptions and events of the program's own: no texts that rails had yet to see."""
        return [
            event
            for each in events
            for event in (
                each["data"]["events"] if each["type"] == "EventHistoryUpdate" else (each,)
            )
            if not _INTERNAL.fullmatch(event["type"])
        ]

    def decisions(self, machine: Machine, trace: Trace) -> Callable[[], list[Decision]] | None:
        """Read off the events that mark rails, and the marks of those without."""
        from colang_interpreter.tracing.decisions import decisions_v1

        known = cast(_MachineV1, machine)
        flows, marks = known.program.flows, tuple(known.rail_marks)
        return lambda: decisions_v1(trace.steps, flows, trace.model_calls, trace.actions, marks)


class _MachineV1(Machine, Protocol):
    """What a 1.0 machine can do beyond the common protocol."""

    now: str

    @property
    def program(self) -> Any: ...
    @property
    def rail_marks(self) -> Sequence[Mark]: ...
    def feed_all(self, events: Any, *, now: str | None = None) -> list[Event]: ...
    def action_finished(self, start: Mapping[str, Any], **outcome: Any) -> list[Event]: ...
    def set_variables(self, data: Mapping[str, Any]) -> None: ...
    def begin_call(self) -> None: ...
    def count(self, events: int) -> None: ...
    def resolved(self, params: Mapping[str, Any]) -> dict[str, Any]: ...


class _ProgramV1(Program, Protocol):
    """What a 1.0 program can do beyond the common protocol."""

    def start(
        self, seed: int = 0, *, context: Mapping[str, Any] | None = None, now: str | None = None
    ) -> tuple[_MachineV1, list[Event]]: ...
    def restore(self, blob: str | bytes) -> _MachineV1: ...


RULES_V1: Final = RulesV1()
