"""Where an answer goes while it is made: a queue with the model on one side and the reader on the other.

(Specification of the runtime, 9.1.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Final

from colang_interpreter.streaming.chunks import (
    ErrorChunk,
    TaggedChunk,
    generation_error,
    with_metadata,
)
from colang_interpreter.streaming.filters import StopTexts, TextFilter

LIMIT: Final = 65_536
"""Chunks that may wait for a reader."""


class StreamingHandler:
    """Takes the pieces of an answer and gives them, in order, to one reader.

    Not for several threads: push and read in one event loop. Pieces that arrive when the reader has gone are
    dropped, so that a generation never waits for somebody who does not listen any more.

    Args:
        include_metadata: Give mappings, ``{"text": ...}``, instead of texts; see `chunks.with_metadata`.
        stop: The answer ends before the first of these texts.
        limit: Chunks that may wait for the reader. Beyond that `push_chunk` waits, and `push`, which cannot
            wait, joins texts to the last one waiting.

    Example:
        >>> async def main() -> list[str]:
        ...     handler = StreamingHandler(stop=["END"])
        ...     for piece in ["one ", "two E", "ND three"]:
        ...         await handler.push_chunk(piece)
        ...     handler.finish()
        ...     return [chunk async for chunk in handler]
        >>> asyncio.run(main())
        ['one ', 'two ']
    """

    def __init__(
        self, *, include_metadata: bool = False, stop: Sequence[str] = (), limit: int = LIMIT
    ) -> None:
        """An empty stream."""
        if limit < 1:
            raise ValueError(f"limit is {limit}; at least 1 chunk has to fit")
        self.include_metadata = include_metadata
        self._stop = StopTexts(stop) if stop else None
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._all: list[str] = []
        self._metadata: dict[str, Any] = {}
        self._finished = False
        self._abandoned = False
        self._is_read = False
        self._writers = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._end = asyncio.Event()

    # -- the model's side

    def push(self, text: str, metadata: Mapping[str, Any] | None = None) -> None:
        """Take a piece without waiting: for callbacks of models. After `finish` it is dropped."""
        if self._finished:
            return
        if self._stop is not None:
            text = self._stop.feed(text)
        self._put(text, metadata)

    async def push_chunk(
        self, chunk: str | None, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Take a piece, waiting for room; None is the end."""
        if chunk is None:
            self.finish()
            return
        while len(self._waiting) >= self._limit and not self._abandoned and not self._finished:
            self._writers += 1
            self._room.clear()
            try:
                await self._room.wait()
            finally:
                self._writers -= 1
        self.push(chunk, metadata)

    def finish(self, metadata: Mapping[str, Any] | None = None) -> None:
        """The answer is complete. Harmless when repeated.

        Args:
            metadata: Of the whole answer, e.g. `usage_metadata`.
        """
        if self._finished:
            return
        if self._stop is not None:
            self._put(self._stop.finish(), None)
        self._metadata.update(metadata or {})
        self._finished = True
        self._wake()

    def fail(self, problem: BaseException | ErrorChunk) -> None:
        """The answer cannot be completed: its last chunk says why. Nothing happens if it was complete."""
        if self._finished:
            return
        error = problem if isinstance(problem, ErrorChunk) else generation_error(problem)
        if self._stop is not None:
            self._put(self._stop.finish(), None)
        if not self._abandoned:
            self._waiting.append(error)
        self._finished = True
        self._wake()

    def sink(self, filter: TextFilter | None = None, *, held: bool = False) -> Sink:
        """A place for the pieces of one completion; see `Sink`."""
        return Sink(self, filter, held)

    # -- the reader's side

    def __aiter__(self) -> AsyncIterator[Any]:
        """The chunks: texts, or mappings with `include_metadata`. For one reader, once."""
        if self.include_metadata:
            return with_metadata(self.texts(), lambda: self._metadata)
        return self.texts()

    def texts(self) -> AsyncGenerator[str]:
        """The chunks as texts, whatever `include_metadata` says.

        Raises:
            RuntimeError: Somebody reads already.
        """
        if self._is_read:
            raise RuntimeError("a StreamingHandler is read once, by one reader; make another one")
        self._is_read = True
        return self._read()

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Of the whole answer; known when it is complete."""
        return self._metadata

    async def wait(self) -> str:
        """Wait until the answer is complete; its text, whether somebody reads the chunks or not."""
        await self._end.wait()
        return "".join(self._all)

    # -- inside

    async def _read(self) -> AsyncGenerator[str]:
        waiting = self._waiting
        try:
            while True:
                while waiting:
                    chunk = waiting.popleft()
                    if self._writers:
                        self._room.set()
                    yield chunk
                if self._finished:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self._abandoned = True
            waiting.clear()
            self._room.set()

    def _put(self, text: str, metadata: Mapping[str, Any] | None) -> None:
        if not text and not metadata:
            return
        self._all.append(text)
        if self._abandoned:
            return
        if metadata:
            self._waiting.append(TaggedChunk(text, metadata))
        elif len(self._waiting) >= self._limit and type(self._waiting[-1]) is str:
            self._waiting[-1] += text
        else:
            self._waiting.append(text)
        self._news.set()

    def _wake(self) -> None:
        self._news.set()
        self._room.set()
        self._end.set()


class Sink:
    """Takes the pieces of one completion and passes on what of it is to be shown.

    Give it to a model as its token callback, and call `finish` when the completion is there. A held sink
    keeps everything until `release`: in single call mode a flow may decide to say something else.

    Example:
        >>> from colang_interpreter.streaming.filters import QuotedMessage
        >>> handler = StreamingHandler()
        >>> sink = handler.sink(QuotedMessage())
        >>> for piece in ["  ", '"Hello ', 'there."']:
        ...     sink(piece)
        >>> sink.finish()
        >>> handler.finish()
        >>> asyncio.run(handler.wait())
        'Hello there.'
    """

    def __init__(self, handler: StreamingHandler, filter: TextFilter | None, held: bool) -> None:
        """Made by `StreamingHandler.sink`."""
        self._handler = handler
        self._filter = filter
        self._held: list[str] | None = [] if held else None

    def __call__(self, piece: str) -> None:
        """Take a piece."""
        self._pass_on(piece if self._filter is None else self._filter.feed(piece))

    def finish(self) -> None:
        """The completion has ended; the handler goes on for others."""
        if self._filter is not None:
            self._pass_on(self._filter.finish())
            self._filter = None

    def release(self) -> None:
        """Pass on what was held, piece by piece, and from now on everything at once."""
        held, self._held = self._held or [], None
        for text in held:
            self._pass_on(text)

    def _pass_on(self, text: str) -> None:
        if not text:
            return
        if self._held is None:
            self._handler.push(text)
        else:
            self._held.append(text)
