"""Matching of values (section 6.4), patterns and comparators as values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colang_interpreter.values import (
    Comparator,
    ExpressionError,
    NotComparableError,
    Pattern,
    match_parameters,
    match_value,
)

LOOKS = Pattern.of("^b")


@pytest.mark.parametrize(
    ("actual", "expected", "surplus"),
    [
        # exact values, with their types
        ("a", "a", 0),
        ("A", "a", -1),
        (None, "a", -1),
        (1, 1, 0),
        (1.0, 1, -1),
        (1, 1.0, -1),
        ("1", 1, -1),
        (True, 1, -1),
        (1, True, -1),
        (True, True, 0),
        (False, 0, -1),
        (None, None, 0),
        (0, None, -1),
        # lists and tuples: in order, not necessarily adjacent
        (["a", "b", "c", "d"], ["a", "c"], 2),
        (["c", "a"], ["a", "c"], -1),
        (["a"], ["a", "c"], -1),
        ([1], [], 1),
        ({}, [], -1),
        ("", [], -1),
        ([1, True], [True], 1),
        ((1, 2), [1, 2], 0),
        ([1, 2], (2,), 1),
        ([[1, 2], [1]], [[1]], 2),
        # dictionaries: contained
        ({"a": 1, "b": 2}, {"a": 1}, 1),
        ({"a": 1}, {"a": 1, "b": 2}, -1),
        ({"a": 1}, {"b": 1}, -1),
        ({"n": {"p": 80, "h": ["w", "x"]}, "m": 1}, {"n": {"h": ["x"]}}, 3),
        ([], {}, -1),
        # sets: contained
        ({"a", "b", "c"}, {"a", "b"}, 1),
        ({"a"}, {"a", "b"}, -1),
        ({1}, {True}, -1),
        ({1.0}, {1}, -1),
        ({(1, 2, 3), "x"}, {(1, 3)}, 2),
        (["a"], {"a"}, -1),
        (frozenset("ab"), {"a"}, 1),
        # patterns and comparators
        ("abc", Pattern.of("b"), 0),
        (404, Pattern.of("^4.4$"), 0),
        (True, Pattern.of("True"), 0),
        (None, Pattern.of("None"), -1),
        (["b"], LOOKS, -1),
        (["foo", "bar", {"k": "xyz", "l": 1}], [LOOKS, {"k": Pattern.of("z$")}], 2),
        ({"bar", "foo"}, {LOOKS}, 1),
        ({"foo"}, {LOOKS}, -1),
        (4.5, Comparator("<", 5), 0),
        (5, Comparator("<", 5), -1),
        (5.0, Comparator("<=", 5), 0),
        (6, Comparator(">", 5), 0),
        (5, Comparator(">=", 5.5), -1),
        (5.0, Comparator("!=", 5), -1),
        (True, Comparator("<", 5), -1),
        (None, Comparator("!=", 5), -1),
    ],
)
def test_match_value(actual: Any, expected: Any, surplus: int) -> None:
    assert match_value(actual, expected) == surplus
    assert match_parameters({"v": actual}, {"v": expected}) == surplus
    assert match_parameters({"v": actual, "w": 1}, {"v": expected}) == (
        -1 if surplus < 0 else surplus + 1
    )


def test_a_comparator_says_when_it_meets_no_number() -> None:
    with pytest.raises(NotComparableError, match="cannot compare str 'x' with a number"):
        match_value("x", Comparator("!=", 5))


def test_a_missing_parameter_matches_nothing() -> None:
    expected: Any
    for expected in (None, "a", Comparator("!=", 1), [], {}):
        assert match_parameters({"w": 5}, {"v": expected}) == -1


def test_no_expectation_matches_everything() -> None:
    assert match_parameters({}, {}) == 0
    assert match_parameters({"a": 1, "b": 2}, {}) == 2


def test_ignored_parameters_are_counted_but_not_compared() -> None:
    ignored = frozenset({"activated"})
    assert (
        match_parameters({"activated": True, "a": "x"}, {"activated": "y", "a": "x"}, ignored) == 0
    )
    assert match_parameters({"a": "x"}, {"activated": 1, "a": "x"}, ignored) == -1
    assert match_parameters({"b": 1, "a": "x"}, {"activated": "y", "a": "x"}, ignored) == -1


def test_objects_match_by_equality() -> None:
    thing = object()
    assert match_value(thing, thing) == 0
    assert match_value(object(), thing) == -1


def test_endless_values_are_an_error() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ExpressionError, match="the value of `v` is nested too deeply"):
        match_parameters({"v": endless}, {"v": endless})


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_every_value_matches_itself_exactly(value: Any) -> None:
    assert match_value(value, value) == 0


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=5), st.data())
def test_fewer_expectations_match_with_more_surplus(
    actual: dict[str, Any], data: st.DataObject
) -> None:
    keys = data.draw(st.sets(st.sampled_from(sorted(actual)))) if actual else set()
    expected = {key: actual[key] for key in keys}
    assert match_parameters(actual, expected) == len(actual) - len(expected)


@pytest.mark.parametrize(
    "value", [Pattern.of("(?i)stop"), Comparator("<=", 2.5), Comparator("!=", 3)]
)
def test_saved_and_restored(value: Pattern | Comparator) -> None:
    data = json.loads(json.dumps(value.to_data()))
    assert type(value).from_data(data) == value


@pytest.mark.parametrize(
    "data",
    [{}, {"pattern": 5}, {"pattern": "("}, {"pattern": "(a+)+"}, {"pattern": "a", "more": 1}],
)
def test_a_wrong_saved_pattern_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"pattern|regular|for ever"):
        Pattern.from_data(data)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"op": "<"},
        {"op": "==", "value": 1},
        {"op": "<", "value": True},
        {"op": "<", "value": "1"},
        {"op": [], "value": 1},
    ],
)
def test_a_wrong_saved_comparator_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a comparator is saved as"):
        Comparator.from_data(data)


def test_patterns_and_comparators_are_values() -> None:
    assert Pattern.of("a") == Pattern.of("a") != Pattern.of("b")
    assert len({Pattern.of("a"), Pattern.of("a"), Comparator("<", 1)}) == 2
    assert str(Pattern.of("a")) == "regex('a')"
