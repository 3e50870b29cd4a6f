"""Output rails of Colang 1.0 on the windows of a stream: the whole flow, on the window as the message (quirk S7).

Each check begins where the conversation stands and leaves no trace in it. A rail that runs straight through is gone
through without a conversation, until it has let the window pass. Whatever else comes of it - it blocks, speaks, fails -
is left to the engine: the rail runs once more, in a copy of the conversation, and gets the results its actions have
given. So there is one judgement of what a rail does, and it does not run an action twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from colang_interpreter.host.actions import (
    HOST_PARAMETER,
    ActionError,
    ActionMeta,
    ActionRegistry,
    Outcome,
    Registered,
    outcome_of,
)
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.clock import Callback, Clock, Timer, stamp
from colang_interpreter.host.context import current_action_uid, enter_action
from colang_interpreter.host.direct import PATIENCE, call_directly
from colang_interpreter.host.loop import Conversation, Runtime
from colang_interpreter.host.parallel import has_passed, run_alone
from colang_interpreter.host.rules import Call
from colang_interpreter.host.running import ActionRunner, Completion
from colang_interpreter.host.trace import Trace
from colang_interpreter.llm.tokens import streaming
from colang_interpreter.streaming import Verdict, verdict_of
from colang_interpreter.tracing.decisions import passed_v1
from colang_interpreter.tracing.model_calls import ModelCall, noting, repeated
from colang_interpreter.v1.program import Program
from colang_interpreter.v1.state import State
from colang_interpreter.v1.straight import Execute, Result, StraightRail

_logger = logging.getLogger("colang_interpreter.streaming")

_OF_CONVERSATIONS = frozenset({"events", "state", HOST_PARAMETER})
"""Parameters of actions that only a conversation can give."""

_ALLOW = Verdict.allow()


class WindowChecks:
    """Asks the output rails of a 1.0 application about the windows of one stream.

    Attributes:
        directly: Whether rails that run straight through do so; tests turn it off to compare.
    """

    directly = True

    def __init__(self, bot: Bot, messages: Sequence[Mapping[str, Any]]) -> None:
        """For the answer to these messages."""
        self.bot = bot
        self._messages = messages
        self._conversation: Conversation | None = None
        self._alone: State | None = None
        self._context: Context | None = None
        self._count = 0
        self._direct: dict[str, DirectCheck | None] = {}

    def follow(self, conversation: Conversation) -> None:
        """Take variables and history from this conversation from now on, and the context from here."""
        self._conversation = conversation
        self._context = copy_context()

    async def check(self, rail: str, text: str) -> Verdict:
        """What a rail says about a text."""
        ran: list[Ran] = []
        if self.directly:
            if rail not in self._direct:
                self._direct[rail] = self._prepared(rail)
            direct = self._direct[rail]
            if direct is not None:
                verdict = await direct.check(self.machine, text, self._context, ran)
                if verdict is not None:
                    return verdict
        work = partial(self._judged, rail, text, ran)
        if self._context is None:
            return await work()
        return await self._context.copy().run(lambda: asyncio.ensure_future(work()))

    async def _judged(self, rail: str, text: str, ran: Sequence[Ran]) -> Verdict:
        """Run the rail in a copy of the conversation; actions in `ran` have been run already."""
        self._count += 1
        machine: Any = self.machine.fork_for(self._count)
        machine.set_variables({"bot_message": text})
        runtime = _repeating(self.bot.runtime, ran) if ran else self.bot.runtime
        turn = await run_alone("output", rail, runtime, machine)
        failed = next((run for run in turn.trace.actions if run.failure is not None), None)
        if failed is not None:
            return Verdict.error(f"Action {failed.name} failed with status: failed")
        if any(note.kind in ("error", "limit") for note in turn.trace.notes):
            return self._of_result(turn.trace)
        if not has_passed("output", turn.output):
            return Verdict.block()
        return _passed(text, machine.globals.get("bot_message"))

    def _of_result(self, trace: Trace) -> Verdict:
        """The flow cannot go on, perhaps because it reads a plain result like an outcome; that then counts (S4)."""
        if len(trace.actions) != 1:
            return Verdict.error("its flow failed")
        run = trace.actions[0]
        registered = self.bot.runtime.registry.find(run.name)
        value = run.return_value
        if registered is None or not isinstance(value, (bool, int, float, tuple)):
            return Verdict.error("its flow failed")
        return verdict_of(value, registered.meta.output_mapping)

    @property
    def machine(self) -> State:
        """The conversation as it stands."""
        conversation = self._conversation
        if conversation is not None and conversation.has_begun:
            return cast(State, conversation.machine)
        if self._alone is None:
            variables: dict[str, Any] = {}
            for message in self._messages:
                if message.get("role") == "context":
                    variables.update(message["content"])
                elif message.get("role") == "user":
                    variables["user_message"] = message["content"]
                    variables["last_user_message"] = message["content"]
            program = cast(Program, self.bot.program)
            self._alone, _ = program.start(0, context=variables)
        return self._alone

    def _prepared(self, name: str) -> DirectCheck | None:
        """The rail with its actions, looked up once a stream; None if it needs a conversation."""
        rail = cast(Program, self.bot.program).straight(name)
        if rail is None:
            return None
        actions: dict[str, Registered] = {}
        for action in rail.actions:
            registered = self.bot.runtime.registry.find(action)
            if registered is None or _OF_CONVERSATIONS & set(registered.specials):
                return None
            actions[action] = registered
        return DirectCheck(rail, actions, self.bot.runtime)


def _passed(text: str, said: object) -> Verdict:
    return _ALLOW if said == text else Verdict.rewrite(str(said))


@dataclass(slots=True)
class Ran:
    """An action that has run, and what else there is to know of it."""

    name: str
    uid: str
    started: datetime | None
    outcome: Outcome
    result: Any = None  # as the function gave it
    calls: list[ModelCall] | None = None


class DirectCheck:
    """A straight rail in one stream."""

    def __init__(
        self, rail: StraightRail, actions: Mapping[str, Registered], runtime: Runtime
    ) -> None:
        self._rail = rail
        self._actions = actions
        self._runtime = runtime
        self._program = cast(Program, runtime.program)
        self._begin = {
            **{"_rail": rail.name, "triggered_output_rail": rail.name},
            **rail.parameters,
        }
        self._count = 0

    async def check(
        self, machine: State, text: str, context: Context | None, ran: list[Ran]
    ) -> Verdict | None:
        """The verdict if the rail lets the text pass; None if the engine has to say, which needs `ran`."""
        begun = self._now()
        seen, variables = machine.views()
        for view in (seen, variables):
            view["bot_message"] = text
            view.update(self._begin)
        if not await self._rail.run(seen, variables, partial(self._ask, context, ran)):
            return None
        said = variables["bot_message"]
        if begun is not None:
            self._report(begun, text, said, ran)
        return _passed(text, said)

    async def _ask(
        self, context: Context | None, ran: list[Ran], step: Execute, variables: dict[str, Any]
    ) -> Result | None:
        registered, runtime = self._actions[step.name], self._runtime
        resolve = self._program.resolve
        self._count += 1
        done = Ran(step.name, f"{self._rail.name} {self._count}", self._now(), Outcome())
        ran.append(done)
        arguments = {k: resolve(v, variables, "execute") for k, v in step.params.items()}
        injected: dict[str, Callable[[], Any]] = {
            "context": lambda: dict(variables),
            "config": lambda: runtime.program.config,
        }
        try:
            given = registered.bind(arguments, injected, runtime.registry.parameters, variables)
            if self._needs_task(registered):
                done.outcome = await self._in_task(done, registered, given, context)
            else:
                call = partial(_called, done, registered, given)
                done.result = await call_directly(call, context)
                done.outcome = outcome_of(done.result)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - foreign code may raise anything
            done.outcome = Outcome(failure=type(problem).__name__, error=problem)
        outcome = done.outcome
        if outcome.failure is not None or outcome.events:
            return None
        return outcome.value, outcome.context_updates

    def _needs_task(self, registered: Registered) -> bool:
        meta, runtime = registered.meta, self._runtime
        if not registered.is_async:
            return meta.thread or meta.execute_async or runtime.threads
        return (meta.timeout if meta.timeout is not None else runtime.action_timeout) is not None

    async def _in_task(
        self, done: Ran, registered: Registered, given: dict[str, Any], context: Context | None
    ) -> Outcome:
        """Run an action that has a time-out or wants a thread."""
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def notify(completion: Completion) -> None:
            if not ended.done():
                ended.set_result(completion.outcome)

        runner = ActionRunner(
            self._runtime.clock,
            lambda run: given,
            notify,
            threads=self._runtime.threads,
            timeout=self._runtime.action_timeout,
        )
        call = Call(done.name, done.uid, given, {"type": "StartInternalSystemAction"})
        own = copy_context() if context is None else context.copy()
        own.run(_start, done, runner, call, registered)
        try:
            return await ended
        finally:
            await runner.close(PATIENCE)

    def _now(self) -> datetime | None:
        """The time, if there is somebody to be told."""
        return self._runtime.clock.now() if self._runtime.on_decisions is not None else None

    def _report(self, begun: datetime, text: str, said: object, ran: Sequence[Ran]) -> None:
        report, clock = self._runtime.on_decisions, self._runtime.clock
        if report is None:
            return
        decision = passed_v1(
            self._rail,
            (stamp(begun), stamp(clock.now())),
            (text, said),
            [(done.name, done.uid, done.outcome.value) for done in ran],
            [call for done in ran for call in done.calls or ()],
        )
        try:
            report([replace(decision, turn=1)])
        except Exception as problem:  # noqa: BLE001 - reports must not stop what they report
            _logger.warning("decisions not exported: %s", type(problem).__name__)


def _called(done: Ran, registered: Registered, given: Mapping[str, Any]) -> Any:
    """Call an action, in a context of its own: what it says goes to no stream."""
    _enter(done)
    return registered.call(given)


def _start(done: Ran, runner: ActionRunner, call: Call, registered: Registered) -> None:
    _enter(done)
    runner.start(call, registered, "")


def _enter(done: Ran) -> None:
    """Prepare a context that ends with the action, so that nothing has to be put back."""
    done.calls = []
    noting(done.calls).__enter__()
    streaming(None).__enter__()
    enter_action(done.uid)


# ---------------------------------------------------------------- the same again


def _repeating(runtime: Runtime, ran: Sequence[Ran]) -> Runtime:
    """A runtime in which these actions end as they did; and until they have, it is as late as it was then."""
    left = list(ran)
    registry = _Repeating(runtime.registry, left)
    return replace(runtime, registry=registry, clock=_Late(runtime.clock, left))


class _Repeating(ActionRegistry):
    """Actions that have run already give their results again, each once and in their order."""

    def __init__(self, registry: ActionRegistry, left: list[Ran]) -> None:
        super().__init__()
        self._registry = registry
        self._left = left

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self._registry.parameters

    def find(self, name: str) -> Registered | None:
        found = self._registry.find(name)
        if found is None or not self._left or self._left[0].name != name:
            return found

        def again(**_: object) -> Any:
            done = self._left.pop(0)
            repeated(done.calls or (), current_action_uid())
            if done.outcome.error is not None:
                raise done.outcome.error
            if done.outcome.failure is not None:
                raise ActionError(done.outcome.failure)
            return done.result

        twin = Registered(again, ActionMeta(name))
        twin.where = found.where
        return twin


class _Late:
    """A clock that shows when the first of some actions began, as long as one of them is left."""

    def __init__(self, clock: Clock, left: Sequence[Ran]) -> None:
        self._clock = clock
        self._left = left

    def now(self) -> datetime:
        then = self._left[0].started if self._left else None
        return self._clock.now() if then is None else then

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        return self._clock.call_later(seconds, callback)
