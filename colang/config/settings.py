"""Raw settings: the YAML of a whole folder joined into one mapping, each value with its place.

Nothing is validated here (see `colang.config.validation`) and pydantic is not needed, so that loading a
project stays quick. Joining follows section 2.1 of the specification, except that nested mappings such as
`rails` are merged instead of replaced as a whole (C4) and that a value that gets lost is reported (C3).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from colang.config.places import Document, Path, Place
from colang.config.plain import as_dict, as_list
from colang.diagnostics import Diagnostic
from colang.diagnostics import config as report

CONCATENATED = frozenset({"instructions", "flows", "models", "prompts", "docs", "import_paths"})
FIRST_COUNTS = frozenset({"actions_server_url", "embedding_search_provider"})
LISTS_OF_RAILS = ("input", "output", "retrieval", "tool_output", "tool_input")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a folder as plain data, with the place of each and what was found on the way.

    `places` knows every key and list item by its path from the top. Values that came out of an alias or from
    a dictionary have no place of their own: `place` falls back to what encloses them.
    """

    data: dict[str, Any] = field(default_factory=dict[str, Any])
    places: Mapping[Path, Place] = field(default_factory=dict[Path, Place])
    diagnostics: tuple[Diagnostic, ...] = ()

    def get(self, *path: str | int) -> Any:
        """The value at a path, or None if it or something on the way is missing or of another shape.

        >>> Settings({"rails": {"input": {"flows": ["a"]}}}).get("rails", "input", "flows", 0)
        'a'
        >>> Settings({"rails": None}).get("rails", "input") is None
        True
        """
        value: Any = self.data
        for step in path:
            if isinstance(step, int):
                items = as_list(value)
                if items is None or step >= len(items):
                    return None
                value = items[step]
            else:
                fields = as_dict(value)
                if fields is None or step not in fields:
                    return None
                value = fields[step]
        return value

    def place(self, *path: str | int) -> Place:
        """The place of a setting, or of the nearest thing around it that has one."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return Place("<settings>", report.START, report.START)


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it.

    >>> dotted(("rails", "input", "flows", 0))
    'rails.input.flows[0]'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def from_yaml(text: str, path: str) -> Settings:
    """Read one settings file; an empty one holds no settings (C2)."""
    from colang.config.yaml_reader import read_yaml  # PyYAML is loaded when there is YAML

    return from_document(read_yaml(text, path), path)


def from_document(document: Document, path: str) -> Settings:
    """Settings of a text that was read already; anything but a mapping is reported."""
    found = list(document.diagnostics)
    data: Any = document.data
    fields = as_dict(data)
    if fields is not None:
        named = {str(key): value for key, value in fields.items()}
        return Settings(named, document.places, tuple(found))
    if data is not None:
        kind = "a list" if isinstance(data, list) else "a single value"
        found.append(report.not_a_mapping(kind, document.span).at(path))
    return Settings({}, {(): Place(path, document.span, document.span)}, tuple(found))


def from_dict(data: Mapping[str, Any], path: str = "<config>") -> Settings:
    """Settings given as a dictionary; it is copied."""
    top = Place(path, report.START, report.START)
    return Settings(copy.deepcopy(dict(data)), {(): top})


def join(parts: Iterable[Settings]) -> Settings:
    r"""Join the settings of several files, in order; the later one counts where only one can.

    Example:
        >>> first = from_yaml("rails: {input: {flows: [a]}}\nlowest_temperature: 0.1\n", "a.yml")
        >>> second = from_yaml("rails: {input: {flows: [b]}}\nlowest_temperature: 0.2\n", "b.yml")
        >>> joined = join([first, second])
        >>> joined.data
        {'rails': {'input': {'flows': ['a', 'b']}}, 'lowest_temperature': 0.2}
        >>> [d.code for d in joined.diagnostics]
        ['CO406']
    """
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    joiner = _Joiner()
    for part in parts:
        joiner.places.setdefault((), part.place())
        joiner.diagnostics.extend(part.diagnostics)
        joiner.merge(joiner.data, part, part.data, (), ())
    return Settings(joiner.data, joiner.places, tuple(joiner.diagnostics))


class _Joiner:
    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.places: dict[Path, Place] = {}
        self.diagnostics: list[Diagnostic] = []

    def merge(
        self, target: dict[str, Any], part: Settings, data: dict[str, Any], here: Path, there: Path
    ) -> None:
        for key, value in data.items():
            path, old = (*here, str(key)), (*there, str(key))
            before = target.get(key)
            sections, lists = (as_dict(before), as_dict(value)), (as_list(before), as_list(value))
            if before is None:
                target[key] = copy.deepcopy(value)
                self.move(part, value, old, path)
            elif sections[0] is not None and sections[1] is not None:
                self.merge(sections[0], part, sections[1], path, old)
            elif lists[0] is not None and lists[1] is not None and _adds_up(path):
                self.extend(lists[0], part, lists[1], path, old)
            elif value is None or value == before or path[0] in FIRST_COUNTS:
                continue
            else:
                if path[0] not in ("user_messages", "bot_messages"):
                    self.lost(part, path, old)
                self.forget(path, before)
                target[key] = copy.deepcopy(value)
                self.move(part, value, old, path)

    def extend(
        self, before: list[Any], part: Settings, value: list[Any], path: Path, old: Path
    ) -> None:
        unique = path[0] == "import_paths" or path[0] == "rails"
        for index, item in enumerate(value):
            if unique and item in before:
                continue
            self.move(part, item, (*old, index), (*path, len(before)))
            before.append(copy.deepcopy(item))

    def lost(self, part: Settings, path: Path, old: Path) -> None:
        here, other = part.place(*old), self.place(path)
        finding = report.setting_twice(dotted(path), here.key, other.key, other.path)
        self.diagnostics.append(finding.at(here.path))

    def place(self, path: Path) -> Place:
        return Settings(self.data, self.places).place(*path)

    def forget(self, path: Path, value: Any) -> None:
        for known in _paths(value, path):
            self.places.pop(known, None)

    def move(self, part: Settings, value: Any, old: Path, new: Path) -> None:
        length = len(old)
        for known in _paths(value, old):
            place = part.places.get(known)
            if place is not None:
                self.places[new + known[length:]] = place


def _paths(value: Any, path: Path) -> Iterator[Path]:
    """The path of a value and of everything below it; linear, and as deep as YAML may be."""
    yield path
    for key, item in (as_dict(value) or {}).items():
        yield from _paths(item, (*path, str(key)))
    for index, item in enumerate(as_list(value) or ()):
        yield from _paths(item, (*path, index))


def _adds_up(path: Path) -> bool:
    """Whether lists at this path are concatenated."""
    if len(path) == 1:
        return path[0] in CONCATENATED
    if path[0] in ("user_messages", "bot_messages"):
        return False
    return (
        len(path) == 3 and path[0] == "rails" and path[1] in LISTS_OF_RAILS and path[2] == "flows"
    )
