"""The `engine` cases of the Colang 2.x conformance data: program, events in, exactly these events out."""

from __future__ import annotations

from typing import Any

import pytest

from colang_interpreter.errors import CompileError
from colang_interpreter.v2.program import compile_text
from conformance import Case, Expectation, load_cases, sendable, substituted

CASES = [case for case in load_cases("colang2") if case.mode == "engine"]


def play(case: Case, seed: int) -> set[int]:
    """Run one case; the alternatives of `expect_one_of` that were seen."""
    try:
        program = compile_text(case.program)
    except CompileError:
        assert case.load_error
        return set()
    assert not case.load_error, "the program should have been rejected"
    state, outputs = program.start(seed, active=False)
    bound: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    for number, step in enumerate(case.steps):
        if step.send is None:
            assert number == 0
        else:
            if number == 0:
                assert outputs == []
            outputs = []
            for event in step.send:
                outputs += state.feed(sendable(substituted(event, bound)))
        outputs = [e for e in outputs if e["type"] not in case.ignore_types]
        alternative = Expectation(step).check(outputs, bound)
        if alternative is not None:
            seen.add(alternative)
    return seen


@pytest.mark.parametrize("case", CASES, ids=str)
def test_engine(case: Case) -> None:
    if not case.nondeterministic:
        play(case, seed=1)
        return
    seen = set[int]()
    for seed in range(40):
        seen |= play(case, seed)
    assert seen == set(range(case.alternatives)), "some alternative never came"


@pytest.mark.parametrize("case", [c for c in CASES if not c.load_error][::7], ids=str)
def test_several_seeds(case: Case) -> None:
    for seed in range(2, 6):
        play(case, seed)
