"""Conversations found again by their messages: a client that sends back what it received goes on (4.1)."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from colang_interpreter.host.context import current_request, current_session_id
from colang_interpreter.machine import Machine

MAX_REMEMBERED: Final = 1024
"""Conversations whose state is kept."""

_LEFT_OUT: Final = frozenset({"system", "developer", "tool"})


Key: TypeAlias = tuple[int, int]
"""How many messages count, and a hash of them."""


@dataclass(slots=True)
class _Known:
    machine: Machine
    before: Key | None  # key of the conversation it was continued from


class Remembered:
    """Machines after the conversations seen lately, by a hash of the messages.

    System and tool messages do not count. The longest beginning of a conversation is found in time linear in its
    messages. Who knows all texts of a conversation can continue it, and nobody else.
    """

    __slots__ = ("_known", "_limit", "_lock")

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._lock = threading.Lock()  # callers may have event loops in several threads
        self._known: OrderedDict[Key, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, keys: Sequence[Key]) -> tuple[Machine, int, Key] | None:
        """Machine, length and key of the longest known proper beginning of the messages with these `keys_of`."""
        with self._lock:
            for at in range(len(keys) - 2, -1, -1):
                known = self._known.get(keys[at])
                if known is not None:
                    self._known.move_to_end(keys[at])
                    return known.machine, at + 1, keys[at]
        return None

    def keep(self, key: Key, machine: Machine, before: Key | None = None) -> None:
        """Remember the machine after the messages of this key.

        The conversation it continues stays, for who asks its last question again; the one before that goes.
        """
        with self._lock:
            parent = self._known.get(before) if before is not None else None
            if parent is not None and parent.before is not None:
                self._known.pop(parent.before, None)
                parent.before = None
            self._known[key] = _Known(machine, before)
            self._known.move_to_end(key)
            while len(self._known) > self._limit:
                self._known.popitem(last=False)


def scope_key() -> Key:
    """Where keys begin: requests made for different sessions or users (`host.context`) never meet."""
    request = current_request()
    about = json.dumps(dict(request), default=repr, sort_keys=True) if request else ""
    return 0, hash((current_session_id(), about))


def keys_of(messages: Sequence[Mapping[str, Any]], key: Key = (0, 0)) -> list[Key]:
    """The key of each beginning of a message list.

    Hashes of texts are remembered by the texts themselves, so a client in the same process pays for new ones only.
    """
    keys: list[Key] = []
    for message in messages:
        key = next_key(key, message)
        keys.append(key)
    return keys


def next_key(key: Key, message: Mapping[str, Any]) -> Key:
    """The key of a message list that is longer by one message."""
    role = message.get("role")
    if role in _LEFT_OUT:
        return key
    content = message.get("event") if role == "event" else message.get("content")
    more = message.get("tool_calls")
    if more or type(content) is not str:
        content = json.dumps([content, more], default=str)
        role = f"{role} with more"
    return key[0] + 1, hash((key[1], role, content))
