"""The life of flow instances: starting, finishing, aborting, activation and restart (6.6 and 6.9).

Functions here change the state and enqueue events; they never run instructions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import class_of, is_dict
from colang_interpreter.v2 import names
from colang_interpreter.v2.few import few_of, listed
from colang_interpreter.v2.model import (
    NOTHING,
    REMOVED,
    STARTING,
    STOPPED,
    WAITING,
    Action,
    ActionStatus,
    Activation,
    Event,
    FlowStatus,
    Head,
    Instance,
    Region,
    Scores,
    arguments_of,
)
from colang_interpreter.v2.outgoing import outgoing

if TYPE_CHECKING:
    from colang_interpreter.v2.instructions import FlowCode
    from colang_interpreter.v2.state import State


class FlowStartError(Exception):
    """A flow cannot be started with these arguments (Q09)."""


# ---------------------------------------------------------------- starting


def start_flow(state: State, event: Event) -> tuple[Head | None, bool]:
    """Built-in reaction to StartFlow (6.6).

    Returns:
        The head of the new instance, linked and ready to run (None if there is none), and whether the event
        is handled for all loops (an activation that exists already).

    Raises:
        FlowStartError: too many or unknown arguments, or the instance limits are exceeded.
    """
    args = event.args
    name = args.get("flow_id")
    flow = state.program.flows.get(name) if isinstance(name, str) else None
    if flow is None or (name == "main" and event.source is not None):
        return None, False
    if event.awaited and event.source is not None and not event.source.listening:
        return (
            None,
            True,
        )  # whoever wanted it has ended meanwhile, and children never outlive their parent
    if event.uid is None:
        given = args.get("flow_instance_uid")
        event.uid = given if isinstance(given, str) else state.flow_uid(flow.name)
        args["flow_instance_uid"] = event.uid
    context = args.get("context")
    values, by_position = _bind(state, flow, args)
    source = event.source
    activated = args.get("activated") is True
    restart_of = event.restarts
    key: object = None
    if activated and restart_of is None:
        key = activation_key(flow, values)
        found = state.activations.get(key)
        if found is not None and (source is None or source.flow.name != flow.name):
            found.count += 1
            if source is not None:
                source.add_child(found.reference)
                found.add_owner(source.uid)
            started = Event(names.FLOW_STARTED, None, event.scores, flow=found.reference)
            arguments = arguments_of(flow, tuple(values.values()), by_position)
            started.spelled = {**started.args, **arguments, "flow_instance_uid": event.uid}
            started.uid = event.uid
            state.queue.append(started)
            return None, True
    _check_limits(state, flow, source)
    instance = Instance(state, flow, event.uid)
    instance.given = tuple(values.values())
    instance.by_position = by_position
    instance.locals = values
    if is_dict(context):
        if flow.parameters:
            raise FlowStartError(
                f"flow `{flow.name}` has parameters and cannot share the variables of its caller"
            )
        instance.locals = context
        instance.shared_locals = True
        _unwatch_shared(state, source, context)
    for member in flow.members:
        instance.locals.setdefault(
            member.name, None if member.default is None else member.default(state.blank)
        )
    _link(state, instance, event)
    if restart_of is not None:
        instance.activation = restart_of
        restart_of.add_copy(instance)
    elif activated:
        instance.activation = Activation(instance, key)
        if source is not None:
            instance.activation.add_owner(source.uid)
        instance.activation.add_copy(instance)
        state.activations[key] = instance.activation
    wanted = state.rails is None or state.rails.started(state, instance)
    head = Head(instance, 0 if wanted else len(flow.code))
    instance.heads = (head,)
    state.add_instance(instance)
    instance.status = STARTING
    return head, False


def _bind(state: State, flow: FlowCode, args: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Values of all parameters in their order, and which of them are given by position: bit n for the parameter n."""
    values: dict[str, Any] = {}
    by_position = 0
    for number, parameter in enumerate(flow.parameters):
        position = parameter.position
        if position in args:
            values[parameter.name] = args[position]
            by_position |= 1 << number
        elif parameter.name in args:
            values[parameter.name] = args[parameter.name]
        else:
            values[parameter.name] = (
                None if parameter.default is None else parameter.default(state.blank)
            )
    for key in args:
        if key in values or key in _BOOKKEEPING:
            continue
        if not key.startswith("$"):
            raise FlowStartError(f"flow `{flow.name}` has no parameter `{key}`")
        count = len(flow.parameters)
        if int(key[1:]) >= count:
            raise FlowStartError(
                f"flow `{flow.name}` takes {count} argument{'s' * (count != 1)},"
                f" but is given {int(key[1:]) + 1}"
            )
    return values, by_position


_BOOKKEEPING = frozenset(
    {
        "flow_id",
        "flow_instance_uid",
        "source_flow_instance_uid",
        "source_head_uid",
        "flow_hierarchy_position",
        "activated",
        "context",
    }
)


class Blank:
    """The frame of default values: no variables (6.6)."""

    __slots__ = ("locals", "runtime", "self_ref", "system_ref")

    def __init__(self, runtime: State) -> None:
        self.locals: dict[str, Any] = {}
        self.runtime = runtime
        self.self_ref = None
        self.system_ref = None

    def read(self, name: str) -> Any:
        """Every variable is unset."""
        return None

    def write(self, name: str, value: Any) -> None:
        """Nothing to write to."""


def _check_limits(state: State, flow: FlowCode, source: Instance | None) -> None:
    limits = state.program.limits
    if len(state.instances) >= limits.instances:
        raise FlowStartError(
            f"flow `{flow.name}` cannot be started: {limits.instances} flows are running already"
        )
    if source is not None and len(source.position) >= limits.depth:
        raise FlowStartError(
            f"flow `{flow.name}` cannot be started: flows are nested {limits.depth} deep,"
            " probably without end"
        )


def _link(state: State, instance: Instance, event: Event) -> None:
    """Parent, loop, place in the hierarchy, and the regions that record the instance."""
    source = event.source
    flow = instance.flow
    if source is not None:
        head = event.source_head
        instance.attach(source, head.pc if head is not None else 0)
        source.add_child(instance)
        if head is not None:
            for region in head.regions:
                region.flows.append(instance)
    if flow.loop == "NEW":
        instance.loop_id = state.new_uid()
    elif flow.loop is not None:
        instance.loop_id = flow.loop
    elif source is not None:
        instance.loop_id = source.loop_id
    else:
        instance.loop_id = state.new_uid()


def _unwatch_shared(state: State, source: Instance | None, context: dict[str, Any]) -> None:
    """Another instance may write these variables now: no waiter may be filed under their values."""
    while source is not None:
        if source.locals is context and not source.shared_locals:
            source.shared_locals = True
            state.index.refresh(source)
        source = source.parent


# ---------------------------------------------------------------- activation


def activation_key(flow: FlowCode, values: dict[str, Any]) -> object:
    """What makes two activations the same: the flow, and the values of all parameters, by type and value."""
    return (flow.name, *[_key_of(values[p.name]) for p in flow.parameters])


def _key_of(value: Any) -> object:
    kind = class_of(value)
    if kind is list or kind is tuple:
        return (kind, tuple(map(_key_of, value)))
    if kind is dict:
        return (kind, frozenset((_key_of(k), _key_of(v)) for k, v in value.items()))
    if kind is set:
        return (kind, frozenset(map(_key_of, value)))
    try:
        hash(value)
    except TypeError:  # a mutable object of a Python action: the same only if identical
        return (kind, id(value))
    return (kind, value)


def forget_activation(state: State, activation: Activation) -> None:
    """Take an activation out of the books; running copies are not restarted any more."""
    activation.count = 0
    if state.activations.get(activation.key) is activation:
        del state.activations[activation.key]
    for uid, _ in activation.owners:
        owner = state.instances.get(uid)
        if owner is not None:
            owner.drop_child(activation.reference)


def restart(state: State, instance: Instance, scores: Scores) -> None:
    """Put the StartFlow of the next copy at the front of the queue."""
    activation = instance.activation
    uid = state.flow_uid(instance.flow.name)
    args = {
        "flow_id": instance.flow.name,
        "flow_instance_uid": uid,
        "activated": activation is not None,
        **{p.name: instance.arguments.get(p.name) for p in instance.flow.parameters},
    }
    instance.restarted = True
    source = activation.reference if activation is not None else instance
    event = Event(names.START_FLOW, args, scores, uid=uid, source=source)
    event.restarts = activation
    state.queue.appendleft(event)


# ---------------------------------------------------------------- ending


def finish(
    state: State,
    instance: Instance,
    scores: Scores,
    *,
    context_update: dict[str, Any] | None = None,
    restart_allowed: bool = True,
) -> None:
    """End an instance successfully (6.6); one that cannot succeed any more fails."""
    if not instance.listening:
        return
    if instance.unable:
        abort(state, instance, scores, restart=restart_allowed)
        return
    _end_children(state, instance, scores)
    _stop_actions(state, instance)
    remove_heads(state, instance)
    if instance.flow.name == "main":
        instance.status = WAITING
        return
    if context_update:
        instance.locals.update(context_update)
    if state.rails is not None:
        state.rails.ended(state, instance, FlowStatus.FINISHED, cut_off=False)
    _leave(state, instance, FlowStatus.FINISHED)
    state.queue.append(Event(names.FLOW_FINISHED, None, scores, instance))
    if instance.flow.log_event is not None:
        state.queue.append(_log_event(instance, scores))
    _restart_if_activated(state, instance, scores, restart_allowed)
    _unlink(instance)


def abort(state: State, instance: Instance, scores: Scores, *, restart: bool = True) -> None:
    """End an instance as failed, with everything it has started, deepest first (6.6)."""
    if not instance.listening:
        return
    _end_children(state, instance, scores)
    _abort_one(state, instance, scores, restart)


def _abort_one(
    state: State, instance: Instance, scores: Scores, restart: bool, cut_off: bool = False
) -> None:
    if not instance.listening:
        return
    if state.rails is not None:
        state.rails.ended(state, instance, STOPPED, cut_off)
    _stop_actions(state, instance)
    remove_heads(state, instance)
    _leave(state, instance, STOPPED)
    state.queue.append(Event(names.FLOW_FAILED, None, scores, instance))
    _restart_if_activated(state, instance, scores, restart)
    _unlink(instance)


def _end_children(state: State, instance: Instance, scores: Scores) -> None:
    """Abort what the instance has started, in order of start, deepest first, without recursion."""
    if instance.children is None:
        return
    stack: list[tuple[Instance, list[Instance]]] = [(instance, _owned(instance))]
    while stack:
        owner, children = stack[-1]
        if children:
            child = children.pop(0)
            activation = child.activation
            if activation is not None and activation.reference is child:
                activation.count -= activation.drop_owner(owner.uid)
                if activation.count > 0:
                    owner.drop_child(child)
                    continue
                forget_activation(state, activation)
                running = [x for x in activation.running if x is not child]
                children[:0] = running
            if child.listening:
                stack.append((child, _owned(child)))
        else:
            stack.pop()
            if owner is not instance:
                _abort_one(state, owner, scores, False, cut_off=True)
    instance.children = few_of(
        child
        for child in listed(instance.children)
        if child.activation is not None
        and child.activation is instance.activation
        and child.activation.count > 0
    )


def _owned(instance: Instance) -> list[Instance]:
    """The children that end with the instance: all but restarted copies of the same activation."""
    return [
        child
        for child in listed(instance.children)
        if child.activation is None or child.activation is not instance.activation
    ]


def _leave(state: State, instance: Instance, status: FlowStatus) -> None:
    instance.status = status
    state.drop_instance(instance)
    parent = instance.parent
    activation = instance.activation
    if activation is not None:
        activation.drop_copy(instance)
        if activation.reference is instance:
            return
    if parent is not None:
        parent.drop_child(instance)


def _unlink(instance: Instance) -> None:
    """An ended instance keeps nothing alive, unless it stands for an activation."""
    activation = instance.activation
    if activation is not None and activation.reference is instance and activation.count > 0:
        return
    instance.parent = None
    instance.forget_hidden()


def _restart_if_activated(state: State, instance: Instance, scores: Scores, allowed: bool) -> None:
    activation = instance.activation
    if activation is None or not allowed or instance.restarted or activation.count <= 0:
        return
    if not instance.waited and instance.status is STOPPED:
        forget_activation(state, activation)
        state.notice(
            f"flow `{instance.flow.name}` is activated but failed before it waited for anything:"
            " it is not started again"
        )
        return
    restart(state, instance, scores)


def remove_heads(state: State, instance: Instance) -> None:
    """No head of the instance waits or runs any more."""
    for head in instance.heads:
        unpark(state, head)
        head.status = REMOVED
    instance.heads = ()


def unpark(state: State, head: Head) -> None:
    """Take a head out of the index."""
    waiters = head.waiters
    if waiters is not None:
        for waiter in waiters if isinstance(waiters, list) else (waiters,):
            state.index.remove(waiter)
        head.waiters = None
    head.group = None


# ---------------------------------------------------------------- actions


def _stop_actions(state: State, instance: Instance) -> None:
    for action in instance.actions.values():
        leave_action(state, action, instance)
    instance.actions = NOTHING


def leave_action(state: State, action: Action, instance: Instance) -> None:
    """One user less; the last one stops an action that still runs (6.6 step 3)."""
    if instance in action.users:
        action.users.remove(instance)
    if not action.users:
        if action.running and not action.foreign:
            action.status = ActionStatus.STOPPING
            state.emit(outgoing(state, f"Stop{action.name}", {}, action.uid))
        state.actions.pop(action.uid, None)


def close_region(state: State, region: Region, owner: Instance, scores: Scores) -> None:
    """Stop what was started in a region and still runs."""
    for instance in region.flows:
        abort(state, instance, scores)
    for action in region.actions:
        if action.uid in owner.actions and action.running:
            owner.drop_action(action.uid)
            leave_action(state, action, owner)


# ---------------------------------------------------------------- requests by event


def end_by_event(state: State, event: Event) -> frozenset[str]:
    """Built-in reaction to FinishFlow and StopFlow; the loops it concerned."""
    args = event.args
    finishing = event.name == names.FINISH_FLOW
    deactivate = args.get("deactivate") is True
    update = args.get("context_update")
    if not is_dict(update):
        update = None
    uid = args.get("flow_instance_uid")
    by_uid = isinstance(uid, str)
    if isinstance(uid, str):
        found = state.instances.get(uid)
        targets: list[Instance] = [found] if found is not None and found.active else []
        if not targets:
            targets = _running_copies(state, uid) if not finishing else []
    else:
        wanted = {k: v for k, v in args.items() if k not in _END_KEYS}
        flow = state.program.flows.get(args.get("flow_id", ""))
        targets = [x for x in state.instances_of(flow.name) if _has(x, wanted)] if flow else []
    loops = frozenset(x.loop_id for x in targets)
    if deactivate or (by_uid and not finishing):
        _deactivate(state, targets, event.scores, finishing, update)
        return loops
    for instance in targets:
        if finishing:
            finish(state, instance, event.scores, context_update=update)
        else:
            abort(state, instance, event.scores)
    return loops


_END_KEYS = frozenset(
    {
        "flow_id",
        "flow_instance_uid",
        "deactivate",
        "context_update",
        "source_flow_instance_uid",
        "source_head_uid",
    }
)


def _running_copies(state: State, uid: str) -> list[Instance]:
    """A request for an ended reference instance means the copies that run for it now."""
    for activation in state.activations.values():
        if activation.reference.uid == uid:
            return list(activation.running)
    return []


def _deactivate(
    state: State,
    targets: Iterable[Instance],
    scores: Scores,
    finishing: bool,
    update: dict[str, Any] | None,
) -> None:
    """End instances for good; an activation asked for several times loses one count (Q15)."""
    seen: set[int] = set()
    for instance in targets:
        activation = instance.activation
        if activation is None:
            end = [instance]
        elif id(activation) in seen:
            continue
        else:
            seen.add(id(activation))
            activation.count -= 1
            if activation.count > 0:
                continue
            forget_activation(state, activation)
            end = list(activation.running)
        for one in end:
            if finishing:
                finish(state, one, scores, context_update=update, restart_allowed=False)
            else:
                abort(state, one, scores, restart=False)


def _has(instance: Instance, wanted: dict[str, Any]) -> bool:
    arguments = instance.arguments
    return all(key in arguments and arguments[key] == value for key, value in wanted.items())


# ---------------------------------------------------------------- history records (6.11)


def _log_event(instance: Instance, scores: Scores) -> Event:
    flow = instance.flow
    name = flow.log_event
    assert name is not None
    text = _tag(flow.log_value, instance)
    if text is not None:
        args: dict[str, Any] = {"flow_id": text, "parameter": None}
    else:
        flow_id = flow.name
        if name.endswith("IntentLog") and flow_id.startswith("_dynamic_"):
            flow_id = flow_id[len("_dynamic_") + 8 :].strip() or flow_id
        args = {"flow_id": flow_id, "parameter": instance.arguments.get("$0")}
    if name.endswith("ActionLog"):
        args["intent_flow_id"] = _intent_above(instance)
    return Event(name, args, scores)


def _tag(value: Any, instance: Instance) -> str | None:
    if value is None or value is True:
        return None
    return value if isinstance(value, str) else str(value(instance))


def _intent_above(instance: Instance) -> Any:
    at: Instance | None = instance
    while at is not None:
        tag = at.flow.intent_tag
        if tag is not None:
            return _tag(tag, at) or at.flow.name
        for variable in ("_bot_intent", "_user_intent"):
            if at.locals.get(variable) is not None:
                return at.locals[variable]
        at = at.parent
    return None
