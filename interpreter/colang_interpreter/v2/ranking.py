"""Comparing heads by the scores of the matches that led to them (sections 6.5 and 6.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang_interpreter.v2.model import Head

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def ranked(heads: list[Head]) -> list[Head]:
    """Heads by their score lists, padded with 1.0 to equal length; best first, stable."""
    length = max(len(head.scores) for head in heads)
    return sorted(
        heads, key=lambda h: (*h.scores, *([1.0] * (length - len(h.scores)))), reverse=True
    )


def choose(state: State, heads: list[Head]) -> Head:
    """The head with the best scores; among those at the top with equal lists one by chance."""
    if len(heads) == 1:
        return heads[0]
    order = ranked(heads)
    best = order[0].scores
    equal = [order[0]]
    for head in order[1:]:
        if head.scores != best:
            break
        equal.append(head)
    return equal[0] if len(equal) == 1 else equal[state.randint(len(equal))]
