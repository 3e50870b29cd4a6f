"""The command line as a whole: finding commands, exit statuses, failures, streams."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import colang.cli
from colang.cli import COMMANDS, CliError, main
from support import ROOT

GOOD = "flow main\n  match Ping()\n  send Pong()\n"
BAD = 'flow main\n  match Ping(\n\nflow other\n  send "x\n'


# A job in the background of a shell ignores Ctrl-C, and so do its children: the tests may be run by one.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from colang.cli import main; main()"
)


def run(*words: str) -> int:
    """Run the command line in this process; its exit status."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert isinstance(end.value.code, int)
    return end.value.code


def start(*words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", START, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=env,
    )


# ---------------------------------------------------------------- finding the command


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    out, err = capsys.readouterr()
    listed = re.findall(r"^  ([a-z]+)  +[A-Z].*\.$", out, re.MULTILINE)
    assert listed == list(COMMANDS)
    assert err == ""


def test_no_words_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    out, err = capsys.readouterr()
    assert out == "" and "Usage: colang COMMAND" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    out = capsys.readouterr().out
    assert f"Usage: colang {command}" in out
    assert "Exit status: 0" in out
    assert run(command, "--no-such-option") == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_each_module_is_a_command() -> None:
    modules = {path.stem for path in (ROOT / "colang/cli").glob("*.py")}
    helpers = {"__init__", "__main__", "terminal", "files", "bots", "convert_words", "streamed"}
    of_two_words = {"migrate_verify"}
    assert modules - helpers - of_two_words == set(COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert re.fullmatch(r"colang \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek"], "error: no command is named `chek`; did you mean `colang check`?\n"),
        (["zzz"], "error: no command is named `zzz`; `colang --help` lists the commands\n"),
        (["--zzz"], "error: no option is named `--zzz`; `colang --help` lists them\n"),
        (["--color", "blue"], "error: --color is auto, always or never, not `blue`\n"),
        (["--color"], "error: --color is auto, always or never, not ``\n"),
    ],
)
def test_wrong_words(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert capsys.readouterr() == ("", message)


# ---------------------------------------------------------------- failures


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(colang.cli, "_dispatch", fail)


def test_a_bug_is_reported_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLANG_DEBUG", raising=False)
    fail_with(KeyError("some\nkey"), monkeypatch)
    assert run("check") == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("colang failed; this is a bug in colang, not in your files.\n  KeyError:")
    assert "Please report it" in err and "Traceback" not in err


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_bug_with_traceback(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(RecursionError("too deep"), monkeypatch)
    monkeypatch.setenv("COLANG_DEBUG", "1" if way == "environment" else "0")
    assert run("check", *(["--debug"] if way == "option" else [])) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (CliError("cannot read x: no such file"), 2, "error: cannot read x: no such file\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_other_ends(
    error: BaseException,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(error, monkeypatch)
    assert run("check") == status
    assert capsys.readouterr() == ("", message)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    big = tmp_path / "big.co"
    big.write_text("".join(f"flow number {i}\n  match E{i}()\n" for i in range(20_000)))
    process = start("parse", str(big))
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline().startswith(str(big))
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 141
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_ctrl_c() -> None:
    process = start("parse", "missing.co", "-")
    assert process.stderr is not None
    # The message about the first file says that the command has come to reading standard input.
    assert process.stderr.readline() == "error: cannot read missing.co: no such file or directory\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err and out == ""


# ---------------------------------------------------------------- colour and encodings


@pytest.mark.parametrize(
    ("words", "environment", "color"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color=always"], {"NO_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_color(
    words: list[str],
    environment: dict[str, str],
    color: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("colang.cli.terminal._color", "auto")
    file = tmp_path / "[bold]main.co"
    file.write_text(BAD)
    assert run("parse", str(file), *words) == 1
    out = capsys.readouterr().out
    assert ("\x1b[" in out) is color
    assert "[bold]main.co" in out and "error" in out


def test_output_in_an_encoding_that_lacks_characters(tmp_path: Path) -> None:
    file = tmp_path / "main.co"
    file.write_text("flow grüße\n  match X()\n", encoding="utf-8")
    process = start("parse", str(file), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "gr\\xfc\\xdfe" in out


# ---------------------------------------------------------------- parse


def test_parse_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert run("parse", "-") == 0
    assert capsys.readouterr().out == "<stdin> (Colang 2.x)\n     1  flow main\n"
