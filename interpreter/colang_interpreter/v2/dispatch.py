"""Which heads wait for what: the index that finds the candidates for an event without a scan.

Waiters are filed under the event name and, where the pattern names one, under a parameter value that cannot
change unnoticed: a literal, the uid a reference is bound to, or the value of a local variable (refiled when
the variable is assigned). Everything else is tested one by one when the event arrives (section 6.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from colang_interpreter.v2 import names
from colang_interpreter.v2.model import Event, Head, Instance

if TYPE_CHECKING:
    from colang_interpreter.v2.instructions import EventPattern

_KEY_TYPES = (str, int, bool, type(None))
_PREFERRED = ("action_uid", "flow_instance_uid", "flow_id", "event", "final_transcript")
Bucket = dict["Waiter", None]


class Waiter:
    """One head (or one member of the group it waits for) in the index."""

    __slots__ = (
        "arrival",
        "bound",
        "expected",
        "extra",
        "filed",
        "head",
        "key",
        "leaf",
        "name",
        "pattern",
        "target",
        "variable",
    )

    def __init__(self, head: Head, pattern: EventPattern, leaf: int, arrival: int) -> None:
        self.head = head
        self.pattern = pattern
        self.leaf = leaf  # index of the group member, -1 for a single wait
        self.arrival = arrival
        self.name = ""  # name of the event waited for
        self.expected: dict[str, Any] | None = None  # None: evaluated when an event arrives
        self.extra: dict[
            str, Any
        ] = {}  # expected parameters known at parking (bound uids and the like)
        self.bound: str | None = None  # action uid the event must carry
        self.target: Instance | None = None  # instance a flow event must be about
        self.key: tuple[str, Any] | None = None
        self.variable: str | None = None  # local variable whose value is the key
        self.filed = False

    @property
    def order(self) -> tuple[int, tuple[int, ...], int]:
        """Candidates are looked at in this order (6.4 step 3)."""
        priority, position = self.head.instance.order_key
        return (priority, position, self.arrival)


class _NameIndex:
    """The waiters for one event name."""

    __slots__ = ("keyed", "plain")

    def __init__(self) -> None:
        self.plain: Bucket = {}
        self.keyed: dict[str, dict[Any, Waiter | Bucket]] = {}


class Index:
    """All waiters of one conversation."""

    __slots__ = ("_names", "arrivals")

    def __init__(self) -> None:
        self._names: dict[str, _NameIndex] = {}
        self.arrivals = 0

    def next_arrival(self) -> int:
        """Number the waiters in the order in which they come."""
        self.arrivals += 1
        return self.arrivals

    # -------------------------------------------------- filing

    def add(self, waiter: Waiter) -> None:
        """File a waiter whose `name`, `expected`, `bound` and `target` are set."""
        self._choose_key(waiter)
        table = self._names.get(waiter.name)
        if table is None:
            table = self._names[waiter.name] = _NameIndex()
        waiter.filed = True
        if waiter.key is None:
            table.plain[waiter] = None
            return
        parameter, value = waiter.key
        by_value = table.keyed.setdefault(parameter, {})
        found = by_value.get(value)
        if found is None:
            by_value[value] = waiter  # one waiter needs no bucket, and mostly there is one
        elif isinstance(found, Waiter):
            by_value[value] = {found: None, waiter: None}
        else:
            found[waiter] = None

    def remove(self, waiter: Waiter) -> None:
        """Take a waiter out; empty tables go with it."""
        if not waiter.filed:
            return
        waiter.filed = False
        table = self._names[waiter.name]
        if waiter.key is None:
            del table.plain[waiter]
        else:
            parameter, value = waiter.key
            by_value = table.keyed[parameter]
            found = by_value[value]
            if not isinstance(found, Waiter):
                del found[waiter]
            if isinstance(found, Waiter) or not found:
                del by_value[value]
                if not by_value:
                    del table.keyed[parameter]
        if not table.plain and not table.keyed:
            del self._names[waiter.name]
        if waiter.variable is not None:
            watched = waiter.head.instance.watched
            if watched is not None:
                entries = watched[waiter.variable]
                entries.remove(waiter)
                if not entries:
                    del watched[waiter.variable]
            waiter.variable = None

    def refresh(self, instance: Instance, variable: str) -> None:
        """A local variable was assigned: file anew who waits for its value."""
        watched = instance.watched
        for waiter in list(watched.get(variable, ())) if watched is not None else ():
            self.remove(waiter)
            self.add(waiter)

    def _choose_key(self, waiter: Waiter) -> None:
        waiter.key = None
        if waiter.bound is not None:
            waiter.key = ("action_uid", waiter.bound)
            return
        if "flow_instance_uid" in waiter.extra:
            waiter.key = ("flow_instance_uid", waiter.extra["flow_instance_uid"])
            return
        expected = waiter.expected
        if expected is not None:
            for parameter in _PREFERRED:
                value = expected.get(parameter, _ABSENT)
                if value is not _ABSENT and type(value) in _KEY_TYPES:
                    waiter.key = (parameter, value)
                    return
            for parameter, value in expected.items():
                if type(value) in _KEY_TYPES:
                    waiter.key = (parameter, value)
                    return
            return
        for parameter, value in waiter.extra.items():
            if type(value) in _KEY_TYPES:
                waiter.key = (parameter, value)
                return
        for parameter, value in waiter.pattern.constants.items():
            if type(value) in _KEY_TYPES:
                waiter.key = (parameter, value)
                return
        instance = waiter.head.instance
        if instance.shared_locals:
            return
        for parameter, variable in waiter.pattern.variables:
            if instance.globals_read is not None and variable in instance.globals_read:
                continue
            value = instance.locals.get(variable)
            if type(value) in _KEY_TYPES:
                waiter.key = (parameter, value)
                waiter.variable = variable
                if instance.watched is None:
                    instance.watched = {}
                instance.watched.setdefault(variable, []).append(waiter)
                return

    # -------------------------------------------------- finding

    def waits_for(self, name: str) -> bool:
        """Whether any head waits for events of this name."""
        return name in self._names

    def candidates(self, event: Event) -> list[Waiter]:
        """The waiters that may match, in the order of section 6.4 step 3."""
        table = self._names.get(event.name)
        if table is None:
            return []
        found = list(table.plain)
        if table.keyed:
            args = event.args
            for parameter, by_value in table.keyed.items():
                value = args.get(parameter, _ABSENT)
                if value is not _ABSENT and type(value) in _KEY_TYPES:
                    _collect(found, by_value.get(value))
        if len(found) > 1:
            found.sort(key=_order)
        return found

    def flow_candidates(self, event: Event) -> list[Waiter]:
        """Candidates for FlowStarted, FlowFinished, FlowFailed announced by the core.

        The same as `candidates`, but the parameters of the event need not be spelled out for the common
        patterns, which name an instance or a flow.
        """
        table = self._names.get(event.name)
        if table is None:
            return []
        found = list(table.plain)
        flow = event.flow
        assert flow is not None
        for parameter, by_value in table.keyed.items():
            if parameter == "flow_instance_uid":
                bucket = by_value.get(event.uid or flow.uid)
            elif parameter == "flow_id":
                bucket = by_value.get(flow.flow.name)
            else:
                value = event.args.get(parameter, _ABSENT)
                bucket = by_value.get(value) if type(value) in _KEY_TYPES else None
            _collect(found, bucket)
        if len(found) > 1:
            found.sort(key=_order)
        return found

    def contradicted(self, name: str, uid: str) -> list[Waiter]:
        """Waiters for event `name` of the instance `uid`: those an opposite announcement disappoints."""
        table = self._names.get(name)
        if table is None:
            return []
        by_value = table.keyed.get("flow_instance_uid")
        if by_value is None:
            return []
        found: list[Waiter] = []
        _collect(found, by_value.get(uid))
        return sorted(found, key=_order)

    def all_waiters(self) -> Iterable[Waiter]:
        """Every waiter, for inspection (`flows_info`, `State.waits_for`)."""
        for table in self._names.values():
            yield from table.plain
            for by_value in table.keyed.values():
                for bucket in by_value.values():
                    if isinstance(bucket, Waiter):
                        yield bucket
                    else:
                        yield from bucket

    def waited_names(self) -> frozenset[str]:
        """Names of events somebody waits for."""
        return frozenset(self._names) - names.INTERNAL_EVENTS


def _collect(found: list[Waiter], bucket: Waiter | Bucket | None) -> None:
    if isinstance(bucket, Waiter):
        found.append(bucket)
    elif bucket is not None:
        found.extend(bucket)


def _order(waiter: Waiter) -> tuple[int, tuple[int, ...], int]:
    return waiter.order


class _Absent:
    pass


_ABSENT = _Absent()
