"""Files on disk: all or nothing, copies, links, and what must not be touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colang_migrate import MigrateError, migrate, migration
from colang_migrate.backup import restore
from colang_migrate.files import read_folder, write_copy
from colang_migrate.journal import replace_files
from migration import files_below, lay_out

FILES = {"config.yml": "models: []\n", "a.co": 'define bot a\n  "b"\n', "kb/x.md": "# k\n"}


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "bot", FILES)


def test_the_function_other_tools_call(bot: Path) -> None:
    (report,) = migrate(str(bot), include_main_flow=True)
    assert report.written
    assert sorted(files_below(bot)) == ["a.co", "a.v1.co", "config.yml", "kb/x.md", "main.co"]
    assert (bot / "a.v1.co").read_text() == FILES["a.co"]
    before = files_below(bot)
    (again,) = migrate(str(bot), include_main_flow=True)
    assert again.is_clean
    assert files_below(bot) == before


def test_its_defaults_add_no_main_flow(bot: Path) -> None:
    (report,) = migrate(bot)
    assert report.written
    assert not (bot / "main.co").exists()
    with pytest.raises(ValueError, match=r"2\.0-alpha"):
        migrate(bot, from_version="3")
    with pytest.raises(MigrateError, match="no such file"):
        migrate(bot / "nothing")


def test_a_single_file_is_migrated_alone(bot: Path) -> None:
    migrate(bot / "a.co", include_main_flow=True)
    assert (bot / "a.co").read_text() == 'flow bot a\n  bot say "b"\n'
    assert (bot / "config.yml").read_text() == FILES["config.yml"]
    assert not (bot / "main.co").exists()


def test_folders_of_configurations(tmp_path: Path) -> None:
    lay_out(tmp_path / "one", FILES)
    lay_out(tmp_path / "deep/two", FILES)
    reports = migrate(tmp_path, include_main_flow=True)
    assert [Path(report.root).name for report in reports] == ["two", "one"]
    assert (tmp_path / "deep/two/main.co").exists()


def test_nothing_is_written_if_one_file_cannot_be(
    bot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_below(bot)
    real = os.replace
    calls: list[str] = []

    def fail_second(source: str, target: str) -> None:
        calls.append(target)
        if target.endswith("config.yml") and len(calls) < 4:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail_second)
    with pytest.raises(MigrateError, match="no space left"):
        migrate(bot, include_main_flow=True)
    assert files_below(bot) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_must_not_be_written(bot: Path) -> None:
    before = files_below(bot)
    bot.chmod(0o555)
    try:
        with pytest.raises(MigrateError, match="permission denied"):
            migrate(bot)
    finally:
        bot.chmod(0o755)
    assert files_below(bot) == before


def test_a_change_in_the_meantime_is_not_lost(bot: Path) -> None:
    (made,) = migration.plan_path(str(bot))
    (bot / "a.co").write_text("# new\n")
    with pytest.raises(MigrateError, match="changed in the meantime"):
        migration.write(made)
    assert (bot / "a.co").read_text() == "# new\n"
    assert not (bot / "main.co").exists()


def test_backups(bot: Path, tmp_path: Path) -> None:
    (made,) = migration.plan_path(str(bot))
    with pytest.raises(MigrateError, match="inside of the configuration"):
        migration.write(made, backup=str(bot / "old"))
    migration.write(made, backup=str(tmp_path / "old"))
    assert (tmp_path / "old/a.co").read_text() == FILES["a.co"]
    assert not (tmp_path / "old/kb").exists()


def test_a_backup_is_never_overwritten(bot: Path) -> None:
    lay_out(bot, {"z.co": FILES["a.co"].replace("bot a", "bot z"), "z.old.co": "precious"})
    (made,) = migration.plan_path(str(bot))
    with pytest.raises(MigrateError, match="exists already"):
        migration.write(made, backup_suffix=".old.co")
    assert not (bot / "a.old.co").exists()
    assert (bot / "z.old.co").read_text() == "precious"
    other = lay_out(bot.parent / "other", {"a.co": "precious"})
    with pytest.raises(MigrateError, match="exists already"):
        migration.write(made, backup=str(other))
    assert (other / "a.co").read_text() == "precious"
    assert (bot / "a.co").read_text() == FILES["a.co"]


def test_restore(bot: Path, tmp_path: Path) -> None:
    before = files_below(bot)
    kept = str(tmp_path / "old")
    (made,) = migration.plan_path(str(bot))
    migration.write(made, backup=kept)
    after = files_below(bot)
    assert restore(str(bot), kept) == (2, 1)
    assert files_below(bot) == before
    assert restore(str(bot), kept) == (0, 0)
    migration.write(made, backup=kept)  # the copies there are the same
    (bot / "main.co").write_text("# mine\n")
    with pytest.raises(MigrateError, match=r"main\.co was changed after the migration"):
        restore(str(bot), kept)
    assert files_below(bot) == {**after, "main.co": b"# mine\n"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is no backup"),
        ("{", "is damaged"),
        ('{"files": [{"path": "../x", "old": null, "new": "0"}]}', "leads out"),
        ('{"files": [{"path": "a.co", "old": "0", "new": "0"}]}', "was changed"),
    ],
)
def test_a_backup_that_cannot_be_restored(
    bot: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    kept = lay_out(tmp_path / "old", {} if text is None else {"migration.json": text})
    before = files_below(bot)
    with pytest.raises(MigrateError, match=message):
        restore(str(bot), str(kept))
    assert files_below(bot) == before


def test_links(bot: Path, tmp_path: Path) -> None:
    inside = bot / "sub"
    inside.mkdir()
    (inside / "same.co").symlink_to(bot / "a.co")
    (inside / "loop").symlink_to(bot)
    assert "sub/same.co" not in read_folder(str(bot))
    migrate(bot)
    assert (inside / "same.co").is_symlink()
    outside = lay_out(tmp_path / "elsewhere", {"o.co": "define bot o\n"})
    (bot / "o.co").symlink_to(outside / "o.co")
    with pytest.raises(MigrateError, match="a link out of the folder"):
        read_folder(str(bot))
    with pytest.raises(MigrateError, match="leads out"):
        replace_files(str(bot), {"../elsewhere/o.co": b"x"})
    assert (outside / "o.co").read_text() == "define bot o\n"
    assert not (bot / ".colang-migrate").exists()


def test_links_inside_are_followed(bot: Path) -> None:
    lay_out(bot, {"texts/b.co": 'define bot c\n  "d"\n'})
    (bot / "b.co").symlink_to("texts/b.co")
    migrate(bot, backup_suffix=None)
    assert (bot / "b.co").is_symlink()
    assert (bot / "texts/b.co").read_text() == 'flow bot c\n  bot say "d"\n'


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(bot: Path) -> None:
    os.mkfifo(bot / "p.co")
    with pytest.raises(MigrateError, match="no regular file"):
        read_folder(str(bot))


def test_modes_stay(bot: Path) -> None:
    (bot / "a.co").chmod(0o600)
    migrate(bot)
    assert (bot / "a.co").stat().st_mode & 0o777 == 0o600


def test_a_copy_elsewhere(bot: Path, tmp_path: Path) -> None:
    (made,) = migration.plan_path(str(bot))
    before = files_below(bot)
    write_copy(str(bot), str(tmp_path / "new"), made.changes, str(bot))
    assert files_below(bot) == before
    assert sorted(files_below(tmp_path / "new")) == ["a.co", "config.yml", "kb/x.md", "main.co"]
    with pytest.raises(MigrateError, match="not empty"):
        write_copy(str(bot), str(tmp_path / "new"), made.changes, str(bot))
    with pytest.raises(MigrateError, match="is inside of"):
        write_copy(str(bot), str(bot / "new"), made.changes, str(bot))
