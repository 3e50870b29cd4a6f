"""Which prompt a task gets (settings, section 6.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.llm.errors import PromptError

UNKNOWN_MODEL: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt of a task: `content` or `messages`, and what belongs to it (6.2).

    Each of `messages` is a pair of role and template, or a template that renders to a list of messages.
    """

    task: str
    content: str | None = None
    messages: tuple[tuple[str, str] | str, ...] | None = None
    models: tuple[str, ...] | None = None
    output_parser: str | None = None
    max_length: int = 16_000  # characters
    mode: str = "standard"
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None


def prompt_of(entry: Any) -> Prompt:
    """A prompt of an entry of the settings, or of our own data."""

    def get(key: str) -> Any:
        return entry.get(key) if is_mapping(entry) else getattr(entry, key, None)

    messages = get("messages")
    models = get("models")
    return Prompt(
        task=str(get("task")),
        content=get("content"),
        messages=None if messages is None else tuple(_message(message) for message in messages),
        models=None if models is None else tuple(str(model).lower() for model in models),
        output_parser=get("output_parser"),
        max_length=get("max_length") or 16_000,
        mode=get("mode") or "standard",
        stop=tuple(get("stop") or ()),
        max_tokens=get("max_tokens"),
    )


def _message(given: Any) -> tuple[str, str] | str:
    if isinstance(given, str):
        return given
    if is_mapping(given):
        return str(given["type"]), str(given["content"])
    return str(given.type), str(given.content)


def score(prompt: Prompt, model: str, mode: str = "standard") -> float | None:
    """How well a prompt suits a model (`engine/model`, lower case, or ``unknown``); None if not at all.

    >>> score(Prompt(task="t", models=("openai",)), "openai/gpt"), score(Prompt(task="t"), "unknown")
    (0.5, 0.2)
    """
    if prompt.models is None:
        points: float | None = 0.2
    else:
        points = next((p for p in (_fit(m, model) for m in prompt.models) if p is not None), None)
    if points is None or prompt.mode == mode:
        return points
    return points / 2 if prompt.mode == "standard" else None


def _fit(entry: str, model: str) -> float | None:
    name = model.partition("/")[2]
    if entry == model:
        return 1.0
    if "/" in entry and name.startswith(entry):
        return 0.8 if entry == name else 0.9
    if model.startswith(f"{entry}/"):
        return 0.5
    if model.endswith(f"/{entry}"):
        return 0.8
    return 0.4 if entry in model else None


class PromptLibrary:
    """The prompts of one application: ours, then those of the configuration, which win among equals.

    Example:
        >>> library = PromptLibrary([Prompt(task="greet", content="Say hello.")])
        >>> library.find("greet").content
        'Say hello.'
    """

    def __init__(
        self,
        prompts: Iterable[Prompt],
        models: Mapping[str, str] | None = None,
        mode: str = "standard",
    ) -> None:
        """Take prompts in order, the names of models by type, and the prompting mode."""
        self._by_task: dict[str, list[Prompt]] = {}
        for prompt in prompts:
            self._by_task.setdefault(prompt.task, []).append(prompt)
        self._models = dict(models or {})
        self._mode = mode

    @classmethod
    def for_config(cls, config: Any, more: Iterable[Prompt] = ()) -> PromptLibrary:
        """Of a configuration; `more` are prompts from elsewhere, which come after ours.

        Args:
            config: A `RailsConfig`, or None.
            more: For example those of the folder ``PROMPTS_DIR`` names.
        """
        version = getattr(config, "colang_version", "1.0")
        own = [prompt_of(entry) for entry in getattr(config, "prompts", None) or ()]
        models: dict[str, str] = {
            model.type: f"{model.engine}/{model.model}".lower()
            for model in reversed(getattr(config, "models", None) or ())
        }
        mode = getattr(config, "prompting_mode", None) or "standard"
        return cls([*built_in(version)[0], *more, *own], models, mode)

    def model_name(self, task: str) -> str:
        """`engine/model` of the model that does a task, or ``unknown``."""
        return self._models.get(task) or self._models.get("main") or UNKNOWN_MODEL

    def find(self, task: str) -> Prompt:
        """The best prompt for a task; the last one among equals.

        Raises:
            PromptError: There is none.
        """
        model = self.model_name(task)
        best: Prompt | None = None
        most = 0.0
        for prompt in self._by_task.get(task, ()):
            points = score(prompt, model, self._mode)
            if points is not None and points >= most:
                best, most = prompt, points
        if best is None:
            raise PromptError(
                f"there is no prompt for the task `{task}` and the model `{model}`; add one to `prompts`"
            )
        return best

    def tasks(self) -> Sequence[str]:
        """The tasks there are prompts for."""
        return tuple(self._by_task)


@lru_cache(maxsize=2)
def built_in(version: str) -> tuple[tuple[Prompt, ...], str | None]:
    """Our prompts for a dialect, and its sample conversation if it has one of its own."""
    import yaml

    files = resources.files("colang_interpreter.llm.prompts")
    names = ("v2.yaml" if version == "2.x" else "v1.yaml", "checks.yaml")
    own, checks = (yaml.safe_load((files / name).read_text(encoding="utf-8")) for name in names)
    prompts = tuple(prompt_of(entry) for entry in (*own["prompts"], *checks["prompts"]))
    return prompts, own.get("sample_conversation")
