"""Arguments of actions and events, and actions nobody defines. Q24, Q42, section 7.4."""

from __future__ import annotations

import re
from collections.abc import Iterator

from colang.analysis.builtins import ACTIONS, INJECTED_PARAMETERS
from colang.analysis.names import classify, specs
from colang.analysis.rule import Context, rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import actions as report
from colang.syntax import nodes

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@rule(nodes.Operation)
def operation_arguments(node: nodes.Operation, context: Context) -> Iterator[Diagnostic]:
    """Actions and events take named arguments, none of them called `type`."""
    for spec in specs(node.group):
        yield from _arguments(spec, context)


@rule(nodes.WhenCase)
def case_arguments(node: nodes.WhenCase, context: Context) -> Iterator[Diagnostic]:
    """Actions and events take named arguments, none of them called `type`."""
    for spec in specs(node.group):
        yield from _arguments(spec, context)


def _arguments(spec: nodes.Spec, context: Context) -> Iterator[Diagnostic]:
    kind = "flow"
    if spec.name is not None:
        kind = classify(spec.name, context.flows)
    if spec.name is not None and kind != "flow":
        plural = "actions" if kind == "action" else "events"
        yield from _named_only(plural, kind, spec.name, spec.arguments)
        if kind == "action":
            yield from _python_action(spec, spec.name, context)
    for member in spec.members:
        if kind == "flow" and spec.name is not None and member is spec.members[0]:
            continue  # `match some flow.Finished("x")` names parameters by position (Q10)
        yield from _named_only("events", "event", member.name, member.arguments)


def _named_only(
    plural: str, kind: str, name: str, arguments: tuple[nodes.Argument, ...] | None
) -> Iterator[Diagnostic]:
    for argument in arguments or ():
        if argument.name is None:
            yield report.positional_argument(plural, name, argument.span)
        elif argument.name == "type" and name != "ColangError":
            yield report.type_parameter(kind, name, argument.span)


def _python_action(spec: nodes.Spec, name: str, context: Context) -> Iterator[Diagnostic]:
    info = context.actions.get(name) or context.actions.get(python_name(name))
    if info is None:
        if name not in ACTIONS and context.project.python.complete:
            named = [action_name(known) for known in context.actions]
            known = context.candidates([*named, *ACTIONS])
            yield report.unknown_action(name, spec.target_span, known)
        return
    if info.open_parameters or spec.members:
        return
    for argument in spec.arguments or ():
        if argument.name is not None and argument.name not in info.parameters:
            shown = [each for each in info.parameters if each not in INJECTED_PARAMETERS]
            yield report.unknown_action_argument(name, argument.name, argument.span, shown)


def python_name(name: str) -> str:
    """The second name an action is looked up by: without `Action`, in snake case.

    >>> python_name("GetHTTPStatusAction")
    'get_http_status'
    """
    return _WORD_START.sub("_", name.removesuffix("Action")).lower()


def action_name(name: str) -> str:
    """The name a Python action has in Colang 2.x.

    >>> action_name("check_policy"), action_name("CheckPolicyAction")
    ('CheckPolicyAction', 'CheckPolicyAction')
    """
    if name.endswith("Action"):
        return name
    return "".join(word[:1].upper() + word[1:] for word in name.split("_")) + "Action"
