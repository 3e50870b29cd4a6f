"""Actions: is there such an action, and does it take these arguments? Sections 5.5, 10.2 and 10.3."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.builtins_v1 import ACTIONS, INJECTED_PARAMETERS
from colang.analysis.facts_v1 import Facts, bodies
from colang.analysis.rules.actions import python_name
from colang.diagnostics import Diagnostic
from colang.diagnostics import actions as report
from colang.syntax import nodes_v1 as n
from colang.syntax.nodes_v1 import walk


def executed_actions(facts: Facts) -> Iterator[Diagnostic]:
    """`execute NAME(...)`: an action of the project or a built-in one, with parameters it has."""
    for tree in facts.trees:
        for body in bodies(tree.module):
            for statement in walk(body):
                if isinstance(statement, n.ExecuteStmt):
                    for finding in _action(statement, facts):
                        yield finding.at(tree.file.path)


def _action(statement: n.ExecuteStmt, facts: Facts) -> Iterator[Diagnostic]:
    name = statement.name
    python = facts.project.python
    info = python.actions.get(name.text) or python.actions.get(python_name(name.text))
    if info is None:
        built_in = name.text in ACTIONS or python_name(name.text) in ACTIONS
        if (
            not built_in
            and python.complete
            and not facts.project.settings.get("actions_server_url")
        ):
            known = facts.candidates([*python.actions, *ACTIONS])
            yield report.unknown_action(name.text, name.span, known)
        return
    if info.open_parameters:
        return
    block = statement.block.entries if statement.block is not None else ()
    arguments = statement.arguments.items if statement.arguments is not None else ()
    given = [entry.name for entry in block] + [a.name for a in arguments if a.name is not None]
    shown = [each for each in info.parameters if each not in INJECTED_PARAMETERS]
    for argument in given:
        if argument.text not in info.parameters:
            yield report.unknown_action_argument(name.text, argument.text, argument.span, shown)
