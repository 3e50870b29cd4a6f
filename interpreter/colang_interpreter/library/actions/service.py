"""Asking a service on behalf of a rail: one JSON request, one JSON answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


async def posted(
    url: str,
    body: Mapping[str, Any],
    error: type[Exception],
    headers: Mapping[str, str] | None = None,
) -> Any:
    """The data that a service answers; None if its answer is no JSON.

    Args:
        url: Of the service.
        body: What is asked, as JSON.
        error: Raised, with a text for people, if nobody answers, or with another status than 200.
        headers: More of them.
    """
    from colang_interpreter.host import http

    try:
        answer = await http.post_patiently(
            http.Request(url=url, body=body, headers=headers or {}), http.Patience()
        )
    except http.HttpError as problem:
        raise error(f"the service cannot be asked: {problem}") from None
    if answer.status != 200:
        raise error(f"the service answered with status {answer.status}")
    try:
        return json.loads(answer.text)
    except (ValueError, RecursionError):
        return None
