"""The step function: one event in, everything it causes, until nothing more can happen (section 6).

`step` is the whole engine. It knows no clock, no network and no chance: time comes in with events, uids and
random choices from the state's seed. Bounded by the budgets of `program.Limits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang_interpreter.dynamic import is_dict
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import lifecycle, names
from colang_interpreter.v2.capturing import capture, update_action
from colang_interpreter.v2.conflicts import resolve
from colang_interpreter.v2.dispatch import Waiter
from colang_interpreter.v2.errors import ColangRuntimeError, report, runtime_error, scores_of
from colang_interpreter.v2.groups import best_completion, impossible, satisfied
from colang_interpreter.v2.handlers import HANDLERS
from colang_interpreter.v2.heads import descendants, fork_parent, freshen, head_uid, replace_parent
from colang_interpreter.v2.matching import score
from colang_interpreter.v2.model import (
    ACTIVE,
    INACTIVE,
    MERGING,
    REMOVED,
    STARTED,
    STARTING,
    WAITING,
    Event,
    Head,
    Instance,
    Scores,
)
from colang_interpreter.v2.parking import keep_waiting
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


def concerns_nobody(state: State, name: str) -> bool:
    """Whether an event of this name changes nothing."""
    if "Action" in name and not (name.startswith("Start") and name.endswith("Action")):
        return False  # it may be about an action of ours
    watched = state.program.unhandled_names
    if watched is None or name in watched or name == names.CONTEXT_UPDATE:
        return False
    return not state.index.waits_for(name)


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
                if head.status is MERGING:
                    _merge(state, head)
        if not state.actionable:
            if not state.failing:
                return
            instance, scores = state.failing.pop(0)
            lifecycle.abort(state, instance, scores)
            continue
        heads = [head for head in state.actionable if _is_actionable(head)]
        state.actionable = []
        for head in resolve(state, heads) if heads else ():
            if head.status is ACTIVE:
                run(state, head)


def _is_actionable(head: Head) -> bool:
    return head.status is ACTIVE and head.instance.active


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
    if not watch_unhandled:  # the short way of most events
        if event.flow is not None:
            if _told_caller(state, event, event.flow):
                return
        elif name == names.START_FLOW and not state.index.waits_for(name):
            reaction = _react_to_start(state, event)
            new = reaction[0] if reaction is not None else None
            if new is not None:
                state.lead(new, (event.scores, 1.0))
                state.last_matched = new.instance
                run(state, new)
            return
    loops = frozenset(state.loops) if watch_unhandled else _NONE
    handled: frozenset[str] | None = _NONE  # None: handled everywhere
    matched: list[tuple[Waiter | None, Head, float]] = []

    if name == names.START_FLOW:
        reaction = _react_to_start(state, event)
        if reaction is None:
            return
        head, everywhere = reaction
        if head is not None:
            matched.append((None, head, 1.0))
        if everywhere or head is not None:
            handled = None
        if state.index.waits_for(name):
            _complete_start_event(event)
    elif name in names.LOG_EVENTS:
        state.remember({"type": name, **event.args})
        handled = None
    elif name in (names.FINISH_FLOW, names.STOP_FLOW):
        handled = lifecycle.end_by_event(state, event)
    elif name == names.CONTEXT_UPDATE:
        data = event.args.get("data")
        if is_dict(data):
            state.globals.update(data)

    failed: list[tuple[Head, str, str]] = []
    unable: list[Waiter] = []  # of rails whose action has failed
    for waiter in state.index.candidates(event):
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
            failure = event.flow is None and "failure_reason" in event.args
            if failure and state.rails is not None and state.rails.is_let_down(waiter, event):
                if head.group is not None or head.handlers:
                    unable.append(waiter)
                    continue
                head.instance.unable = True  # it may go on, to say so: it will not succeed
            matched.append((waiter, head, value))

    disappointed = _disappointed(state, event) if name in _ENDINGS else []
    if unable:
        disappointed += _given_up(state, unable)

    if watch_unhandled and handled is not None:
        _announce_unhandled(state, event, loops, handled, matched)

    if len(matched) > 1:
        matched.sort(key=_by_place)  # heads of StartFlow take their place among the others
        matched.sort(key=_by_score, reverse=True)
    for by, head, value in matched:
        _arrive(state, by, head, event, (event.scores, value))
    if event.flow is None and event.is_action_event:
        update_action(state, event)
    for head, message, kind in failed:
        if head.status is not REMOVED:
            runtime_error(state, head, message, kind)
    for _, head, _ in matched:
        if head.status is ACTIVE and head.group is None:
            state.last_matched = head.instance
            run(state, head)
    for head in disappointed:
        if head.status is ACTIVE and head.waiters:
            fail(state, head)


def _told_caller(state: State, event: Event, flow: Instance) -> bool:
    """The short way of most announcements: at most one waits for it, the caller of the flow, and for nothing else.

    Returns:
        False if more has to be looked at.
    """
    index = state.index
    if index.waits_for(event.name):
        return False
    waiter = index.waiting_for(event.uid or flow.uid)
    if waiter is None:
        return True
    if not isinstance(waiter, Waiter) or waiter.name != event.name or waiter.leaf >= 0:
        return False
    if waiter.pattern.kind != "slot":
        return False  # not an `await`: its arguments are to be evaluated
    value = score(state, waiter, event)
    if value > 0.0:
        head, scores = waiter.head, (event.scores, value)
        state.last_matched = instance = head.instance
        if keep_waiting(state, head, waiter, flow):
            state.lead(head, scores)
            if instance.status is STARTING:
                _check_started(state, instance, head)
        else:
            _arrive(state, waiter, head, event, scores)
            run(state, head)
    return True


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


def _react_to_start(state: State, event: Event) -> tuple[Head | None, bool] | None:
    """As `lifecycle.start_flow`, also for `main`; None if that is an error, which whoever wanted it gets."""
    try:
        if event.source is None and event.uid == state.main.uid:
            return _restart_main(state), False
        return lifecycle.start_flow(state, event)
    except lifecycle.FlowStartError as error:
        _fail_starter(state, event, str(error))
    except ExpressionError as error:
        _fail_starter(state, event, str(error), error.kind)
    return None


def _restart_main(state: State) -> Head | None:
    main = state.main
    if main.status is not WAITING:
        return None
    main.status = STARTING
    main.locals = {
        p.name: None if p.default is None else p.default(state.blank)
        for p in (*main.flow.parameters, *main.flow.members)
    }
    main.globals_read = None
    main.returned, main.return_value, main.waited = False, None, False
    head = Head(main, 0)
    main.heads = (head,)
    return head


def _complete_start_event(event: Event) -> None:
    """Spell out the parameters the core adds to a StartFlow."""
    args = event.args
    if event.source is not None:
        args.setdefault("source_flow_instance_uid", event.source.uid)
        args.setdefault("source_head_uid", head_uid(event.source_head))
        position = (*event.source.position, event.source_head.pc if event.source_head else 0)
        args.setdefault("flow_hierarchy_position", ".".join(map(str, position)))


def _fail_starter(
    state: State, event: Event, message: str, kind: str = "ColangRuntimeError"
) -> None:
    """A flow could not be started: an error of whoever wanted it (Q09)."""
    head = event.source_head
    if head is not None and head.status is not REMOVED:
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
    return _given_up(state, state.index.contradicted(event.name, uid))


def _given_up(state: State, waiters: list[Waiter]) -> list[Head]:
    """The heads of waiters that wait in vain; in a group, only if the rest of it does not suffice."""
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
        if head.status is ACTIVE and impossible(instruction.formula, head.group):
            freshen(state, head)
            head.status = MERGING
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
    if head.status is not ACTIVE and head.status is not MERGING:
        return
    instance = head.instance
    if waiter is None:  # instruction 0 of a new instance
        state.lead(head, scores)
        return
    instruction = head.instruction
    if isinstance(instruction, ins.WaitGroup):
        group = head.group
        if group is None:
            return
        capture(state, instruction.members[waiter.leaf], instance, event)
        leaf = group[waiter.leaf]
        leaf.order, leaf.scores = state.tick(), scores
        state.index.remove(waiter)
        if head.status is ACTIVE and satisfied(instruction.formula, group):
            if instruction.slot >= 0:
                instance.keep(instruction.slot, event)
            head.status = MERGING
            state.merging.append(head)
        return
    assert isinstance(instruction, ins.Wait)
    lifecycle.unpark(state, head)
    state.lead(head, scores)
    capture(state, instruction, instance, event)
    head.pc += 1


# ---------------------------------------------------------------- heads (6.5)


def run(state: State, head: Head) -> None:
    """Execute instructions from where the head stands until it blocks or its flow has ended."""
    instance = head.instance
    code = instance.flow.code
    end = len(code)
    handlers = HANDLERS
    left = state.instructions_left
    instead: list[Head] = []
    try:
        while head.pc < end:
            left -= 1
            if left <= 0:
                left = _endless_flow(state)
                raise ColangRuntimeError(
                    f"more than {state.program.limits.instructions} instructions in one step"
                    " without waiting: a loop that never waits?",
                    "ColangLimitError",
                )
            instruction = code[head.pc]
            outcome = handlers[instruction.op](state, head, instruction)
            if outcome is not True:
                instead = outcome or []
                break
            if head.status is not ACTIVE:
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
    state.instructions_left = left
    for other in instead:
        if other.status is ACTIVE:
            run(state, other)
    if instance.status is STARTING and head.status is not REMOVED:
        _check_started(state, instance, head)


def _endless_flow(state: State) -> int:
    """The budget of instructions is spent; what is left for the others in this step."""
    state.grace -= 1
    if state.grace < 0:
        state.queue.clear()
        state.notice("too many flows of this step never wait: what they caused is dropped")
    return state.program.limits.instructions // 10


def _check_started(state: State, instance: Instance, head: Head) -> None:
    """*Starting* becomes *started* when every head waits, not silently (6.5)."""
    code = instance.flow.code
    for other in instance.heads:
        status = other.status
        if status is INACTIVE:
            continue
        if status is not ACTIVE:
            return
        instruction = code[other.pc] if other.pc < len(code) else None
        if other.waiters is None:
            if not isinstance(instruction, ins.Gather):
                return
        elif isinstance(instruction, ins.Wait) and instruction.silent:
            return
    instance.waited = True
    _announce_started(state, instance, head)


def _announce_started(state: State, instance: Instance, head: Head) -> None:
    instance.status = STARTED
    scores = scores_of(state, head)
    state.queue.append(Event(names.FLOW_STARTED, None, scores, instance))


def _at_end(state: State, head: Head) -> None:
    """The head stands behind the last instruction (6.5, end of the flow)."""
    instance = head.instance
    scores = scores_of(state, head)
    if instance.status is STARTING:
        _announce_started(state, instance, head)
        if instance.activation is not None or instance is state.main:
            for other in instance.heads:
                lifecycle.unpark(state, other)
            head.status = INACTIVE
            instance.heads = (head,)
            return
    lifecycle.finish(state, instance, scores)


def fail(state: State, head: Head) -> None:
    """The head fails: it goes on at its handler, else its flow is aborted (6.5)."""
    lifecycle.unpark(state, head)
    freshen(state, head)
    if head.handlers:
        head.status = ACTIVE
        head.pc = head.handlers[-1]
        run(state, head)
        return
    lifecycle.abort(state, head.instance, head.scores)


# ---------------------------------------------------------------- merging


def _merge(state: State, head: Head) -> None:
    """Internal events are done: a merging head may go on now, or give way to a better one."""
    instruction = head.instruction
    if isinstance(instruction, ins.WaitGroup):
        group = head.group
        assert group is not None
        best = best_completion(instruction.formula, group)
        lifecycle.unpark(state, head)
        head.status = ACTIVE
        if best is None:
            fail(state, head)
            return
        state.lead(head, best)
        head.pc += 1
        run(state, head)
        return
    assert isinstance(instruction, ins.Merge)
    parent = fork_parent(head, instruction.fork)
    rivals = [
        other
        for other in descendants(parent)
        if other.status is MERGING
        and isinstance(other.instruction, ins.Merge)
        and other.instruction.fork == instruction.fork
    ]
    winner = choose(state, rivals)
    replace_parent(state, parent, winner)
    parent.pc += 1
    run(state, parent)


def stop_instance(state: State, instance: Instance) -> None:
    """End an instance from outside (a flow was removed), with everything it started: a step of its own."""
    state.begin_step()
    if instance.activation is not None:
        lifecycle.forget_activation(state, instance.activation)
    lifecycle.abort(state, instance, (), restart=False)
    _run_to_quiescence(state)
