"""Where settings stand: paths into plain data, and the place of each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from colang.diagnostics import Diagnostic
from colang.records import Record
from colang.source import Span

Path: TypeAlias = tuple[
    str | int, ...
]  # from the top of the settings: ("rails", "input", "flows", 0)


class Place(NamedTuple):
    """Where a setting stands: the file as it is reported, the key (or list item) and its value."""

    path: str
    key: Span
    value: Span


class Document(Record, kw_only=False):
    """What one YAML text holds: plain data, places by path from the top, and findings."""

    data: Any
    places: Mapping[Path, Place]
    diagnostics: tuple[Diagnostic, ...]
    span: Span  # of the top value
