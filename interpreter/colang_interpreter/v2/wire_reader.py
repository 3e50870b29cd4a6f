"""From plain data to a 2.x conversation, every field checked: see `wire` for the layout."""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# (values of a program may be of any type, and what is read is JSON: the code checks types one by one)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colang_interpreter.errors import StateError
from colang_interpreter.sealing import text, whole
from colang_interpreter.v2 import instructions as ins
from colang_interpreter.v2 import lifecycle
from colang_interpreter.v2.few import few_of
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
from colang_interpreter.v2.wire_format import ACTION_STATUS, FLOW_STATUS, MAX_NESTING, TAG
from colang_interpreter.values import Comparator, Pattern

if TYPE_CHECKING:
    from colang_interpreter.v2.program import Program
    from colang_interpreter.v2.state import State


def read(program: Program, document: dict[str, Any], foreign: list[Any] | None = None) -> State:
    """The state a document describes; `foreign` holds the objects that were put aside in writing it.

    Raises:
        StateError: Something in the document is wrong. Other errors of wrong types may come, too.
    """
    return _Reader(program, document, foreign).state()


class _Reader:
    """Makes the objects first, then fills them; raises on anything odd."""

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
            instance.status = FLOW_STATUS[_index(record[2], len(FLOW_STATUS))]
            self.instances.append(instance)
        for record in self.field("actions", list):
            action = Action(self.uid(record[0]), text(record[1]), {}, text(record[5]))
            action.status = ACTION_STATUS[_index(record[3], len(ACTION_STATUS))]
            action.foreign = record[7] is True
            self.actions.append(action)
        for record in self.field("events", list):
            event = Event(text(record[0]), {})
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
        return text(value)

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
                parent = self.instances[_index(record[3], len(self.instances))]
                instance.parent, instance.parent_uid = parent, parent.uid
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
                instance.parent.add_child(instance)
        for instance, record in zip(self.instances, records, strict=True):
            more = record[8] if len(record) > 8 else {}
            if "children" in more:
                children = [
                    self.instances[_index(i, len(self.instances))] for i in more["children"]
                ]
                instance.children = few_of(children)
        state.main = self.instances[_index(self.field("main", int), len(self.instances))]
        if state.main.flow.name != "main":
            raise StateError("the saved state is damaged: `main` is another flow")

    def fill_instance(self, instance: Instance, record: list[Any], more: dict[str, Any]) -> None:
        instance.locals = self.variables(record[6])
        arguments = self.variables(record[7])
        if arguments:
            parameters = instance.flow.parameters
            instance.given = tuple([arguments.get(p.name) for p in parameters])
            for number, parameter in enumerate(parameters):
                if parameter.position in arguments:
                    instance.by_position |= 1 << number
        for slot, value in more.get("temps", ()):
            instance.keep(whole(slot), self.value(value))
        for number in more.get("actions", ()):
            action = self.actions[_index(number, len(self.actions))]
            instance.add_action(action)
        priority = more.get("priority", 1.0)
        if not isinstance(priority, (int, float)) or not 0 <= priority <= 1:
            raise StateError("the saved state is damaged: a priority out of range")
        instance.priority = float(priority)
        if "returned" in more:
            instance.returned, instance.return_value = True, self.value(more["returned"])
        instance.restarted = more.get("restarted") is True
        instance.unable = more.get("unable") is True
        instance.waited = more.get("fresh") is not True
        if "globals" in more:
            instance.globals_read = {text(name) for name in more["globals"]}
        instance.shared_locals = more.get("shared") is True
        if "parent_uid" in more:
            instance.parent_uid = text(more["parent_uid"])
        self.heads(instance, record[5])

    def heads(self, instance: Instance, records: list[Any]) -> None:
        end = len(instance.flow.code)
        heads: list[Head] = []
        for record in records:
            head = Head(instance, _index(record[0], end + 1))
            more = record[2] if len(record) > 2 else {}
            if more.get("inactive") is True:
                head.status = HeadStatus.INACTIVE
            head.handlers = tuple(_index(pc, end) for pc in more.get("handlers", ()))
            head.regions = tuple(
                self.regions[_index(i, len(self.regions))] for i in more.get("regions", ())
            )
            head.fork = whole(more.get("fork", -1))
            if "parent" in more:
                head.parent = heads[_index(more["parent"], len(heads))]
                head.parent.children = head.parent.children or []
                head.parent.children.append(head)
            heads.append(head)
        instance.heads = tuple(heads)

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
                    instance.attach(parent, whole(record[4]))
                elif "position" in more:
                    instance.position = tuple(whole(x) for x in more["position"])
                if "loop" in more:
                    instance.loop_id = self.uid(more["loop"])
                elif parent is not None:
                    instance.loop_id = parent.loop_id

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
            state.remember(self.variables(event))
        for name in self.field("seen", list):
            state.by_flow.setdefault(text(name), None)
        for reference, count, owners, running in self.field("activations", list):
            self.activation(state, reference, count, owners, running)

    def activation(
        self, state: State, reference: Any, count: Any, owners: dict[str, Any], running: list[Any]
    ) -> None:
        instance = self.instances[_index(reference, len(self.instances))]
        flow = instance.flow
        given = instance.given or (None,) * len(flow.parameters)
        values = {p.name: value for p, value in zip(flow.parameters, given, strict=True)}
        activation = Activation(instance, lifecycle.activation_key(flow, values))
        activation.count = whole(count)
        for number, share in owners.items():
            owner = self.instances[_index(int(number), len(self.instances))]
            activation.add_owner(owner.uid, whole(share))
            owner.add_child(instance)
        for number in running:
            copy = self.instances[_index(number, len(self.instances))]
            copy.activation = activation
            activation.add_copy(copy)
        instance.activation = activation
        state.activations[activation.key] = activation

    def park(self, state: State) -> None:
        """Every head waits again, in the order in which they came."""
        waiting: list[tuple[int, Head, list[int]]] = []
        for instance, record in zip(self.instances, self.document["instances"], strict=True):
            for head, saved in zip(instance.heads, record[5], strict=True):
                more = saved[2] if len(saved) > 2 else {}
                waiting.append((whole(saved[1]), head, more.get("group", [])))
        waiting.sort(key=lambda entry: entry[0])
        for arrival, head, codes in waiting:
            instruction = head.instruction
            if head.status is HeadStatus.INACTIVE or head.instance.status is FlowStatus.WAITING:
                continue
            if not isinstance(instruction, (ins.Wait, ins.WaitGroup, ins.Gather)):
                raise StateError("the saved state is damaged: a head stands where none can wait")
            park(state, head, arrival, codes)
        state.index.arrivals = self.field("arrivals", int)


_CONTAINERS = frozenset({"dict", "tuple", "set"})


def _index(value: Any, size: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < size:
        raise StateError("the saved state is damaged: a number is out of range")
    return value
