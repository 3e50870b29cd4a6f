"""Errors of flows at run time: a ColangError event and the failure of the flow (section 6.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang_interpreter.v2 import lifecycle, names
from colang_interpreter.v2.model import Event, Head, Instance, Scores

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


class ColangRuntimeError(Exception):
    """Something a flow does is wrong; `kind` is the `type` of the ColangError event."""

    def __init__(self, message: str, kind: str = "ColangRuntimeError") -> None:
        super().__init__(message)
        self.kind = kind


def runtime_error(state: State, head: Head, message: str, kind: str) -> None:
    """Report a ColangError and abort the flow; no handler within the flow catches it.

    The head stops where it is. The flow is aborted when all reactions to the ColangError are done: whoever
    watches for errors may speak before the failure takes him down with the callers of the flow.
    """
    instruction = head.instruction
    line = instruction.line if instruction is not None else head.instance.flow.line
    report(state, head.instance, message, kind, line)
    lifecycle.unpark(state, head)
    state.failing.append((head.instance, scores_of(state, head)))


def report(state: State, instance: Instance, message: str, kind: str, line: int) -> None:
    """Enqueue the ColangError event, with flow, file and line in its text."""
    flow = instance.flow
    text = f"{message} (flow `{flow.name}`, {flow.path}:{line})"
    state.queue.append(Event(names.COLANG_ERROR, {"type": kind, "error": text}))
    state.errors.append((kind, text))
    if state.rails is not None:
        state.rails.erred(instance, text)


def scores_of(state: State, head: Head) -> Scores:
    """The scores of a head; those of earlier steps do not count (6.3, clean-up)."""
    return head.scores if head.step == state.step else ()
