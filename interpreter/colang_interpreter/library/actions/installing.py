"""Registering the actions of the library's rails, one set for both dialects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from colang_interpreter.library.actions import (
    align_score,
    clavata,
    content_checks,
    injection,
    jailbreak,
    regex,
    self_check,
    sensitive_data,
)
from colang_interpreter.library.actions.asking import RailModels

if TYPE_CHECKING:
    from colang_interpreter.host.actions import ActionRegistry
    from colang_interpreter.llm.manager import TaskManager


def register_rail_actions(
    registry: ActionRegistry,
    program: Any,
    *,
    tasks: TaskManager | None = None,
    clock: Callable[[], float] | None = None,
) -> RailModels:
    """Add them; actions registered later may replace them.

    Models are looked for when a rail first asks: those registered as `llms` (by type), as ``<type>_llm`` and as
    `llm`, and those of the settings. Nothing that costs time is imported before.

    Args:
        registry: Of the bot.
        program: A compiled program of either dialect.
        tasks: Its prompts, if there are some already.
        clock: Seconds, for the durations of model calls in logs.
    """
    models = RailModels(registry, program, tasks, clock)
    for made in (
        clavata.clavata_check,
        *self_check.actions(models),
        *content_checks.actions(models),
        *align_score.actions(models),
        regex.detect_regex_pattern,
        sensitive_data.detect_sensitive_data,
        sensitive_data.mask_sensitive_data,
        injection.injection_detection,
        jailbreak.jailbreak_detection_heuristics,
        jailbreak.jailbreak_detection_model,
    ):
        registry.register(made)
    return models
