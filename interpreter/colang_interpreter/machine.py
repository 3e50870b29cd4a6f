"""What the host needs of a machine, whichever dialect it runs.

Both dialects' machines are sans-IO: an event goes in, the machine runs until nothing is left to do, the
events it sends come out. Time enters with each call, chance comes from the seed of the start. So the two
protocols here are all that hosts, sessions, stores, logs and tests know of a machine; how a conversation
begins and which events are actions is the business of the dialect's rules (`host.rules`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

Event: TypeAlias = dict[str, Any]
"""An event outside of a machine: a dictionary with the key ``type``, all other keys are its parameters."""


class Machine(Protocol):
    """The live state of one conversation. Not for two threads at a time; a host keeps the order."""

    @property
    def globals(self) -> dict[str, Any]:
        """The variables of the conversation: 2.x globals, the 1.0 context."""
        ...

    @property
    def history(self) -> Sequence[Event]:
        """The latest events (at most 500), oldest first, for prompts and actions."""
        ...

    @property
    def log(self) -> Sequence[tuple[str, str]]:
        """What the last step wrote, as (channel, text): ``log``, ``print`` and ``notice``."""
        ...

    @property
    def errors(self) -> Sequence[tuple[str, str]]:
        """The runtime errors of the last step, as (kind, text)."""
        ...

    def feed(self, event: Event, *, now: str | None = None) -> list[Event]:
        """Process one event to quiescence; `now` (ISO 8601, UTC) stamps the events that come out."""
        ...

    def dump(self) -> str:
        """The state as text. A value that has no plain form is refused with an error that names it."""
        ...


class Program(Protocol):
    """A compiled program: immutable, shared by all conversations and threads."""

    @property
    def version(self) -> str:
        """The dialect: ``"1.0"`` or ``"2.x"``."""
        ...

    @property
    def digest(self) -> str:
        """Names the exact program; saved states and event logs are bound to it."""
        ...

    @property
    def config(self) -> Any:
        """The configuration the program was compiled with, or None."""
        ...
