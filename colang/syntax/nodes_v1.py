"""The tree of Colang 1.0: frozen values with spans, one class for each construct.

Every node carries the span of its text. Words a rewrite may want to touch are kept where they stand:
keywords as `Token`, names as `Name` (the text with runs of blanks collapsed, as the language reads it,
beside the offsets of what the author wrote), texts as `Text`, expressions as `Expression`.
Text between tokens (blanks only) is never lost: a module keeps its source, and a token its offsets.

Section numbers refer to the Colang 1.0 specification. What a construct does is told there; the tree says
only what stands in the file. The elements the engine runs are made from it in `colang_interpreter.v1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from colang.source import Span
from colang.syntax.nodes import Node, Token

__all__ = [
    "ActionDef",
    "AnyStmt",
    "Argument",
    "Arguments",
    "Assign",
    "BotDef",
    "BotStmt",
    "Break",
    "Check",
    "Comment",
    "Condition",
    "Continue",
    "CreateStmt",
    "DoStmt",
    "Entry",
    "ErrorStmt",
    "EventStmt",
    "Example",
    "ExecuteStmt",
    "Expression",
    "FlowDef",
    "Generate",
    "Goto",
    "If",
    "IfBranch",
    "Import",
    "LabelStmt",
    "Meta",
    "Module",
    "Name",
    "Node",
    "Note",
    "ParamBlock",
    "Pattern",
    "Priority",
    "Return",
    "Stmt",
    "Stop",
    "Text",
    "TextLine",
    "Token",
    "UserDef",
    "UserStmt",
    "When",
    "WhenCase",
    "While",
    "walk",
]


class Name(NamedTuple):
    """The name of a flow, intent, message, action, event, label or parameter.

    `text` has runs of blanks collapsed and no continuation in it; ``[start, end)`` is what the author wrote.
    """

    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The characters of the name."""
        return Span(self.start, self.end)


class Expression(NamedTuple):
    """An expression as text (section 9.1), continuation marks blanked; its syntax has been checked."""

    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The characters of the expression."""
        return Span(self.start, self.end)


class Comment(NamedTuple):
    """The comment lines or the docstring above a statement; belongs to that statement (3.1).

    `text` is what a language model may see as an instruction: lines joined by newlines, without marks.
    ``[start, end)`` reaches from the first comment line to the last.
    """

    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """From the first mark to the end of the last line."""
        return Span(self.start, self.end)


class Text(NamedTuple):
    r"""A text in quotes as it stands in the file, the quotes included; perhaps over several lines.

    Example:
        >>> Text('"Say \\"hi\\",\n    Bob. "', 0).value
        'Say "hi",\nBob.'
    """

    raw: str
    start: int

    @property
    def end(self) -> int:
        """Offset behind the closing quote."""
        return self.start + len(self.raw)

    @property
    def span(self) -> Span:
        """The characters of the text, quotes included."""
        return Span(self.start, self.start + len(self.raw))

    @property
    def value(self) -> str:
        r"""The text meant: without quotes, each line stripped, ``\"`` a plain quote (P3, P20)."""
        inner = self.verbatim
        return inner.replace('\\"', '"') if "\\" in inner else inner

    @property
    def verbatim(self) -> str:
        """Like `value`, with every backslash kept."""
        inner = (
            self.raw[1:-1] if len(self.raw) > 1 and self.raw[-1] == self.raw[0] else self.raw[1:]
        )
        if "\n" in inner:
            inner = "\n".join([part.strip() for part in inner.split("\n")])
        return inner.strip()


# ---------------------------------------------------------------- parts of statements (5.16)


class Argument(Node):
    """One argument. `value` is plain data, or the text of `source` if that starts with ``$``."""

    name: Name | None  # None: positional
    value: object
    source: Name  # the value as written

    @property
    def is_reference(self) -> bool:
        """True if the value is text starting with ``$`` and not a literal."""
        return self.source.text.startswith("$")


class Arguments(Node):
    """``(a=1, $b)``, or ``with a=1`` and ``for $b``: then `keyword` is that word."""

    keyword: Token | None
    items: tuple[Argument, ...]


class Entry(Node):
    """One line of a parameter block; `value` is plain data (a nested block is a dict or a list)."""

    name: Name
    value: object


class TextLine(Node):
    """A text on a line of its own below a `bot` statement or in a message definition."""

    text: Text
    comment: Comment | None = None


class ParamBlock(Node):
    """The indented lines below a statement that takes parameters, and texts below `bot`."""

    entries: tuple[Entry, ...]
    texts: tuple[TextLine, ...] = ()
    comment: Comment | None = None  # the first one inside the block


class Pattern(Node):
    """What stands behind `user` or `bot`: in a statement, an alternative, or a `when` line.

    `kind` says which form it is; `name` holds what the reference would call it (``...``, ``*`` for
    `something`), except for the kinds text, dict and block.

    ========  =================================================================
    intent    a name, with `arguments` and `capture` perhaps
    any       ``...``
    wildcard  ``something`` or ``something else``, perhaps with more words
    list      ``[a, b]``: `names` (user only)
    text      ``"text"``: `text`; a user example, or a bot text without a name
    variable  ``$name`` (bot only)
    dict      ``{...}``: `value` (bot only)
    block     `bot` alone: what it says stands in the block below
    ========  =================================================================
    """

    keyword: Token  # `user` or `bot`
    kind: str
    name: Name
    says: Token | None = None
    text: Text | None = None  # also the inline text of `bot NAME "text"`
    names: tuple[Name, ...] = ()
    value: object = None
    arguments: Arguments | None = None
    capture: Token | None = None  # the variable of `as $v`


# ---------------------------------------------------------------- statements (section 5)


class _Stmt(Node):
    """A statement; `comment` is the one directly above it."""

    comment: Comment | None = None


class UserStmt(_Stmt):
    """``user a [or user b ...]``: wait for an intent. 5.1."""

    patterns: tuple[Pattern, ...]
    block: ParamBlock | None = None


class BotStmt(_Stmt):
    """``bot ...``: say a message, or wait for one. 5.2."""

    pattern: Pattern
    block: ParamBlock | None = None


class EventStmt(_Stmt):
    """``event NAME``: wait for an event. `keyword` is None for a `when NAME` line. 5.3."""

    keyword: Token | None
    name: Name
    arguments: Arguments | None = None
    block: ParamBlock | None = None


class CreateStmt(_Stmt):
    """``create event``, ``new event``, ``infer ...``: make an event, or an intent. 5.4.

    `targets` has one member except for a block under a lone `infer`, of which only the first counts.
    """

    keyword: Token
    targets: tuple[EventStmt | Pattern, ...]
    block: ParamBlock | None = None


class ExecuteStmt(_Stmt):
    """``[$v =] execute NAME``, also spelled `exec` and `run`: run an action. 5.5."""

    keyword: Token
    name: Name
    target: Token | None = None  # the variable, with its dollar sign
    arguments: Arguments | None = None
    block: ParamBlock | None = None


class Assign(_Stmt):
    """``$v = e``, ``$v += e``, ``$v -= e``, ``set v = e``. 5.6."""

    keyword: Token | None  # `set`
    target: Token  # with its dollar sign if it is written
    op: Token
    value: Expression

    @property
    def variable(self) -> str:
        """The name of the target without its dollar sign."""
        return self.target.text.removeprefix("$")


class Generate(_Stmt):
    """``$v = ...``: ask the language model for a value; the comment is the instruction. 5.9."""

    target: Token
    op: Token
    dots: Token

    @property
    def variable(self) -> str:
        """The name of the target without its dollar sign."""
        return self.target.text.removeprefix("$")


class DoStmt(_Stmt):
    """``do [$a, $b =] NAME``, or ``do $expression``: call a subflow. Exactly one is not None. 5.10."""

    keyword: Token
    name: Name | None
    expression: Expression | None = None
    targets: tuple[Token, ...] = ()
    arguments: Arguments | None = None


class IfBranch(Node):
    """``if``, ``else if`` (condition set) or ``else`` (condition None) with its statements."""

    keywords: tuple[Token, ...]  # `if`; `else` `if`; `else`
    condition: Expression | None
    body: tuple[Stmt, ...]
    comment: Comment | None = None


class If(_Stmt):
    """An ``if`` with all its branches; only the last may have no condition. 5.7."""

    branches: tuple[IfBranch, ...]


class While(_Stmt):
    """``while condition`` with its statements. 5.7."""

    keyword: Token
    condition: Expression
    body: tuple[Stmt, ...]


class WhenCase(Node):
    """``when pattern`` or ``else when pattern`` with its statements.

    `patterns` are alternatives of ``user a or user b``; one for all other forms.
    """

    keywords: tuple[Token, ...]  # `when`; `else` `when`
    patterns: tuple[Pattern | EventStmt, ...]
    body: tuple[Stmt, ...]
    comment: Comment | None = None


class When(_Stmt):
    """A ``when`` with all its cases. 5.8."""

    cases: tuple[WhenCase, ...]


class AnyStmt(_Stmt):
    """``any`` with the alternatives below it."""

    keyword: Token
    items: tuple[UserStmt | EventStmt, ...]


class Meta(_Stmt):
    """``meta {...}`` or ``meta`` with a block. 5.14."""

    keyword: Token
    entries: tuple[tuple[str, object], ...]


class Priority(_Stmt):
    """``priority N``. 5.14."""

    keyword: Token
    value: float
    number: Token


class LabelStmt(_Stmt):
    """``label NAME [value]``, ``checkpoint NAME``, ``set NAME label to $x``. 5.11."""

    keyword: Token
    name: Name
    value: str | None = None  # "$x", or a text without its quotes


class Goto(_Stmt):
    """``goto NAME``, ``go to NAME``. 5.11."""

    keyword: Token
    name: Name


class Stop(_Stmt):
    """``stop`` or ``abort``: end the turn and forget every waiting flow."""

    keyword: Token


class Return(_Stmt):
    """``return`` or ``done``, with values perhaps. 5.12."""

    keyword: Token
    values: tuple[Expression, ...]


class Break(_Stmt):
    """``break``."""

    keyword: Token


class Continue(_Stmt):
    """``continue`` or ``pass``: the same thing in Colang 1.0."""

    keyword: Token


class Check(_Stmt):
    """``check condition``. 5.13."""

    keyword: Token
    condition: Expression


class ErrorStmt(_Stmt):
    """A line that is not Colang 1.0; its diagnostic stands beside the tree. `body` keeps what is below it."""

    body: tuple[Stmt, ...] = ()


Stmt: TypeAlias = (
    UserStmt
    | BotStmt
    | EventStmt
    | CreateStmt
    | ExecuteStmt
    | Assign
    | Generate
    | DoStmt
    | If
    | While
    | When
    | AnyStmt
    | Meta
    | Priority
    | LabelStmt
    | Goto
    | Stop
    | Return
    | Break
    | Continue
    | Check
    | ErrorStmt
)


# ---------------------------------------------------------------- messages (section 6)


class Example(Node):
    """One example utterance: texts and references to other intents joined by ``and``."""

    parts: tuple[Text | Name, ...]
    comment: Comment | None = None


class Note(Node):
    """A ``param``, ``set`` or ``context`` line of a message definition: accepted and without effect."""

    keyword: Token


class Condition(Node):
    """``if``, ``else if``, ``else`` inside a bot message; the reference ignores the condition (6.2)."""

    keywords: tuple[Token, ...]
    condition: Expression | None
    body: tuple[BotLine, ...]


UserLine: TypeAlias = Example | Note
BotLine: TypeAlias = TextLine | Condition | Note


# ---------------------------------------------------------------- file level (section 4)


class UserDef(Node):
    """``define user NAME`` with its examples; `direct` are the statements from a `bot` line on (6.1)."""

    keyword: Token
    kind: Token
    name: Name
    body: tuple[UserLine, ...]
    direct: tuple[Stmt, ...] = ()
    comment: Comment | None = None

    @property
    def examples(self) -> tuple[Example, ...]:
        """The example lines, in order."""
        return tuple(line for line in self.body if isinstance(line, Example))


class BotDef(Node):
    """``define bot NAME`` with its texts."""

    keyword: Token
    kind: Token
    name: Name
    body: tuple[BotLine, ...]
    comment: Comment | None = None

    @property
    def texts(self) -> tuple[Text, ...]:
        """All texts in order, those below conditions included."""
        return tuple(_texts(self.body))


def _texts(lines: tuple[BotLine, ...]) -> Iterator[Text]:
    for line in lines:
        if isinstance(line, TextLine):
            yield line.text
        elif isinstance(line, Condition):
            yield from _texts(line.body)


class FlowDef(Node):
    """``define [modifiers] flow|subflow [NAME]``, or a name with an indented block (shorthand).

    `id` is what the flow is called: the namespaces of nested shorthands joined with dots, or for a flow
    without a name ``anonymous-`` and a number made of its text (5.15). `span` covers header and body.
    """

    keyword: Token | None  # None: shorthand
    modifiers: tuple[Token, ...]
    kind: Token | None  # `flow` or `subflow`; None: shorthand
    name: Name | None
    id: str
    body: tuple[Stmt, ...]
    comment: Comment | None = None


class ActionDef(Node):
    """``define action ...``: skipped by the language, body and all."""

    keyword: Token
    kind: Token
    name: Name


class Import(Node):
    """``import path`` or ``include path``: recorded, without effect in Colang 1.0."""

    keyword: Token
    path: Name  # without quotes


Definition: TypeAlias = UserDef | BotDef | FlowDef | ActionDef | Import | ErrorStmt


class Module(Node):
    r"""One file: its definitions in order and every token, comments included.

    Text that belongs to no token is blank, so tokens and gaps give back the file:

    Example:
        >>> from colang.syntax.parser_v1 import parse_v1
        >>> module, problems = parse_v1('define bot greet  # warm\n  "Hi!"\n')
        >>> module.bots[0].texts[0].value, module.to_text() == module.text
        ('Hi!', True)
    """

    text: str
    definitions: tuple[Definition, ...]
    tokens: tuple[Token, ...]

    @property
    def flows(self) -> tuple[FlowDef, ...]:
        """The flows and subflows, in order."""
        return tuple(d for d in self.definitions if isinstance(d, FlowDef))

    @property
    def users(self) -> tuple[UserDef, ...]:
        """The definitions of user messages, in order; one intent may have several."""
        return tuple(d for d in self.definitions if isinstance(d, UserDef))

    @property
    def bots(self) -> tuple[BotDef, ...]:
        """The definitions of bot messages, in order; one message may have several."""
        return tuple(d for d in self.definitions if isinstance(d, BotDef))

    @property
    def imports(self) -> tuple[Import, ...]:
        """The import lines, in order."""
        return tuple(d for d in self.definitions if isinstance(d, Import))

    def to_text(self) -> str:
        """The file again, made of the tokens and the blanks between them."""
        pieces: list[str] = []
        at = 0
        for token in self.tokens:
            pieces.append(_BLANK.sub("", self.text[at : token.start]))
            pieces.append(token.text)
            at = token.end
        pieces.append(_BLANK.sub("", self.text[at:]))
        return "".join(pieces)


_BLANK = re.compile(r"\S+")  # what a gap may not hold: dropping it makes a lost token visible


def walk(statements: tuple[Stmt, ...]) -> Iterator[Stmt]:
    r"""Every statement below, in the order of the text, nested ones behind the one that holds them.

    Example:
        >>> from colang.syntax.parser_v1 import parse_v1
        >>> flow = parse_v1("define flow a\n  user b\n  if $x\n    stop\n")[0].flows[0]
        >>> [type(s).__name__ for s in walk(flow.body)]
        ['UserStmt', 'If', 'Stop']
    """
    for statement in statements:
        yield statement
        if isinstance(statement, If):
            for branch in statement.branches:
                yield from walk(branch.body)
        elif isinstance(statement, When):
            for case in statement.cases:
                yield from walk(case.body)
        elif isinstance(statement, (While, ErrorStmt)):
            yield from walk(statement.body)
        elif isinstance(statement, AnyStmt):
            yield from walk(statement.items)
