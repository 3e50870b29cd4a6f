"""What a Colang 1.0 project defines and uses, collected once for all rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from colang.analysis import builtins_v1
from colang.analysis.rule import MAX_SUGGESTIONS
from colang.config.plain import as_dict, as_list
from colang.project.files import SourceFile
from colang.project.rails import parse_rail
from colang.syntax import nodes_v1 as n
from colang.syntax.nodes_v1 import walk

if TYPE_CHECKING:
    from colang.project import Project

RAIL_KINDS = ("input", "output", "retrieval", "tool_input", "tool_output")
_UNRECORDED = frozenset({"sample", "test"})  # inline texts of these flows define no message (5.14)


@dataclass(slots=True)
class Tree:
    """A file and its tree."""

    file: SourceFile
    module: n.Module


@dataclass
class Facts:
    """A project as the rules see it.

    `trees` are its own files and what they import, in the order in which flows are registered (10.1).
    """

    project: Project
    strict: bool = False
    _suggestions: int = field(default=MAX_SUGGESTIONS, repr=False)

    def candidates(self, names: Collection[str]) -> Collection[str]:
        """The names a misspelt one may be compared with; empty once enough suggestions were made."""
        self._suggestions -= 1
        return names if self._suggestions >= 0 else ()

    @cached_property
    def trees(self) -> list[Tree]:
        """The files to look at."""
        files = [file for file in self.project.files if not file.is_library]
        files.sort(key=lambda file: file.is_imported)  # stable: own files first
        return [Tree(file, file.tree) for file in files if isinstance(file.tree, n.Module)]

    @cached_property
    def statements(self) -> list[n.Stmt]:
        """All statements of all files."""
        return [
            statement
            for tree in self.trees
            for body in bodies(tree.module)
            for statement in walk(body)
        ]

    # ------------------------------------------------ what is defined

    @cached_property
    def flows(self) -> set[str]:
        """Every flow that can be called."""
        own = {flow.id for tree in self.trees for flow in tree.module.flows}
        return own | self._settings_flows | builtins_v1.FLOWS

    @cached_property
    def _settings_flows(self) -> set[str]:
        entries = as_list(self.project.settings.get("flows")) or ()
        return {str(fields.get("id")) for entry in entries if (fields := as_dict(entry))}

    @cached_property
    def intents(self) -> set[str]:
        """Every intent a user can be found to have: defined, or created by a flow."""
        found = {user.name.text for tree in self.trees for user in tree.module.users}
        found |= self._names("user_messages")
        for target in self._created:
            if isinstance(target, n.Pattern) and target.keyword.text == "user":
                found.add(target.name.text)
            elif isinstance(target, n.EventStmt) and target.name.text == "UserIntent":
                found.add(str(arguments_of(target).get("intent")))
        fallback = self.project.settings.get(
            "rails", "dialog", "user_messages", "embeddings_only_fallback_intent"
        )
        return found | builtins_v1.INTENTS | ({fallback} if isinstance(fallback, str) else set())

    @cached_property
    def messages(self) -> set[str]:
        """Every bot message that has a text."""
        found = {bot.name.text for tree in self.trees for bot in tree.module.bots}
        for tree in self.trees:
            found.update(name.text for name in inline_messages(tree.module))
        return found | self._names("bot_messages") | builtins_v1.MESSAGES

    def _names(self, setting: str) -> set[str]:
        return {str(name) for name in as_dict(self.project.settings.get(setting)) or ()}

    @cached_property
    def has_model(self) -> bool:
        """Whether a model is configured that can write texts."""
        models = as_list(self.project.settings.get("models")) or ()
        kinds = [fields.get("type") for model in models if (fields := as_dict(model))]
        return any(kind != "embeddings" for kind in kinds)

    # ------------------------------------------------ what is used

    @cached_property
    def _created(self) -> list[n.EventStmt | n.Pattern]:
        return [
            target
            for statement in self.statements
            if isinstance(statement, n.CreateStmt)
            for target in statement.targets
        ]

    @cached_property
    def called(self) -> set[str]:
        """Flows somebody runs by name: `do`, rails of the settings, `start_flow` events, the built-in flows."""
        found = {s.name.text for s in self.statements if isinstance(s, n.DoStmt) and s.name}
        for target in self._created:
            if isinstance(target, n.EventStmt) and target.name.text == "start_flow":
                found.add(str(arguments_of(target).get("flow_id")))
        return found | self.rails | builtins_v1.PIPELINE_FLOWS

    @cached_property
    def rails(self) -> set[str]:
        """Flows the settings list as rails; an entry with parameters also without them."""
        found: set[str] = set()
        for kind in RAIL_KINDS:
            for entry in as_list(self.project.settings.get("rails", kind, "flows")) or ():
                call = parse_rail(entry) if isinstance(entry, str) else None
                found.add(str(entry))
                found.update((call.name,) if call else ())
        return found

    @cached_property
    def computed_calls(self) -> bool:
        """Whether some call computes the name of the flow, so that any flow may be called."""
        return any(isinstance(s, n.DoStmt) and s.expression is not None for s in self.statements)


def bodies(module: n.Module) -> Iterator[tuple[n.Stmt, ...]]:
    """The statements of each flow, and those in definitions of user messages (6.1)."""
    for definition in module.definitions:
        if isinstance(definition, n.FlowDef):
            yield definition.body
        elif isinstance(definition, n.UserDef) and definition.direct:
            yield definition.direct


def arguments_of(statement: n.EventStmt | n.ExecuteStmt) -> dict[str, object]:
    """Named arguments, and the entries of the block below; values are plain data."""
    block = statement.block.entries if statement.block is not None else ()
    found: dict[str, object] = {entry.name.text: entry.value for entry in block}
    for argument in statement.arguments.items if statement.arguments is not None else ():
        if argument.name is not None:
            found[argument.name.text] = argument.value
    return found


def inline_messages(module: n.Module) -> Iterator[n.Name]:
    """Names of messages that are defined where they are said: ``bot NAME "text"`` (5.2)."""
    for flow in module.flows:
        if _UNRECORDED.isdisjoint(modifier.text for modifier in flow.modifiers):
            for statement in walk(flow.body):
                if isinstance(statement, n.BotStmt) and statement.pattern.kind == "intent":
                    texts = statement.block.texts if statement.block is not None else ()
                    if statement.pattern.text is not None or texts:
                        yield statement.pattern.name


def patterns(statement: n.Stmt) -> Iterator[n.Pattern]:
    """What a statement waits for, as far as these are intents of the user."""
    if isinstance(statement, n.UserStmt):
        yield from statement.patterns
    elif isinstance(statement, n.When):
        for case in statement.cases:
            for pattern in case.patterns:
                if isinstance(pattern, n.Pattern) and pattern.keyword.text == "user":
                    yield pattern
