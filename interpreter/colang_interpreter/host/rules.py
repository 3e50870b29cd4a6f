"""What the outer loop has to know about a dialect: which events are actions, and what answers them.

The loop (`loop.Conversation`) is the same for both dialects; this strategy is all that differs. A program's
`version` says which one it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

from colang_interpreter.host.actions import Outcome
from colang_interpreter.machine import Event, Machine, Program
from colang_interpreter.v2.names import INTERNAL_EVENTS

if TYPE_CHECKING:
    from colang_interpreter.host.trace import Trace
    from colang_interpreter.tracing.decisions import Decision
    from colang_interpreter.v2.rails import RailLog


class Call(NamedTuple):
    """A request, by an event of the machine, to run an action."""

    name: str
    uid: str
    arguments: Mapping[str, Any]
    event: Event


def copied(value: Any) -> Any:
    """A copy that shares no dictionary, list, tuple or set with `value`; other objects are shared.

    For what applications and actions give. What flows send is copied by `v2.outgoing.copied`, which refuses values
    that are nested too deeply.

    >>> copied({"a": [1, (2, {3})]})
    {'a': [1, (2, {3})]}
    """
    kind = cast(Any, type(value))
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind is list:
        return [copied(item) for item in value]
    if kind is tuple:
        return tuple([copied(item) for item in value])
    return set(value) if kind is set else value


class Rules(Protocol):
    """One dialect's part of the outer loop."""

    @property
    def limit(self) -> int:
        """Events one call may process before it returns with what it has."""
        ...

    @property
    def feeds_back(self) -> bool:
        """Whether the machine's outgoing events are its next input."""
        ...

    @property
    def reports_calls(self) -> bool:
        """Whether the start of an action that runs here is among the events a call returns."""
        ...

    @property
    def sets_variables(self) -> bool:
        """Whether variables an action sets are set by `update`; else `finished` carries them."""
        ...

    def start(
        self, program: Program, seed: int, now: str, context: Mapping[str, Any]
    ) -> tuple[Machine, list[Event]]:
        """A new conversation that begins with these variables, and what its start sends."""
        ...

    def resume(self, program: Program, blob: str) -> Machine:
        """The machine that was dumped; another program's dump is refused."""
        ...

    def begin(self, machine: Machine, now: str) -> list[Event] | None:
        """What a call does before its own events, e.g. start `main` again; None if nothing was due."""
        ...

    def feed(self, machine: Machine, event: Event, now: str) -> list[Event]:
        """Process one event; it is remembered in the history."""
        ...

    def update(self, machine: Machine, data: Mapping[str, Any]) -> None:
        """Set variables of the conversation, as an action's context updates do."""
        ...

    def refusal(self, event: Event) -> str | None:
        """Why an event must not come from outside; None if it may."""
        ...

    def call(self, event: Event, machine: Machine) -> Call | None:
        """The action an outgoing event asks for."""
        ...

    def missing(self, call: Call) -> Outcome | None:
        """What comes of an action nobody knows; None if the world outside may perform it."""
        ...

    def stopped(self, event: Event) -> str | None:
        """The uid of the action an outgoing event asks to stop."""
        ...

    def finished(self, call: Call, outcome: Outcome, now: str) -> list[Event]:
        """The events a call that has ended becomes."""
        ...

    def progressed(self, call: Call, phase: str, now: str, **parameters: Any) -> Event:
        """An event of an action the host performs itself; `phase` is ``Started`` or ``Finished``."""
        ...

    def asks_for_pending(self, event: Event) -> bool:
        """Whether an event is the question how many background actions are running."""
        ...

    def pending(self, count: int, now: str) -> Event:
        """The answer to that question."""
        ...

    def failure(self, error: Exception, now: str) -> Event:
        """The event for an error that escaped a step of the machine."""
        ...

    def heard(self, text: str, uid: str, now: str) -> Event:
        """The event for a user's utterance."""
        ...

    def said(self, event: Event) -> str | None:
        """The text an outgoing event lets the bot say; None if it is another event."""
        ...

    def outward(self, events: Sequence[Event]) -> list[Event]:
        """Those of a turn's events that are meant for the application."""
        ...

    def decisions(self, machine: Machine, trace: Trace) -> Callable[[], list[Decision]] | None:
        """What the rails have made of the messages of a turn that is over, to be read off; None without rails."""
        ...


ENVELOPE = frozenset(
    {
        *("type", "uid", "event_created_at", "source_uid", "action_uid"),
        *("action_info_modality", "action_info_modality_policy"),
        *("action_started_at", "action_updated_at", "action_finished_at"),
    }
)
"""Keys of a 2.x event that are not arguments of its action (section 6.1)."""

_START = re.compile(r"Start(\w*Action)\Z")
_STOP = re.compile(r"Stop(\w*Action)\Z")


@lru_cache(maxsize=4096)
def _started_action(kind: str) -> str | None:
    """The action that an event of this type starts."""
    found = _START.match(kind)
    return None if found is None else found[1]


class RulesV2:
    """Colang 2.x: section 7.2 of the language specification."""

    limit = 500
    feeds_back = True
    reports_calls = False
    sets_variables = True
    source = "colang"

    def start(
        self, program: Program, seed: int, now: str, context: Mapping[str, Any]
    ) -> tuple[Machine, list[Event]]:
        """Create the machine, set the variables, and start `main` and the ``@active`` flows."""
        machine = cast(_ProgramV2, program).prepare(seed)
        if context:
            machine.globals.update(copied(dict(context)))
        return machine, _start_main(machine, now)

    def resume(self, program: Program, blob: str) -> Machine:
        """Restore a dump."""
        return cast(_ProgramV2, program).restore(blob)

    def begin(self, machine: Machine, now: str) -> list[Event] | None:
        """Start `main` and the ``@active`` flows if `main` has ended (C2-175, C2-333)."""
        known = cast(_MachineV2, machine)
        return _start_main(known, now) if known.main_is_waiting else None

    def feed(self, machine: Machine, event: Event, now: str) -> list[Event]:
        """Remember the event, then let the machine process it (7.2, point 4)."""
        cast(_MachineV2, machine).remember(event)
        return machine.feed(event, now=now)

    def update(self, machine: Machine, data: Mapping[str, Any]) -> None:
        """Set global variables; the flows get copies."""
        machine.globals.update(copied(dict(data)))

    def refusal(self, event: Event) -> str | None:
        """Internal names would steer flows from outside (Q23, C2-929)."""
        if event["type"] in INTERNAL_EVENTS:
            return f"`{event['type']}` is an internal event; only flows may send it"
        return None

    def call(self, event: Event, machine: Machine) -> Call | None:
        """``Start<X>Action``."""
        name = _started_action(event["type"])
        if name is None or not isinstance(event.get("action_uid"), str):
            return None
        arguments = {key: value for key, value in event.items() if key not in ENVELOPE}
        return Call(name, event["action_uid"], arguments, event)

    def missing(self, call: Call) -> Outcome | None:
        """None: an action that is not registered is an outgoing event (C2-441)."""
        return None

    def stopped(self, event: Event) -> str | None:
        """``Stop<X>Action``."""
        if not event["type"].startswith("Stop"):
            return None
        uid = event.get("action_uid")
        return uid if isinstance(uid, str) and _STOP.match(event["type"]) else None

    def finished(self, call: Call, outcome: Outcome, now: str) -> list[Event]:
        """One event; the result's own events are only carried along in it (7.4, Q20)."""
        event = self.progressed(
            call,
            "Finished",
            now,
            action_name=call.name,
            status="success" if outcome.is_success else "failed",
            is_success=outcome.is_success,
            return_value=outcome.value,
            events=outcome.events,
        )
        if outcome.failure is not None:
            event["failure_reason"] = outcome.failure
        return [event]

    def progressed(self, call: Call, phase: str, now: str, **parameters: Any) -> Event:
        """``<X>ActionStarted`` and so on; what an utterance must carry is filled in."""
        event: Event = {
            "type": call.name + phase,
            "uid": f"{call.uid}-{phase.lower()}",  # unique without chance: a replay gives it again
            "event_created_at": now,
            "source_uid": self.source,
            "action_uid": call.uid,
        }
        for key in ("action_info_modality", "action_info_modality_policy"):
            if key in call.event:
                event[key] = call.event[key]
        event[f"action_{phase.lower()}_at"] = now
        if phase == "Finished":
            event["is_success"] = True
            if call.name == "UtteranceBotAction":
                event["final_script"] = call.arguments.get("script", "")
        event.update(parameters)
        return event

    def asks_for_pending(self, event: Event) -> bool:
        """``CheckLocalAsync`` (7.2, point 7)."""
        return bool(event["type"] == "CheckLocalAsync")

    def pending(self, count: int, now: str) -> Event:
        """``LocalAsyncCounter``."""
        return {
            "type": "LocalAsyncCounter",
            "event_created_at": now,
            "source_uid": self.source,
            "counter": count,
        }

    def failure(self, error: Exception, now: str) -> Event:
        """``ColangError`` (6.12); its parameter `type` cannot be one in a dictionary."""
        return {
            "type": "ColangError",
            "event_created_at": now,
            "source_uid": self.source,
            "error": f"{type(error).__name__}: {error}",
        }

    def heard(self, text: str, uid: str, now: str) -> Event:
        """``UtteranceUserActionFinished``."""
        return {
            "type": "UtteranceUserActionFinished",
            "event_created_at": now,
            "source_uid": self.source,
            "action_uid": uid,
            "action_finished_at": now,
            "final_transcript": text,
            "is_success": True,
        }

    def said(self, event: Event) -> str | None:
        """The script of a ``StartUtteranceBotAction``."""
        script = event.get("script")
        return script if event["type"] == "StartUtteranceBotAction" and script is not None else None

    def outward(self, events: Sequence[Event]) -> list[Event]:
        """All: what is internal stays in the machine."""
        return list(events)

    def decisions(self, machine: Machine, trace: Trace) -> Callable[[], list[Decision]] | None:
        """Read off the machine's record of rails; there is none without rails."""
        log: RailLog | None = getattr(machine, "rails", None)
        if log is None or not (runs := log.take()):
            return None
        from colang_interpreter.tracing.decisions import decisions_v2

        if any(run.status == "running" for run in runs):  # it will have changed when somebody asks
            found = decisions_v2(runs, trace.actions, trace.model_calls)
            return lambda: found
        return lambda: decisions_v2(runs, trace.actions, trace.model_calls)


class _MachineV2(Machine, Protocol):
    """What a 2.x machine can do beyond the common protocol."""

    now: str

    @property
    def main_is_waiting(self) -> bool: ...
    def start_main(self, *, active: bool = True) -> list[Event]: ...
    def remember(self, event: Mapping[str, Any]) -> None: ...


class _ProgramV2(Program, Protocol):
    """What a 2.x program can do beyond the common protocol."""

    def prepare(self, seed: int = 0) -> _MachineV2: ...
    def restore(self, blob: str | bytes) -> _MachineV2: ...


def _start_main(machine: _MachineV2, now: str) -> list[Event]:
    machine.now = now
    return machine.start_main(active=True)


_RULES_V2: Final[Rules] = RulesV2()


def rules_for(program: Program) -> Rules:
    """The rules of a program's dialect.

    Raises:
        ValueError: No machine runs that dialect.
    """
    if program.version == "2.x":
        return _RULES_V2
    if program.version == "1.0":
        from colang_interpreter.host.rules_v1 import RULES_V1

        return RULES_V1
    raise ValueError(f"no machine runs Colang {program.version}; there are 1.0 and 2.x")
