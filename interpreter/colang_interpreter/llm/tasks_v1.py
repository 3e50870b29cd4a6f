"""The actions of the Colang 1.0 pipeline that may ask a model (rails-runtime, sections 6 and 7).

Each is an async function of explicit arguments that gives an `ActionResult`; nothing here knows the host.
`actions` makes them what a host registers.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias, cast

from colang.diagnostics import Severity
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.dynamic import is_a
from colang_interpreter.host.actions import ActionResult, action
from colang_interpreter.llm import completions, tokens
from colang_interpreter.llm.filters import to_chat_messages
from colang_interpreter.llm.history import visible
from colang_interpreter.llm.index import Hit, Index, IndexFactory, IndexItem, NgramIndex
from colang_interpreter.llm.manager import Events, TaskManager
from colang_interpreter.llm.model import (
    Message,
    Model,
    ModelRequest,
    ModelResponse,
    TokenCallback,
    chat_message,
    content_text,
)
from colang_interpreter.llm.scripted import pieces
from colang_interpreter.llm.templates import render
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.elements import module_elements
from colang_interpreter.v1.flows import Flow
from colang_interpreter.v1.names import flow_call

Context: TypeAlias = Mapping[str, Any]
Chooser: TypeAlias = Callable[[Sequence[str]], str]
"""Picks one of several texts."""

PassthroughFunction: TypeAlias = Callable[..., Awaitable[Any]]
"""Called with ``context`` and ``events``; gives a text, or a text and something more."""

EXAMPLES = 5
NEAREST = 10


class ProgramV1(Protocol):
    """What is needed of a compiled 1.0 program."""

    @property
    def flows(self) -> Mapping[str, Flow]:
        """Flows by id."""
        ...

    @property
    def user_messages(self) -> Mapping[str, Sequence[str]]:
        """Examples by intent."""
        ...

    @property
    def bot_messages(self) -> Mapping[str, Sequence[str]]:
        """Texts by intent."""
        ...

    @property
    def config(self) -> Any:
        """The settings, or None."""
        ...


@dataclass
class Dialog:
    """What the actions of one 1.0 application share; conversations have no part in it.

    Attributes:
        program: The compiled program.
        tasks: Its prompts.
        model: The main model; None if there is none.
        models: Models for one task or action each, by its name.
        new_index: Makes the indexes of messages and flows, each once, when it is first needed.
        passthrough: Replaces the model in passthrough mode.
    """

    program: ProgramV1
    tasks: TaskManager
    model: Model | None = None
    models: Mapping[str, Model] = field(default_factory=dict[str, Model])
    new_index: IndexFactory = NgramIndex
    passthrough: PassthroughFunction | None = None

    def model_for(self, *names: str) -> Model | None:
        """The model of the first name that has one, else the main model."""
        return next((self.models[name] for name in names if name in self.models), self.model)

    @property
    def deterministic(self) -> dict[str, Any]:
        """Parameters of tasks whose answer should not depend on chance."""
        lowest = getattr(self.program.config, "lowest_temperature", None)
        return {"temperature": 0.001 if lowest is None else lowest}

    @property
    def single_call(self) -> bool:
        """Whether one completion brings intent, next step and message."""
        config = self.program.config
        return bool(config is not None and config.rails.dialog.single_call.enabled)

    @property
    def is_passthrough(self) -> bool:
        """Whether the request goes to the model as it is."""
        return bool(getattr(self.program.config, "passthrough", None))

    @property
    def streams_with_rails(self) -> bool:
        """Whether output rails look at the stream, so that they need not look at the message again (S6)."""
        config = self.program.config
        if config is None:
            return False
        output = config.rails.output
        return bool(output.flows and output.streaming.enabled)

    @cached_property
    def user_index(self) -> Index:
        """Examples of what users say; meta is the intent."""
        return self.new_index(
            [
                IndexItem(text, intent)
                for intent, texts in self.program.user_messages.items()
                for text in texts
            ]
        )

    @cached_property
    def bot_index(self) -> Index:
        """Intents of bot messages; meta is the text."""
        return self.new_index(
            [
                IndexItem(intent, text)
                for intent, texts in self.program.bot_messages.items()
                for text in texts
            ]
        )

    @cached_property
    def flow_index(self) -> Index:
        """Lines of the flows of the configuration; meta is the flow's source."""
        return self.new_index(
            [
                IndexItem(line.strip(), flow.source)
                for flow in self.own_flows
                for line in flow.source.split("\n")
                if line.strip()
            ]
        )

    @cached_property
    def own_flows(self) -> tuple[Flow, ...]:
        """Flows that are neither built in nor rails."""
        rails = self._rails
        return tuple(
            flow
            for flow in self.program.flows.values()
            if flow.source and not flow.path.startswith("<") and flow.id not in rails
        )

    @cached_property
    def _rails(self) -> frozenset[str]:
        config = self.program.config
        if config is None:
            return frozenset()
        kinds = ("input", "output", "retrieval", "tool_input", "tool_output")
        return frozenset(
            flow_call(entry)[0] for kind in kinds for entry in getattr(config.rails, kind).flows
        )

    async def similar_flows(self, text: str) -> list[str]:
        """Sources of the flows most like a text, best first, each once."""
        hits = await self.flow_index.search(text, NEAREST)
        return list(dict.fromkeys(str(hit.meta) for hit in hits))


# ---------------------------------------------------------------- stage 1: what does the user mean?


async def generate_user_intent(
    dialog: Dialog,
    events: Events,
    context: Context,
    *,
    model: Model | None = None,
    request: Sequence[Message] | None = None,
    parameters: Mapping[str, Any] | None = None,
    on_token: TokenCallback | None = None,
) -> ActionResult:
    """The user's intent, or the bot's answer if the program has no user messages (6.1).

    Args:
        dialog: The application.
        events: The history; its last `UserMessage` is what is meant.
        context: The variables.
        model: Instead of the application's.
        request: The messages of the request, for passthrough; by default those of the history.
        parameters: For the model when it writes the answer; `llm_params` of the generation options count, too.
        on_token: Gets the pieces of an answer.

    Returns:
        With a `UserIntent` event; or `BotMessage` (or `BotToolCalls`), after `BotThinking` if there is reasoning.

    Raises:
        LLMCallException, PromptError: The model or the prompt failed.
    """
    text = content_text(last_user_message(events))
    writing = {**_llm_params(context), **(parameters or {})}
    if not dialog.program.user_messages:
        return await _direct_answer(dialog, events, context, model, request, writing, on_token)
    if dialog.single_call:
        return await _single_call(dialog, events, context, text, model, writing)
    config = dialog.program.config
    if config is not None and config.rails.dialog.user_messages.embeddings_only:
        settings = config.rails.dialog.user_messages
        threshold = settings.embeddings_only_similarity_threshold
        hits = await dialog.user_index.search(text, EXAMPLES, threshold)
        intent = hits[0].meta if hits else settings.embeddings_only_fallback_intent
        if intent is not None:
            return _events({"type": "UserIntent", "intent": intent})
    hits = await dialog.user_index.search(text, EXAMPLES)
    answer = await dialog.tasks.ask(
        model or dialog.model_for("generate_user_intent"),
        "generate_user_intent",
        {
            **context,
            "examples": _user_examples(hits),
            "potential_user_intents": ", ".join(dict.fromkeys(str(hit.meta) for hit in hits)),
        },
        events,
        parameters=dialog.deterministic,
    )
    return _events({"type": "UserIntent", "intent": completions.intent(answer.text)})


def _user_examples(hits: Sequence[Hit]) -> str:
    """Examples of intents, the best one last."""
    return "".join(f'user "{hit.text}"\n  {hit.meta}\n\n' for hit in reversed(hits))


async def _direct_answer(
    dialog: Dialog,
    events: Events,
    context: Context,
    model: Model | None,
    request: Sequence[Message] | None,
    parameters: Mapping[str, Any],
    on_token: TokenCallback | None,
) -> ActionResult:
    updates: dict[str, Any] = {}
    if on_token is not None and dialog.streams_with_rails:
        updates["skip_output_rails"] = True
    if dialog.is_passthrough:
        text, response, more = await _passed_through(
            dialog, events, context, model, request, parameters, on_token
        )
        updates.update(more)
        if response is not None and response.tool_calls:
            calls = [call.to_data() for call in response.tool_calls]
            return _thoughtful(response, {"type": "BotToolCalls", "tool_calls": calls}, updates)
        return _thoughtful(response, {"type": "BotMessage", "text": text}, updates)
    answer = await dialog.tasks.ask(
        model or dialog.model_for("general", "generate_user_intent"),
        "general",
        {"relevant_chunks": None, **context},
        visible(events),
        parameters=parameters,
        stop=("User:",),
        on_token=on_token,
    )
    text = completions.direct_answer(answer.text)
    return _thoughtful(answer.response, {"type": "BotMessage", "text": text}, updates)


async def _passed_through(
    dialog: Dialog,
    events: Events,
    context: Context,
    model: Model | None,
    request: Sequence[Message] | None,
    parameters: Mapping[str, Any],
    on_token: TokenCallback | None,
) -> tuple[str, ModelResponse | None, dict[str, Any]]:
    """The request as it is, with the user's message as the input rails left it (7.3)."""
    if dialog.passthrough is not None:
        result = await dialog.passthrough(context=dict(context), events=list(events))
        text, extra = result if is_a(result, tuple) else (result, None)
        if on_token is not None:
            on_token(str(text))
        return str(text), None, {"passthrough_output": extra}
    messages = passthrough_messages(events, request)
    response = await dialog.tasks.call(
        model or dialog.model_for("general", "generate_user_intent"),
        ModelRequest(prompt=messages, task="general", parameters=parameters, on_token=on_token),
    )
    return response.text, response, {}


def passthrough_messages(
    events: Events, request: Sequence[Message] | None = None
) -> list[dict[str, Any]]:
    """The messages passthrough sends: those of the request, with the last user message of the events.

    >>> passthrough_messages([{"type": "UserMessage", "text": "[name] is here"}],
    ...     [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Kim is here"}])
    [{'role': 'system', 'content': 'Be kind.'}, {'role': 'user', 'content': '[name] is here'}]
    """
    if request is None:
        return to_chat_messages(visible(events))
    known = ("system", "user", "assistant", "tool")
    messages = [m for m in map(chat_message, request) if m["role"] in known]
    said = last_user_message(events)
    for message in reversed(messages):
        if message["role"] == "user":
            message["content"] = said or message.get("content", "")
            break
    return messages


async def _single_call(
    dialog: Dialog,
    events: Events,
    context: Context,
    text: str,
    model: Model | None,
    parameters: Mapping[str, Any],
) -> ActionResult:
    """One completion for intent, next step and message; the last two wait in `additional_info` (7.1)."""
    hits = await dialog.user_index.search(text, NEAREST)
    answer = await dialog.tasks.ask(
        model or dialog.model_for("generate_intent_steps_message", "generate_user_intent"),
        "generate_intent_steps_message",
        {
            "relevant_chunks": None,
            **context,
            "examples": _single_call_examples(dialog, hits),
            "potential_user_intents": ", ".join(dict.fromkeys(str(hit.meta) for hit in hits)),
        },
        events,
        parameters={**parameters, **dialog.deterministic},
    )
    parts = completions.single_call(answer.text)
    additional = {
        "bot_intent_event": {"type": "BotIntent", "intent": parts.bot_intent},
        "bot_message_event": {"type": "BotMessage", "text": parts.message},
    }
    return _events({"type": "UserIntent", "intent": parts.intent, "additional_info": additional})


def _single_call_examples(dialog: Dialog, hits: Sequence[Hit]) -> str:
    continuations: dict[str, str] = {}
    for flow in dialog.own_flows:
        lines = [line for line in flow.source.split("\n") if line.strip()]
        first = lines[0].strip() if lines else ""
        if first.startswith("user ") and len(lines) > 1:
            continuations.setdefault(first[5:].strip(), "\n".join(lines[1:]))
    examples: list[str] = []
    for hit in hits:
        following = continuations.get(str(hit.meta))
        if following is None:
            continue
        last = following.rsplit("\n", 1)[-1].strip()
        wording = ""
        if last.startswith("bot "):
            texts = dialog.program.bot_messages.get(last[4:].strip(), ())
            wording = (
                f'  "{texts[0]}"\n'
                if texts
                else "  # The text of this message has to be written.\n"
            )
        examples.append(f'user "{hit.text}"\n  {hit.meta}\n{following}\n{wording}\n')
        if len(examples) == EXAMPLES:
            break
    return "".join(reversed(examples))


# ---------------------------------------------------------------- stage 2: what comes next?


async def generate_next_steps(
    dialog: Dialog, events: Events, context: Context, *, model: Model | None = None
) -> ActionResult:
    """The bot's next message by its intent, or with multi-step generation a flow (6.2).

    Returns:
        With a `BotIntent` event, or `start_flow` with `flow_body`. A model cannot choose actions: what it predicts
        is cut back to what parses and has none (R23).

    Raises:
        LLMCallException, PromptError: The model or the prompt failed.
    """
    said = _last(events, "UserIntent")
    predicted = _additional(said).get("bot_intent_event")
    if predicted is not None:
        return _events(predicted)
    intent = str(said.get("intent", "")) if said is not None else ""
    sources = (await dialog.similar_flows(intent))[:EXAMPLES]
    answer = await dialog.tasks.ask(
        model or dialog.model_for("generate_next_steps"),
        "generate_next_steps",
        {**context, "examples": "".join(f"{source}\n\n" for source in reversed(sources))},
        events,
        parameters=dialog.deterministic,
    )
    if getattr(dialog.program.config, "enable_multi_step_generation", False):
        body = sound_steps(answer.text)
        if body is None:
            return _events({"type": "BotIntent", "intent": completions.GENERAL_RESPONSE})
        name = hashlib.sha256(f"{len(events)} {body}".encode()).hexdigest()[:12]
        return _events({"type": "start_flow", "flow_id": f"generated {name}", "flow_body": body})
    return _events({"type": "BotIntent", "intent": completions.next_step(answer.text)})


def sound_steps(completion: str) -> str | None:
    r"""The longest beginning of a predicted continuation that is a flow without actions; None if there is none (R23).

    >>> sound_steps("bot tell price\nbot offer help\nexecute order(\n")
    'bot tell price\nbot offer help\n'
    >>> sound_steps("Sure! Here you go.") is None
    True
    """
    lines = [line.rstrip() for line in completion.split("\n")]
    while lines and not lines[0].strip():
        lines.pop(0)
    margin = min((len(line) - len(line.lstrip()) for line in lines[:1]), default=0)
    lines = [line[margin:] if not line[:margin].strip() else line for line in lines][:200]
    while lines:
        body = "".join(f"{line}\n" for line in lines)
        if body.strip() and _is_sound(body):
            return body.rstrip("\n") + "\n"
        lines.pop()
    return None


def _is_sound(body: str) -> bool:
    indented = "".join(f"  {line}\n" for line in body.split("\n"))
    module, diagnostics = parse_v1(f"define flow predicted\n{indented}")
    if any(found.severity is Severity.ERROR for found in diagnostics):
        return False
    flows = module_elements(module).flows
    steps = flows[0].elements if len(flows) == 1 else ()
    return bool(steps) and not any(isinstance(step, (e.RunAction, e.CallFlow)) for step in steps)


# ---------------------------------------------------------------- stage 3: how is it worded?


def first_text(texts: Sequence[str]) -> str:
    """The first one: a choice without chance."""
    return texts[0]


async def generate_bot_message(
    dialog: Dialog,
    events: Events,
    context: Context,
    *,
    choose: Chooser = first_text,
    model: Model | None = None,
    request: Sequence[Message] | None = None,
    parameters: Mapping[str, Any] | None = None,
    on_token: TokenCallback | None = None,
) -> ActionResult:
    """The text of the last `BotIntent`: predefined, a variable's, predicted, or written by the model (6.3).

    Args:
        dialog: The application.
        events: The history.
        context: The variables.
        choose: Picks one of a message's texts.
        model: Instead of the application's.
        request: The messages of the request, for passthrough.
        parameters: For the model; `llm_params` of the generation options count, too.
        on_token: Gets the pieces of the message.

    Returns:
        With a `BotMessage` event; after `BotThinking` if there is reasoning.

    Raises:
        TemplateFlaw: The message's template failed.
        LLMCallException, PromptError: The model or the prompt failed.
    """
    decided = _last(events, "BotIntent") or {}
    intent = str(decided.get("intent", ""))
    texts = dialog.program.bot_messages.get(intent)
    literal = decided.get("script")
    if texts or literal is not None:
        text = render(choose(texts) if texts else str(literal), context)
        return _said(text, on_token, {"skip_output_rails": True})
    updates: dict[str, Any] = {}
    if on_token is not None and dialog.streams_with_rails:
        updates["skip_output_rails"] = True
    if intent.startswith("$") and intent[1:] in context:
        return _said(str(context[intent[1:]]), on_token, updates)
    predicted = _additional(_last(events, "UserIntent"))
    if predicted.get("bot_intent_event", {}).get("intent") == intent:
        return _said(str(predicted["bot_message_event"]["text"]), on_token, updates, in_pieces=True)
    writing = {**_llm_params(context), **(parameters or {})}
    if dialog.is_passthrough:
        text, response, more = await _passed_through(
            dialog, events, context, model, request, writing, on_token
        )
        updates.update(more)
        sent = None if response is None else passthrough_messages(events, request)
        updates["_last_bot_prompt"] = sent
        event = {"type": "BotMessage", "text": text or completions.NOTHING_TO_SAY}
        return _thoughtful(response, event, updates)
    hits: Sequence[Hit] = ()
    if dialog.program.user_messages:
        hits = await dialog.bot_index.search(intent, EXAMPLES)
    message = tokens.QuotedMessage(on_token) if on_token is not None else None
    answer = await dialog.tasks.ask(
        model or dialog.model_for("generate_bot_message"),
        "generate_bot_message",
        {
            "relevant_chunks": None,
            **context,
            "bot_intent": intent,
            "examples": "".join(f'bot {hit.text}\n  "{hit.meta}"\n\n' for hit in reversed(hits)),
        },
        events,
        parameters=writing,
        on_token=message.take if message is not None else None,
    )
    text = completions.message(answer.text)
    if message is not None:
        message.finish(text)
    updates["_last_bot_prompt"] = answer.rendered.prompt
    return _thoughtful(answer.response, {"type": "BotMessage", "text": text}, updates)


def _said(
    text: str, on_token: TokenCallback | None, updates: dict[str, Any], *, in_pieces: bool = False
) -> ActionResult:
    """A message that is there already: one piece, or a piece for each word if a model wrote it."""
    text = text if text.strip() else completions.NOTHING_TO_SAY
    if on_token is not None:
        for piece in pieces(text) if in_pieces else (text,):
            on_token(piece)
    return _events({"type": "BotMessage", "text": text}, updates)


# ---------------------------------------------------------------- values


async def generate_value(
    dialog: Dialog,
    events: Events,
    context: Context,
    *,
    instructions: str | None = None,
    var_name: str | None = None,
    model: Model | None = None,
) -> ActionResult:
    """The value of ``$v = ...``, always a text (7.4).

    Args:
        dialog: The application.
        events: The history.
        context: The variables.
        instructions: The comment above the statement.
        var_name: The variable; by default that of the last start of this action in the history.
        model: Instead of the application's.

    Raises:
        LLMCallException, PromptError: The model or the prompt failed.
    """
    if var_name is None:
        started = _last(events, "StartInternalSystemAction") or {}
        var_name = str(started.get("action_result_key") or "value")
    similar = await dialog.similar_flows(f"${var_name} = ")
    sources = [source for source in similar if "= ..." not in source][:EXAMPLES]
    answer = await dialog.tasks.ask(
        model or dialog.model_for("generate_value"),
        "generate_value",
        {
            **context,
            "examples": "".join(f"{source}\n\n" for source in reversed(sources)),
            "instructions": instructions,
            "var_name": var_name,
        },
        events,
        parameters=dialog.deterministic,
    )
    return ActionResult(completions.generated_value(answer.text))


# ---------------------------------------------------------------- parts


def last_user_message(events: Events) -> Any:
    """Text, or parts, of the last `UserMessage`; empty without one."""
    event = _last(events, "UserMessage")
    return "" if event is None else event.get("text", "")


def _last(events: Events, kind: str) -> Mapping[str, Any] | None:
    return next((event for event in reversed(events) if event.get("type") == kind), None)


def _additional(event: Mapping[str, Any] | None) -> dict[str, Any]:
    """`additional_info` of a `UserIntent`: predictions of single call mode."""
    info = (event or {}).get("additional_info")
    return cast("dict[str, Any]", info) if isinstance(info, dict) else {}


def _llm_params(context: Context) -> dict[str, Any]:
    options = context.get("generation_options")
    given = cast("dict[str, Any]", options).get("llm_params") if isinstance(options, dict) else None
    return dict(given or {})


def _events(event: Mapping[str, Any], updates: dict[str, Any] | None = None) -> ActionResult:
    return ActionResult(events=[dict(event)], context_updates=updates or {})


def _thoughtful(
    response: ModelResponse | None, event: dict[str, Any], updates: dict[str, Any]
) -> ActionResult:
    """The event, after what the model thought if it tells."""
    if response is None or not response.reasoning:
        return ActionResult(events=[event], context_updates=updates)
    thought = {"type": "BotThinking", "content": response.reasoning}
    return ActionResult(
        events=[thought, event], context_updates={**updates, "bot_thinking": response.reasoning}
    )


# ---------------------------------------------------------------- for hosts


def actions(dialog: Dialog) -> dict[str, Callable[..., Awaitable[ActionResult]]]:
    """The actions as a host registers them, by name: ``generate_user_intent`` and so on.

    They take what hosts inject: `events`, `context`, and `state`, whose random numbers choose among texts. Tokens go
    to `tokens.current_sink`. A model registered for one of them (``<action>_llm``) belongs into `Dialog.models`.
    """

    @action(name="generate_user_intent", is_system_action=True)
    async def user_intent(events: Events, context: Context) -> ActionResult:
        return await generate_user_intent(dialog, events, context, on_token=tokens.current_sink())

    @action(name="generate_next_steps", is_system_action=True)
    async def next_steps(events: Events, context: Context) -> ActionResult:
        return await generate_next_steps(dialog, events, context)

    @action(name="generate_bot_message", is_system_action=True)
    async def bot_message(events: Events, context: Context, state: Any = None) -> ActionResult:
        def choose(texts: Sequence[str]) -> str:
            number: int = state.envelope.randint(len(texts))
            return texts[number]

        return await generate_bot_message(
            dialog,
            events,
            context,
            choose=first_text if state is None else choose,
            on_token=tokens.current_sink(),
        )

    @action(name="generate_value", is_system_action=True)
    async def value(
        events: Events, context: Context, instructions: str | None = None
    ) -> ActionResult:
        return await generate_value(dialog, events, context, instructions=instructions)

    made = (user_intent, next_steps, bot_message, value)
    assert all(inspect.iscoroutinefunction(each) for each in made)
    return {each.action_meta["name"]: each for each in made}  # type: ignore[attr-defined]
