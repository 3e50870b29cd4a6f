"""The values of a verification, from the conversations that are held to what came of them.

    sources, generating  ->  Trial  ->  playing (each side)  ->  Record ...  ->  comparing  ->  Result
    watching             ->  Coverage ----------------------------------------------------->  Verification

A `Trial` is one conversation with all that stands in for the world. Both bots hold it; each leaves one `Record`
a turn. Comparing two lists of records gives a `Result`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from colang.scenario import Conversation, Stub
from colang_interpreter.machine import Event

Origin: TypeAlias = Literal["scenario", "log", "generated"]
Mode: TypeAlias = Literal["benign", "adverse", "raising"]
"""What stands in for actions and rails nobody has scripted: all is well, all is refused, all fails."""

Outcome: TypeAlias = Literal["equal", "accepted", "different"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One conversation, to be held with both bots.

    Attributes:
        title: What it is about, for people.
        conversation: Turns, with what the model means to say in each.
        stubs: Results of actions by their name in the old bot, one after the other, the last one for ever.
        durations: How long the front end is busy with an action of the bot; see `Scenario`.
        mode: What everything else does that would ask the world.
        place: File and line it was read from; empty if it was generated.
    """

    title: str
    conversation: Conversation
    origin: Origin = "generated"
    mode: Mode = "benign"
    stubs: Mapping[str, tuple[Stub, ...]] = field(default_factory=lambda: _NOTHING)
    durations: Mapping[str, float | None] = field(default_factory=lambda: _NOTHING)
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one bot did in one turn, as a user and an application see it, and how it came to that.

    Attributes:
        number: From 1; 0 is the beginning of the conversation.
        inputs: What happened, worded for people.
        said: Its utterances, in order.
        events: The other events that left, in order.
        inside: Actions, model calls and remarks, worded for people; not compared.
        failed: Actions that raised.
        blocked: Kinds of rails (``input``, ``output``, ...) that stopped a message.
        expected: What a scenario expects of this side alone, if it says so, was met (None: it does not say).
        flows: Flows of the old bot that began or decided something.
        was_predicted: The model was asked how to go on.
        inside_errors: Whether something went wrong inside that the user is not told.
        broken: Why the turn did not come to its end; empty if it did.
    """

    number: int
    inputs: tuple[str, ...]
    said: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    inside: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    blocked: frozenset[str] = frozenset()
    expected: bool | None = None
    flows: frozenset[str] = frozenset()
    was_predicted: bool = False
    inside_errors: bool = False
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one trial.

    Attributes:
        turn: Number of the first turn that differs, in an accepted way or not; None if all are equal.
        reason: Why it differs, for people; the code is M902, or M903 if it is known and accepted.
        old: The records up to that turn, of each side.
    """

    trial: Trial
    outcome: Outcome
    turn: int | None = None
    reason: str = ""
    old: tuple[Record, ...] = ()
    new: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Missing:
    """A flow or a branch of the old bot that no conversation has reached."""

    path: str
    line: int
    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the old bot the conversations have reached."""

    flows: int = 0
    flows_reached: int = 0
    branches: int = 0
    branches_reached: int = 0
    missing: tuple[Missing, ...] = ()
