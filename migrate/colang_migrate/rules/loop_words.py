"""`continue`, `pass` and `break`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite


@rewrite("M002", "pass-and-continue", on=n.Continue)
def pass_and_continue(stmt: n.Continue, ctx: Context) -> Iterator[Output]:
    """`pass` and `continue` are one word in 1.0: the next turn of a loop, or nothing outside of one.

    ```diff
    -define subflow count
    +flow count
    +  global $open
       while $open
    -    pass
    +    continue
    -  continue
    +  pass
    ```
    """
    word = "continue" if ctx.loops else "pass"
    if stmt.keyword.text != word:
        yield Edit(stmt.keyword.span, word)


@rewrite("M003", "break-outside-a-loop", on=n.Break)
def break_outside_a_loop(stmt: n.Break, ctx: Context) -> Iterator[Output]:
    """`break` outside of a loop does nothing in 1.0 and is an error in 2.x.

    ```diff
    -define subflow rest
    -  break
    +flow rest
    +  pass
    ```
    """
    if not ctx.loops:
        yield Edit(stmt.keyword.span, "pass")
