"""What one rendering of a template may still do: steps, and the weight of the values it handles.

The weight of a text is its characters, of a container the weight of what is in it, repeated items counted each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Final

from jinja2.exceptions import SecurityError

from colang_interpreter.dynamic import class_of, is_a, is_mapping

MAX_OUTPUT: Final = 1_000_000
"""Weight of any value on the way, and characters of what a template renders to."""

MAX_STEPS: Final = 100_000
"""Loop turns, calls, filters and operations of one rendering; looking at heavy values costs steps, too."""

MAX_NUMBER: Final = 10_000
"""A number that says how wide or how often."""

_DEPTH = 50
_VALUES_A_STEP = 25  # how many values can be looked at for one step
_FLAT = frozenset({str, bytes, int, float, bool, type(None)})
_WIDTH = re.compile(r"\d{5}|%[-+ #0]*\*|%[^%a-zA-Z]{0,20}\.\*|\{[^{}]{0,1000}\{")

_steps: ContextVar[list[int]] = ContextVar("colang_template_steps")


class Budget:
    """A rendering, while it lasts: ``with Budget(): ...``."""

    def __enter__(self) -> None:
        """Begin with all steps."""
        self._token = _steps.set([MAX_STEPS])

    def __exit__(self, *_: object) -> None:
        """Back to what was before."""
        _steps.reset(self._token)


def spend(steps: int = 1) -> None:
    """Take some steps.

    Raises:
        SecurityError: There are none left.
    """
    left = _steps.get()
    left[0] -= steps
    if left[0] < 0:
        raise SecurityError(f"it takes more than {MAX_STEPS} steps")


def weight(value: Any) -> int:
    """The weight of a value; of one that is too heavy, something above `MAX_OUTPUT`."""
    total, seen = 0, 0
    stack: list[tuple[Iterator[Any], int]] = [(iter((value,)), 0)]
    while stack:
        items, depth = stack[-1]
        item = next(items, stack)
        if item is stack:
            stack.pop()
            continue
        seen += 1
        kind = class_of(item)
        if kind is str or kind is bytes:
            total += len(item)
        else:
            total += 1
        if total > MAX_OUTPUT:
            break
        if kind in _FLAT:
            continue
        if depth > _DEPTH:
            raise SecurityError("a value is nested too deeply")
        if is_mapping(item):
            stack.append((iter([part for pair in item.items() for part in pair]), depth + 1))
        elif is_a(item, (str, bytes)):  # a subclass
            total += len(item)
        elif is_a(item, (list, tuple, set, frozenset)):
            stack.append((iter(item), depth + 1))
    spend(seen // _VALUES_A_STEP)
    return total


def weighed(*values: Any) -> None:
    """Refuse values that are too heavy together.

    Raises:
        SecurityError: They are.
    """
    if sum(map(weight, values)) > MAX_OUTPUT:
        raise SecurityError(f"a value has more than {MAX_OUTPUT} characters")


def counted(values: Iterable[Any]) -> Iterator[Any]:
    """The values, each for a step."""
    for value in values:
        spend()
        yield value


def limited(values: Iterator[Any]) -> Iterator[Any]:
    """The values of an iterator, until they are too heavy together."""
    total = 0
    for value in counted(values):
        total += weight(value)
        if total > MAX_OUTPUT:
            raise SecurityError(f"values have more than {MAX_OUTPUT} characters")
        yield value


def is_wide(pattern: str) -> bool:
    """Whether a format may ask for more than four digits of width, in itself or through its arguments.

    >>> is_wide("%5d {:>10}"), is_wide("{:>99999}"), is_wide("%*d"), is_wide("{:>{}}")
    (False, True, True, True)
    """
    return _WIDTH.search(pattern) is not None
