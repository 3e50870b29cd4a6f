"""The calls of language models during a turn: how many, how long, how many tokens. No texts."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colang_interpreter.llm.manager import LLMCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call; `action` is the uid of the action that has made it, tokens are 0 if the model does not count."""

    action: str | None
    task: str
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    failed: bool = False


_lists: ContextVar[tuple[list[ModelCall], ...]] = ContextVar("colang_model_calls", default=())


class Noting:
    """While this is open, the calls made inside, and in the tasks started there, are added to a list.

    Lists further out get them, too.
    """

    __slots__ = ("_calls", "_token")

    def __init__(self, calls: list[ModelCall]) -> None:
        self._calls = calls

    def __enter__(self) -> None:
        self._token = _lists.set((*_lists.get(), self._calls))

    def __exit__(self, *_: object) -> None:
        _lists.reset(self._token)


def noted(call: LLMCall, action: str | None) -> None:
    """A model was called, in the action of this uid; told by whoever calls models."""
    lists = _lists.get()
    if not lists:
        return
    response = call.response
    usage = response.usage if response is not None else None
    made = ModelCall(
        action=action,
        task=call.task,
        model=response.model if response is not None else None,
        input_tokens=usage.input_tokens if usage is not None else 0,
        output_tokens=usage.output_tokens if usage is not None else 0,
        seconds=max(0.0, call.ended - call.started),
        failed=response is None,
    )
    for calls in lists:
        calls.append(made)


def repeated(calls: Iterable[ModelCall], action: str | None) -> None:
    """These calls were made before, and belong to this action; lists further out know of them already."""
    lists = _lists.get()
    if lists:
        lists[-1].extend(replace(call, action=action) for call in calls)
