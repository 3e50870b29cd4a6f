"""`event ...` lines."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.lines import remove_block
from colang_migrate.patterns import event_edits


@rewrite("M010", "event-to-match", on=n.EventStmt)
def event_to_match(stmt: n.EventStmt, ctx: Context) -> Iterator[Output]:
    """`event` waits for an event; 2.x says `match`, always with parentheses. `"..."` means any value.

    ```diff
    -define flow silence
    -  event UserSilent
    +@active
    +flow silence
    +  match UserSilent()
       bot ask if present

    -define flow frost
    -  event TemperatureDropped(level="frost", by="...")
    +@active
    +flow frost
    +  match TemperatureDropped(level="frost")
       bot warn about frost
    ```

    2.x knows no `$event` of its own; it is bound where the flow reads it.
    """
    if stmt.keyword is not None:
        yield Edit(stmt.keyword.span, "match")
    reads = ctx.flow is not None and "event" in ctx.flow.variables
    yield from event_edits(stmt, ctx, suffix=" as $event" if reads else "")
    if reads:
        yield ctx.report(
            "M214", stmt.span.start, f"the flow reads values of the event `{stmt.name.text}`"
        )
    if stmt.block is not None:
        yield remove_block(stmt.block, ctx)
    flow = ctx.flow
    if flow is not None and flow.trigger is not None and flow.trigger != ("event", stmt.name.text):
        yield ctx.report(
            "M210", stmt.span.start, "an event inside of a flow never matched in 1.0; it does now"
        )
