"""What happened in a turn, for people and reports: steps of the machine, actions, and remarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from colang_interpreter.machine import Event

if TYPE_CHECKING:
    from colang_interpreter.tracing.decisions import Decision
    from colang_interpreter.tracing.executions import Check
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


class Trace:
    """The record of one turn, in order.

    Attributes:
        steps: Of the machine.
        actions: Python actions that have ended.
        notes: What the host had to remark.
        model_calls: Calls of language models.
        checks: What execution rails have decided.
        judged: How to read off the `decisions`, until somebody has asked for them: most turns are never looked at.
    """

    __slots__ = ("_decisions", "actions", "checks", "judged", "model_calls", "notes", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.actions: list[ActionRun] = []
        self.notes: list[Note] = []
        self.model_calls: list[ModelCall] = []
        self.checks: list[Check] = []
        self.judged: Callable[[], list[Decision]] | None = None
        self._decisions: list[Decision] = []

    @property
    def decisions(self) -> list[Decision]:
        """What the rails made of the messages of this turn."""
        if self.judged is not None:
            self._decisions, self.judged = self.judged(), None
        return self._decisions
