"""The step function: one event in, everything it causes, until nothing more can happen (section 6).

`step` is the whole engine. It knows no clock, no network and no chance: time comes in with events, uids and
random choices from the state's seed. Bounded by the budgets of `program.Limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import is_dict
from colang_interpreter.expressions import Compiled
from colang_interpreter.expressions.guards import add, subtract
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import lifecycle, names
from colang_interpreter.v2.conflicts import resolve
from colang_interpreter.v2.dispatch import Waiter
from colang_interpreter.v2.errors import ColangRuntimeError, report, runtime_error, scores_of
from colang_interpreter.v2.groups import best_completion, impossible, satisfied
from colang_interpreter.v2.matching import evaluated, follow, score
from colang_interpreter.v2.model import (
    Action,
    ActionStatus,
    Event,
    FlowStatus,
    Head,
    HeadStatus,
    Instance,
    Leaf,
    Region,
    Scores,
)
from colang_interpreter.v2.ranking import choose
from colang_interpreter.values import ExpressionError, NotComparableError

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


# ---------------------------------------------------------------- the step (6.13)


def step(state: State, event: Event) -> None:
    """Process one external event and all that follows from it; outgoing events are left in the state."""
    state.begin_step()
    state.queue.append(event)
    _run_to_quiescence(state)


def start_main(state: State, active: bool) -> None:
    """Start `main`, after the flows with `@active` if `active`; each start is a step (7.2 step 2)."""
    main = state.main
    if active:
        for flow in state.program.active_flows:
            uid = state.flow_uid(flow.name)
            args = {"flow_id": flow.name, "flow_instance_uid": uid, "activated": True}
            step(state, Event(names.START_FLOW, args, (), uid=uid, source=main))
    step(state, Event(names.START_FLOW, {"flow_id": "main"}, (), uid=main.uid))


def _run_to_quiescence(state: State) -> None:
    queue = state.queue
    while True:
        while True:
            while queue:
                if state.events_left <= 0:
                    _stop_endless(state)
                    continue
                state.events_left -= 1
                process(state, queue.popleft())
            merging = state.merging
            if not merging:
                break
            state.merging = []
            for head in merging:
                if head.status is HeadStatus.MERGING:
                    _merge(state, head)
        heads = [h for h in state.actionable if _is_actionable(h)]
        state.actionable = []
        if not heads:
            if not state.failing:
                return
            instance, scores = state.failing.pop(0)
            lifecycle.abort(state, instance, scores)
            continue
        for head in resolve(state, heads):
            if head.status is HeadStatus.ACTIVE:
                run(state, head)


def _is_actionable(head: Head) -> bool:
    return head.status is HeadStatus.ACTIVE and head.instance.active


def _stop_endless(state: State) -> None:
    """The budget of internal events is spent: end the flow that causes them, and if that does not help, all."""
    limit = state.program.limits.events
    culprit = state.last_matched
    state.last_matched = None
    if culprit is not None and culprit.listening and state.grace > 0:
        state.grace -= 1
        state.events_left = limit // 10
        line = _line_of(culprit)
        report(
            state,
            culprit,
            f"more than {limit} internal events in one step: flow `{culprit.flow.name}` reacts without end",
            "ColangLimitError",
            line,
        )
        if culprit.activation is not None:
            lifecycle.forget_activation(state, culprit.activation)
        lifecycle.abort(state, culprit, (), restart=False)
        return
    state.queue.clear()
    state.events_left = limit
    state.notice(f"more than {limit} internal events in one step: the rest of them is dropped")


def _line_of(instance: Instance) -> int:
    instruction = instance.heads[0].instruction if instance.heads else None
    return instruction.line if instruction is not None else instance.flow.line


# ---------------------------------------------------------------- one event (6.4)


def process(state: State, event: Event) -> None:
    """Process one event of the queue, external or internal."""
    name = event.name
    watched = state.program.unhandled_names
    watch_unhandled = (watched is None or name in watched) and name != names.UNHANDLED
    loops = frozenset(state.loops) if watch_unhandled else _NONE
    handled: frozenset[str] | None = _NONE  # None: handled everywhere
    matched: list[tuple[Waiter | None, Head, float]] = []

    if name == names.START_FLOW:
        try:
            head, everywhere = _react_to_start(state, event)
        except lifecycle.FlowStartError as error:
            _fail_starter(state, event, str(error))
            return
        except ExpressionError as error:
            _fail_starter(state, event, str(error), error.kind)
            return
        if head is not None:
            matched.append((None, head, 1.0))
        if everywhere or head is not None:
            handled = None
        if state.index.waits_for(name):
            _complete_start_event(event)
    elif name in (names.FINISH_FLOW, names.STOP_FLOW):
        handled = lifecycle.end_by_event(state, event)
    elif name in names.LOG_EVENTS:
        state.remember({"type": name, **event.args})
        handled = None
    elif name == names.CONTEXT_UPDATE:
        data = event.args.get("data")
        if is_dict(data):
            state.globals.update(data)

    announced = event.flow is not None and name in names.FLOW_EVENTS
    index = state.index
    candidates: list[Waiter]
    if not index.waits_for(name):
        candidates = []
    elif announced:
        candidates = index.flow_candidates(event)
    else:
        candidates = index.candidates(event)
    failed: list[tuple[Head, str, str]] = []
    for waiter in candidates:
        head = waiter.head
        try:
            value = score(state, waiter, event)
        except NotComparableError as error:
            _report_mismatch(state, head, error)
            continue
        except ExpressionError as error:
            failed.append((head, str(error), error.kind))
            continue
        if value > 0.0:
            matched.append((waiter, head, value))

    disappointed = _disappointed(state, event) if name in _ENDINGS else []

    if watch_unhandled and handled is not None:
        _announce_unhandled(state, event, loops, handled, matched)

    if matched:
        if len(matched) > 1:
            matched.sort(key=_by_place)  # heads of StartFlow take their place among the others
            matched.sort(key=_by_score, reverse=True)
        for by, head, value in matched:
            _arrive(state, by, head, event, (event.scores, value))
    if "Action" in name and name not in names.INTERNAL_EVENTS:
        _update_action(state, event)
    for head, message, kind in failed:
        if head.status is not HeadStatus.REMOVED:
            runtime_error(state, head, message, kind)
    caught = [head for head in disappointed if head.status is not HeadStatus.REMOVED]
    for _, head, _ in matched:
        if head.status is HeadStatus.ACTIVE and head.group is None:
            state.last_matched = head.instance
            run(state, head)
    for head in caught:
        if head.status is HeadStatus.ACTIVE and head.waiters:
            fail(state, head)


_ENDINGS = frozenset({names.FLOW_FINISHED, names.FLOW_FAILED})
_NONE: frozenset[str] = frozenset()


def _report_mismatch(state: State, head: Head, error: NotComparableError) -> None:
    """A comparator met something that is no number: no match (Q31), but not in silence (C2-352)."""
    instruction = head.instruction
    line = instruction.line if instruction is not None else head.instance.flow.line
    report(state, head.instance, str(error), error.kind, line)


def _by_place(entry: tuple[Waiter | None, Head, float]) -> tuple[int, tuple[int, ...], int]:
    waiter, head, _ = entry
    if waiter is not None:
        return waiter.order
    return (*head.instance.order_key, 0)


def _by_score(entry: tuple[Waiter | None, Head, float]) -> float:
    return entry[2]


def _react_to_start(state: State, event: Event) -> tuple[Head | None, bool]:
    if event.source is None and event.uid == state.main.uid:
        return _restart_main(state), False
    return lifecycle.start_flow(state, event)


def _restart_main(state: State) -> Head | None:
    main = state.main
    if main.status is not FlowStatus.WAITING:
        return None
    main.status = FlowStatus.STARTING
    main.locals = {
        p.name: None if p.default is None else p.default(state.blank)
        for p in (*main.flow.parameters, *main.flow.members)
    }
    main.globals_read = None
    main.returned, main.return_value, main.waited = False, None, False
    head = Head(main, 0)
    main.heads.append(head)
    return head


def _complete_start_event(event: Event) -> None:
    """Spell out the parameters the core adds to a StartFlow."""
    args = event.args
    if event.source is not None:
        args.setdefault("source_flow_instance_uid", event.source.uid)
        args.setdefault("source_head_uid", _head_uid(event.source_head))
        position = (*event.source.position, event.source_head.pc if event.source_head else 0)
        args.setdefault("flow_hierarchy_position", ".".join(map(str, position)))


def _head_uid(head: Head | None) -> str | None:
    return None if head is None else f"{head.instance.uid}@{head.pc}"


def _fail_starter(
    state: State, event: Event, message: str, kind: str = "ColangRuntimeError"
) -> None:
    """A flow could not be started: an error of whoever wanted it (Q09)."""
    head = event.source_head
    if head is not None and head.status is not HeadStatus.REMOVED:
        runtime_error(state, head, message, kind)
    elif event.source is not None and event.source.listening:
        report(state, event.source, message, kind, event.source.flow.line)
        lifecycle.abort(state, event.source, event.scores)
    else:
        state.queue.append(Event(names.COLANG_ERROR, {"type": kind, "error": message}))


def _disappointed(state: State, event: Event) -> list[Head]:
    """Heads whose wait has become impossible: the flow ended the other way (6.4, mismatch)."""
    uid = event.uid or (event.flow.uid if event.flow is not None else None)
    if uid is None:
        uid = event.args.get("flow_instance_uid")
        if not isinstance(uid, str):
            return []
    other = names.FLOW_FAILED if event.name == names.FLOW_FINISHED else names.FLOW_FINISHED
    waiters = state.index.contradicted(other, uid)
    waiters += state.index.contradicted(names.FLOW_STARTED, uid)
    if len(waiters) > 1:
        waiters.sort(key=lambda w: w.order)
    heads: list[Head] = []
    for waiter in waiters:
        head = waiter.head
        if head.group is None:
            heads.append(head)
            continue
        head.group[waiter.leaf].failed = True
        instruction = head.instruction
        assert isinstance(instruction, ins.WaitGroup)
        state.index.remove(waiter)
        if head.status is HeadStatus.ACTIVE and impossible(instruction.formula, head.group):
            _fresh(state, head)
            head.status = HeadStatus.MERGING
            state.merging.append(head)
    return heads


def _announce_unhandled(
    state: State,
    event: Event,
    loops: frozenset[str],
    handled: frozenset[str],
    matched: list[tuple[Waiter | None, Head, float]],
) -> None:
    if event.name == names.START_FLOW and matched:
        return
    left = loops - handled
    if matched:
        left -= {head.instance.loop_id for _, head, _ in matched}
    if not left:
        return
    if event.name == names.START_FLOW:
        _complete_start_event(event)
    args = {**event.args, "event": event.name, "loop_ids": set(left)}
    state.queue.append(Event(names.UNHANDLED, args, event.scores))


def _arrive(state: State, waiter: Waiter | None, head: Head, event: Event, scores: Scores) -> None:
    """A head has matched: capture references, and move it behind its wait."""
    if head.status is not HeadStatus.ACTIVE and head.status is not HeadStatus.MERGING:
        return
    instance = head.instance
    if waiter is None:  # instruction 0 of a new instance
        head.scores, head.step = scores, state.step
        return
    instruction = head.instruction
    if isinstance(instruction, ins.WaitGroup):
        group = head.group
        if group is None:
            return
        _capture(state, instruction.members[waiter.leaf], instance, event)
        leaf = group[waiter.leaf]
        leaf.order, leaf.scores = state.tick(), scores
        state.index.remove(waiter)
        if head.status is HeadStatus.ACTIVE and satisfied(instruction.formula, group):
            if instruction.slot >= 0:
                instance.temps[instruction.slot] = event
            head.status = HeadStatus.MERGING
            state.merging.append(head)
        return
    assert isinstance(instruction, ins.Wait)
    lifecycle.unpark(state, head)
    head.scores, head.step = scores, state.step
    _capture(state, instruction, instance, event)
    head.pc += 1


def _capture(state: State, wait: ins.Wait, instance: Instance, event: Event) -> None:
    if wait.bind >= 0:
        flow = event.flow
        instance.temps[wait.bind] = flow if flow is not None else event.args["flow_instance_uid"]
    if wait.drop >= 0:
        instance.temps.pop(wait.drop, None)
    if wait.slot >= 0:
        instance.temps[wait.slot] = event
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
        instance.actions[uid] = action
        state.actions[uid] = action
    return action


def _update_action(state: State, event: Event) -> None:
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
    action.context.update({k: v for k, v in args.items() if k != "action_uid"})
    if "Started" in member:
        if action.status is ActionStatus.STARTING:
            action.status = ActionStatus.STARTED
    elif "Finished" in member:
        action.status = ActionStatus.FINISHED
        for user in action.users:
            user.actions.pop(action.uid, None)
        action.users = []
        del state.actions[action.uid]


# ---------------------------------------------------------------- heads (6.5)


def run(state: State, head: Head) -> None:
    """Execute instructions from where the head stands until it blocks or its flow has ended."""
    instance = head.instance
    code = instance.flow.code
    end = len(code)
    handlers = HANDLERS
    left = state.instructions_left
    try:
        while head.pc < end:
            left -= 1
            if left <= 0:
                state.instructions_left = state.program.limits.instructions // 10
                left = state.instructions_left
                state.grace -= 1
                raise ColangRuntimeError(
                    f"more than {state.program.limits.instructions} instructions in one step"
                    " without waiting: a loop that never waits?",
                    "ColangLimitError",
                )
            instruction = code[head.pc]
            if not handlers[instruction.op](state, head, instruction):
                break
            if head.status is not HeadStatus.ACTIVE:
                break
        else:
            state.instructions_left = left
            _at_end(state, head)
            return
    except ExpressionError as error:
        state.instructions_left = left
        runtime_error(state, head, str(error), error.kind)
        return
    except ColangRuntimeError as error:
        state.instructions_left = left
        runtime_error(state, head, str(error), error.kind)
        return
    state.instructions_left = min(left, state.instructions_left)
    if instance.status is FlowStatus.STARTING and head.status is not HeadStatus.REMOVED:
        _check_started(state, instance, head)


def _check_started(state: State, instance: Instance, head: Head) -> None:
    """*Starting* becomes *started* when every head waits, not silently (6.5)."""
    for other in instance.heads:
        if other.status is HeadStatus.INACTIVE:
            continue
        if other.status is not HeadStatus.ACTIVE:
            return
        instruction = other.instruction
        if isinstance(instruction, ins.Wait):
            if instruction.silent or not other.waiters:
                return
        elif isinstance(instruction, ins.WaitGroup):
            if other.group is None:
                return
        elif not isinstance(instruction, ins.Gather):
            return
    instance.waited = True
    _announce_started(state, instance, head)


def _announce_started(state: State, instance: Instance, head: Head) -> None:
    instance.status = FlowStatus.STARTED
    scores = scores_of(state, head)
    state.queue.append(Event(names.FLOW_STARTED, None, scores, flow=instance))


def _at_end(state: State, head: Head) -> None:
    """The head stands behind the last instruction (6.5, end of the flow)."""
    instance = head.instance
    scores = scores_of(state, head)
    if instance.status is FlowStatus.STARTING:
        _announce_started(state, instance, head)
        if instance.activation is not None or instance is state.main:
            for other in instance.heads:
                lifecycle.unpark(state, other)
            head.status = HeadStatus.INACTIVE
            instance.heads = [head]
            return
    lifecycle.finish(state, instance, scores)


def fail(state: State, head: Head) -> None:
    """The head fails: it goes on at its handler, else its flow is aborted (6.5)."""
    lifecycle.unpark(state, head)
    _fresh(state, head)
    if head.handlers:
        head.status = HeadStatus.ACTIVE
        head.pc = head.handlers[-1]
        run(state, head)
        return
    lifecycle.abort(state, head.instance, head.scores)


def _fresh(state: State, head: Head) -> None:
    """Scores of earlier steps do not count (6.3, clean-up)."""
    if head.step != state.step:
        head.scores, head.step = (), state.step


# ---------------------------------------------------------------- merging


def _merge(state: State, head: Head) -> None:
    """Internal events are done: a merging head may go on now, or give way to a better one."""
    instruction = head.instruction
    if isinstance(instruction, ins.WaitGroup):
        group = head.group
        assert group is not None
        best = best_completion(instruction.formula, group)
        lifecycle.unpark(state, head)
        head.status = HeadStatus.ACTIVE
        if best is None:
            fail(state, head)
            return
        head.scores, head.step = best, state.step
        head.pc += 1
        run(state, head)
        return
    assert isinstance(instruction, ins.Merge)
    parent = _fork_parent(head, instruction.fork)
    rivals = [
        other
        for other in _descendants(parent)
        if other.status is HeadStatus.MERGING
        and isinstance(other.instruction, ins.Merge)
        and other.instruction.fork == instruction.fork
    ]
    winner = choose(state, rivals)
    _replace_parent(state, parent, winner)
    parent.pc += 1
    run(state, parent)


def _fork_parent(head: Head, fork: int) -> Head:
    parent = head.parent
    while parent is not None and parent.fork != fork:
        parent = parent.parent
    assert parent is not None, "a merge without its fork"
    return parent


def _descendants(head: Head) -> list[Head]:
    found: list[Head] = []
    for child in head.children:
        found.append(child)
        found.extend(_descendants(child))
    return found


def _replace_parent(state: State, parent: Head, winner: Head) -> None:
    """The winner's position, scores and handlers go to the parent; the heads of the fork are removed."""
    regions: list[Region] = list(parent.regions)
    for head in _descendants(parent):
        for region in head.regions:
            if region not in regions:
                regions.append(region)
        lifecycle.unpark(state, head)
        head.status = HeadStatus.REMOVED
    instance = parent.instance
    instance.heads = [h for h in instance.heads if h.status is not HeadStatus.REMOVED]
    parent.children = []
    parent.fork = -1
    parent.status = HeadStatus.ACTIVE
    parent.pc = winner.pc
    parent.scores, parent.step = winner.scores, winner.step
    parent.handlers = winner.handlers
    parent.regions = tuple(regions)


# ---------------------------------------------------------------- instructions (5.1)


def park(state: State, head: Head, arrival: int, done: Sequence[int] = ()) -> None:
    """Put a head that stands on a wait back into the index (after a restore).

    `arrival` is the number its first waiter had. `done` has a code for each member of a group, or is empty:
    0 still waiting, 1 has matched, 2 has failed.
    """
    instruction = head.instruction
    if isinstance(instruction, ins.Wait):
        _wait(state, head, instruction)
    elif isinstance(instruction, ins.WaitGroup):
        _wait_group(state, head, instruction, done)
    for offset, waiter in enumerate(head.waiters):
        waiter.arrival = arrival + offset


def _wait(state: State, head: Head, instruction: ins.Wait) -> bool:
    waiter = Waiter(head, instruction.pattern, -1, state.index.next_arrival())
    _prepare(state, waiter, head.instance)
    head.waiters = [waiter]
    state.index.add(waiter)
    if not instruction.silent:
        head.instance.waited = head.instance.waited or head.instance.status is FlowStatus.STARTED
    return False


def _wait_group(
    state: State, head: Head, instruction: ins.WaitGroup, done: Sequence[int] = ()
) -> bool:
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
    if kind == "event":
        waiter.name = pattern.name
        if pattern.all_constant:
            waiter.expected = pattern.constants
        return
    if kind == "flow":
        waiter.name = names.FLOW_MEMBERS[pattern.member]
        waiter.extra = {"flow_id": pattern.name}
    elif kind == "action":
        waiter.name = f"{pattern.name}{pattern.member}"
    elif kind == "slot":
        target = instance.temps.get(pattern.slot)
        if pattern.member == "Started":
            waiter.name = names.FLOW_STARTED
            waiter.extra = {"flow_id": pattern.name, "flow_instance_uid": target}
        else:
            _bind_target(waiter, target, pattern.member)
    else:
        target = follow(instance, pattern.path)
        _bind_target(
            waiter, target, pattern.member, ".".join(("$" + pattern.path[0], *pattern.path[1:]))
        )
    if pattern.all_constant and not pattern.outer and not pattern.args:
        waiter.expected = waiter.extra


def _bind_target(waiter: Waiter, target: Any, member: str, text: str = "") -> None:
    if isinstance(target, Instance):
        event = names.FLOW_MEMBERS.get(member)
        if event is None:
            raise ColangRuntimeError(
                f"a flow has no event `{member}`: it has Started, Finished and Failed"
            )
        waiter.name = event
        waiter.target = target
        waiter.extra = {
            "source_flow_instance_uid": target.uid,
            "flow_instance_uid": target.uid,
            "flow_id": target.flow.name,
            **target.arguments,
        }
    elif isinstance(target, Action):
        waiter.name = f"{target.name}{member}"
        waiter.bound = target.uid
        if target.arguments:
            waiter.extra = {"action_arguments": target.arguments}
    elif isinstance(target, str):  # the uid of a flow that another flow answers for
        waiter.name = names.FLOW_MEMBERS[member]
        waiter.extra = {"flow_instance_uid": target}
    else:
        what = "is not set" if target is None else "is neither a flow nor an action"
        raise ColangRuntimeError(f"cannot wait for `{text}.{member}`: `{text}` {what}")


def _send_internal(state: State, head: Head, instruction: ins.SendInternal) -> bool:
    instance = head.instance
    args = evaluated(instruction.args, instance)
    args["source_flow_instance_uid"] = instance.uid
    args["source_head_uid"] = _head_uid(head)
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
    _fresh(state, head)
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
        "source_head_uid": _head_uid(head),
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
    instance.temps[instruction.slot] = uid
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
    instance.actions[action.uid] = action
    state.actions[action.uid] = action
    instance.temps[instruction.slot] = action
    for region in head.regions:
        region.actions.append(action)
    head.pc += 1
    return True


def _bind(state: State, head: Head, instruction: ins.Bind) -> bool:
    temps = head.instance.temps
    value = temps.pop(instruction.slot, None) if instruction.last else temps.get(instruction.slot)
    head.instance.write(instruction.target, value)
    head.pc += 1
    return True


def _result(state: State, head: Head, instruction: ins.Result) -> bool:
    event = head.instance.temps.pop(instruction.slot, None)
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


def _fork(state: State, head: Head, instruction: ins.Fork) -> bool:
    instance = head.instance
    head.status = HeadStatus.INACTIVE
    head.fork = instruction.fork
    children: list[Head] = []
    for target in instruction.targets:
        child = Head(instance, target, head)
        child.scores, child.step = head.scores, head.step
        child.handlers, child.regions = head.handlers, head.regions
        children.append(child)
    head.children = children
    instance.heads.extend(children)
    for child in children:
        if child.status is HeadStatus.ACTIVE:
            run(state, child)
    return False


def _merge_reached(state: State, head: Head, instruction: ins.Merge) -> bool:
    head.status = HeadStatus.MERGING
    _fresh(state, head)
    state.merging.append(head)
    return False


def _gather(state: State, head: Head, instruction: ins.Gather) -> bool:
    here = sum(
        1
        for other in head.instance.heads
        if other.pc == head.pc and other.status is not HeadStatus.INACTIVE
    )
    if here < instruction.count:
        return False
    head.pc += 1
    return True


def _join(state: State, head: Head, instruction: ins.Join) -> bool:
    parent = _fork_parent(head, instruction.fork)
    _replace_parent(state, parent, head)
    parent.pc += 1
    run(state, parent)
    return False


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
    _fresh(state, head)
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
    if instance.status is FlowStatus.STARTED:
        if instance.activation is None or not instance.restarted:
            lifecycle.restart(state, instance, scores_of(state, head))
    else:
        state.notice(
            f"`start_new_flow_instance:` in flow `{instance.flow.name}` is passed before the flow"
            " has waited for anything, and has no effect there"
        )
    head.pc += 1
    return True


HANDLERS: tuple[Callable[[State, Head, Any], bool], ...] = (
    _wait,
    _wait_group,
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
"""What each instruction does, by its `op`; True: the head goes on at its `pc`."""


def stop_instance(state: State, instance: Instance) -> None:
    """End an instance from outside a step, with everything it started (a flow was removed)."""
    if instance.activation is not None:
        lifecycle.forget_activation(state, instance.activation)
    lifecycle.abort(state, instance, (), restart=False)
