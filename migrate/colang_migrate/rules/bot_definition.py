"""`define bot`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end, line_start
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.headers import body_start, comments_in, header, insert_below, quoted_comment
from colang_migrate.library_names import (
    ASK_LAST_MESSAGE,
    LAST_MESSAGE,
    MISSING_VARIABLES,
    SPECIAL_VARIABLES,
)
from colang_migrate.lines import colon, expression_edits, lift_comments
from colang_migrate.texts import Converted, message


@rewrite("M027", "bot-texts", on=n.BotDef)
def bot_texts(node: n.BotDef, ctx: Context) -> Iterator[Output]:
    r"""Texts of a message are an or-group of `bot say`; what a text fills in is declared and stands in braces.

    ```diff
    -define bot explain block
    -  "Your line is blocked, $line.owner - call {{ number }}."  # rude?
    -  "We never "stop" {trying}."
    +flow bot explain block
    +  global $line
    +  global $number
    +  bot say "Your line is blocked, {$line.owner} - call {$number if $number is not None else ''}."  # rude?
    +    or bot say "We never \"stop\" {{trying}}."
    ```
    """
    facts = ctx.facts
    name = node.name.text
    if facts.first_bot.get(name) != (ctx.path, ctx.indices[id(node)]):
        yield from _repeated(node, ctx)
        return
    spelled = facts.bot(name)
    if spelled in facts.overrides:
        yield ctx.insert_above(node.span.start, "@override")
    yield from header(node, node.name, spelled, ctx)
    blanks = ctx.indent(node.body[0].span.start) if node.body else ctx.unit
    variables = facts.bot_variables.get(name, [])
    declared = declarations(variables)
    if declared:
        yield insert_below(body_start(node, node.name.end, ctx), blanks, declared, ctx)
    yield from _lines(node.body, node, ctx)
    own = {text.value for text in node.texts}
    more = [v for _, _, v in facts.bot_texts.get(name, []) if v not in own]
    lines: list[str] = []
    for value in dict.fromkeys(more):
        text = message(value, facts.assigned).text
        if own or lines:
            lines.append(f'{ctx.unit}or bot say "{text}"')
        else:
            lines.append(f'bot say "{text}"')
    if not own and not lines and not any(isinstance(line, n.Condition) for line in node.body):
        lines.append("pass")
    lines += [f"await {flow.new_name}" for flow in facts.followers(name)]
    if lines:
        yield insert_below(line_end(ctx.text, node.span.end), blanks, lines, ctx)


def _lines(body: Sequence[n.BotLine], node: n.BotDef, ctx: Context) -> Iterator[Output]:
    texts = sum(isinstance(line, n.TextLine) for line in body)
    first = True
    for index, line in enumerate(body):
        if isinstance(line, n.TextLine):
            yield from _text(line, node, ctx, first=first, alone=texts == 1)
            first = False
        elif isinstance(line, n.Condition):
            first = True
            yield ctx.report(
                "M210",
                line.span.start,
                "conditions in a message were ignored by 1.0; they count now",
            )
            if line.condition is not None:
                yield from expression_edits(line.condition, "condition", line, ctx)
            head = line.condition.end if line.condition is not None else line.keywords[-1].end
            yield from colon(head, ctx)
            yield from _lines(line.body, node, ctx)
        else:
            raw = ctx.text[line.span.start : line.span.end]
            yield ctx.report("M207", line.span.start, f"`{raw}` has no counterpart")
            if index == 0:
                yield Edit(
                    Span(line.span.start, line.span.start), "# FIXME(migration): without effect: "
                )
            else:
                yield ctx.delete_lines(line.span.start, line.span.end)
                at = line_end(ctx.text, node.name.end)
                note = f"# FIXME(migration): without effect: {raw}"
                yield insert_below(at, ctx.indent(line.span.start), [note], ctx)


def _text(
    line: n.TextLine, node: n.BotDef, ctx: Context, *, first: bool, alone: bool
) -> Iterator[Output]:
    text = line.text
    made = message(text.value, ctx.facts.assigned)
    if "\n" in text.raw:
        yield ctx.report("M135", text.start, "1.0 used only the first line of this text")
    for name in dict.fromkeys(made.variables):
        if name in MISSING_VARIABLES:
            yield ctx.report("M302", text.start, f"`${name}` has no value in 2.x")
    for code, note in made.notes:
        yield ctx.report(code, text.start, note)
        if code in ("M132", "M133"):
            yield ctx.insert_above(node.span.start, f"# FIXME(migration): {note}.")
    if not first:
        yield from lift_comments(line.comment, line_start(ctx.text, text.start), ctx)
    if made.branches is not None and alone:
        yield Edit(text.span, _branches(made, ctx.indent(text.start), ctx))
        return
    if made.branches is not None:
        yield ctx.report("M132", text.start, "a condition among several texts has no counterpart")
    yield Edit(text.span, f'{"" if first else f"{ctx.unit}or "}bot say "{made.text}"')


def _branches(made: Converted, blanks: str, ctx: Context) -> str:
    """A text with a condition that cannot stand in a string, as an `if`."""
    lines: list[str] = []
    for index, (condition, text) in enumerate(made.branches or []):
        word = "else" if not condition else f"else if {condition}" if index else f"if {condition}"
        lines += [word, f'{ctx.unit}bot say "{text}"']
    return f"{ctx.newline}{blanks}".join(lines)


def _repeated(node: n.BotDef, ctx: Context) -> Iterator[Output]:
    path, _ = ctx.facts.first_bot[node.name.text]
    where = "above" if path == ctx.path else f"in {path}"
    yield ctx.report(
        "M103", node.span.start, f"`{node.name.text}` is defined {where}; texts joined"
    )
    start = line_start(ctx.text, node.span.start)
    stop = line_end(ctx.text, node.span.end)
    lines = [quoted_comment(f"the texts of `{node.name.text}` stand {where}")]
    lines += comments_in(ctx.text[start:stop])
    yield Edit(Span(start, stop), ctx.newline.join(lines))


def declarations(variables: Sequence[str]) -> list[str]:
    """What the texts of a message fill in: shared variables, and what the user said last."""
    names = dict.fromkeys(variables)
    shared = [f"global ${name}" for name in names if name != LAST_MESSAGE]
    return [*shared, ASK_LAST_MESSAGE] if LAST_MESSAGE in names else shared


def message_flow(name: str, values: Sequence[str], ctx: Context) -> list[str]:
    """The lines of a flow for a message that no `define bot` holds."""
    facts = ctx.facts
    lines = [f"flow {facts.bot(name)}"]
    lines += [f"{ctx.unit}{each}" for each in declarations(facts.bot_variables.get(name, []))]
    for index, value in enumerate(dict.fromkeys(values)):
        text = message(value, facts.assigned | SPECIAL_VARIABLES).text
        lines.append(
            f'{ctx.unit}{ctx.unit if index else ""}{"or " if index else ""}bot say "{text}"'
        )
    lines += [f"{ctx.unit}await {flow.new_name}" for flow in facts.followers(name)]
    return lines
