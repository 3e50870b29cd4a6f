"""Reading a configuration from disk, and writing a whole one elsewhere.

Links inside the folder are followed, links out of it are refused. What changes files in place is in `journal`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from colang_migrate.journal import FOLDER, MigrateError, place, reason

MAX_FILE_BYTES = 8_000_000
MAX_FILES = 20_000
_SKIPPED = frozenset(("__pycache__", "node_modules"))
_WANTED = (".co", ".yml", ".yaml", ".py", ".md")


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
            elif wanted and real not in seen:
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
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for its other end
            raise MigrateError(f"cannot read {path}: it is no regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise MigrateError(f"cannot read {path}: {reason(error)}") from error
    if len(data) > MAX_FILE_BYTES:
        raise MigrateError(f"{path} has more than {MAX_FILE_BYTES:,} bytes")
    return data


def write_copy(root: str, output: str, files: Mapping[str, bytes], source: str) -> None:
    """Write a whole configuration to a folder that is empty or does not exist; other files are copied along.

    The folder is made under another name beside its place, and gets its own name when everything is in it.

    Raises:
        MigrateError: The folder holds something, or cannot be written.
    """
    import shutil

    target = os.path.realpath(output)
    if os.path.exists(target) and (not os.path.isdir(target) or os.listdir(target)):
        raise MigrateError(f"{output} is not empty")
    if (target + os.sep).startswith(os.path.realpath(source) + os.sep):
        raise MigrateError(f"{output} is inside of {root}")
    temporary = os.path.join(os.path.dirname(target), f"{FOLDER}-{os.getpid()}")
    try:
        if os.path.isdir(source):
            skipped = shutil.ignore_patterns(FOLDER, "__pycache__")
            shutil.copytree(source, temporary, symlinks=True, ignore=skipped)
        else:
            os.makedirs(temporary)
        for name, data in files.items():
            path = place(temporary, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if os.path.isdir(target):
            os.rmdir(target)
        os.replace(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise MigrateError(f"cannot write {output}: {reason(error)}") from error
        raise
