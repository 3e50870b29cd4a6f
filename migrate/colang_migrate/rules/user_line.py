"""`user ...` lines."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.facts import whole_name
from colang_migrate.lines import comment_block, joined
from colang_migrate.patterns import user_edits


@rewrite("M008", "user-intent", on=n.UserStmt)
def user_intent(stmt: n.UserStmt, ctx: Context) -> Iterator[Output]:
    """An intent is a flow: its name is spelled as its definition. Any intent is one that nobody takes.

    ```diff
    -define user ask about price and hours
    -  "what does it cost"
    +flow user ask about price_and_hours
    +  user said "what does it cost"

    -define flow fallback
    -  user ask about price and hours
    -  user ...
    +@active
    +flow fallback
    +  user ask about price_and_hours
    +  unhandled user intent
    ```
    """
    whole = whole_name(stmt.patterns)
    if whole is not None and whole in ctx.facts.user_names:
        first, last = stmt.patterns[0], stmt.patterns[-1]
        spelled = ctx.facts.user(whole).removeprefix("user ")
        yield Edit(Span(first.name.start, last.name.end), spelled)
        yield ctx.report("M210", stmt.span.start, "1.0 took this name for alternatives")
        return
    after = 0
    for pattern in stmt.patterns:
        yield from user_edits(pattern, ctx, after)
        after = pattern.span.end
    if len(stmt.patterns) > 1:
        yield ctx.report(
            "M210",
            stmt.span.start,
            "alternatives with `or` never matched in 1.0; they do now",
        )
        for first, second in zip(stmt.patterns, stmt.patterns[1:], strict=False):
            yield from joined(first.span.end, second.span.start, ctx)
    if stmt.block is not None:
        yield ctx.report(
            "M207", stmt.block.span.start, "parameters of an intent have no counterpart"
        )
        yield comment_block(stmt.block, "parameters of an intent", ctx)
