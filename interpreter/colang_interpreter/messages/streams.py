"""`stream_async`: the answer while it is made, and output rails on the way (`rails-runtime.md`, section 9)."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

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

if TYPE_CHECKING:
    from colang_interpreter.llm.model import TokenCallback

Message = Mapping[str, Any]
Checks: TypeAlias = "WindowChecks | WindowChecksV2"
Begin: TypeAlias = "Callable[[Conversation], object]"


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
    rails, in_pieces = streamed_rails(api, bot, wanted, whole=generator is not None)
    if generator is not None:
        if not rails:
            return aiter(generator)
        checks = window_checks(api, bot, given)
        return _shown(_checked(bot, generator, rails, checks), include_metadata, {})
    return _answer(api, bot, given, wanted, state, rails, include_metadata, in_pieces)


def streamed_rails(
    api: Messages, bot: Bot, options: GenerationOptions | None, *, whole: bool = False
) -> tuple[list[str], bool]:
    """The output rails that look at the windows of a stream, and whether what a model is writing may go into it.

    Args:
        api: The message API of the bot.
        bot: The application.
        options: Choose the rails.
        whole: Nobody but these rails looks at the texts.

    Raises:
        StreamingNotSupportedError: There are output rails, but they see only whole messages.
    """
    rails = _rails(api, bot, options)
    settings = bot.program.config.rails.output.streaming if rails else None
    if settings is None or settings.enabled:
        return rails, True
    if bot.program.version == "1.0" or whole:
        raise StreamingNotSupportedError(
            "the configuration has output rails that see only whole messages; set"
            " `rails.output.streaming.enabled: true` to let them check a stream, or ask for whole answers"
        )
    return [], False  # the program runs them on each text before it says it


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


def window_checks(api: Messages, bot: Bot, messages: Sequence[Message]) -> Checks:
    """What asks the output rails about the windows of the answer to these messages."""
    flows = api.checks
    return WindowChecks(bot, messages) if flows is None else WindowChecksV2(flows, messages)


def _answer(
    api: Messages,
    bot: Bot,
    messages: list[Message],
    options: GenerationOptions | None,
    state: Mapping[str, Any] | None,
    rails: list[str],
    include_metadata: bool,
    in_pieces: bool,
) -> AsyncGenerator[Any]:
    checks = window_checks(api, bot, messages)
    final: dict[str, Any] = {}
    explained: list[Explained | None] = []

    async def generate(handler: StreamingHandler) -> None:
        try:
            asked = (None, messages, options, state)
            await _generate_into(handler, api, bot, asked, in_pieces, checks.follow, final)
        finally:
            explained.append(explanation())

    def end() -> None:
        for known in explained:  # the reader has asked for the answer, the task has got it
            explain_as(known)

    return read(
        bot, generate, rails, checks, lambda texts: _shown(texts, include_metadata, final), end
    )


async def read(
    bot: Bot,
    generate: Callable[[StreamingHandler], Awaitable[object]],
    rails: list[str],
    checks: Checks,
    show: Callable[[AsyncGenerator[str]], AsyncGenerator[Any]] | None = None,
    end: Callable[[], None] | None = None,
) -> AsyncGenerator[Any]:
    """What is written into a handler, as far as the rails let it pass. Nobody writes on when the reader has left.

    Args:
        bot: The application.
        generate: Writes, until it finishes the handler or lets it fail.
        rails: Look at the windows; none if everything may pass.
        checks: What asks them.
        show: The form in which the reader gets the texts.
        end: Called when nobody writes any more.
    """
    handler = StreamingHandler()

    async def work() -> None:
        with suppress(Exception):  # the handler knows, and so will the reader
            await generate(handler)

    task = asyncio.ensure_future(work())
    texts = handler.texts()
    if rails:
        texts = _checked(bot, texts, rails, checks)
    try:
        async for chunk in texts if show is None else show(texts):
            yield chunk
        if not rails:
            await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if end is not None:
            end()


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
    follow: Begin | None = None,
    final: dict[str, Any] | None = None,
) -> str | dict[str, Any] | GenerationResponse:
    """See `generate_into`; `in_pieces`: also what a model is writing, `follow`: gets the conversation before its turn."""

    async def take(on_token: TokenCallback | None, begin: Begin) -> Taken:
        result = await api.generate(*asked, on_token, begin)
        answer: Any = result.response if isinstance(result, GenerationResponse) else result
        message: Any = answer[0] if is_list(answer) else answer
        if is_dict(message) and message["role"] == "exception":
            return Taken(result, "", message["content"])
        return Taken(result, str(message["content"] if is_dict(message) else message))

    drafts = Drafts(handler)
    taken = await write(handler, bot, take, drafts, in_pieces, follow)
    if taken.exception is None:
        known = _metadata(api)
        if final is not None:
            final.update(known)
        handler.finish(known)
    result: str | dict[str, Any] | GenerationResponse = taken.result
    return result


class Taken(NamedTuple):
    """A turn: what came of it, what the bot has said, and the exception event that ended it."""

    result: Any
    text: str
    exception: Mapping[str, Any] | None = None


async def write(
    handler: StreamingHandler,
    bot: Bot,
    take: Callable[[TokenCallback | None, Begin], Awaitable[Taken]],
    drafts: Drafts,
    in_pieces: bool,
    follow: Begin | None = None,
) -> Taken:
    """Take a turn, and give what is said in it to a handler. It is for the caller to finish it, unless it has failed.

    Args:
        handler: Gets the texts.
        bot: The application.
        take: Takes the turn; gets what wants to know of tokens, and what wants to see the conversation before.
        drafts: In 2.x, what is said, and written, goes through these.
        in_pieces: Show what a model is writing.
        follow: Also sees the conversation before.
    """
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
        taken = await take(on_token if in_pieces else None, begin)
    except Exception as problem:
        handler.fail(problem)
        raise
    drafts.finish()
    event = taken.exception
    if event is not None:
        text = str(event.get("message") or event["type"])
        handler.fail(ErrorChunk(text, "guardrails_violation", None, str(event["type"])))
    elif not drafts.began:  # texts nobody has streamed: apologies, echoes
        handler.push(JudgedChunk(taken.text) if speaks else taken.text)
    return taken


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
    bot: Bot, texts: AsyncIterable[str], rails: list[str], checks: Checks
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
