"""Action points: which of the heads that want to send an event may do so (section 6.8)."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import is_dict
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import lifecycle, names
from colang_interpreter.v2.errors import runtime_error
from colang_interpreter.v2.matching import evaluated, follow
from colang_interpreter.v2.model import Action, ActionStatus, Event, Head
from colang_interpreter.v2.outgoing import EventError, outgoing
from colang_interpreter.v2.ranking import choose, ranked
from colang_interpreter.values import ExpressionError

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


class Pending:
    """The event a head wants to send."""

    __slots__ = ("action", "args", "head", "name", "ref")

    def __init__(
        self, head: Head, name: str, args: dict[str, Any], action: Action | None, ref: str | None
    ) -> None:
        self.head = head
        self.name = name
        self.args = args
        self.action = action
        self.ref = ref

    @property
    def controls(self) -> bool:
        """Whether it stops or changes a running action: such events never compete (Q40)."""
        return self.action is not None and not self.name.startswith("Start")

    def same_as(self, other: Pending) -> bool:
        """Same name and parameters; for a stop or change also the same action."""
        if self.name != other.name or self.args != other.args:
            return False
        return not self.controls or self.action is other.action


def resolve(state: State, heads: list[Head]) -> list[Head]:
    """Emit the events of the winners; the heads to advance, in order.

    Heads compete within an interaction loop. Losers go on at their failure handler, or their flow is aborted.
    """
    if len(heads) == 1:
        pending = _pending(state, heads[0])
        if pending is None or not _emit(state, pending):
            return []
        _go_on(heads[0])
        return heads
    groups: dict[str, list[Head]] = {}
    for head in heads:
        groups.setdefault(head.instance.loop_id, []).append(head)
    advancing: list[Head] = []
    for group in groups.values():
        _resolve_group(state, group, advancing)
    return advancing


def _resolve_group(state: State, group: list[Head], advancing: list[Head]) -> None:
    while group:
        best = choose(state, group)
        pending = _pending(state, best)
        if pending is not None and _emit(state, pending):
            break
        group.remove(best)  # its event is wrong; the next best has its turn
        group[:] = [h for h in group if h.instance.active]
    else:
        return
    _go_on(best)
    advancing.append(best)
    for head in ranked(group):
        if head is best:
            continue
        if not head.instance.active:
            continue
        other = _pending(state, head)
        if other is None:
            continue
        if other.same_as(pending):
            _share(state, other, pending)
            _go_on(head)
            advancing.append(head)
        elif other.controls and pending.controls:
            if _emit(state, other):
                _go_on(head)
                advancing.append(head)
        else:
            head.instance.waited = True  # to lose is no failure of its own: activated flows restart
            if head.handlers:
                head.pc = head.handlers[-1]
                advancing.append(head)
            else:
                lifecycle.abort(state, head.instance, head.scores)


def _go_on(head: Head) -> None:
    instruction = head.instruction
    if isinstance(instruction, ins.SendAction) and instruction.last:
        head.instance.take(instruction.slot)
    head.pc += 1


def _pending(state: State, head: Head) -> Pending | None:
    """The event the head wants to send, evaluated now; None if that is an error of its flow."""
    instruction = head.instruction
    instance = head.instance
    try:
        if isinstance(instruction, ins.SendAction):
            action: Action = instance.peek(instruction.slot)
            return Pending(head, intern(f"Start{action.name}"), action.arguments, action, None)
        if isinstance(instruction, ins.SendEvent):
            args = evaluated(instruction.args, instance)
            return Pending(head, instruction.name, args, None, instruction.ref)
        assert isinstance(instruction, ins.SendMember)
        action = follow(instance, instruction.path)
        args = evaluated(instruction.args, instance)
        if instruction.member == "Change":
            given = args.get("arguments")
            args = dict(given) if is_dict(given) else {}
        elif instruction.member == "Start":
            args = action.arguments
        return Pending(head, f"{instruction.member}{action.name}", args, action, instruction.ref)
    except ExpressionError as error:
        runtime_error(state, head, str(error), error.kind)
        return None


def _emit(state: State, pending: Pending) -> bool:
    action = pending.action
    instance = pending.head.instance
    stays = pending.name == names.TO_CHECK and instance.flow.path.startswith("<library>/")
    try:
        if stays:
            event = {**pending.args, "uid": state.new_uid()}
        else:
            event = outgoing(state, pending.name, pending.args, action.uid if action else None)
    except EventError as error:
        runtime_error(state, pending.head, str(error), "ColangValueError")
        return False
    if action is not None:
        if pending.name.startswith("Start"):
            action.status = ActionStatus.STARTING
            if state.rails is not None:
                state.rails.acted(instance, action.uid)
        elif pending.name.startswith("Stop") and action.running:
            action.status = ActionStatus.STOPPING
    if pending.ref is not None and ("Action" in pending.name or not state.program.compat):  # Q22
        sent = Event(pending.name, {k: v for k, v in event.items() if k != "type"})
        sent.action = action
        instance.write(pending.ref, sent)
    if not stays:
        state.emit(event)
    return True


def _share(state: State, pending: Pending, winner: Pending) -> None:
    """The event has been sent by another flow: take part in its action (6.8 step 4)."""
    own, shared = pending.action, winner.action
    instance = pending.head.instance
    if own is None or shared is None or own is shared:
        if pending.ref is not None and winner.ref is not None:
            instance.write(pending.ref, winner.head.instance.read(winner.ref))
        return
    shared.users.append(instance)
    if state.rails is not None:
        state.rails.acted(instance, shared.uid)
    instance.drop_action(own.uid)
    instance.add_action(shared)
    state.actions.pop(own.uid, None)
    for slot, value in instance.hidden:
        if value is own:
            instance.keep(slot, shared)
    for name, value in instance.locals.items():
        if value is own:
            instance.locals[name] = shared
    for region in pending.head.regions:
        region.actions[:] = [shared if a is own else a for a in region.actions]
