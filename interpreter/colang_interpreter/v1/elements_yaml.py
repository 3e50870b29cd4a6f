"""Flows of Colang 1.0 that stand in config.yml (section 8): YAML data to the elements of `elements`.

The short form (``- user: greet``) is read by the parser of the language, statement by statement, so that both
ways to write a flow mean the same. The long form (``- {_type: UserIntent, ...}``) is read back as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from colang.diagnostics import Severity
from colang.records import changed
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.literals_v1 import BadLiteral, literal, plain
from colang.syntax.nodes import Token
from colang.syntax.parser_v1 import parse_statement_v1
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.elements import Compat, Element, FlowElements

_NOWHERE = Span(0, 0)
_MAX_DEPTH = 60

# First key of a short element -> the statement word it stands for.
STATEMENTS: Mapping[str, str] = {
    **dict.fromkeys(("user", "intent", "you"), "user"),
    **dict.fromkeys(("bot", "utter", "ask", "bot_ask"), "bot"),
    **dict.fromkeys(("run", "action", "execute"), "execute"),
    "set": "set",
    "if": "if",
    "while": "while",
    "break": "break",
    **dict.fromkeys(("continue", "pass"), "continue"),
    **dict.fromkeys(("stop", "abort"), "stop"),
    "return": "return",
    **dict.fromkeys(("label", "checkpoint"), "label"),
    "goto": "goto",
    **dict.fromkeys(("flow", "call", "activate"), "do"),
    "event": "event",
    **dict.fromkeys(("new", "infer", "add", "post"), "infer"),
    **dict.fromkeys(("any", "or"), "any"),
    "check": "check",
    "meta": "meta",
}
_ALONE = frozenset(("break", "continue", "stop", "return"))

# Flow attributes in YAML -> meta entries of section 5.14.
ATTRIBUTES: Mapping[str, str] = {
    "priority": "priority",
    "is_extension": "is_extension",
    "is_interruptible": "interruptable",
    "is_subflow": "subflow",
    "allow_multiple": "allow_multiple",
}


class YamlProblem(NamedTuple):
    """What is wrong with a flow in YAML: `path` leads to it from the flow, keys and list indices."""

    path: tuple[str | int, ...]
    message: str
    help: str | None


def yaml_flow(
    data: object, compat: Compat = None
) -> tuple[FlowElements | None, tuple[YamlProblem, ...]]:
    """One entry of `flows` as an element list; None with problems if it is none.

    Example:
        >>> flow, problems = yaml_flow({"id": "a", "elements": [{"user": "hi"}, {"bot": "hello"}]})
        >>> [type(element).__name__ for element in flow.elements], problems
        (['UserIntent', 'Utter'], ())
    """
    reader = _Reader()
    if not isinstance(data, Mapping):
        return None, (YamlProblem((), "a flow is a mapping with `id` and `elements`", None),)
    flow = cast("Mapping[object, object]", data)
    flow_id, found = flow.get("id"), flow.get("elements", [])
    if not isinstance(flow_id, str) or not flow_id:
        return None, (YamlProblem(("id",), "this flow has no `id`", "give it a name"),)
    if not isinstance(found, list):
        return None, (YamlProblem(("elements",), "`elements` is not a list", None),)
    items = cast("list[object]", found)
    meta = {ATTRIBUTES[key]: plain(flow[key]) for key in ATTRIBUTES if key in flow}
    if items and isinstance(items[0], Mapping) and "_type" in items[0]:
        elements = reader.long_form(items)
    else:
        elements = []
        body = reader.body(items, ("elements",), 0)
        definition = n.FlowDef(
            span=_NOWHERE, keyword=None, modifiers=(), kind=None, name=None, id=flow_id, body=body
        )
        module = n.Module(span=_NOWHERE, text="", definitions=(definition,), tokens=())
        lowered = e.flow_elements(module, compat)[0]
        elements = list(lowered.elements)
        meta |= lowered.meta
    if reader.problems:
        return None, tuple(reader.problems)
    return (
        FlowElements(id=flow_id, elements=tuple(elements), meta=meta, source="", span=_NOWHERE),
        (),
    )


class _Reader:
    """Collects problems while it turns YAML data into statements."""

    def __init__(self) -> None:
        self.problems: list[YamlProblem] = []

    def problem(self, path: tuple[str | int, ...], message: str, advice: str | None = None) -> None:
        self.problems.append(YamlProblem(path, message, advice))

    # ------------------------------------------------------------ short form

    def body(self, items: object, path: tuple[str | int, ...], depth: int) -> tuple[n.Stmt, ...]:
        if depth > _MAX_DEPTH:
            self.problem(path, f"blocks are nested deeper than {_MAX_DEPTH} levels here")
            return ()
        if not isinstance(items, list):
            self.problem(path, "a list of elements is expected here")
            return ()
        out: list[n.Stmt] = []
        cases: list[n.WhenCase] = []
        for index, item in enumerate(cast("list[object]", items)):
            here = (*path, index)
            if isinstance(item, list):  # one branch; adjacent ones belong together
                cases.append(self.case(cast("list[object]", item), here, depth))
                continue
            if cases:
                out.append(n.When(span=_NOWHERE, cases=tuple(cases)))
                cases = []
            statement = self.element(item, here, depth)
            if statement is not None:
                out.append(statement)
        if cases:
            out.append(n.When(span=_NOWHERE, cases=tuple(cases)))
        return tuple(out)

    def case(self, items: list[object], path: tuple[str | int, ...], depth: int) -> n.WhenCase:
        body = self.body(items, path, depth + 1)
        patterns: tuple[n.Pattern | n.EventStmt, ...] = ()
        first = body[0] if body else None
        if isinstance(first, n.UserStmt) and first.block is None:
            patterns, body = first.patterns, body[1:]
        return n.WhenCase(span=_NOWHERE, keywords=(), patterns=patterns, body=body)

    def element(self, item: object, path: tuple[str | int, ...], depth: int) -> n.Stmt | None:
        if isinstance(item, str) and STATEMENTS.get(item) in _ALONE:
            return self.parse(STATEMENTS[item], path)
        if not isinstance(item, Mapping):
            self.problem(path, f"`{item}` is not a flow element")
            return None
        fields = {str(k): v for k, v in cast("Mapping[object, object]", item).items()}
        key = next((key for key in fields if key in STATEMENTS), None)
        if key is None:
            self.problem(path, f"`{next(iter(fields), '')}` is not a flow element")
            return None
        word, value = STATEMENTS[key], fields.pop(key)
        here = (*path, key)
        if word in _ALONE:
            return self.parse(word, here)
        if word in ("if", "while"):
            return self.block(word, value, fields, path, here, depth)
        if word in ("infer", "any"):
            return self.group(word, value, here, depth)
        if word == "meta":
            return self.meta(value, here)
        text = str(value)
        if word == "set" and not text.lstrip().startswith("$"):
            text = "$" + text.lstrip()
        if word == "execute" and text.lstrip().startswith("$") and "=" in text:
            target, _, action = text.partition("=")
            statement = self.parse(f"{target.strip()} = execute {action.strip()}", here)
        elif word == "set":
            statement = self.parse(text, here)
        else:
            statement = self.parse(f"{word} {text}", here)
        return self.with_parameters(statement, fields, path) if fields else statement

    def block(
        self,
        word: str,
        value: object,
        fields: dict[str, object],
        path: tuple[str | int, ...],
        here: tuple[str | int, ...],
        depth: int,
    ) -> n.Stmt | None:
        """``if``/``then``/``else`` and ``while``/``do``."""
        check = self.parse(f"check {value}", here)
        if not isinstance(check, n.Check):
            return None
        keyword = Token("KEYWORD", word, 0)
        inner = "then" if word == "if" else "do"
        body = self.body(fields.pop(inner, []), (*path, inner), depth + 1)
        otherwise = fields.pop("else", None) if word == "if" else None
        for key in fields:
            self.problem((*path, key), f"`{key}` does not belong to `{word}`")
        if word == "while":
            return n.While(span=_NOWHERE, keyword=keyword, condition=check.condition, body=body)
        branches = [
            n.IfBranch(span=_NOWHERE, keywords=(keyword,), condition=check.condition, body=body)
        ]
        if otherwise is not None:
            last = self.body(otherwise, (*path, "else"), depth + 1)
            branches.append(
                n.IfBranch(span=_NOWHERE, keywords=(keyword,), condition=None, body=last)
            )
        return n.If(span=_NOWHERE, branches=tuple(branches))

    def group(
        self, word: str, value: object, here: tuple[str | int, ...], depth: int
    ) -> n.Stmt | None:
        """``new: [- event: X]`` and ``any: [...]``."""
        if isinstance(value, str) and word == "infer":
            return self.parse(f"infer {value}", here)
        body = self.body(value, here, depth + 1)
        keyword = Token("KEYWORD", word, 0)
        if word == "any":
            items = tuple([s for s in body if isinstance(s, (n.UserStmt, n.EventStmt))])
            if len(items) != len(body):
                self.problem(here, "only `user` and `event` elements can stand here")
            return n.AnyStmt(span=_NOWHERE, keyword=keyword, items=items)
        targets: list[n.EventStmt | n.Pattern] = []
        for statement in body:
            if isinstance(statement, n.EventStmt):
                targets.append(statement)
            elif isinstance(statement, n.UserStmt) and len(statement.patterns) == 1:
                targets.append(statement.patterns[0])
            elif isinstance(statement, n.BotStmt):
                targets.append(statement.pattern)
        if not targets:
            self.problem(here, "there is no event to create here")
            return None
        return n.CreateStmt(span=_NOWHERE, keyword=keyword, targets=tuple(targets))

    def meta(self, value: object, here: tuple[str | int, ...]) -> n.Stmt | None:
        if not isinstance(value, Mapping):
            self.problem(here, "`meta` is a mapping")
            return None
        pairs = cast("Mapping[object, object]", value).items()
        entries = tuple([(str(key), plain(item)) for key, item in pairs])
        return n.Meta(span=_NOWHERE, keyword=Token("KEYWORD", "meta", 0), entries=entries)

    def parse(self, text: str, here: tuple[str | int, ...]) -> n.Stmt | None:
        statement, diagnostics = parse_statement_v1(text)
        for diagnostic in diagnostics:
            if diagnostic.severity is Severity.ERROR:
                self.problem(here, diagnostic.message, diagnostic.help)
        return statement

    def with_parameters(
        self, statement: n.Stmt | None, fields: dict[str, object], path: tuple[str | int, ...]
    ) -> n.Stmt | None:
        """Further keys of an element are parameters: data, a literal in a text, or ``$...``."""
        entries: list[n.Entry] = []
        for key, value in fields.items():
            if isinstance(value, str) and not value.startswith("$"):
                try:
                    value = literal(value)
                except BadLiteral:
                    self.problem(
                        (*path, key),
                        f"`{value}` is not a value",
                        f"write '\"{value}\"' for a text, or a variable with `$`",
                    )
            name = n.Name(key, 0, 0)
            entries.append(n.Entry(span=_NOWHERE, name=name, value=plain(value)))
        block = n.ParamBlock(span=_NOWHERE, entries=tuple(entries))
        match statement:
            case n.UserStmt() | n.BotStmt() | n.EventStmt() | n.ExecuteStmt():
                return changed(statement, block=block)
            case n.DoStmt(name=n.Name()):
                items = tuple(
                    [
                        n.Argument(
                            span=_NOWHERE, name=x.name, value=x.value, source=n.Name("", 0, 0)
                        )
                        for x in entries
                    ]
                )
                given = statement.arguments.items if statement.arguments is not None else ()
                arguments = n.Arguments(span=_NOWHERE, keyword=None, items=items + given)
                return changed(statement, arguments=arguments)
            case _:
                for key in fields:
                    self.problem((*path, key), f"`{key}` does not belong to this element")
                return statement

    # ------------------------------------------------------------ long form

    def long_form(self, items: Sequence[object]) -> list[Element]:
        out: list[Element] = []
        for index, item in enumerate(items):
            element = None
            if isinstance(item, Mapping):
                fields = {str(k): v for k, v in cast("Mapping[object, object]", item).items()}
                element = from_data(fields)
            if element is None:
                self.problem(("elements", index), "this is not an element")
            else:
                out.append(element)
        return out


def _mapping(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return {str(k): v for k, v in cast("Mapping[object, object]", value).items()}
    return {}


def _int(value: object, default: int) -> int:
    try:
        return int(str(value))
    except ValueError:
        return default


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def from_data(data: Mapping[str, object]) -> Element | None:
    """The element of a dictionary form (section 7), the reverse of `to_data`; None if it has no ``_type``.

    A ``_type`` that is none of the element types is an event to wait for, as in the specification.

    Example:
        >>> from_data({"_type": "set", "key": "n", "expression": "5"}).key
        'n'
    """
    element = _own(data)
    if element is None:
        return None
    comment = _text(data.get("comment"))
    on_break, on_continue = data.get("_next_on_break"), data.get("_next_on_continue")
    return replace(
        element,
        comment=comment,
        on_break=None if on_break is None else _int(on_break, 1),
        on_continue=None if on_continue is None else _int(on_continue, 1),
    )


_BOOKKEEPING = frozenset(("_type", "_next_on_break", "_next_on_continue", "comment"))


def _own(data: Mapping[str, object]) -> Element | None:
    expression = str(data.get("expression", ""))
    match data.get("_type"):
        case "UserIntent":
            name = data.get("intent_name", "")
            return e.UserIntent(
                span=_NOWHERE,
                name=[str(x) for x in cast("list[object]", name)]
                if isinstance(name, list)
                else str(name),
                params=_mapping(data.get("intent_params")),
                match=_text(data.get("_match")),
                is_example=bool(data.get("_is_example")),
                capture=_text(data.get("_capture")),
            )
        case "run_action":
            params = _mapping(data.get("action_params"))
            action = str(data.get("action_name", ""))
            if action == "utter":
                value = params.pop("value", "")
                return e.Utter(span=_NOWHERE, value=value, params=params)
            result = _text(data.get("action_result_key"))
            return e.RunAction(span=_NOWHERE, name=action, params=params, result=result)
        case "set":
            return e.Set(span=_NOWHERE, key=str(data.get("key", "")), expression=expression)
        case "if":
            next_else = _int(data.get("_next_else"), 1)
            return e.If(span=_NOWHERE, expression=expression, next_else=next_else)
        case "while":
            return e.While(span=_NOWHERE, expression=expression)
        case "break":
            return e.Break(span=_NOWHERE)
        case "continue":
            return e.Continue(span=_NOWHERE)
        case "stop":
            return e.Utter(span=_NOWHERE, value="stop", params={})
        case "check":
            return e.Check(span=_NOWHERE, expression=expression)
        case "branch":
            heads = data.get("branch_heads")
            found = cast("list[object]", heads) if isinstance(heads, list) else []
            return e.Branch(span=_NOWHERE, heads=tuple([_int(head, 1) for head in found]))
        case "jump":
            values = data.get("_return_values")
            texts = cast("list[object]", values) if isinstance(values, list) else []
            return e.Jump(
                span=_NOWHERE,
                next=_int(data.get("_next"), 1),
                absolute=bool(data.get("_absolute")),
                label=_text(data.get("_label")),
                label_value=_text(data.get("_label_value")),
                values=tuple([str(x) for x in texts]),
            )
        case "flow":
            results = data.get("return_vars")
            names = cast("list[object]", results) if isinstance(results, list) else []
            return e.CallFlow(
                span=_NOWHERE,
                name=str(data.get("flow_name", "")),
                params=_mapping(data.get("flow_parameters")),
                results=tuple([str(x) for x in names]),
            )
        case "any":
            return e.AnyOf(span=_NOWHERE, count=_int(data.get("count"), 0))
        case str(name) if name:
            properties = {k: v for k, v in data.items() if k not in _BOOKKEEPING}
            return e.MatchEvent(span=_NOWHERE, name=name, properties=properties)
        case _:
            return None
