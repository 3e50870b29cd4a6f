r"""Parser of Colang 1.0: text in, tree and diagnostics out.

The grammar is ``v1_0.lark``; this is a hand-written reader of the same language, for three reasons. Names hold
blanks and any character and end where the line says so (`` with ``, `` or user ``, ``(``), which no
fixed set of tokens can cut. Half of the work is to go on behind a mistake and to word it for its author. And a
reader that looks at a line once is several times faster than tables driven by single words. Tests hold the two
together: programs written from the grammar are accepted here, and every line of the corpus is
parsed by both to the same kind of statement.

Shape: `lexer_v1` finds the logical lines; blocks follow from their indentation; the first word of a line picks
the method that reads it. Each method reports what is wrong where it is wrong and gives a node in any case. A
mistake never hides the next one, and causes one diagnostic, not a chain of them.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter
from typing import NoReturn, TypeAlias, cast

from colang.diagnostics import Diagnostic
from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.expressions_v1 import Flaw, check_expression
from colang.syntax.lexer_v1 import Line, is_colang_1, open_quote, split_lines
from colang.syntax.literals_v1 import BadLiteral, literal, plain, yaml_value
from colang.syntax.nodes import Token
from colang.syntax.words_v1 import (
    KINDS,
    MODIFIERS,
    NOT_IMPLEMENTED,
    PARAM_WORDS,
    STATEMENT_WORDS,
    is_typo,
)

__all__ = ["parse_statement_v1", "parse_v1"]

MAX_DEPTH = 60  # nested blocks; a limit, so that no text can exhaust the stack

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)', re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_RUNS = re.compile(r'"[^"]*"|\s+')
_NOT_PLAIN = re.compile(r"""["$(\[{=]|\.\.\.|^'|\b(?:or|something|says)\b""")
_OR = re.compile(r"\sor\s+(?=\S)")
_SAYS = re.compile(r"says\s+(?=\S)")
_SOMETHING = re.compile(r"something(?:\s+else)?(?!\S)")
_LATER_SOMETHING = re.compile(r"(?<!\S)something(?:\s+else)?(?!\S)")
_AS = re.compile(r"\s+(as)\s+(\$[\w.]+)$")
_WITH = re.compile(r"\s(with|for)\s+(?=\$|\w+\s*=(?!=))")
_ARGUMENT = re.compile(r"(?:(\$?[^\W\d]\w*)\s*(=)(?!=)\s*)?", re.DOTALL)
_PIECES = re.compile(
    r"""\"(?:[^\"\\]|\\.)*(?:\"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$)|[\[\](){},]""", re.DOTALL
)
_ASSIGN = re.compile(r"(\$[\w.]+)(\s*)(\+=|-=|=(?!=))(\s*)")
_VARIABLE = re.compile(r"\$[\w.]+")
_RUN = re.compile(r"(execute|exec|run)(?!\S)\s*")
_SET = re.compile(r"(\$?[\w.]+)(\s*)(=(?!=))(\s*)")
_SET_LABEL = re.compile(r"(.+?)\s+label(?:\s+to)?\s+(\$[\w.]+)$")
_DO_TARGETS = re.compile(r"\$[\w.]+(?:\s*,\s*\$[\w.]+)*\s*(=)(?!=)\s*")
_LABEL_VALUE = re.compile(r"""\s(\$[\w.]+|"[^"]*")$""")
_ENTRY = re.compile(r"([^\W\d][\w.-]*|\$[\w.]+)(\s*[:=]\s*|\s+|$)")
_NUMBER = re.compile(r"\d*\.?\d+\.?")
_STRUCTURED = re.compile(r"[^\W\d]\w*\s*:(?:\s|$)|-\s")
_CONTEXT = re.compile(r"(?:in\s+)?(?:the\s+)?(context)(?!\S)")
_PARAM = re.compile(r"\S+\s+\S.*?\sas\s+\S")
_META_LINE = re.compile(r"set\s+\S.*?\s*(?:=|\sto\s)")
_AND = re.compile(r"\s+and\s+(?=\S)")


def parse_v1(text: str) -> tuple[n.Module, tuple[Diagnostic, ...]]:
    r"""Parse one Colang 1.0 module, keeping every character of it.

    Bad text is an expected input and never raises: there is always a tree, with an `ErrorStmt` where a
    line does not fit. Time and memory are linear in `text`.

    Returns:
        The tree, spanning ``[0, len(text))``, and the diagnostics (CO150 to CO199) in source order.

    Source: Colang 1.0 specification, sections 3 to 6; grammar v1_0.lark, rule `start`.

    Example:
        >>> module, problems = parse_v1("define flow greet\n  user say hi\n  excute wave\n")
        >>> module.flows[0].id, [p.message for p in problems]
        ('greet', ['`excute` is not a statement of Colang 1.0'])
    """
    # Nothing made here is garbage before the end, and nothing is a cycle: on a large file the collector would
    # walk the growing tree over and over.
    pause = len(text) > 20_000 and gc.isenabled()
    if pause:
        gc.disable()
    try:
        return _Parser(text).module()
    finally:
        if pause:
            gc.enable()


def _collapse(raw: str) -> str:
    """Runs of blanks outside double quotes as one blank (3.2)."""
    if "  " not in raw and "\t" not in raw and raw.isprintable():
        return raw
    return _RUNS.sub(lambda m: m.group() if m.group()[0] == '"' else " ", raw).strip()


def _masked(text: str) -> str:
    """The text with quoted stretches blanked out by underscores, same length."""
    return _QUOTED.sub(lambda m: "_" * len(m.group()), text) if '"' in text else text


def parse_statement_v1(text: str) -> tuple[n.Stmt, tuple[Diagnostic, ...]]:
    """Parse one statement that stands alone on a line; nothing in it is a comment.

    For flows written in YAML (section 8). Line ends count as blanks; labels are not checked.

    Example:
        >>> parse_statement_v1("$r = execute look_up(n=1)")[0].name.text
        'look_up'
    """
    line = " ".join(text.split("\n")).rstrip()
    start = len(line) - len(line.lstrip())
    parser = _Parser(line)
    parser.lines = [Line(line[start:] or ":", start, 0, None, False, False)]
    parser.count = 1
    parser.tokens.clear()
    parser.diagnostics.clear()
    statement = parser.statement(parser.lines[0], 0)
    return statement, tuple(parser.diagnostics)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        split = split_lines(text)
        self.lines = split.lines
        self.tokens = split.tokens
        self.diagnostics = split.diagnostics
        self.i = 0
        self.count = len(self.lines)
        self.flow_ids: dict[str, Span] = {}
        self.anonymous_again: dict[str, int] = {}
        self.labels: dict[str, Span] = {}
        self.gotos: list[n.Name] = []
        self.references: list[n.Name] = []
        self.definitions: list[n.Definition] = []
        self.too_deep = False
        self.older: bool | None = None  # whether the file has a `define` line

    # ============================================================ small helpers

    def report(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)

    def key(self, text: str, start: int) -> Token:
        token = Token("KEYWORD", text, start)
        self.tokens.append(token)
        return token

    def mark(self, kind: str, text: str, start: int) -> Token:
        token = Token(kind, text, start)
        self.tokens.append(token)
        return token

    def name(self, raw: str, start: int) -> n.Name:
        self.tokens.append(Token("NAME", raw, start))
        return n.Name(_collapse(raw), start, start + len(raw))

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
        return Span(line.start, self.end(line))

    def error(self, line: Line, diagnostic: Diagnostic | None, depth: int) -> n.ErrorStmt:
        """Give up on a line, keep what stands below it."""
        if diagnostic is not None:
            self.report(diagnostic)
        body: tuple[n.Stmt, ...] = ()
        if self.below(line):
            body = self.block(line.indent, depth + 1)
        return n.ErrorStmt(span=self.whole(line), comment=line.comment, body=body)

    def expression(self, raw: str, start: int) -> n.Expression:
        """An expression whose syntax is checked; the flaw found first is reported."""
        raw = raw.rstrip()
        self.tokens.append(Token("EXPRESSION", raw, start))
        flaw = check_expression(raw)
        if flaw is not None:
            self.report(self.flaw(flaw, start))
        return n.Expression(raw, start, start + len(raw))

    def flaw(self, flaw: Flaw, start: int) -> Diagnostic:
        span = Span(start + flaw.start, start + flaw.end)
        if flaw.kind == "assignment":
            return problem.assignment_in_condition(span)
        if flaw.kind == "quote":
            return problem.unclosed_quote(span)
        if flaw.kind == "unsupported":
            return problem.failing_expression(flaw.text, span)
        return problem.bad_expression(flaw.kind, flaw.text, span)

    # ============================================================ file level

    def module(self) -> tuple[n.Module, tuple[Diagnostic, ...]]:
        while self.i < self.count:
            self.top_level()
        self.check_references()
        module = n.Module(
            span=Span(0, len(self.text)),
            text=self.text,
            definitions=tuple(self.definitions),
            tokens=self.all_tokens(),
        )
        self.diagnostics.sort(key=attrgetter("span"))
        return module, tuple(self.diagnostics)

    def top_level(self) -> None:
        line = self.lines[self.i]
        word = line.text.split(None, 1)[0]
        if word == "define" or word == "def":
            self.definition(line, word)
        elif word == "import" or word == "include":
            self.definitions.append(self.import_(line, word))
        elif line.is_text:
            self.stray(line)
        elif is_typo(word, "define") and self.looks_defined(line):
            self.report(problem.misspelt_define(word, Span(line.start, line.start + len(word))))
            self.definition(line, word)
        elif word == "flow" or word[0] == "@" or word == "global":
            self.newer_dialect(line)
        else:
            self.i += 1
            nested = self.below(line)
            self.i -= 1
            if nested and word.removesuffix(":") not in STATEMENT_WORDS:
                self.shorthand(line, ())
            else:
                self.stray(line)

    @staticmethod
    def looks_defined(line: Line) -> bool:
        words = line.text.rstrip(":").split()[1:]
        return any(word in KINDS for word in words[:3])

    def newer_dialect(self, line: Line) -> None:
        """A top-level line of Colang 2.x: one diagnostic for it and what is below it."""
        word = line.text.split(None, 1)[0]
        self.report(problem.newer_dialect(word, Span(line.start, line.start + len(word))))
        if self.older is None:
            self.older = is_colang_1(self.text)
        self.i += 1
        while self.i < self.count and (not self.older or self.lines[self.i].indent > line.indent):
            self.i += 1
        self.definitions.append(n.ErrorStmt(span=self.whole(line), comment=line.comment))

    def stray(self, line: Line) -> None:
        """Statements outside any flow: one diagnostic for the run of them."""
        what = "text" if line.is_text else "statement"
        previous = self.definitions[-1] if self.definitions else None
        self.report(problem.outside_flow(what, line.text, line.span, previous is not None))
        body: list[n.Stmt] = []
        while self.i < self.count:
            here = self.lines[self.i]
            word = here.text.split(None, 1)[0]
            if here is not line and not here.is_text and word not in _HANDLERS and word[0] != "$":
                break
            if here.is_text:
                self.i += 1
            else:
                quiet = len(self.diagnostics)
                body.append(self.statement(here, 0))
                if here is line:
                    del self.diagnostics[quiet:]  # what is wrong with this line has been said
        self.definitions.append(
            n.ErrorStmt(span=self.whole(line), comment=line.comment, body=tuple(body))
        )

    def import_(self, line: Line, word: str) -> n.Import:
        self.i += 1
        keyword = self.key(word, line.start)
        rest = line.text[len(word) :].strip()
        start = line.start + len(line.text) - len(rest)
        if not rest:
            self.report(problem.incomplete(word, line.span))
        path = self.name(rest, start)
        bare = path.text[1:-1] if len(rest) > 1 and rest[0] == rest[-1] == '"' else path.text
        return n.Import(span=line.span, keyword=keyword, path=n.Name(bare, path.start, path.end))

    def definition(self, line: Line, word: str) -> None:
        self.i += 1
        text = line.text
        keyword = self.key(word, line.start)
        if text[-1] == ":":
            self.mark("COLON", ":", line.start + len(text) - 1)
            text = text[:-1].rstrip()
        at = len(word)
        modifiers: list[Token] = []
        while True:
            rest = text[at:].lstrip()
            at = len(text) - len(rest)
            kind = rest.split(None, 1)[0] if rest else ""
            if kind not in MODIFIERS:
                break
            modifiers.append(self.mark("MODIFIER", kind, line.start + at))
            at += len(kind)
        span = Span(line.start + at, line.start + at + len(kind)) if kind else line.span
        if kind not in KINDS or (modifiers and kind in ("user", "bot")):
            if modifiers and not kind:
                self.report(problem.unknown_definition("", line.span))
            elif modifiers and kind in KINDS:
                self.report(problem.modified_message(modifiers[0].text, kind, modifiers[0].span))
            else:
                self.report(problem.unknown_definition(kind, span))
            while self.below(line):
                self.i += 1
            self.definitions.append(n.ErrorStmt(span=self.whole(line), comment=line.comment))
            return
        kind_token = self.key(kind, line.start + at)
        rest = text[at + len(kind) :].strip()
        start = line.start + len(text) - len(rest)
        name = self.name(rest, start) if rest else None
        if kind == "user":
            self.user_definition(line, keyword, kind_token, name)
        elif kind == "bot":
            self.bot_definition(line, keyword, kind_token, name)
        elif kind == "action":
            while self.below(line):
                self.i += 1
            if name is None:
                self.report(problem.nameless("action", line.span))
                name = n.Name("", start, start)
            self.definitions.append(
                n.ActionDef(span=self.whole(line), keyword=keyword, kind=kind_token, name=name)
            )
        else:
            self.flow_definition(line, keyword, tuple(modifiers), kind_token, name)

    def flow_definition(
        self,
        line: Line,
        keyword: Token,
        modifiers: tuple[Token, ...],
        kind: Token,
        name: n.Name | None,
    ) -> None:
        first = self.i
        body = self.flow_body(line, f"{kind.text} {name.text}" if name else kind.text)
        if name is not None:
            flow_id = name.text
            self.flow_name(flow_id, name.span)
        else:
            flow_id = self.anonymous(first)
        self.definitions.append(
            n.FlowDef(
                span=self.whole(line),
                keyword=keyword,
                modifiers=modifiers,
                kind=kind,
                name=name,
                id=flow_id,
                body=body,
                comment=line.comment,
            )
        )

    def flow_name(self, flow_id: str, span: Span) -> None:
        first = self.flow_ids.get(flow_id)
        if first is not None:
            self.report(problem.duplicate_flow(flow_id, span, first))
        else:
            self.flow_ids[flow_id] = span

    def flow_body(self, line: Line, what: str) -> tuple[n.Stmt, ...]:
        """The statements of a flow, its labels checked."""
        self.labels = {}
        self.gotos = []
        if not self.below(line):
            self.report(problem.no_body(what, line.span))
            return ()
        body = self.block(line.indent, 0)
        while self.below(line) and not self.at_definition():
            here = self.lines[self.i]
            self.report(problem.partial_dedent(here.span, self.lines[self.i - 1].span))
            body += self.block(line.indent, 0)
        for goto in self.gotos:
            if goto.text not in self.labels:
                self.report(problem.unknown_label(goto.text, goto.span, self.labels))
        return body

    def at_definition(self) -> bool:
        """Whether the current line is a `define` line, wherever it is indented."""
        line = self.lines[self.i]
        if line.text[:3] != "def" or line.is_text:
            return False
        words = line.text.rstrip(":").split(None, 4)
        return words[0] in ("define", "def") and any(
            w in KINDS or w in MODIFIERS for w in words[1:3]
        )

    def anonymous(self, first: int) -> str:
        """The id of a flow without a name: a number made of its text (5.15), unique in the file (P15)."""
        number = 0
        for line in self.lines[first : self.i]:
            text = _collapse(line.text) if line.joined else line.text
            for code in map(ord, text):
                number = (number * 31 + code) & 0xFFFFFFFF
        if number >= 0x80000000:
            number = 0x100000000 - number
        base = flow_id = f"anonymous-{number:x}"
        while flow_id in self.flow_ids:
            again = self.anonymous_again[base] = self.anonymous_again.get(base, 1) + 1
            flow_id = f"{base}-{again}"
        self.flow_ids[flow_id] = Span(0, 0)
        return flow_id

    def shorthand(self, line: Line, prefix: tuple[str, ...]) -> None:
        """``name:`` with a block: a flow, or a namespace of flows."""
        self.i += 1
        text = line.text
        if text[-1] == ":":
            self.mark("COLON", ":", line.start + len(text) - 1)
            text = text[:-1].rstrip()
        name = self.name(text, line.start)
        path = (*prefix, name.text)
        inner = self.lines[self.i]
        word = inner.text.split(None, 1)[0].removesuffix(":")
        deeper = self.i + 1 < self.count and self.lines[self.i + 1].indent > inner.indent
        if (
            deeper
            and not inner.is_text
            and not word.startswith("$")
            and word not in STATEMENT_WORDS
        ):
            if len(path) > MAX_DEPTH:
                self.nested_too_deep(line)
                return
            while self.below(line):
                inner = self.lines[self.i]
                if self.i + 1 < self.count and self.lines[self.i + 1].indent > inner.indent:
                    self.shorthand(inner, path)
                else:
                    self.stray(inner)
            return
        flow_id = ".".join(path)
        self.flow_name(flow_id, name.span)
        body = self.flow_body(line, flow_id)
        self.definitions.append(
            n.FlowDef(
                span=self.whole(line),
                keyword=None,
                modifiers=(),
                kind=None,
                name=name,
                id=flow_id,
                body=body,
                comment=line.comment,
            )
        )

    # ============================================================ messages (section 6)

    def user_definition(self, line: Line, keyword: Token, kind: Token, name: n.Name | None) -> None:
        if name is None:
            self.report(problem.nameless("user", line.span))
            name = n.Name("", line.start + len(line.text), line.start + len(line.text))
        lines: list[n.UserLine] = []
        direct: tuple[n.Stmt, ...] = ()
        while self.below(line):
            here = self.lines[self.i]
            word = here.text.split(None, 1)[0]
            if self.at_definition():
                self.report(problem.nested_definition(here.span, f"user {name.text}"))
                break
            if word == "bot":
                self.labels, self.gotos = {}, []
                direct = self.block(line.indent, 0)
                break
            self.i += 1
            note = self.note(here, word)
            if note is not None:
                lines.append(note)
            else:
                lines.append(self.example(here))
        while self.below(line) and not self.at_definition():
            self.report(problem.partial_dedent(self.lines[self.i].span, line.span))
            direct += self.block(line.indent, 0)
        self.definitions.append(
            n.UserDef(
                span=self.whole(line),
                keyword=keyword,
                kind=kind,
                name=name,
                body=tuple(lines),
                direct=direct,
                comment=line.comment,
            )
        )

    def note(self, line: Line, word: str) -> n.Note | None:
        """A line that is accepted in a message definition and has no effect, else None."""
        text = line.text
        if word in PARAM_WORDS:
            found = _PARAM.match(text)
        elif word == "set":
            found = _META_LINE.match(text)
        elif word in ("in", "the", "context"):
            found = _CONTEXT.match(text)
        else:
            found = None
        if found is None:
            return None
        keyword = self.key(word, line.start)
        self.mark(
            "NOTE",
            text[len(word) :].lstrip(),
            line.start + len(text) - len(text[len(word) :].lstrip()),
        )
        return n.Note(span=line.span, keyword=keyword)

    def example(self, line: Line) -> n.Example:
        """Texts and references joined by ``and``."""
        text, start = line.text, line.start
        if not line.is_text and text[-1] == ":":
            self.mark("COLON", ":", start + len(text) - 1)
            text = text[:-1].rstrip()
        parts: list[n.Text | n.Name] = []
        if line.is_text and not _AND.search(_masked(text)):
            parts.append(self.message_text(text, start))
        else:
            at = 0
            masked = _masked(text)
            while True:
                cut = _AND.search(masked, at)
                piece = text[at : cut.start() if cut else len(text)]
                if piece.startswith('"'):
                    parts.append(self.message_text(piece, start + at))
                else:
                    name = self.name(piece, start + at)
                    parts.append(name)
                    self.references.append(name)
                if cut is None:
                    break
                self.key("and", start + cut.end() - len(cut.group().lstrip()))
                at = cut.end()
        return n.Example(span=line.span, parts=tuple(parts), comment=line.comment)

    def message_text(self, raw: str, start: int) -> n.Text:
        """A text line; says so if something stands behind its closing quote."""
        if len(raw) > 1 and raw[-1] != '"':
            whole = _STRING.match(raw)
            if whole is not None:
                rest = raw[whole.end() :].lstrip()
                at = start + len(raw) - len(rest)
                self.report(problem.behind_text(rest, Span(at, at + len(rest))))
                self.mark("ERROR", rest, at)
                raw = whole.group()
        self.tokens.append(Token("TEXT", raw, start))
        return n.Text(raw, start)

    def check_references(self) -> None:
        """Names among the examples that no definition of the file has: most likely missing quotes."""
        if not self.references:
            return
        known = {d.name.text for d in self.definitions if isinstance(d, n.UserDef)}
        for name in self.references:
            if name.text not in known:
                self.report(problem.example_without_quotes(name.text, name.span))

    def bot_definition(self, line: Line, keyword: Token, kind: Token, name: n.Name | None) -> None:
        if name is None:
            self.report(problem.nameless("bot", line.span))
            name = n.Name("", line.start + len(line.text), line.start + len(line.text))
        body: tuple[n.BotLine, ...] = ()
        if not self.below(line):
            self.report(problem.no_body(f"bot {name.text}".rstrip(), line.span))
        else:
            body = self.bot_lines(line, f"bot {name.text}", 0)
        self.definitions.append(
            n.BotDef(
                span=self.whole(line),
                keyword=keyword,
                kind=kind,
                name=name,
                body=body,
                comment=line.comment,
            )
        )

    def bot_lines(self, line: Line, what: str, depth: int) -> tuple[n.BotLine, ...]:
        out: list[n.BotLine] = []
        structured = False
        while self.below(line):
            here = self.lines[self.i]
            if here.is_text:
                self.i += 1
                text = self.message_text(here.text, here.start)
                out.append(n.TextLine(span=here.span, text=text, comment=here.comment))
                continue
            if self.at_definition():
                self.report(problem.nested_definition(here.span, what))
                return tuple(out)
            self.i += 1
            word = here.text.split(None, 1)[0].removesuffix(":")
            if word in ("if", "else") and depth < MAX_DEPTH:
                out.append(self.condition(here, what, depth))
                continue
            note = self.note(here, word)
            if note is not None:
                out.append(note)
            elif structured:
                continue
            elif _STRUCTURED.match(here.text):
                structured = True
                self.report(problem.structured_message(here.span))
                self.mark("ERROR", here.text, here.start)
            else:
                self.report(problem.text_without_quotes(here.text, here.span))
                self.mark("ERROR", here.text, here.start)
        return tuple(out)

    def condition(self, line: Line, what: str, depth: int) -> n.Condition:
        """``if``, ``else if``, ``else`` in a bot message: read, and reported as without effect."""
        text = line.text
        if text[-1] == ":":
            self.mark("COLON", ":", line.start + len(text) - 1)
            text = text[:-1].rstrip()
        words = text.split(None, 2)
        keywords = [self.key(words[0], line.start)]
        used = len(words[0])
        if words[0] == "else" and len(words) > 1 and words[1] == "if":
            at = text.index("if", 4)
            keywords.append(self.key("if", line.start + at))
            used = at + 2
        else:
            if words[0] == "if":
                self.report(problem.ignored_condition(line.span))
        rest = text[used:].lstrip()
        expr = None
        if rest:
            expr = self.expression(rest, line.start + len(text) - len(rest))
        elif keywords[-1].text == "if":
            self.report(problem.incomplete("if", line.span))
        body = self.bot_lines(line, what, depth + 1)
        if not body:
            self.report(problem.no_block(" ".join(k.text for k in keywords), line.span))
        return n.Condition(
            span=self.whole(line), keywords=tuple(keywords), condition=expr, body=body
        )

    # ============================================================ blocks

    def block(self, parent: int, depth: int) -> tuple[n.Stmt, ...]:
        """The statements that stand deeper than `parent`, up to the first line that does not."""
        lines = self.lines
        if depth > MAX_DEPTH:
            while self.i < self.count and lines[self.i].indent > parent:
                if not self.too_deep:
                    self.nested_too_deep(lines[self.i])
                self.i += 1
            return ()
        level = lines[self.i].indent
        out: list[n.Stmt] = []
        while self.i < self.count:
            line = lines[self.i]
            indent = line.indent
            if indent != level:
                if indent < level:
                    break
                self.deeper(line, level, out)
                out += self.block(level, depth + 1)
                continue
            if line.text[:3] == "def" and self.at_definition():
                self.nested_define(line)
                continue
            out.append(self.statement(line, depth))
        return tuple(out)

    def nested_too_deep(self, line: Line) -> None:
        if not self.too_deep:
            self.too_deep = True
            self.report(problem.too_deep(MAX_DEPTH, line.span))
        while self.below(line):
            self.i += 1

    def nested_define(self, line: Line) -> None:
        """A definition inside a flow: reported, and read as a definition of the file."""
        self.report(problem.nested_definition(line.span, "flow"))
        labels, gotos = self.labels, self.gotos
        self.definition(line, line.text.split(None, 1)[0])
        self.labels, self.gotos = labels, gotos

    def deeper(self, line: Line, level: int, before: list[n.Stmt]) -> None:
        """Report lines that are indented deeper than their block allows."""
        previous = before[-1] if before else None
        if previous is None or isinstance(previous, _WITH_BLOCK):
            self.report(problem.partial_dedent(line.span, self.lines[self.i - 1].span))
            return
        head = self.text[previous.span.start : previous.span.end].split("\n", 1)[0]
        columns = line.indent - level
        blanks: list[Span] = []
        for later in self.lines[self.i : self.i + 100]:
            if later.indent <= level:
                break
            blanks.append(Span(later.start - min(columns, later.indent), later.start))
        if len(blanks) == 100 or "\t" in self.text[blanks[0].start : blanks[-1].end]:
            blanks = []
        self.report(problem.deeper_block(head.split("#", 1)[0].strip(), line.span, blanks))

    def body(self, line: Line, what: str, depth: int) -> tuple[n.Stmt, ...]:
        """The block a statement needs."""
        if not self.below(line):
            self.report(problem.no_block(what, line.span))
            return ()
        return self.block(line.indent, depth + 1)

    # ============================================================ statements (section 5)

    def statement(self, line: Line, depth: int) -> n.Stmt:
        self.i += 1
        text = line.text
        start = line.start
        if line.is_text:
            self.mark("TEXT", text, start)
            return self.error(line, problem.stray_text(text, line.span), depth)
        if text[-1] == ":":
            self.tokens.append(Token("COLON", ":", start + len(text) - 1))
            text = text[:-1].rstrip()
            if not text:
                return self.error(line, problem.unknown_statement(":", line.span), depth)
        words = text.split(None, 1)
        word = words[0]
        rest = words[1] if len(words) == 2 else ""
        at = start + len(text) - len(rest)
        if '"' in rest:
            quote = open_quote(rest)
            if quote >= 0 and (quote == 0 or rest[quote - 1] in " (=,[{:"):
                return self.error(
                    line, problem.unclosed_quote(Span(at + quote, at + len(rest))), depth
                )
        handler = _HANDLERS.get(word)
        if handler is not None:
            token = Token("KEYWORD", word, start)
            self.tokens.append(token)
            return handler(self, line, token, rest, at, depth)
        if word[0] == "$":
            return self.assignment(line, text, depth)
        return self.unknown(line, word, rest, depth)

    def unknown(self, line: Line, word: str, rest: str, depth: int) -> n.Stmt:
        span = Span(line.start, line.start + len(word))
        if word in NOT_IMPLEMENTED:
            return self.error(line, problem.not_implemented(word, span), depth)
        return self.error(line, problem.unknown_statement(word, span), depth)

    # ------------------------------------------------------------ user and bot

    def user(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if not rest:
            return self.error(line, problem.incomplete("user", line.span), depth)
        patterns = self.alternatives(keyword, rest, at)
        block = self.param_block(line) if self.below(line) else None
        return n.UserStmt(
            span=self.whole(line), comment=line.comment, patterns=patterns, block=block
        )

    def alternatives(self, keyword: Token, rest: str, at: int) -> tuple[n.Pattern, ...]:
        masked = _masked(rest) if "or" in rest else ""
        if not _OR.search(masked):
            return (self.user_pattern(keyword, rest, at),)
        out: list[n.Pattern] = []
        begin = 0
        key = keyword
        while True:
            cut = _OR.search(masked, begin)
            end = cut.start() if cut else len(rest)
            piece = rest[begin:end].rstrip()
            out.append(self.user_pattern(key, piece, at + begin))
            if cut is None:
                return tuple(out)
            self.key("or", at + cut.start() + 1)
            begin = cut.end()
            words = rest[begin:].split(None, 1)
            if words[0] != "user":
                self.report(problem.alternative(rest[begin:], Span(at + begin, at + len(rest))))
                if words[0] == "bot" and len(words) == 2:
                    begin = len(rest) - len(words[1])
                key = keyword
            else:
                key = self.key("user", at + begin)
                if len(words) == 1:
                    self.report(problem.incomplete("user", Span(at + begin, at + len(rest))))
                    return tuple(out)
                begin = len(rest) - len(words[1])

    def user_pattern(self, keyword: Token, rest: str, at: int) -> n.Pattern:
        if not _NOT_PLAIN.search(rest):
            return n.Pattern(
                span=Span(keyword.start, at + len(rest)),
                keyword=keyword,
                kind="intent",
                name=self.name(rest, at),
            )
        says, rest, at = self.says(rest, at)
        end = at + len(rest)
        span = Span(keyword.start, end)
        if rest == "...":
            return n.Pattern(
                span=span, keyword=keyword, kind="any", name=self.name(rest, at), says=says
            )
        first = rest[0]
        if first in "\"'" and len(rest) > 1 and rest[-1] == first:
            self.tokens.append(Token("TEXT", rest, at))
            text = n.Text(rest, at)
            name = n.Name(text.value, at, end)
            return n.Pattern(
                span=span, keyword=keyword, kind="text", name=name, says=says, text=text
            )
        if first == "[":
            return self.intent_list(keyword, rest, at, says)
        capture = None
        found = _AS.search(rest)
        if found is not None:
            self.key("as", at + found.start(1))
            capture = self.mark("VARIABLE", found.group(2), at + found.start(2))
            rest = rest[: found.start()]
        rest, arguments = self.arguments(rest, at)
        for item in arguments.items if arguments is not None else ():
            if item.name is None and not item.is_reference:
                self.report(problem.positional_value(item.source.text, item.span))
        kind, name = self.something(rest, at, "intent")
        return n.Pattern(
            span=span,
            keyword=keyword,
            kind=kind,
            name=name,
            says=says,
            arguments=arguments,
            capture=capture,
        )

    def says(self, rest: str, at: int) -> tuple[Token | None, str, int]:
        found = _SAYS.match(rest)
        if found is None:
            return None, rest, at
        return self.key("says", at), rest[found.end() :], at + found.end()

    def something(self, raw: str, at: int, kind: str) -> tuple[str, n.Name]:
        """Rules 7 and 8 of section 3.3: the word `something` in an intent."""
        name = self.name(raw, at)
        text = name.text
        found = _SOMETHING.match(text)
        if found is not None:
            kind = "wildcard"
            text = "*" + text[found.end() :]
        if "something" in text:
            quote = text.find('"')
            later = [*_LATER_SOMETHING.finditer(text, 0, len(text) if quote < 0 else quote)]
            if later:
                last = later[-1]
                text = text[: last.start()] + "..." + text[last.end() :]
        return kind, n.Name(text, name.start, name.end)

    def intent_list(self, keyword: Token, rest: str, at: int, says: Token | None) -> n.Pattern:
        names: list[n.Name] = []
        self.mark("MARK", "[", at)
        inner = rest[1:]
        if rest[-1] == "]":
            inner = inner[:-1]
            self.mark("MARK", "]", at + len(rest) - 1)
        else:
            self.report(problem.unclosed_bracket("[", Span(at, at + len(rest))))
        place = at + 1
        for piece in inner.split(","):
            stripped = piece.strip()
            if stripped:
                names.append(self.name(stripped, place + len(piece) - len(piece.lstrip())))
            place += len(piece) + 1
        if not names:
            self.report(problem.incomplete("user", Span(at, at + len(rest))))
        return n.Pattern(
            span=Span(keyword.start, at + len(rest)),
            keyword=keyword,
            kind="list",
            name=n.Name(_collapse(rest), at, at + len(rest)),
            says=says,
            names=tuple(names),
        )

    def bot(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if not rest:
            return self.bare_bot(line, keyword, depth)
        pattern = self.bot_pattern(keyword, rest, at)
        block = self.param_block(line, texts=True) if self.below(line) else None
        return n.BotStmt(span=self.whole(line), comment=line.comment, pattern=pattern, block=block)

    def bare_bot(self, line: Line, keyword: Token, depth: int) -> n.Stmt:
        block = self.param_block(line, texts=True) if self.below(line) else None
        if block is None:
            return self.error(line, problem.incomplete("bot", line.span), depth)
        end = line.start + len(line.text)
        pattern = n.Pattern(
            span=Span(keyword.start, end),
            keyword=keyword,
            kind="block",
            name=n.Name("", end, end),
        )
        return n.BotStmt(span=self.whole(line), comment=line.comment, pattern=pattern, block=block)

    def bot_pattern(self, keyword: Token, rest: str, at: int) -> n.Pattern:
        if not _NOT_PLAIN.search(rest):
            return n.Pattern(
                span=Span(keyword.start, at + len(rest)),
                keyword=keyword,
                kind="intent",
                name=self.name(rest, at),
            )
        says, rest, at = self.says(rest, at)
        end = at + len(rest)
        span = Span(keyword.start, end)
        if rest == "...":
            return n.Pattern(
                span=span, keyword=keyword, kind="any", name=self.name(rest, at), says=says
            )
        if rest[0] == "{":
            return self.bot_dict(keyword, rest, at)
        text: n.Text | None = None
        tail = ""
        if '"' in rest:
            rest, text, tail, tail_at = self.inline_text(rest, at)
            if tail:
                before = rest
                tail, arguments = self.arguments(" " + tail, tail_at - 1)
                if tail.strip() or arguments is None:
                    stray = tail.strip()
                    place = Span(tail_at, tail_at + len(stray))
                    self.report(problem.behind_text(stray, place))
                    arguments = None
                rest = before
                kind, name = self.something(rest, at, "intent")
                return n.Pattern(
                    span=span,
                    keyword=keyword,
                    kind=kind,
                    name=name,
                    says=says,
                    text=text,
                    arguments=arguments,
                )
            if not rest:
                name = n.Name("", at, at)
                return n.Pattern(
                    span=span, keyword=keyword, kind="text", name=name, says=says, text=text
                )
        if " or bot " in rest:
            where = at + rest.index(" or bot ") + 1
            self.report(problem.bot_alternative(Span(where, end)))
        if _VARIABLE.fullmatch(rest):
            self.mark("VARIABLE", rest, at)
            name = n.Name(rest, at, at + len(rest))
            return n.Pattern(
                span=span, keyword=keyword, kind="variable", name=name, says=says, text=text
            )
        rest, arguments = self.arguments(rest, at)
        kind, name = self.something(rest, at, "intent")
        return n.Pattern(
            span=span,
            keyword=keyword,
            kind=kind,
            name=name,
            says=says,
            text=text,
            arguments=arguments,
        )

    def inline_text(self, rest: str, at: int) -> tuple[str, n.Text | None, str, int]:
        """Cut ``NAME "text" rest``: the name, the text, what is behind it and where that starts."""
        bracket = rest.find("(")
        quote = -1
        for found in _QUOTED.finditer(rest):
            place = found.start()
            if place and not rest[place - 1].isspace() and rest[place - 1] != ")":
                continue
            if 0 <= bracket < place and ")" not in rest[bracket:place]:
                continue  # an argument
            quote = place
            break
        if quote < 0:
            return rest, None, "", at
        if rest[-1] == '"' and len(_QUOTED.findall(rest, quote)) == 1:
            raw = rest[quote:]
        else:
            match = _STRING.match(rest, quote)
            raw = match.group() if match else rest[quote:]
        self.tokens.append(Token("TEXT", raw, at + quote))
        tail = rest[quote + len(raw) :].lstrip()
        return (
            rest[:quote].rstrip(),
            n.Text(raw, at + quote),
            tail,
            at + len(rest) - len(tail),
        )

    def bot_dict(self, keyword: Token, rest: str, at: int) -> n.Pattern:
        span = Span(at, at + len(rest))
        self.mark("VALUE", rest, at)
        value: object = {}
        try:
            value = literal(rest)
        except BadLiteral:
            self.report(problem.bad_value(rest, span))
        return n.Pattern(
            span=Span(keyword.start, at + len(rest)),
            keyword=keyword,
            kind="dict",
            name=n.Name("", at, at),
            value=value,
        )

    # ------------------------------------------------------------ arguments (5.16)

    def arguments(self, rest: str, at: int) -> tuple[str, n.Arguments | None]:
        """Cut the arguments off a name: gives the name's text and the arguments, if there are any."""
        masked = _masked(rest)
        opening = masked.find("(")
        found = _WITH.search(masked) if "=" in masked or "$" in masked else None
        if found is not None and 0 <= opening < found.start():
            found = None
        if found is not None:
            keyword = self.key(found.group(1), at + found.start(1))
            items = self.items(rest[found.end() :], at + found.end())
            span = Span(at + found.start(1), at + len(rest))
            return rest[: found.start()], n.Arguments(span=span, keyword=keyword, items=items)
        if opening < 0:
            return rest, None
        if rest[-1] != ")":
            closing = masked.rfind(")")
            if closing < opening:
                self.report(problem.unclosed_bracket("(", Span(at + opening, at + len(rest))))
                closing = len(rest)
            else:
                behind = rest[closing + 1 :].lstrip()
                place = at + len(rest) - len(behind)
                self.report(problem.behind_arguments(Span(place, place + len(behind))))
                self.mark("MARK", ")", at + closing)
        else:
            closing = len(rest) - 1
            self.mark("MARK", ")", at + closing)
        self.mark("MARK", "(", at + opening)
        items = self.items(rest[opening + 1 : closing], at + opening + 1)
        span = Span(at + opening, min(at + closing + 1, at + len(rest)))
        return rest[:opening].rstrip(), n.Arguments(span=span, keyword=None, items=items)

    def items(self, inner: str, at: int) -> tuple[n.Argument, ...]:
        out: list[n.Argument] = []
        begin = 0
        depth = 0
        cuts: list[int] = []
        for match in _PIECES.finditer(inner):
            mark = match.group()
            if mark == ",":
                if depth <= 0:
                    cuts.append(match.start())
            elif mark in "([{":
                depth += 1
            elif mark in ")]}":
                depth -= 1
        cuts.append(len(inner))
        for cut in cuts:
            piece = inner[begin:cut]
            if cut < len(inner):
                self.mark("MARK", ",", at + cut)
            stripped = piece.strip()
            if stripped:
                place = at + begin + len(piece) - len(piece.lstrip())
                out.append(self.argument(stripped, place))
            elif cut < len(inner) or (begin and out and not piece.isspace() and piece):
                self.report(problem.empty_argument(Span(at + cut, at + cut + 1)))
            begin = cut + 1
        return tuple(out)

    def argument(self, piece: str, at: int) -> n.Argument:
        head = _ARGUMENT.match(piece)
        name: n.Name | None = None
        begin = 0
        if head is not None and head.group(2):
            name = self.name(head.group(1), at)
            self.mark("OP", "=", at + head.start(2))
            begin = head.end()
        raw = piece[begin:]
        start = at + begin
        source = n.Name(raw, start, start + len(raw))
        value: object = raw
        if not raw:
            self.report(problem.empty_argument(Span(at, start)))
        else:
            self.tokens.append(Token("VALUE", raw, start))
            if raw[0] != "$":
                value = self.value(raw, start)
        return n.Argument(span=Span(at, at + len(piece)), name=name, value=value, source=source)

    def value(self, raw: str, start: int) -> object:
        try:
            return literal(raw)
        except BadLiteral:
            span = Span(start, start + len(raw))
            quote = open_quote(raw)
            if quote >= 0:
                self.report(problem.unclosed_quote(Span(start + quote, start + len(raw))))
            else:
                self.report(problem.bad_value(raw, span))
            return raw

    def param_block(self, line: Line, *, texts: bool = False) -> n.ParamBlock | None:
        """The parameters below a statement; None if what stands there are statements."""
        first = self.lines[self.i]
        if not self.is_parameter(first, texts):
            return None
        start = first.start
        comment: n.Comment | None = None
        entries: list[n.Entry] = []
        found: list[n.TextLine] = []
        while self.below(line):
            here = self.lines[self.i]
            if not self.is_parameter(here, texts):
                break
            self.i += 1
            comment = comment or here.comment
            if here.is_text:
                text = self.message_text(here.text, here.start)
                found.append(n.TextLine(span=here.span, text=text, comment=here.comment))
            else:
                entries.append(self.entry(here))
        return n.ParamBlock(
            span=Span(start, self.end(line)),
            entries=tuple(entries),
            texts=tuple(found),
            comment=comment,
        )

    @staticmethod
    def is_parameter(line: Line, texts: bool) -> bool:
        if line.is_text:
            return texts
        match = _ENTRY.match(line.text)
        if match is None:
            return False
        if match.group(2).strip():
            return True
        return match.group(1) not in STATEMENT_WORDS and match.end() < len(line.text)

    def entry(self, line: Line) -> n.Entry:
        match = _ENTRY.match(line.text)
        assert match is not None
        name = self.name(match.group(1), line.start)
        mark = match.group(2).strip()
        if mark:
            place = line.start + match.end(1) + match.group(2).index(mark)
            self.mark("OP", mark, place)
        raw = line.text[match.end() :]
        value: object
        if raw or not self.below(line):
            value = self.entry_value(raw, line.start + match.end())
        else:
            value = self.entry_block(line, 0)
        return n.Entry(span=self.whole(line), name=name, value=value)

    def entry_value(self, raw: str, start: int) -> object:
        if raw:
            self.tokens.append(Token("VALUE", raw, start))
        try:
            return yaml_value(raw)
        except BadLiteral:
            self.report(problem.bad_value(raw, Span(start, start + len(raw))))
            return raw

    def entry_block(self, line: Line, depth: int) -> object:
        """A nested block of parameters: a list if its lines start with a dash, else a mapping."""
        if depth > MAX_DEPTH:
            self.nested_too_deep(line)
            return None
        pairs: dict[str, object] = {}
        items: list[object] = []
        while self.below(line):
            here = self.lines[self.i]
            self.i += 1
            text = here.text
            if text[0] == "-" and (len(text) == 1 or text[1].isspace()):
                self.mark("OP", "-", here.start)
                raw = text[1:].lstrip()
                items.append(self.entry_value(raw, here.start + len(text) - len(raw)))
                continue
            match = _ENTRY.match(text)
            if match is None or here.is_text:
                self.report(problem.bad_parameter(here.span))
                continue
            key = self.name(match.group(1), here.start)
            mark = match.group(2).strip()
            if mark:
                self.mark("OP", mark, here.start + match.end(1) + match.group(2).index(mark))
            raw = text[match.end() :]
            if raw or not self.below(here):
                pairs[key.text] = self.entry_value(raw, here.start + match.end())
            else:
                pairs[key.text] = self.entry_block(here, depth + 1)
        return items if items and not pairs else pairs

    # ------------------------------------------------------------ events and actions

    def event(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if not rest:
            return self.error(line, problem.incomplete("event", line.span), depth)
        stmt = self.event_pattern(keyword, rest, at, line.comment)
        if not self.below(line):
            return stmt
        block = self.param_block(line)
        return n.EventStmt(
            span=self.whole(line),
            comment=line.comment,
            keyword=keyword,
            name=stmt.name,
            arguments=stmt.arguments,
            block=block,
        )

    def event_pattern(
        self, keyword: Token | None, rest: str, at: int, comment: n.Comment | None = None
    ) -> n.EventStmt:
        start = keyword.start if keyword is not None else at
        span = Span(start, at + len(rest))
        rest, arguments = self.arguments(rest, at)
        if not rest:
            self.report(problem.incomplete("event", span))
        return n.EventStmt(
            span=span,
            comment=comment,
            keyword=keyword,
            name=self.name(rest, at),
            arguments=arguments,
        )

    def create(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        word = keyword.text
        if not rest:
            if word == "infer" and self.below(line):
                return self.infer_block(line, keyword, depth)
            return self.error(line, problem.incomplete(word, line.span), depth)
        words = rest.split(None, 1)
        kind = words[0]
        target: n.EventStmt | n.Pattern
        if kind in ("event", "user", "bot") and len(words) == 2:
            inner = self.key(kind, at)
            place = at + len(rest) - len(words[1])
            if kind == "event":
                target = self.event_pattern(inner, words[1], place)
            elif kind == "user":
                target = self.user_pattern(inner, words[1], place)
            else:
                target = self.bot_pattern(inner, words[1], place)
        elif kind in ("event", "user", "bot"):
            return self.error(line, problem.incomplete(f"{word} {kind}", line.span), depth)
        elif word != "infer":
            return self.error(line, problem.create_without_event(word, rest, line.span, at), depth)
        else:
            target = self.event_pattern(None, rest, at)
        block = self.param_block(line) if self.below(line) else None
        return n.CreateStmt(
            span=self.whole(line),
            comment=line.comment,
            keyword=keyword,
            targets=(target,),
            block=block,
        )

    def infer_block(self, line: Line, keyword: Token, depth: int) -> n.Stmt:
        targets: list[n.EventStmt | n.Pattern] = []
        for stmt in self.block(line.indent, depth + 1):
            if isinstance(stmt, n.EventStmt):
                targets.append(stmt)
            elif isinstance(stmt, n.UserStmt) and len(stmt.patterns) == 1:
                targets.append(stmt.patterns[0])
            elif isinstance(stmt, n.BotStmt):
                targets.append(stmt.pattern)
            elif not isinstance(stmt, n.ErrorStmt):
                self.report(problem.not_in_group("infer", stmt.span))
        if len(targets) > 1:
            self.report(problem.only_first_inferred(targets[1].span))
        if not targets:
            return n.ErrorStmt(span=self.whole(line), comment=line.comment)
        return n.CreateStmt(
            span=self.whole(line), comment=line.comment, keyword=keyword, targets=tuple(targets)
        )

    def execute(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        return self.run(line, keyword, rest, at, depth, None)

    def run(
        self, line: Line, keyword: Token, rest: str, at: int, depth: int, target: Token | None
    ) -> n.Stmt:
        word = keyword.text
        if not rest:
            return self.error(line, problem.incomplete(word, line.span), depth)
        if rest[0] == "$":
            span = Span(at, at + len(rest))
            return self.error(line, problem.variable_action(span), depth)
        rest, arguments = self.arguments(rest, at)
        if not rest:
            return self.error(line, problem.incomplete(word, line.span), depth)
        name = self.name(rest, at)
        block = self.param_block(line) if self.below(line) else None
        return n.ExecuteStmt(
            span=self.whole(line),
            comment=line.comment,
            keyword=keyword,
            name=name,
            target=target,
            arguments=arguments,
            block=block,
        )

    # ------------------------------------------------------------ assignments

    def assignment(self, line: Line, text: str, depth: int) -> n.Stmt:
        found = _ASSIGN.match(text)
        if found is None:
            span = Span(line.start, line.start + len(text))
            return self.error(line, problem.bad_assignment(text, span), depth)
        op = found.group(3)
        if op == "=" and not (found.group(2) and (found.group(4) or found.end() == len(text))):
            span = Span(line.start, line.start + found.end(3))
            value = text[found.end() :]
            self.report(
                problem.cramped_assignment(found.group(1), value, span, line.start + found.end())
            )
        target = self.mark("VARIABLE", found.group(1), line.start)
        op_token = self.mark("OP", op, line.start + found.start(3))
        value = text[found.end() :]
        return self.assign(line, None, target, op_token, value, line.start + found.end(), depth)

    def assign(
        self,
        line: Line,
        keyword: Token | None,
        target: Token,
        op: Token,
        value: str,
        at: int,
        depth: int,
    ) -> n.Stmt:
        if not value:
            return self.error(line, problem.incomplete("=", op.span), depth)
        if value == "..." and op.text == "=":
            dots = self.mark("ELLIPSIS", value, at)
            return n.Generate(
                span=self.whole(line), comment=line.comment, target=target, op=op, dots=dots
            )
        if value[0] in "erda":
            found = _RUN.match(value)
            if found is not None and op.text == "=":
                action = self.key(found.group(1), at)
                return self.run(line, action, value[found.end() :], at + found.end(), depth, target)
            words = value.split(None, 1)
            if words[0] == "do" and len(words) == 2:
                do = self.key("do", at)
                self.report(problem.assigned_do(target.text, Span(target.start, at + 2)))
                return self.call(
                    line, do, words[1], at + len(value) - len(words[1]), (target,), depth
                )
            if words[0] == "await" and len(words) == 2:
                span = Span(at, at + 5)
                return self.error(line, problem.unknown_statement("await", span), depth)
        return n.Assign(
            span=self.whole(line),
            comment=line.comment,
            keyword=keyword,
            target=target,
            op=op,
            value=self.expression(value, at),
        )

    def set(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        label = _SET_LABEL.match(rest)
        if label is not None and "=" not in rest:
            name = self.name(label.group(1), at)
            self.add_label(name)
            self.mark(
                "NOTE",
                rest[label.end(1) : label.start(2)].strip(),
                at + rest.index("label", label.end(1)),
            )
            self.mark("VARIABLE", label.group(2), at + label.start(2))
            return n.LabelStmt(
                span=self.whole(line),
                comment=line.comment,
                keyword=keyword,
                name=name,
                value=label.group(2),
            )
        found = _SET.match(rest)
        if found is None:
            return self.error(line, problem.incomplete("set", line.span), depth)
        target = self.mark("VARIABLE", found.group(1), at)
        op = self.mark("OP", "=", at + found.start(3))
        if not (found.group(2) and (found.group(4) or found.end() == len(rest))):
            span = Span(at, at + found.end(3))
            self.report(
                problem.cramped_assignment(
                    found.group(1), rest[found.end() :], span, at + found.end()
                )
            )
        return self.assign(line, keyword, target, op, rest[found.end() :], at + found.end(), depth)

    # ------------------------------------------------------------ subflows, labels, jumps

    def do(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        targets: tuple[Token, ...] = ()
        found = _DO_TARGETS.match(rest)
        if found is not None:
            targets = tuple(
                [
                    self.mark("VARIABLE", var.group(), at + var.start())
                    for var in _VARIABLE.finditer(rest, 0, found.start(1))
                ]
            )
            for index, letter in enumerate(rest[: found.start(1)]):
                if letter == ",":
                    self.mark("MARK", ",", at + index)
            self.mark("OP", "=", at + found.start(1))
            at += found.end()
            rest = rest[found.end() :]
        return self.call(line, keyword, rest, at, targets, depth)

    def call(
        self,
        line: Line,
        keyword: Token,
        rest: str,
        at: int,
        targets: tuple[Token, ...],
        depth: int,
    ) -> n.Stmt:
        if not rest:
            return self.error(line, problem.incomplete("do", line.span), depth)
        span = Span(line.start, at + len(rest))
        if rest[0] == "$":
            return n.DoStmt(
                span=span,
                comment=line.comment,
                keyword=keyword,
                name=None,
                expression=self.expression(rest, at),
                targets=targets,
            )
        rest, arguments = self.arguments(rest, at)
        if not rest:
            return self.error(line, problem.incomplete("do", line.span), depth)
        return n.DoStmt(
            span=span,
            comment=line.comment,
            keyword=keyword,
            name=self.name(rest, at),
            targets=targets,
            arguments=arguments,
        )

    def add_label(self, name: n.Name) -> None:
        first = self.labels.get(name.text)
        if first is not None:
            self.report(problem.duplicate_label(name.text, name.span, first))
        else:
            self.labels[name.text] = name.span

    def label(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if not rest:
            return self.error(line, problem.incomplete(keyword.text, line.span), depth)
        value = None
        found = _LABEL_VALUE.search(rest)
        if found is not None:
            value = found.group(1)
            self.mark("VALUE", value, at + found.start(1))
            rest = rest[: found.start()].rstrip()
            if value[0] == '"':
                value = value[1:-1]
        name = self.name(rest, at)
        self.add_label(name)
        return n.LabelStmt(
            span=self.whole(line), comment=line.comment, keyword=keyword, name=name, value=value
        )

    def goto(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if keyword.text == "go":
            words = rest.split(None, 1)
            if not words or words[0] != "to":
                return self.unknown(line, "go", rest, depth)
            self.key("to", at)
            rest = words[1] if len(words) == 2 else ""
            at = line.start + len(line.text.rstrip(": ")) - len(rest)
        if not rest:
            return self.error(line, problem.incomplete("goto", line.span), depth)
        name = self.name(rest, at)
        self.gotos.append(name)
        return n.Goto(span=self.whole(line), comment=line.comment, keyword=keyword, name=name)

    def jump(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        word = keyword.text
        if rest:
            self.report(problem.behind_jump(word, Span(at, at + len(rest))))
            self.mark("ERROR", rest, at)
        span = self.whole(line)
        if word == "break":
            return n.Break(span=span, comment=line.comment, keyword=keyword)
        if word in ("continue", "pass"):
            return n.Continue(span=span, comment=line.comment, keyword=keyword)
        return n.Stop(span=span, comment=line.comment, keyword=keyword)

    def return_(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        values: list[n.Expression] = []
        begin = level = 0
        if rest:
            cuts: list[int] = []
            for match in _PIECES.finditer(rest):
                mark = match.group()
                if mark == "," and level <= 0:
                    cuts.append(match.start())
                elif mark in "([{":
                    level += 1
                elif mark in ")]}":
                    level -= 1
            for cut in (*cuts, len(rest)):
                piece = rest[begin:cut]
                stripped = piece.strip()
                place = at + begin + len(piece) - len(piece.lstrip())
                if cut < len(rest):
                    self.mark("MARK", ",", at + cut)
                if stripped:
                    values.append(self.expression(stripped, place))
                else:
                    self.report(problem.empty_argument(Span(at + begin, at + max(cut, begin + 1))))
                begin = cut + 1
        return n.Return(
            span=self.whole(line), comment=line.comment, keyword=keyword, values=tuple(values)
        )

    def check(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if not rest:
            return self.error(line, problem.incomplete("check", line.span), depth)
        return n.Check(
            span=self.whole(line),
            comment=line.comment,
            keyword=keyword,
            condition=self.expression(rest, at),
        )

    # ------------------------------------------------------------ meta

    def meta(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        entries: tuple[tuple[str, object], ...] = ()
        if rest:
            self.mark("VALUE", rest, at)
            span = Span(at, at + len(rest))
            try:
                if rest.count("{") + rest.count("[") > 100:
                    raise ValueError
                value: object = json.loads(rest, strict=False, parse_constant=_refuse)
            except ValueError:
                value = None
            if isinstance(value, dict):
                pairs = cast("dict[str, object]", value)
                entries = tuple([(key, plain(item)) for key, item in pairs.items()])
            else:
                self.report(problem.bad_meta(span))
        else:
            block = self.param_block(line) if self.below(line) else None
            if block is None:
                return self.error(line, problem.incomplete("meta", line.span), depth)
            entries = tuple([(entry.name.text, entry.value) for entry in block.entries])
        return n.Meta(span=self.whole(line), comment=line.comment, keyword=keyword, entries=entries)

    def priority(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if len(rest) > 40 or not _NUMBER.fullmatch(rest):
            return self.error(line, problem.bad_priority(rest, line.span), depth)
        number = self.mark("NUMBER", rest, at)
        value = float(rest) if "." in rest else int(rest)
        return n.Priority(
            span=self.whole(line), comment=line.comment, keyword=keyword, value=value, number=number
        )

    # ------------------------------------------------------------ if, while, when, any

    def condition_of(self, line: Line, keyword: str, rest: str, at: int) -> n.Expression:
        """The condition behind `if` or `while`; tells a body on the same line."""
        if not rest:
            self.report(problem.incomplete(keyword, line.span))
            return n.Expression("", at, at)
        colon = rest.find(": ")
        if colon > 0:
            words = rest[colon + 1 :].split(None, 1)
            if words and (words[0] in STATEMENT_WORDS or words[0][0] == "$"):
                behind = rest[colon + 1 :].lstrip()
                place = at + len(rest) - len(behind)
                if check_expression(rest) is not None:
                    self.report(problem.body_on_line(keyword, Span(place, place + len(behind))))
                    self.mark("ERROR", ":", at + colon)
                    self.mark("ERROR", behind, place)
                    rest = rest[:colon]
                    self.tokens.append(Token("EXPRESSION", rest, at))
                    return n.Expression(rest, at, at + len(rest))
        return self.expression(rest, at)

    def if_(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        inline = len(self.diagnostics)
        condition = self.condition_of(line, "if", rest, at)
        body = self.branch_body(line, "if", depth, inline)
        branches = [
            n.IfBranch(
                span=self.whole(line),
                keywords=(keyword,),
                condition=condition,
                body=body,
                comment=line.comment,
            )
        ]
        while self.i < self.count:
            here = self.lines[self.i]
            if here.indent < line.indent or here.is_text or here.text[:2] != "el":
                break
            words = here.text.removesuffix(":").split(None, 2)
            if words[0] == "elif" and here.indent == line.indent:
                self.report(problem.unknown_statement("elif", Span(here.start, here.start + 4)))
                branches.append(self.branch(here, 1, words, depth))
                continue
            if words[0] != "else" or (len(words) > 1 and words[1] == "when"):
                break
            if branches[-1].condition is None:
                self.report(problem.second_else(here.span))
            if len(words) > 1 and words[1] == "if":
                branches.append(self.branch(here, 2, words, depth))
            else:
                branches.append(self.branch(here, 0, words, depth))
        return n.If(span=self.whole(line), comment=line.comment, branches=tuple(branches))

    def branch_body(self, line: Line, what: str, depth: int, before: int) -> tuple[n.Stmt, ...]:
        """Like `body`, but quiet when the line itself was found to hold its body."""
        if self.below(line):
            return self.block(line.indent, depth + 1)
        if not any(d.code == problem.BODY_ON_LINE for d in self.diagnostics[before:]):
            self.report(problem.no_block(what, line.span))
        return ()

    def branch(self, line: Line, kind: int, words: list[str], depth: int) -> n.IfBranch:
        """``else`` (kind 0), ``elif`` (1) or ``else if`` (2)."""
        self.i += 1
        text = line.text
        if text[-1] == ":":
            self.mark("COLON", ":", line.start + len(text) - 1)
            text = text[:-1].rstrip()
        before = len(self.diagnostics)
        keywords = [self.key(words[0], line.start)]
        used = len(words[0])
        if kind == 2:
            place = text.index("if", 4)
            keywords.append(self.key("if", line.start + place))
            used = place + 2
        rest = text[used:].lstrip()
        at = line.start + len(text) - len(rest)
        what = "else if" if kind else "else"
        condition: n.Expression | None = None
        if kind:
            condition = self.condition_of(line, what, rest, at)
        elif rest:
            behind = rest.removeprefix(":").lstrip()
            place = at + len(rest) - len(behind)
            self.report(problem.body_on_line("else", Span(place, place + len(behind))))
            self.mark("ERROR", rest, at)
        body = self.branch_body(line, what, depth, before)
        return n.IfBranch(
            span=self.whole(line),
            keywords=tuple(keywords),
            condition=condition,
            body=body,
            comment=line.comment,
        )

    def stray_else(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        """An ``else`` line that continues nothing."""
        words = rest.split(None, 1)
        if words and words[0] == "when":
            return self.error(line, problem.stray_else("else when", "when", line.span), depth)
        if words and words[0] == "if":
            return self.error(line, problem.stray_else("else if", "if", line.span), depth)
        return self.error(line, problem.stray_else("else", "if", line.span), depth)

    def while_(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        before = len(self.diagnostics)
        condition = self.condition_of(line, "while", rest, at)
        body = self.branch_body(line, "while", depth, before)
        return n.While(
            span=self.whole(line),
            comment=line.comment,
            keyword=keyword,
            condition=condition,
            body=body,
        )

    def when(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        cases = [self.case(line, (keyword,), rest, at, depth)]
        while self.i < self.count:
            here = self.lines[self.i]
            if here.indent != line.indent or here.is_text or here.text[:4] != "else":
                break
            text = here.text.removesuffix(":").rstrip()
            words = text.split(None, 2)
            if words[0] != "else":
                break
            self.i += 1
            first = self.key("else", here.start)
            if len(text) < len(here.text):
                self.mark("COLON", ":", here.start + len(here.text) - 1)
            if len(words) < 2 or words[1] != "when":
                self.error(here, problem.else_after_when(here.span, line.span), depth)
                continue
            second = self.key("when", here.start + text.index("when", 4))
            tail = words[2] if len(words) == 3 else ""
            place = here.start + len(text) - len(tail)
            cases.append(self.case(here, (first, second), tail, place, depth))
        return n.When(span=self.whole(line), comment=line.comment, cases=tuple(cases))

    def case(
        self, line: Line, keywords: tuple[Token, ...], rest: str, at: int, depth: int
    ) -> n.WhenCase:
        what = " ".join([token.text for token in keywords])
        patterns = self.when_pattern(line, what, rest, at)
        body = self.body(line, what, depth)
        return n.WhenCase(
            span=self.whole(line),
            keywords=keywords,
            patterns=patterns,
            body=body,
            comment=line.comment,
        )

    def when_pattern(
        self, line: Line, what: str, rest: str, at: int
    ) -> tuple[n.Pattern | n.EventStmt, ...]:
        if not rest:
            self.report(problem.incomplete(what, line.span))
            return ()
        if '"' in rest:
            quote = open_quote(rest)
            if quote >= 0 and (quote == 0 or rest[quote - 1] in " (=,[{:"):
                self.report(problem.unclosed_quote(Span(at + quote, at + len(rest))))
                return ()
        words = rest.split(None, 1)
        kind = words[0]
        if kind in ("no", "flow", "any"):
            self.report(problem.unsupported_when(kind, Span(at, at + len(rest))))
            self.mark("ERROR", rest, at)
            return ()
        if kind in ("user", "bot", "event"):
            if len(words) == 1:
                self.report(problem.incomplete(f"{what} {kind}", line.span))
                return ()
            keyword = self.key(kind, at)
            place = at + len(rest) - len(words[1])
            if kind == "user":
                return self.alternatives(keyword, words[1], place)
            if kind == "bot":
                return (self.bot_pattern(keyword, words[1], place),)
            return (self.event_pattern(keyword, words[1], place),)
        return (self.event_pattern(None, rest, at),)

    def any(self, line: Line, keyword: Token, rest: str, at: int, depth: int) -> n.Stmt:
        if rest:
            return self.error(line, problem.unknown_statement("any", keyword.span), depth)
        items: list[n.UserStmt | n.EventStmt] = []
        for stmt in self.body(line, "any", depth):
            if isinstance(stmt, (n.UserStmt, n.EventStmt)):
                items.append(stmt)
            elif not isinstance(stmt, n.ErrorStmt):
                self.report(problem.not_in_group("any", stmt.span))
        return n.AnyStmt(
            span=self.whole(line), comment=line.comment, keyword=keyword, items=tuple(items)
        )

    # ============================================================ tokens

    def all_tokens(self) -> tuple[Token, ...]:
        """The tokens in order. What no rule named becomes a token of its own, so that gaps are blank."""
        text = self.text
        tokens = self.tokens
        if any(line.joined for line in self.lines):
            tokens = list(self.cut(tokens))
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
            out += self.gap(end, start)
            out.append(token)
            end = start + len(token.text)
        out += self.gap(end, len(text))
        return tuple(out)

    def gap(self, start: int, end: int) -> list[Token]:
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

    def cut(self, tokens: Iterable[Token]) -> Iterable[Token]:
        """Tokens that go over a continuation, cut into the words they consist of."""
        text = self.text
        for token in tokens:
            if text.startswith(token.text, token.start):
                yield token
                continue
            for word in re.finditer(r"\S+", token.text):
                yield Token(token.type, word.group(), token.start + word.start())


_WITH_BLOCK = (n.If, n.While, n.When, n.AnyStmt, n.ErrorStmt)
_Handler: TypeAlias = Callable[[_Parser, Line, Token, str, int, int], n.Stmt]
_HANDLERS: dict[str, _Handler] = {
    "user": _Parser.user,
    "bot": _Parser.bot,
    "event": _Parser.event,
    "create": _Parser.create,
    "new": _Parser.create,
    "infer": _Parser.create,
    "execute": _Parser.execute,
    "exec": _Parser.execute,
    "run": _Parser.execute,
    "set": _Parser.set,
    "do": _Parser.do,
    "if": _Parser.if_,
    "else": _Parser.stray_else,
    "while": _Parser.while_,
    "when": _Parser.when,
    "any": _Parser.any,
    "meta": _Parser.meta,
    "priority": _Parser.priority,
    "label": _Parser.label,
    "checkpoint": _Parser.label,
    "goto": _Parser.goto,
    "go": _Parser.goto,
    "stop": _Parser.jump,
    "abort": _Parser.jump,
    "break": _Parser.jump,
    "continue": _Parser.jump,
    "pass": _Parser.jump,
    "return": _Parser.return_,
    "done": _Parser.return_,
    "check": _Parser.check,
}


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
