"""The parser of Colang 2.x: text in, `nodes.Module` and diagnostics out; never an exception for bad text.

An LALR(1) machine over the tables of v2_x.lark (`colang_grammars.tables`), with three additions: words are keywords
only where the table has an action for them; an expression is read by precedence climbing and taken up as one symbol;
and a line in error is replaced by an `ErrorStmt`, after which the machine goes on with the next line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.source import Span
from colang.syntax import builder, mistakes, nodes
from colang.syntax.expressions import (
    COMMENT_GROUP,
    END_GROUP,
    NEWLINE_GROUP,
    OPERATOR_GROUP,
    OPERATORS,
    TOKEN,
    VAR_GROUP,
    WORD_GROUP,
    Expressions,
)
from colang.syntax.layout import column, continues, indentation_end, next_line
from colang.syntax.builder import Wrong
from colang.syntax.literals import decorator_arguments
from colang.syntax.nodes import Token
from colang.syntax.problem import Problem
from colang.syntax.recovery import GROUP_TYPES, keep_tokens, line_end, line_start_behind
from colang.syntax.words import KEYWORDS, NAME_REST, NEVER_NAMES
from colang_grammars.tables import Tables, load

_new = tuple.__new__
_COLON = re.compile(r"[ \t]*:").match
_PARENTHESIS = re.compile(r"[ \t]*\(").match
_SIMPLE_STARTS = frozenset(
    "VAR NUMBER STRING LONG_STRING LSQB LBRACE PLUS MINUS TILDE".split()
)  # terminals a simple argument can begin with; `(` after a name opens classic arguments
_CONSTANTS = frozenset(("None", "True", "False"))
_EXPRESSION_WORDS = _CONSTANTS | {"not"}
_LAYOUT = frozenset(("_NEWLINE", "_INDENT", "_DEDENT"))
_METHODS = ("nested_flow", "nested_import", "generation")  # functions of the grammar that report
_EXCLUDE = "# meta: exclude from llm"


def parse_v2(text: str) -> tuple[nodes.Module, tuple[Diagnostic, ...]]:
    r"""Parse one Colang 2.x file, keeping every character of it.

    Time and memory are linear in the text. Bad text is an expected input: the tree then has `ErrorStmt` nodes where
    lines do not fit, and everything else keeps its nodes.

    Returns:
        The tree, spanning the whole text, and the findings in source order; none if the file is valid.

    Source: Colang 2.x specification, sections 1 and 2; grammar rule `start` of v2_x.lark.

    Example:
        >>> module, problems = parse_v2("flow main\n  match Ping()\n")
        >>> module.flows[0].name, problems
        ('main', ())
    """
    return Parser(text).module()


def parse_expression(text: str) -> tuple[nodes.Expr | None, tuple[Diagnostic, ...]]:
    """Parse a condition that is the whole text, as in a test or a configuration value.

    Returns:
        The expression, or None if the text is none, and the findings.

    Example:
        >>> parse_expression("$x + 1")[0].op
        '+'
    """
    problems: list[Diagnostic] = []
    reader = Expressions(text, [], problems, [])
    try:
        value = reader.condition_at(0)
        if reader.type == "_NEWLINE":
            reader.scan(next_line(text, text.index("\n", reader.start) + 1, []))
        if reader.type != "$END":
            raise reader.unexpected()
    except Problem as problem:
        return None, (*problems, problem.diagnostic)
    return value, tuple(problems)


@lru_cache(maxsize=1)
def _tables() -> tuple[Tables, tuple[Callable[[list[Any]], Any] | None, ...]]:
    tables = load()
    functions = tuple(
        None if size == 1 and name in ("same", "") or name in _METHODS else builder.function(name)
        for _, size, name in tables.rules
    )
    return tables, functions


class Parser:
    """One run over one text."""

    def __init__(self, text: str) -> None:
        """Prepare the machine; `module` runs it."""
        self.text = text
        self.tokens: list[Token] = []
        self.problems: list[Diagnostic] = []
        self.opens: list[Token] = []  # brackets that are open: line ends inside them are blanks
        self.expressions = Expressions(text, self.tokens, self.problems, self.opens)
        self.tables, functions = _tables()
        self.functions: list[Callable[[list[Any]], Any] | None] = list(functions)
        for number, (_, _, name) in enumerate(self.tables.rules):
            if name in _METHODS:
                self.functions[number] = getattr(self, "_" + name)
        self.states: list[int] = [self.tables.start]
        self.values: list[Any] = [None]
        self.queue: list[tuple[str, Any]] = []  # layout tokens to come, the next one last
        self.indents: list[int] = []
        self.ignored: list[bool] = []  # for each of `indents`: it was unexpected, and opens no block
        self.position = 0
        self.line_start = 0  # offset of the first token of the logical line
        self.line_tokens = 0  # tokens before it
        self.line_depth = 0  # states below it
        self.fresh = True  # nothing of the line has been shifted
        self.after_line: tuple[int, list[Token]] = (0, [])
        self.trial: Diagnostic | None = None  # why the line's right side is no expression

    # ------------------------------------------------------------------------------------- machine

    def module(self) -> tuple[nodes.Module, tuple[Diagnostic, ...]]:
        """Run to the end of the text."""
        text = self.text
        if text.startswith("\ufeff"):
            self.tokens.append(Token("BOM", text[0], 0))
            self.position = 1
        self.layout(next_line(text, self.position, self.tokens))
        items = self.run()
        found = nodes.Module(
            span=Span(0, len(text)),
            text=text,
            imports=tuple(i for i in items if isinstance(i, nodes.Import)),
            flows=tuple(i for i in items if isinstance(i, nodes.FlowDef)),
            statements=tuple(i for i in items if not isinstance(i, (nodes.Import, nodes.FlowDef))),
            tokens=tuple(self.tokens),
            exclude_from_llm=_EXCLUDE in text and self.excluded(),
        )
        problems = sorted(self.problems, key=lambda d: (d.span.start, d.span.end, d.code))
        return found, tuple(problems)

    def excluded(self) -> bool:
        """Whether a comment at the start of a line says ``# meta: exclude from llm``."""
        return any(
            token.type == "COMMENT"
            and token.text.rstrip() == _EXCLUDE
            and (token.start == 0 or self.text[token.start - 1] == "\n")
            for token in self.tokens
        )

    def run(self) -> list[Any]:
        """Feed tokens until the table says that the file is complete."""
        tables = self.tables
        actions, gotos, rules, parts = tables.actions, tables.gotos, tables.rules, tables.parts
        functions, states, values = self.functions, self.states, self.values
        queue = self.queue
        end = tables.end
        while True:
            if queue:
                kind, token = queue.pop()
            else:
                kind, token = self.next_token()
            while True:
                action = actions[states[-1]].get(kind)
                if action is None:
                    part = parts[states[-1]]
                    if part:
                        if type(values[-1]) is Wrong:  # a line in error has no condition
                            states.append(gotos[states[-1]][part])
                            values.append(None)
                            continue
                        if self.part(part, kind, token):
                            break
                    self.mend(kind, token)
                    break
                if action >= 0:
                    if self.fresh and kind not in _LAYOUT:
                        self.line_depth = len(states)
                        self.fresh = False
                    states.append(action)
                    values.append(token)
                    if kind == "_NEWLINE":
                        self.layout(self.after_line[0])
                    elif kind == "LPAR":
                        self.opens.append(token)
                    elif kind == "RPAR":
                        self.opens.pop()
                    break
                rule = -1 - action
                name, size, _ = rules[rule]
                function = functions[rule]
                if function is None:
                    state = gotos[states[-2]][name]
                    if state == end:
                        found: list[Any] = values[-1]
                        return found
                    states[-1] = state
                    continue
                if size:
                    taken = values[-size:]
                    del values[-size:]
                    del states[-size:]
                    values.append(function(taken))
                else:
                    values.append(function([]))
                states.append(gotos[states[-1]][name])

    def next_token(self) -> tuple[str, Token]:
        """Read the token at `position`; a word's type depends on what the table expects."""
        text, tokens = self.text, self.tokens
        while True:
            match = TOKEN(text, self.position)
            assert match is not None  # the last alternative takes any character
            group = match.lastindex
            assert group is not None
            start, stop = match.span(group)
            value = match.group(group)
            if group == WORD_GROUP:
                kind = self.word(value, stop)
                if kind == "NAME":
                    rest = NAME_REST(text, stop)
                    stop = rest.end() if rest else stop
                    value = text[start:stop]
            elif group == OPERATOR_GROUP:
                kind = OPERATORS[value]
                if kind == "LPAR" and self.fresh and self.is_expression_statement(start):
                    return "_AS_EXPRESSION", Token("_AS_EXPRESSION", "", start)
            elif group == VAR_GROUP:
                kind = "VAR"
            elif group == COMMENT_GROUP:
                tokens.append(Token("COMMENT", value, start))
                self.position = stop
                continue
            elif group == NEWLINE_GROUP:
                passed = [Token("_NEWLINE", value, start)]
                after = stop if self.opens else next_line(text, stop, passed)
                self.position = after
                if self.opens or continues(text, after):
                    tokens.extend(passed)
                    continue
                if self.fresh:  # nothing on this line: a byte order mark or an error before it
                    tokens.extend(passed)
                    self.layout(after)
                    return self.queue.pop() if self.queue else self.next_token()
                self.after_line = (after, passed)
                return "_NEWLINE", Token("_NEWLINE", "", start)
            elif group == END_GROUP:
                if self.fresh:
                    return "$END", Token("$END", "", start)
                self.after_line = (start, [])
                return "_NEWLINE", Token("_NEWLINE", "", start)
            else:
                kind = GROUP_TYPES.get(group, "OTHER")
            self.position = stop
            found = _new(Token, (kind, value, start))
            tokens.append(found)
            return kind, found

    def word(self, value: str, stop: int) -> str:
        """The terminal that a word is at this place."""
        here = self.tables.actions[self.states[-1]]
        kind = KEYWORDS.get(value)
        if kind is not None and (kind in here or kind in NEVER_NAMES):
            if kind != "FLOW" or not self.text.startswith("(", stop):
                return kind
        if "NAME" in here:
            if self.fresh and kind in ("ELSE", "ELIF", "ORWHEN"):
                return kind
            if "LABEL" in here and _COLON(self.text, stop):
                return "LABEL"
            return "NAME"
        return "WORD"

    def layout(self, position: int) -> None:
        """Begin the logical line at `position`: queue its `_INDENT` or `_DEDENT` tokens."""
        text, indents = self.text, self.indents
        self.tokens.extend(self.after_line[1])
        self.after_line = (0, [])
        self.fresh = True
        self.trial = None
        start = indentation_end(text, position)
        self.position = self.line_start = start
        self.line_tokens = len(self.tokens)
        self.line_depth = len(self.states)
        if start == len(text):
            width = indents[0] if indents else 0
        else:
            width = column(text, position, start)
        if not indents:
            indents.append(width)
            self.ignored.append(False)
            return
        here = indents[-1]
        if width == here:
            return
        token = Token("_INDENT", "", start)
        if width > here:
            indents.append(width)
            self.ignored.append(False)
            self.queue.append(("_INDENT", token))
            return
        dedents = 0
        while len(indents) > 1 and indents[-2] >= width:
            indents.pop()
            dedents += not self.ignored.pop()
        if indents[-1] > width:
            # A column that no block has. The line stays in the block it is nearest to.
            self.problems.append(say.uneven_dedent(Span(position, start)))
            indents[-1] = width
        elif indents[-1] < width:  # pragma: no cover - excluded by the loop
            raise AssertionError
        self.queue.extend([("_DEDENT", token._replace(type="_DEDENT"))] * dedents)

    # --------------------------------------------------------------------------------- expressions

    def part(self, part: str, kind: str, token: Token) -> bool:
        """Read an expression or arguments at `token` and take it up; False if none can begin here."""
        tables, reader = self.tables, self.expressions
        if part == "simple_args" and kind not in _SIMPLE_STARTS and token.text not in _CONSTANTS:
            return False
        self.tokens.pop()
        if kind == "_NEWLINE" or kind == "$END":
            self.tokens.append(token)
            return False
        state = self.states[-1]
        value: Any
        try:
            if part == "condition":
                if "_AS_OPERATION" in tables.actions[state] and kind in ("WORD", "LPAR"):
                    value = self.expression_or_none(token)
                    if value is None:
                        self.shift("_AS_OPERATION")
                        self.position = token.start
                        return True
                else:
                    value = reader.condition_at(token.start)
            elif part == "arguments":
                value = reader.arguments_at(token.start)
            elif part == "simple_args":
                value = reader.simple_arguments_at(token.start)
            else:
                value = decorator_arguments(
                    reader.arguments_at(token.start), self.text, self.problems
                )
        except Problem as problem:
            self.mend_line(self.further(problem.diagnostic), None)
            return True
        self.position = reader.start
        self.states.append(tables.gotos[state][part])
        self.values.append(value)
        return True

    def shift(self, kind: str) -> None:
        """Shift one of the empty tokens that choose a reading."""
        self.states.append(self.tables.actions[self.states[-1]][kind])
        self.values.append(None)

    def expression_or_none(self, token: Token) -> nodes.Expr | None:
        """The rest of the line as an expression, if it is one; the words of a call are none."""
        reader = self.expressions
        if token.type == "WORD" and token.text not in _EXPRESSION_WORDS:
            if not _PARENTHESIS(self.text, token.end):
                return None
        kept, reported, opened = len(self.tokens), len(self.problems), len(self.opens)
        try:
            value = reader.condition_at(token.start)
            if reader.type not in ("_NEWLINE", "$END"):
                raise reader.unexpected()
            if not (reader.names and _is_call(value)):
                return value
        except Problem as problem:
            self.trial = problem.diagnostic
        del self.tokens[kept:], self.problems[reported:], self.opens[opened:]
        return None

    def is_expression_statement(self, start: int) -> bool:
        """Whether the line that begins with `(` is one expression in parentheses."""
        if "_AS_EXPRESSION" not in self.tables.actions[self.states[-1]]:
            return False
        reader = self.expressions
        kept, reported = len(self.tokens), len(self.problems)
        reader.begin()
        found = False
        try:
            reader.scan(start)
            reader.open()
            value = reader.condition()
            reader.close("RPAR")
            if reader.type not in ("_NEWLINE", "$END"):
                raise reader.unexpected()
            found = not (reader.names and _is_call(value))
        except Problem as problem:
            self.trial = problem.diagnostic
        del self.tokens[kept:], self.problems[reported:], self.opens[:]
        return found

    def further(self, found: Diagnostic) -> Diagnostic:
        """Of two readings of a line, the one that got further knows better what is wrong."""
        if self.trial is not None and self.trial.span.start > found.span.start:
            return self.trial
        return found

    # ------------------------------------------------------------------------------------ recovery

    def mend(self, kind: str, token: Token) -> None:
        """The table has no action for this token."""
        here = self.tables.actions[self.states[-1]]
        if kind == "_INDENT":
            self.problems.append(say.unexpected_indent(Span(self.line_start, self.line_start)))
            self.ignored[-1] = True
            return
        if "_INDENT" in here:
            self.states.pop()
            end = self.values.pop().start
            self.problems.append(mistakes.missing_body(self.text, end))
            self.states.append(self.tables.gotos[self.states[-1]]["block"])
            self.values.append(nodes.Block(span=Span(end, end), statements=()))
            if kind in _LAYOUT or kind == "$END":
                self.queue.append((kind, token))
            else:  # a word was taken for what may stand behind an indentation
                del self.tokens[self.line_tokens :]
                self.position = self.line_start
            return
        if kind in ("_DEDENT", "$END"):
            self.drop_decorators()
            self.queue.append((kind, token))
            return
        diagnostic, resume = mistakes.in_line(self, kind, token)
        self.mend_line(self.further(diagnostic), resume)

    def drop_decorators(self) -> None:
        """Decorators that no flow follows."""
        for decorator in self.values.pop():
            self.problems.append(say.decorator_without_flow(decorator.span))
        self.states.pop()
        self.line_depth = len(self.states)

    def mend_line(self, diagnostic: Diagnostic, resume: int | None) -> None:
        """Report, then go on behind the mistake (`resume`), or with the line as an ErrorStmt."""
        self.problems.append(diagnostic)
        if resume is not None:
            self.position = resume
            return
        start = self.line_start
        del self.tokens[self.line_tokens :], self.opens[:]
        if not self.fresh:
            del self.states[self.line_depth :], self.values[self.line_depth :]
        stop = line_end(self.text, start)
        keep_tokens(self.text, start, stop, self.tokens)
        self.position = stop
        while "PASS" not in self.tables.actions[self.states[-1]]:
            self.drop_decorators()
        wrong = Wrong(Span(start, stop))
        following = next_line(self.text, line_start_behind(self.text, stop), [])
        at = indentation_end(self.text, following)
        has_body = at < len(self.text) and column(self.text, following, at) > self.indents[-1]
        self.queue.append(("WHILE" if has_body else "PASS", wrong))

    # ------------------------------------------------------------------- functions of the grammar

    def _generation(self, v: list[Any]) -> nodes.Generation:
        dots, string = v
        reader = self.expressions
        reader.names = []
        reader.type, reader.value = string.type, string.text
        reader.start, reader.stop = string.start, string.end
        instruction = reader.string(string.start)
        if reader.names:
            reader.report_names()
        return nodes.Generation(span=Span(dots.start, string.end), instruction=instruction)

    def _nested_flow(self, v: list[Any]) -> nodes.FlowDef:
        flow: nodes.FlowDef = v[0]
        self.problems.append(say.nested_flow(flow.name, Span(flow.keyword.start, flow.name_span.end)))
        return flow

    def _nested_import(self, v: list[Any]) -> nodes.Import:
        found: nodes.Import = v[0]
        self.problems.append(say.nested_import(found.span))
        return found


def _is_call(value: nodes.Expr) -> bool:
    """Whether an expression is made of bare words, which then are names of flows."""
    if isinstance(value, nodes.Name):
        return True
    if isinstance(value, nodes.BoolOp):
        return any(_is_call(item) for item in value.values)
    if isinstance(value, nodes.Attribute):
        return _is_call(value.value)
    if isinstance(value, nodes.Call) and isinstance(value.function, nodes.Attribute):
        return _is_call(value.function)
    return False
