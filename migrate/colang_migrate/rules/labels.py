"""`label` and `goto` that `loops` could not make a loop of."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M013", "label-to-comment", on=n.LabelStmt)
def label_to_comment(stmt: n.LabelStmt, ctx: Context) -> Iterator[Output]:
    """A label without a jump to it is only a mark, and stays as a comment.

    ```diff
    -define subflow tour
    -  label start
    +flow tour
    +  # FIXME(migration): a label is only a comment in 2.x
    +  # label start
    +  pass
    ```
    """
    if stmt.value is not None:
        yield ctx.report("M207", stmt.span.start, "a label with a value has no counterpart")
    yield ctx.comment_out(stmt, "a label is only a comment in 2.x")


@rewrite("M014", "goto-to-comment", on=n.Goto)
def goto_to_comment(stmt: n.Goto, ctx: Context) -> Iterator[Output]:
    """A jump that is neither a loop nor a skip forward cannot be said in 2.x.

    ```diff
    -define subflow tour
    -  goto nowhere
    +flow tour
    +  # FIXME(migration): this jump cannot be said in 2.x
    +  # goto nowhere
    +  pass
    ```
    """
    yield ctx.report("M202", stmt.span.start, f"`goto {stmt.name.text}` cannot be expressed")
    yield ctx.comment_out(stmt, "this jump cannot be said in 2.x")
