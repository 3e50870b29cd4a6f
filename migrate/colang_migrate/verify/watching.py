"""What the conversations have reached of the old bot: flows that began, branches that were taken.

A watched program is the program itself with ears: it notes which flows begin and how conditions turn out. Of a
`when`, the case is known by what the flow does first in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from colang_interpreter.host.session import Reply
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.flows import Flow
from colang_interpreter.v1.program import Program
from colang_migrate.verify.model import Coverage, Missing
from colang_migrate.verify.paths import variables_in

_OUTPUT_RAILS = "run output rails"


@dataclass(slots=True)
class Seen:
    """What was noted so far."""

    flows: set[str] = field(default_factory=set[str])
    outcomes: set[tuple[str, str, bool]] = field(default_factory=set[tuple[str, str, bool]])
    decided: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    checks_output: bool = False  # output rails are at work in the current turn

    turn: set[str] = field(
        default_factory=set[str]
    )  # flows that began or decided in the current turn

    def turned(self) -> frozenset[str]:
        """The flows of the turn that is over."""
        found = frozenset(self.turn)
        self.turn.clear()
        return found

    def take(self, reply: Reply, machine: Any) -> None:
        """Note which flow wanted what in a reply."""
        deciders: Mapping[str, str] = getattr(machine, "deciders", {})
        for step in reply.trace.steps:
            for event in step.outgoing:
                flow = deciders.get(str(event.get("uid")))
                if flow is not None:
                    self.turn.add(flow)
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
        self.seen.turn.add(flow.id)
        if flow.id == _OUTPUT_RAILS:
            self.seen.checks_output = True

    def evaluate(self, expression: str, context: dict[str, Any], flow: str) -> Any:
        """Evaluate, and note how a condition turns out."""
        if self.strict_output and expression.strip() == "$skip_output_rails":
            return self.seen.checks_output  # what an output rail says itself is not checked again
        value = super().evaluate(expression, context, flow)
        if flow == _OUTPUT_RAILS and expression.startswith("$_output_rail <") and not value:
            self.seen.checks_output = False  # all have let it pass
        self.seen.outcomes.add((flow, expression, bool(value)))
        return value


def watched(program: Program, seen: Seen, *, strict_output: bool = False) -> WatchedProgram:
    """The program with ears."""
    given = {
        each.name: getattr(program, each.name) for each in dataclasses.fields(Program) if each.init
    }
    return WatchedProgram(**given, seen=seen, strict_output=strict_output)


def coverage(
    program: Program,
    seen: Seen,
    reasons: Mapping[str, str],
    unsolved: Container[tuple[str, str, bool]] = (),
) -> Coverage:
    """What was reached of the flows a configuration defines itself.

    Args:
        program: The old bot's.
        seen: What was noted.
        reasons: Why flows could not be reached, as far as that is known.
        unsolved: Flow, condition and how it should turn out, for which no values were found.
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
        for branch in _branches(flow, seen):
            branches += 1
            if branch.done:
                taken += 1
            elif flow.id in seen.flows:
                reason = "no conversation took it"
                if branch.key is not None and branch.key in unsolved:
                    reason = "no values were found that lead there"
                text = f"{branch.what} in flow `{flow.id}`"
                missing.append(Missing(flow.path, flow.line, text, reason))
    return Coverage(
        flows=flows,
        flows_reached=reached,
        branches=branches,
        branches_reached=taken,
        missing=tuple(sorted(missing)),
    )


class _Branch(NamedTuple):
    """A branch: in words, whether it was taken, and flow, condition and outcome if it has a condition."""

    what: str
    done: bool
    key: tuple[str, str, bool] | None = None


def _branches(flow: Flow, seen: Seen) -> Iterator[_Branch]:
    told: set[str] = set()
    for place, element in enumerate(flow.elements):
        if isinstance(element, (e.If, e.While)) and element.expression not in told:
            told.add(element.expression)
            if set(variables_in(element.expression)) <= {"config"}:
                continue  # the settings decide, and they do not change
            for holds in (True, False):
                words = "the branch where" if holds else "the branch where not"
                key = (flow.id, element.expression, holds)
                yield _Branch(f"{words} `{element.expression}`", key in seen.outcomes, key)
        elif isinstance(element, e.Branch):
            for offset in element.heads:
                first = _first_step(flow, place + offset + 1)
                if first is not None:
                    what = _case(flow.elements[place + offset])
                    yield _Branch(f"the case `{what}`", (flow.id, first) in seen.decided)


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
