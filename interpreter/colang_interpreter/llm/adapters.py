"""`as_model`: whatever object a user has, as a model."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.model import (
    Model,
    ModelRequest,
    ModelResponse,
    ToolCall,
    Usage,
    content_text,
)


def as_model(given: Any) -> Model:
    """A model of an object, by what it can do.

    In this order:

    1. an object with ``async def generate(self, request)`` - a `Model` - is taken as it is,
    2. ``generate_async(prompt, *, stop, **parameters)``, with ``stream_async`` for tokens,
    3. ``ainvoke(input, **parameters)``, with ``astream`` for tokens (LangChain's runnables),
    4. any function or callable object, sync or async. It gets the prompt as a text, or the `ModelRequest` if its
       first parameter is called ``request``, and gives a text, a `ModelResponse`, or an object with `content`.

    A synchronous function runs in the event loop; one that waits for a network should be async. What the object
    raises becomes an `LLMCallException`.

    Raises:
        TypeError: It can do none of these.

    Example:
        >>> import asyncio
        >>> model = as_model(lambda prompt: prompt.upper())
        >>> asyncio.run(model.generate(ModelRequest(prompt="hi"))).text
        'HI'
    """
    generate = getattr(given, "generate", None)
    if inspect.iscoroutinefunction(generate) and _first_parameter(generate) == "request":
        return cast(Model, given)
    if inspect.isclass(given):
        raise TypeError(f"a model is an object, and this is the class `{given.__name__}`")
    if callable(getattr(given, "generate_async", None)):
        return _Adapted(given, "generate_async", "stream_async")
    if callable(getattr(given, "ainvoke", None)):
        return _Adapted(given, "ainvoke", "astream")
    if callable(given):
        return _Function(given)
    raise TypeError(
        f"{type(given).__name__} cannot be used as a language model; it needs a method `generate(request)`,"
        " `generate_async`, `ainvoke`, or has to be a function from a prompt to a text"
    )


def response_of(answer: Any) -> ModelResponse:
    """The response behind what a foreign object gave: a text, or an object with the usual attributes."""
    if isinstance(answer, ModelResponse):
        return answer
    if isinstance(answer, str):
        return ModelResponse(text=answer)
    content = getattr(answer, "content", None)
    if content is None and not hasattr(answer, "content"):
        raise LLMCallException(
            f"a model gives a text or an object with `content`, not {type(answer).__name__}",
            kind="bad_answer",
        )
    usage = getattr(answer, "usage", None) or getattr(answer, "usage_metadata", None)
    return ModelResponse(
        text=content_text(content),
        tool_calls=tuple(_tool_call(call) for call in getattr(answer, "tool_calls", None) or ()),
        usage=_usage(usage),
        reasoning=getattr(answer, "reasoning", None),
        finish_reason=getattr(answer, "finish_reason", None),
        model=getattr(answer, "model", None),
        request_id=getattr(answer, "request_id", None),
        raw=answer,
    )


def _get(value: Any, key: str) -> Any:
    return value.get(key) if is_mapping(value) else getattr(value, key, None)


def _tool_call(call: Any) -> ToolCall:
    function = _get(call, "function") or call
    arguments: Any = _get(function, "arguments")
    if arguments is None:
        arguments = _get(function, "args") or {}
    return ToolCall(
        id=str(_get(call, "id") or ""), name=str(_get(function, "name") or ""), arguments=arguments
    )


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    counts = [_get(usage, key) for key in ("input_tokens", "output_tokens", "total_tokens")]
    numbers = [count if isinstance(count, int) else 0 for count in counts]
    return Usage(
        input_tokens=numbers[0],
        output_tokens=numbers[1],
        total_tokens=numbers[2] or numbers[0] + numbers[1],
    )


def _first_parameter(function: Any) -> str | None:
    try:
        return next(iter(inspect.signature(function).parameters), None)
    except (TypeError, ValueError):
        return None


def _failed(problem: Exception, what: object) -> LLMCallException:
    status = getattr(problem, "status_code", None) or getattr(problem, "status", None)
    return LLMCallException(
        problem,
        f"Error invoking LLM (model={what})",
        status if isinstance(status, int) else None,
    )


class _Function:
    """A function from a prompt to a text."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._name = getattr(function, "__name__", type(function).__name__)
        self._whole = _first_parameter(function) == "request"

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """Call it."""
        try:
            answer = self._function(request if self._whole else request.text)
            if inspect.isawaitable(answer):
                answer = await answer
        except LLMCallException:
            raise
        except Exception as problem:
            raise _failed(problem, self._name) from problem
        return response_of(answer)


class _Adapted:
    """An object whose method takes a prompt, `stop` and parameters; another one streams."""

    def __init__(self, given: Any, method: str, stream: str) -> None:
        self._method: Callable[..., Any] = getattr(given, method)
        self._stream: Callable[..., Any] | None = getattr(given, stream, None)
        name = getattr(given, "model_name", None)
        self._name = name if isinstance(name, str) else type(given).__name__

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """Call it; as a stream if somebody listens."""
        prompt: str | Sequence[Any]
        prompt = request.prompt if isinstance(request.prompt, str) else request.messages
        named = dict(request.parameters)
        if request.stop:
            named["stop"] = list(request.stop)
        try:
            if request.on_token is not None and self._stream is not None:
                return await self._streamed(self._stream(prompt, **named), request)
            return response_of(await self._method(prompt, **named))
        except LLMCallException:
            raise
        except Exception as problem:
            raise _failed(problem, self._name) from problem

    async def _streamed(self, chunks: Any, request: ModelRequest) -> ModelResponse:
        if inspect.isawaitable(chunks):
            chunks = await chunks
        texts: list[str] = []
        reasoning: list[str] = []
        calls: list[ToolCall] = []
        last: Any = None
        async for chunk in cast("AsyncIterator[Any]", chunks):
            last = chunk
            text = chunk if isinstance(chunk, str) else _get(chunk, "delta_content")
            if text is None:
                text = content_text(_get(chunk, "content"))
            reasoning.append(
                _get(chunk, "delta_reasoning") or "" if not isinstance(chunk, str) else ""
            )
            calls += [_tool_call(call) for call in _get(chunk, "delta_tool_calls") or ()]
            if text:
                texts.append(text)
                if request.on_token is not None:
                    request.on_token(text)
        return ModelResponse(
            text="".join(texts),
            reasoning="".join(reasoning) or None,
            tool_calls=tuple(calls),
            usage=_usage(_get(last, "usage") or _get(last, "usage_metadata")),
            finish_reason=_get(last, "finish_reason"),
            model=_get(last, "model"),
        )
