"""The Colang 1.0 flow engine, incremental: one event changes the state, nothing is replayed.

Section 10 of the Colang 1.0 specification, with the repairs its quirk tables recommend. `Engine.process` is
10.4, `Engine.result` is what comes next (10.2). What the reference does instead is kept behind `compat` where
programs could depend on it: R7, R14, R17, R18 and R27.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from colang_interpreter.dynamic import is_a, is_mapping
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.flows import WILDCARDS, Flow
from colang_interpreter.v1.names import flow_call
from colang_interpreter.v1.rails import RUNNER, SPEAKS, Mark, mark

if TYPE_CHECKING:
    from colang_interpreter.v1.program import Program

MAX_SLIDES = 10_000
"""Elements one event may pass without waiting (10.7)."""


RUNNERS = frozenset(
    {
        *("run input rails", "run output rails", RUNNER),
        *("run tool input rails", "run tool output rails"),
        *("run one input rail", "run one output rail"),
    }
)
"""The built-in flows that run rails."""


class Status(enum.Enum):
    """Life of an instance."""

    ACTIVE = "active"
    INTERRUPTED = "interrupted"
    ABORTED = "aborted"
    COMPLETED = "completed"


# Compared all the time: until Python 3.12 a name of the module is ten times as fast as `Enum.MEMBER`.
ACTIVE: Final = Status.ACTIVE
INTERRUPTED: Final = Status.INTERRUPTED
ABORTED: Final = Status.ABORTED
COMPLETED: Final = Status.COMPLETED


class EngineError(Exception):
    """A flow cannot go on: a wrong expression, a loop without end, a call of a flow that is not there."""

    def __init__(self, message: str, flow: str) -> None:
        super().__init__(f"{message} (flow `{flow}`)")
        self.flow = flow


class Instance:
    """A running flow. `head` is the index of the element it stands on."""

    __slots__ = ("caller", "flow", "head", "interrupter", "results", "status", "uid")

    def __init__(self, uid: int, flow: Flow, head: int = 0) -> None:
        self.uid = uid
        self.flow = flow
        self.head = head
        self.status = ACTIVE
        self.interrupter: int | None = None
        self.caller: int | None = None  # the instance that called this one with `do`
        self.results: tuple[str, ...] = ()  # variables of the caller that take its return values

    def copy(self) -> Instance:
        """An independent copy."""
        twin = Instance(self.uid, self.flow, self.head)
        twin.status, twin.interrupter = self.status, self.interrupter
        twin.caller, twin.results = self.caller, self.results
        return twin

    @property
    def element(self) -> e.Element | None:
        """The element at the head, None behind the end."""
        elements = self.flow.elements
        return elements[self.head] if 0 <= self.head < len(elements) else None

    def __repr__(self) -> str:
        return f"<{self.flow.id} at {self.head} {self.status.value}>"


class Decision:
    """The next step, and who decided it."""

    __slots__ = ("element", "instance", "priority")

    def __init__(self, element: e.Utter | e.RunAction, instance: Instance, priority: float) -> None:
        self.element = element
        self.instance = instance
        self.priority = priority


class Engine:
    """The state of the flows of one conversation.

    Attributes:
        context: The variables as flows see them; assignments are visible at once.
        instances: In the order that decides between equals.
        pending: Variables set since the last event: the next `ContextUpdate`.
        decision: The next step.
        owners: Uid of an action that was started -> the instance that waits for it (R27).
        generated: Flows that came with a `start_flow` event, by id.
        rails: Where retrieval rails have begun and ended.
    """

    __slots__ = (
        "compat",
        "context",
        "decided",
        "decision",
        "generated",
        "instances",
        "last",
        "moved",
        "owners",
        "pending",
        "program",
        "rails",
        "slides",
        "touched",
        "uids",
    )

    def __init__(self, program: Program, *, compat: bool = False) -> None:
        self.program = program
        self.compat = compat
        self.context: dict[str, Any] = {}
        self.instances: list[Instance] = []
        self.pending: dict[str, Any] = {}
        self.decision: Decision | None = None
        self.owners: dict[str, int] = {}
        self.generated: dict[str, Flow] = {}
        self.rails: list[Mark] = []
        self.last: Mapping[str, Any] = {}
        self.uids = 0
        self.slides = 0
        self.moved: list[Instance] = []  # by the current event
        self.touched: list[
            Instance
        ] = []  # copied or made by the current event: these may be changed
        self.decided: Decision | None = None  # also while its context update comes first

    def flow(self, name: str) -> Flow | None:
        """The flow of that name, of the program or of an event."""
        return self.program.flows.get(name) or self.generated.get(name)

    def running_generated(self) -> dict[str, Flow]:
        """Of the flows that came with events, those that still run."""
        running = {instance.flow.id for instance in self.instances}
        return {name: flow for name, flow in self.generated.items() if name in running}

    # -------------------------------------------------- one event (10.4)

    def process(self, event: Mapping[str, Any]) -> None:
        """Take an event in.

        Raises:
            EngineError: A flow fails; the state is as it was before the event.
        """
        self.last = event
        self.slides = 0
        kind = event["type"]
        if kind == "StartInternalSystemAction":
            self._started(event)
            return
        if kind == "ContextUpdate":
            data = event.get("data")
            if is_mapping(data):
                self.context.update(data)
            self.decision = None
            self.pending = {}
            return
        before = (self.context, self.instances, self.pending, self.decision, self.uids)
        self.context = dict(self.context)
        try:
            self._react(event)
        except EngineError:
            self.context, self.instances, self.pending, self.decision, self.uids = before
            raise
        if kind == "BotIntent" and event.get("intent") == "stop":
            self.instances = []
            self.owners = {}
            self.decision = self.decided = None

    def _started(self, event: Mapping[str, Any]) -> None:
        decision = self.decided
        uid = event.get("action_uid")
        if (
            decision is not None
            and isinstance(decision.element, e.RunAction)
            and decision.element.name == event.get("action_name")
        ):
            self.owners[uid if isinstance(uid, str) else ""] = decision.instance.uid

    def _react(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind == "UserMessage":
            self.context["last_user_message"] = event.get("text")
        elif kind == "StartUtteranceBotAction":
            self.context["last_bot_message"] = event.get("script")
        self.context["event"] = event
        if kind == "BotIntent":
            self.context[SPEAKS] = not self.compat and self._is_wanted_by_rail(event)
        owner: int | None = None
        if kind == "InternalSystemActionFinished":
            uid = event.get("action_uid")
            owner = self.owners.pop(uid if isinstance(uid, str) else "", None)
            if self.compat:
                owner = None
        self.decision = None
        self.pending = {}
        self.moved = []
        if kind.endswith("Exception") and not self.compat and self._in_rails():
            self.instances, self.owners = [], {}  # a rail has raised: the turn is over (8.2, 8.7)
        old, new = self.instances, list[Instance]()
        self.instances = new
        self.touched = []
        extension_finished = False
        for instance in old:
            if instance.status is INTERRUPTED:
                new.append(instance)  # as it is; who changes it later makes a copy
            elif instance.status is ACTIVE:
                mine = instance.copy()
                self.touched.append(mine)
                extension_finished |= self._advance(mine, event, owner)
                new.append(mine)
        advanced = list(self.touched)  # only these can be aborted or newly interrupted by now
        self._start_new(event)
        if extension_finished:
            for instance in advanced:
                if instance.status is ABORTED:
                    instance.status = ACTIVE
                    self._record(instance)
        self._interrupt(advanced)
        self._resume()
        self.decided = self.decision

    def _is_wanted_by_rail(self, event: Mapping[str, Any]) -> bool:
        """Whether it is a retrieval rail that has decided to say this."""
        decision = self.decided
        if decision is None or not isinstance(decision.element, e.Utter):
            return False
        if said(decision.element) != event.get("intent"):
            return False
        by_uid = {x.uid: x for x in self.instances}
        at: Instance | None = decision.instance
        while at is not None and at.flow.id != RUNNER:
            at = by_uid.get(at.caller) if at.caller is not None else None
        return at is not None

    def _in_rails(self) -> bool:
        """Whether a runner of rails is at work."""
        return any(instance.flow.id in RUNNERS for instance in self.instances)

    def _advance(self, instance: Instance, event: Mapping[str, Any], owner: int | None) -> bool:
        """One active instance meets the event; whether it was an extension flow that ended."""
        flow = instance.flow
        kind = event["type"]
        triggered = kind in flow.triggers
        if not triggered and (self.compat or not self._waits_for_custom(instance, kind)):
            self._record(instance, 0.9)
            return False
        behind = None
        if owner is None or owner == instance.uid or instance.head == 0:
            behind = self._behind(instance.flow, instance.head, event)
        if behind is not None:
            self.moved.append(instance)
            instance.head = behind
            self._go_on(instance)
            return instance.status is COMPLETED and flow.is_extension
        if not triggered:
            self._record(instance, 0.9)
            return False
        if _actionable(instance.element) or not flow.is_interruptible:
            instance.status = ABORTED
        else:
            instance.status = INTERRUPTED
        return False

    def _waits_for_custom(self, instance: Instance, kind: str) -> bool:
        """Whether the instance waits for events of this type, though it does not create them (R14)."""
        elements, at = instance.flow.elements, instance.head
        places = [at]
        element = instance.element
        if isinstance(element, e.Branch):
            places = [at + offset for offset in element.heads]
        elif isinstance(element, e.AnyOf):
            places = list(range(at + 1, at + 1 + element.count))
        for place in places:
            if place < len(elements):
                waiting = elements[place]
                if isinstance(waiting, e.MatchEvent) and waiting.name == kind:
                    return True
        return False

    # -------------------------------------------------- matching (10.3)

    def _behind(self, flow: Flow, at: int, event: Mapping[str, Any]) -> int | None:
        """The place behind the element if it fits the event, else None."""
        elements = flow.elements
        if not 0 <= at < len(elements):
            return None
        element = elements[at]
        if isinstance(element, e.Branch):
            fitting = [
                at + offset + 1
                for offset in element.heads
                if at + offset < len(elements) and self._fits(elements[at + offset], event)
            ]
            if not fitting:
                return None
            return fitting[-1] if self.compat else fitting[0]
        if isinstance(element, e.AnyOf):
            if any(self._fits(elements[at + i], event) for i in range(1, element.count + 1)):
                return at + 1 + element.count
            return None
        return at + 1 if self._fits(element, event) else None

    def _fits(self, element: e.Element, event: Mapping[str, Any]) -> bool:
        kind = event["type"]
        if isinstance(element, e.MatchEvent):
            return element.name == kind and all(
                _property_fits(key, value, event) for key, value in element.properties.items()
            )
        if kind == "UserIntent":
            if not isinstance(element, e.UserIntent):
                return False
            names = element.name if isinstance(element.name, list) else [element.name]
            return event.get("intent") in names or any(name in WILDCARDS for name in names)
        if kind == "BotIntent":
            return isinstance(element, e.Utter) and (
                element.value in WILDCARDS
                if isinstance(element.value, str) and element.value in WILDCARDS
                else said(element) == event.get("intent")
            )
        if kind == "InternalSystemActionFinished":
            return (
                isinstance(element, e.RunAction)
                and event.get("status") == "success"
                and element.name == event.get("action_name")
            )
        return False

    # -------------------------------------------------- new instances

    def _start_new(self, event: Mapping[str, Any]) -> None:
        wanted: Flow | None = None
        if event["type"] == "start_flow":
            wanted = self.flow(str(event.get("flow_id")))
        candidates = self.program.starts.candidates(event)
        running: set[str] = set()
        if wanted is not None or not all(flow.allow_multiple for flow in candidates):
            running = {x.flow.id for x in self.instances}
        for flow in candidates:
            if flow is wanted or (not flow.allow_multiple and flow.id in running):
                continue
            self._try_to_start(flow, event)
        if wanted is not None and (wanted.allow_multiple or wanted.id not in running):
            self._start_named(wanted, event)

    def _try_to_start(self, flow: Flow, event: Mapping[str, Any]) -> None:
        """Start a flow if the first element after its leading conditions fits (R6: on trial)."""
        context, pending = self.context, self.pending
        self.context, self.pending = dict(context), dict(pending)
        head = self._slide(flow, 0)
        behind = None if head is None else self._behind(flow, head, event)
        if head is None or behind is None:
            self.context, self.pending = context, pending
            return
        self._parameters(event)
        instance = self._new_instance(flow, behind)
        self.instances.append(instance)
        self._capture(flow, head, event)
        self._go_on(instance)

    def _start_named(self, flow: Flow, event: Mapping[str, Any]) -> None:
        """`start_flow`: the flow begins, whatever its first element is."""
        self._parameters(event)
        instance = self._new_instance(flow, 0)
        self.instances.append(instance)
        head = self._slide(flow, 0)
        if head is None:
            instance.status = COMPLETED
            return
        behind = self._behind(flow, head, event)
        instance.head = head if behind is None else behind
        self._go_on(instance)

    def _parameters(self, event: Mapping[str, Any]) -> None:
        params = event.get("params")
        if is_mapping(params):
            for key, value in params.items():
                self._assign(str(key), value)

    def _capture(self, flow: Flow, head: int, event: Mapping[str, Any]) -> None:
        element = flow.elements[head]
        if isinstance(element, e.UserIntent) and element.capture is not None:
            self._assign(element.capture, event.get("intent_params", event.get("params")))

    def _new_instance(self, flow: Flow, head: int) -> Instance:
        self.uids += 1
        self.program.started(flow)
        instance = Instance(self.uids, flow, head)
        self.touched.append(instance)
        return instance

    # -------------------------------------------------- interruption and resumption (steps 7 to 9)

    def _interrupt(self, instances: list[Instance]) -> None:
        decider = self.decision.instance if self.decision is not None else None
        if decider is None:
            if not self.compat:
                self._suspend(instances)
            return
        for instance in instances:
            if instance.status is INTERRUPTED and instance.interrupter is None:
                instance.interrupter = decider.uid
        extension = decider if decider.flow.is_extension else None
        if extension is None and not self.compat:
            extension = self._calling_extension(decider)  # a rail that an extension flow runs (R17)
        if extension is None or (extension is decider and decider.head <= 1):
            return
        for instance in instances:
            if instance.status is ABORTED and instance.flow.is_interruptible:
                instance.status = INTERRUPTED
                instance.interrupter = extension.uid

    def _suspend(self, instances: list[Instance]) -> None:
        """An extension flow moved on without a decision, to an event of its own: others wait for it (R17)."""
        for mover in self.moved:
            extension = mover if mover.flow.is_extension else self._calling_extension(mover)
            if extension is None or _is_over(extension):
                continue
            for instance in instances:
                if instance.status is ABORTED and instance.flow.is_interruptible:
                    instance.status = INTERRUPTED
                    instance.interrupter = extension.uid

    def _calling_extension(self, instance: Instance) -> Instance | None:
        if instance.caller is None:
            return None
        by_uid = {x.uid: x for x in self.instances}
        at: Instance | None = instance
        while at is not None and at.caller is not None:
            at = by_uid.get(at.caller)
            if at is not None and at.flow.is_extension:
                return at
        return None

    def _resume(self) -> None:
        # Whoever is interrupted stays so until its interrupter ends, which only a touched instance can do.
        changed = any(_is_over(x) or _is_free(x) for x in self.touched)
        owned = {x.uid for x in self.touched}
        while changed:
            changed = False
            status = {x.uid: x.status for x in self.instances}
            for place, instance in enumerate(list(self.instances)):
                if instance.status is not INTERRUPTED:
                    continue
                by = instance.interrupter
                reason = status.get(by) if by is not None else None
                if reason is ACTIVE or reason is INTERRUPTED:
                    continue
                mine = instance
                if instance.uid not in owned:
                    mine = instance.copy()
                    owned.add(mine.uid)
                    self.instances[place] = mine
                if reason is ABORTED:
                    mine.status = ABORTED
                else:
                    if mine.flow.id == RUNNER:
                        mark(self.rails, self.last, self.context, None)
                    mine.status = ACTIVE
                    mine.interrupter = None
                    self._go_on(mine)
                changed = True
                status[mine.uid] = mine.status

    # -------------------------------------------------- sliding and calls (10.5)

    def _go_on(self, instance: Instance) -> None:
        """Slide, enter called flows, and offer what the instance wants to do."""
        while True:
            head = self._slide(instance.flow, instance.head, instance)
            if head is None:
                instance.head = len(instance.flow.elements)
                instance.status = COMPLETED
                return
            instance.head = head
            element = instance.element
            if not isinstance(element, e.CallFlow):
                self._record(instance)
                return
            if not self._call(instance, element):
                return

    def _call(self, caller: Instance, element: e.CallFlow) -> bool:
        """Enter a flow; True if it has ended at once and the caller goes on."""
        name, parameters = self._called(caller, element)
        flow = self.flow(name)
        if flow is None:
            near = self.program.nearest_flow(name)
            hint = f"; did you mean `{near}`?" if near else ""
            raise EngineError(f"there is no flow `{name}` to call{hint}", caller.flow.id)
        for key, value in parameters.items():
            self._assign(key, value)
        caller.head += 1
        callee = self._new_instance(flow, 0)
        callee.caller, callee.results = caller.uid, element.results
        self.instances.append(callee)
        is_rail = caller.flow.id == RUNNER
        if is_rail:
            named = element.name.startswith("$")
            rail = self._evaluate(element.name, caller.flow) if named else name
            mark(self.rails, self.last, self.context, str(rail))
        self._go_on(callee)
        if callee.status is COMPLETED:
            if is_rail:
                mark(self.rails, self.last, self.context, None)
            return True
        caller.status = INTERRUPTED
        caller.interrupter = callee.uid
        return False

    def _called(self, caller: Instance, element: e.CallFlow) -> tuple[str, dict[str, Any]]:
        """Name and parameters of a call: from the statement (R9), or from a computed name (R16)."""
        name = element.name
        parameters: dict[str, Any] = {}
        if name.startswith("$"):
            value = self._evaluate(name, caller.flow)
            if not isinstance(value, str):
                raise EngineError(
                    f"`do {name}` needs the name of a flow, not {value!r:.40}", caller.flow.id
                )
            name, parameters = flow_call(value)
        for key, value in element.params.items():
            resolved = self.resolve(value, caller.flow)
            parameters[key.removeprefix("$")] = resolved
        return name, parameters

    def _slide(self, flow: Flow, at: int, instance: Instance | None = None) -> int | None:
        """Move over elements that need no event; the next place to wait, None at the end."""
        elements = flow.elements
        while 0 <= at < len(elements):
            element = elements[at]
            if type(element) not in _PASSED:
                return at
            match element:
                case e.Set():
                    self._assign(element.key, plain_value(self._evaluate(element.expression, flow)))
                    at += 1
                case e.If():
                    at += 1 if self._evaluate(element.expression, flow) else element.next_else
                case e.While():
                    condition = self._evaluate(element.expression, flow)
                    at += 1 if condition else element.on_break or 1
                case e.Jump():
                    if element.absolute:
                        if instance is not None:
                            self._return(instance, element)
                        return None
                    at += element.next
                case e.Break():
                    at += element.on_break or 1
                case e.Continue():
                    at += element.on_continue or 1
                case e.Check():
                    if not self._evaluate(element.expression, flow):
                        return None
                    at += 1
                case _:
                    raise AssertionError(f"{element} is not passed")
            self.slides += 1
            if self.slides > MAX_SLIDES:
                raise EngineError(
                    f"more than {MAX_SLIDES} statements without waiting: a loop without end?",
                    flow.id,
                )
        return None

    def _return(self, instance: Instance, element: e.Jump) -> None:
        """Assign return values to the variables of the caller, in order (R9)."""
        for key, expression in zip(instance.results, element.values, strict=False):
            self._assign(key, plain_value(self._evaluate(expression, instance.flow)))

    def _assign(self, key: str, value: Any) -> None:
        self.context[key] = value
        self.pending[key] = value

    def _evaluate(self, expression: str, flow: Flow) -> Any:
        return self.program.evaluate(expression, self.context, flow.id)

    def resolve(self, value: Any, flow: Flow) -> Any:
        """A parameter: texts that start with ``$`` are expressions (R11), unset plain names stay texts."""
        return self.program.resolve(value, self.context, flow.id)

    # -------------------------------------------------- deciding

    def _record(self, instance: Instance, factor: float = 1.0) -> None:
        element = instance.element
        if not _actionable(element):
            return
        assert isinstance(element, (e.Utter, e.RunAction))
        priority = instance.flow.priority
        offered = priority if self.compat else priority * factor
        before = self.decision
        if before is None or before.priority < offered or self._extends(instance, before, offered):
            self.decision = Decision(element, instance, priority * factor)

    def _extends(self, instance: Instance, before: Decision, offered: float) -> bool:
        """Of two flows that both go on after a message the extension is first: the other waits for it.

        In the reference the last one wins (R7); here the first one, but for this.
        """
        return (
            not self.compat
            and before.priority == offered < instance.flow.priority
            and instance.flow.is_extension
            and not before.instance.flow.is_extension
        )


_PASSED: Final = frozenset({e.Set, e.If, e.While, e.Jump, e.Break, e.Continue, e.Check})
"""Elements that wait for no event."""


def _is_over(instance: Instance) -> bool:
    return instance.status is COMPLETED or instance.status is ABORTED


def _is_free(instance: Instance) -> bool:
    """Interrupted by nobody."""
    return instance.status is INTERRUPTED and instance.interrupter is None


def _actionable(element: e.Element | None) -> bool:
    if isinstance(element, e.RunAction):
        return True
    return isinstance(element, e.Utter) and not (
        isinstance(element.value, str) and element.value in WILDCARDS
    )


def said(element: e.Utter) -> str | None:
    """The intent a `bot` statement decides; for a literal text the text itself (R8)."""
    value = element.value
    if isinstance(value, str):
        return value
    if is_mapping(value):
        text = value.get("text", value.get("_text"))
        return text if isinstance(text, str) else None
    return None


def _property_fits(key: str, value: object, event: Mapping[str, Any]) -> bool:
    if key.startswith("_") or value == "...":
        return True
    if value == e.IS_PRESENT:
        return event.get(key.removeprefix("$")) is not None
    return key in event and event[key] == value


def plain_value(value: Any) -> Any:
    """A value as it is stored: a tuple as a list."""
    return list(value) if is_a(value, tuple) else value
