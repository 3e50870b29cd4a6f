"""A migration that is killed, or that fails, at every one of its steps leaves the old or the new configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colang.cli import main
from colang_migrate import MigrateError, journal, migration
from migration import files_below, lay_out

FILES = {
    "config.yml": "models: []\nrails:\n  input:\n    flows: [check it]\n",
    "a.co": 'define bot a\n  "b"\n',
    "sub/rails.co": "define subflow check it\n  stop\n",
}
pytest.importorskip("fcntl")
pytest.importorskip("resource")


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "bot", FILES)


def interrupted(mode: str, bot: Path, copies: str = "none") -> list[dict[str, Any]]:
    program = Path(__file__).with_name("interrupting.py")
    done = subprocess.run(
        [sys.executable, str(program), mode, str(bot), str(bot.parent / "work"), copies],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    assert told[-1]["status"] == 0, told[-1]
    return told


def texts(folder: Path) -> dict[str, str]:
    return {name: data.decode() for name, data in files_below(folder).items()}


def migrated(bot: Path) -> dict[str, str]:
    (made,) = migration.plan_path(str(bot))
    return {name: data.decode() for name, data in made.after.items()}


def test_killed_at_every_step(bot: Path) -> None:
    old, new = texts(bot), migrated(bot)
    told = interrupted("kill", bot)
    mixtures = 0
    assert len(told) > 20
    for step in told[:-1]:
        assert step["status"] == -9
        assert step["finally"] == new
        assert not step["left"]
        if step["files"] in (old, new):
            continue
        mixtures += 1
        assert "was interrupted" in step["found"]
        assert step["undone"] == old
    assert mixtures >= 3  # between the renames
    assert told[-1]["files"] == new


def test_copies_beside_the_files_are_part_of_the_step(bot: Path) -> None:
    new = migrated(bot)
    for step in interrupted("kill", bot, "suffix"):
        backups = {"a.v1.co": FILES["a.co"], "sub/rails.v1.co": FILES["sub/rails.co"]}
        assert step["finally"] == {**new, **backups}


def test_a_backup_that_was_cut_short_is_no_obstacle(bot: Path) -> None:
    old, new = texts(bot), migrated(bot)
    for step in interrupted("kill", bot, "folder"):
        assert step["finally"] == new
        assert step["undone"] in (old, new)


@pytest.mark.parametrize("mode", ["fail", "full"])
def test_no_space_at_any_write(bot: Path, mode: str) -> None:
    old, new = texts(bot), migrated(bot)
    told = interrupted(mode, bot)
    for step in told[:-1]:
        if step["status"] == 0:  # what failed was only to clean up
            continue
        assert step["status"] == 2, step
        assert "no space left" in step["said"] or "file too large" in step["said"]
        assert step["files"] == old
        assert step["finally"] == new
        assert not step["left"]


def test_two_programs_do_not_meet(bot: Path) -> None:
    with journal._locked(str(bot)):  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(MigrateError, match="another program"):
            journal.replace_files(str(bot), {"a.co": b"x"})
        with pytest.raises(MigrateError, match="another program"):
            list(migration.plan_path(str(bot)))
    assert texts(bot) == FILES
    assert not (bot / journal.FOLDER).exists()


def _interrupt(bot: Path, *lines: str) -> Path:
    folder = bot / journal.FOLDER
    lay_out(folder, {"finish": "\0".join(["colang-migrate 1", *lines]), "lock": ""})
    return folder


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "cannot be read"),
        ("- 1", "cannot be read"),
        ("- 1 ../x", "leads out"),
        ("0 1 a.co", "was changed after the interruption"),
        (f"- {journal.digest(b'x')} b.co", "was changed after the interruption"),
    ],
)
def test_a_journal_from_somewhere_else(bot: Path, line: str, message: str) -> None:
    lay_out(_interrupt(bot, line), {"0.new": "other"})
    before = files_below(bot)
    for act in (journal.finish, journal.undo):
        with pytest.raises(MigrateError, match=message):
            act(str(bot))
    assert files_below(bot) == before


def test_a_journal_that_is_a_link(bot: Path, tmp_path: Path) -> None:
    elsewhere = lay_out(tmp_path / "elsewhere", {"0.new": "mine", "finish": "{}"})
    (bot / journal.FOLDER).symlink_to(elsewhere)
    with pytest.raises(MigrateError, match="is a link"):
        journal.replace_files(str(bot), {"a.co": b"x"})
    assert texts(elsewhere) == {"0.new": "mine", "finish": "{}"}


def test_removing_is_a_step_like_others(bot: Path) -> None:
    journal.replace_files(str(bot), {"a.co": None, "c.co": b"new"})
    assert not (bot / "a.co").exists()
    assert (bot / "c.co").read_bytes() == b"new"
    with pytest.raises(MigrateError, match="in the meantime"):
        journal.replace_files(str(bot), {"c.co": None}, {"c.co": b"other"})
    assert (bot / "c.co").read_bytes() == b"new"


def test_what_people_are_told(bot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = texts(bot), migrated(bot)
    a_co, main_co = FILES["a.co"].encode(), new["main.co"].encode()
    listed = [
        f"{journal.digest(a_co)} {journal.digest(new['a.co'].encode())} a.co",
        f"- {journal.digest(main_co)} main.co",
    ]
    for words, status, said in (
        (("--check",), 2, "a migration of BOT was interrupted: 1 of its 2 files were replaced. "),
        ((), 2, "`colang migrate --write BOT` finishes it"),
        (("--restore",), 0, "BOT: 2 files are as they were."),
        (("--restore",), 2, "no migration was interrupted here"),
    ):
        if words != ("--restore",) or status == 0:
            lay_out(_interrupt(bot, *listed), {"0.new": new["a.co"], "0.old": FILES["a.co"]})
            lay_out(bot, {"main.co": main_co})
        with pytest.raises(SystemExit) as end:
            main(["migrate", *words, str(bot)])
        assert end.value.code == status
        assert said.replace("BOT", str(bot)) in capsys.readouterr().err
    assert texts(bot) == old
    lay_out(_interrupt(bot, *listed), {"0.new": new["a.co"], "0.old": FILES["a.co"]})
    with pytest.raises(SystemExit):
        main(["migrate", "--write", str(bot)])
    assert "an interrupted migration of 2 files was finished" in capsys.readouterr().err
