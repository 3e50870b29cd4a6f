"""Conversations found again by their messages: a client that sends back what it received goes on (4.1)."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from colang_interpreter.machine import Machine

MAX_REMEMBERED: Final = 1024
"""Conversations whose state is kept."""

_LEFT_OUT: Final = frozenset({"system", "developer", "tool"})


@dataclass(slots=True)
class _Known:
    machine: Machine
    before: bytes | None  # key of the conversation it was continued from


class Remembered:
    """Machines after the conversations seen lately, by a digest of the messages.

    System and tool messages do not count. The longest beginning of a conversation is found in time linear in its
    messages. A digest stands for the messages: who knows all texts of a conversation can continue it, and nobody else.
    """

    __slots__ = ("_known", "_limit")

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, messages: Sequence[Mapping[str, Any]]) -> tuple[Machine, int, bytes] | None:
        """Machine, length and key of the longest known proper beginning of `messages`."""
        found: tuple[int, bytes] | None = None
        for length, key in enumerate(_keys(messages[:-1]), 1):
            if key in self._known:
                found = (length, key)
        if found is None:
            return None
        self._known.move_to_end(found[1])
        return self._known[found[1]].machine, *found

    def keep(
        self,
        messages: Sequence[Mapping[str, Any]],
        machine: Machine,
        before: bytes | None = None,
    ) -> None:
        """Remember the machine after `messages`.

        The conversation it continues stays, for who asks its last question again; the one before that goes.
        """
        key = _keys(messages)[-1]
        parent = self._known.get(before) if before is not None else None
        if parent is not None and parent.before is not None:
            self._known.pop(parent.before, None)
            parent.before = None
        self._known[key] = _Known(machine, before)
        self._known.move_to_end(key)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)


def _keys(messages: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The key of each beginning of a message list."""
    running = hashlib.blake2b(digest_size=16)
    keys: list[bytes] = []
    for message in messages:
        role = str(message.get("role"))
        if role not in _LEFT_OUT:
            content = message.get("event") if role == "event" else message.get("content")
            more = message.get("tool_calls")
            text = json.dumps([role, content, more] if more else [role, content], default=str)
            running.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        keys.append(running.digest())
    return keys
