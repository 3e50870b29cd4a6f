"""`while`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite, visit_body
from colang_migrate.expressions import rewrite_expression
from colang_migrate.lines import colon, fresh_names


@rewrite("M006", "while-condition", on=n.While)
def while_condition(stmt: n.While, ctx: Context) -> Iterator[Output]:
    """The condition of a loop; one that needs a variable of its own is tested inside of the loop.

    ```diff
    -define subflow count
    +flow count
    +  global $n
    -  while ($n + 1) * 2 < 9:
    +  while True
    +    $sum = $n + 1
    +    if not $sum * 2 < 9
    +      break
         $n = $n + 1
    ```
    """
    made = rewrite_expression(stmt.condition.text, "condition", fresh_names(ctx), ctx.unit)
    for code, message in made.notes:
        yield ctx.report(code, stmt.condition.start, message)
    if made.before:
        yield Edit(stmt.condition.span, "True")
        test = rewrite_expression(stmt.condition.text, "condition", fresh_names(ctx), ctx.unit)
        body = stmt.body[0].span.start if stmt.body else stmt.span.end
        yield ctx.insert_above(body, *test.before, f"if not {test.text}", f"{ctx.unit}break")
    elif made.text != ctx.text[stmt.condition.start : stmt.condition.end]:
        yield Edit(stmt.condition.span, made.text)
    yield from colon(stmt.condition.end, ctx)
    ctx.loops += 1
    yield from visit_body(stmt.body, ctx)
    ctx.loops -= 1
