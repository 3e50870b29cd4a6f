"""How attentive the user was during an utterance (section 8.6): a small view kept in one variable.

The view is plain data and part of the conversation's variables, so it is saved and copied with them:
``last`` and ``levels`` are attention levels with their times, ``start`` and ``end`` the times of the latest
utterance; times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from colang_interpreter.dynamic import is_dict

VARIABLE = "_attention_view"
"""The variable of the conversation that holds the view."""

UNKNOWN = "unknown"

_KEPT = 1000  # levels, in case nobody ever speaks

_TIME_KEYS = {
    "Started": "action_started_at",
    "Updated": "action_updated_at",
    "Finished": "action_finished_at",
}


def updated(
    view: Mapping[str, Any] | None, event: Any, offsets: Mapping[str, float]
) -> dict[str, Any]:
    """The view after one more event.

    Args:
        view: The view so far.
        event: An event as a dictionary, or as a flow has captured it (``name``, ``arguments``).
        offsets: Seconds to add to the time of events, by event name.

    >>> event = {"type": "AttentionUserActionStarted", "attention_level": "engaged",
    ...          "action_started_at": "2030-01-01T00:00:00+00:00"}
    >>> updated(None, event, {})["levels"]
    [[1893456000.0, 'engaged']]
    """
    name, arguments = _read(event)
    new: dict[str, Any] = {"last": None, "levels": [], "start": None, "end": None, **(view or {})}
    at = _time(name, arguments, offsets)
    if at is None:
        return new
    if name.startswith("AttentionUserAction"):
        finished = name.endswith("Finished")
        level = UNKNOWN if finished else str(arguments.get("attention_level", UNKNOWN))
        new["levels"] = [*new["levels"], [at, level]][-_KEPT:]
    elif name == "UtteranceUserActionStarted":
        before = [entry for entry in new["levels"] if entry[0] <= at]
        new["last"] = before[-1] if before else new["last"]
        new["levels"] = [entry for entry in new["levels"] if entry[0] > at]
        new["start"], new["end"] = at, None
    elif name in ("UtteranceUserActionTranscriptUpdated", "UtteranceUserActionFinished"):
        new["end"] = at
    return new


def percentage(view: Mapping[str, Any] | None, levels: Sequence[str]) -> float:
    """The part, 0.0 to 1.0, of the latest utterance during which the level was one of `levels`.

    >>> percentage(None, ["engaged"]), percentage(None, [])
    (1.0, 0.0)
    """
    if not levels:
        return 0.0
    seen: list[tuple[float, str]] = []
    start: float | None = None
    end: float | None = None
    if view is not None:
        if view.get("last"):
            seen.append((view["last"][0], view["last"][1]))
        seen += [(at, level) for at, level in view.get("levels", [])]
        start, end = view.get("start"), view.get("end")
    if start is None or end is None:
        last = seen[-1][1] if seen else levels[0]
        return 1.0 if last in levels else 0.0
    seen = [(at, level) for at, level in seen if at < end]
    if not seen or all(level == UNKNOWN for _, level in seen):
        return 1.0
    total = end - start
    if total <= 0:
        return 1.0
    within = 0.0
    for index, (at, level) in enumerate(seen):
        begins = start if index == 0 else max(at, start)  # the first level counts from the start
        ends = max(seen[index + 1][0], start) if index + 1 < len(seen) else end
        if level in levels:
            within += max(0.0, ends - begins)
    return within / total


def _read(event: Any) -> tuple[str, Mapping[str, Any]]:
    if is_dict(event):
        return str(event.get("type", "")), event
    arguments: Any = getattr(event, "arguments", None) or getattr(event, "args", None)
    return str(getattr(event, "name", "")), arguments if is_dict(arguments) else {}


def _time(name: str, arguments: Mapping[str, Any], offsets: Mapping[str, float]) -> float | None:
    key = next((key for suffix, key in _TIME_KEYS.items() if name.endswith(suffix)), None)
    text = arguments.get(key) if key is not None else None
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp() + offsets.get(name, 0.0)
