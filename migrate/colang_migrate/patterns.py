"""What `user`, `bot` and `event` stand for: in statements, in alternatives and in `when` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, apply_edits
from colang_migrate.library_names import PIPELINE_EVENTS
from colang_migrate.lines import block_arguments, value_text
from colang_migrate.texts import message, sample

if TYPE_CHECKING:
    from colang_migrate.engine import Context, Output


def user_edits(pattern: n.Pattern, ctx: Context, after: int = 0) -> Iterator[Output]:
    """``user ...`` or ``bot ...`` where something is waited for.

    `after` is the end of the alternative before it, whose `user` may stand for this one as well.
    """
    facts = ctx.facts
    start, end = pattern.span
    if start < after:
        text = pattern.text
        start = text.start if text is not None else pattern.name.start
        if pattern.kind == "intent":
            yield Edit(Span(start, start), "user ")
    if pattern.keyword.text == "bot":
        if pattern.kind == "any":
            yield Edit(Span(start, end), "bot said something")
        elif pattern.kind == "text" and pattern.text is not None:
            made = message(pattern.text.value, facts.assigned)
            yield Edit(Span(start, end), f'bot said "{made.text}"')
        else:  # a call would say the message; this waits until somebody has said it
            said = facts.bot(pattern.name.text)
            yield Edit(Span(start, end), f'FlowFinished(flow_id="{said}")')
        return
    if pattern.kind in ("any", "wildcard"):
        yield Edit(Span(start, end), "unhandled user intent")
    elif pattern.kind == "text" and pattern.text is not None:
        yield ctx.report("M210", start, "`user` with a text never matched in 1.0; it does now")
        yield Edit(Span(start, end), f'user said "{sample(pattern.text.value)[0]}"')
    elif pattern.kind == "list":
        yield ctx.report("M210", start, "a list of intents never matched in 1.0; it does now")
        names = [facts.user(name.text) for name in pattern.names]
        yield Edit(Span(start, end), " or ".join(names))
    else:
        if pattern.says is not None:
            yield Edit(Span(pattern.says.start, pattern.name.start), "")
        yield from name_edits(pattern.name, facts.user(pattern.name.text), "user", ctx)
    if pattern.arguments is not None:
        lost = ctx.text[pattern.arguments.span.start : pattern.arguments.span.end].strip()
        yield ctx.report("M207", start, f"the condition `{lost}` on an intent has no counterpart")
        begin, end = _with_blanks(pattern.arguments.span, ctx)
        yield Edit(Span(max(begin, pattern.name.end), end), "")  # the name may be missing
    if pattern.capture is not None:
        yield ctx.report(
            "M207", start, f"`as {pattern.capture.text}` held parameters of the intent"
        )


def name_edits(name: n.Name, spelled: str, prefix: str, ctx: Context) -> Iterator[Output]:
    """Spell a name as 2.x needs it; `spelled` has the prefix in front."""
    if name.start == name.end:
        yield ctx.report("M703", name.start, "a name is missing here")
        return
    new = spelled.removeprefix(f"{prefix} ") if prefix else spelled
    if ctx.text[name.start : name.end] != new:
        yield Edit(name.span, new)


def event_edits(
    event: n.EventStmt,
    ctx: Context,
    *,
    sends: bool = False,
    block: n.ParamBlock | None = None,
    suffix: str = "",
) -> Iterator[Output]:
    """The name and the arguments of an event, without the word before it; `suffix` comes behind them."""
    name = event.name.text
    spelled = event_name(name)
    arguments: list[str] = []
    rewritten = False
    items = event.arguments.items if event.arguments is not None else ()
    for item in items:
        if item.name is None:
            label = item.source.text.removeprefix("$")
            arguments.append(f"{label}={item.source.text}" if sends else "")
            rewritten = True
            continue
        if not sends and item.value == "...":
            rewritten = True
            continue
        arguments.append(ctx.text[item.span.start : item.span.end])
    extra = block_arguments(block or event.block)
    arguments += [each for each in extra if sends or not each.endswith('="..."')]
    if name in PIPELINE_EVENTS:
        yield ctx.report("M211", event.name.start, f"the event `{name}` is internal to 1.0")
    if spelled != name:
        yield Edit(event.name.span, spelled)
        if spelled.replace(".", "Action", 1) != name and "." not in spelled:
            yield ctx.report(
                "M104", event.name.start, f"the event `{name}` is called `{spelled}` now"
            )
    if event.arguments is None or rewritten or extra or event.arguments.keyword is not None:
        at = event.name.end
        end = event.arguments.span.end if event.arguments is not None else at
        yield Edit(Span(at, end), f"({', '.join(filter(None, arguments))}){suffix}")
        return
    for item in items:
        yield from value_text(item)
    if suffix:
        yield Edit(Span(event.arguments.span.end, event.arguments.span.end), suffix)


_ACTION_EVENT = re.compile(r"(UtteranceUserAction)(Finished|Started|TranscriptUpdated)")


def event_name(name: str) -> str:
    """The 2.x spelling of an event's name.

    Example:
        >>> event_name("UtteranceUserActionFinished"), event_name("user_silent"), event_name("Ping")
        ('UtteranceUserAction.Finished', 'UserSilent', 'Ping')
    """
    match = _ACTION_EVENT.fullmatch(name)
    if match:
        return f"{match[1]}.{match[2]}"
    if not name.islower() and re.fullmatch(r"[^\W\d]\w*", name):
        return name
    words = re.findall(r"[^\W_]+", name)
    return "".join(word[:1].upper() + word[1:] for word in words) or "UnnamedEvent"


def _with_blanks(span: Span, ctx: Context) -> Span:
    start = span.start
    while start > 0 and ctx.text[start - 1] in " \t":
        start -= 1
    return Span(start, span.end)


def rewritten(part: n.EventStmt | n.Pattern, ctx: Context) -> str:
    """An event (without its word) or a pattern as text, for a statement that is written anew."""
    start = part.name.start if isinstance(part, n.EventStmt) else part.span.start
    outputs = event_edits(part, ctx) if isinstance(part, n.EventStmt) else user_edits(part, ctx)
    edits: list[Edit] = []
    for output in outputs:
        if isinstance(output, Edit):
            edits.append(Edit(output.span.shift(-start), output.text))
        else:
            ctx.findings.append(output)
    return apply_edits(ctx.text[start : part.span.end], edits)
