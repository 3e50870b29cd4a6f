"""Copies of the files that a migration replaces, and the way back.

A backup is a folder outside of the configuration: the old files under their relative paths, and a list,
`migration.json`, that says what the migration wrote, so that `restore` knows what to put back, what to remove, and
whether somebody has gone on working on the result. Beside the files, as ``x.v1.co``, copies are part of the
configuration and written with it in one step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from colang_migrate.journal import MigrateError, digest, place, reason, replace_files

LIST = "migration.json"


def siblings(
    before: Mapping[str, bytes], changes: Mapping[str, bytes], suffix: str
) -> dict[str, bytes]:
    """The old texts of changed Colang files under another ending.

    Raises:
        MigrateError: Such a file is there already.

    Example:
        >>> siblings({"a.co": b"old"}, {"a.co": b"new", "main.co": b"new"}, ".v1.co")
        {'a.v1.co': b'old'}
    """
    kept: dict[str, bytes] = {}
    for name in changes:
        if name.endswith(".co") and name in before:
            copy = name.removesuffix(".co") + suffix
            if copy in before:
                raise MigrateError(f"the backup {copy} exists already; nothing was written")
            kept[copy] = before[name]
    return kept


def keep(root: str, folder: str, before: Mapping[str, bytes], changes: Mapping[str, bytes]) -> None:
    """Copy the files that will change to a folder. Copies that are there already must be the same.

    Raises:
        MigrateError: The folder is inside of the configuration, holds other files, or cannot be written.
    """
    import json  # late, as below: copies beside the files need none

    target = os.path.realpath(folder)
    top = os.path.realpath(root)
    if (target + os.sep).startswith(top + os.sep):
        raise MigrateError(f"the backup folder {folder} is inside of the configuration")
    value = {
        "version": 1,
        "files": [
            {
                "path": name,
                "old": digest(before[name]) if name in before else None,
                "new": digest(data),
            }
            for name, data in sorted(changes.items())
        ],
    }
    copies = {name: before[name] for name in changes if name in before}
    copies[LIST] = json.dumps(value, indent=2).encode("utf-8") + b"\n"  # last: now it is whole
    try:
        for name, data in copies.items():
            path = place(target, name)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    if file.read() == data:
                        continue
                raise MigrateError(f"the backup {path} exists already; nothing was written")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise MigrateError(f"cannot make a backup in {folder}: {reason(error)}") from error


def restore(root: str, folder: str) -> tuple[int, int]:
    """Put the files of a backup back, in one step; gives how many were put back and how many removed.

    Raises:
        MigrateError: There is no backup, or a file was changed after the migration: then nothing is touched.
    """
    listed = _read_list(folder)
    if not os.path.isdir(root):
        raise MigrateError(f"the backup {folder} is of {root}, and there is no such folder")
    changes: dict[str, bytes | None] = {}
    before: dict[str, bytes | None] = {}
    for name, old, new in listed:
        now = _content(place(root, name))
        if (None if now is None else digest(now)) == old:
            continue
        if now is not None and digest(now) != new:
            raise MigrateError(f"{name} was changed after the migration; nothing was restored")
        data = None if old is None else _content(place(folder, name))
        if old is not None and (data is None or digest(data) != old):
            raise MigrateError(f"the copy of {name} in {folder} is damaged; nothing was restored")
        changes[name], before[name] = data, now
    if changes:
        replace_files(root, changes, before)
    removed = sum(data is None for data in changes.values())
    return len(changes) - removed, removed


def _read_list(folder: str) -> list[tuple[str, str | None, str]]:
    import json

    path = os.path.join(folder, LIST)
    try:
        with open(path, "rb") as file:
            value: Any = json.loads(file.read())
        return [(str(each["path"]), each["old"], str(each["new"])) for each in value["files"]]
    except FileNotFoundError as error:
        raise MigrateError(f"{folder} is no backup: it has no {LIST}") from error
    except OSError as error:
        raise MigrateError(f"cannot read {path}: {reason(error)}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise MigrateError(f"{path} is damaged; nothing was restored") from error


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MigrateError(f"cannot read {path}: {reason(error)}") from error
