"""Each example is a project without findings, and its scenario goes as written."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path
from typing import Any

import pytest

import colang
from colang.scenario import Scenario, load_scenario
from colang_interpreter import compile
from colang_interpreter.scenarios.player import session_opener
from colang_interpreter.scenarios.playing import play
from support import ROOT

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


def scenario_of(folder: Path) -> Scenario:
    text = (folder / "scenario.yaml").read_text(encoding="utf-8")
    scenario, problems = load_scenario(text, f"{folder.name}/scenario.yaml")
    assert scenario is not None, problems
    return scenario


def actions_of(folder: Path) -> list[Any]:
    path = folder / "actions.py"
    if not path.exists():
        return []
    return [v for v in runpy.run_path(str(path)).values() if hasattr(v, "action_meta")]


def test_there_are_examples() -> None:
    names = {path.name for path in EXAMPLES}
    assert {"greeter", "guess_the_number", "support_desk", "voice_kiosk"} <= names


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_the_scenario_goes_as_written(folder: Path) -> None:
    program = compile(colang.Project.load(folder))
    opener = session_opener(program, actions_of(folder))
    result = asyncio.run(play(scenario_of(folder), opener))
    assert result.passed, "\n" + result.report()


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_nothing_is_found(folder: Path) -> None:
    assert colang.check(colang.Project.load(folder)) == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_it_is_explained(folder: Path) -> None:
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert f"examples/{folder.name}" in page
    for name in ("main.co", "scenario.yaml", "config.yml"):
        assert (folder / name).is_file()
