"""What an event leaves behind: captured references, and the status of the action it is about (6.1, 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2.model import Action, ActionStatus, Event, Instance

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def capture(state: State, wait: ins.Wait, instance: Instance, event: Event) -> None:
    """Put an event that matched where the wait wants it."""
    if wait.bind >= 0:
        flow = event.flow
        instance.keep(wait.bind, flow if flow is not None else event.args["flow_instance_uid"])
    if wait.drop >= 0:
        instance.take(wait.drop)
    if wait.slot >= 0:
        instance.keep(wait.slot, event)
    if wait.ref is not None:
        if event.is_action_event and event.action is None:
            event.action = _action_of(state, instance, event)
        if state.program.compat:
            instance.locals[wait.ref] = event  # Q14
        else:
            instance.write(wait.ref, event)


def _action_of(state: State, instance: Instance, event: Event) -> Action | None:
    """The action of a captured event; an unknown one was started by the world outside (C2-415)."""
    uid = event.args.get("action_uid")
    if not isinstance(uid, str):
        return None
    known = state.actions.get(uid)
    if known is not None:
        return known
    name = event.name
    base, _, member = name.partition("Action")
    for prefix in ("Start", "Stop", "Change"):
        if base.startswith(prefix) and not member:
            base = base[len(prefix) :]
            break
    action = Action(uid, f"{base}Action", {}, instance.uid)
    action.foreign = True
    action.context = {k: v for k, v in event.args.items() if k != "action_uid"}
    if "Finished" in member:
        action.status = ActionStatus.FINISHED
    else:
        action.status = ActionStatus.STARTED
        action.users.append(instance)
        instance.add_action(action)
        state.actions[uid] = action
    return action


def update_action(state: State, event: Event) -> None:
    """Status and context of the action an event is about (6.4 step 8)."""
    args = event.args
    uid = args.get("action_uid")
    action = state.actions.get(uid) if isinstance(uid, str) else None
    if action is None or action.status is ActionStatus.FINISHED:
        return
    member = event.name.partition("Action")[2]
    if not member and not event.name.endswith("Action"):
        return
    if event.name.startswith(("Start", "Stop", "Change")) and not member:
        return  # our own event, fed back by the outer loop (Q39)
    action.context.update(args)
    action.context.pop("action_uid", None)
    if "Started" in member:
        if action.status is ActionStatus.STARTING:
            action.status = ActionStatus.STARTED
    elif "Finished" in member:
        action.status = ActionStatus.FINISHED
        for user in action.users:
            user.drop_action(action.uid)
        action.users = []
        del state.actions[action.uid]
