"""All commands on a configuration folder in Colang 1.0, without any flag that says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.commands import Cli, command_line
from test_cli_bots import read_until

BOT = """\
define user ask hours
  "When do you open?"

define user ask price
  "What does it cost?"

define user ask weather
  "Will it rain?"

define bot tell hours
  "We open at $hour."

define bot tell price
  "It costs {{ price.total.amount }}."

define flow hours
  user ask hours
  $hour = execute opening_hour
  bot tell hours

define flow price
  user ask price
  bot tell price

define flow weather
  user ask weather
  $rain = $forecast.rain
  bot tell hours

define flow ping
  event Ping
  create event Pong(n=1)

define flow anything else
  priority 0.95
  user ...
  bot ask to repeat "Pardon?"
"""
ACTIONS = """\
from colang_interpreter import action

@action()
async def opening_hour() -> str:
    return "nine"
"""
NO_MODEL = "(no model: matching against examples)\n"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot/main.co").write_text(BOT)
    (tmp_path / "bot/actions.py").write_text(ACTIONS)
    return command_line(capsys, tmp_path, monkeypatch)


def test_check(cli: Cli, tmp_path: Path) -> None:
    assert cli("check", "bot") == (0, "", "Checked 1 Colang file: nothing to report.\n")
    (tmp_path / "bot/more.co").write_text("define flow more\n  user ask hours\n  do tell it all\n")
    status, out, _ = cli("check", "bot", "--output-format", "concise")
    assert (status, out.count("\n")) == (1, 1)
    assert "CO201" in out and "`tell it all`" in out


def test_parse_a_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bot/also").mkdir()
    (tmp_path / "bot/also/more.co").write_text('define bot more\n  "More?"\n')
    status, out, err = cli("parse", "bot", "--json")
    first, second = map(json.loads, out.splitlines())
    assert (status, err) == (0, "")
    assert [first["path"], second["path"]] == ["bot/also/more.co", "bot/main.co"]
    assert first["bot_messages"] == {"more": ["More?"]}
    assert [flow["name"] for flow in second["flows"]][:2] == ["hours", "price"]
    assert cli("parse", "bot/also")[1] == "bot/also/more.co (Colang 1.0)\n     1  bot more\n"


def test_parse_a_folder_without_colang(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("parse", "empty") == (2, "", "error: there is no Colang file in empty\n")


def test_chat_says_how_it_understands(cli: Cli) -> None:
    status, out, err = cli("chat", "bot", stdin="when do you open\nblah\n/Ping\n")
    assert (status, err) == (0, NO_MODEL)
    assert out == "> when do you open\nWe open at nine.\n> blah\nPardon?\n> /Ping\n[Pong(n=1)]\n"


def test_no_such_remark_with_a_model(cli: Cli, tmp_path: Path) -> None:
    settings = "models: [{type: main, engine: openai, model: some, parameters: {api_key: none}}]\n"
    (tmp_path / "bot/config.yml").write_text(settings)
    (tmp_path / "script.txt").write_text("/Ping\n")
    status, out, err = cli("chat", "bot", "--script", "script.txt")
    assert (status, out, err) == (0, "> /Ping\n[Pong(n=1)]\n", "")


def test_errors_are_explained(cli: Cli, tmp_path: Path) -> None:
    """What the run time says for a bot that fails is never alone: the reason stands on standard error."""
    (tmp_path / "bot/actions.py").unlink()
    lines = ["when do you open", "what does it cost", "will it rain"]
    (tmp_path / "script.txt").write_text("\n".join(lines))
    status, out, err = cli("chat", "bot", "--script", "script.txt")
    said = [line for line in out.splitlines() if not line.startswith("> ")]
    assert status == 0
    assert said[0] == "Action 'opening_hour' not found."
    assert said[1] == said[2] == "I'm sorry, an internal error has occurred."
    remark, *notes = err.splitlines()
    assert remark + "\n" == NO_MODEL
    assert [note.startswith("note: ") for note in notes] == [True] * 3
    for note, reason in zip(notes, ("opening_hour", "undefined", "flow `weather`"), strict=True):
        assert reason in note


def test_trace(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "script.txt").write_text("when do you open\n")
    _, out, _ = cli("chat", "bot", "--trace", "--script", "script.txt")
    assert "  opening_hour gave 'nine'\n" in out
    assert "    -> BotIntent(intent='tell hours')\n" in out


def test_run_and_replay(cli: Cli, tmp_path: Path) -> None:
    events = '{"type": "UtteranceUserActionFinished", "final_transcript": "When do you open?"}\n'
    fixed = ("--now", "2030-01-31T12:00:00Z")
    status, out, _ = cli("run", "bot", *fixed, "--record", "run.log", stdin=events)
    types = [json.loads(line)["type"] for line in out.splitlines()]
    assert status == 0
    assert types[-2:] == ["StartUtteranceBotAction", "Listen"]
    status, _, err = cli("run", "bot", "--replay", "run.log")
    assert (status, err) == (0, "The replay is identical.\n")


def test_test(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bot/scenario.yaml").write_text(
        "title: hours\n"
        "conversations:\n"
        "  - turns:\n"
        "      - {user: when do you open, bot: [We open at nine.]}\n"
        "      - {event: {type: Ping}, events: [{type: Pong, n: 1}]}\n"
    )
    (tmp_path / "bot/config.yml").write_text('colang_version: "1.0"\n')
    assert cli("test", "bot") == (0, "ok     bot/scenario.yaml\n", "1 passed, 0 failed\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_the_prompt_line_says_it_too(cli: Cli, tmp_path: Path) -> None:
    import pty

    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "colang.cli", "--color", "never", "chat", "bot"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    shown = read_until(own, b"no model: matching against examples > ")
    os.write(own, b"hello\n")
    shown += read_until(own, b"Pardon?\r\nno model: matching against examples > ")
    os.write(own, b"\x04")
    assert process.wait(timeout=30) == 0
    assert b"Traceback" not in shown
    os.close(own)
    os.close(theirs)
