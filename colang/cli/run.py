"""``colang run``: events in as JSON lines, events out as JSON lines; recording and replay."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from colang.cli import FOUND, CliError, files, terminal
from colang.cli.bots import Loaded, ProgramErrors, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from colang_interpreter.host.clock import Clock
    from colang_interpreter.host.session import Reply
    from colang_interpreter.machine import Event


def run(
    project: Annotated[str, typer.Argument(help="A configuration folder, or a .co file.")],
    events: Annotated[
        str, typer.Option(metavar="FILE", help="Events as JSON lines; - is standard input.")
    ] = "-",
    seed: Annotated[int, typer.Option(help="Of uids and random choices.")] = 0,
    now: Annotated[
        str | None, typer.Option(help="Let the clock stand still at this time (ISO 8601).")
    ] = None,
    record: Annotated[
        str | None, typer.Option(metavar="LOG", help="Write an event log, for --replay.")
    ] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="LOG", help="Repeat a recorded run, and compare.")
    ] = None,
) -> int:
    """Run a program on a log of events: JSON lines in, JSON lines out.

    Each line is an event, an object with the key "type", or a list of events that arrive together.
    Python actions of the folder are run; all others are events for you to answer.

    Exit status: 0 the events came to their end, 1 the program has errors or a replay differs, 2 bad usage
    or unreadable input.
    """
    try:
        loaded = load(project)
    except ProgramErrors as errors:
        errors.show()
        return FOUND
    if replay is not None:
        return _replay(loaded, replay)
    with ExitStack() as stack:
        log = None
        if record is not None:
            try:
                log = stack.enter_context(open(record, "w", encoding="utf-8")).write
            except OSError as error:
                raise CliError(f"cannot write {record}: {files.reason(error)}") from error
        return asyncio.run(_run(loaded, _read_events(events), seed, _clock(now), log))


def _clock(now: str | None) -> Clock:
    from colang_interpreter.host.clock import RealClock, VirtualClock

    if now is None:
        return RealClock()
    try:
        # Python 3.10 does not read the `Z` that everybody writes.
        moment = datetime.fromisoformat(now.replace("Z", "+00:00"))
    except ValueError as error:
        raise CliError(f"--now: `{now}` is no time such as 2030-01-31T12:00:00Z") from error
    return VirtualClock(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))


async def _run(
    loaded: Loaded,
    batches: Iterator[tuple[str, list[Event]]],
    seed: int,
    clock: Clock,
    log: Callable[[str], object] | None,
) -> int:
    bot = loaded.bot(clock=clock, channels=())
    async with bot.session("run", seed=seed, log=log) as session:
        _show(await session.send())
        for where, events in batches:
            try:
                reply = await session.send(*events)
            except ValueError as error:
                raise CliError(f"{where}: {error}") from error
            _show(reply)
    return 0


def _show(reply: Reply) -> None:
    """Events to standard output; what flows print and log, and remarks, to standard error."""
    for step in reply.trace.steps:
        for channel, text in step.log:
            terminal.progress(f"{channel}: {text}")
    for note in reply.trace.notes:
        terminal.progress(f"note: {note.text}")
    _print(reply.inside)


def _print(events: tuple[Event, ...]) -> None:
    from colang_interpreter.host.log import encode

    for event in events:
        terminal.write_json(encode(event))
    sys.stdout.flush()  # whoever writes the events may be waiting for these


def _read_events(path: str) -> Iterator[tuple[str, list[Event]]]:
    """The events of each line, with the place of the line; standard input is read as it comes."""
    lines = sys.stdin if path == "-" else iter(files.read_text(path).splitlines())
    for number, line in enumerate(lines, start=1):
        where = f"{files.name_of(path)}:{number}"
        if not line.strip():
            continue
        try:
            value: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CliError(f"{where}: this is no JSON: {error}") from error
        events: list[Any] = [value]
        if isinstance(value, list):
            events = list(cast("Iterable[Any]", value))
        for event in events:
            found = cast("Event", event) if isinstance(event, dict) else {}
            if not isinstance(found.get("type"), str):
                raise CliError(f'{where}: an event is an object with a text under "type"')
        yield where, events


def _replay(loaded: Loaded, path: str) -> int:
    from colang_interpreter.host.log import LogError, replay

    try:
        result = replay(loaded.program, files.read_text(path))
    except LogError as error:
        raise CliError(f"{path}: {error}") from error
    for events in result.outgoing:
        _print(events)
    if result.difference is None:
        terminal.progress("The replay is identical.")
        return 0
    difference = result.difference
    terminal.progress(
        f"{path}:{difference.line}: the program does something else now\n"
        f"  recorded: {json.dumps(difference.recorded, ensure_ascii=False)}\n"
        f"  now:      {json.dumps(difference.replayed, ensure_ascii=False)}"
    )
    return FOUND
