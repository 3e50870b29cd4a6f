"""Outgoing events: envelope, modality and validation (section 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import class_of
from colang_interpreter.v2 import names

if TYPE_CHECKING:
    from colang_interpreter.v2.state import State


class EventError(Exception):
    """An event cannot be sent as it is; the text says why, in the author's words."""


def outgoing(
    state: State, name: str, args: Mapping[str, Any], action_uid: str | None
) -> dict[str, Any]:
    """The dictionary form of an event that leaves the machine.

    Raises:
        EventError: a parameter the event needs is missing or of the wrong type.
    """
    now = state.now
    event: dict[str, Any] = {
        "type": name,
        "uid": state.new_uid(),
        "event_created_at": now,
        "source_uid": state.source_uid,
    }
    shape = _shape(name)
    if shape.is_action:
        if action_uid is not None:
            event["action_uid"] = action_uid
        elif "action_uid" not in args and name.startswith("Start"):
            event["action_uid"] = state.new_uid()
        if shape.modality is not None:
            event["action_info_modality"], event["action_info_modality_policy"] = shape.modality
        if shape.time_key is not None:
            event[shape.time_key] = now
    for key, value in args.items():
        if key not in names.ENVELOPE:
            event[key] = value if type(value) in ATOMS else copied(value)
    if shape.is_action:
        _validate(name, event, shape)
    return event


class _Shape:
    """What an event's name says about it."""

    __slots__ = ("is_action", "modality", "needs_success", "needs_text", "time_key")

    def __init__(self, name: str) -> None:
        self.is_action = "Action" in name
        self.modality: tuple[str, str] | None = None
        self.time_key: str | None = None
        self.needs_text: str | None = None
        self.needs_success = name.endswith("ActionFinished")
        if not self.is_action:
            return
        for action, modality in names.MODALITIES.items():
            if action in name:
                self.modality = modality
                break
        for word, key in _TIME_KEYS:
            if word in name.partition("Action")[2]:
                self.time_key = key
        self.needs_text = _NEEDED_TEXT.get(name)


_TIME_KEYS = (
    ("Started", "action_started_at"),
    ("Updated", "action_updated_at"),
    ("Finished", "action_finished_at"),
)
_NEEDED_TEXT = {
    "StartUtteranceBotAction": "script",
    "UtteranceBotActionScriptUpdated": "interim_script",
    "UtteranceBotActionFinished": "final_script",
    "UtteranceUserActionTranscriptUpdated": "interim_transcript",
    "UtteranceUserActionFinished": "final_transcript",
}


@lru_cache(maxsize=4096)
def _shape(name: str) -> _Shape:
    return _Shape(name)


def _validate(name: str, event: dict[str, Any], shape: _Shape) -> None:
    if not isinstance(event.get("action_uid"), str):
        raise EventError(f"`{name}` needs an `action_uid`, a text")
    if shape.needs_success:
        success = event.get("is_success")
        if not isinstance(success, bool):
            raise EventError(f"`{name}` needs `is_success`, True or False")
        if not success and "failure_reason" not in event:
            raise EventError(f"`{name}` with `is_success=False` needs a `failure_reason`")
    if shape.needs_text is not None and not isinstance(event.get(shape.needs_text), str):
        value = event.get(shape.needs_text)
        what = "is missing" if value is None else f"is {value!r:.40}"
        raise EventError(f"`{name}` needs the text `{shape.needs_text}`, but it {what}")


MAX_NESTING = 100
ATOMS = frozenset({str, int, float, bool, type(None)})
"""Types whose values need no copy."""


def copied(value: Any, depth: int = 0) -> Any:
    """A copy of event data that shares nothing mutable with the original (Q26).

    Containers are copied; other objects (references, results of Python actions) are shared.

    Raises:
        EventError: The value is nested deeper than `MAX_NESTING`, or contains itself.
    """
    kind = class_of(value)
    if kind in ATOMS:
        return value
    if depth > MAX_NESTING:
        raise EventError(f"a value is nested more than {MAX_NESTING} deep, or contains itself")
    depth += 1
    if kind is dict:
        return {key: copied(item, depth) for key, item in value.items()}
    if kind is list:
        return [copied(item, depth) for item in value]
    if kind is tuple:
        return tuple([copied(item, depth) for item in value])
    if kind is set:
        return set(value)
    return value
