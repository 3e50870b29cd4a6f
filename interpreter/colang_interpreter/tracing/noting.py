"""Where a turn collects what happens inside its actions: model calls, and what execution rails decide."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from colang_interpreter.tracing.executions import Check
    from colang_interpreter.tracing.model_calls import ModelCall


class Lists(NamedTuple):
    """The lists that are open where we are.

    Attributes:
        calls: For model calls, the innermost list last; each gets all of them.
        checks: For decisions of execution rails; None if nobody wants them.
    """

    calls: tuple[list[ModelCall], ...] = ()
    checks: list[Check] | None = None


_lists: ContextVar[Lists] = ContextVar("colang_noting", default=Lists())  # noqa: B039 - immutable


class Noting:
    """While this is open, what happens inside, and in the tasks started there, is added to these lists.

    Lists further out get the model calls, too, and no checks.
    """

    __slots__ = ("_calls", "_checks", "_token")

    def __init__(self, calls: list[ModelCall], checks: list[Check]) -> None:
        self._calls = calls
        self._checks = checks

    def __enter__(self) -> None:
        self._token = _lists.set(Lists((*_lists.get().calls, self._calls), self._checks))

    def __exit__(self, *_: object) -> None:
        _lists.reset(self._token)


lists = _lists.get
"""The lists that are open here."""
