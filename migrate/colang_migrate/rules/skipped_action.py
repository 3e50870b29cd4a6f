"""`define action`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end, line_start
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M017", "drop-action-definition", on=n.ActionDef)
def drop_action_definition(node: n.ActionDef, ctx: Context) -> Iterator[Output]:
    """1.0 skips `define action`, body and all; it stays as a comment.

    ```diff
    -define action lookup
    -  "python code"
    +# define action lookup
    +#   "python code"
    ```
    """
    yield ctx.report("M205", node.span.start, "`define action` had no effect in 1.0")
    start = line_start(ctx.text, node.span.start)
    end = line_end(ctx.text, node.span.end)
    while True:  # the body is no part of the tree
        following = ctx.text.find("\n", end)
        if following < 0 or following + 1 >= len(ctx.text):
            break
        if ctx.text[following + 1] not in " \t":
            break
        end = line_end(ctx.text, following + 1)
    lines = [f"# {line}".rstrip() for line in ctx.text[start:end].split("\n")]
    yield Edit(Span(start, end), "\n".join(lines))
