"""A program that the tests run: migrates copies of a bot, and is stopped in the middle of each, once at every step.

A step is whatever Python tells an audit hook of: opening, renaming, linking, removing, making a folder. Each run is a
process of its own (a fork), so that killing it is what killing is.

Usage: interrupting.py kill|fail|full BOT WORK none|suffix|folder
Prints JSON: for each step its name, the files there were after it, and those after the next run.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from colang_migrate import journal, migration

STEPS = ("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir")


def files_below(root: Path) -> dict[str, str]:
    """What a reader of the folder sees: no hidden folders."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".colang-migrate" not in path.parts
    }


def run(work: Callable[[], object], before: Callable[[], None]) -> tuple[int, str]:
    """Do something in a process of its own: how that ended, and the error it ended with."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 0
        try:
            before()
            work()
        except journal.MigrateError as error:
            status = 2
            os.write(writer, str(error).encode())
        except BaseException as error:  # noqa: BLE001 - the process ends here
            status = 70
            os.write(writer, repr(error).encode())
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def stopper(mode: str, place: str, number: int) -> Callable[[], None]:
    """Stop the process at its step of this number below a folder."""
    seen = 0

    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in STEPS or not str(args[0]).startswith(place):
            return
        if event == "open" and not (
            isinstance(args[2], int) and args[2] & (os.O_CREAT | os.O_RDWR)
        ):
            return  # reading changes nothing
        seen += 1
        if mode == "kill" and seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "fail" and seen == number:
            raise OSError(28, "No space left on device")

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (number * 60, number * 60))

    return full if mode == "full" else lambda: sys.addaudithook(watch)


def steps(mode: str, bot: Path, work: Path, copies: str) -> list[dict[str, object]]:
    """Stop at the first step, at the second, and so on until nothing is left to stop."""
    (made,) = migration.plan_path(str(bot))
    told: list[dict[str, object]] = []
    for number in range(1, 200):
        place = work / f"{number}" / "bot"
        shutil.copytree(bot, place, symlinks=True)
        mine = dataclasses.replace(made, root=str(place))
        kept = {
            "none": {},
            "suffix": {"backup_suffix": ".v1.co"},
            "folder": {"backup": str(place.parent / "kept")},
        }[copies]
        write = functools.partial(migration.write, mine, **kept)
        status, said = run(write, stopper(mode, str(place.parent), number))
        entry: dict[str, object] = {"status": status, "said": said, "files": files_below(place)}
        found = journal.find(str(place))
        entry["found"] = str(found or "")
        undone = place.parent / "undone"
        shutil.copytree(place, undone, symlinks=True)
        journal.undo(str(undone))
        entry["undone"] = files_below(undone)
        journal.finish(str(place))
        if files_below(place) == files_below(bot):
            write()
        entry["finally"] = files_below(place)
        entry["left"] = (place / journal.FOLDER).exists()
        told.append(entry)
        if status == 0:
            break
    return told


if __name__ == "__main__":
    json.dump(steps(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]), sys.stdout)
