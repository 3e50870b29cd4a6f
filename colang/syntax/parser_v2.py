"""The parser of Colang 2.x: text in, `nodes.Module` and diagnostics out; never an exception for bad text.

An LALR(1) machine over the tables of v2_x.lark (`colang_grammars.tables`), with three additions: words are keywords
only where the table has an action for them; an expression is read by precedence climbing and taken up as one symbol;
and a line in error is replaced by an `ErrorStmt`, after which the machine goes on with the next line.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.source import Span
from colang.syntax import builder, nodes
from colang.syntax.builder import Wrong
from colang.syntax.definitions import problems_of
from colang.syntax.expressions import MAX_NESTING, Expressions
from colang.syntax.layout import indentation, next_content
from colang.syntax.lexer import COMMENT, END, NEWLINE, lex
from colang.syntax.literals import decorator_arguments
from colang.syntax.nodes import Token
from colang.syntax.problem import Found, Problem
from colang.syntax.recovery import line_end
from colang.syntax.tuples import make
from colang.syntax.words import KEYWORDS, NEVER_NAMES
from colang_grammars.tables import Tables, load

_token: Callable[..., Token] = partial(make, Token)
_WORD_TYPES = frozenset(
    ["WORD", "NOT", "IN", "IS", "IF", "ELSE", "FOR", "AND", "OR", "AS", "NONE", "TRUE", "FALSE"]
)
_NAME_WORDS = frozenset(
    ["WORD", "NOT", "IN", "IS", "IF", "ELSE", "FOR"]
)  # what may follow in a name
_SIMPLE_STARTS = frozenset(
    ["VAR", "NUMBER", "STRING", "LONG_STRING", "LSQB", "LBRACE", "PLUS", "MINUS", "TILDE"]
)  # terminals a simple argument can begin with; `(` after a name opens classic arguments
_CONSTANTS = frozenset(("None", "True", "False"))
_EXPRESSION_STARTS = _SIMPLE_STARTS | {"NOT", "NONE", "TRUE", "FALSE"}  # no operation begins so
_LAYOUT = frozenset(("_NEWLINE", "_INDENT", "_DEDENT"))
_METHODS = ("nested_flow", "nested_import", "generation")  # functions of the grammar that report
MAX_BLOCKS = 100  # blocks inside each other
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
    # Nothing made here is garbage before the end, and nothing is a cycle: on a large file the collector would walk
    # the growing tree over and over.
    pause = len(text) > 20_000 and gc.isenabled()
    if pause:
        gc.disable()
    try:
        return Parser(text).module()
    finally:
        if pause:
            gc.enable()


def parse_expression(text: str) -> tuple[nodes.Expr | None, tuple[Diagnostic, ...]]:
    """Parse a condition that is the whole text, as in a test or a configuration value.

    Returns:
        The expression, or None if the text is none, and the findings.

    Example:
        >>> parse_expression("$x + 1")[0].op
        '+'
    """
    problems: list[Diagnostic] = []
    reader = Expressions(lex(text), problems, [])
    try:
        value = reader.condition_at(0)
        if reader.type == NEWLINE:
            reader.scan(next_content(reader.lexed, reader.index)[0])
            if not reader.at(END):
                raise Problem(say.line_goes_on(reader.value, Span(reader.start, reader.stop)))
        if not reader.at(END):
            raise reader.unexpected()
    except Problem as problem:
        return None, (*problems, problem.diagnostic)
    return value, tuple(problems)


@lru_cache(maxsize=1)
def _tables() -> tuple[Tables, list[Callable[[list[Any]], Any] | None], list[tuple[int, str]]]:
    """The tables, for each rule the function that builds its value, and the rules whose function is a method."""
    tables = load()
    functions = [
        None if (size == 1 and name in ("same", "")) or name in _METHODS else builder.function(name)
        for _, size, name in tables.rules
    ]
    methods = [(i, rule[2]) for i, rule in enumerate(tables.rules) if rule[2] in _METHODS]
    return tables, functions, methods


class Parser:
    """One run over one text."""

    def __init__(self, text: str) -> None:
        """Prepare the machine; `module` runs it."""
        self.text = text
        self.lexed = lex(text)
        self.types, self.texts, self.starts = self.lexed.types, self.lexed.texts, self.lexed.starts
        self.problems: list[Diagnostic] = []
        self.opens: list[int] = []  # brackets that are open: line ends inside them are blanks
        self.expressions = Expressions(self.lexed, self.problems, self.opens)
        self.tables, functions, methods = _tables()
        self.functions = functions.copy()
        for number, name in methods:
            self.functions[number] = getattr(self, "_" + name)
        self.states: list[int] = [self.tables.start]
        self.values: list[Any] = [None]
        self.queue: list[tuple[str, Any]] = []  # layout tokens to come, the next one last
        self.indents: list[int] = []
        self.ignored: list[
            bool
        ] = []  # for each of `indents`: it was unexpected, and opens no block
        self.index = 0  # of the token to be read next
        self.line = 0  # index of the first token of the logical line
        self.before = 0  # the same of the logical line before
        self.line_depth = 0  # states below it
        self.line_problems = 0  # findings before it
        self.cut = -1  # index of the line end behind a line in error
        self.fresh = True  # nothing of the line has been shifted
        self.trial: tuple[int, Diagnostic] | None = None  # where and why the line is no expression

    # ------------------------------------------------------------------------------------- machine

    def module(self) -> tuple[nodes.Module, tuple[Diagnostic, ...]]:
        """Run to the end of the text."""
        text = self.text
        if self.texts[0] == "\ufeff":
            self.types[0] = "BOM"
        self.layout(next_content(self.lexed, 1 if self.types[0] == "BOM" else 0)[0])
        items: list[nodes.Import | nodes.FlowDef | nodes.Stmt] = self.run()
        for item in items:
            self.problems.extend(problems_of(item))
        found = nodes.Module(
            span=Span(0, len(text)),
            text=text,
            imports=tuple(i for i in items if isinstance(i, nodes.Import)),
            flows=tuple(i for i in items if isinstance(i, nodes.FlowDef)),
            statements=tuple(i for i in items if not isinstance(i, (nodes.Import, nodes.FlowDef))),
            tokens=tuple(map(_token, zip(self.types, self.texts, self.starts, strict=True)))[:-1],
            exclude_from_llm=_EXCLUDE in text and self.excluded(),
        )
        problems = sorted(self.problems, key=lambda d: (d.span.start, d.span.end, d.code))
        return found, tuple(problems)

    def excluded(self) -> bool:
        """Whether a comment at the start of a line says ``# meta: exclude from llm``."""
        return any(
            kind == COMMENT
            and text.rstrip() == _EXCLUDE
            and (start == 0 or self.text[start - 1] == "\n")
            for kind, text, start in zip(self.types, self.texts, self.starts, strict=True)
        )

    def run(self) -> Any:
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
                        self.layout(next_content(self.lexed, self.index)[0])
                    elif kind == "LPAR":
                        self.opens.append(self.index - 1)
                        if len(self.opens) > MAX_NESTING:
                            self.mend_line(Found(say.too_deep(token.span, MAX_NESTING)))
                    elif kind == "RPAR":
                        self.opens.pop()
                    break
                rule = -1 - action
                name, size, _ = rules[rule]
                function = functions[rule]
                if function is None:
                    state = gotos[states[-2]][name]
                    if state == end:
                        found: Any = values[-1]
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
        """The token at `index`; a word's type depends on what the table expects."""
        types, texts, starts = self.types, self.texts, self.starts
        index = self.index
        kind = types[index]
        while kind == NEWLINE or kind == COMMENT:
            if self.opens:
                index += 1
            else:
                following, goes_on = next_content(self.lexed, index)
                if not goes_on or index == self.cut:
                    self.index = index
                    return NEWLINE, make(Token, (NEWLINE, "", starts[index]))
                index = following
            kind = types[index]
        start, value = starts[index], texts[index]
        self.index = index + 1
        if kind in _WORD_TYPES:
            kind = self.word(value, index)
            if kind == "NAME":
                following = index + 1
                while types[following] in _NAME_WORDS:
                    following += 1
                if following > index + 1:
                    self.index = following
                    end = starts[following - 1] + len(texts[following - 1])
                    value = self.text[start:end]
            elif kind != "WORD":
                types[index] = kind
        elif kind == "LPAR":
            if self.fresh and self.is_expression_statement(index):
                self.index = index
                return "_AS_EXPRESSION", make(Token, ("_AS_EXPRESSION", "", start))
        elif kind == END and not self.fresh:
            self.index = index
            return NEWLINE, make(Token, (NEWLINE, "", start))
        return kind, make(Token, (kind, value, start))

    def word(self, value: str, index: int) -> str:
        """The terminal that a word is at this place."""
        here = self.tables.actions[self.states[-1]]
        kind = KEYWORDS.get(value)
        if kind is not None and (kind in here or kind in NEVER_NAMES):
            following = self.starts[index + 1]
            called = self.types[index + 1] == "LPAR" and following == self.starts[index] + len(
                value
            )
            if kind != "FLOW" or not called:  # `flow(...)` is a call
                return kind
        if "NAME" in here:
            if kind in ("ELSE", "ELIF", "ORWHEN") and self.fresh:
                return kind
            if "LABEL" in here and self.types[index + 1] == "COLON":
                return "LABEL"
            return "NAME"
        return "WORD"

    def layout(self, index: int) -> None:
        """Begin the logical line at `index`: queue its `_INDENT` or `_DEDENT` tokens."""
        indents = self.indents
        self.fresh = True
        self.trial = None
        self.before, self.index, self.line = self.line, index, index
        self.expressions.line = index
        self.line_depth = len(self.states)
        self.line_problems = len(self.problems)
        if self.types[index] == END:
            width = indents[0] if indents else 0
        else:
            width = indentation(self.lexed, index)
        if not indents:
            indents.append(width)
            self.ignored.append(False)
            return
        here = indents[-1]
        if width == here:
            return
        start = self.starts[index]
        if width > here:
            indents.append(width)
            if len(indents) > MAX_BLOCKS:
                self.problems.append(say.too_deep(Span(start, start), MAX_BLOCKS))
                self.ignored.append(True)
                return
            self.ignored.append(False)
            self.queue.append(("_INDENT", Token("_INDENT", "", start)))
            return
        dedents = 0
        while len(indents) > 1 and indents[-2] >= width:
            indents.pop()
            dedents += not self.ignored.pop()
        if indents[-1] > width:
            # A column that no block has. The line stays in the block it is nearest to.
            columns = [c for c in indents if c != indents[-1]] + [indents[-1]]
            from colang.syntax import mistakes  # imported for bad text only

            self.problems.append(mistakes.uneven_dedent(self.lexed, index, columns))
            indents[-1] = width
        if dedents:
            self.queue.extend([("_DEDENT", Token("_DEDENT", "", start))] * dedents)

    # --------------------------------------------------------------------------------- expressions

    def part(self, part: str, kind: str, token: Token) -> bool:
        """Read an expression or arguments at `token` and take it up; False if none can begin here."""
        tables, reader = self.tables, self.expressions
        if part == "simple_args" and kind not in _SIMPLE_STARTS and token.text not in _CONSTANTS:
            return False
        if kind == NEWLINE or kind == END:
            return False
        index = self.index - 1
        state = self.states[-1]
        value: Any
        try:
            if part == "condition":
                raw = self.types[index]
                if "_AS_OPERATION" in tables.actions[state] and raw not in _EXPRESSION_STARTS:
                    value = self.expression_or_none(index)
                    if value is None:
                        self.shift("_AS_OPERATION")
                        self.index = index
                        return True
                else:
                    value = reader.condition_at(index)
            elif part == "arguments":
                value = reader.arguments_at(index)
            elif part == "simple_args":
                value = reader.simple_arguments_at(index)
            else:
                value = decorator_arguments(reader.literal_arguments_at(index), self.problems)
        except Problem as problem:
            self.mend_line(self.further(Found(problem.diagnostic), reader.index))
            return True
        self.index = reader.index
        self.states.append(tables.gotos[state][part])
        self.values.append(value)
        return True

    def shift(self, kind: str) -> None:
        """Shift one of the empty tokens that choose a reading."""
        self.states.append(self.tables.actions[self.states[-1]][kind])
        self.values.append(None)

    def expression_or_none(self, index: int) -> nodes.Expr | None:
        """The rest of the line as an expression, if it is one; the words of a call are none."""
        reader = self.expressions
        if self.types[index] != "LPAR" and self.types[index + 1] != "LPAR":
            return None  # words that are no function call
        reported, opened = len(self.problems), len(self.opens)
        try:
            value = reader.condition_at(index)
            if reader.type != NEWLINE and reader.type != END:
                raise reader.unexpected()
            if not (reader.names and _is_group(value)):
                return value
        except Problem as problem:
            self.trial = reader.index, problem.diagnostic
        del self.problems[reported:], self.opens[opened:]
        return None

    def is_expression_statement(self, index: int) -> bool:
        """Whether the line that begins with `(` is one expression in parentheses."""
        if "_AS_EXPRESSION" not in self.tables.actions[self.states[-1]]:
            return False
        reader = self.expressions
        reported = len(self.problems)
        found = False
        try:
            reader.begin(index)
            reader.open()
            value = reader.condition()
            reader.close("RPAR")
            if reader.type != NEWLINE and reader.type != END:
                raise reader.unexpected()
            found = not (reader.names and _is_group(value))
        except Problem as problem:
            self.trial = reader.index, problem.diagnostic
        del self.problems[reported:], self.opens[:]
        return found

    def further(self, found: Found, index: int) -> Found:
        """Of two readings of a line, the one that got further knows better what is wrong."""
        if self.trial is not None and self.trial[0] > index:
            return Found(self.trial[1])
        return found

    # ------------------------------------------------------------------------------------ recovery

    def mend(self, kind: str, token: Token) -> None:
        """The table has no action for this token."""
        here = self.tables.actions[self.states[-1]]
        if kind == "_INDENT":
            from colang.syntax import mistakes  # imported for bad text only

            self.problems.append(mistakes.unexpected_indent(self.lexed, self.line, self.before))
            self.ignored[-1] = True
            return
        if "_INDENT" in here:
            self.states.pop()
            end = self.values.pop().start
            if not self.ignored[-1]:  # else the body is there, but too deep
                from colang.syntax import mistakes  # imported for bad text only

                self.problems.append(mistakes.missing_body(self.lexed, self.header_end()))
            self.states.append(self.tables.gotos[self.states[-1]]["block"])
            self.values.append(nodes.Block(span=Span(end, end), statements=()))
            if kind in _LAYOUT:
                self.queue.append((kind, token))
            else:  # a word was taken for what may stand behind an indentation
                self.index = self.line
            return
        if "FLOW" in here and "PASS" not in here and (self.fresh or kind in _LAYOUT):
            self.drop_decorators()
            if kind in _LAYOUT:
                self.queue.append((kind, token))
            else:
                self.index = self.line
            return
        index = self.index if kind == NEWLINE else bisect_left(self.starts, token.start)
        from colang.syntax import mistakes  # imported for bad text only

        found = mistakes.in_line(self.expressions, index, here)
        self.mend_line(self.further(found, index))

    def header_end(self) -> int:
        """The index of the line end before the current line that has content before it."""
        index = self.line
        while index > 0 and self.types[index - 1] in (NEWLINE, COMMENT):
            index -= 1
        return index

    def drop_decorators(self) -> None:
        """Report decorators that no flow follows, and put an ErrorStmt in their place."""
        while (action := self.tables.actions[self.states[-1]]["FLOW"]) < 0:
            name, size, _ = self.tables.rules[-1 - action]
            function = self.functions[-1 - action]
            if function is not None:
                self.values[-size:] = [function(self.values[-size:])]
            self.states[-size:] = [self.tables.gotos[self.states[-1 - size]][name]]
        decorators: list[nodes.Decorator] = self.values.pop()
        self.states.pop()
        for decorator in decorators:
            self.problems.append(say.decorator_without_flow(decorator.span))
        span = decorators[0].span.cover(decorators[-1].span)
        self.states.append(self.tables.gotos[self.states[-1]]["plain"])
        self.values.append(nodes.ErrorStmt(span=span))
        self.line_depth = len(self.states)

    def mend_line(self, found: Found) -> None:
        """Report, then go on behind the mistake if that is known, else with the line as an ErrorStmt."""
        if found.resume is not None:
            self.problems.append(found.diagnostic)
            if found.pops:
                del self.states[-found.pops :], self.values[-found.pops :]
                self.opens.pop()
            self.index = found.resume
            return
        # Words that were taken for values were perhaps none: the line is not understood.
        self.problems[self.line_problems :] = [
            p for p in self.problems[self.line_problems :] if p.code != "CO133"
        ]
        self.problems.append(found.diagnostic)
        del self.opens[:]
        self.index = self.cut = line_end(self.lexed, self.line)
        depth = self.line_depth
        if not self.fresh:
            named = self.types[self.line] == "FLOW" and len(self.values) > depth + 2
            if named and found.diagnostic.code != "CO131":
                del self.states[depth + 2 :], self.values[depth + 2 :]  # the name is known
                return
            del self.states[depth:], self.values[depth:]
        if "PASS" not in self.tables.actions[self.states[-1]]:
            self.drop_decorators()
        stop = self.starts[self.index - 1] + len(self.texts[self.index - 1])
        wrong = Wrong(Span(self.starts[self.line], stop))
        following = next_content(self.lexed, self.index)[0]
        has_body = (
            self.types[following] != END and indentation(self.lexed, following) > self.indents[-1]
        )
        self.queue.append(("WHILE" if has_body else "PASS", wrong))

    # ------------------------------------------------------------------- functions of the grammar

    def _generation(self, v: list[Any]) -> nodes.Generation:
        dots, string = v
        reader = self.expressions
        reader.names = []
        reader.type, reader.value, reader.start = string
        instruction = reader.string(string.start)
        if reader.names:
            reader.report_names()
        return nodes.Generation(span=Span(dots.start, string.end), instruction=instruction)

    def _nested_flow(self, v: list[Any]) -> nodes.FlowDef:
        flow: nodes.FlowDef = v[0]
        self.problems.append(
            say.nested_flow(flow.name, Span(flow.keyword.start, flow.name_span.end))
        )
        return flow

    def _nested_import(self, v: list[Any]) -> nodes.Import:
        found: nodes.Import = v[0]
        self.problems.append(say.nested_import(found.span))
        return found


def _is_group(value: nodes.Expr) -> bool:
    """Whether an expression with bare words reads as a group: what `and` and `or` join are flows or references."""
    if isinstance(value, nodes.BoolOp):
        return all(_is_group(item) or _is_negated(item) for item in value.values)
    if isinstance(value, nodes.Attribute):
        return _is_group(value.value)
    if isinstance(value, nodes.Call):
        return _is_group(value.function)
    return isinstance(value, nodes.Name | nodes.Variable)


def _is_negated(value: nodes.Expr) -> bool:
    """`not x`: in a group these are two words of a name."""
    return isinstance(value, nodes.Unary) and value.op == "not"
