"""Events as JSON: one clear rule for values that are not plain data, and an error that names the place.

=============================================  ===================================================
value                                          comes back as
=============================================  ===================================================
None, booleans, numbers, texts                 themselves
lists, dictionaries with texts as keys         themselves, their contents converted
tuples                                         a list
sets                                           a list, sorted
enumeration members                            their value
dates and times, UUIDs, decimals, paths        their text
objects that have a method `to_data`,          what that gives
`model_dump` or `to_dict`
dataclasses and other objects with attributes  a dictionary of the public attributes and properties
=============================================  ===================================================

Properties are part of it because flows go on asking ``$result.is_blocked`` when the result has become a
dictionary. Everything else (bytes, functions, objects without attributes, infinite numbers, keys that are
no texts, values that contain themselves) has no plain form. (Specification of the runtime, section 3.)
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import pathlib
import types
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from colang_interpreter.dynamic import class_of, is_a
from colang_interpreter.machine import Event
from colang_interpreter.store.base import EventValueError

MAX_DEPTH: Final = 100
"""Levels of lists and dictionaries in an event."""

_AS_TEXT: Final = (
    datetime.date,  # and datetime.datetime
    datetime.time,
    uuid.UUID,
    decimal.Decimal,
    pathlib.PurePath,
)
_NEVER: Final = (
    *(bytes, bytearray, memoryview, complex, type, BaseException),
    *(types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType),
    *(types.GeneratorType, types.CoroutineType),
)
_METHODS: Final = ("to_data", "model_dump", "to_dict")


def plain(event: Mapping[str, Any], number: int = 1) -> Event:
    """The event as it comes back from a store: plain data, equal after a round trip through JSON.

    Args:
        event: A dictionary with a text under ``type``. It is not changed.
        number: Its place among the new events, from 1, for error messages.

    Raises:
        EventValueError: It is no event, or holds a value without a plain form; the text says where.

    Example:
        >>> plain({"type": "InternalSystemActionFinished", "return_value": (1, {3, 2})})
        {'type': 'InternalSystemActionFinished', 'return_value': [1, [2, 3]]}
        >>> plain({"type": "Photo", "data": {"jpeg": b"..."}})
        Traceback (most recent call last):
        colang_interpreter.store.base.EventValueError: new event 1 (Photo): `data.jpeg` is of type bytes, ...
    """
    if not isinstance(event, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise EventValueError(
            f"new event {number} is of type {type(event).__name__}, not a dictionary"
        )
    kind = event.get("type")
    if not isinstance(kind, str) or not kind:
        raise EventValueError(f"new event {number} has no text under `type`")
    try:
        return {key: _value(event[key], _key(key, ""), 1) for key in event}
    except _NoPlainFormError as problem:
        raise EventValueError(f"new event {number} ({kind}): {problem}") from None


def texts(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The events as lines of JSON.

    Raises:
        EventValueError: One of them cannot be stored.
    """
    return [_text(plain(event, number), number) for number, event in enumerate(events, 1)]


def _text(event: Event, number: int) -> str:
    try:
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as problem:  # a number with thousands of digits
        raise EventValueError(f"new event {number} ({event['type']}): {problem}") from None
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which models do send
        return json.dumps(event, separators=(",", ":"))
    return text


class _NoPlainFormError(Exception):
    """Where, and why."""


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        where = f"in `{path}`, " if path else ""
        raise _NoPlainFormError(f"{where}the key {key!r:.40} is no text; use `str` on it")
    return f"{path}.{key}" if path else key


def _value(value: Any, path: str, depth: int) -> Any:
    kind = class_of(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is float:
        if not math.isfinite(value):
            raise _NoPlainFormError(f"`{path}` is {value!r}, which JSON cannot hold")
        return value
    if depth > MAX_DEPTH:
        raise _NoPlainFormError(
            f"`{path[:40]}...` is nested more than {MAX_DEPTH} deep, or contains itself"
        )
    depth += 1
    if is_a(value, enum.Enum):
        return _value(value.value, path, depth)
    if is_a(value, (str, int, float)):  # subclasses: their value, without what the subclass adds
        base = str if is_a(value, str) else int if is_a(value, int) else float
        return _value(base(value), path, depth)
    if is_a(value, Mapping):
        return {str(key): _value(value[key], _key(key, path), depth) for key in value}
    if hasattr(value, "_fields") and is_a(value, tuple):  # a named tuple: flows ask for its names
        return {
            name: _value(getattr(value, name), f"{path}.{name}", depth) for name in value._fields
        }
    if is_a(value, (list, tuple)):
        return [_value(item, f"{path}[{place}]", depth) for place, item in enumerate(value)]
    if is_a(value, (set, frozenset)):
        return sorted((_value(item, f"{path}[...]", depth) for item in value), key=json.dumps)
    if is_a(value, _AS_TEXT):
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    if is_a(value, _NEVER):
        raise _no_form(path, kind)
    return _object(value, path, depth)


def _object(value: Any, path: str, depth: int) -> Any:
    kind = class_of(value)
    for name in _METHODS:
        if callable(getattr(kind, name, None)):
            return _value(getattr(value, name)(), path, depth)
    found: dict[str, Any] = {}
    for name in _attributes(value):
        with suppress(Exception):  # a slot that was never set, a property that fails
            found[name] = getattr(value, name)
    if not found:
        raise _no_form(path, kind)
    return {name: _value(item, f"{path}.{name}", depth) for name, item in found.items()}


def _attributes(value: Any) -> Iterable[str]:
    """The public attributes of an object, and the properties of its classes, each name once."""
    names: dict[str, None] = {}
    classes = type(value).__mro__
    for owner in reversed(classes):
        slots: Any = owner.__dict__.get("__slots__", ())
        names.update(dict.fromkeys((slots,) if isinstance(slots, str) else slots))
    names.update(dict.fromkeys(getattr(value, "__dict__", ())))
    for owner in reversed(classes):
        own = owner.__dict__.items()
        names.update(dict.fromkeys(name for name, held in own if isinstance(held, property)))
    return [name for name in names if not name.startswith("_")]


def _no_form(path: str, kind: type[Any]) -> _NoPlainFormError:
    return _NoPlainFormError(
        f"`{path}` is of type {kind.__qualname__}, which has no plain form;"
        " let the action return plain data"
    )
