"""`any` blocks."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.patterns import rewritten


@rewrite("M009", "any-to-or", on=n.AnyStmt)
def any_to_or(stmt: n.AnyStmt, ctx: Context) -> Iterator[Output]:
    """An `any` block never matched in 1.0; it becomes the group it was meant to be.

    ```diff
    -define flow planets
    -  any
    -    user ask about mars
    -    user ask about saturn
    +@active
    +flow planets
    +  user ask about mars or user ask about saturn
    +
    +flow user ask about mars
    +  match NeverComingEvent()
    +
    +flow user ask about saturn
    +  match NeverComingEvent()
    ```
    """
    parts: list[str] = []
    events = False
    for item in stmt.items:
        if isinstance(item, n.EventStmt):
            events = True
            parts.append(rewritten(item, ctx))
        else:
            parts += [rewritten(pattern, ctx) for pattern in item.patterns]
    yield ctx.report("M210", stmt.span.start, "an `any` block never matched in 1.0; it does now")
    prefix = "match " if events and all(isinstance(i, n.EventStmt) for i in stmt.items) else ""
    yield Edit(stmt.span, prefix + " or ".join(parts))
