"""Filters for prompts: history as text, as messages, shortened (settings, section 7). Pure functions.

Those that take a history expect the text of `history`; those that take events say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from colang_interpreter.llm.history import history_v1, history_v2
from colang_interpreter.llm.model import content_text

Events = Sequence[Mapping[str, Any]]

_IDENTIFIER = re.compile(r"^(?:user|bot) (?:action|intent): ", re.MULTILINE)


def colang_without_identifiers(events: Events) -> str:
    """The 2.x history of events without ``user action: `` and the like at the beginning of lines."""
    return _IDENTIFIER.sub("", history_v2(events))


def remove_text_messages(history: str) -> str:
    r"""Only intents are left.

    >>> remove_text_messages('user "hi"\n  greet\nbot greet back\n  "Hello!"\n')
    'user greet\nbot greet back\n'
    """
    lines: list[str] = []
    user = False  # the line before was a text of the user
    inside = False  # a text over several lines
    for line in history.split("\n"):
        if inside:
            inside = not line.endswith('"')
        elif line.startswith('user "'):
            user, inside = True, _is_open(line[5:])
        elif line.startswith('  "'):
            inside = _is_open(line[2:])
        elif user and line.startswith("  "):
            lines.append(f"user {line.strip()}")
            user = False
        else:
            lines.append(line)
            user = False
    return "\n".join(lines)


def _is_open(text: str) -> bool:
    return len(text) < 2 or not text.endswith('"')


def _turns(history: str) -> tuple[list[str], list[int]]:
    """The lines, and where turns begin: with ``user "`` or ``user action: ``, the first line included."""
    lines = history.split("\n")
    starts = [
        number for number, line in enumerate(lines) if line.startswith(('user "', "user action: "))
    ]
    return lines, starts


def first_turns(history: str | Sequence[Mapping[str, Any]], n: int = 1) -> str:
    r"""The first `n` turns; a turn begins with what the user says.

    >>> first_turns('user "a"\n  x\nbot y\nuser "b"\n  z\n', 1)
    'user "a"\n  x\nbot y'
    """
    if n < 1:
        return ""
    history = _as_text(history)
    lines, starts = _turns(history)
    return history if len(starts) <= n else "\n".join(lines[: starts[n]])


def last_turns(history: str | Sequence[Mapping[str, Any]], n: int = 1) -> str:
    r"""The last `n` turns.

    >>> last_turns('user "a"\n  x\nbot y\nuser "b"\n  z\n', 1)
    'user "b"\n  z\n'
    """
    if n < 1:
        return ""
    history = _as_text(history)
    lines, starts = _turns(history)
    return history if len(starts) < n else "\n".join(lines[starts[-n] :])


def _as_text(history: str | Sequence[Mapping[str, Any]]) -> str:
    """Prompts may leave out the filter `colang` before a filter of turns."""
    return history if isinstance(history, str) else history_v1(list(history))


def indent(text: str, width: int = 4) -> str:
    r"""Every line that is not blank, moved to the right.

    >>> indent("a\nb", 2)
    '  a\n  b'
    """
    space = " " * width
    return "\n".join(space + line if line.strip() else line for line in text.split("\n"))


def verbose_v1(history: str) -> str:
    r"""Each line with the name of what it is.

    >>> verbose_v1('user "hi"\n  greet\nbot greet back\n  "Hello!"')
    'User message: "hi"\nUser intent: greet\nBot intent: greet back\nBot message: "Hello!"'
    """
    lines: list[str] = []
    inside = False
    for line in history.split("\n"):
        if inside:
            inside = not line.endswith('"')
            lines.append(line)
        elif line.startswith('user "'):
            inside = _is_open(line[5:])
            lines.append("User message: " + line[5:])
        elif line.startswith("bot "):
            lines.append("Bot intent: " + line[4:])
        elif line.startswith("user "):
            lines.append("User intent: " + line[5:])
        elif line.startswith('  "'):
            inside = _is_open(line[2:])
            lines.append("Bot message: " + line[2:])
        elif line.startswith("  "):
            lines.append("User intent: " + line[2:])
        else:
            lines.append(line)
    return "\n".join(lines)


def _parts(history: str) -> list[tuple[str, str]]:
    """The history as (label, text): ``User message``, ``User intent``, ``Bot intent``, ``Bot message``, or none."""
    parts: list[tuple[str, str]] = []
    for line in verbose_v1(history).split("\n"):
        label, colon, rest = line.partition(": ")
        if colon and label in ("User message", "User intent", "Bot intent", "Bot message"):
            parts.append((label, rest))
        elif line.strip():
            if parts and parts[-1][0].endswith("message"):
                parts[-1] = (parts[-1][0], f"{parts[-1][1]}\n{line}")
            else:
                parts.append(("", line))
    return parts


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def to_messages(history: str) -> list[dict[str, str]]:
    r"""Messages of a chat: what the user said, and all else up to the next thing the user says.

    >>> to_messages('user "hi"\n  greet\nbot greet back\n')
    [{'type': 'user', 'content': 'hi'}, {'type': 'assistant', 'content': 'User intent: greet\nBot intent: greet back'}]
    """
    messages: list[dict[str, str]] = []
    for label, text in _parts(history):
        if label == "User message":
            messages.append({"type": "user", "content": _unquoted(text)})
            continue
        line = f"{label}: {text}" if label else text
        if messages and messages[-1]["type"] == "assistant":
            messages[-1]["content"] += f"\n{line}"
        else:
            messages.append({"type": "assistant", "content": line})
    return messages


def to_intent_messages(history: str) -> list[dict[str, str]]:
    """Messages of a chat that consists of intents only."""
    types = {"User intent": "user", "Bot intent": "assistant"}
    return [
        {"type": types[label], "content": f"{label}: {text}"}
        for label, text in _parts(history)
        if label in types
    ]


def to_intent_messages_2(history: str) -> list[dict[str, str]]:
    """Messages of a chat: what the user said, the bot's intents, and its texts, without the user's intents."""
    messages: list[dict[str, str]] = []
    for label, text in _parts(history):
        if label == "User message":
            messages.append({"type": "user", "content": _unquoted(text)})
        elif label in ("Bot intent", "Bot message"):
            messages.append({"type": "assistant", "content": f"{label}: {text}"})
    return messages


def to_messages_v2(history: str) -> list[dict[str, str]]:
    r"""Messages of a chat, of a 2.x history: user actions, and all else up to the next one.

    >>> [m["type"] for m in to_messages_v2('user action: user said "hi"\nuser intent: user greeted')]
    ['user', 'assistant']
    """
    messages: list[dict[str, str]] = []
    for line in history.split("\n"):
        if not line.strip():
            continue
        is_user = line.startswith("user action: ")
        continued = line.startswith("  ") and bool(messages)
        if continued or (messages and not is_user and messages[-1]["type"] == "assistant"):
            messages[-1]["content"] += f"\n{line}"
        else:
            messages.append({"type": "user" if is_user else "assistant", "content": line})
    return messages


def _said(events: Events) -> list[tuple[str, Any]]:
    """Who said what: (role, content)."""
    said: list[tuple[str, Any]] = []
    for event in events:
        match event.get("type"):
            case "UserMessage":
                said.append(("user", event.get("text", "")))
            case "StartUtteranceBotAction":
                said.append(("assistant", event.get("script", "")))
            case "SystemMessage":
                said.append(("system", event.get("content", "")))
            case _:
                pass
    return said


def user_assistant_sequence(events: Events) -> str:
    """The texts of events as ``User: ...`` and ``Assistant: ...`` lines.

    >>> user_assistant_sequence([{"type": "UserMessage", "text": "hi"}])
    'User: hi'
    """
    names = {"user": "User", "assistant": "Assistant"}
    return "\n".join(
        f"{names[role]}: {content_text(content)}"
        for role, content in _said(events)
        if role in names
    )


def to_chat_messages(events: Events) -> list[dict[str, Any]]:
    """The texts of events as messages with role and content; contents of several parts are kept."""
    return [{"role": role, "content": content} for role, content in _said(events)]


def filters_for(version: str) -> Mapping[str, Callable[..., Any]]:
    """The built-in filters by name; `colang` makes the history of this dialect."""
    return _FILTERS_V2 if version == "2.x" else _FILTERS_V1


_COMMON: Final[Mapping[str, Callable[..., Any]]] = {
    function.__name__: function
    for function in (
        colang_without_identifiers,
        remove_text_messages,
        first_turns,
        last_turns,
        indent,
        user_assistant_sequence,
        to_messages,
        to_messages_v2,
        to_intent_messages,
        to_intent_messages_2,
        to_chat_messages,
        verbose_v1,
    )
}
_FILTERS_V1: Final = MappingProxyType({**_COMMON, "colang": history_v1, "co_v2": history_v2})
_FILTERS_V2: Final = MappingProxyType({**_COMMON, "colang": history_v2, "co_v2": history_v2})
