"""`when` and `else when`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite, visit_body
from colang_migrate.lines import colon, joined, lift_comments
from colang_migrate.patterns import event_edits, user_edits


@rewrite("M007", "else-when", on=n.When)
def else_when(stmt: n.When, ctx: Context) -> Iterator[Output]:
    """`else when` is `or when`; a wildcard waits for an intent that nobody else takes.

    ```diff
    -define flow moon
    +@active
    +flow moon
       user ask about moon
       when user have telescope
         bot suggest rings
    -  else when user ...
    +  or when unhandled user intent
    -    bot be unsure
    +    $response = ..."Write the next bot message, a single string. Intent: be unsure."
    +    bot say $response
    +
    +flow user ask about moon
    +  match NeverComingEvent()
    +
    +flow user have telescope
    +  match NeverComingEvent()
    ```
    """
    for index, case in enumerate(stmt.cases):
        first = case.keywords[0]
        if index:
            second = case.keywords[-1]
            yield Edit(Span(first.start, second.end), "or when")
            yield from lift_comments(case.comment, first.start, ctx)
        if not case.patterns:
            head = ctx.text[case.keywords[-1].end : ctx.text.find("\n", first.start)].strip()
            yield ctx.report("M207", first.start, f"`when {head}` has no counterpart")
            end = ctx.text.find("\n", first.start)
            start = case.keywords[-1].end
            comment = f" NeverComingEvent()  # FIXME(migration): was `when {head}`"
            yield Edit(Span(start, end if end >= 0 else len(ctx.text)), comment)
        last = case.keywords[-1].end
        for pattern in case.patterns:
            if isinstance(pattern, n.EventStmt):
                yield from event_edits(pattern, ctx)
            else:
                yield from user_edits(pattern, ctx, last)
            last = max(last, pattern.span.end)
        if len(case.patterns) > 1:
            yield ctx.report(
                "M210", first.start, "alternatives with `or` never matched in 1.0; they do now"
            )
            yield from joined(case.patterns[0].span.start, case.patterns[-1].span.start, ctx)
        if case.patterns:
            yield from colon(last, ctx)
        yield from visit_body(case.body, ctx)
    if len(stmt.cases) > 1 and any(
        isinstance(p, n.Pattern) and p.kind in ("any", "wildcard")
        for case in stmt.cases
        for p in case.patterns
    ):
        yield ctx.report(
            "M210",
            stmt.span.start,
            "next to a wildcard the last branch always won in 1.0; now the fitting one does",
        )
