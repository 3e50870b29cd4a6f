"""Assignments."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes as x
from colang.syntax import nodes_v1 as n
from colang.syntax.expressions_v1 import ExpressionFlaw, parse_expression_v1
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.expressions import rewrite_expression
from colang_migrate.library_names import MISSING_VARIABLES
from colang_migrate.lines import fresh_names


@rewrite("M021", "assignment", on=n.Assign)
def assignment(stmt: n.Assign, ctx: Context) -> Iterator[Output]:
    """`set` falls away, `+=` is spelled out, and what 2.x cannot compute in one expression gets lines of its own.

    ```diff
    -define subflow grade
    -  set $points = ($a + $b) / 2
    -  $points += 1
    -  $label = "high" if $points > 10 else "low"
    +flow grade
    +  global $a
    +  global $b
    +  $sum = $a + $b
    +  $points = $sum / 2
    +  $points = $points + 1
    +  if $points > 10
    +    $label = "high"
    +  else
    +    $label = "low"
    ```
    """
    if stmt.variable.partition(".")[0] in MISSING_VARIABLES:
        yield ctx.report("M302", stmt.span.start, f"${stmt.variable} is not read by 2.x")
    fresh = fresh_names(ctx)
    target = f"${stmt.variable}"
    chosen = _conditional(stmt)
    if chosen is not None:
        text = stmt.value.text
        test = rewrite_expression(_part(text, chosen.test), "condition", fresh, ctx.unit)
        then = rewrite_expression(_part(text, chosen.then), "value", fresh, ctx.unit)
        other = rewrite_expression(_part(text, chosen.otherwise), "value", fresh, ctx.unit)
        before = [*test.before, *then.before, *other.before]
        if before:
            yield ctx.insert_above(stmt.span.start, *before)
        lines = [f"if {test.text}", f"{ctx.unit}{target} = {then.text}"]
        lines += ["else", f"{ctx.unit}{target} = {other.text}"]
        blanks = ctx.indent(stmt.span.start)
        yield Edit(stmt.span, f"{ctx.newline}{blanks}".join(lines))
        return
    value = stmt.value.text
    if stmt.op.text != "=":
        sign = stmt.op.text[0]
        value = f"{target} {sign} {value}" if _is_simple(value) else f"{target} {sign} ({value})"
    made = rewrite_expression(value, "value", fresh, ctx.unit)
    for code, message in made.notes:
        yield ctx.report(code, stmt.value.start, message)
    if made.before:
        yield ctx.insert_above(stmt.span.start, *made.before)
    if stmt.keyword is not None or not stmt.target.text.startswith("$"):
        start = stmt.keyword.start if stmt.keyword is not None else stmt.target.start
        yield Edit(Span(start, stmt.target.end), target)
    if stmt.op.text != "=":
        yield Edit(stmt.op.span, "=")
    if made.text != ctx.text[stmt.value.start : stmt.value.end]:
        yield Edit(stmt.value.span, made.text)


def _conditional(stmt: n.Assign) -> x.Conditional | None:
    if " if " not in stmt.value.text or stmt.op.text != "=":
        return None
    try:
        tree = parse_expression_v1(stmt.value.text)
    except ExpressionFlaw:
        return None
    return tree if isinstance(tree, x.Conditional) else None


def _part(text: str, node: x.Node) -> str:
    return text[node.span.start : node.span.end]


def _is_simple(value: str) -> bool:
    """Whether a value may stand behind `+` or `-` as it is: no operators of its own."""
    try:
        tree = parse_expression_v1(value)
    except ExpressionFlaw:
        return True
    return not isinstance(tree, (x.Binary, x.BoolOp, x.Compare, x.Conditional, x.Unary)) or (
        isinstance(tree, x.Binary) and tree.op in ("*", "/", "//", "%", "**")
    )
