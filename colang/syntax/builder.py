# ruff: noqa: D103 - the rules in v2_x.lark say what each function is for
"""Building of 2.x nodes: one function for each alternative of the grammar, named behind its ``->``.

A function takes the values of the symbols on the right side of its rule, tokens and nodes, and gives the value of the
left side. `Parts` that are not nodes of the tree (a call before it is a spec, the branches of an `if` before its
end) are small tuples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from colang.source import Span
from colang.syntax import nodes as n
from colang.syntax.nodes import Token
from colang.syntax.tuples import make

Values: TypeAlias = list[Any]


class Call(NamedTuple):
    """A name with its arguments; `start` and `end` include parentheses around it."""

    name: str
    name_span: Span
    arguments: tuple[n.Argument, ...] | None
    start: int
    end: int


class Target(NamedTuple):
    """What a spec is about, before members and capture."""

    name: str | None
    variable: str | None
    target_span: Span
    arguments: tuple[n.Argument, ...] | None
    start: int
    end: int


class Header(NamedTuple):
    """A flow header."""

    keyword: Token
    name: Token
    params: tuple[n.Param, ...]
    members: tuple[n.Param, ...]


class Wrong(NamedTuple):
    """Stands in the place of a keyword of a line that is in error; its statement becomes an ErrorStmt."""

    span: Span


def words(text: str) -> str:
    """A name with single spaces.

    >>> words("water    the plants")
    'water the plants'
    """
    return " ".join(text.split()) if "  " in text or "\t" in text else text


def _span(start: int, end: int) -> Span:
    span: Span = make(Span, (start, end))
    return span


# ------------------------------------------------------------------------------------------ lists


def same(v: Values) -> Any:
    return v[0]


def middle(v: Values) -> Any:
    return v[1]


def list_one(v: Values) -> list[Any]:
    return [v[0]]


def list_more(v: Values) -> list[Any]:
    found: list[Any] = v[0]
    found.append(v[1])
    return found


def list_third(v: Values) -> list[Any]:
    found: list[Any] = v[0]
    found.append(v[2])
    return found


def list_first_third(v: Values) -> list[Any]:
    return [v[0], v[2]]


def items_none(v: Values) -> list[Any]:
    return []


def items_more(v: Values) -> list[Any]:
    return list_more(v)


# ------------------------------------------------------------------------------------- file level


def import_path(v: Values) -> n.Import:
    keyword, names = v[0], v[1]
    start, end = names[0].start, names[-1].end
    return n.Import(
        span=_span(keyword.start, end),
        keyword=keyword,
        path="/".join(name.text for name in names),
        path_span=_span(start, end),
        quoted=False,
    )


def import_file(v: Values) -> n.Import:
    keyword, path = v[0], v[1]
    return n.Import(
        span=_span(keyword.start, path.end),
        keyword=keyword,
        path=path.text[1:-1],
        path_span=path.span,
        quoted=True,
    )


def flow_plain(v: Values) -> n.FlowDef:
    return flow_decorated([(), *v])


def flow_decorated(v: Values) -> n.FlowDef:
    decorators, header, body = v
    start = decorators[0].span.start if decorators else header.keyword.start
    return n.FlowDef(
        span=_span(start, body.span.end),
        decorators=tuple(decorators),
        keyword=header.keyword,
        name=words(header.name.text),
        name_span=header.name.span,
        params=header.params,
        members=header.members,
        body=body,
    )


def decorator_plain(v: Values) -> n.Decorator:
    end = v[-2].end
    return n.Decorator(span=_span(v[0].start, end), name=v[1].text, arguments=())


def decorator_arguments(v: Values) -> n.Decorator:
    return n.Decorator(span=_span(v[0].start, v[4].end), name=v[1].text, arguments=v[3])


def header_plain(v: Values) -> Header:
    return Header(v[0], v[1], (), ())


def header_params(v: Values) -> Header:
    return Header(v[0], v[1], tuple(v[2]), ())


def header_members(v: Values) -> Header:
    return Header(v[0], v[1], (), tuple(v[3]))


def header_both(v: Values) -> Header:
    return Header(v[0], v[1], tuple(v[2]), tuple(v[4]))


def param_plain(v: Values) -> n.Param:
    return n.Param(span=v[0].span, name=v[0].text[1:], default=None)


def param_default(v: Values) -> n.Param:
    name, _, default = v
    return n.Param(span=_span(name.start, default.span.end), name=name.text[1:], default=default)


def block(v: Values) -> n.Block:
    statements = tuple(v[2])
    return n.Block(
        span=_span(statements[0].span.start, statements[-1].span.end), statements=statements
    )


# ------------------------------------------------------------------------------------- statements


def assign(v: Values) -> n.Assign:
    target, op, value = v
    return n.Assign(
        span=_span(target.start, value.span.end),
        target=target.text[1:],
        target_span=target.span,
        op=op.text,
        value=value,
    )


def assign_operation(v: Values) -> n.Operation:
    target, _, keyword, group = v
    return n.Operation(
        span=_span(target.start, group.span.end),
        op=keyword.text,
        keyword=keyword,
        group=group,
        target=target.text[1:],
        target_span=target.span,
    )


def assign_implicit(v: Values) -> n.Operation:
    target, _, _, group = v
    return n.Operation(
        span=_span(target.start, group.span.end),
        op="await",
        keyword=None,
        group=group,
        target=target.text[1:],
        target_span=target.span,
    )


def operation(v: Values) -> n.Operation:
    keyword, group = v
    return n.Operation(
        span=_span(keyword.start, group.span.end), op=keyword.text, keyword=keyword, group=group
    )


def operation_implicit(v: Values) -> n.Operation:
    return n.Operation(span=v[0].span, op="await", keyword=None, group=v[0])


def expression_stmt(v: Values) -> n.ExprStmt:
    return n.ExprStmt(span=_span(v[1].start, v[3].end), value=v[2])


def return_none(v: Values) -> n.Return:
    return n.Return(span=v[0].span, keyword=v[0], value=None)


def return_value(v: Values) -> n.Return:
    return n.Return(span=_span(v[0].start, v[1].span.end), keyword=v[0], value=v[1])


def abort(v: Values) -> n.Abort:
    return n.Abort(span=v[0].span, keyword=v[0])


def break_(v: Values) -> n.Break:
    return n.Break(span=v[0].span, keyword=v[0])


def continue_(v: Values) -> n.Continue:
    return n.Continue(span=v[0].span, keyword=v[0])


def pass_(v: Values) -> n.Pass | n.ErrorStmt:
    keyword = v[0]
    if isinstance(keyword, Wrong):
        return n.ErrorStmt(span=keyword.span)
    return n.Pass(span=keyword.span, keyword=keyword)


def log(v: Values) -> n.Log:
    return n.Log(span=_span(v[0].start, v[1].span.end), keyword=v[0], value=v[1])


def print_(v: Values) -> n.Print:
    return n.Print(span=_span(v[0].start, v[1].span.end), keyword=v[0], value=v[1])


def priority(v: Values) -> n.Priority:
    return n.Priority(span=_span(v[0].start, v[1].span.end), keyword=v[0], value=v[1])


def global_(v: Values) -> n.Global:
    return n.Global(span=_span(v[0].start, v[1].end), keyword=v[0], name=v[1].text[1:])


def label(v: Values) -> n.LabelStmt:
    return n.LabelStmt(span=_span(v[0].start, v[1].end), name=v[0].text)


def docstring(v: Values) -> n.DocString:
    return n.DocString(span=v[0].span, text=v[0].text[3:-3])


def generate_flow(v: Values) -> n.GenerateFlow:
    return n.GenerateFlow(span=v[0].span, keyword=v[0])


# ---------------------------------------------------------------------------------------- compound


def if_(v: Values) -> n.If:
    return n.If(span=_span(v[0][0].span.start, v[0][-1].span.end), branches=tuple(v[0]))


def if_else(v: Values) -> n.If:
    v[0].append(v[1])
    return if_(v)


def if_first(v: Values) -> list[n.IfBranch]:
    return [_branch(v[0], v[1], v[-1])]


def if_more(v: Values) -> list[n.IfBranch]:
    condition = v[3] if isinstance(v[2], Token) else v[2]
    v[0].append(_branch(v[1], condition, v[-1]))
    found: list[n.IfBranch] = v[0]
    return found


def else_(v: Values) -> n.IfBranch:
    return _branch(v[0], None, v[-1])


def _branch(keyword: Token, condition: n.Expr | None, body: n.Block) -> n.IfBranch:
    return n.IfBranch(
        span=_span(keyword.start, body.span.end), keyword=keyword, condition=condition, body=body
    )


def while_(v: Values) -> n.While | n.ErrorStmt:
    keyword, condition, body = v[0], v[1], v[-1]
    if isinstance(keyword, Wrong):
        span = _span(keyword.span.start, max(keyword.span.end, body.span.end))
        return n.ErrorStmt(span=span, body=body)
    return n.While(
        span=_span(keyword.start, body.span.end), keyword=keyword, condition=condition, body=body
    )


def when(v: Values) -> n.When:
    return n.When(
        span=_span(v[0][0].span.start, v[0][-1].span.end), cases=tuple(v[0]), otherwise=None
    )


def when_else(v: Values) -> n.When:
    otherwise: n.IfBranch = v[1]
    return n.When(
        span=_span(v[0][0].span.start, otherwise.span.end),
        cases=tuple(v[0]),
        otherwise=otherwise.body,
    )


def when_first(v: Values) -> list[n.WhenCase]:
    return [_case(v[0], v[1], v[-1])]


def when_more(v: Values) -> list[n.WhenCase]:
    found: list[n.WhenCase] = v[0]
    group = v[3] if v[1].type == "OR" else v[2]
    found.append(_case(v[1], group, v[-1]))
    return found


def _case(keyword: Token, group: n.Group, body: n.Block) -> n.WhenCase:
    return n.WhenCase(
        span=_span(keyword.start, body.span.end), keyword=keyword, group=group, body=body
    )


# ------------------------------------------------------------------------------------------ groups


def _group_span(items: list[n.Group]) -> Span:
    return _span(items[0].span.start, items[-1].span.end)


def or_group(v: Values) -> n.OrGroup:
    return n.OrGroup(span=_group_span(v[0]), items=tuple(v[0]))


def and_group(v: Values) -> n.AndGroup:
    return n.AndGroup(span=_group_span(v[0]), items=tuple(v[0]))


def parenthesised(v: Values) -> Any:
    inside = v[1]
    if isinstance(inside, Call):
        return inside._replace(start=v[0].start, end=v[2].end)
    return inside


def call_plain(v: Values) -> Call:
    name = v[0]
    end = name.end
    call: Call = make(Call, (words(name.text), _span(name.start, end), None, name.start, end))
    return call


def call_empty(v: Values) -> Call:
    name = v[0]
    call: Call = make(Call, (words(name.text), name.span, (), name.start, v[2].end))
    return call


def call_arguments(v: Values) -> Call:
    name = v[0]
    call: Call = make(Call, (words(name.text), name.span, v[2], name.start, v[3].end))
    return call


def call_simple(v: Values) -> Call:
    name, arguments = v
    end = arguments[-1].span.end
    call: Call = make(Call, (words(name.text), name.span, arguments, name.start, end))
    return call


def spec_bare(v: Values) -> n.Spec:
    call: Call = v[0]
    return n.Spec(
        span=_span(call.start, call.end),
        name=call.name,
        variable=None,
        target_span=call.name_span,
        arguments=call.arguments,
    )


def spec_variable(v: Values) -> n.Spec:
    span = v[0].span
    return n.Spec(span=span, name=None, variable=v[0].text[1:], target_span=span)


def _dress(spec: n.Spec, members: tuple[n.Member, ...], ref: Token | None, end: int) -> n.Spec:
    return n.Spec(
        span=_span(spec.span.start, end),
        name=spec.name,
        variable=spec.variable,
        target_span=spec.target_span,
        arguments=spec.arguments,
        members=members,
        ref=ref.text[1:] if ref else None,
        ref_span=ref.span if ref else None,
    )


def spec_members(v: Values) -> n.Spec:
    return _dress(v[0], tuple(v[1]), None, v[1][-1].span.end)


def spec_ref(v: Values) -> n.Spec:
    return _dress(v[0], (), v[2], v[2].end)


def spec_members_ref(v: Values) -> n.Spec:
    return _dress(v[0], tuple(v[1]), v[3], v[3].end)


def spec_simple_ref(v: Values) -> n.Spec:
    return _dress(spec_bare([call_simple(v[:2])]), (), v[3], v[3].end)


def member_plain(v: Values) -> n.Member:
    return n.Member(span=_span(v[0].start, v[1].end), name=v[1].text)


def member_empty(v: Values) -> n.Member:
    return n.Member(span=_span(v[0].start, v[3].end), name=v[1].text, arguments=())


def member_arguments(v: Values) -> n.Member:
    return n.Member(span=_span(v[0].start, v[4].end), name=v[1].text, arguments=v[3])


def function(name: str) -> Callable[[Values], Any]:
    """The function of this module behind a ``-> name`` of the grammar."""
    found: Callable[[Values], Any] = globals()[name]
    return found
