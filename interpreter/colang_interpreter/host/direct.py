"""An action awaited by whoever wants its result, without a task of its own and without a turn.

A task costs several rounds of the event loop, which is more than most checks of a text. What a task would give is
kept: the action has its own copy of the context, and one that ignores its cancellation holds nobody up for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context, copy_context
from inspect import iscoroutine
from types import coroutine as awaitable_generator
from typing import Any, Final

from colang_interpreter.host.actions import ActionError, is_awaitable

_logger = logging.getLogger("colang_interpreter.host")

PATIENCE: Final = 1.0
"""Seconds a cancelled action has for its clean-up."""

_CANCELLED: Final = "it was cancelled"



async def call_directly(call: Callable[[], Any], context: Context | None = None) -> Any:
    """The result of a function, awaited if it can be.

    Args:
        call: The function; it runs in a copy of `context`.
        context: By default that of the caller.

    Raises:
        ActionError: The function has cancelled itself.
        asyncio.CancelledError: The caller was cancelled, and so was the function; if it has not ended after
            `PATIENCE` it is left where it is.

    Example:
        >>> async def main() -> int:
        ...     return await call_directly(lambda: asyncio.sleep(0, 7))
        >>> asyncio.run(main())
        7
    """
    own = copy_context() if context is None else context.copy()
    try:
        result, started, waiting = own.run(_begun, call)
    except asyncio.CancelledError:
        raise ActionError(_CANCELLED) from None
    if started is None:
        return result
    return await _gone_on(own, started, waiting)


def _begun(call: Callable[[], Any]) -> tuple[Any, Coroutine[Any, Any, Any] | None, Any]:
    """Call the function and go as far as it gets: its result, or the coroutine and what that waits for."""
    result = call()
    if not is_awaitable(result):
        return result, None, None
    started: Coroutine[Any, Any, Any] = result if iscoroutine(result) else _awaited(result)
    try:
        waiting = started.send(None)
    except StopIteration as done:
        return done.value, None, None
    return None, started, waiting


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


@awaitable_generator
def _gone_on(
    context: Context, started: Coroutine[Any, Any, Any], waiting: Any
) -> Generator[Any, Any, Any]:
    """Await the rest of a coroutine, each step in its context."""
    task = asyncio.current_task()
    before = _cancellations(task)
    was_cancelled = False  # by somebody else, not by a time-out of its own
    timer: asyncio.TimerHandle | None = None
    try:
        while True:
            thrown: BaseException | None = None
            given: Any = None
            try:
                given = yield waiting
            except GeneratorExit:
                context.run(started.close)
                raise
            except BaseException as problem:  # noqa: BLE001 - it is for the coroutine
                thrown = problem
                if isinstance(problem, asyncio.CancelledError):
                    if was_cancelled:  # for the second time: its time is up
                        _abandon(context, started)
                        raise
                    was_cancelled = True
            try:
                if thrown is None:
                    waiting = context.run(started.send, given)
                else:
                    waiting = context.run(started.throw, thrown)
            except StopIteration as done:
                if _cancellations(task) > before:  # it has swallowed what was for the caller
                    raise asyncio.CancelledError from None
                return done.value
            except asyncio.CancelledError:
                if not was_cancelled:
                    raise ActionError(_CANCELLED) from None
                raise
            if was_cancelled and timer is None and task is not None:
                if _cancellations(task) > before:
                    timer = task.get_loop().call_later(PATIENCE, task.cancel)
                else:
                    was_cancelled = False
    finally:
        if timer is not None:
            timer.cancel()


def _cancellations(task: asyncio.Task[Any] | None) -> int:
    """How often somebody wants a task to end; before Python 3.11 nobody knows."""
    return getattr(task, "cancelling", int)()


def _abandon(context: Context, started: Coroutine[Any, Any, Any]) -> None:
    _logger.warning("an action ignores its cancellation")
    with suppress(RuntimeError):  # it may ignore even that
        context.run(started.close)
