"""Windows: how a stream of tokens is cut into the texts that output rails look at.

A token is whatever piece the model delivers, never altered. A window has at most `chunk_size` tokens; it
repeats the last `context_size` tokens of the window before, so that a rail sees phrases across the border.
(Specification of the runtime, 9.2 and quirks S1 to S3.)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from colang_interpreter.streaming.chunks import ErrorChunk, JudgedChunk

Window: TypeAlias = tuple[str, list[str]]
"""The text to check, and the tokens that are new in it: all texts together have each token once as new."""


class Windows(Protocol):
    """The windows of one stream, while its tokens arrive.

    Tokens are handed over several at a time, because a call for each costs more than all the rest.

    Attributes:
        wanted: How many tokens to hand over next, from 1. A way of cutting that has to look at every token
            says 1.
    """

    @property
    def wanted(self) -> int:
        """See above."""
        ...

    def take(self, tokens: list[str]) -> Window | None:
        """Take the next `wanted` tokens, a list to keep; a window, if they complete one."""
        ...

    def finish(self, tokens: list[str]) -> Window | None:
        """Take the last tokens, fewer than `wanted`; the window of what is left, if anything is."""
        ...


class Buffer(Protocol):
    """A way to cut streams into windows. `RollingBuffer` is one; others may end windows at sentences.

    Attributes:
        overlaps: Whether windows repeat tokens. A rail that rewrites texts can only work on windows that do
            not, because what was given out cannot be taken back.
    """

    @property
    def overlaps(self) -> bool:
        """See above."""
        ...

    def start(self) -> Windows:
        """The windows of a new stream."""
        ...


@dataclass(frozen=True, slots=True)
class RollingBuffer:
    """Windows of a fixed size that overlap by a fixed size.

    The first window has `chunk_size` new tokens, each later one ``chunk_size - context_size``, the last one
    the rest. For n tokens there are ``ceil((n - context_size) / (chunk_size - context_size))`` windows, at
    least one if there is a token. Without context (0) windows do not overlap.

    Args:
        chunk_size: Tokens of a window, from 1.
        context_size: How many of them were in the window before, from 0, below `chunk_size`.

    Raises:
        ValueError: Other sizes.

    Example:
        >>> cut = RollingBuffer(chunk_size=3, context_size=1).start()
        >>> cut.wanted, cut.take(["a ", "b ", "c "])
        (3, ('a b c ', ['a ', 'b ', 'c ']))
        >>> cut.wanted, cut.finish(["d "])
        (2, ('c d ', ['d ']))
    """

    chunk_size: int = 200
    context_size: int = 50

    def __post_init__(self) -> None:
        """Check the sizes."""
        chunk, context = self.chunk_size, self.context_size
        if type(chunk) is not int or type(context) is not int:
            raise ValueError(
                f"chunk_size and context_size are whole numbers, not {chunk!r}, {context!r}"
            )
        if chunk < 1:
            raise ValueError(f"chunk_size is {chunk}; a window has at least 1 token")
        if not 0 <= context < chunk:
            raise ValueError(
                f"context_size is {context}; it has to be from 0 to {chunk - 1}, below chunk_size"
            )

    @property
    def overlaps(self) -> bool:
        """Whether there is a context."""
        return self.context_size > 0

    def start(self) -> Windows:
        """The windows of a new stream."""
        return _RollingWindows(self.chunk_size, self.context_size)


class _RollingWindows:
    __slots__ = ("_context", "_context_size", "_step", "wanted")

    def __init__(self, size: int, context_size: int) -> None:
        self.wanted = size
        self._step = size - context_size
        self._context_size = context_size
        self._context: list[str] = []

    def take(self, tokens: list[str]) -> Window | None:
        self.wanted = self._step
        if not self._context_size:
            return "".join(tokens), tokens
        both = self._context + tokens
        self._context = both[-self._context_size :]
        return "".join(both), tokens

    def finish(self, tokens: list[str]) -> Window | None:
        return ("".join(self._context + tokens), tokens) if tokens else None


async def windows(
    tokens: AsyncIterable[str], buffer: Buffer
) -> AsyncGenerator[Window | ErrorChunk | JudgedChunk]:
    """The windows of a stream, each as soon as it is complete.

    An `ErrorChunk` among the tokens is no text to be checked (quirk S5): it comes out as it is, behind the
    window of what was left before it, and ends the stream. A `JudgedChunk` comes out in the same way, and the stream
    goes on with new windows. `tokens` is closed at the end, however that
    comes about.

    Raises:
        TypeError: A token is no text.

    Example:
        >>> import asyncio
        >>> async def tokens():
        ...     for token in ["a ", "b ", "c "]:
        ...         yield token
        >>> async def texts():
        ...     return [text async for text, new in windows(tokens(), RollingBuffer(2, 1))]
        >>> asyncio.run(texts())
        ['a b ', 'b c ']
    """
    cut = buffer.start()
    new: list[str] = []
    wanted = cut.wanted
    error: ErrorChunk | None = None
    try:
        async for (
            token
        ) in tokens:  # all tokens of all streams pass here: nothing may be added lightly
            if type(token) is not str:
                if isinstance(token, ErrorChunk):
                    error = token
                    break
                if isinstance(token, JudgedChunk):
                    window = cut.finish(new)
                    if window is not None:
                        yield window
                    yield token
                    cut, new = buffer.start(), []
                    wanted = cut.wanted
                    continue
                if not isinstance(token, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f"a stream consists of texts, not {type(token).__name__}")
            new.append(token)
            if len(new) >= wanted:
                window = cut.take(new)
                if window is not None:
                    yield window
                new = []
                wanted = cut.wanted
        window = cut.finish(new)
        if window is not None:
            yield window
        if error is not None:
            yield error
    finally:
        close: Any = getattr(tokens, "aclose", None)
        if close is not None:
            await close()
