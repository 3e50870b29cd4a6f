"""The rules for Colang 1.0, one file for each subject. A rule takes the facts and yields findings with their paths."""

from collections.abc import Callable, Iterator

from colang.analysis.facts_v1 import Facts
from colang.analysis.rules_v1 import actions, definitions, flows, names, texts
from colang.diagnostics import Diagnostic

RULES: tuple[Callable[[Facts], Iterator[Diagnostic]], ...] = (
    names.called_flows,
    names.user_intents,
    names.bot_messages,
    definitions.messages_in_two_files,
    definitions.flows_in_two_files,
    flows.beginnings,
    flows.created_events,
    flows.exceptions,
    flows.labels,
    flows.subflows,
    actions.executed_actions,
    texts.templates,
)

__all__ = ["RULES"]
