"""`LLMRails`: the names users of NeMo Guardrails know, as a thin layer over `Bot`.

Switching is changing the import: ``from colang_interpreter import LLMRails, RailsConfig, action``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from colang_interpreter.errors import TooManyEventsError
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.loading import load_actions, load_initializers
from colang_interpreter.host.loop import Conversation, Turn
from colang_interpreter.host.portal import refuse_in_running_loop
from colang_interpreter.host.rules import ENVELOPE
from colang_interpreter.machine import Event, Program
from colang_interpreter.programs import compile
from colang_interpreter.stateless import Histories, generate_events

if TYPE_CHECKING:
    from typing_extensions import Self

    from colang import Project
    from colang.config import RailsConfig

_logger = logging.getLogger("colang_interpreter.events")
_logger.addHandler(logging.NullHandler())

_NOT_ARGUMENTS = ENVELOPE & {"type", "uid", "event_created_at", "source_uid", "action_uid"}


class LLMRails:
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
        self.bot = Bot(self.program, llm, load_actions(project) if project is not None else ())
        for init in load_initializers(project) if project is not None else ():
            init(self)

    # -- registration, chainable

    def register_action(self, action: Any, name: str | None = None) -> Self:
        """Add an action, replacing one of the same name."""
        self.bot.register_action(action, name)
        return self

    def register_action_param(self, name: str, value: Any) -> Self:
        """Give every action that has a parameter of this name this value."""
        self.bot.register_action_param(name, value)
        return self

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
            TooManyEventsError: The flows react to each other without end.
        """
        new, turn = await generate_events(self.bot, self._histories, events)
        self._raise_endless(turn)
        return new

    def generate_events(self, events: Sequence[Mapping[str, Any]]) -> list[Event]:
        """`generate_events_async` for a thread without an event loop.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        refuse_in_running_loop()
        return self.bot.run_sync(lambda: self.generate_events_async(events))

    def _raise_endless(self, turn: Turn) -> None:
        for step in turn.trace.steps:
            if step.event is not None and step.event["type"] == "EngineError":
                raise TooManyEventsError(str(step.event["error"]).partition(": ")[2])

    # -- messages

    async def generate_async(
        self,
        prompt: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
    ) -> str | dict[str, Any]:
        """Answer messages, each call on its own (colang-2.md, 7.5).

        Args:
            prompt: One user message; the answer is its text.
            messages: Roles ``user``, ``context``, ``event``, ``system``, ``developer``.

        Returns:
            ``{"role": "assistant", "content": text}``, with `tool_calls` for actions the caller has to
            perform and `events` for all other events, if there are any.

        Raises:
            ValueError: Not exactly one of `prompt` and `messages`, or a message that cannot be used.
        """
        if (prompt is None) == (messages is None):
            raise ValueError("give either a prompt or messages")
        if messages is None:
            messages = [{"role": "user", "content": prompt}]
        conversation = self.bot.conversation()
        events = _events_of(messages)
        try:
            turn = await conversation.process(
                events, blocking=True, instant_actions=self._instant_actions()
            )
        finally:
            await conversation.close()
        message = _message_of(turn.output)
        return str(message["content"]) if prompt is not None else message

    def generate(
        self,
        prompt: str | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
    ) -> str | dict[str, Any]:
        """`generate_async` for a thread without an event loop.

        Raises:
            RuntimeError: This thread runs an event loop.
        """
        refuse_in_running_loop()
        return self.bot.run_sync(lambda: self.generate_async(prompt, messages))

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

    def _instant_actions(self) -> Sequence[str]:
        rails = getattr(self.config, "rails", None)
        names = getattr(getattr(rails, "actions", None), "instant_actions", None)
        return ["UtteranceBotAction"] if names is None else list(names)


def _events_of(messages: Sequence[Mapping[str, Any]]) -> list[Event]:
    events: list[Event] = []
    for number, message in enumerate(messages, 1):
        role = message.get("role")
        problem: str | None = None
        try:
            match role:
                case "user":
                    text = message["content"]
                    events.append({"type": "UtteranceUserActionFinished", "final_transcript": text})
                    problem = None if isinstance(text, str) else "the content of a user is a text"
                case "context":
                    events.append({"type": "ContextUpdate", "data": dict(message["content"])})
                case "event":
                    events.append(dict(message["event"]))
                case "system" | "developer":
                    events.append({"type": "SystemMessage", "content": message["content"]})
                case "tool":
                    problem = (
                        "the result of a tool belongs to the conversation that called it;"
                        " send it as an event with process_events"
                    )
                case _:
                    problem = f"a role {role!r} cannot be processed"
        except KeyError as missing:
            problem = f"`{missing.args[0]}` is missing"
        if problem is not None:
            raise ValueError(f"message {number}: {problem}")
    return events


def _message_of(output: Sequence[Event]) -> dict[str, Any]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    others: list[Event] = []
    for event in output:
        kind: str = event["type"]
        if kind == "UtteranceBotActionFinished":
            texts.append(str(event["final_script"]))
        elif kind.startswith("Start") and kind.endswith("Action"):
            given = {key: value for key, value in event.items() if key not in _NOT_ARGUMENTS}
            function = {"name": kind.removeprefix("Start"), "arguments": given}
            calls.append({"id": event["action_uid"], "type": "function", "function": function})
        else:
            others.append(event)
    message: dict[str, Any] = {"role": "assistant", "content": "\n".join(texts)}
    if calls:
        message["tool_calls"] = calls
    if others:
        message["events"] = others
    return message
