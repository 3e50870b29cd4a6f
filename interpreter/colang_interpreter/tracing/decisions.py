"""Decisions: what each rail made of each message, read off a turn of either dialect.

In Colang 1.0 rails are marked by events (`rails-runtime.md`, 13.1), and retrieval rails by a record of the machine
(`v1.rails`). In 2.x the machine keeps a record of the flows that `input rails` and `output rails` call (`v2.rails`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from colang_interpreter.dynamic import is_list, is_mapping
from colang_interpreter.v1.rails import TEXT

if TYPE_CHECKING:
    from colang_interpreter.host.trace import ActionRun, Step
    from colang_interpreter.tracing.model_calls import ModelCall
    from colang_interpreter.v1.rails import Mark
    from colang_interpreter.v1.straight import StraightRail
    from colang_interpreter.v2.rails import RailRun

Verdict: TypeAlias = Literal["allow", "block", "transform", "error", "cancelled"]

VERSION: Final = 1
"""Of the form of a record."""

STOPPING: Final[frozenset[Verdict]] = frozenset({"block", "error"})
"""Verdicts with which a message does not pass."""

_SEVERITY: Final[dict[Verdict, int]] = {
    "cancelled": 0,
    "allow": 1,
    "transform": 2,
    "block": 3,
    "error": 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one rail made of one message.

    Attributes:
        kind: ``input``, ``output``, ``retrieval``, ``tool_input`` or ``tool_output``, in 2.x one of the first two; or
            ``execution``: it has checked what an action was given or gave back.
        rail: The rail: in 1.0 as it is configured, in 2.x the name of the flow; the decorator of an execution rail.
        path: File of the flow, or of the function of the action; "" if it is not known.
        line: Line where that begins, from 1; 0 if it is not known.
        verdict: ``allow``, ``block``, ``transform`` (it goes on changed), ``error`` (blocked, because the rail could
            not tell) or ``cancelled`` (something else ended the rail before it was done).
        certainty: How sure the rail's action was, 0 to 1, if it said so.
        started_at: ISO 8601.
        seconds: How long it took, as the host's clock has it.
        actions: Names of the Python actions it used.
        model_calls: How often it asked a model; a failed call counts.
        input_tokens: Of these calls, as far as the models count.
        output_tokens: The same.
        failures: Names of what went wrong, such as ``ConnectionError``.
        runs: How many flows of the conversation had this message checked by this rail at the same time; how often an
            execution rail has run in the turn.
        session: Of which conversation, if it has a name.
        turn: Number of the turn in the conversation, from 1.
        reason: In words, as the rail's action gave it, or what went wrong. May quote texts.
        text: The message.
        text_after: The message as the rail left it.
        uids: Of the actions, to find them in the trace of the turn.
    """

    kind: str
    rail: str
    verdict: Verdict
    path: str = ""
    line: int = 0
    certainty: float | None = None
    started_at: str = ""
    seconds: float = 0.0
    actions: tuple[str, ...] = ()
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    failures: tuple[str, ...] = ()
    runs: int = 1
    session: str | None = None
    turn: int = 0
    reason: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    text_after: str | None = field(default=None, repr=False)
    uids: tuple[str, ...] = field(default=(), repr=False)

    def to_data(self, *, texts: bool = False) -> dict[str, Any]:
        """As plain data for JSON; `reason`, `text` and `text_after` only if asked for.

        >>> Decision(kind="input", rail="check words", verdict="block", text="secret").to_data()["verdict"]
        'block'
        """
        data: dict[str, Any] = {
            "version": VERSION,
            "session": self.session,
            "turn": self.turn,
            "kind": self.kind,
            "rail": self.rail,
            "path": self.path,
            "line": self.line,
            "verdict": self.verdict,
            "certainty": self.certainty,
            "started_at": self.started_at,
            "seconds": round(self.seconds, 6),
            "actions": list(self.actions),
            "model_calls": self.model_calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "failures": list(self.failures),
            "runs": self.runs,
        }
        if texts:
            data |= {"reason": self.reason, "text": self.text, "text_after": self.text_after}
        return data


@dataclass(slots=True)
class _Seen:
    """What is known of a rail while a turn is read."""

    kind: str
    rail: str
    started_at: str = ""
    ended_at: str = ""
    text: str | None = None
    text_after: str | None = None
    ended: Literal["passed", "stopped", "cancelled"] = "stopped"
    path: str = ""
    line: int = 0
    raised: bool = False
    uids: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    outcomes: list[Any] = field(default_factory=list[Any])
    failures: list[str] = field(default_factory=list[str])
    reasons: list[str] = field(default_factory=list[str])

    def decision(self, calls: Iterable[ModelCall]) -> Decision:
        own = [call for call in calls if call.action is not None and call.action in self.uids]
        blocking = next((one for one in self.outcomes if _read(one, "is_blocked") is True), None)
        telling = blocking if blocking is not None else next(iter(self.outcomes[-1:]), None)
        reason = _read(telling, "reason")
        return Decision(
            kind=self.kind,
            rail=self.rail,
            verdict=self._verdict(blocking is not None),
            path=self.path,
            line=self.line,
            certainty=_certainty(telling),
            started_at=self.started_at,
            seconds=_seconds(self.started_at, self.ended_at),
            actions=tuple(dict.fromkeys(self.names)),
            model_calls=len(own),
            input_tokens=sum(call.input_tokens for call in own),
            output_tokens=sum(call.output_tokens for call in own),
            failures=tuple(dict.fromkeys(self.failures)),
            reason=reason if isinstance(reason, str) else "; ".join(self.reasons) or None,
            text=self.text,
            text_after=self.text_after,
            uids=tuple(self.uids),
        )

    def _verdict(self, blocked: bool) -> Verdict:
        if self.ended == "cancelled":
            return "cancelled"
        if self.ended == "stopped":
            return "error" if self.failures and not blocked and not self.raised else "block"
        transformed = any(_read(one, "is_transform") is True for one in self.outcomes)
        return "transform" if transformed or self.text != self.text_after else "allow"


# ---------------------------------------------------------------- Colang 1.0

_CHECKED: Final = {
    "input": "user_message",
    "output": "bot_message",
    "retrieval": TEXT,
    "tool_input": "tool_message",
    "tool_output": "tool_calls",
}
"""The variable that holds what rails of a kind check."""

_OPENING: Final = {
    "StartInputRail": "input",
    "StartOutputRail": "output",
    "StartToolInputRail": "tool_input",
    "StartToolOutputRail": "tool_output",
}
_CLOSING: Final = {f"{name.removeprefix('Start')}Finished": kind for name, kind in _OPENING.items()}
_NO_RAILS_ACTION: Final = frozenset(
    {"create_event", "run_input_rails_in_parallel", "run_output_rails_in_parallel"}
)


def decisions_v1(
    steps: Iterable[Step],
    flows: Mapping[str, Any],
    calls: Sequence[ModelCall],
    actions: Iterable[ActionRun] = (),
    marks: Iterable[Mark] = (),
) -> list[Decision]:
    """The decisions in a turn of a 1.0 conversation.

    Args:
        steps: Of the trace.
        flows: Of the program, by id.
        calls: Of models, during the turn.
        actions: Python actions that have ended in the turn: they tell which error a failure was.
        marks: Where retrieval rails have begun and ended, which no events tell.
    """
    reader = _Reader(flows, actions, marks)
    for event in _events(steps):
        reader.read(event)
    return [seen.decision(calls) for seen in reader.found]


class _Reader:
    """Goes through the events of a turn; rails may run inside of others, where a rail has its words checked."""

    def __init__(
        self, flows: Mapping[str, Any], actions: Iterable[ActionRun], marks: Iterable[Mark]
    ) -> None:
        self.found: list[_Seen] = []
        self._flows = flows
        self._errors = {action.uid: action.error for action in actions if action.error is not None}
        self._marks: dict[str, list[Mark]] = {}
        for mark in marks:
            self._marks.setdefault(mark.after, []).append(mark)
        self._open: list[_Seen] = []  # the innermost one last
        self._variables: dict[str, Any] = {}

    def read(self, event: Mapping[str, Any]) -> None:
        """Take the next event."""
        kind: str = event["type"]
        moment = str(event.get("event_created_at") or "")
        if kind in _OPENING:
            category = _OPENING[kind]
            text = self._variables.get(_CHECKED[category])
            self._begin(category, str(event.get("flow_id")), moment, text)
        elif kind == "UtteranceUserActionFinished":
            self._variables["user_message"] = event.get("final_transcript")
            self._open.clear()
        elif kind == "BotMessage":
            self._variables["bot_message"] = event.get("text")
        elif kind == "ContextUpdate" and is_mapping(event.get("data")):
            data = event["data"]
            self._variables.update(data)
            for rail in self._open:
                if _CHECKED[rail.kind] in data:
                    rail.text_after = _text(data[_CHECKED[rail.kind]])
        elif self._open:
            self._inside(kind, event, moment)
        for mark in self._marks.pop(str(event.get("uid")), ()):
            if mark.rail is not None:
                self._begin("retrieval", mark.rail, moment, mark.text)
                continue
            ended = self._end("retrieval", moment)
            if ended is not None:
                ended.text_after = _text(mark.text)

    def _inside(self, kind: str, event: Mapping[str, Any], moment: str) -> None:
        """An event while a rail is running."""
        rail = self._open[-1]
        if kind in _CLOSING:
            self._end(_CLOSING[kind], moment)
        elif kind.endswith("Exception"):
            rail.raised = True
            rail.ended_at = moment
        elif kind == "hide_prev_turn" and not rail.failures:
            rail.failures.append("EngineError")  # the turn is taken back: a flow cannot go on
        elif kind == "StartInternalSystemAction" and event["action_name"] not in _NO_RAILS_ACTION:
            rail.uids.append(str(event.get("action_uid")))
            rail.names.append(str(event["action_name"]))
        elif kind == "InternalSystemActionFinished":
            uid = str(event.get("action_uid"))
            for each in self._open:
                if uid in each.uids:
                    self._acted(each, uid, event, moment)

    def _acted(self, rail: _Seen, uid: str, event: Mapping[str, Any], moment: str) -> None:
        rail.ended_at = moment
        rail.outcomes.append(event.get("return_value"))
        if event.get("status") == "failed":
            error = self._errors.get(uid)
            rail.failures.append(type(error).__name__ if error else "ActionFailed")
            rail.reasons.append(f"{event.get('action_name')} failed")

    def _begin(self, category: str, name: str, moment: str, text: object) -> None:
        rail = _Seen(category, name, moment, moment, _text(text), _text(text))
        _place(rail, self._flows)
        self._open.append(rail)
        self.found.append(rail)

    def _end(self, category: str, moment: str) -> _Seen | None:
        """The innermost rail of this kind has ended; those inside of it never will."""
        if all(rail.kind != category for rail in self._open):
            return None
        while (rail := self._open.pop()).kind != category:
            pass
        rail.ended = "passed"
        rail.ended_at = moment or rail.ended_at
        return rail


def passed_v1(
    rail: StraightRail,
    times: tuple[str, str],
    texts: tuple[str, object],
    actions: Sequence[tuple[str, str, Any]],
    calls: Iterable[ModelCall],
) -> Decision:
    """The decision of an output rail that has let a message pass without a conversation around it.

    Args:
        rail: The rail.
        times: When it began and when it ended, ISO 8601.
        texts: The message as it was and as the rail has left it.
        actions: Name, uid and result of each action it has run.
        calls: Of models, in these actions.
    """
    seen = _Seen(
        "output", rail.name, *times, _text(texts[0]), _text(texts[1]), "passed",
        str(rail.flow.path), int(rail.flow.line),
        uids=[uid for _, uid, _ in actions],
        names=[name for name, _, _ in actions],
        outcomes=[value for _, _, value in actions],
    )  # fmt: skip
    return seen.decision(calls)


def _events(steps: Iterable[Step]) -> Iterator[Mapping[str, Any]]:
    """The events of a turn in order, those that came from outside and those of parallel rails included."""
    for step in steps:
        if step.event is not None and step.event["type"] == "UtteranceUserActionFinished":
            yield step.event
        for event in step.outgoing:
            yield from _unpacked(event)


def _unpacked(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield event
    data: Any = event.get("data")
    if event["type"] == "EventHistoryUpdate" and is_mapping(data) and is_list(data.get("events")):
        for inner in data["events"]:
            yield from _unpacked(inner)


def _place(rail: _Seen, flows: Mapping[str, Any]) -> None:
    from colang_interpreter.v1.names import flow_call

    flow = flows.get(rail.rail) or flows.get(flow_call(rail.rail)[0])
    if flow is not None:
        rail.path, rail.line = str(flow.path), int(flow.line)


# ---------------------------------------------------------------- Colang 2.x


def decisions_v2(
    runs: Iterable[RailRun], actions: Iterable[ActionRun], calls: Sequence[ModelCall]
) -> list[Decision]:
    """The decisions in a turn of a 2.x conversation.

    A rail that is still busy is left out: it comes with a later turn. But one whose action has blocked only says
    so politely, and is taken now; it is marked, so that it does not come twice.

    Args:
        runs: What the machine has recorded, `RailLog.take`.
        actions: Python actions that have ended in the turn.
        calls: Of models, during the turn.
    """
    by_uid = {action.uid: action for action in actions}
    merged: dict[tuple[str, str, str | None], Decision] = {}
    for run in runs:
        if run.reported or (run.is_runner and not _on_its_own(run)):
            continue
        seen = _seen(run, by_uid)
        if run.status == "running":
            if not any(_read(one, "is_blocked") is True for one in seen.outcomes):
                continue
            run.reported = True
        decision = seen.decision(calls)
        key = (decision.kind, decision.rail, decision.text)
        before = merged.get(key)
        merged[key] = decision if before is None else joined(before, decision)
    return list(merged.values())


def _on_its_own(run: RailRun) -> bool:
    """Whether `input rails` or `output rails` did anything besides calling rails."""
    if not run.rails or run.actions or run.errors:
        return True
    return run.status == "failed" and all(rail.status == "finished" for rail in run.rails)


def _seen(run: RailRun, by_uid: Mapping[str, ActionRun]) -> _Seen:
    ended: Literal["passed", "stopped", "cancelled"] = "stopped"
    if run.status == "finished":
        ended = "passed"
    elif run.status == "cut off":
        ended = "cancelled"
    seen = _Seen(
        kind=run.kind,
        rail=run.flow,
        started_at=run.started,
        ended_at=run.ended or run.started,  # of a busy rail, see below
        text=_text(run.text),
        text_after=_text(run.text_after),
        ended=ended,
        path=run.path,
        line=run.line,
        uids=list(run.actions),
    )
    for uid in run.actions:
        action = by_uid.get(uid)
        if action is None:
            continue
        seen.names.append(action.name)
        seen.outcomes.append(action.return_value)
        if run.ended is None:
            seen.ended_at = max(seen.ended_at, action.finished_at)
        if action.failure is not None:
            seen.failures.append(type(action.error).__name__ if action.error else "ActionFailed")
    if run.errors and not seen.failures:
        seen.failures.append("ColangError")
    seen.reasons += run.errors
    return seen


def joined(first: Decision, second: Decision) -> Decision:
    """A rail has decided twice, for example because two flows waited for a message; the stricter verdict counts."""
    strict, other = (
        (second, first) if _SEVERITY[second.verdict] > _SEVERITY[first.verdict] else (first, second)
    )
    return replace(
        strict,
        runs=first.runs + second.runs,
        started_at=min(first.started_at, second.started_at),
        seconds=max(first.seconds, second.seconds),
        actions=tuple(dict.fromkeys((*strict.actions, *other.actions))),
        uids=tuple(dict.fromkeys((*strict.uids, *other.uids))),
        model_calls=max(first.model_calls, second.model_calls),
        input_tokens=max(first.input_tokens, second.input_tokens),
        output_tokens=max(first.output_tokens, second.output_tokens),
    )


# ---------------------------------------------------------------- values


def _read(outcome: Any, name: str) -> Any:
    """An attribute of an outcome, which may be a dictionary."""
    if is_mapping(outcome):
        return outcome.get(name)
    return getattr(outcome, name, None)


def _certainty(outcome: Any) -> float | None:
    metadata = _read(outcome, "metadata")
    if not is_mapping(metadata):
        return None
    for name in ("certainty", "score", "confidence", "probability"):
        value: Any = metadata.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
    return None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _seconds(start: str, end: str) -> float:
    try:
        passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, passed.total_seconds())
