"""Regular expressions that cannot run for ever: limits, and a proof of how long a search may take.

Python's `re` tries one way after the other. How many ways there are is decided here from the pattern alone: it
becomes an automaton of its characters (`automaton`), in which an exponential number of ways, or a polynomial one,
shows as loops that can read the same text in two ways. Exponential patterns are refused; for the others the longest
text is computed that a search surely gets through. On longer texts `search` finds out in linear time whether
there is a match.
"""

from __future__ import annotations

import math
import re
import warnings
from functools import lru_cache
from typing import Any, Final

from colang_interpreter.patterns.automaton import Ambiguous, Growth, growth_of
from colang_interpreter.patterns.search import LinearSearch, Unsupported

MAX_PATTERN: Final = 1_000  # characters of a pattern
MAX_TEXT: Final = 100_000  # characters of a text that is searched
LEAST_TEXT: Final = 500  # a pattern that cannot be searched for in so short a text is refused
STEPS: Final = 50_000_000  # steps of Python's engine that one search may take; about a second
QUICK: Final = 2_000_000  # steps above which a linear search is tried first

_LEADING: Final = re.compile(r"(\(\?[aimsu]+\))?(?:\.\*\??(?![+?*{]))+")


class PatternError(ValueError):
    """A pattern is wrong, too long or could run for ever, or a text is too long for it."""


class SafePattern:
    """A compiled pattern with the longest text it may be used on.

    Only whether something is found matters to most users, so `found` searches without a ``.*`` at the ends, which
    would only cost time.
    """

    __slots__ = ("_all", "_all_growth", "_growth", "_linear", "_short", "_source", "pattern")

    def __init__(self, pattern: str) -> None:
        """Compile and check; PatternError if the pattern is not acceptable."""
        self.pattern = pattern
        self._all = _compiled(pattern)
        short = _without_ends(pattern, self._all.flags)
        self._short = self._all if short == pattern else _compiled(short)
        self._growth = _checked(short, pattern)
        self._source = short
        self._linear: LinearSearch | bool = True  # made when it is needed; False: not possible
        self._all_growth: Growth | None = self._growth if short == pattern else None

    def found(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text.

        >>> safe_pattern("(?i)b+").found("ABC")
        True
        """
        length = len(text)
        if length > LEAST_TEXT and self._growth.steps(length) > QUICK:
            linear = self._linear_search()
            if linear is not None and length <= min(MAX_TEXT, linear.longest_text):
                return linear.found(text)
            self._check(self._growth, text)
        elif length > MAX_TEXT:
            self._check(self._growth, text)
        return self._short.search(text) is not None

    def find_all(self, text: str) -> list[Any]:
        """All matches, as ``re.findall`` gives them.

        >>> safe_pattern("[0-9]+").find_all("a1 b22")
        ['1', '22']
        """
        if self._all_growth is None:
            self._all_growth = _checked(self.pattern, self.pattern)
        self._check(self._all_growth, text)
        return self._all.findall(text)

    def cost(self, length: int) -> int:
        """Steps that a search in a text of this length may take at worst."""
        steps = self._growth.steps(length)
        return steps if steps <= QUICK else min(steps, max(QUICK, 64 * length))

    def _linear_search(self) -> LinearSearch | None:
        if self._linear is True:
            try:
                self._linear = LinearSearch(self._source)
            except Unsupported:
                self._linear = False
        return self._linear if isinstance(self._linear, LinearSearch) else None

    def _check(self, growth: Growth, text: str) -> None:
        limit = longest_text(growth)
        if len(text) > limit:
            raise PatternError(
                f"the text has {len(text)} characters; `{_shown(self.pattern)}` is searched for in at most {limit}"
            )


@lru_cache(maxsize=1024)
def safe_pattern(pattern: str) -> SafePattern:
    """Compile and check a pattern; the last 1024 are remembered.

    Raises:
        PatternError: over 1000 characters, not a regular expression, or one that could run (almost) for ever.

    Example:
        >>> safe_pattern("(a+)+$")
        Traceback (most recent call last):
        colang_interpreter.patterns.limits.PatternError: `(a+)+$` could run for ever: a repeated part can match the same text...
    """
    return SafePattern(pattern)


def longest_text(growth: Growth) -> int:
    """How many characters a text may have.

    >>> longest_text(Growth(1, 1.0)), longest_text(Growth(2, 1.0))
    (100000, 10000)
    """
    if growth.degree == 0:
        return MAX_TEXT
    bound = math.factorial(growth.degree) * STEPS / growth.factor
    return min(MAX_TEXT, int(bound ** (1 / growth.degree) + 1e-6))


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_PATTERN:
        raise PatternError(
            f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN} are allowed"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # about spellings that Python may read differently one day
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise PatternError(f"`{_shown(pattern)}` is not a regular expression: {error}") from None


def _checked(pattern: str, shown: str) -> Growth:
    try:
        growth = growth_of(pattern)
    except Ambiguous as error:
        raise PatternError(f"`{_shown(shown)}` could run for ever: {error}") from None
    if longest_text(growth) < LEAST_TEXT:
        raise PatternError(
            f"`{_shown(shown)}` could run for ever: it has too many parts of variable length that can match the same text"
        )
    return growth


def _without_ends(pattern: str, flags: int) -> str:
    """The pattern without ``.*`` at its ends, which changes nothing for a search anywhere."""
    if flags & re.VERBOSE:
        return pattern
    leading = _LEADING.match(pattern)
    if leading is not None:
        pattern = (leading[1] or "") + pattern[leading.end() :]
    for ending in (".*", ".*?"):
        while pattern.endswith(ending):
            rest = pattern[: -len(ending)]
            if (len(rest) - len(rest.rstrip("\\"))) % 2:
                return pattern  # an escaped dot
            pattern = rest
    return pattern


def _shown(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else pattern[:57] + "..."
