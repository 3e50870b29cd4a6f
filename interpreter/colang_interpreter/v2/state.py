"""One conversation with a Colang 2.x program: everything that changes while it runs.

A `State` is data only; the program it runs is shared and immutable. `feed` gives it an event and returns what
it sends. Section 6.3 of the specification lists what a state comprises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from colang_interpreter import rng
from colang_interpreter.v2 import machine, names
from colang_interpreter.v2.dispatch import Index, Waiter
from colang_interpreter.v2.few import Few, listed, with_one, without
from colang_interpreter.v2.history import History
from colang_interpreter.v2.lifecycle import Blank
from colang_interpreter.v2.matching import score
from colang_interpreter.v2.model import (
    INACTIVE,
    WAITING,
    Action,
    Activation,
    Event,
    Head,
    Instance,
    Scores,
)
from colang_interpreter.v2.outgoing import ATOMS, EventError, copied
from colang_interpreter.v2.rails import RailLog
from colang_interpreter.values import ExpressionError

if TYPE_CHECKING:
    from colang_interpreter.v2.program import Program

NO_QUEUE: Final[deque[Event]] = deque()
"""The queue of a state that is not in a step: nothing may be put into it."""

EPOCH = "1970-01-01T00:00:00+00:00"
SOURCE_UID = "colang-2.x"


class State:
    """A conversation.

    Attributes:
        program: The program it runs; replaced by a larger one when flows are added.
        globals: Global variables by name.
        now: The time of the last event, ISO 8601; written into outgoing events.
        log: What the last step wrote with ``log`` and ``print``, and notices of the machine, as
            (channel, text) with the channels "log", "print" and "notice".
        errors: The ColangErrors of the last step, as (kind, text).
        past: The recent events.
        rails: What the rails do, if the program has any; not saved.

    Not safe for concurrent use: one conversation is one order of events.
    """

    __slots__ = (
        "__weakref__",
        "actionable",
        "actions",
        "activations",
        "blank",
        "by_flow",
        "errors",
        "events_left",
        "failing",
        "globals",
        "grace",
        "index",
        "instances",
        "instructions_left",
        "last_matched",
        "log",
        "loops",
        "main",
        "merging",
        "now",
        "outputs",
        "past",
        "program",
        "queue",
        "rails",
        "random_state",
        "scored",
        "seed",
        "source_uid",
        "step",
        "system",
        "ticks",
        "uid_prefix",
        "uids",
    )

    def __init__(self, program: Program, seed: int) -> None:
        self.program = program
        self.seed = seed
        self.random_state = rng.seeded(seed)
        self.uid_prefix = self._uid_prefix()
        self.uids = 0
        self.now = EPOCH
        self.source_uid = SOURCE_UID
        self.globals: dict[str, Any] = {}
        self.instances: dict[str, Instance] = {}
        self.by_flow: dict[str, Few[Instance]] = {}  # of each flow that has run, who runs now
        self.loops: dict[str, int] = {}
        self.actions: dict[str, Action] = {}
        self.activations: dict[object, Activation] = {}  # by `lifecycle.activation_key`
        self.index = Index()
        self.queue: deque[Event] = NO_QUEUE  # of the running step
        self.outputs: list[dict[str, Any]] = []
        self.past = History()
        self.log: list[tuple[str, str]] = []
        self.errors: list[tuple[str, str]] = []
        self.actionable: list[Head] = []
        self.merging: list[Head] = []
        self.failing: list[
            tuple[Instance, Scores]
        ] = []  # flows in error, to be aborted when all is quiet
        self.last_matched: Instance | None = None
        self.scored: list[Head] = []  # heads that were led by a match in the running step
        self.step = 0
        self.ticks = 0
        self.instructions_left = 0
        self.events_left = 0
        self.grace = 0
        flows = program.flows
        self.rails = RailLog() if "input rails" in flows or "output rails" in flows else None
        self.blank = Blank(self)
        self.system = System(self)
        self.main = Instance(self, program.flows["main"], "")

    @classmethod
    def new(cls, program: Program, seed: int) -> State:
        """A conversation whose `main` waits to be started."""
        state = cls(program, seed)
        state.main = state._new_main()
        return state

    def _uid_prefix(self) -> str:
        self.random_state, bits = rng.advance(self.random_state)
        text = f"{bits:016x}"
        return f"{text[:8]}-{text[8:12]}-4{text[12:15]}-a{text[15]}00-"

    def _new_main(self) -> Instance:
        main = Instance(self, self.program.flows["main"], self.flow_uid("main"))
        main.loop_id = main.flow.loop if main.flow.loop not in (None, "NEW") else self.new_uid()
        self.add_instance(main)
        return main

    # -------------------------------------------------- running

    def feed(self, event: Mapping[str, Any], *, now: str | None = None) -> list[dict[str, Any]]:
        """Give the conversation an event and run until nothing more can happen.

        Args:
            event: ``{"type": name, ...parameters}``; it is copied.
            now: The current time, ISO 8601 with offset; by default the event's `event_created_at`, else the
                time does not move.

        Returns:
            The outgoing events in order.

        Raises:
            ValueError: The event has no `type`, the name of an internal event (Q23), or values nested without end.
        """
        name = event.get("type")
        if not isinstance(name, str) or not name:
            raise ValueError("an event needs a `type`, the name of the event")
        if name in names.INTERNAL_EVENTS:
            raise ValueError(f"`{name}` is an internal event: it cannot come from outside")
        if now is None:
            created = event.get("event_created_at")
            now = created if isinstance(created, str) else self.now
        self.now = now
        if machine.concerns_nobody(self, name) and ATOMS.issuperset(map(type, event.values())):
            self._count_step()  # so it is with most of our own events that the outer loop feeds back
            return self._taken()
        try:
            args = {
                key: value if type(value) in ATOMS else copied(value)
                for key, value in event.items()
                if key != "type"
            }
        except EventError as error:
            raise ValueError(f"event `{name}`: {error}") from None
        machine.step(self, Event(name, args))
        return self._taken()

    def start_main(self, *, active: bool = True) -> list[dict[str, Any]]:
        """Start `main`, and before it the flows with ``@active`` if `active`; the outgoing events.

        Nothing happens unless `main_is_waiting`.
        """
        if not self.main_is_waiting:
            return []
        machine.start_main(self, active)
        return self._taken()

    def _taken(self) -> list[dict[str, Any]]:
        outputs, self.outputs = self.outputs, []
        self.queue = NO_QUEUE
        for head in self.scored:  # of no use any more: scores of earlier steps do not count
            head.scores = ()
        self.scored = []
        return outputs

    @property
    def main_is_waiting(self) -> bool:
        """Whether `main` has not been started yet, or has finished: the next call starts it (7.2)."""
        return self.main.status is WAITING

    def begin_step(self) -> None:
        """Budgets and results of a step start anew."""
        self._count_step()
        limits = self.program.limits
        self.instructions_left = limits.instructions
        self.events_left = limits.events
        self.grace = 10
        self.last_matched = None
        self.queue = deque()

    def _count_step(self) -> None:
        self.step += 1
        self.log = []
        self.errors = []

    @property
    def history(self) -> list[dict[str, Any]]:
        """Recent events, oldest first, for prompts; at most `history.SIZE`."""
        return self.past.events()

    def lead(self, head: Head, scores: Scores) -> None:
        """A head goes on because of a match with these scores."""
        head.scores, head.step = scores, self.step
        self.scored.append(head)

    def emit(self, event: dict[str, Any]) -> None:
        """An event leaves the machine."""
        self.outputs.append(event)

    def write(self, channel: str, text: str) -> None:
        """A line for the host: "log", "print" or "notice"."""
        self.log.append((channel, text))

    def notice(self, text: str) -> None:
        """Something the author should know, though the program goes on."""
        self.log.append(("notice", text))

    def remember(self, event: Mapping[str, Any]) -> None:
        """Append an event to the history."""
        self.past.add(event)

    # -------------------------------------------------- chance, names, order

    def new_uid(self) -> str:
        """A fresh uid: the seed's prefix and a counter, in the form of a UUID."""
        self.uids += 1
        return f"{self.uid_prefix}{self.uids:012x}"

    uid = new_uid  # the function `uid()` of expressions

    def flow_uid(self, name: str) -> str:
        """A fresh uid for an instance of a flow (6.3)."""
        return f"({name}){self.new_uid()}"

    def random(self) -> float:
        """A random float in [0, 1): the function `rand()`."""
        self.random_state, bits = rng.advance(self.random_state)
        return (bits >> 11) / (1 << 53)

    def randint(self, n: int) -> int:
        """A random integer in [0, n): the function `randint()`."""
        if n <= 0:
            raise ExpressionError(f"randint() needs a number above 0, not {n}")
        self.random_state, bits = rng.advance(self.random_state)
        return bits % n

    def tick(self) -> int:
        """A number larger than all before."""
        self.ticks += 1
        return self.ticks

    # -------------------------------------------------- instances

    def add_instance(self, instance: Instance) -> None:
        """File a new instance, and count its loop."""
        self.instances[instance.uid] = instance
        name = instance.flow.name
        self.by_flow[name] = with_one(self.by_flow.get(name), instance)
        self.loops[instance.loop_id] = self.loops.get(instance.loop_id, 0) + 1

    def drop_instance(self, instance: Instance) -> None:
        """An instance has ended: forget it; references in variables keep it alive."""
        if (
            self.instances.get(instance.uid) is instance
        ):  # a program may give two of them the same uid
            del self.instances[instance.uid]
        name = instance.flow.name
        self.by_flow[name] = without(self.by_flow[name], instance)
        others = self.loops[instance.loop_id] - 1
        if others:
            self.loops[instance.loop_id] = others
        else:
            del self.loops[instance.loop_id]

    def instances_of(self, flow: str) -> list[Instance]:
        """The running instances of a flow, in order of start."""
        return list(listed(self.by_flow.get(flow)))

    # -------------------------------------------------- what embedders and actions ask

    def variables(self, uid: str) -> dict[str, Any]:
        """The variables of a running flow instance, to read and to write.

        Raises:
            KeyError: No flow instance of this uid is running.
        """
        return self.instances[uid].locals

    def waits_for(self, event: Mapping[str, Any]) -> bool:
        """Whether an active flow waits for such an event: all given parameters must be expected so."""
        name = event.get("type")
        return any(
            waiter.name == name and self._would_match(waiter, event)
            for waiter in self.index.all_waiters()
        )

    def _would_match(self, waiter: Waiter, event: Mapping[str, Any]) -> bool:
        args = {key: value for key, value in event.items() if key != "type"}
        try:
            return score(self, waiter, Event(waiter.name, args)) > 0.0
        except ExpressionError:
            return False

    def waited_flows(self) -> Iterable[str]:
        """Names of flows whose end somebody waits for by a literal name (9.3)."""
        for waiter in self.index.all_waiters():
            if waiter.name == names.FLOW_FINISHED:
                flow = waiter.known.get("flow_id", waiter.pattern.constants.get("flow_id"))
                if isinstance(flow, str):
                    yield flow

    def flow_has_run(self, name: str) -> bool:
        """Whether an instance of the flow exists or existed."""
        return name in self.by_flow

    def flow_spec(self, name: str) -> dict[str, Any]:
        """The function `flow()`: a description of a flow definition."""
        if name not in self.program.flows:
            raise ExpressionError(f"there is no flow `{name}`")
        flow = self.program.flows[name]
        return {"flow_id": name, "parameters": [p.name for p in flow.parameters]}

    def flows_info(self, uid: str | None = None) -> dict[str, Any]:
        """The function `flows_info()` (3.3)."""
        if uid is None:
            return {key: self._info(instance) for key, instance in self.instances.items()}
        if uid not in self.instances:
            raise ExpressionError(f"no running flow has the uid {uid!r:.60}")
        return {"flow_instance_uid": uid, **self._info(self.instances[uid])}

    def _info(self, instance: Instance) -> dict[str, Any]:
        hierarchy: list[str] = []
        above = instance.parent
        while above is not None:
            hierarchy.insert(0, above.uid)
            above = above.parent
        lines = [
            head.instruction.line
            for head in instance.heads
            if head.status is not INACTIVE and head.instruction is not None
        ]
        info: dict[str, Any] = {
            "flow_id": instance.flow.name,
            "loop_id": instance.loop_id,
            "status": instance.status.value,
            "flow_hierarchy": hierarchy,
            "active_statement_at_lines": lines,
            "meta_tags": dict(instance.flow.meta) if instance.flow.meta else [],
        }
        if instance.actions:
            info["action_uids"] = list(instance.actions)
        if instance.children:
            info["child_flow_uids"] = [child.uid for child in listed(instance.children)]
        return info

    # -------------------------------------------------- flows that come and go at run time

    def add_flows(self, text: str) -> list[str]:
        """Add the flows of a Colang text; their names. Nothing is added if one of them exists already.

        Raises:
            CompileError: The text has errors.
        """
        extended, added = self.program.extended(text)
        if added:
            self.program = extended
        return added

    def remove_flows(self, flows: Iterable[str]) -> None:
        """Stop all instances of these flows and forget the definitions that were added at run time."""
        for name in flows:
            if name == "main":
                continue
            for instance in self.instances_of(name):
                machine.stop_instance(self, instance)
            self.program = self.program.without_flow(name)

    # -------------------------------------------------- saving

    def dump(self) -> str:
        """The conversation as JSON text (7.6); `Program.restore` makes a state of it again.

        Raises:
            StateError: A variable holds something that cannot be saved.
        """
        from colang_interpreter.v2 import wire

        return wire.dump(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> State:
        from colang_interpreter.v2 import wire

        return wire.duplicate(self)


class System:
    """``$system``: the configuration and the state."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def colang_attribute(self, name: str) -> Any:
        """`config` or `state`."""
        if name == "config":
            return self._state.program.config
        if name == "state":
            return StateView(self._state)
        raise AttributeError(name)


class StateView:
    """What a program may see of its own state."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def colang_attribute(self, name: str) -> Any:
        """`context` (the global variables), `flow_states`, `flow_names` (of all definitions) and `actions`."""
        if name == "context":
            return self._state.globals
        if name == "flow_names":
            return set(self._state.program.flows)
        if name == "flow_states":
            return dict(self._state.instances)
        if name == "actions":
            return dict(self._state.actions)
        raise AttributeError(name)
