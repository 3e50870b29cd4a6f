"""Lines that are not Colang 1.0."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M019", "unreadable-line", on=n.ErrorStmt)
def unreadable_line(node: n.ErrorStmt, ctx: Context) -> Iterator[Output]:
    """A line that is not Colang 1.0 stays as a comment.

    ```diff
    -define subflow tour
    -  allow everything
    +flow tour
    +  # FIXME(migration): this line is not Colang 1.0
    +  # allow everything
       bot explain
    ```
    """
    yield ctx.report("M703", node.span.start, "this is not Colang 1.0, so it cannot be migrated")
    yield ctx.comment_out(node, "this line is not Colang 1.0")
