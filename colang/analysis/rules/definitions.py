"""Headers of flows and what stands outside of them. Sections 1.5, 2.1 and 6.2, Q41."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.rule import Context, rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import flow as flow_report
from colang.diagnostics import names as report
from colang.syntax import nodes


@rule(nodes.FlowDef)
def parameter_names(flow: nodes.FlowDef, context: Context) -> Iterator[Diagnostic]:
    """Parameters are told apart by their names."""
    seen: set[str] = set()
    for parameter in (*flow.params, *flow.members):
        if parameter.name in seen:
            yield report.parameter_twice(flow.name, parameter.name, parameter.span)
        seen.add(parameter.name)


@rule(nodes.Module)
def outside_of_flows(module: nodes.Module, context: Context) -> Iterator[Diagnostic]:
    """A statement at file level never runs."""
    for statement in module.statements:
        if not isinstance(statement, nodes.ErrorStmt | nodes.DocString):
            yield flow_report.statement_outside(statement.span)
