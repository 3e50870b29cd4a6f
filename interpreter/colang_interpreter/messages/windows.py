"""Output rails of Colang 1.0 on the windows of a stream: the whole flow, on the window as the message (quirk S7).

Each check begins where the conversation stands and leaves no trace in it. A rail that runs straight through is gone
through without a conversation, until it has let the window pass. Whatever else comes of it - it blocks, speaks, fails -
is left to the engine: the rail runs once more, in a copy of the conversation, and gets the results its actions have
given. So there is one judgement of what a rail does, and it does not run an action twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from colang_interpreter.host.actions import ActionError, ActionMeta, ActionRegistry, Registered
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.clock import Callback, Clock, Timer
from colang_interpreter.host.context import current_action_uid
from colang_interpreter.host.loop import Conversation, Runtime
from colang_interpreter.host.parallel import has_passed, run_alone
from colang_interpreter.host.trace import Trace
from colang_interpreter.messages.direct_rails import DirectCheck, Ran, passed
from colang_interpreter.streaming import Verdict, verdict_of
from colang_interpreter.tracing.executions import checked_before
from colang_interpreter.tracing.model_calls import repeated
from colang_interpreter.v1.program import Program
from colang_interpreter.v1.state import State


class WindowChecks:
    """Asks the output rails of a 1.0 application about the windows of one stream."""

    def __init__(
        self, bot: Bot, messages: Sequence[Mapping[str, Any]], *, directly: bool = True
    ) -> None:
        """For the answer to these messages.

        Args:
            bot: The application.
            messages: What is answered.
            directly: Let rails that run straight through do so; without, all are left to the engine.
        """
        self.bot = bot
        self._messages = messages
        self._directly = directly
        self._conversation: Conversation | None = None
        self._alone: State | None = None
        self._context = copy_context()
        self._count = 0
        self._direct: dict[str, DirectCheck | None] = {}

    def follow(self, conversation: Conversation) -> None:
        """Take variables and history from this conversation from now on, and the context from here."""
        self._conversation = conversation
        self._context = copy_context()
        self._direct.clear()

    def check(self, rail: str, text: str) -> Awaitable[Verdict]:
        """What a rail says about a text."""
        self._count += 1
        try:
            direct = self._direct[rail]
        except KeyError:
            direct = self._direct[rail] = self._prepared(rail)
        return direct.check(text) if direct is not None else self._judged_apart(rail, text, ())

    async def _judged_apart(self, rail: str, text: str, ran: Sequence[Ran]) -> Verdict:
        """As `_judged`, in the context of the stream."""
        context = self._context.copy()
        return await context.run(lambda: asyncio.ensure_future(self._judged(rail, text, ran)))

    async def _judged(self, rail: str, text: str, ran: Sequence[Ran]) -> Verdict:
        """Run the rail in a copy of the conversation; actions in `ran` have been run already."""
        machine = self.machine.fork_for(self._count)
        runtime = _repeating(self.bot.runtime, ran) if ran else self.bot.runtime
        turn = await run_alone("output", rail, runtime, machine, text)
        failed = next((run for run in turn.trace.actions if run.failure is not None), None)
        if failed is not None:
            return Verdict.error(f"Action {failed.name} failed with status: failed")
        if any(note.kind in ("error", "limit") for note in turn.trace.notes):
            return self._of_result(turn.trace)
        if not has_passed("output", turn.output):
            return Verdict.block()
        return passed(text, machine.globals.get("bot_message"))

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
        rail = cast(Program, self.bot.program).straight(name) if self._directly else None
        if rail is None:
            return None
        leave = partial(self._judged_apart, name)
        try:
            return DirectCheck(rail, self.bot.runtime, self.machine, self._context, leave)
        except ActionError:
            return None


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
        if found is None or not self._left or self._left[0][0].name != name:
            return found

        def again(**given: object) -> Any:
            asked, _, result, error = self._left.pop(0)
            repeated(asked.calls, current_action_uid())
            checked_before(asked.checks, current_action_uid())
            if error is not None:
                raise error
            return result

        twin = Registered(again, ActionMeta(name))
        twin.where = found.where
        return twin


class _Late:
    """A clock that shows when the first of some actions began, as long as one of them is left."""

    def __init__(self, clock: Clock, left: Sequence[Ran]) -> None:
        self._clock = clock
        self._left = left

    def now(self) -> datetime:
        then = self._left[0][1] if self._left else None
        return then or self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        return self._clock.call_later(seconds, callback)
