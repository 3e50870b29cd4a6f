"""Saved states: a conversation as JSON and back (section 7.6 of the Colang 2.x specification).

The document holds positions, variables, actions, counters and the seed; never code, flows or settings. It is
bound to the digest of its program. Everything read is validated field by field: a document from outside can
at worst describe an odd conversation, never run anything.

Layout (version 1), all lists compact:
    flows      names of flows, referred to by number
    instances  [flow, uid, status, parent, place, heads, locals, arguments, more?]
    actions    [uid, name, arguments, status, context, creator uid, users, foreign]
    activations [reference, count, {owner: share}, running]
    heap       containers that several places share
"""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# (what is read here is JSON or YAML: its types are what the code checks, one by one)

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from colang_interpreter.errors import StateError
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import lifecycle
from colang_interpreter.v2.errors import ColangRuntimeError
from colang_interpreter.v2.model import (
    Action,
    ActionStatus,
    Activation,
    Event,
    FlowStatus,
    Head,
    HeadStatus,
    Instance,
    Region,
)
from colang_interpreter.v2.parking import park
from colang_interpreter.values import Comparator, ExpressionError, Pattern

if TYPE_CHECKING:
    from colang_interpreter.v2.program import Program
    from colang_interpreter.v2.state import State

VERSION = 1
MAX_CHARACTERS = 64_000_000
MAX_NESTING = 200
TAG = "~"

_FLOW_STATUS = list(FlowStatus)
_ACTION_STATUS = list(ActionStatus)


# ---------------------------------------------------------------- saving


def dump(state: State) -> str:
    """The state as JSON text.

    Raises:
        StateError: A variable holds an object that cannot be saved.
    """
    body = json.dumps(
        _Writer(state, None).document(), separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return f'{{"check":"{_check(body)}","state":{body}}}'


def _check(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def duplicate(state: State) -> State:
    """An independent copy of a conversation; objects that cannot be saved are shared with it."""
    foreign: list[Any] = []
    document = _Writer(state, foreign).document()
    return _Reader(state.program, document, foreign).state()


class _Writer:
    def __init__(self, state: State, foreign: list[Any] | None) -> None:
        self.state = state
        self.foreign = foreign
        self.flows: dict[str, int] = {}
        self.instances: list[Instance] = list(state.instances.values())
        self.numbers: dict[int, int] = {id(x): i for i, x in enumerate(self.instances)}
        self.actions: list[Action] = list(state.actions.values())
        self.action_numbers: dict[int, int] = {id(a): i for i, a in enumerate(self.actions)}
        self.regions: dict[int, int] = {}
        self.region_list: list[Region] = []
        self.events: dict[int, int] = {}
        self.event_list: list[Event] = []
        self.shared: dict[
            int, int
        ] = {}  # id of a container -> its number in the heap, -1: seen once
        self.heap_size = 0
        self.heap: list[Any] = []
        self.keep: list[Any] = []
        self.prefix = state.uid_prefix

    def document(self) -> dict[str, Any]:
        state = self.state
        self.number(state.main)
        for by_key in state.activations.values():
            for activation in by_key.values():
                self.number(activation.reference)
        self.find_shared()
        heap_slots = sorted((n, i) for i, n in self.shared.items() if n >= 0)
        by_id = {id(x): x for x in self.keep}
        self.heap = [self.container(by_id[i], 0) for _, i in heap_slots]
        instances = [self.instance(x) for x in self.instances]
        events = [self.event(x) for x in self.event_list]
        actions = [self.action(x) for x in self.actions]
        regions = [
            [
                [self.number(x) for x in r.flows if x.listening],
                [self.action_number(a) for a in r.actions],
            ]
            for r in self.region_list
        ]
        document: dict[str, Any] = {
            "version": VERSION,
            "dialect": "2.x",
            "program": state.program.digest,
            "seed": state.seed,
            "random": state.random_state,
            "uids": state.uids,
            "ticks": state.ticks,
            "step": state.step,
            "arrivals": state.index.arrivals,
            "now": state.now,
            "source_uid": state.source_uid,
            "main": self.number(state.main),
            "alive": len(state.instances),
            "globals": self.value(state.globals),
            "history": [self.value(e) for e in state.history],
            "seen": sorted(state.seen_flows - {x.flow.name for x in self.instances}),
            "instances": instances,
            "actions": actions,
            "live_actions": len(state.actions),
            "events": events,
            "regions": regions,
            "activations": [
                [
                    self.number(a.reference),
                    a.count,
                    {str(self.numbers[id(o)]): n for o, n in self.owners(a)},
                    [self.number(x) for x in a.running.values()],
                ]
                for by_key in state.activations.values()
                for a in by_key.values()
            ],
        }
        document["flows"] = list(self.flows)
        document["heap"] = self.heap
        return document

    def owners(self, activation: Activation) -> list[tuple[Instance, int]]:
        found = [(self.state.instances.get(uid), n) for uid, n in activation.owners.items()]
        return [(x, n) for x, n in found if x is not None]

    # -------------------------------------------------- what is shared

    def find_shared(self) -> None:
        """Number what several places refer to, and all instances, actions and events in sight."""
        state = self.state
        self.visit(state.globals)
        for past in state.history:
            self.visit(past)
        at = 0
        events = 0
        actions = 0
        while (
            at < len(self.instances) or events < len(self.event_list) or actions < len(self.actions)
        ):
            if at < len(self.instances):
                instance = self.instances[at]
                at += 1
                self.visit(instance.locals)
                self.visit(instance.arguments)
                self.visit(instance.return_value)
                for value in instance.temps.values():
                    self.visit(value)
                for action in instance.actions.values():
                    self.action_number(action)
                for head in instance.heads:
                    for region in head.regions:
                        self.region(region)
                if instance.parent is not None:
                    self.number(instance.parent)
                for child in instance.children.values():
                    self.number(child)
            elif events < len(self.event_list):
                event = self.event_list[events]
                events += 1
                self.visit(event.args)
                if event.flow is not None:
                    self.number(event.flow)
                if event.action is not None:
                    self.action_number(event.action)
            else:
                action = self.actions[actions]
                actions += 1
                self.visit(action.arguments)
                self.visit(action.context)

    def visit(self, value: Any) -> None:
        stack = [(value, 0)]
        while stack:
            value, depth = stack.pop()
            kind = type(value)
            if kind in (dict, list, set, tuple):
                if depth > MAX_NESTING:
                    raise StateError(
                        f"a variable is nested more than {MAX_NESTING} deep, or contains itself"
                    )
                if kind is not tuple:
                    number = self.shared.get(id(value))
                    if number is not None:
                        if number < 0:
                            self.shared[id(value)] = self.heap_size
                            self.heap_size += 1
                        continue
                    self.shared[id(value)] = -1
                    self.keep.append(value)
                items = [*value.keys(), *value.values()] if kind is dict else list(value)
                stack.extend((item, depth + 1) for item in items)
            elif kind is Instance:
                self.number(value)
            elif kind is Action:
                self.action_number(value)
            elif kind is Event:
                self.event_number(value)

    def number(self, instance: Instance) -> int:
        number = self.numbers.get(id(instance))
        if number is None:
            number = self.numbers[id(instance)] = len(self.instances)
            self.instances.append(instance)
        return number

    def action_number(self, action: Action) -> int:
        number = self.action_numbers.get(id(action))
        if number is None:
            number = self.action_numbers[id(action)] = len(self.actions)
            self.actions.append(action)
        return number

    def event_number(self, event: Event) -> int:
        number = self.events.get(id(event))
        if number is None:
            number = self.events[id(event)] = len(self.event_list)
            self.event_list.append(event)
        return number

    def region(self, region: Region) -> int:
        number = self.regions.get(id(region))
        if number is None:
            number = self.regions[id(region)] = len(self.region_list)
            self.region_list.append(region)
        return number

    # -------------------------------------------------- values

    def value(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        if kind is float:
            return value if value - value == 0 else {TAG: "float", "v": repr(value)}
        if kind in (dict, list, set):
            number = self.shared.get(id(value), -1)
            return {TAG: "@", "v": number} if number >= 0 else self.container(value, depth)
        if kind is tuple:
            return {TAG: "tuple", "v": [self.value(x, depth + 1) for x in value]}
        if kind is Instance:
            return {TAG: "flow", "v": self.numbers[id(value)]}
        if kind is Action:
            return {TAG: "action", "v": self.action_numbers[id(value)]}
        if kind is Event:
            return {TAG: "event", "v": self.events[id(value)]}
        if kind is Pattern:
            return {TAG: "pattern", "v": value.to_data()}
        if kind is Comparator:
            return {TAG: "comparator", "v": value.to_data()}
        if value is self.state.system:
            return {TAG: "system"}
        if value is self.state.program.config:
            return {TAG: "config"}
        if isinstance(value, (FlowStatus, ActionStatus)):
            return {TAG: type(value).__name__, "v": value.value}
        if self.foreign is not None:
            self.foreign.append(value)
            return {TAG: "foreign", "v": len(self.foreign) - 1}
        raise StateError(
            f"a variable holds an object of type {type(value).__name__}, which cannot be saved:"
            " let the Python action return plain data"
        )

    def container(self, value: Any, depth: int) -> Any:
        if depth > MAX_NESTING:
            raise StateError(
                f"a variable is nested more than {MAX_NESTING} deep, or contains itself"
            )
        depth += 1
        if type(value) is list:
            return [self.value(x, depth) for x in value]
        if type(value) is set:
            items = [self.value(x, depth) for x in value]
            return {TAG: "set", "v": sorted(items, key=lambda x: json.dumps(x, sort_keys=True))}
        if TAG not in value and all(type(key) is str for key in value):
            return {key: self.value(x, depth) for key, x in value.items()}
        return {
            TAG: "dict",
            "v": [[self.value(k, depth), self.value(x, depth)] for k, x in value.items()],
        }

    # -------------------------------------------------- objects

    def flow(self, name: str) -> int:
        return self.flows.setdefault(name, len(self.flows))

    def uid(self, uid: str, start: str = "") -> int | str:
        """A uid of our own making is just its number."""
        head = start + self.prefix
        if uid.startswith(head) and len(uid) == len(head) + 12:
            number = int(uid[len(head) :], 16)
            if f"{number:012x}" == uid[len(head) :]:
                return number
        return uid

    def instance(self, instance: Instance) -> list[Any]:
        parent = instance.parent
        more: dict[str, Any] = {}
        if parent is None and instance.position != (0,):
            more["position"] = list(instance.position)
        if parent is None and instance.parent_uid is not None:
            more["parent_uid"] = instance.parent_uid
        if parent is None or instance.loop_id != parent.loop_id:
            more["loop"] = self.uid(instance.loop_id)
        if instance.temps:
            more["temps"] = [[k, self.value(v)] for k, v in instance.temps.items()]
        if instance.actions:
            more["actions"] = [self.action_number(a) for a in instance.actions.values()]
        if instance.priority != 1.0:
            more["priority"] = instance.priority
        if instance.returned:
            more["returned"] = self.value(instance.return_value)
        if instance.restarted:
            more["restarted"] = True
        if not instance.waited:
            more["fresh"] = True
        if instance.globals_read:
            more["globals"] = sorted(instance.globals_read)
        if instance.shared_locals:
            more["shared"] = True
        # Children are rebuilt from the parents; only an order that differs from that is written down.
        children = [self.numbers[id(c)] for c in instance.children.values()]
        if children != sorted(children) or any(
            c.parent is not instance for c in instance.children.values()
        ):
            more["children"] = children
        arguments = self.value(instance.arguments)
        record = [
            self.flow(instance.flow.name),
            self.uid(instance.uid, f"({instance.flow.name})"),
            _FLOW_STATUS.index(instance.status),
            -1 if parent is None else self.numbers[id(parent)],
            instance.position[-1],
            [self.head(h, instance) for h in instance.heads],
            self.value(instance.locals),
            arguments,
        ]
        if more:
            record.append(more)
        return record

    def head(self, head: Head, instance: Instance) -> Any:
        arrival = min((w.arrival for w in head.waiters), default=0)
        more: dict[str, Any] = {}
        if head.status is HeadStatus.INACTIVE:
            more["inactive"] = True
        if head.handlers:
            more["handlers"] = list(head.handlers)
        if head.regions:
            more["regions"] = [self.region(r) for r in head.regions]
        if head.parent is not None:
            more["parent"] = instance.heads.index(head.parent)
        if head.fork >= 0:
            more["fork"] = head.fork
        if head.group is not None:
            codes = [2 if leaf.failed else 1 if leaf.order >= 0 else 0 for leaf in head.group]
            if any(codes):
                more["group"] = codes
        return [head.pc, arrival, more] if more else [head.pc, arrival]

    def action(self, action: Action) -> list[Any]:
        return [
            self.uid(action.uid),
            action.name,
            self.value(action.arguments),
            _ACTION_STATUS.index(action.status),
            self.value(action.context),
            action.flow_uid,
            [self.numbers[id(x)] for x in action.users if id(x) in self.numbers],
            action.foreign,
        ]

    def event(self, event: Event) -> list[Any]:
        return [
            event.name,
            self.value(event.args),
            -1 if event.flow is None else self.numbers[id(event.flow)],
            -1 if event.action is None else self.action_numbers[id(event.action)],
        ]


# ---------------------------------------------------------------- restoring


def restore(program: Program, blob: str | bytes) -> State:
    """The state that `dump` saved.

    Raises:
        StateError: The document is too large, damaged, of an unknown version, or belongs to another program.
    """
    if len(blob) > MAX_CHARACTERS:
        raise StateError(f"the saved state is larger than {MAX_CHARACTERS} characters")
    try:
        if isinstance(blob, bytes):
            blob = blob.decode("utf-8", "surrogatepass")
        outer = json.loads(blob, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise StateError(f"the saved state is not readable as JSON: {error}") from None
    if not isinstance(outer, dict) or not isinstance(outer.get("state"), dict):
        raise StateError("this is not a saved state")
    document = outer["state"]
    version = document.get("version")
    if version != VERSION or document.get("dialect") != "2.x":
        raise StateError(
            f"the saved state has version {version!r:.20} of dialect"
            f" {document.get('dialect')!r:.20}; this program reads version {VERSION} of '2.x'"
        )
    if document.get("program") != program.digest:
        raise StateError(
            "the saved state belongs to another program: the flows have changed since it was saved"
            f" (saved {str(document.get('program'))[:12]}, now {program.digest[:12]})"
        )
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    if outer.get("check") != _check(body):
        raise StateError("the saved state is damaged: its check sum is wrong")
    try:
        return _Reader(program, document, None).state()
    except StateError:
        raise
    except (
        KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, RecursionError,
        ExpressionError, ColangRuntimeError,
    ) as error:  # fmt: skip
        raise StateError(f"the saved state is damaged: {type(error).__name__}: {error}") from None


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


class _Reader:
    def __init__(
        self, program: Program, document: dict[str, Any], foreign: list[Any] | None
    ) -> None:
        self.program = program
        self.document = document
        self.foreign = foreign
        self.instances: list[Instance] = []
        self.actions: list[Action] = []
        self.events: list[Event] = []
        self.regions: list[Region] = []
        self.heap: list[Any] = []
        self.result: Any = None

    def field(self, name: str, kind: type | tuple[type, ...]) -> Any:
        value = self.document.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise StateError(f"the saved state is damaged: `{name}` is wrong or missing")
        return value

    def state(self) -> State:
        from colang_interpreter.v2.state import State

        state = State(self.program, self.field("seed", int))
        self.result = state
        state.random_state = self.field("random", int) & ((1 << 64) - 1)
        state.uids = self.field("uids", int)
        state.ticks = self.field("ticks", int)
        state.step = self.field("step", int)
        state.now = self.field("now", str)
        state.source_uid = self.field("source_uid", str)
        self.prefix = state.uid_prefix
        flows: list[str] = self.field("flows", list)
        self.flow_codes = [self.program.flows[name] for name in flows]
        self.make_objects(state)
        self.make_heap()
        self.fill_instances(state)
        self.fill_rest(state)
        self.park(state)
        return state

    # -------------------------------------------------- objects first, then what they hold

    def make_objects(self, state: State) -> None:
        for record in self.field("instances", list):
            flow = self.flow_codes[_index(record[0], len(self.flow_codes))]
            uid = self.uid(record[1], f"({flow.name})")
            instance = Instance(state, flow, uid)
            instance.status = _FLOW_STATUS[_index(record[2], len(_FLOW_STATUS))]
            self.instances.append(instance)
        for record in self.field("actions", list):
            action = Action(self.uid(record[0]), _text(record[1]), {}, _text(record[5]))
            action.status = _ACTION_STATUS[_index(record[3], len(_ACTION_STATUS))]
            action.foreign = record[7] is True
            self.actions.append(action)
        for record in self.field("events", list):
            event = Event(_text(record[0]), {})
            if record[2] != -1:
                event.flow = self.instances[_index(record[2], len(self.instances))]
            if record[3] != -1:
                event.action = self.actions[_index(record[3], len(self.actions))]
            self.events.append(event)
        for flows, actions in self.field("regions", list):
            region = Region()
            region.flows = [self.instances[_index(i, len(self.instances))] for i in flows]
            region.actions = [self.actions[_index(i, len(self.actions))] for i in actions]
            self.regions.append(region)

    def make_heap(self) -> None:
        records = self.field("heap", list)
        for record in records:
            tagged = record.get(TAG) if isinstance(record, dict) else None
            self.heap.append(
                [] if isinstance(record, list) else set[Any]() if tagged == "set" else {}
            )
        for made, record in zip(self.heap, records, strict=True):
            value = self.plain(record, 0)
            if isinstance(made, list):
                made.extend(value)
            else:
                made.update(value)

    def uid(self, value: Any, start: str = "") -> str:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 16**12:
            return f"{start}{self.prefix}{value:012x}"
        return _text(value)

    def value(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, dict) and value.get(TAG) == "@":
            return self.heap[_index(value.get("v"), len(self.heap))]
        return self.plain(value, depth)

    def plain(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, (str, int, float)):
            return value
        if depth > MAX_NESTING:
            raise StateError("the saved state is damaged: a value is nested too deeply")
        depth += 1
        if isinstance(value, list):
            return [self.value(x, depth) for x in value]
        if not isinstance(value, dict):
            raise StateError("the saved state is damaged: an unknown kind of value")
        if TAG not in value:
            return {key: self.value(x, depth) for key, x in value.items()}
        tag, inner = value[TAG], value.get("v")
        if tag in _CONTAINERS:
            if not isinstance(inner, list):
                raise StateError(f"the saved state is damaged: a {tag} that is none")
            if tag == "dict":
                return {self.value(k, depth): self.value(x, depth) for k, x in inner}
            items = [self.value(x, depth) for x in inner]
            return tuple(items) if tag == "tuple" else set(items)
        return self.special(tag, inner)

    def special(self, tag: Any, inner: Any) -> Any:
        match tag:
            case "float":
                if inner in ("nan", "inf", "-inf"):
                    return float(inner)
            case "flow":
                return self.instances[_index(inner, len(self.instances))]
            case "action":
                return self.actions[_index(inner, len(self.actions))]
            case "event":
                return self.events[_index(inner, len(self.events))]
            case "pattern" if isinstance(inner, dict):
                return Pattern.from_data(inner)
            case "comparator" if isinstance(inner, dict):
                return Comparator.from_data(inner)
            case "system":
                return self.result.system
            case "config":
                return self.program.config
            case "FlowStatus":
                return FlowStatus(inner)
            case "ActionStatus":
                return ActionStatus(inner)
            case "foreign" if self.foreign is not None:
                return self.foreign[_index(inner, len(self.foreign))]
            case _:
                pass
        raise StateError(f"the saved state is damaged: an unknown value {str(tag)[:20]!r}")

    def variables(self, value: Any) -> dict[str, Any]:
        result = self.value(value)
        if not isinstance(result, dict) or not all(isinstance(key, str) for key in result):
            raise StateError("the saved state is damaged: variables without names")
        return result

    # -------------------------------------------------- instances

    def fill_instances(self, state: State) -> None:
        records = self.document["instances"]
        for instance, record in zip(self.instances, records, strict=True):
            if record[3] != -1:
                instance.parent = self.instances[_index(record[3], len(self.instances))]
                instance.parent_uid = instance.parent.uid
        for instance, record in zip(self.instances, records, strict=True):
            more = record[8] if len(record) > 8 else {}
            self.fill_instance(instance, record, more)
        self.place(records)
        alive = _index(self.field("alive", int), len(self.instances) + 1)
        for instance in self.instances[:alive]:
            if not instance.listening and instance.flow.name != "main":
                raise StateError("the saved state is damaged: an ended flow among the running")
            state.add_instance(instance)
            if instance.parent is not None:
                instance.parent.children[instance.uid] = instance
        for instance, record in zip(self.instances, records, strict=True):
            more = record[8] if len(record) > 8 else {}
            if "children" in more:
                children = [
                    self.instances[_index(i, len(self.instances))] for i in more["children"]
                ]
                instance.children = {x.uid: x for x in children}
        state.main = self.instances[_index(self.field("main", int), len(self.instances))]
        if state.main.flow.name != "main":
            raise StateError("the saved state is damaged: `main` is another flow")

    def fill_instance(self, instance: Instance, record: list[Any], more: dict[str, Any]) -> None:
        instance.locals = self.variables(record[6])
        instance.arguments = self.variables(record[7])
        instance.temps = {_whole(slot): self.value(v) for slot, v in more.get("temps", ())}
        for number in more.get("actions", ()):
            action = self.actions[_index(number, len(self.actions))]
            instance.actions[action.uid] = action
        priority = more.get("priority", 1.0)
        if not isinstance(priority, (int, float)) or not 0 <= priority <= 1:
            raise StateError("the saved state is damaged: a priority out of range")
        instance.priority = float(priority)
        if "returned" in more:
            instance.returned, instance.return_value = True, self.value(more["returned"])
        instance.restarted = more.get("restarted") is True
        instance.waited = more.get("fresh") is not True
        if "globals" in more:
            instance.globals_read = {_text(name) for name in more["globals"]}
        instance.shared_locals = more.get("shared") is True
        if "parent_uid" in more:
            instance.parent_uid = _text(more["parent_uid"])
        self.heads(instance, record[5])

    def heads(self, instance: Instance, records: list[Any]) -> None:
        end = len(instance.flow.code)
        for record in records:
            head = Head(instance, _index(record[0], end + 1))
            more = record[2] if len(record) > 2 else {}
            if more.get("inactive") is True:
                head.status = HeadStatus.INACTIVE
            head.handlers = tuple(_index(pc, end) for pc in more.get("handlers", ()))
            head.regions = tuple(
                self.regions[_index(i, len(self.regions))] for i in more.get("regions", ())
            )
            head.fork = _whole(more.get("fork", -1))
            if "parent" in more:
                head.parent = instance.heads[_index(more["parent"], len(instance.heads))]
                head.parent.children.append(head)
            instance.heads.append(head)

    def place(self, records: list[Any]) -> None:
        """Positions and loops follow from the parents."""
        done: set[int] = set()
        for start in range(len(self.instances)):
            chain: list[int] = []
            at = start
            while at != -1 and at not in done:
                chain.append(at)
                if len(chain) > len(self.instances):
                    raise StateError("the saved state is damaged: a flow is its own ancestor")
                at = records[at][3]
            for number in reversed(chain):
                done.add(number)
                record, instance = records[number], self.instances[number]
                more = record[8] if len(record) > 8 else {}
                parent = instance.parent
                if parent is not None:
                    instance.position = (*parent.position, _whole(record[4]))
                elif "position" in more:
                    instance.position = tuple(_whole(x) for x in more["position"])
                if "loop" in more:
                    instance.loop_id = self.uid(more["loop"])
                elif parent is not None:
                    instance.loop_id = parent.loop_id
                instance.order_key = (-instance.flow.loop_priority, instance.position)

    # -------------------------------------------------- the rest

    def fill_rest(self, state: State) -> None:
        for action, record in zip(self.actions, self.document["actions"], strict=True):
            action.arguments = self.variables(record[2])
            action.context = self.variables(record[4])
            action.users = [self.instances[_index(i, len(self.instances))] for i in record[6]]
        live = _index(self.field("live_actions", int), len(self.actions) + 1)
        state.actions = {action.uid: action for action in self.actions[:live]}
        for event, record in zip(self.events, self.document["events"], strict=True):
            event.spelled = self.variables(record[1])
        state.globals = self.variables(self.document.get("globals"))
        for event in self.field("history", list):
            state.history.append(self.variables(event))
        state.seen_flows.update(_text(name) for name in self.field("seen", list))
        state.seen_flows.update(x.flow.name for x in self.instances)
        for reference, count, owners, running in self.field("activations", list):
            self.activation(state, reference, count, owners, running)

    def activation(
        self, state: State, reference: Any, count: Any, owners: dict[str, Any], running: list[Any]
    ) -> None:
        instance = self.instances[_index(reference, len(self.instances))]
        flow = instance.flow
        values = {p.name: instance.arguments.get(p.name) for p in flow.parameters}
        activation = Activation(instance, lifecycle.activation_key(flow, values))
        activation.count = _whole(count)
        for number, share in owners.items():
            owner = self.instances[_index(int(number), len(self.instances))]
            activation.owners[owner.uid] = _whole(share)
            owner.children.setdefault(instance.uid, instance)
        for number in running:
            copy = self.instances[_index(number, len(self.instances))]
            copy.activation = activation
            activation.running[copy.uid] = copy
        instance.activation = activation
        state.activations.setdefault(flow.name, {})[activation.key] = activation

    def park(self, state: State) -> None:
        """Every head waits again, in the order in which they came."""
        waiting: list[tuple[int, Head, list[int]]] = []
        for instance, record in zip(self.instances, self.document["instances"], strict=True):
            for head, saved in zip(instance.heads, record[5], strict=True):
                more = saved[2] if len(saved) > 2 else {}
                waiting.append((_whole(saved[1]), head, more.get("group", [])))
        waiting.sort(key=lambda entry: entry[0])
        for arrival, head, codes in waiting:
            instruction = head.instruction
            if head.status is HeadStatus.INACTIVE or head.instance.status is FlowStatus.WAITING:
                continue
            if not isinstance(instruction, (ins.Wait, ins.WaitGroup, ins.Gather)):
                raise StateError("the saved state is damaged: a head stands where none can wait")
            park(state, head, arrival, codes)
        state.index.arrivals = self.field("arrivals", int)


_CONTAINERS: dict[str, Callable[..., Any]] = {"dict": dict, "tuple": tuple, "set": set}


def _index(value: Any, size: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < size:
        raise StateError("the saved state is damaged: a number is out of range")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise StateError("the saved state is damaged: a number is missing")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise StateError("the saved state is damaged: a text is missing")
    return value
