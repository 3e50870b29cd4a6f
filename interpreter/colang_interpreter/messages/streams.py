"""`stream_async`: the answer while it is made, and output rails on the way (`rails-runtime.md`, section 9)."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from typing import Any

from colang_interpreter.dynamic import is_dict, is_list
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.loop import Conversation
from colang_interpreter.messages.conversing import WRITING, Explained, Messages, explain_as, explanation
from colang_interpreter.messages.errors import StreamingNotSupportedError
from colang_interpreter.messages.options import GenerationOptions, GenerationResponse, options_of
from colang_interpreter.messages.windows import WindowChecks
from colang_interpreter.streaming import (
    ErrorChunk,
    RollingBuffer,
    StreamingHandler,
    checked_stream,
    with_metadata,
)
from colang_interpreter.v1.names import flow_call

Message = Mapping[str, Any]


def stream(
    api: Messages,
    bot: Bot,
    *,
    prompt: str | None = None,
    messages: Sequence[Message] | None = None,
    options: Any = None,
    state: Mapping[str, Any] | None = None,
    include_metadata: bool = False,
    generator: AsyncIterable[str] | None = None,
) -> AsyncIterator[Any]:
    """The chunks of an answer; see `LLMRails.stream_async`."""
    wanted = options_of(options)
    given = list(messages) if messages is not None else []
    if prompt is not None:
        given = [*given, {"role": "user", "content": prompt}]
    if generator is None and (prompt is None) == (messages is None):
        raise ValueError("give either a prompt or messages")
    rails = _rails(bot, wanted)
    if generator is not None:
        if not rails:
            return aiter(generator)
        checks = WindowChecks(bot, given)
        return _shown(_checked(bot, generator, rails, checks), include_metadata, {})
    return _answer(api, bot, given, wanted, state, rails, include_metadata)


def _rails(bot: Bot, options: GenerationOptions | None) -> list[str]:
    """The output rails that look at the stream; 2.x rails are flows, which have seen what is said already."""
    if bot.program.version != "1.0":
        return []
    output = bot.program.config.rails.output
    choice = True if options is None else options.rails.output
    names = [
        name
        for name in output.flows
        if choice is True or (choice and {name, flow_call(name)[0]} & set(choice))
    ]
    if names and not output.streaming.enabled:
        raise StreamingNotSupportedError(
            "the configuration has output rails that see only whole messages; set"
            " `rails.output.streaming.enabled: true` to let them check a stream, or use generate_async"
        )
    return names


async def _answer(
    api: Messages,
    bot: Bot,
    messages: list[Message],
    options: GenerationOptions | None,
    state: Mapping[str, Any] | None,
    rails: list[str],
    include_metadata: bool,
) -> AsyncGenerator[Any]:
    handler = StreamingHandler()
    checks = WindowChecks(bot, messages)
    final: dict[str, Any] = {}
    task = asyncio.ensure_future(
        _generate(api, bot, handler, checks, messages, options, state, final)
    )
    texts = handler.texts()
    if rails:
        texts = _checked(bot, texts, rails, checks)
    try:
        async for chunk in _shown(texts, include_metadata, final):
            yield chunk
        if not rails:
            await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


async def _generate(
    api: Messages,
    bot: Bot,
    handler: StreamingHandler,
    checks: WindowChecks,
    messages: list[Message],
    options: GenerationOptions | None,
    state: Mapping[str, Any] | None,
    final: dict[str, Any],
) -> None:
    """Make the answer; its pieces, or why there are none, go to the handler."""

    def follow(conversation: Conversation) -> None:
        checks.follow(conversation)

    with suppress(Exception):  # the handler knows, and so will the reader
        await generate_into(
            handler, api, bot, None, messages, options, state, on_begin=follow, final=final
        )


async def generate_into(
    handler: StreamingHandler,
    api: Messages,
    bot: Bot,
    prompt: str | None,
    messages: Sequence[Message] | None,
    options: Any,
    state: Mapping[str, Any] | None,
    *,
    on_begin: Callable[[Conversation], object] | None = None,
    final: dict[str, Any] | None = None,
) -> str | dict[str, Any] | GenerationResponse:
    """Answer, and give the text to a handler as it comes about; in the end the handler is finished, or has failed."""
    began = False

    def push(piece: str) -> None:
        nonlocal began
        began = began or bool(piece)
        handler.push(piece)

    on_token = push if bot.program.version == "1.0" else None
    try:
        result = await api.generate(prompt, messages, options, state, on_token, on_begin)
    except Exception as problem:
        handler.fail(problem)
        raise
    answer: Any = result.response if isinstance(result, GenerationResponse) else result
    message: Any = answer[0] if is_list(answer) else answer
    if is_dict(message) and message["role"] == "exception":
        event: Mapping[str, Any] = message["content"]
        text = str(event.get("message") or event["type"])
        handler.fail(ErrorChunk(text, "guardrails_violation", None, str(event["type"])))
        return result
    if not began:  # texts nobody has streamed: apologies, echoes, everything in 2.x
        handler.push(str(message["content"] if is_dict(message) else message))
    known = _metadata(api)
    if final is not None:
        final.update(known)
    handler.finish(known)
    return result


def _metadata(api: Messages) -> dict[str, Any]:
    """Of the call that has written the answer; the calls of rails are nobody's business here."""
    calls = api.explained().llm_calls
    last = next((call for call in reversed(calls) if call.task in WRITING), None)
    if last is None or (last.total_tokens is None and last.raw_response is None):
        return {}
    usage = {
        "input_tokens": last.prompt_tokens,
        "output_tokens": last.completion_tokens,
        "total_tokens": last.total_tokens,
    }
    return {
        "response_metadata": last.raw_response if is_dict(last.raw_response) else None,
        "usage_metadata": usage if last.total_tokens is not None else None,
    }


def _shown(
    texts: AsyncGenerator[str], include_metadata: bool, final: Mapping[str, Any]
) -> AsyncGenerator[Any]:
    return with_metadata(texts, lambda: final) if include_metadata else texts


def _checked(
    bot: Bot, texts: AsyncIterable[str], rails: list[str], checks: WindowChecks
) -> AsyncGenerator[str]:
    output = bot.program.config.rails.output
    settings = output.streaming
    return checked_stream(
        texts,
        rails,
        checks.check,
        RollingBuffer(settings.chunk_size, settings.context_size),
        stream_first=settings.stream_first,
        parallel=bool(output.parallel),
    )
