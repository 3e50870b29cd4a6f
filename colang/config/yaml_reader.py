r"""YAML text to plain data and the place of every key: bounded, safe, and with duplicate keys reported.

Reads the event stream of PyYAML with a stack of its own, so that neither deep nesting nor aliases of aliases
cost more than the limits below. Only plain data comes out (YAML 1.1 scalars as `yaml.safe_load` reads them).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import yaml

from colang.config.places import Document, Path, Place
from colang.config.plain import as_dict, as_list
from colang.diagnostics import Diagnostic
from colang.diagnostics import config as report
from colang.records import Draft, fresh
from colang.source import Span

MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 100
MAX_VALUES = 200_000

_parse: Any = yaml.parse  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING = "tag:yaml.org,2002:str"


class _Open(Draft):
    """A mapping or list that is being read."""

    value: Any
    path: Path
    start: int
    key_span: Span
    anchor: str | None = None
    size: int = 1
    key: Any = None  # of a mapping: the key whose value comes next
    waits_for_value: bool = False
    keys: dict[Any, Span] = fresh(factory=dict[Any, Span])
    merges: list[Any] = fresh(factory=list[Any])


class _TooMuch(Exception):
    """A limit is reached; carries what to tell."""

    def __init__(self, problem: str, span: Span) -> None:
        super().__init__(problem)
        self.problem = problem
        self.span = span


def read_yaml(text: str, path: str = "<yaml>") -> Document:
    r"""Read one YAML text. Never raises; bad text gives diagnostics and the data None.

    Args:
        text: The whole text, at most `MAX_CHARACTERS` characters. Only its first document is read.
        path: The name the text is reported under.

    Example:
        >>> document = read_yaml("rails:\n  input: {flows: [check words]}\n", "config.yml")
        >>> document.data
        {'rails': {'input': {'flows': ['check words']}}}
        >>> document.places["rails", "input"].key
        Span(start=9, end=14)
        >>> [d.code for d in read_yaml("a: 1\na: 2\n").diagnostics]
        ['CO402']
    """
    reader = _Reader(path)
    if len(text) > MAX_CHARACTERS:
        problem = f"this file has {len(text):,} characters, the limit is {MAX_CHARACTERS:,}"
        return reader.failed(report.yaml_limit(problem, report.START))
    try:
        reader.read(_parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        start = min(mark.index, len(text)) if mark is not None else 0
        problem = " ".join(p for p in (error.context, error.problem) if p) or "syntax error"
        return reader.failed(report.bad_yaml(problem, Span(start, min(start + 1, len(text)))))
    except yaml.reader.ReaderError as error:
        start = min(error.position, len(text))
        problem = f"the character {error.character!a} is not allowed"
        return reader.failed(report.bad_yaml(problem, Span(start, min(start + 1, len(text)))))
    except UnicodeEncodeError as error:  # a lone surrogate in a text that did not come from a file
        problem = f"the character {text[error.start]!a} is not allowed"
        return reader.failed(report.bad_yaml(problem, Span(error.start, error.end)))
    except _TooMuch as error:
        return reader.failed(report.yaml_limit(error.problem, error.span))
    return Document(reader.top, reader.places, tuple(reader.diagnostics), reader.top_span)


class _Reader:
    """Builds data and places from events; every method is called in the order of the text."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.top: Any = None
        self.top_span = report.START
        self.places: dict[Path, Place] = {}
        self.diagnostics: list[Diagnostic] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.open_anchors: set[str] = set()
        self.total = 0
        self.scalars: Any = yaml.SafeLoader("")

    def failed(self, diagnostic: Diagnostic) -> Document:
        """No data, one finding more."""
        found = (*self.diagnostics, diagnostic.at(self.path))
        return Document(None, {}, found, report.START)

    def read(self, events: Iterable[Any]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    start: Any = event.start_mark
                    span = Span(start.index, start.index + 3)
                    self.report(report.bad_yaml("a second document begins here", span))
                    return
            elif isinstance(event, yaml.ScalarEvent):
                self.add(self.scalar(event), 1, event)
            elif isinstance(event, yaml.AliasEvent):
                self.alias(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self.open(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self.close(event)

    def report(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic.at(self.path))

    def scalar(self, event: Any) -> Any:
        """The value of a scalar, as YAML 1.1 has it; an odd one (`2024-99-99`) stays text."""
        tag = event.tag
        if tag is None or tag == "!":
            implicit = event.implicit if tag is None else (True, False)
            tag = self.scalars.resolve(yaml.ScalarNode, event.value, implicit)
        span = Span(event.start_mark.index, event.end_mark.index)
        value: Any = event.value
        if tag != _STRING:
            node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
            make = yaml.SafeLoader.yaml_constructors.get(tag)
            if tag in ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"):
                value = event.value
            elif make is None or not tag.startswith("tag:yaml.org,2002:"):
                self.report(report.bad_yaml(f"the tag `{tag}` is not supported", span))
            else:
                try:
                    value = make(self.scalars, node)
                except (ValueError, KeyError, OverflowError, yaml.YAMLError):
                    value = event.value
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        return value

    def alias(self, event: Any) -> None:
        span = Span(event.start_mark.index, event.end_mark.index)
        if event.anchor in self.open_anchors:
            raise _TooMuch(f"the alias `*{event.anchor}` stands inside of its own value", span)
        if event.anchor not in self.anchors:
            self.report(report.bad_yaml(f"no value is marked `&{event.anchor}`", span))
            self.add(None, 1, event)
            return
        value, size = self.anchors[event.anchor]
        self.count(size, span)
        self.add(copy.deepcopy(value), size, event)

    def count(self, size: int, span: Span) -> None:
        self.total += size
        if self.total > MAX_VALUES:
            raise _TooMuch(f"this file holds more than {MAX_VALUES:,} values", span)

    def open(self, event: Any) -> None:
        span = Span(event.start_mark.index, event.end_mark.index)
        if len(self.stack) >= MAX_DEPTH:
            raise _TooMuch(f"values are nested more than {MAX_DEPTH} deep", span)
        if self.stack and isinstance(self.stack[-1].value, dict):
            outer = self.stack[-1]
            if not outer.waits_for_value:
                self.report(report.bad_yaml("a key must be a single value", span))
        if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self.report(report.bad_yaml(f"the tag `{event.tag}` is not supported", span))
        path, key_span = self.next_path(span)
        value: Any = dict[Any, Any]() if isinstance(event, yaml.MappingStartEvent) else list[Any]()
        if event.anchor:
            self.open_anchors.add(event.anchor)
        self.stack.append(_Open(value, path, span.start, key_span, event.anchor))

    def close(self, event: Any) -> None:
        done = self.stack.pop()
        for merged in done.merges:
            for item in as_list(merged) or [merged]:
                for key, value in (as_dict(item) or {}).items():
                    done.value.setdefault(key, value)
        if done.anchor:
            self.open_anchors.discard(done.anchor)
            self.anchors[done.anchor] = (done.value, done.size)
        span = Span(done.start, max(done.start, event.end_mark.index))
        self.attach(done.value, done.size, Place(self.path, done.key_span, span), done.path)

    def next_path(self, span: Span) -> tuple[Path, Span]:
        """Path and key span of the value that comes next."""
        if not self.stack:
            return (), span
        outer = self.stack[-1]
        items = as_list(outer.value)
        if items is not None:
            return (*outer.path, len(items)), span
        if outer.waits_for_value:
            return (*outer.path, str(outer.key)), outer.keys.get(outer.key, span)
        return (*outer.path, "?"), span

    def add(self, value: Any, size: int, event: Any) -> None:
        """A scalar or an alias: a key, or a whole value."""
        span = Span(event.start_mark.index, event.end_mark.index)
        if size == 1:
            self.count(1, span)
        outer = self.stack[-1] if self.stack else None
        if outer is not None and isinstance(outer.value, dict) and not outer.waits_for_value:
            self.add_key(outer, value, span)
            return
        path, key_span = self.next_path(span)
        self.attach(value, size, Place(self.path, key_span, span), path)

    def add_key(self, outer: _Open, key: Any, span: Span) -> None:
        if isinstance(key, dict | list | set):
            self.report(report.bad_yaml("a key must be a single value", span))
            key = "?"
        if key in outer.keys and key != "<<":
            self.report(report.duplicate_key(str(key), span, outer.keys[key]))
        outer.keys[key] = span
        outer.key = key
        outer.waits_for_value = True

    def attach(self, value: Any, size: int, place: Place, path: Path) -> None:
        if not self.stack:
            self.top, self.top_span = value, place.value
            self.places[()] = place
            return
        outer = self.stack[-1]
        outer.size += size
        items = as_list(outer.value)
        if items is not None:
            items.append(value)
            self.places[path] = place
        elif outer.waits_for_value:
            outer.waits_for_value = False
            if outer.key == "<<":
                outer.merges.append(value)
            else:
                outer.value[outer.key] = value
                self.places[path] = place
        else:  # a collection where a key should be; reported when it was opened
            outer.key = "?"
            outer.keys["?"] = place.value
            outer.waits_for_value = True
