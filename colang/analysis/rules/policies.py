"""Policies of the moderation service that are named in flows (rails specification, 12.5)."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.names import specs
from colang.analysis.rule import Context, rule
from colang.config.plain import as_dict
from colang.config.policies import is_policy
from colang.diagnostics import Diagnostic
from colang.diagnostics import policies as report
from colang.syntax import nodes

_FLOW, _ACTION = "clavata check for", "ClavataCheckAction"


@rule(nodes.Operation)
def operation_policies(node: nodes.Operation, context: Context) -> Iterator[Diagnostic]:
    """A policy given by name is one of the settings, or an id."""
    for spec in specs(node.group):
        yield from _policy(spec, context)


@rule(nodes.WhenCase)
def case_policies(node: nodes.WhenCase, context: Context) -> Iterator[Diagnostic]:
    """A policy given by name is one of the settings, or an id."""
    for spec in specs(node.group):
        yield from _policy(spec, context)


def _policy(spec: nodes.Spec, context: Context) -> Iterator[Diagnostic]:
    if spec.name not in (_FLOW, _ACTION):
        return
    file = context.project.flow_files.get(_FLOW)
    if spec.name == _FLOW and (file is None or not file.is_library):
        return  # a flow of the author's own
    settings = context.project.settings
    known = as_dict(settings.get("rails", "config", "clavata", "policies")) or {}
    for position, argument in enumerate(spec.arguments or ()):
        named = argument.name == "policy"
        if not named and (argument.name is not None or spec.name != _FLOW or position != 1):
            continue
        value = argument.value
        if isinstance(value, nodes.String) and all(isinstance(part, str) for part in value.parts):
            text = "".join(part for part in value.parts if isinstance(part, str))
            if not is_policy(text, known):
                names = [str(name) for name in known]
                yield report.unknown_policy(text, value.span, names)
