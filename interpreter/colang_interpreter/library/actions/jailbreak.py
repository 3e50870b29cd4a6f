"""The rails against jailbreak attempts: a service says whether a message is one.

Both ways of detection are done by models: the heuristics measure how surprising a text is to a small language model
(perplexity), the other one classifies it. Neither can be done here, so a service is asked, if the settings name one:

* heuristics: ``POST <server_endpoint>`` with ``{"prompt", "lp_threshold", "ps_ppl_threshold"}``,
* model: ``POST <nim_base_url>/<nim_server_endpoint>``, or else ``<server_endpoint>``, with ``{"prompt"}``,

and it answers ``{"jailbreak": true or false}``, with a `score` if it likes. Without a service the action fails, and the
rail blocks: it says that it is not configured rather than let everything pass.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from colang_interpreter.dynamic import is_dict
from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.asking import text_of
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.library.actions.service import posted


class JailbreakDetectionError(Exception):
    """It cannot be told whether a message is an attempt."""


def heuristics_endpoint(settings: Any) -> str | None:
    """The address that is asked for the heuristics; None if the settings name none."""
    return getattr(settings, "server_endpoint", None) or None


def model_endpoint(settings: Any) -> str | None:
    """The address that is asked for the classification; None if the settings name none."""
    base = getattr(settings, "nim_base_url", None)
    if base:
        path = getattr(settings, "nim_server_endpoint", None) or "classify"
        return f"{str(base).rstrip('/')}/{str(path).lstrip('/')}"
    return heuristics_endpoint(settings)


@action(name="jailbreak_detection_heuristics", is_system_action=True)
async def jailbreak_detection_heuristics(
    context: Mapping[str, Any], config: Any = None
) -> RailOutcome:
    """Block a message whose perplexity is that of an attack.

    Raises:
        JailbreakDetectionError: No service is configured, or it gives no answer.
    """
    settings = _settings(config)
    body = {
        "lp_threshold": getattr(settings, "length_per_perplexity_threshold", None),
        "ps_ppl_threshold": getattr(settings, "prefix_suffix_perplexity_threshold", None),
    }
    return await _asked(heuristics_endpoint(settings), context, body, settings)


@action(name="jailbreak_detection_model", is_system_action=True)
async def jailbreak_detection_model(context: Mapping[str, Any], config: Any = None) -> RailOutcome:
    """Block a message that a classifier takes for an attack; raises likewise."""
    settings = _settings(config)
    return await _asked(model_endpoint(settings), context, {}, settings)


async def _asked(
    endpoint: str | None, context: Mapping[str, Any], more: Mapping[str, Any], settings: Any
) -> RailOutcome:
    text = text_of(context, "user_message")
    if text is None:
        return RailOutcome.block("there is no message to check")
    if endpoint is None:
        raise JailbreakDetectionError(
            "jailbreak detection needs a service; set `rails.config.jailbreak_detection.server_endpoint`"
        )
    variable = getattr(settings, "api_key_env_var", None)
    key = getattr(settings, "api_key", None) or (os.environ.get(variable) if variable else None)
    if variable and not key:
        raise JailbreakDetectionError(f"the environment variable {variable} is not set")
    secret = getattr(key, "get_secret_value", lambda: key)()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    body = {"prompt": text, **more}
    return _outcome(await posted(endpoint, body, JailbreakDetectionError, headers))


def _outcome(answer: Any) -> RailOutcome:
    attempt: Any = answer.get("jailbreak") if is_dict(answer) else None
    if not isinstance(attempt, bool):
        raise JailbreakDetectionError("the service should answer whether it is a `jailbreak`")
    score: Any = answer.get("score")
    known = isinstance(score, (int, float)) and not isinstance(score, bool)
    metadata: dict[str, Any] = {"score": float(score)} if known else {}
    if attempt:
        return RailOutcome.block("the message looks like a jailbreak attempt", metadata)
    return RailOutcome.allow(metadata=metadata)


def _settings(config: Any) -> Any:
    rails = getattr(getattr(config, "rails", None), "config", None)
    return getattr(rails, "jailbreak_detection", None)
