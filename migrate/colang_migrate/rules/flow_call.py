"""`do`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.patterns import name_edits


@rewrite("M023", "do-to-await", on=n.DoStmt)
def do_to_await(stmt: n.DoStmt, ctx: Context) -> Iterator[Output]:
    """`do` calls a flow and waits for it: `await`. The flow that is called is not active.

    ```diff
    -define flow results
    +@active
    +flow results
       user ask for results
    -  do require sign-in
    +  await require sign_in

    -define subflow require sign-in
    +flow require sign_in
       bot ask to sign in
    +
    +flow user ask for results
    +  match NeverComingEvent()
    ```
    """
    word = "await"
    if stmt.expression is not None:
        word = "await await_flow_by_name"
    behind = bool(stmt.targets) and stmt.targets[0].start > stmt.keyword.start
    if behind and stmt.name is not None:  # `do $r = sub`
        written = Span(stmt.keyword.start, stmt.name.start)
        yield Edit(written, f"{stmt.targets[0].text} = {word} ")
    elif stmt.keyword.text != word:
        yield Edit(stmt.keyword.span, word)
    if stmt.name is not None:
        name = ctx.facts.called(stmt.name.text)
        yield from name_edits(stmt.name, name, "", ctx)
        if not ctx.facts.is_flow(stmt.name.text):
            yield ctx.report(
                "M210",
                stmt.name.start,
                f"no flow is named `{name}`: 1.0 failed here, 2.x lets the model write one",
            )
    if stmt.targets:
        yield ctx.report("M210", stmt.span.start, "the value of `do` was never set in 1.0")
        if len(stmt.targets) > 1:
            yield ctx.report("M207", stmt.span.start, "a flow gives back one value")
            if not behind:
                yield Edit(Span(stmt.targets[0].end, stmt.targets[-1].end), "")
    if stmt.arguments is not None:
        lost = ctx.text[stmt.arguments.span.start : stmt.arguments.span.end].strip()
        yield ctx.report("M207", stmt.span.start, f"the parameters `{lost}` were ignored by 1.0")
        start = stmt.arguments.span.start
        while ctx.text[start - 1] in " \t":
            start -= 1
        yield Edit(Span(start, stmt.arguments.span.end), "")
