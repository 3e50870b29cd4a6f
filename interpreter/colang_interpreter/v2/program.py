"""A compiled Colang 2.x program: immutable, shared by all conversations, with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from colang.diagnostics import Diagnostic, Severity
from colang.source import Source
from colang.syntax import nodes
from colang_interpreter.errors import CompileError
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import names
from colang_interpreter.v2.compiler import FlowError, FlowInput, compile_flow

if TYPE_CHECKING:
    from colang.project import Project
    from colang_interpreter.v2.state import State

FORMAT = 1
"""Version of the compiled form: states of another version cannot be restored."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one conversation; exceeding one is a ColangError of the flow, never a hang (6.13).

    Attributes:
        instructions: Executed in one step.
        events: Internal events processed in one step.
        instances: Flow instances running at the same time.
        depth: Flows started from flows started from flows ...
    """

    instructions: int = 1_000_000
    events: int = 60_000
    instances: int = 10_000
    depth: int = 2_000


@dataclass(frozen=True)
class Program:
    """A compiled program. Make one with `compile_project`.

    Attributes:
        flows: Compiled flows by name.
        settings: The settings it was compiled with; None: those of the project (see `config`).
        limits: Budgets of its conversations.
        added: Names of flows added at run time -> their texts.
        compat: Whether quirks of the reference are kept that programs could depend on: Q05, Q06, Q08, Q14,
            Q18, Q22, Q27, Q29 and Q45 of the specification.
    """

    flows: Mapping[str, ins.FlowCode] = field(repr=False)
    definitions: Mapping[str, nodes.FlowDef] = field(repr=False)
    settings: Any = field(default=None, repr=False)
    limits: Limits = Limits()
    added: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    project: Project | None = field(default=None, repr=False)
    compat: bool = False

    version = "2.x"

    @cached_property
    def config(self) -> Any:
        """The settings, `$system.config` in a flow; validated when somebody first asks for them."""
        if self.settings is not None or self.project is None:
            return self.settings
        return self.project.config

    @property
    def digest(self) -> str:
        """Hex digest of all flows: two programs with the same digest run states of each other."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(f"colang-2.x program {FORMAT} {self.compat}\n".encode())
        for name in sorted(self.flows):
            digest.update(f"{name}\0{self.flows[name].fingerprint}\n".encode("utf-8", "replace"))
        return digest.hexdigest()

    @cached_property
    def active_flows(self) -> tuple[ins.FlowCode, ...]:
        """Flows with ``@active`` in definition order."""
        return tuple(flow for flow in self.flows.values() if flow.active)

    @cached_property
    def unhandled_names(self) -> frozenset[str] | None:
        """Names of events whose UnhandledEvent a flow may wait for; None: of any event.

        No others need be made: nobody would see them.
        """
        found: set[str] = set()
        for flow in self.flows.values():
            for instruction in flow.code:
                for wait in _waits(instruction):
                    pattern = wait.pattern
                    if pattern.kind == "event" and pattern.name == names.UNHANDLED:
                        name = pattern.constants.get("event")
                        if not isinstance(name, str):
                            return None
                        found.add(name)
        return frozenset(found)

    def start(
        self, seed: int = 0, *, active: bool = True, now: str | None = None
    ) -> tuple[State, list[dict[str, Any]]]:
        r"""A new conversation: start `main` (and the flows with ``@active``), run until all wait.

        Args:
            seed: Decides every random choice and uid.
            active: Whether flows with ``@active`` are started.
            now: The current time, ISO 8601 with offset.

        Returns:
            The state and the outgoing events of the start.

        Example:
            >>> from colang_interpreter.v2.program import compile_text
            >>> program = compile_text("flow main\n  match Ping()\n  send Pong()\n")
            >>> state, events = program.start(seed=7)
            >>> [event["type"] for event in state.feed({"type": "Ping"})]
            ['Pong']
        """
        state = self.prepare(seed)
        if now is not None:
            state.now = now
        return state, state.start_main(active=active)

    def prepare(self, seed: int = 0) -> State:
        """A new conversation whose `main` has not been started: `State.start_main` does that."""
        from colang_interpreter.v2.state import State

        return State.new(self, seed)

    def restore(self, blob: str | bytes) -> State:
        """The conversation that `State.dump` saved.

        Raises:
            StateError: It belongs to another program or version, is damaged, or is too large.
        """
        from colang_interpreter.v2 import wire

        return wire.restore(self, blob)

    def with_flows(self, text: str) -> Program:
        """A larger program: this one and the flows of a Colang text.

        Raises:
            CompileError: The text has errors, or defines a flow that exists already.
        """
        extended, added = self.extended(text)
        if not added:
            raise CompileError([_error("CO202", "the text defines no new flow")])
        return extended

    def extended(self, text: str) -> tuple[Program, list[str]]:
        """Like `with_flows`, but a flow that exists already makes nothing be added."""
        from colang.syntax.parser_v2 import parse_v2

        module, found = parse_v2(text)
        source = Source(text, "<added at run time>")
        errors = [d.at(source.path) for d in found if d.severity is Severity.ERROR]
        if errors:
            raise CompileError(errors)
        if any(flow.name in self.flows for flow in module.flows):
            return self, []
        inputs = {flow.name: FlowInput(flow, source) for flow in module.flows}
        definitions = {**self.definitions, **{flow.name: flow for flow in module.flows}}
        compiled = _compile_all(inputs, definitions, self.compat)
        texts = {flow.name: text[flow.span.start : flow.span.end] for flow in module.flows}
        program = replace(
            self,
            flows={**self.flows, **compiled},
            definitions=definitions,
            added={**self.added, **texts},
        )
        return program, list(compiled)

    def without_flow(self, name: str) -> Program:
        """This program without one of its flows."""
        if name not in self.flows:
            return self
        return replace(
            self,
            flows={key: flow for key, flow in self.flows.items() if key != name},
            definitions={key: flow for key, flow in self.definitions.items() if key != name},
            added={key: text for key, text in self.added.items() if key != name},
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        return self


def compile_project(
    project: Project, *, limits: Limits | None = None, compat: bool = False
) -> Program:
    """Compile a 2.x project.

    Raises:
        CompileError: Anything in the project is an error: syntax, names, imports, settings.
    """
    from colang.analysis import check

    errors = [d for d in check(project) if d.severity is Severity.ERROR]
    if errors:
        raise CompileError(errors)
    inputs = {
        name: FlowInput(
            definition,
            project.flow_files[name].source,
            _excluded(project.flow_files[name].tree),
        )
        for name, definition in project.flows.items()
    }
    compiled = _compile_all(inputs, project.flows, compat)
    return Program(
        flows=compiled,
        definitions=project.flows,
        limits=limits or Limits(),
        project=project,
        compat=compat,
    )


def compile_text(text: str, *, limits: Limits | None = None, compat: bool = False) -> Program:
    """Compile one Colang text (which may import the standard library)."""
    from colang.project import Project

    return compile_project(
        Project.from_texts({"main.co": text}, version="2.x"), limits=limits, compat=compat
    )


def _excluded(tree: object) -> bool:
    return isinstance(tree, nodes.Module) and tree.exclude_from_llm


def _compile_all(
    inputs: Mapping[str, FlowInput], definitions: Mapping[str, nodes.FlowDef], compat: bool
) -> dict[str, ins.FlowCode]:
    compiled: dict[str, ins.FlowCode] = {}
    errors: list[Diagnostic] = []
    for name, flow in inputs.items():
        try:
            compiled[name] = compile_flow(flow, definitions, compat=compat)
        except FlowError as error:
            errors.append(error.diagnostic(flow.source.path))
    if errors:
        raise CompileError(errors)
    return compiled


def _waits(instruction: ins.Instruction) -> Iterable[ins.Wait]:
    if isinstance(instruction, ins.Wait):
        yield instruction
    elif isinstance(instruction, ins.WaitGroup):
        yield from instruction.members


def _error(code: str, message: str) -> Diagnostic:
    from colang.source import Span

    return Diagnostic(code=code, message=message, span=Span(0, 0))
