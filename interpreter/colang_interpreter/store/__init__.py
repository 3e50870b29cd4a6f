"""Keeping conversations in a database: event histories and saved sessions, one transaction a turn.

Start at `Store`, what any database has to do, and `SqliteStore`, the one that is built in.
"""

from colang_interpreter.store.asynchronous import AsyncStore
from colang_interpreter.store.base import (
    ConflictError,
    EventValueError,
    Store,
    Stored,
    StoreError,
    Summary,
)
from colang_interpreter.store.memory import MemoryStore
from colang_interpreter.store.sqlite import SqliteStore
from colang_interpreter.store.wire import plain

__all__ = [
    "AsyncStore",
    "ConflictError",
    "EventValueError",
    "MemoryStore",
    "SqliteStore",
    "Store",
    "StoreError",
    "Stored",
    "Summary",
    "plain",
]
