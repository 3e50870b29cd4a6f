"""Replacing several files as one step: whatever interrupts it, the folder ends up as it was or as it was meant.

A journal is a folder, `.colang-migrate`, inside of the folder that is changed:

    stage    every new file is written to it as `N.new`, every old one is kept as `N.old`; nothing else is touched
    commit   the list of the files, `plan`, is renamed to `finish`: from here on everything needed is on the disk
    replace  each `N.new` is renamed to its place
    clean    `finish` goes first, the rest after it

Killed before the commit, the folder is as it was and what was staged is dropped. Killed behind it, `finish` goes on
where it stopped, or `undo` puts the old files back; each may be interrupted in turn. A step that fails while the
program still runs is undone at once. A lock on the journal keeps two programs apart.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import zlib
from collections.abc import Generator, Mapping
from typing import NamedTuple

FOLDER = ".colang-migrate"
_PLAN, _FINISH, _UNDO, _LOCK = "plan", "finish", "undo", "lock"
_FORMAT = "colang-migrate 1"
_NONE = "-"  # no such file
_OURS = re.compile(r"\d+\.(?:old|new)|plan")
_BUSY = "another program is migrating {root} just now"


class MigrateError(Exception):
    """Something about the files keeps the work from being done; the folder is as it was, or the text says so."""


class Entry(NamedTuple):
    """One file of a journal: its place below the folder, and the digests of both contents (None: no file)."""

    name: str
    old: str | None
    new: str | None


class Interrupted(NamedTuple):
    """What an interrupted run left: `replaced` of the `total` files have been exchanged."""

    root: str
    replaced: int
    total: int
    undoing: bool

    def __str__(self) -> str:
        what = "taking back a migration" if self.undoing else "a migration"
        return (
            f"{what} of {self.root} was interrupted: {self.replaced} of its {self.total} files were replaced. "
            f"`colang migrate --write {self.root}` finishes it, `colang migrate --restore {self.root}` "
            "puts the files back as they were"
        )


def reason(error: OSError) -> str:
    """Why the system refused, in lower case."""
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def digest(data: bytes) -> str:
    """What a journal and a backup know a content by. It tells what somebody changed, not what somebody forged.

    >>> digest(b"flow main"), digest(b"")
    ('9-7a40657d', '0-00000000')
    """
    return f"{len(data)}-{zlib.crc32(data):08x}"


def find(root: str) -> Interrupted | None:
    """What an interrupted run left in a folder; None if all of its files belong together.

    Raises:
        MigrateError: Another program is changing the folder just now, or the journal cannot be read.
    """
    journal = os.path.join(os.path.realpath(root), FOLDER)
    if not os.path.isdir(journal):
        return None
    try:
        handle = os.open(os.path.join(journal, _LOCK), os.O_RDONLY)
    except OSError:
        return _found(root, journal)
    try:
        if not _lock(handle):
            raise MigrateError(_BUSY.format(root=root))
        return _found(root, journal)
    finally:
        os.close(handle)


def replace_files(
    root: str,
    changes: Mapping[str, bytes | None],
    before: Mapping[str, bytes | None] | None = None,
) -> None:
    """Give files below a folder new contents, all or none; None removes a file.

    Args:
        root: An existing folder.
        changes: Contents by relative path with slashes. Links inside the folder are followed.
        before: What the files must hold; if one was changed in the meantime, nothing is written.

    Raises:
        MigrateError: The folder is as it was; or it could not be put back, and the text says how to do that.
    """
    try:
        with _locked(root) as journal:
            found = _found(root, journal)
            if found is not None:
                raise MigrateError(str(found))
            _drop(journal)
            entries: list[Entry] = []
            try:
                entries = _stage(root, journal, changes, before)
                _rename(journal, _PLAN, _FINISH)
                _roll(root, journal, entries, "new")
            except BaseException:
                _take_back(root, journal, entries)
                raise
            _drop(journal)
    except OSError as error:
        raise MigrateError(f"cannot write below {root}: {reason(error)}") from error


def finish(root: str) -> int:
    """Go on with what was interrupted, in the direction it had; gives the number of files it is about.

    Raises:
        MigrateError: A file was changed since, or cannot be written.
    """
    return _resume(root, back=False)


def undo(root: str) -> int:
    """Put the files of an interrupted run back as they were; gives the number of files it is about.

    Raises:
        MigrateError: A file was changed since, or cannot be written.
    """
    return _resume(root, back=True)


def _resume(root: str, *, back: bool) -> int:
    if not os.path.isdir(os.path.join(root, FOLDER)):
        return 0
    try:
        with _locked(root) as journal:
            found = _found(root, journal)
            if found is None:
                _drop(journal)
                return 0
            back = back or found.undoing
            entries = _entries(journal)
            _unchanged(root, journal, entries)
            if back and not found.undoing:
                _rename(journal, _FINISH, _UNDO)
            _roll(root, journal, entries, "old" if back else "new")
            _drop(journal)
            return found.total
    except OSError as error:
        raise MigrateError(f"cannot write below {root}: {reason(error)}") from error


# ---------------------------------------------------------------- the steps


def _stage(
    root: str,
    journal: str,
    changes: Mapping[str, bytes | None],
    before: Mapping[str, bytes | None] | None,
) -> list[Entry]:
    entries: list[Entry] = []
    for number, (name, data) in enumerate(changes.items()):
        target = place(root, name)
        old = _content(target)
        if before is not None and old != before.get(name):
            what = "made" if before.get(name) is None else "changed"
            raise MigrateError(f"{name} was {what} in the meantime; nothing was written")
        if old is not None:
            _keep(target, os.path.join(journal, f"{number}.old"))
        if data is not None:
            staged = os.path.join(journal, f"{number}.new")
            _write(staged, data)
            if old is not None:
                os.chmod(staged, stat.S_IMODE(os.stat(target).st_mode))
        entries.append(
            Entry(
                name,
                None if old is None else digest(old),
                None if data is None else digest(data),
            )
        )
    lines = [f"{e.old or _NONE} {e.new or _NONE} {e.name}" for e in entries]
    text = "\0".join([_FORMAT, *lines])  # the one character that no name of a file has
    _write(os.path.join(journal, _PLAN), text.encode("utf-8", "surrogateescape"))
    _sync(journal)
    return entries


def _keep(target: str, copy: str) -> None:
    """Keep a file under a second name; as a copy where the system has no links."""
    try:
        os.link(target, copy)
    except OSError:
        import shutil  # late: it brings all kinds of archives along

        shutil.copy2(target, copy)
        _sync(copy)


def _roll(root: str, journal: str, entries: list[Entry], side: str) -> None:
    """Bring every file to one side. What is done already is recognised, so that this can be repeated."""
    folders: set[str] = set()
    for number, entry in enumerate(entries):
        target = place(root, entry.name)
        staged = os.path.join(journal, f"{number}.{side}")
        wanted = entry.new if side == "new" else entry.old
        if wanted is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
        elif os.path.exists(staged):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if side == "old" and _same(staged, target):
                continue
            os.replace(staged, target)
        folders.add(os.path.dirname(target))
    for folder in folders:
        _sync(folder)


def _take_back(root: str, journal: str, entries: list[Entry]) -> None:
    """After a failure of a running program: the old files, and no journal."""
    try:
        if os.path.exists(os.path.join(journal, _FINISH)):
            _rename(journal, _FINISH, _UNDO)
            _roll(root, journal, entries, "old")
        _drop(journal)
    except OSError as error:
        raise MigrateError(
            f"cannot put the files of {root} back: {reason(error)}; "
            f"`colang migrate --restore {root}` does it when the cause is gone"
        ) from error


def _drop(journal: str) -> None:
    """Remove what a journal holds: the file that says it counts first, the lock never."""
    for name in (_FINISH, _UNDO):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(journal, name))
    _sync(journal)
    for name in os.listdir(journal):
        if _OURS.fullmatch(name):
            os.unlink(os.path.join(journal, name))


# ---------------------------------------------------------------- what a journal says


def _found(root: str, journal: str) -> Interrupted | None:
    undoing = os.path.exists(os.path.join(journal, _UNDO))
    if not undoing and not os.path.exists(os.path.join(journal, _FINISH)):
        return None
    entries = _entries(journal)
    replaced = sum(_digest_of(place(root, entry.name)) == entry.new for entry in entries)
    return Interrupted(root, replaced, len(entries), undoing)


def _entries(journal: str) -> list[Entry]:
    """The files of a journal. A folder may come from anywhere, so nothing in it is believed unseen."""
    name = _UNDO if os.path.exists(os.path.join(journal, _UNDO)) else _FINISH
    path = os.path.join(journal, name)
    try:
        with open(path, "rb") as file:
            version, *lines = file.read().decode("utf-8", "surrogateescape").split("\0")
        if version != _FORMAT:
            raise ValueError(version)
        entries = [_entry(*line.split(" ", 2)) for line in lines]
    except (OSError, ValueError, TypeError) as error:
        raise MigrateError(
            f"{path} cannot be read, so nothing is changed: put the files right by hand "
            f"(N.old and N.new beside it are the old and new ones) and delete {journal}"
        ) from error
    return entries


def _entry(old: str, new: str, name: str) -> Entry:
    return Entry(name, None if old == _NONE else old, None if new == _NONE else new)


def _unchanged(root: str, journal: str, entries: list[Entry]) -> None:
    """Refuse to go on over a file that somebody has changed since, or with a copy that is not what it was."""
    for number, entry in enumerate(entries):
        path = place(root, entry.name)
        if _digest_of(path) not in (entry.old, entry.new):
            culprit = os.path.join(root, entry.name)
        else:
            copies = (("old", entry.old), ("new", entry.new))
            staged = [(os.path.join(journal, f"{number}.{end}"), wanted) for end, wanted in copies]
            wrong = [
                copy
                for copy, wanted in staged
                if os.path.islink(copy) or _digest_of(copy) not in (None, wanted)
            ]
            if not wrong:
                continue
            culprit = wrong[0]
        raise MigrateError(
            f"{culprit} was changed after the interruption; nothing is replaced. Put the files right by hand "
            f"({number}.old and {number}.new in {journal} are those of {entry.name}) and delete {journal}"
        )


def place(root: str, name: str) -> str:
    """The path of a file below a folder.

    Raises:
        MigrateError: It would not be inside of the folder.
    """
    top = os.path.realpath(root)
    target = os.path.realpath(os.path.join(top, *name.split("/")))
    if not target.startswith(top.rstrip(os.sep) + os.sep):
        raise MigrateError(f"{name} leads out of {root}")
    return target


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _digest_of(path: str) -> str | None:
    data = _content(path)
    return None if data is None else digest(data)


def _same(one: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(one, other)


# ---------------------------------------------------------------- the disk


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _rename(journal: str, old: str, new: str) -> None:
    os.replace(os.path.join(journal, old), os.path.join(journal, new))
    _sync(journal)


def _sync(path: str) -> None:
    """Let what happened to a file or in a folder reach the disk, where the system can be asked for that."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _locked(root: str) -> Generator[str, None, None]:
    """The journal folder, held against other programs; it goes away at the end if nothing is left in it.

    A lock ends with its program, however that ends; a file that only stands there would stay.
    """
    journal = os.path.join(os.path.realpath(root), FOLDER)
    if os.path.islink(journal):
        raise MigrateError(f"{journal} is a link; delete it")
    with contextlib.suppress(FileExistsError):
        os.mkdir(journal)
    path = os.path.join(journal, _LOCK)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except BaseException:
        with contextlib.suppress(OSError):
            os.rmdir(journal)
        raise
    try:
        if not _lock(handle) or not _is_there(handle, path):
            raise MigrateError(_BUSY.format(root=root))
        try:
            yield journal
        finally:
            with contextlib.suppress(OSError):
                if os.listdir(journal) == [_LOCK]:
                    os.unlink(path)
                    os.rmdir(journal)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        import fcntl
    except (
        ImportError
    ):  # Windows: an open file cannot be removed there, which keeps two programs apart as well
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_there(handle: int, path: str) -> bool:
    """Whether the locked file is still the one under its name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
