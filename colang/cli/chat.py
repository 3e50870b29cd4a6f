"""``colang chat``: talk to a bot in the terminal, or play a script to it."""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colang.cli import FOUND, CliError, files, terminal
from colang.cli.bots import Loaded, ProgramErrors, event_text, fingerprint, load, outcome_text

if TYPE_CHECKING:
    from colang_interpreter.host.session import Reply, Session
    from colang_interpreter.machine import Event

PROMPT = "> "
NO_MODEL = "no model: matching against examples"

# Events of no interest to whoever talks to a bot: of the engine, and what the host does on behalf of the
# terminal. `--trace` shows them.
_INSIDE = re.compile(
    r"(Start|Stop)?(UtteranceBot|UtteranceUser|TimerBot|InternalSystem)Action\w*"
    r"|(User|Bot)(Message|Intent|Thinking|ToolCalls)|ContextUpdate|Listen|LocalAsyncCounter|ColangError"
    r"|(Start)?(Tool)?(Input|Output)Rails?(Finished)?|hide_prev_turn|mask_prev_user_message|start_flow"
)


def chat(
    project: Annotated[str, typer.Argument(help="A configuration folder, or a .co file.")],
    script: Annotated[
        str | None,
        typer.Option(help="Play this instead: a text with a line for each turn, or a scenario."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of random choices; a new one by default.")
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every event.")] = False,
    reload: Annotated[
        bool, typer.Option(help="Take over changes of the files, beginning a new conversation.")
    ] = True,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming", help="Print answers while they are made; no timers, no --trace."
        ),
    ] = False,
) -> int:
    """Talk to a bot in the terminal. Ctrl-D ends it.

    Say something, or send an event: /Name(parameter="value"). In scripts, /wait 5 lets five seconds pass,
    and lines that begin with # are comments.

    Exit status: 0 the conversation came to its end, 1 the program has errors or the scenario went
    otherwise, 2 bad usage or an unreadable file.
    """
    try:
        loaded = load(project)
    except ProgramErrors as errors:
        errors.show()
        return FOUND
    if streaming:
        if trace or seed is not None or (script or "").endswith((".yaml", ".yml")):
            raise CliError(
                "--streaming goes with words and events only: no scenario, --trace or --seed"
            )
        from colang.cli.streamed import talk

        given = None if script is None else files.read_text(script).splitlines()
        return asyncio.run(talk(loaded, _meant(given, loaded)))
    if script is None:
        return asyncio.run(_Chat(Path(project), loaded, seed, trace, reload).run())
    if script.endswith((".yaml", ".yml")):
        return _play_scenario(script, loaded)
    lines = files.read_text(script).splitlines()
    return asyncio.run(_play_lines(lines, script, loaded, seed, trace))


# ---------------------------------------------------------------- what is shown


def show_reply(reply: Reply, loaded: Loaded, *, trace: bool) -> None:
    """Print what the bot did: its words, other events in brackets, and remarks on standard error."""
    from colang.diagnostics.cells import printable
    from colang_interpreter.host.rules import rules_for

    for step in reply.trace.steps:
        for channel, text in step.log:
            if channel == "print":
                terminal.say(printable(text))
            elif channel == "notice" or trace:
                terminal.progress(f"{channel}: {printable(text)}")
    if trace:
        for step in reply.trace.steps:
            what = "the conversation begins" if step.event is None else _traced(step.event)
            terminal.say(f"  {what}", "dim")
            for event in step.outgoing:
                terminal.say(f"    -> {_traced(event)}", "dim")
        for run in reply.trace.actions:
            outcome = f"failed: {run.failure}" if run.failure else f"gave {run.return_value!r}"
            terminal.say(f"  {run.name} ({run.where}) {outcome}", "dim")
    rules = rules_for(loaded.program)
    for event in reply.events:
        said = rules.said(event)
        if said is not None:
            for line in str(said).split("\n"):
                terminal.say(printable(line), "bot")
        elif not trace and not _INSIDE.fullmatch(event["type"]):
            terminal.say(f"[{event_text(event)}]", "dim")
    for note in reply.trace.notes:
        terminal.progress(f"note: {note.text}")


def _traced(event: Event) -> str:
    """An event in one line that is not too long to be read in passing."""
    text = outcome_text(event) or event_text(event)
    return text if len(text) <= _TRACE_WIDTH else f"{text[:_TRACE_WIDTH]}..."


_TRACE_WIDTH = 300


def prompt(loaded: Loaded) -> str:
    """What stands before the words of the person: also how a 1.0 bot without a model finds out what they mean."""
    return f"{NO_MODEL} {PROMPT}" if loaded.matches_examples else PROMPT


# ---------------------------------------------------------------- lines: words or events


class _Wait(float):
    """Seconds to pass."""


def read_line(line: str) -> str | Mapping[str, Any] | _Wait:
    """What a line of a script or a user means: words, an event, or time.

    >>> read_line("hello"), read_line("//path"), read_line('/Ping(n=1)'), read_line("/wait 2")
    ('hello', '/path', {'type': 'Ping', 'n': 1}, 2.0)

    Raises:
        CliError: It begins with a slash and is no event.
    """
    if not line.startswith("/") or line.startswith("//"):
        return line.removeprefix("/")
    body = line[1:].strip()
    name, _, rest = body.partition(" ")
    if name == "wait":
        try:
            seconds = float(rest)
        except ValueError:
            seconds = -1
        if not 0 <= seconds <= 1e6:
            raise CliError(f"`{line}`: /wait needs seconds, as in /wait 5")
        return _Wait(seconds)
    wrong = CliError(
        f'`{line}` is no event; write /Name(parameter="value"), or // for words with a slash'
    )
    try:
        call = ast.parse(body if body.endswith(")") else f"{body}()", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise wrong
        given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise wrong from error
    return {"type": call.func.id, **given}


async def _meant(lines: list[str] | None, loaded: Loaded) -> AsyncIterator[str | Mapping[str, Any]]:
    """What the lines of a script mean, or those of the person at the terminal; time passes only for the latter."""
    person = _Person(prompt(loaded))
    if lines is None:
        person.start()
    left = iter(lines or ())
    try:
        while (line := await person.line() if lines is None else next(left, None)) is not None:
            if not line.strip() or (lines is not None and line.startswith("#")):
                continue
            try:
                meant = read_line(line)
            except CliError as error:
                if lines is not None:
                    raise
                terminal.progress(f"error: {error}")
                continue
            if lines is not None:
                terminal.say(PROMPT + line)
            if isinstance(meant, _Wait):
                await asyncio.sleep(meant if lines is None else 0)
            else:
                yield meant
    finally:
        if lines is None:
            person.stop()


# ---------------------------------------------------------------- scripts


async def _play_lines(
    lines: list[str], path: str, loaded: Loaded, seed: int | None, trace: bool
) -> int:
    """Say the lines one after the other, on a clock that only `/wait` moves: the same each time."""
    from colang_interpreter.host.clock import VirtualClock

    if loaded.matches_examples:
        terminal.progress(f"({NO_MODEL})")
    clock = VirtualClock()
    bot = loaded.bot(clock=clock)
    async with bot.session("chat", seed=seed) as session:
        show_reply(await session.send(), loaded, trace=trace)
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            terminal.say(PROMPT + line)
            try:
                meant = read_line(line)
            except CliError as error:
                raise CliError(f"{path}:{number}: {error}") from error
            if isinstance(meant, _Wait):
                await clock.advance(meant)
            elif isinstance(meant, str):
                show_reply(await session.say(meant), loaded, trace=trace)
            else:
                show_reply(await session.send(meant), loaded, trace=trace)
            while (reply := await session.receive(0)) is not None:
                show_reply(reply, loaded, trace=trace)
    return 0


def _play_scenario(path: str, loaded: Loaded) -> int:
    from colang.cli.test import play_scenario, read_scenario
    from colang_interpreter.scenarios.playing import ScenarioResult

    scenario = read_scenario(path)
    if scenario is None:
        return FOUND
    result: ScenarioResult = play_scenario(scenario, loaded, None)
    show_scenario(result)
    if result.passed:
        return 0
    sys.stdout.flush()
    terminal.progress(f"\nThe conversation went otherwise than expected.\n{result.report()}")
    return FOUND


def show_scenario(result: Any) -> None:
    """Print the conversations of a scenario as they went."""
    from colang.scenario import Say, Send, SetContext

    shown = 0
    for turn in result.turns:
        if turn.conversation != shown:
            title = result.scenario.conversations[turn.conversation - 1].title
            gap = "\n" if shown else ""
            shown = turn.conversation
            if title or len(result.scenario.conversations) > 1:
                terminal.say(f"{gap}-- {title or f'conversation {shown}'}", "bold")
        for item in turn.inputs:
            if isinstance(item, Say):
                terminal.say(PROMPT + item.text)
            elif isinstance(item, Send):
                for event in item.events:
                    terminal.say(f"{PROMPT}/{event_text(dict(event))}")
            elif isinstance(item, SetContext):
                given = ", ".join(f"${name} = {value!r}" for name, value in item.data.items())
                terminal.say(f"[{given}]", "dim")
            else:
                terminal.say(f"{PROMPT}/wait {item.seconds:g}")
        for text in turn.bot:
            terminal.say(text, "bot")
        for event in turn.events:
            terminal.say(f"[{event_text(event)}]", "dim")


# ---------------------------------------------------------------- a person at the terminal


class _Chat:
    """A conversation with somebody who types, while timers and background actions go on."""

    def __init__(
        self, path: Path, loaded: Loaded, seed: int | None, trace: bool, reload: bool
    ) -> None:
        self.path, self.loaded, self.seed, self.trace = path, loaded, seed, trace
        self.watch = reload
        self.seen = fingerprint(path)
        self.person = _Person(prompt(loaded))

    async def run(self) -> int:
        if self.loaded.matches_examples and not self.person.is_terminal:
            terminal.progress(f"({NO_MODEL})")
        self.person.start()
        try:
            while await self._converse():
                pass
        finally:
            self.person.stop()
        return 0

    async def _converse(self) -> bool:
        """One conversation; whether another one follows, with a new program."""
        bot = self.loaded.bot()
        self.person.prompt = prompt(self.loaded)
        async with bot.session("chat", seed=self.seed) as session:
            self._show(await session.send())
            while (line := await self._next_line(session)) is not None:
                if self.watch and self._reloaded():
                    self.person.put_back(line)
                    return True
                if line.strip():
                    await self._turn(session, line)
        return False

    def _show(self, reply: Reply) -> None:
        show_reply(reply, self.loaded, trace=self.trace)

    async def _turn(self, session: Session, line: str) -> None:
        try:
            meant = read_line(line)
        except CliError as error:
            terminal.progress(f"error: {error}")
            return
        if isinstance(meant, _Wait):
            await asyncio.sleep(meant)
        elif isinstance(meant, str):
            self._show(await session.say(meant))
        else:
            self._show(await session.send(meant))

    async def _next_line(self, session: Session) -> str | None:
        """The next line of the person; what the bot says by itself meanwhile is shown."""
        sys.stdout.flush()
        line = asyncio.ensure_future(self.person.line())
        news = asyncio.ensure_future(session.receive())
        try:
            while True:
                await asyncio.wait({line, news}, return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    reply = news.result()
                    self.person.interrupt()
                    if reply is not None:
                        self._show(reply)
                    self.person.prompt_again()
                    news = asyncio.ensure_future(session.receive())
                if line.done():
                    return line.result()
        finally:
            line.cancel()
            news.cancel()
            await asyncio.wait({line, news})

    def _reloaded(self) -> bool:
        """Whether the files have changed into another program that can run."""
        now = fingerprint(self.path)
        if now == self.seen:
            return False
        self.seen = now
        try:
            self.loaded = load(self.path)
        except ProgramErrors as errors:
            errors.show()
        except CliError as error:
            terminal.progress(f"error: {error}")
        else:
            terminal.progress("The files have changed: here begins a new conversation.")
            return True
        terminal.progress(
            "The files have changed; the conversation goes on with the program as it was."
        )
        return False


class _Person:
    """Lines from standard input, read by a thread so that the event loop goes on meanwhile."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.is_terminal = sys.stdin.isatty()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._again: list[str | None] = []
        self._wanted = threading.Semaphore(0)
        self._asked = False
        self._settings: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to read; in the running event loop."""
        self._loop = asyncio.get_running_loop()
        if self.is_terminal:
            try:
                import termios

                importlib.import_module("readline")  # gives `input` its line editing

                self._settings = termios.tcgetattr(sys.stdin.fileno())
            except (ImportError, OSError):  # Windows has its own line editing
                self._settings = None
        # A daemon: it may be waiting for a line when the conversation ends.
        threading.Thread(target=self._read, daemon=True).start()

    def stop(self) -> None:
        """Give the terminal back as it was: the thread may still be editing a line."""
        if self._settings is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._settings)
        if self.is_terminal:
            sys.stdout.write("\n")

    async def line(self) -> str | None:
        """The next line without its end; None at the end of the input."""
        if self._again:
            return self._again.pop()
        if not self._asked:
            self._asked = True
            self._wanted.release()
        line = await self._lines.get()
        self._asked = False
        if line is not None and not self.is_terminal:
            terminal.say(PROMPT + line)  # a transcript reads like a conversation
        return line

    def put_back(self, line: str) -> None:
        """Have `line` give this one again."""
        self._again.append(line)

    def interrupt(self) -> None:
        """Make room for text where the prompt stands."""
        if self.is_terminal:
            sys.stdout.write("\r\x1b[K" if terminal.colored(sys.stdout) else "\n")

    def prompt_again(self) -> None:
        """Show the prompt below that text."""
        if self.is_terminal:
            sys.stdout.write(self.prompt)
            sys.stdout.flush()

    def _read(self) -> None:
        while True:
            self._wanted.acquire()
            line: str | None
            try:
                if self.is_terminal:
                    line = input(self.prompt)
                else:
                    data = sys.stdin.readline()
                    line = data.rstrip("\r\n") if data else None
            except (EOFError, OSError, UnicodeDecodeError, ValueError):
                line = None
            if self._loop is None or self._loop.is_closed():
                return
            try:
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
            except RuntimeError:  # the loop was closed meanwhile
                return
            if line is None:
                return
