"""The promises of the built-in database among real processes: nothing acknowledged is ever lost, no turn is
ever half there, and two writers of one conversation never overwrite each other."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from colang_interpreter.store import SqliteStore

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")

TURN = 20  # events of a turn

# Writes turn after turn and says so only when a turn is stored. With a statement as its third argument it
# kills itself when SQLite begins to run that statement for the n-th time.
WRITER = """
import os, signal, sqlite3, sys
path, turn = sys.argv[1], int(sys.argv[2])
if len(sys.argv) > 3:
    statement, left = sys.argv[3], int(sys.argv[4])
    def trace(sql):
        global left
        if sql.startswith(statement):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    connect = sqlite3.connect
    def traced(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(trace)
        return connection
    sqlite3.connect = traced
from colang_interpreter.store import SqliteStore
store = SqliteStore(path)
while True:
    found = store.load("kim")
    number = len(found.events) // turn
    events = [{"type": "E", "turn": number, "place": place, "text": "x" * 200} for place in range(turn)]
    store.append("kim", events, found.version, state=str(number))
    os.write(1, b"%d\\n" % number)
"""


def writer(path: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(TURN), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def turns_in(path: Path) -> int:
    """How many turns are there; each is whole, in order, with its state."""
    with SqliteStore(path) as store:
        found = store.load("kim")
    places = [(event["turn"], event["place"]) for event in found.events]
    turns, rest = divmod(len(places), TURN)
    assert rest == 0, "half a turn"
    assert places == [(turn, place) for turn in range(turns) for place in range(TURN)]
    assert found.state == (str(turns - 1) if turns else None)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return turns


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    chance = random.Random(7)
    acknowledged = 0
    for _ in range(6):
        with writer(path) as process:
            assert process.stdout is not None
            first = process.stdout.readline()  # it is up and writing
            time.sleep(chance.random() * 0.05)
            os.kill(process.pid, signal.SIGKILL)
            lines = (first + process.stdout.read()).split()
        assert process.returncode == -signal.SIGKILL
        assert [int(line) for line in lines] == list(range(acknowledged, acknowledged + len(lines)))
        acknowledged += len(lines)
        stored = turns_in(path)
        # A turn may be stored and the process killed before it could say so.
        assert stored - acknowledged in (0, 1)
        acknowledged = stored
    assert acknowledged >= 6


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("BEGIN IMMEDIATE", 3),
        ("UPDATE sequence", 2),
        ("UPDATE conversations", 3),
        ("INSERT INTO events", TURN + 1),
        ("INSERT INTO events", 2 * TURN),
        ("COMMIT", 3),
        ("CREATE TABLE events", 1),
        ("PRAGMA user_version = ", 1),
    ],
)
def test_killed_within_a_turn_it_is_not_there(tmp_path: Path, statement: str, count: int) -> None:
    path = tmp_path / "bots.db"
    with writer(path, statement, str(count)) as process:
        out, problem = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, problem
    assert turns_in(path) == len(out.split())
    assert len(out.split()) == (0 if "TABLE" in statement or "PRAGMA" in statement else 1)


CONTENDER = """
import sys
from colang_interpreter.store import ConflictError, SqliteStore
store = SqliteStore(sys.argv[1])
name = sys.argv[2]
version = store.load("kim").version
print("loaded", flush=True)
sys.stdin.readline()
try:
    store.append("kim", [{"type": "E", "by": name}], version)
    print("stored", flush=True)
except ConflictError as problem:
    print("refused", problem, flush=True)
store.close()
"""


@pytest.mark.parametrize("exists", [True, False])
def test_of_two_writers_one_is_refused(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "bots.db"
    if exists:
        with SqliteStore(path) as store:
            store.append("kim", [{"type": "E", "by": "before"}], 0)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(path), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    try:
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline() == "loaded\n"
        answers = []
        for process in writers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in writers:
            answers.append(process.communicate(timeout=60)[0])
    finally:
        for process in writers:
            process.kill()
            process.wait()
    assert sorted(answer.split()[0] for answer in answers) == ["refused", "stored"], answers
    assert "Load it again and repeat the turn" in max(answers, key=len)
    winner = ("one", "two")[[answer.startswith("stored") for answer in answers].index(True)]
    with SqliteStore(path) as store:
        by = [event["by"] for event in store.load("kim").events]
    assert by == (["before", winner] if exists else [winner])


def test_a_new_file_may_become_somebody_elses_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One store asks whose the empty file is; between its questions another one makes it a database."""
    path = tmp_path / "bots.db"
    connect = sqlite3.connect
    rivals: list[threading.Thread] = []

    def interrupt(statement: str) -> None:
        if statement == "PRAGMA user_version" and not rivals:
            rivals.append(threading.Thread(target=lambda: SqliteStore(path).close()))
            rivals[0].start()
            rivals[0].join(timeout=0.5)  # it finishes, or it waits for us

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(interrupt)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    with SqliteStore(path) as store:
        rivals[0].join(timeout=30)
        assert not rivals[0].is_alive()
        assert store.append("kim", [{"type": "E"}], expected_version=0) > 0


HAMMER = """
import sys
from colang_interpreter.store import ConflictError, SqliteStore
name, turns = sys.argv[2], int(sys.argv[3])
refused = 0
with SqliteStore(sys.argv[1]) as store:
    for number in range(turns):
        while True:
            found = store.load("kim")
            try:
                total = sum(1 for event in found.events)
                store.append("kim", [{"type": "E", "by": name, "number": number, "total": total}], found.version)
                break
            except ConflictError:
                refused += 1
print(refused)
"""


def test_writers_that_try_again_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bots.db"
    turns = 40
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, str(path), name, str(turns)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    for process in writers:
        _, problem = process.communicate(timeout=120)
        assert process.returncode == 0, problem
    with SqliteStore(path) as store:
        events = store.load("kim").events
    # Each turn saw exactly what was before it: none was computed from an older history.
    assert [event["total"] for event in events] == list(range(2 * turns))
    for name in ("one", "two"):
        assert [e["number"] for e in events if e["by"] == name] == list(range(turns))
