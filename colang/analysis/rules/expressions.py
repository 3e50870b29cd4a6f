"""Functions in expressions. Sections 2.2 and 3.3."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.builtins import ACTIONS, FUNCTIONS
from colang.analysis.names import classify
from colang.analysis.rule import Context, rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import names as report
from colang.syntax import nodes


@rule(nodes.Call)
def functions(node: nodes.Call, context: Context) -> Iterator[Diagnostic]:
    """The function exists; a flow or an action is no function."""
    if not isinstance(node.function, nodes.Name) or node.function.name in FUNCTIONS:
        return
    name = node.function.name
    span = node.function.span
    if name in context.flows:
        yield report.call_in_assignment(name, "a flow", span)
    elif name in ACTIONS or classify(name, ()) == "action":
        yield report.call_in_assignment(name, "an action", span)
    else:
        yield report.unknown_function(name, span, context.candidates(FUNCTIONS))
