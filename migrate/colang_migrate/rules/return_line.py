"""`return` and `done`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.lines import expression_edits


@rewrite("M004", "return-values", on=n.Return)
def return_values(stmt: n.Return, ctx: Context) -> Iterator[Output]:
    """`done` is `return`; one value at most comes back.

    ```diff
    -define subflow rest
    -  done
    +flow rest
    +  return
    ```
    """
    if stmt.keyword.text != "return":
        yield Edit(stmt.keyword.span, "return")
    if not stmt.values:
        return
    yield ctx.report("M210", stmt.span.start, "1.0 ignored the value of `return`")
    if len(stmt.values) == 1:
        yield from expression_edits(stmt.values[0], "value", stmt, ctx)
    else:
        first, last = stmt.values[0], stmt.values[-1]
        yield Edit(first.span._replace(end=first.start), "[")
        yield Edit(last.span._replace(start=last.end), "]")
