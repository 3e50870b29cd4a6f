"""What a project is made of: files with their trees, documents, Python actions, imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from colang.diagnostics import Diagnostic
from colang.source import Source, Span

if TYPE_CHECKING:
    from colang.project.execution_rails import ExecutionRail
    from colang.syntax import nodes, nodes_v1

Version: TypeAlias = Literal["1.0", "2.x"]


class ProjectError(ValueError):
    """The API was asked for something that is not there, such as a path that does not exist.

    Bad *content* never raises: it is reported in `Project.diagnostics`. `diagnostic` says what is wrong.
    """

    def __init__(self, diagnostic: Diagnostic) -> None:
        """Word the error like the diagnostic: where, what."""
        super().__init__(f"{diagnostic.path}: {diagnostic.message}")
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Colang file of a project, parsed.

    `path` is the name for people and diagnostics (`bot/rails/main.co`, `<library>/core.co`), `name` the path
    inside of its own root (`rails/main.co`). Library files belong to the toolchain, imported ones to neither
    the toolchain nor the folder itself.
    """

    path: str
    name: str
    text: str
    source: Source
    tree: nodes.Module | nodes_v1.Module
    version: Version
    is_library: bool = False
    is_imported: bool = False  # not one of the project's own files
    is_generated: bool = False  # made from settings, see `colang.project.rails`
    diagnostics: tuple[Diagnostic, ...] = ()  # of the parser, with the path


@dataclass(frozen=True, slots=True)
class TextDocument:
    """A document of the knowledge base: `format` is always ``md``."""

    path: str
    content: str
    format: str = "md"


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """A Python action as far as its source tells; nothing is executed. Section 7.4.

    `name` is the registered name. `parameters` are the names of its parameters in order, without ``self``;
    `open_parameters` says that it takes any others, too. `rails` are its execution rails.
    """

    name: str
    parameters: tuple[str, ...]
    open_parameters: bool
    path: str
    span: Span
    rails: tuple[ExecutionRail, ...] = ()


@dataclass(frozen=True, slots=True)
class PythonFiles:
    """What the Python files of a project say about actions.

    `complete` is False when a registration cannot be read off the source (`register_action(make())`), so that
    an unknown action is no finding.
    """

    actions: Mapping[str, ActionInfo] = field(default_factory=dict[str, ActionInfo])
    complete: bool = True
