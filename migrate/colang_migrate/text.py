"""Migration of one text: a whole file, or a fragment of a flow."""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence

from colang.diagnostics import Diagnostic, Severity
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.dialect import detect
from colang.syntax.lexer_v1 import is_colang_1
from colang.syntax.parser_v1 import parse_v1
from colang_migrate.edits import Edit, OverlapError, line_end
from colang_migrate.engine import Context, indentation, run
from colang_migrate.facts import Facts, scan
from colang_migrate.findings import Finding, TextResult, finding
from colang_migrate.jumps import without_jumps
from colang_migrate.library_names import MESSAGES
from colang_migrate.rules.bot_definition import message_flow


def migrate_text(
    text: str,
    *,
    facts: Facts | None = None,
    path: str = "<text>",
    from_version: str = "1.0",
    rails: Sequence[str] = (),
) -> TextResult:
    r"""Migrate one Colang text to 2.x. Never raises; text in 2.x comes back as it is.

    Args:
        text: A whole file. A byte order mark, line ends and everything in comments stay.
        facts: The configuration around the file; by default the file is all there is.
        path: The name of the file in findings, and in `facts`.
        from_version: ``"1.0"`` or ``"2.0-alpha"``.
        rails: Without `facts`: flows that are listed as input rails.

    Example:
        >>> print(migrate_text('define bot greet\n  "We never stop."\n').text, end="")
        flow bot greet
          bot say "We never stop."
    """
    if from_version == "2.0-alpha":
        from colang_migrate.alpha import migrate_alpha

        return migrate_alpha(text, path)
    plain = text.removeprefix("\ufeff")
    if not is_colang_1(plain) and detect(plain).version != "1.0":
        return TextResult(text, (finding("M702", "this file is no Colang 1.0; it stays", path),))
    # Nothing made here is garbage before the end: on a large file the collector would only walk the tree.
    pause = len(text) > 20_000 and gc.isenabled()
    if pause:
        gc.disable()
    try:
        return _migrate(text, facts, path, rails)
    finally:
        if pause:
            gc.enable()


def _migrate(text: str, facts: Facts | None, path: str, rails: Sequence[str]) -> TextResult:
    body = text.removeprefix("\ufeff")
    module, problems = parse_v1(body)
    if _GOTO.search(body) and any(
        isinstance(s, n.Goto) for flow in module.flows for s in n.walk(flow.body)
    ):
        body, module, lines = without_jumps(body, module)
    else:
        lines = None
    if facts is None:
        facts = Facts([scan(module, path)], rails={"input": list(rails)})
    context = Context(body, facts, path, lines)
    mixed = _mixed(body, context)
    if mixed is not None:
        return TextResult(text, (mixed,), readable=False)
    stubs = _stubs(module, context)
    try:
        made = run(module, context, stubs)
    except OverlapError as error:
        told = _problems(problems, context)
        if not any(each.rule == "M703" for each in told):  # not the fault of the text
            told.append(finding("M901", f"two rewrites want the same place: {error}", path))
        return TextResult(text, (*context.findings, *told), readable=False)
    told = _problems(problems, context)
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    findings = (*_made(module, context), *context.findings, *told)
    readable = not any(each.rule == "M703" for each in findings)
    return TextResult(bom + made, findings, readable)


_GOTO = re.compile(r"\bgo[ \t]*to\b")


def migrate_fragment(text: str, *, from_version: str = "1.0") -> TextResult:
    r"""Migrate statements without the definition around them; a whole file is migrated as such.

    Example:
        >>> print(migrate_fragment("if $a\n  do wrap up\n  stop\n").text, end="")
        if $a
          await wrap up
          abort
    """
    if from_version != "1.0" or is_colang_1(text) or detect(text).version == "2.x":
        return migrate_text(text, from_version=from_version)
    unit = indentation(text)
    if any(line[:1] not in " \t\r\n#" for line in text.split("\n") if line):
        shifted = "".join(
            [f"{unit}{line}" if line.strip() else line for line in text.splitlines(keepends=True)]
        )
    else:
        unit, shifted = "", text
    header = "define subflow fragment\n"
    result = migrate_text(header + shifted)
    lines = result.text.split("\n")[1:]
    while lines and re.fullmatch(r"\s*global \$\w+\r?", lines[0]):
        lines.pop(0)
    end = next((i for i, line in enumerate(lines) if line.startswith("flow ")), len(lines))
    body = [line.removeprefix(unit) for line in lines[:end]]
    if end < len(lines) and body and not body[-1]:
        body.pop()
    made = "\n".join(body)
    if text.endswith("\n") and not made.endswith("\n"):
        made += "\n"
    return TextResult(made, result.findings, result.readable)


_FLOW_2 = re.compile(r"^(?:flow[ \t]+[^\W\d][^\n]*|@[a-z]+\b[^\n]*)", re.MULTILINE)


def _mixed(text: str, context: Context) -> Finding | None:
    """A file with definitions of both versions: guessing would lose one half."""
    if "\nflow " not in text and not text.startswith("flow ") and "\n@" not in text:
        return None
    found = [each for each in detect(text).evidence if each.version == "2.x"]
    found = [each for each in found if _FLOW_2.match(each.text) and not each.text.endswith(":")]
    if not found:
        return None
    return context.report(
        "M701", found[0].span.start, f"`{found[0].text}` is Colang 2.x in a file with `define`"
    )


def _stubs(module: n.Module, context: Context) -> list[Edit]:
    """Flows for intents without a definition, and for messages whose text 1.0 brought along."""
    facts = context.facts
    text = context.text
    newline = context.newline
    stubs = [name for name, place in facts.undefined_users.items() if place[0] == context.path]
    edits: list[Edit] = []
    missing = [name for name, place in facts.missing_bots.items() if place[0] == context.path]
    flows = [
        [f"flow {facts.user(name)}", f"{context.unit}match NeverComingEvent()"] for name in stubs
    ]
    tail = [message_flow(name, [MESSAGES[name]], context) for name in missing]
    users = [d for d in module.definitions if isinstance(d, n.UserDef) and not d.direct]
    for name in stubs:
        context.findings.append(
            finding(
                "M210",
                f"`user {name}` has no samples; the intent detection finishes it",
                context.path,
            )
        )
    if users and flows:
        at = line_end(text, users[-1].span.end)
        lines = [line for flow in flows for line in ["", *flow]]
        edits.append(Edit(Span(at, at), "".join([f"{newline}{line}" for line in lines])))
        flows = []
    flows += tail
    if flows:
        lines = [line for flow in flows for line in ["", *flow]]
        end = len(text)
        made = "".join([f"{newline}{line}" for line in lines])
        if text.endswith("\n"):
            made = "".join([f"{line}{newline}" for line in lines])
        edits.append(Edit(Span(end, end), made))
    return edits


def _problems(problems: Sequence[Diagnostic], context: Context) -> list[Finding]:
    """What the parser says about the original; what a rewrite has dealt with is told there."""
    dealt = {
        each.line
        for each in context.findings
        if each.rule in ("M703", "M207", "M210", "M202", "M131")
    }
    told: list[Finding] = []
    for problem in problems:
        line = context.place(problem.span.start)[0]
        if problem.severity is Severity.ERROR and line not in dealt:
            told.append(
                context.report("M703", problem.span.start, f"the original: {problem.message}")
            )
    return told


_KIND: dict[type, tuple[str, str]] = {
    n.UserDef: ("M026", "user"),
    n.BotDef: ("M027", "bot"),
    n.FlowDef: ("M028", "flow"),
}


def _made(module: n.Module, context: Context) -> list[Finding]:
    """One line for each definition that was converted."""
    out: list[Finding] = []
    for definition in module.definitions:
        kind = _KIND.get(type(definition))
        if kind is None:
            continue
        name = getattr(definition, "name", None)
        line, column = context.place(definition.span.start)
        what = f"define {kind[1]} {name.text}" if name is not None else f"define {kind[1]}"
        out.append(
            Finding(
                rule=kind[0],
                message=f"`{what}` is a flow",
                status="converted",
                advice="nothing",
                path=context.path,
                line=line,
                column=column,
            )
        )
    return out
