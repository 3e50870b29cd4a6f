"""`execute`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end
from colang_migrate.engine import Context, Output, rewrite
from colang_migrate.expressions import rewrite_expression
from colang_migrate.lines import block_arguments, fresh_names, remove_block, value_text

_PLAIN_VARIABLE = re.compile(r"\$[^\W\d]\w*")
_PIPELINE = frozenset(
    (
        "generate_bot_message",
        "generate_next_steps",
        "generate_next_step",
        "generate_user_intent",
        "generate_intent_steps_message",
        "generate_value",
    )
)


@rewrite("M024", "execute-to-await", on=n.ExecuteStmt)
def execute_to_await(stmt: n.ExecuteStmt, ctx: Context) -> Iterator[Output]:
    """An action is awaited under a capitalised name that ends in `Action`, always with parentheses.

    ```diff
    -define subflow repair
    -  $price = execute get_price(part="pads")  # in euros
    -  execute open_bay
    +flow repair
    +  $price = await GetPriceAction(part="pads")  # in euros
    +  await OpenBayAction()
    ```

    In a rail whose result decides, an action that fails must not let the message pass:

    ```rails
    check fraud
    ```
    ```diff
    -define subflow check fraud
    -  $fraud = execute looks_fraudulent
    +flow check fraud
    +  $fraud = await LooksFraudulentAction()
    +  # In 1.0 a failing action ends the turn; in 2.x it returns None and the flow would go on.
    +  if $fraud is None
    +    bot say "I'm sorry, an internal error has occurred."
    +    abort
       if $fraud
    -    stop
    +    abort
    ```
    """
    facts = ctx.facts
    name = stmt.name.text
    spelled, reachable = facts.action(name)
    if stmt.keyword.text != "await":
        yield Edit(stmt.keyword.span, "await")
    yield Edit(stmt.name.span, spelled)
    if name in _PIPELINE:
        yield ctx.report("M211", stmt.name.start, f"the action `{name}` is internal to 1.0")
    elif not reachable:
        yield ctx.report(
            "M403",
            stmt.name.start,
            f"2.x does not find `{name}` by rule; register it as `{spelled}`",
        )
    elif facts.actions is not None and not facts.is_action(name):
        yield ctx.report("M404", stmt.name.start, f"no action is registered as `{name}`")
    if name == "retrieve_relevant_chunks" and stmt.arguments is None and stmt.block is None:
        yield Edit(Span(stmt.name.end, stmt.name.end), "(is_colang_2=True)")
        blanks = f"{ctx.newline}{ctx.indent(stmt.span.start)}"
        rails = "".join([f"{blanks}{call}" for call in facts.retrieval])
        if rails:
            end = line_end(ctx.text, stmt.span.end)
            yield Edit(Span(end, end), rails)
    else:
        yield from _arguments(stmt, ctx)
    if stmt.block is not None:
        yield remove_block(stmt.block, ctx)
    flow = ctx.flow
    if flow is None or not flow.guarded or stmt.target is None:
        return
    target = stmt.target.text[1:]
    if target not in facts.tested and target not in ("user_message", "bot_message"):
        return
    if facts.guards and not facts.may_return_none(name):
        end = line_end(ctx.text, stmt.span.end)
        blanks = f"{ctx.newline}{ctx.indent(stmt.span.start)}"
        lines = (
            "# In 1.0 a failing action ends the turn; in 2.x it returns None and the flow would go on.",
            f"if ${target} is None",
            f'{ctx.unit}bot say "I\'m sorry, an internal error has occurred."',
            f"{ctx.unit}abort",
        )
        yield Edit(Span(end, end), "".join([f"{blanks}{line}" for line in lines]))
        message = f"a failing `{name}` ended the turn in 1.0; a guard does so now"
    elif facts.may_return_none(name):
        message = (
            f"a failing `{name}` ended the turn in 1.0; it may return None, so there is no guard"
        )
    else:
        message = f"a failing `{name}` ended the turn in 1.0; now the flow goes on with None"
    yield ctx.report("M301", stmt.span.start, message)


def _arguments(stmt: n.ExecuteStmt, ctx: Context) -> Iterator[Output]:
    extra = block_arguments(stmt.block)
    given = stmt.arguments
    if given is None:
        yield Edit(Span(stmt.name.end, stmt.name.end), f"({', '.join(extra)})")
        return
    if given.keyword is not None:
        yield Edit(
            Span(stmt.name.end, given.items[0].span.start if given.items else given.span.end), "("
        )
    parameters = list((ctx.facts.actions or {}).get(stmt.name.text, ()))
    fresh = fresh_names(ctx)
    for position, item in enumerate(given.items):
        if item.name is None:
            if position < len(parameters):
                yield Edit(Span(item.span.start, item.span.start), f"{parameters[position]}=")
            elif item.is_reference and _PLAIN_VARIABLE.fullmatch(item.source.text):
                guess = item.source.text[1:]
                yield Edit(Span(item.span.start, item.span.start), f"{guess}=")
                yield ctx.report(
                    "M401", item.span.start, f"this argument has no name; `{guess}` is a guess"
                )
            else:
                yield Edit(Span(item.span.start, item.span.start), f"argument_{position + 1}=")
                yield ctx.report("M401", item.span.start, "this argument has no name")
        elif item.name.text.startswith("$"):
            yield Edit(Span(item.name.start, item.name.start + 1), "")
        if item.is_reference and not _PLAIN_VARIABLE.fullmatch(item.source.text):
            yield ctx.report(
                "M402",
                item.source.start,
                f"1.0 passed the text `{item.source.text}`; 2.x passes its value",
            )
            made = rewrite_expression(item.source.text, "argument", fresh, ctx.unit)
            if made.before:
                yield ctx.insert_above(stmt.span.start, *made.before)
            if made.text != item.source.text:
                yield Edit(item.source.span, made.text)
        else:
            yield from value_text(item)
    if given.items and given.keyword is None:
        last = given.items[-1].span.end
        rest = ctx.text[last : given.span.end - 1]
        if "," in rest:
            yield Edit(Span(last, given.span.end - 1), "")
    if extra or given.keyword is not None:
        close = "" if given.keyword is None else ")"
        at = given.span.end - (given.keyword is None)
        lead = ", " if given.items and extra else ""
        yield Edit(Span(at, at), f"{lead}{', '.join(extra)}{close}")
