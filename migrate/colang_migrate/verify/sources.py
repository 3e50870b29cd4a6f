"""Conversations from files: scenarios, and event logs of conversations that were really held."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from colang.diagnostics import Diagnostic
from colang.project.loader import is_scenario
from colang.scenario import (
    Answers,
    Conversation,
    Expectation,
    Input,
    Raises,
    Returns,
    Say,
    Send,
    SetContext,
    Stub,
    Turn,
    load_scenario,
)
from colang.source import Source
from colang_interpreter.dynamic import is_dict, is_list
from colang_interpreter.host.log import LOG_VERSION, LogError, decode
from colang_interpreter.host.rules_v1 import OUTCOME
from colang_migrate.files import read_file
from colang_migrate.journal import MigrateError
from colang_migrate.verify.model import Trial


class SourceError(Exception):
    """A file of conversations cannot be used; `diagnostics` say where, if they can."""

    def __init__(
        self,
        message: str,
        diagnostics: Iterable[Diagnostic] = (),
        sources: Mapping[str, Source] | None = None,
    ) -> None:
        """Keep the findings."""
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)
        self.sources = dict(sources or {})


def scenarios_in(*folders: str) -> list[str]:
    """The scenario files of folders: ``scenario.yaml``, or a name that ends in ``.scenario.yaml``.

    A scenario beside folders called `before` and `after` is about these two, and found for both.
    """
    found: dict[str, str] = {}
    for folder in folders:
        if not os.path.isdir(folder):
            continue
        above, name = os.path.split(os.path.normpath(folder))
        if name in ("before", "after"):
            for each in ("scenario.yaml", "scenario.yml"):
                path = os.path.join(above, each)
                if os.path.isfile(path):
                    found.setdefault(os.path.realpath(path), path)
        for here, inner, files in os.walk(folder):
            inner[:] = sorted(each for each in inner if not each.startswith("."))
            for each in sorted(files):
                if is_scenario(each):
                    path = os.path.join(here, each)
                    found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def read_trials(path: str) -> list[Trial]:
    """The conversations of a scenario file, or of an event log: a file whose name ends in ``.jsonl`` or ``.log``.

    Raises:
        SourceError: It cannot be read, is neither, or has errors.
    """
    try:
        text = read_file(path).decode("utf-8-sig")
    except MigrateError as error:
        raise SourceError(str(error)) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"cannot read {path}: it is not UTF-8 text") from error
    return (
        [from_log(text, path)] if path.endswith((".jsonl", ".log")) else from_scenario(text, path)
    )


def from_scenario(text: str, path: str) -> list[Trial]:
    r"""The conversations of a scenario file.

    Raises:
        SourceError: It has errors.

    Example:
        >>> text = "title: hello\nconversations:\n  - turns:\n      - {user: hi, bot: [Hello]}\n"
        >>> [trial.title for trial in from_scenario(text, "scenario.yaml")]
        ['hello']
    """
    scenario, problems = load_scenario(text, path)
    if scenario is None:
        raise SourceError(f"{path} has errors", problems, {path: Source(text, path)})
    found: list[Trial] = []
    for number, conversation in enumerate(scenario.conversations, start=1):
        title = conversation.title or scenario.title or path
        if not conversation.title and len(scenario.conversations) > 1:
            title += f", conversation {number}"
        found.append(
            Trial(
                title=title,
                conversation=conversation,
                origin="scenario",
                stubs=scenario.stubs,
                durations=scenario.durations,
                place=f"{path}:{conversation.line}" if conversation.line else path,
            )
        )
    return found


def is_by_call(trial: Trial) -> bool:
    """Whether the model's answers are a list for its calls: each dialect makes other calls, so they fit only one."""
    return any(turn.answers.completions is not None for turn in trial.conversation.turns)


# ---------------------------------------------------------------- event logs


@dataclass(slots=True)
class _Heard:
    """A turn as a log tells it, while it is read."""

    input: Input
    intent: str | None = None
    next: str | None = None
    message: str | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    def turn(self) -> Turn:
        answers = Answers(
            intent=self.intent,
            next=self.next,
            message=self.message,
            value=self.values or None,
            has_value=bool(self.values),
        )
        return Turn(inputs=(self.input,), expected=Expectation(), answers=answers)


def from_log(text: str, path: str) -> Trial:
    """The conversation of an event log: what the user and the application did, what the model and actions answered.

    What the model meant is read off the events of a 1.0 bot. Of a log of a 2.x bot only the outside is used.

    Raises:
        SourceError: It is no event log, or a line cannot be read; the text names the line.
    """
    turns: list[_Heard] = []
    stubs: dict[str, list[Stub]] = {}
    seed = 0
    for line, entry in _entries(text, path):
        if "colang_log" in entry:
            seed = entry["seed"] if isinstance(entry.get("seed"), int) else 0
            continue
        if entry.get("do") == "start" and entry.get("context"):
            turns.append(_Heard(SetContext(_decoded(entry["context"], path, line))))
        event = entry.get("event")
        if entry.get("do") != "feed" or not is_dict(event):
            continue
        kind = str(event.get("type", ""))
        if kind == OUTCOME:
            if turns:
                _learn(event, turns[-1], stubs)
        elif kind == "UtteranceUserActionFinished":
            turns.append(_Heard(Say(str(event.get("final_transcript", "")))))
        elif not _is_internal(kind):
            turns.append(_Heard(Send((_decoded(event, path, line),))))
    if not turns:
        raise SourceError(f"{path}: nothing happens in this log")
    return Trial(
        title=f"the conversation recorded in {path}",
        conversation=Conversation(turns=tuple(turn.turn() for turn in turns), seed=seed),
        origin="log",
        stubs={name: tuple(each) for name, each in stubs.items()},
        place=path,
    )


def _is_internal(kind: str) -> bool:
    """Events by which the host tells about actions: the bots that are compared make their own."""
    return kind.endswith(("ActionStarted", "ActionUpdated", "ActionFinished", "ActionFailed"))


_BY_MODEL = frozenset(
    (
        *("generate_user_intent", "generate_next_steps", "generate_bot_message"),
        *("generate_value", "generate_intent_steps_message", "retrieve_relevant_chunks"),
        *("UtteranceBotAction", "create_event"),
    )
)


def _learn(event: Mapping[str, Any], turn: _Heard, stubs: dict[str, list[Stub]]) -> None:
    """What an action of a 1.0 bot gave: what the model meant, or a result to give again."""
    start = event.get("start")
    if not is_dict(start):
        return
    name = str(start.get("action_name", ""))
    updates = event.get("context_updates")
    for each in _list(event.get("events")):
        if not is_dict(each):
            continue
        if each.get("type") == "UserIntent":
            turn.intent = str(each.get("intent"))
        elif each.get("type") == "BotIntent" and name == "generate_next_steps":
            turn.next = str(each.get("intent"))
        elif each.get("type") == "BotMessage":
            predefined = is_dict(updates) and updates.get("skip_output_rails") is True
            if not predefined:
                turn.message = str(each.get("text"))
    try:
        value = decode(event.get("return_value"))
    except (LogError, LookupError, TypeError, ValueError):
        value = True  # an object without a plain form
    if name == "generate_value":
        turn.values[str(start.get("action_result_key", "value"))] = value
    elif name and name not in _BY_MODEL:
        failure = event.get("failure")
        stub = Raises(str(failure)) if failure is not None else Returns(value)
        stubs.setdefault(name, []).append(stub)


def _list(value: object) -> list[Any]:
    return value if is_list(value) else []


def _decoded(value: object, path: str, line: int) -> dict[str, Any]:
    try:
        found = decode(value)
    except (LogError, LookupError, TypeError, ValueError) as error:
        raise SourceError(f"{path}:{line}: {error}") from error
    if not is_dict(found):
        raise SourceError(f"{path}:{line}: what was fed is not an event")
    return found


def _entries(text: str, path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    first = True
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entry: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{path}:{number}: not JSON: {error}") from error
        if not is_dict(entry):
            raise SourceError(f"{path}:{number}: not an object")
        if first and entry.get("colang_log") != LOG_VERSION:
            raise SourceError(f"{path}:{number}: this is no event log of version {LOG_VERSION}")
        yield number, entry
        first = False
    if first:
        raise SourceError(f"{path}: the file is empty")
