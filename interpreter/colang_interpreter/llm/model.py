"""The interface of a language model: one request, one response, tokens on the way.

A model is any object with ``async def generate(request: ModelRequest) -> ModelResponse``; `adapters.as_model` makes
one of whatever else users have. (Settings specification, section 8.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

Message: TypeAlias = Mapping[str, Any]
"""``{"role": ..., "content": ...}``, and the further keys of chat interfaces (`tool_calls`, `tool_call_id`, `name`)."""

TokenCallback: TypeAlias = Callable[[str], object]
"""Takes each piece of the answer as it arrives, in order; the pieces together are the answer's text."""

_ROLES = {"bot": "assistant", "human": "user", "developer": "system"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call of a model.

    Attributes:
        prompt: A text to be continued, or the messages of a chat.
        task: Name of the task the prompt was made for; empty if the caller has none.
        stop: The answer ends before any of these texts.
        parameters: Passed on to the model: ``temperature``, ``max_tokens``, ``tools`` and so on.
        on_token: Wanted pieces of the answer; None if nobody is listening.
        values: What the prompt was made of; not sent, but good to know for models that only play one.
    """

    prompt: str | Sequence[Message]
    task: str = ""
    stop: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    on_token: TokenCallback | None = field(default=None, compare=False, repr=False)
    values: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The prompt as messages; a text is one message of the user.

        >>> ModelRequest(prompt="hi").messages
        [{'role': 'user', 'content': 'hi'}]
        """
        if isinstance(self.prompt, str):
            return [{"role": "user", "content": self.prompt}]
        return [chat_message(message) for message in self.prompt]

    @property
    def text(self) -> str:
        """The prompt as one text, for models without roles.

        >>> ModelRequest(prompt=[{"role": "user", "content": "hi"}]).text
        'user: hi'
        """
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n".join(f"{m['role']}: {content_text(m['content'])}" for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool the model asks for; `arguments` is what it gave, a mapping if that could be read."""

    id: str
    name: str
    arguments: Any = field(default_factory=dict[str, Any])

    def to_data(self) -> dict[str, Any]:
        """The form of the message interfaces."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, as the model counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """What a model answered.

    Attributes:
        text: The answer.
        tool_calls: Tools it wants to be called.
        usage: Token counts, if it tells.
        reasoning: What it thought before it answered, if it tells.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``, ``error`` or ``other``.
        model: Which model it was, as it calls itself.
        request_id: How the server names this call.
        raw: The answer as it came, for whoever wants more.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    reasoning: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    request_id: str | None = None
    raw: Any = field(default=None, compare=False, repr=False)


class Model(Protocol):
    """A language model.

    Whoever implements it raises `errors.LLMCallException` for everything that can go wrong; other exceptions are
    taken for mistakes of the program.
    """

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """Answer one request; pieces go to ``request.on_token`` on the way, if it is set."""
        ...


def chat_message(message: Message) -> dict[str, Any]:
    """A message with the usual names of roles; ``type`` counts as ``role``.

    >>> chat_message({"type": "bot", "content": "Hello!"})
    {'role': 'assistant', 'content': 'Hello!'}
    """
    given = dict(message)
    role = str(given.pop("role", None) or given.pop("type", "user"))
    given.pop("type", None)
    return {"role": _ROLES.get(role, role), **given}


def content_text(content: Any) -> str:
    """The text of a message's content; of several parts the text parts, with `` [+ image]`` for images.

    >>> content_text([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}])
    'look [+ image]'
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, (list, tuple)):
        return "" if content is None else str(content)
    texts: list[str] = []
    image = False
    for part in cast("Sequence[Any]", content):
        if not isinstance(part, dict):
            texts.append(str(part))
            continue
        known = cast("dict[str, Any]", part)
        if known.get("type") == "text":
            texts.append(str(known.get("text", "")))
        elif "image" in str(known.get("type", "")):
            image = True
    return " ".join(texts) + (" [+ image]" if image else "")
