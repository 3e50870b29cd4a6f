"""The tree of heads of one instance: forks and what replaces them (section 6.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang_interpreter.v2 import lifecycle
from colang_interpreter.v2.errors import scores_of
from colang_interpreter.v2.model import (
    ACTIVE,
    REMOVED,
    Head,
    Region,
)

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def fork_parent(head: Head, fork: int) -> Head:
    """The head that was forked, above one of its descendants."""
    parent = head.parent
    while parent is not None and parent.fork != fork:
        parent = parent.parent
    assert parent is not None, "a merge without its fork"
    return parent


def descendants(head: Head) -> list[Head]:
    """All heads below one, in order."""
    found: list[Head] = []
    for child in head.children:
        found.append(child)
        found.extend(descendants(child))
    return found


def replace_parent(state: State, parent: Head, winner: Head) -> None:
    """The winner's position, scores and handlers go to the parent; the heads of the fork are removed."""
    regions: list[Region] = list(parent.regions)
    for head in descendants(parent):
        for region in head.regions:
            if region not in regions:
                regions.append(region)
        lifecycle.unpark(state, head)
        head.status = REMOVED
    instance = parent.instance
    instance.heads = tuple([h for h in instance.heads if h.status is not REMOVED])
    parent.children = ()
    parent.fork = -1
    parent.status = ACTIVE
    parent.pc = winner.pc
    state.lead(parent, scores_of(state, winner))
    parent.handlers = winner.handlers
    parent.regions = tuple(regions)


def freshen(state: State, head: Head) -> None:
    """Scores of earlier steps do not count (6.3, clean-up)."""
    if head.step != state.step:
        head.scores, head.step = (), state.step


def head_uid(head: Head | None) -> str | None:
    """The `source_head_uid` of an event the head sends."""
    return None if head is None else f"{head.instance.uid}@{head.pc}"
