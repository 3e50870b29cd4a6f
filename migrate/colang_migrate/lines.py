"""What several rewrites do with a line: expressions, arguments, colons, joined lines, block parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end, line_start
from colang_migrate.expressions import Place, rewrite_expression

if TYPE_CHECKING:
    from colang_migrate.engine import Context, Output

_JOINT = re.compile(r"[ \t]*\\?[ \t]*(?:\r?\n[ \t]*)+")


def fresh_names(ctx: Context) -> Callable[[str], str]:
    """Names for variables of one statement: none that the configuration uses, none twice."""
    used: set[str] = set()

    def fresh(suggestion: str) -> str:
        name, number = suggestion, 1
        while name in used or name in ctx.facts.variables:
            number += 1
            name = f"{suggestion}_{number}"
        used.add(name)
        return name

    return fresh


def expression_edits(
    expression: n.Expression,
    place: Place,
    stmt: n.Node,
    ctx: Context,
    fresh: Callable[[str], str] | None = None,
) -> Iterator[Output]:
    """Rewrite an expression where it stands; what has to be computed before goes above the statement."""
    raw = ctx.text[expression.start : expression.end]
    text = expression.text
    made = rewrite_expression(text, place, fresh or fresh_names(ctx), ctx.unit)
    for code, message in made.notes:
        yield ctx.report(code, expression.start, message)
    if made.before:
        yield ctx.insert_above(stmt.span.start, *made.before)
    if made.text != raw:
        yield Edit(expression.span, made.text)


def joined(start: int, end: int, ctx: Context) -> Iterator[Output]:
    r"""Put a statement that goes over several lines on one (`\` and a trailing `or` join lines in 1.0)."""
    piece = ctx.text[start:end]
    if "\n" not in piece:
        return
    for match in _JOINT.finditer(piece):
        at = start + match.start()
        yield Edit(Span(at, start + match.end()), " ")


def colon(after: int, ctx: Context) -> Iterator[Output]:
    """Remove the colon that 1.0 allows at the end of a line."""
    at = after
    text = ctx.text
    while at < len(text) and text[at] in " \t":
        at += 1
    if text.startswith(":", at):
        yield Edit(Span(after, at + 1), "")


def value_text(argument: n.Argument) -> Iterator[Output]:
    """The edits of one argument's value; 1.0 fills nothing in, so a text stays what it is."""
    source = argument.source
    if argument.is_reference:
        if source.text.startswith("$config"):
            yield Edit(source.span, source.text.replace("$config", "$system.config", 1))
        return
    if isinstance(argument.value, str) and source.text[:1] in "\"'":
        made = source.text.replace("{", "{{").replace("}", "}}")
        if made != source.text:
            yield Edit(source.span, made)


def literal_text(value: object) -> str:
    """Plain data as a literal of 2.x; braces in texts doubled.

    Example:
        >>> literal_text({"a": [1, "x{y}"]}), literal_text("$name")
        ('{"a": [1, "x{{y}}"]}', '$name')
    """
    from colang_migrate.texts import escape

    if isinstance(value, str):
        return value if re.fullmatch(r"\$[\w.]+", value) else f'"{escape(value)}"'
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value).items()
        return "{" + ", ".join(f"{literal_text(k)}: {literal_text(v)}" for k, v in pairs) + "}"
    if isinstance(value, list):
        return f"[{', '.join(literal_text(item) for item in cast('list[object]', value))}]"
    return repr(value)


def block_arguments(block: n.ParamBlock | None) -> list[str]:
    """The lines of a parameter block as arguments in parentheses."""
    if block is None:
        return []
    return [f"{entry.name.text}={literal_text(entry.value)}" for entry in block.entries]


def remove_block(block: n.ParamBlock, ctx: Context) -> Edit:
    """Take the lines of a parameter block out of the file; they have become arguments."""
    return ctx.delete_lines(block.span.start, block.span.end)


def comment_block(block: n.ParamBlock, why: str, ctx: Context) -> Edit:
    """Turn the lines of a parameter block into comments at the indentation of their statement."""
    text = ctx.text
    start = line_start(text, block.span.start)
    end = line_end(text, block.span.end)
    above = line_start(text, max(start - 1, 0))
    blanks = ctx.indent(above)
    lines = [line.strip() for line in text[start:end].split("\n") if line.strip()]
    kept = [f"{blanks}# FIXME(migration): {why}", *(f"{blanks}#   {line}" for line in lines)]
    return Edit(Span(start, end), ctx.newline.join(kept))


def lift_comments(comment: n.Comment | None, line: int, ctx: Context) -> Iterator[Output]:
    """Move comment lines that 2.x does not take at their place to the end of the line they explain.

    The 2.x grammar of the reference rejects a comment line above `or when`, `else` and a member of an or-group.
    """
    if comment is None:
        return
    start = line_start(ctx.text, comment.start)
    end = ctx.text.find("\n", comment.end) + 1
    if end <= start or end > line:
        return
    lines = [each.strip() for each in ctx.text[start:end].split("\n")]
    marks = [
        each.lstrip("#").strip() if index else each
        for index, each in enumerate(filter(None, lines))
    ]
    yield Edit(Span(start, end), "")
    yield ctx.append_comment(line, " ".join(marks))
