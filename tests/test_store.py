"""Stores: what every store promises, asked of both; what a file adds; and events as JSON."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import json
import math
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colang_interpreter.store import (
    AsyncStore,
    ConflictError,
    EventValueError,
    MemoryStore,
    SqliteStore,
    Store,
    Stored,
    StoreError,
    plain,
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    else:
        with SqliteStore(tmp_path / "bots.db") as opened:
            yield opened


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "E", "number": number, **more}


# ---------------------------------------------------------------- every store


def test_a_history_grows_turn_by_turn(store: Store) -> None:
    assert store.load("kim") == Stored("kim", 0, [], None)
    first = store.append("kim", [event(1), event(2)], 0)
    second = store.append("kim", (event(n) for n in (3, 4)), first)
    assert 0 < first < second
    assert store.load("kim") == Stored("kim", second, [event(n) for n in (1, 2, 3, 4)], None)
    assert store.load("lee").events == []


def test_a_saved_state_is_replaced(store: Store) -> None:
    first = store.save("kim", "one", 0)
    second = store.save("kim", "two", first)
    assert store.load("kim") == Stored("kim", second, [], "two")


def test_events_and_state_of_a_turn_are_stored_together(store: Store) -> None:
    first = store.append("kim", [event(1)], 0, state="one")
    second = store.append("kim", [event(2)], first)
    assert store.load("kim") == Stored("kim", second, [event(1), event(2)], "one")
    with pytest.raises(ConflictError):
        store.append("kim", [event(3)], first, state="lost")
    assert store.load("kim").state == "one"


@pytest.mark.parametrize("expected", [0, 99])
def test_a_lost_update_is_refused(store: Store, expected: int) -> None:
    version = store.append("kim", [event(1)], 0)
    with pytest.raises(ConflictError, match=r"kim.*nothing was stored\. Load it again") as refused:
        store.append("kim", [event(2)], expected)
    assert (refused.value.expected, refused.value.found) == (expected, version)
    with pytest.raises(ConflictError):
        store.save("kim", "text", expected)
    assert store.load("kim") == Stored("kim", version, [event(1)], None)


def test_a_conversation_made_anew_is_another_one(store: Store) -> None:
    version = store.append("kim", [event(1)], 0)
    assert store.delete("kim") and not store.delete("kim")
    assert store.load("kim").version == 0
    with pytest.raises(ConflictError, match="does not exist any more"):
        store.append("kim", [event(2)], version)
    assert store.append("kim", [event(3)], 0) > version, "a version that was seen before"
    assert store.load("kim").events == [event(3)]
    with pytest.raises(ConflictError):
        store.append("kim", [event(2)], version)


def test_the_list_goes_page_by_page(store: Store) -> None:
    versions = {name: store.append(name, [event(1)], 0) for name in ("lee", "kim", "ann", "zoë")}
    assert [s.conversation_id for s in store.list()] == ["ann", "kim", "lee", "zoë"]
    page = store.list(after="ann", limit=2)
    assert [(s.conversation_id, s.version) for s in page] == [
        (name, versions[name]) for name in ("kim", "lee")
    ]
    assert store.list(after="zoë") == () == store.list(limit=0)


def test_what_was_loaded_is_ones_own(store: Store) -> None:
    given = event(1, data={"list": [1]})
    version = store.append("kim", [given], 0)
    given["data"]["list"].append(2)
    loaded = store.load("kim")
    loaded.events[0]["data"]["list"].append(3)
    loaded.events.append(event(2))
    assert store.load("kim") == Stored("kim", version, [event(1, data={"list": [1]})], None)


def test_an_event_that_cannot_be_stored_stores_nothing(store: Store) -> None:
    with pytest.raises(EventValueError, match=r"new event 2 \(E\): `photo` is of type bytes"):
        store.append("kim", [event(1), event(2, photo=b"")], 0)
    assert store.load("kim").version == 0


@pytest.mark.parametrize("id", ["", "x" * 1001, 7, None, "\ud800"])
def test_ids_are_checked(store: Store, id: Any) -> None:
    calls: list[Callable[[Any], object]] = [store.load, store.delete]
    calls += [lambda id: store.append(id, [], 0), lambda id: store.save(id, "", 0)]
    for call in calls:
        with pytest.raises(StoreError, match="the id"):
            call(id)


@pytest.mark.parametrize("version", [True, None, -1, "3", 1.0])
def test_versions_are_checked(store: Store, version: Any) -> None:
    store.append("kim", [], 0)
    with pytest.raises(StoreError, match="the one that `load` gave"):
        store.append("kim", [event(1)], version)


def test_states_are_texts(store: Store) -> None:
    bad: Any = {"state": 1}
    with pytest.raises(StoreError, match="the text that `dump` gives, not dict"):
        store.save("kim", bad, 0)
    with pytest.raises(StoreError, match="the text that `dump` gives, not dict"):
        store.append("kim", [], 0, state=bad)
    text = 'half \ud83d, "quotes", \0 and \U0001f600'
    store.save("kim", text, 0)
    assert store.load("kim").state == text


def test_of_many_threads_one_wins_each_round(store: Store) -> None:
    gate = threading.Barrier(4)

    def write(writer: int) -> int:
        won = 0
        for _ in range(10):
            version = store.load("kim").version
            gate.wait()
            try:
                store.append("kim", [event(writer)], version)
                won += 1
            except ConflictError:
                pass
            gate.wait()
        return won

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(write, range(4)))
    assert sum(won) == 10
    numbers = [found["number"] for found in store.load("kim").events]
    assert [numbers.count(writer) for writer in range(4)] == won


def test_coroutines_use_a_store_without_stopping_the_loop(store: Store) -> None:
    class Slow:
        def load(self, conversation_id: str) -> Stored:
            time.sleep(0.2)
            return store.load(conversation_id)

    async def main() -> None:
        own = AsyncStore(store)
        first = await own.append("kim", [event(1)], 0, state="one")
        second = await own.save("kim", "two", first)
        assert await own.load("kim") == Stored("kim", second, [event(1)], "two")
        assert [s.conversation_id for s in await own.list(limit=5)] == ["kim"]
        with pytest.raises(ConflictError):
            await own.append("kim", [event(2)], first)
        slow: Any = Slow()
        load = asyncio.ensure_future(AsyncStore(slow).load("kim"))
        ticks = 0
        while not load.done():
            ticks += 1
            await asyncio.sleep(0.01)
        assert ticks > 2, "the loop stood still"
        assert (await load).version == second
        assert await own.delete("kim")

    asyncio.run(main())


def test_a_session_goes_on_from_the_store(store: Store) -> None:
    from colang import Project
    from colang_interpreter import Bot, compile

    source = 'import core\n\nflow main\n  $n = 0\n  while True\n    user said something\n    $n = $n + 1\n    bot say "{$n}"\n'
    bot = Bot(compile(Project.from_texts({"main.co": source, "config.yml": "colang_version: 2.x"})))

    async def turn(text: str) -> str:
        found = store.load("kim")
        async with bot.session("kim", state=found.state) as session:
            reply = await session.say(text)
            store.save("kim", session.dump(), found.version)
        return reply.text

    assert [asyncio.run(turn(text)) for text in "abc"] == ["1", "2", "3"]


# ---------------------------------------------------------------- events as JSON


class Color(enum.Enum):
    RED = "red"


class Named(NamedTuple):
    x: int


@dataclasses.dataclass
class Outcome:
    """Like the outcome of a rail: flows ask for its properties."""

    kind: str
    texts: tuple[str, ...] = ()
    _hidden: int = 1

    @property
    def is_blocked(self) -> bool:
        return self.kind == "block"

    @property
    def broken(self) -> int:
        raise OSError("no connection")


class Slotted:
    __slots__ = ("a", "unset")

    def __init__(self) -> None:
        self.a = Outcome("allow")


class Speaking:
    def to_data(self) -> dict[str, Any]:
        return {"said": (1,)}


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Color.RED, "red"),
        (Named(1), {"x": 1}),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), "2024-02-29T00:00:00+00:00"),
        (Path("a") / "b", os.path.join("a", "b")),
        (Outcome("block"), {"kind": "block", "texts": [], "is_blocked": True}),
        ([Slotted()], [{"a": {"kind": "allow", "texts": [], "is_blocked": False}}]),
        (Speaking(), {"said": [1]}),
        (Text("x"), "x"),
        (10**30, 10**30),
        ("half \ud83d", "half \ud83d"),
        ({"": None}, {"": None}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_have_a_plain_form(store: Store, value: Any, expected: Any) -> None:
    store.append("kim", [event(1, value=value)], 0)
    assert store.load("kim").events == [event(1, value=expected)]
    assert plain(event(1, value=value)) == event(1, value=expected)


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("Listen", "new event 1 is of type str, not a dictionary"),
        ({"kind": "Listen"}, "no text under `type`"),
        ({"type": ""}, "no text under `type`"),
        ({"type": "E", "a": {"b": [1, b""]}}, "`a.b[1]` is of type bytes, which has no plain form"),
        ({"type": "E", "a": object()}, "`a` is of type object"),
        ({"type": "E", "a": len}, "`a` is of type builtin_function_or_method"),
        ({"type": "E", "a": ValueError("x")}, "`a` is of type ValueError"),
        ({"type": "E", "a": math.nan}, "`a` is nan"),
        ({"type": "E", "a": [math.inf]}, "`a[0]` is inf"),
        ({"type": "E", "a": {1: 2}}, "in `a`, the key 1 is no text"),
        ({"type": "E", 1: 2}, "the key 1 is no text"),
        ({"type": "E", "a": endless()}, "nested more than 100 deep, or contains itself"),
        ({"type": "E", "a": 10**5000}, "new event 1 (E): Exceeds the limit"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_the_error_names_event_and_place(bad: Any, says: str) -> None:
    if says.endswith("the limit") and sys.version_info < (3, 11):
        pytest.skip("older Pythons write numbers of any length")
    with pytest.raises(EventValueError) as refused:
        MemoryStore().append("kim", [bad], 0)
    assert says in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=3))
def test_plain_data_survives_as_it_is(data: list[dict[str, Any]]) -> None:
    events = [{**fields, "type": "E"} for fields in data]
    store = MemoryStore()
    store.append("kim", events, 0)
    assert store.load("kim").events == events
    assert list(map(plain, events)) == events


# ---------------------------------------------------------------- the file


def database(path: Path | str, *statements: str) -> list[Any]:
    """Do something to the file behind the store's back; what the last statement gives."""
    connection = sqlite3.connect(path)
    rows: list[Any] = []
    for statement in statements:
        rows = connection.execute(statement).fetchall()
    connection.commit()
    connection.close()
    return rows


def test_a_file_is_opened_again_and_private(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    with SqliteStore(path) as store:
        version = store.append("kim", [event(1)], 0, state="s")
        assert database(path, "PRAGMA journal_mode") == [("wal",)]
        if os.name == "posix":
            for file in tmp_path.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    with SqliteStore(path) as store:
        assert store.load("kim") == Stored("kim", version, [event(1)], "s")
        (summary,) = store.list()
        assert summary.updated_at is not None
        written = datetime.datetime.fromisoformat(summary.updated_at.replace("Z", "+00:00"))
        assert abs(datetime.datetime.now(datetime.timezone.utc) - written).total_seconds() < 600


def test_deleting_leaves_no_events_and_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    with SqliteStore(path) as store:
        store.append("kim", [event(1, text="my-secret-word" * 50)], 0)
        store.append("lee", [event(1)], 0)
        store.delete("kim")
        assert database(path, "SELECT count(*) FROM events") == [(1,)]
    assert b"my-secret-word" not in path.read_bytes()


def test_nothing_is_written_while_somebody_else_writes(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    with SqliteStore(path, busy_timeout=0.05) as store:
        version = store.append("kim", [event(1)], 0)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"writing for 0.05 seconds; nothing was stored"):
            store.append("kim", [event(2)], version)
        assert store.load("kim").events == [event(1)], "readers do not wait"
        other.execute("ROLLBACK")
        other.close()
        store.append("kim", [event(2)], version)


def test_a_turn_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    with SqliteStore(path) as store:
        version = store.append("kim", [event(1)], 0, state="before")
        database(
            path,
            "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.position = 3"
            " BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        with pytest.raises(StoreError, match="disk full; nothing was stored"):
            store.append("kim", [event(2), event(3)], version, state="after")
        assert store.load("kim") == Stored("kim", version, [event(1)], "before")


def test_files_of_others_are_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    database(path, "CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    SqliteStore(path).close()
    database(path, "PRAGMA user_version = 2")
    with pytest.raises(StoreError, match=r"newer version .*schema 2; this one knows 1.*upgrade"):
        SqliteStore(path)


def test_damaged_files_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    path.write_bytes(b"not a database at all" * 200)
    with pytest.raises(
        StoreError, match=r"bots.db: the database is damaged, or no SQLite database"
    ):
        SqliteStore(path)
    path.unlink()
    with SqliteStore(path) as store:
        version = store.append("kim", [event(n, text="x" * 3000) for n in range(50)], 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xaa" * (len(whole) - 8192))
    with pytest.raises(StoreError, match="damaged"), SqliteStore(path) as store:
        store.load("kim")
        store.append("kim", [event(1)], version)


@pytest.mark.parametrize("line", ["{", "[1]", "null"])
def test_a_damaged_event_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bots.db"
    with SqliteStore(path) as store:
        store.append("kim", [event(1), event(2)], 0)
        database(path, f"UPDATE events SET event = '{line}' WHERE position = 2")
        with pytest.raises(StoreError, match=r"event 2 of conversation 'kim' is damaged"):
            store.load("kim")


@pytest.mark.parametrize("path", [":memory:", "", "file:x?mode=memory"])
def test_only_files_are_opened(path: str) -> None:
    with pytest.raises(StoreError, match="use `MemoryStore"):
        SqliteStore(path)


def test_places_that_cannot_be_opened_are_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "bots.db", tmp_path):
        with pytest.raises(StoreError, match="cannot be opened: "):
            SqliteStore(path)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "bots.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.load("kim")


def test_loading_a_long_history_costs_what_it_is_long(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "bots.db") as store:
        version = store.append("kim", [event(n) for n in range(20_000)], 0)
        plan = database(
            store.path,
            "EXPLAIN QUERY PLAN SELECT event FROM events WHERE conversation = 1 ORDER BY position",
        )
        assert "USING PRIMARY KEY" in str(plan) and "TEMP B-TREE" not in str(plan)
        version = store.append("kim", [event(20_000)], version)
        assert [found["number"] for found in store.load("kim").events] == list(range(20_001))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_store_opened_before_a_fork_works_on_both_sides(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import json, os, sys
        from colang_interpreter.store import SqliteStore
        store = SqliteStore(sys.argv[1])
        version = store.append("kim", [{"type": "before"}], 0)
        child = os.fork()
        if child == 0:
            store.append("child", [{"type": "inside"}], 0)
            store.append("kim", [{"type": "child"}], store.load("kim").version)
            store.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        store.append("kim", [{"type": "parent"}], store.load("kim").version)
        print(json.dumps([event["type"] for event in store.load("kim").events]))
        store.close()
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "bots.db")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["before", "child", "parent"]
