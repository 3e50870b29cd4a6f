"""`create event`, `new event` and `infer`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.lines import remove_block
from colang_migrate.patterns import event_edits, rewritten


@rewrite("M011", "create-to-send", on=n.CreateStmt)
def create_to_send(stmt: n.CreateStmt, ctx: Context) -> Iterator[Output]:
    """`create event` sends an event; `infer` finishes an intent, or starts a message.

    ```diff
    -define flow report
    +@active
    +flow report
    +  global $plot
       user ask for report
    -  create event ReportRequested(format="pdf", plot=$plot)
    +  send ReportRequested(format="pdf", plot=$plot)
    +
    +flow user ask for report
    +  match NeverComingEvent()
    ```
    """
    if not stmt.targets:
        yield ctx.report("M207", stmt.span.start, "nothing is created here")
        yield ctx.comment_out(stmt, "nothing is created here")
        return
    target = stmt.targets[0]
    if len(stmt.targets) > 1 or "\n" in ctx.text[stmt.keyword.start : target.span.start]:
        yield from _block(stmt, ctx)
        return
    if isinstance(target, n.EventStmt):
        start = stmt.keyword.start
        yield Edit(Span(start, target.name.start), "send ")
        block = stmt.block or target.block
        yield from event_edits(target, ctx, sends=True, block=block)
        if block is not None:
            yield remove_block(block, ctx)
        if target.name.text.endswith("Exception"):
            yield ctx.report(
                "M304", start, f"`{target.name.text}` is an event of the answer, not its role"
            )
        return
    yield ctx.report("M210", stmt.span.start, "`infer` failed in 1.0; it works now")
    yield Edit(stmt.span, _inferred(target, ctx))


def _inferred(target: n.Pattern, ctx: Context) -> str:
    if target.keyword.text == "user":
        return f'send FinishFlow(flow_id="{ctx.facts.user(target.name.text)}")'
    return f"start {ctx.facts.bot(target.name.text)}"


def _block(stmt: n.CreateStmt, ctx: Context) -> Iterator[Output]:
    """A block under `infer`, of which 1.0 took the first line."""
    yield ctx.report("M210", stmt.span.start, "1.0 used only the first line of this block")
    lines: list[str] = []
    for target in stmt.targets:
        if isinstance(target, n.EventStmt):
            lines.append(f"send {rewritten(target, ctx)}")
        else:
            lines.append(_inferred(target, ctx))
    yield Edit(stmt.span, f"{ctx.newline}{ctx.indent(stmt.span.start)}".join(lines))
