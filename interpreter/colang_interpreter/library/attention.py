"""How attentively a user spoke: the materialised view behind the module `attention`.

The view is plain JSON data that travels with the state of the conversation; both functions are pure. It
keeps no more than one utterance needs: when that began, how far it has come, and the levels of attention
since (with the last one before). (Spec: colang-2.md 8.6.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import TypedDict, cast

VIEW_VARIABLE = "attention_materialized_view"
"""The variable of the conversation in which the host keeps the view between two actions."""

UNKNOWN = "unknown"


class Observation(TypedDict):
    """A level of attention from a moment on; `at` is in seconds since 1970, None if nobody said when."""

    at: float | None
    level: str


class View(TypedDict):
    """What is known about the latest utterance; times in seconds since 1970, None if unknown."""

    start: float | None
    end: float | None
    observations: list[Observation]


def empty_view() -> View:
    """The view before anything has happened."""
    return {"start": None, "end": None, "observations": []}


def updated_view(
    view: View | None,
    event: Mapping[str, object],
    timestamp_offsets: Mapping[str, float] | None = None,
) -> View:
    """The view after one more event; the given one is left as it is.

    Giving the same event twice makes no difference, so several flows may report it.

    Args:
        view: The view so far; None for the empty one.
        event: An event in its dictionary form (with the key ``type``). Events other than those of
            `UtteranceUserAction` and `AttentionUserAction` change nothing.
        timestamp_offsets: Seconds to add to the time stamps of an event, by event name, for sensors that
            report late.

    Example:
        >>> view = updated_view(None, {"type": "AttentionUserActionStarted", "attention_level": "engaged",
        ...     "action_started_at": "1970-01-01T00:00:10+00:00"})
        >>> view["observations"]
        [{'at': 10.0, 'level': 'engaged'}]
    """
    before = empty_view() if view is None else view
    name = str(event.get("type", ""))
    at = _time_of(event, name, (timestamp_offsets or {}).get(name, 0.0))
    after: View = {
        "start": before["start"],
        "end": before["end"],
        "observations": list(before["observations"]),
    }
    if name == "UtteranceUserActionStarted":
        if at is None or at != before["start"]:
            after["end"] = None
        after["start"] = at
        after["observations"] = _needed_from(at, after["observations"])
    elif name in ("UtteranceUserActionTranscriptUpdated", "UtteranceUserActionFinished"):
        after["end"] = at
    elif name.startswith("AttentionUserAction"):
        finished = name == "AttentionUserActionFinished"
        level = UNKNOWN if finished else str(event.get("attention_level", UNKNOWN))
        seen: Observation = {"at": at, "level": level}
        if seen not in after["observations"]:
            after["observations"].append(seen)
    return after


def attention_percentage(view: View | None, levels: Collection[str]) -> float:
    """The part of the latest utterance during which the attention was at one of `levels`, in [0.0, 1.0].

    Without observations that say otherwise a user counts as attentive.

    Example:
        >>> view = {"start": 0.0, "end": 10.0, "observations": [
        ...     {"at": 0.0, "level": "engaged"}, {"at": 8.0, "level": "disengaged"}]}
        >>> attention_percentage(view, ["engaged"])
        0.8
    """
    if not levels:
        return 0.0
    known = empty_view() if view is None else view
    start, end, observations = known["start"], known["end"], known["observations"]
    if start is None or end is None:
        return 1.0 if not observations or observations[-1]["level"] in levels else 0.0

    dated = [(at, seen["level"]) for seen in observations if (at := seen["at"]) is not None]
    dated = sorted((item for item in dated if item[0] < end), key=lambda item: item[0])
    if not dated or all(level == UNKNOWN for _, level in dated):
        return 1.0
    total = end - start
    if total <= 0:
        return 1.0

    # The first level counts from the beginning of the utterance, whenever it was observed.
    borders = [start, *(max(start, at) for at, _ in dated[1:]), end]
    lasted = zip(dated, zip(borders, borders[1:], strict=False), strict=True)
    return sum(until - since for (_, level), (since, until) in lasted if level in levels) / total


def _needed_from(start: float | None, observations: list[Observation]) -> list[Observation]:
    """The last observation before a moment, and all later ones."""
    last = len(observations) - 1
    while last > 0 and start is not None and (observations[last]["at"] or start) > start:
        last -= 1
    return observations[max(last, 0) :]


def _time_of(event: Mapping[str, object], name: str, offset: float) -> float | None:
    """The moment an event happened at, by the time stamp that belongs to its phase."""
    phase = next((p for p in ("started", "finished") if name.endswith(p.capitalize())), "updated")
    stamp = event.get(f"action_{phase}_at", event.get("event_created_at"))
    if not isinstance(stamp, str):
        return None
    try:
        moment = datetime.fromisoformat(stamp.removesuffix("Z") + ("+00:00" * stamp.endswith("Z")))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp() + offset


def view_from(value: object) -> View:
    """A view out of a variable that anybody may have written to; the empty one if it is not a view.

    >>> view_from({"start": 1.0, "end": "now", "observations": [{"at": 0.5, "level": "low"}, 7]})
    {'start': 1.0, 'end': None, 'observations': [{'at': 0.5, 'level': 'low'}]}
    """
    view = empty_view()
    if not isinstance(value, Mapping):
        return view
    found = cast("Mapping[str, object]", value)
    view["start"], view["end"] = _seconds(found.get("start")), _seconds(found.get("end"))
    observations = found.get("observations")
    for item in cast("list[object]", observations) if isinstance(observations, list) else []:
        if isinstance(item, Mapping):
            seen = cast("Mapping[str, object]", item)
            view["observations"].append(
                {"at": _seconds(seen.get("at")), "level": str(seen.get("level", UNKNOWN))}
            )
    return view


def _seconds(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return None
