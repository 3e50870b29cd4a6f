"""The walk over the lines of an alpha file. Rewrites register like those of 1.0 and see one line of tokens."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from colang.source import Source
from colang.syntax import nodes
from colang.syntax.nodes import Token
from colang.syntax.parser_v2 import parse_v2
from colang_migrate.edits import Edit, apply_edits
from colang_migrate.findings import Finding, TextResult, finding

Line: TypeAlias = "list[Token]"
Rewrite: TypeAlias = Callable[["Line", "AlphaContext"], "Iterator[Edit | Finding]"]


@dataclass(frozen=True, slots=True)
class AlphaRule:
    """A registered rewrite; its docstring shows a diff that is a test as well."""

    code: str
    name: str
    run: Rewrite

    @property
    def documentation(self) -> str:
        """The docstring without its indentation."""
        return inspect.cleandoc(self.run.__doc__ or "")


RULES: dict[str, AlphaRule] = {}


def rewrite_line(code: str, name: str) -> Callable[[Rewrite], Rewrite]:
    """Register a rewrite of lines."""

    def register(function: Rewrite) -> Rewrite:
        if code in RULES:
            raise ValueError(f"two rewrites are called {code}")
        RULES[code] = AlphaRule(code, name, function)
        return function

    return register


@dataclass(slots=True)
class AlphaContext:
    """What a rewrite may ask: the text, the flow around, and which flows the configuration defines."""

    text: str
    path: str
    source: Source
    own: Collection[str]
    lines: list[Line]
    newline: str = "\n"
    index: int = 0  # of the line
    flow: Token | None = None  # the keyword of the flow around
    findings: list[Finding] = field(default_factory=list[Finding])

    def report(self, code: str, offset: int, message: str) -> Finding:
        """A finding at a place of the file."""
        line, column = self.source.position(offset)
        return finding(code, message, self.path, line, column)

    def converted(self, code: str, offset: int, message: str) -> Finding:
        """A rewrite that was made."""
        line, column = self.source.position(offset)
        return Finding(
            rule=code,
            message=message,
            status="converted",
            advice="nothing",
            path=self.path,
            line=line,
            column=column,
        )


_META = re.compile(
    r"#\s*meta:\s*(?:user intent|user action|bot intent|bot action|loop_id\s*=|exclude from llm)"
)
_TEMPLATE = re.compile(r"\{\{[^{}]*(?:\$|\()")


def is_alpha(tokens: tuple[Token, ...]) -> bool:
    """Whether something in a file was said in this way only in 2.0-alpha."""
    previous: Token | None = None
    for token in tokens:
        kind = token.type
        if kind == "ORWHEN" or (kind == "COMMENT" and _META.match(token.text)):
            # at the left margin the comment is the one that still counts
            if kind == "ORWHEN" or "exclude" not in token.text or _inside(token, previous):
                return True
        elif kind in ("STRING", "LONG_STRING"):
            if _TEMPLATE.search(token.text) or is_raw(previous, token):
                return True
            if kind == "LONG_STRING" and previous is not None and previous.type == "EQUAL":
                return True
        elif kind == "WORD" and (
            token.text in ("findall", "flow_start_uid")
            or (token.text == "catch" and previous is not None and previous.type == "ACTIVATE")
        ):
            return True
        previous = token
    return False


def _inside(token: Token, previous: Token | None) -> bool:
    """Whether a comment is indented: there are blanks between it and the line end before."""
    return previous is not None and token.start > previous.end


def is_raw(previous: Token | None, token: Token) -> bool:
    """Whether a string has the prefix ``r``: a word of its own right before it."""
    return (
        previous is not None
        and previous.type == "WORD"
        and previous.text in ("r", "R")
        and previous.end == token.start
    )


def split(tokens: tuple[Token, ...]) -> list[Line]:
    """The tokens of each line; empty lines fall away."""
    lines: list[Line] = []
    line: Line = []
    for token in tokens:
        if token.type == "_NEWLINE":
            if line:
                lines.append(line)
                line = []
        else:
            line.append(token)
    if line:
        lines.append(line)
    return lines


def migrate_alpha(
    text: str, path: str = "<text>", own: Collection[str] | None = None
) -> TextResult:
    r"""Migrate one text of 2.0-alpha; text without anything of alpha comes back as it is.

    Args:
        text: A whole file.
        path: The name of the file in findings.
        own: All flows that the configuration defines; by default those of the file.

    Example:
        >>> print(migrate_alpha('flow a\n  when b\n    pass\n  orwhen c\n    pass\n').text, end="")
        flow a
          when b
            pass
          or when c
            pass
    """
    importlib.import_module("colang_migrate.alpha.rules")  # registers the rewrites

    body = text.removeprefix("\ufeff")
    module, _ = parse_v2(body)
    if not is_alpha(module.tokens):
        return TextResult(text, (finding("M702", "nothing in this file is of 2.0-alpha", path),))
    if own is None:
        own = {flow.name for flow in module.flows}
    context = AlphaContext(body, path, Source(body, path), own, split(module.tokens))
    context.newline = "\r\n" if "\r\n" in body else "\n"
    edits: list[Edit] = []
    for index, line in enumerate(context.lines):
        context.index = index
        if line[0].type == "FLOW":
            context.flow = line[0]
        for rule in RULES.values():
            for output in rule.run(line, context):
                if isinstance(output, Edit):
                    edits.append(output)
                else:
                    context.findings.append(output)
    made = apply_edits(body, edits)
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    return TextResult(bom + made, tuple(context.findings))


def flows_of(text: str) -> list[str]:
    """The names of the flows of a 2.x text."""
    module: nodes.Module = parse_v2(text.removeprefix("\ufeff"))[0]
    return [flow.name for flow in module.flows]
