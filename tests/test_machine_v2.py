"""The engine of 2.x: what a program or a host may rely on, and no case of the conformance data shows."""

from __future__ import annotations

from typing import Any

import pytest

from colang_interpreter.v2 import history
from colang_interpreter.v2.model import Instance, shared_position
from colang_interpreter.v2.program import compile_text
from colang_interpreter.v2.state import State


def started(text: str) -> State:
    return compile_text(text).start(seed=1)[0]


def fed(state: State, name: str, **arguments: Any) -> list[str]:
    return [event["type"] for event in state.feed({"type": name, **arguments})]


@pytest.mark.parametrize("name", ["position", "given", "hidden", "depth", "by_position"])
def test_a_reference_shows_the_variables_of_its_flow(name: str) -> None:
    state = started(
        f'flow main\n  start opened "top" as $ref\n  match Ask()\n  send Answer(value=$ref.{name})\n'
        f"\nflow opened ${name}\n  match Never()\n"
    )
    (answer,) = state.feed({"type": "Ask"})
    assert answer["value"] == "top"


def test_what_a_host_causes_leaves_with_the_next_event_whatever_it_is() -> None:
    state = started(
        "flow main\n  start lit\n  match Never()\n\nflow lit\n  start LampAction() as $lamp\n  match Dark()\n"
    )
    state.remove_flows(["lit"])
    assert fed(state, "NobodyWaitsForThis") == ["StopLampAction"]


def test_what_was_sent_before_a_step_broke_off_leaves_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = started(
        "flow main\n  match Go()\n  send First()\n  $x = 1\n  send Second()\n  match Never()\n"
    )

    def broken(self: Instance, name: str, value: Any) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(Instance, "write", broken)
        with pytest.raises(RuntimeError):
            state.feed({"type": "Go"})
    assert fed(state, "NobodyWaitsForThis") == ["First"]


def test_two_flows_of_one_uid_end_each_for_itself() -> None:
    state = started(
        "flow main\n"
        '  send StartFlow(flow_id="twin", flow_instance_uid="u", n=1)\n'
        '  send StartFlow(flow_id="twin", flow_instance_uid="u", n=2)\n'
        "  match Never()\n\nflow twin $n\n  match End(n=$n)\n  send Ended(n=$n)\n"
    )
    assert len(state.instances_of("twin")) == 2
    loops = dict(state.loops)
    for number in (1, 2):
        assert fed(state, "End", n=number) == ["Ended"]
        assert len(state.instances_of("twin")) == 2 - number
    assert sum(state.loops.values()) == sum(loops.values()) - 2
    assert "u" not in state.instances
    assert state.flow_has_run("twin")
    assert state.program.restore(state.dump()).flow_has_run("twin")


def test_what_all_conversations_share_stays_small() -> None:
    deep, shallow = tuple(range(500)), (0, 12_345)
    assert shared_position(tuple(iter(deep))) is not shared_position(deep)
    assert shared_position(tuple(iter(shallow))) is shared_position(shallow)
    for number in range(3_000):
        history.History().add({"type": "T", f"field {number}": 1})
        history.History().add({"type": "T", f"field {number}" + "x" * 5_000: 1})
    kept = history._shapes  # pyright: ignore[reportPrivateUsage]
    assert len(kept) <= 1_000
    assert all(len(name) < 1_000 for names in kept for name in names)
