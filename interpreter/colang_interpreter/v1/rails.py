"""A record of the retrieval rails of a 1.0 conversation: no events mark where they begin and end, as they do for other rails.

It is kept for whoever reports what was enforced (`colang_interpreter.tracing`); it is no part of the state and decides
nothing. The engine tells it of flows that `run retrieval rails` calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

RUNNER: Final = "run retrieval rails"
"""The built-in flow that calls retrieval rails."""

SPEAKS: Final = "_retrieval_rail_speaks"
"""The variable that tells the flows of the pipeline who says what the bot says."""

TEXT: Final = "relevant_chunks"
"""The variable that holds what they check."""

MAX_MARKS: Final = 1000
"""Marks that are remembered if nobody begins a new call."""


class Mark(NamedTuple):
    """A retrieval rail has begun or ended.

    Attributes:
        after: Uid of the event that the engine was taking in.
        rail: The rail as it is configured; None at its end.
        text: What was retrieved, as the rail has found or left it.
    """

    after: str
    rail: str | None
    text: object


def mark(
    marks: list[Mark], event: Mapping[str, Any], context: Mapping[str, Any], rail: str | None
) -> None:
    """Note that the runner calls a rail, or goes on after one, while this event is taken in."""
    if event.get("type") == "BotIntent" and event.get("intent") == "stop":
        return  # flows that this lets go on are forgotten as soon as it is taken in
    if len(marks) < MAX_MARKS:
        marks.append(Mark(str(event.get("uid")), rail, context.get(TEXT)))
