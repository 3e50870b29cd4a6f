"""What models were asked during a call: for logs, `explain` and `llm_output`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import is_a
from colang_interpreter.host.context import current_action_uid

if TYPE_CHECKING:
    from colang_interpreter.llm.manager import LLMCall
    from colang_interpreter.messages.options import LLMCallInfo


@dataclass(slots=True)
class Recorder:
    """The model calls made inside `recording`, each with the action it was made in."""

    calls: list[tuple[LLMCall, str | None, float]] = field(
        default_factory=list[tuple["LLMCall", "str | None", float]]
    )

    def infos(self, action_uid: str | None = None) -> list[LLMCallInfo]:
        """All of them, or those of one action."""
        return [
            _info(call, number, finished)
            for number, (call, uid, finished) in enumerate(self.calls, 1)
            if action_uid is None or uid == action_uid
        ]

    def last_of(self, *tasks: str) -> LLMCall | None:
        """The last call for one of these tasks that succeeded."""
        for call, _, _ in reversed(self.calls):
            if call.task in tasks and call.response is not None:
                return call
        return None


@contextmanager
def recording(now: Callable[[], datetime]) -> Generator[Recorder]:
    """Record the model calls of the code inside, and of the tasks it starts; `now` is the host's clock."""
    from colang_interpreter.llm.manager import observed

    recorder = Recorder()
    with observed(
        lambda call: recorder.calls.append((call, current_action_uid(), now().timestamp()))
    ):
        yield recorder


def _info(call: LLMCall, number: int, finished: float) -> LLMCallInfo:
    from colang_interpreter.messages.options import LLMCallInfo

    response = call.response
    usage = response.usage if response is not None else None
    duration = max(0.0, call.ended - call.started)
    return LLMCallInfo(
        task=call.task,
        id=str(number),
        request_id=response.request_id if response is not None else None,
        prompt=call.request.text,
        completion=response.text if response is not None else None,
        raw_response=_plain(response.raw) if response is not None else None,
        error=str(call.error) if call.error is not None else None,
        prompt_tokens=usage.input_tokens if usage is not None else None,
        completion_tokens=usage.output_tokens if usage is not None else None,
        total_tokens=usage.total_tokens if usage is not None else None,
        started_at=finished - duration,
        finished_at=finished,
        duration=duration,
        llm_model_name=response.model if response is not None else None,
    )


def _plain(value: Any) -> Any:
    """Raw answers only as far as they are plain data; objects of clients stay with whoever made them."""
    return value if is_a(value, (dict, list, str, int, float, bool)) else None


def output_of(call: LLMCall | None) -> dict[str, Any] | None:
    """`llm_output`: the raw response of the call that wrote the answer."""
    if call is None or call.response is None:
        return None
    response = call.response
    return {
        "content": response.text,
        "finish_reason": response.finish_reason,
        "model": response.model,
        "raw": _plain(response.raw),
    }


def metadata_of(call: LLMCall | None) -> dict[str, Any] | None:
    """`llm_metadata`: what the model said about the call that wrote the answer."""
    if call is None or call.response is None:
        return None
    response = call.response
    usage = response.usage
    return {
        "response_metadata": {
            "model": response.model,
            "finish_reason": response.finish_reason,
            "request_id": response.request_id,
        },
        "usage_metadata": None
        if usage is None
        else {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
    }
