"""The actions that are always there, except those that ask a language model (colang-2.md, 7.4).

They reach the machine through the conversation's tape, so that what they change is in the event log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from colang_interpreter.host import attention
from colang_interpreter.host.actions import ActionRegistry, ActionResult, action
from colang_interpreter.host.loop import Conversation

_FLOW_NAME = re.compile(r"^flow ([\w ]*\w)", re.MULTILINE)

_BUILTIN: list[Callable[..., Any]] = []


def _builtin(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        marked = action(name=name, is_system_action=True)(function)
        _BUILTIN.append(marked)
        return marked

    return mark


@_builtin("AddFlowsAction")
def add_flows(conversation_: Conversation, **given: str) -> list[str]:
    """Define the flows of a Colang text; the names of those that were added.

    A text that cannot be compiled becomes a flow of the same name that says so, for it is mostly a model that
    has written it and a waiting flow must get on.
    """
    config = given["config"]  # as a parameter it would be the configuration, which the host injects
    try:
        return conversation_.tape.add_flows(config)
    except Exception as problem:
        name = _FLOW_NAME.search(config)
        if name is None or not hasattr(problem, "diagnostics"):
            raise
        apology = f'flow {name[1]}\n  bot say "Internal error on flow `{name[1]}`."\n'
        return conversation_.tape.add_flows(apology)


@_builtin("RemoveFlowsAction")
def remove_flows(flow_ids: list[str], conversation_: Conversation) -> None:
    """Remove flows by name, with their running instances."""
    conversation_.tape.remove_flows([str(name) for name in flow_ids])


@_builtin("CheckFlowDefinedAction")
def check_flow_defined(flow_id: str, state: Any) -> bool:
    """Whether a flow of that name is defined."""
    return bool(flow_id in state.program.flows)


@_builtin("CheckValidFlowExistsAction")
def check_valid_flow_exists(flow_id: str, state: Any) -> bool:
    """Whether a flow of that name runs or has run."""
    return bool(state.flow_has_run(flow_id))


@_builtin("CheckForActiveEventMatchAction")
def check_for_active_event_match(event_name: str, state: Any, **parameters: Any) -> bool:
    """Whether some active flow waits for such an event."""
    return bool(state.waits_for({**parameters, "type": event_name}))


@_builtin("GetCurrentDateTimeAction")
def get_current_date_time(conversation_: Conversation) -> str:
    """The local time in ISO format."""
    return conversation_.runtime.clock.now().astimezone().isoformat()


@_builtin("GetLastUserMessageAction")
def get_last_user_message(events: Sequence[dict[str, Any]]) -> str | None:
    """The final transcript of the user's last utterance."""
    for event in reversed(events):
        if event.get("type") == "UtteranceUserActionFinished":
            transcript: str | None = event.get("final_transcript")
            return transcript
    return None


@_builtin("CreateEventAction")
def create_event(event: dict[str, Any]) -> ActionResult:
    """An event, from a dictionary with the key `_type`, among the events of the result."""
    made = {key: value for key, value in event.items() if key != "_type"}
    return ActionResult(events=[{**made, "type": event.get("_type")}])


@_builtin("UpdateAttentionMaterializedViewAction")
def update_attention_view(
    event: Any, context: dict[str, Any], timestamp_offsets: dict[str, float] | None = None
) -> ActionResult:
    """Take an event into account for `GetAttentionPercentageAction` (section 8.6)."""
    view = attention.updated(context.get(attention.VARIABLE), event, timestamp_offsets or {})
    return ActionResult(context_updates={attention.VARIABLE: view})


@_builtin("GetAttentionPercentageAction")
def get_attention_percentage(attention_levels: Any, context: dict[str, Any]) -> float:
    """The part of the last utterance during which the user's attention had one of these levels."""
    levels = [attention_levels] if isinstance(attention_levels, str) else list(attention_levels)
    return attention.percentage(context.get(attention.VARIABLE), levels)


def register_builtin_actions(registry: ActionRegistry) -> None:
    """Add them; actions registered later may replace them."""
    for function in _BUILTIN:
        registry.register(function)
