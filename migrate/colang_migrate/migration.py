"""Migration of folders and files on disk: plans for what a path names, and the function other tools call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from colang.records import changed
from colang_migrate import journal
from colang_migrate.files import read_file, read_folder
from colang_migrate.folder import Options, Plan, plan
from colang_migrate.journal import MigrateError
from colang_migrate.report import Report

_SETTINGS = ("config.yml", "config.yaml")


def roots(path: str) -> list[str]:
    """The configuration folders that a folder stands for: itself, or the topmost ones below it.

    Raises:
        MigrateError: There is no such folder, or it cannot be read.
    """
    if not os.path.isdir(path):
        raise MigrateError(f"cannot read {path}: no such file or folder")
    if any(os.path.isfile(os.path.join(path, name)) for name in _SETTINGS):
        return [path]
    found: list[str] = []
    loose = False
    for here, folders, names in os.walk(path):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if any(name in _SETTINGS for name in names):
            found.append(here)
            folders.clear()
        elif any(name.endswith(".co") for name in names):
            loose = True
    return [path] if loose or not found else found


def plan_path(
    path: str,
    options: Options | None = None,
    *,
    finish: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Plan]:
    """The plan of each configuration that a path names, one after the other.

    A single ``.co`` file is migrated alone: the files around it are neither read nor changed, and nothing is
    added.

    Args:
        path: A folder, or one ``.co`` file.
        options: What the migration may do.
        finish: A migration that was interrupted goes on first; without it, to find one is an error.
        progress: Told what goes on, where there is something to wait for.

    Raises:
        MigrateError: The path, or a file below it, cannot be read; or an interrupted migration left a mixture.
    """
    options = options or Options()
    if os.path.isfile(path):
        if not path.endswith(".co"):
            raise MigrateError(f"{path} is no Colang file; name its folder to migrate all of it")
        alone = changed(options, include_main=False, check="parse")
        name = os.path.basename(path)
        notes = _whole(folder_of(path), finish)
        yield _noted(plan({name: read_file(path)}, alone, root=path), notes)
        return
    for root in roots(path):
        notes = _whole(root, finish)
        yield _noted(plan(read_folder(root), options, root=root, progress=progress), notes)


def _noted(made: Plan, notes: tuple[str, ...]) -> Plan:
    return changed(made, report=changed(made.report, notes=(*notes, *made.report.notes)))


def _whole(root: str, finish: bool) -> tuple[str, ...]:
    """Look whether the files of a folder belong together; what there is to tell about it."""
    found = journal.find(root)
    if found is None:
        return ()
    if not finish:
        raise MigrateError(str(found))
    journal.finish(root)
    what = "taken back to the end" if found.undoing else "finished"
    return (f"{root}: an interrupted migration of {found.total} files was {what}.",)


def folder_of(path: str) -> str:
    """The folder that a plan writes to: the path itself, or the one that a single file is in."""
    return path if os.path.isdir(path) else os.path.dirname(path) or "."


def write(made: Plan, *, backup: str | None = None, backup_suffix: str | None = None) -> Report:
    """Write a plan where it came from; a refused plan, or one without changes, writes nothing.

    Args:
        made: The plan. If a file has changed since it was made, nothing is written.
        backup: A folder outside of the configuration for the files as they were.
        backup_suffix: For example ``.v1.co``: keep `x.co` as ``x.v1.co`` beside the new file.

    Raises:
        MigrateError: It cannot be written; then nothing is.
    """
    if made.report.refused or not made.changes:
        return made.report
    root = folder_of(made.root)
    changes = made.changes
    if backup_suffix is not None or backup is not None:
        from colang_migrate import backup as backups  # late: many runs keep none

        if backup_suffix is not None:
            changes |= backups.siblings(made.before, changes, backup_suffix)
        if backup is not None:
            backups.keep(root, backup, made.before, changes)
    journal.replace_files(root, changes, made.before)
    return changed(made.report, written=True)


def migrate(
    path: str | os.PathLike[str],
    include_main_flow: bool = False,
    use_active_decorator: bool = True,
    from_version: str = "1.0",
    validate: bool = True,
    *,
    backup_suffix: str | None = ".v1.co",
    progress: Callable[[Report], None] | None = None,
) -> list[Report]:
    """Migrate what a path names in place; the parameters are those of the command `convert`.

    Args:
        path: A configuration folder, a folder of such folders, or one ``.co`` file.
        include_main_flow: Add a main flow where there is none.
        use_active_decorator: Put ``@active`` above flows; else the main flow activates them.
        from_version: ``"1.0"`` or ``"2.0-alpha"``.
        validate: The result must pass all checks, not only the parser, before it is written.
        backup_suffix: Files keep their old text under this ending; None keeps no copies.
        progress: Called with the report of each configuration when it is done.

    Returns:
        One report for each configuration, in order.

    Raises:
        MigrateError: Something cannot be read or written.
        ValueError: `from_version` is not known.
    """
    if from_version not in ("1.0", "2.0-alpha"):
        raise ValueError(f"from_version is 1.0 or 2.0-alpha, not {from_version}")
    options = Options(
        from_version="2.0-alpha" if from_version == "2.0-alpha" else "1.0",
        include_main=include_main_flow,
        use_active=use_active_decorator,
        check="check" if validate else "parse",
        processes=os.cpu_count() or 1,
    )
    reports: list[Report] = []
    for made in plan_path(os.path.abspath(path), options, finish=True):
        report = write(made, backup_suffix=backup_suffix)
        reports.append(report)
        if progress is not None:
            progress(report)
    return reports


def convert_colang_1_syntax(lines: list[str]) -> list[str]:
    """Lines of Colang 1.0 as lines of 2.x; a fragment of a flow is fine. The name other tools import.

    >>> convert_colang_1_syntax(["define bot greet", '  "Hi"'])
    ['flow bot greet', '  bot say "Hi"']
    """
    return _lines(lines, "1.0")


def convert_colang_2alpha_syntax(lines: list[str]) -> list[str]:
    """Lines of Colang 2.0-alpha as lines of 2.x. The name other tools import.

    >>> convert_colang_2alpha_syntax(["flow a", "  when b", "    c", "  orwhen d", "    c"])[3]
    '  or when d'
    """
    return _lines(lines, "2.0-alpha")


def _lines(lines: list[str], version: str) -> list[str]:
    from colang_migrate.text import migrate_fragment

    with_ends = any(line.endswith("\n") for line in lines)
    text = "".join(lines) if with_ends else "\n".join(lines)
    made = migrate_fragment(text, from_version=version).text
    return made.splitlines(keepends=True) if with_ends else made.split("\n")
