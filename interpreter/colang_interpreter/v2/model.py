"""What a conversation consists of: events, actions, regions, heads and flow instances.

Plain mutable data with `__slots__`; the rules that change it are in `lifecycle`, `machine` and
`conflicts`. Section 6.1 and 6.3 of the Colang 2.x specification.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from colang_interpreter.v2 import names
from colang_interpreter.v2.few import Few, listed, with_one, without

if TYPE_CHECKING:
    from colang_interpreter.v2.dispatch import Waiter
    from colang_interpreter.v2.instructions import FlowCode, Instruction
    from colang_interpreter.v2.state import State

Scores: TypeAlias = "tuple[()] | tuple[Scores, float]"
"""The scores of the matches that led somewhere: none, or (all before the last, the last).

Along a chain of events each list is the one before and a score more. Sharing the common part keeps a chain of
n events linear in time and memory; `ranking.listed` spells one out.
"""


class FlowStatus(enum.Enum):
    """Life of a flow instance; `value` is the text a program reads as ``$ref.status.value``."""

    WAITING = "waiting"
    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"


WAITING: Final = FlowStatus.WAITING
STARTING: Final = FlowStatus.STARTING
STARTED: Final = FlowStatus.STARTED
STOPPED: Final = FlowStatus.STOPPED
# The engine compares statuses all the time: until Python 3.12 a name of the module is ten times as fast as `Enum.MEMBER`.


class ActionStatus(enum.Enum):
    """Life of an action."""

    INITIALIZED = "initialized"
    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"
    FINISHED = "finished"


class HeadStatus(enum.Enum):
    """What a head does: run or wait, stand behind its forked children, or wait to be merged."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    MERGING = "merging"
    REMOVED = "removed"


ACTIVE: Final = HeadStatus.ACTIVE
INACTIVE: Final = HeadStatus.INACTIVE
MERGING: Final = HeadStatus.MERGING
REMOVED: Final = HeadStatus.REMOVED


NOTHING: Final[Any] = MappingProxyType[Any, Any]({})
"""An empty dictionary for all who have none of their own; it cannot be written to."""


class Event:
    """An event inside the core.

    Flow announcements (`FlowStarted`, ...) are built from the instance they are about; their parameters are
    only spelled out when somebody looks at them.
    """

    __slots__ = (
        "action",
        "awaited",
        "flow",
        "name",
        "restarts",
        "scores",
        "source",
        "source_head",
        "spelled",
        "uid",
    )

    def __init__(
        self,
        name: str,
        args: dict[str, Any] | None,
        scores: Scores = (),
        flow: Instance | None = None,
        *,
        uid: str | None = None,
        source: Instance | None = None,
        source_head: Head | None = None,
        awaited: bool = False,
    ) -> None:
        self.name = name
        self.spelled = args
        self.scores = scores
        self.flow = flow  # the instance a flow event is about
        self.uid = uid  # StartFlow and flow events: the flow_instance_uid
        self.source = source  # who sent it; None: the core or the world outside
        self.source_head = source_head
        self.awaited = awaited  # a StartFlow whose sender waits for the flow to be started
        self.action: Action | None = None  # set when an action event is captured
        self.restarts: Activation | None = None  # a StartFlow: what it makes the next copy for

    @property
    def args(self) -> dict[str, Any]:
        """All parameters, the bookkeeping ones of the core included (section 6.2)."""
        args = self.spelled
        if args is None:
            flow = self.flow
            assert flow is not None
            args = {
                "source_flow_instance_uid": flow.uid,
                "flow_instance_uid": self.uid or flow.uid,
                "flow_id": flow.flow.name,
                **flow.arguments,
            }
            if self.name == names.FLOW_FINISHED and flow.returned:
                args["return_value"] = flow.return_value
            self.spelled = args
        return args

    @property
    def arguments(self) -> dict[str, Any]:
        """All parameters, under the name that actions which are given an event know."""
        return self.args

    @property
    def colang_type(self) -> str:
        """What ``type($e)`` gives."""
        if self.name in names.INTERNAL_EVENTS:
            return "InternalEvent"
        return "ActionEvent" if "Action" in self.name else "Event"

    @property
    def is_action_event(self) -> bool:
        """Whether the event belongs to the life of an action (section 6.1)."""
        return "Action" in self.name and self.name not in names.INTERNAL_EVENTS

    def colang_attribute(self, name: str) -> Any:
        """Attributes of ``$e`` after ``match ... as $e``."""
        if name == "name":
            return self.name
        if name == "arguments":
            return self.args
        if self.name in names.INTERNAL_EVENTS:
            if name == "flow":
                return self.flow
        elif "Action" in self.name:
            if name == "action":
                return self.action
            if name == "action_uid":
                return self.args.get("action_uid")
        try:
            return self.args[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return f"<Event {self.name}>"


class Action:
    """An action object: what ``$ref`` is after ``start XyzAction(...) as $ref``."""

    __slots__ = ("arguments", "context", "flow_uid", "foreign", "name", "status", "uid", "users")

    colang_type = "Action"

    def __init__(self, uid: str, name: str, arguments: dict[str, Any], flow_uid: str) -> None:
        self.uid = uid
        self.name = name
        self.arguments = arguments
        self.flow_uid = flow_uid
        self.status = ActionStatus.INITIALIZED
        self.context: dict[str, Any] = {}
        self.users: list[Instance] = []  # whose end it does not outlive
        self.foreign = False  # started by the world outside and only observed: never stopped by us

    def colang_attribute(self, name: str) -> Any:
        """Attributes of an action reference; parameters of its events come last."""
        if name in ("uid", "name", "flow_uid", "status", "context"):
            return getattr(self, name)
        if name == "start_event_arguments":
            return self.arguments
        try:
            return self.context[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def running(self) -> bool:
        """Whether ending its last user has to stop it."""
        return self.status in (ActionStatus.STARTING, ActionStatus.STARTED)

    def __repr__(self) -> str:
        return f"<Action {self.name} {self.uid}>"


class Region:
    """Flows and actions started between an `Open` and its `Close`, in order."""

    __slots__ = ("actions", "flows")

    def __init__(self) -> None:
        self.flows: list[Instance] = []
        self.actions: list[Action] = []


class Leaf:
    """The fulfilment of one member of a match group: when it matched and with which scores."""

    __slots__ = ("failed", "order", "scores")

    def __init__(self) -> None:
        self.order = -1
        self.scores: Scores = ()
        self.failed = False


class Head:
    """An instruction pointer of an instance. `pc` is the instruction it stands on."""

    __slots__ = (
        "children",
        "fork",
        "group",
        "handlers",
        "instance",
        "parent",
        "pc",
        "regions",
        "scores",
        "status",
        "step",
        "waiters",
    )

    def __init__(self, instance: Instance, pc: int, parent: Head | None = None) -> None:
        self.instance = instance
        self.pc = pc
        self.parent = parent
        self.status = ACTIVE
        self.scores: Scores = ()
        self.step = 0  # the step in which `scores` were set: older scores count as none
        self.handlers: tuple[int, ...] = ()
        self.regions: tuple[Region, ...] = ()
        self.children: list[Head] | tuple[()] = ()
        self.fork = -1  # while inactive: the id of the fork it waits for
        self.waiters: Waiter | list[Waiter] | None = (
            None  # index entries while it waits; a list if for a group
        )
        self.group: list[Leaf] | None = None  # while it waits for a group

    @property
    def instruction(self) -> Instruction | None:
        """The instruction it stands on, None behind the end."""
        code = self.instance.flow.code
        return code[self.pc] if self.pc < len(code) else None


class Activation:
    """One `activate F(args)`: how often it was asked for, and the instances that run for it.

    `reference` is the instance created first; the copies that replace it after each end are its children.
    """

    __slots__ = ("_others", "_owner", "_running", "_share", "count", "key", "reference")

    def __init__(self, reference: Instance, key: object) -> None:
        self.reference = reference
        self.key = key
        self.count = 1
        self._owner: str = ""  # the first who asked for it, by uid, and its share of `count`
        self._share = 0
        self._others: dict[str, int] = NOTHING  # the shares of the others
        self._running: Few[Instance] = None

    @property
    def running(self) -> Collection[Instance]:
        """The instances that run for it."""
        return listed(self._running)

    def add_copy(self, instance: Instance) -> None:
        """An instance that runs for it."""
        self._running = with_one(self._running, instance)

    def drop_copy(self, instance: Instance) -> None:
        """An instance that runs for it no more."""
        self._running = without(self._running, instance)

    @property
    def owners(self) -> list[tuple[str, int]]:
        """Who asked for it, by the uid of the flow instance, and how often each did."""
        first = [(self._owner, self._share)] if self._share else []
        return [*first, *self._others.items()]

    def add_owner(self, uid: str, share: int = 1) -> None:
        """Somebody asks for it, `share` times; `count` is not changed."""
        if uid == self._owner:
            self._share += share
        elif not self._share and not self._others:
            self._owner, self._share = uid, share
        else:
            if self._others is NOTHING:
                self._others = {}
            self._others[uid] = self._others.get(uid, 0) + share

    def drop_owner(self, uid: str) -> int:
        """Somebody needs it no more; how often they had asked for it, at least 1."""
        if uid == self._owner and self._share:
            share, self._share = self._share, 0
            return share
        return self._others.pop(uid, 1) if self._others else 1


_DATA_ATTRIBUTES = frozenset(
    {
        "uid",
        "flow_id",
        "loop_id",
        "status",
        "parent_uid",
        "child_flow_uids",
        "action_uids",
        "context",
        "arguments",
        "priority",
        "activated",
        "hierarchy_position",
        "return_value",
        "new_instance_started",
    }
)


def arguments_of(flow: FlowCode, given: tuple[Any, ...], by_position: int) -> dict[str, Any]:
    """The arguments of a start: the parameters by name, then those of `by_position` also as ``$0``, ``$1``, ... (6.3).

    Args:
        flow: What is started.
        given: The values of its parameters, in their order.
        by_position: Bit n: the parameter n was given by position.
    """
    if not given:
        return {}
    parameters = flow.parameters
    found = {p.name: value for p, value in zip(parameters, given, strict=True)}
    if by_position:
        for number, value in enumerate(given):
            if by_position >> number & 1:
                found[parameters[number].position] = value
    return found


_MAX_POSITIONS: Final = 10_000
_MAX_SHARED_DEPTH: Final = 32
_positions: dict[tuple[int, ...], tuple[int, ...]] = {}


def shared_position(position: tuple[int, ...]) -> tuple[int, ...]:
    """The same place in the hierarchy: conversations with one program go through the same ones, and keep them once."""
    if len(position) > _MAX_SHARED_DEPTH:  # a recursion: what the process keeps stays small
        return position
    known = _positions.get(position)
    if known is None:
        if len(_positions) >= _MAX_POSITIONS:
            _positions.clear()
        known = _positions[position] = position
    return known


class Instance:
    """A flow instance; also what ``$ref`` and ``$self`` are, and the frame its expressions run in."""

    __slots__ = (
        "_held",
        "_hidden",
        "_slot",
        "actions",
        "activation",
        "by_position",
        "children",
        "flow",
        "given",
        "globals_read",
        "heads",
        "locals",
        "loop_id",
        "parent",
        "parent_uid",
        "position",
        "priority",
        "restarted",
        "return_value",
        "returned",
        "runtime",
        "shared_locals",
        "status",
        "uid",
        "unable",
        "waited",
        "watched",
    )

    colang_type = "FlowState"

    def __init__(self, runtime: State, flow: FlowCode, uid: str) -> None:
        self.runtime = runtime
        self.flow = flow
        self.uid = uid
        self.status = WAITING
        self.loop_id: str = ""
        self.position: tuple[int, ...] = (0,)
        self.parent: Instance | None = None
        self.parent_uid: str | None = None
        self.heads: tuple[Head, ...] = ()
        # A conversation is mostly its flow instances: what most of them have no use for takes no room, and of what
        # there is mostly one, the first takes no dictionary. The methods below see to that.
        self.actions: dict[str, Action] = NOTHING
        self.children: Few[Instance] = None  # the flows that end with it
        self._slot = (
            -1
        )  # hidden values, by the slot the compiler gave them: this one and those in `_hidden`
        self._held: Any = None
        self._hidden: dict[int, Any] = NOTHING
        self.locals: dict[str, Any] = {}
        self.given: tuple[Any, ...] = ()  # the values of its parameters when it started
        self.by_position = 0  # which of them were given by position: bit n for the parameter n
        self.globals_read: set[str] | None = None  # names declared `global` so far
        self.activation: Activation | None = None
        self.priority = 1.0
        self.return_value: Any = None
        self.returned = False
        self.restarted = False  # a successor has been started already
        self.waited = False  # it has reached a waiting point since it was started
        self.watched: list[Waiter] | None = None  # waiters indexed by the value of a variable
        self.shared_locals = False
        self.unable = (
            False  # of a rail: an action it awaited has failed, so it cannot succeed any more
        )

    def keep(self, slot: int, value: Any) -> None:
        """Put a hidden value into its slot."""
        if self._slot == slot or (self._slot < 0 and slot not in self._hidden):
            self._slot, self._held = slot, value
        else:
            if self._hidden is NOTHING:
                self._hidden = {}
            self._hidden[slot] = value

    def peek(self, slot: int) -> Any:
        """The value of a slot; None if it is empty."""
        return self._held if self._slot == slot else self._hidden.get(slot)

    def take(self, slot: int) -> Any:
        """The value of a slot that nobody needs any more; None if it is empty."""
        if self._slot == slot:
            value, self._slot, self._held = self._held, -1, None
            return value
        return self._hidden.pop(slot, None) if self._hidden else None

    @property
    def hidden(self) -> list[tuple[int, Any]]:
        """All hidden values and their slots, in the order of the slots."""
        found = [(self._slot, self._held)] if self._slot >= 0 else []
        if self._hidden:
            found += self._hidden.items()
            found.sort(key=_slot_of)
        return found

    def forget_hidden(self) -> None:
        """All slots are empty."""
        self._slot, self._held, self._hidden = -1, None, NOTHING

    def add_child(self, child: Instance) -> None:
        """A flow that ends with this one."""
        self.children = with_one(self.children, child)

    def drop_child(self, child: Instance) -> None:
        """A flow that does not end with this one any more, if it ever did."""
        if self.children is not None:
            self.children = without(self.children, child)

    def add_action(self, action: Action) -> None:
        """An action that this flow uses."""
        if self.actions is NOTHING:
            self.actions = {}
        self.actions[action.uid] = action

    def drop_action(self, uid: str) -> None:
        """An action that this flow does not use any more, if it ever did."""
        if self.actions:
            self.actions.pop(uid, None)

    def attach(self, parent: Instance, at: int) -> None:
        """It is started by `parent`, by a head that stands on the instruction `at`."""
        self.parent = parent
        self.parent_uid = parent.uid
        self.position = shared_position((*parent.position, at))

    @property
    def arguments(self) -> dict[str, Any]:
        """What it was started with: its parameters by name, then those given by position also as ``$0``, ``$1``, ... (6.3)."""
        return arguments_of(self.flow, self.given, self.by_position)

    @property
    def argument_count(self) -> int:
        """How many `arguments` there are."""
        return len(self.given) + self.by_position.bit_count()

    @property
    def order_key(self) -> tuple[int, tuple[int, ...]]:
        """Heads of flows are looked at in this order: by the priority of the loop, then by place (6.4)."""
        return (-self.flow.loop_priority, self.position)

    # -------------------------------------------------- the frame of expressions

    @property
    def self_ref(self) -> Instance:
        """``$self``."""
        return self

    @property
    def system_ref(self) -> Any:
        """``$system``."""
        return self.runtime.system

    def read(self, name: str) -> Any:
        """A variable as the flow sees it: global once declared so, None if unset (6.7)."""
        if self.globals_read is not None and name in self.globals_read:
            return self.runtime.globals.get(name)
        return self.locals.get(name)

    def write(self, name: str, value: Any) -> None:
        """Assign a variable; heads of this instance that wait for its value are told."""
        if self.globals_read is not None and name in self.globals_read:
            self.runtime.globals[name] = value
            return
        if name in ("self", "system"):
            return
        self.locals[name] = value
        if self.watched:
            self.runtime.index.refresh(self, name)

    # -------------------------------------------------- what a reference shows

    @property
    def listening(self) -> bool:
        """Waiting, starting or started."""
        status = self.status
        return status is STARTED or status is STARTING or status is WAITING

    @property
    def active(self) -> bool:
        """Starting or started."""
        return self.status is STARTED or self.status is STARTING

    def colang_attribute(self, name: str) -> Any:
        """Attributes of a flow reference: data of the instance hide variables of the same name (Q38)."""
        if name in _DATA_ATTRIBUTES:
            return self._data(name)
        if name in self.locals:
            return self.locals[name]
        if self.globals_read is not None and name in self.globals_read:
            return self.runtime.globals.get(name)
        raise AttributeError(name)

    def _data(self, name: str) -> Any:
        if name == "flow_id":
            return self.flow.name
        if name == "context":
            return self.locals
        if name == "child_flow_uids":
            return [child.uid for child in listed(self.children)]
        if name == "action_uids":
            return list(self.actions)
        if name == "activated":
            return self.activation.count if self.activation is not None else 0
        if name == "hierarchy_position":
            return ".".join(map(str, self.position))
        if name == "new_instance_started":
            return self.restarted
        return getattr(self, name)

    def __repr__(self) -> str:
        return f"<Instance {self.uid} {self.status.value}>"


def _slot_of(entry: tuple[int, Any]) -> int:
    return entry[0]
