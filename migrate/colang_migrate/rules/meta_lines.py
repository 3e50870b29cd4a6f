"""`meta` and `priority`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M015", "meta-to-comment", on=n.Meta)
def meta_to_comment(stmt: n.Meta, ctx: Context) -> Iterator[Output]:
    """Keys of `meta` have no counterpart.

    ```diff
    -define subflow tour
    -  meta {"owner": "desk"}
    +flow tour
    +  # FIXME(migration): `meta` has no counterpart
    +  # meta {"owner": "desk"}
       bot explain
    ```
    """
    keys = ", ".join(key for key, _ in stmt.entries)
    yield ctx.report("M204", stmt.span.start, f"the meta keys {keys} have no counterpart")
    yield ctx.comment_out(stmt, "`meta` has no counterpart")


@rewrite("M016", "priority-order", on=n.Priority)
def priority_order(stmt: n.Priority, ctx: Context) -> Iterator[Output]:
    """A priority is a number from 0.0 to 1.0 in 2.x, and only matters among flows that start alike.

    ```diff
    -define subflow tour
    -  priority 10
    +flow tour
       bot explain
    ```
    """
    flow = ctx.flow
    if flow is not None and flow.new_priority is not None:
        yield Edit(stmt.number.span, str(flow.new_priority))
    else:
        ctx.dropped.add(id(stmt))
        yield ctx.delete_lines(stmt.span.start, stmt.span.end)
    asked = flow is not None and flow.trigger is not None and flow.trigger[0] in ("any", "user")
    if asked and stmt.value < 0.9:
        yield ctx.report(
            "M209", stmt.span.start, "below 0.9 this flow never ran in 1.0; now it does"
        )
