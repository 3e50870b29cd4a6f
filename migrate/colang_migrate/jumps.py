"""Jumps of 1.0 as loops of 1.0, before everything else: `label ask ... goto ask` is `while True`.

A label becomes a loop if every jump to it comes from below, inside of the statements that follow the label in
its block, and from no loop in between. A jump forward over some statements becomes an `if` with the opposite
condition. Everything else stays, and is reported by the rewrites of `label` and `goto`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.parser_v1 import parse_v1
from colang_migrate.edits import Edit, apply_edits, indent_at, line_end, line_start, next_line
from colang_migrate.engine import indentation
from colang_migrate.steps import blocks_of


def without_jumps(text: str, module: n.Module) -> tuple[str, n.Module, list[int] | None]:
    r"""The text with loops instead of jumps, its tree, and the original line of each line (None: unchanged).

    Example:
        >>> text = "define flow a\n  user b\n  label l\n  bot c\n  if $x\n    goto l\n"
        >>> print(without_jumps(text, parse_v1(text)[0])[0], end="")
        define flow a
          user b
          # was: label l
          while True
            bot c
            if $x
              # was: goto l
              continue
            break
    """
    lines: list[int] | None = None
    for _ in range(20):  # each round resolves one jump of each flow; nested ones take another round
        edits: list[Edit] = []
        for definition in module.definitions:
            if isinstance(definition, n.FlowDef) and any(
                isinstance(s, n.Goto) for s in n.walk(definition.body)
            ):
                edits += _first(definition.body, text)
        if not edits:
            break
        lines = _mapped(text, edits, lines)
        text = apply_edits(text, edits)
        module = parse_v1(text)[0]
    return text, module, lines


def _first(body: Sequence[n.Stmt], text: str) -> Iterator[Edit]:
    """The edits that resolve the first jump of a block, or of a block inside of it."""
    for index, stmt in enumerate(body):
        if isinstance(stmt, n.LabelStmt) and stmt.value is None:
            rest = body[index + 1 :]
            jumps = [s for s in n.walk(tuple(rest)) if _goes_to(s, stmt)]
            if jumps and rest and _loops(rest, stmt, len(jumps)) and not _leaves(rest):
                yield from _loop(stmt, rest, jumps, text)
                return
        if isinstance(stmt, n.If) and len(stmt.branches) == 1 and stmt.branches[0].condition:
            only = stmt.branches[0].body
            if len(only) == 1 and isinstance(only[0], n.Goto):
                found = _forward(body, index, only[0])
                if found is not None:
                    yield from _skip(stmt, body[index + 1 : found], body[found], text)
                    return
    for stmt in body:
        for inner in blocks_of(stmt):
            edits = list(_first(inner, text))
            if edits:
                yield from edits
                return


def _goes_to(stmt: n.Stmt, label: n.LabelStmt) -> bool:
    return isinstance(stmt, n.Goto) and stmt.name.text == label.name.text


def _loops(body: Sequence[n.Stmt], label: n.LabelStmt, expected: int) -> bool:
    """Whether all jumps to the label are found without going into a loop."""
    return _count(body, label) == expected


def _count(body: Sequence[n.Stmt], label: n.LabelStmt) -> int:
    total = 0
    for stmt in body:
        total += _goes_to(stmt, label)
        if not isinstance(stmt, n.While):
            total += sum(_count(inner, label) for inner in blocks_of(stmt))
    return total


def _leaves(body: Sequence[n.Stmt]) -> bool:
    """Whether `break` or `continue` in these statements means a loop around them."""
    for stmt in body:
        if isinstance(stmt, n.Break) or (
            isinstance(stmt, n.Continue) and stmt.keyword.text == "continue"
        ):
            return True
        if not isinstance(stmt, n.While) and any(_leaves(inner) for inner in blocks_of(stmt)):
            return True
    return False


def _loop(
    label: n.LabelStmt, rest: Sequence[n.Stmt], jumps: Sequence[n.Stmt], text: str
) -> Iterator[Edit]:
    unit = indentation(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    blanks = indent_at(text, label.span.start)
    written = text[label.span.start : label.span.end]
    yield Edit(label.span, f"# was: {written}{newline}{blanks}while True")
    start = line_end(text, label.span.end)
    end = line_end(text, rest[-1].span.end)
    yield from _indented(text, start, end, unit)
    for jump in jumps:
        written = text[jump.span.start : jump.span.end]
        here = indent_at(text, jump.span.start)
        yield Edit(jump.span, f"# was: {written}{newline}{unit}{here}continue")
    yield Edit(Span(end, end), f"{newline}{blanks}{unit}break")


def _forward(body: Sequence[n.Stmt], index: int, jump: n.Goto) -> int | None:
    for at in range(index + 2, len(body)):
        stmt = body[at]
        if isinstance(stmt, n.LabelStmt) and stmt.name.text == jump.name.text and not stmt.value:
            others = [s for s in n.walk(tuple(body)) if _goes_to(s, stmt)]
            return at if len(others) == 1 else None
    return None


def _skip(stmt: n.If, skipped: Sequence[n.Stmt], label: n.Stmt, text: str) -> Iterator[Edit]:
    unit = indentation(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    blanks = indent_at(text, stmt.span.start)
    condition = stmt.branches[0].condition
    assert condition is not None
    jump = stmt.branches[0].body[0]
    yield Edit(condition.span, f"not ({condition.text})")
    written = text[jump.span.start : jump.span.end]
    end = line_end(text, condition.end)
    yield Edit(Span(end, end), f"  # was: {written}")
    behind = text[jump.span.end : line_end(text, jump.span.end)].strip()
    start = line_start(text, jump.span.start)
    stop = next_line(text, jump.span.end)
    yield Edit(Span(start, stop), f"{blanks}{unit}{behind}{newline}" if behind else "")
    yield from _indented(
        text, line_end(text, jump.span.end), line_end(text, skipped[-1].span.end), unit
    )
    behind = text[label.span.end : line_end(text, label.span.end)].strip()
    start = line_start(text, label.span.start)
    stop = next_line(text, label.span.end)
    yield Edit(Span(start, stop), f"{blanks}{unit}{behind}{newline}" if behind else "")


def _indented(text: str, start: int, end: int, unit: str) -> Iterator[Edit]:
    """One level more for every line between two line ends that is not empty."""
    at = text.find("\n", start)
    while 0 <= at < end:
        if text[at + 1 : at + 2] not in ("", "\n", "\r"):
            yield Edit(Span(at + 1, at + 1), unit)
        at = text.find("\n", at + 1)


def _mapped(text: str, edits: Sequence[Edit], before: list[int] | None) -> list[int]:
    """The original line of each line of the edited text."""
    origin = before or list(range(1, text.count("\n") + 2))
    out: list[int] = []
    at = 0
    line = 0
    for (start, end), new in sorted(edits, key=lambda edit: edit.span):
        passed = text.count("\n", at, start)
        out += origin[line : line + passed]
        line += passed
        out += [origin[line]] * new.count("\n")
        line += text.count("\n", start, end)
        at = end
    out += origin[line:]
    return out
