"""The regex rail: patterns in the settings that a message must not contain."""

from __future__ import annotations

import re
from typing import Any, Literal, cast

from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.patterns.limits import safe_pattern

_FLAGS = re.compile(r"\(\?([aimsux]+)\)")

SOURCES = ("input", "output", "retrieval")


@action(name="detect_regex_pattern", is_system_action=True)
def detect_regex_pattern(
    source: Literal["input", "output", "retrieval"], text: Any, config: Any = None
) -> RailOutcome:
    """Block a text in which one of the patterns of `rails.config.regex_detection.<source>` is found.

    Patterns are Python's regular expressions, searched for anywhere in the text.

    Raises:
        ValueError: An unknown source; a pattern that is wrong or could run for ever (`PatternError`).

    Example:
        >>> from types import SimpleNamespace as N
        >>> options = N(patterns=["(?i)password"], case_insensitive=False)
        >>> config = N(rails=N(config=N(regex_detection=N(input=options))))
        >>> detect_regex_pattern("input", "my Password is x", config).is_blocked
        True
    """
    if source not in SOURCES:
        raise ValueError(f"`source` is one of {', '.join(SOURCES)}, not {source!r:.60}")
    options = getattr(_settings(config), source, None)
    patterns = [str(pattern) for pattern in getattr(options, "patterns", None) or ()]
    ignore_case = bool(getattr(options, "case_insensitive", False))
    for pattern in patterns:  # a wrong one is told whatever the text is
        safe_pattern(_flagged(pattern, ignore_case))
    for part in _texts(text):
        for pattern in patterns:
            if safe_pattern(_flagged(pattern, ignore_case)).found(part):
                return RailOutcome.block(
                    f"the text matches the pattern {pattern!r:.200}",
                    {"pattern": pattern, "detections": [pattern]},
                )
    return RailOutcome.allow()


def _settings(config: Any) -> Any:
    return getattr(getattr(getattr(config, "rails", None), "config", None), "regex_detection", None)


def _flagged(pattern: str, ignore_case: bool) -> str:
    if not ignore_case:
        return pattern
    flags = _FLAGS.match(pattern)  # may stand at the beginning only
    return f"(?i{flags[1]}){pattern[flags.end() :]}" if flags else f"(?i){pattern}"


def _texts(given: Any) -> list[str]:
    """The texts in a message: retrieved chunks may be a list, and nothing is no text."""
    if given is None:
        return []
    if isinstance(given, (list, tuple)):
        return [str(part) for part in cast("list[Any]", given)]
    return [str(given)]
