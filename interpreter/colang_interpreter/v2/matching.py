"""How well an event fits what a head waits for (section 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colang_interpreter.expressions import attribute
from colang_interpreter.v2 import names
from colang_interpreter.v2.instructions import Arguments
from colang_interpreter.v2.model import Action, Event, Instance
from colang_interpreter.values import match_parameters

if TYPE_CHECKING:
    from colang_interpreter.v2.dispatch import Waiter
    from colang_interpreter.v2.state import State

LOWEST_PRIORITY = 1e-300
"""Priority 0.0 still matches, below every other (Q18)."""

POWERS = tuple(0.9**k for k in range(256))
_BOOKKEEPING = frozenset({"source_flow_instance_uid", "activated"})


def score(state: State, waiter: Waiter, event: Event) -> float:
    """The score in (0, 1], or 0.0 if the event does not match.

    Raises:
        ExpressionError: an argument of the pattern cannot be evaluated.
    """
    surplus = _surplus(state, waiter, event)
    if surplus < 0:
        return 0.0
    value = POWERS[surplus] if surplus < 256 else POWERS[255]
    priority = waiter.head.instance.priority
    if priority:
        return value * priority
    return value if state.program.compat else value * LOWEST_PRIORITY


def _surplus(state: State, waiter: Waiter, event: Event) -> int:
    """Number of parameters the event has and the pattern does not name; -1 if it does not match."""
    pattern = waiter.pattern
    flow = event.flow
    target = waiter.target
    if waiter.uid is not None and flow is not None:
        # An announcement of the core and a wait bound to one instance: the uid decides, the
        # parameters are that instance's own, and only their number counts.
        is_start = pattern.kind == "slot" and pattern.member == "Started"
        if is_start or not pattern.args:
            if waiter.uid != (event.uid or flow.uid):
                return -1
            if target is flow and event.spelled is None:  # both say the same
                return 1 if flow.returned and event.name == names.FLOW_FINISHED else 0
            if isinstance(target, Instance):
                known = 3 + target.argument_count
            else:
                known = 2 + len(pattern.args) if is_start else 1
            return max(0, _count(event) - known)
    if isinstance(target, Action):
        uid = event.args.get("action_uid")
        if uid != target.uid:
            return -1
        if not target.arguments and not pattern.args and not pattern.outer:
            return len(event.args) + (uid in state.actions)  # as below, without the dictionaries
    expected = waiter.expected
    if expected is None:
        expected = expected_of(waiter)
    if event.name == names.START_FLOW:
        if "flow_id" in expected:
            return 0 if expected["flow_id"] == event.args.get("flow_id") else -1
        surplus = match_parameters(event.args, expected, _BOOKKEEPING)
        return surplus + 1 if surplus >= 0 else -1
    actual = event.args
    if event.is_action_event:
        uid = actual.get("action_uid")
        action = state.actions.get(uid) if isinstance(uid, str) else None
        if action is not None:
            actual = {**actual, "action_arguments": action.arguments}
    return match_parameters(actual, expected, _BOOKKEEPING)


def _count(event: Event) -> int:
    """Number of parameters of an announcement, without spelling them out."""
    if event.spelled is not None:
        return len(event.spelled)
    flow = event.flow
    assert flow is not None
    returned = flow.returned and event.name == names.FLOW_FINISHED
    return 3 + flow.argument_count + returned


def expected_of(waiter: Waiter) -> dict[str, Any]:
    """The parameters a waiter expects now (they are evaluated when the event arrives, C2-114)."""
    pattern = waiter.pattern
    instance = waiter.head.instance
    expected = waiter.known
    if pattern.outer:
        outer = evaluated(pattern.outer, instance)
        if pattern.kind == "action":
            expected["action_arguments"] = outer
        else:
            expected.update(outer)
    expected.update(evaluated(pattern.args, instance))
    return expected


def evaluated(args: Arguments, instance: Instance) -> dict[str, Any]:
    """Arguments of an event or a call, evaluated in order."""
    return {
        key: compiled.value if compiled.constant else compiled(instance) for key, compiled in args
    }


def follow(instance: Instance, path: tuple[str, ...]) -> Any:
    """The value of a variable path such as ``$ref.lamp``; attributes are guarded (3.2)."""
    first = path[0]
    if first == "self":
        value: Any = instance
    elif first == "system":
        value = instance.system_ref
    else:
        value = instance.read(first)
    for name in path[1:]:
        value = attribute(value, name)
    return value
