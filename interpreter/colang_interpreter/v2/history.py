"""The recent events of a conversation (7.2), packed: it keeps hundreds of them, and hardly anybody ever looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

SIZE: Final = 500
"""How many recent events a conversation remembers (7.2)."""

_Names: TypeAlias = tuple[str, ...]
_Packed: TypeAlias = tuple[Any, ...]  # the names of its fields, then their values

_MAX_SHAPES: Final = 1000
_MAX_TEXT: Final = 1000  # characters in the names of an event whose names are kept
# Events of one kind have the same fields: their names are kept once.
_shapes: dict[_Names, _Names] = {}


class History:
    """The last `SIZE` events, oldest first.

    Attributes:
        count: How many events were added over all.
    """

    __slots__ = ("_events", "count")

    def __init__(self) -> None:
        self._events: list[_Packed] = []
        self.count = 0

    def add(self, event: Mapping[str, Any]) -> None:
        """Remember an event; its fields are copied, their values are not."""
        names = tuple(event)
        known = _shapes.get(names)
        if known is None:
            known = names
            if len(names) + sum(map(len, names)) <= _MAX_TEXT:
                if len(_shapes) >= _MAX_SHAPES:
                    _shapes.clear()
                _shapes[names] = names
        self._events.append((known, *event.values()))
        self.count += 1
        if len(self._events) >= 2 * SIZE:
            del self._events[:-SIZE]

    def events(self) -> list[dict[str, Any]]:
        """All that it holds, as new dictionaries.

        >>> history = History()
        >>> history.add({"type": "Ping"})
        >>> history.add({"type": "Pong", "n": 1})
        >>> history.events()
        [{'type': 'Ping'}, {'type': 'Pong', 'n': 1}]
        """
        return self.excerpt(0)()

    def excerpt(self, after: int) -> Callable[[], list[dict[str, Any]]]:
        """Of the events that it holds now, those that were added when `count` was `after` or more; for whoever asks.

        >>> history = History()
        >>> history.add({"type": "Ping"})
        >>> since_ping = history.count
        >>> history.add({"type": "Pong"})
        >>> history.excerpt(since_ping)(), history.excerpt(history.count)()
        ([{'type': 'Pong'}], [])
        """
        wanted = min(self.count - after, SIZE)
        return partial(_unpacked, self._events[-wanted:] if wanted > 0 else [])


def _unpacked(events: Sequence[_Packed]) -> list[dict[str, Any]]:
    return [dict(zip(names, values, strict=True)) for names, *values in events]
