"""Names that are used: flows that are called, intents that are waited for, messages that are said."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis import builtins_v1
from colang.analysis.facts_v1 import Facts, Tree, bodies, patterns
from colang.analysis.rules_v1.flows import firsts
from colang.diagnostics import Diagnostic
from colang.diagnostics import program_v1 as report
from colang.syntax import nodes_v1 as n
from colang.syntax.nodes_v1 import walk


def called_flows(facts: Facts) -> Iterator[Diagnostic]:
    """`do NAME`: there is a flow of that name (5.10)."""
    for tree, statement in _statements(facts):
        if isinstance(statement, n.DoStmt) and statement.name is not None:
            name = statement.name
            if name.text not in facts.flows:
                known = facts.candidates(facts.flows)
                yield report.undefined_call(name.text, name.span, known, strict=facts.strict).at(
                    tree.file.path
                )


def user_intents(facts: Facts) -> Iterator[Diagnostic]:
    """`user NAME`: somebody can mean that (5.1)."""
    if not any(tree.module.users for tree in facts.trees) and not facts.has_model:
        return  # the application finds out what users mean, and sends `UserIntent` events
    for tree, statement in _statements(facts):
        for pattern in patterns(statement):
            names = pattern.names if pattern.kind == "list" else (pattern.name,)
            if pattern.kind not in ("intent", "list"):
                continue
            for name in names:
                if name.text not in facts.intents:
                    known = facts.candidates(facts.intents)
                    yield report.undefined_intent(
                        name.text, name.span, known, guessed=facts.has_model
                    ).at(tree.file.path)


def bot_messages(facts: Facts) -> Iterator[Diagnostic]:
    """`bot NAME`: it has a text, or there is a model to write one (5.2)."""
    if facts.has_model or not facts.messages - builtins_v1.MESSAGES:
        return  # without any text at all the application brings a model along
    for tree in facts.trees:
        waiting = _waiting(tree)
        for body in bodies(tree.module):
            for statement in walk(body):
                if not isinstance(statement, n.BotStmt) or statement.pattern.kind != "intent":
                    continue
                name = statement.pattern.name
                if name.text not in facts.messages and id(statement) not in waiting:
                    known = facts.candidates(facts.messages)
                    yield report.message_without_text(name.text, name.span, known).at(
                        tree.file.path
                    )


def _waiting(tree: Tree) -> set[int]:
    """`bot` statements a flow begins with: it waits for them, and says nothing."""
    return {
        id(statement)
        for flow in tree.module.flows
        if flow.kind is None or flow.kind.text == "flow"
        for statement in firsts(flow.body)
        if isinstance(statement, n.BotStmt)
    }


def _statements(facts: Facts) -> Iterator[tuple[Tree, n.Stmt]]:
    for tree in facts.trees:
        for body in bodies(tree.module):
            for statement in walk(body):
                yield tree, statement
