"""Rails that run straight through: actions, assignments and conditions, compiled so that no conversation is needed.

Most rails ask an action and look at its result. While such a rail only does that, what it does follows from the
variables alone; the events around it concern nobody. `straight_rail` finds the rails for which this is certain.
Where a rail does anything else - speaks, stops, creates an event - it has to be left to the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from colang.config.pipeline_v1 import SYSTEM_ACTIONS
from colang.syntax.expressions_v1 import ExpressionFlaw
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.flows import Flow
from colang_interpreter.v1.names import flow_call
from colang_interpreter.v1.program import Program
from colang_interpreter.values import ExpressionError

if TYPE_CHECKING:
    from colang_interpreter.expressions import Compiled

MAX_STEPS: Final = 60
"""Of a rail; a longer one may come near the limits of the engine, which then has to count."""

MAX_DEPTH: Final = 8
"""Flows that call each other."""


@dataclass(frozen=True, slots=True)
class Assign:
    """Store the value of an expression."""

    key: str
    value: Compiled


@dataclass(frozen=True, slots=True)
class Give:
    """Store the parameters of a called flow."""

    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Test:
    """Go on, or at `otherwise` if the expression is not true."""

    condition: Compiled
    otherwise: int


@dataclass(frozen=True, slots=True)
class Go:
    """Go on at `target`."""

    target: int


@dataclass(frozen=True, slots=True)
class Execute:
    """Run an action; its value goes to the variable `result`, if there is one."""

    name: str
    params: Mapping[str, object]
    result: str | None


@dataclass(frozen=True, slots=True)
class Leave:
    """What comes here needs the engine."""


Step: TypeAlias = Assign | Give | Test | Go | Execute | Leave


@dataclass(frozen=True, slots=True)
class StraightRail:
    """A compiled rail.

    Attributes:
        name: As it is configured.
        flow: The flow.
        parameters: Of the configured name.
        steps: What it does; behind the last one it has let the message pass.
        actions: Names of the actions it may run.
    """

    name: str
    flow: Flow
    parameters: Mapping[str, str | None]
    steps: tuple[Step, ...]
    actions: frozenset[str]


def straight_rail(program: Program, name: str) -> StraightRail | None:
    """Compile an output rail; None if it has to run in a conversation.

    That is so if the program has changed how rails are run, or has flows that begin with what a rail does: then it is
    not the rail alone that decides.

    Args:
        program: With the flow of the rail.
        name: As it is configured.
    """
    flow_name, parameters = flow_call(name)
    flow = program.flows.get(flow_name)
    runner = program.flows.get(_RUNNER)
    if flow is None or runner is None or not runner.path.startswith("<library>/"):
        return None
    if program.compat or flow.is_extension or not flow.is_interruptible:
        return None
    if "bot_message" in parameters:
        return None
    steps: list[Step] = []
    if not _lower(program, flow, steps, ()):
        return None
    actions = frozenset(step.name for step in steps if isinstance(step, Execute))
    events = [{"type": kind} for kind in ("start_flow", "StartOutputRail", "OutputRailFinished")]
    for action in ("create_event", *actions):
        events.append({"type": "InternalSystemActionFinished", "action_name": action})
    if any(program.starts.candidates(event) for event in events):
        return None
    return StraightRail(name, flow, parameters, tuple(steps), actions)


_RUNNER: Final = "run one output rail"


def _lower(program: Program, flow: Flow, steps: list[Step], within: tuple[str, ...]) -> bool:
    """Append the steps of a flow; False if there are too many."""
    if flow.id in within or len(within) >= MAX_DEPTH:
        steps.append(Leave())
        return True
    elements = flow.elements
    places: list[int] = []  # of the first step of each element, and of what follows the flow
    jumps: list[tuple[int, int]] = []  # place of a step, number of the element it goes to
    for number, element in enumerate(elements):
        places.append(len(steps))
        target = _lower_element(program, element, number, len(elements), steps, (*within, flow.id))
        if target is not None:
            jumps.append((places[-1], target))
        if len(steps) > MAX_STEPS:
            return False
    places.append(len(steps))
    for place, target in jumps:
        step = steps[place]
        if isinstance(step, Test):
            steps[place] = Test(step.condition, places[target])
        else:
            steps[place] = Go(places[target])
    return True


def _lower_element(
    program: Program,
    element: e.Element,
    number: int,
    end: int,
    steps: list[Step],
    within: tuple[str, ...],
) -> int | None:
    """Append the steps of an element; the number of the element to which its first step may go."""
    target: int | None = None
    step: Step = Leave()
    match element:
        case e.Set():
            value = _compiled(program, element.expression)
            step = Leave() if value is None else Assign(element.key, value)
        case e.If() | e.Check():
            condition = _compiled(program, element.expression)
            target = number + element.next_else if isinstance(element, e.If) else end
            if condition is not None and number < target <= end:
                step = Test(condition, target)
        case e.Jump():
            target = end if element.absolute else number + element.next
            if number < target <= end:
                step = Go(target)
        case e.RunAction():
            if element.name not in SYSTEM_ACTIONS:
                step = Execute(element.name, element.params, element.result)
        case e.CallFlow():
            called = program.flows.get(element.name)
            reads_event = any("$event" in str(value) for value in element.params.values())
            if called is not None and not element.results and not reads_event:
                if element.params:
                    params = {key.removeprefix("$"): v for key, v in element.params.items()}
                    steps.append(Give(params))
                if not _lower(program, called, steps, within):
                    steps.append(Leave())
                return None
        case _:
            pass
    steps.append(step)
    return target if isinstance(step, (Test, Go)) else None


def _compiled(program: Program, expression: str) -> Compiled | None:
    """The expression; None if it is none, or reads the event before it, which only a conversation has."""
    try:
        compiled = program.compiled(expression)
    except (ExpressionError, ExpressionFlaw):
        return None
    return None if "event" in compiled.variables else compiled
