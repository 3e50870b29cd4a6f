"""`define user`."""

from __future__ import annotations

from collections.abc import Iterator

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, line_end, line_start
from colang_migrate.engine import Context, Output, rewrite, visit_body
from colang_migrate.headers import comments_in, globals_lines, header, quoted_comment
from colang_migrate.lines import lift_comments
from colang_migrate.texts import sample


@rewrite("M026", "user-samples", on=n.UserDef)
def user_samples(node: n.UserDef, ctx: Context) -> Iterator[Output]:
    """Samples of an intent are an or-group of `user said`. An intent is never active.

    ```diff
    -define user ask about fees   # often
    -    "what are the fees"
    -    # heard on the phone
    -    "what's a [term](period)"
    +flow user ask about fees   # often
    +    user said "what are the fees"
    +        or user said "what's a term"  # heard on the phone
    ```
    """
    facts = ctx.facts
    name = node.name.text
    if facts.first_user.get(name) != (ctx.path, facts_index(node, ctx)):
        yield from _repeated(node, ctx)
    else:
        yield from header(node, node.name, facts.user(name), ctx)
        if "something" in name.split():
            yield ctx.report("M105", node.name.start, "1.0 read `something` as a wildcard")
        yield from _samples(node, ctx)
    if node.direct:
        yield from _direct(node, ctx)


def facts_index(node: n.Node, ctx: Context) -> int:
    """The number of a definition in its file."""
    return ctx.indices[id(node)]


def _samples(node: n.UserDef, ctx: Context) -> Iterator[Output]:
    unit = ctx.unit
    lines = 0
    lost: list[str] = []
    last = -1
    blanks = unit
    own: list[str] = []
    for line in node.body:
        blanks = ctx.indent(line.span.start)
        if not isinstance(line, n.Example) or not (
            len(line.parts) == 1 and isinstance(line.parts[0], n.Text)
        ):
            raw = ctx.text[line.span.start : line.span.end]
            code = "M131" if isinstance(line, n.Example) else "M207"
            what = "a reference to another intent" if code == "M131" else "without effect in 1.0"
            yield ctx.report(code, line.span.start, f"`{raw}`: {what} has no counterpart")
            lost += [f"# FIXME(migration): {what}: {part.strip()}" for part in raw.split("\n")]
            lost += comments_in(ctx.text[line.span.end : line_end(ctx.text, line.span.end)])
            yield ctx.delete_lines(line.span.start, line.span.end)
            continue
        text = line.parts[0]
        own.append(text.value)
        made, plain = sample(text.value)
        if plain:
            yield ctx.report("M130", text.start, "an annotation of the sample is plain text now")
        if lines:
            yield from lift_comments(line.comment, line_start(ctx.text, text.start), ctx)
            yield Edit(text.span, f'{unit}or user said "{made}"')
        else:
            yield Edit(text.span, f'user said "{made}"')
        lines += 1
        last = line_end(ctx.text, text.end)
    more = [value for value in ctx.facts.samples.get(node.name.text, {}) if value not in own]
    added = [sample(value)[0] for value in dict.fromkeys(more)]
    if lost:
        at = line_end(ctx.text, node.name.end)
        yield Edit(Span(at, at), "".join([f"{ctx.newline}{blanks}{line}" for line in lost]))
    if not lines:
        at = line_end(ctx.text, node.name.end)
        first = f'user said "{added.pop(0)}"' if added else "match NeverComingEvent()"
        rest = [f'{unit}or user said "{text}"' for text in added]
        made = "".join([f"{ctx.newline}{blanks}{text}" for text in (first, *rest)])
        yield Edit(Span(at, at), made)
    elif added:
        rest = [f'{ctx.newline}{blanks}{unit}or user said "{text}"' for text in added]
        yield Edit(Span(last, last), "".join(rest))


def _repeated(node: n.UserDef, ctx: Context) -> Iterator[Output]:
    """A second definition of an intent: its samples have moved to the first one."""
    path, _ = ctx.facts.first_user[node.name.text]
    where = "above" if path == ctx.path else f"in {path}"
    yield ctx.report(
        "M103", node.span.start, f"`{node.name.text}` is defined {where}; samples joined"
    )
    end = node.direct[0].span.start if node.direct else node.span.end
    start = line_start(ctx.text, node.span.start)
    stop = line_start(ctx.text, end) if node.direct else line_end(ctx.text, end)
    lines = [quoted_comment(f"the samples of `{node.name.text}` stand {where}")]
    lines += comments_in(ctx.text[start:stop])
    made = ctx.newline.join(lines) + (ctx.newline if node.direct else "")
    yield Edit(Span(start, stop), made)


def _direct(node: n.UserDef, ctx: Context) -> Iterator[Output]:
    """Statements from a `bot` line on are a flow that starts with the intent."""
    flow = ctx.facts.flow_of(ctx.path, facts_index(node, ctx))
    assert flow is not None
    ctx.flow = flow
    first = node.direct[0]
    at = line_start(ctx.text, first.span.start)
    blanks = ctx.indent(first.span.start)
    lines = ["", *(["@active"] if ctx.facts.use_active else []), f"flow {flow.new_name}"]
    lines += [f"{blanks}{line}" for line in globals_lines(flow, ctx)]
    lines.append(f"{blanks}{ctx.facts.user(node.name.text)}")
    yield Edit(Span(at, at), "".join([f"{line}{ctx.newline}" for line in lines]))
    yield from visit_body(node.direct, ctx)
    ctx.flow = None
