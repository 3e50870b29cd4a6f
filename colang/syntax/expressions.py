"""Expressions by precedence climbing: text in, `nodes.Expr` with true spans out (section 3).

The grammar of expressions stands in v2_x.lark; a test holds the two together. Errors are raised as `Problem`, which
the callers in this package catch. Recursion is bounded by `MAX_NESTING`, the height of the tree by `MAX_HEIGHT`.
"""

from __future__ import annotations

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.records import changed
from colang.source import Span
from colang.syntax.layout import next_content
from colang.syntax.lexer import COMMENT, END, NEWLINE, WORDS, Lexed, lex
from colang.syntax.nodes import (
    Argument,
    Attribute,
    Binary,
    BoolOp,
    Call,
    Compare,
    Comprehension,
    ComprehensionClause,
    Conditional,
    DictExpr,
    Expr,
    Keyword,
    ListExpr,
    Literal,
    Name,
    SetExpr,
    Slice,
    String,
    Subscript,
    TupleExpr,
    Unary,
    Variable,
)
from colang.syntax.problem import Problem
from colang.syntax.strings import MAX_STRING, string_parts, unescape
from colang.syntax.tuples import make

MAX_NESTING = 60  # brackets, signs and powers inside each other; each takes four Python frames
MAX_HEIGHT = 200  # levels of a tree, so that whoever walks it may recurse

OR, AND, NOT, COMPARISON, SIGN, POWER = 1, 2, 3, 4, 11, 12
PRECEDENCE = {
    "OR": OR,
    "AND": AND,
    "NOT": COMPARISON,  # `not in`
    "IN": COMPARISON,
    "IS": COMPARISON,
    "LESSTHAN": COMPARISON,
    "MORETHAN": COMPARISON,
    "EQUALS": COMPARISON,
    "UNEQUAL": COMPARISON,
    "ATMOST": COMPARISON,
    "ATLEAST": COMPARISON,
    "VBAR": 5,
    "CIRCUMFLEX": 6,
    "AMPERSAND": 7,
    "LSHIFT": 8,
    "RSHIFT": 8,
    "PLUS": 9,
    "MINUS": 9,
    "STAR": 10,
    "SLASH": 10,
    "FLOOR": 10,
    "PERCENT": 10,
    "POWER": POWER,
}
CONSTANTS = {"NONE": None, "TRUE": True, "FALSE": False}
SIMPLE_STARTS = frozenset(
    ["VAR", "NUMBER", "STRING", "LONG_STRING", "NONE", "TRUE", "FALSE", "LBRACE", "LSQB", "LPAR"]
)


class Expressions:
    """One run over a list of tokens: the current one (`type`, `value`, `start`) and what was read so far.

    `problems` takes findings that do not stop the reading; `names` bare words that no comprehension has bound yet;
    `opens` the indices of brackets that are open, line ends inside them are blanks.
    """

    __slots__ = (
        "height",
        "index",
        "inside_string",
        "lexed",
        "line",
        "literal",
        "names",
        "nesting",
        "offset",
        "opens",
        "passed",
        "problems",
        "simple",
        "start",
        "starts",
        "text",
        "texts",
        "type",
        "types",
        "value",
    )

    def __init__(
        self,
        lexed: Lexed,
        problems: list[Diagnostic],
        opens: list[int],
        *,
        inside_string: bool = False,
    ) -> None:
        """Share the lists of the caller; nothing is read yet."""
        self.lexed = lexed
        self.text = lexed.text
        self.offset = lexed.starts[-1] - len(lexed.text)  # of the text, in the whole file
        self.types = lexed.types
        self.texts = lexed.texts
        self.starts = lexed.starts
        self.problems = problems
        self.opens = opens
        self.inside_string = inside_string
        self.names: list[Name] = []
        self.index = 0  # of the current token
        self.line = 0  # of the first token of the logical line
        self.literal = False  # braces in strings are text: arguments of a decorator
        self.nesting = 0
        self.height = 0
        self.simple = -1  # how many brackets are open around simple arguments that are being read
        self.passed = 0  # offset behind the last token that was passed
        self.type = self.value = ""
        self.start = 0

    # ------------------------------------------------------------------ what the parser asks for

    def condition_at(self, index: int) -> Expr:
        """A whole `condition`; afterwards `index` is that of the token behind it."""
        self.begin(index)
        value = self.condition()
        if self.names:
            self.report_names()
        return value

    def arguments_at(self, index: int) -> tuple[Argument, ...]:
        """Classic arguments, up to the closing parenthesis, which is not read."""
        self.begin(index)
        found: list[Argument] = []
        self.argument_list(found)
        if self.names:
            self.report_names()
        return tuple(found)

    def literal_arguments_at(self, index: int) -> tuple[Argument, ...]:
        """Arguments of a decorator: like classic ones, but strings are not interpolated."""
        self.literal = True
        try:
            return self.arguments_at(index)
        finally:
            self.literal = False

    def simple_arguments_at(self, index: int) -> tuple[Argument, ...]:
        """Arguments separated by blanks, as many as there are."""
        self.begin(index)
        self.simple = len(self.opens)
        try:
            found = [self.simple_argument()]
            while self.type in SIMPLE_STARTS:
                if self.type == "LPAR" and self.start == self.passed:
                    break
                found.append(self.simple_argument())
        finally:
            self.simple = -1
        if self.names:
            self.report_names()
        return tuple(found)

    def begin(self, index: int) -> None:
        """Start at a token; forget what an earlier reading left behind."""
        self.nesting = 0
        self.names = []
        self.simple = -1
        self.scan(index)

    def report_names(self) -> None:
        """Bare words are variables without their dollar sign, unless a comprehension binds them."""
        self.problems.extend(say.bare_word(name.name, name.span) for name in self.names)

    # ------------------------------------------------------------------------------------ tokens

    def scan(self, index: int) -> None:
        """Make the token at `index`, or the next one that means something, the current one."""
        kind = self.types[index]
        while kind == NEWLINE or kind == COMMENT:
            if not self.opens and not self.inside_string:
                following, goes_on = next_content(self.lexed, index)
                if not goes_on:
                    kind = NEWLINE
                    break
                index = following
            else:
                index += 1
            kind = self.types[index]
        self.index = index
        self.type = kind
        self.value = self.texts[index]
        self.start = self.starts[index]

    def at(self, kind: str) -> bool:
        """Whether the current token has this type; type checkers do not take the answer for lasting."""
        return self.type == kind

    def advance(self) -> None:
        """Go to the next token."""
        self.passed = self.start + len(self.value)
        index = self.index + 1
        kind = self.types[index]
        if kind == NEWLINE or kind == COMMENT:
            self.scan(index)
            return
        self.index = index
        self.type = kind
        self.value = self.texts[index]
        self.start = self.starts[index]

    @property
    def stop(self) -> int:
        """Offset behind the current token."""
        return self.start + len(self.value)

    def open(self) -> None:
        """Pass an opening bracket; from here on line ends are blanks."""
        self.opens.append(self.index)
        if len(self.opens) > MAX_NESTING:
            raise Problem(say.too_deep(Span(self.start, self.stop), MAX_NESTING))
        self.advance()

    def close(self, closing: str) -> int:
        """Pass the closing bracket; returns the offset behind it."""
        if self.type != closing:
            raise self.unexpected()
        self.opens.pop()
        stop = self.stop
        self.advance()
        return stop

    def unexpected(self, missing: str = "") -> Problem:
        """The current token does not fit: say why, in the author's terms."""
        from colang.syntax import mistakes  # imported for bad text only

        return Problem(mistakes.in_expression(self, missing))

    # ------------------------------------------------------------------------------- expressions

    def condition(self) -> Expr:
        """``a or b`` and ``x if test else y``."""
        start = self.start
        left = self.binary(OR)
        kind = self.type
        if kind != "IF":
            return left
        height = self.height
        self.advance()
        test = self.binary(OR)
        height = max(height, self.height)
        if self.type != "ELSE":
            raise self.unexpected("else")
        self.advance()
        self.enter()
        otherwise = self.condition()
        self.nesting -= 1
        self.grow(height)
        span = make(Span, (start, self.passed))
        return Conditional(span=span, test=test, then=left, otherwise=otherwise)

    def enter(self) -> None:
        """One level deeper; the caller subtracts it again."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise Problem(say.too_deep(Span(self.start, self.stop), MAX_NESTING))

    def grow(self, height: int) -> None:
        """A node above the last one read and one of `height`."""
        self.height = max(height, self.height) + 1
        if self.height > MAX_HEIGHT:
            raise Problem(say.too_deep(Span(self.start, self.stop), MAX_HEIGHT))

    def binary(self, minimum: int) -> Expr:
        """Operators of at least this precedence."""
        start = self.start
        if self.type == "NOT":
            if minimum > NOT:
                raise self.unexpected()
            self.enter()
            self.advance()
            operand = self.binary(NOT)
            self.nesting -= 1
            self.grow(0)
            left: Expr = Unary(span=make(Span, (start, self.passed)), op="not", operand=operand)
        else:
            left = self.operand()
        while True:
            level = PRECEDENCE.get(self.type, 0)
            if level < minimum or level == 0:
                return left
            height = self.height
            if level == COMPARISON:
                left = self.comparison(left, start)
            elif level <= AND:
                left = self.logic(left, start, level)
            else:
                op = self.value
                self.advance()
                if level == POWER:  # binds to the right, and its right side may have a sign
                    self.enter()
                    right = self.binary(SIGN)
                    self.nesting -= 1
                else:
                    right = self.binary(level + 1)
                self.grow(height)
                span = make(Span, (start, self.passed))
                left = Binary(span=span, op=op, left=left, right=right)

    def comparison(self, left: Expr, start: int) -> Expr:
        """A chain of comparisons."""
        ops: list[str] = []
        rights: list[Expr] = []
        while PRECEDENCE.get(self.type) == COMPARISON:
            height = self.height
            op = self.value
            kind = self.type
            self.advance()
            if kind == "NOT":
                if self.type != "IN":
                    raise self.unexpected()
                op = "not in"
                self.advance()
            elif kind == "IS" and self.type == "NOT":
                op = "is not"
                self.advance()
            ops.append(op)
            rights.append(self.binary(COMPARISON + 1))
            self.height = max(height, self.height)
        self.grow(0)
        span = make(Span, (start, self.passed))
        return Compare(span=span, left=left, ops=tuple(ops), rights=tuple(rights))

    def logic(self, left: Expr, start: int, level: int) -> Expr:
        """Operands joined by the same word."""
        kind, op = self.type, self.value
        values = [left]
        height = self.height
        while self.type == kind:
            self.advance()
            values.append(self.binary(level + 1))
            height = max(height, self.height)
        self.grow(height)
        span = make(Span, (start, self.passed))
        return BoolOp(span=span, op=op, values=tuple(values))

    def operand(self) -> Expr:
        """A value with its signs before and its attributes, indices and calls behind it."""
        kind = self.type
        start = self.start
        self.height = 0
        node: Expr
        if kind == "VAR":
            name = self.value
            self.advance()
            node = Variable(span=make(Span, (start, self.passed)), name=name[1:])
        elif kind == "STRING" or kind == "LONG_STRING":
            node = self.string(start)
            self.advance()
        elif kind == "NUMBER":
            node = Literal(span=make(Span, (start, self.stop)), value=number(self.value))
            if self.stop - start > MAX_NUMBER:
                raise Problem(say.number_too_long(Span(start, self.stop), MAX_NUMBER))
            self.advance()
            return node  # a number has no attributes; `1.real` would be read as a float
        elif kind == "PLUS" or kind == "MINUS" or kind == "TILDE":
            op = self.value
            self.enter()
            self.advance()
            operand = self.binary(SIGN)
            self.nesting -= 1
            self.grow(0)
            return Unary(span=make(Span, (start, self.passed)), op=op, operand=operand)
        elif kind in CONSTANTS:
            node = Literal(span=make(Span, (start, self.stop)), value=CONSTANTS[kind])
            self.advance()
        elif kind == "WORD":
            node = self.word(start)
        elif kind == "LPAR":
            node = self.parenthesised(start)
        elif kind == "LSQB":
            node = self.list_display(start)
        elif kind == "LBRACE":
            node = self.brace_display(start)
        else:
            raise self.unexpected()
        while True:
            kind = self.type
            if kind == "DOT":
                node = self.attribute(node, start)
            elif kind == "LSQB":
                if self.start > self.passed and self.simple == len(self.opens):
                    return node
                node = self.subscript(node, start)
            else:
                return node

    def attribute(self, node: Expr, start: int) -> Expr:
        """``.name`` and ``.name(...)``."""
        self.advance()
        if self.type != "WORD" and self.value not in WORDS:
            raise self.unexpected()
        self.grow(0)
        name, stop = self.value, self.stop
        self.advance()
        attribute = Attribute(span=make(Span, (start, stop)), value=node, name=name)
        if self.type == "LPAR" and (self.start == self.passed or self.simple != len(self.opens)):
            return self.call(attribute, start)
        return attribute

    def subscript(self, node: Expr, start: int) -> Expr:
        """``[index]`` or ``[start:stop:step]``."""
        height = self.height
        self.open()
        inside = self.start
        index: Expr | Slice | None = None
        tallest = 0
        if self.type != "COLON":
            first = self.condition()
            index = first
            tallest = self.height
        else:
            first = None
        if self.type == "COLON":
            bounds: list[Expr | None] = [first]
            while self.type == "COLON" and len(bounds) < 3:
                self.advance()
                if self.type in ("COLON", "RSQB"):
                    bounds.append(None)
                else:
                    bounds.append(self.condition())
                    tallest = max(tallest, self.height)
            bounds += [None] * (3 - len(bounds))
            index = Slice(
                span=make(Span, (inside, self.passed)),
                start=bounds[0],
                stop=bounds[1],
                step=bounds[2],
            )
        assert index is not None
        stop = self.close("RSQB")
        self.height = tallest
        self.grow(height)
        return Subscript(span=make(Span, (start, stop)), value=node, index=index)

    def word(self, start: int) -> Expr:
        """A function call or a bare word; inside a string's braces also a string with a prefix."""
        value, stop = self.value, self.stop
        following = self.index + 1
        if self.starts[following] == stop and self.types[following] in ("STRING", "LONG_STRING"):
            if not self.inside_string or value.lower() not in ("r", "f", "u", "rf", "fr"):
                raise Problem(say.string_prefix(value, Span(start, stop)))
            self.advance()
            node = self.string(start, value)
            self.advance()
            return node
        name = Name(span=make(Span, (start, stop)), name=value)
        self.advance()
        if self.type == "LPAR":
            return self.call(name, start)
        self.names.append(name)
        return name

    def call(self, function: Name | Attribute, start: int) -> Call:
        """The arguments of a function or method."""
        height = self.height
        mark = len(self.names)
        self.open()
        found: list[Argument] = []
        if self.type != "RPAR":
            first = self.start
            self.argument_list(found)
            if self.type == "FOR" and len(found) == 1 and found[0].name is None:
                generator = self.comprehension("generator", None, found[0].value, first, mark)
                found = [Argument(span=generator.span, name=None, value=generator)]
        tallest = self.height if found else 0
        stop = self.close("RPAR")
        self.height = tallest
        self.grow(height)
        return Call(
            span=make(Span, (start, stop)),
            function=function,
            arguments=tuple(a.value for a in found if a.name is None),
            keywords=tuple(
                Keyword(span=a.span, name=a.name, value=a.value) for a in found if a.name
            ),
        )

    def argument_list(self, found: list[Argument]) -> None:
        """``value, value, name=value``, up to a closing parenthesis."""
        height = 0
        named = False
        while True:
            start = self.start
            name = None
            is_word = self.type == "WORD" or self.value in WORDS
            if is_word and self.types[self.index + 1] == "EQUAL":
                name = self.value
                self.advance()
                self.advance()
            if name is None:
                if named:
                    from colang.syntax import mistakes  # imported for bad text only

                    raise Problem(mistakes.positional_after_named(self))
                value = self.condition()
            else:
                named = True
                value = self.condition()
            height = max(height, self.height)
            span = make(Span, (start, self.passed))
            found.append(Argument(span=span, name=name, value=value))
            if self.type != "COMMA":
                self.height = height
                return
            self.advance()

    def simple_argument(self) -> Argument:
        """One argument in simple style: arithmetic, or ``$name=`` with a value that may compare."""
        start = self.start
        name = None
        if self.type == "VAR" and self.types[self.index + 1] == "EQUAL":
            name = self.value[1:]
            self.advance()
            self.advance()
            value = self.binary(NOT)
        else:
            value = self.binary(COMPARISON + 1)
        span = make(Span, (start, self.passed))
        return Argument(span=span, name=name, value=value)

    # ---------------------------------------------------------------------------------- brackets

    def parenthesised(self, start: int) -> Expr:
        """``(value)``, a tuple or a generator."""
        mark = len(self.names)
        self.open()
        if self.type == "RPAR":
            stop = self.close("RPAR")
            return TupleExpr(span=make(Span, (start, stop)), items=())
        first = self.condition()
        if self.type == "FOR":
            node: Expr = self.comprehension("generator", None, first, start, mark)
            self.close("RPAR")
            return node
        if self.type == "COMMA":
            items = self.items(first, "RPAR")
            self.grow(0)
            return TupleExpr(span=make(Span, (start, self.close("RPAR"))), items=items)
        # The parentheses belong to the value: who moves or replaces it moves them too.
        return changed(first, span=make(Span, (start, self.close("RPAR"))))

    def items(self, first: Expr, closing: str) -> tuple[Expr, ...]:
        """The rest of a list of values; a comma may end it."""
        found = [first]
        height = self.height
        while self.type == "COMMA":
            self.advance()
            if self.type == closing:
                break
            found.append(self.condition())
            height = max(height, self.height)
        self.height = height
        return tuple(found)

    def list_display(self, start: int) -> Expr:
        """``[a, b]`` or a list comprehension."""
        mark = len(self.names)
        self.open()
        if self.type == "RSQB":
            return ListExpr(span=make(Span, (start, self.close("RSQB"))), items=())
        first = self.condition()
        if self.type == "FOR":
            node = self.comprehension("list", None, first, start, mark)
            self.close("RSQB")
            return node
        items = self.items(first, "RSQB")
        self.grow(0)
        return ListExpr(span=make(Span, (start, self.close("RSQB"))), items=items)

    def brace_display(self, start: int) -> Expr:
        """A dictionary, a set, or a comprehension of one."""
        mark = len(self.names)
        self.open()
        if self.type == "RBRACE":
            return DictExpr(span=make(Span, (start, self.close("RBRACE"))), items=())
        first = self.condition()
        height = self.height
        kind = self.type
        if kind == "FOR":
            node: Expr = self.comprehension("set", None, first, start, mark)
            self.close("RBRACE")
            return node
        if kind != "COLON":
            items = self.items(first, "RBRACE")
            self.grow(0)
            return SetExpr(span=make(Span, (start, self.close("RBRACE"))), items=items)
        self.advance()
        value = self.condition()
        height = max(height, self.height)
        if self.type == "FOR":
            node = self.comprehension("dict", first, value, start, mark)
            self.close("RBRACE")
            return node
        pairs = [(first, value)]
        while self.at("COMMA"):
            self.advance()
            if self.at("RBRACE"):
                break
            key = self.condition()
            height = max(height, self.height)
            if not self.at("COLON"):
                raise self.unexpected("colon")
            self.advance()
            pairs.append((key, self.condition()))
            height = max(height, self.height)
        self.grow(height)
        return DictExpr(span=make(Span, (start, self.close("RBRACE"))), items=tuple(pairs))

    def comprehension(
        self, kind: str, key: Expr | None, element: Expr, start: int, mark: int
    ) -> Comprehension:
        """``for names in values if condition ...``; the bracket that closes it is left to the caller."""
        clauses: list[ComprehensionClause] = []
        bound: set[str] = set()
        height = self.height
        kind_here = self.type
        while kind_here == "FOR":
            clause_start = self.start
            self.advance()
            targets: list[str] = []
            while True:
                if not self.at("WORD"):
                    raise self.unexpected("for")
                targets.append(self.value)
                self.advance()
                if not self.at("COMMA"):
                    break
                self.advance()
            bound.update(targets)
            if not self.at("IN"):
                raise self.unexpected("for")
            self.advance()
            iterable = self.binary(OR)
            height = max(height, self.height)
            conditions: list[Expr] = []
            while self.type == "IF":
                self.advance()
                conditions.append(self.binary(OR))
                height = max(height, self.height)
            clauses.append(
                ComprehensionClause(
                    span=Span(clause_start, self.passed),
                    targets=tuple(targets),
                    iterable=iterable,
                    conditions=tuple(conditions),
                )
            )
            kind_here = self.type
        self.names[mark:] = [n for n in self.names[mark:] if n.name not in bound]
        self.grow(height)
        stop = self.stop if self.type in ("RPAR", "RSQB", "RBRACE") else self.passed
        return Comprehension(
            span=Span(start, stop), kind=kind, key=key, element=element, clauses=tuple(clauses)
        )

    # ----------------------------------------------------------------------------------- strings

    def string(self, start: int, prefix: str = "") -> String:
        """The current token as a string with its interpolated expressions."""
        raw = self.value
        width = 3 if self.type == "LONG_STRING" else 1
        if len(raw) > MAX_STRING:
            raise Problem(say.string_too_long(Span(self.start, self.start + width), MAX_STRING))
        body = raw[width:-width]
        quote = prefix + raw[:width]
        span = make(Span, (start, self.stop))
        if "{" not in body and "\\" not in body and "}" not in body:
            return String(span=span, parts=(body,) if body else (), quote=quote)
        if self.literal:
            plain = unescape(body, self.start + width, self.problems)
            return String(span=span, parts=(plain,), quote=quote)
        height = self.height
        parts = string_parts(
            body, self.start + width, self, verbatim="r" in prefix.lower(), escapes=self.problems
        )
        self.height = max(height, self.height)
        return String(span=span, parts=parts, quote=quote)

    def interpolated(self, start: int, stop: int) -> Expr | None:
        """The expression between two braces of a string; None, and a finding, if it is none."""
        source = self.text[start - self.offset : stop - self.offset]
        inner = Expressions(lex(source, start), self.problems, [], inside_string=True)
        inner.names = self.names
        inner.nesting = self.nesting + 1
        try:
            if inner.nesting > MAX_NESTING:
                raise Problem(say.too_deep(Span(start, stop), MAX_NESTING))
            inner.scan(0)
            first = inner.start
            value = inner.condition()
            if inner.type == "COMMA":
                items = inner.items(value, END)
                inner.grow(0)
                value = TupleExpr(span=Span(first, inner.passed), items=items)
            if inner.type != END:
                raise inner.unexpected()
        except Problem as problem:
            from colang.syntax import mistakes  # imported for bad text only

            self.problems.append(mistakes.in_braces(source, start, stop, problem.diagnostic))
            return None
        self.height = max(self.height, inner.height)
        return value


MAX_NUMBER = 1000  # digits; Python refuses to convert integers of more than 4300


def number(text: str) -> int | float:
    """The value of a NUMBER token.

    >>> number("1_000"), number("2.5e-1"), number("3.")
    (1000, 0.25, 3.0)
    """
    if len(text) > MAX_NUMBER:
        return 0
    plain = text.replace("_", "")
    return int(plain) if plain.isdecimal() else float(plain)
