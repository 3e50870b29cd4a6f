"""The first line of a definition, and what has to stand right below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end, line_start
from colang_migrate.facts import FlowFact
from colang_migrate.lines import colon

if TYPE_CHECKING:
    from colang_migrate.engine import Context, Output

_DOCSTRING = re.compile(r'\s*("""[\s\S]*?""")[ \t]*(?:#[^\n]*)?')
_COMMENT = re.compile(r"^[ \t]*(#[^\r\n]*)", re.MULTILINE)


def header(
    node: n.UserDef | n.BotDef | n.FlowDef,
    name: n.Name | None,
    spelled: str,
    ctx: Context,
    parameters: Sequence[str] = (),
) -> Iterator[Output]:
    """`define ... name` as `flow name $parameter`; reports a name that is spelled in another way."""
    start = node.span.start
    if ctx.indent(start):
        yield ctx.report(
            "M703", start, "a flow inside of a name space; define it at the left margin"
        )
    if name is not None:
        end = name.end
    elif isinstance(node, n.FlowDef) and node.kind is not None:
        end = node.kind.end
    else:
        end = start
    words = ["flow", spelled, *(f"${parameter}" for parameter in parameters)]
    yield Edit(Span(start, end), " ".join(words))
    yield from colon(end, ctx)
    if name is not None:
        old = name.text
        new = spelled
        if isinstance(node, (n.UserDef, n.BotDef)):
            new = spelled.partition(" ")[2]
        if old != new:
            yield ctx.report("M101", name.start, f"`{old}` is spelled `{new}`")


def body_start(node: n.FlowDef | n.BotDef | n.UserDef, header_end: int, ctx: Context) -> int:
    """Where lines below the header go: behind a docstring if there is one (the end of its line)."""
    end = line_end(ctx.text, header_end)
    match = _DOCSTRING.match(ctx.text, end)
    if match is not None and match.end(1) <= node.span.end:
        return line_end(ctx.text, match.end(1))
    return end


def globals_lines(flow: FlowFact, ctx: Context) -> list[str]:
    """The declarations a flow needs, and its priority."""
    lines = [f"global ${name}" for name in ctx.facts.globals_of(flow)]
    if ctx.facts.has_knowledge and ctx.flow_generates and "global $relevant_chunks" not in lines:
        lines.append("global $relevant_chunks")
    return lines


def insert_below(at: int, blanks: str, lines: list[str], ctx: Context) -> Edit:
    """Lines below the line that ends at `at`."""
    return Edit(Span(at, at), "".join([f"{ctx.newline}{blanks}{line}" for line in lines]))


def comments_in(text: str) -> list[str]:
    """The comment lines of a piece of text, and a comment behind something on its first line."""
    found = _COMMENT.findall(text)
    first = text.partition("\n")[0]
    if not found and "#" in first and '"' not in first[first.index("#") :]:
        found = [first[first.index("#") :].strip()]
    return [line.rstrip() for line in found]


def quoted_comment(text: str) -> str:
    """A sentence as a comment line."""
    return f"# {text[:1].upper()}{text[1:]}."


def start_of_line(node: n.Node, ctx: Context) -> int:
    """The first character of the line on which a definition begins."""
    return line_start(ctx.text, node.span.start)
