"""`Bot`: a program with its actions, clock and channels, ready for any number of conversations.

One per process is enough. It may be used from any thread and any event loop; it holds no conversation.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.host.actions import ActionRegistry
from colang_interpreter.host.builtin import register_builtin_actions
from colang_interpreter.host.channels import ALL_CHANNELS, performed_by
from colang_interpreter.host.clock import Clock, RealClock
from colang_interpreter.host.loop import Conversation, Runtime
from colang_interpreter.host.portal import Portal
from colang_interpreter.host.registration import Registration
from colang_interpreter.host.session import Session, SessionOptions
from colang_interpreter.machine import Program
from colang_interpreter.tracing.decisions import Decision

_T = TypeVar("_T")


class Bot(Registration):
    r"""A program ready to talk.

    Example:
        >>> import asyncio, colang
        >>> from colang_interpreter import Bot, compile
        >>> text = "import core\nflow main\n  user said \"hi\"\n  bot say \"Hello!\"\n"
        >>> bot = Bot(compile(colang.Project.load({"main.co": text})))
        >>> async def talk() -> str:
        ...     async with bot.session("user-42") as session:
        ...         reply = await session.say("hi")
        ...     return reply.text
        >>> asyncio.run(talk())
        'Hello!'
    """

    def __init__(
        self,
        program: Program,
        llm: Any = None,
        actions: Iterable[Any] | Mapping[str, Any] = (),
        *,
        clock: Clock | None = None,
        channels: Iterable[str] = ALL_CHANNELS,
        sync_actions: Literal["inline", "thread"] = "inline",
        action_timeout: float | None = None,
        wait_for_background: bool = True,
        on_decisions: Callable[[Sequence[Decision]], object] | None = None,
    ) -> None:
        """Take a compiled program and what it needs.

        Args:
            program: From `colang_interpreter.compile`; shared, never changed.
            llm: Given to actions with a parameter `llm`.
            actions: Functions, classes or objects; as a mapping, with the names flows use.
            clock: Where time comes from; the wall clock by default.
            channels: Actions the host performs itself, by channel (`host.channels`): speech, timers, ...
            sync_actions: Where synchronous actions run: in the event loop, which suits those that do not
                block, or each in a worker thread.
            action_timeout: Seconds after which an action has failed, unless it has its own time-out.
            wait_for_background: Whether a turn waits for actions marked ``execute_async`` it has started;
                if not, what follows from them comes with `Session.receive`.
            on_decisions: Takes what the rails have decided, after each turn in which they decided something;
                see `tracing`. What it raises is noted in the trace.

        Raises:
            ValueError: An unknown channel, a time-out that is none.
            ActionError: Something in `actions` cannot be called.
            MissingPackageError: The settings ask for embeddings whose extra is not installed.
        """
        if sync_actions not in ("inline", "thread"):
            raise ValueError(f"sync_actions is 'inline' or 'thread', not {sync_actions!r}")
        if action_timeout is not None and not action_timeout > 0:
            raise ValueError(f"action_timeout is seconds above 0, not {action_timeout!r}")
        self.program = program
        self.registry = ActionRegistry()
        """The actions by name, and the values for their parameters."""
        self._performed = performed_by(channels)
        self._wait_for_background = wait_for_background
        self._portal = Portal()
        self.runtime = Runtime(
            program=program,
            registry=self.registry,
            clock=clock if clock is not None else RealClock(),
            threads=sync_actions == "thread",
            action_timeout=action_timeout,
            on_decisions=on_decisions,
        )
        register_builtin_actions(self.registry)
        from colang_interpreter.llm.indexes import Indexes

        self.indexes = Indexes(program.config)
        """How examples and documents are searched."""
        self.dialog: Any = None
        """What the actions of a 1.0 bot share: `llm.tasks_v1.Dialog`; None in 2.x."""
        self.llm_actions: Any = None
        """What the actions of a 2.x bot that ask a model share: `llm.hosting.LLMActions`; None in 1.0."""
        if program.version == "1.0":
            from colang_interpreter.v1.system_actions import install

            self.dialog = install(self.registry, program, llm, self.indexes, time.perf_counter)
        else:
            from colang_interpreter.llm.hosting import register_llm_actions

            self.llm_actions = register_llm_actions(
                self.registry, program, self.indexes, time.perf_counter
            )
        from colang_interpreter.library.actions.installing import register_rail_actions

        tasks = self.dialog.tasks if self.dialog is not None else None
        register_rail_actions(self.registry, program, tasks=tasks, clock=time.perf_counter)
        if llm is not None:
            self.registry.register_parameter("llm", llm)
        if is_mapping(actions):
            for name, target in actions.items():
                self.registry.register(target, name)
        else:
            for target in actions:
                self.registry.register(target)

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of the registered actions."""
        return self.registry.names

    @property
    def bot(self) -> Bot:
        """Itself: what is registered is registered here."""
        return self

    def session(
        self,
        id: str = "session",
        *,
        context: Mapping[str, Any] | None = None,
        state: str | None = None,
        seed: int | None = None,
        request: Mapping[str, Any] | None = None,
        log: Callable[[str], object] | None = None,
    ) -> Session:
        """A conversation, to be opened with ``async with``.

        Args:
            id: Names it in traces, logs and for `current_session_id()`; the bot keeps no list of them.
            context: Variables set before its first event.
            state: Go on from `Session.dump` (or from the dump of a machine) instead of beginning.
            seed: Of its uids and random choices; the same seed and input give the same conversation.
                By default a new one.
            request: What all its actions see as `current_request()`.
            log: Takes the event log line by line, e.g. ``file.write``.
        """
        options = SessionOptions(
            context=context,
            state=state,
            seed=secrets.randbits(63) if seed is None else seed,
            request=request,
            log=log,
            performed=self._performed,
            wait_for_background=self._wait_for_background,
        )
        return Session(id, self.runtime, options)

    def restore_session(self, blob: str, id: str = "session", **options: Any) -> Session:
        """A session that goes on from `Session.dump`; `options` as for `session`."""
        return self.session(id, state=blob, **options)

    @contextmanager
    def session_sync(self, id: str = "session", **options: Any) -> Generator[Session]:
        """A conversation for a thread without an event loop: ``with bot.session_sync("u") as session``.

        Use the methods whose names end in ``_sync``. It runs in the bot's own background thread, where its
        timers go on between calls. Options as for `session`.

        Raises:
            RuntimeError: This thread runs an event loop; use `session`.
        """
        session = self.session(id, **options)
        self._portal.run(session.open)
        try:
            yield session
        finally:
            self._portal.run(session.close)

    def conversation(self, *, seed: int | None = None, state: str | None = None) -> Conversation:
        """A bare conversation: the outer loop without channels, sessions or timers (`process_events`)."""
        conversation = Conversation(
            self.runtime, seed=secrets.randbits(63) if seed is None else seed
        )
        if state is not None:
            conversation.restore(state)
        return conversation

    def run_sync(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine function in the background thread and wait for its result.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        return self._portal.run(work)

    def close(self) -> None:
        """End the background thread of synchronous calls, if there is one."""
        self._portal.close()
