"""Options of a call, and its result, as programs and the wire see them (`rails-runtime.md`, 4.2, 4.3 and 13.1)."""

from __future__ import annotations

import sys
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from colang_interpreter.dynamic import is_a, is_dict

RailChoice = bool | list[str]
"""All rails of a kind, none, or those of these names."""

KINDS = ("input", "output", "retrieval", "dialog", "tool_output", "tool_input")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GenerationRailsOptions(_Part):
    """Which rails run; a list of names keeps only those (G1)."""

    input: RailChoice = True
    output: RailChoice = True
    retrieval: RailChoice = True
    dialog: bool = True
    tool_output: RailChoice = True
    tool_input: RailChoice = True


class GenerationLogOptions(_Part):
    """Which parts of the log are wanted."""

    activated_rails: bool = False
    llm_calls: bool = False
    internal_events: bool = False
    colang_history: bool = False


class GenerationOptions(_Part):
    """How one call differs from the usual.

    >>> GenerationOptions.model_validate({"rails": ["input"]}).rails.dialog
    False
    """

    rails: GenerationRailsOptions = Field(default_factory=GenerationRailsOptions)
    llm_params: dict[str, Any] | None = None
    llm_output: bool = False
    output_vars: bool | list[str] | None = None
    log: GenerationLogOptions = Field(default_factory=GenerationLogOptions)

    @model_validator(mode="before")
    @classmethod
    def _kinds_as_list(cls, value: Any) -> Any:
        if is_dict(value) and is_a(value.get("rails"), (list, tuple)):
            kept: list[Any] = list(value["rails"])
            for name in kept:
                if name not in KINDS:
                    raise ValueError(
                        f"`rails` lists kinds of rails ({', '.join(KINDS)}), not `{name}`"
                    )
            return {**value, "rails": {kind: kind in kept for kind in KINDS}}
        return value


def options_of(given: Any) -> GenerationOptions | None:
    """The options a caller gave; None if there are none.

    Raises:
        ValueError: They are wrong; the text says where.
        TypeError: They are no options at all.
    """
    if given is None or isinstance(given, GenerationOptions):
        return given
    if not isinstance(given, dict):
        raise TypeError(
            f"options are a dictionary or GenerationOptions, not {type(given).__name__}"
        )
    try:
        return GenerationOptions.model_validate(given)
    except ValidationError as problem:
        places = [
            f"`{'.'.join(str(part) for part in error['loc']) or 'options'}`: {error['msg']}"
            for error in problem.errors()
        ]
        raise ValueError(f"the options cannot be used: {'; '.join(places)}") from None


class LLMCallInfo(BaseModel):
    """One call of a model. Times are seconds since 1970, durations seconds."""

    task: str | None = None
    id: str | None = None
    request_id: str | None = None
    prompt: Any = None
    completion: str | None = None
    raw_response: Any = None
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    started_at: float = 0.0
    finished_at: float = 0.0
    duration: float = 0.0
    llm_model_name: str | None = None
    llm_provider_name: str | None = None
    from_cache: bool = False


class ExecutedAction(BaseModel):
    """One action that ran."""

    action_name: str
    action_params: dict[str, Any] = Field(default_factory=dict)
    return_value: Any = None
    llm_calls: list[LLMCallInfo] = Field(default_factory=list[LLMCallInfo])
    started_at: float | None = None
    finished_at: float | None = None
    duration: float | None = None


class ActivatedRail(BaseModel):
    """A rail, or a flow of the dialog, that decided something."""

    type: str
    name: str
    decisions: list[str] = Field(default_factory=list)
    executed_actions: list[ExecutedAction] = Field(default_factory=list[ExecutedAction])
    stop: bool = False
    additional_info: dict[str, Any] | None = None
    started_at: float | None = None
    finished_at: float | None = None
    duration: float | None = None


class GenerationStats(BaseModel):
    """Seconds and tokens of a call; null where nothing of the kind took place."""

    input_rails_duration: float | None = None
    dialog_rails_duration: float | None = None
    generation_rails_duration: float | None = None
    output_rails_duration: float | None = None
    total_duration: float | None = None
    llm_calls_duration: float = 0.0
    llm_calls_count: int = 0
    llm_calls_total_prompt_tokens: int = 0
    llm_calls_total_completion_tokens: int = 0
    llm_calls_total_tokens: int = 0


class GenerationLog(BaseModel):
    """What happened; parts that were not asked for are null."""

    activated_rails: list[ActivatedRail] | None = None
    stats: GenerationStats = Field(default_factory=GenerationStats)
    llm_calls: list[LLMCallInfo] | None = None
    internal_events: list[dict[str, Any]] | None = None
    colang_history: str | None = None

    def summary(self) -> str:
        """The time each kind of rail took, a line for each."""
        stats = self.stats
        lines = [f"total: {stats.total_duration or 0:.3f} s"]
        for kind in ("input", "dialog", "generation", "output"):
            seconds = getattr(stats, f"{kind}_rails_duration")
            if seconds is not None:
                lines.append(f"{kind} rails: {seconds:.3f} s")
        lines.append(
            f"{stats.llm_calls_count} model calls: {stats.llm_calls_duration:.3f} s,"
            f" {stats.llm_calls_total_tokens} tokens"
        )
        return "\n".join(lines)

    def print_summary(self) -> None:
        """Write `summary` to standard output."""
        sys.stdout.write(self.summary() + "\n")


class GenerationResponse(BaseModel):
    """The answer with everything that was asked for (4.3)."""

    response: str | list[dict[str, Any]]
    llm_output: dict[str, Any] | None = None
    output_data: dict[str, Any] | None = None
    log: GenerationLog | None = None
    state: dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    llm_metadata: dict[str, Any] | None = None


class RailsResult(BaseModel):
    """What `check` has found: `rail` is the configured name of the rail that blocks."""

    status: Literal["passed", "modified", "blocked"]
    content: str
    rail: str | None = None


class ExplainInfo(BaseModel):
    """How the last answer came about: `explain()`."""

    llm_calls: list[LLMCallInfo] = Field(default_factory=list[LLMCallInfo])
    colang_history: str = ""

    def llm_calls_summary(self) -> str:
        """One line for each call of a model, in order."""
        if not self.llm_calls:
            return "No LLM calls were made."
        total = sum(call.duration for call in self.llm_calls)
        tokens = sum(call.total_tokens or 0 for call in self.llm_calls)
        lines = [f"{len(self.llm_calls)} LLM calls, {total:.2f} s, {tokens} tokens:"]
        for number, call in enumerate(self.llm_calls, 1):
            words = f"{number}. task `{call.task}`, {call.duration:.2f} s, {call.total_tokens or 0} tokens"
            lines.append(words + (f", failed: {call.error}" if call.error else ""))
        return "\n".join(lines)

    def print_llm_calls_summary(self) -> None:
        """Write `llm_calls_summary` to standard output."""
        sys.stdout.write(self.llm_calls_summary() + "\n")
