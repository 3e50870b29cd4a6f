"""Which heads wait for what: the index that finds the candidates for an event without a scan.

Waiters are filed under the flow instance they wait for, or under the event name and, where the pattern names one, under a
parameter value that cannot change unnoticed: a literal, the uid of an action, or the value of a local variable (refiled when
the variable is assigned). Everything else is tested one by one when the event arrives (section 6.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from colang_interpreter.v2 import names
from colang_interpreter.v2.few import Few, listed, with_one, without
from colang_interpreter.v2.instructions import KEY_TYPES, Key, key_of
from colang_interpreter.v2.model import NOTHING, Action, Event, Head, Instance

if TYPE_CHECKING:
    from colang_interpreter.v2.instructions import EventPattern

_PLAIN: Final[tuple[()]] = ()
"""The key of waiters that are filed under no value."""


class Waiter:
    """One head (or one member of the group it waits for) in the index."""

    __slots__ = (
        "arrival",
        "expected",
        "head",
        "key",
        "leaf",
        "name",
        "pattern",
        "target",
        "uid",
        "variable",
    )

    def __init__(self, head: Head, pattern: EventPattern, leaf: int, arrival: int) -> None:
        self.head = head
        self.pattern = pattern
        self.leaf = leaf  # index of the group member, -1 for a single wait
        self.arrival = arrival
        self.name = ""  # name of the event waited for
        self.expected: dict[str, Any] | None = None  # None: evaluated when an event arrives
        self.target: Instance | Action | None = None  # whose event it must be, if that is known
        self.uid: str | None = None  # of the flow instance the event must be about
        self.key: Key | tuple[()] | None = None  # where it is filed, if it is
        self.variable: str | None = None  # local variable whose value is the key

    @property
    def known(self) -> dict[str, Any]:
        """Expected parameters known since it parked: what the instance or action it waits for says of itself."""
        target = self.target
        if isinstance(target, Action):
            return {"action_arguments": target.arguments} if target.arguments else {}
        if target is not None:
            return {
                "source_flow_instance_uid": target.uid,
                "flow_instance_uid": target.uid,
                "flow_id": target.flow.name,
                **target.arguments,
            }
        pattern = self.pattern
        if self.uid is None:
            return {"flow_id": pattern.name} if pattern.kind == "flow" else {}
        if pattern.member == "Started":
            return {"flow_id": pattern.name, "flow_instance_uid": self.uid}
        return {"flow_instance_uid": self.uid}

    @property
    def order(self) -> tuple[int, tuple[int, ...], int]:
        """Candidates are looked at in this order (6.4 step 3)."""
        priority, position = self.head.instance.order_key
        return (priority, position, self.arrival)


Filed: TypeAlias = dict[Any, Few[Waiter]]
"""Waiters by a value."""


class _NameIndex:
    """The waiters for one event name."""

    __slots__ = ("keyed", "plain")

    def __init__(self) -> None:
        self.plain: Few[Waiter] = None
        self.keyed: dict[str, Filed] = NOTHING  # by a parameter and its value


class Index:
    """All waiters of one conversation."""

    __slots__ = ("_flows", "_names", "arrivals")

    def __init__(self) -> None:
        self._flows: Filed = {}  # who waits for an announcement of a flow instance, by its uid
        self._names: dict[str, _NameIndex] = {}
        self.arrivals = 0

    def next_arrival(self) -> int:
        """Number the waiters in the order in which they come."""
        self.arrivals += 1
        return self.arrivals

    # -------------------------------------------------- filing

    def add(self, waiter: Waiter) -> None:
        """File a waiter whose `name`, `expected`, `target` and `uid` are set."""
        key = waiter.key = _key_of(waiter) if waiter.uid is None else waiter.uid
        if isinstance(key, str):
            _put(self._flows, key, waiter)
            return
        table = self._names.get(waiter.name)
        if table is None:
            table = self._names[waiter.name] = _NameIndex()
        if key:
            parameter, value = key
            if table.keyed is NOTHING:
                table.keyed = {}
            _put(table.keyed.setdefault(parameter, {}), value, waiter)
        else:
            table.plain = with_one(table.plain, waiter)

    def remove(self, waiter: Waiter) -> None:
        """Take a waiter out; empty tables go with it."""
        key = waiter.key
        if key is None:
            return
        waiter.key = None
        if isinstance(key, str):
            _take(self._flows, key, waiter)
        else:
            table = self._names[waiter.name]
            if key:
                parameter, value = key
                by_value = table.keyed[parameter]
                _take(by_value, value, waiter)
                if not by_value:
                    del table.keyed[parameter]
            else:
                table.plain = without(table.plain, waiter)
            if table.plain is None and not table.keyed:
                del self._names[waiter.name]
        if waiter.variable is not None:
            watched = waiter.head.instance.watched
            if watched is not None:
                watched.remove(waiter)
            waiter.variable = None

    def refresh(self, instance: Instance, variable: str | None = None) -> None:
        """A local variable was assigned (by default: any of them): file anew who waits for its value."""
        watched = instance.watched or ()
        for waiter in [w for w in watched if variable is None or w.variable == variable]:
            self.remove(waiter)
            self.add(waiter)

    # -------------------------------------------------- finding

    def waits_for(self, name: str) -> bool:
        """Whether any head waits for events of this name, other than announcements of one flow instance."""
        return name in self._names

    def candidates(self, event: Event) -> list[Waiter]:
        """The waiters that may match, in the order of section 6.4 step 3."""
        name, flow = event.name, event.flow
        found: list[Waiter] = []
        if flow is not None:
            _named(found, self._flows.get(event.uid or flow.uid), name)
        elif name in names.FLOW_EVENTS:  # sent by a flow
            uid = event.args.get("flow_instance_uid")
            _named(found, self._flows.get(uid) if type(uid) is str else None, name)
        table = self._names.get(name)
        if table is not None:
            if table.plain is not None:
                found.extend(listed(table.plain))
            for parameter, by_value in table.keyed.items():
                if flow is not None and parameter == "flow_id":  # without spelling the others out
                    value: Any = flow.flow.name
                else:
                    value = event.args.get(parameter, _ABSENT)
                if type(value) in KEY_TYPES and value in by_value:
                    found.extend(listed(by_value[value]))
        if len(found) > 1:
            found.sort(key=_order)
        return found

    def waiting_for(self, uid: str) -> Few[Waiter]:
        """Who waits for an announcement of the flow instance `uid` itself."""
        return self._flows.get(uid)

    def contradicted(self, name: str, uid: str) -> list[Waiter]:
        """Who waits for something else of the instance `uid`, which has just ended with the event `name`."""
        others = [w for w in listed(self._flows.get(uid)) if w.name != name]
        if len(others) > 1:
            others.sort(key=_order)
        return others

    def all_waiters(self) -> Iterable[Waiter]:
        """Every waiter, for inspection (`flows_info`, `State.waits_for`)."""
        for waiters in self._flows.values():
            yield from listed(waiters)
        for table in self._names.values():
            yield from listed(table.plain)
            for by_value in table.keyed.values():
                for waiters in by_value.values():
                    yield from listed(waiters)


def _key_of(waiter: Waiter) -> Key | tuple[()]:
    """Under what to file a waiter that waits for no announcement of one flow instance."""
    target = waiter.target
    if target is not None:  # an action
        return ("action_uid", target.uid)
    pattern = waiter.pattern
    if pattern.key is not None:
        return pattern.key
    instance = waiter.head.instance
    if not pattern.variables or instance.shared_locals:
        return _PLAIN
    for parameter, variable in pattern.variables:
        if instance.globals_read is not None and variable in instance.globals_read:
            continue
        value = instance.locals.get(variable)
        if type(value) in KEY_TYPES:
            waiter.variable = variable
            if instance.watched is None:
                instance.watched = [waiter]
            else:
                instance.watched.append(waiter)
            return key_of(waiter.name, parameter, value)
    return _PLAIN


def _put(table: Filed, value: Any, waiter: Waiter) -> None:
    table[value] = with_one(table.get(value), waiter)


def _take(table: Filed, value: Any, waiter: Waiter) -> None:
    left = without(table[value], waiter)
    if left is None:
        del table[value]


def _named(found: list[Waiter], waiters: Few[Waiter], name: str) -> None:
    if waiters is not None:
        found.extend([waiter for waiter in listed(waiters) if waiter.name == name])


def _order(waiter: Waiter) -> tuple[int, tuple[int, ...], int]:
    return waiter.order


class _Absent:
    pass


_ABSENT = _Absent()
