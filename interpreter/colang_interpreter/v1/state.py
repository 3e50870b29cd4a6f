"""One conversation with a Colang 1.0 program, incremental: what an event costs does not depend on what came before.

`State.feed` is the loop of `rails-runtime.md` section 1 without its actions: it runs until the flows want an action
of the host or have nothing left to do (`Listen`). Creating events needs no host and happens here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from colang.config.pipeline_v1 import SYSTEM_ACTIONS
from colang_interpreter.dynamic import is_mapping
from colang_interpreter.errors import TooManyEventsError
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.engine import Engine, EngineError, said
from colang_interpreter.v1.envelope import FAILURE_TEXT, Envelope
from colang_interpreter.v1.rails import Mark

if TYPE_CHECKING:
    from colang_interpreter.v1.program import Program

HISTORY = 500
MAX_NEW_EVENTS = 300
"""New events one call may produce (10.7)."""

HIDDEN_TURNS = 4
"""Turns that `hide_prev_turn` can take back one after the other."""

EPOCH = "1970-01-01T00:00:00+00:00"


class State:
    """A conversation.

    Attributes:
        program: What it runs.
        globals: The variables as actions and templates see them (section 11, second view).
        history: The latest events, oldest first.
        now: Time of the last event, written into new ones.
        errors: Errors of flows in the last call, as (kind, text).
        log: Notices of the last call, as (channel, text).
        taken: Events processed so far, for whoever keeps something of the variables.
    """

    def __init__(self, program: Program, seed: int = 0) -> None:
        self.program = program
        self.seed = seed
        self.engine = Engine(program, compat=program.compat)
        if program.config is not None:
            self.engine.context["config"] = program.config
            if not program.user_messages:  # the model answers directly; see pipeline.co
                self.engine.context["_answers_directly"] = True
        self.globals: dict[str, Any] = {"last_user_message": None, "last_bot_message": None}
        self.history: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self.now = EPOCH
        self.envelope = Envelope(seed)
        self.errors: list[tuple[str, str]] = []
        self.log: list[tuple[str, str]] = []
        self.turns: deque[Engine] = deque(maxlen=HIDDEN_TURNS)
        self.taken = 0
        self.new_events = 0  # in the current call of the host
        self.deciders: dict[
            str, str
        ] = {}  # uid of an event of this call -> the flow that wanted it

    # -------------------------------------------------- running

    def feed(self, event: Mapping[str, Any], *, now: str | None = None) -> list[dict[str, Any]]:
        """Give the conversation one event; see `feed_all`."""
        return self.feed_all([event], now=now)

    def feed_all(
        self, events: Sequence[Mapping[str, Any]], *, now: str | None = None
    ) -> list[dict[str, Any]]:
        """Append events to the history and run on from the last of them.

        Args:
            events: In order; only after the last one the flows are asked what comes next.
            now: The current time, ISO 8601 with offset; by default the time does not move.

        Returns:
            The new events. The last one is `Listen`, or a `StartInternalSystemAction` that the host has to
            run: what `action_finished` makes of its outcome is what to feed next.

        Raises:
            ValueError: An event has no `type`.
            TooManyEventsError: More than 300 new events.
        """
        self.errors, self.log = [], []
        if now is not None:
            self.now = now
        if events and events[-1].get("type") == "EngineError":
            return self._given_up(events[-1])
        batch: Sequence[Mapping[str, Any]] = events
        new: list[dict[str, Any]] = []
        while batch:
            failure: EngineError | None = None
            for event in batch:
                failure = self._take(event) or failure
            if failure is not None:
                batch = self._failed(failure)
                new.extend(batch)
                for event in batch:
                    self._take(event)
                listen = self.envelope.event("Listen", self.now)
                self._take(listen)
                new.append(listen)
                return new
            last = batch[-1]
            if last["type"] == "StartInternalSystemAction":
                if last.get("action_name") != "create_event":
                    return new
                batch = self._created(last)
            elif last["type"] == "Listen":
                return new
            else:
                batch = self.next_steps() or [self.envelope.event("Listen", self.now)]
            new += [dict(event) for event in batch]
            self.count(len(batch))
        return new

    def begin_call(self) -> None:
        """A call of the host begins, in which 300 new events may come about."""
        self.new_events = 0
        self.deciders = {}
        self.engine.rails.clear()

    @property
    def rail_marks(self) -> Sequence[Mark]:
        """Where retrieval rails have begun and ended in the current call of the host."""
        return self.engine.rails

    def count(self, events: int) -> None:
        """Count new events.

        Raises:
            TooManyEventsError: These are too many for one call.
        """
        self.new_events += events
        if self.new_events > MAX_NEW_EVENTS:
            raise TooManyEventsError(
                f"more than {MAX_NEW_EVENTS} new events in one call: the flows"
                f" {self._running()} react to each other without end"
            )

    def _given_up(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The host could not go on: whatever runs is forgotten, and the turn is over."""
        self.history.append(dict(event))
        self.engine.instances, self.engine.owners = [], {}
        self.engine.decision, self.engine.pending = None, {}
        return [self.envelope.event("Listen", self.now)]

    def _running(self) -> str:
        return ", ".join(f"`{x.flow.id}`" for x in self.engine.instances[:5]) or "(none)"

    def _take(self, event: Mapping[str, Any]) -> EngineError | None:
        """Process one event; an error of a flow is returned, not raised."""
        kind = event.get("type")
        if not isinstance(kind, str) or not kind:
            raise ValueError("an event needs a `type`, the name of the event")
        self.taken += 1
        self.history.append(dict(event))
        if kind == "ContextUpdate":
            data = event.get("data")
            if is_mapping(data):
                self.globals.update(data)
        elif kind == "UserMessage":
            self.globals["last_user_message"] = event.get("text")
        elif kind == "StartUtteranceBotAction":
            self.globals["last_bot_message"] = event.get("script")
        elif kind == "UtteranceUserActionFinished":
            self.turns.append(self._snapshot())
        elif kind == "hide_prev_turn":
            if self.turns:
                rails, self.engine = self.engine.rails, self.turns.pop()
                self.engine.rails = rails  # what has happened is not undone
            else:
                self.log.append(("notice", "`hide_prev_turn` without a turn to hide"))
            return None
        elif kind == "Listen":
            return None
        elif kind == "EventHistoryUpdate":
            self._remember(event)
            return None
        try:
            if kind == "start_flow" and event.get("flow_body") is not None:
                self._define(event)
            self.engine.process(event)
        except EngineError as error:
            return error
        return None

    def _remember(self, update: Mapping[str, Any]) -> None:
        """Events of parallel rails: they belong to the history, but drive no flows (`rails-runtime.md`, 8.5)."""
        self.history.pop()
        held = update.get("data", {}).get("events", ())
        for event in held:
            self.history.append(dict(event))
            if event.get("type") == "StartUtteranceBotAction":
                self.globals["last_bot_message"] = event.get("script")
                self.engine.context = {
                    **self.engine.context,
                    "last_bot_message": event.get("script"),
                }

    def _define(self, event: Mapping[str, Any]) -> None:
        """Register the flow that a `start_flow` event brings along."""
        from colang_interpreter.v1.generated import flow_from_body

        name = str(event.get("flow_id"))
        if name in self.program.flows:
            raise EngineError("the program has a flow of that name already", name)
        number = len(self.program.flows) + len(self.engine.generated)
        self.engine.generated = {
            **self.engine.running_generated(),
            name: flow_from_body(name, str(event["flow_body"]), number),
        }

    def _snapshot(self) -> Engine:
        """The engine as it is now; `process` never changes what it was given, so sharing is enough."""
        engine = Engine(self.program, compat=self.engine.compat)
        engine.context = dict(self.engine.context)
        engine.instances = self.engine.instances
        engine.owners = dict(self.engine.owners)
        engine.generated = self.engine.generated
        engine.uids = self.engine.uids
        return engine

    # -------------------------------------------------- what comes next (10.2)

    def next_steps(self) -> list[dict[str, Any]]:
        """What the flows want after the last event: a `ContextUpdate` and one step, each if there is one."""
        engine = self.engine
        last = engine.last
        if last.get("type") == "BotIntent" and last.get("intent") == "stop":
            return []
        steps: list[dict[str, Any]] = []
        if engine.pending:
            steps.append(self.envelope.event("ContextUpdate", self.now, data=dict(engine.pending)))
        decision = engine.decision
        if decision is not None:
            element = decision.element
            if isinstance(element, e.Utter):
                extra: dict[str, Any] = (
                    {} if element.comment is None else {"instructions": element.comment}
                )
                if not isinstance(element.value, str):
                    extra["script"] = said(element)
                steps.append(
                    self.envelope.event("BotIntent", self.now, intent=said(element), **extra)
                )
            else:
                steps.append(self._start(element))
            self.deciders[steps[-1]["uid"]] = decision.instance.flow.id
        return steps

    def _start(self, element: e.RunAction) -> dict[str, Any]:
        return self.envelope.event(
            "StartInternalSystemAction",
            self.now,
            action_uid=self.envelope.uid(),
            action_name=element.name,
            action_params=dict(element.params),
            action_result_key=element.result,
            is_system_action=element.name in SYSTEM_ACTIONS,
        )

    def _created(self, start: Mapping[str, Any]) -> list[dict[str, Any]]:
        """`create event`: the action is done here, and the event follows (5.4)."""
        described = _inferred(start.get("action_params", {}).get("event", {}))
        fields = {key: self._value(value) for key, value in described.items() if key != "_type"}
        event = self.envelope.completed({**fields, "type": str(described.get("_type"))}, self.now)
        return self.action_finished(start, events=[event])

    def resolved(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of an action with variables replaced (10.3): see `Program.resolve`."""
        return {
            key: self.program.resolve(value, self.globals, "execute")
            for key, value in params.items()
        }

    def set_variables(self, data: Mapping[str, Any]) -> None:
        """Set variables of the conversation, as a `ContextUpdate` from outside does."""
        self._take(self.envelope.event("ContextUpdate", self.now, data=dict(data)))

    def _value(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            resolved = self.program.resolve(value, self.globals, "create event")
            return None if resolved == value and value[1:].isidentifier() else resolved
        return value

    def action_finished(
        self,
        start: Mapping[str, Any],
        *,
        return_value: Any = None,
        events: Sequence[Mapping[str, Any]] | None = None,
        context_updates: Mapping[str, Any] | None = None,
        failure: str | None = None,
        message: str | None = None,
    ) -> list[dict[str, Any]]:
        """The events that report an action's outcome, to be fed next (`rails-runtime.md` 6, 10.4, 10.5).

        Args:
            start: The `StartInternalSystemAction` event.
            return_value: Result of the action; stored under its result key.
            events: Events the action asks for; they follow the finish event.
            context_updates: Variables it sets; the result key wins over a variable of the same name.
            failure: Why it failed; None if it did not.
            message: What the user is told about a failure, by default that there was an internal error.
        """
        updates = dict(context_updates or {})
        key = start.get("action_result_key")
        if key is not None:
            updates[key] = return_value  # None if it failed
        result: list[dict[str, Any]] = []
        if updates:
            result.append(self.envelope.event("ContextUpdate", self.now, data=updates))
        finished = self.envelope.event(
            "InternalSystemActionFinished",
            self.now,
            action_uid=start.get("action_uid"),
            action_name=start.get("action_name"),
            action_params=start.get("action_params"),
            action_result_key=key,
            status="success" if failure is None else "failed",
            is_success=failure is None,
            return_value=return_value,
            events=[dict(event) for event in events] if events else [],
            is_system_action=start.get("is_system_action", False),
            action_finished_at=self.now,
        )
        if failure is not None:
            finished["failure_reason"] = failure
        result.append(finished)
        result.extend(
            event if "uid" in event else self.envelope.completed(event, self.now)
            for event in map(dict, events or ())
        )
        if failure is not None:
            result.extend(self._apology(message or FAILURE_TEXT))
        return result

    def _failed(self, error: EngineError) -> list[dict[str, Any]]:
        """A flow failed: the turn ends like one with a failed action (9.3)."""
        self.errors.append(("EngineError", str(error)))
        return self._apology(FAILURE_TEXT)

    def _apology(self, text: str) -> list[dict[str, Any]]:
        make = self.envelope.event
        return [
            make("BotIntent", self.now, intent="inform internal error occurred"),
            self.envelope.utterance(text, self.now),
            make("hide_prev_turn", self.now),
            make("BotIntent", self.now, intent="stop"),
        ]

    # -------------------------------------------------- saving

    def dump(self) -> str:
        """The conversation as JSON text; `Program.restore` makes a state of it again.

        Raises:
            StateError: A variable holds something that cannot be saved.
        """
        from colang_interpreter.v1 import wire

        return wire.dump(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> State:
        return self.fork()

    def fork_for(self, seed: int) -> State:
        """A conversation that goes on from here with the variables but without the running flows.

        For a rail that runs beside others: its uids follow from a seed of its own.
        """
        twin = self.fork()
        twin.engine.instances, twin.engine.owners = [], {}
        twin.engine.pending, twin.engine.decision = {}, None
        twin.seed, twin.envelope = seed, Envelope(seed)
        return twin

    def fork(self) -> State:
        """An independent conversation that goes on from here (values in variables are shared)."""
        twin = State(self.program, self.seed)
        twin.engine = self._snapshot()
        twin.engine.pending = dict(self.engine.pending)
        twin.engine.decision = self.engine.decision
        twin.engine.last = self.engine.last
        twin.globals = dict(self.globals)
        twin.history = deque(self.history, maxlen=HISTORY)
        twin.now = self.now
        twin.envelope = self.envelope.copy()
        twin.turns = deque(self.turns, maxlen=HIDDEN_TURNS)
        return twin


def _inferred(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event of `create event`; `infer user` and `infer bot` describe a statement instead (R15)."""
    match described:
        case {"_type": "UserIntent", "intent_name": name}:
            params = described.get("intent_params")
            extra = {"intent_params": params} if params else {}
            return {"_type": "UserIntent", "intent": name, **extra}
        case {"_type": "run_action", "action_params": {"value": str() as value}}:
            return {"_type": "BotIntent", "intent": value}
        case _:
            return described
