"""What happened in a turn, for people and reports: steps of the machine, actions, and remarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from colang_interpreter.machine import Event

if TYPE_CHECKING:
    from colang_interpreter.tracing.decisions import Decision
    from colang_interpreter.tracing.model_calls import ModelCall

NoteKind = Literal["refused", "limit", "failed", "cancelled", "error"]


# Steps and actions are many: a named tuple costs a quarter of a frozen dataclass.


class Step(NamedTuple):
    """One event fed to the machine, and what came out; `event` is None for the start of `main`."""

    event: Event | None
    outgoing: tuple[Event, ...]
    now: str
    log: tuple[tuple[str, str], ...] = ()  # (channel, text): "log", "print", "notice"


class ActionRun(NamedTuple):
    """One Python action that has ended."""

    name: str
    uid: str
    arguments: Mapping[str, Any]
    where: str  # file and line of the function
    return_value: Any
    failure: str | None
    started_at: str
    finished_at: str
    error: BaseException | None = None  # what the function raised


@dataclass(frozen=True, slots=True)
class Note:
    """A remark the host has to make: something was refused, cut off, or went wrong."""

    kind: NoteKind
    text: str


@dataclass(slots=True)
class Trace:
    """The record of one turn, in order."""

    steps: list[Step] = field(default_factory=list[Step])
    actions: list[ActionRun] = field(default_factory=list[ActionRun])
    notes: list[Note] = field(default_factory=list[Note])
    model_calls: list[ModelCall] = field(default_factory=list["ModelCall"])
    judged: Callable[[], list[Decision]] | None = field(default=None, repr=False, compare=False)
    """How to read off the `decisions`, until somebody has asked for them: most turns are never looked at."""
    _decisions: list[Decision] = field(default_factory=list["Decision"], init=False)

    @property
    def decisions(self) -> list[Decision]:
        """What the rails made of the messages of this turn."""
        if self.judged is not None:
            self._decisions, self.judged = self.judged(), None
        return self._decisions
