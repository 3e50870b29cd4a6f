"""Where the parser of Colang 1.0 stands in the lines of a file, and what it has made of them so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import TypeAlias

from colang.diagnostics import Diagnostic
from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.expressions_v1 import Flaw, check_expression
from colang.syntax.lexer_v1 import Line, split_lines
from colang.syntax.nodes import Token
from colang.syntax.words_v1 import KINDS, MODIFIERS

MAX_DEPTH = 60  # nested blocks; a limit, so that no text can exhaust the stack

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)', re.DOTALL)  # a text, though it be not closed
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
VARIABLE = re.compile(r"\$[\w.]+")
_RUNS = re.compile(r'"[^"]*"|\s+')


def collapse(raw: str) -> str:
    """Runs of blanks outside double quotes as one blank (3.2)."""
    if "  " not in raw and "\t" not in raw and raw.isprintable():
        return raw
    return _RUNS.sub(lambda m: m.group() if m.group()[0] == '"' else " ", raw).strip()


def blanked(text: str) -> str:
    """The text with quoted stretches blanked out by underscores, same length."""
    return QUOTED.sub(lambda m: "_" * len(m.group()), text) if '"' in text else text


StatementReader: TypeAlias = "Callable[[Reader, Line, int], n.Stmt]"
DefinitionReader: TypeAlias = "Callable[[Reader, Line, str], None]"


class Reader:
    """The lines of a file, the next of which is number `i`, and the tokens, diagnostics and names found in them.

    What reads definitions, blocks and statements are functions over it. Two of them it carries along, since they
    and blocks hold each other: `statement` reads a statement, `define` a definition that stands inside of a flow.
    """

    def __init__(self, text: str, statement: StatementReader, define: DefinitionReader) -> None:
        self.text = text
        self.statement = statement
        self.define = define
        split = split_lines(text)
        self.lines = split.lines
        self.tokens = split.tokens
        self.diagnostics = split.diagnostics
        self.i = 0
        self.count = len(self.lines)
        self.definitions: list[n.Definition] = []
        self.flow_ids: dict[str, Span] = {}
        self.anonymous_again: dict[str, int] = {}  # flows without names that have the same text
        self.labels: dict[str, Span] = {}  # of the flow that is being read
        self.gotos: list[n.Name] = []  # likewise
        self.references: list[n.Name] = []  # names among the examples of a message
        self.too_deep = False  # whether that was told
        self.older: bool | None = None  # whether the file has a `define` line, once somebody asked

    def report(self, diagnostic: Diagnostic) -> None:
        """Tell something that is wrong; all are put in order at the end."""
        self.diagnostics.append(diagnostic)

    def key(self, text: str, start: int) -> Token:
        """A token of a word of the language."""
        token = Token("KEYWORD", text, start)
        self.tokens.append(token)
        return token

    def mark(self, kind: str, text: str, start: int) -> Token:
        """A token of another kind."""
        token = Token(kind, text, start)
        self.tokens.append(token)
        return token

    def name(self, raw: str, start: int) -> n.Name:
        """A name and its token."""
        self.tokens.append(Token("NAME", raw, start))
        return n.Name(collapse(raw), start, start + len(raw))

    def without_colon(self, line: Line) -> str:
        """The text of a line without the colon that may stand at its end."""
        text = line.text
        if text[-1] != ":":
            return text
        self.mark("COLON", ":", line.start + len(text) - 1)
        return text[:-1].rstrip()

    def below(self, line: Line) -> bool:
        """Whether the next line is indented deeper than `line`."""
        return self.i < self.count and self.lines[self.i].indent > line.indent

    def end(self, line: Line) -> int:
        """Where the construct that started on `line` ends: behind the last line consumed."""
        last = self.lines[self.i - 1]
        if last.start < line.start:
            last = line
        return last.start + len(last.text)

    def whole(self, line: Line) -> Span:
        """The construct that started on `line`."""
        return Span(line.start, self.end(line))

    def nested_too_deep(self, line: Line) -> None:
        """Say once that there are too many levels, and skip what stands below `line`."""
        if not self.too_deep:
            self.too_deep = True
            self.report(problem.too_deep(MAX_DEPTH, line.span))
        while self.below(line):
            self.i += 1

    def at_definition(self) -> bool:
        """Whether the current line is a `define` line, wherever it is indented."""
        line = self.lines[self.i]
        if line.text[:3] != "def" or line.is_text:
            return False
        words = line.text.rstrip(":").split(None, 4)
        return words[0] in ("define", "def") and any(
            w in KINDS or w in MODIFIERS for w in words[1:3]
        )

    def add_label(self, name: n.Name) -> None:
        """Remember a label of the flow; tell one that is there already."""
        first = self.labels.get(name.text)
        if first is not None:
            self.report(problem.duplicate_label(name.text, name.span, first))
        else:
            self.labels[name.text] = name.span

    def expression(self, raw: str, start: int) -> n.Expression:
        """An expression whose syntax is checked; the flaw found first is reported."""
        raw = raw.rstrip()
        self.tokens.append(Token("EXPRESSION", raw, start))
        flaw = check_expression(raw)
        if flaw is not None:
            self.report(self._flaw(flaw, start))
        return n.Expression(raw, start, start + len(raw))

    def _flaw(self, flaw: Flaw, start: int) -> Diagnostic:
        span = Span(start + flaw.start, start + flaw.end)
        if flaw.kind == "assignment":
            return problem.assignment_in_condition(span)
        if flaw.kind == "quote":
            return problem.unclosed_quote(span)
        if flaw.kind == "unsupported":
            return problem.failing_expression(flaw.text, span)
        return problem.bad_expression(flaw.kind, flaw.text, span)

    def all_tokens(self) -> tuple[Token, ...]:
        """The tokens in order. What no rule named becomes a token of its own, so that gaps are blank."""
        text = self.text
        tokens = self.tokens
        if any(line.joined for line in self.lines):
            tokens = list(self._cut(tokens))
        tokens.sort(key=itemgetter(2))
        out: list[Token] = []
        end = 0
        clean = True
        for token in tokens:
            start = token[2]
            if start != end and (start < end or not text[end:start].isspace()):
                clean = False
                break
            end = start + len(token[1])
        if clean and not text[end:].strip():
            return tuple([token for token in tokens if token[1]])
        end = 0
        for token in tokens:
            start = token.start
            if start < end or not token.text:
                continue
            out += self._gap(end, start)
            out.append(token)
            end = start + len(token.text)
        out += self._gap(end, len(text))
        return tuple(out)

    def _gap(self, start: int, end: int) -> list[Token]:
        """Text between two tokens: a token for each line of it that is not blank."""
        piece = self.text[start:end]
        if not piece or piece.isspace():
            return []
        out: list[Token] = []
        for line in piece.split("\n"):
            stripped = line.strip()
            if stripped:
                out.append(Token("OTHER", stripped, start + line.index(stripped)))
            start += len(line) + 1
        return out

    def _cut(self, tokens: Iterable[Token]) -> Iterable[Token]:
        """Tokens that go over a continuation, cut into the words they consist of."""
        text = self.text
        for token in tokens:
            if text.startswith(token.text, token.start):
                yield token
                continue
            for word in re.finditer(r"\S+", token.text):
                yield Token(token.type, word.group(), token.start + word.start())
