"""An action awaited by whoever wants its result, without a task of its own and without a turn.

A task costs several rounds of the event loop, which is more than most checks of a text. What a task would give is
kept: the action has its own copy of the context, and one that ignores its cancellation holds nobody up for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import suppress
from contextvars import Context
from types import CoroutineType
from types import coroutine as awaitable_generator
from typing import Any, Final

from colang_interpreter.dynamic import class_of
from colang_interpreter.host.actions import ActionError, is_awaitable

_logger = logging.getLogger("colang_interpreter.host")

PATIENCE: Final = 1.0
"""Seconds a cancelled action has for its clean-up."""

_CANCELLED: Final = "it was cancelled"


def begin(
    call: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[Any, Coroutine[Any, Any, Any] | None]:
    """Call a function and go as far as it gets at once. Run this in the context it is to have.

    Returns:
        Its result and None; or what it waits for, and the coroutine to give to `go_on`.

    Raises:
        ActionError: The function has cancelled itself.

    Example:
        >>> async def price(item):
        ...     return 7
        >>> begin(price, {"item": "tea"})
        (7, None)
    """
    result = call(**given)
    if class_of(result) is not CoroutineType and not is_awaitable(result):
        return result, None
    started: Coroutine[Any, Any, Any] = (
        result if class_of(result) is CoroutineType else _awaited(result)
    )
    try:
        return started.send(None), started
    except StopIteration as done:
        return done.value, None
    except asyncio.CancelledError:
        raise ActionError(_CANCELLED) from None


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


@awaitable_generator
def go_on(
    context: Context, started: Coroutine[Any, Any, Any], waiting: Any
) -> Generator[Any, Any, Any]:
    """Await the rest of what `begin` has begun, each step in its context.

    Raises:
        ActionError: It has cancelled itself.
        asyncio.CancelledError: The caller was cancelled, and so was the coroutine; if it has not ended after
            `PATIENCE` it is left where it is.
    """
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
            except BaseException as problem:
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
