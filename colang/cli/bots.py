"""From a path on the command line to a program that can run, for the commands that run one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colang.cli import CliError, terminal

if TYPE_CHECKING:
    from colang.diagnostics import Diagnostic
    from colang.project import Project
    from colang.source import Source
    from colang_interpreter.host.bot import Bot
    from colang_interpreter.machine import Event, Program

_WATCHED = (".co", ".yml", ".yaml", ".py")


class ProgramErrors(Exception):
    """The program has errors and cannot run; `diagnostics` are all of them."""

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source]) -> None:
        """Keep the findings and the texts they are about."""
        super().__init__(f"{len(diagnostics)} errors")
        self.diagnostics = diagnostics
        self.sources = sources

    def show(self) -> None:
        """Print the findings to standard error: standard output is for what the program does."""
        from colang.diagnostics.render import render
        from colang.diagnostics.reports import counted

        for diagnostic in self.diagnostics:
            lines = render(diagnostic, self.sources, width=terminal.width())
            terminal.show(lines, sys.stderr)
            terminal.progress("")
        terminal.progress(f"{counted(len(self.diagnostics), 'error')}; the program cannot run.")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A project, compiled, with its Python actions."""

    project: Project
    program: Program
    actions: Mapping[str, Any]
    initializers: Sequence[Callable[[Any], object]]  # `init` of the folder's config.py

    @property
    def matches_examples(self) -> bool:
        """A 1.0 program without a model: what a user means is the intent of the most similar example."""
        models: Any = getattr(self.program.config, "models", None) or ()
        talking = [model for model in models if model.type != "embeddings"]
        return self.program.version == "1.0" and not talking

    def bot(self, *, llm: Any = None, **options: Any) -> Bot:
        """A bot of it; `options` as for `Bot`. A model `llm` stands in for those of the settings."""
        from colang_interpreter.errors import MissingPackageError
        from colang_interpreter.scenarios.player import bot_asking

        try:
            bot = bot_asking(llm, self.program, actions=self.actions, **options)
        except MissingPackageError as error:
            raise CliError(str(error)) from error
        self.initialize(bot)
        return bot

    def initialize(self, bot: Bot) -> None:
        """Let the folder's config.py register what it has, on this bot."""
        for initialize in self.initializers:
            try:
                initialize(bot)
            except Exception as error:
                raise CliError(
                    f"`init` in config.py failed: {type(error).__name__}: {error}"
                ) from error


def load(path: str | Path) -> Loaded:
    """Load and compile a configuration folder or a file; its Python actions are imported.

    Raises:
        CliError: It cannot be read, or its actions cannot be imported.
        ProgramErrors: It has errors.
    """
    import colang
    from colang_interpreter import CompileError, compile

    try:
        project = colang.Project.load(path)
    except colang.ProjectError as error:
        raise CliError(f"cannot read {error}") from error
    try:
        program: Any = compile(project)
    except CompileError as error:
        raise ProgramErrors(error.diagnostics, project.sources) from error
    from colang_interpreter.host.loading import (
        ActionFilesError,
        load_actions,
        load_initializers,
    )

    try:
        return Loaded(project, program, load_actions(project), load_initializers(project))
    except ActionFilesError as error:
        raise CliError(str(error)) from error


def fingerprint(path: Path) -> dict[str, tuple[int, int]]:
    """Time of change and size of every file of a program, to notice that one was saved."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    found: dict[str, tuple[int, int]] = {}
    for file in files:
        if file.suffix in _WATCHED:
            try:
                status = file.stat()
            except OSError:  # it is being replaced
                continue
            found[str(file)] = (status.st_mtime_ns, status.st_size)
    return found


def event_text(event: Event) -> str:
    """An event in one line, without what every event carries.

    >>> event_text({"type": "StartGestureBotAction", "uid": "1", "gesture": "wave"})
    "StartGestureBotAction(gesture='wave')"
    """
    from colang.diagnostics.cells import printable
    from colang_interpreter.host.rules import ENVELOPE

    given = ", ".join(f"{key}={value!r}" for key, value in event.items() if key not in ENVELOPE)
    return printable(f"{event['type']}({given})")


def outcome_text(event: Event) -> str | None:
    """What came of an action of a 1.0 bot, in one line; None for other events.

    >>> outcome_text({"type": "ActionOutcome", "start": {"action_name": "count"}, "return_value": 3})
    'count gave 3'
    """
    from colang.diagnostics.cells import printable
    from colang_interpreter.host.rules_v1 import OUTCOME

    if event["type"] != OUTCOME:
        return None
    name = event["start"].get("action_name")
    failure = event.get("failure")
    return printable(
        f"{name} failed: {failure}" if failure else f"{name} gave {event['return_value']!r}"
    )
