"""Who is this for: per-request data that every action of a turn can see.

One server runs many conversations at a time in one thread, so module globals cannot say for whom an action
runs. A `ContextVar` can: each task and each worker thread started for an action carries a copy of the
variables of the turn that started it, across ``await`` and without locks (rails-runtime, section 11).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_request: ContextVar[Mapping[str, Any]] = ContextVar("colang_request", default=_NOTHING)
_session: ContextVar[str | None] = ContextVar("colang_session", default=None)
_messages: ContextVar[Sequence[Mapping[str, Any]] | None] = ContextVar(
    "colang_messages", default=None
)
_action: ContextVar[str | None] = ContextVar("colang_action", default=None)


def current_request() -> Mapping[str, Any]:
    """The mapping the embedder passed as ``request=``, as the running action should see it.

    It is the very mapping that was passed if only the turn or only the session has one, and a view of
    both (the turn's values first) otherwise. Outside of a turn it is empty.

    Example:
        >>> dict(current_request())
        {}
        >>> with request_scope({"user": "Kim"}, session_id="s1"):
        ...     current_request()["user"], current_session_id()
        ('Kim', 's1')
    """
    return _request.get()


def current_session_id() -> str | None:
    """The name of the session whose turn is running; None outside of a turn."""
    return _session.get()


def merge_requests(*requests: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """One mapping of several, earlier ones first; absent ones are left out.

    >>> merge_requests({"user": "Kim"}, None, {"user": "Ann", "tenant": 1})["user"]
    'Kim'
    """
    given = [request for request in requests if request is not None]
    if len(given) == 1:
        return given[0]
    return ChainMap(*(dict(request) for request in given)) if given else _NOTHING


@contextmanager
def request_scope(request: Mapping[str, Any], session_id: str | None = None) -> Generator[None]:
    """Make `request` the current one for the code inside, and for the tasks it starts."""
    request_token = _request.set(request)
    session_token = _session.set(session_id)
    try:
        yield
    finally:
        _session.reset(session_token)
        _request.reset(request_token)


def current_messages() -> Sequence[Mapping[str, Any]] | None:
    """The messages of the request that is being answered; None if the conversation is not held in messages."""
    return _messages.get()


class Answering:
    """While this is open, `messages` are the current request for the code inside, and for the tasks it starts."""

    __slots__ = ("_messages", "_token")

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self._messages = messages

    def __enter__(self) -> None:
        self._token = _messages.set(self._messages)

    def __exit__(self, *_: object) -> None:
        _messages.reset(self._token)


def current_action_uid() -> str | None:
    """The uid of the action that is running here; None outside of actions."""
    return _action.get()


def enter_action(uid: str) -> None:
    """Say which action runs in this task, or in this copy of the context."""
    _action.set(uid)
