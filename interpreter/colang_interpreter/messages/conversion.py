"""Messages become events, and events an answer: Colang 1.0 (`rails-runtime.md`, 4.1 and 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.host.loop import Turn
from colang_interpreter.llm.model import content_text
from colang_interpreter.machine import Event

REMOVE_LAST: Final = "(remove last message)"
"""A text that takes back the one before it."""

Message = Mapping[str, Any]


def wrong(number: int, problem: str) -> ValueError:
    """The error for a message that cannot be used; numbers count from 1."""
    return ValueError(f"message {number}: {problem}")


def events_of(
    messages: Sequence[Message], *, before: Sequence[Message] = (), tool_rails: bool = False
) -> list[Event]:
    """The events of messages; only what the last message becomes is answered.

    Args:
        messages: New ones, in order.
        before: Those before them, for the text a tool result belongs to.
        tool_rails: The configuration has rails for the results of tools.

    Raises:
        ValueError: A message without a known role, or without what its role needs.

    Example:
        >>> [e["type"] for e in events_of([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])]
        ['UtteranceUserActionFinished', 'UserMessage', 'StartUtteranceBotAction', 'UtteranceBotActionFinished']
    """
    events: list[Event] = []
    for number, message in enumerate(messages, len(before) + 1):
        is_last = number == len(before) + len(messages)
        role = message.get("role")
        match role:
            case "user":
                text = _needed(message, "content", number)
                events.append({"type": "UtteranceUserActionFinished", "final_transcript": text})
                if not is_last:
                    events.append({"type": "UserMessage", "text": text})
            case "assistant":
                events += _assistant(message, number)
            case "context":
                data = _needed(message, "content", number)
                if not is_mapping(data):
                    raise wrong(number, "the content of a context message is a dictionary")
                events.append({"type": "ContextUpdate", "data": dict(data)})
            case "event":
                event = _needed(message, "event", number)
                if not is_mapping(event) or not isinstance(event.get("type"), str):
                    raise wrong(number, "`event` is a dictionary with a `type`")
                events.append(dict(event))
            case "system" | "developer":
                content = _needed(message, "content", number)
                events.append({"type": "SystemMessage", "content": content})
            case "tool":
                if is_last:
                    events += _tool_results([*before, *messages], tool_rails)
            case "exception":
                pass  # an answer of ours that a client sends back: it said nothing
            case _:
                raise wrong(number, f"a role {role!r} cannot be processed")
    return events


def _needed(message: Message, key: str, number: int) -> Any:
    if key not in message:
        raise wrong(number, f"`{key}` is missing")
    return message[key]


def _assistant(message: Message, number: int) -> list[Event]:
    events: list[Event] = []
    calls = message.get("tool_calls")
    text = message.get("content")
    if not calls:
        text = _needed(message, "content", number)
    if text:
        said = content_text(text)
        events.append({"type": "StartUtteranceBotAction", "script": said})
        events.append(
            {"type": "UtteranceBotActionFinished", "final_script": said, "is_success": True}
        )
    if calls:
        events.append({"type": "BotToolCalls", "tool_calls": list(calls)})
    return events


def _tool_results(messages: Sequence[Message], tool_rails: bool) -> list[Event]:
    """The results of tools at the end of a conversation: the user's last message is to be answered with them."""
    results: list[dict[str, Any]] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        keys = ("content", "name", "tool_call_id")
        results.insert(0, {key: message.get(key) for key in keys})
    asked: Any = ""
    for message in reversed(messages):
        if message.get("role") == "user":
            asked = message.get("content", "")
            break
    variables = {"type": "ContextUpdate", "data": {"user_message": asked}}
    if tool_rails:
        return [variables, {"type": "UserToolMessages", "tool_messages": results}]
    return [variables, {"type": "UserMessage", "text": asked}]


@dataclass(slots=True)
class Answer:
    """What a turn gives the caller.

    Attributes:
        texts: What was said, in order.
        exception: The last event of a rail that raised, if any.
        tool_calls: Tools the caller has to call.
        reasoning: What the model thought.
        events: Other events for the caller (2.x).
    """

    texts: list[str] = field(default_factory=list[str])
    exception: Event | None = None
    tool_calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reasoning: str | None = None
    events: list[Event] = field(default_factory=list[Event])

    @property
    def text(self) -> str:
        """All texts, one a line."""
        return "\n".join(self.texts)

    def message(self, *, thinking: bool = False) -> dict[str, Any]:
        """The answer as a message; with `thinking` its reasoning stands in front of the text."""
        if self.exception is not None:
            message: dict[str, Any] = {"role": "exception", "content": self.exception}
            if self.texts:
                message["text"] = self.text  # said before it (G5)
            return message
        text = self.text
        if thinking and self.reasoning:
            text = f"<think>{self.reasoning}</think>\n{text}"
        message = {"role": "assistant", "content": text}
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        if self.events:
            message["events"] = self.events
        return message


@dataclass(frozen=True, slots=True)
class Ran:
    """A turn, the events that came about in it, and the answer they amount to."""

    turn: Turn
    answer: Answer
    read: Callable[[], list[Event]]  # most calls never look at the events

    @property
    def events(self) -> list[Event]:
        """The events, in order."""
        return self.read()


def answer_of(events: Iterable[Event]) -> Answer:
    """The answer in the new events of a 1.0 turn (4.3).

    >>> answer_of([{"type": "StartUtteranceBotAction", "script": text} for text in ("a", REMOVE_LAST, "b")]).text
    'b'
    """
    answer = Answer()
    for event in events:
        kind: str = event["type"]
        if kind == "StartUtteranceBotAction":
            script = str(event.get("script") or "")
            if script == REMOVE_LAST:
                del answer.texts[-1:]
            else:
                answer.texts.append(script)
        elif kind == "StartToolCallBotAction":
            answer.tool_calls += event.get("tool_calls") or []
        elif kind == "BotThinking":
            answer.reasoning = str(event.get("content"))
        elif kind.endswith("Exception"):
            answer.exception = event
    return answer
