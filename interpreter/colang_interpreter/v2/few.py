"""Collections that mostly have one member: the member itself, and a dictionary only from the second on.

A conversation has many of them, and a dictionary for a single entry is larger than a flow instance. Members are equal
only to themselves, and keep the order in which they came.
"""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# (a member may be of any type but `dict`: that cannot be said in types)

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Few: TypeAlias = T | dict[T, None] | None
"""No member, one, or several. A member is no dictionary."""


def with_one(few: Few[T], member: T) -> Few[T]:
    """The collection with one member more; a dictionary is changed in place.

    >>> with_one(None, "a"), with_one("a", "a"), with_one("a", "b")
    ('a', 'a', {'a': None, 'b': None})
    """
    if few is None or few is member:
        return member
    if not isinstance(few, dict):
        return {few: None, member: None}
    few[member] = None
    return few


def without(few: Few[T], member: T) -> Few[T]:
    """The collection without a member, if it is there; a dictionary is changed in place.

    >>> without("a", "a"), without("a", "b"), without({"a": None, "b": None}, "b")
    (None, 'a', {'a': None})
    """
    if isinstance(few, dict):
        few.pop(member, None)
        return few or None
    return None if few is member else few


def few_of(members: Iterable[T]) -> Few[T]:
    """A collection of these members.

    >>> few_of([]), few_of("a"), few_of("ab")
    (None, 'a', {'a': None, 'b': None})
    """
    few: Few[T] = None
    for member in members:
        few = with_one(few, member)
    return few


def listed(few: Few[T]) -> Collection[T]:
    """The members in order; not to be kept while the collection changes.

    >>> [list(listed(few)) for few in (None, "a", {"a": None, "b": None})]
    [[], ['a'], ['a', 'b']]
    """
    if few is None:
        return ()
    return few.keys() if isinstance(few, dict) else (few,)
