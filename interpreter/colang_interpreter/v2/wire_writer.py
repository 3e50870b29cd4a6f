"""From a 2.x conversation to plain data: see `wire` for the layout."""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# (values of a program may be of any type, and what is read is JSON: the code checks types one by one)

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from colang_interpreter.errors import StateError
from colang_interpreter.v2.few import listed
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
from colang_interpreter.v2.wire_format import ACTION_STATUS, FLOW_STATUS, MAX_NESTING, TAG, VERSION
from colang_interpreter.values import Comparator, Pattern

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def written(state: State, foreign: list[Any] | None = None) -> dict[str, Any]:
    """The state as a document of plain data.

    Objects that cannot be saved are put into `foreign`; without it they are an error.

    Raises:
        StateError: A variable holds an object that cannot be saved.
    """
    return _Writer(state, foreign).document()


class _Writer:
    """Numbers what there is, then writes it down."""

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
        for activation in state.activations.values():
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
            "seen": sorted(name for name, running in state.by_flow.items() if running is None),
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
                    [self.number(x) for x in a.running],
                ]
                for a in state.activations.values()
            ],
        }
        document["flows"] = list(self.flows)
        document["heap"] = self.heap
        return document

    def owners(self, activation: Activation) -> list[tuple[Instance, int]]:
        found = [(self.state.instances.get(uid), n) for uid, n in activation.owners]
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
                for _, value in instance.hidden:
                    self.visit(value)
                for action in instance.actions.values():
                    self.action_number(action)
                for head in instance.heads:
                    for region in head.regions:
                        self.region(region)
                if instance.parent is not None:
                    self.number(instance.parent)
                for child in listed(instance.children):
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
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            # Given by a Python action, such as the outcome of a rail: flows read dictionaries alike.
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return self.container(fields, depth)
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
        if hidden := instance.hidden:
            more["temps"] = [[slot, self.value(value)] for slot, value in hidden]
        if instance.actions:
            more["actions"] = [self.action_number(a) for a in instance.actions.values()]
        if instance.priority != 1.0:
            more["priority"] = instance.priority
        if instance.returned:
            more["returned"] = self.value(instance.return_value)
        if instance.restarted:
            more["restarted"] = True
        if instance.unable:
            more["unable"] = True
        if not instance.waited:
            more["fresh"] = True
        if instance.globals_read:
            more["globals"] = sorted(instance.globals_read)
        if instance.shared_locals:
            more["shared"] = True
        # Children are rebuilt from the parents; only an order that differs from that is written down.
        if instance.children is not None:
            children = list(listed(instance.children))
            numbers = [self.numbers[id(c)] for c in children]
            if numbers != sorted(numbers) or any(c.parent is not instance for c in children):
                more["children"] = numbers
        arguments = self.value(instance.arguments)
        record = [
            self.flow(instance.flow.name),
            self.uid(instance.uid, f"({instance.flow.name})"),
            FLOW_STATUS.index(instance.status),
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
        waiters = head.waiters
        arrival = 0
        if waiters is not None:
            first = waiters[0] if isinstance(waiters, list) else waiters
            arrival = first.arrival
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
            ACTION_STATUS.index(action.status),
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
