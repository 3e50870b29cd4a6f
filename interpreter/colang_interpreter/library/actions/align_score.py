"""The rail that has a service measure how well the evidence supports a message (AlignScore).

``POST <rails.config.fact_checking.parameters.endpoint>`` with ``{"evidence", "claim"}``, both texts, is answered by
``{"alignscore": number}`` between 0 and 1; below 0.5 the message is stopped. A service that cannot be asked is no
reason to believe the message: the action fails, unless the settings want `self_check_facts` instead then
(`fallback_to_self_check`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from colang_interpreter.dynamic import is_dict
from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.asking import Events, RailModels, text_of
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.library.actions.self_check import check_facts
from colang_interpreter.library.actions.service import posted

SUPPORTED: Final = 0.5
"""The lowest score of a message that the evidence supports."""


class AlignScoreError(Exception):
    """It cannot be told whether the evidence supports the message."""


def endpoint_of(settings: Any) -> str | None:
    """The address of the service; None if the settings (`rails.config.fact_checking`) name none."""
    parameters: Any = getattr(settings, "parameters", None)
    endpoint: Any = parameters.get("endpoint") if is_dict(parameters) else None
    return endpoint if isinstance(endpoint, str) and endpoint else None


def actions(models: RailModels) -> list[Callable[..., Any]]:
    """The action, for the rails of one program."""

    @action(name="alignscore_check_facts")
    async def alignscore_check_facts(
        context: Mapping[str, Any], events: Events, config: Any = None
    ) -> RailOutcome:
        """Block unless the evidence, if there is any, supports the bot's message.

        Raises:
            AlignScoreError: No service is configured, or it gives no score.
        """
        evidence = text_of(context, "relevant_chunks")
        claim = text_of(context, "bot_message")
        if evidence is None or claim is None:
            return RailOutcome.allow("there is no evidence to check against")
        rails = getattr(getattr(config, "rails", None), "config", None)
        settings = getattr(rails, "fact_checking", None)
        try:
            score = await _score(endpoint_of(settings), evidence, claim)
        except AlignScoreError:
            if not getattr(settings, "fallback_to_self_check", False):
                raise
            return await check_facts(models, evidence, claim, events)
        metadata = {"accuracy": score}
        if score >= SUPPORTED:
            return RailOutcome.allow(metadata=metadata)
        return RailOutcome.block("the evidence does not support the message", metadata)

    return [alignscore_check_facts]


async def _score(endpoint: str | None, evidence: str, claim: str) -> float:
    if endpoint is None:
        raise AlignScoreError(
            "AlignScore needs a service; set `rails.config.fact_checking.parameters.endpoint`"
        )
    told = await posted(endpoint, {"evidence": evidence, "claim": claim}, AlignScoreError)
    score: Any = told.get("alignscore") if is_dict(told) else None
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise AlignScoreError("the service should answer with an `alignscore` between 0 and 1")
    return float(score)
