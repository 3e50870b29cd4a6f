"""What the conversations have reached of the old bot: flows that began, branches that were taken.

A watched program is the program itself with ears: it notes which flows begin and how conditions turn out. Of a
`when`, the case is known by what the flow does first in it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from colang_interpreter.host.session import Reply
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.flows import Flow
from colang_interpreter.v1.program import Program
from colang_migrate.verify.model import Coverage, Missing

_CONSTANT = re.compile(r"\s*(?:True|False|\d+)\s*")


@dataclass(slots=True)
class Seen:
    """What was noted so far."""

    flows: set[str] = field(default_factory=set[str])
    outcomes: set[tuple[str, str, bool]] = field(default_factory=set[tuple[str, str, bool]])
    decided: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def take(self, reply: Reply, machine: Any) -> None:
        """Note which flow wanted what in a reply."""
        deciders: Mapping[str, str] = getattr(machine, "deciders", {})
        for step in reply.trace.steps:
            for event in step.outgoing:
                flow = deciders.get(str(event.get("uid")))
                name = event.get("intent") or event.get("action_name")
                if flow is not None and isinstance(name, str):
                    self.decided.add((flow, name))


@dataclass(frozen=True)
class WatchedProgram(Program):
    """A 1.0 program that notes what is reached.

    Attributes:
        seen: Where it is noted.
        strict_output: Output rails check predefined messages too, as they do in 2.x.
    """

    seen: Seen = field(default_factory=Seen, repr=False)
    strict_output: bool = False

    def started(self, flow: Flow) -> None:
        """Note it."""
        self.seen.flows.add(flow.id)

    def evaluate(self, expression: str, context: dict[str, Any], flow: str) -> Any:
        """Evaluate, and note how a condition turns out."""
        if self.strict_output and expression.strip() == "$skip_output_rails":
            return False
        value = super().evaluate(expression, context, flow)
        self.seen.outcomes.add((flow, expression, bool(value)))
        return value


def watched(program: Program, seen: Seen, *, strict_output: bool = False) -> WatchedProgram:
    """The program with ears."""
    given = {each.name: getattr(program, each.name) for each in dataclasses.fields(Program)}
    return WatchedProgram(**given, seen=seen, strict_output=strict_output)


def coverage(program: Program, seen: Seen, reasons: Mapping[str, str]) -> Coverage:
    """What was reached of the flows a configuration defines itself.

    Args:
        program: The old bot's.
        seen: What was noted.
        reasons: Why flows could not be reached, as far as that is known.
    """
    missing: list[Missing] = []
    flows = reached = branches = taken = 0
    for flow in program.flows.values():
        if flow.path.startswith("<"):
            continue
        flows += 1
        if flow.id not in seen.flows:
            reason = reasons.get(flow.id, "no conversation led to it")
            missing.append(Missing(flow.path, flow.line, f"flow `{flow.id}`", reason))
        else:
            reached += 1
        for what, done in _branches(flow, seen):
            branches += 1
            if done:
                taken += 1
            elif flow.id in seen.flows:
                reason = reasons.get(flow.id, "no conversation took it")
                text = f"{what} in flow `{flow.id}`"
                missing.append(Missing(flow.path, flow.line, text, reason))
    return Coverage(
        flows=flows,
        flows_reached=reached,
        branches=branches,
        branches_reached=taken,
        missing=tuple(sorted(missing)),
    )


def _branches(flow: Flow, seen: Seen) -> Iterator[tuple[str, bool]]:
    told: set[str] = set()
    for place, element in enumerate(flow.elements):
        if isinstance(element, (e.If, e.While)) and element.expression not in told:
            told.add(element.expression)
            if _CONSTANT.fullmatch(element.expression):
                continue
            for holds in (True, False):
                words = "the branch where" if holds else "the branch where not"
                done = (flow.id, element.expression, holds) in seen.outcomes
                yield f"{words} `{element.expression}`", done
        elif isinstance(element, e.Branch):
            for offset in element.heads:
                first = _first_step(flow, place + offset + 1)
                if first is not None:
                    what = _case(flow.elements[place + offset])
                    yield f"the case `{what}`", (flow.id, first) in seen.decided


def _first_step(flow: Flow, place: int) -> str | None:
    """What the flow does first from there on, if that can be told."""
    if place >= len(flow.elements):
        return None
    element = flow.elements[place]
    if isinstance(element, e.RunAction):
        return element.name
    if isinstance(element, e.Utter) and isinstance(element.value, str):
        return element.value
    return None


def _case(element: e.Element) -> str:
    if isinstance(element, e.UserIntent):
        return f"user {element.name}"
    if isinstance(element, e.MatchEvent):
        return f"event {element.name}"
    return "when"
