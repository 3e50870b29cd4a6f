r"""Scenario files: YAML to `Scenario`, strictly.

A key nobody reads would be a check that never runs, so unknown keys are errors, as are texts that YAML takes
for something else (``bot: [yes]``). All problems of a file are reported in one go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from colang.config.places import Document, Path
from colang.config.yaml_reader import read_yaml
from colang.diagnostics import Diagnostic
from colang.diagnostics import scenario as report
from colang.diagnostics.config import near
from colang.scenario.model import (
    NO_ANSWERS,
    Answers,
    AnyOf,
    Conversation,
    Exactly,
    Expectation,
    ExpectedText,
    Fits,
    Input,
    Raises,
    Returns,
    Say,
    Scenario,
    Send,
    SetContext,
    Stub,
    Turn,
    Wait,
)
from colang.source import Source, Span

_TOP = ("title", "conversations", "from_version", "covers", "notes", "stubs", "durations", "seed")
_CONVERSATION = ("turns", "title", "seed")
_INPUTS = ("user", "event", "context", "wait")
_EXPECTED = ("bot", "events")
_TURN = (*_INPUTS, "llm", *_EXPECTED, "before", "after", "allow_unscripted")
_MEANINGS = ("intent", "next", "message", "messages", "value")
_VERSIONS = ("1.0", "2.0-alpha", "2.x")
_KINDS: dict[type, str] = {bool: "a boolean", int: "a number", float: "a number"}
_LONGEST = 1e9  # seconds; about thirty years


def load_scenario(
    text: str, path: str = "scenario.yaml"
) -> tuple[Scenario | None, tuple[Diagnostic, ...]]:
    r"""Read a scenario file. Never raises.

    Args:
        text: The whole file.
        path: The name it is reported under.

    Returns:
        The scenario, or None if there is any problem; and the problems, in the order of the text.

    Example:
        >>> scenario, problems = load_scenario('''
        ... title: greeting
        ... conversations:
        ...   - turns:
        ...       - user: hello
        ...         bot: ["Hello, how are you?"]
        ... ''')
        >>> scenario.conversations[0].turns[0].inputs
        (Say(text='hello'),)
        >>> load_scenario("title: x\nconversation: []\n")[1][-1].help
        'did you mean `conversations`?'
    """
    document = read_yaml(text, path)
    if document.data is None and document.diagnostics:
        return None, document.diagnostics
    reader = _Reader(document, Source(text, path), path)
    scenario = reader.scenario(document.data)
    found = [*document.diagnostics, *reader.problems]
    if found:
        return None, tuple(sorted(found, key=lambda problem: problem.span))
    return scenario, ()


class _Reader:
    """Turns plain data into the model; a problem is noted and something harmless goes on in its place."""

    def __init__(self, document: Document, source: Source, path: str) -> None:
        self.document = document
        self.source = source
        self.path = path
        self.problems: list[Diagnostic] = []
        self.seed = 0

    # -- the parts of a file

    def scenario(self, data: object) -> Scenario:
        if not _is_mapping(data):
            self.wrong(
                (), "a scenario", "it must be a mapping with the keys title and conversations"
            )
            return Scenario(title="", conversations=())
        top = self.mapping(data, (), "a scenario", _TOP)
        self.seed = self.integer(top, "seed", (), 0)
        written = [str(key) for key in _mapping(data)]
        for key in ("title", "conversations"):
            if key not in top and not near(key, written):  # a misspelt one has been reported
                self.wrong((), "a scenario", f"the key `{key}` is missing")
        version = self.text(top, "from_version", (), "1.0")
        if version not in _VERSIONS:
            self.wrong(("from_version",), "from_version", f"must be one of {', '.join(_VERSIONS)}")
        conversations = self.items(top, "conversations", ())
        if "conversations" in top and top["conversations"] == []:
            self.wrong(("conversations",), "conversations", "there must be at least one")
        covers = [
            self.one_text(tag, ("covers", index), "a tag")
            for index, tag in enumerate(self.items(top, "covers", ()))
        ]
        return Scenario(
            title=self.text(top, "title", (), ""),
            conversations=tuple(
                self.conversation(item, ("conversations", index))
                for index, item in enumerate(conversations)
            ),
            from_version=version,
            covers=tuple(covers),
            notes=self.text(top, "notes", (), ""),
            stubs=self.stubs(top),
            durations=self.durations(top),
            path=self.path,
        )

    def stubs(self, top: Mapping[str, Any]) -> dict[str, tuple[Stub, ...]]:
        stubs: dict[str, tuple[Stub, ...]] = {}
        for name, value in self.inner(top, "stubs", ()).items():
            here: Path = ("stubs", name)
            if _is_mapping(value) and list(_mapping(value)) == ["sequence"]:
                rows = self.items(_mapping(value), "sequence", here)
                if not rows:
                    self.wrong((*here, "sequence"), "sequence", "there must be at least one result")
                stubs[name] = tuple(
                    self.stub(row, (*here, "sequence", index)) for index, row in enumerate(rows)
                )
            else:
                stubs[name] = (self.stub(value, here),)
        return stubs

    def stub(self, value: object, here: Path) -> Stub:
        if _is_mapping(value):
            mapping = _mapping(value)
            if list(mapping) == ["raises"]:
                return Raises(self.one_text(mapping["raises"], (*here, "raises"), "raises"))
        self.only_plain(value, here)
        return Returns(value)

    def durations(self, top: Mapping[str, Any]) -> dict[str, float | None]:
        durations: dict[str, float | None] = {}
        for name, value in self.inner(top, "durations", ()).items():
            here: Path = ("durations", name)
            if not name.endswith("Action"):
                self.wrong(here, f"`{name}`", "the name of an action ends in `Action`")
            durations[name] = (
                None if value == "endless" else self.seconds(value, here, "a duration")
            )
        return durations

    def conversation(self, data: object, here: Path) -> Conversation:
        known = self.mapping(data, here, "a conversation", _CONVERSATION)
        if _is_mapping(data) and not known.get("turns"):
            self.wrong(here, "a conversation", "it needs at least one turn, under the key `turns`")
        turns = [
            self.turn(item, (*here, "turns", index))
            for index, item in enumerate(self.items(known, "turns", here))
        ]
        return Conversation(
            turns=tuple(turns),
            title=self.text(known, "title", here, ""),
            seed=self.integer(known, "seed", here, self.seed),
            line=self.line(here),
        )

    def turn(self, data: object, here: Path) -> Turn:
        known = self.mapping(data, here, "a turn", _TURN)
        inputs = tuple(self.input(key, known[key], (*here, key)) for key in known if key in _INPUTS)
        if not inputs and here[-1] != 0 and _is_mapping(data):
            first = self.span((*here[:-1], 0))
            self.problems.append(report.turn_without_input(self.span(here), first).at(self.path))
        expected = self.expectation(known, here, Expectation())
        overrides: dict[str, Expectation] = {}
        for side in ("before", "after"):
            if side in known:
                inner = self.mapping(known[side], (*here, side), f"`{side}`", _EXPECTED)
                overrides[side] = self.expectation(inner, (*here, side), expected)
        allow = known.get("allow_unscripted", False)
        if not isinstance(allow, bool):
            self.wrong((*here, "allow_unscripted"), "allow_unscripted", "must be true or false")
        return Turn(
            inputs=inputs,
            expected=expected,
            before=overrides.get("before"),
            after=overrides.get("after"),
            answers=self.answers(known["llm"], (*here, "llm")) if "llm" in known else NO_ANSWERS,
            allow_unscripted=allow is True,
            line=self.line(here),
        )

    def input(self, key: str, value: object, here: Path) -> Input:
        if key == "user":
            return Say(self.one_text(value, here, "user"))
        if key == "wait":
            return Wait(self.seconds(value, here, "wait"))
        if key == "context":
            if not _is_mapping(value):
                self.wrong(here, "context", "must be a mapping of variables to values")
                return SetContext({})
            self.only_plain(value, here)
            return SetContext(self.by_text(_mapping(value), here))
        if _is_list(value):
            rows = enumerate(_list(value))
            return Send(tuple(self.event(row, (*here, index)) for index, row in rows))
        return Send((self.event(value, here),))

    def expectation(
        self, known: Mapping[str, Any], here: Path, default: Expectation
    ) -> Expectation:
        found = default
        if "bot" in known:
            texts = enumerate(self.items(known, "bot", here))
            found = replace(
                found,
                bot=tuple(self.expected_text(text, (*here, "bot", index)) for index, text in texts),
            )
        if "events" in known:
            rows = enumerate(self.items(known, "events", here))
            found = replace(
                found,
                events=tuple(self.event(row, (*here, "events", index)) for index, row in rows),
            )
        return found

    def expected_text(self, value: object, here: Path) -> ExpectedText:
        if not _is_mapping(value):
            return Exactly(self.one_text(value, here, "a text of the bot"))
        known = self.mapping(value, here, "an expected text", ("any", "regex"))
        if len(known) != 1:
            self.wrong(here, "an expected text", "must be a text, {any: [...]} or {regex: ...}")
        elif "any" in known:
            rows = enumerate(self.items(known, "any", here))
            return AnyOf(tuple(self.one_text(row, (*here, "any", i), "a text") for i, row in rows))
        else:
            pattern = self.one_text(known["regex"], (*here, "regex"), "regex")
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                self.wrong((*here, "regex"), "regex", f"is no regular expression: {error}")
            else:
                return Fits(pattern)
        return Exactly("")

    def event(self, value: object, here: Path) -> Mapping[str, Any]:
        if not _is_mapping(value):
            self.wrong(here, "an event", "must be a mapping like {type: Name, parameter: value}")
            return {"type": ""}
        self.only_plain(value, here)
        event = self.by_text(_mapping(value), here)
        if "type" not in event:
            self.wrong(here, "an event", "the key `type` is missing: the name of the event")
        else:
            self.one_text(event["type"], (*here, "type"), "type")
        return event

    def answers(self, value: object, here: Path) -> Answers:
        if _is_list(value):
            rows = enumerate(_list(value))
            return Answers(
                completions=tuple(self.one_text(row, (*here, i), "a completion") for i, row in rows)
            )
        if not _is_mapping(value):
            self.wrong(here, "llm", "must be a list of completions or a mapping like {intent: ...}")
            return NO_ANSWERS
        known = self.by_text(_mapping(value), here)
        tasks: dict[str, str] = {}
        for key in known:
            if key in _MEANINGS:
                continue
            guess = near(key, _MEANINGS)
            if guess:
                problem = report.unknown_key(key, "llm", self.key_span((*here, key)), _MEANINGS)
                self.problems.append(problem.at(self.path))
            else:
                tasks[key] = self.one_text(known[key], (*here, key), f"the answer for `{key}`")
        messages = {
            name: self.one_text(text, (*here, "messages", name), "a message")
            for name, text in self.inner(known, "messages", here).items()
        }
        return Answers(
            intent=self.optional_text(known, "intent", here),
            next=self.optional_text(known, "next", here),
            message=self.optional_text(known, "message", here),
            messages=messages,
            value=known.get("value"),
            has_value="value" in known,
            tasks=tasks,
        )

    # -- values

    def mapping(
        self, data: object, here: Path, what: str, known: tuple[str, ...]
    ) -> dict[str, Any]:
        """A mapping without its unknown keys, which are reported."""
        if not _is_mapping(data):
            self.wrong(here, what, "must be a mapping of keys to values")
            return {}
        good: dict[str, Any] = {}
        for key, value in _mapping(data).items():
            if isinstance(key, str) and key in known:
                good[key] = value
            else:
                span = self.key_span((*here, str(key)))
                problem = report.unknown_key(str(key), what, span, known)
                self.problems.append(problem.at(self.path))
        return good

    def inner(self, outer: Mapping[str, Any], key: str, here: Path) -> dict[str, Any]:
        """The mapping under a key; empty if the key is absent."""
        value = outer.get(key, {})
        if not _is_mapping(value):
            self.wrong((*here, key), key, "must be a mapping of names to values")
            return {}
        return self.by_text(_mapping(value), (*here, key))

    def by_text(self, data: dict[Any, Any], here: Path) -> dict[str, Any]:
        """A mapping whose keys must be texts."""
        for key in data:
            if not isinstance(key, str):
                self.wrong(
                    (*here, str(key)), f"the key {key!r}", "must be a text, put it in quotes"
                )
        return {str(key): value for key, value in data.items()}

    def items(self, outer: Mapping[str, Any], key: str, here: Path) -> list[Any]:
        """The list under a key; empty if the key is absent."""
        value = outer.get(key, [])
        if not _is_list(value):
            self.wrong((*here, key), key, "must be a list")
            return []
        return _list(value)

    def text(self, outer: Mapping[str, Any], key: str, here: Path, default: str) -> str:
        return self.one_text(outer[key], (*here, key), key) if key in outer else default

    def optional_text(self, outer: Mapping[str, Any], key: str, here: Path) -> str | None:
        return self.one_text(outer[key], (*here, key), key) if key in outer else None

    def one_text(self, value: object, here: Path, what: str) -> str:
        if isinstance(value, str):
            return value
        if _is_mapping(value) or _is_list(value):
            self.wrong(here, what, "must be a text")
        else:
            shown = self.written(here)
            kind = _KINDS.get(type(value), "no text")
            self.wrong(here, what, f"must be a text, and YAML takes {shown} for {kind}", "quote it")
        return ""

    def only_plain(self, value: object, here: Path) -> None:
        """Report values no event can carry: YAML reads dates and bytes where the author wrote text."""
        if _is_mapping(value):
            for key, inner in _mapping(value).items():
                self.only_plain(inner, (*here, str(key)))
        elif _is_list(value):
            for index, inner in enumerate(_list(value)):
                self.only_plain(inner, (*here, index))
        elif not isinstance(value, (str, int, float, bool, type(None))):
            shown = self.written(here)
            self.wrong(
                here, "a value", f"YAML takes {shown} for a {type(value).__name__}", "quote it"
            )

    def integer(self, outer: Mapping[str, Any], key: str, here: Path, default: int) -> int:
        value = outer.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.wrong((*here, key), key, "must be a whole number")
        return default

    def seconds(self, value: object, here: Path, what: str) -> float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number and math.isfinite(cast("float", value)) and 0 <= cast("float", value) <= _LONGEST:
            return float(cast("float", value))
        extra = " or `endless`" if what == "a duration" else ""
        self.wrong(here, what, f"must be a number of seconds, 0 or more{extra}")
        return 0.0

    # -- places

    def wrong(self, here: Path, what: str, problem: str, help: str | None = None) -> None:
        self.problems.append(report.wrong_value(what, problem, self.span(here), help).at(self.path))

    def span(self, here: Path) -> Span:
        """The value at a path; of a long one the first line."""
        for length in range(len(here), -1, -1):
            place = self.document.places.get(here[:length])
            if place is not None:
                return self.first_line(place.value)
        return self.first_line(self.document.span)

    def key_span(self, here: Path) -> Span:
        place = self.document.places.get(here)
        return place.key if place is not None else self.span(here)

    def first_line(self, span: Span) -> Span:
        end = self.source.text.find("\n", span.start, span.end)
        return span if end < 0 else Span(span.start, end)

    def written(self, here: Path) -> str:
        span = self.span(here)
        return f"`{self.source.text[span.start : span.end]}`"

    def line(self, here: Path) -> int:
        return self.source.position(self.span(here).start).line


# What comes out of YAML has no types; these four say what is known of it after a look.


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _mapping(value: object) -> dict[Any, Any]:
    return cast("dict[Any, Any]", value)


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value)
