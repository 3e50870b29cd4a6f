"""Which kind of thing an operation takes. Section 5.2, Q28."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.names import classify, specs, target_text
from colang.analysis.rule import Context, rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import flow as report
from colang.source import Span
from colang.syntax import nodes

ARTICLES = {"flow": "a flow", "action": "an action", "event": "an event"}


def operand_kind(spec: nodes.Spec, context: Context) -> str:
    """``flow``, ``action``, ``event`` or ``variable``; a name or variable with members is an event."""
    if spec.members:
        return "event"
    if spec.name is None:
        return "variable"
    return classify(spec.name, context.flows)


@rule(nodes.Operation)
def operands(node: nodes.Operation, context: Context) -> Iterator[Diagnostic]:
    """Every operation takes only some kinds of operands."""
    op = node.op
    if op in ("activate", "deactivate", "stop"):
        yield from _alternatives(op, node.group)
    for spec in specs(node.group):
        kind = operand_kind(spec, context)
        name = _shown(spec)
        words = ARTICLES.get(kind, "a variable")
        span = _span(spec)
        if op in ("match", "send"):
            if kind in ("flow", "action"):
                yield report.not_an_event(op, name, words, span)
        elif op in ("start", "await"):
            if kind in ("event", "variable"):
                yield report.not_runnable(op, node.keyword is not None, name, words, span)
        elif op in ("activate", "deactivate"):
            if kind != "flow":
                yield report.not_a_flow(op, name, words, span)
        elif op == "stop" and kind not in ("flow", "variable"):
            yield report.not_stoppable(name, words, span)


def _alternatives(op: str, group: nodes.Group) -> Iterator[Diagnostic]:
    """The outermost `or` groups."""
    pending = [group]
    while pending:
        item = pending.pop()
        if isinstance(item, nodes.OrGroup):
            yield report.or_group(op, item.span)
        elif isinstance(item, nodes.AndGroup):
            pending.extend(item.items)


def _shown(spec: nodes.Spec) -> str:
    return ".".join([target_text(spec), *(member.name for member in spec.members)])


def _span(spec: nodes.Spec) -> Span:
    if spec.members:
        return spec.target_span.cover(spec.members[-1].span)
    return spec.target_span
