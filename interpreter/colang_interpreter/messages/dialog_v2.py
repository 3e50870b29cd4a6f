"""The message API of Colang 2.x: what differs from 1.0 (`colang-2.md`, 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from colang_interpreter.dynamic import is_list
from colang_interpreter.host.loop import Conversation, Turn
from colang_interpreter.host.rules import ENVELOPE
from colang_interpreter.host.saving import ConversationError
from colang_interpreter.host.trace import ActionRun
from colang_interpreter.llm.history import history_v2
from colang_interpreter.llm.model import content_text
from colang_interpreter.machine import Event, Machine, Program
from colang_interpreter.messages.conversion import Answer, Message, Ran, wrong
from colang_interpreter.messages.errors import InvalidStateError
from colang_interpreter.messages.options import (
    ActivatedRail,
    ExecutedAction,
    GenerationOptions,
)
from colang_interpreter.messages.recording import Recorder
from colang_interpreter.tracing.decisions import STOPPING, Decision
from colang_interpreter.tracing.executions import KIND
from colang_interpreter.v2.rails import OPTIONS, VARIABLES, called_rails

if TYPE_CHECKING:
    from colang_interpreter.v2.history import History
    from colang_interpreter.v2.state import State

_PAST: Final = "PastMessages"
"""Carries events that no flow gets to see, only the history; never leaves this module."""

_NOT_ARGUMENTS: Final = ENVELOPE & {"type", "uid", "event_created_at", "source_uid", "action_uid"}
_LOGS: Final = {
    "UserActionLog": "dialog",
    "UserIntentLog": "dialog",
    "BotIntentLog": "generation",
    "BotActionLog": "generation",
}


class DialogV2:
    """See `conversing.Dialect`."""

    def __init__(self, program: Program) -> None:
        self._program = program
        rails = getattr(program.config, "rails", None)
        names = getattr(getattr(rails, "actions", None), "instant_actions", None)
        self._instant: list[str] = ["UtteranceBotAction"] if names is None else list(names)

    def events(
        self,
        messages: Sequence[Message],
        known: int,
        machine: Machine | None,
        options: GenerationOptions | None,
    ) -> list[Event]:
        """Messages up to an answer that did not come from here are only remembered: flows have not said it."""
        variables: dict[str, Any] = {}
        if options is not None:
            self.check_names(options)
            variables[OPTIONS] = options.model_dump()
        elif machine is not None and machine.globals.get(OPTIONS) is not None:
            variables[OPTIONS] = None
        new = list(messages[known:])
        past = max((at for at, m in enumerate(new, 1) if m.get("role") == "assistant"), default=0)
        before: list[Event] = []
        events: list[Event] = []
        for number, message in enumerate(new, known + 1):
            is_past = number - known <= past
            made = message_events(message, number, messages, is_past=is_past)
            lasting = [event for event in made if event["type"] == "ContextUpdate"]
            if is_past:
                before += [event for event in made if event not in lasting]
                events += lasting
            else:
                events += made
        if variables:
            events.insert(0, {"type": "ContextUpdate", "data": variables})
        return [{"type": _PAST, "events": before}, *events] if before else events

    def check_names(self, options: GenerationOptions) -> None:
        """See that rails which are named are there.

        Raises:
            ValueError: A name no rail has: it must not mean that nothing is checked.
        """
        flows: Any = getattr(self._program, "flows", {})
        for kind, choice in options.rails.model_dump().items():
            known = called_rails(flows, kind) if kind in VARIABLES else []
            for name in choice if is_list(choice) else ():
                if name not in known:
                    listed = ", ".join(f"`{one}`" for one in known) or "none"
                    raise ValueError(
                        f"there is no {kind} rail `{name}`; `{kind} rails` calls: {listed}"
                    )

    async def run(self, conversation: Conversation, events: list[Event]) -> Ran:
        """Process them; what the bot says counts as said."""
        past: list[Event] = []
        if events and events[0]["type"] == _PAST:
            past, events = events[0]["events"], events[1:]
        if past and not conversation.has_begun:
            await conversation.process([], blocking=True, instant_actions=self._instant)
        before = 0
        if conversation.has_begun:
            for event in past:
                _past_of(conversation.machine).add(event)
            before = _past_of(conversation.machine).count
        turn = await conversation.process(events, blocking=True, instant_actions=self._instant)
        return Ran(turn, _answer(turn), _past_of(conversation.machine).excerpt(before))

    def restored(self, conversation: Conversation, state: Mapping[str, Any]) -> list[Event]:
        """The state holds everything; no events are left."""
        saved = state.get("state")
        known = set(state) <= {"state", "version"} and state.get("version", "2.x") == "2.x"
        if not known or (state and not isinstance(saved, str)):
            raise InvalidStateError(
                'a state is `{}` or what an earlier call gave: `{"state": text, "version": "2.x"}`'
            )
        if isinstance(saved, str):
            try:
                conversation.restore(saved)
            except ConversationError as problem:
                raise InvalidStateError(str(problem)) from problem
        return []

    def saved(self, conversation: Conversation, before: list[Event], ran: Ran) -> dict[str, Any]:
        """The whole conversation as text."""
        return {"state": conversation.dump(), "version": "2.x"}

    def variables(self, machine: Machine) -> Mapping[str, Any]:
        """The global variables."""
        return machine.globals

    def rails(self, ran: Ran, machine: Machine, recorder: Recorder) -> list[ActivatedRail]:
        """The rails that have decided, those of the input first; between them the flows of users and bots.

        A flow has the Python actions that ran before it finished, as far as they belong to no rail.
        """
        trace = ran.turn.trace
        actions = {run.uid: run for run in trace.actions}
        verdicts = [decision for decision in trace.decisions if decision.kind != KIND]
        decided = [_rail(decision, actions, recorder) for decision in verdicts]
        in_rails = {uid for decision in verdicts for uid in decision.uids}
        rails: list[ActivatedRail] = []
        waiting: list[ExecutedAction] = []
        for event in ran.events:
            kind: str = event["type"]
            run = actions.get(str(event.get("action_uid"))) if kind.endswith("Finished") else None
            if run is not None and run.uid not in in_rails:
                waiting.append(_executed(run, recorder))
            elif kind in _LOGS:
                decisions = [f"execute {action.action_name}" for action in waiting]
                parameter = event.get("parameter")
                if parameter is not None:
                    decisions.append(str(parameter))
                rails.append(
                    ActivatedRail(
                        type=_LOGS[kind],
                        name=str(event.get("flow_id")),
                        decisions=decisions,
                        executed_actions=waiting,
                    )
                )
                waiting = []
        if waiting:
            decisions = [f"execute {action.action_name}" for action in waiting]
            rails.append(
                ActivatedRail(
                    type="dialog", name="main", decisions=decisions, executed_actions=waiting
                )
            )
        return [
            *(rail for rail in decided if rail.type == "input"),
            *rails,
            *(rail for rail in decided if rail.type == "output"),
        ]

    def past(self, machine: Machine) -> Callable[[], Sequence[Event]]:
        """Unpacked for those who ask."""
        return _past_of(machine).excerpt(0)

    def history(self, events: Sequence[Event]) -> str:
        """As models get to see it."""
        return history_v2(events)


def _rail(
    decision: Decision, actions: Mapping[str, ActionRun], recorder: Recorder
) -> ActivatedRail:
    runs = [actions[uid] for uid in decision.uids if uid in actions]
    executed = [_executed(run, recorder) for run in runs]
    stop = decision.verdict in STOPPING
    started = _seconds(decision.started_at)
    return ActivatedRail(
        type=decision.kind,
        name=decision.rail,
        decisions=[f"execute {one.action_name}" for one in executed] + ["stop"] * stop,
        executed_actions=executed,
        stop=stop,
        started_at=started,
        finished_at=None if started is None else started + decision.seconds,
        duration=decision.seconds,
    )


def _executed(run: ActionRun, recorder: Recorder) -> ExecutedAction:
    started, finished = _seconds(run.started_at), _seconds(run.finished_at)
    return ExecutedAction(
        action_name=run.name,
        action_params=dict(run.arguments),
        return_value=run.return_value,
        llm_calls=recorder.infos(run.uid),
        started_at=started,
        finished_at=finished,
        duration=None if started is None or finished is None else finished - started,
    )


def _seconds(moment: str) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None


def message_events(
    message: Message, number: int, messages: Sequence[Message], *, is_past: bool
) -> list[Event]:
    """The events of message `number` (from 1); one of the past also leaves what flows would have written down."""
    role = message.get("role")
    try:
        match role:
            case "user":
                text = message["content"]
                if not isinstance(text, str):
                    raise wrong(number, "the content of a user is a text")
                heard = {"type": "UtteranceUserActionFinished", "final_transcript": text}
                return [heard, _log("UserActionLog", "user said", text)] if is_past else [heard]
            case "assistant":
                text = content_text(message.get("content") or "")
                said = {"type": "UtteranceBotActionFinished", "final_script": text}
                return [said, _log("BotActionLog", "bot say", text)]
            case "context":
                return [{"type": "ContextUpdate", "data": dict(message["content"])}]
            case "event":
                return [dict(message["event"])]
            case "system" | "developer":
                return [{"type": "SystemMessage", "content": message["content"]}]
            case "tool":
                return [_tool_result(message, number, messages)]
            case _:
                raise wrong(number, f"a role {role!r} cannot be processed")
    except KeyError as missing:
        raise wrong(number, f"`{missing.args[0]}` is missing") from None


def _log(kind: str, flow: str, text: str) -> Event:
    return {"type": kind, "flow_id": flow, "parameter": text, "intent_flow_id": None}


def _tool_result(message: Message, number: int, messages: Sequence[Message]) -> Event:
    """The end of an action that the caller has performed; its name is that of the call."""
    uid = str(message["tool_call_id"])
    name = message.get("name")
    for earlier in messages:
        calls: Any = earlier.get("tool_calls") or ()
        for call in cast("Sequence[Mapping[str, Any]]", calls):
            if call.get("id") == uid:
                name = call.get("function", {}).get("name", name)
    if not isinstance(name, str) or not name:
        raise wrong(number, "give the `name` of the action this is the result of")
    return {
        "type": f"{name}Finished",
        "action_uid": uid,
        "status": "success",
        "is_success": True,
        "return_value": message["content"],
    }


def _past_of(machine: Machine) -> History:
    return cast("State", machine).past


def _answer(turn: Turn) -> Answer:
    answer = Answer()
    for event in turn.output:
        kind: str = event["type"]
        if kind == "UtteranceBotActionFinished":
            answer.texts.append(str(event["final_script"]))
        elif kind.startswith("Start") and kind.endswith("Action"):
            given = {key: value for key, value in event.items() if key not in _NOT_ARGUMENTS}
            function = {"name": kind.removeprefix("Start"), "arguments": given}
            answer.tool_calls.append(
                {"id": event["action_uid"], "type": "function", "function": function}
            )
        elif kind.endswith("Exception"):
            answer.exception = event
        else:
            answer.events.append(event)
    return answer
