"""The `runtime` and `generate` cases of the Colang 2.x conformance data: the outer loop, actions, library.

Completions come from the case, in order; all of them must have been asked for at its end.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

import colang
from colang_interpreter import Bot, CompileError, LLMRails, compile
from colang_interpreter.llm.scripted import ScriptedModel
from colang_interpreter.machine import Program
from conformance import Case, Expectation, equal, load_cases, sendable, substituted
from fixtures.actions import BY_NAME

CASES = load_cases("colang2")
RUNTIME = [case for case in CASES if case.mode == "runtime"]
GENERATE = [case for case in CASES if case.mode == "generate"]


def program_of(case: Case) -> Program:
    config = {"colang_version": "2.x", **case.data.get("config", {})}
    texts = {
        "main.co": case.program,
        "config.yml": yaml.safe_dump(config),
        **case.data.get("files", {}),
    }
    return compile(colang.Project.from_texts(texts))


async def play(case: Case, program: Program, seed: int) -> set[int]:
    """Run one case; the alternatives of `expect_one_of` that were seen."""
    model = ScriptedModel(case.data.get("llm", []))
    actions = {name: BY_NAME[name] for name in case.data.get("actions", [])}
    bot = Bot(program, model, actions)
    blocking = not case.data.get("async_actions", False)
    conversation = bot.conversation(seed=seed)
    bound: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    for number, step in enumerate(case.steps):
        await asyncio.sleep(step.wait)
        if number == 0 and step.send is not None:
            assert (await conversation.process([], blocking=blocking)).output == []
        elif number > 0 and case.data.get("roundtrip"):
            saved = conversation.dump()
            await conversation.close()
            conversation = bot.conversation(state=saved)
        events = [sendable(substituted(event, bound)) for event in step.send or []]
        turn = await conversation.process(events, blocking=blocking)
        outputs = [event for event in turn.output if event["type"] not in case.ignore_types]
        alternative = Expectation(step).check(outputs, bound)
        if alternative is not None:
            seen.add(alternative)
    await conversation.close()
    assert model.left == 0, "some completions were not asked for"
    return seen


def run(case: Case, program: Program, seed: int) -> set[int]:
    async def limited() -> set[int]:
        seen = await asyncio.wait_for(play(case, program, seed), 20)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something was left running"
        return seen

    return asyncio.run(limited())


@pytest.mark.parametrize("case", RUNTIME, ids=str)
def test_runtime(case: Case) -> None:
    if case.load_error:
        with pytest.raises(CompileError):
            program_of(case)
        return
    program = program_of(case)
    if not case.nondeterministic:
        run(case, program, seed=1)
        return
    seen = set[int]()
    for seed in range(40):
        seen |= run(case, program, seed)
    assert seen == set(range(case.alternatives)), "some alternative never came"


@pytest.mark.parametrize("case", GENERATE, ids=str)
def test_generate(case: Case) -> None:
    with LLMRails(program_of(case)) as rails:
        message = rails.generate(messages=case.data["messages"])
    assert isinstance(message, dict)
    for key, want in case.data["response"].items():
        if isinstance(want, dict) and want.get("_absent"):
            assert key not in message
        elif key in ("events", "tool_calls"):
            assert len(message[key]) == len(want)
            for part, have in zip(want, message[key], strict=True):
                assert contains(have, part), have
        else:
            assert equal(want, message[key]), message


def contains(have: Any, want: Any) -> bool:
    """Whether all of `want` is in `have`, at any depth."""
    if isinstance(want, dict):
        return isinstance(have, dict) and all(
            key in have and contains(have[key], value) for key, value in want.items()
        )
    return equal(want, have)


def test_no_case_is_left_out() -> None:
    assert {case.mode for case in CASES} == {"engine", "load", "runtime", "generate"}
    assert len(RUNTIME) == 124 and len(GENERATE) == 4
