"""`define flow` and `define subflow`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.config.pipeline_v1 import PIPELINE
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end
from colang_migrate.engine import Context, Output, rewrite, visit_body
from colang_migrate.facts import FlowFact
from colang_migrate.headers import body_start, globals_lines, header, insert_below, start_of_line
from colang_migrate.library_names import ASK_LAST_MESSAGE, LAST_MESSAGE, MISSING_VARIABLES
from colang_migrate.rules.bot_definition import message_flow
from colang_migrate.steps import (
    behind_any_intent,
    behind_events,
    readers,
    takes_anything,
    without_answer,
)

_KNOWN = frozenset(("extension", "parallel", "recursive"))
_READ = MISSING_VARIABLES - {"event"}  # what an event carries is bound where the flow waits for it


@rewrite("M028", "flow-header", on=n.FlowDef)
def flow_header(node: n.FlowDef, ctx: Context) -> Iterator[Output]:
    """A flow that starts by itself is active; one that is called, or listed as a rail, is not.

    ```diff
     # Everybody hears it.
    -define flow
    -  user ask about bins
    +@active
    +flow ask about bins
    +  user ask about bins
       bot inform bin day

    -define subflow wrap up
    +flow wrap up
       bot say thanks
    +
    +flow user ask about bins
    +  match NeverComingEvent()
    ```

    Flows that share their first line compete; 1.0 takes the first one, 2.x needs to be told:

    ```diff
    -define flow bins
    +@active
    +flow bins
       user ask about bins
       bot inform bin day

    -define flow bins short
    +@active
    +flow bins short
    +  priority 0.9
       user ask about bins
       bot promote app
    +
    +flow user ask about bins
    +  match NeverComingEvent()
    ```
    """
    facts = ctx.facts
    flow = facts.flow_of(ctx.path, ctx.indices[id(node)])
    assert flow is not None
    ctx.flow = flow
    if flow.active and facts.use_active:
        yield Edit(_at(start_of_line(node, ctx)), f"@active{ctx.newline}")
    yield from header(node, node.name, flow.new_name, ctx, facts.parameters_of(flow))
    if node.name is None and node.keyword is not None:
        yield ctx.report("M102", node.span.start, f"this flow is called `{flow.new_name}`")
    if flow.id in PIPELINE:
        yield ctx.report(
            "M212", node.span.start, f"`{flow.id}` replaces a flow of the 1.0 pipeline"
        )
    yield from _start(node, flow, ctx)
    ctx.answers = frozenset([id(message) for message in behind_any_intent(node.body)])
    ctx.flow_generates = facts.has_knowledge and any(
        isinstance(s, n.BotStmt)
        and s.pattern.kind == "intent"
        and not facts.is_defined_bot(s.pattern.name.text)
        for s in n.walk(node.body)
    )
    lines = globals_lines(flow, ctx)
    if flow.new_priority is not None:
        if not any(isinstance(s, n.Priority) for s in n.walk(node.body)):
            lines.append(f"priority {flow.new_priority}")
        message = (
            f"another flow starts with the same; priority {flow.new_priority} keeps their order"
        )
        yield ctx.report("M201", node.span.start, message)
    if _asks_last_message(flow):
        for reader in readers(node.body, LAST_MESSAGE):
            yield ctx.insert_above(reader.span.start, ASK_LAST_MESSAGE)
            if isinstance(reader, n.While) and reader.body:
                last = line_end(ctx.text, reader.body[-1].span.end)
                inside = ctx.indent(reader.body[0].span.start)
                yield insert_below(last, inside, [ASK_LAST_MESSAGE], ctx)
    blanks = ctx.indent(node.body[0].span.start) if node.body else ctx.unit
    end = node.name.end if node.name is not None else node.span.start
    if node.name is None and node.kind is not None:
        end = node.kind.end
    if lines:
        yield insert_below(body_start(node, end, ctx), blanks, lines, ctx)
    if not node.body:
        yield insert_below(body_start(node, end, ctx), blanks, ["pass"], ctx)
    body = node.body
    if flow.extends:
        first = next(s for s in body if isinstance(s, n.BotStmt))
        ctx.dropped.add(id(first))
        yield ctx.delete_lines(first.span.start, first.span.end)
        rest = tuple([s for s in body if s is not first])
        if not rest:
            yield insert_below(line_end(ctx.text, node.span.end), blanks, ["pass"], ctx)
        yield from visit_body(rest, ctx)
    elif flow.active and flow.trigger is not None and flow.trigger[0] == "bot":
        first = next(s for s in body if isinstance(s, n.BotStmt))
        yield from _after_message(first, ctx)
        yield from visit_body(tuple([s for s in body if s is not first]), ctx)
    else:
        yield from visit_body(body, ctx)
    yield from _modifiers(node, ctx)
    yield from _hoisted(node, ctx)
    ctx.flow = None


def _at(offset: int) -> Span:
    return Span(offset, offset)


def _asks_last_message(flow: FlowFact) -> bool:
    """Whether a flow reads what the user said last; while input rails run that is the message before."""
    return LAST_MESSAGE in flow.variables and LAST_MESSAGE not in flow.assigned and not flow.guarded


def _modifiers(node: n.FlowDef, ctx: Context) -> Iterator[Output]:
    for token in node.modifiers:
        if token.text not in _KNOWN:
            yield ctx.report("M204", token.start, f"the modifier `{token.text}` has no counterpart")
    if any(token.text in ("parallel", "recursive") for token in node.modifiers) and node.body:
        first = next((s for s in node.body if not isinstance(s, (n.Meta, n.Priority))), None)
        if first is not None and isinstance(first, (n.UserStmt, n.EventStmt)):
            at = line_end(ctx.text, first.span.end)
            blanks = ctx.indent(first.span.start)
            yield insert_below(at, blanks, ["start_new_flow_instance:"], ctx)


def _start(node: n.FlowDef, flow: FlowFact, ctx: Context) -> Iterator[Output]:
    """What there is to tell about when the flow starts."""
    if flow.active and flow.conditional:
        yield ctx.report(
            "M206", node.span.start, "what stands before the first match is evaluated once in 2.x"
        )
    asked = flow.trigger is not None and flow.trigger[0] in ("user", "any")
    if flow.active and asked:
        for unanswered in without_answer(node.body):
            yield ctx.report(
                "M213",
                unanswered.span.start,
                "the bot may have no step here: then 1.0 let the model go on, and 2.x says nothing",
            )
    if flow.active and flow.trigger == ("any", "") and flow.place < ctx.facts.last_asked:
        yield ctx.report(
            "M201",
            node.span.start,
            "1.0 preferred this flow to those below it; 2.x gives it only what no other flow takes",
        )
    for inside in n.walk(node.body[1:]):
        if takes_anything(inside) and ctx.facts.takes_anything_beside(flow):
            yield ctx.report(
                "M201",
                inside.span.start,
                "another flow starts with any intent; 1.0 preferred the first of both, in 2.x that one may win",
            )
    for late in behind_events(node.body):
        yield ctx.report(
            "M210", late.span.start, "1.0 ended the flow at the event above; now this runs as well"
        )
    for name in sorted(flow.early & _READ):
        for reader in readers(node.body, name):
            yield ctx.report("M302", reader.span.start, f"`${name}` has no value in 2.x")
    never = not (flow.active or flow.is_rail or flow.is_subflow or flow.extends)
    if never and (flow.name or "") not in ctx.facts.called_names and flow.id not in PIPELINE:
        yield ctx.report("M210", node.span.start, f"nothing starts the flow `{flow.new_name}`")


def _after_message(first: n.BotStmt, ctx: Context) -> Iterator[Output]:
    """A flow that begins with a message without a flow of its own waits for that message."""
    name = first.pattern.name.text
    if first.pattern.kind == "any":
        made = "bot said something"
    else:
        made = f'match FlowFinished(flow_id="{ctx.facts.bot(name)}")'
    yield Edit(first.pattern.span, made)
    yield ctx.report(
        "M203", first.span.start, "this flow competes with the one that said the message"
    )


def _hoisted(node: n.FlowDef, ctx: Context) -> Iterator[Output]:
    """Flows for the texts that stood beside names: behind the first flow that uses them."""
    facts = ctx.facts
    place = (ctx.path, ctx.indices[id(node)])
    made: list[str] = []
    for name in facts.hoisted_at(place):
        values = [value for _, _, value in facts.bot_texts[name]]
        made += ["", *message_flow(name, values, ctx)]
        if facts.bot(name) in facts.overrides:
            made.insert(len(made) - len(message_flow(name, values, ctx)), "@override")
    if made:
        yield insert_below(line_end(ctx.text, node.span.end), "", made, ctx)
