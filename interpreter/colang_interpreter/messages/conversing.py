"""`Messages`: answers message lists, in both dialects (`rails-runtime.md`, section 4; `colang-2.md`, 7.5).

What is specific to a dialect stands in `dialog_v1` and `dialog_v2`: how messages become events and events an answer.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, cast

from colang_interpreter.dynamic import is_a, is_mapping
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.context import Answering
from colang_interpreter.host.loop import Conversation
from colang_interpreter.machine import Event, Machine
from colang_interpreter.messages.activated import stats_of
from colang_interpreter.messages.conversion import Ran
from colang_interpreter.messages.options import (
    ActivatedRail,
    ExplainInfo,
    GenerationLog,
    GenerationOptions,
    GenerationResponse,
    options_of,
)
from colang_interpreter.messages.recording import Recorder, metadata_of, output_of, recording
from colang_interpreter.messages.remembered import Remembered, keys_of, next_key, scope_key

if TYPE_CHECKING:
    from colang_interpreter.llm.model import TokenCallback
    from colang_interpreter.messages.checking_v2 import ChecksV2

Message = Mapping[str, Any]

Explained = tuple["weakref.ref[Messages]", Recorder, Callable[[], Sequence[Event]]]
"""Whose answer it was, the model calls, and the history: put into words only if somebody asks."""

_explained: ContextVar[Explained | None] = ContextVar("colang_explained", default=None)

WRITING = (
    *("general", "generate_bot_message", "generate_intent_steps_message"),
    *("generate_value_from_instruction", "generate_user_intent_and_bot_action_from_user_action"),
    "generate_flow_continuation",
)
"""Tasks whose completions users get to read."""


class Dialect(Protocol):
    """What differs between Colang 1.0 and 2.x."""

    def events(
        self,
        messages: Sequence[Message],
        known: int,
        machine: Machine | None,
        options: GenerationOptions | None,
    ) -> list[Event]:
        """The events of the messages behind the first `known` ones, which `machine` has gone through."""
        ...

    async def run(self, conversation: Conversation, events: list[Event]) -> Ran:
        """Process them."""
        ...

    def restored(self, conversation: Conversation, state: Mapping[str, Any]) -> list[Event]:
        """Let a new conversation go on from a state; events of it that are still to be processed."""
        ...

    def saved(self, conversation: Conversation, before: list[Event], ran: Ran) -> dict[str, Any]:
        """The state after a turn; `before` are the events that went in, earlier ones included."""
        ...

    def variables(self, machine: Machine) -> Mapping[str, Any]:
        """What `output_vars` can name."""
        ...

    def rails(self, ran: Ran, machine: Machine, recorder: Recorder) -> list[ActivatedRail]:
        """The rails that were active."""
        ...

    def past(self, machine: Machine) -> Callable[[], Sequence[Event]]:
        """How to read the events that the machine remembers now, if somebody asks."""
        ...

    def history(self, events: Sequence[Event]) -> str:
        """The conversation as text."""
        ...


class Messages:
    """The message API of one application. Safe for any number of conversations at a time."""

    def __init__(self, bot: Bot) -> None:
        """For a bot."""
        self._bot = bot
        self._remembered = Remembered()
        self.checks: ChecksV2 | None = None
        """What runs the rails of a 2.x program alone; None in 1.0."""
        self._dialect: Dialect
        if bot.program.version == "1.0":
            from colang_interpreter.messages.dialog_v1 import DialogV1

            self._dialect = DialogV1(bot.program)
        else:
            from colang_interpreter.messages.dialog_v2 import DialogV2

            self._dialect = DialogV2(bot.program)
            from colang_interpreter.messages.checking_v2 import ChecksV2

            self.checks = ChecksV2(self, bot)

    async def generate(
        self,
        prompt: str | None = None,
        messages: Sequence[Message] | None = None,
        options: Any = None,
        state: Mapping[str, Any] | None = None,
        on_token: TokenCallback | None = None,
        on_begin: Callable[[Conversation], object] | None = None,
    ) -> str | dict[str, Any] | GenerationResponse:
        """Answer a prompt or messages; see `LLMRails.generate_async`.

        `on_begin` gets the conversation before its turn, in the context of the turn.
        """
        if (prompt is None) == (messages is None):
            raise ValueError("give either a prompt or messages")
        given: list[Message] = [{"role": "user", "content": prompt}]
        if messages is not None:
            given = list(messages)
        wanted = options_of(options)
        done = await self._turn(given, wanted, state, on_token, on_begin)
        answer = done.answer
        if wanted is None and state is None:
            message = answer.message(thinking=True)
            return message if prompt is None else message["content"]
        message = answer.message()
        writing = done.recorder.last_of(*WRITING)
        options_given = wanted or GenerationOptions()
        return GenerationResponse(
            response=[message] if prompt is None else str(message["content"]),
            llm_output=output_of(writing) if options_given.llm_output else None,
            output_data=self._output(options_given, done.machine),
            log=done.log(options_given)
            if wanted is not None and any(wanted.log.model_dump().values())
            else None,
            state=done.state,
            tool_calls=answer.tool_calls or None,
            reasoning_content=answer.reasoning,
            llm_metadata=metadata_of(writing),
        )

    def _output(self, options: GenerationOptions, machine: Machine) -> dict[str, Any] | None:
        if not options.output_vars:
            return None
        known = self._dialect.variables(machine)
        if options.output_vars is True:
            return {name: value for name, value in known.items() if not name.startswith("_")}
        return {name: known.get(name) for name in options.output_vars}

    async def _turn(
        self,
        messages: list[Message],
        options: GenerationOptions | None,
        state: Mapping[str, Any] | None,
        on_token: TokenCallback | None,
        on_begin: Callable[[Conversation], object] | None,
    ) -> _Done:
        dialect, bot = self._dialect, self._bot
        clock = bot.runtime.clock
        conversation = bot.conversation()
        known, key = 0, None
        scope_start = scope_key()
        keys = keys_of(messages, scope_start)
        before: list[Event] = []
        machine: Machine | None = None
        if state is not None:
            before = dialect.restored(conversation, state)
            machine = conversation.machine if conversation.has_begun else None
        else:
            found = self._remembered.find(keys)
            if found is not None:
                machine, known, key = copy.deepcopy(found[0]), found[1], found[2]
                conversation.adopt(machine)
        started = clock.now()
        if self.checks is not None and options is not None and not options.rails.dialog:
            variables = {} if machine is None else plain_variables(dialect.variables(machine))
            checked = await self.checks.answer(messages, options, variables)
            seconds = (clock.now() - started).total_seconds()
            left = None if state is None else dict(state)  # the conversation has had no part in it
            over = cast(Machine, checked.state)
            return _Done(dialect, checked.ran, over, checked.recorder, left, seconds)
        events = [*before, *dialect.events(messages, known, machine, options)]
        async with self.following(conversation, messages) as recorder:
            with nullcontext() if on_token is None else _streaming(on_token):
                if on_begin is not None:
                    on_begin(conversation)
                ran = await dialect.run(conversation, events)
            saved = None if state is None else dialect.saved(conversation, events, ran)
        if state is None:
            message = ran.answer.message(thinking=options is None)
            last = keys[-1] if keys else scope_start
            self._remembered.keep(next_key(last, message), conversation.machine, key)
        seconds = (clock.now() - started).total_seconds()
        return _Done(dialect, ran, conversation.machine, recorder, saved, seconds)

    @asynccontextmanager
    async def following(
        self, conversation: Conversation, messages: Sequence[Message]
    ) -> AsyncGenerator[Recorder]:
        """What happens inside is the turn of this conversation that `explained` tells of; then it is closed."""
        with recording(self._bot.runtime.clock.now) as recorder, Answering(messages):
            try:
                yield recorder
            finally:
                self._explain(recorder, conversation)
                await conversation.close()

    def _explain(self, recorder: Recorder, conversation: Conversation) -> None:
        read = self._dialect.past(conversation.machine) if conversation.has_begun else list[Event]
        _explained.set((weakref.ref(self), recorder, read))

    def explained(self) -> ExplainInfo:
        """How the last answer that was asked for in this task or thread came about."""
        known = _explained.get()
        if known is None or known[0]() is not self:
            return ExplainInfo()
        return ExplainInfo(
            llm_calls=known[1].infos(), colang_history=self._dialect.history(known[2]())
        )


def _streaming(on_token: TokenCallback) -> AbstractContextManager[object]:
    from colang_interpreter.llm.tokens import streaming  # imported for streams only

    return streaming(on_token)


def explanation() -> Explained | None:
    """What `Messages.explained` goes by, to be carried over to the thread that has waited for the answer."""
    return _explained.get()


def explain_as(known: Explained | None) -> None:
    """Take over `explanation` from another thread."""
    _explained.set(known)


def plain_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the variables that are plain data; flows and actions belong to their conversation alone."""
    return {
        name: copy.deepcopy(value)
        for name, value in variables.items()
        if not name.startswith("_") and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if is_a(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if is_mapping(value):
        return all(_is_plain(item) for item in value.values())
    return value is None or isinstance(value, (str, int, float, bool))


class _Done:
    """A turn and all that is known about it."""

    def __init__(
        self,
        dialect: Dialect,
        ran: Ran,
        machine: Machine,
        recorder: Recorder,
        state: dict[str, Any] | None,
        seconds: float,
    ) -> None:
        self._dialect = dialect
        self._ran = ran
        self._seconds = seconds
        self.machine = machine
        self.recorder = recorder
        self.answer = ran.answer
        self.state = state

    def log(self, options: GenerationOptions) -> GenerationLog:
        """The parts of the log that are wanted, and the statistics."""
        rails = self._dialect.rails(self._ran, self.machine, self.recorder)
        calls = self.recorder.infos()
        wanted = options.log
        return GenerationLog(
            activated_rails=rails if wanted.activated_rails else None,
            stats=stats_of(rails, calls, self._seconds),
            llm_calls=calls if wanted.llm_calls else None,
            internal_events=self._ran.events if wanted.internal_events else None,
            colang_history=self._dialect.history(list(self.machine.history))
            if wanted.colang_history
            else None,
        )
