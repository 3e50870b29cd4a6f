"""The tree of Colang 2.x: frozen values with spans, one class for each construct.

Every node carries the span of its text; tokens that a rewrite may want to touch are kept as fields.
Text between tokens (blanks, comments) is never lost: a module keeps its source, and a token its offsets.

Section numbers refer to the Colang 2.x specification, section 4 and 2.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from colang.records import Record
from colang.source import Span


class Token(NamedTuple):
    """A piece of text the grammar has a name for; `type` is the terminal's name in the grammar."""

    type: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self.start + len(self.text)

    @property
    def span(self) -> Span:
        """The characters of the token."""
        return Span(self.start, self.start + len(self.text))


class Node(Record):
    """Anything with a place in the text."""

    span: Span


# ---------------------------------------------------------------- expressions (section 3)


class Literal(Node):
    """A number, ``None``, ``True`` or ``False``."""

    value: int | float | bool | None


class String(Node):
    """A string literal: text pieces (escapes and doubled braces resolved) and interpolated expressions.

    A string without ``{...}`` has one text part, or none if it is empty. Section 3.4.
    """

    parts: tuple[str | Expr, ...]
    quote: str  # ' " ''' or triple double quote; with a prefix (r, f) only inside interpolations

    @property
    def constant(self) -> str | None:
        """The text if nothing is interpolated, else None."""
        if not self.parts:
            return ""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        return None


class Variable(Node):
    """``$name``; `name` is without the dollar sign."""

    name: str


class Name(Node):
    """A bare word: the variable of a comprehension (only legal inside one that binds it)."""

    name: str


class Attribute(Node):
    """``value.name``."""

    value: Expr
    name: str


class Slice(Node):
    """``start:stop:step`` inside a subscript."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None


class Subscript(Node):
    """``value[index]``."""

    value: Expr
    index: Expr | Slice


class Keyword(Node):
    """``name=value`` in a function call."""

    name: str
    value: Expr


class Call(Node):
    """``function(...)``: `function` is a Name for a built-in function, an Attribute for a method."""

    function: Name | Attribute
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()


class Unary(Node):
    """``- + ~ not`` before an operand."""

    op: str
    operand: Expr


class Binary(Node):
    """An arithmetic or bitwise operator: ``+ - * / // % ** << >> & | ^``."""

    op: str
    left: Expr
    right: Expr


class BoolOp(Node):
    """Operands joined by ``and`` or by ``or``; at least two."""

    op: str
    values: tuple[Expr, ...]


class Compare(Node):
    """A chain ``left op right op right``; ops: ``< > == != <= >= in``, ``not in``, ``is``, ``is not``."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]


class Conditional(Node):
    """``then if test else otherwise``."""

    test: Expr
    then: Expr
    otherwise: Expr


class ListExpr(Node):
    """``[a, b]``."""

    items: tuple[Expr, ...]


class TupleExpr(Node):
    """``(a, b)``; also ``()``."""

    items: tuple[Expr, ...]


class SetExpr(Node):
    """``{a, b}``; never empty."""

    items: tuple[Expr, ...]


class DictExpr(Node):
    """``{k: v}``; also ``{}``."""

    items: tuple[tuple[Expr, Expr], ...]


class ComprehensionClause(Node):
    """``for targets in iterable if condition ...``; `targets` are bare names."""

    targets: tuple[str, ...]
    iterable: Expr
    conditions: tuple[Expr, ...]


class Comprehension(Node):
    """A list, set, dict or generator comprehension; `key` only for a dict."""

    kind: str  # "list" "set" "dict" "generator"
    key: Expr | None
    element: Expr
    clauses: tuple[ComprehensionClause, ...]


class Generation(Node):
    """``..."instruction"``: a value to be made by the language model. Section 3.6."""

    instruction: String


Expr: TypeAlias = (
    Literal
    | String
    | Variable
    | Name
    | Attribute
    | Subscript
    | Call
    | Unary
    | Binary
    | BoolOp
    | Compare
    | Conditional
    | ListExpr
    | TupleExpr
    | SetExpr
    | DictExpr
    | Comprehension
    | Generation
)


# ---------------------------------------------------------------- groups and specs (section 2.3)


class Argument(Node):
    """One argument of a spec; `name` is without the dollar sign, None for a positional argument."""

    name: str | None
    value: Expr


class Member(Node):
    """``.Name(...)`` behind a spec's target. `arguments` is None when there are no parentheses."""

    name: str
    arguments: tuple[Argument, ...] | None = None


class Spec(Node):
    """A flow, action, event or reference with its arguments, members and capture.

    Exactly one of `name` and `variable` is set. Whether a name means a flow, an action or an event is not
    syntax: see `colang.analysis.names.classify`.
    """

    name: str | None  # words joined by one space
    variable: str | None
    target_span: Span  # of the name or the variable
    arguments: tuple[Argument, ...] | None = None  # None: neither parentheses nor simple arguments
    members: tuple[Member, ...] = ()
    ref: str | None = None  # `as $ref`, without the dollar sign
    ref_span: Span | None = None


class AndGroup(Node):
    """Members joined by ``and``; at least two."""

    items: tuple[Group, ...]


class OrGroup(Node):
    """Members joined by ``or``; at least two."""

    items: tuple[Group, ...]


Group: TypeAlias = Spec | AndGroup | OrGroup


# ---------------------------------------------------------------- statements (section 2.2)


class Assign(Node):
    """``$target = value``, ``+=`` or ``-=``. A value with a Generation node is a generated value (3.6)."""

    target: str
    target_span: Span
    op: str  # "=" "+=" "-="
    value: Expr


class Operation(Node):
    """``[$target =] [match|send|await|start|stop|activate|deactivate] group``.

    `op` is "await" when no operation word is written; then `keyword` is None.
    """

    op: str
    keyword: Token | None
    group: Group
    target: str | None = None
    target_span: Span | None = None


class ExprStmt(Node):
    """``(expression)`` on a line of its own."""

    value: Expr


class Return(Node):
    """``return [value]``."""

    keyword: Token
    value: Expr | None


class Abort(Node):
    """``abort``: the flow fails."""

    keyword: Token


class Break(Node):
    """``break``."""

    keyword: Token


class Continue(Node):
    """``continue``."""

    keyword: Token


class Pass(Node):
    """``pass``."""

    keyword: Token


class Log(Node):
    """``log value``: to the log of the host."""

    keyword: Token
    value: Expr


class Print(Node):
    """``print value``: to the console of the host."""

    keyword: Token
    value: Expr


class Priority(Node):
    """``priority value``."""

    keyword: Token
    value: Expr


class Global(Node):
    """``global $name``."""

    keyword: Token
    name: str


class LabelStmt(Node):
    """``name:``; only ``start_new_flow_instance`` has an effect (6.9)."""

    name: str


class DocString(Node):
    """A triple-quoted string as a statement; `text` is what stands between the quotes."""

    text: str


class GenerateFlow(Node):
    """``...`` on a line of its own (2.4)."""

    keyword: Token


class ErrorStmt(Node):
    """A line that is not Colang; its diagnostic stands beside the tree. `body` keeps statements below it."""

    body: Block | None = None


class Block(Node):
    """The statements of one indentation level; never empty unless every line of it is in error."""

    statements: tuple[Stmt, ...]


class IfBranch(Node):
    """``if``, ``elif`` / ``else if`` (condition set) or ``else`` (condition None) with its block."""

    keyword: Token  # `if`, `elif`, `else`; for `else if` the first word
    condition: Expr | None
    body: Block


class If(Node):
    """An ``if`` with all its branches; the first has a condition, only the last may have none."""

    branches: tuple[IfBranch, ...]


class While(Node):
    """``while condition`` with its block."""

    keyword: Token
    condition: Expr
    body: Block


class WhenCase(Node):
    """``when group`` or ``or when group`` with its block."""

    keyword: Token  # `when`, `or`, `orwhen`
    group: Group
    body: Block


class When(Node):
    """``when`` with all its cases and the optional ``else`` block. Section 5.4."""

    cases: tuple[WhenCase, ...]
    otherwise: Block | None


# ---------------------------------------------------------------- file level (section 2.1)


class Import(Node):
    """``import a.b`` (path ``a/b``) or ``import "path"``; `path` has slashes and no quotes."""

    keyword: Token
    path: str
    path_span: Span
    quoted: bool


class DecoratorArgument(Node):
    """A literal argument; `value` is plain Python data. `name` is None for a positional one."""

    name: str | None
    value: object


class Decorator(Node):
    """``@name`` or ``@name(...)``."""

    name: str
    arguments: tuple[DecoratorArgument, ...]


class Param(Node):
    """A parameter or return member ``$name [= default]``; `name` is without the dollar sign."""

    name: str
    default: Expr | None


class FlowDef(Node):
    """A flow definition with its decorators; `span` covers decorators, header and body."""

    decorators: tuple[Decorator, ...]
    keyword: Token
    name: str  # words joined by one space
    name_span: Span
    params: tuple[Param, ...]
    members: tuple[Param, ...]
    body: Block


Stmt: TypeAlias = (
    Assign
    | Operation
    | ExprStmt
    | Return
    | Abort
    | Break
    | Continue
    | Pass
    | Log
    | Print
    | Priority
    | Global
    | LabelStmt
    | DocString
    | GenerateFlow
    | If
    | While
    | When
    | ErrorStmt
    | FlowDef
    | Import
)


class Module(Node):
    """One file. `statements` are the file-level statements that are neither imports nor flows."""

    text: str
    imports: tuple[Import, ...]
    flows: tuple[FlowDef, ...]
    statements: tuple[Stmt, ...]
    tokens: tuple[Token, ...]  # all tokens in order, comments and line ends included
    exclude_from_llm: bool = False
