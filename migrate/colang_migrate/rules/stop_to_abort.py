"""`stop`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M001", "stop-to-abort", on=n.Stop)
def stop_to_abort(stmt: n.Stop, ctx: Context) -> Iterator[Output]:
    """`stop` ends a turn in 1.0; in 2.x `abort` ends the flow and those that wait for it.

    ```diff
     # we stop here
    -define subflow refuse
    -  stop  # for good
    +flow refuse
    +  abort  # for good
    ```

    Leaves alone: the word in texts, comments and names (`bot say "Please stop."`).
    """
    if stmt.keyword.text != "abort":
        yield Edit(stmt.keyword.span, "abort")
    if ctx.facts.waiting:
        yield ctx.report(
            "M303", stmt.span.start, "`stop` forgot all waiting flows; `abort` does not"
        )
