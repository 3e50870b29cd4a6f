"""Playing scenarios: what a conversation should be like against what it is.

The runner knows neither files nor clocks nor dialects. It talks to a `Player`, which is a conversation with
a program, and plays the front end: it says, sends, waits, and is busy with the actions named under
`durations`. The result is a value; `ScenarioResult.report` words it for people.

Example:
    >>> class Parrot:
    ...     async def start(self): return []
    ...     async def say(self, text): return [{"type": "StartUtteranceBotAction", "script": text}]
    ...     async def send(self, events): return []
    ...     async def advance(self, seconds): return []
    ...     async def close(self): pass
    ...     def notes(self): return []
    >>> from colang.scenario import load_scenario
    >>> scenario, _ = load_scenario('''
    ... title: a parrot that should be polite
    ... conversations:
    ...   - turns:
    ...       - {user: hello, bot: [hello]}
    ...       - {user: go away, bot: ["Sorry."]}
    ... ''')
    >>> async def opened(setup): return Parrot()
    >>> import asyncio
    >>> result = asyncio.run(play(scenario, opened))
    >>> print(result.report())
    scenario.yaml:6: conversation 1, turn 2: the user says 'go away'
      the bot should say:
        'Sorry.'
      it said:
        'go away'
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from colang.scenario import (
    Conversation,
    Expectation,
    Input,
    Say,
    Scenario,
    Send,
    SetContext,
    Turn,
)
from colang.scenario.model import NO_ANSWERS, Side, Stub
from colang_interpreter.machine import Event
from colang_interpreter.scenarios.model import ScriptedModel

MAX_ANSWERS = 500
"""Events the front end may answer in one turn; more means that bot and front end chase each other."""

_TICK = 0.25  # seconds between two looks of a front end that has something to perform
_TICKS = 1000  # at most, for one `wait`

# Events that are the business of the engine, of the host, or of the utterances compared as `bot`.
_INSIDE = re.compile(
    r"(UtteranceUserAction|UtteranceBotAction|StartUtteranceBotAction|InternalSystemAction"
    r"|StartInternalSystemAction|UserMessage|BotMessage|UserIntent|BotIntent|ContextUpdate|Listen"
    r"|StartInputRail|InputRail|StartOutputRail|OutputRail|hide_prev_turn|mask_prev_user_message|start_flow"
    r"|EventHistoryUpdate|LocalAsyncCounter|BotThinking|StartTimerBotAction|StopTimerBotAction|TimerBotAction"
    r"|BotToolCalls|UserToolMessages|SystemMessage|ColangError|StartToolCallBotAction)"
)
_EXCEPTION = re.compile(
    r"(Input|Output)Rail\w*Exception"
)  # rail exceptions are for the application
_START = re.compile(r"Start(.+Action)")
_STOP = re.compile(r"Stop(.+Action)")


class Player(Protocol):
    """One conversation with a program, as a scenario uses it.

    Each call processes what follows from it and returns the events that leave for the application.
    """

    async def start(self) -> Sequence[Event]:
        """Begin; called once, before anything else."""
        ...

    async def say(self, text: str) -> Sequence[Event]:
        """The user says something."""
        ...

    async def send(self, events: Sequence[Event]) -> Sequence[Event]:
        """Events arrive, all in one call."""
        ...

    async def advance(self, seconds: float) -> Sequence[Event]:
        """Time passes."""
        ...

    async def close(self) -> None:
        """The conversation is over."""
        ...

    def notes(self) -> Sequence[str]:
        """What went wrong inside since the last call: failed actions, errors in flows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a player needs to know before a conversation begins."""

    seed: int
    stubs: Mapping[str, tuple[Stub, ...]]
    played: frozenset[str]  # actions the scenario performs; the player leaves them alone
    model: ScriptedModel
    has_model: bool = False  # whether the scenario scripts any answer of the model


Opener = Callable[[Setup], Awaitable[Player]]
"""Opens a new conversation."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What happened in one turn; `differences` are worded for people, none if all was as expected."""

    conversation: int  # from 1
    turn: int  # from 1
    line: int
    inputs: tuple[Input, ...]
    bot: tuple[str, ...]
    events: tuple[Event, ...]
    differences: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What happened in all conversations. A conversation is not played beyond its first difference."""

    scenario: Scenario
    turns: tuple[TurnResult, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether everything went as expected."""
        return self.first_difference is None

    @property
    def first_difference(self) -> TurnResult | None:
        """The first turn that went otherwise."""
        return next((turn for turn in self.turns if turn.differences), None)

    def report(self) -> str:
        """Every turn that went otherwise, for people; empty if none did."""
        return "\n".join(self._worded(turn) for turn in self.turns if turn.differences)

    def _worded(self, turn: TurnResult) -> str:
        where = f"{self.scenario.path}:{turn.line}" if turn.line else self.scenario.path
        what = " and ".join(described(item) for item in turn.inputs) or "the conversation begins"
        lines = [f"{where}: conversation {turn.conversation}, turn {turn.turn}: {what}"]
        lines += turn.differences
        lines += [f"  note: {note}" for note in turn.notes]
        return "\n".join(lines)


async def play(
    scenario: Scenario,
    opener: Opener,
    *,
    side: Side | None = None,
    flow_names: Iterable[str] = (),
) -> ScenarioResult:
    """Play all conversations of a scenario.

    Args:
        scenario: What to play.
        opener: Opens a conversation; it is closed when it has been played.
        side: Which version of a migrated program this is, where the two are expected to differ.
        flow_names: Of the program, so that scripted intents are found whatever their spelling.

    Returns:
        What happened, turn by turn. Errors of the player itself are raised.
    """
    results: list[TurnResult] = []
    for number, conversation in enumerate(scenario.conversations, start=1):
        model = ScriptedModel(flow_names)
        setup = Setup(
            seed=conversation.seed,
            stubs=scenario.stubs,
            played=frozenset(scenario.durations),
            model=model,
            has_model=any(turn.answers != NO_ANSWERS for turn in conversation.turns),
        )
        player = await opener(setup)
        try:
            results += await _played(conversation, number, player, model, scenario.durations, side)
        finally:
            await player.close()
    return ScenarioResult(scenario, tuple(results))


@dataclass(frozen=True, slots=True)
class Performed:
    """What one turn came to, before anybody compares it with anything."""

    number: int  # from 1; 0 is the start of a conversation whose first turn is not about it
    turn: Turn
    bot: tuple[str, ...]
    events: tuple[Event, ...]
    problems: tuple[str, ...]  # of the front end, worded for people
    unscripted: tuple[str, ...]  # what the model was asked without an answer
    notes: tuple[str, ...]


async def perform(
    conversation: Conversation,
    player: Player,
    model: ScriptedModel,
    durations: Mapping[str, float | None],
) -> AsyncGenerator[Performed]:
    """Hold one conversation, turn by turn; the player is neither opened nor closed here.

    Args:
        conversation: What is said and done. If its first turn has inputs, a silent turn 0 comes before it.
        player: The conversation with the program.
        model: Is told the answers of each turn.
        durations: As in `Scenario`.
    """
    stage = _Stage(player, durations)
    turns = list(conversation.turns)
    if not turns or turns[0].inputs:  # by itself the bot is expected to do nothing
        silent = Turn(inputs=(), expected=Expectation(), line=conversation.line)
        turns.insert(0, silent)
        first = 0
    else:
        first = 1
    for number, turn in enumerate(turns, start=first):
        model.begin(turn.answers)
        if number == first:
            await stage.start()
        for item in turn.inputs:
            await stage.perform(item)
        bot, events, problems = stage.collected()
        yield Performed(
            number,
            turn,
            bot,
            events,
            tuple(problems),
            tuple(model.unscripted),
            tuple(player.notes()),
        )


async def _played(
    conversation: Conversation,
    number: int,
    player: Player,
    model: ScriptedModel,
    durations: Mapping[str, float | None],
    side: Side | None,
) -> list[TurnResult]:
    results: list[TurnResult] = []
    async with aclosing(perform(conversation, player, model, durations)) as turns:
        async for done in turns:
            turn = done.turn
            expected = turn.expected_on(side)
            differences = [*_compared(expected, done.bot, done.events), *done.problems]
            if not turn.allow_unscripted:
                differences += [
                    f"  the model was asked without an answer: {ask}" for ask in done.unscripted
                ]
            if done.number > 0 or differences:
                results.append(
                    TurnResult(
                        number,
                        done.number,
                        turn.line,
                        turn.inputs,
                        done.bot,
                        done.events,
                        tuple(differences),
                        done.notes,
                    )
                )
            if differences:
                break
    return results


class _Stage:
    """The conversation and its front end: time, and the actions the front end is busy with."""

    def __init__(self, player: Player, durations: Mapping[str, float | None]) -> None:
        self.player = player
        self._durations = durations
        self._now = 0.0
        self._due: list[tuple[float, int, str]] = []  # when, order, action uid
        self._order = itertools.count()
        self._busy: dict[str, tuple[str, Event]] = {}  # by action uid: its name and start event
        self._answers = 0
        self._bot: list[str] = []
        self._events: list[Event] = []
        self._problems: list[str] = []

    async def start(self) -> None:
        await self._handle(await self.player.start())

    async def perform(self, item: Input) -> None:
        if isinstance(item, Say):
            await self._handle(await self.player.say(item.text))
        elif isinstance(item, Send):
            await self._handle(await self.player.send([dict(event) for event in item.events]))
        elif isinstance(item, SetContext):
            update: Event = {"type": "ContextUpdate", "data": dict(item.data)}
            await self._handle(await self.player.send([update]))
        else:
            await self._wait(item.seconds)

    def collected(self) -> tuple[tuple[str, ...], tuple[Event, ...], list[str]]:
        """What has left since the last call: words, other events, problems."""
        found = tuple(self._bot), tuple(self._events), self._problems
        self._bot, self._events, self._problems, self._answers = [], [], [], 0
        return found

    async def _wait(self, seconds: float) -> None:
        """Let time pass. The bot may start something at any moment, so a busy front end looks up often."""
        end = self._now + seconds
        step = max(_TICK, seconds / _TICKS) if self._durations else seconds
        while True:
            while self._due and self._due[0][0] <= self._now:
                uid = heapq.heappop(self._due)[2]
                if uid in self._busy:
                    await self._handle(await self.player.send([self._finished(uid)]))
            if self._now >= end:
                return
            moment = min(end, self._now + step, *(due for due, _, _ in self._due[:1]))
            passed, self._now = moment - self._now, moment
            await self._handle(await self.player.advance(passed))

    async def _handle(self, events: Sequence[Event]) -> None:
        """Note what has left, and answer what the front end is to do, in order, breadth first."""
        waiting = list(events)
        while waiting:
            event = waiting.pop(0)
            self._note(event)
            for answer in self._answered(event):
                self._answers += 1
                if self._answers > MAX_ANSWERS:
                    text = f"  bot and front end answer each other without end: more than {MAX_ANSWERS} events"
                    if text not in self._problems:
                        self._problems.append(text)
                    return
                waiting += await self.player.send([answer])

    def _answered(self, event: Event) -> list[Event]:
        name = str(event.get("type", ""))
        uid = str(event.get("action_uid", ""))
        started, stopped = _START.fullmatch(name), _STOP.fullmatch(name)
        if started and started[1] in self._durations:
            action, duration = started[1], self._durations[started[1]]
            self._busy[uid] = (action, event)
            answers: list[Event] = [{"type": f"{action}Started", "action_uid": uid}]
            if duration == 0:
                answers.append(self._finished(uid))
            elif duration is not None:
                heapq.heappush(self._due, (self._now + duration, next(self._order), uid))
            return answers
        if stopped and uid in self._busy:
            return [self._finished(uid)]
        return []

    def _finished(self, uid: str) -> Event:
        action, start = self._busy.pop(uid)
        event: Event = {"type": f"{action}Finished", "action_uid": uid, "is_success": True}
        if action == "UtteranceBotAction":
            event["final_script"] = start.get("script", "")
        return event

    def _note(self, event: Event) -> None:
        name = str(event.get("type", ""))
        if name == "StartUtteranceBotAction":
            if event.get("script"):
                self._bot.append(str(event["script"]))
        elif _EXCEPTION.fullmatch(name) or not _INSIDE.match(name):
            self._events.append(event)


# ---------------------------------------------------------------- comparing and wording


def accepts(expected: Expectation, bot: Sequence[str], events: Sequence[Event]) -> bool:
    """Whether what left in a turn is as expected."""
    return _texts_fit(expected, bot) and _events_fit(expected, events)


def _texts_fit(expected: Expectation, bot: Sequence[str]) -> bool:
    return len(bot) == len(expected.bot) and all(
        want.accepts(got) for want, got in zip(expected.bot, bot, strict=True)
    )


def _events_fit(expected: Expectation, events: Sequence[Event]) -> bool:
    return len(events) == len(expected.events) and all(
        _fits(got, want) for want, got in zip(expected.events, events, strict=True)
    )


def _compared(expected: Expectation, bot: Sequence[str], events: Sequence[Event]) -> list[str]:
    lines: list[str] = []
    if not _texts_fit(expected, bot):
        lines.append("  the bot should say:")
        lines += [f"    {want}" for want in expected.bot] or ["    nothing"]
        lines.append("  it said:")
        lines += [f"    {got!r}" for got in bot] or ["    nothing"]
    if not _events_fit(expected, events):
        lines.append("  the application should get:")
        lines += [f"    {event_text(want, want)}" for want in expected.events] or ["    no event"]
        lines.append("  it got:")
        shown = itertools.zip_longest(events, expected.events[: len(events)], fillvalue=None)
        lines += [f"    {event_text(got, want)}" for got, want in shown if got is not None] or [
            "    no event"
        ]
    return lines


def _fits(event: Event, expected: Mapping[str, Any]) -> bool:
    return all(key in event and _same(event[key], value) for key, value in expected.items())


def _same(got: object, want: object) -> bool:
    """Equal, where True is not 1 and a tuple is as good as a list."""
    if isinstance(got, bool) or isinstance(want, bool):
        return got is want
    if isinstance(got, (list, tuple)) and isinstance(want, (list, tuple)):
        pairs: list[tuple[object, object]] = list(zip(got, want, strict=False))  # pyright: ignore[reportUnknownArgumentType]
        return len(got) == len(want) and all(_same(a, b) for a, b in pairs)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(got, Mapping) and isinstance(want, Mapping):
        return len(got) == len(want) and all(  # pyright: ignore[reportUnknownArgumentType]
            key in got and _same(got[key], value)  # pyright: ignore[reportUnknownArgumentType]
            for key, value in want.items()  # pyright: ignore[reportUnknownVariableType]
        )
    return got == want


_ENVELOPE = frozenset(
    {"type", "uid", "event_created_at", "source_uid", "action_uid", "action_info_modality"}
    | {"action_info_modality_policy"}
)


def event_text(event: Mapping[str, Any], expected: Mapping[str, Any] | None) -> str:
    """``Name(parameter=value)``: the expected parameters, or all but the envelope if nothing is expected."""
    same_name = expected is not None and expected.get("type") == event.get("type")
    keys = [key for key in (expected or {}) if key in event] if same_name else list(event)
    shown = [
        f"{key}={event[key]!r}"
        for key in keys
        if key != "type" and (same_name or key not in _ENVELOPE)
    ]
    return f"{event.get('type')}({', '.join(shown)})"


def described(item: Input) -> str:
    """One input, for people."""
    if isinstance(item, Say):
        return f"the user says {item.text!r}"
    if isinstance(item, Send):
        return f"{', '.join(str(event.get('type')) for event in item.events)} arrives"
    if isinstance(item, SetContext):
        return f"the application sets {', '.join(item.data)}"
    return f"{item.seconds:g} seconds pass"
