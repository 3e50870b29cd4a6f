"""Match groups: evaluated incrementally, with the outcome the normal form would have (section 5.3).

In the specification a group is a fork with one head for each member of each and-list. Here a group is one
head and one leaf for each member: polynomial, and the same to an observer. An and-list goes on with the
scores of its member that matched last; among complete lists the one with the best scores wins.
"""

from __future__ import annotations

from collections.abc import Sequence

from colang_interpreter.v2.instructions import Formula
from colang_interpreter.v2.model import Leaf, Scores
from colang_interpreter.v2.ranking import padded


def satisfied(formula: Formula, leaves: Sequence[Leaf]) -> bool:
    """Whether the members that matched fulfil the formula."""
    if isinstance(formula, int):
        return leaves[formula].order >= 0
    op, parts = formula
    if op == "and":
        return all(satisfied(part, leaves) for part in parts)
    return any(satisfied(part, leaves) for part in parts)


def impossible(formula: Formula, leaves: Sequence[Leaf]) -> bool:
    """Whether the members that failed make the formula unfulfillable."""
    if isinstance(formula, int):
        return leaves[formula].failed
    op, parts = formula
    if op == "and":
        return any(impossible(part, leaves) for part in parts)
    return all(impossible(part, leaves) for part in parts)


def best_completion(formula: Formula, leaves: Sequence[Leaf]) -> Scores | None:
    """The scores the group goes on with: those of the best complete and-list; None if there is none."""
    candidates = [
        leaf.scores
        for index, leaf in enumerate(leaves)
        if leaf.order >= 0 and _completed_by(formula, leaves, index, leaf.order)[1]
    ]
    if not candidates:
        return None
    if len(candidates) == 1:
        return candidates[0]
    keys = padded(candidates)
    return candidates[keys.index(max(keys))]


def _completed_by(
    formula: Formula, leaves: Sequence[Leaf], last: int, order: int
) -> tuple[bool, bool]:
    """(fulfilled by what matched up to `order`, fulfilled by an and-list whose last member is `last`)."""
    if isinstance(formula, int):
        return 0 <= leaves[formula].order <= order, formula == last
    op, parts = formula
    results = [_completed_by(part, leaves, last, order) for part in parts]
    if op == "or":
        return any(now for now, _ in results), any(by for _, by in results)
    everything = all(now for now, _ in results)
    by_last = any(
        by and all(now for j, (now, _) in enumerate(results) if j != i)
        for i, (_, by) in enumerate(results)
    )
    return everything, by_last
