r"""Cassettes: calls of a model recorded once and replayed for ever, as JSON lines.

A line is ``{"key", "task", "request", "response"}``. The key is a digest of what decides an answer: prompt, task, stop texts
and parameters. Equal requests get their recorded answers in order; the last one is given again when they run out.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, cast

from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.model import Model, ModelRequest, ModelResponse, ToolCall, Usage
from colang_interpreter.llm.scripted import pieces

Mode: TypeAlias = Literal["replay", "record", "new"]
"""``replay``: only what is recorded; ``record``: always ask the model; ``new``: ask only what is not recorded."""

_WORD = re.compile(r"\w+")
_SHOWN = 1_500  # characters of the difference in an error


class CassetteError(ValueError):
    """The lines are no recording."""


class RecordedModel:
    r"""A model that plays a cassette, and fills it.

    Example:
        >>> import asyncio
        >>> from colang_interpreter.llm.scripted import ScriptedModel
        >>> lines = []
        >>> recorder = RecordedModel([], ScriptedModel(["Ten."]), mode="new", save=lines.append)
        >>> asyncio.run(recorder.generate(ModelRequest(prompt="How much?"))).text
        'Ten.'
        >>> asyncio.run(RecordedModel(lines).generate(ModelRequest(prompt="How much?"))).text
        'Ten.'
    """

    def __init__(
        self,
        lines: Iterable[str] = (),
        model: Model | None = None,
        *,
        mode: Mode = "replay",
        save: Callable[[str], object] | None = None,
    ) -> None:
        r"""Read what is recorded.

        Args:
            lines: JSON lines, for example an open file.
            model: Who is asked for what is not recorded.
            mode: Whether and when `model` is asked.
            save: Takes each new line, which ends with ``\n``; for example the ``write`` of a file.

        Raises:
            CassetteError: A line is not valid; the text has its number.
            ValueError: `mode` needs a model and there is none.
        """
        if mode not in ("replay", "record", "new"):
            raise ValueError(f"mode is 'replay', 'record' or 'new', not {mode!r}")
        if mode != "replay" and model is None:
            raise ValueError(f"mode {mode!r} needs a model to ask")
        self._model = model
        self._mode: Mode = mode
        self._save = save
        self._answers: dict[str, list[ModelResponse]] = {}
        self._requests: dict[str, str] = {}
        self._played: dict[str, int] = {}
        if mode != "record":
            for number, line in enumerate(lines, 1):
                if line.strip():
                    self._read(line, number)

    def __len__(self) -> int:
        """How many answers it has."""
        return sum(len(answers) for answers in self._answers.values())

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """The recorded answer, or the model's.

        Raises:
            LLMCallException: Nothing is recorded for this request and no model may be asked; the text shows the
                difference to the nearest recorded one.
        """
        key = request_key(request)
        answers = self._answers.get(key)
        if answers and self._mode != "record":
            at = self._played.get(key, 0)
            self._played[key] = at + 1
            answer = answers[min(at, len(answers) - 1)]
            if request.on_token is not None:
                for piece in pieces(answer.text):
                    request.on_token(piece)
            return answer
        if self._mode == "replay" or self._model is None:
            raise LLMCallException(
                self._unknown(request),
                "Error invoking LLM (model=recording)",
                kind="unexpected_call",
            )
        answer = await self._model.generate(request)
        self._answers.setdefault(key, []).append(answer)
        self._played[key] = len(self._answers[key])
        self._requests[key] = _canonical(request)
        if self._save is not None:
            entry = {
                "key": key,
                "task": request.task,
                "request": _request_data(request),
                "response": _response_data(answer),
            }
            self._save(json.dumps(entry, ensure_ascii=False, default=str) + "\n")
        return answer

    def _read(self, line: str, number: int) -> None:
        try:
            entry = json.loads(line)
            given = entry["request"]
            request = ModelRequest(
                prompt=given["prompt"],
                task=str(entry["task"]),
                stop=tuple(given["stop"]),
                parameters=given["parameters"],
            )
            response = _response(entry["response"])
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise CassetteError(f"line {number} of the recording is not valid: {problem}") from None
        key = request_key(request)
        self._answers.setdefault(key, []).append(response)
        self._requests[key] = _canonical(request)

    def _unknown(self, request: ModelRequest) -> str:
        head = f"nothing is recorded for this call of task `{request.task or '(none)'}`"
        wanted = _canonical(request)
        if not self._requests:
            return (
                f"{head}; the recording is empty. Record it first. The request:\n{wanted[:_SHOWN]}"
            )
        near = _nearest(wanted, list(self._requests.values()))
        changed = difflib.unified_diff(
            near.splitlines(), wanted.splitlines(), "recorded", "asked for", lineterm="", n=1
        )
        difference = "\n".join(changed)[:_SHOWN]
        return f"{head}. Record it again, or undo what has changed since:\n{difference}"


def request_key(request: ModelRequest) -> str:
    """The digest of what decides an answer.

    >>> request_key(ModelRequest(prompt="a")) == request_key(ModelRequest(prompt="a", on_token=print))
    True
    """
    return hashlib.sha256(_canonical(request).encode("utf-8", "replace")).hexdigest()[:32]


def _request_data(request: ModelRequest) -> dict[str, Any]:
    prompt = request.prompt if isinstance(request.prompt, str) else request.messages
    return {
        "prompt": prompt,
        "stop": list(request.stop),
        "parameters": dict(sorted(request.parameters.items())),
    }


def _canonical(request: ModelRequest) -> str:
    """The request as a text with one fact to a line, the same for equal requests."""
    lines = [f"task: {request.task}"]
    if isinstance(request.prompt, str):
        lines += ["prompt:", *request.prompt.split("\n")]
    else:
        for message in request.messages:
            rest = {key: value for key, value in message.items() if key not in ("role", "content")}
            extra = f" {_json(rest)}" if rest else ""
            content = message.get("content")
            text = content if isinstance(content, str) else _json(content)
            lines += [f"{message['role']}{extra}:", *text.split("\n")]
    lines.append(f"stop: {_json(list(request.stop))}")
    lines.append(f"parameters: {_json(dict(request.parameters))}")
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _nearest(text: str, known: list[str]) -> str:
    """The recorded request most like this one: by the lines they share, then by their words."""
    lines, words = set(text.split("\n")), set(_WORD.findall(text.lower()))

    def shared(other: str) -> tuple[int, int]:
        return (
            len(lines.intersection(other.split("\n"))),
            len(words.intersection(_WORD.findall(other.lower()))),
        )

    return max(known, key=shared)


def _response_data(response: ModelResponse) -> dict[str, Any]:
    data = {
        field.name: getattr(response, field.name)
        for field in dataclasses.fields(response)
        if field.name != "raw"
    }
    data["tool_calls"] = [dataclasses.asdict(call) for call in response.tool_calls]
    data["usage"] = None if response.usage is None else dataclasses.asdict(response.usage)
    return {key: value for key, value in data.items() if value not in (None, [])}


def _response(data: Mapping[str, Any]) -> ModelResponse:
    usage = data.get("usage")
    calls = cast("list[dict[str, Any]]", data.get("tool_calls") or [])
    text = data["text"]
    if not isinstance(text, str):
        raise TypeError("`text` is no text")
    return ModelResponse(
        text=text,
        tool_calls=tuple(ToolCall(**call) for call in calls),
        usage=None if usage is None else Usage(**usage),
        reasoning=data.get("reasoning"),
        finish_reason=data.get("finish_reason"),
        model=data.get("model"),
        request_id=data.get("request_id"),
    )
