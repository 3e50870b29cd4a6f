"""Flow instances by uid, where mostly there is one: the instance itself, and a dictionary only from the second on.

A conversation has many such collections, and a dictionary for a single entry is larger than a flow instance.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from colang_interpreter.v2.model import Instance

Few: TypeAlias = "Instance | dict[str, Instance] | None"
"""No instance, one, or several in the order in which they came."""


def with_one(few: Few, instance: Instance) -> Few:
    """The collection with one instance more; a dictionary is changed in place."""
    if few is None or few is instance:
        return instance
    if not isinstance(few, dict):
        return {few.uid: few, instance.uid: instance}
    few[instance.uid] = instance
    return few


def without(few: Few, uid: str) -> Few:
    """The collection without the instance of this uid, if it is there; a dictionary is changed in place."""
    if isinstance(few, dict):
        few.pop(uid, None)
        return few or None
    return None if few is not None and few.uid == uid else few


def listed(few: Few) -> Collection[Instance]:
    """The instances, in the order in which they came; not to be kept while the collection changes."""
    if few is None:
        return ()
    return few.values() if isinstance(few, dict) else (few,)
