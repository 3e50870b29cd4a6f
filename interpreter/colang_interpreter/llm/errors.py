"""What goes wrong between us and a language model, in words that give no secret away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "wrong_key",
    "rate_limit",
    "unreachable",
    "timeout",
    "bad_answer",
    "refused",
    "unexpected_call",
    "other",
]
"""Why a call failed.

``wrong_key``: the server does not know us; ``rate_limit``: too many calls; ``unreachable``: no server, or one that
fails; ``timeout``: no answer in time; ``bad_answer``: an answer that cannot be read; ``refused``: the server finds
fault with the request; ``unexpected_call``: a script or recording has no answer to it; ``other``: anything else.
"""

_SECRETS = (
    # a word that announces a secret, and the secret
    re.compile(
        r"(?i)(\b(?:bearer|api[-_ ]?key|x-api-key|access[-_ ]token|token|secret|password)\b"
        r"[\"']?(?:\s{0,3}[:=]\s{0,3}|\s{1,3})[\"']?)(?!\s)[^\s\"',;&]{6,}"
    ),
    # what keys of the common services look like
    re.compile(r"()\b(?:sk|pk|rk|nvapi|ghp|gsk|hf|xox[a-z])[-_][\w-]{6,}"),
)
_USER_IN_URL = re.compile(r"(\w{1,20}://)[^\s/@]{1,200}@")
_URL = re.compile(r"\bhttps?://[^\s\"'<>)\]]+")


def masked(text: str, secrets: Iterable[str | None] = (), *, urls: bool = False) -> str:
    """The text with everything that looks like a key, a password or one of `secrets` replaced by ``***``.

    Args:
        text: Any text, for example the message of an exception.
        secrets: Values known to be secret.
        urls: Replace addresses, too.

    Example:
        >>> masked("401: wrong api_key=sk-abcdef123456 for https://u:p@host/v1")
        '401: wrong api_key=*** for https://***@host/v1'
    """
    for secret in secrets:
        if secret and len(secret) > 3:
            text = text.replace(secret, "***")
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    if urls:
        return _URL.sub("<url>", text)
    return _USER_IN_URL.sub(r"\1***@", text)


class LLMCallException(Exception):
    """A call of a language model failed. Its text names the model, the cause and what to do.

    Attributes:
        inner_exception: What was raised below, or a text.
        detail: Which call it was.
        status: HTTP status, if a server gave one.
        kind: Why, for programs.

    Example:
        >>> problem = LLMCallException("quota used up", "Error invoking LLM (model=m)", 429, "rate_limit")
        >>> str(problem), problem.kind
        ('Error invoking LLM (model=m): quota used up', 'rate_limit')
    """

    def __init__(
        self,
        inner_exception: BaseException | str,
        detail: str | None = None,
        status: int | None = None,
        kind: Kind = "other",
    ) -> None:
        """A failure; see the attributes."""
        self.inner_exception = inner_exception
        self.detail = detail
        self.status = status
        self.kind: Kind = kind
        text = inner_exception if isinstance(inner_exception, str) else _worded(inner_exception)
        super().__init__(masked(f"{detail}: {text}" if detail else text))


class PromptError(Exception):
    """A prompt cannot be made: no template for the task, a template that fails, or a text that is too long."""


def _worded(problem: BaseException) -> str:
    text = str(problem).strip()
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
