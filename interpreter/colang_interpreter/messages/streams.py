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
from colang_interpreter.messages.conversing import (
    WRITING,
    Explained,
    Messages,
    explain_as,
    explanation,
)
from colang_interpreter.messages.drafts import Drafts
from colang_interpreter.messages.errors import StreamingNotSupportedError
from colang_interpreter.messages.options import GenerationOptions, GenerationResponse, options_of
from colang_interpreter.messages.windows import WindowChecks
from colang_interpreter.messages.windows_v2 import WindowChecksV2
from colang_interpreter.streaming import (
    ErrorChunk,
    JudgedChunk,
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
    rails = _rails(api, bot, wanted)
    settings = bot.program.config.rails.output.streaming if rails else None
    if settings is not None and not settings.enabled:
        if bot.program.version == "1.0" or generator is not None:
            raise StreamingNotSupportedError(
                "the configuration has output rails that see only whole messages; set"
                " `rails.output.streaming.enabled: true` to let them check a stream, or use generate_async"
            )
        rails = []  # the program runs them on each text before it says it
    if generator is not None:
        if not rails:
            return aiter(generator)
        return _shown(
            _checked(bot, generator, rails, _checks(api, bot, given)), include_metadata, {}
        )
    in_pieces = settings is None or settings.enabled
    return _answer(api, bot, given, wanted, state, rails, include_metadata, in_pieces)


def _rails(api: Messages, bot: Bot, options: GenerationOptions | None) -> list[str]:
    """The output rails of a stream: in 1.0 those of the configuration, in 2.x the flow `output rails`."""
    choice = True if options is None else options.rails.output
    if api.checks is not None:
        return ["output"] if choice and api.checks.has("output") else []
    return [
        name
        for name in bot.program.config.rails.output.flows
        if choice is True or (choice and {name, flow_call(name)[0]} & set(choice))
    ]


def _checks(api: Messages, bot: Bot, messages: Sequence[Message]) -> WindowChecks | WindowChecksV2:
    flows = api.checks
    return WindowChecks(bot, messages) if flows is None else WindowChecksV2(flows, messages)


async def _answer(
    api: Messages,
    bot: Bot,
    messages: list[Message],
    options: GenerationOptions | None,
    state: Mapping[str, Any] | None,
    rails: list[str],
    include_metadata: bool,
    in_pieces: bool,
) -> AsyncGenerator[Any]:
    handler = StreamingHandler()
    checks = _checks(api, bot, messages)
    final: dict[str, Any] = {}
    explained: list[Explained | None] = []

    async def generate() -> None:
        with suppress(Exception):  # the handler knows, and so will the reader
            try:
                await _generate_into(
                    handler,
                    api,
                    bot,
                    (None, messages, options, state),
                    in_pieces,
                    checks.follow,
                    final,
                )
            finally:
                explained.append(explanation())

    task = asyncio.ensure_future(generate())
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
        for known in explained:  # the reader has asked for the answer, the task has got it
            explain_as(known)


async def generate_into(
    handler: StreamingHandler,
    api: Messages,
    bot: Bot,
    prompt: str | None,
    messages: Sequence[Message] | None,
    options: Any,
    state: Mapping[str, Any] | None,
) -> str | dict[str, Any] | GenerationResponse:
    """Answer, and give the text to a handler of the caller; in the end the handler is finished, or has failed.

    Nobody looks at what goes into the handler: where there are output rails, it gets whole texts that have passed them.
    """
    in_pieces = not _rails(api, bot, options_of(options))
    return await _generate_into(handler, api, bot, (prompt, messages, options, state), in_pieces)


async def _generate_into(
    handler: StreamingHandler,
    api: Messages,
    bot: Bot,
    asked: tuple[str | None, Sequence[Message] | None, Any, Mapping[str, Any] | None],
    in_pieces: bool,
    follow: Callable[[Conversation], object] | None = None,
    final: dict[str, Any] | None = None,
) -> str | dict[str, Any] | GenerationResponse:
    """See `generate_into`; `in_pieces`: also what a model is writing, `follow`: gets the conversation before its turn."""
    drafts = Drafts(handler)
    speaks = bot.program.version != "1.0"

    def push(piece: str) -> None:
        drafts.began = drafts.began or bool(piece)
        handler.push(piece)

    def begin(conversation: Conversation) -> None:
        if speaks:
            conversation.on_output = drafts.hear
        if follow is not None:
            follow(conversation)

    on_token = drafts.take if speaks else push
    try:
        result = await api.generate(*asked, on_token if in_pieces else None, begin)
    except Exception as problem:
        handler.fail(problem)
        raise
    drafts.finish()
    answer: Any = result.response if isinstance(result, GenerationResponse) else result
    message: Any = answer[0] if is_list(answer) else answer
    if is_dict(message) and message["role"] == "exception":
        event: Mapping[str, Any] = message["content"]
        text = str(event.get("message") or event["type"])
        handler.fail(ErrorChunk(text, "guardrails_violation", None, str(event["type"])))
        return result
    if not drafts.began:  # texts nobody has streamed: apologies, echoes
        text = str(message["content"] if is_dict(message) else message)
        handler.push(JudgedChunk(text) if speaks else text)
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
    bot: Bot, texts: AsyncIterable[str], rails: list[str], checks: WindowChecks | WindowChecksV2
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
