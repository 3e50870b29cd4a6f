"""`import` and `include`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M018", "import-to-comment", on=n.Import)
def import_to_comment(node: n.Import, ctx: Context) -> Iterator[Output]:
    """1.0 records imports and does nothing with them; in 2.x they load files, so they become comments.

    ```diff
    -import common
    +# import common

    -define bot greet
    -  "Hi"
    +flow bot greet
    +  bot say "Hi"
    ```
    """
    yield ctx.report("M210", node.span.start, "an import had no effect in 1.0; it is a comment now")
    yield Edit(node.keyword.span, f"# {node.keyword.text}")
