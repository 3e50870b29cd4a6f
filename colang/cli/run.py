"""``colang run``: events in as JSON lines, events out as JSON lines; streams, recording and replay."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from colang.cli import FOUND, CliError, files, terminal
from colang.cli.bots import Loaded, ProgramErrors, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from colang_interpreter.host.bot import Bot
    from colang_interpreter.host.clock import Clock
    from colang_interpreter.host.session import Reply
    from colang_interpreter.llm.scripted import ScriptedModel
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
    script: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Answers of a scripted model: a JSON text a line, in order."
        ),
    ] = None,
    streaming: Annotated[
        bool,
        typer.Option("--streaming", help="Also print what the bot says while it is made."),
    ] = False,
) -> int:
    """Run a program on a log of events: JSON lines in, JSON lines out.

    Each line is an event, an object with the key "type", or a list of events that arrive together.
    Python actions of the folder are run; all others are events for you to answer.

    With --streaming the texts of a turn come before its events, as objects {"chunk": text}, as soon as the output
    rails let them pass. An object {"error": ...} breaks a turn off: it has no events, and the conversation goes
    on as if those that led to it had not come.

    Exit status: 0 the events came to their end, 1 the program has errors or a replay differs, 2 bad usage
    or unreadable input.
    """
    try:
        loaded = load(project)
    except ProgramErrors as errors:
        errors.show()
        return FOUND
    if replay is not None:
        if streaming or script is not None:
            raise CliError("--replay asks no model: it goes with none of --script, --streaming")
        return _replay(loaded, replay)
    if script == events == "-":
        raise CliError("--script and --events cannot both be standard input")
    bot = loaded.bot(llm=_scripted(script), clock=_clock(now), channels=())
    if streaming:
        if record is not None:
            raise CliError("--streaming cannot be recorded: a turn that is broken off has no log")
        return asyncio.run(_stream(bot, _read_events(events), seed))
    with ExitStack() as stack:
        log = None
        if record is not None:
            try:
                log = stack.enter_context(open(record, "w", encoding="utf-8")).write
            except OSError as error:
                raise CliError(f"cannot write {record}: {files.reason(error)}") from error
        return asyncio.run(_run(bot, _read_events(events), seed, log))


def _scripted(path: str | None) -> ScriptedModel | None:
    """The model that answers from a file."""
    if path is None:
        return None
    from colang_interpreter.llm.scripted import ScriptedModel

    texts: list[str] = []
    for where, value in _read_json(path):
        if not isinstance(value, str):
            raise CliError(f'{where}: an answer of the model is a JSON text, as in "Hello."')
        texts.append(value)
    return ScriptedModel(texts)


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


async def _stream(bot: Bot, batches: Iterator[tuple[str, list[Event]]], seed: int) -> int:
    from colang_interpreter.host.saving import ConversationError
    from colang_interpreter.messages.errors import StreamingNotSupportedError
    from colang_interpreter.messages.sessions import StreamedSession
    from colang_interpreter.streaming import ErrorChunk

    try:
        streamed = StreamedSession(bot, "run", seed=seed)
    except StreamingNotSupportedError as problem:
        raise CliError(str(problem)) from problem
    async with streamed as session:
        for where, events in chain([("the beginning", [])], batches):
            try:
                async for chunk in session.send(*events):
                    terminal.write_json(
                        {"error": chunk.error}
                        if isinstance(chunk, ErrorChunk)
                        else {"chunk": chunk}
                    )
                    sys.stdout.flush()
            except ConversationError as problem:
                raise CliError(f"{where}: {problem}") from problem
            if session.reply is not None:
                _show(session.reply)
    return 0


async def _run(
    bot: Bot,
    batches: Iterator[tuple[str, list[Event]]],
    seed: int,
    log: Callable[[str], object] | None,
) -> int:
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


def _read_json(path: str) -> Iterator[tuple[str, Any]]:
    """The value of each line, with its place; standard input is read as it comes."""
    lines = sys.stdin if path == "-" else files.read_text(path).split("\n")
    for number, line in enumerate(lines, start=1):
        where = f"{files.name_of(path)}:{number}"
        if not line.strip():
            continue
        try:
            yield where, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CliError(f"{where}: this is no JSON: {error}") from error


def _read_events(path: str) -> Iterator[tuple[str, list[Event]]]:
    """The events of each line, with the place of the line."""
    for where, value in _read_json(path):
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
