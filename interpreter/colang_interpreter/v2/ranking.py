"""Comparing heads by the scores of the matches that led to them (sections 6.5 and 6.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colang_interpreter.v2.model import Head, Scores

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


def listed(scores: Scores) -> tuple[float, ...]:
    """Scores in the order in which they were given.

    >>> listed((((), 1.0), 0.9))
    (1.0, 0.9)
    """
    found: list[float] = []
    left: Any = scores  # a type checker does not narrow a recursive tuple in a loop
    while left:
        left, last = left
        found.append(last)
    return tuple(reversed(found))


def padded(many: Sequence[Scores]) -> list[tuple[float, ...]]:
    """Score lists, spelled out and made equally long with 1.0, so that they can be compared."""
    lists = [listed(scores) for scores in many]
    length = max(map(len, lists))
    return [(*scores, *([1.0] * (length - len(scores)))) for scores in lists]


def ranked(heads: list[Head]) -> list[Head]:
    """Heads by their score lists, padded with 1.0 to equal length; best first, stable."""
    if len(heads) == 1:
        return list(heads)
    keys = padded([head.scores for head in heads])
    order = sorted(range(len(heads)), key=keys.__getitem__, reverse=True)
    return [heads[index] for index in order]


def choose(state: State, heads: list[Head]) -> Head:
    """The head with the best scores; among those at the top with equal lists one by chance."""
    if len(heads) == 1:
        return heads[0]
    order = ranked(heads)
    best = listed(order[0].scores)
    equal = [order[0]]
    for head in order[1:]:
        if listed(head.scores) != best:
            break
        equal.append(head)
    return equal[0] if len(equal) == 1 else equal[state.randint(len(equal))]
