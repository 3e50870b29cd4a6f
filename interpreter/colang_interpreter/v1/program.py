"""A compiled Colang 1.0 program: registered flows, messages, and expressions compiled once."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from colang.diagnostics import Diagnostic
from colang.records import fields as record_fields
from colang.source import Source, Span
from colang.syntax import nodes, nodes_v1
from colang.syntax.expressions_v1 import ExpressionFlaw, parse_expression_v1
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.dynamic import class_of, is_a
from colang_interpreter.errors import CompileError
from colang_interpreter.expressions import Compiled, compile_expression
from colang_interpreter.v1.elements import (
    CallFlow,
    Compat,
    FlowElements,
    ModuleElements,
    module_elements,
)
from colang_interpreter.v1.elements_yaml import YamlProblem, yaml_flow
from colang_interpreter.v1.engine import EngineError
from colang_interpreter.v1.flows import Flow, StartIndex, flow_of
from colang_interpreter.v1.names import flow_call
from colang_interpreter.values import ExpressionError

if TYPE_CHECKING:
    from colang import Project
    from colang_interpreter.v1.state import State
    from colang_interpreter.v1.straight import StraightRail

FORMAT = 1
_PLAIN_NAME = re.compile(r"\$[^\W\d]\w*\Z")


class Frame:
    """What an expression sees: the context of the conversation."""

    __slots__ = ("locals",)
    runtime: Any = None

    def __init__(self, context: dict[str, Any]) -> None:
        self.locals = context

    def read(self, name: str) -> Any:
        """A variable, None if unset."""
        return self.locals.get(name)

    @property
    def self_ref(self) -> Any:
        """In 1.0 ``$self`` is a variable like all others."""
        return self.locals.get("self")

    @property
    def system_ref(self) -> Any:
        """In 1.0 ``$system`` is a variable like all others."""
        return self.locals.get("system")


@dataclass(frozen=True)
class Program:
    """Immutable, shared by all conversations.

    Attributes:
        flows: Registered flows by id, in order of registration (10.1).
        user_messages: Intent -> example utterances.
        bot_messages: Intent -> texts.
        settings: The settings, ``$config`` in a flow.
        compat: Whether quirks of the reference are kept that programs could depend on.
    """

    flows: Mapping[str, Flow] = field(repr=False)
    user_messages: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Any], repr=False)
    bot_messages: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Any], repr=False)
    settings: Any = field(default=None, repr=False)
    compat: bool = False
    project: Project | None = field(default=None, repr=False)
    _compiled: dict[str, Compiled] = field(default_factory=dict[str, Compiled], repr=False)
    _straight: dict[str, StraightRail | None] = field(
        init=False, compare=False, repr=False, default_factory=dict[str, "StraightRail | None"]
    )

    version = "1.0"

    @property
    def config(self) -> Any:
        """The settings, under the name both dialects' programs have."""
        return self.settings

    @cached_property
    def starts(self) -> StartIndex:
        """What events start which flows."""
        return StartIndex(self.flows.values())

    @property
    def digest(self) -> str:
        """Hex digest of flows and messages."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(f"colang-1.0 program {FORMAT} {self.compat}\n".encode())
        for part in (
            *(repr((f.id, f.elements, f.priority, f.is_extension, f.is_interruptible,
                    f.is_subflow, f.allow_multiple)) for f in self.flows.values()),
            repr(sorted((k, list(v)) for k, v in self.bot_messages.items())),
        ):  # fmt: skip
            digest.update(f"{part}\n".encode("utf-8", "replace"))
        return digest.hexdigest()

    def start(
        self, seed: int = 0, *, context: Mapping[str, Any] | None = None, now: str | None = None
    ) -> tuple[State, list[dict[str, Any]]]:
        """A new conversation; in 1.0 nothing happens before the first event."""
        from colang_interpreter.v1.state import State

        state = State(self, seed)
        if now is not None:
            state.now = now
        if context:
            state.feed({"type": "ContextUpdate", "data": dict(context)}, now=now)
        return state, []

    def restore(self, blob: str | bytes) -> State:
        """The conversation that `State.dump` saved.

        Raises:
            StateError: It belongs to another program or version, is damaged, or is too large.
        """
        from colang_interpreter.v1 import wire

        return wire.restore(self, blob)

    def started(self, flow: Flow) -> None:
        """A flow begins in some conversation. Does nothing; who wants to watch a program overrides it."""

    def nearest_flow(self, name: str) -> str | None:
        """The flow whose name is most like this one."""
        near = difflib.get_close_matches(name, self.flows, n=1)
        return near[0] if near else None

    # -------------------------------------------------- expressions

    def evaluate(self, expression: str, context: dict[str, Any], flow: str) -> Any:
        """The value of an expression (section 9).

        Raises:
            EngineError: It is no expression, or cannot be evaluated.
        """
        try:
            return self.compiled(expression)(Frame(context))
        except (ExpressionError, ExpressionFlaw) as error:
            raise EngineError(f"`{expression:.80}`: {error}", flow) from None

    def straight(self, rail: str) -> StraightRail | None:
        """A configured output rail, compiled once to run without a conversation; None if it needs one."""
        if rail not in self._straight:
            from colang_interpreter.v1.straight import straight_rail

            self._straight[rail] = straight_rail(self, rail)
        return self._straight[rail]

    def compiled(self, text: str) -> Compiled:
        """An expression, compiled once.

        Raises:
            ExpressionFlaw: It is none.
            ExpressionError: It has something that 1.0 does not have.
        """
        found = self._compiled.get(text)
        if found is None:
            expr = parse_expression_v1(text)
            _check_supported(expr)
            found = compile_expression(expr)
            self._compiled[text] = found
        return found

    def resolve(self, value: Any, context: dict[str, Any], flow: str) -> Any:
        """A parameter of a statement: a text that starts with ``$`` stands for a value (R11).

        A plain name that is not set, and a text that is no expression, stay as they are.
        """
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        if _PLAIN_NAME.match(value):
            return context.get(value[1:], value)
        try:
            compiled = self.compiled(value)
        except (ExpressionError, ExpressionFlaw):
            return value
        if not all(name in context for name in compiled.variables):
            return value
        try:
            return compiled(Frame(context))
        except ExpressionError as error:
            raise EngineError(f"`{value:.80}`: {error}", flow) from None


_MUTATING = frozenset(
    {
        *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"),
        *("update", "setdefault", "popitem", "add", "discard"),
    }
)


_DISPLAYS: dict[type[Any], str] = {
    nodes.ListExpr: "a list",
    nodes.TupleExpr: "a tuple",
    nodes.SetExpr: "a set",
    nodes.DictExpr: "a dictionary",
    nodes.Comprehension: "a comprehension",
}


def _check_supported(node: object) -> None:
    """What 1.0 does not have (9.1): other functions than `len`, displays, changes of values (E3)."""
    display = _DISPLAYS.get(class_of(node))
    if display is not None:
        raise ExpressionError(f"{display} cannot be written in a Colang 1.0 expression")
    if isinstance(node, nodes.Call):
        function = node.function
        if isinstance(function, nodes.Name) and function.name != "len":
            raise ExpressionError(f"there is no function `{function.name}`; there is `len`")
        if isinstance(function, nodes.Attribute) and function.name in _MUTATING:
            raise ExpressionError(f"`{function.name}` changes a value: assign a new one instead")
    if isinstance(node, nodes.Node):
        for part in record_fields(node):
            _check_supported(getattr(node, part))
    elif is_a(node, tuple) and not isinstance(node, Span):
        for item in cast(tuple[object, ...], node):
            _check_supported(item)


def registered(flows: Iterable[Flow]) -> dict[str, Flow]:
    """Flows by id: the first flow with an id wins, which is how a configuration overrides built-in ones."""
    result: dict[str, Flow] = {}
    for flow in flows:
        result.setdefault(flow.id, flow)
    return result


# ---------------------------------------------------------------- from a project

_LIBRARY = "colang_interpreter.library.v1"
_BUILT_IN = ("pipeline.co", "defaults.co")
_RAILS = ("rails.co", "clavata.co")
"""Of these only the flows that are named somewhere become part of a program."""


def compile_project(project: Project, *, compat: bool = False) -> Program:
    """Compile a 1.0 project: own flows first, then built-in flows (10.1).

    Raises:
        CompileError: Anything in the project is an error: syntax, names, settings.
    """
    from colang.analysis import check
    from colang.diagnostics import Severity

    errors = [d for d in check(project) if d.severity is Severity.ERROR]
    if errors:
        raise CompileError(errors)
    config = project.config
    rails = _rails(config)
    flows: list[Flow] = []
    users: dict[str, list[str]] = {k: list(v) for k, v in config.user_messages.items()}
    bots: dict[str, list[str]] = {k: list(v) for k, v in config.bot_messages.items()}
    quirks: Compat = "nemoguardrails" if compat else None
    imported = [f for f in project.files if f.is_imported]
    own = [f for f in project.files if not f.is_imported and not f.is_library]
    # Messages of one intent in several files add up (C6), but own ones replace those of imports (1.2).
    own_users: set[str] = set()
    own_bots: set[str] = set()
    for file in (*own, *imported):
        if isinstance(file.tree, nodes_v1.Module):
            found = module_elements(file.tree, quirks)
            _add_messages(users, found.user_messages, own_users if file.is_imported else ())
            _add_messages(bots, found.bot_messages, own_bots if file.is_imported else ())
            if not file.is_imported:
                own_users |= found.user_messages.keys()
                own_bots |= found.bot_messages.keys()
            _add_flows(flows, found.flows, rails, file.path, file.source)
    for entry in config.flows:
        if "elements" in entry:
            flows.append(_from_settings(entry, len(flows), rails, quirks))
    for name in _BUILT_IN:
        found = _built_in(name)
        for intent, texts in found.bot_messages.items():
            bots.setdefault(intent, list(texts))
        _add_flows(flows, found.flows, rails, *_library_text(name))
    for name, found in _library_rails(flows, rails):
        for intent, texts in found.bot_messages.items():
            bots.setdefault(intent, list(texts))
        _add_flows(flows, found.flows, rails, *_library_text(name))
    return Program(
        flows=registered(flows),
        user_messages=users,
        bot_messages=bots,
        settings=config,
        compat=compat,
        project=project,
    )


def _library_rails(
    flows: Sequence[Flow], rails: frozenset[str]
) -> Iterator[tuple[str, ModuleElements]]:
    """What of the library's rails is configured as a rail or called by a flow, with what that calls in turn."""
    own = {flow.id for flow in flows}
    wanted = set(rails)
    for flow in flows:
        wanted |= _called(flow.elements)
    for name in _RAILS:
        found = _built_in(name)
        known = {flow.id: flow for flow in found.flows}
        todo = [each for each in known if each in wanted and each not in own]
        kept: dict[str, FlowElements] = {}
        while todo:
            each = todo.pop()
            if each in known and each not in kept and each not in own:
                kept[each] = known[each]
                todo += _called(known[each].elements)
        if kept:
            chosen = tuple(flow for flow in found.flows if flow.id in kept)
            yield name, replace(found, flows=chosen)


def _called(elements: Iterable[Any]) -> set[str]:
    """Names of the flows that elements call; of computed names nothing is known."""
    return {
        element.name
        for element in elements
        if isinstance(element, CallFlow) and not element.name.startswith("$")
    }


def _rails(config: Any) -> frozenset[str]:
    """Names of flows that are rails, and therefore subflows."""
    names: set[str] = set()
    for kind in ("input", "output", "retrieval", "tool_input", "tool_output"):
        for entry in getattr(config.rails, kind).flows:
            names.add(entry)
            names.add(flow_call(entry)[0])
    return frozenset(names)


def _add_messages(
    messages: dict[str, list[str]], more: Mapping[str, Sequence[str]], replaced: Collection[str]
) -> None:
    for intent, texts in more.items():
        if intent not in replaced:
            messages.setdefault(intent, []).extend(texts)


def _add_flows(
    flows: list[Flow],
    more: Iterable[FlowElements],
    rails: frozenset[str],
    path: str,
    source: Source,
) -> None:
    for flow in more:
        line = source.position(flow.span.start).line
        flows.append(flow_of(flow, len(flows), subflow=flow.id in rails, path=path, line=line))


def _from_settings(
    entry: Mapping[str, Any], number: int, rails: frozenset[str], compat: Compat
) -> Flow:
    flow, problems = yaml_flow(entry, compat)
    if flow is None or problems:
        raise CompileError([_settings_error(entry, problem) for problem in problems])
    return flow_of(flow, number, subflow=flow.id in rails, path="config.yml")


def _settings_error(entry: Mapping[str, Any], problem: YamlProblem) -> Diagnostic:
    place = ".".join(map(str, problem.path))
    message = f"flow `{entry.get('id', '')}`, {place}: {problem.message}"
    return Diagnostic(code="CO405", message=message, span=Span(0, 0), path="config.yml")


@cache
def _library_text(name: str) -> tuple[str, Source]:
    """A file of the library: its path for people, and its text."""
    path = f"<library>/v1/{name}"
    text = (resources.files(_LIBRARY) / name).read_text(encoding="utf-8")
    return path, Source(text, path)


@cache
def _built_in(name: str) -> ModuleElements:
    module, _ = parse_v1(_library_text(name)[1].text)
    return module_elements(module)


def library_files() -> list[tuple[str, Source, ModuleElements]]:
    """All flows of the library, file by file: path for people, text, flows and messages."""
    return [(*_library_text(name), _built_in(name)) for name in (*_BUILT_IN, *_RAILS)]
