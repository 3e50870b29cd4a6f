"""The message API of Colang 1.0: what differs from 2.x (`rails-runtime.md`, section 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from colang_interpreter.dynamic import is_a, is_list, is_mapping
from colang_interpreter.host.loop import Conversation
from colang_interpreter.llm.history import history_v1
from colang_interpreter.machine import Event, Machine, Program
from colang_interpreter.messages.activated import activated_rails
from colang_interpreter.messages.conversion import Message, Ran, answer_of, events_of
from colang_interpreter.messages.errors import InvalidStateError
from colang_interpreter.messages.options import ActivatedRail, GenerationOptions
from colang_interpreter.messages.recording import Recorder
from colang_interpreter.stateless import raise_failures, unpacked
from colang_interpreter.v1.names import flow_call

_BATCH = "EventBatch"
_OF_ONE_CALL = ("generation_options",)
_DEEPEST = 100  # levels of a value in a state


class DialogV1:
    """See `conversing.Dialect`."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def events(
        self,
        messages: Sequence[Message],
        known: int,
        machine: Machine | None,
        options: GenerationOptions | None,
    ) -> list[Event]:
        """The options become a variable; with the dialog off, the last answer is what the output rails get."""
        if not messages:
            raise ValueError("there are no messages to answer")
        variables: dict[str, Any] = {}
        before, new = list(messages[:known]), list(messages[known:])
        answer: Message | None = None
        if options is not None:
            variables["generation_options"] = self._chosen(options)
            if not options.rails.dialog:
                if new and new[-1].get("role") == "assistant":
                    answer = new.pop()
                variables["bot_message"] = None if answer is None else answer.get("content")
        elif machine is not None and machine.globals.get("generation_options") is not None:
            variables["generation_options"] = None
        tool_rails = bool(self._program.config.rails.tool_input.flows)
        events = events_of(new, before=before, tool_rails=tool_rails)
        if answer is not None and not any(m.get("role") == "user" for m in new):
            events.append({"type": "BotMessage", "text": answer.get("content")})
        return [{"type": "ContextUpdate", "data": variables}, *events] if variables else events

    def _chosen(self, options: GenerationOptions) -> dict[str, Any]:
        """The options as data; a rail may be named without its parameters.

        Raises:
            ValueError: A name no rail has: it must not mean that nothing is checked.
        """
        data = options.model_dump()
        for kind, choice in data["rails"].items():
            if not is_list(choice):
                continue
            configured: list[str] = getattr(self._program.config.rails, kind).flows
            kept = [entry for entry in configured if {entry, flow_call(entry)[0]} & set(choice)]
            known = {*configured, *(flow_call(entry)[0] for entry in configured)}
            for name in choice:
                if name not in known:
                    listed = ", ".join(f"`{entry}`" for entry in configured) or "none"
                    raise ValueError(f"there is no {kind} rail `{name}`; configured: {listed}")
            data["rails"][kind] = kept
        return data

    async def run(self, conversation: Conversation, events: list[Event]) -> Ran:
        """All events enter at once, and the last of them drives the flows."""
        turn = await conversation.process([{"type": _BATCH, "events": events}], blocking=True)
        raise_failures(turn.trace)
        new = unpacked(turn.output)
        return Ran(turn, answer_of(new), lambda: new)

    def restored(self, conversation: Conversation, state: Mapping[str, Any]) -> list[Event]:
        """The events of the state go through the flows again."""
        events: Any = state.get("events", [])
        if set(state) - {"events"} or not is_list(events):
            raise InvalidStateError(
                'a state is `{}` or `{"events": [...]}` with the events of the conversation so far'
            )
        for event in events:
            if not is_mapping(event) or not isinstance(event.get("type"), str):
                raise InvalidStateError(
                    "in the events of a state, each is a dictionary with a `type`"
                )
        over: dict[
            str, Any
        ] = {}  # options were for the call that gave the state: rails must not stay off
        for event in events:
            data: Any = event.get("data") if event["type"] == "ContextUpdate" else None
            if is_mapping(data):
                over |= {name: None for name in _OF_ONE_CALL if data.get(name) is not None}
        again: list[Event] = [dict(event) for event in events]
        return [*again, {"type": "ContextUpdate", "data": over}] if over else again

    def saved(self, conversation: Conversation, before: list[Event], ran: Ran) -> dict[str, Any]:
        """The whole history (G6), fit for JSON: results of rails become dictionaries, what is no data its text."""
        return {"events": [_plain(event) for event in (*before, *ran.events)]}

    def variables(self, machine: Machine) -> Mapping[str, Any]:
        """The context."""
        return machine.globals

    def rails(self, ran: Ran, machine: Machine, recorder: Recorder) -> list[ActivatedRail]:
        """Read off the events; the machine knows which flow wanted which."""
        deciders: Mapping[str, str] = getattr(machine, "deciders", {})
        return activated_rails(ran.events, deciders, recorder)

    def past(self, machine: Machine) -> Callable[[], Sequence[Event]]:
        """A copy of the list."""
        events = list(machine.history)
        return lambda: events

    def history(self, events: Sequence[Event]) -> str:
        """In Colang's own form."""
        return history_v1(events)


def _plain(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if depth > _DEEPEST:
        return str(value)
    if is_mapping(value):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if is_a(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name), depth + 1) for name in names}
    return str(value)
