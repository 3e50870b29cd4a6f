"""`RailOutcome`: what an action of a rail has found out (`rails-runtime.md`, 10.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TARGETS: Final = frozenset({"user_message", "bot_message", "relevant_chunks"})
"""Variables a rail may rewrite."""


@dataclass(frozen=True, slots=True)
class RailOutcome:
    """Let pass, block, or rewrite; flows read ``$r.is_blocked``, ``$r.transform_text["bot_message"]`` and so on.

    Attributes:
        is_blocked: The text must not go through.
        is_transform: It goes through changed.
        transform_text: The new texts by variable: `user_message`, `bot_message`, `relevant_chunks`.
        reason: Why, in words.
        metadata: Anything more.

    Example:
        >>> RailOutcome.block("a forbidden word", metadata={"word": "x"}).is_blocked
        True
        >>> RailOutcome.transform([("bot_message", "***")]).transform_text["bot_message"]
        '***'
    """

    is_blocked: bool = False
    is_transform: bool = False
    transform_text: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def allow(
        cls, reason: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> RailOutcome:
        """It may go through as it is."""
        if reason is None and not metadata and cls is RailOutcome:
            return _ALLOWED
        return cls(reason=reason, metadata=dict(metadata or {}))

    @classmethod
    def block(
        cls, reason: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> RailOutcome:
        """It must not go through."""
        return cls(is_blocked=True, reason=reason, metadata=dict(metadata or {}))

    @classmethod
    def transform(
        cls,
        texts: Iterable[tuple[str, str]],
        reason: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> RailOutcome:
        """It goes through with these texts.

        Raises:
            ValueError: A variable that no rail may rewrite.
        """
        changed = dict(texts)
        for name in changed:
            if name not in TARGETS:
                raise ValueError(
                    f"a rail rewrites one of {', '.join(sorted(TARGETS))}, not `{name}`"
                )
        return cls(
            is_transform=True, transform_text=changed, reason=reason, metadata=dict(metadata or {})
        )


class _Nothing(dict[str, Any]):
    """An empty dictionary that stays so, because many share it."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError(_SHARED)

    def setdefault(self, key: str, default: Any = None) -> Any:
        raise TypeError(_SHARED)

    def update(self, *_: Any, **__: Any) -> None:
        raise TypeError(_SHARED)


_SHARED: Final = "an outcome that just allows is shared; give `metadata` to RailOutcome.allow"

_ALLOWED: Final = RailOutcome(transform_text=_Nothing(), metadata=_Nothing())
"""What most checks of most texts say: made once."""
