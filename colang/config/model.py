"""The settings with their types and defaults, as pydantic models. Section 3 of the settings.

Attribute names are those users know. Only the form of values is checked here; what settings need from each
other is in `colang.config.requirements`, so that every finding can name a place.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from colang.config.plain import as_dict

Threshold = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A mapping of settings. Unknown keys are reported by the loader and not kept."""

    model_config = ConfigDict(validate_assignment=True, extra="ignore", protected_namespaces=())


class OpenPart(Part):
    """A mapping of settings that keeps keys of the user's own."""

    model_config = ConfigDict(validate_assignment=True, extra="allow", protected_namespaces=())


# ---------------------------------------------------------------- models and texts (3.1, 3.2)


class CacheStatsConfig(Part):
    """Statistics of a model's cache."""

    enabled: bool = False
    log_interval: float | None = None


class ModelCacheConfig(Part):
    """The cache of a model."""

    enabled: bool = False
    maxsize: int = 50000
    stats: CacheStatsConfig = Field(default_factory=CacheStatsConfig)


class Model(Part):
    """A language or embedding model; `model` may be given in `parameters` instead. Section 3.2."""

    type: str
    engine: str
    model: str | None = None
    api_key_env_var: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    mode: Literal["chat", "text"] = "chat"
    cache: ModelCacheConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _move_name(cls, data: Any) -> Any:
        """Take the name out of the parameters; it must be given exactly once."""
        fields = dict(as_dict(data) or {})
        if not fields:
            return data
        parameters = as_dict(fields.get("parameters"))
        names: list[Any] = [fields["model"]] if fields.get("model") else []
        if parameters is not None:
            rest = dict(parameters)
            moved = [rest.pop(key) for key in ("model", "model_name") if rest.get(key)]
            names.extend(moved)
            fields["parameters"] = rest
        if not names or not str(names[0]).strip():
            raise ValueError("the name is missing; add `model: ...`")
        if len(names) > 1:
            raise ValueError("the name is given twice, as `model` and in `parameters`")
        fields["model"] = names[0]
        return fields


class Instruction(Part):
    """An instruction for prompts; the first one of type ``general`` is used."""

    type: str
    content: str


class Document(Part):
    """A document of the knowledge base."""

    format: str
    content: str


class MessageTemplate(Part):
    """One message of a prompt."""

    type: str
    content: str


class TaskPrompt(Part):
    """The prompt of a task: exactly one of `content` and `messages`. Section 6.2."""

    task: str
    content: str | None = None
    messages: list[MessageTemplate | str] | None = None
    models: list[str] | None = None
    output_parser: str | None = None
    max_length: Positive | None = 16000
    mode: str | None = "standard"
    stop: list[str] | None = None
    max_tokens: Positive | None = None

    @model_validator(mode="after")
    def _one_form(self) -> TaskPrompt:
        if (self.content is None) == (self.messages is None):
            which = "neither" if self.content is None else "both"
            raise ValueError(f"a prompt has either `content` or `messages`, this one has {which}")
        return self


# ---------------------------------------------------------------- search (3.1, 9)


class EmbeddingsCacheConfig(Part):
    """The cache of embeddings."""

    enabled: bool = False
    key_generator: str = "sha256"
    store: str = "filesystem"
    store_config: dict[str, Any] = Field(default_factory=dict)


class EmbeddingSearchProvider(Part):
    """Which index searches, and what it is made with."""

    name: str = "default"
    parameters: dict[str, Any] = Field(default_factory=dict)
    cache: EmbeddingsCacheConfig = Field(default_factory=EmbeddingsCacheConfig)


class KnowledgeBaseConfig(Part):
    """The knowledge base: its folder and its index."""

    folder: str = "kb"
    embedding_search_provider: EmbeddingSearchProvider = Field(
        default_factory=EmbeddingSearchProvider
    )


class CoreConfig(Part):
    """The index of messages and flows."""

    embedding_search_provider: EmbeddingSearchProvider = Field(
        default_factory=EmbeddingSearchProvider
    )


# ---------------------------------------------------------------- rails (3.3)


class InputRails(Part):
    """Rails on the user message."""

    flows: list[str] = Field(default_factory=list)
    parallel: bool | None = False
    speculative_generation: bool | None = False


class OutputRailsStreamingConfig(OpenPart):
    """How output rails look at a stream; keys of the user's own are kept."""

    enabled: bool = False
    chunk_size: Positive = 200
    context_size: Annotated[int, Field(ge=0)] = 50
    stream_first: bool = True


class OutputRails(Part):
    """Rails on the bot message."""

    flows: list[str] = Field(default_factory=list)
    parallel: bool | None = False
    streaming: OutputRailsStreamingConfig = Field(default_factory=OutputRailsStreamingConfig)


class RetrievalRails(Part):
    """Rails on retrieved chunks."""

    flows: list[str] = Field(default_factory=list)


class ToolOutputRails(Part):
    """Rails on the tool calls of the model."""

    flows: list[str] = Field(default_factory=list)
    parallel: bool | None = False


class ToolInputRails(Part):
    """Rails on the results of tools."""

    flows: list[str] = Field(default_factory=list)
    parallel: bool | None = False


class SingleCallConfig(Part):
    """One model call a turn."""

    enabled: bool = False
    fallback_to_multiple_calls: bool = True


class UserMessagesConfig(Part):
    """How the intent of a user message is found."""

    embeddings_only: bool = False
    embeddings_only_similarity_threshold: Threshold | None = None
    embeddings_only_fallback_intent: str | None = None


class DialogRails(Part):
    """The dialog itself."""

    single_call: SingleCallConfig = Field(default_factory=SingleCallConfig)
    user_messages: UserMessagesConfig = Field(default_factory=UserMessagesConfig)


class ActionRails(Part):
    """Actions that finish at once (2.x)."""

    instant_actions: list[str] | None = None


# ---------------------------------------------------------------- settings of library rails (3.5)


class ClavataRailOptions(Part):
    """The policy of one direction."""

    policy: str
    labels: list[str] = Field(default_factory=list)


class ClavataRailConfig(Part):
    """The policy rail. Section 12 of the rails specification."""

    server_endpoint: str = "https://gateway.app.clavata.ai:8443"
    policies: dict[str, str] = Field(default_factory=dict)
    label_match_logic: Literal["ANY", "ALL"] = "ANY"
    input: ClavataRailOptions | None = None
    output: ClavataRailOptions | None = None


class SensitiveDataDetectionOptions(Part):
    """What is looked for in one direction."""

    entities: list[str] = Field(default_factory=list)
    mask_token: str = "*"
    score_threshold: Threshold = 0.2


class SensitiveDataDetection(Part):
    """Personal data."""

    recognizers: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    input: SensitiveDataDetectionOptions = Field(default_factory=SensitiveDataDetectionOptions)
    output: SensitiveDataDetectionOptions = Field(default_factory=SensitiveDataDetectionOptions)
    retrieval: SensitiveDataDetectionOptions = Field(default_factory=SensitiveDataDetectionOptions)


class RegexDetectionOptions(Part):
    """Patterns of one direction."""

    patterns: list[str] = Field(default_factory=list)
    case_insensitive: bool = False


class RegexDetection(Part):
    """Regular expressions."""

    input: RegexDetectionOptions = Field(default_factory=RegexDetectionOptions)
    output: RegexDetectionOptions = Field(default_factory=RegexDetectionOptions)
    retrieval: RegexDetectionOptions = Field(default_factory=RegexDetectionOptions)


class InjectionDetection(Part):
    """Code injection."""

    injections: list[str] = Field(default_factory=list)
    action: Literal["reject", "omit", "sanitize"] = "reject"
    yara_path: str | None = ""
    yara_rules: dict[str, str] | None = Field(default_factory=dict)


class JailbreakDetectionConfig(OpenPart):
    """Jailbreak attempts."""

    server_endpoint: str | None = None
    length_per_perplexity_threshold: float = 89.79
    prefix_suffix_perplexity_threshold: float = 1845.65
    nim_base_url: str | None = None
    nim_server_endpoint: str | None = "classify"
    api_key_env_var: str | None = None


class MultilingualConfig(Part):
    """Refusals in the language of the user."""

    enabled: bool = False
    refusal_messages: dict[str, str] | None = None


class ReasoningConfig(Part):
    """Reasoning of the checking model."""

    enabled: bool = False


class ContentSafetyConfig(Part):
    """Content safety."""

    multilingual: MultilingualConfig = Field(default_factory=MultilingualConfig)
    reasoning: ReasoningConfig = Field(default_factory=ReasoningConfig)


class ContextBloatDetection(Part):
    """Texts that only fill the context."""

    max_chars: int = 5000
    min_chars: int = 50
    min_entropy: float = 3.5
    max_repetition_ratio: float = 0.4
    ngram_size: int = 3
    max_run_ratio: float = 0.1
    action: Literal["reject", "truncate", "warn"] = "reject"


class FactCheckingConfig(Part):
    """Fact checking."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    fallback_to_self_check: bool = False


class RailsConfigData(OpenPart):
    """Settings of library rails, one mapping for each; mappings of other rails are kept as they are."""

    clavata: ClavataRailConfig | None = None
    sensitive_data_detection: SensitiveDataDetection = Field(default_factory=SensitiveDataDetection)
    regex_detection: RegexDetection = Field(default_factory=RegexDetection)
    injection_detection: InjectionDetection = Field(default_factory=InjectionDetection)
    jailbreak_detection: JailbreakDetectionConfig = Field(default_factory=JailbreakDetectionConfig)
    content_safety: ContentSafetyConfig = Field(default_factory=ContentSafetyConfig)
    context_bloat_detection: ContextBloatDetection = Field(default_factory=ContextBloatDetection)
    fact_checking: FactCheckingConfig = Field(default_factory=FactCheckingConfig)


class Rails(Part):
    """All rails."""

    config: RailsConfigData = Field(default_factory=RailsConfigData)
    input: InputRails = Field(default_factory=InputRails)
    output: OutputRails = Field(default_factory=OutputRails)
    retrieval: RetrievalRails = Field(default_factory=RetrievalRails)
    dialog: DialogRails = Field(default_factory=DialogRails)
    actions: ActionRails = Field(default_factory=ActionRails)
    tool_output: ToolOutputRails = Field(default_factory=ToolOutputRails)
    tool_input: ToolInputRails = Field(default_factory=ToolInputRails)


# ---------------------------------------------------------------- tracing (3.4)


class LogAdapterConfig(OpenPart):
    """Where traces go; other keys are arguments of the adapter."""

    name: str = "FileSystem"


def _default_adapters() -> list[LogAdapterConfig]:
    return [LogAdapterConfig()]


class TracingConfig(Part):
    """Traces."""

    enabled: bool = False
    adapters: list[LogAdapterConfig] = Field(default_factory=_default_adapters)
    span_format: Literal["opentelemetry", "legacy"] = "opentelemetry"
    enable_content_capture: bool = False


class MetricsConfig(Part):
    """Metrics."""

    enabled: bool = False
