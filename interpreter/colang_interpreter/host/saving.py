"""The saved form of a conversation: the machine's dump, and what the host had going on around it.

Text, JSON, versioned. It may come from anywhere, so each field is checked when it is read; it never
carries code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from colang_interpreter.dynamic import is_dict
from colang_interpreter.host.channels import duration_of
from colang_interpreter.host.log import LogError, decode, encode
from colang_interpreter.machine import Event

SAVE_VERSION = 1


class ConversationError(Exception):
    """A conversation cannot do what was asked: it is closed, busy, or its saved text is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One conversation between two turns.

    Attributes:
        name: What it is called.
        seed: Of its uids and random choices.
        machine: The machine's dump; None if the conversation had not begun.
        overdue: Events that had arrived and were not processed yet.
        running: Start events of Python actions that were running.
        lasting: Start events of lasting actions the host performs.
        timers: Start events of timers, and the seconds they had left.
        utterances: How many the user has made.
    """

    name: str | None
    seed: int
    utterances: int = 0
    machine: str | None = None
    overdue: list[Event] = field(default_factory=list[Event])
    running: list[Event] = field(default_factory=list[Event])
    lasting: list[Event] = field(default_factory=list[Event])
    timers: list[tuple[Event, float]] = field(default_factory=list[tuple[Event, float]])

    def dump(self) -> str:
        """As text.

        Raises:
            ConversationError: An event holds a value without a plain form.
        """
        parts = {
            "colang_conversation": SAVE_VERSION,
            "name": self.name,
            "seed": self.seed,
            "utterances": self.utterances,
            "machine": self.machine,
            "overdue": encode(self.overdue),
            "running": encode(self.running),
            "lasting": encode(self.lasting),
            "timers": [[encode(event), seconds] for event, seconds in self.timers],
        }
        text = json.dumps(parts, ensure_ascii=False)
        if _OPAQUE in text:  # quotes within texts are escaped, so this is not one
            kind = text.split(_OPAQUE, 1)[1].split('"', 1)[0]
            raise ConversationError(
                f"the conversation cannot be saved: an event holds a {kind},"
                " which has no plain form; let the action return plain data"
            )
        return text

    @classmethod
    def load(cls, text: str) -> Saved:
        """What `dump` has written; the dump of a machine alone will do too.

        Raises:
            ConversationError: The text is something else.

        >>> Saved.load(Saved(name="kim", seed=7).dump()).seed
        7
        """
        try:
            read: Any = json.loads(text)
        except (TypeError, ValueError, RecursionError) as problem:
            raise ConversationError(f"this is no saved conversation: {problem}") from problem
        parts: dict[str, Any] = read if is_dict(read) else {}
        if parts and "colang_conversation" not in parts:
            return cls(name=None, seed=0, machine=text)
        if parts.get("colang_conversation") != SAVE_VERSION:
            raise ConversationError(f"this is no saved conversation of version {SAVE_VERSION}")
        try:
            return cls(
                name=None if parts["name"] is None else _a(str, parts["name"]),
                seed=_a(int, parts["seed"]),
                utterances=_a(int, parts["utterances"]),
                machine=None if parts["machine"] is None else _a(str, parts["machine"]),
                overdue=_events(parts["overdue"]),
                running=_events(parts["running"]),
                lasting=_events(parts["lasting"]),
                timers=[(checked(decode(e)), duration_of(s)) for e, s in _a(list, parts["timers"])],
            )
        except (KeyError, TypeError, ValueError, LogError, RecursionError) as problem:
            raise ConversationError(f"the saved conversation is damaged: {problem}") from problem


_OPAQUE = '{"$opaque": "'


def checked(event: Any) -> Event:
    """The event, if it is one.

    Raises:
        ValueError: It is not a dictionary with a text under ``type``.
    """
    if not is_dict(event) or not isinstance(event.get("type"), str) or not event["type"]:
        raise ValueError(f"an event is a dictionary with a text under `type`, not {event!r:.80}")
    return event


def _a(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r:.40} where {kind.__name__} belongs")
    return value


def _events(value: Any) -> list[Event]:
    return [checked(decode(event)) for event in _a(list, value)]
