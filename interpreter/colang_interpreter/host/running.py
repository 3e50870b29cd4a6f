"""Running Python actions: in the event loop, in a worker thread, or right here; with time-outs and stops.

Right here run functions that do not wait for anything: synchronous ones that ask for no thread, and coroutine functions
without an ``await``. A task of their own would cost more than most of them do.

However an action ends - with a value, an exception, too late, cancelled - exactly one `Completion` comes of
it, unless somebody has ended it who does not want to know.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextvars import copy_context
from typing import Any, NamedTuple

from colang_interpreter.host.actions import (
    ActionError,
    Outcome,
    Registered,
    is_awaitable,
    outcome_of,
)
from colang_interpreter.host.clock import Clock, Timer
from colang_interpreter.host.context import enter_action
from colang_interpreter.host.direct import begin
from colang_interpreter.host.rules import Call

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What an action may raise without harm to its neighbours. An action that calls sys.exit() has failed; only
# KeyboardInterrupt goes through to whoever runs the event loop.
_FAILURES = (Exception, SystemExit)


class Run:
    """A Python action between its start and its end."""

    __slots__ = ("background", "call", "ended", "registered", "started_at", "task", "timer")

    def __init__(self, call: Call, registered: Registered, started_at: str) -> None:
        """About to start."""
        self.call = call
        self.registered = registered
        self.background = registered.meta.execute_async
        self.started_at = started_at
        self.ended = False
        self.task: asyncio.Task[None] | None = None
        self.timer: Timer | None = None


class Completion(NamedTuple):
    """An action has ended and the machine does not know it yet."""

    run: Run
    outcome: Outcome


class ActionRunner:
    """The running actions of one conversation."""

    __slots__ = (
        "_bind",
        "_clock",
        "_inline",
        "_notify",
        "_running",
        "_tasks",
        "_threads",
        "_timeout",
    )

    def __init__(
        self,
        clock: Clock,
        bind: Callable[[Run], dict[str, Any]],
        notify: Callable[[Completion], Awaitable[object] | None],
        *,
        threads: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Nothing is running yet.

        Args:
            clock: Measures time-outs.
            bind: Makes the arguments of a call, when it is made.
            notify: Takes each end of an action, in the order they end.
            threads: Run synchronous actions in worker threads.
            timeout: Seconds for actions without a time-out of their own.
        """
        self._clock = clock
        self._bind = bind
        self._notify = notify
        self._threads = threads
        self._timeout = timeout
        self._running: dict[Run, None] = {}  # in the order they were started
        self._inline: list[Run] = []
        # Also of ended actions that take their time. No set: an empty one is three times as large.
        self._tasks: dict[asyncio.Task[None], None] = {}

    def __iter__(self) -> Iterator[Run]:
        """The actions that have not ended."""
        return iter(tuple(self._running))

    def awaited(self, blocking: bool) -> bool:
        """Whether a turn has to wait for one of them; background ones count if `blocking`."""
        running = self._running
        return bool(running) and any(blocking or not run.background for run in running)

    @property
    def in_background(self) -> int:
        """How many actions marked ``execute_async`` are running."""
        return sum(run.background for run in self._running)

    def start(self, call: Call, registered: Registered, now: str) -> None:
        """Start an action. One that cannot wait for anything waits for `run_inline`, unless it gets a thread."""
        meta = registered.meta
        run = Run(call, registered, now)
        self._running[run] = None
        apart = meta.execute_async or (not registered.is_async and (meta.thread or self._threads))
        if not registered.waits and not apart:
            self._inline.append(run)
            return
        self._spawn(run, self._execute(run, threaded=not registered.is_async))
        timeout = meta.timeout if meta.timeout is not None else self._timeout
        if timeout is not None:
            run.timer = self._clock.call_later(timeout, lambda: self._time_out(run, timeout))

    def run_inline(self) -> bool:
        """Run the actions that wait for it, each with its own copy of the context.

        Returns:
            Whether there were any.
        """
        if not self._inline:
            return False
        runs, self._inline = self._inline, []
        for run in runs:
            if run.ended:
                continue
            try:
                result = copy_context().run(_call_here, run, self._bind(run))
            except _FAILURES as problem:
                self._complete(run, Outcome(failure=described(problem), error=problem))
                continue
            if is_awaitable(result):  # a function that returns a coroutine
                self._spawn(run, self._finish(run, result))
            else:
                self._complete(run, outcome_of(result))
        return True

    def end(self, run: Run) -> None:
        """End an action without a completion, e.g. because its flow has stopped it."""
        self._forget(run)
        if run.task is not None:
            run.task.cancel()

    async def close(self, seconds: float) -> int:
        """End all, and wait at most that long for their clean-up; how many ignore it."""
        for run in self:
            self.end(run)
        this = asyncio.current_task()
        mine = [task for task in self._tasks if task is not this and not task.done()]
        if not mine:
            return 0
        _, stubborn = await asyncio.wait(mine, timeout=seconds)
        return len(stubborn)

    def _spawn(self, run: Run, work: Coroutine[Any, Any, None]) -> None:
        run.task = task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def _execute(self, run: Run, *, threaded: bool) -> None:
        result: Any = None
        enter_action(run.call.uid)
        try:
            bound = self._bind(run)
            if threaded:
                result = await asyncio.to_thread(_call_in_thread, run.registered, bound)
            else:
                result = await run.registered.call(bound)
        except asyncio.CancelledError:
            self._complete(run, Outcome(failure="it was cancelled"))
        except _FAILURES as problem:
            self._complete(run, Outcome(failure=described(problem), error=problem))
        else:
            if is_awaitable(result):
                await self._finish(run, result)
            else:
                self._complete(run, outcome_of(result))

    async def _finish(self, run: Run, result: Awaitable[Any]) -> None:
        enter_action(run.call.uid)
        try:
            outcome = outcome_of(await result)
        except asyncio.CancelledError:
            outcome = Outcome(failure="it was cancelled")
        except _FAILURES as problem:
            outcome = Outcome(failure=described(problem), error=problem)
        self._complete(run, outcome)

    def _complete(self, run: Run, outcome: Outcome) -> None:
        if not run.ended:
            self._forget(run)
            self._notify(Completion(run, outcome))

    def _time_out(self, run: Run, seconds: float) -> Awaitable[object] | None:
        if run.ended:
            return None
        self.end(run)  # whether or not it heeds its cancellation, nobody waits any longer
        return self._notify(
            Completion(run, Outcome(failure=f"it did not end within {seconds:g} s"))
        )

    def _forget(self, run: Run) -> None:
        run.ended = True
        self._running.pop(run, None)
        if run.timer is not None:
            run.timer.cancel()


def _call_here(run: Run, bound: Mapping[str, Any]) -> Any:
    enter_action(run.call.uid)
    if run.registered.is_async:  # it waits for nothing
        return begin(run.registered.call, {"arguments": bound})[0]
    return run.registered.call(bound)


def _call_in_thread(registered: Registered, bound: Mapping[str, Any]) -> Any:
    """Call a blocking action; a StopIteration would never leave a worker thread."""
    try:
        return registered.call(bound)
    except StopIteration as problem:
        raise RuntimeError("the action raised StopIteration") from problem


def described(problem: BaseException) -> str:
    """What went wrong and where, in a line: for authors, never a traceback."""
    if isinstance(problem, ActionError):
        return str(problem)
    frames = traceback.extract_tb(problem.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    place = (outside or frames)[-1] if frames else None
    where = f" ({os.path.basename(place.filename)}:{place.lineno})" if place is not None else ""
    text = str(problem).strip().split("\n", 1)[0]
    return f"{type(problem).__name__}{': ' if text else ''}{text}{where}"
