"""JSON over HTTP for actions that ask a service: one request, or several while the service is busy.

It needs the extra ``llm`` (httpx2), which is imported with the first request. What a service sends is limited in
size, redirections are not followed, and no error text repeats what was sent.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

MAX_ANSWER = 5_000_000  # bytes
TOO_MANY_REQUESTS = 429


class HttpError(Exception):
    """There is no answer: no connection, none in time, or one that is too large. The text says which."""


class MissingPackageError(HttpError):
    """The package that makes requests is not installed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; names of headers are in lower case."""

    status: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A POST request with a JSON body; the body and the headers may be secret and are not shown."""

    url: str
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 30.0  # seconds for connecting, and for each wait for data


Send = Callable[[Request], Awaitable[Answer]]
"""Makes one request; raises `HttpError` if there is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a busy service (status 429) is asked, and how long to wait in between.

    The wait before repetition `r`, counted from 0, is random between 0 and ``first * 2**r`` seconds, at most
    `longest`: "full jitter", so that many clients do not come back at the same moment. If the service says itself how
    long to wait, that is done instead, unless it is more than `obeyed` seconds.
    """

    attempts: int = 3
    first: float = 0.1
    longest: float = 10.0
    obeyed: float = 60.0

    def bound(self, repetition: int) -> float:
        """The longest random wait before a repetition, in seconds.

        >>> [Patience().bound(repetition) for repetition in (0, 1, 10)]
        [0.1, 0.2, 10.0]
        """
        return min(self.first * 2.0 ** min(repetition, 60), self.longest)

    def wait(self, repetition: int, asked: float | None, chance: float) -> float:
        """Seconds to wait before a repetition.

        Args:
            repetition: Which one, from 0.
            asked: What the service asks for, see `retry_after`.
            chance: A random number in [0, 1].
        """
        if asked is not None and 0 <= asked <= self.obeyed:
            return asked
        return chance * self.bound(repetition)


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds of a ``Retry-After`` header, a number or a date; None if it has neither.

    >>> retry_after("2", datetime(2030, 1, 1, tzinfo=timezone.utc))
    2.0
    >>> retry_after("Tue, 01 Jan 2030 00:00:05 GMT", datetime(2030, 1, 1, tzinfo=timezone.utc))
    5.0
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - now).total_seconds()


async def post(request: Request) -> Answer:
    """Make one request.

    Raises:
        HttpError: There is no answer.
    """
    httpx2 = _httpx2()
    try:
        async with (
            httpx2.AsyncClient(timeout=request.timeout, follow_redirects=False) as client,
            client.stream(
                "POST", request.url, json=request.body, headers=dict(request.headers)
            ) as response,
        ):
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > MAX_ANSWER:
                    raise HttpError(f"the answer has more than {MAX_ANSWER:,} bytes")
            headers = {name.lower(): value for name, value in response.headers.items()}
            text = content.decode("utf-8", errors="replace")
            return Answer(response.status_code, text, headers)
    except httpx2.TimeoutException as problem:
        raise HttpError(f"no answer within {request.timeout:g} s") from problem
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
        raise HttpError(f"no answer: {type(problem).__name__}") from problem


async def post_patiently(
    request: Request,
    patience: Patience,
    *,
    send: Send = post,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> Answer:
    """Make a request, again while the service says that it is busy (status 429).

    Returns:
        The last answer, which may be another 429. There is no wait after it.

    Raises:
        HttpError: There is no answer; a lost connection is not tried again.
    """
    repetition = 0
    while True:
        answer = await send(request)
        if answer.status != TOO_MANY_REQUESTS or repetition + 1 >= patience.attempts:
            return answer
        asked = retry_after(answer.headers.get("retry-after"), datetime.now(timezone.utc))
        await sleep(patience.wait(repetition, asked, chance()))
        repetition += 1


def _httpx2() -> Any:
    try:
        return importlib.import_module("httpx2")
    except ImportError as problem:
        raise MissingPackageError(
            "requests over the network need the package httpx2: pip install 'colang-toolchain[llm]'"
        ) from problem
