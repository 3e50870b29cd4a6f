"""`if`, `else if`, `else`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.engine import Context, Output, rewrite, visit_body
from colang_migrate.lines import colon, expression_edits, fresh_names, joined, lift_comments


@rewrite("M005", "if-conditions", on=n.If)
def if_conditions(stmt: n.If, ctx: Context) -> Iterator[Output]:
    """Conditions take no grouping parentheses in 2.x; a comment line above `else` moves to its end.

    ```diff
    -define subflow judge
    -  if not($a == $b) and ($c or $d):
    +flow judge
    +  global $a
    +  global $b
    +  global $c
    +  global $d
    +  if $a != $b and $c or $a != $b and $d
         pass
    -  # everything else
    -  else
    +  else  # everything else
         pass
    ```
    """
    fresh = fresh_names(ctx)
    for index, branch in enumerate(stmt.branches):
        head = branch.keywords[-1].end
        if branch.condition is not None:
            head = branch.condition.end
            yield from expression_edits(branch.condition, "condition", stmt, ctx, fresh)
            if (
                ctx.text.find("\n", branch.span.start, head) >= 0
                and branch.condition.text == (ctx.text[branch.condition.start : head])
            ):
                yield from joined(branch.keywords[0].start, branch.condition.start, ctx)
        yield from colon(head, ctx)
        if index:
            yield from lift_comments(branch.comment, branch.keywords[0].start, ctx)
        yield from visit_body(branch.body, ctx)
