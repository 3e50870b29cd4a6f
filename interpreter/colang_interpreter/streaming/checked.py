"""Output rails on a stream: nothing that was not judged is given on, and whatever goes wrong ends the stream.

(Specification of the runtime, 9.3 to 9.5 and quirks S5, S8.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from typing import Final

from typing_extensions import assert_never

from colang_interpreter.streaming.buffer import Buffer, RollingBuffer, windows
from colang_interpreter.streaming.chunks import ErrorChunk
from colang_interpreter.streaming.verdicts import Check, Verdict

_logger = logging.getLogger("colang_interpreter.streaming")

_DEFAULT_BUFFER: Final = RollingBuffer()
_EACH_TOKEN: Final = RollingBuffer(chunk_size=1, context_size=0)
_ALLOW: Final = Verdict.allow()
_TOO_LATE: Final = (
    "it rewrites the message, but streaming may have shown it already;"
    " set `rails.output.streaming.stream_first: false` and `context_size: 0`, or do not stream"
)


async def checked_stream(
    tokens: AsyncIterable[str],
    rails: Sequence[str],
    check: Check,
    buffer: Buffer = _DEFAULT_BUFFER,
    *,
    stream_first: bool = True,
    parallel: bool = False,
) -> AsyncGenerator[str]:
    """Give tokens on, window by window, as far as the rails let them pass.

    A window is blocked if a rail blocks it, fails, or gives no verdict; then an `ErrorChunk` is the last chunk
    and `tokens` is closed. An `ErrorChunk` in `tokens` is not shown to the rails: what came before it is
    judged, then it ends the stream. A `JudgedChunk` goes through behind what came before it. An exception of `tokens` goes on to the caller, and the tokens that were
    not judged by then are never given out.

    Args:
        tokens: Texts, from a model or from elsewhere. It is closed at the end, however that comes about.
        rails: Names as configured, in order. Without any, the tokens are given on as they come.
        check: Asks a rail about a text. It may take as long as it likes.
        buffer: How windows are cut.
        stream_first: Give the tokens of a window on *before* the rails see it. Sooner, but a text that is
            blocked then has been shown already.
        parallel: Ask all rails about a window at the same time. The first that blocks wins and the others
            are cancelled; of several at once, the one configured first.

    Rails that rewrite a text need ``stream_first=False`` and a buffer whose windows do not overlap; the text
    they give takes the place of the window. Otherwise a rewritten text ends the stream, rather than that what
    was to be hidden is shown.

    Example:
        >>> async def words():
        ...     for word in ["one ", "two ", "bad ", "four"]:
        ...         yield word
        >>> async def check(rail, text):
        ...     return Verdict.block() if "bad" in text else Verdict.allow()
        >>> async def chunks():
        ...     buffer = RollingBuffer(chunk_size=2, context_size=1)
        ...     stream = checked_stream(words(), ["no bad words"], check, buffer, stream_first=False)
        ...     return [chunk async for chunk in stream]
        >>> asyncio.run(chunks())[:2], asyncio.run(chunks())[2].error["code"]
        (['one ', 'two '], 'content_blocked')
    """
    together = parallel and len(rails) > 1
    may_rewrite = not stream_first and not buffer.overlaps
    cut = windows(tokens, buffer if rails else _EACH_TOKEN)
    try:
        async for window in cut:
            if not isinstance(window, tuple):
                yield window
                if isinstance(window, ErrorChunk):
                    return
                continue
            text, new = window
            if stream_first or not rails:
                for token in new:
                    yield token
            outcome = text
            if together:
                outcome = await _judge_together(rails, text, check, may_rewrite)
            else:
                for rail in rails:
                    try:
                        verdict = await check(rail, outcome)
                    except Exception as problem:  # noqa: BLE001 - reported, and fails closed
                        verdict = _failure(rail, problem)
                    if verdict is not _ALLOW:
                        outcome = _consequence(rail, verdict, outcome, may_rewrite)
                        if isinstance(outcome, ErrorChunk):
                            break
            if outcome is text:
                if rails and not stream_first:
                    for token in new:
                        yield token
            elif outcome:
                yield outcome
                if isinstance(outcome, ErrorChunk):
                    return
    finally:
        await cut.aclose()


async def _judge_together(rails: Sequence[str], text: str, check: Check, may_rewrite: bool) -> str:
    """The text itself if all rails let it pass, else what to say instead: another text, or an `ErrorChunk`.

    No rail sees what another has rewritten: the last configured one wins.
    """
    tasks = [asyncio.ensure_future(_verdict(rail, text, check)) for rail in rails]
    try:
        pending: set[asyncio.Future[Verdict]] = set(tasks)
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            current = text
            for rail, task in zip(rails, tasks, strict=True):
                if task.done() and task.result() is not _ALLOW:
                    outcome = _consequence(rail, task.result(), text, may_rewrite)
                    if isinstance(outcome, ErrorChunk):
                        return outcome
                    current = outcome if outcome is not text else current
            if not pending:
                return current
        return text
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)  # nothing of a window runs on after it was judged


async def _verdict(rail: str, text: str, check: Check) -> Verdict:
    try:
        return await check(rail, text)
    except Exception as problem:  # noqa: BLE001 - reported, and fails closed
        return _failure(rail, problem)


def _failure(rail: str, problem: Exception) -> Verdict:
    _logger.error("output rail %r failed on a stream", rail, exc_info=problem)
    return Verdict.error(f"it failed with {type(problem).__name__}")


def _consequence(rail: str, verdict: Verdict, text: str, may_rewrite: bool) -> str:
    """What a verdict makes of a text: the text itself, another one, or an `ErrorChunk`."""
    if not isinstance(verdict, Verdict):  # pyright: ignore[reportUnnecessaryIsInstance]
        problem = f"a check gives a Verdict, not {type(verdict).__name__}"
        return ErrorChunk.rail_failed(rail, problem)
    said = verdict.text
    match verdict.kind:
        case "allow":
            return text
        case "block":
            return ErrorChunk.blocked(rail, said)
        case "error":
            return ErrorChunk.rail_failed(rail, said or "no reason was given")
        case "rewrite":
            if said is None or said == text:
                return text
            return said if may_rewrite else ErrorChunk.rail_failed(rail, _TOO_LATE)
        case _:
            assert_never(verdict.kind)
