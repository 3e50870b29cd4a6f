"""Which index a program's settings ask for: the built-in one, one of sentence vectors, or one that users registered.

Settings (section 9): a model of type `embeddings` names engine and model for everything that is searched;
`core.embedding_search_provider` and `knowledge_base.embedding_search_provider` can name others for messages and flows,
and for documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from colang_interpreter.llm.embeddings import VectorIndex
from colang_interpreter.llm.index import Index, IndexItem, NgramIndex, ProviderIndex
from colang_interpreter.llm.sentences import WordLlamaEncoder

Place = Literal["core", "knowledge_base"]

DEFAULT: Final = "default"
"""The search provider that goes by embedding engine and model."""


class Indexes:
    """How the indexes of one program are made; what is registered later counts for indexes that are made later.

    Example:
        >>> from colang.config import RailsConfig
        >>> config = RailsConfig.from_content(config={"models": [{"type": "embeddings", "engine": "Letters", "model": "ab"}]})
        >>> class Letters:
        ...     def __init__(self, model):
        ...         pass
        ...     def encode(self, texts):
        ...         return [[text.count("a"), text.count("b")] for text in texts]
        >>> indexes = Indexes(config)
        >>> type(indexes.messages([])).__name__
        'NgramIndex'
        >>> indexes.register_engine(Letters, "Letters")
        >>> type(indexes.messages([])).__name__
        'VectorIndex'
    """

    def __init__(self, config: Any) -> None:
        """For the settings of a program, or None.

        Raises:
            MissingPackageError: They name an engine whose extra is not installed.
            ValueError: They name a model the engine does not have.
        """
        self._config = config
        self._engines: dict[str, Callable[..., Any]] = {}
        self._providers: dict[str, Callable[..., Any]] = {}
        self._encoders: dict[str, Any] = {}
        self.register_engine(WordLlamaEncoder, WordLlamaEncoder.engine_name)
        for place in (
            "core",
            "knowledge_base",
        ):  # what cannot work says so before the first message
            self._encoder(place)

    def register_engine(self, made_by: Callable[..., Any], name: str) -> None:
        """A class of encoders: called with the name of the model, or None, and the parameters of the settings."""
        self._engines[name.lower()] = made_by
        self._encoders.clear()

    def register_provider(self, name: str, provider: Callable[..., Any]) -> None:
        """A class of indexes: called with the parameters of the settings."""
        self._providers[name] = provider

    def messages(self, items: Sequence[IndexItem]) -> Index:
        """An index of messages or flows."""
        return self._index("core", items)

    def documents(self, items: Sequence[IndexItem]) -> Index:
        """An index of the knowledge base."""
        return self._index("knowledge_base", items)

    def _index(self, place: Place, items: Sequence[IndexItem]) -> Index:
        name, parameters = self._settings(place)
        if name in self._providers:
            return ProviderIndex(self._providers[name](**parameters), items)
        encoder = self._encoder(place)
        return NgramIndex(items) if encoder is None else VectorIndex(items, encoder)

    def _settings(self, place: str) -> tuple[str, Mapping[str, Any]]:
        own = getattr(getattr(self._config, place, None), "embedding_search_provider", None)
        return (DEFAULT, {}) if own is None else (own.name, own.parameters)

    def _encoder(self, place: str) -> Any:
        """The encoder for a place, made once; None if the settings name no engine that is known."""
        name, parameters = self._settings(place)
        if name != DEFAULT:
            return None
        models: Sequence[Any] = getattr(self._config, "models", None) or ()
        given = next((model for model in models if model.type == "embeddings"), None)
        engine = parameters.get("embedding_engine") or getattr(given, "engine", None)
        model = parameters.get("embedding_model") or getattr(given, "model", None)
        more: Any = parameters.get("embedding_params") or getattr(given, "parameters", {})
        made_by = None if engine is None else self._engines.get(str(engine).lower())
        if made_by is None:
            return None
        key = repr((engine, model, more))
        if key not in self._encoders:
            self._encoders[key] = made_by(model, **more)
        return self._encoders[key]
