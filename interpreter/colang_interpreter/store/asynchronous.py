"""A store for coroutines: each call runs in a worker thread, so that a slow disk never stops an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from colang_interpreter.store.base import Store, Stored, Summary


class AsyncStore:
    """The methods of a `Store` as coroutines, with the same arguments, results and errors.

    A call that is cancelled may still store its turn, since a thread cannot be stopped: then load the
    conversation again to see.

    Example:
        >>> from colang_interpreter.store import MemoryStore
        >>> async def turn(store: AsyncStore) -> int:
        ...     found = await store.load("kim")
        ...     return await store.append("kim", [{"type": "Listen"}], found.version)
        >>> asyncio.run(turn(AsyncStore(MemoryStore())))
        1
    """

    def __init__(self, store: Store) -> None:
        """Wrap a store; several wrappers of one store do not disturb each other."""
        self.store = store

    async def load(self, conversation_id: str) -> Stored:
        """See `Store.load`."""
        return await asyncio.to_thread(self.store.load, conversation_id)

    async def append(
        self,
        conversation_id: str,
        new_events: Iterable[Mapping[str, Any]],
        expected_version: int,
        *,
        state: str | None = None,
    ) -> int:
        """See `Store.append`. The list is read at once; do not change its events before this returns."""
        return await asyncio.to_thread(
            self.store.append, conversation_id, list(new_events), expected_version, state=state
        )

    async def save(self, conversation_id: str, state: str, expected_version: int) -> int:
        """See `Store.save`."""
        return await asyncio.to_thread(self.store.save, conversation_id, state, expected_version)

    async def delete(self, conversation_id: str) -> bool:
        """See `Store.delete`."""
        return await asyncio.to_thread(self.store.delete, conversation_id)

    async def list(self, *, after: str = "", limit: int = 1000) -> tuple[Summary, ...]:
        """See `Store.list`."""
        return await asyncio.to_thread(self.store.list, after=after, limit=limit)
