"""`LLMRails`: the names users of NeMo Guardrails know, as a thin layer over `Bot`.

Switching is changing the import: ``from colang_interpreter import LLMRails, RailsConfig, action``.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any, TypeVar

from colang_interpreter.host.bot import Bot
from colang_interpreter.host.loading import load_actions, load_initializers
from colang_interpreter.host.loop import Conversation
from colang_interpreter.host.portal import refuse_in_running_loop
from colang_interpreter.host.registration import Registration
from colang_interpreter.machine import Event, Program
from colang_interpreter.programs import compile
from colang_interpreter.stateless import Histories, generate_events

if TYPE_CHECKING:
    from typing_extensions import Self

    from colang import Project
    from colang.config import RailsConfig
    from colang_interpreter.messages.conversing import Messages
    from colang_interpreter.messages.options import (
        ExplainInfo,
        GenerationOptions,
        GenerationResponse,
        RailsResult,
    )

_logger = logging.getLogger("colang_interpreter.events")
_logger.addHandler(logging.NullHandler())

_T = TypeVar("_T")


class LLMRails(Registration):
    r"""A configuration, compiled, with its actions.

    Compiling happens here; no call compiles anything again. One object serves all threads and event loops.

    Example:
        >>> from colang_interpreter import LLMRails, RailsConfig
        >>> config = RailsConfig.from_content(
        ...     "import core\nflow main\n  user said \"hi\"\n  bot say \"Hello!\"\n",
        ...     "colang_version: 2.x\n",
        ... )
        >>> with LLMRails(config) as rails:
        ...     rails.generate(messages=[{"role": "user", "content": "hi"}])
        {'role': 'assistant', 'content': 'Hello!'}
    """

    def __init__(
        self,
        config: RailsConfig | Project | Program,
        llm: Any = None,
        verbose: bool = False,
    ) -> None:
        """Compile a configuration and load its Python files.

        Args:
            config: What to run: a configuration, a project, or a program compiled already.
            llm: Given to actions with a parameter `llm`.
            verbose: Log each event at level INFO under ``colang_interpreter.events``.

        Raises:
            CompileError: The configuration has errors.
            ActionFilesError: Its Python files cannot be executed.
            MissingPackageError: It asks for embeddings whose extra is not installed.
        """
        source: Any = config
        project: Project | None = getattr(source, "project", None)
        if project is None and hasattr(source, "imported_paths"):
            project = source
        program: Any = source if hasattr(source, "digest") else compile(source)
        self.program: Program = program
        self.config: Any = self.program.config
        self.verbose = verbose
        self._histories = Histories()
        self._messages: Messages | None = None
        self._bot = Bot(self.program, llm, load_actions(project) if project is not None else ())
        for init in load_initializers(project) if project is not None else ():
            init(self)

    @property
    def bot(self) -> Bot:
        """The bot below: what is registered is registered there."""
        return self._bot

    @property
    def passthrough_fn(self) -> Callable[..., Any] | None:
        """Replaces the model in passthrough mode (Colang 1.0): async, with parameters `context` and `events`."""
        dialog = self.bot.dialog
        return None if dialog is None else dialog.passthrough

    @passthrough_fn.setter
    def passthrough_fn(self, function: Callable[..., Any] | None) -> None:
        if self.bot.dialog is None:
            raise ValueError("`passthrough_fn` belongs to the dialog of Colang 1.0; this is 2.x")
        self.bot.dialog.passthrough = function

    # -- events

    async def process_events_async(
        self,
        events: Iterable[Mapping[str, Any]],
        state: Conversation | Mapping[str, Any] | str | None = None,
        blocking: bool = False,
    ) -> tuple[list[Event], Conversation]:
        """Process events and give the outgoing ones with the state to go on from (colang-2.md, 7.2).

        Args:
            events: Dictionaries with the key ``type``.
            state: What the previous call gave, or its `dump`; without it a new conversation begins.
            blocking: Wait for actions marked ``execute_async`` too.

        Returns:
            The outgoing events, and the live state, which this call has changed. `copy.deepcopy` makes an
            independent one, its method `dump` makes text of it.
        """
        conversation = self._conversation(state)
        turn = await conversation.process([dict(event) for event in events], blocking=blocking)
        if self.verbose:
            _logger.setLevel(logging.INFO)
            for step in turn.trace.steps:
                _logger.info("%s -> %s", step.event, list(step.outgoing))
        return turn.output, conversation

    def process_events(
        self,
        events: Iterable[Mapping[str, Any]],
        state: Conversation | Mapping[str, Any] | str | None = None,
        blocking: bool = False,
    ) -> tuple[list[Event], Conversation]:
        """`process_events_async` for a thread without an event loop.

        Background actions go on between calls.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        refuse_in_running_loop()
        return self.bot.run_sync(lambda: self.process_events_async(events, state, blocking))

    async def generate_events_async(self, events: Sequence[Mapping[str, Any]]) -> list[Event]:
        """Continue a history of events (`rails-runtime.md`, section 3).

        Args:
            events: The whole history, oldest first; it is not modified.

        Returns:
            The new events in order; in Colang 1.0 the last one is `Listen`. Append them all to the history.

        Raises:
            ValueError: The history is empty, or something in it is no event.
            LLMCallException: A call of a language model failed.
            TooManyEventsError: The flows react to each other without end.
        """
        new, _ = await generate_events(self.bot, self._histories, events)
        return new

    def generate_events(self, events: Sequence[Mapping[str, Any]]) -> list[Event]:
        """`generate_events_async` for a thread without an event loop.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        refuse_in_running_loop()
        return self.bot.run_sync(lambda: self.generate_events_async(events))

    # -- messages

    @property
    def messages(self) -> Messages:
        """The message API below the methods here; made when it is first used."""
        if self._messages is None:
            from colang_interpreter.messages.conversing import Messages

            self._messages = Messages(self.bot)
        return self._messages

    async def generate_async(
        self,
        prompt: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        options: GenerationOptions | Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        streaming_handler: Any = None,
    ) -> str | dict[str, Any] | GenerationResponse:
        """Answer a prompt or messages (`rails-runtime.md`, section 4; colang-2.md, 7.5).

        Without `state`, a conversation is found again by its messages: a client that sends back what it received goes
        on where it was. Clients that have sent and received the same are one conversation to it, so what is known of
        one of them belongs into a `context` message, into `request_scope`, or into a `state` of its own.

        Args:
            prompt: One user message; the answer is its text.
            messages: Roles ``user``, ``assistant``, ``context``, ``event``, ``system``, ``developer``, ``tool``.
            options: `GenerationOptions`, or a dictionary of them: `rails`, `llm_params`, `llm_output`, `output_vars`,
                `log`. With options, also with `{}`, the result is a `GenerationResponse`.
            state: `{}` to begin, and then what the previous result had; the result is a `GenerationResponse`, and
                only new messages are to be sent.
            streaming_handler: A `streaming.StreamingHandler`: gets the pieces of the answer while it is made.

        Returns:
            A text, a message (role ``assistant`` or ``exception``), or a `GenerationResponse`.

        Raises:
            ValueError: Not exactly one of `prompt` and `messages`, a message or an option that cannot be used.
            InvalidStateError: The state is none.
            LLMCallException: A call of a language model failed.
            TooManyEventsError: The flows react to each other without end.
        """
        if streaming_handler is None:
            return await self.messages.generate(prompt, messages, options, state)
        from colang_interpreter.messages.streams import generate_into

        return await generate_into(
            streaming_handler, self.messages, self.bot, prompt, messages, options, state
        )

    def generate(
        self,
        prompt: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        options: GenerationOptions | Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> str | dict[str, Any] | GenerationResponse:
        """`generate_async` for a thread without an event loop.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        return self._explained(lambda: self.generate_async(prompt, messages, options, state))

    def stream_async(
        self,
        prompt: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        options: GenerationOptions | Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        include_metadata: bool = False,
        generator: AsyncIterable[str] | None = None,
        include_generation_metadata: bool | None = None,
    ) -> AsyncIterator[Any]:
        """The answer in pieces, while it is made (`rails-runtime.md`, section 9).

        Output rails look at windows of the text, as `rails.output.streaming` says. A stream that goes wrong, or that a
        rail blocks, ends with a JSON text, ``{"error": {...}}``; `colang_interpreter.streaming.error_of` reads it.

        Args:
            prompt: One user message.
            messages: As for `generate_async`; so are `options` and `state`.
            options: See there.
            state: See there.
            include_metadata: Give mappings, ``{"text": ...}``, the last one with the metadata of the answer.
            generator: Tokens made elsewhere, instead of an answer: only the output rails run.
            include_generation_metadata: The old name of `include_metadata`.

        Raises:
            StreamingNotSupportedError: There are output rails that only see whole messages.
            ValueError: Not exactly one of `prompt` and `messages`.
        """
        from colang_interpreter.messages.streams import stream

        if include_generation_metadata is not None:
            warnings.warn(
                "`include_generation_metadata` is now called `include_metadata`",
                DeprecationWarning,
                stacklevel=2,
            )
            include_metadata = include_generation_metadata
        return stream(
            self.messages,
            self.bot,
            prompt=prompt,
            messages=messages,
            options=options,
            state=state,
            include_metadata=include_metadata,
            generator=generator,
        )

    async def check_async(
        self, messages: Sequence[Mapping[str, Any]], rail_types: Iterable[str] | None = None
    ) -> RailsResult:
        """Run the rails on messages, without dialog and without an answer.

        Args:
            messages: The last user message goes through the input rails, the last assistant message through the
                output rails.
            rail_types: ``input``, ``output`` or both, instead of those that the messages call for.

        Returns:
            `status` ``passed``, ``modified`` or ``blocked``, the text as the rails leave it, and which rail blocks.

        Raises:
            RailTypeNotConfiguredError: A type was named that has no rails.
        """
        from colang_interpreter.messages.checking import check

        return await check(self.messages, self.program, messages, rail_types)

    def check(
        self, messages: Sequence[Mapping[str, Any]], rail_types: Iterable[str] | None = None
    ) -> RailsResult:
        """`check_async` for a thread without an event loop.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        return self._explained(lambda: self.check_async(messages, rail_types))

    def explain(self) -> ExplainInfo:
        """The model calls and the history behind the last answer that this task or thread asked for."""
        return self.messages.explained()

    def _explained(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run in the background thread, and know afterwards here what is known there."""
        from colang_interpreter.messages.conversing import Explained, explain_as, explanation

        refuse_in_running_loop()
        known: list[Explained | None] = []

        async def both() -> _T:
            try:
                return await work()
            finally:
                known.append(explanation())

        try:
            return self.bot.run_sync(both)
        finally:
            for each in known:
                explain_as(each)

    # -- closing

    def close(self) -> None:
        """End the background thread of synchronous calls, if there is one."""
        self.bot.close()

    def __enter__(self) -> Self:
        """Use as ``with LLMRails(config) as rails`` to have it closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _conversation(self, state: Conversation | Mapping[str, Any] | str | None) -> Conversation:
        if isinstance(state, Conversation):
            return state
        if isinstance(
            state, Mapping
        ):  # {"state": text, "version": "2.x"}, as older releases had it
            state = state.get("state")
        if state is None or isinstance(state, str):
            return self.bot.conversation(state=state)
        raise TypeError(f"a state is what process_events gave, or its dump, not {type(state)!r}")
