"""Definitions of one name in several files. Section 10.1, and section 1.4 of the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.facts_v1 import Facts, Tree, inline_messages
from colang.analysis.rules_v1.flows import blamed
from colang.diagnostics import Diagnostic
from colang.diagnostics import program_v1 as report
from colang.syntax import nodes_v1 as n


def messages_in_two_files(facts: Facts) -> Iterator[Diagnostic]:
    """A message belongs into one file; reported once for each further file. Own ones replace those of imports."""
    first: dict[tuple[str, str], tuple[Tree, n.Name]] = {}
    for tree in facts.trees:
        here: dict[tuple[str, str], n.Name] = {}
        for user in tree.module.users:
            here.setdefault(("user", user.name.text), user.name)
        for bot in tree.module.bots:
            here.setdefault(("bot", bot.name.text), bot.name)
        for name in inline_messages(tree.module):
            here.setdefault(("bot", name.text), name)
        for key, name in here.items():
            other, original = first.setdefault(key, (tree, name))
            if other is not tree and tree.file.is_imported == other.file.is_imported:
                yield report.message_in_two_files(
                    *key, name.span, original.span, other.file.path
                ).at(tree.file.path)


def flows_in_two_files(facts: Facts) -> Iterator[Diagnostic]:
    """Of flows with one name the first counts. Within one file that is an error of the file."""
    first: dict[str, tuple[Tree, n.FlowDef]] = {}
    for tree in facts.trees:
        for flow in tree.module.flows:
            other, original = first.setdefault(flow.id, (tree, flow))
            if other is not tree:
                yield report.flow_in_two_files(
                    flow.id, blamed(flow), blamed(original), other.file.path
                ).at(tree.file.path)
