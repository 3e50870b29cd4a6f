"""The calls of language models during a turn: how many, how long, how many tokens. No texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from colang_interpreter.tracing.noting import lists

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


def noted(call: LLMCall, action: str | None) -> None:
    """A model was called, in the action of this uid; told by whoever calls models."""
    calls = lists().calls
    if not calls:
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
    for each in calls:
        each.append(made)


def repeated(calls: Iterable[ModelCall], action: str | None) -> None:
    """These calls were made before, and belong to this action; lists further out know of them already."""
    inner = lists().calls[-1:]
    if inner:
        inner[0].extend(replace(call, action=action) for call in calls)
