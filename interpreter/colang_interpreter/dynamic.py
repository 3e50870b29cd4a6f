"""`type` and `isinstance` for values that may be of any type.

Type checkers narrow `Any` by the real ones, to "partially unknown" containers; these do the same and keep them
informed, or narrow nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

class_of: Callable[[Any], type[Any]] = type
is_a: Callable[[Any, Any], bool] = isinstance


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Whether it is a dictionary."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether it is a list."""
    return isinstance(value, list)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether it is a mapping."""
    return isinstance(value, Mapping)
