"""The examples in Colang 1.0: their scenarios go as written and end the same way through the message API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import colang
from colang.project import Project
from colang.scenario import Say, Scenario, SetContext, load_scenario
from colang_interpreter import LLMRails, RailsConfig, compile
from colang_interpreter.host.loading import load_actions
from colang_interpreter.scenarios.player import session_opener
from colang_interpreter.scenarios.playing import play
from support import ROOT

NAMES = ("bank_faq", "shop", "quiz")


def folder(name: str) -> Path:
    return ROOT / "examples" / name


def scenario_of(name: str) -> Scenario:
    text = (folder(name) / "scenario.yaml").read_text(encoding="utf-8")
    scenario, problems = load_scenario(text, f"{name}/scenario.yaml")
    assert scenario is not None, problems
    return scenario


@pytest.mark.parametrize("name", NAMES)
def test_it_is_colang_1_without_findings(name: str) -> None:
    project = Project.load(folder(name))
    assert project.version == "1.0"
    assert colang.check(project) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_scenario_goes_as_written(name: str) -> None:
    project = Project.load(folder(name))
    opener = session_opener(compile(project), load_actions(project))
    result = asyncio.run(play(scenario_of(name), opener))
    assert result.passed, "\n" + result.report()
    assert not [turn.notes for turn in result.turns if turn.notes]


@pytest.mark.parametrize("name", NAMES)
def test_the_event_api_says_the_same(name: str) -> None:
    """A whole history in, new events out, after a round trip through JSON: as an embedder does it."""
    import json

    rails = LLMRails(RailsConfig.from_path(str(folder(name))))
    for conversation in scenario_of(name).conversations:
        history: list[dict[str, Any]] = []
        for turn in conversation.turns:
            for item in turn.inputs:
                if isinstance(item, SetContext):
                    history.append({"type": "ContextUpdate", "data": dict(item.data)})
                elif isinstance(item, Say):
                    history.append(
                        {"type": "UtteranceUserActionFinished", "final_transcript": item.text}
                    )
            new = rails.generate_events(history)
            said = [e["script"] for e in new if e["type"] == "StartUtteranceBotAction"]
            assert len(said) == len(turn.expected.bot)
            assert all(w.accepts(s) for w, s in zip(turn.expected.bot, said, strict=True)), said
            history = json.loads(json.dumps(history + new))


def test_a_rail_can_raise_instead_of_refusing() -> None:
    path = folder("bank_faq")
    texts = {
        file.name: file.read_text(encoding="utf-8") for file in path.iterdir() if file.is_file()
    }
    texts["config.yml"] = texts["config.yml"].replace(
        "enable_rails_exceptions: false", "enable_rails_exceptions: true"
    )
    project = Project.load(path)
    program = compile(Project.from_texts(texts))
    scenario, problems = load_scenario(
        """
title: an exception
conversations:
  - turns:
      - user: my password is 123456
        events: [{type: SecretRailException, kind: password}]
""",
        "exception.yaml",
    )
    assert scenario is not None, problems
    result = asyncio.run(play(scenario, session_opener(program, load_actions(project))))
    assert result.passed, "\n" + result.report()
