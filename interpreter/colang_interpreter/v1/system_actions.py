"""The actions every Colang 1.0 bot has (`rails-runtime.md`, 10.6): the dialog's, retrieval, and parallel rails.

What asks a model is `llm.tasks_v1`; here it meets the host. Without a model a bot can still talk: intents come from
the index of examples, and predefined messages need nobody to write them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from colang_interpreter.dynamic import is_a, is_dict, is_mapping
from colang_interpreter.host.actions import ActionRegistry, ActionResult, action
from colang_interpreter.host.context import current_messages
from colang_interpreter.host.loop import Conversation
from colang_interpreter.host.parallel import Kind, run_rails
from colang_interpreter.llm import tasks_v1, tokens
from colang_interpreter.llm.adapters import as_model
from colang_interpreter.llm.completions import UNKNOWN_INTENT
from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.indexes import Indexes
from colang_interpreter.llm.manager import TaskManager
from colang_interpreter.llm.model import Model, ModelRequest, ModelResponse, content_text
from colang_interpreter.llm.tasks_v1 import Dialog
from colang_interpreter.v1.knowledge import KnowledgeBase
from colang_interpreter.v1.names import flow_call

SIMILAR: Final = 0.5
"""How alike an example must be for its intent, if there is no model to ask and no threshold in the settings."""


def install(
    registry: ActionRegistry,
    program: Any,
    llm: Any,
    indexes: Indexes,
    clock: Callable[[], float] | None = None,
) -> Dialog:
    """Register the actions of a 1.0 program; actions registered later may replace them.

    Args:
        registry: Of the bot.
        program: The compiled program.
        llm: The main model, whatever `llm.as_model` takes; None for a bot without one.
        indexes: How examples and documents are searched.
        clock: Seconds, for the durations of model calls in logs.

    Returns:
        What these actions share: prompts, models and indexes, which may be changed before the first turn.
    """
    tasks = TaskManager(program.config, clock=clock)
    main, others = _configured(program.config)
    dialog = Dialog(
        program, tasks, main if llm is None else as_model(llm), others, indexes.messages
    )
    documents = getattr(program.config, "docs", None) or ()
    base = KnowledgeBase([document.content for document in documents], indexes.documents)
    for each in tasks_v1.actions(dialog).values():
        registry.register(each)

    async def ask_intent(
        events: Sequence[dict[str, Any]], context: Mapping[str, Any]
    ) -> ActionResult:
        return await tasks_v1.generate_user_intent(
            dialog, events, context, request=current_messages(), on_token=tokens.current_sink()
        )

    @action(name="generate_user_intent", is_system_action=True)
    async def user_intent(
        events: Sequence[dict[str, Any]], context: Mapping[str, Any], kb: Any = None
    ) -> ActionResult:
        if not dialog.program.user_messages:
            return await answered(events, context, kb)
        if not dialog.model_for("generate_user_intent"):
            return await intent_without_model(dialog, events)
        return await ask_intent(events, context)

    @action(name="generate_next_steps", is_system_action=True)
    async def next_steps(
        events: Sequence[dict[str, Any]], context: Mapping[str, Any]
    ) -> ActionResult:
        """What the model would do next; without one, what no flow has decided is not done."""
        if not dialog.model_for("generate_next_steps"):
            return ActionResult()
        return await tasks_v1.generate_next_steps(dialog, events, context)

    async def answered(
        events: Sequence[dict[str, Any]], context: Mapping[str, Any], kb: Any
    ) -> ActionResult:
        """A direct answer, with what the knowledge base has for it; retrieval rails may have looked at that."""
        asked = context.get("last_user_message")
        if kb is None or context.get("retrieved_for") == asked:
            return await ask_intent(events, context)
        found = (await retrieve_relevant_chunks(context, kb)).context_updates
        result = await ask_intent(events, {**context, **found})
        return replace(result, context_updates={**found, **result.context_updates})

    @action(name="generate_intent_steps_message", is_system_action=True)
    async def intent_steps_message(
        events: Sequence[dict[str, Any]], context: Mapping[str, Any]
    ) -> ActionResult:
        return await ask_intent(events, context)

    @action(name="generate_bot_message", is_system_action=True)
    async def bot_message(
        events: Sequence[dict[str, Any]], context: Mapping[str, Any], state: Any
    ) -> ActionResult:
        return await tasks_v1.generate_bot_message(
            dialog,
            events,
            context,
            choose=lambda texts: str(texts[state.envelope.randint(len(texts))]),
            request=current_messages(),
            on_token=tokens.current_sink(),
        )

    @action(name="retrieve_relevant_chunks", is_system_action=True)
    async def retrieve(context: Mapping[str, Any], kb: Any = None) -> ActionResult:
        return await retrieve_relevant_chunks(context, kb)

    for each in (
        *(user_intent, next_steps, intent_steps_message, bot_message, retrieve),
        *_parallel(),
    ):
        registry.register(each)
    registry.register_parameter("kb", base if base.chunks else None)
    registry.register_parameter("llms", dialog.models)
    registry.register_parameter("llm_task_manager", tasks)
    return dialog


def _configured(config: Any) -> tuple[Model | None, dict[str, Model]]:
    """The models of a configuration. One that cannot be made says so when it is asked, not before."""
    from colang_interpreter.llm.openai import model_for, models_for

    try:
        return model_for(config), models_for(config)
    except LLMCallException as problem:
        return _Unusable(problem), {}


class _Unusable:
    """Stands for a model whose settings are wrong."""

    def __init__(self, problem: LLMCallException) -> None:
        self._problem = problem

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """Say what is wrong."""
        raise self._problem


async def intent_without_model(dialog: Dialog, events: Sequence[Mapping[str, Any]]) -> ActionResult:
    """The intent of the most similar example; `unknown message`, or the fallback intent, if none is like it."""
    text = content_text(tasks_v1.last_user_message(events))
    settings = getattr(getattr(dialog.program.config, "rails", None), "dialog", None)
    known = getattr(settings, "user_messages", None)
    threshold = getattr(known, "embeddings_only_similarity_threshold", None)
    if threshold is None and not getattr(known, "embeddings_only", False):
        threshold = SIMILAR
    hits = await dialog.user_index.search(text, 1, threshold)
    fallback = getattr(known, "embeddings_only_fallback_intent", None)
    intent = hits[0].meta if hits else fallback or UNKNOWN_INTENT
    return ActionResult(events=[{"type": "UserIntent", "intent": intent}])


async def retrieve_relevant_chunks(context: Mapping[str, Any], kb: Any) -> ActionResult:
    """Text of the knowledge base for the last user message; without one the old text stays (R24)."""
    asked = context.get("last_user_message")
    text = content_text(asked) if asked is not None else ""
    if kb is None or not text:
        updates: dict[str, Any] = {
            "relevant_chunks": context.get("relevant_chunks") or "",
            "relevant_chunks_sep": context.get("relevant_chunks_sep") or [],
            "retrieved_for": asked,
        }
        return ActionResult(context_updates=updates)
    found: list[Any] = await kb.search_relevant_chunks(text)
    bodies = [str(chunk["body"] if is_mapping(chunk) else chunk.body) for chunk in found]
    joined = "\n".join(bodies)
    return ActionResult(
        joined,
        context_updates={
            "relevant_chunks": joined,
            "relevant_chunks_sep": bodies,
            "retrieved_for": asked,
        },
    )


def _parallel() -> tuple[Any, ...]:
    @action(name="run_input_rails_in_parallel", is_system_action=True)
    async def input_rails(flows: Any, conversation_: Conversation) -> ActionResult:
        return await _run("input", flows, conversation_)

    @action(name="run_output_rails_in_parallel", is_system_action=True)
    async def output_rails(flows: Any, conversation_: Conversation) -> ActionResult:
        return await _run("output", flows, conversation_)

    @action(name="run_flows_in_parallel", is_system_action=True)
    async def any_flows(flows: Any, conversation_: Conversation) -> ActionResult:
        return await _run("input", flows, conversation_, marked=False)

    return input_rails, output_rails, any_flows


async def _run(
    kind: Kind, flows: Any, conversation: Conversation, *, marked: bool = True
) -> ActionResult:
    names: Any = flows
    if not isinstance(names, (list, tuple)):
        raise TypeError(f"`flows` is a list of names of flows, not {flows!r:.60}")
    wanted = [str(name) for name in cast("Sequence[Any]", names)]
    machine: Any = conversation.machine
    if marked:
        wanted = _chosen(kind, wanted, machine.globals)
    missing = [name for name in wanted if flow_call(name)[0] not in machine.program.flows]
    if missing:
        raise LookupError(f"there is no flow `{missing[0]}` to run in parallel")
    history: list[Mapping[str, Any]] = list(machine.history)
    starts = (e for e in reversed(history) if e.get("type") == "StartInternalSystemAction")
    start: Mapping[str, Any] = next(starts, history[-1])
    return await run_rails(kind, wanted, conversation, start, marked=marked)


def _chosen(kind: Kind, flows: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
    """The rails of a kind that the generation options name, if they name some (G1)."""
    options: Any = variables.get("generation_options")
    wanted: Any = options.get("rails", {}).get(kind) if is_dict(options) else None
    if not is_a(wanted, (list, tuple)):
        return list(flows)
    return [flow for flow in flows if flow in wanted]
