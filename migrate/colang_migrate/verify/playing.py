"""Holding one conversation with one bot: what it says and sends, turn by turn, as records."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

from colang.scenario import Expectation
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.session import Reply
from colang_interpreter.host.trace import ActionRun, Note
from colang_interpreter.llm.scripted import TaskModel
from colang_interpreter.scenarios.player import SessionPlayer, session_opener
from colang_interpreter.scenarios.playing import (
    Performed,
    Player,
    Setup,
    accepts,
    described,
    perform,
)
from colang_migrate.verify.meaning import MeaningModel
from colang_migrate.verify.model import Record, Trial
from colang_migrate.verify.sides import Names, Side
from colang_migrate.verify.standins import stubs_for
from colang_migrate.verify.watching import WatchedProgram

SECONDS = 20.0
"""Real seconds a conversation may take on one side; the machines bound their own steps long before."""

_PIPELINE = frozenset(
    (
        *("generate_user_intent", "generate_next_steps", "generate_bot_message", "create_event"),
        *("retrieve_relevant_chunks", "generate_value", "generate_intent_steps_message"),
        *("GenerateUserIntentAction", "GenerateUserIntentAndBotAction", "GenerateValueAction"),
        *("GenerateFlowContinuationAction", "GenerateFlowFromNameAction", "CreateFlowAction"),
        *("AddFlowsAction", "RemoveFlowsAction", "CheckValidFlowExistsAction"),
        *(
            "CheckFlowDefinedAction",
            "CheckForActiveEventMatchAction",
            "RetrieveRelevantChunksAction",
        ),
        *("GetLastUserMessageAction", "UpdateAttentionMaterializedViewAction"),
    )
)
"""Actions a reader of a trace does not want to see: the machinery of intents and messages."""

Transcript: TypeAlias = tuple[Record, ...]


class Stage:
    """Where conversations are held: the bots are made once for each program and set of stand-ins, and used again.

    One conversation at a time.
    """

    def __init__(self, names: Names) -> None:
        """For these two sides."""
        self.names = names
        self._bots: dict[int, dict[frozenset[str], Bot]] = {}
        self._programs: list[Any] = []  # kept, so that the identities above stay theirs
        self._current = MeaningModel((), str, "benign")
        self._model = TaskModel(lambda task, values: self._current.answer(task, values))

    async def hold(
        self,
        trial: Trial,
        side: Side,
        program: WatchedProgram | None = None,
        *,
        expects: bool = False,
    ) -> Transcript:
        """Hold one conversation. Never raises for what bots do, and ends in bounded time.

        Args:
            trial: The conversation.
            side: With whom; one of the two.
            program: Runs instead of the side's own: a watched one, which notes what is reached.
            expects: Note whether everything a scenario expects is met, not only what it expects of one side.
        """
        records: list[Record] = []
        task = asyncio.ensure_future(self._held(trial, side, program, records, expects))
        try:
            await asyncio.wait_for(task, SECONDS)
        except asyncio.TimeoutError:
            records.append(_broken(trial, records, f"it did not end within {SECONDS:g} seconds"))
        except Exception as error:  # noqa: BLE001 - a bot that brings its host down is a finding
            records.append(_broken(trial, records, f"{type(error).__name__}: {error}"))
        return tuple(records)

    async def _held(
        self,
        trial: Trial,
        side: Side,
        program: WatchedProgram | None,
        records: list[Record],
        expects: bool,
    ) -> None:
        is_old = side is self.names.old

        def renamed(intent: str) -> str:
            return intent if is_old else self.names.intent(intent)

        config = side.program.config
        model = self._current = MeaningModel(side.program.flows, renamed, trial.mode, config)
        replies: list[Reply] = []
        players: list[Player] = []

        def on_reply(reply: Reply) -> None:
            replies.append(reply)
            if program is not None and players and isinstance(players[0], SessionPlayer):
                program.seen.take(reply, players[0].session.state)
                program.seen.checks_output = False

        opener = session_opener(
            program or side.program,
            side.actions,
            llm=lambda _: self._model,
            on_open=side.initialize,
            on_reply=on_reply,
            bots=self._bots_of(program or side.program),
        )
        setup = Setup(
            seed=trial.conversation.seed,
            stubs=stubs_for(trial, self.names, side),
            played=frozenset(trial.durations),
            model=model,
            has_model=True,
        )
        player = await opener(setup)
        players.append(player)
        try:
            turns = perform(trial.conversation, player, model, trial.durations)
            async with aclosing(turns):
                async for done in turns:
                    flows = program.seen.turned() if program is not None else frozenset[str]()
                    records.append(_record(done, replies, is_old, expects, flows))
                    replies.clear()
        finally:
            with contextlib.suppress(Exception):
                await player.close()

    def _bots_of(self, program: Any) -> dict[frozenset[str], Bot]:
        found = self._bots.get(id(program))
        if found is None:
            self._programs.append(program)
            found = self._bots[id(program)] = {}
        return found


def _broken(trial: Trial, records: Sequence[Record], why: str) -> Record:
    number = records[-1].number + 1 if records else 0
    turns = trial.conversation.turns
    first = 0 if turns and turns[0].inputs else 1
    place = number - 1 if first == 0 else number
    inputs = turns[place].inputs if 0 <= place < len(turns) and number else ()
    return Record(number=number, inputs=tuple(map(described, inputs)), broken=why)


def _record(
    done: Performed, replies: Sequence[Reply], is_old: bool, expects: bool, flows: frozenset[str]
) -> Record:
    override = done.turn.before if is_old else done.turn.after
    if expects:
        override = done.turn.expected_on("after")
    notes = [note for reply in replies for note in reply.trace.notes]
    runs = [run for reply in replies for run in reply.trace.actions]
    return Record(
        number=done.number,
        inputs=tuple(map(described, done.turn.inputs)),
        said=done.bot,
        events=done.events,
        inside=tuple(_inside(replies, done)),
        failed=tuple(run.name for run in runs if run.failure is not None),
        blocked=frozenset(
            decision.kind
            for reply in replies
            for decision in reply.decisions
            if decision.verdict in ("block", "error")
        ),
        expected=_met(done, override),
        flows=flows,
        was_predicted=any(
            call.task == "generate_next_steps"
            for reply in replies
            for call in reply.trace.model_calls
        ),
        inside_errors=any(note.kind in ("error", "failed") for note in notes),
        broken="; ".join([*done.problems, *(note.text for note in notes if _is_endless(note))]),
    )


def _is_endless(note: Note) -> bool:
    return note.kind == "limit" or "TooManyEventsError" in note.text


def _met(done: Performed, expected: Expectation | None) -> bool | None:
    return None if expected is None else accepts(expected, done.bot, done.events)


def _inside(replies: Sequence[Reply], done: Performed) -> Iterator[str]:
    for reply in replies:
        for run in reply.trace.actions:
            if run.name not in _PIPELINE:
                yield _action(run)
        for call in reply.trace.model_calls:
            yield f"the model was asked: {call.task}"
        for decision in reply.decisions:
            yield f"{decision.kind} rail `{decision.rail}`: {decision.verdict}"
    yield from done.notes


def _action(run: ActionRun) -> str:
    given = ", ".join(f"{key}={value!r:.60}" for key, value in run.arguments.items())
    result = (
        f"failed: {run.failure}" if run.failure is not None else f"gave {run.return_value!r:.60}"
    )
    return f"action {run.name}({given}) {result}"
