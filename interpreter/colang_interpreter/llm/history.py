"""The conversation as text, for prompts: Colang 1.0 (settings, 6.4) and Colang 2.x (language, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from colang_interpreter.llm.model import content_text

HIDDEN: Final = "<<<this text was not accepted and is not shown>>>"
"""Stands for a user's text that `mask_prev_user_message` has hidden."""


# ---------------------------------------------------------------- Colang 1.0


def history_v1(events: Sequence[Mapping[str, Any]]) -> str:
    r"""The history in Colang 1.0's own form, one line for each event that matters.

    `hide_prev_turn` takes back everything from the last utterance on. `mask_prev_user_message` hides the user's
    text of the turn in which it stands, and never one of an earlier turn (R28).

    Example:
        >>> events = [{"type": "UserMessage", "text": "hi"}, {"type": "UserIntent", "intent": "greet"},
        ...     {"type": "BotIntent", "intent": "greet back"}]
        >>> print(history_v1(events), end="")
        user "hi"
          greet
        bot greet back
    """
    shown = visible(events)
    last_bot = max((n for n, e in enumerate(shown) if e.get("type") == "BotIntent"), default=-1)
    lines: list[str] = []
    user_line: int | None = None  # of the current turn
    for number, event in enumerate(shown):
        match event.get("type"):
            case "UtteranceUserActionFinished":
                user_line = None
            case "UserMessage":
                user_line = len(lines)
                lines.append(f'user "{content_text(event.get("text", ""))}"')
            case "UserIntent":
                lines.append(f"  {event.get('intent', '')}")
            case "BotIntent":
                instructions = event.get("instructions")
                if number == last_bot and instructions:
                    lines += [f"# {line}" for line in str(instructions).split("\n")]
                lines.append(f"bot {event.get('intent', '')}")
            case "StartUtteranceBotAction":
                lines.append(f'  "{event.get("script", "")}"')
            case "StartInternalSystemAction" if not event.get("is_system_action"):
                lines.append(f"execute {event.get('action_name', '')}")
            case "InternalSystemActionFinished" if not event.get("is_system_action"):
                value = str(event.get("return_value")).replace("\n", " ")
                lines.append(f"# The result was {value}")
            case "mask_prev_user_message" if user_line is not None:
                lines[user_line] = f'user "{HIDDEN}"'
            case _:
                pass
    return "".join(f"{line}\n" for line in lines)


def visible(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events without the turns that `hide_prev_turn` has taken back (Colang 1.0, 10.2).

    >>> [e["type"] for e in visible([{"type": "A"}, {"type": "UtteranceUserActionFinished"}, {"type": "B"},
    ...     {"type": "hide_prev_turn"}, {"type": "C"}])]
    ['A', 'C']
    """
    shown: list[Mapping[str, Any]] = []
    turns: list[int] = []
    for event in events:
        if event.get("type") == "hide_prev_turn":
            if turns:
                del shown[turns.pop() :]
            continue
        if event.get("type") == "UtteranceUserActionFinished":
            turns.append(len(shown))
        shown.append(event)
    return shown


# ---------------------------------------------------------------- Colang 2.x

_IDENTIFIERS = {
    "UserActionLog": "user action",
    "UserIntentLog": "user intent",
    "BotActionLog": "bot action",
    "BotIntentLog": "bot intent",
}


def history_v2(events: Iterable[Mapping[str, Any]]) -> str:
    r"""The history of a 2.x conversation, from the log events in it.

    Actions of one intent form a block, which its intent joins; blocks are separated by an empty line.

    Example:
        >>> print(history_v2([
        ...     {"type": "UserActionLog", "flow_id": "user said", "parameter": "hi", "intent_flow_id": "user greeted"},
        ...     {"type": "UserIntentLog", "flow_id": "user greeted", "parameter": None},
        ...     {"type": "BotActionLog", "flow_id": "bot say", "parameter": "Hello!", "intent_flow_id": None},
        ... ]))
        user action: user said "hi"
        user intent: user greeted
        <BLANKLINE>
        bot action: bot say "Hello!"
    """
    blocks: list[str] = []
    group: list[str] = []
    group_intent: str | None = None
    previous: tuple[Any, ...] | None = None

    def close() -> None:
        nonlocal group, group_intent
        if group:
            blocks.append("\n".join(group))
        group, group_intent = [], None

    for event in events:
        kind = _IDENTIFIERS.get(event.get("type", ""))
        if kind is None:
            continue
        flow, parameter = str(event.get("flow_id")), event.get("parameter")
        record = (kind, flow, repr(parameter))
        if kind == "user action" and record == previous:
            continue
        previous = record
        if kind.endswith("action"):
            intent = event.get("intent_flow_id")
            if group and intent is not None and intent == group_intent:
                group.append(f"  and {_named(flow, parameter)}")
                continue
            close()
            group, group_intent = [f"{kind}: {_named(flow, parameter)}"], intent
            if intent is None:
                close()
            continue
        line = f"{kind}: {_named(flow, parameter)}"
        if group and group_intent == flow:
            group = [line, *group] if kind == "bot intent" else [*group, line]
            close()
        else:
            close()
            blocks.append(line)
    close()
    return "\n\n".join(blocks)


def _named(flow: str, parameter: Any) -> str:
    if parameter is None:
        return flow
    if isinstance(parameter, str):
        return f'{flow} "{one_line(parameter)}"'
    return f"{flow} {parameter}"


def one_line(text: str) -> str:
    r"""A text with its line ends written as ``\n``."""
    return text.replace("\n", "\\n")


# ---------------------------------------------------------------- message lists


def history_key(messages: Iterable[Mapping[str, Any]]) -> str:
    """The key under which the events of a message list are remembered (rails-runtime, 4.1).

    >>> history_key([{"role": "user", "content": "a"}, {"role": "context", "content": {"x": 1}}])
    'a:{"x": 1}'
    """
    parts: list[str] = []
    for message in messages:
        match message.get("role"):
            case "user" | "assistant":
                content = message.get("content")
                parts.append(content if isinstance(content, str) else _json(content))
            case "context":
                parts.append(_json(message.get("content")))
            case "event":
                parts.append(_json(message.get("event")))
            case _:
                pass
    return ":".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
