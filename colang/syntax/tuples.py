"""Named tuples without their constructor, which is written in Python and a third of a parser's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

make: Callable[..., Any] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
"""``make(Span, (start, end))`` is ``Span(start, end)``, faster; the caller takes care of the number of fields."""
