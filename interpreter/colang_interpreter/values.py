"""Values that only Colang has (patterns, comparators) and how values match (2.x specification, section 6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from colang_interpreter.dynamic import class_of
from colang_interpreter.patterns.limits import PatternError, SafePattern, safe_pattern

EMPTY: Final[frozenset[str]] = frozenset()
VALUE_ERROR: Final = "ColangValueError"

_COMPARISONS: Final = ("<", "<=", ">", ">=", "!=")


class ExpressionError(Exception):
    """An expression could not be evaluated, or a value could not be compared.

    `message` is in the author's words; `kind` is what a ColangError event reports as its `type`.

    Example:
        >>> ExpressionError("cannot add a text and a number").kind
        'ColangValueError'
    """

    def __init__(self, message: str, kind: str = VALUE_ERROR) -> None:
        """Keep the parts; the text of the exception is the message."""
        super().__init__(message)
        self.message = message
        self.kind = kind


class NotComparableError(ExpressionError):
    """A comparator met a value that is no number: it does not match, and the author should know."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What ``regex("...")`` gives: found anywhere in a text or in the text form of a number.

    Made with `Pattern.of`, which refuses patterns that could run for ever.

    Example:
        >>> Pattern.of("^4.4$").matches(404), Pattern.of("(?i)stop").matches(None)
        (True, False)
    """

    pattern: str
    compiled: SafePattern = field(repr=False, compare=False)

    @staticmethod
    def of(pattern: str) -> Pattern:
        """Compile a pattern; ExpressionError if it is wrong, too long or could run for ever."""
        try:
            return Pattern(pattern, safe_pattern(pattern))
        except PatternError as error:
            raise ExpressionError(str(error)) from None

    def matches(self, actual: object) -> bool:
        """Whether the pattern is found in a text, number or boolean; nothing else matches."""
        if not isinstance(actual, (str, int, float)):
            return False
        try:
            return self.compiled.found(actual if isinstance(actual, str) else str(actual))
        except (PatternError, ValueError) as error:
            raise ExpressionError(str(error)) from None

    def to_data(self) -> dict[str, object]:
        """Plain data for a saved state."""
        return {"pattern": self.pattern}

    @staticmethod
    def from_data(data: Mapping[str, object]) -> Pattern:
        """The inverse of `to_data`; ValueError for anything else.

        Example:
            >>> Pattern.from_data(Pattern.of("a|b").to_data()) == Pattern.of("a|b")
            True
        """
        pattern = data.get("pattern")
        if not isinstance(pattern, str) or len(data) != 1:
            raise ValueError("a pattern is saved as {'pattern': text}")
        return Pattern(pattern, safe_pattern(pattern))

    def __str__(self) -> str:
        """As the author wrote it."""
        return f"regex({self.pattern!r})"


@dataclass(frozen=True, slots=True)
class Comparator:
    """What ``less_than(5)`` and its siblings give; `op` is one of ``< <= > >= !=``.

    Numbers compare whatever their type; a value that is no number (booleans included) never matches (Q31).

    Example:
        >>> Comparator("<", 5).matches(4.5), Comparator("!=", 5).matches("5"), Comparator("<", 5).matches(True)
        (True, False, False)
    """

    op: str
    value: int | float

    def matches(self, actual: object) -> bool:
        """Whether `actual` is a number that stands in this relation to the value."""
        if not isinstance(actual, (int, float)) or isinstance(actual, bool):
            return False
        op = self.op
        if op == "<":
            return actual < self.value
        if op == "<=":
            return actual <= self.value
        if op == ">":
            return actual > self.value
        if op == ">=":
            return actual >= self.value
        return actual != self.value

    def to_data(self) -> dict[str, object]:
        """Plain data for a saved state."""
        return {"op": self.op, "value": self.value}

    @staticmethod
    def from_data(data: Mapping[str, object]) -> Comparator:
        """The inverse of `to_data`; ValueError for anything else.

        Example:
            >>> Comparator.from_data({"op": "<", "value": 3})
            Comparator(op='<', value=3)
        """
        op, value = data.get("op"), data.get("value")
        if (
            not isinstance(op, str)
            or op not in _COMPARISONS
            or not isinstance(value, (int, float))
            or isinstance(value, bool)
            or len(data) != 2
        ):
            raise ValueError(
                "a comparator is saved as {'op': one of < <= > >= !=, 'value': number}"
            )
        return Comparator(op, value)


_MISSING: Final = object()


def match_parameters(
    actual: Mapping[str, Any], expected: Mapping[str, Any], ignored: frozenset[str] = EMPTY
) -> int:
    """How well the parameters of an event fit expected ones: -1 no match, else the surplus count k >= 0.

    The score of section 6.4 is ``0.9 ** k``: k counts the keys and items, on every level, that the event has and the
    expectation does not name. Keys in `ignored` (bookkeeping of the core, Q11) are not compared on the top level, but
    must be present like the others. Values of different types never match: a boolean is no number (Q12), an
    integer is no float; a list and a tuple count as one type. Linear in the values, except for sets
    that expect patterns.

    Raises:
        ExpressionError: values nested too deeply, or a text too long for a pattern.

    Example:
        >>> match_parameters({"text": "hi", "by": "key"}, {"text": "hi"})
        1
        >>> match_parameters({"v": [1, 2, 3]}, {"v": [1, 3]}), match_parameters({"v": True}, {"v": 1})
        (1, -1)
    """
    surplus = len(actual) - len(expected)
    if surplus < 0:
        return -1
    for key, want in expected.items():
        have = actual.get(key, _MISSING)
        if type(want) is str and key not in ignored:
            if have != want:
                return -1
        elif have is _MISSING:
            return -1
        elif key not in ignored:
            try:
                k = match_value(have, want)
            except RecursionError:
                raise ExpressionError(
                    f"the value of `{key}` is nested too deeply to be matched"
                ) from None
            if k < 0:
                return -1
            surplus += k
    return surplus


def match_value(actual: Any, expected: Any) -> int:
    """The same for one value: -1 no match, else the surplus count.

    Example:
        >>> match_value({"a": [1, 2], "b": 3}, {"a": [2]}), match_value(1.0, 1), match_value("no", Pattern.of("^n"))
        (2, -1, 0)
    """
    kind = class_of(expected)
    if kind is str:
        return 0 if actual == expected else -1
    if expected is None:
        return 0 if actual is None else -1
    if kind is int or kind is float or kind is bool:
        return 0 if type(actual) is kind and actual == expected else -1
    if kind is Pattern:
        # The argument of a flow that was started with a pattern is that very pattern.
        return 0 if actual is expected or actual == expected or expected.matches(actual) else -1
    if kind is Comparator:
        if expected.matches(actual) or actual == expected:
            return 0
        if actual is None or isinstance(actual, (int, float, Comparator)):
            return -1
        raise NotComparableError(
            f"cannot compare {type(actual).__name__} {actual!r:.40} with a number"
        )
    other = class_of(actual)
    if issubclass(kind, dict):
        return _match_dicts(actual, expected) if issubclass(other, dict) else -1
    if issubclass(kind, (list, tuple)):
        return _match_sequences(actual, expected) if issubclass(other, (list, tuple)) else -1
    if issubclass(kind, (set, frozenset)):
        return _match_sets(actual, expected) if issubclass(other, (set, frozenset)) else -1
    return 0 if issubclass(kind, other) and actual == expected else -1


def _match_dicts(actual: dict[Any, Any], expected: dict[Any, Any]) -> int:
    surplus = len(actual) - len(expected)
    if surplus < 0:
        return -1
    for key, want in expected.items():
        if key not in actual:
            return -1
        k = match_value(actual[key], want)
        if k < 0:
            return -1
        surplus += k
    return surplus


def _match_sequences(
    actual: list[Any] | tuple[Any, ...], expected: list[Any] | tuple[Any, ...]
) -> int:
    surplus = len(actual) - len(expected)
    if surplus < 0:
        return -1
    items = iter(actual)
    for want in expected:
        for have in items:
            k = match_value(have, want)
            if k >= 0:
                surplus += k
                break
        else:
            return -1
    return surplus


def _match_sets(actual: set[Any] | frozenset[Any], expected: set[Any] | frozenset[Any]) -> int:
    surplus = len(actual) - len(expected)
    if surplus < 0:
        return -1
    typed: set[tuple[type, Any]] = {(type(item), item) for item in actual}
    for want in expected:
        if isinstance(want, (str, int, float)) or want is None:
            if (type(want), want) not in typed:
                return -1
            continue
        # The order of a set is not reproducible, so the best fit counts, not the first.
        best = min((k for have in actual if (k := match_value(have, want)) >= 0), default=-1)
        if best < 0:
            return -1
        surplus += best
    return surplus
