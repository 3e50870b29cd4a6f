"""What a scenario says, as frozen values. All of them can be built by hand; `loader` reads them from YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

_EMPTY: Mapping[str, Any] = MappingProxyType({})

Side: TypeAlias = Literal["before", "after"]
"""Before or after a migration: where the two versions differ, a turn says so."""


# ---------------------------------------------------------------- what happens


@dataclass(frozen=True, slots=True)
class Say:
    """The user says something."""

    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """Events arrive, all in one call; each has the key ``type``."""

    events: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SetContext:
    """The application sets variables of the conversation."""

    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes: timers run out, and what the front end is busy with comes to its end."""

    seconds: float


Input: TypeAlias = Say | Send | SetContext | Wait


# ---------------------------------------------------------------- what is expected


@dataclass(frozen=True, slots=True)
class Exactly:
    """One text, character by character."""

    text: str

    def accepts(self, text: str) -> bool:
        """Whether the bot's words are as expected."""
        return text == self.text

    def __str__(self) -> str:
        """As a report shows it."""
        return repr(self.text)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several texts, where chance decides."""

    texts: tuple[str, ...]

    def accepts(self, text: str) -> bool:
        """Whether the bot's words are as expected."""
        return text in self.texts

    def __str__(self) -> str:
        """As a report shows it."""
        return "any of " + ", ".join(repr(text) for text in self.texts)


@dataclass(frozen=True, slots=True)
class Fits:
    """A text that fits a regular expression as a whole; the dot stands for line ends too."""

    pattern: str

    def accepts(self, text: str) -> bool:
        """Whether the bot's words are as expected."""
        return re.fullmatch(self.pattern, text, re.DOTALL) is not None

    def __str__(self) -> str:
        """As a report shows it."""
        return f"a text that fits {self.pattern!r}"


ExpectedText: TypeAlias = Exactly | AnyOf | Fits


@dataclass(frozen=True, slots=True)
class Expectation:
    """All the bot says in a turn, in order, and all other events the application gets, in order.

    An event is as expected if it has the expected keys with equal values; it may have more.
    """

    bot: tuple[ExpectedText, ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the language model answers in one turn.

    Either `completions`, given to its calls in order, or meanings that fit whichever prompt asks: the
    two dialects ask for an intent in different words.
    """

    completions: tuple[str, ...] | None = None
    intent: str | None = None  # what the user meant, without "user "
    next: str | None = None  # the bot intent to go on with, without "bot "
    message: str | None = None  # the text of a generated bot message
    messages: Mapping[str, str] = field(default_factory=lambda: _EMPTY)  # by bot intent
    value: Any = None  # of a generated value; a mapping: by variable name
    has_value: bool = False
    tasks: Mapping[str, str] = field(default_factory=lambda: _EMPTY)  # raw, by task name


NO_ANSWERS = Answers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Something happens, and what the bot does because of it."""

    inputs: tuple[Input, ...]
    expected: Expectation
    before: Expectation | None = None  # instead of `expected`, where the two versions differ
    after: Expectation | None = None
    answers: Answers = NO_ANSWERS
    allow_unscripted: bool = (
        False  # calls of the model without an answer are not counted as differences
    )
    line: int = 0  # of the scenario file, from 1; 0 if it was not read from one

    def expected_on(self, side: Side | None) -> Expectation:
        """What is expected of one version."""
        override = self.before if side == "before" else self.after if side == "after" else None
        return self.expected if override is None else override


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Turns in one conversation that begins with the first of them.

    A first turn without inputs tells what the bot does by itself when the conversation starts.
    """

    turns: tuple[Turn, ...]
    title: str = ""
    seed: int = 0  # of random choices
    line: int = 0


@dataclass(frozen=True, slots=True)
class Returns:
    """A canned result of an action."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raises:
    """The action fails, with this message."""

    message: str


Stub: TypeAlias = Returns | Raises


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Conversations with one program.

    Attributes:
        title: One line.
        conversations: Each starts anew.
        from_version: The dialect a migration scenario starts from.
        covers: Tags for those who look for an example of something.
        notes: What is special.
        stubs: Results instead of running the action, by action name: one after the other, the last one
            again and again.
        durations: How long the front end is busy with an action of the bot, in seconds, by action name;
            None: until it is told to stop. Actions that are not named here are performed by the host.
        path: The name of the file it was read from.
    """

    title: str
    conversations: tuple[Conversation, ...]
    from_version: str = "1.0"
    covers: tuple[str, ...] = ()
    notes: str = ""
    stubs: Mapping[str, tuple[Stub, ...]] = field(default_factory=lambda: _EMPTY)
    durations: Mapping[str, float | None] = field(default_factory=lambda: _EMPTY)
    path: str = "<scenario>"
