"""Asynchronous work for synchronous callers: one background thread with an event loop.

The loop lives on between calls, so timers and background actions go on as they do for asynchronous callers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Portal:
    """Runs coroutines for threads without an event loop. Started when first used."""

    def __init__(self, name: str = "colang") -> None:
        """No thread yet; `name` is the name it will have."""
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run `work` in the background loop and wait for its result; context variables go along.

        Raises:
            RuntimeError: The calling thread runs an event loop itself, which waiting would stop.
        """
        refuse_in_running_loop()
        return wait_for(work, self.loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The background loop, started if need be."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._serve, args=(self._loop,), name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """Cancel what is still running there and end the thread; a later `run` starts a new one."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():
                thread.join()

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()


def wait_for(work: Callable[[], Coroutine[Any, Any, _T]], loop: asyncio.AbstractEventLoop) -> _T:
    """Run `work` in another thread's loop and wait; if waiting is interrupted, it is cancelled."""
    future = asyncio.run_coroutine_threadsafe(work(), loop)
    try:
        return future.result()
    except concurrent.futures.CancelledError:
        raise
    except BaseException:
        future.cancel()
        raise


def refuse_in_running_loop() -> None:
    """Raise RuntimeError if this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "a synchronous call inside a running event loop would stop the loop;"
        " await the asynchronous method instead (say, generate_async, process_events_async, ...)"
    )
