"""A session whose turns are streams: chunks while the bot answers, and then its reply."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any

from colang_interpreter.host.bot import Bot
from colang_interpreter.host.session import Reply
from colang_interpreter.llm.tokens import streaming
from colang_interpreter.messages.conversing import Messages
from colang_interpreter.messages.drafts import Drafts
from colang_interpreter.messages.streams import (
    Begin,
    Message,
    Taken,
    read,
    streamed_rails,
    window_checks,
    write,
)
from colang_interpreter.stateless import raise_failures
from colang_interpreter.streaming import ErrorChunk, StreamingHandler

if TYPE_CHECKING:
    from typing_extensions import Self

    from colang_interpreter.llm.model import TokenCallback


class StreamedSession:
    r"""A conversation that takes events and answers in chunks, looked at by the output rails on their way.

    A turn whose stream ends with an error is broken off: it has no reply, and the conversation goes on from where it was
    before it, as if its events had not come. What actions have done outside remains done.

    Example:
        >>> import asyncio, colang
        >>> from colang_interpreter import Bot, compile
        >>> text = "import core\nflow main\n  user said \"hi\"\n  bot say \"Hello!\"\n"
        >>> bot = Bot(compile(colang.Project.load({"main.co": text})))
        >>> async def talk() -> list[str]:
        ...     async with StreamedSession(bot) as session:
        ...         heard = {"type": "UtteranceUserActionFinished", "final_transcript": "hi"}
        ...         return [chunk async for chunk in session.send(heard)]
        >>> asyncio.run(talk())
        ['Hello!']
    """

    def __init__(self, bot: Bot, id: str = "session", *, seed: int | None = None) -> None:
        """A session that is opened with ``async with``; arguments as for `Bot.session`.

        Raises:
            StreamingNotSupportedError: The bot has output rails that see only whole messages.
        """
        self.reply: Reply | None = None
        """What came of the last turn, once its chunks have been read; None if it was broken off."""
        self._bot = bot
        self._id = id
        self._api = Messages(bot)
        self._rails, self._in_pieces = streamed_rails(self._api, bot, None)
        self._session = bot.session(id, seed=seed)
        self._past: list[Message] = []

    async def __aenter__(self) -> Self:
        """Open."""
        await self._session.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self._session.close()

    async def send(self, *events: Mapping[str, Any]) -> AsyncGenerator[str]:
        """Take a turn: give the bot events, or none to let it begin.

        Yields:
            The texts of the bot, an utterance a line, in the pieces in which they come about. An error is the last
            chunk, an `ErrorChunk`.

        Raises:
            ConversationError: The session is not open, or holds what cannot be kept for going back.
        """
        before = self._session.dump()
        self.reply = None
        messages = [*self._past, *_messages(events)]
        checks = window_checks(self._api, self._bot, messages)
        done: list[Reply] = []

        async def take(on_token: TokenCallback | None, begin: Begin) -> Taken:
            with streaming(on_token):
                reply = await self._session.send(*events, on_begin=begin)
            if self._bot.program.version == "1.0":
                raise_failures(reply.trace)
            ends = (event for event in reply.events if event["type"].endswith("Exception"))
            return Taken(reply, reply.text, next(ends, None))

        async def generate(handler: StreamingHandler) -> None:
            drafts = Drafts(handler, starting=True)
            taken = await write(handler, self._bot, take, drafts, self._in_pieces, checks.follow)
            done.append(taken.result)
            handler.finish()

        broken = True
        try:
            error = False
            async with aclosing(read(self._bot, generate, self._rails, checks)) as chunks:
                async for chunk in chunks:
                    error = isinstance(chunk, ErrorChunk)
                    yield chunk
            broken = error
        finally:
            if broken:
                await self._session.close()
                self._session = await self._bot.restore_session(before, self._id).open()
            else:
                self.reply = reply = done[0]
                answer = {"role": "assistant", "content": reply.text}
                self._past = [*messages, answer] if reply.text else messages


def _messages(events: tuple[Mapping[str, Any], ...]) -> list[Message]:
    """What the user has said, as rails get to see it that look at a part of the answer."""
    return [
        {"role": "user", "content": event["final_transcript"]}
        for event in events
        if event["type"] == "UtteranceUserActionFinished"
        and isinstance(event.get("final_transcript"), str)
    ]
