"""Saved states: a conversation restored after every step goes on identically; wrong documents are refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from colang_interpreter.errors import StateError
from colang_interpreter.v2.program import Limits, Program, compile_text
from colang_interpreter.v2.state import State
from conformance import Case, load_cases, sendable, substituted

CASES = [c for c in load_cases("colang2") if c.mode == "engine" and not c.load_error and c.steps]

GREETER = """\
flow main
  activate doorbell "front"
  activate doorbell "back"
  start LampAction(color="red") as $lamp
  $seen = [1, {"a": 2.5}]
  $same = $seen
  match $lamp.Finished() and Ready()
  send Done(n=len($seen))

flow doorbell $where
  match Ring(where=$where)
  send Ding(where=$where)
"""


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_text(GREETER)


def plain(value: Any) -> Any:
    """Events as text, with sets in a fixed order."""
    return json.dumps(value, sort_keys=True, default=lambda x: sorted(map(str, x)))


def restored(state: State) -> State:
    blob = state.dump()
    again = state.program.restore(blob)
    assert again.dump() == blob
    return again


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_restored_conversation_goes_on_identically(case: Case) -> None:
    program = compile_text(case.program)
    kept, outputs = program.start(3, active=False)
    saved, _ = program.start(3, active=False)
    copied = copy.deepcopy(kept)
    bound: dict[str, dict[str, Any]] = {}
    for step in case.steps:
        for raw in step.send or ():
            try:
                event = sendable(substituted(raw, bound))
            except KeyError:
                return  # needs an event that another alternative would have bound
            saved = restored(saved)
            outputs = kept.feed(event)
            assert plain(saved.feed(event)) == plain(outputs)
            assert plain(copied.feed(event)) == plain(outputs)
        for expected in step.expected.get("expect") or ():
            if isinstance(expected, dict) and "_bind" in expected:
                for output in outputs:
                    if output["type"] == expected["type"]:
                        bound[expected["_bind"]] = output
    assert plain(json.loads(restored(saved).dump())) == plain(json.loads(kept.dump()))


def test_shared_values_stay_shared(program: Program) -> None:
    state, _ = program.start(1)
    again = restored(state)
    assert again.main.locals["seen"] is again.main.locals["same"]
    again.main.locals["seen"].append(3)
    assert again.main.locals["same"] == [1, {"a": 2.5}, 3]
    assert state.main.locals["seen"] == [1, {"a": 2.5}]


def test_a_small_bot_has_a_small_state(program: Program) -> None:
    state, _ = compile_text(
        "flow main\n  activate a\n  match Go()\n\nflow a\n  match B()\n"
    ).start()
    assert len(state.dump()) < 4_000


def test_another_program_is_refused(program: Program) -> None:
    state, _ = program.start(1)
    other = compile_text(GREETER.replace("Ding", "Dong"))
    with pytest.raises(StateError, match="another program"):
        other.restore(state.dump())


def test_unknown_versions_are_refused(program: Program) -> None:
    state, _ = program.start(1)
    blob = json.loads(state.dump())
    blob["state"]["version"] = 99
    with pytest.raises(StateError, match="version 99"):
        program.restore(json.dumps(blob))


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        ("", "not readable"),
        ("{", "not readable"),
        ("[]", "not a saved state"),
        ('{"state": 1}', "not a saved state"),
        ("[" * 100_000, "not readable"),
        (b"\xff\xfe", "not readable"),
    ],
)
def test_what_is_no_state_is_refused(program: Program, blob: str | bytes, reason: str) -> None:
    with pytest.raises(StateError, match=reason):
        program.restore(blob)


def test_an_oversized_document_is_refused(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from colang_interpreter import sealing

    state, _ = program.start(1)
    monkeypatch.setattr(sealing, "MAX_CHARACTERS", 100)
    with pytest.raises(StateError, match="larger than"):
        program.restore(state.dump())


def test_a_changed_document_is_refused(program: Program) -> None:
    state, _ = program.start(1)
    with pytest.raises(StateError, match="check sum"):
        program.restore(state.dump().replace('"front"', '"other"'))


def tampered(value: Any) -> list[Any]:
    """Every document that differs from `value` in one place."""
    found: list[Any] = []
    if isinstance(value, dict):
        for key in value:
            found += [
                {**value, key: x} for x in (*tampered(value[key]), None, -7, 10**9, "x", [], {})
            ]
            found.append({k: v for k, v in value.items() if k != key})
    elif isinstance(value, list):
        for at, item in enumerate(value):
            found += [
                [*value[:at], x, *value[at + 1 :]] for x in (*tampered(item), None, -7, 10**9, "x")
            ]
            found.append(value[:at] + value[at + 1 :])
    return found


def test_tampered_documents_never_do_more_than_fail(program: Program) -> None:
    """With a correct check sum: each wrong document is refused, or gives a state that can be fed."""
    from colang_interpreter.sealing import seal

    state, _ = program.start(1)
    document = json.loads(state.dump())["state"]
    refused = 0
    for wrong in tampered(document):
        blob = seal(wrong)
        try:
            again = program.restore(blob)
        except StateError:
            refused += 1
            continue
        again.feed({"type": "Ring", "where": "front"})
    assert refused > 100


def test_what_cannot_be_saved_is_named(program: Program) -> None:
    state, _ = program.start(1)
    state.globals["thing"] = object()
    with pytest.raises(StateError, match="type object"):
        state.dump()
    assert copy.deepcopy(state).globals["thing"] is state.globals["thing"]


def test_a_value_that_contains_itself_is_refused(program: Program) -> None:
    state, _ = program.start(1)
    loop: list[Any] = []
    loop.append([loop])
    state.globals["loop"] = {"a": loop}
    try:
        text = state.dump()
    except StateError as error:
        assert "contains itself" in str(error)
    else:
        assert program.restore(text).dump() == text


def test_deep_nesting_of_flows_survives() -> None:
    program = compile_text(
        "flow main\n  deep 300\n\nflow deep $n\n  if $n > 0\n    deep ($n - 1)\n  else\n    match Go()\n",
        limits=Limits(),
    )
    state, _ = program.start(1)
    again = restored(state)
    assert again.feed({"type": "Go"}) == state.feed({"type": "Go"})
    assert again.main_is_waiting or again.main.heads
