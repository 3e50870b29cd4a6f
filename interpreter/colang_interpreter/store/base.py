"""What a store of conversations is: the protocol, what it gives, and how it refuses.

A conversation has a version, a whole number. Whoever stores a turn says which version the turn began from;
if the conversation has another one by then, nothing is stored. So of two writers one is told, and neither
overwrites the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from colang_interpreter.machine import Event

MAX_ID = 1000
"""Characters of a conversation id."""


class StoreError(Exception):
    """A store cannot do what was asked; the text says why and what to do. Nothing was stored."""


class ConflictError(StoreError):
    """Somebody else has stored a turn of this conversation meanwhile: the update was refused.

    Attributes:
        conversation_id: Which conversation.
        expected: The version the refused turn began from; 0 if it was to be the first.
        found: The version the conversation has; 0 if it does not exist.

    Example:
        >>> print(ConflictError("kim", expected=3, found=5))
        conversation 'kim' has changed: it is at version 5, not 3; nothing was stored. Load it again and repeat the turn
    """

    def __init__(self, conversation_id: str, *, expected: int, found: int) -> None:
        """Word it; the parts are kept."""
        if found == 0:
            what = f"does not exist any more (version {expected} was expected)"
        elif expected == 0:
            what = f"exists already, at version {found}"
        else:
            what = f"has changed: it is at version {found}, not {expected}"
        super().__init__(
            f"conversation {conversation_id!r} {what}; nothing was stored."
            " Load it again and repeat the turn"
        )
        self.conversation_id = conversation_id
        self.expected = expected
        self.found = found


class EventValueError(StoreError, ValueError):
    """An event cannot be stored: it is no event, or a value in it has no plain form."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A conversation as it was loaded.

    Attributes:
        conversation_id: Which one.
        version: To be handed back when the next turn is stored; 0 if there is no such conversation yet.
        events: Its history, oldest first: a list of your own, to be appended to.
        state: Its saved state, the text of `Session.dump`; None if none was stored.
    """

    conversation_id: str
    version: int = 0
    events: list[Event] = field(default_factory=list[Event])
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list.

    Attributes:
        conversation_id: Which one.
        version: Its version.
        updated_at: When its last turn was stored, ISO 8601, UTC; None if the store does not know.
    """

    conversation_id: str
    version: int
    updated_at: str | None = None


class Store(Protocol):
    """Where conversations are kept. Any object with these five methods will do.

    All methods may be called from several threads at once and may block; `AsyncStore` makes coroutines of
    them. A call that returns has stored its turn for good; a call that raises has stored nothing. What an
    implementation has to promise beyond that:

    * ``append`` and ``save`` compare the version and write in one transaction;
    * a version is never used twice for the same id, not even after ``delete``;
    * events come back equal to `plain` of what went in, in order.
    """

    def load(self, conversation_id: str) -> Stored:
        """The conversation; an empty one of version 0 if there is none."""
        ...

    def append(
        self,
        conversation_id: str,
        new_events: Iterable[Mapping[str, Any]],
        expected_version: int,
        *,
        state: str | None = None,
    ) -> int:
        """Store a turn: add events at the end, and replace the saved state if one is given.

        Returns:
            The new version.

        Raises:
            ConflictError: The conversation is not at `expected_version`.
            EventValueError: An event cannot be stored.
            StoreError: The database fails.
        """
        ...

    def save(self, conversation_id: str, state: str, expected_version: int) -> int:
        """Store a turn of a conversation that is kept as a saved state: replace it. As for `append`."""
        ...

    def delete(self, conversation_id: str) -> bool:
        """Forget the conversation; whether there was one."""
        ...

    def list(self, *, after: str = "", limit: int = 1000) -> tuple[Summary, ...]:
        """Up to `limit` conversations whose ids come after `after`, in the order of their ids."""
        ...


def checked_id(conversation_id: str) -> str:
    """The id, if it can be one.

    Raises:
        StoreError: It is no text of 1 to `MAX_ID` characters.
    """
    if not isinstance(conversation_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(
            f"the id of a conversation is a text, not {type(conversation_id).__name__}"
        )
    if not 0 < len(conversation_id) <= MAX_ID:
        raise StoreError(f"the id of a conversation has 1 to {MAX_ID} characters")
    try:
        conversation_id.encode()
    except UnicodeEncodeError:
        raise StoreError(
            f"the id {conversation_id!r} of a conversation has half a character"
        ) from None
    return conversation_id


def checked_version(expected_version: int) -> int:
    """The version, if it can be one.

    Raises:
        StoreError: It is no whole number from 0.
    """
    # A boolean here is a mistake of the caller, e.g. the result of `delete`.
    if type(expected_version) is not int or expected_version < 0:
        raise StoreError(
            f"the expected version is the one that `load` gave, not {expected_version!r:.40}"
        )
    return expected_version


def checked_state(state: str) -> str:
    """The saved state, if it can be one.

    Raises:
        StoreError: It is no text.
    """
    if not isinstance(state, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(f"a saved state is the text that `dump` gives, not {type(state).__name__}")
    return state
