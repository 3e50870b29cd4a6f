"""What a program, or `init(app)` of a config.py, may register (settings, 5.3); every method gives the application back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

    from colang_interpreter.host.bot import Bot
    from colang_interpreter.llm.manager import TaskManager


class Registration:
    """The registering methods of `Bot`, and of `LLMRails` around one."""

    @property
    @abstractmethod
    def bot(self) -> Bot:
        """What gets it all."""

    def register_action(self, action: Any, name: str | None = None) -> Self:
        """Add an action, replacing one of the same name, for all turns from now on."""
        self.bot.registry.register(action, name)
        return self

    def register_action_param(self, name: str, value: Any) -> Self:
        """Give every action that has a parameter of this name this value, from now on.

        ``<action>_llm`` is the model of one action, or of the task of this name.
        """
        self.bot.registry.register_parameter(name, value)
        dialog = self.bot.dialog
        if dialog is not None and (name == "llm" or name.endswith("_llm")):
            from colang_interpreter.llm.adapters import as_model

            if name == "llm":
                dialog.model = as_model(value)
            else:
                dialog.models[name.removesuffix("_llm")] = as_model(value)
        return self

    def update_llm(self, llm: Any) -> Self:
        """Use another main model from now on; the same as registering the parameter `llm`."""
        return self.register_action_param("llm", llm)

    @property
    def llm_task_manager(self) -> TaskManager:
        """Prompts, filters and output parsers of this application."""
        shared = self.bot.dialog if self.bot.dialog is not None else self.bot.llm_actions
        tasks: TaskManager = shared.tasks
        return tasks

    def register_filter(self, function: Callable[..., Any], name: str | None = None) -> Self:
        """Add a filter for prompts, replacing one of the same name."""
        self.llm_task_manager.register_filter(function, name)
        return self

    def register_output_parser(self, function: Callable[[str], Any], name: str) -> Self:
        """Add an output parser that prompts can name."""
        self.llm_task_manager.register_output_parser(function, name)
        return self

    def register_prompt_context(self, name: str, value: Any) -> Self:
        """Add a variable for prompts; a function is called for its value whenever a prompt is made."""
        self.llm_task_manager.register_prompt_context(name, value)
        return self

    def register_embedding_search_provider(self, name: str, provider: Callable[..., Any]) -> Self:
        """Add a class of indexes: `add_items`, `build` and `search`, sync or async.

        It is used if `core.embedding_search_provider.name` in the settings is this name (for documents:
        `knowledge_base.embedding_search_provider.name`), and is made with the `parameters` that stand there.
        """
        self.bot.indexes.register_provider(name, provider)
        return self

    def register_embedding_provider(
        self, provider: Callable[..., Any], name: str | None = None
    ) -> Self:
        """Add a class of embedding models: `encode` or `encode_async`, from a list of texts to a list of vectors.

        It is used if the settings name this engine for embeddings, and is made with the name of the model and
        the `parameters` that stand there.

        Args:
            provider: The class.
            name: Of the engine; by default its `engine_name`.

        Raises:
            ValueError: It has no name.
        """
        named = name if name is not None else getattr(provider, "engine_name", None)
        if not isinstance(named, str) or not named:
            raise ValueError("give the name of the engine, or the class an `engine_name`")
        self.bot.indexes.register_engine(provider, named)
        return self
