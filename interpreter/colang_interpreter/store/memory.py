"""A store in memory, for tests: it forgets with the process, and otherwise does what a database does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from colang_interpreter.store.base import (
    ConflictError,
    Stored,
    Summary,
    checked_id,
    checked_state,
    checked_version,
)
from colang_interpreter.store.wire import texts


class _Conversation:
    """Events are kept as JSON, so that nobody can change them from outside."""

    __slots__ = ("events", "state", "version")

    def __init__(self) -> None:
        self.version = 0
        self.events: list[str] = []
        self.state: str | None = None


class MemoryStore:
    """A `Store` without a database.

    Example:
        >>> store = MemoryStore()
        >>> store.append("kim", [{"type": "Listen"}], expected_version=0)
        1
        >>> store.load("kim").events
        [{'type': 'Listen'}]
    """

    def __init__(self) -> None:
        """Empty."""
        self._lock = threading.Lock()
        self._conversations: dict[str, _Conversation] = {}
        self._versions = 0

    def load(self, conversation_id: str) -> Stored:
        """See `Store.load`."""
        checked_id(conversation_id)
        with self._lock:
            found = self._conversations.get(conversation_id) or _Conversation()
            events = [json.loads(text) for text in found.events]
            return Stored(conversation_id, found.version, events, found.state)

    def append(
        self,
        conversation_id: str,
        new_events: Iterable[Mapping[str, Any]],
        expected_version: int,
        *,
        state: str | None = None,
    ) -> int:
        """See `Store.append`."""
        checked_id(conversation_id)
        checked_version(expected_version)
        if state is not None:
            checked_state(state)
        lines = texts(new_events)
        with self._lock:
            found = self._conversations.get(conversation_id) or _Conversation()
            if found.version != expected_version:
                raise ConflictError(conversation_id, expected=expected_version, found=found.version)
            self._versions += 1
            found.version = self._versions
            found.events += lines
            if state is not None:
                found.state = state
            self._conversations[conversation_id] = found
            return found.version

    def save(self, conversation_id: str, state: str, expected_version: int) -> int:
        """See `Store.save`."""
        return self.append(conversation_id, (), expected_version, state=checked_state(state))

    def delete(self, conversation_id: str) -> bool:
        """See `Store.delete`."""
        checked_id(conversation_id)
        with self._lock:
            return self._conversations.pop(conversation_id, None) is not None

    def list(self, *, after: str = "", limit: int = 1000) -> tuple[Summary, ...]:
        """See `Store.list`."""
        with self._lock:
            ids = sorted(id for id in self._conversations if id > after)[: max(limit, 0)]
            return tuple(Summary(id, self._conversations[id].version) for id in ids)
