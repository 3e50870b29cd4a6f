"""Asking a model on behalf of a rail: which model, which prompt, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import is_list, is_mapping

if TYPE_CHECKING:
    from colang_interpreter.host.actions import ActionRegistry
    from colang_interpreter.llm.manager import Answer, TaskManager
    from colang_interpreter.llm.model import Model

Events = Sequence[Mapping[str, Any]]


class RailModels:
    """The models and prompts that the rails of one program use; made when one of them is first needed."""

    def __init__(
        self,
        registry: ActionRegistry,
        program: Any,
        tasks: TaskManager | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """For a program.

        Args:
            registry: Of the bot; models are among its parameters (`llm`, `llms`, ``<type>_llm``).
            program: Either dialect's.
            tasks: Its prompts, if there are some already.
            clock: Seconds, for the durations of calls in logs.
        """
        self._registry = registry
        self._program = program
        self._tasks = tasks
        self._clock = clock
        self._models: dict[str, Model | None] = {}
        self._adapted: dict[int, tuple[Any, Model]] = {}

    @property
    def config(self) -> Any:
        """The settings."""
        return self._program.config

    @property
    def tasks(self) -> TaskManager:
        """The prompts."""
        if self._tasks is None:
            from colang_interpreter.llm.manager import TaskManager

            self._tasks = TaskManager(self.config, clock=self._clock)
        return self._tasks

    def model(self, *types: str, needed: bool = False) -> Model | None:
        """The model of the first of these types that there is, else the main one.

        Args:
            types: Types of models in the settings: names of tasks, or free names.
            needed: Without a model of one of these types there is none: a rail that names its model must not ask
                another one.
        """
        given = self._registry.parameters
        known = given.get("llms")
        for type in types:
            named = known.get(type) if is_mapping(known) else None
            found = named if named is not None else given.get(f"{type}_llm")
            if found is not None:
                return self._as_model(found)
            configured = self._configured(type)
            if configured is not None:
                return configured
        if needed:
            return None
        main = given.get("llm")
        return self._as_model(main) if main is not None else self._configured("main")

    def _as_model(self, given: Any) -> Model:
        if id(given) not in self._adapted:
            from colang_interpreter.llm.adapters import as_model

            self._adapted[id(given)] = (given, as_model(given))  # kept: ids are used again
        return self._adapted[id(given)][1]

    def _configured(self, type: str) -> Model | None:
        if type not in self._models:
            from colang_interpreter.llm.openai import model_for

            self._models[type] = model_for(self.config, type)
        return self._models[type]

    async def ask(
        self,
        task: str,
        variables: Mapping[str, Any],
        events: Events | None,
        *,
        model: Model | None = None,
        template: str | None = None,
    ) -> Answer:
        """Have a model do a task, at the lowest temperature.

        Args:
            task: Name of the prompt.
            variables: Of the prompt.
            events: The history.
            model: Which model; by default that of the type `task`, else the main one.
            template: The prompt if the settings have none for this task.

        Raises:
            PromptError: There is no prompt for the task.
            LLMCallException: There is no model, or the call failed.
        """
        from colang_interpreter.llm.errors import PromptError
        from colang_interpreter.llm.manager import Answer, Rendered
        from colang_interpreter.llm.model import ModelRequest

        asked = model if model is not None else self.model(task)
        parameters = {"temperature": self.temperature}
        try:
            return await self.tasks.ask(asked, task, variables, events, parameters=parameters)
        except PromptError:
            if template is None or task in self.tasks.library.tasks():
                raise
        prompt = self.tasks.text(template, variables)
        request = ModelRequest(prompt=prompt, task=task, parameters=parameters)
        response = await self.tasks.call(asked, request)
        return Answer(response=response, parsed=response.text, rendered=Rendered(prompt=prompt))

    @property
    def temperature(self) -> float:
        """For answers that should not depend on chance."""
        lowest = getattr(self.config, "lowest_temperature", None)
        return 0.001 if lowest is None else float(lowest)


def verdict(parsed: Any) -> tuple[bool, list[str]]:
    """Whether a judge's answer says "safe", and the policies it names.

    A list or tuple begins with yes or no, a boolean is one, and a text is read like the output parser
    `is_content_safe`: whatever it does not clearly call safe is not.

    Raises:
        ValueError: An output parser of the user's own gave something else.

    Example:
        >>> verdict("No."), verdict([False, "S1"]), verdict("unsafe S9"), verdict("I am not sure")
        ((True, []), (False, ['S1']), (False, ['S9']), (False, []))
    """
    if isinstance(parsed, str):
        from colang_interpreter.llm.parsers import is_content_safe

        parsed = is_content_safe(parsed)
    if isinstance(parsed, bool):
        return parsed, []
    if isinstance(parsed, tuple):
        parsed = [*parsed]
    if is_list(parsed) and parsed and isinstance(parsed[0], bool):
        rest: Any = parsed[1] if len(parsed) == 2 and is_list(parsed[1]) else parsed[1:]
        return parsed[0], [str(policy) for policy in rest]
    raise ValueError(f"the output parser should give yes or no, not {parsed!r:.60}")


def text_of(context: Mapping[str, Any], name: str) -> str | None:
    """A message among the variables as text; None if there is none.

    >>> text_of({"user_message": "hi"}, "user_message"), text_of({}, "user_message")
    ('hi', None)
    """
    value = context.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    from colang_interpreter.llm.model import content_text

    return content_text(value) or None
