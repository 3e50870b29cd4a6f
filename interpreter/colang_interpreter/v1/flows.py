"""Registered flows of a Colang 1.0 program: attributes, triggers, and an index of what starts them.

Section 10.1 of the Colang 1.0 specification. Values here are immutable and shared by all conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.v1 import elements as e

ANY: Final = "..."
WILDCARDS: Final = frozenset({ANY, "*"})
"""Intents that match every intent; `*` is what `something` is read as (R3)."""

BASE_TRIGGERS: Final = frozenset(
    {"UserIntent", "BotIntent", "run_action", "InternalSystemActionFinished"}
)

Key = tuple[str, str | None]
"""Type of an event, and the intent or action name it must carry (None: any)."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One registered flow.

    Attributes:
        id: Its name.
        number: Place in the order of registration; earlier flows are considered first.
        elements: What it runs.
        triggers: Types of events that advance, interrupt or abort a running instance.
        starts: What may start it, leading conditions taken both ways.
    """

    id: str
    number: int
    elements: tuple[e.Element, ...] = field(repr=False)
    priority: float = 1.0
    is_extension: bool = False
    is_interruptible: bool = True
    is_subflow: bool = False
    allow_multiple: bool = False
    triggers: frozenset[str] = field(default=BASE_TRIGGERS, repr=False)
    starts: frozenset[Key] = field(default=frozenset(), repr=False)
    source: str = field(default="", repr=False)
    path: str = field(default="", repr=False)
    line: int = 0


def flow_of(
    flow: e.FlowElements, number: int, *, subflow: bool = False, path: str = "", line: int = 0
) -> Flow:
    """Register one flow; `subflow` makes it one whatever its definition says (rails, 10.1)."""
    meta = flow.meta
    priority = meta.get("priority", 1.0)
    return Flow(
        id=flow.id,
        number=number,
        elements=flow.elements,
        priority=float(priority) if isinstance(priority, (int, float)) else 1.0,
        is_extension=meta.get("is_extension") is True,
        is_interruptible=meta.get("interruptable", meta.get("is_interruptible", True)) is not False,
        is_subflow=subflow or meta.get("subflow", meta.get("is_subflow")) is True,
        allow_multiple=meta.get("allow_multiple") is True,
        triggers=BASE_TRIGGERS | set(_created(flow.elements)),
        starts=frozenset(first_keys(flow.elements)),
        source=flow.source,
        path=path,
        line=line,
    )


def _created(elements: Iterable[e.Element]) -> Iterator[str]:
    """Types of the events a flow creates."""
    for element in elements:
        if isinstance(element, e.RunAction) and element.name == "create_event":
            event = element.params.get("event")
            if is_mapping(event) and isinstance(event.get("_type"), str):
                yield event["_type"]


def first_keys(elements: Sequence[e.Element]) -> set[Key]:
    """The events the first waiting element may fit, over all outcomes of the conditions before it."""
    found: set[Key] = set()
    seen: set[int] = set()
    todo = [0]
    while todo:
        at = todo.pop()
        if at in seen or not 0 <= at < len(elements):
            continue
        seen.add(at)
        element = elements[at]
        match element:
            case e.If():
                todo += [at + 1, at + element.next_else]
            case e.While():
                todo += [at + 1, at + (element.on_break or 1)]
            case e.Jump():
                if not element.absolute:
                    todo.append(at + element.next)
            case e.Break():
                todo.append(at + (element.on_break or 1))
            case e.Continue():
                todo.append(at + (element.on_continue or 1))
            case e.Set() | e.Check():
                todo.append(at + 1)
            case _:
                found |= set(keys_of(elements, at))
    return found


def keys_of(elements: Sequence[e.Element], at: int) -> Iterator[Key]:
    """The events that the waiting element at a place may fit."""
    element = elements[at]
    match element:
        case e.UserIntent():
            names = element.name if isinstance(element.name, list) else [element.name]
            for name in names:
                yield ("UserIntent", None if name in WILDCARDS else name)
        case e.Utter():
            if isinstance(element.value, str):
                yield ("BotIntent", None if element.value in WILDCARDS else element.value)
        case e.RunAction():
            yield ("InternalSystemActionFinished", element.name)
        case e.MatchEvent():
            yield (element.name, None)
        case e.Branch():
            for offset in element.heads:
                if 0 < at + offset < len(elements):
                    yield from keys_of(elements, at + offset)
        case e.AnyOf():
            for offset in range(1, element.count + 1):
                if at + offset < len(elements):
                    yield from keys_of(elements, at + offset)
        case _:
            pass


class StartIndex:
    """Finds the flows an event may start, without looking at all flows."""

    __slots__ = ("_by_key",)

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._by_key: dict[Key, list[Flow]] = {}
        for flow in flows:
            if not flow.is_subflow:
                for key in flow.starts:
                    self._by_key.setdefault(key, []).append(flow)

    def candidates(self, event: Mapping[str, Any]) -> list[Flow]:
        """Flows whose first element may fit the event, in order of registration."""
        kind = event["type"]
        found = list(self._by_key.get((kind, None), ()))
        name = _NAMED.get(kind)
        if name is not None:
            value = event.get(name)
            if isinstance(value, str):
                found += self._by_key.get((kind, value), ())
        if len(found) > 1:
            unique = {flow.number: flow for flow in found}
            return [unique[number] for number in sorted(unique)]
        return found


_NAMED: Final = {
    "UserIntent": "intent",
    "BotIntent": "intent",
    "InternalSystemActionFinished": "action_name",
}
