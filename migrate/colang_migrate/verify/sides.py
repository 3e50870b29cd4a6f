"""The two bots: loaded, compiled, and what has to be known of each to hold the same conversation with both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from colang.diagnostics import Diagnostic
from colang.project import Project, ProjectError
from colang.source import Source
from colang_interpreter import CompileError, compile
from colang_interpreter.scenarios.model import normalised

if TYPE_CHECKING:
    from colang_interpreter.host.bot import Bot


class SideError(Exception):
    """A bot cannot be run; `diagnostics` are what is wrong with it, with the texts they point into."""

    def __init__(
        self,
        message: str,
        diagnostics: Sequence[Diagnostic] = (),
        sources: Mapping[str, Source] | None = None,
    ) -> None:
        """Keep the findings."""
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)
        self.sources = dict(sources or {})


@dataclass(frozen=True)
class Side:
    """One of the two bots.

    Attributes:
        name: How reports call it.
        actions: Its own Python actions if they are to be executed; empty if stubs stand in for all.
        initializers: What its config.py registers, if that is to be executed.
    """

    name: str
    project: Project = field(repr=False)
    program: Any = field(repr=False)
    actions: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    initializers: tuple[Callable[[Any], object], ...] = field(default=(), repr=False)

    @property
    def version(self) -> str:
        """The dialect it runs in: 1.0 or 2.x."""
        return str(self.program.version)

    @cached_property
    def samples(self) -> Mapping[str, str]:
        """Sample utterance -> intent, without the leading ``user``."""
        return {text: intent for intent, text in reversed(list(self._samples()))}

    def _samples(self) -> Iterator[tuple[str, str]]:
        if self.version == "1.0":
            for intent, texts in self.program.user_messages.items():
                for text in texts:
                    yield intent, text
            return
        from colang_interpreter.llm.tasks_v2 import example_utterances

        for name, definition in self.program.definitions.items():
            if name.startswith("user "):
                for text in example_utterances(definition):
                    yield name.removeprefix("user "), text

    @cached_property
    def declared(self) -> frozenset[str]:
        """Names of the actions that its Python files register, as far as reading them tells."""
        return frozenset(self.project.python.actions)

    @cached_property
    def bundled(self) -> frozenset[str]:
        """Names of the actions that every bot of this dialect has."""
        from colang_interpreter.host.bot import Bot

        return frozenset(Bot(self.program).actions)

    def initialize(self, bot: Bot) -> None:
        """Let its config.py register what it has."""
        for each in self.initializers:
            each(bot)


def read_project(source: str | Mapping[str, str]) -> Project:
    """A folder or file, or texts by file name, as a project.

    Raises:
        SideError: It cannot be read.
    """
    try:
        return Project.load(source)
    except ProjectError as error:
        raise SideError(f"cannot read {error}") from error


def is_alpha(project: Project) -> bool:
    """Whether something in it is written in 2.0-alpha: the migrator would change it."""
    from colang_migrate.alpha.engine import flows_of, migrate_alpha

    if project.version == "1.0":
        return False
    texts = {
        file.path: file.source.text
        for file in project.files
        if not file.is_library and not file.is_imported
    }
    own = {name for text in texts.values() for name in flows_of(text)}
    return any(migrate_alpha(text, path, own).text != text for path, text in texts.items())


def load_side(project: Project, name: str, *, execute: bool = False) -> Side:
    """Compile a bot.

    Args:
        project: What it is made of.
        name: For reports.
        execute: Import its Python files and use its own actions; a project of texts has none.

    Raises:
        SideError: It cannot be compiled, or its Python files cannot be executed.
    """
    try:
        program = compile(project)
    except CompileError as error:
        raise SideError(
            f"{name} cannot run: it has errors", error.diagnostics, project.sources
        ) from error
    if not execute:
        return Side(name, project, program)
    from colang_interpreter.host.loading import ActionFilesError, load_actions, load_initializers

    try:
        return Side(
            name, project, program, load_actions(project), tuple(load_initializers(project))
        )
    except ActionFilesError as error:
        raise SideError(f"{name} cannot run: {error}") from error


@dataclass(frozen=True)
class Names:
    """How the new bot calls what the old one has: intents found by their samples, actions by their registration.

    A renamed intent is found like a model would find it: its samples stand among the examples, under a new name.
    """

    old: Side
    new: Side

    def intent(self, name: str) -> str:
        """The new name of an intent; the same words if it has none.

        Both are without the leading ``user``.
        """
        return self._intents.get(normalised(name), name)

    @cached_property
    def _intents(self) -> dict[str, str]:
        known = {normalised(each): each for each in self._new_intents()}
        votes: dict[str, dict[str, int]] = {}
        for text, intent in self.old.samples.items():
            found = self.new.samples.get(text)
            if found is not None:
                counts = votes.setdefault(normalised(intent), {})
                counts[found] = counts.get(found, 0) + 1
        chosen = {intent: max(counts, key=counts.__getitem__) for intent, counts in votes.items()}
        return {**known, **chosen}

    def _new_intents(self) -> Iterator[str]:
        if self.new.version == "1.0":
            yield from self.new.program.user_messages
            return
        for name in self.new.program.flows:
            if name.startswith("user "):
                yield name.removeprefix("user ")

    def action(self, name: str) -> tuple[str, ...]:
        """The names under which the stand-in of an old action is registered for the new bot.

        An action that the Python files of the new bot register stands there under that name and no other; one that
        no file registers is the application's, which registers it as the new bot needs it.
        """
        from colang_migrate.names import action_name

        if self.new.version == "1.0":
            return (name,)
        made = action_name(name)
        found = tuple(dict.fromkeys(each for each in (name, made) if each in self.new.declared))
        if found or name in self.old.declared:
            return found
        return tuple(dict.fromkeys((name, made)))
