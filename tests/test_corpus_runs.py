"""The migration corpus in our own engines: every configuration plays its conversations, before and after.

The expectations were verified on the reference. `DIFFERENT` lists what we do otherwise, and why.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest

import colang
from colang.scenario import load_scenario
from colang_interpreter import CompileError, compile
from colang_interpreter.host.loading import load_actions
from colang_interpreter.scenarios.player import session_opener
from colang_interpreter.scenarios.playing import play

Side = Literal["before", "after"]
CORPUS = Path(__file__).parent / "corpus" / "migration"
ALPHA = "written in 2.0-alpha, which is migrated and not run"
DIFFERENT = {
    (
        "08-hotel-templates",
        "before",
    ): "a template keeps the blank before a variable that is not set",
    ("31-observatory-dead-code", "before"): "R2, R18: what was dead in 1.0 lives here",
    ("32-radio-alpha", "before"): ALPHA,
    ("33-kiosk-alpha-own-core", "before"): ALPHA,
    ("34-weather-alpha-actions", "before"): ALPHA,
}
SIDES: tuple[Side, ...] = ("before", "after")
CASES = [
    (path, side)
    for path in sorted(CORPUS.iterdir())
    for side in SIDES
    if (path / "scenario.yaml").is_file()
]


@pytest.mark.parametrize(("folder", "side"), CASES, ids=[f"{p.name}-{s}" for p, s in CASES])
def test_configuration(folder: Path, side: Side) -> None:
    reason = DIFFERENT.get((folder.name, side))
    if reason is None:
        assert goes(folder, side) == ""
    else:
        assert goes(folder, side) != "", "it goes like the reference now: take it off the list"


def goes(folder: Path, side: Side) -> str:
    """What went otherwise than expected; empty if nothing did."""
    path = folder / "scenario.yaml"
    scenario, problems = load_scenario(path.read_text(encoding="utf-8"), str(path))
    assert scenario is not None and not problems
    project = colang.Project.load(folder / side)
    try:
        program = compile(project)
    except CompileError as error:
        return str(error)
    opener = session_opener(program, load_actions(project))
    result = asyncio.run(play(scenario, opener, side=side, flow_names=project.flows))
    return "" if result.passed else result.report()
