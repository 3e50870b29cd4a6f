"""All checks of a project: what loading and parsing found, the settings, and the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from colang.analysis.rule import Context
from colang.analysis.rules import NODE_RULES, PROJECT_RULES
from colang.analysis.walk import walk
from colang.diagnostics import Diagnostic
from colang.project.project import sort_diagnostics
from colang.syntax import nodes

if TYPE_CHECKING:
    from colang.project import Project, SourceFile


def check(project: Project, *, strict: bool = False, library: bool = False) -> list[Diagnostic]:
    r"""Everything there is to tell about a project, by path and position; each finding once.

    Args:
        project: See `colang.Project.load`.
        strict: Calls of undefined flows are errors; without it they are warnings, because a program may
            answer the start of an undefined flow itself.
        library: Also look through the files of the standard library.

    Example:
        >>> from colang.project import Project
        >>> project = Project.load({"main.co": "flow main\n  match helper\n\nflow helper\n  pass\n"})
        >>> [(d.code, d.message) for d in check(project)]
        [('CO310', '`match` takes an event, and `helper` is a flow')]
    """
    found = list(project.diagnostics)
    found.extend(check_settings(project))
    if project.version == "2.x":
        found.extend(check_v2(project, strict=strict, library=library))
    else:
        found.extend(check_v1(project, strict=strict))
    return sort_diagnostics(found)


def check_settings(project: Project) -> Iterator[Diagnostic]:
    """The settings: unknown names, wrong values, rails that do not exist, missing prompts."""
    if project.settings.data.keys() - {"colang_version"}:  # which loading has looked at
        from colang.config.validation import validate_project

        yield from validate_project(project)


def check_v2(
    project: Project, *, strict: bool = False, library: bool = False
) -> Iterator[Diagnostic]:
    """The rules alone, on the trees of a 2.x project; one walk over each file."""
    context = Context(project, strict, project.python.actions)
    for rule in PROJECT_RULES:
        yield from rule(context)
    for file in project.files:
        if isinstance(file.tree, nodes.Module) and (library or not file.is_library):
            yield from _check_file(file, file.tree, context)


def check_v1(project: Project, *, strict: bool = False) -> Iterator[Diagnostic]:
    """The rules alone, on the trees of a 1.0 project."""
    from colang.analysis.facts_v1 import Facts
    from colang.analysis.rules_v1 import RULES

    facts = Facts(project, strict)
    for rule in RULES:
        yield from rule(facts)


def _check_file(file: SourceFile, tree: nodes.Module, context: Context) -> Iterator[Diagnostic]:
    context.file = file
    context.flow = None
    for node in walk(tree):
        if isinstance(node, nodes.FlowDef):
            context.flow = node
        for rule in NODE_RULES.get(type(node), ()):
            for finding in rule(node, context):
                yield finding.at(file.path)
