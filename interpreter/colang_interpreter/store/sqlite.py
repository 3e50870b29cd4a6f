"""The built-in database: one SQLite file, written ahead, one transaction a turn.

Several threads and processes may use one file. Each call takes a connection of its own from a small pool,
so that nobody waits for anybody but writers for the one writer SQLite allows.

    conversations(key, id, version, state, updated_at)
    events(conversation -> conversations.key, position, version, event)     event: one line of JSON
    sequence(value)                                                         the last version given out
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from colang_interpreter.dynamic import is_a
from colang_interpreter.machine import Event
from colang_interpreter.store.base import (
    ConflictError,
    Stored,
    StoreError,
    Summary,
    checked_id,
    checked_state,
    checked_version,
)
from colang_interpreter.store.wire import texts

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

APPLICATION_ID: Final = 0x434F4C47  # "COLG": tells our files from those of other programs
SCHEMA_VERSION: Final = 1

_IDLE_CONNECTIONS: Final = 4
_SCHEMA: Final = (
    """CREATE TABLE conversations (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        state,
        updated_at TEXT NOT NULL
    )""",
    """CREATE TABLE events (
        conversation INTEGER NOT NULL REFERENCES conversations (key) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        version INTEGER NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (conversation, position)
    ) WITHOUT ROWID""",
    "CREATE TABLE sequence (value INTEGER NOT NULL)",
    "INSERT INTO sequence VALUES (0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_NOW: Final = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


class SqliteStore:
    """A `Store` in one file.

    A new file can be read by its owner only; SQLite keeps two more next to it, ending in ``-wal`` and
    ``-shm``, while it is open. A turn is on the disk when `append` or `save` returns. The text of deleted
    conversations is overwritten. The folder has to be on a local disk: network file systems cannot lock.

    Args:
        path: The file; made if it is missing.
        busy_timeout: Seconds to wait for another writer before giving up.

    Raises:
        StoreError: The file cannot be opened, is damaged, belongs to another program, or was made by a newer
            version of this one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, SqliteStore(f"{folder}/bots.db") as store:
        ...     version = store.append("kim", [{"type": "Listen"}], expected_version=0)
        ...     store.load("kim").version == version
        True
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_timeout: float = 10.0) -> None:
        """Open the file."""
        self.path = os.fspath(path)
        self.busy_timeout = busy_timeout
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._inherited: list[sqlite3.Connection] = []
        self._process = os.getpid()
        self._closed = False
        if not self.path or self.path == ":memory:" or self.path.startswith("file:"):
            raise StoreError(f"{self.path!r} is no file; for a store in memory use `MemoryStore()`")
        self._create_file()
        with self._connection() as connection:
            self._prepare(connection)

    # -- the protocol

    def load(self, conversation_id: str) -> Stored:
        """See `Store.load`."""
        checked_id(conversation_id)
        with self._connection() as connection:
            connection.execute("BEGIN")  # both questions are answered about the same moment
            row = connection.execute(
                "SELECT key, version, state FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is None:
                return Stored(conversation_id)
            key, version, state = row
            lines = connection.execute(
                "SELECT event FROM events WHERE conversation = ? ORDER BY position", (key,)
            ).fetchall()
        if isinstance(state, bytes):
            state = state.decode("utf-8", "surrogatepass")
        return Stored(conversation_id, version, _decoded(self.path, conversation_id, lines), state)

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
        kept = None if state is None else _storable(checked_state(state))
        lines = texts(new_events)
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(
                "SELECT key, version FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            key, found = row or (None, 0)
            if found != expected_version:
                raise ConflictError(conversation_id, expected=expected_version, found=found)
            connection.execute("UPDATE sequence SET value = value + 1")
            version: int = connection.execute("SELECT value FROM sequence").fetchone()[0]
            if key is None:
                key = connection.execute(
                    f"INSERT INTO conversations (id, version, updated_at) VALUES (?, ?, {_NOW})",
                    (conversation_id, version),
                ).lastrowid
            else:
                connection.execute(
                    f"UPDATE conversations SET version = ?, updated_at = {_NOW} WHERE key = ?",
                    (version, key),
                )
            if kept is not None:
                connection.execute("UPDATE conversations SET state = ? WHERE key = ?", (kept, key))
            if lines:
                last = connection.execute(
                    "SELECT coalesce(max(position), 0) FROM events WHERE conversation = ?", (key,)
                ).fetchone()[0]
                connection.executemany(
                    "INSERT INTO events VALUES (?, ?, ?, ?)",
                    [
                        (key, position, version, line)
                        for position, line in enumerate(lines, last + 1)
                    ],
                )
            connection.execute("COMMIT")
            return version

    def save(self, conversation_id: str, state: str, expected_version: int) -> int:
        """See `Store.save`."""
        return self.append(conversation_id, (), expected_version, state=checked_state(state))

    def delete(self, conversation_id: str) -> bool:
        """See `Store.delete`."""
        checked_id(conversation_id)
        with self._connection() as connection:
            found = connection.execute(
                "DELETE FROM conversations WHERE id = ?", (conversation_id,)
            ).rowcount
        return found > 0

    def list(self, *, after: str = "", limit: int = 1000) -> tuple[Summary, ...]:
        """See `Store.list`."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, version, updated_at FROM conversations WHERE id > ? ORDER BY id LIMIT ?",
                (after, max(limit, 0)),
            ).fetchall()
        return tuple(Summary(*row) for row in rows)

    # -- closing

    def close(self) -> None:
        """Close the file. Harmless when repeated; calls that are running finish first on their own."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        if self._process == os.getpid():
            for connection in idle:
                connection.close()

    def __enter__(self) -> Self:
        """Use as ``with SqliteStore(path) as store`` to have it closed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    # -- connections

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        """A connection of one's own; what is not committed at the end is rolled back."""
        connection: sqlite3.Connection | None = None
        try:
            connection = self._take()
            yield connection
        except sqlite3.Error as problem:
            raise self._worded(problem) from problem
        finally:
            if connection is not None:
                self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError(f"{self.path}: the store is closed")
            if self._process != os.getpid():
                # SQLite forbids using, and closing, what was opened before a fork: so they are kept, unused.
                self._inherited += self._idle
                self._idle = []
                self._process = os.getpid()
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(
            self.path, timeout=self.busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(
                "PRAGMA synchronous = FULL"
            )  # with the default a power cut may cost a turn
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()  # which rolls back, too
            return
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    # -- opening

    def _create_file(self) -> None:
        """Make the file if it is missing, for its owner only: conversations are private."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise StoreError(f"{self.path}: the database cannot be opened: {reason}") from problem

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Check whose file it is, and make a new one ours."""
        connection.execute("BEGIN")  # its three questions are answered about the same moment
        new = self._is_new(connection)
        connection.execute("ROLLBACK")
        if new:
            self._write_ahead(connection)
            connection.execute("BEGIN IMMEDIATE")
            if self._is_new(connection):  # another process may have been faster
                for statement in _SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        elif _pragma(connection, "journal_mode") != "wal":
            self._write_ahead(connection)

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        application, schema = (
            _pragma(connection, "application_id"),
            _pragma(connection, "user_version"),
        )
        if application == APPLICATION_ID:
            if schema > SCHEMA_VERSION:
                raise StoreError(
                    f"{self.path}: made by a newer version of this program (schema {schema}; this one"
                    f" knows {SCHEMA_VERSION}); upgrade colang-toolchain"
                )
            return False
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application or schema or tables:
            raise StoreError(
                f"{self.path}: the database belongs to another program; use another file"
            )
        return True

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        # Processes that switch at the same moment are refused at once, whatever the time-out says.
        pause = threading.Event()
        for _ in range(max(1, int(self.busy_timeout / 0.01))):
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
                break
            except sqlite3.OperationalError as problem:
                if "locked" not in str(problem):
                    raise
                pause.wait(0.01)
        else:
            raise sqlite3.OperationalError("database is locked")
        if mode != "wal":
            raise StoreError(
                f"{self.path}: this file system cannot write ahead (SQLite stays in mode {mode!r});"
                " put the file on a local disk"
            )

    # -- errors

    def _worded(self, problem: sqlite3.Error) -> StoreError:
        text = str(problem)
        if "locked" in text or "busy" in text:
            return StoreError(
                f"{self.path}: somebody else has been writing for {self.busy_timeout:g} seconds;"
                " nothing was stored, try again"
            )
        if "not a database" in text or "malformed" in text or "no such table" in text:
            return StoreError(
                f"{self.path}: the database is damaged, or no SQLite database ({text});"
                " put back a copy, or use another file"
            )
        return StoreError(f"{self.path}: the database fails: {text}; nothing was stored")


def _decoded(path: str, conversation_id: str, lines: Iterable[tuple[str]]) -> list[Event]:
    events: list[Event] = []
    for position, (line,) in enumerate(lines, 1):
        try:
            event: Any = json.loads(line)
        except (TypeError, ValueError, RecursionError):
            event = None
        if not is_a(event, dict):
            raise StoreError(
                f"{path}: event {position} of conversation {conversation_id!r} is damaged;"
                " put back a copy of the database"
            )
        events.append(event)
    return events


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _storable(state: str) -> str | bytes:
    """The text, or its bytes if it has half a surrogate pair, which SQLite takes for no text."""
    try:
        state.encode()
    except UnicodeEncodeError:
        return state.encode("utf-8", "surrogatepass")
    return state
