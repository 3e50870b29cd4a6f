"""Whether both bots did the same, as a user and an application see it; and which differences are known ones.

The known ones are those of the migration document, sections 3 and 16. Each is recognised by what both sides did,
never by the mere name of a construct, so that a real fault beside it is still found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colang_interpreter.host.rules import ENVELOPE
from colang_interpreter.machine import Event
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.envelope import FAILURE_TEXT
from colang_interpreter.v1.flows import Flow
from colang_interpreter.v1.program import Program
from colang_migrate.verify.model import Record

NOT_SURE = "I'm not sure what to say."
_MISSING = re.compile(r"Action '.*' not found\.")
_HOLE = re.compile(r"\$\{?[^\W\d]\w*(?:\.\w+|\[[^\]]*\])*\}?|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_EXCEPTION = re.compile(r"\w*Exception")

SCENARIO = "the scenario expects the two to differ here"
FAILED = (
    "an action failed: 1.0 ends the turn with an error message, 2.x stops the message or goes on"
)
ERROR = "an expression failed: 1.0 says so to the user, 2.x ends the flow"
EMPTY = "a text came out empty: 1.0 says that it is not sure what to say, 2.x says nothing"
UNSET = "a variable without a value: 1.0 shows nothing, 2.x shows None"
BLANKS = "only blanks differ: a template of 1.0 is stripped after its variables are filled in"
EXCEPTION = "the exception of a rail reaches the application in another form"
STRICT = "output rails check predefined messages as well in 2.x"
KNOWLEDGE = "1.0 looks into the knowledge base before each message, 2.x where the model goes on"
GENERAL = (
    "without samples of what users say 1.0 asks the model and no flow; in 2.x the flows take part"
)
DEAD = "the flow fails here in 1.0, and works in 2.x"
EVENT = "1.0 ends a flow that creates an event there, 2.x runs the statements behind it as well"
LATE = "1.0 fills in a text after the assignments that follow it, 2.x before them"
SILENT = "no flow has a step of the bot here: 1.0 lets the model go on, the new bot says nothing"
NO_END = "the old bot does not come to an end here either"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comparing one turn gives: nothing to tell, or a reason; `goes_on` is false if both have parted."""

    accepted: bool = True
    reason: str = ""
    goes_on: bool = True


SAME = Verdict()


@dataclass(frozen=True, slots=True)
class Habits:
    """Places of the old bot where 1.0 does something that nobody would expect, and 2.x does not.

    Attributes:
        event_makers: Flows that create an event and have statements behind it.
        late: Texts with a variable that is assigned right behind the statement that says them.
    """

    event_makers: frozenset[str] = frozenset()
    late: tuple[re.Pattern[str], ...] = ()


NO_HABITS = Habits()


def habits_of(program: Program) -> Habits:
    """Look through the flows of a 1.0 program."""
    makers: set[str] = set()
    late: list[re.Pattern[str]] = []
    for flow in program.flows.values():
        if flow.path.startswith("<"):
            continue
        for place, element in enumerate(flow.elements):
            if isinstance(element, e.RunAction) and element.name == "create_event":
                if place + 1 < len(flow.elements):
                    makers.add(flow.id)
            elif isinstance(element, e.Utter) and isinstance(element.value, str):
                texts = program.bot_messages.get(element.value, ())
                has_holes = any(map(_HOLE.search, texts))
                assigned = _assigned_behind(flow, place) if has_holes else set[str]()
                late += [_pattern(text) for text in texts if assigned & _names_in(text)]
    return Habits(frozenset(makers), tuple(late))


def _names_in(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", " ".join(_HOLE.findall(text))))


def _assigned_behind(flow: Flow, place: int) -> set[str]:
    """The variables that are assigned on a way from a statement to the next one that waits."""
    found: set[str] = set()
    seen: set[int] = set()
    pending = [place + 1]
    while pending:
        at = pending.pop()
        if at in seen or not 0 <= at < len(flow.elements):
            continue
        seen.add(at)
        match flow.elements[at]:
            case e.Set(key=key):
                found.add(key)
                pending.append(at + 1)
            case e.If(next_else=other):
                pending += [at + 1, at + other]
            case e.While(on_break=out):
                pending += [at + 1, at + (out or 1)]
            case e.Jump(next=offset, absolute=False):
                pending.append(at + offset)
            case e.Break(on_break=out):
                pending.append(at + (out or 1))
            case e.Continue(on_continue=back):
                pending.append(at + (back or 1))
            case _:
                pass
    return found


class Wordings:
    """The texts of bot messages that chance chooses among: any of them is as good as another.

    Example:
        >>> same = Wordings({"greet": ["Hi $name!", "Hello $name!"], "part": ["Bye"]}).same
        >>> same("Hi Kim!", "Hello Kim!"), same("Bye", "Hello Kim!"), same("Hi Kim!", "Hey Kim!")
        (True, False, False)
    """

    def __init__(self, messages: Mapping[str, Sequence[str]]) -> None:
        """For the messages of a 1.0 program."""
        self._groups = [
            [_pattern(text) for text in texts] for texts in messages.values() if len(set(texts)) > 1
        ]

    def same(self, old: str, new: str) -> bool:
        """Whether two texts are equal, or of one message."""
        if old == new:
            return True
        return any(_fits(old, group) and _fits(new, group) for group in self._groups)


def _pattern(text: str) -> re.Pattern[str]:
    pieces = _HOLE.split(text.strip().replace("\\n", "\n"))
    return re.compile(r"[\s\S]*".join(map(re.escape, pieces)))


def _fits(text: str, group: Sequence[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(text) for pattern in group)


def compare(old: Record, new: Record, wordings: Wordings, habits: Habits = NO_HABITS) -> Verdict:
    """One turn of both; `habits` are constructs of the old bot that 2.x takes otherwise."""
    if old.broken or new.broken:
        if old.broken:
            return Verdict(True, NO_END, goes_on=False)
        return Verdict(False, f"the new bot does not come to an end: {new.broken}", goes_on=False)
    texts = _texts(old.said, new.said, wordings)
    events = _events(old.events, new.events)
    if texts == "" and events == "":
        return SAME
    if old.expected and new.expected:
        return Verdict(True, SCENARIO)
    failure = _failure(old, new)
    if failure is not None:
        return failure
    habit = _habit(old, new, events, habits)
    if habit is not None:
        return habit
    known = [each for each in (texts, events) if each]
    if all(each in (EMPTY, UNSET, BLANKS, EXCEPTION) for each in known):
        return Verdict(True, known[0])
    reason = next(each for each in known if each not in (EMPTY, UNSET, BLANKS))
    if not new.said and old.was_predicted and not new.inside_errors:
        reason = SILENT
    return Verdict(False, reason, goes_on=False)


def _habit(old: Record, new: Record, events: str, habits: Habits) -> Verdict | None:
    """A difference that comes of how one construct works, in a flow that has it."""
    says_more = new.said[: len(old.said)] == old.said
    sends_more = _events(old.events, new.events[: len(old.events)]) == ""
    if old.flows & habits.event_makers and says_more and sends_more:
        return Verdict(True, EVENT, goes_on=False)
    if len(old.said) == len(new.said) and not events:
        pairs = [(a, b) for a, b in zip(old.said, new.said, strict=True) if a != b]
        if pairs and all(_fits(a, habits.late) and _fits(b, habits.late) for a, b in pairs):
            return Verdict(True, LATE)
    return None


def _failure(old: Record, new: Record) -> Verdict | None:
    """The turn in which something failed: 1.0 hides it from the history, so from here on the two may differ."""
    told = any(text == FAILURE_TEXT or _MISSING.fullmatch(text) for text in old.said)
    if not told:
        return None
    if not old.blocked <= new.blocked:
        kinds = " and ".join(sorted(old.blocked - new.blocked))
        return Verdict(
            False,
            f"an {kinds} rail that could not tell stopped the message, and lets it pass now",
            False,
        )
    if old.failed or new.failed:
        return Verdict(True, FAILED, goes_on=False)
    failed = any("Error" in note for note in new.inside)
    return Verdict(True, ERROR if failed else DEAD, goes_on=False)


def _texts(old: Sequence[str], new: Sequence[str], wordings: Wordings) -> str:
    """Why two lists of utterances are not the same; empty if they are."""
    if len(old) == len(new) and all(map(wordings.same, old, new)):
        return ""
    if [text for text in old if text != NOT_SURE] == [text for text in new if text.strip()]:
        return EMPTY
    if len(old) == len(new):
        if [_squeezed(text) for text in old] == [_squeezed(text) for text in new]:
            return BLANKS
        without = [_squeezed(re.sub(r"\bNone\b", "", text)) for text in new]
        if [_squeezed(text) for text in old] == without:
            return UNSET
    if not new:
        return "the new bot says nothing"
    if not old:
        return "the old bot says nothing"
    return "they say different things"


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _events(old: Sequence[Event], new: Sequence[Event]) -> str:
    """Why two lists of events are not the same; empty if they are."""
    if len(old) != len(new):
        return "the application gets other events"
    reason = ""
    for before, after in zip(old, new, strict=True):
        if before["type"] != after["type"]:
            return "the application gets other events"
        if _given(before) != _given(after):
            if not _EXCEPTION.fullmatch(str(before["type"])):
                return "the application gets an event with other values"
            reason = EXCEPTION
    return reason


def _given(event: Event) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ENVELOPE}
