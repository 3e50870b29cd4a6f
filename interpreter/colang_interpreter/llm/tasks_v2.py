"""The Colang 2.x actions that ask a model (language specification, sections 7.4 and 9).

`Generation` belongs to one program and serves all its conversations; its methods are the actions without the host.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeAlias, cast

from colang.syntax import nodes
from colang_interpreter.dynamic import is_a, is_dict
from colang_interpreter.llm import completions_v2 as read
from colang_interpreter.llm import spoken_v2 as spoken
from colang_interpreter.llm.history import history_v2
from colang_interpreter.llm.index import Index, IndexFactory, IndexItem, NgramIndex
from colang_interpreter.llm.manager import Answer, Events, TaskManager
from colang_interpreter.llm.model import Model, TokenCallback
from colang_interpreter.llm.tokens import current_sink

VALUE_TEMPERATURE = 0.1
FLOWS_FOUND = 5
CONTINUATIONS_FOUND = 10

FlowInfo: TypeAlias = dict[str, Any]
"""A flow that was written: ``name``, ``body`` (its whole text) and ``parameters``."""


class FlowCodeV2(Protocol):
    """What is needed of a compiled flow."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def meta(self) -> Mapping[str, Any]:
        """Its meta tags."""
        ...

    @property
    def source(self) -> str:
        """Its text."""
        ...

    @property
    def exclude_from_llm(self) -> bool:
        """Whether it is kept out of prompts."""
        ...


class ProgramV2(Protocol):
    """What is needed of a compiled 2.x program."""

    @property
    def flows(self) -> Mapping[str, Any]:
        """Compiled flows by name (`FlowCodeV2`)."""
        ...

    @property
    def definitions(self) -> Mapping[str, nodes.FlowDef]:
        """Their trees."""
        ...

    @property
    def config(self) -> Any:
        """The settings, or None."""
        ...


class StateV2(Protocol):
    """What is needed of a conversation; nothing of it is changed."""

    @property
    def program(self) -> ProgramV2:
        """The program with the flows added so far."""
        ...

    @property
    def globals(self) -> dict[str, Any]:
        """The global variables."""
        ...

    def waited_flows(self) -> Iterable[str]:
        """Names of flows whose end somebody waits for."""
        ...

    def instances_of(self, flow: str) -> Sequence[Any]:
        """Running instances of a flow, in order of start."""
        ...


class Generation:
    """What the actions of one 2.x program share."""

    def __init__(
        self,
        program: ProgramV2,
        tasks: TaskManager | None = None,
        new_index: IndexFactory = NgramIndex,
    ) -> None:
        """For a program.

        Args:
            program: As it was compiled; flows added at run time are no examples.
            tasks: Its prompts; by default those of its configuration.
            new_index: Makes the indexes, each once, when it is first needed.
        """
        self.program = program
        self.tasks = tasks if tasks is not None else TaskManager(program.config)
        self._new_index = new_index

    # ------------------------------------------------------------ intents

    async def user_intent(
        self,
        model: Model | None,
        state: StateV2,
        events: Events,
        user_action: str,
        max_example_flows: int = 5,
    ) -> str:
        """`GenerateUserIntentAction`: the name of the flow that says what the user means (9.3, 9.4)."""
        settings = self._embeddings_only
        if settings is not None:
            threshold = settings.embeddings_only_similarity_threshold
            hits = await self._intent_index.search(_said(user_action), 1, threshold)
            found = hits[0].meta if hits else settings.embeddings_only_fallback_intent
            if found is not None:
                return str(found)
        answer = await self._ask_for_intent(
            "generate_user_intent_from_user_action",
            model,
            state,
            events,
            user_action,
            max_example_flows,
        )
        return read.user_intent(answer.text)

    async def user_intent_and_bot_action(
        self,
        model: Model | None,
        state: StateV2,
        events: Events,
        user_action: str,
        max_example_flows: int = 5,
    ) -> dict[str, Any]:
        """`GenerateUserIntentAndBotAction`: ``user_intent``, ``bot_intent`` (may be None) and ``bot_action``.

        Raises:
            UnusableCompletion: The answer has no bot action.
        """
        answer = await self._ask_for_intent(
            "generate_user_intent_and_bot_action_from_user_action",
            model,
            state,
            events,
            user_action,
            max_example_flows,
        )
        step = read.bot_step(answer.text)
        intent = read.user_intent(answer.text)
        return {"user_intent": intent, "bot_intent": step.intent, "bot_action": step.action}

    async def _ask_for_intent(
        self,
        task: str,
        model: Model | None,
        state: StateV2,
        events: Events,
        user_action: str,
        count: int,
    ) -> Answer:
        hits = await self._intent_index.search(_said(user_action), count)
        blocks = [
            f'user action: user said "{hit.text}"\nuser intent: {hit.meta}'
            for hit in reversed(hits)
        ]
        intents = [str(hit.meta) for hit in hits]
        for name, description in _expected_intents(state):
            if name in intents and not description:
                continue
            intents.append(name)
            action = f"user action: <{description}>\n" if description else ""
            blocks.append(f"{action}user intent: {name}")
        return await self._ask(
            task,
            model,
            state,
            events,
            {
                "examples": "\n\n".join(blocks),
                "potential_user_intents": ", ".join(dict.fromkeys(intents)),
                "user_action": user_action,
            },
        )

    @property
    def _embeddings_only(self) -> Any:
        config = self.program.config
        settings = None if config is None else config.rails.dialog.user_messages
        return settings if settings is not None and settings.embeddings_only else None

    # ------------------------------------------------------------ values and texts

    async def value(
        self,
        model: Model | None,
        state: StateV2,
        events: Events,
        instructions: str,
        var_name: str = "result",
    ) -> Any:
        """`GenerateValueAction`: a Python value.

        Raises:
            UnusableCompletion: The answer is no Python literal.
        """
        answer = await self._ask(
            "generate_value_from_instruction",
            model,
            state,
            events,
            {
                "instructions": instructions,
                "var_name": var_name,
                "examples": await self._examples(f"${var_name} = ", FLOWS_FOUND),
            },
            temperature=VALUE_TEMPERATURE,
            on_token=self._listener(spoken.VALUE_OPENING) if self._says(var_name) else None,
        )
        prompt = answer.rendered.prompt
        text = prompt if isinstance(prompt, str) else str(prompt[-1].get("content", ""))
        return read.value(answer.text, text)

    async def passthrough(
        self, model: Model | None, state: StateV2, events: Events, user_message: str
    ) -> str:
        """`PassthroughLLMAction`: the completion of the bare message."""
        options = state.globals.get("generation_options")
        given = (
            cast("dict[str, Any]", options).get("llm_params") if isinstance(options, dict) else None
        )
        answer = await self.tasks.ask(
            model,
            "general",
            {"user_message": user_message},
            events,
            parameters=given or {},
            on_token=current_sink() if self._says(spoken.ANSWER) else None,
        )
        return answer.text

    # ------------------------------------------------------------ flows

    async def flow_from_instructions(
        self, model: Model | None, state: StateV2, events: Events, instructions: str
    ) -> FlowInfo:
        """`GenerateFlowFromInstructionsAction`: a flow that does what they say."""
        name = self._fresh(state, "dynamic_", 4, instructions, len(events))
        answer = await self._ask(
            "generate_flow_from_instructions",
            model,
            state,
            events,
            {
                "instructions": instructions,
                "flow_name": name,
                "examples": await self._examples(instructions, FLOWS_FOUND, described=True),
            },
        )
        body = read.flow_body(answer.text)
        if not body:
            return _apology()
        return _info(name, read.flow_text(name, body))

    async def flow_from_name(
        self, model: Model | None, state: StateV2, events: Events, name: str
    ) -> str:
        """`GenerateFlowFromNameAction`: the text of a flow of that name."""
        answer = await self._ask(
            "generate_flow_from_name",
            model,
            state,
            events,
            {"flow_name": name, "examples": await self._examples(f"flow {name}", FLOWS_FOUND)},
        )
        return read.named_flow(answer.text, name)

    async def flow_continuation(
        self, model: Model | None, state: StateV2, events: Events, temperature: float = 0.0
    ) -> FlowInfo:
        """`GenerateFlowContinuationAction`: a flow with the bot's next step.

        Raises:
            UnusableCompletion: The answer has no bot action.
        """
        last = history_v2(events).rsplit("\n", 1)[-1]
        answer = await self._ask(
            "generate_flow_continuation",
            model,
            state,
            events,
            {"examples": await self._examples(last, CONTINUATIONS_FOUND)},
            temperature=temperature,
            on_token=self._listener(spoken.ACTION_OPENING),
        )
        if not answer.text.strip():
            return _apology()
        step = read.bot_step(answer.text, first_line_counts=True)
        intent = step.intent or "bot respond"
        decorators = f'@meta(bot_intent="{intent}")'
        return self.create_flow(state, events, intent, step.action, decorators)

    def create_flow(
        self, state: StateV2, events: Events, name: str, body: str, decorators: str | None = None
    ) -> FlowInfo:
        """`CreateFlowAction`: a flow of these statements, under a name nobody else has. Asks no model."""
        cleaned = read.clean_name(name)
        prefix = self._fresh(state, "_dynamic_", 8, f"{cleaned}\n{body}", len(events))
        flow = f"{prefix} {cleaned}".strip()
        return _info(flow, read.flow_text(flow, body, decorators or ""))

    async def flow_from_description(
        self, model: Model | None, state: StateV2, events: Events, flow_id: str
    ) -> FlowInfo:
        """`GenerateFlowAction`: what a line ``...`` stands for, from the docstring of its flow (9.8).

        The docstring is a template of the variables of the newest instance. A flow without one, such as a flow this
        action has written before, goes on with that of the flow it was started from.

        Raises:
            UnusableCompletion: Neither the flow nor any above it has a docstring.
        """
        running = state.instances_of(flow_id)
        instance = running[-1] if running else None
        description = self._described(state, flow_id, instance)
        answer = await self._ask(
            "generate_flow_continuation_from_flow_nld",
            model,
            state,
            events,
            {"flow_nld": description},
        )
        wait = (
            "wait user input" if "wait user input" in state.program.flows else "user said something"
        )
        body = read.continuation(answer.text, wait)
        if not body:
            return _apology()
        name = self._fresh(state, "_dynamic_", 8, f"{flow_id}\n{answer.text}", len(events))
        return _info(name, read.flow_text(name, body))

    def _described(self, state: StateV2, flow_id: str, instance: Any) -> str:
        name, current = flow_id, instance
        for _ in range(100):
            definition = state.program.definitions.get(name)
            docstring = _docstring(definition) if definition is not None else None
            if docstring is not None:
                break
            current = getattr(current, "parent", None)
            if current is None:
                raise read.UnusableCompletion(
                    f"`...` needs to know what to do: give the flow `{flow_id}` a docstring"
                )
            name = current.flow.name
        else:
            raise read.UnusableCompletion(f"no docstring was found for the flow `{flow_id}`")
        local: dict[str, Any] = getattr(instance, "locals", None) or {}
        tools = [flow for flow in state.program.flows.values() if flow.meta.get("tool") is True]
        variables = {
            **plain_values(state.globals),
            **plain_values(local),
            "tools": "\n\n".join(_header(flow.source) for flow in tools),
            "tool_names": ", ".join(flow.name for flow in tools),
        }
        return self.tasks.text(docstring, variables).strip()

    # ------------------------------------------------------------ parts

    async def _ask(
        self,
        task: str,
        model: Model | None,
        state: StateV2,
        events: Events,
        values: Mapping[str, Any],
        temperature: float | None = None,
        on_token: TokenCallback | None = None,
    ) -> Answer:
        lowest = getattr(self.program.config, "lowest_temperature", None)
        used = temperature if temperature is not None else 0.001 if lowest is None else lowest
        chunks = state.globals.get("relevant_chunks")
        variables = {"context": dict(state.globals), "relevant_chunks": chunks, **values}
        return await self.tasks.ask(
            model, task, variables, events, parameters={"temperature": used}, on_token=on_token
        )

    @cached_property
    def _said(self) -> frozenset[str]:
        return spoken.said_at_once(self.program.definitions)

    def _says(self, name: str) -> bool:
        """Whether the program says what a model gives under this name, and nothing else becomes of it."""
        return current_sink() is not None and name in self._said

    def _listener(self, opening: re.Pattern[str]) -> TokenCallback | None:
        """Takes a completion in pieces, if somebody wants to read the text in it while it arrives."""
        sink = current_sink()
        return None if sink is None else spoken.SaidText(sink, opening).take

    def _fresh(self, state: StateV2, prefix: str, digits: int, *seed: object) -> str:
        """A name nobody has, the same in a repetition of the conversation."""
        number = 0
        while True:
            digest = hashlib.sha256(repr((seed, number)).encode("utf-8", "replace")).hexdigest()
            name = prefix + digest[:digits]
            if not any(flow == name or flow.startswith(f"{name} ") for flow in state.program.flows):
                return name
            number += 1

    async def _examples(self, text: str, count: int, *, described: bool = False) -> str:
        """Sources of similar flows, the most similar last."""
        index = self._described_index if described else self._flow_index
        hits = await index.search(text, count)
        return "\n\n".join(str(hit.meta) for hit in reversed(hits))

    @cached_property
    def _shown_flows(self) -> list[FlowCodeV2]:
        flows: Iterable[FlowCodeV2] = self.program.flows.values()
        return [
            flow
            for flow in flows
            if not flow.exclude_from_llm and flow.meta.get("llm_exclude") is not True
        ]

    @cached_property
    def _flow_index(self) -> Index:
        return self._new_index([IndexItem(flow.source, flow.source) for flow in self._shown_flows])

    @cached_property
    def _described_index(self) -> Index:
        """Flows whose second line is a docstring or comment; all flows if there is none."""
        described = [flow for flow in self._shown_flows if _is_described(flow.source)]
        if not described:
            return self._flow_index
        return self._new_index([IndexItem(flow.source, flow.source) for flow in described])

    @cached_property
    def _intent_index(self) -> Index:
        excluded = {flow.name for flow in self.program.flows.values()} - {
            flow.name for flow in self._shown_flows
        }
        return self._new_index(
            [
                IndexItem(text, name)
                for name, definition in self.program.definitions.items()
                if name.startswith("user ") and name not in excluded
                for text in example_utterances(definition)
            ]
        )


def example_utterances(definition: nodes.FlowDef) -> list[str]:
    r"""What users say for an intent, if its flow does nothing but wait for that (9.3).

    >>> from colang.syntax.parser_v2 import parse_v2
    >>> module, _ = parse_v2('flow user greeted\n  user said "hi" or user said "hello"\n')
    >>> example_utterances(module.flows[0])
    ['hi', 'hello']
    """
    body = [s for s in definition.body.statements if not isinstance(s, nodes.DocString)]
    if len(body) != 1 or not isinstance(body[0], nodes.Operation):
        return []
    operation = body[0]
    if operation.op == "match" and isinstance(operation.group, nodes.Spec):
        spec = operation.group
        if spec.name != "UtteranceUserActionFinished":
            return []
        given = [a.value for a in spec.arguments or () if a.name == "final_transcript"]
        return [text for value in given if (text := _literal(value)) is not None]
    if operation.op != "await":
        return []
    group = operation.group
    specs: tuple[nodes.Group, ...] = group.items if isinstance(group, nodes.OrGroup) else (group,)
    texts: list[str] = []
    for each in specs:
        if not isinstance(each, nodes.Spec) or not (each.name or "").startswith("user "):
            return []
        first = next((a.value for a in each.arguments or () if a.name is None), None)
        text = None if first is None else _literal(first)
        if text is None:
            return []
        texts.append(text)
    return texts


def _literal(value: nodes.Expr) -> str | None:
    """The text of a string without interpolation."""
    if not isinstance(value, nodes.String) or not all(isinstance(p, str) for p in value.parts):
        return None
    return "".join(str(part) for part in value.parts)


def _expected_intents(state: StateV2) -> Iterator[tuple[str, str | None]]:
    """Intents some active flow waits for, with their docstrings (9.3)."""
    for name in dict.fromkeys(state.waited_flows()):
        definition = state.program.definitions.get(name)
        if definition is None:
            if name.startswith("user "):
                yield name, None
            continue
        flow = state.program.flows.get(name)
        instances = state.instances_of(name)
        marked = flow is not None and "user_intent" in flow.meta
        if not marked and not (instances and "_user_intent" in instances[0].locals):
            continue
        yield name, _docstring(definition)


def _docstring(definition: nodes.FlowDef) -> str | None:
    found = next((s for s in definition.body.statements if isinstance(s, nodes.DocString)), None)
    return None if found is None else found.text.strip()


def _said(user_action: str) -> str:
    """The words in ``user said "..."``."""
    first, _, rest = user_action.partition('"')
    return rest.rsplit('"', 1)[0] if rest else first


def _is_described(source: str) -> bool:
    lines = source.split("\n")
    start = next((n for n, line in enumerate(lines) if line.lstrip().startswith("flow ")), 0)
    second = lines[start + 1].strip() if start + 1 < len(lines) else ""
    return second.startswith(("#", '"', "'"))


def _header(source: str) -> str:
    """The lines of a flow up to the end of its docstring."""
    kept: list[str] = []
    quote: str | None = None
    lines = source.split("\n")
    start = next((n for n, line in enumerate(lines) if line.lstrip().startswith("flow ")), 0)
    for line in lines[start:]:
        kept.append(line)
        text = line.strip()
        if quote is None:
            if not text.startswith(('"""', "'''")):
                continue
            quote, text = text[:3], text[3:]
        if text.endswith(quote):
            return "\n".join(kept)
    return lines[start]


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is data: templates and windows must not reach into the machine."""
    return {name: value for name, value in values.items() if _is_plain(value, 0)}


def _is_plain(value: Any, depth: int) -> bool:
    if value is None or isinstance(value, (str, int, float)):
        return True
    if depth > 20:
        return False
    if is_dict(value):
        return all(_is_plain(item, depth + 1) for item in value.values())
    if is_a(value, (list, tuple, set)):
        return all(_is_plain(item, depth + 1) for item in value)
    return False


def _info(name: str, body: str) -> FlowInfo:
    return {"name": name, "parameters": [], "body": body}


def _apology() -> FlowInfo:
    return _info(read.ISSUE_FLOW, read.apology())
