"""One user's conversation: `Session.say` a text, get a `Reply`; timers and background work go on between."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from colang_interpreter.host.channels import Manner
from colang_interpreter.host.context import (
    current_request,
    current_session_id,
    merge_requests,
    request_scope,
)
from colang_interpreter.host.log import EventLog
from colang_interpreter.host.loop import Conversation, Runtime, Turn
from colang_interpreter.host.portal import refuse_in_running_loop, wait_for
from colang_interpreter.host.rules import Rules, rules_for
from colang_interpreter.host.saving import ConversationError
from colang_interpreter.host.trace import Trace
from colang_interpreter.machine import Event, Machine
from colang_interpreter.tracing.decisions import Decision

if TYPE_CHECKING:
    from typing_extensions import Self

_logger = logging.getLogger("colang_interpreter.host")

_KEPT_REPLIES = 1000  # spontaneous replies nobody has fetched; older ones are dropped


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot did in a turn.

    Attributes:
        text: All it said, one utterance a line.
        events: Its outgoing events, utterances included; local Python actions are not among them.
        trace: How it came to that.
        inside: In Colang 1.0, also what the flows have among themselves: variables, and texts before any rail has
            seen them. Not for users.
    """

    text: str
    events: tuple[Event, ...] = ()
    trace: Trace = field(default_factory=Trace, repr=False)
    inside: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def decisions(self) -> Sequence[Decision]:
        """What the rails made of the messages of this turn, in order."""
        return self.trace.decisions

    @classmethod
    def of(cls, turn: Turn, rules: Rules) -> Reply:
        """The reply a turn amounts to."""
        said = [text for event in turn.output if (text := rules.said(event)) is not None]
        events = tuple(rules.outward(turn.output))
        return cls("\n".join(str(text) for text in said), events, turn.trace, tuple(turn.output))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session begins; see `Bot.session`."""

    context: Mapping[str, Any] | None = None
    state: str | None = None
    seed: int = 0
    request: Mapping[str, Any] | None = None
    log: Callable[[str], object] | None = None
    performed: Mapping[str, Manner] = field(default_factory=dict[str, Manner])
    wait_for_background: bool = True


class Session:
    """A conversation with one user. Made by `Bot.session`; an asynchronous context manager.

    Turns of a session run one after the other, in the order they were asked for; sessions never wait for
    each other. A turn that is cancelled stops the actions it was waiting for and leaves the session usable.
    """

    def __init__(self, id: str, runtime: Runtime, options: SessionOptions) -> None:
        """A session that is not open yet; embedders call `Bot.session`."""
        self.id = id
        self._runtime = runtime
        self._rules = rules_for(runtime.program)
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._conversation = Conversation(
            runtime,
            seed=options.seed,
            name=id,
            context=options.context,
            log=EventLog(options.log) if options.log is not None else None,
            performed=options.performed,
            on_arrival=self._on_arrival,
        )
        self._spontaneous: asyncio.Task[None] | None = None
        self._replies: deque[Reply] = deque(maxlen=_KEPT_REPLIES)
        self._news = asyncio.Event()

    # -- opening and closing

    async def open(self) -> Self:
        """Begin, or go on from the saved state, in the running event loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            if self._options.state is not None:
                self._conversation.restore(self._options.state)
        return self

    async def close(self) -> None:
        """Stop its actions and timers; nothing runs on afterwards. Harmless when repeated."""
        if self._spontaneous is not None and self._spontaneous is not asyncio.current_task():
            self._spontaneous.cancel()
            await asyncio.wait([self._spontaneous])
        await self._conversation.close()
        self._news.set()

    async def __aenter__(self) -> Self:
        """Open."""
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    # -- turns

    async def say(self, text: str, *, request: Mapping[str, Any] | None = None) -> Reply:
        """Tell the bot what the user has said, and get what it does about it.

        Args:
            text: The utterance.
            request: What actions of this turn see as `current_request()`, before the session's own.

        Raises:
            ConversationError: The session is not open, closed, or belongs to another event loop.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"an utterance is a text, not {type(text).__name__}")
        self._conversation.utterances += 1
        uid = f"user-{self._conversation.utterances}"
        now = self._runtime.clock.now().isoformat()
        return await self._take_turn([self._rules.heard(text, uid, now)], request)

    async def send(
        self,
        *events: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
        on_begin: Callable[[Conversation], object] | None = None,
    ) -> Reply:
        """Give the bot events, dictionaries with the key ``type``; without any, just let it begin.

        Args:
            events: In order.
            request: As for `say`.
            on_begin: Gets the conversation before its turn, in the context of the turn.

        Raises:
            ValueError: One of them is no event.
            ConversationError: The session is not open, closed, or belongs to another event loop.
        """
        return await self._take_turn([dict(event) for event in events], request, on_begin)

    async def receive(self, timeout: float | None = None) -> Reply | None:
        """Wait for what the bot does by itself, e.g. after a timer; None if `timeout` seconds pass.

        Raises:
            ConversationError: The session is closed.
        """
        self._must_be_usable()
        while not self._replies:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout)
            except asyncio.TimeoutError:  # another class before Python 3.11
                return None
            self._must_be_usable()
        return self._replies.popleft()

    # -- the same for threads without an event loop

    def say_sync(self, text: str, *, request: Mapping[str, Any] | None = None) -> Reply:
        """`say` from a thread without an event loop.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        return wait_for(lambda: self.say(text, request=request), self._foreign_loop())

    def send_sync(
        self, *events: Mapping[str, Any], request: Mapping[str, Any] | None = None
    ) -> Reply:
        """`send` from a thread without an event loop."""
        return wait_for(lambda: self.send(*events, request=request), self._foreign_loop())

    def receive_sync(self, timeout: float | None = None) -> Reply | None:
        """`receive` from a thread without an event loop."""
        return wait_for(lambda: self.receive(timeout), self._foreign_loop())

    # -- state

    @property
    def state(self) -> Machine:
        """The machine, to look at between turns; there is none before the first turn."""
        return self._conversation.machine

    def dump(self) -> str:
        """The session as text, for `Bot.restore_session`; between two turns.

        Actions that are running in the background are not part of it: a restored session takes them for
        failed, and the trace of its first turn says so.

        Raises:
            ConversationError: A turn is running, or a value has no plain form.
        """
        return self._conversation.dump()

    # -- inside

    async def _take_turn(
        self,
        events: Iterable[Event],
        request: Mapping[str, Any] | None,
        on_begin: Callable[[Conversation], object] | None = None,
    ) -> Reply:
        self._must_be_usable()
        scope = merge_requests(request, self._options.request)
        return await self._process(events, scope, on_begin)

    async def _process(
        self,
        events: Iterable[Event],
        scope: Mapping[str, Any],
        on_begin: Callable[[Conversation], object] | None = None,
    ) -> Reply:
        with request_scope(scope, self.id):
            if on_begin is not None:
                on_begin(self._conversation)
            turn = await self._conversation.process(
                events, blocking=self._options.wait_for_background, arrivals_first=True
            )
        return Reply.of(turn, self._rules)

    def _on_arrival(self) -> asyncio.Future[Any] | None:
        """Something has happened while no turn was running: have a turn of its own."""
        if self._spontaneous is None or self._spontaneous.done():
            loop = asyncio.get_running_loop()
            self._spontaneous = loop.create_task(self._unasked())
        return self._spontaneous

    async def _unasked(self) -> None:
        # A timer or action carries the request of the turn that has started it.
        inherited = current_session_id() == self.id
        own = merge_requests(self._options.request)
        try:
            reply = await self._process([], current_request() if inherited else own)
        except ConversationError:
            return  # closed meanwhile
        except Exception:
            _logger.exception("session %r: a turn of its own has failed", self.id)
            return
        if reply.inside or reply.trace.notes:
            self._replies.append(reply)
            self._news.set()

    def _must_be_usable(self) -> None:
        if self._loop is None:
            raise ConversationError(
                f"session {self.id!r} is not open; use `async with bot.session(...)`"
            )
        if self._conversation.is_closed:
            raise ConversationError(f"session {self.id!r} is closed")
        if asyncio.get_running_loop() is not self._loop:
            raise ConversationError(
                f"session {self.id!r} belongs to the event loop it was opened in;"
                " from another thread use say_sync, send_sync or receive_sync"
            )

    def _foreign_loop(self) -> asyncio.AbstractEventLoop:
        refuse_in_running_loop()
        if self._loop is None:
            raise ConversationError(
                f"session {self.id!r} is not open; use `with bot.session_sync(...)`"
            )
        return self._loop
