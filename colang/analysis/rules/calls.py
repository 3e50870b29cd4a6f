"""Calls of flows: is there such a flow, and do the arguments fit its parameters? Q09."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.names import classify, specs
from colang.analysis.rule import Context, rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import names as report
from colang.syntax import nodes


@rule(nodes.Operation)
def operation_calls(node: nodes.Operation, context: Context) -> Iterator[Diagnostic]:
    """Flows named by an operation exist and take the arguments."""
    bare = node.op in ("match", "send")  # of a bare flow: reported as a wrong operand
    for spec in specs(node.group):
        if spec.members or not bare:
            yield from _call(spec, context)


@rule(nodes.WhenCase)
def when_calls(node: nodes.WhenCase, context: Context) -> Iterator[Diagnostic]:
    """Flows named by a case exist and take the arguments."""
    for spec in specs(node.group):
        yield from _call(spec, context)


def _call(spec: nodes.Spec, context: Context) -> Iterator[Diagnostic]:
    name = spec.name
    if name is None or classify(name, context.flows) != "flow":
        return
    flow = context.flows.get(name)
    if flow is None:
        known = context.candidates(context.flows.keys())
        yield report.undefined_flow(name, spec.target_span, known, strict=context.strict)
        return
    parameters = [parameter.name for parameter in flow.params]
    given: set[str] = set()
    positional = 0
    for argument in spec.arguments or ():
        if argument.name is None:
            positional += 1
            if positional <= len(parameters):
                given.add(parameters[positional - 1])
            elif positional == len(parameters) + 1:
                count = sum(each.name is None for each in spec.arguments or ())
                yield report.too_many_arguments(name, count, argument.span, parameters)
        elif argument.name not in parameters:
            known_parameters = list(context.candidates(parameters))
            yield report.unknown_argument(name, argument.name, argument.span, known_parameters)
        elif argument.name in given:
            yield report.argument_twice(name, argument.name, argument.span)
        else:
            given.add(argument.name)
