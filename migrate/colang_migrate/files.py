"""Reading a configuration from disk and writing a plan: all or nothing, each file replaced in one step.

Everything is written beside its place first; only when all of it is on disk are the files renamed. If a rename
fails, those already done are taken back. Links inside the folder are followed, links out of it are refused.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping

MAX_FILE_BYTES = 8_000_000
MAX_FILES = 20_000
_SKIPPED = frozenset(("__pycache__", "node_modules"))
_WANTED = (".co", ".yml", ".yaml", ".py", ".md")
_STAGED = ".colang-migrate-"


class MigrateError(Exception):
    """Something about the files keeps the migration from being done; nothing was written."""


def read_folder(root: str) -> dict[str, bytes]:
    """The files of a configuration that matter, by relative path with slashes.

    Raises:
        MigrateError: A folder or file cannot be read, is too large, or is a link that leads outside.
    """
    top = os.path.realpath(root)
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    pending = [""]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(os.path.join(top, here)) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise MigrateError(
                f"cannot read {os.path.join(root, here)}: {reason(error)}"
            ) from error
        for entry in listed:
            name = f"{here}/{entry.name}" if here else entry.name
            real = os.path.realpath(entry.path)
            wanted = entry.name.endswith(_WANTED) or entry.name == ".railsignore"
            if entry.is_symlink() and not (real + os.sep).startswith(top + os.sep):
                if wanted:
                    raise MigrateError(
                        f"{os.path.join(root, name)} is a link out of the folder; migrate its target"
                    )
                continue
            if entry.is_dir():
                if (
                    entry.name not in _SKIPPED
                    and not entry.name.startswith(".")
                    and real not in seen
                ):
                    seen.add(real)
                    pending.append(name)
            elif wanted and not entry.name.startswith(_STAGED) and real not in seen:
                seen.add(real)
                found[name] = read_file(entry.path)
        if len(found) > MAX_FILES:
            raise MigrateError(f"{root} holds more than {MAX_FILES:,} files")
    return found


def read_file(path: str) -> bytes:
    """The bytes of one file.

    Raises:
        MigrateError: It cannot be read, or has more than `MAX_FILE_BYTES`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise MigrateError(f"cannot read {path}: {reason(error)}") from error
    if len(data) > MAX_FILE_BYTES:
        raise MigrateError(f"{path} has more than {MAX_FILE_BYTES:,} bytes")
    return data


def reason(error: OSError) -> str:
    """Why the system refused, in lower case."""
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def write_changes(
    root: str,
    changes: Mapping[str, bytes],
    *,
    before: Mapping[str, bytes] | None = None,
    backup: str | None = None,
    backup_suffix: str | None = None,
) -> list[str]:
    """Write files below a folder, all or none; gives the paths of backups.

    Args:
        root: The folder of the configuration.
        changes: New contents by relative path.
        before: What the files held when they were read: if one has changed since, nothing is written.
        backup: A folder for copies of the files as they were; must not be inside of `root`.
        backup_suffix: For example ``.v1.co``: keep `x.co` as ``x.v1.co`` beside the new file.

    Raises:
        MigrateError: Nothing was written, or what was written has been taken back.
    """
    top = os.path.realpath(root)
    targets = {name: os.path.realpath(os.path.join(top, *name.split("/"))) for name in changes}
    for name, target in targets.items():
        if not (target + os.sep).startswith(top + os.sep):
            raise MigrateError(f"{name} leads out of {root}")
        if before is not None:
            _unchanged(name, target, before.get(name))
    kept = _backup(top, targets, backup, backup_suffix)
    staged: dict[str, str] = {}
    done: list[tuple[str, bytes | None]] = []
    made: list[str] = []
    try:
        for number, (name, target) in enumerate(targets.items()):
            made += _make_folders(os.path.dirname(target))
            temporary = os.path.join(os.path.dirname(target), f"{_STAGED}{os.getpid()}-{number}")
            with open(temporary, "xb") as file:
                staged[name] = temporary
                file.write(changes[name])
                file.flush()
                os.fsync(file.fileno())
            if os.path.exists(target):
                shutil.copymode(target, temporary)
        for name, target in targets.items():
            old = before.get(name) if before is not None else None
            if old is None and os.path.exists(target):
                old = read_file(target)
            done.append((target, old))
            os.replace(staged[name], target)
    except BaseException as error:
        _take_back(done, staged, [*kept, *made])
        if isinstance(error, OSError):
            raise MigrateError(f"cannot write below {root}: {reason(error)}") from error
        raise
    return kept


def _make_folders(folder: str) -> list[str]:
    made: list[str] = []
    while not os.path.isdir(folder):
        made.append(folder)
        folder = os.path.dirname(folder)
    for each in reversed(made):
        os.mkdir(each)
    return made


def _unchanged(name: str, target: str, old: bytes | None) -> None:
    if old is None:
        if os.path.exists(target):
            raise MigrateError(f"{name} was made in the meantime; nothing was written")
    elif read_file(target) != old:
        raise MigrateError(f"{name} was changed in the meantime; nothing was written")


def _backup(
    top: str, targets: Mapping[str, str], backup: str | None, suffix: str | None
) -> list[str]:
    """Copy the files that will be replaced."""
    kept: list[str] = []
    try:
        for name, target in targets.items():
            if not os.path.exists(target):
                continue
            copies: list[str] = []
            if backup is not None:
                place = os.path.realpath(backup)
                if (place + os.sep).startswith(top + os.sep):
                    raise MigrateError(f"the backup folder {backup} is inside of the configuration")
                copies.append(os.path.join(place, *name.split("/")))
            if suffix is not None and target.endswith(".co"):
                stem = target[: -len(".co")]
                copies.append(f"{stem}{suffix}")
            for copy in copies:
                if os.path.exists(copy):
                    raise MigrateError(f"the backup {copy} exists already; nothing was written")
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copy2(target, copy)
                kept.append(copy)
    except OSError as error:
        _take_back([], {}, kept)
        raise MigrateError(f"cannot make a backup: {reason(error)}") from error
    except MigrateError:
        _take_back([], {}, kept)
        raise
    return kept


def _take_back(
    done: Iterable[tuple[str, bytes | None]], staged: Mapping[str, str], made: Iterable[str]
) -> None:
    for target, old in done:
        with contextlib.suppress(OSError):
            if old is None:
                os.unlink(target)
            else:
                with open(target, "wb") as file:
                    file.write(old)
    for temporary in staged.values():
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    for path in reversed(list(made)):
        with contextlib.suppress(OSError):
            if os.path.isdir(path):
                os.rmdir(path)
            else:
                os.unlink(path)


def write_copy(root: str, output: str, files: Mapping[str, bytes], source: str) -> None:
    """Write a whole configuration to a folder that is empty or does not exist; other files are copied along.

    Raises:
        MigrateError: The folder holds something, or cannot be written.
    """
    target = os.path.realpath(output)
    if os.path.exists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise MigrateError(f"{output} is not empty")
    if (target + os.sep).startswith(os.path.realpath(source) + os.sep):
        raise MigrateError(f"{output} is inside of {root}")
    temporary = f"{target}{_STAGED}{os.getpid()}"
    try:
        if os.path.isdir(source):
            shutil.copytree(source, temporary, symlinks=True)
        else:
            os.makedirs(temporary)
        for name, data in files.items():
            path = os.path.join(temporary, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        if os.path.isdir(target):
            os.rmdir(target)
        os.replace(temporary, target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise MigrateError(f"cannot write {output}: {reason(error)}") from error
