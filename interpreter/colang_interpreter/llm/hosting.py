"""The 2.x actions that ask a model, as a host registers them. Importing this loads no prompts and no templates.

`register_llm_actions` is all a host needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from colang_interpreter.host.actions import ActionRegistry, ActionResult, action

if TYPE_CHECKING:
    from colang_interpreter.llm.indexes import Indexes
    from colang_interpreter.llm.manager import TaskManager
    from colang_interpreter.llm.model import Model
    from colang_interpreter.llm.tasks_v2 import Generation

Events = Sequence[Mapping[str, Any]]


class LLMActions:
    """What the actions of one program need, made when one of them is first called.

    Attributes:
        indexes: How examples and documents are searched.
    """

    def __init__(
        self, program: Any, indexes: Indexes, clock: Callable[[], float] | None = None
    ) -> None:
        """For a program of 2.x; `clock` gives seconds for the durations in logs."""
        self._program = program
        self.indexes = indexes
        self._clock = clock
        self._generation: Generation | None = None
        self._tasks: TaskManager | None = None
        self._given: tuple[Any, Model] | None = None
        self._configured: Model | None = None
        self._special: dict[str, Model] | None = None
        self._documents: Any = None

    @property
    def tasks(self) -> TaskManager:
        """The prompts, for whoever wants to register filters and parsers."""
        if self._tasks is None:
            from colang_interpreter.llm.manager import TaskManager

            self._tasks = TaskManager(self._program.config, clock=self._clock)
        return self._tasks

    @property
    def generation(self) -> Generation:
        """The actions without the host."""
        if self._generation is None:
            from colang_interpreter.llm.tasks_v2 import Generation

            self._generation = Generation(self._program, self.tasks, self.indexes.messages)
        return self._generation

    @property
    def documents(self) -> Any:
        """The knowledge base of the configuration; None if it has no documents."""
        if self._documents is None:
            from colang_interpreter.v1.knowledge import KnowledgeBase

            given = getattr(self._program.config, "docs", None) or ()
            texts = [document.content for document in given]
            self._documents = KnowledgeBase(texts, self.indexes.documents)
        return self._documents if self._documents.chunks else None

    def model(self, given: Any, *names: str) -> Model | None:
        """The model that does a task.

        Args:
            given: What the host injects; it replaces the configuration's main model.
            names: Task and action. A model of the configuration whose type is one of them goes before all others.
        """
        if self._special is None:
            from colang_interpreter.llm.openai import models_for

            self._special = models_for(self._program.config)
        for name in names:
            if name in self._special:
                return self._special[name]
        if given is not None:
            if self._given is None or self._given[0] is not given:
                from colang_interpreter.llm.adapters import as_model

                self._given = (given, as_model(given))
            return self._given[1]
        if self._configured is None:
            from colang_interpreter.llm.openai import model_for

            self._configured = model_for(self._program.config)
        return self._configured


def register_llm_actions(
    registry: ActionRegistry,
    program: Any,
    indexes: Indexes,
    clock: Callable[[], float] | None = None,
) -> LLMActions:
    """Add the nine actions of section 9 and the search for documents; actions registered later may replace them.

    They use the model of the configuration whose type is their task or name; else the parameter `llm` the host injects,
    also one registered for an action as ``<action>_llm``; else the main model of the configuration.

    Args:
        registry: Where to.
        program: A compiled 2.x program.
        indexes: How examples and documents are searched.
        clock: Seconds, for the durations in logs.
    """
    shared = LLMActions(program, indexes, clock)

    def of_model(name: str) -> Callable[[Any], Any]:
        return action(name=name, is_system_action=True, execute_async=True)

    @of_model("GenerateUserIntentAction")
    async def user_intent(
        user_action: str, events: Events, state: Any, llm: Any = None, max_example_flows: int = 5
    ) -> str:
        model = shared.model(
            llm, "generate_user_intent_from_user_action", "GenerateUserIntentAction"
        )
        return await shared.generation.user_intent(
            model, state, events, user_action, max_example_flows
        )

    @of_model("GenerateUserIntentAndBotAction")
    async def user_intent_and_bot(
        user_action: str, events: Events, state: Any, llm: Any = None, max_example_flows: int = 5
    ) -> dict[str, Any]:
        model = shared.model(
            llm,
            "generate_user_intent_and_bot_action_from_user_action",
            "GenerateUserIntentAndBotAction",
        )
        return await shared.generation.user_intent_and_bot_action(
            model, state, events, user_action, max_example_flows
        )

    @of_model("GenerateValueAction")
    async def value(
        instructions: str, events: Events, state: Any, llm: Any = None, var_name: str = "result"
    ) -> Any:
        model = shared.model(llm, "generate_value_from_instruction", "GenerateValueAction")
        return await shared.generation.value(model, state, events, instructions, var_name)

    @of_model("GenerateFlowFromInstructionsAction")
    async def from_instructions(
        instructions: str, events: Events, state: Any, llm: Any = None
    ) -> dict[str, Any]:
        model = shared.model(
            llm, "generate_flow_from_instructions", "GenerateFlowFromInstructionsAction"
        )
        return await shared.generation.flow_from_instructions(model, state, events, instructions)

    @of_model("GenerateFlowFromNameAction")
    async def from_name(name: str, events: Events, state: Any, llm: Any = None) -> str:
        return await shared.generation.flow_from_name(
            shared.model(llm, "generate_flow_from_name", "GenerateFlowFromNameAction"),
            state,
            events,
            name,
        )

    @of_model("GenerateFlowContinuationAction")
    async def flow_continuation(
        events: Events, state: Any, llm: Any = None, temperature: float = 0.0
    ) -> dict[str, Any]:
        model = shared.model(llm, "generate_flow_continuation", "GenerateFlowContinuationAction")
        return await shared.generation.flow_continuation(model, state, events, temperature)

    @of_model("GenerateFlowAction")
    async def from_description(
        flow_id: str, events: Events, state: Any, llm: Any = None
    ) -> dict[str, Any]:
        model = shared.model(llm, "generate_flow_continuation_from_flow_nld", "GenerateFlowAction")
        return await shared.generation.flow_from_description(model, state, events, flow_id)

    @of_model("PassthroughLLMAction")
    async def passthrough(user_message: str, events: Events, state: Any, llm: Any = None) -> str:
        return await shared.generation.passthrough(
            shared.model(llm, "general", "PassthroughLLMAction"), state, events, user_message
        )

    @action(name="CreateFlowAction", is_system_action=True)
    def create_flow(
        name: str, body: str, events: Events, state: Any, decorators: str | None = None
    ) -> dict[str, Any]:
        return shared.generation.create_flow(state, events, name, body, decorators)

    @action(name="RetrieveRelevantChunksAction", is_system_action=True)
    async def retrieve(
        context: Mapping[str, Any], kb: Any = None, is_colang_2: bool = True
    ) -> ActionResult:
        from colang_interpreter.v1.system_actions import retrieve_relevant_chunks

        return await retrieve_relevant_chunks(context, kb if kb is not None else shared.documents)

    for made in (
        *(user_intent, user_intent_and_bot, value, from_instructions, from_name),
        *(flow_continuation, from_description, passthrough, create_flow, retrieve),
    ):
        registry.register(made)
    return shared
