"""The engine of rewrites: a registry by node type, one walk over a tree, edits applied once.

A rewrite sees one node and yields edits of tokens and findings. It never sees the result of another rewrite:
all edits of a file are made on the original and applied together; two that overlap are a bug and raise.
"""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang_migrate.edits import Edit, apply_edits, indent_at, line_end, line_start, next_line
from colang_migrate.findings import Finding, finding

if TYPE_CHECKING:
    from colang_migrate.facts import Facts, FlowFact

Output: TypeAlias = "Edit | Finding"
Rewrite: TypeAlias = Callable[[Any, "Context"], "Iterator[Output] | None"]
_T = TypeVar("_T", bound=Rewrite)


class Rule(NamedTuple):
    """A registered rewrite; its docstring shows a diff that is a test as well."""

    code: str
    name: str
    on: type
    run: Rewrite

    @property
    def documentation(self) -> str:
        """The docstring without its indentation."""
        import inspect  # for tests and documentation only

        return inspect.cleandoc(self.run.__doc__ or "")


RULES: dict[str, Rule] = {}
BY_NODE: dict[type, tuple[Rule, ...]] = {}


def rewrite(code: str, name: str, *, on: type) -> Callable[[_T], _T]:
    """Register a rewrite for a type of node; codes are unique."""

    def register(function: _T) -> _T:
        if code in RULES:
            raise ValueError(f"two rewrites are called {code}")
        rule = Rule(code, name, on, function)
        RULES[code] = rule
        BY_NODE[on] = (*BY_NODE.get(on, ()), rule)
        return function

    return register


class Context:
    """What a rewrite may ask about the file it works on and the configuration around it."""

    def __init__(self, text: str, facts: Facts, path: str, lines: list[int] | None = None) -> None:
        """Look at one file; `lines` gives the original line (from 1) of each line, if they differ."""
        self.text = text
        self.facts = facts
        self.path = path
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.unit = indentation(text)
        self.flow: FlowFact | None = None
        self.flow_generates = False
        self.answers: frozenset[int] = frozenset()  # ids of the steps behind waits for any intent
        self.indices: dict[int, int] = {}  # id of a definition -> its number in the file
        self.loops = 0
        self.dropped: set[int] = set()
        self.edits: list[Edit] = []
        self.findings: list[Finding] = []
        self._lines = lines
        self._starts: list[int] | None = None

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, in the original."""
        if self._starts is None:
            starts = [0]
            find, at = self.text.find, -1
            while (at := find("\n", at + 1)) >= 0:
                starts.append(at + 1)
            self._starts = starts
        line = bisect_right(self._starts, offset)
        column = offset - self._starts[line - 1] + 1
        if self._lines is not None:
            line = self._lines[min(line, len(self._lines)) - 1]
        return line, column

    def report(self, code: str, offset: int, message: str) -> Finding:
        """A finding at a place of this file."""
        line, column = self.place(offset)
        return finding(code, message, self.path, line, column)

    def indent(self, offset: int) -> str:
        """The blanks at the start of a line."""
        return indent_at(self.text, offset)

    def insert_above(self, offset: int, *lines: str) -> Edit:
        """Lines of their own above the one that holds `offset`, indented like it."""
        start = line_start(self.text, offset)
        blanks = self.indent(offset)
        return Edit(
            Span(start, start), "".join([f"{blanks}{line}{self.newline}" for line in lines])
        )

    def delete_lines(self, start: int, end: int) -> Edit:
        """Remove the whole lines from that of `start` to that of `end`, which has to be on its last line."""
        first = line_start(self.text, start)
        if first == 0:
            return Edit(Span(0, next_line(self.text, end)), "")
        # with the line end before them, so that what is added behind the last line still finds a place
        return Edit(Span(line_end(self.text, first - 1), line_end(self.text, end)), "")

    def comment_out(self, node: n.Node, why: str) -> Edit:
        """The statement as comment lines below a line that says why; nothing of it is lost."""
        self.dropped.add(id(node))
        start = line_start(self.text, node.span.start)
        end = line_end(self.text, node.span.end)
        blanks = self.indent(node.span.start)
        old = [line.rstrip("\r") for line in self.text[start:end].split("\n")]
        kept = [
            f"{blanks}# {line[len(blanks) :] if line.startswith(blanks) else line.strip()}".rstrip()
            for line in old
            if line.strip()
        ]
        return Edit(
            Span(start, end), self.newline.join([f"{blanks}# FIXME(migration): {why}", *kept])
        )

    def append_comment(self, offset: int, comment: str) -> Edit:
        """Put a comment at the end of the line that holds `offset`; one that is there already stays."""
        end = line_end(self.text, offset)
        while end > 0 and self.text[end - 1] in " \t":
            end -= 1
        return Edit(Span(end, end), f"  {comment}")


def indentation(text: str) -> str:
    r"""One level of indentation as a text uses it; two blanks if it uses none.

    Example:
        >>> indentation("define flow a\n    user b\n"), indentation("define flow a")
        ('    ', '  ')
    """
    at = text.find("\n ")
    while at >= 0:
        end = at + 1
        while end < len(text) and text[end] == " ":
            end += 1
        if end < len(text) and text[end] not in "\r\n\t":
            return text[at + 1 : end]
        at = text.find("\n ", end)
    return "  "


def run(module: n.Module, context: Context, last: Sequence[Edit] = ()) -> str:
    """Rewrite one module: the new text. Findings are collected in the context.

    Args:
        module: The tree of `context.text`.
        context: What is known about the file.
        last: Insertions that come after those of the rewrites where both are at one place.
    """
    importlib.import_module("colang_migrate.rules")  # registers the rewrites

    context.indices = {id(definition): i for i, definition in enumerate(module.definitions)}
    for definition in module.definitions:
        _visit(definition, context)
    context.edits += last
    context.edits += _joints(module, context)
    return apply_edits(context.text, context.edits)


_MARK = re.compile(r"\\[ \t]*\r?\n")
_JOINT = re.compile(r"[ \t]*\\[ \t]*\r?\n[ \t]*")


def _joints(module: n.Module, context: Context) -> list[Edit]:
    """Marks that join lines, where no rewrite has written the line anew: 2.x knows no such mark."""
    if _MARK.search(context.text) is None:  # the tokens need not be collected
        return []
    marks = [token for token in module.tokens if token.type == "CONTINUATION"]
    if not marks:
        return []
    covered = [edit.span for edit in context.edits]
    out: list[Edit] = []
    for token in marks:
        start = token.start
        while context.text[start - 1] in " \t":
            start -= 1
        match = _JOINT.match(context.text, start)
        if match and not any(s < match.end() and e > start for s, e in covered):
            out.append(Edit(Span(start, match.end()), " "))
    return out


def _visit(node: n.Node, context: Context) -> None:
    for rule in BY_NODE.get(type(node), ()):
        outputs = rule.run(node, context)
        if outputs is None:
            continue
        for output in outputs:
            if isinstance(output, Edit):
                context.edits.append(output)
            else:
                context.findings.append(output)


def visit_body(body: tuple[n.Stmt, ...], context: Context) -> Iterator[Output]:
    """Rewrite the statements of one block; a block whose statements all became comments gets a `pass`."""
    for statement in body:
        _visit(statement, context)
    if body and context.dropped and all(id(statement) in context.dropped for statement in body):
        end = line_end(context.text, body[-1].span.end)
        blanks = context.indent(body[0].span.start)
        yield Edit(Span(end, end), f"{context.newline}{blanks}pass")
