"""Clocks: the one place where the time of day and waiting come from.

`RealClock` is the wall clock of the running event loop. `VirtualClock` stands still until it is told to
go on, so that a test of "the user was silent for 30 seconds" takes no time and always ends the same way.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import datetime, timedelta, timezone
from typing import Protocol

Callback = Callable[[], "Awaitable[object] | None"]

# How many rounds of the event loop a virtual clock leaves to the tasks it has woken. A turn needs
# three or four to notice that an action has ended; more do no harm, the rounds are empty then.
_SETTLE_ROUNDS = 12


class Timer(Protocol):
    """A scheduled call that can be taken back."""

    def cancel(self) -> None:
        """Do not call any more; harmless after the call."""
        ...


class Clock(Protocol):
    """What the host needs to know about time."""

    def now(self) -> datetime:
        """The current time, with UTC as its zone."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; at least one round of the event loop."""
        ...

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call `callback` in `seconds` from now, in the event loop and context of this call.

        If it returns an awaitable, that stands for work already under way which the call has caused.
        """
        ...


_second: tuple[datetime, str] = (datetime.min.replace(tzinfo=timezone.utc), "")  # the last one


def stamp(moment: datetime) -> str:
    """A moment the way events carry it: ISO 8601 with the offset of UTC.

    >>> stamp(datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    '2030-01-02T03:04:05+00:00'
    """
    global _second
    if moment.tzinfo is not timezone.utc:
        return moment.isoformat()
    # `isoformat` is slow, and every event has its moment: the text of a second is made once.
    start, text = _second
    since = moment - start
    if since.days or since.seconds:
        start = moment.replace(microsecond=0)
        text = start.isoformat()[:-6]
        _second = (start, text)
    micro = moment.microsecond
    return f"{text}.{micro:06d}+00:00" if micro else f"{text}+00:00"


class RealClock:
    """The time of the machine we run on."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(timezone.utc)

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Have the running event loop call `callback`; what it returns is on its way by itself."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class _Entry:
    """One scheduled call of a virtual clock."""

    __slots__ = ("callback", "context")

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback
        self.context = copy_context()

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """A clock that only moves when `advance` is called. For one event loop.

    Example:
        >>> async def nap() -> list[str]:
        ...     clock, seen = VirtualClock(), list[str]()
        ...     def note(text: str) -> None:
        ...         seen.append(f"{text} at {clock.now():%S}")
        ...     clock.call_later(2, lambda: note("two"))
        ...     clock.call_later(1, lambda: note("one"))
        ...     await clock.advance(3)
        ...     note("end")
        ...     return seen
        >>> asyncio.run(nap())
        ['one at 01', 'two at 02', 'end at 03']
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=timezone.utc)) -> None:
        """Begin at `start`, which must have a time zone."""
        if start.tzinfo is None:
            raise ValueError("a clock starts at a time with a zone, e.g. timezone.utc")
        self._now = start.astimezone(timezone.utc)
        self._entries: list[tuple[datetime, int, _Entry]] = []
        self._order = itertools.count()  # first scheduled, first called

    def now(self) -> datetime:
        """The time `advance` has reached."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has passed that many seconds."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call `callback` when `advance` reaches the moment `seconds` from now."""
        entry = _Entry(callback)
        due = self._now + timedelta(seconds=max(0.0, seconds))
        heapq.heappush(self._entries, (due, next(self._order), entry))
        return entry

    async def advance(self, seconds: float) -> None:
        """Move on, stopping at each moment something is due until its consequences are over.

        Do not await this inside a synchronous stretch of a turn; an asynchronous action may.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        end = self._now + timedelta(seconds=seconds)
        await self._settle()
        while self._entries and self._entries[0][0] <= end:
            due, _, entry = heapq.heappop(self._entries)
            callback, entry.callback = entry.callback, None
            if callback is None:
                continue
            self._now = max(self._now, due)
            caused = entry.context.run(callback)
            if caused is not None:
                await asyncio.shield(caused)  # cancelling us must not cancel that work
            await self._settle()
        self._now = end

    @staticmethod
    async def _settle() -> None:
        for _ in range(_SETTLE_ROUNDS):
            await asyncio.sleep(0)
