"""Expressions of Colang 1.0 (section 9.1): text to the expression nodes that both dialects share.

A 1.0 expression is a Python expression with ``$name`` for variables, wider than what the 2.x grammar
takes (parentheses, ``a if c else b``, f-strings), so it has a reader of its own: precedence climbing over one regex.
Results are kept by text, for files repeat their conditions. Spans count from the start of the expression.

Not the reader of 2.x (`colang.syntax.expressions`): there every text interpolates and expressions go over lines;
here texts are plain, f-strings exist, and displays and unknown names are errors of their own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, NoReturn

from colang.source import Span
from colang.syntax import nodes as x
from colang.syntax.literals_v1 import unescape

_MAX_DEPTH = 50  # brackets, signs and conditions inside each other
_MAX_NODES = 300  # operators and members, so that whoever walks the tree may recurse

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>(?:[rRuUbB]|[fF][rR]?|[rR][fFbB]|[bB][rR])?
        (?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))
    | (?P<open>(?:[rRuUbBfF]{1,2})?["'])
    | (?P<number>(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?!\w))
    | \$(?P<variable>[A-Za-z_]\w*)
    | (?P<word>[^\W\d]\w*)
    | (?P<op>\*\*|//|<<|>>|<=|>=|==|!=|:=|[-+*/%&|^~<>()\[\]{},:.=])
    | (?P<end>$)
    | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)

_BINARY: dict[str, int] = {
    "|": 5,
    "^": 6,
    "&": 7,
    "<<": 8,
    ">>": 8,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "//": 10,
    "%": 10,
}
_COMPARE = frozenset(("<", ">", "==", "!=", "<=", ">=", "in", "not", "is"))
_OR, _AND, _NOT, _COMPARISON, _UNARY = 1, 2, 3, 4, 11
_CONSTANTS = {"True": True, "False": False, "None": None}
_KEYWORDS = frozenset(
    (
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "for",
        "lambda",
        "await",
        "async",
        "yield",
        "def",
        "class",
        "return",
        "while",
        "with",
        "as",
        "import",
        "from",
        "del",
        "pass",
        "break",
        "continue",
        "raise",
        "try",
        "except",
        "finally",
        "global",
        "nonlocal",
        "assert",
    )
)


class Flaw(NamedTuple):
    """What is wrong with an expression: `kind` picks the words, ``[start, end)`` counts from its start.

    Kinds: ``assignment``, ``quote``, ``bracket``, ``missing``, ``extra``, ``name``, ``dollar``, ``deep``,
    ``character``; and ``unsupported`` for what is Python but fails when Colang 1.0 evaluates it.
    """

    kind: str
    text: str
    start: int
    end: int


class ExpressionFlaw(ValueError):
    """Raised by `parse_expression_v1`; `flaw` says what and where."""

    def __init__(self, flaw: Flaw) -> None:
        """Keep the flaw; its kind and text are the message."""
        super().__init__(f"{flaw.kind}: {flaw.text}")
        self.flaw = flaw


def parse_expression_v1(text: str) -> x.Expr:
    """The tree of an expression; what fails at run time only (`Flaw.kind` unsupported) is kept in it.

    Raises:
        ExpressionFlaw: the text is not an expression.

    Example:
        >>> parse_expression_v1("$order.size + 1").op
        '+'
    """
    tree, flaw = _parsed(text)
    if tree is None:
        assert flaw is not None
        raise ExpressionFlaw(flaw)
    return tree


def check_expression(text: str) -> Flaw | None:
    """What is wrong with an expression, the first thing only.

    Example:
        >>> check_expression("$a = 1")
        Flaw(kind='assignment', text='=', start=3, end=4)
        >>> check_expression("$x in [1, 2]").kind
        'unsupported'
    """
    return _parsed(text)[1]


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[x.Expr | None, Flaw | None]:
    reader = _Reader(text)
    try:
        tree = reader.whole()
    except ExpressionFlaw as error:
        return None, error.flaw
    return tree, reader.unsupported


class _Reader:
    """One token of look-ahead over an expression."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.at = 0
        self.start = 0
        self.kind = ""
        self.text = ""
        self.last_end = 0
        self.depth = 0
        self.nodes = 0
        self.unsupported: Flaw | None = None

    # ------------------------------------------------------------ tokens

    def advance(self) -> None:
        self.last_end = self.at
        match = _TOKEN.match(self.source, self.at)
        if match is None:  # only an open string full of escapes gets here
            self.fail("quote", self.source[self.at :], self.at, len(self.source))
        kind = match.lastgroup or ""
        start = match.start(kind)
        self.kind, self.text, self.at = kind, match.group(kind), match.end()
        if kind == "variable":
            start -= 1
        self.start = start
        if kind == "open":
            self.fail("quote", self.text, start, len(self.source))
        if kind == "bad":
            bad = "dollar" if self.text == "$" else "character"
            self.fail(bad, self.text, start, start + 1)

    def fail(self, kind: str, text: str, start: int, end: int) -> NoReturn:
        raise ExpressionFlaw(Flaw(kind, text, start, end))

    def unexpected(self) -> NoReturn:
        if self.kind == "end":
            self.fail("missing", self.source.strip()[-20:], max(self.last_end - 1, 0), self.at)
        if self.text in ("=", ":="):
            self.fail("assignment", self.text, self.start, self.at)
        self.fail("extra", self.text, self.start, self.at)

    def refuse(self, what: str, start: int) -> None:
        """Note Python that Colang 1.0 does not evaluate."""
        if self.unsupported is None:
            self.unsupported = Flaw("unsupported", what, start, max(self.last_end, start + 1))

    def is_op(self, text: str) -> bool:
        return self.kind == "op" and self.text == text

    def is_kind(self, kind: str) -> bool:
        return self.kind == kind

    def is_word(self, text: str) -> bool:
        return self.kind == "word" and self.text == text

    def expect(self, close: str, opened: int) -> None:
        if not self.is_op(close):
            if self.kind == "end":
                self.fail("bracket", self.source[opened], opened, opened + 1)
            self.unexpected()
        self.advance()

    # ------------------------------------------------------------ expressions

    def whole(self) -> x.Expr:
        self.advance()
        if self.kind == "end":
            self.fail("missing", "", 0, len(self.source))
        tree = self.expression()
        if self.is_op(","):
            start = self.start
            items = [tree]
            while self.is_op(","):
                self.advance()
                if self.kind != "end":
                    items.append(self.expression())
            self.refuse("tuple", start)
            tree = x.TupleExpr(span=Span(0, self.last_end), items=tuple(items))
        if self.kind != "end":
            self.unexpected()
        return tree

    def expression(self) -> x.Expr:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail("deep", "", self.start, self.at)
        begin = self.start
        if self.is_word("lambda"):
            self.fail("extra", "lambda", self.start, self.at)
        tree = self.binary(_OR)
        if self.is_word("if"):
            self.advance()
            test = self.binary(_OR)
            if not self.is_word("else"):
                self.unexpected()
            self.advance()
            otherwise = self.expression()
            span = Span(begin, self.last_end)
            tree = x.Conditional(span=span, test=test, then=tree, otherwise=otherwise)
        self.depth -= 1
        return tree

    def binary(self, level: int) -> x.Expr:
        """Operators that bind at least as tight as `level`."""
        begin = self.start
        left = self.unary(level)
        while True:
            op = self.text if self.kind in ("op", "word") else ""
            self.grow()
            if op in _BINARY and self.kind == "op":
                power = _BINARY[op]
                if power < level:
                    return left
                self.advance()
                right = self.binary(power + 1)
                left = x.Binary(span=Span(begin, self.last_end), op=op, left=left, right=right)
            elif op in _COMPARE and level <= _COMPARISON:
                left = self.comparison(begin, left)
            elif op == "and" and level <= _AND:
                left = self.boolean(begin, left, "and", _NOT)
            elif op == "or" and level <= _OR:
                left = self.boolean(begin, left, "or", _AND)
            else:
                return left

    def boolean(self, begin: int, left: x.Expr, op: str, tighter: int) -> x.Expr:
        values = [left]
        while self.is_word(op):
            self.advance()
            values.append(self.binary(tighter))
        return x.BoolOp(span=Span(begin, self.last_end), op=op, values=tuple(values))

    def comparison(self, begin: int, left: x.Expr) -> x.Expr:
        ops: list[str] = []
        rights: list[x.Expr] = []
        while self.kind in ("op", "word") and self.text in _COMPARE:
            op = self.text
            self.advance()
            if op == "not":
                if not self.is_word("in"):
                    self.unexpected()
                self.advance()
                op = "not in"
            elif op == "is" and self.is_word("not"):
                self.advance()
                op = "is not"
            ops.append(op)
            rights.append(self.binary(5))
        span = Span(begin, self.last_end)
        return x.Compare(span=span, left=left, ops=tuple(ops), rights=tuple(rights))

    def unary(self, level: int) -> x.Expr:
        begin = self.start
        if self.is_word("not") and level <= _NOT:
            self.deeper()
            self.advance()
            operand = self.binary(_NOT)
            self.depth -= 1
            return x.Unary(span=Span(begin, self.last_end), op="not", operand=operand)
        if self.kind == "op" and self.text in "+-~":
            op = self.text
            self.deeper()
            self.advance()
            operand = self.unary(_UNARY)
            self.depth -= 1
            return x.Unary(span=Span(begin, self.last_end), op=op, operand=operand)
        base = self.postfix()
        if self.is_op("**"):
            self.deeper()
            self.advance()
            right = self.unary(_UNARY)
            self.depth -= 1
            return x.Binary(span=Span(begin, self.last_end), op="**", left=base, right=right)
        return base

    def grow(self) -> None:
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            self.fail("deep", "", self.start, self.at)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail("deep", "", self.start, self.at)

    # ------------------------------------------------------------ operands

    def postfix(self) -> x.Expr:
        begin = self.start
        tree = self.atom()
        while self.is_kind("op"):
            self.grow()
            if self.text == ".":
                self.advance()
                if self.kind != "word":
                    self.unexpected()
                name = self.text
                if name.startswith("_"):
                    self.refuse("private", self.start)
                self.advance()
                tree = x.Attribute(span=Span(begin, self.last_end), value=tree, name=name)
            elif self.text == "[":
                opened = self.start
                self.advance()
                index = self.subscript()
                self.expect("]", opened)
                tree = x.Subscript(span=Span(begin, self.last_end), value=tree, index=index)
            elif self.text == "(":
                tree = self.call(begin, tree)
            else:
                break
        return tree

    def call(self, begin: int, function: x.Expr) -> x.Expr:
        opened = self.start
        if not isinstance(function, (x.Name, x.Attribute)):
            self.fail("call", self.source[begin:opened], begin, opened)
        if isinstance(function, x.Name) and function.name != "len":
            self.refuse("function", begin)
        self.advance()
        arguments: list[x.Expr] = []
        keywords: list[x.Keyword] = []
        while not self.is_op(")"):
            start = self.start
            value = self.expression()
            if self.is_op("=") and isinstance(value, x.Name):
                self.advance()
                item = self.expression()
                span = Span(start, self.last_end)
                keywords.append(x.Keyword(span=span, name=value.name, value=item))
                if self.unsupported is not None and self.unsupported.start == start:
                    self.unsupported = None  # the name of an argument is no unknown name
            else:
                if self.is_word("for"):
                    self.fail("extra", "for", self.start, self.at)
                arguments.append(value)
            if not self.is_op(","):
                break
            self.advance()
        self.expect(")", opened)
        return x.Call(
            span=Span(begin, self.last_end),
            function=function,
            arguments=tuple(arguments),
            keywords=tuple(keywords),
        )

    def subscript(self) -> x.Expr | x.Slice:
        begin = self.start
        parts: list[x.Expr | None] = [None]
        colons = 0
        while not self.is_op("]") and self.kind != "end":
            if self.is_op(":") and colons < 2:
                colons += 1
                parts.append(None)
                self.advance()
                continue
            if parts[-1] is not None:
                self.unexpected()
            parts[-1] = self.expression()
        if not colons:
            if parts[0] is None:
                self.unexpected()
            return parts[0]
        parts += [None] * (3 - len(parts))
        span = Span(begin, self.last_end)
        return x.Slice(span=span, start=parts[0], stop=parts[1], step=parts[2])

    def atom(self) -> x.Expr:
        kind, text, begin = self.kind, self.text, self.start
        if kind == "variable":
            self.advance()
            return x.Variable(span=Span(begin, self.last_end), name=text)
        if kind == "number":
            self.advance()
            return x.Literal(span=Span(begin, self.last_end), value=self.number(text, begin))
        if kind == "string":
            return self.string()
        if kind == "word":
            if text in _CONSTANTS:
                self.advance()
                return x.Literal(span=Span(begin, self.last_end), value=_CONSTANTS[text])
            if text in _KEYWORDS:
                self.unexpected()
            self.advance()
            if not self.is_op("("):  # what may be called is looked at in `call`
                self.refuse("name", begin)
            return x.Name(span=Span(begin, self.last_end), name=text)
        if kind == "op" and text == "(":
            return self.parenthesis(begin)
        if kind == "op" and text == "[":
            self.advance()
            items = self.items("]", begin)
            self.refuse("list", begin)
            return x.ListExpr(span=Span(begin, self.last_end), items=items)
        if kind == "op" and text == "{":
            return self.braces(begin)
        self.unexpected()

    def parenthesis(self, begin: int) -> x.Expr:
        self.advance()
        if self.is_op(")"):
            self.advance()
            self.refuse("tuple", begin)
            return x.TupleExpr(span=Span(begin, self.last_end), items=())
        first = self.expression()
        if self.is_op(","):
            self.advance()
            items = (first, *self.items(")", begin))
            self.refuse("tuple", begin)
            return x.TupleExpr(span=Span(begin, self.last_end), items=items)
        self.expect(")", begin)
        return first

    def items(self, close: str, opened: int) -> tuple[x.Expr, ...]:
        out: list[x.Expr] = []
        while not self.is_op(close):
            out.append(self.expression())
            if self.is_word("for"):
                self.fail("extra", "for", self.start, self.at)
            if not self.is_op(","):
                break
            self.advance()
        self.expect(close, opened)
        return tuple(out)

    def braces(self, begin: int) -> x.Expr:
        self.advance()
        pairs: list[tuple[x.Expr, x.Expr]] = []
        members: list[x.Expr] = []
        while not self.is_op("}"):
            key = self.expression()
            if self.is_op(":"):
                self.advance()
                pairs.append((key, self.expression()))
            else:
                members.append(key)
            if not self.is_op(","):
                break
            self.advance()
        self.expect("}", begin)
        self.refuse("dict" if pairs or not members else "set", begin)
        span = Span(begin, self.last_end)
        if members:
            return x.SetExpr(span=span, items=tuple(members))
        return x.DictExpr(span=span, items=tuple(pairs))

    def number(self, text: str, begin: int) -> int | float:
        try:
            if text[:1] == "0" and text[1:2].lower() in ("x", "o", "b"):
                return int(text, 0)
            if "." in text or "e" in text or "E" in text:
                return float(text)
            return int(text)
        except ValueError:
            self.fail("number", text, begin, begin + len(text))

    # ------------------------------------------------------------ strings

    def string(self) -> x.Expr:
        """One string, or several side by side."""
        begin = self.start
        parts: list[str | x.Expr] = []
        quote = ""
        while self.kind == "string":
            text, start = self.text, self.start
            prefix = text[: len(text) - len(text.lstrip("rRuUbBfF"))].lower()
            body = text[len(prefix) :]
            mark = body[:3] if body[:3] in ('"' * 3, "'" * 3) and len(body) >= 6 else body[0]
            inner = body[len(mark) : -len(mark)]
            quote = quote or prefix + mark
            if "f" in prefix:
                parts += self.formatted(inner, start + len(prefix) + len(mark), "r" in prefix)
            else:
                if "b" in prefix:
                    self.refuse("bytes", start)
                parts.append(inner if "r" in prefix else unescape(inner))
            self.advance()
        joined: list[str | x.Expr] = []
        for part in parts:
            if isinstance(part, str) and joined and isinstance(joined[-1], str):
                joined[-1] += part
            elif part != "":
                joined.append(part)
        return x.String(span=Span(begin, self.last_end), parts=tuple(joined), quote=quote)

    def formatted(self, inner: str, at: int, raw: bool) -> list[str | x.Expr]:
        """The parts of an f-string; format specifications and conversions are refused."""
        parts: list[str | x.Expr] = []
        begin = 0
        while begin < len(inner):
            match = _FIELD.search(inner, begin)
            if match is None:
                piece = inner[begin:]
                parts.append(piece if raw else unescape(piece))
                break
            piece = inner[begin : match.start()]
            parts.append(piece if raw else unescape(piece))
            found = match.group()
            begin = match.end()
            if len(found) > 1 and found in ("{{", "}}"):
                parts.append(found[0])
            elif found in ("{", "}"):
                self.fail("bracket", found, at + match.start(), at + match.end())
            else:
                parts.append(self.field(found[1:-1], at + match.start() + 1))
        return parts

    def field(self, text: str, at: int) -> x.Expr:
        """One ``{...}`` of an f-string."""
        tree, flaw = _parsed(text)
        if tree is None:
            assert flaw is not None
            if flaw.kind == "extra" and flaw.text in (":", "!") and flaw.start:
                tree, flaw = _parsed(text[: flaw.start])
                self.refuse("format", at)
            if tree is None:
                assert flaw is not None
                self.fail(flaw.kind, flaw.text, at + flaw.start, at + flaw.end)
        elif flaw is not None and self.unsupported is None:
            self.unsupported = Flaw(flaw.kind, flaw.text, at + flaw.start, at + flaw.end)
        return tree


_FIELD = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")
