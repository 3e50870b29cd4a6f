r"""The event log: everything that entered and left a machine, enough to run it again without the world.

A log is text, one JSON object a line. The first line names the version of the format, the program's digest
and the seed (or the saved state the conversation went on from). Each further line is one call of the
machine: what was done (`do`), its input, the time that was told (`now`), and what came out (`out`).

==============  =================  ==========================================
do              input              what it was
==============  =================  ==========================================
start           context            the conversation began, with these variables
begin                              the entry flow was started again, if needed
feed            event or sent      an event, an action's end, a timer's end; `sent` is
                                   an event the machine has sent itself, as step and
                                   place in what that step put out, counted from 0
set             data               an action's context updates
add_flows       text               flows defined at run time
remove_flows    ids                flows removed again
==============  =================  ==========================================

JSON knows fewer kinds of values than Colang: a tuple is written ``{"$tuple": [...]}``, a set
``{"$set": [...]}``, a dictionary with other keys than plain texts ``{"$dict": [[key, value], ...]}``, the result
of a rail's action ``{"$outcome": {...}}``. A value
without a plain form, such as an object an action returned, is written ``{"$opaque": "module.Class"}``; it can
be read, and is the place where a replay has to stop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from colang_interpreter.dynamic import is_dict, is_list
from colang_interpreter.host.rules import Rules, rules_for
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.machine import Event, Machine, Program

LOG_VERSION = 1


class LogError(Exception):
    """A log cannot be read, or not be replayed; the text names the line."""


def encode(value: Any, _depth: int = 0) -> Any:
    """A value as JSON can hold it; shared references become copies.

    >>> encode({"a": (1, 2), "b": {1: None}})
    {'a': {'$tuple': [1, 2]}, 'b': {'$dict': [[1, None]]}}
    """
    kind = cast(Any, type(value))
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    _depth += 1
    if _depth > _MAX_DEPTH:  # also what a list that holds itself comes to
        return _opaque(value)
    if kind is list:
        return [encode(item, _depth) for item in value]
    if kind is tuple:
        return {"$tuple": [encode(item, _depth) for item in value]}
    if kind is set or kind is frozenset:
        return {"$set": sorted((encode(item, _depth) for item in value), key=json.dumps)}
    if is_dict(value):  # subclasses too: flows see them as dictionaries
        entries = value
        if all(type(key) is str and not key.startswith("$") for key in entries):
            return {key: encode(item, _depth) for key, item in entries.items()}
        return {"$dict": [[encode(k, _depth), encode(v, _depth)] for k, v in entries.items()]}
    if kind is RailOutcome:
        return {"$outcome": {name: encode(getattr(value, name), _depth) for name in _OUTCOME}}
    return _opaque(value)


_MAX_DEPTH = 100
_PLAIN = frozenset({type(None), bool, int, str})
_OUTCOME = tuple(each.name for each in fields(RailOutcome))


def _opaque(value: Any) -> Any:
    return {"$opaque": f"{type(value).__module__}.{type(value).__qualname__}"}


def decode(value: Any) -> Any:
    """The value `encode` was given.

    Raises:
        LogError: It had no plain form.
    """
    if is_list(value):
        return [decode(item) for item in value]
    if not is_dict(value):
        return value
    entries = value
    if len(entries) == 1:
        tag, held = next(iter(entries.items()))
        if tag == "$tuple":
            return tuple(decode(item) for item in held)
        if tag == "$set":
            return {decode(item) for item in held}
        if tag == "$dict":
            return {decode(key): decode(item) for key, item in held}
        if tag == "$float":
            return float(held)
        if tag == "$outcome":
            return RailOutcome(**{name: decode(held[name]) for name in _OUTCOME})
        if tag == "$opaque":
            raise LogError(f"a value was a {held}, which has no plain form")
    return {key: decode(item) for key, item in entries.items()}


class EventLog:
    r"""Writes a log line by line to any function that takes text.

    ``file.write``, ``io.StringIO().write`` and ``lines.append`` all fit; each line ends with ``\n``.
    """

    __slots__ = ("_write",)

    def __init__(self, write: Callable[[str], object]) -> None:
        """Nothing is written before the conversation begins."""
        self._write = write

    def write(self, entry: Mapping[str, Any]) -> None:
        """Write one line; values are encoded."""
        self.write_encoded(encode(dict(entry)))

    def write_encoded(self, entry: Mapping[str, Any]) -> None:
        """Write one line that `encode` has made already."""
        self._write(json.dumps(entry, ensure_ascii=False) + "\n")


class Tape:
    """A machine whose every call goes into a log, if there is one.

    All that may change a machine goes through here; so a log cannot miss anything.
    """

    __slots__ = ("_log", "_sent", "_steps", "machine", "rules")

    def __init__(self, machine: Machine, rules: Rules, log: EventLog | None) -> None:
        """Wrap a machine that exists; `start` and `resume` make one."""
        self.machine = machine
        self.rules = rules
        self._log = log
        self._steps = 0  # that were logged
        self._sent: dict[int, tuple[Event, int, int]] = {}  # by id: event, step and place

    @classmethod
    def start(
        cls,
        program: Program,
        seed: int,
        now: str,
        log: EventLog | None = None,
        session: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> tuple[Tape, list[Event]]:
        """Begin a conversation; also gives what its start sends."""
        rules = rules_for(program)
        if log is not None:
            _write_header(log, program, session, {"seed": seed})
        machine, outgoing = rules.start(program, seed, now, context or {})
        tape = cls(machine, rules, log)
        entry = {"do": "start", "context": encode(dict(context or {})), "now": now}
        return tape, tape._put_out(entry, outgoing)

    @classmethod
    def resume(
        cls,
        program: Program,
        blob: str,
        log: EventLog | None = None,
        session: str | None = None,
    ) -> Tape:
        """Go on with a dumped machine."""
        rules = rules_for(program)
        machine = rules.resume(program, blob)
        if log is not None:
            _write_header(log, program, session, {"state": blob})
        return cls(machine, rules, log)

    def _note(self, entry: dict[str, Any], out: Any) -> None:
        if self._log is not None:
            self._log.write({**entry, "out": out})

    def _put_out(self, entry: dict[str, Any], outgoing: list[Event]) -> list[Event]:
        """Log a step, and know its events again when they come back."""
        if self._log is not None:
            self._log.write_encoded({**entry, "out": encode(outgoing)})
            for place, event in enumerate(outgoing):
                self._sent[id(event)] = (event, self._steps, place)
            self._steps += 1
        return outgoing

    def begin(self, now: str) -> list[Event]:
        """Start the entry flow again if that is due."""
        outgoing = self.rules.begin(self.machine, now)
        if outgoing is None:
            return []
        return self._put_out({"do": "begin", "now": now}, outgoing)

    def feed(self, event: Event, now: str) -> list[Event]:
        """One step."""
        if self._log is None:
            return self.rules.feed(self.machine, event, now)
        entry: dict[str, Any] = {"do": "feed", "now": now}
        _, *sent = self._sent.pop(id(event), (None,))
        if sent:
            entry["sent"] = sent
        else:
            entry["event"] = encode(event)  # now: the machine may keep and change it
        try:
            outgoing = self.rules.feed(self.machine, event, now)
        except Exception as problem:
            self._note(entry, {"raised": type(problem).__name__})
            raise
        return self._put_out(entry, outgoing)

    def end_call(self) -> None:
        """Events that were sent and have not come back until now will not."""
        self._sent.clear()

    def set(self, data: Mapping[str, Any]) -> None:
        """Set variables of the conversation."""
        self.rules.update(self.machine, data)
        self._note({"do": "set", "data": dict(data)}, None)

    def add_flows(self, text: str) -> list[str]:
        """Define flows at run time; the names of the added ones."""
        added: list[str] = list(cast(Any, self.machine).add_flows(text))
        self._note({"do": "add_flows", "text": text}, added)
        return added

    def remove_flows(self, ids: Iterable[str]) -> None:
        """Remove flows and their running instances."""
        names = list(ids)
        cast(Any, self.machine).remove_flows(names)
        self._note({"do": "remove_flows", "ids": names}, None)


def _write_header(
    log: EventLog, program: Program, session: str | None, origin: Mapping[str, Any]
) -> None:
    header = {"colang_log": LOG_VERSION, "program": program.digest, "session": session}
    log.write({**header, **origin})


@dataclass(frozen=True, slots=True)
class Difference:
    """The first line of a log where the machine now does something else."""

    line: int
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of a replay: the outgoing events, step by step, and whether they are the recorded ones."""

    machine: Machine
    outgoing: tuple[tuple[Event, ...], ...]
    difference: Difference | None

    @property
    def is_identical(self) -> bool:
        """The machine did the same, to the last uid."""
        return self.difference is None


def replay(program: Program, lines: str | Iterable[str]) -> Replay:
    """Run a recorded conversation again, without actions, clocks or models.

    Stops at the first difference. Takes the program with the digest the log was made with.

    Args:
        program: What was running.
        lines: The log, as one text or line by line.

    Raises:
        LogError: The text is no log, another program's log, or holds a value without a plain form.
    """
    numbered = _entries(lines)
    header: dict[str, Any] = next(numbered, (1, dict[str, Any]()))[1]
    if header.get("colang_log") != LOG_VERSION:
        raise LogError(f"line 1: this is not an event log of version {LOG_VERSION}")
    if header.get("program") != program.digest:
        raise LogError(
            f"line 1: the log was made with program {header.get('program')},"
            f" not with {program.digest}"
        )
    outgoing: list[tuple[Event, ...]] = []
    tape: Tape | None = None
    if "state" in header:
        tape = Tape.resume(program, header["state"])
    for line, entry in numbered:
        try:
            result: Any = None
            if entry["do"] == "start":
                context = decode(entry["context"])
                tape, result = Tape.start(program, header["seed"], entry["now"], context=context)
            elif tape is None:
                raise LogError("the conversation has not been started yet")
            else:
                result = _repeat(tape, entry, outgoing)
        except (LookupError, TypeError, ValueError, LogError) as problem:
            raise LogError(f"line {line}: {_reason(problem)}") from problem
        if encode(result) != entry.get("out"):
            return Replay(
                tape.machine, tuple(outgoing), Difference(line, entry.get("out"), encode(result))
            )
        if entry["do"] in ("start", "begin", "feed") and isinstance(result, list):
            outgoing.append(tuple(cast("list[Event]", result)))
    if tape is None:
        raise LogError("the log ends before the conversation starts")
    return Replay(tape.machine, tuple(outgoing), None)


def _repeat(tape: Tape, entry: Mapping[str, Any], outgoing: Sequence[Sequence[Event]]) -> Any:
    match entry["do"]:
        case "feed":
            if "sent" in entry:
                step, place = entry["sent"]
                event = outgoing[int(step)][int(place)]
            else:
                event = _event(decode(entry["event"]))
            try:
                return tape.feed(event, entry["now"])
            except Exception as problem:
                if entry["out"] == {"raised": type(problem).__name__}:
                    return {"raised": type(problem).__name__}
                raise
        case "begin":
            return tape.begin(entry["now"])
        case "set":
            return tape.set(decode(entry["data"]))
        case "add_flows":
            return tape.add_flows(entry["text"])
        case "remove_flows":
            return tape.remove_flows(entry["ids"])
        case other:
            raise LogError(f"nothing is known about `{other}`")


def _event(value: Any) -> Event:
    if not is_dict(value) or not isinstance(value.get("type"), str):
        raise LogError("what was fed is not an event")
    return value


def _reason(problem: Exception) -> str:
    return f"`{problem.args[0]}` is missing" if isinstance(problem, KeyError) else str(problem)


def _entries(lines: str | Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines.split("\n") if isinstance(lines, str) else lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as problem:
            raise LogError(f"line {number}: not JSON: {problem}") from problem
        if not is_dict(entry):
            raise LogError(f"line {number}: not an object")
        yield number, entry
