"""The outer loop: one conversation's machine, its running actions, and the events between them.

A call of `Conversation.process` feeds its events to the machine one after the other, feeds what comes out
back in, runs the Python actions the machine asks for, performs the actions of its channels, and returns when
nothing is left to wait for (colang-2.md, section 7.2). The order is fixed: rounds of outgoing events first,
then what has arrived meanwhile - ends of actions and of timers - in the order it arrived. Everything that
enters the machine goes through a `Tape`, so a recorded conversation can be repeated without this module.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from colang_interpreter.host.actions import HOST_PARAMETER, ActionRegistry, Outcome
from colang_interpreter.host.channels import Manner, Stage
from colang_interpreter.host.clock import Clock, stamp
from colang_interpreter.host.log import EventLog, Tape
from colang_interpreter.host.rules import Rules, rules_for
from colang_interpreter.host.running import ActionRunner, Completion, Run, described
from colang_interpreter.host.saving import ConversationError, Saved, checked
from colang_interpreter.host.trace import ActionRun, Note, NoteKind, Step, Trace
from colang_interpreter.machine import Event, Machine, Program
from colang_interpreter.tracing.decisions import Decision
from colang_interpreter.tracing.executions import Check, decisions_of
from colang_interpreter.tracing.noting import Noting

_logger = logging.getLogger("colang_interpreter.host")
_logger.addHandler(logging.NullHandler())  # an embedder that does not log sees nothing

_CLOSE_SECONDS = (
    1.0  # how long the end of a conversation waits for actions that ignore cancellation
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What all conversations of a host share; nothing in it belongs to one of them."""

    program: Program
    registry: ActionRegistry
    clock: Clock
    threads: bool = False  # run every synchronous action in a worker thread
    action_timeout: float | None = None  # seconds, for actions without their own
    on_decisions: Callable[[Sequence[Decision]], object] | None = None


# A turn has many steps, and this takes half the time of calling the class.
_made_step: Callable[[tuple[object, ...]], Step] = partial(tuple.__new__, Step)  # pyright: ignore[reportUnknownMemberType]


class Turn:
    """One call of `Conversation.process`: what it returns, and its counters."""

    __slots__ = ("instant", "noting", "output", "polls", "processed", "trace")

    def __init__(self, instant: frozenset[str] = frozenset()) -> None:
        """Begin it; `instant` are the actions that count as finished at once."""
        self.output: list[Event] = []
        self.trace = Trace()
        self.instant = instant
        self.noting: Noting | None = None  # open from the first action on
        self.processed = 0
        self.polls = 0

    def note(self, kind: NoteKind, text: str) -> None:
        """Add a remark to the trace, and to the log of the process."""
        self.trace.notes.append(Note(kind, text))
        _logger.warning("%s", text)


class Conversation:
    """One conversation: the machine, what it has started, and the order of events between them.

    For one event loop at a time; calls of `process` queue up. Between them, actions marked
    ``execute_async`` and timers go on.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        seed: int = 0,
        name: str | None = None,
        context: Mapping[str, Any] | None = None,
        log: EventLog | None = None,
        performed: Mapping[str, Manner] | None = None,
        on_arrival: Callable[[], Awaitable[object] | None] | None = None,
    ) -> None:
        """A conversation that begins with its first `process`.

        Args:
            runtime: What it shares with others.
            seed: Of its uids and random choices.
            name: For traces and logs.
            context: Variables to set before its first event.
            log: Where to record what enters and leaves the machine.
            performed: Actions the host answers itself (`channels.performed_by`).
            on_arrival: Called when something is to be processed and no call is running.
        """
        self.runtime = runtime
        self.name = name
        self.is_closed = False
        self.on_output: Callable[[Event], object] | None = (
            None  # told of events when they come about
        )
        self.utterances = 0  # of the user so far, over all restorations; see `Session.say`
        self._rules: Rules = rules_for(runtime.program)
        self._seed = seed
        self._turns = 0
        self._context = dict(context or {})
        self._log = log
        self._performed = performed or {}
        self._on_arrival = on_arrival
        self._tape: Tape | None = None
        self._lock = asyncio.Lock()
        self._turn: Turn | None = None
        self._time: str | None = None  # of this turn since it last waited
        self._actions = ActionRunner(
            runtime.clock,
            self._bind,
            self._arrive,
            threads=runtime.threads,
            timeout=runtime.action_timeout,
        )
        self._stage = Stage(self._performed, self._rules, runtime.clock, self.post)
        self._arrivals: list[Completion | Event] = []
        self._overdue: list[Event] = []  # to be processed before anything else
        self._remarks: list[tuple[NoteKind, str]] = []  # for the trace of the next turn
        # Of execution rails, for the trace of the turn that ends next.
        self._checks: list[Check] = []
        self._waiter: asyncio.Future[None] | None = None
        self._settled: list[asyncio.Future[None]] = []

    @property
    def machine(self) -> Machine:
        """The machine; there is none before the first `process`."""
        return self.tape.machine

    @property
    def tape(self) -> Tape:
        """The machine as everything that changes it must use it."""
        if self._tape is None:
            raise ConversationError("the conversation has not begun; process its first events")
        return self._tape

    def adopt(self, machine: Machine) -> None:
        """Begin with a machine that has a past, instead of a new one."""
        self._tape = Tape(machine, self._rules, None)

    @property
    def has_begun(self) -> bool:
        """Whether there is a machine."""
        return self._tape is not None

    @property
    def is_busy(self) -> bool:
        """Whether a call of `process` is running."""
        return self._turn is not None

    async def process(
        self,
        events: Iterable[Event],
        *,
        blocking: bool = False,
        instant_actions: Iterable[str] = (),
        arrivals_first: bool = False,
    ) -> Turn:
        """Process `events`, and all that follows from them.

        Args:
            events: Dictionaries with a text under ``type``.
            blocking: Wait for actions marked ``execute_async`` too.
            instant_actions: Actions that count as finished at once; their Finished event is returned
                instead of their start event.
            arrivals_first: Process what has arrived between the calls before `events`, not after.

        Raises:
            ValueError: Something in `events` is no event; nothing has been processed then.
            ConversationError: The conversation is closed.
            asyncio.CancelledError: The caller was cancelled. The actions it waited for are stopped, and
                count as failed when the conversation goes on.
        """
        given = [checked(event) for event in events]
        async with self._lock:
            if self.is_closed:
                raise ConversationError(f"{self._label()} is closed")
            self._turn = turn = Turn(instant=frozenset(instant_actions))
            self._time = None
            try:
                try:
                    await self._run(turn, given, blocking, arrivals_first)
                finally:
                    if turn.noting is not None:
                        turn.noting.__exit__()
                self._decided(turn)
            except BaseException:
                self._give_up()
                raise
            finally:
                self._turn = None
                self._settle()
                if self._tape is not None:
                    self._tape.end_call()
            return turn

    def post(self, event: Event) -> Awaitable[object] | None:
        """Have an event processed as soon as possible; for the thread of the event loop.

        Returns what can be awaited to know that it was processed, if somebody processes it by itself.
        """
        return self._arrive(checked(event))

    def include(self, turn: Turn) -> None:
        """Take what happened on a copy of this conversation into the trace of the turn that runs here."""
        if self._turn is not None:
            self._turn.trace.actions += turn.trace.actions
            self._checks += turn.trace.checks
            self._turn.trace.notes += turn.trace.notes

    async def close(self) -> None:
        """Stop its actions and timers, and wait until they have ended. Harmless when repeated.

        A call of `process` that is waiting for an action raises ConversationError.
        """
        self.is_closed = True
        if self._waiter is not None and not self._waiter.done():
            problem = ConversationError(f"{self._label()} was closed in the middle of a turn")
            self._waiter.set_exception(problem)
        self._stage.close()
        stubborn = await self._actions.close(_CLOSE_SECONDS)
        if stubborn:
            _logger.warning("%s: %d actions ignore their cancellation", self._label(), stubborn)
        self._arrivals.clear()
        self._overdue.clear()

    def _decided(self, turn: Turn) -> None:
        """Put on record what the rails have decided."""
        self._turns += 1
        judged = self._rules.decisions(self.machine, turn.trace)
        if self._checks:
            judged = self._with_executions(judged, turn.trace)
        if judged is None:
            return
        name, number = self.name, self._turns
        turn.trace.judged = lambda: [replace(d, session=name, turn=number) for d in judged()]
        if self.runtime.on_decisions is not None and turn.trace.decisions:
            try:
                self.runtime.on_decisions(turn.trace.decisions)
            except Exception as problem:  # noqa: BLE001 - reports must not stop what they report
                turn.note("error", f"{self._label()}: decisions not exported: {described(problem)}")

    def _with_executions(
        self, judged: Callable[[], list[Decision]] | None, trace: Trace
    ) -> Callable[[], list[Decision]]:
        """What rails have decided, and what execution rails have."""
        trace.checks = self._checks[:]
        del self._checks[: len(trace.checks)]  # a thread may add to it
        return lambda: [*(judged() if judged else ()), *decisions_of(trace.checks, trace.actions)]

    # -- one turn

    async def _run(
        self, turn: Turn, given: list[Event], blocking: bool, arrivals_first: bool
    ) -> None:
        if self._remarks:
            for kind, text in self._remarks:
                turn.note(kind, text)
            self._remarks.clear()
        following = self._begin(turn)  # before all else: `main` may have to be started again
        late = self._take_arrivals(turn)
        given = [event for event in given if self._may_enter(event, turn)]
        overdue, self._overdue = self._overdue, []
        if overdue:
            # A turn that was broken off comes to its end first: flows that are busy with it would miss `given`.
            await self._finish(following + self._feed(overdue, turn), turn, blocking)
            following = []
        following += self._feed(late + given if arrivals_first else given + late, turn)
        await self._finish(following, turn, blocking)
        for _ in range(turn.polls):
            turn.output.append(self._rules.pending(self._actions.in_background, self._now()))

    async def _finish(self, following: list[Event], turn: Turn, blocking: bool) -> None:
        """Feed these events and what follows from them, until there is nothing to wait for."""
        while True:
            while following:
                following = self._feed(following, turn)
            if turn.processed >= self._rules.limit:
                return
            if self._actions.run_inline():
                self._time = None
            following = self._take_arrivals(turn)
            if following:
                continue
            if not self._actions.awaited(blocking):
                return
            await self._pause()
            self._time = None

    def _begin(self, turn: Turn) -> list[Event]:
        now, context, tape = self._now(), self._context, self._tape
        if tape is None:
            program, log = self.runtime.program, self._log
            tape, outgoing = Tape.start(program, self._seed, now, log, self.name, context)
            self._tape, self._context = tape, {}
        else:
            if context:  # of a restored conversation
                tape.set(context)
                self._context = {}
            outgoing = tape.begin(now)
            if not outgoing:
                return []
        self._trace(turn, tape.machine, None, outgoing, now)
        return [following for event in outgoing for following in self._emit(event, turn)]

    def _may_enter(self, event: Event, turn: Turn) -> bool:
        refusal = self._rules.refusal(event)
        if refusal is not None:
            turn.note("refused", refusal)
            return False
        if self._rules.asks_for_pending(event):
            turn.polls += 1
            return False
        return True

    def _feed(self, events: list[Event], turn: Turn) -> list[Event]:
        """One round: feed each event; gives the events of the next round."""
        limit, tape, now = self._rules.limit, self.tape, self._now()
        following: list[Event] = []
        for index, event in enumerate(events):
            if turn.processed >= limit:
                turn.note(
                    "limit",
                    f"{self._label()}: stopped after {limit} events in one call and left out"
                    f" {len(events) - index + len(following)}, the first of type {event['type']};"
                    " some flows seem to answer each other without end",
                )
                return []
            turn.processed += 1
            for outgoing in self._step(tape, event, now, turn):
                following += self._emit(outgoing, turn)
        return following

    def _step(self, tape: Tape, event: Event, now: str, turn: Turn) -> list[Event]:
        try:
            outgoing = tape.feed(event, now)
        except Exception as problem:  # noqa: BLE001 - 6.12: whatever it is, flows get to know of it
            turn.note("error", f"{self._label()}: {described(problem)} on {event['type']}")
            self._trace(turn, tape.machine, event, [], now)
            event = self._rules.failure(problem, now)
            outgoing = tape.feed(event, now)
        self._trace(turn, tape.machine, event, outgoing, now)
        return outgoing

    def _trace(
        self, turn: Turn, machine: Machine, event: Event | None, outgoing: list[Event], now: str
    ) -> None:
        turn.trace.steps.append(_made_step((event, tuple(outgoing), now, tuple(machine.log))))
        for kind, text in machine.errors:
            turn.note("error", f"{self._label()}: {kind}: {text}")

    def _emit(self, event: Event, turn: Turn) -> list[Event]:
        """Do what an outgoing event asks for; the events to be fed next because of it."""
        following = [event] if self._rules.feeds_back else []
        call = self._rules.call(event, self.machine)
        if call is None:
            stopped = self._rules.stopped(event)
            if stopped is not None:
                for run in self._actions:
                    if run.call.uid == stopped:
                        self._actions.end(run)
                following += self._stage.stop(stopped)
        elif call.name in turn.instant:
            finished = self._rules.progressed(call, "Finished", self._now())
            turn.output.append(finished)
            if self.on_output is not None:
                self.on_output(finished)
            return [*following, finished]
        elif (registered := self.runtime.registry.find(call.name)) is not None:
            if turn.noting is None:
                turn.noting = Noting(turn.trace.model_calls, self._checks)
                turn.noting.__enter__()
            self._actions.start(call, registered, self._now())
            if not self._rules.reports_calls:
                return following
        else:
            following += self._stage.perform(call)
            missing = self._rules.missing(call)
            if missing is not None and not following:
                turn.note("failed", f"{self._label()}: {missing.failure}")
                following += self._rules.finished(call, missing, self._now())
        turn.output.append(event)
        if self.on_output is not None:
            self.on_output(event)
        return following

    def _bind(self, run: Run) -> dict[str, Any]:
        injected = {
            name: partial(_INJECTED[name], self)
            for name in run.registered.specials
            if name in _INJECTED
        }
        given = self.runtime.registry.parameters
        return run.registered.bind(run.call.arguments, injected, given, self.machine.globals)

    # -- what arrives while the machine rests

    def _arrive(self, arrival: Completion | Event) -> Awaitable[object] | None:
        """Wake the call that runs, or have one made."""
        if self.is_closed:
            return None
        self._arrivals.append(arrival)
        if self._turn is None:
            return self._on_arrival() if self._on_arrival is not None else None
        if self._waiter is None:
            return None  # an inline action has ended; its turn looks for it next
        if not self._waiter.done():
            self._waiter.set_result(None)
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settled.append(settled)
        return settled

    async def _pause(self) -> None:
        """Wait until something arrives."""
        self._settle()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _settle(self) -> None:
        if not self._settled:
            return
        for settled in self._settled:
            if not settled.done():
                settled.set_result(None)
        self._settled.clear()

    def _take_arrivals(self, turn: Turn) -> list[Event]:
        """What has arrived, as events; context updates take effect here."""
        if not self._arrivals:
            return []
        events: list[Event] = []
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            if isinstance(arrival, Completion):
                events += self._report(arrival, turn)
            elif self._may_enter(arrival, turn):
                events.append(arrival)
        return events

    def _report(self, completion: Completion, turn: Turn | None) -> list[Event]:
        """The events an ended action becomes; without a turn, remarks wait for the next one."""
        run, outcome, now = completion.run, completion.outcome, self._now()
        if outcome.context_updates and self._rules.sets_variables:
            self.tape.set(outcome.context_updates)
        if outcome.failure is not None:
            text = f"{self._label()}: action `{run.call.name}` failed: {outcome.failure}"
            if turn is None:
                self._remarks.append(("failed", text))
            else:
                turn.note("failed", text)
        if turn is not None:
            ended = ActionRun(
                name=run.call.name,
                uid=run.call.uid,
                arguments=run.call.arguments,
                where=run.registered.where,
                return_value=outcome.value,
                failure=outcome.failure,
                started_at=run.started_at,
                finished_at=now,
                error=outcome.error,
            )
            turn.trace.actions.append(ended)
        return self._rules.finished(run.call, outcome, now)

    def _give_up(self) -> None:
        """The caller of a turn has gone: stop what it waited for, and let the machine know later."""
        for run in self._actions:
            if not run.background:
                self._actions.end(run)
                outcome = Outcome(failure="it was stopped, because its turn was cancelled")
                self._overdue += self._report(Completion(run, outcome), None)

    # -- saving and copying

    def dump(self) -> str:
        """The conversation as text; between two turns.

        Raises:
            ConversationError: A call is running, or a value has no plain form.
        """
        self._must_be_idle()
        if self._tape is None:
            return Saved(name=self.name, seed=self._seed, utterances=self.utterances).dump()
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            if isinstance(arrival, Completion):
                self._overdue += self._report(arrival, None)
            else:
                self._overdue.append(arrival)
        lasting, timers = self._stage.saved()
        return Saved(
            name=self.name,
            seed=self._seed,
            utterances=self.utterances,
            machine=self._tape.machine.dump(),
            overdue=self._overdue,
            running=[run.call.event for run in self._actions],
            lasting=lasting,
            timers=timers,
        ).dump()

    def restore(self, text: str) -> None:
        """Go on from a dump instead of beginning; inside the event loop.

        Timers go on with the time they had left. Python actions that were running are gone; they count
        as failed, and the trace of the next turn says so.

        Raises:
            ConversationError: The text is no dump.
        """
        saved = Saved.load(text)
        self._seed, self.utterances = saved.seed, saved.utterances
        self.name = saved.name if self.name is None else self.name
        if saved.machine is None:
            return
        self._tape = Tape.resume(self.runtime.program, saved.machine, self._log, self.name)
        self._overdue = list(saved.overdue)
        for event in saved.running:
            call = self._rules.call(event, self.machine)
            if call is not None:
                reason = "it was running when the conversation was saved, and is gone"
                self._overdue += self._rules.finished(call, Outcome(failure=reason), self._now())
                text = f"{self._label()}: action `{call.name}` failed: {reason}"
                self._remarks.append(("cancelled", text))
        self._stage.resume(saved.lasting, saved.timers, self.machine)

    def fork(self) -> Conversation:
        """An independent copy of an idle conversation, without its running actions and timers."""
        self._must_be_idle()
        twin = Conversation(
            self.runtime,
            seed=self._seed,
            name=self.name,
            context=self._context,
            performed=self._performed,
        )
        twin.utterances = self.utterances
        if self._tape is not None:
            twin._tape = Tape(copy.deepcopy(self._tape.machine), self._rules, None)
            twin._overdue = copy.deepcopy(self._overdue)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Conversation:
        """The same as `fork`."""
        return self.fork()

    def _must_be_idle(self) -> None:
        if self.is_busy:
            raise ConversationError(f"{self._label()} is in the middle of a turn; wait for its end")

    def _now(self) -> str:
        """The time; between two waits of a turn it stands still."""
        if self._time is None or self._turn is None:
            self._time = stamp(self.runtime.clock.now())
        return self._time

    def _label(self) -> str:
        return f"session {self.name!r}" if self.name is not None else "the conversation"


_INJECTED: dict[str, Callable[[Conversation], Any]] = {
    "events": lambda conversation: list(conversation.machine.history),
    "context": lambda conversation: dict(conversation.machine.globals),
    "config": lambda conversation: conversation.runtime.program.config,
    "state": lambda conversation: conversation.machine,
    HOST_PARAMETER: lambda conversation: conversation,
}
"""What a conversation gives to actions that have a parameter of this name."""
