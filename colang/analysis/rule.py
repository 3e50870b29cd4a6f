"""How checks are written: one function for one kind of node, found by its decorator, run in one walk.

A rule is a generator of findings without a path; the walk adds it. A rule that looks at the program as a
whole is registered with `project_rule`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from colang.diagnostics import Diagnostic
from colang.project.files import ActionInfo, SourceFile
from colang.syntax import nodes

if TYPE_CHECKING:
    from colang.project import Project

MAX_SUGGESTIONS = 100  # each compares a misspelt name with all others

NodeT = TypeVar("NodeT", bound=nodes.Node)
NodeRule: TypeAlias = "Callable[[Any, Context], Iterator[Diagnostic]]"
ProjectRule: TypeAlias = "Callable[[Context], Iterator[Diagnostic]]"


@dataclass(slots=True)
class Context:
    """What a rule may ask: the project, where the walk is, and the names that are known."""

    project: Project
    strict: bool
    actions: Mapping[str, ActionInfo]
    file: SourceFile | None = None
    flow: nodes.FlowDef | None = None  # the one the node is in; None at file level
    _suggestions: int = field(default=MAX_SUGGESTIONS, repr=False)

    @property
    def flows(self) -> Mapping[str, nodes.FlowDef]:
        """All flows of the program."""
        return self.project.flows

    def candidates(self, names: Collection[str]) -> Collection[str]:
        """The names a misspelt one may be compared with; empty once enough suggestions were made."""
        self._suggestions -= 1
        return names if self._suggestions >= 0 else ()


NODE_RULES: defaultdict[type[nodes.Node], list[NodeRule]] = defaultdict(list)
PROJECT_RULES: list[ProjectRule] = []


def rule(
    *on: type[NodeT],
) -> Callable[
    [Callable[[NodeT, Context], Iterator[Diagnostic]]],
    Callable[[NodeT, Context], Iterator[Diagnostic]],
]:
    """Run the decorated function on each node of the given types."""

    def register(
        function: Callable[[NodeT, Context], Iterator[Diagnostic]],
    ) -> Callable[[NodeT, Context], Iterator[Diagnostic]]:
        for kind in on:
            NODE_RULES[kind].append(function)
        return function

    return register


def project_rule(function: ProjectRule) -> ProjectRule:
    """Run the decorated function once; its findings carry their paths."""
    PROJECT_RULES.append(function)
    return function
