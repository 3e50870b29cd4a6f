"""Parking: what a head that reaches a wait knows about its event, filed in the index (sections 5.1 and 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import names
from colang_interpreter.v2.dispatch import Waiter
from colang_interpreter.v2.errors import ColangRuntimeError
from colang_interpreter.v2.matching import follow
from colang_interpreter.v2.model import (
    STARTED,
    Action,
    Head,
    Instance,
    Leaf,
)

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def park(state: State, head: Head, arrival: int, done: Sequence[int] = ()) -> None:
    """Put a head that stands on a wait back into the index (after a restore).

    `arrival` is the number its first waiter had. `done` has a code for each member of a group, or is empty:
    0 still waiting, 1 has matched, 2 has failed.
    """
    instruction = head.instruction
    if isinstance(instruction, ins.Wait):
        wait(state, head, instruction)
    elif isinstance(instruction, ins.WaitGroup):
        wait_group(state, head, instruction, done)
    waiters = head.waiters
    if isinstance(waiters, list):
        for offset, waiter in enumerate(waiters):
            waiter.arrival = arrival + offset
    elif waiters is not None:
        waiters.arrival = arrival


def wait(state: State, head: Head, instruction: ins.Wait) -> bool:
    """Park a head on a single wait; it blocks (False)."""
    waiter = Waiter(head, instruction.pattern, -1, state.index.next_arrival())
    _prepare(state, waiter, head.instance)
    head.waiters = waiter
    state.index.add(waiter)
    if not instruction.silent:
        head.instance.waited = head.instance.waited or head.instance.status is STARTED
    return False


def keep_waiting(state: State, head: Head, waiter: Waiter, flow: Instance) -> bool:
    """Where an awaited flow has started and its end is all that comes next, let the same waiter wait for that.

    The same as to leave the wait for FlowStarted and to park on the next one, without taking anything out of the index.

    Returns:
        False if something else comes next.
    """
    instance, at = head.instance, head.pc
    code = instance.flow.code
    here, following = code[at], code[at + 1] if at + 1 < len(code) else None
    if (
        type(here) is not ins.Wait
        or type(following) is not ins.Wait
        or here.bind < 0
        or here.bind != following.pattern.slot
        or flow.uid != waiter.uid
    ):
        return False
    instance.keep(here.bind, flow)
    head.pc = at + 1
    waiter.pattern, waiter.arrival = following.pattern, state.index.next_arrival()
    _bind_target(waiter, flow, following.pattern.member)
    if not following.silent and instance.status is STARTED:
        instance.waited = True
    return True


def wait_group(
    state: State, head: Head, instruction: ins.WaitGroup, done: Sequence[int] = ()
) -> bool:
    """Park a head on a group, a waiter for each member that is not done; it blocks (False)."""
    head.group = [Leaf() for _ in instruction.members]
    waiters: list[Waiter] = []
    for leaf, member in enumerate(instruction.members):
        waiter = Waiter(head, member.pattern, leaf, state.index.next_arrival())
        waiters.append(waiter)
        if done and done[leaf]:
            head.group[leaf].failed = done[leaf] == 2
            head.group[leaf].order = 0 if done[leaf] == 1 else -1
        else:
            _prepare(state, waiter, head.instance)
    head.waiters = waiters
    for waiter in waiters:
        if waiter.name:
            state.index.add(waiter)
    return False


def _prepare(state: State, waiter: Waiter, instance: Instance) -> None:
    """What a waiter knows about its event when it parks: name, bound action or instance, literals (6.4)."""
    pattern = waiter.pattern
    kind = pattern.kind
    if pattern.event:
        waiter.name = pattern.event
        if kind == "event" and pattern.all_constant:
            waiter.expected = pattern.constants
    elif kind == "slot":
        target = instance.peek(pattern.slot)
        if pattern.member == "Started":
            waiter.name = names.FLOW_STARTED
            waiter.uid = target
        else:
            _bind_target(waiter, target, pattern.member)
    else:
        target = follow(instance, pattern.path)
        _bind_target(
            waiter, target, pattern.member, ".".join(("$" + pattern.path[0], *pattern.path[1:]))
        )


def _bind_target(waiter: Waiter, target: Any, member: str, text: str = "") -> None:
    if isinstance(target, Instance):
        event = names.FLOW_MEMBERS.get(member)
        if event is None:
            raise ColangRuntimeError(
                f"a flow has no event `{member}`: it has Started, Finished and Failed"
            )
        waiter.name = event
        waiter.target = target
        waiter.uid = target.uid
    elif isinstance(target, Action):
        waiter.name = f"{target.name}{member}"
        waiter.target = target
    elif isinstance(target, str):  # the uid of a flow that another flow answers for
        waiter.name = names.FLOW_MEMBERS[member]
        waiter.uid = target
    else:
        what = "is not set" if target is None else "is neither a flow nor an action"
        raise ColangRuntimeError(f"cannot wait for `{text}.{member}`: `{text}` {what}")
