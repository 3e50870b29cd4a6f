"""`$x = ...`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.texts import escape


@rewrite("M022", "generated-value", on=n.Generate)
def generated_value(stmt: n.Generate, ctx: Context) -> Iterator[Output]:
    r"""A value made by the model: the comment above is the instruction, and stays a comment as well.

    ```diff
    -define subflow route
    +flow route
       # Extract the city.
       # If it is not given, say "unknown".
    -  $origin = ...
    +  $origin = ..."Extract the city. If it is not given, say \"unknown\"."
    -  $amount = ...
    +  $amount = ..."Extract the value of amount from what the user said."
    ```
    """
    instruction = instructions(stmt.comment, ctx)
    if not instruction:
        instruction = f"Extract the value of {stmt.variable} from what the user said."
        yield ctx.report("M208", stmt.span.start, f"${stmt.variable} had no instruction")
    if not stmt.target.text.startswith("$"):
        yield Edit(Span(stmt.target.start, stmt.target.start), "$")
    yield Edit(stmt.dots.span, f'..."{escape(instruction)}"')


def instructions(comment: n.Comment | None, ctx: Context) -> str:
    """The comment lines directly above as one sentence; a docstring is not meant for the model here."""
    if comment is None:
        return ""
    text = ctx.text[comment.start : comment.end]
    lines = [line.strip() for line in text.split("\n")]
    return " ".join(line.lstrip("#").strip() for line in lines if line.startswith("#"))
