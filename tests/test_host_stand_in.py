"""Action files that import from the package of the ecosystem run without it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import colang
from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.host.loading import ActionFilesError, load_actions

ACTIONS = """\
from nemoguardrails.actions import action
from nemoguardrails.actions.actions import ActionResult


@action(name="fetch_price")
async def fetch_price(item: str):
    return ActionResult(return_value=3, context_updates={"asked": item})
"""
COLANG = """\
define user go
  "go"

define bot tell price
  "It costs $price, $asked."

define flow
  user go
  $price = execute fetch_price(item="tea")
  bot tell price
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text("models: []\n", encoding="utf-8")
    (tmp_path / "main.co").write_text(COLANG, encoding="utf-8")
    (tmp_path / "actions.py").write_text(ACTIONS, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(
    importlib.util.find_spec("nemoguardrails") is not None, reason="the package itself is here"
)
def test_the_package_is_stood_in_for_only_while_files_load(folder: Path) -> None:
    actions = load_actions(colang.Project.load(folder))
    assert list(actions) == ["fetch_price"]
    assert "nemoguardrails" not in sys.modules


def test_the_bot_runs(folder: Path) -> None:
    with LLMRails(RailsConfig.from_path(folder)) as rails:
        assert rails.generate(prompt="go") == "It costs 3, tea."


def test_what_does_not_exist_there_is_an_error_with_its_place(folder: Path) -> None:
    (folder / "actions.py").write_text("from nemoguardrails.nothing import x\n", encoding="utf-8")
    with pytest.raises(ActionFilesError, match=r"actions\.py:1: ModuleNotFoundError"):
        load_actions(colang.Project.load(folder))
