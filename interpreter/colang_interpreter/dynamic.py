"""`type` and `isinstance` for values that may be of any type.

Type checkers narrow `Any` by the real ones, to "partially unknown" containers; these are the same functions under names
that narrow nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

class_of: Callable[[Any], type[Any]] = type
is_a: Callable[[Any, Any], bool] = isinstance
