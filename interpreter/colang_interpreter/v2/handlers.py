"""What each instruction does (section 5.1): one function for each, found by `op` in `HANDLERS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from colang_interpreter.expressions import Compiled
from colang_interpreter.expressions.guards import add, subtract
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import lifecycle, names
from colang_interpreter.v2.errors import ColangRuntimeError, scores_of
from colang_interpreter.v2.heads import fork_parent, freshen, head_uid, replace_parent
from colang_interpreter.v2.matching import evaluated, follow
from colang_interpreter.v2.model import (
    INACTIVE,
    MERGING,
    STARTED,
    Action,
    Event,
    Head,
    Instance,
    Region,
)
from colang_interpreter.v2.parking import wait, wait_group

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def _send_internal(state: State, head: Head, instruction: ins.SendInternal) -> bool:
    instance = head.instance
    args = evaluated(instruction.args, instance)
    args["source_flow_instance_uid"] = instance.uid
    args["source_head_uid"] = head_uid(head)
    uid = args.get("flow_instance_uid")
    event = Event(
        instruction.name,
        args,
        scores_of(state, head),
        uid=uid if isinstance(uid, str) else None,
        source=instance,
        source_head=head,
    )
    if instruction.ref is not None:
        instance.write(instruction.ref, event)
    state.queue.append(event)
    head.pc += 1
    return True


def _actionable(state: State, head: Head, instruction: ins.Instruction) -> bool:
    freshen(state, head)
    state.actionable.append(head)
    return False


def _send_member(state: State, head: Head, instruction: ins.SendMember) -> bool:
    target = follow(head.instance, instruction.path)
    if isinstance(target, Action):
        if instruction.member not in ("Start", "Stop", "Change"):
            raise ColangRuntimeError(
                f"an action can be sent Start, Stop or Change, not `{instruction.member}`"
            )
        return _actionable(state, head, instruction)
    if not isinstance(target, Instance):
        text = "$" + ".".join(instruction.path)
        what = "is not set" if target is None else "is neither a flow nor an action"
        raise ColangRuntimeError(f"cannot send `{text}.{instruction.member}`: `{text}` {what}")
    if instruction.member != "Stop":
        raise ColangRuntimeError(f"a running flow can be sent Stop, not `{instruction.member}`")
    args: dict[str, Any] = {
        "flow_id": target.flow.name,
        "flow_instance_uid": target.uid,
        "source_flow_instance_uid": head.instance.uid,
        "source_head_uid": head_uid(head),
    }
    state.queue.append(
        Event(names.STOP_FLOW, args, scores_of(state, head), uid=target.uid, source=head.instance)
    )
    head.pc += 1
    return True


def _start_flow(state: State, head: Head, instruction: ins.StartFlow) -> bool:
    instance = head.instance
    args = evaluated(instruction.args, instance)
    uid = state.flow_uid(instruction.flow)
    instance.keep(instruction.slot, uid)
    event_args = {"flow_id": instruction.flow, "flow_instance_uid": uid, **args}
    if instruction.activated:
        event_args["activated"] = True
    state.queue.append(
        Event(
            names.START_FLOW,
            event_args,
            scores_of(state, head),
            uid=uid,
            source=instance,
            source_head=head,
            awaited=True,
        )
    )
    head.pc += 1
    return True


def _new_action(state: State, head: Head, instruction: ins.NewAction) -> bool:
    instance = head.instance
    args = evaluated(instruction.args, instance)
    action = Action(state.new_uid(), instruction.name, args, instance.uid)
    action.users.append(instance)
    instance.add_action(action)
    state.actions[action.uid] = action
    instance.keep(instruction.slot, action)
    for region in head.regions:
        region.actions.append(action)
    head.pc += 1
    return True


def _bind(state: State, head: Head, instruction: ins.Bind) -> bool:
    instance, slot = head.instance, instruction.slot
    instance.write(
        instruction.target, instance.take(slot) if instruction.last else instance.peek(slot)
    )
    head.pc += 1
    return True


def _result(state: State, head: Head, instruction: ins.Result) -> bool:
    event = head.instance.take(instruction.slot)
    args = event.args if isinstance(event, Event) else {}
    if instruction.needs_value and "return_value" not in args:
        raise ColangRuntimeError("the flow has ended without `return`: there is no value")
    value = args.get("return_value")
    head.instance.write(instruction.target, value)
    head.pc += 1
    return True


def _eval(state: State, head: Head, instruction: ins.Eval) -> bool:
    instance = head.instance
    compiled = instruction.value
    value = compiled.value if compiled.constant else compiled(instance)
    if instruction.operator:
        operate = add if instruction.operator == "+" else subtract
        value = operate(instance.read(instruction.target), value)
    instance.write(instruction.target, value)
    head.pc += 1
    return True


def _jump(state: State, head: Head, instruction: ins.Jump) -> bool:
    head.pc = instruction.to
    return True


def _unless(state: State, head: Head, instruction: ins.Unless) -> bool:
    condition = instruction.condition
    value = condition.value if condition.constant else condition(head.instance)
    head.pc = head.pc + 1 if value else instruction.to
    return True


def _fork(state: State, head: Head, instruction: ins.Fork) -> list[Head]:
    instance = head.instance
    head.status = INACTIVE
    head.fork = instruction.fork
    children: list[Head] = []
    for target in instruction.targets:
        child = Head(instance, target, head)
        state.lead(child, scores_of(state, head))
        child.handlers, child.regions = head.handlers, head.regions
        children.append(child)
    head.children = children
    instance.heads = (*instance.heads, *children)
    return children


def _merge_reached(state: State, head: Head, instruction: ins.Merge) -> bool:
    head.status = MERGING
    freshen(state, head)
    state.merging.append(head)
    return False


def _gather(state: State, head: Head, instruction: ins.Gather) -> bool:
    here = sum(
        1 for other in head.instance.heads if other.pc == head.pc and other.status is not INACTIVE
    )
    if here < instruction.count:
        return False
    head.pc += 1
    return True


def _join(state: State, head: Head, instruction: ins.Join) -> list[Head]:
    parent = fork_parent(head, instruction.fork)
    replace_parent(state, parent, head)
    parent.pc += 1
    return [parent]


def _catch(state: State, head: Head, instruction: ins.Catch) -> bool:
    head.handlers = (*head.handlers, instruction.to)
    head.pc += 1
    return True


def _uncatch(state: State, head: Head, instruction: ins.Uncatch) -> bool:
    head.handlers = head.handlers[:-1]
    head.pc += 1
    return True


def _open(state: State, head: Head, instruction: ins.Open) -> bool:
    head.regions = (*head.regions, Region())
    head.pc += 1
    return True


def _close(state: State, head: Head, instruction: ins.Close) -> bool:
    region = head.regions[-1]
    head.regions = head.regions[:-1]
    head.pc += 1
    lifecycle.close_region(state, region, head.instance, scores_of(state, head))
    return True


def _return(state: State, head: Head, instruction: ins.Return) -> bool:
    instance = head.instance
    value = instruction.value
    instance.return_value = None if value is None else value(instance)
    instance.returned = True
    head.pc = len(instance.flow.code)
    return True


def _abort(state: State, head: Head, instruction: ins.Abort) -> bool:
    freshen(state, head)
    if head.handlers:
        head.pc = head.handlers[-1]
        return True
    lifecycle.abort(state, head.instance, head.scores)
    return False


def _global(state: State, head: Head, instruction: ins.GlobalDecl) -> bool:
    instance = head.instance
    if instance.globals_read is None:
        instance.globals_read = set()
    instance.globals_read.add(instruction.name)
    state.globals.setdefault(instruction.name, None)
    state.index.refresh(instance, instruction.name)
    head.pc += 1
    return True


def _set_priority(state: State, head: Head, instruction: ins.SetPriority) -> bool:
    value = _value(instruction.value, head.instance)
    if isinstance(value, bool) or not isinstance(value, float) or not 0.0 <= value <= 1.0:
        raise ColangRuntimeError(
            f"a priority is a number with a decimal point from 0.0 to 1.0, not {value!r:.40}"
        )
    head.instance.priority = value
    head.pc += 1
    return True


def _value(compiled: Compiled, instance: Instance) -> Any:
    return compiled.value if compiled.constant else compiled(instance)


def _write(state: State, head: Head, instruction: ins.Write) -> bool:
    state.write(instruction.channel, str(_value(instruction.value, head.instance)))
    head.pc += 1
    return True


def _new_instance(state: State, head: Head, instruction: ins.NewInstance) -> bool:
    instance = head.instance
    if instance.status is STARTED:
        if instance.activation is None or not instance.restarted:
            lifecycle.restart(state, instance, scores_of(state, head))
    else:
        state.notice(
            f"`start_new_flow_instance:` in flow `{instance.flow.name}` is passed before the flow"
            " has waited for anything, and has no effect there"
        )
    head.pc += 1
    return True


HANDLERS: tuple[Callable[[State, Head, Any], bool | list[Head]], ...] = (
    wait,
    wait_group,
    _send_internal,
    _actionable,  # SendEvent
    _send_member,
    _start_flow,
    _new_action,
    _actionable,  # SendAction
    _bind,
    _result,
    _eval,
    _jump,
    _unless,
    _fork,
    _merge_reached,
    _gather,
    _join,
    _catch,
    _uncatch,
    _open,
    _close,
    _return,
    _abort,
    _global,
    _set_priority,
    _write,
    _new_instance,
)
"""What each instruction does, by its `op`; True: the head goes on at its `pc`; False: it blocks; or the heads to run in its place."""
