"""Headers of flows and what stands outside of them. Sections 1.5, 2.1 and 6.2, Q41."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.names import OPERATION_WORDS, RESERVED_PARAMETERS
from colang.analysis.rule import Context, rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import flow as flow_report
from colang.diagnostics import names as report
from colang.source import Span
from colang.syntax import nodes


@rule(nodes.FlowDef)
def flow_name(flow: nodes.FlowDef, context: Context) -> Iterator[Diagnostic]:
    """A call of a flow that starts with an operation word would be read as that operation."""
    first, blank, _ = flow.name.partition(" ")
    if blank and first in OPERATION_WORDS:
        span = Span(flow.name_span.start, flow.name_span.start + len(first))
        yield report.operation_word_name(flow.name, first, span)


@rule(nodes.FlowDef)
def parameter_names(flow: nodes.FlowDef, context: Context) -> Iterator[Diagnostic]:
    """Parameters are told apart by their names, and share them with the bookkeeping of the engine."""
    seen: set[str] = set()
    for parameter in (*flow.params, *flow.members):
        if parameter.name in seen:
            yield report.parameter_twice(flow.name, parameter.name, parameter.span)
        seen.add(parameter.name)
    for parameter in flow.params:
        if parameter.name in RESERVED_PARAMETERS:
            yield report.reserved_parameter(flow.name, parameter.name, parameter.span)


@rule(nodes.Module)
def outside_of_flows(module: nodes.Module, context: Context) -> Iterator[Diagnostic]:
    """A statement at file level never runs."""
    for statement in module.statements:
        if not isinstance(statement, nodes.ErrorStmt | nodes.DocString):
            yield flow_report.statement_outside(statement.span)
