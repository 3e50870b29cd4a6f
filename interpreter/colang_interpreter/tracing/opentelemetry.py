"""Decisions as spans of OpenTelemetry; needs the extra ``otel`` (opentelemetry-api), imported when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from colang_interpreter.errors import MissingPackageError
from colang_interpreter.tracing.decisions import Decision

SPAN = "guardrails.rail"


class OpenTelemetry:
    """Makes a span of each decision; give it to a bot as `on_decisions`.

    A span is called ``guardrails.rail``, begins and ends with the rail, and is a child of the span that is current when
    the turn ends. Blocks are marked by the attribute `rail.stop`, errors also by the status of the span.

    Args:
        tracer: Whose spans; by default the tracer ``colang`` of the global provider.
        texts: Also put the messages and the reasons into attributes.

    Raises:
        MissingPackageError: The package is not installed.
    """

    def __init__(self, tracer: Any = None, *, texts: bool = False) -> None:
        self._trace = _api()
        self._tracer = tracer if tracer is not None else self._trace.get_tracer("colang")
        self._texts = texts

    def __call__(self, decisions: Sequence[Decision]) -> None:
        """Make spans of them."""
        for decision in decisions:
            start = _nanoseconds(decision.started_at)
            span = self._tracer.start_span(SPAN, start_time=start, attributes=self._of(decision))
            if decision.verdict == "error":
                failures = ", ".join(decision.failures)
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, failures))
            end = None if start is None else start + round(decision.seconds * 1e9)
            span.end(end_time=end)

    def _of(self, decision: Decision) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "rail.type": decision.kind,
            "rail.name": decision.rail,
            "rail.stop": decision.verdict in ("block", "error"),
            "rail.decisions": [decision.verdict],
            "rail.actions": list(decision.actions),
            "rail.failures": list(decision.failures),
            "code.filepath": decision.path,
            "code.lineno": decision.line,
            "conversation.turn": decision.turn,
            "llm.calls": decision.model_calls,
            "gen_ai.usage.input_tokens": decision.input_tokens,
            "gen_ai.usage.output_tokens": decision.output_tokens,
        }
        more: dict[str, Any] = {
            "conversation.id": decision.session,
            "rail.certainty": decision.certainty,
        }
        if self._texts:
            more |= {
                "rail.reason": decision.reason,
                "rail.text": decision.text,
                "rail.text_after": decision.text_after,
            }
        return attributes | {name: value for name, value in more.items() if value is not None}


def _nanoseconds(moment: str) -> int | None:
    try:
        return int(datetime.fromisoformat(moment).timestamp() * 1e6) * 1000
    except ValueError:
        return None


def _api() -> Any:
    try:
        return importlib.import_module("opentelemetry.trace")
    except ImportError as problem:
        raise MissingPackageError(
            "spans need the package opentelemetry-api: pip install 'colang-toolchain[otel]'"
        ) from problem
