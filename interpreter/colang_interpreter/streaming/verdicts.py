"""What a rail says about a text, and how the results of actions become that.

(Specification of the runtime, 10.4 and quirk S4.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from colang_interpreter.dynamic import is_a


@dataclass(frozen=True, slots=True)
class Verdict:
    """Let pass, block, rewrite, or: the rail could not be asked, which counts as blocked.

    Attributes:
        kind: ``allow``, ``block``, ``rewrite`` or ``error``.
        text: The reason of a block, the text to say instead, or what went wrong.
    """

    kind: Literal["allow", "block", "rewrite", "error"]
    text: str | None = None

    @staticmethod
    def allow() -> Verdict:
        """The text may be said."""
        return _ALLOW

    @staticmethod
    def block(reason: str | None = None) -> Verdict:
        """The text may not be said; the reason is for logs, users do not see it."""
        return Verdict("block", reason)

    @staticmethod
    def rewrite(text: str) -> Verdict:
        """This may be said instead."""
        return Verdict("rewrite", text)

    @staticmethod
    def error(problem: str) -> Verdict:
        """The rail could not be asked; users see the text."""
        return Verdict("error", problem)


_ALLOW = Verdict("allow")

Check: TypeAlias = Callable[[str, str], Awaitable[Verdict]]
"""Asks a rail, named as configured, about a text."""


def verdict_of(result: Any, output_mapping: Callable[[Any], bool] | None = None) -> Verdict:
    """What the result of a rail's action means.

    An outcome (an object or dictionary with `is_blocked`) speaks for itself. Of a tuple the first element
    counts. Otherwise `output_mapping` of the action tells whether the result means blocked; without it, False
    and numbers below 0.5 do, and anything else passes. A mapping that fails is an error, which blocks.

    Example:
        >>> [verdict_of(result).kind for result in (True, False, 0.2, "fine", None, {"is_blocked": True})]
        ['allow', 'block', 'block', 'allow', 'allow', 'block']
        >>> verdict_of(0.9, output_mapping=lambda risk: risk > 0.8).kind
        'block'
    """
    if is_a(_field(result, "context_updates"), dict):  # an ActionResult: its value counts
        result = _field(result, "return_value")
    blocked = _field(result, "is_blocked")
    if blocked is not None:
        if blocked:
            reason = _field(result, "reason")
            return Verdict.block(None if reason is None else str(reason))
        texts = _field(result, "transform_text")
        if _field(result, "is_transform") and is_a(texts, Mapping) and "bot_message" in texts:
            return Verdict.rewrite(str(texts["bot_message"]))
        return Verdict.allow()
    if output_mapping is not None:
        try:
            return Verdict.block() if output_mapping(result) else Verdict.allow()
        except Exception as problem:  # noqa: BLE001 - foreign code may raise anything
            return Verdict.error(f"output_mapping failed with {type(problem).__name__}")
    if is_a(result, tuple) and result:
        result = result[0]
    if is_a(result, bool):
        return Verdict.allow() if result else Verdict.block()
    if is_a(result, (int, float)):
        return Verdict.allow() if result >= 0.5 else Verdict.block()
    return Verdict.allow()


def _field(value: Any, name: str) -> Any:
    return value.get(name) if is_a(value, Mapping) else getattr(value, name, None)
