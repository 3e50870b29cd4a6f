"""From the tree of a Colang 1.0 file to what the engine runs: flat lists of elements (section 7), and messages.

Every jump is counted in elements, relative to the element that holds it, unless marked absolute. `to_data` of
an element gives the dictionary form of the specification, for traces and for comparison.

Quirks of the reference (section 12) are read as that section recommends. With ``compat="nemoguardrails"`` those
are read like the reference that a working program could depend on: P2, P3, P7, P11, P15, P19, P20 and P25.
What the parser reports as an error has elements all the same, so a caller that wants only sound programs
looks at the diagnostics of `parse_v1` first.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from typing_extensions import assert_never

from colang.records import changed
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.words_v1 import MODIFIERS

Compat: TypeAlias = Literal["nemoguardrails"] | None

#: What the reference writes for a property that must be there, with any value.
IS_PRESENT = "<<IS NOT NONE>>"


# ---------------------------------------------------------------- elements


@dataclass(frozen=True, slots=True, kw_only=True)
class _Element:
    """One step of a flow.

    `on_break` and `on_continue` are jumps, set inside loops only. `comment` is the comment above the statement.
    """

    span: Span
    comment: str | None = None
    on_break: int | None = None
    on_continue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIntent(_Element):
    """Wait for an intent; `name` is ``...`` for any, a list for ``user [a, b]``, ``*`` for `something`."""

    name: str | list[str]
    params: Mapping[str, object]
    match: str | None = None  # a condition on the parameters
    is_example: bool = False
    capture: str | None = None  # variable that takes the parameters (P8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Utter(_Element):
    """Say a message, or wait for one if `value` is ``...``; a dictionary is a rich element."""

    value: object
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAction(_Element):
    """Start an action and wait for its success. Creating events and asking for values are actions, too."""

    name: str
    params: Mapping[str, object]
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEvent(_Element):
    """Wait for an event of this type with these properties."""

    name: str
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(_Element):
    """Evaluate an expression and store it under `key`."""

    key: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class If(_Element):
    """Go on with the next element if the expression is true, else `next_else` further."""

    expression: str
    next_else: int


@dataclass(frozen=True, slots=True, kw_only=True)
class While(_Element):
    """Like `If`, at the head of a loop; `on_break` is where to go on when the expression is false."""

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break(_Element):
    """Leave the loop: jump by `on_break`, or by 1 outside of loops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue(_Element):
    """Next turn of the loop: jump by `on_continue`, or by 1 outside of loops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(_Element):
    """Wait for one of several elements, `heads` further each."""

    heads: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump(_Element):
    """Go on `next` elements further; `absolute` with -1 ends the flow."""

    next: int
    absolute: bool = False
    label: str | None = None
    label_value: str | None = None
    values: tuple[str, ...] = ()  # of `return`
    goto: str | None = None  # the label jumped to


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFlow(_Element):
    """Call a subflow; a `name` that starts with ``$`` is an expression."""

    name: str
    params: Mapping[str, object]
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(_Element):
    """Wait for one of the `count` elements that follow."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(_Element):
    """End the flow if the expression is false."""

    expression: str


Element: TypeAlias = (
    UserIntent
    | Utter
    | RunAction
    | MatchEvent
    | Set
    | If
    | While
    | Break
    | Continue
    | Branch
    | Jump
    | CallFlow
    | AnyOf
    | Check
)


def to_data(element: Element) -> dict[str, object]:
    """The dictionary form of an element (section 7), without source positions.

    Example:
        >>> to_data(Set(span=Span(0, 1), key="n", expression="5"))
        {'_type': 'set', 'key': 'n', 'expression': '5'}
    """
    data = _own_data(element)
    if element.on_break is not None:
        data["_next_on_break"] = element.on_break
    if element.on_continue is not None:
        data["_next_on_continue"] = element.on_continue
    if element.comment is not None:
        data["comment"] = element.comment
    return data


def _own_data(e: Element) -> dict[str, object]:
    data: dict[str, object]
    match e:
        case UserIntent():
            data = {"_type": "UserIntent", "intent_name": e.name, "intent_params": dict(e.params)}
            if e.match is not None:
                data["_match"] = e.match
            if e.is_example:
                data["_is_example"] = True
            if e.capture is not None:
                data["_capture"] = e.capture
        case Utter():
            params = {"value": e.value, **e.params}
            data = {"_type": "run_action", "action_name": "utter", "action_params": params}
        case RunAction():
            data = {"_type": "run_action", "action_name": e.name, "action_params": dict(e.params)}
            if e.result is not None:
                data["action_result_key"] = e.result
        case MatchEvent():
            data = {"_type": e.name, **e.properties}
        case Set():
            data = {"_type": "set", "key": e.key, "expression": e.expression}
        case If():
            data = {"_type": "if", "expression": e.expression, "_next_else": e.next_else}
        case While():
            data = {"_type": "while", "expression": e.expression}
        case Break():
            data = {"_type": "break"}
        case Continue():
            data = {"_type": "continue"}
        case Branch():
            data = {"_type": "branch", "branch_heads": list(e.heads)}
        case Jump():
            data = {"_type": "jump", "_next": e.next}
            if e.absolute:
                data["_absolute"] = True
            if e.label is not None:
                data["_label"] = e.label
            if e.label_value is not None:
                data["_label_value"] = e.label_value
            if e.values:
                data["_return_values"] = list(e.values)
        case CallFlow():
            data = {
                "_type": "flow",
                "flow_name": e.name,
                "flow_parameters": dict(e.params),
                "return_vars": list(e.results),
            }
        case AnyOf():
            data = {"_type": "any", "count": e.count}
        case Check():
            data = {"_type": "check", "expression": e.expression}
        case _:
            assert_never(e)
    return data


# ---------------------------------------------------------------- flows and messages


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowElements:
    """One flow as the engine takes it.

    `meta` holds the entries of section 5.14 (``priority``, ``is_extension``, ``subflow``, ...). `source` is the
    text of the statements, dedented and without blank lines: an example for a language model.
    """

    id: str
    elements: tuple[Element, ...]
    meta: Mapping[str, object]
    source: str
    span: Span

    def to_data(self) -> dict[str, object]:
        """``{id, elements, meta?}`` in the form of the conformance data."""
        data: dict[str, object] = {"id": self.id, "elements": [to_data(e) for e in self.elements]}
        if self.meta:
            data["meta"] = dict(self.meta)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleElements:
    """What one file gives: its flows in order, and the texts of its messages by intent."""

    flows: tuple[FlowElements, ...]
    user_messages: Mapping[str, list[str]]
    bot_messages: Mapping[str, list[str]]

    def to_data(self) -> dict[str, object]:
        """``{flows, user_messages, bot_messages}``, empty ones left out."""
        data: dict[str, object] = {"flows": [flow.to_data() for flow in self.flows]}
        if self.user_messages:
            data["user_messages"] = dict(self.user_messages)
        if self.bot_messages:
            data["bot_messages"] = dict(self.bot_messages)
        return data


def flow_elements(module: n.Module, compat: Compat = None) -> list[FlowElements]:
    r"""The flows of a module as element lists, in the order of the file.

    Linear in the size of the module.

    Example:
        >>> from colang.syntax.parser_v1 import parse_v1
        >>> module, _ = parse_v1("define flow greet\n  user say hi\n  bot say hi\n")
        >>> [type(e).__name__ for e in flow_elements(module)[0].elements]
        ['UserIntent', 'Utter']
    """
    return list(module_elements(module, compat).flows)


def module_elements(module: n.Module, compat: Compat = None) -> ModuleElements:
    """Flows and messages of a module; texts said inline in a flow are messages, too (5.2)."""
    return _Lowering(module, compat == "nemoguardrails").run()


@dataclass(slots=True)
class _Lowering:
    module: n.Module
    compat: bool
    flows: list[FlowElements] = field(default_factory=list["FlowElements"])
    users: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    bots: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    meta: dict[str, object] = field(default_factory=dict[str, object])

    def run(self) -> ModuleElements:
        for definition in self.module.definitions:
            if isinstance(definition, n.UserDef):
                self.user(definition)
            elif isinstance(definition, n.BotDef):
                texts = [self.bot_text(text) for text in definition.texts]
                self.bots.setdefault(definition.name.text, []).extend(texts)
            elif isinstance(definition, n.FlowDef):
                self.flow(definition)
        return ModuleElements(
            flows=tuple(self.flows), user_messages=self.users, bot_messages=self.bots
        )

    # ------------------------------------------------------------ definitions

    def flow(self, flow: n.FlowDef) -> None:
        self.meta = {}
        if flow.kind is not None and flow.kind.text == "subflow":
            self.meta["subflow"] = True
        for modifier in flow.modifiers:
            key, value = MODIFIERS[modifier.text]
            self.meta[key] = value
        flow_id = flow.id
        if self.compat and flow.name is None and (flow.modifiers or "subflow" in self.meta):
            flow_id = ""  # P15
        self.add_flow(flow_id, [], flow.body, flow.span)

    def add_flow(
        self, flow_id: str, first: list[Element], body: tuple[n.Stmt, ...], span: Span
    ) -> None:
        elements = first + self.statements(body)
        labels = {e.label: i for i, e in enumerate(elements) if isinstance(e, Jump) and e.label}
        for index, element in enumerate(elements):
            if isinstance(element, Jump) and element.goto is not None:
                target = labels.get(element.goto, index + 1)
                elements[index] = replace(element, next=target - index)
        self.flows.append(
            FlowElements(
                id=flow_id,
                elements=tuple(elements),
                meta=self.meta,
                source=_source(self.module.text, body),
                span=span,
            )
        )

    def user(self, definition: n.UserDef) -> None:
        name = definition.name.text
        examples = [
            " {intent:and} ".join([self.example_part(part) for part in example.parts])
            for example in definition.examples
        ]
        self.users.setdefault(name, []).extend(examples or [_reference(name)])
        if definition.direct:
            self.meta = {}
            intent = name.replace(" ", "|")
            first = UserIntent(span=definition.name.span, name=intent, params={})
            self.add_flow(f"{intent}_direct", [first], definition.direct, definition.span)

    def example_part(self, part: n.Text | n.Name) -> str:
        if isinstance(part, n.Name):
            return _reference(part.text)
        return _PARAMETER.sub(_parameter, _CAPTURE.sub(r"{\1}", self.text(part)))

    def text(self, text: n.Text) -> str:
        """What a text says; the reference keeps one line of it (P3) and every backslash (P20)."""
        if not self.compat:
            return text.value
        if "\n" in text.raw:
            return text.raw.split("\n", 1)[0][1:].strip()
        return text.verbatim

    def bot_text(self, text: n.Text) -> str:
        said = _BACKTICKS.sub(r"$\1", self.text(text))
        return _CAPTURE.sub(r"{\1}", said) if self.compat else said  # P19

    # ------------------------------------------------------------ statements

    def statements(self, body: Sequence[n.Stmt]) -> list[Element]:
        out: list[Element] = []
        for index, statement in enumerate(self.merged(body) if self.compat else body):
            if self.compat and isinstance(statement, (n.If, n.While)):
                empty = isinstance(statement, n.While) and not statement.body
                if empty or (isinstance(statement, n.If) and not statement.branches[-1].body):
                    self.swallow(statement, body[index + 1 :], out)
                    return out
            self.statement(statement, out)
        return out

    def merged(self, body: Sequence[n.Stmt]) -> list[n.Stmt]:
        """P25: the reference joins a `when` to the `when` directly before it."""
        out: list[n.Stmt] = []
        for statement in body:
            if isinstance(statement, n.When) and out and isinstance(out[-1], n.When):
                out[-1] = changed(out[-1], cases=out[-1].cases + statement.cases)
            else:
                out.append(statement)
        return out

    def swallow(
        self, statement: n.If | n.While, rest: Sequence[n.Stmt], out: list[Element]
    ) -> None:
        """P7: the reference takes the statements behind an `if` or `while` without a body for its body."""
        if isinstance(statement, n.While):
            self.statement(changed(statement, body=tuple(rest)), out)
        elif statement.branches[-1].condition is None:
            self.statement(statement, out)  # an `else` may be empty
            out += self.statements(rest)
        else:
            last = changed(statement.branches[-1], body=tuple(rest))
            self.statement(changed(statement, branches=(*statement.branches[:-1], last)), out)

    def statement(self, s: n.Stmt, out: list[Element]) -> None:
        comment = s.comment.text if s.comment is not None else None
        match s:
            case n.UserStmt():
                self.user_stmt(s, comment, out)
            case n.BotStmt():
                out.append(self.bot_stmt(s, comment))
            case n.EventStmt():
                out.append(_event(s, comment))
            case n.CreateStmt():
                out.append(self.create(s, comment))
            case n.ExecuteStmt():
                result = s.target.text[1:] if s.target is not None else None
                params = {**_entries(s.block), **_positional(s.arguments, first=1)}
                out.append(
                    RunAction(
                        span=s.span,
                        comment=comment,
                        name=s.name.text,
                        params=params,
                        result=result,
                    )
                )
            case n.Assign():
                value = s.value.text
                if s.op.text != "=":
                    value = f"${s.variable} {s.op.text[0]} {value}"
                out.append(Set(span=s.span, comment=comment, key=s.variable, expression=value))
            case n.Generate():
                out.append(
                    RunAction(
                        span=s.span,
                        name="generate_value",
                        params={"instructions": comment},
                        result=s.variable,
                    )
                )
            case n.DoStmt():
                out.append(self.call(s, comment))
            case n.If():
                self.if_(s, comment, out)
            case n.While():
                self.while_(s, comment, out)
            case n.When():
                self.when(s, comment, out)
            case n.AnyStmt():
                self.any(s, comment, out)
            case n.Meta():
                self.meta.update(s.entries)
            case n.Priority():
                self.meta["priority"] = s.value
            case n.LabelStmt():
                out.append(
                    Jump(
                        span=s.span,
                        comment=comment,
                        next=1,
                        label=s.name.text,
                        label_value=s.value,
                    )
                )
            case n.Goto():
                out.append(Jump(span=s.span, comment=comment, next=1, goto=s.name.text))
            case n.Stop():
                out.append(Utter(span=s.span, comment=comment, value="stop", params={}))
            case n.Return():
                values = tuple([value.text for value in s.values])
                out.append(
                    Jump(span=s.span, comment=comment, next=-1, absolute=True, values=values)
                )
            case n.Break():
                out.append(Break(span=s.span, comment=comment))
            case n.Continue():
                out.append(Continue(span=s.span, comment=comment))
            case n.Check():
                out.append(Check(span=s.span, comment=comment, expression=s.condition.text))
            case n.ErrorStmt():
                out += self.statements(s.body)
            case _:
                assert_never(s)

    def user_stmt(self, s: n.UserStmt, comment: str | None, out: list[Element]) -> None:
        if len(s.patterns) == 1:
            if comment is None and s.block is not None and s.block.comment is not None:
                comment = s.block.comment.text
            out.append(_intent(s.patterns[0], comment, s.block))
            return
        out.append(AnyOf(span=s.span, count=len(s.patterns)))  # its comment is lost (3.1)
        out += [_intent(pattern, None, None) for pattern in s.patterns]

    def bot_stmt(self, s: n.BotStmt, comment: str | None) -> Utter:
        pattern, block = s.pattern, s.block
        texts: list[n.Text] = []
        if pattern.kind != "text" and pattern.text is not None:
            texts.append(pattern.text)
            comment = None  # lost (3.1)
        if block is not None and pattern.kind != "block":
            texts += [line.text for line in block.texts]
            if block.comment is not None:
                comment = block.comment.text
        if texts and "is_sample" not in self.meta and "is_test" not in self.meta:
            self.bots.setdefault(pattern.name.text, []).extend([self.bot_text(t) for t in texts])
        return self.utter(pattern, block, s.span, comment)

    def utter(
        self, pattern: n.Pattern, block: n.ParamBlock | None, span: Span, comment: str | None
    ) -> Utter:
        value: object = pattern.name.text
        params: dict[str, object] = {}
        if pattern.kind == "text" and pattern.text is not None:
            value = {"_type": "element", "text": self.text(pattern.text)}
        elif pattern.kind == "dict":
            value = pattern.value
        elif pattern.kind == "block":
            rich = _entries(block)
            if block is not None and block.texts:
                rich["_text"] = self.text(block.texts[-1].text)
            value = {**rich, "_type": "element"}
        if pattern.kind != "block":
            params = {**_entries(block), **_bot_arguments(pattern.arguments)}
        return Utter(span=span, comment=comment, value=value, params=params)

    def create(self, s: n.CreateStmt, comment: str | None) -> RunAction:
        target = s.targets[0]
        event: dict[str, object]
        if isinstance(target, n.EventStmt):
            merged = changed(target, block=s.block or target.block)
            event = to_data(_event(merged, None))
        elif target.keyword.text == "user":
            event = to_data(_intent(target, None, s.block))
        else:
            event = to_data(self.utter(target, s.block, target.span, None))
        return RunAction(span=s.span, comment=comment, name="create_event", params={"event": event})

    def call(self, s: n.DoStmt, comment: str | None) -> Element:
        results = tuple([token.text[1:] for token in s.targets])
        if s.name is None:
            assert s.expression is not None
            name, params = s.expression.text, {}
        else:
            name, params = s.name.text, _flow_arguments(s.arguments)
        if self.compat and s.targets and s.targets[0].start < s.keyword.start:  # P11
            text = self.module.text[s.keyword.start : s.span.end]
            return Set(span=s.span, comment=comment, key=results[0], expression=text)
        return CallFlow(span=s.span, comment=comment, name=name, params=params, results=results)

    def any(self, s: n.AnyStmt, comment: str | None, out: list[Element]) -> None:
        inner: list[Element] = []
        count = 0
        for item in s.items:
            count += len(item.patterns) if isinstance(item, n.UserStmt) else 1
            if isinstance(item, n.UserStmt) and len(item.patterns) > 1:
                inner += [_intent(pattern, None, None) for pattern in item.patterns]
            else:
                self.statement(item, inner)
        out.append(AnyOf(span=s.span, comment=comment, count=count))
        out += inner

    def if_(self, s: n.If, comment: str | None, out: list[Element]) -> None:
        bodies: list[list[Element]] = []
        behind: list[Element] = []
        first_column = _indent(self.module.text, s.branches[0].body)
        for branch in s.branches:
            body = self.statements(branch.body)
            if (
                self.compat
                and branch.condition is None
                and _indent(self.module.text, branch.body) < first_column
            ):
                behind, body = body, []  # P2
            bodies.append(body)
        lengths = [0] * (len(bodies) + 1)  # of what branch i and the later ones take
        for i in range(len(bodies) - 1, -1, -1):
            if s.branches[i].condition is None:
                lengths[i] = len(bodies[i])
            else:
                rest = lengths[i + 1]
                lengths[i] = 1 + len(bodies[i]) + (1 + rest if rest else 0)
        for i, branch in enumerate(s.branches):
            if branch.condition is not None:
                rest = lengths[i + 1]
                note = comment if i == 0 else branch.comment.text if branch.comment else None
                out.append(
                    If(
                        span=branch.span,
                        comment=note,
                        expression=branch.condition.text,
                        next_else=len(bodies[i]) + (2 if rest else 1),
                    )
                )
                out += bodies[i]
                if rest:
                    out.append(Jump(span=branch.span, next=rest + 1))
            else:
                out += bodies[i]
        out += behind

    def while_(self, s: n.While, comment: str | None, out: list[Element]) -> None:
        body = self.statements(s.body)
        size = len(body)
        out.append(
            While(
                span=s.span,
                comment=comment,
                expression=s.condition.text,
                on_break=size + 2,
            )
        )
        for j, element in enumerate(body):
            asks = isinstance(element, RunAction) and element.name == "generate_value"
            if element.on_break is None and not asks:
                element = replace(element, on_break=size + 1 - j, on_continue=-j - 1)
            out.append(element)
        out.append(Jump(span=s.span, next=-(size + 1)))

    def when(self, s: n.When, comment: str | None, out: list[Element]) -> None:
        cases: list[list[Element]] = []
        for index, case in enumerate(s.cases):
            note = case.comment.text if case.comment is not None else None
            if index == 0:
                note = comment
            elements: list[Element] = []
            if len(case.patterns) > 1:
                elements.append(AnyOf(span=case.span, count=len(case.patterns)))
                note = None
            for pattern in case.patterns:
                if isinstance(pattern, n.EventStmt):
                    elements.append(_event(pattern, note))
                elif pattern.keyword.text == "user":
                    elements.append(_intent(pattern, note, None))
                else:
                    elements.append(self.utter(pattern, None, pattern.span, note))
            cases.append(elements + self.statements(case.body))
        heads: list[int] = []
        offset = 1
        for elements in cases:
            heads.append(offset)
            offset += len(elements) + 1
        out.append(Branch(span=s.span, comment=comment, heads=tuple(heads)))
        for case, elements in zip(s.cases, cases, strict=True):
            offset -= len(elements) + 1
            out += elements
            out.append(Jump(span=case.span, next=offset))


# ---------------------------------------------------------------- parts of elements (5.16)


def _items(arguments: n.Arguments | None) -> tuple[n.Argument, ...]:
    return arguments.items if arguments is not None else ()


def _entries(block: n.ParamBlock | None) -> dict[str, object]:
    return {e.name.text: e.value for e in block.entries} if block is not None else {}


def _positional(arguments: n.Arguments | None, *, first: int) -> dict[str, object]:
    """Of an action: unnamed arguments are called ``$1``, ``$2``, ..."""
    out: dict[str, object] = {}
    number = first
    for item in _items(arguments):
        if item.name is not None:
            out[item.name.text] = item.value
        else:
            out[f"${number}"] = item.value
            number += 1
    return out


def _flow_arguments(arguments: n.Arguments | None) -> dict[str, object]:
    """Of a subflow: unnamed arguments are called by their place, ``$0``, ``$1``, ..."""
    return {
        item.name.text if item.name is not None else f"${index}": item.value
        for index, item in enumerate(_items(arguments))
    }


def _properties(arguments: n.Arguments | None) -> dict[str, object]:
    """Of an event: an unnamed argument is a property that must be there."""
    return {
        item.name.text if item.name is not None else item.source.text: item.value
        if item.name is not None
        else IS_PRESENT
        for item in _items(arguments)
    }


def _bot_arguments(arguments: n.Arguments | None) -> dict[str, object]:
    out: dict[str, object] = {}
    for item in _items(arguments):
        if item.name is not None:
            out[item.name.text] = item.value
        elif arguments is not None and arguments.keyword is not None and item.is_reference:
            out[item.source.text[1:]] = item.source.text
        else:
            out[item.source.text] = IS_PRESENT
    return out


def _event(s: n.EventStmt, comment: str | None) -> MatchEvent:
    properties = {**_entries(s.block), **_properties(s.arguments)}
    return MatchEvent(span=s.span, comment=comment, name=s.name.text, properties=properties)


def _intent(pattern: n.Pattern, comment: str | None, block: n.ParamBlock | None) -> UserIntent:
    params = _entries(block)
    conditions: list[str] = []
    for item in _items(pattern.arguments):
        if item.name is not None:
            params[item.name.text] = item.value
        elif item.is_reference:
            conditions.append(f"$intent_params.{item.source.text[1:]} is not None")
    name: str | list[str] = pattern.name.text
    if pattern.kind == "list":
        name = [part.text for part in pattern.names]
    return UserIntent(
        span=pattern.span,
        comment=comment,
        name=name,
        params=params,
        match=" and ".join(conditions) if conditions else None,
        is_example=pattern.kind == "text",
        capture=pattern.capture.text[1:] if pattern.capture is not None else None,
    )


# ---------------------------------------------------------------- texts (section 6)

_CAPTURE = re.compile(r"\[[^\[\]]*\]\(([^()]*)\)")
_BACKTICKS = re.compile(r"`(\w[\w.]*)`")
# A variable begins with a letter (T1) and ends in a word character or `]` (9.4).
_PARAMETER = re.compile(r"\$([^\W\d](?:[^\s\"'!?\-,;</]*[\w\]])?)")


def _parameter(match: re.Match[str]) -> str:
    return "{" + match.group(1) + "}"


def _reference(name: str) -> str:
    return "{intent:" + name.replace(" ", "|") + "}"


def _indent(text: str, body: tuple[n.Stmt, ...]) -> int:
    if not body:
        return 0
    start = body[0].span.start
    return start - (text.rfind("\n", 0, start) + 1)


def _source(text: str, body: tuple[n.Stmt, ...]) -> str:
    if not body:
        return ""
    start = text.rfind("\n", 0, body[0].span.start) + 1
    end = text.find("\n", body[-1].span.end)
    piece = text[start : end if end >= 0 else len(text)]
    lines: Iterator[str] = (line.rstrip() for line in piece.split("\n"))
    return textwrap.dedent("\n".join([line for line in lines if line]))
