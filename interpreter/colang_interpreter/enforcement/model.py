"""Values: a rail as it stands in a project, and all rails of a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = 1
"""Of the JSON form."""

KINDS: Final = ("input", "output", "retrieval", "tool_input", "tool_output")
"""What rails of the settings can check, in the order in which they are shown."""

EXECUTION: Final = "execution"
"""The kind of the rails that check what actions are given and give back; they are shown last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action that a rail uses; `path` and `line` are those of its Python code, "" and 0 if it is built in."""

    name: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One rail.

    Attributes:
        kind: What it checks, one of `KINDS`, or `EXECUTION`.
        position: Its place among those of its kind, from 1.
        call: The call as it is written; the decorator of an execution rail.
        flow: Name of the flow; "" of an execution rail, which has one of `actions`.
        path: File of the flow, or of the decorator; "" if there is no such flow.
        line: Line of its definition, from 1; 0 if there is no such flow.
        called_from: Where it is called: a file and a line.
        conditional: It is called below an `if`, `when` or `while`: not for every message.
        actions: The actions it uses, also in flows that it calls.
        needs: What else it needs, for people: models, prompts, services.
        problems: Why it cannot work.
        notes: What else one should know.
    """

    kind: str
    position: int
    call: str
    flow: str
    path: str = ""
    line: int = 0
    called_from: str = ""
    conditional: bool = False
    actions: tuple[Action, ...] = ()
    needs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Nothing is known that keeps it from working."""
        return not self.problems

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "kind": self.kind,
            "position": self.position,
            "call": self.call,
            "flow": self.flow,
            "path": self.path,
            "line": self.line,
            "called_from": self.called_from,
            "conditional": self.conditional,
            "actions": [
                {"name": one.name, "path": one.path, "line": one.line} for one in self.actions
            ],
            "needs": list(self.needs),
            "problems": list(self.problems),
            "notes": list(self.notes),
            "works": self.works,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """All rails of a project, by kind and order.

    Attributes:
        version: The dialect.
        rails: The rails.
        problems: What keeps rails from working, besides what their own `problems` say.
        notes: What else one should know.
    """

    version: str
    rails: tuple[Rail, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Everything that is configured can work."""
        return not self.problems and all(rail.works for rail in self.rails)

    def of_kind(self, kind: str) -> list[Rail]:
        """The rails of one kind, in order."""
        return [rail for rail in self.rails if rail.kind == kind]

    def to_data(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "version": VERSION,
            "dialect": self.version,
            "works": self.works,
            "rails": [rail.to_data() for rail in self.rails],
            "problems": list(self.problems),
            "notes": list(self.notes),
        }
