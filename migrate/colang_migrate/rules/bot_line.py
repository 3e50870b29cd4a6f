"""`bot ...` lines."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.facts import SAYINGS
from colang_migrate.library_names import SPECIAL_VARIABLES
from colang_migrate.lines import comment_block, fresh_names
from colang_migrate.patterns import name_edits
from colang_migrate.rules.generated_value import instructions
from colang_migrate.texts import escape, message

_ABOUT_KNOWLEDGE = (
    "# 1.0 searches the knowledge base before every generated message; "
    "2.x only does so in its own continuation."
)


@rewrite("M025", "bot-message", on=n.BotStmt)
def bot_message(stmt: n.BotStmt, ctx: Context) -> Iterator[Output]:
    """A message is a flow, and a text needs `say`. A text beside a name moves to the flow of that name.

    ```diff
    -define flow lunch
    +@active
    +flow lunch
    +  global $dessert
       user ask for lunch
    -  bot tell menu "Soup, as always."
    +  bot tell menu
    -  bot $dessert
    +  bot say $dessert
    +
    +flow bot tell menu
    +  bot say "Soup, as always."
    +
    +flow user ask for lunch
    +  match NeverComingEvent()
    ```

    A message without a text that answers any intent is made at once, or the model's own continuation would speak, too:

    ```diff
    -define flow rest
    -  user ...
    -  bot confirm
    +@active
    +flow rest
    +  unhandled user intent
    +  $response = ..."Write the next bot message, a single string. Intent: confirm."
    +  bot say $response
    ```

    A comment above a message without a text is an instruction for the model:

    ```diff
    -define subflow dosage
    +flow dosage
       # Refer to the leaflet.
    -  bot respond about dosage
    +  $response = ..."Write the next bot message, a single string. Intent: respond about dosage. Instructions: Refer to the leaflet."
    +  bot say $response
    ```
    """
    pattern = stmt.pattern
    block = stmt.block
    start, end = pattern.span
    if pattern.kind == "any":
        yield Edit(Span(start, end), "bot said something")
    elif pattern.kind == "variable":
        yield from _value(pattern.name, ctx)
    elif pattern.kind == "text" and pattern.text is not None:
        yield ctx.report("M210", start, "`bot` with nothing but a text failed in 1.0; it works now")
        yield Edit(pattern.text.span, f"say {_text(pattern.text, ctx)}")
    elif pattern.kind in ("dict", "block"):
        texts = [line.text for line in block.texts] if block is not None else []
        yield ctx.report("M134", start, "a rich message element has no counterpart")
        yield ctx.comment_out(stmt, "a rich message element has no counterpart")
        if texts:
            ctx.dropped.discard(id(stmt))
            said = f"{ctx.newline}{ctx.indent(start)}bot say {_text(texts[-1], ctx)}"
            place = ctx.text.find("\n", stmt.span.end)
            place = len(ctx.text) if place < 0 else place - ctx.text[:place].endswith("\r")
            yield Edit(Span(place, place), said)
        return
    else:
        yield from _named(stmt, ctx)
    if pattern.arguments is not None:
        lost = ctx.text[pattern.arguments.span.start : pattern.arguments.span.end].strip()
        yield ctx.report("M207", start, f"the parameters `{lost}` of a message have no counterpart")
        first = pattern.arguments.span.start
        while ctx.text[first - 1] in " \t":
            first -= 1
        yield Edit(Span(first, pattern.arguments.span.end), "")
    if block is not None and block.entries:
        yield ctx.report("M134", block.span.start, "parameters of a message have no counterpart")
        yield comment_block(block, "parameters of a message have no counterpart", ctx)
    elif block is not None and block.texts and pattern.kind != "block":
        yield ctx.delete_lines(block.span.start, block.span.end)


def _value(name: n.Name, ctx: Context) -> Iterator[Output]:
    """`bot $x`: 2.x takes texts only, and 1.0 let the model write what has no value."""
    facts = ctx.facts
    variable = name.text.lstrip("$").partition(".")[0]
    if variable in facts.computed:
        yield Edit(name.span, f'say "{{{name.text}}}"')
    else:
        yield Edit(Span(name.start, name.start), "say ")
    if "." in name.text:
        yield ctx.report("M402", name.start, "the value must be a text in 2.x")
    elif ctx.flow is not None and variable in ctx.flow.early - SPECIAL_VARIABLES:
        yield ctx.report(
            "M136",
            name.start,
            f"`${variable}` may have no value here: 1.0 let the model write the message then, 2.x fails",
        )


def _named(stmt: n.BotStmt, ctx: Context) -> Iterator[Output]:
    pattern = stmt.pattern
    facts = ctx.facts
    name = pattern.name.text
    if not name:
        yield ctx.report("M703", stmt.span.start, "the name of the message is missing")
        return
    if pattern.says is not None:
        yield Edit(Span(pattern.says.start, pattern.name.start), "")
    if pattern.text is not None and name in SAYINGS:
        yield Edit(pattern.text.span, _text(pattern.text, ctx))
        return
    instruction = instructions(stmt.comment, ctx)
    # A flow that is not defined asks no action for an answer, so the continuation of the model, which waits for any
    # intent as well, would not give way to it and speak, too.
    alone = id(stmt) in ctx.answers
    if not facts.is_defined_bot(name) and (instruction or facts.has_knowledge or alone):
        blanks = ctx.indent(stmt.span.start)
        lines: list[str] = []
        text = f"Write the next bot message, a single string. Intent: {escape(name)}."
        if instruction:
            text += f" Instructions: {escape(instruction)}"
        if facts.has_knowledge:
            lines += [_ABOUT_KNOWLEDGE, "await RetrieveRelevantChunksAction(is_colang_2=True)"]
            lines += facts.retrieval
            text += " Answer from these notes only: {$relevant_chunks}"
        variable = f"${fresh_names(ctx)('response')}"
        lines += [f'{variable} = ..."{text}"', f"bot say {variable}"]
        written = Span(pattern.keyword.start, pattern.name.end)
        yield Edit(written, f"{ctx.newline}{blanks}".join(lines))
        return
    yield from name_edits(pattern.name, facts.bot(name), "bot", ctx)
    if pattern.text is not None:
        at = pattern.text.start
        while ctx.text[at - 1] in " \t":
            at -= 1
        yield Edit(Span(at, pattern.text.end), "")


def _text(text: n.Text, ctx: Context) -> str:
    made = message(text.value, ctx.facts.assigned)
    for code, note in made.notes:
        ctx.findings.append(ctx.report(code, text.start, note))
    return f'"{made.text}"'
