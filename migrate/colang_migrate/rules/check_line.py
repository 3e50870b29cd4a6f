"""`check`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M012", "check-to-comment", on=n.Check)
def check_to_comment(stmt: n.Check, ctx: Context) -> Iterator[Output]:
    """`check` has no counterpart: the line stays as a comment.

    ```diff
    -define subflow guard
    -  check $ready
    +flow guard
    +  global $ready
    +  # FIXME(migration): `check` has no counterpart
    +  # check $ready
    +  pass
    ```
    """
    yield ctx.report("M207", stmt.span.start, "`check` has no counterpart")
    yield ctx.comment_out(stmt, "`check` has no counterpart")
