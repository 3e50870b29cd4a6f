"""From a flow definition to its instructions: the expansions of section 5.2 to 5.5.

Groups of pure waits become one `WaitGroup`; groups that start something are brought into disjunctive normal
form, as the specification words them, because what they start is observable.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, cast

from typing_extensions import assert_never

from colang.analysis.names import classify
from colang.diagnostics import Diagnostic
from colang.records import changed, fields
from colang.source import Source, Span
from colang.syntax import nodes as n
from colang_interpreter.dynamic import class_of
from colang_interpreter.expressions import Compiled, compile_expression
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import names

MAX_ALTERNATIVES = 1_000
"""Largest disjunctive normal form of a group that starts flows or actions."""


class FlowError(Exception):
    """The definition cannot be compiled; `message` and `span` say why and where."""

    def __init__(self, message: str, span: Span, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.help = help

    def diagnostic(self, path: str) -> Diagnostic:
        """The same as a value to report."""
        return Diagnostic(
            code="CO301", message=self.message, span=self.span, help=self.help, path=path
        )


@dataclass(frozen=True, slots=True)
class FlowInput:
    """A definition and where it comes from."""

    definition: n.FlowDef
    source: Source
    exclude_from_llm: bool = False


def compile_flow(
    flow: FlowInput, flows: Mapping[str, n.FlowDef], *, compat: bool = False
) -> ins.FlowCode:
    """Compile one definition; `flows` are all definitions of the program (for names and parameters).

    With `compat` quirks of the reference are kept: Q05, Q06, Q08, Q27, Q29 and Q45.

    Raises:
        FlowError: an operation does not fit its operand (the check reports these with a code of its own).
    """
    return _FlowCompiler(flow, flows, compat).compile()


class _FlowCompiler:
    def __init__(self, flow: FlowInput, flows: Mapping[str, n.FlowDef], compat: bool) -> None:
        self.definition = flow.definition
        self.source = flow.source
        self.exclude_from_llm = flow.exclude_from_llm
        self.flows = flows
        self.compat = compat
        self.shared = frozenset(
            node.name for node in walk(flow.definition.body) if isinstance(node, n.Global)
        )
        self.code: list[ins.Instruction] = []
        self.labels: dict[int, int] = {}
        self.slots = 0
        self.forks = 0
        self.loops: list[tuple[int, int]] = []  # (continue label, break label)
        self.at: dict[str, Any] = {}
        self.expanding = False  # inside a statement that is written out as several others

    # -------------------------------------------------- the flow as a whole

    def compile(self) -> ins.FlowCode:
        d = self.definition
        decorators = merged_decorators(d.decorators)
        meta = decorators.get("meta", {})
        loop_args = decorators.get("loop", {})
        loop = loop_args.get("id", loop_args.get("$0"))
        priority = loop_args.get("priority", loop_args.get("$1" if "$0" in loop_args else "$0", 0))
        self.mark(d)
        self.block(d.body)
        log_event, log_value = None, None
        for tag, event in names.LOG_TAGS:
            if meta.get(tag):
                log_event, log_value = event, self.tag_text(meta[tag])
                break
        intent = meta.get("bot_intent") or meta.get("user_intent")
        text = self.source.text[d.span.start : d.span.end]
        digest = hashlib.sha256(f"{text}\0{self.exclude_from_llm}".encode("utf-8", "replace"))
        return ins.FlowCode(
            name=d.name,
            parameters=self.parameters(d.params),
            members=self.parameters(d.members),
            code=self.resolved(),
            meta=meta,
            decorators=decorators,
            active="active" in decorators,
            loop=loop if isinstance(loop, str) and loop else None,
            loop_priority=priority if isinstance(priority, int) else 0,
            log_event=log_event,
            log_value=log_value,
            intent_tag=self.tag_text(intent) if intent else None,
            source=text,
            path=self.source.path,
            line=self.source.position(d.keyword.start).line,
            exclude_from_llm=self.exclude_from_llm,
            parameter_names=frozenset(p.name for p in d.params),
            fingerprint=digest.hexdigest(),
        )

    def parameters(self, params: Iterable[n.Param]) -> tuple[ins.Parameter, ...]:
        return tuple(
            ins.Parameter(
                param.name,
                f"${place}",
                None if param.default is None else compile_expression(param.default),
            )
            for place, param in enumerate(params)
        )

    def tag_text(self, value: object) -> Compiled | str | bool:
        if not isinstance(value, str):
            return True
        if "{" not in value:
            return value
        return compile_expression(_interpolated(value), shared=self.shared)

    def mark(self, node: n.Node) -> None:
        """Following instructions belong to this node."""
        if self.expanding:
            return
        self.at = {"span": node.span, "line": self.source.position(node.span.start).line}

    def emit(self, instruction: ins.Instruction) -> None:
        self.code.append(instruction)

    def label(self) -> int:
        self.labels[len(self.labels)] = -1
        return len(self.labels) - 1

    def place(self, label: int) -> None:
        self.labels[label] = len(self.code)

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def fork(self) -> int:
        self.forks += 1
        return self.forks - 1

    def resolved(self) -> tuple[ins.Instruction, ...]:
        """The code with labels replaced by positions."""
        code: list[ins.Instruction] = []
        for instruction in self.code:
            if isinstance(instruction, (ins.Jump, ins.Unless, ins.Catch)):
                instruction = replace(instruction, to=self.labels[instruction.to])
            elif isinstance(instruction, ins.Fork):
                instruction = replace(
                    instruction, targets=tuple(self.labels[t] for t in instruction.targets)
                )
            code.append(instruction)
        return tuple(code)

    def expression(self, expr: n.Expr) -> Compiled:
        if self.compat:
            expr = _mangled(expr)
        return compile_expression(expr, shared=self.shared)

    # -------------------------------------------------- statements

    def block(self, block: n.Block) -> None:
        for statement in block.statements:
            self.statement(statement)

    def statement(self, stmt: n.Stmt) -> None:
        self.mark(stmt)
        match stmt:
            case n.Assign():
                self.assign(stmt)
            case n.Operation():
                self.operation(stmt)
            case n.ExprStmt():
                self.emit(ins.Eval(target="_", value=self.expression(stmt.value), **self.at))
            case n.Return():
                value = None if stmt.value is None else self.expression(stmt.value)
                self.emit(ins.Return(value=value, **self.at))
            case n.Abort():
                self.emit(ins.Abort(**self.at))
            case n.Break():
                if self.loops:
                    self.emit(ins.Jump(to=self.loops[-1][1], **self.at))
            case n.Continue():
                if self.loops:
                    self.emit(ins.Jump(to=self.loops[-1][0], **self.at))
            case n.Log():
                self.emit(ins.Write(channel="log", value=self.expression(stmt.value), **self.at))
            case n.Print():
                self.emit(ins.Write(channel="print", value=self.expression(stmt.value), **self.at))
            case n.Priority():
                self.emit(ins.SetPriority(value=self.expression(stmt.value), **self.at))
            case n.Global():
                self.emit(ins.GlobalDecl(name=stmt.name, **self.at))
            case n.LabelStmt():
                if stmt.name == "start_new_flow_instance":
                    self.emit(ins.NewInstance(**self.at))
            case n.GenerateFlow():
                self.expanding = True
                for part in _generation_statements():
                    self.statement(part)
                self.expanding = False
            case n.If():
                self.if_(stmt)
            case n.While():
                self.while_(stmt)
            case n.When():
                self.when(stmt)
            case n.Pass() | n.DocString():
                pass
            case n.ErrorStmt() | n.FlowDef() | n.Import():
                raise FlowError("this cannot stand in a flow", stmt.span)
            case _:
                assert_never(stmt)

    def assign(self, stmt: n.Assign) -> None:
        generation = next((x for x in walk(stmt.value) if isinstance(x, n.Generation)), None)
        if generation is not None:
            slot, result = self.slot(), self.slot()
            args = (
                ("var_name", constant(stmt.target)),
                ("instructions", self.expression(generation.instruction)),
            )
            self.emit(ins.NewAction(name="GenerateValueAction", args=args, slot=slot, **self.at))
            self.emit(ins.SendAction(slot=slot, **self.at))
            self.emit(self.finished(slot, result))
            self.emit(ins.Result(target=stmt.target, slot=result, **self.at))
            return
        operator = stmt.op[0] if stmt.op != "=" and not self.compat else ""  # Q05
        self.emit(
            ins.Eval(
                target=stmt.target, value=self.expression(stmt.value), operator=operator, **self.at
            )
        )

    def if_(self, stmt: n.If) -> None:
        end = self.label()
        for branch in stmt.branches:
            following = self.label()
            self.mark(branch)
            if branch.condition is not None:
                condition = self.expression(branch.condition)
                self.emit(ins.Unless(condition=condition, to=following, **self.at))
            self.block(branch.body)
            self.mark(branch)
            if branch is not stmt.branches[-1]:
                self.emit(ins.Jump(to=end, **self.at))
            self.place(following)
        self.place(end)

    def while_(self, stmt: n.While) -> None:
        begin, end = self.label(), self.label()
        self.place(begin)
        self.emit(ins.Unless(condition=self.expression(stmt.condition), to=end, **self.at))
        self.loops.append((begin, end))
        self.block(stmt.body)
        self.loops.pop()
        self.mark(stmt)
        self.emit(ins.Jump(to=begin, **self.at))
        self.place(end)

    # -------------------------------------------------- operations

    def operation(self, stmt: n.Operation) -> None:
        group = stmt.group
        match stmt.op:
            case "match":
                self.match(group, stmt.target)
            case "send":
                self.sequences(group, self.send)
            case "start":
                self.sequences(group, lambda spec: self.bound_start(spec, stmt.target))
            case "await":
                self.await_(group, stmt.target)
            case "activate":
                self.sequences(group, self.activate)
            case "deactivate":
                self.sequences(group, self.deactivate)
            case "stop":
                self.sequences(group, self.stop)
            case other:
                raise FlowError(f"`{other}` is no operation", stmt.span)

    def sequences(self, group: n.Group, one: Callable[[n.Spec], None]) -> None:
        """`one` for each spec of an and-list; several lists compete in a fork (5.3)."""
        lists = self.normal_form(group)
        if len(lists) == 1:
            for spec in lists[0]:
                one(spec)
            return

        def each(specs: Sequence[n.Spec]) -> None:
            for spec in specs:
                one(spec)

        self.compete(lists, each)

    def compete(
        self, lists: Sequence[Sequence[n.Spec]], body: Callable[[Sequence[n.Spec]], None]
    ) -> None:
        fork, fail, end = self.fork(), self.label(), self.label()
        targets = tuple(self.label() for _ in lists)
        self.emit(ins.Catch(to=fail, **self.at))
        self.emit(ins.Fork(fork=fork, targets=targets, **self.at))
        for target, specs in zip(targets, lists, strict=True):
            self.place(target)
            body(specs)
            self.emit(ins.Jump(to=end, **self.at))
        self.place(fail)
        self.emit(ins.Gather(count=len(lists), **self.at))
        self.emit(ins.Merge(fork=fork, **self.at))
        self.emit(ins.Uncatch(**self.at))
        self.emit(ins.Abort(**self.at))
        self.place(end)
        self.emit(ins.Merge(fork=fork, **self.at))
        self.emit(ins.Uncatch(**self.at))

    def normal_form(self, group: n.Group) -> list[list[n.Spec]]:
        """Disjunctive normal form in textual order."""
        lists = _normal_form(group)
        if len(lists) > MAX_ALTERNATIVES:
            raise FlowError(
                f"this group has {len(lists)} alternatives, more than {MAX_ALTERNATIVES}",
                group.span,
                "give parts of it a flow of their own",
            )
        return lists

    # -------------------------------------------------- match

    def match(self, group: n.Group, target: str | None) -> None:
        slot = self.slot() if target is not None else -1
        if isinstance(group, n.Spec):
            self.emit(replace(self.wait(group), slot=slot))
        else:
            members: list[ins.Wait] = []
            formula = self.formula(group, members)
            self.emit(ins.WaitGroup(members=tuple(members), formula=formula, slot=slot, **self.at))
        if target is not None:
            self.emit(ins.Result(target=target, slot=slot, **self.at))

    def formula(self, group: n.Group, members: list[ins.Wait]) -> ins.Formula:
        if isinstance(group, n.Spec):
            members.append(self.wait(group))
            return len(members) - 1
        op = "and" if isinstance(group, n.AndGroup) else "or"
        return (op, tuple(self.formula(item, members) for item in group.items))

    def wait(self, spec: n.Spec) -> ins.Wait:
        """The wait of `match spec`."""
        if spec.variable is not None:
            if not spec.members:
                raise FlowError(
                    f"`${spec.variable}` is a reference: say which of its events to wait for",
                    spec.target_span,
                    f"for example `match ${spec.variable}.Finished()`",
                )
            member = spec.members[-1]
            path = (spec.variable, *(m.name for m in spec.members[:-1]))
            args = self.arguments(member.arguments)
            return self.make_wait(
                ins.EventPattern("ref", member=member.name, path=path, **self.split(args)), spec
            )
        assert spec.name is not None
        kind = classify(spec.name, self.flows)
        if kind == "event":
            args = self.arguments(spec.arguments)
            return self.make_wait(ins.EventPattern("event", spec.name, **self.split(args)), spec)
        if not spec.members:
            raise FlowError(
                f"`match` needs an event, but `{spec.name}` is {_a(kind)}",
                spec.target_span,
                f"write `match {spec.name}.Finished()`, or `await {spec.name}`",
            )
        member = spec.members[0]
        args = self.arguments(member.arguments)
        outer = self.arguments(spec.arguments)
        if kind == "flow":
            if member.name not in names.FLOW_MEMBERS:
                raise FlowError(
                    f"a flow has no event `{member.name}`",
                    member.span,
                    "it has `Started`, `Finished` and `Failed`",
                )
            outer = self.named(spec.name, outer)
        return self.make_wait(
            ins.EventPattern(kind, spec.name, member.name, outer=outer, **self.split(args)), spec
        )

    def make_wait(self, pattern: ins.EventPattern, spec: n.Spec) -> ins.Wait:
        return ins.Wait(pattern=pattern, ref=spec.ref, **self.at)

    def split(self, args: ins.Arguments) -> dict[str, Any]:
        """The parts of a pattern that the index files it by."""
        constants = {key: value.value for key, value in args if value.constant}
        variables = tuple(
            (key, value.simple_variable) for key, value in args if value.simple_variable is not None
        )
        return {
            "args": args,
            "constants": constants,
            "variables": variables,
            "all_constant": len(constants) == len(args),
        }

    def named(self, flow: str, args: ins.Arguments) -> ins.Arguments:
        """Positional arguments of a known flow by the names of its parameters (Q10)."""
        definition = self.flows.get(flow)
        if definition is None:
            return args
        params = definition.params
        return tuple(
            (params[int(key[1:])].name, value)
            if key.startswith("$") and int(key[1:]) < len(params)
            else (key, value)
            for key, value in args
        )

    def arguments(self, arguments: Iterable[n.Argument] | None) -> ins.Arguments:
        result: list[tuple[str, Compiled]] = []
        for position, argument in enumerate(arguments or ()):
            key = f"${position}" if argument.name is None else argument.name
            result.append((key, self.expression(argument.value)))
        return tuple(result)

    # -------------------------------------------------- send, stop, activate

    def send(self, spec: n.Spec) -> None:
        if spec.variable is not None:
            if not spec.members:
                raise FlowError(
                    f"`${spec.variable}` is a reference: say which of its events to send",
                    spec.target_span,
                    f"for example `send ${spec.variable}.Stop()`",
                )
            member = spec.members[-1]
            path = (spec.variable, *(m.name for m in spec.members[:-1]))
            args = self.arguments(member.arguments)
            self.emit(
                ins.SendMember(path=path, member=member.name, args=args, ref=spec.ref, **self.at)
            )
            return
        assert spec.name is not None
        kind = classify(spec.name, self.flows)
        args = self.arguments(spec.arguments)
        if kind == "event":
            if spec.name in names.INTERNAL_EVENTS:
                self.emit(ins.SendInternal(name=spec.name, args=args, ref=spec.ref, **self.at))
            else:
                self.emit(ins.SendEvent(name=spec.name, args=args, ref=spec.ref, **self.at))
            return
        member_name = spec.members[0].name if spec.members else None
        if kind == "flow" and member_name == "Start":
            self.emit(ins.StartFlow(flow=spec.name, args=args, slot=self.slot(), **self.at))
        elif kind == "flow" and member_name == "Stop":
            self.stop(spec)
        elif kind == "action" and member_name == "Start":
            slot = self.slot()
            self.emit(ins.NewAction(name=spec.name, args=args, slot=slot, **self.at))
            self.emit(ins.SendAction(slot=slot, **self.at))
            if spec.ref is not None:
                self.emit(ins.Bind(target=spec.ref, slot=slot, **self.at))
        else:
            raise FlowError(
                f"`send` needs an event, but `{spec.name}` is {_a(kind)}",
                spec.target_span,
                f"use `start {spec.name}` or `await {spec.name}`",
            )

    def stop(self, spec: n.Spec) -> None:
        """``stop $ref`` is ``send $ref.Stop()``; ``stop F(a)`` is StopFlow by name (Q28)."""
        if spec.variable is not None:
            path = (spec.variable, *(m.name for m in spec.members))
            self.emit(ins.SendMember(path=path, member="Stop", args=(), **self.at))
            return
        self.stop_flow(spec, "stop")

    def deactivate(self, spec: n.Spec) -> None:
        self.stop_flow(spec, "deactivate", ("deactivate", constant(True)))

    def stop_flow(self, spec: n.Spec, op: str, *extra: tuple[str, Compiled]) -> None:
        name = self.flow_operand(spec, op)
        args = self.named(name, self.arguments(spec.arguments))
        args = (("flow_id", constant(name)), *extra, *args)
        self.emit(ins.SendInternal(name=names.STOP_FLOW, args=args, **self.at))

    def flow_operand(self, spec: n.Spec, op: str) -> str:
        if spec.name is None or classify(spec.name, self.flows) != "flow":
            what = f"`${spec.variable}`" if spec.name is None else f"`{spec.name}`"
            raise FlowError(f"`{op}` needs a flow, but {what} is none", spec.target_span)
        return spec.name

    def activate(self, spec: n.Spec) -> None:
        self.flow_operand(spec, "activate")
        bound = spec.ref is not None and not self.compat  # Q29
        slot = self.start_flow(spec, activated=True, keep=bound)
        if spec.ref is not None and bound:
            self.emit(ins.Bind(target=spec.ref, slot=slot, last=True, **self.at))

    # -------------------------------------------------- start, await

    def start_flow(self, spec: n.Spec, activated: bool = False, keep: bool = True) -> int:
        assert spec.name is not None
        slot = self.slot()
        args = self.arguments(spec.arguments)
        self.emit(
            ins.StartFlow(flow=spec.name, args=args, slot=slot, activated=activated, **self.at)
        )
        pattern = ins.EventPattern("slot", spec.name, "Started", slot=slot, args=args)
        bind, drop = (slot, -1) if keep else (-1, slot)
        self.emit(ins.Wait(pattern=pattern, bind=bind, drop=drop, silent=True, **self.at))
        return slot

    def start(self, spec: n.Spec, keep: bool = True) -> int:
        """Start a flow or action; the slot that holds it (only while needed, unless `keep`)."""
        if spec.variable is not None:
            raise FlowError(
                f"`${spec.variable}` is a reference and cannot be started",
                spec.target_span,
                f"wait for it with `match ${spec.variable}.Finished()`",
            )
        assert spec.name is not None
        kind = classify(spec.name, self.flows)
        if kind == "event" or spec.members:
            raise FlowError(
                f"`{spec.name}` is an event: it can be matched or sent, not started or awaited",
                spec.target_span,
                f"write `match {spec.name}` to wait for it",
            )
        if kind == "flow":
            return self.start_flow(spec, keep=keep)
        slot = self.slot()
        args = self.arguments(spec.arguments)
        self.emit(ins.NewAction(name=spec.name, args=args, slot=slot, **self.at))
        self.emit(ins.SendAction(slot=slot, last=not keep, **self.at))
        return slot

    def bound_start(self, spec: n.Spec, target: str | None = None) -> None:
        if self.compat:
            target = None  # Q45
        names = [name for name in (spec.ref, target) if name is not None]
        slot = self.start(spec, keep=bool(names))
        for name in names:  # `$r = start F` assigns the reference (Q45)
            self.emit(ins.Bind(target=name, slot=slot, last=name is names[-1], **self.at))

    def finished(self, slot: int, result: int = -1, keep: bool = False) -> ins.Wait:
        pattern = ins.EventPattern("slot", "", "Finished", slot=slot, all_constant=True)
        return ins.Wait(pattern=pattern, slot=result, drop=-1 if keep else slot, **self.at)

    def await_(self, group: n.Group, target: str | None) -> None:
        if self.compat and not isinstance(group, n.Spec):
            target = None  # Q27
        result = self.slot() if target is not None else -1
        if isinstance(group, n.Spec):
            slot = self.start(group)
            if group.ref is not None:
                self.emit(ins.Bind(target=group.ref, slot=slot, **self.at))
            self.emit(self.finished(slot, result))
        else:
            lists = self.normal_form(group)
            if len(lists) == 1:
                self.await_list(lists[0], result)
            else:
                fork, fail, end = self.fork(), self.label(), self.label()
                targets = tuple(self.label() for _ in lists)
                self.emit(ins.Open(**self.at))
                self.emit(ins.Catch(to=fail, **self.at))
                self.emit(ins.Fork(fork=fork, targets=targets, **self.at))
                for label, specs in zip(targets, lists, strict=True):
                    self.place(label)
                    self.await_list(specs, result)
                    self.emit(ins.Jump(to=end, **self.at))
                self.place(fail)
                self.emit(ins.Gather(count=len(lists), **self.at))
                self.emit(ins.Join(fork=fork, **self.at))
                self.emit(ins.Uncatch(**self.at))
                self.emit(ins.Close(**self.at))
                self.emit(ins.Abort(**self.at))
                self.place(end)
                self.emit(ins.Merge(fork=fork, **self.at))
                self.emit(ins.Uncatch(**self.at))
                self.emit(ins.Close(**self.at))
        if target is not None:
            self.emit(
                ins.Result(target=target, slot=result, needs_value=self.compat, **self.at)  # Q08
            )

    def await_list(self, specs: Sequence[n.Spec], result: int) -> None:
        """Start all in order, wait for the end of all, then give the user's references."""
        slots = [self.start(spec) for spec in specs]
        waits = [
            self.finished(slot, keep=spec.ref is not None)
            for spec, slot in zip(specs, slots, strict=True)
        ]
        self.wait_all(waits, result)
        for spec, slot in zip(specs, slots, strict=True):
            if spec.ref is not None:
                self.emit(ins.Bind(target=spec.ref, slot=slot, last=True, **self.at))

    def wait_all(self, waits: Sequence[ins.Wait], result: int = -1) -> None:
        if len(waits) == 1:
            self.emit(replace(waits[0], slot=result))
            return
        formula = ("and", tuple(range(len(waits))))
        self.emit(ins.WaitGroup(members=tuple(waits), formula=formula, slot=result, **self.at))

    # -------------------------------------------------- when (5.4)

    def when(self, stmt: n.When) -> None:
        fork, otherwise, end = self.fork(), self.label(), self.label()
        targets = tuple(self.label() for _ in stmt.cases)
        self.emit(ins.Open(**self.at))
        self.emit(ins.Fork(fork=fork, targets=targets, **self.at))
        for target, case in zip(targets, stmt.cases, strict=True):
            self.mark(case)
            taken, fail = self.label(), self.label()
            self.place(target)
            self.emit(ins.Catch(to=fail, **self.at))
            failures = self.case(case.group, taken)
            self.place(taken)
            self.emit(ins.Merge(fork=fork, **self.at))
            self.emit(ins.Uncatch(**self.at))
            self.emit(ins.Close(**self.at))
            self.block(case.body)
            self.mark(case)
            self.emit(ins.Jump(to=end, **self.at))
            self.place(fail)
            if failures > 1:
                self.emit(ins.Gather(count=failures, **self.at))
            self.emit(ins.Uncatch(**self.at))
            self.emit(ins.Jump(to=otherwise, **self.at))
        self.mark(stmt)
        self.place(otherwise)
        self.emit(ins.Gather(count=len(stmt.cases), **self.at))
        self.emit(ins.Join(fork=fork, **self.at))
        self.emit(ins.Close(**self.at))
        if stmt.otherwise is not None:
            self.block(stmt.otherwise)
        else:
            self.emit(ins.Abort(**self.at))
        self.place(end)

    def case(self, group: n.Group, taken: int) -> int:
        """The waits of one case, ending at `taken`; how many heads may fail in it."""
        if not any(self.starts(spec) for spec in specs_of(group)):
            self.match(group, None)
            return 1
        lists = self.normal_form(group)
        if len(lists) == 1:
            self.case_list(lists[0])
            return 1
        targets = tuple(self.label() for _ in lists)
        self.emit(ins.Fork(fork=self.fork(), targets=targets, **self.at))
        for target, specs in zip(targets, lists, strict=True):
            self.place(target)
            self.case_list(specs)
            self.emit(ins.Jump(to=taken, **self.at))
        return len(lists)

    def case_list(self, specs: Sequence[n.Spec]) -> None:
        waits: list[ins.Wait] = []
        binds: list[tuple[str, int]] = []
        for spec in specs:
            if self.starts(spec):
                slot = self.start(spec)
                waits.append(self.finished(slot, keep=spec.ref is not None))
                if spec.ref is not None:
                    binds.append((spec.ref, slot))
            else:
                waits.append(self.wait(spec))
        self.wait_all(waits)
        for ref, slot in binds:
            self.emit(ins.Bind(target=ref, slot=slot, last=True, **self.at))

    def starts(self, spec: n.Spec) -> bool:
        """Whether a case member is started and then waited for."""
        return (
            spec.name is not None
            and not spec.members
            and classify(spec.name, self.flows) != "event"
        )


# ---------------------------------------------------------------- helpers


def constant(value: object) -> Compiled:
    """A compiled literal."""
    assert value is None or isinstance(value, (bool, int, float, str))
    node: n.Expr
    if isinstance(value, str):
        node = n.String(parts=(value,) if value else (), quote='"', span=Span(0, 0))
    else:
        node = n.Literal(value=value, span=Span(0, 0))
    return compile_expression(node)


def merged_decorators(decorators: Iterable[n.Decorator]) -> dict[str, dict[str, Any]]:
    """Name -> arguments; decorators of the same name are merged, later arguments win (section 4)."""
    result: dict[str, dict[str, Any]] = {}
    for decorator in decorators:
        args = result.setdefault(decorator.name, {})
        for position, argument in enumerate(decorator.arguments):
            args[f"${position}" if argument.name is None else argument.name] = argument.value
    return result


def specs_of(group: n.Group) -> Iterator[n.Spec]:
    """The specs of a group in textual order."""
    if isinstance(group, n.Spec):
        yield group
    else:
        for item in group.items:
            yield from specs_of(item)


def walk(node: object) -> Iterator[n.Node]:
    """A node and everything below it, in source order."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, n.Node):
            yield item
            kind: Any = type(item)
            stack.extend(getattr(item, name) for name in reversed(_parts(kind)))
        elif class_of(item) is tuple:
            stack.extend(reversed(cast(tuple[object, ...], item)))


@cache
def _parts(kind: type[n.Node]) -> tuple[str, ...]:
    return tuple(name for name in fields(kind) if name != "span")


def _normal_form(group: n.Group) -> list[list[n.Spec]]:
    if isinstance(group, n.Spec):
        return [[group]]
    if isinstance(group, n.OrGroup):
        return [specs for item in group.items for specs in _normal_form(item)]
    result: list[list[n.Spec]] = [[]]
    for item in group.items:
        alternatives = _normal_form(item)
        if len(result) * len(alternatives) > 100 * MAX_ALTERNATIVES:
            raise FlowError("this group has too many alternatives", group.span)
        result = [left + right for left in result for right in alternatives]
    return result


_DOLLAR_NAME = re.compile(r"\$([^\W\d]\w*)")


def _mangled(node: Any) -> Any:
    """Q06: the reference writes ``var_name`` for ``$name`` in the text of a string."""
    if isinstance(node, n.String):
        parts = tuple(
            _DOLLAR_NAME.sub(r"var_\1", part) if isinstance(part, str) else _mangled(part)
            for part in node.parts
        )
        return changed(node, parts=parts)
    if isinstance(node, n.Node):
        kind: Any = type(node)
        return changed(node, **{name: _mangled(getattr(node, name)) for name in _parts(kind)})
    if class_of(node) is tuple:
        return tuple([_mangled(item) for item in node])
    return node


def _a(kind: str) -> str:
    return "an action" if kind == "action" else f"a {kind}"


def _interpolated(text: str) -> n.Expr:
    """The text of a meta tag as an interpolated string expression."""
    from colang.syntax.parser_v2 import parse_expression

    quote = '"' if '"' not in text else "'" if "'" not in text else '"""'
    body = text.replace("\\", "\\\\").replace("\n", "\\n")
    expr, _ = parse_expression(f"{quote}{body}{quote}")
    if expr is None:
        return n.String(parts=(text,), quote='"', span=Span(0, 0))
    return expr


_GENERATION = """\
flow generation
  $flow_info = await GenerateFlowAction(flow_id=$self.flow_id)
  await AddFlowsAction(config=$flow_info["body"])
  $instance_uid = uid()
  send StartFlow(flow_id=$flow_info["name"], flow_instance_uid=$instance_uid, context=$self.context)
  match FlowStarted(flow_instance_uid=$instance_uid)
  match FlowFinished(flow_instance_uid=$instance_uid)
"""


@lru_cache(maxsize=1)
def _generation_statements() -> tuple[n.Stmt, ...]:
    """What a line `...` stands for (2.4)."""
    from colang.syntax.parser_v2 import parse_v2

    module, _ = parse_v2(_GENERATION)
    return module.flows[0].body.statements
