"""`colang migrate` and `colang convert`: options, streams, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colang.cli import main
from colang.cli.convert_words import SWITCHES, understood
from migration import files_below, lay_out

FILES = {"config.yml": "models: []\n", "a.co": 'define bot a\n  "b"\n'}
LOSS = {**FILES, "b.co": "define flow c\n  user d\n  goto nowhere\n"}


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "bot", FILES)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_without_write_a_diff_is_shown(bot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_below(bot)
    assert run("migrate", str(bot)) == 0
    out, err = capsys.readouterr()
    assert '-define bot a\n-  "b"\n+flow bot a\n+  bot say "b"\n' in out
    assert "2 files changed, 1 new, not written." in err
    assert files_below(bot) == before


def test_write_and_run_again(bot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate", "--check", str(bot)) == 1
    assert run("migrate", "--write", str(bot)) == 0
    assert (bot / "main.co").exists()
    assert run("migrate", "--check", str(bot)) == 0
    assert run("migrate", "--write", str(bot)) == 0
    assert "nothing to migrate" in capsys.readouterr().err


def test_what_cannot_be_migrated_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = lay_out(tmp_path / "bot", LOSS)
    assert run("migrate", "--write", str(bot)) == 1
    assert "b.co:3:3: M202" in capsys.readouterr().err
    assert "# goto nowhere" in (bot / "b.co").read_text()


def test_unreadable_input_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bot = lay_out(tmp_path / "bot", {**FILES, "b.co": b"define bot \xff\n".decode("latin-1")})
    (bot / "b.co").write_bytes(b'define bot b\n  "\xff"\n')
    before = files_below(bot)
    assert run("migrate", "--write", str(bot)) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert files_below(bot) == before
    assert run("migrate", str(bot / "nothing")) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--check", "--write"),
        ("--backup", "x"),
        ("--output", "x", "--write"),
        ("--restore", "--write"),
    ],
)
def test_options_that_contradict(bot: Path, words: tuple[str, ...]) -> None:
    assert run("migrate", str(bot), *words) == 2


def test_output_and_backup(bot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_below(bot)
    assert run("migrate", str(bot), "--output", str(tmp_path / "new")) == 0
    assert files_below(bot) == before
    assert (tmp_path / "new/main.co").exists()
    assert run("migrate", str(bot), "--write", "--backup", str(tmp_path / "old")) == 0
    kept = files_below(tmp_path / "old")
    assert kept.pop("migration.json")
    assert kept == before
    assert run("migrate", str(bot), "--restore", "--backup", str(tmp_path / "old")) == 0
    assert files_below(bot) == before
    assert "2 files put back, 1 removed" in capsys.readouterr().err
    assert run("migrate", str(bot), "--restore", "--backup", str(tmp_path / "new")) == 2
    assert "is no backup" in capsys.readouterr().err


def test_several_configurations(tmp_path: Path) -> None:
    for name in ("all/one", "all/deep/two", "other"):
        lay_out(tmp_path / name, FILES)
    before = files_below(tmp_path)
    words = (str(tmp_path / "all"), str(tmp_path / "other"), "--backup", str(tmp_path / "old"))
    assert run("migrate", *words, "--write") == 0
    assert (tmp_path / "old/all/deep/two/a.co").read_text() == FILES["a.co"]
    assert run("migrate", *words, "--restore") == 0
    found = files_below(tmp_path)
    assert {name: data for name, data in found.items() if not name.startswith("old/")} == before
    assert run("migrate", *words[:2], "--output", str(tmp_path / "new")) == 0
    assert (tmp_path / "new/all/one/main.co").exists()
    assert (tmp_path / "new/other/main.co").exists()


def test_what_is_allowed_no_longer_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = lay_out(tmp_path / "bot", LOSS)
    assert run("migrate", str(bot), "--allow", "M502") == 1
    assert "Cannot be migrated" in capsys.readouterr().err
    assert run("migrate", str(bot), "--allow", "M502,M202") == 0
    out = capsys.readouterr().err
    assert "Cannot be migrated" not in out
    assert "b.co:3:3: M202" in out
    for wrong in ("M703", "M999", "goto"):
        assert run("migrate", str(bot), "--allow", wrong) == 2
        assert wrong in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "sarif", "markdown"])
def test_report_forms(bot: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate", str(bot), "--report", form) == 0
    out = capsys.readouterr().out
    if form == "markdown":
        assert out.startswith("# Migration of ")
    else:
        assert json.loads(out)


def test_options_reach_the_migration(bot: Path) -> None:
    lay_out(bot, {"f.co": 'define flow f\n  user x\n\ndefine user x\n  "x"\n'})
    words = ("--no-use-active-decorator", "--no-include-main-flow", "--write")
    assert run("migrate", str(bot), *words) == 0
    assert "@active" not in (bot / "f.co").read_text()
    assert not (bot / "main.co").exists()


@pytest.mark.parametrize("extra", [(), ("--verbose",), ("--validate",), ("--from-version", "1.0")])
def test_convert_writes_in_place(
    bot: Path, extra: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("convert", str(bot), *extra) == 0
    assert (bot / "a.v1.co").read_text() == FILES["a.co"]
    assert (bot / "main.co").exists()
    assert ("is a flow" in capsys.readouterr().err) == ("--verbose" in extra)


def test_convert_asks_typer_where_words_are_not_plain(
    bot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("convert", "--help") == 0
    out = capsys.readouterr().out
    for name in SWITCHES:
        assert f"--{name}" in out and f"--no-{name}" in out
    assert run("convert", str(bot), "--from-version", "7") == 2
    assert run("convert") == 2
    assert run("convert", str(bot / "nothing")) == 2


def test_plain_words_are_understood_as_typer_does(bot: Path) -> None:
    assert understood(["x"]) == ("x", "1.0", SWITCHES)
    assert understood(["--from-version=2.0-alpha", "x"]) == ("x", "2.0-alpha", SWITCHES)
    assert understood(["x", "y"]) is None
    assert understood(["x", "--nonsense"]) is None
