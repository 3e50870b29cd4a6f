"""Hostile programs and events: a clear error within moments, and other conversations go on untouched."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

import colang
from colang_interpreter.errors import CompileError
from colang_interpreter.v2.program import Program, compile_text
from colang_interpreter.v2.state import State

SECONDS = 10.0
"""Far more than any of these takes; the machines that run the tests are slow and shared."""

WATCHED = """\
flow main
  activate watcher
  activate echo
  match Never()

@loop("watch")
flow watcher
  match ColangError() as $e
  send Reported(error=$e.error)

@loop("echo")
flow echo
  match Ping()
  send Pong()

@loop("hostile")
flow trigger
"""

BODIES = {
    "a loop that never waits": ("  while True\n    pass\n", "without waiting"),
    "a loop that only computes": (
        "  $n = 0\n  while True\n    $n = $n + 1\n",
        "without waiting",
    ),
    "a large power": ("  $x = 2 ** 10 ** 9\n", "power|exponent|large|bits"),
    "squaring without end": (
        "  $x = 3\n  while True\n    $x = $x * $x\n",
        "large|digits|long|bits",
    ),
    "a text that doubles": (
        '  $x = "ab"\n  while True\n    $x = $x + $x\n',
        "long",
    ),
    "a list that doubles": (
        "  $x = [1]\n  while True\n    $x = $x + $x\n",
        "long",
    ),
    "a pattern that explodes": (
        '  $x = search("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")\n',
        "could run for ever",
    ),
    "a way to the interpreter": ('  $x = "".__class__\n', "__class__"),
    "a format string": ('  $x = "%1000000000d" % 1\n', "width"),
}


def hostile(body: str, more: str = "") -> Program:
    text = WATCHED.replace("flow main\n", "flow main\n  activate trigger\n")
    return compile_text(text + "  match Go()\n" + body + more)


def told(state: State, events: list[dict[str, Any]]) -> list[str]:
    return [str(e["error"]) for e in events if e["type"] == "Reported"]


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_flow_is_reported_and_others_go_on(name: str) -> None:
    body, reason = BODIES[name]
    program = hostile(body)
    state, _ = program.start(1)
    other, _ = program.start(2)
    began = time.monotonic()
    errors = told(state, state.feed({"type": "Go"}))
    assert time.monotonic() - began < SECONDS
    assert errors and re.search(reason, errors[0]), errors
    assert "trigger" in errors[0] and "main.co:" in errors[0]
    for conversation in (state, other):
        assert [e["type"] for e in conversation.feed({"type": "Ping"})] == ["Pong"]


def test_unbounded_recursion_ends() -> None:
    program = hostile("  again\n", "\nflow again\n  again\n")
    state, _ = program.start(1)
    began = time.monotonic()
    errors = told(state, state.feed({"type": "Go"}))
    assert time.monotonic() - began < SECONDS
    assert any("nested" in error for error in errors)
    assert [e["type"] for e in state.feed({"type": "Ping"})] == ["Pong"]


def test_flows_without_number_end() -> None:
    program = hostile("  while True\n    start child\n", "\nflow child\n  match Never()\n")
    state, _ = program.start(1)
    began = time.monotonic()
    errors = told(state, state.feed({"type": "Go"}))
    assert time.monotonic() - began < 6 * SECONDS
    assert errors, state.log
    assert [e["type"] for e in state.feed({"type": "Ping"})] == ["Pong"]


def test_an_activated_flow_that_fails_at_once_is_not_restarted() -> None:
    program = hostile("  activate broken\n  match Never()\n", "\nflow broken\n  abort\n")
    state, _ = program.start(1)
    state.feed({"type": "Go"})
    assert any("not started again" in text for _, text in state.log)
    assert [e["type"] for e in state.feed({"type": "Ping"})] == ["Pong"]


def test_a_flow_that_causes_what_it_waits_for_ends() -> None:
    program = compile_text(
        "flow main\n  activate loop a\n  activate echo\n  match Never()\n"
        '\n@loop("a")\nflow loop a\n  match UnhandledEvent()\n  send FinishFlow(flow_id="nobody")\n'
        '\n@loop("e")\nflow echo\n  match Ping()\n  send Pong()\n'
    )
    state, _ = program.start(1)
    began = time.monotonic()
    state.feed({"type": "Go"})
    assert time.monotonic() - began < 3 * SECONDS
    assert "Pong" in [e["type"] for e in state.feed({"type": "Ping"})]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('flow main\n  $x = "' + "a" * 10_000_000 + '"\n', "bytes|long|characters"),
        ("flow main\n  $x = " + "(" * 10_000 + "1" + ")" * 10_000 + "\n", "nest|deep"),
        ("flow main\n  $x = " + "[" * 10_000 + "\n", "bracket|nest|deep|closed"),
        ("flow main\n  match A\x00B()\n", "NUL|character"),
        ("flow main\n  $x = " + "-" * 10_000 + "1\n", "nest|deep"),
        (
            "flow main\n" + "".join("  " * (i + 1) + "if True\n" for i in range(400)),
            "nest|deep|block",
        ),
    ],
    ids=["long text", "parentheses", "open brackets", "NUL", "minus signs", "blocks"],
)
def test_hostile_texts_are_rejected(text: str, reason: str) -> None:
    began = time.monotonic()
    with pytest.raises(CompileError) as caught:
        compile_text(text)
    assert time.monotonic() - began < 2 * SECONDS
    assert any(re.search(reason, d.message + str(d.help)) for d in caught.value.diagnostics)


def test_hostile_folders_are_reported(tmp_path: Path) -> None:
    with pytest.raises(colang.ProjectError):
        colang.Project.load(tmp_path / "missing")
    empty = tmp_path / "empty"
    empty.mkdir()
    found = colang.check(colang.Project.load(empty))
    assert any("no Colang file" in d.message for d in found)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "main.co").write_bytes(b"flow main\n  match \xff\xfe()\n")
    (tmp_path / "bad" / "config.yml").write_text("colang_version: 2.x\n")
    found = colang.check(colang.Project.load(tmp_path / "bad"))
    assert any("UTF-8" in d.message or "UTF-8" in str(d.help) for d in found)


def test_hostile_events_are_refused_or_harmless() -> None:
    program = hostile("  send Got()\n")
    state, _ = program.start(1)
    for wrong in ({}, {"type": ""}, {"type": 5}, {"type": "StartFlow", "flow_id": "trigger"}):
        with pytest.raises(ValueError, match="event"):
            state.feed(wrong)
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        state.feed({"type": "Go", "deep": deep})
    assert [e["type"] for e in state.feed({"type": "Ping", "text": "\x00\ud800"})] == ["Pong"]
