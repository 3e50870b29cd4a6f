"""Patterns: which are refused, which are accepted, and that the accepted ones come to an end."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colang_interpreter.patterns.automaton import Ambiguous, growth_of
from colang_interpreter.patterns.limits import MAX_TEXT, PatternError, SafePattern, safe_pattern
from colang_interpreter.patterns.search import LinearSearch, Unsupported

ORDINARY = [
    r"(?i)\bhello\b",
    r"^user ",
    r"stop|cancel",
    r".*",
    r"(\w+)@(\w+)\.com",
    r"a{2,3}",
    r"(?i).*foo(\s+\w+){0,2}\W*$",
    r"(?i)ignore.*previous.*instructions",
    r"^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$",
    r"\d{4}-\d{2}-\d{2}",
    r"\b\d{3}[-.]?\d{3}[-.]?\d{4}\b",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(?i)(hello|hi|hey|good (morning|evening))( there)?",
    r"(stop|start)+",
    r"(foo|food)+",
    r"(?=.*\d)(?=.*[a-z]).{8,}",
    r"(?<!not )ok",
    r"(\w)\1{3,}",
    r"^(\w+\s)*\w+$",
    r"(\s*,\s*\w+)*",
    r"https?://\S+",
    r"^\s*$",
    r"\b(?:\d[ -]*?){13,16}\b",
    r"(?P<y>\d+)-(?P=y)",
    r'"[^"]*"',
    r"(?s)<think>.*?</think>",
    r"(?i)\b(?:" + "|".join(f"word{number}" for number in range(60)) + r")\b",
    r"[\w.]+@[\w.]+",
    r"(a)?b(?(1)c|d)",
    "",
]

ENDLESS = [
    r"(a+)+",
    r"(a*)*b",
    r"(a|a)*$".replace("a|a", "a|a(?:)"),
    r"(a|aa)+$",
    r"(\w+\s?)*$",
    r"(x+x+)+y",
    r"(.*a){20}",
    r"([a-z]+)*1",
    r"(.*,)*x",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(a?b?)*c",
    r"(x(a?|b?))*y",
    r"(\d+|\w+)*!",
    r"a?" * 30 + "a" * 30,
    r"(a?){30}a{30}",
    r"(.*)(.*)(.*)(.*)x",
    r".{0,20}.{0,20}.{0,20}.{0,20}.{0,20}.{0,20}x",
    r"(?:(?:a{0,100}){0,100}){0,100}b",
    r"(?=(a+)+b)",
    r"(?:a|ab)(?:c|bc)" * 40,
    r"(?i:(a|A\b)+)$",
]


@pytest.mark.parametrize("pattern", ORDINARY)
def test_ordinary_patterns_are_accepted(pattern: str) -> None:
    checked = SafePattern(pattern)
    for text in ("hello", "a@b.com", "x, y", "user said", "aa", "", "word7 2024-01-01"):
        assert checked.found(text) is (re.search(pattern, text) is not None)
        assert checked.find_all(text) == re.findall(pattern, text)


@pytest.mark.parametrize("pattern", ENDLESS)
def test_endless_patterns_are_refused(pattern: str) -> None:
    begin = time.process_time()
    with pytest.raises(PatternError, match="could run for ever"):
        SafePattern(pattern)
    assert time.process_time() - begin < 1


def test_wrong_and_long_patterns() -> None:
    for pattern, message in (
        ("(", "not a regular expression"),
        ("a" * 1001, "at most 1000"),
        ("a{2,1}", "not a"),
    ):
        with pytest.raises(PatternError, match=message):
            safe_pattern(pattern)


def test_texts_that_are_too_long() -> None:
    assert safe_pattern("b").found("a" * MAX_TEXT) is False
    with pytest.raises(
        PatternError, match=r"the text has 100001 characters; `b` is searched for in at most 100000"
    ):
        safe_pattern("b").found("a" * (MAX_TEXT + 1))


@pytest.mark.parametrize(
    ("pattern", "degree"),
    [
        ("^abc", 0),
        ("abc", 1),
        ("a+b", 2),
        ("^a+b", 1),
        (r"\w+@\w+", 2),
        ("a.*b.*c", 3),
        ("^a.*b.*c", 2),
        (r"(\s+\w+)*!", 2),
        ("[0-9]+[a-z]+!", 2),
        ("[0-9]+[0-9a-z]+!", 3),
    ],
)
def test_growth(pattern: str, degree: int) -> None:
    assert growth_of(pattern).degree == degree


@pytest.mark.parametrize(
    ("pattern", "unit"),
    [
        (r"(\w+)@(\w+)\.com", "a"),
        (r"(?i)ignore.*previous.*instructions", "ignore previous "),
        (r"(stop|start)+x", "stop"),
        (r"(\s*,\s*\w+)*!", " ,a"),
        (r"(?s)<think>.*?</think>", "<think>"),
        (r"(?=.*\d)(?=.*[a-z]).{8,}", "A"),
        (r"(foo|food)+!", "foo"),
    ],
)
def test_the_worst_text_comes_to_an_end(pattern: str, unit: str) -> None:
    checked = safe_pattern(pattern)
    begin = time.process_time()
    try:
        checked.found((unit * 30_000)[:30_000])
    except PatternError as error:
        assert "is searched for in at most" in str(error)
        limit = int(re.findall(r"at most (\d+)", str(error))[0])
        checked.found((unit * limit)[:limit])
    assert time.process_time() - begin < 4  # about a second on an idle machine


@pytest.mark.parametrize("pattern", ORDINARY)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "say hello\n",
        "a@b.com\n\n",
        "user aaa",
        "stop\nuser x",
        "größe 12-12",
        "\n",
        "foo bar  \n",
    ],
)
def test_the_linear_search_agrees_with_re(pattern: str, text: str) -> None:
    try:
        search = LinearSearch(pattern)
    except Unsupported:
        assert "(?" in pattern or "\\1" in pattern
        return
    assert search.found(text) is (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    "pattern",
    [r"(?m)^a$", r"a\Z", r"\Aa", r"(?a)\bö", r"\Bb\B", r"(?s)a.b", r"(?i)ÄB", r"[^a-y\d]"],
)
@pytest.mark.parametrize("text", ["a", "x\na\ny", "a\n", "ö", "xö", "abc", "a\nb", "äb", "z", "5a"])
def test_anchors_and_flags_of_the_linear_search(pattern: str, text: str) -> None:
    assert LinearSearch(pattern).found(text) is (re.search(pattern, text) is not None)


def test_long_texts_are_searched_in_linear_time() -> None:
    checked = safe_pattern(r"(?i)ignore.*previous.*instructions")
    text = "ignore previous " * 6_000
    begin = time.process_time()
    assert not checked.found(text)
    assert checked.found(text + "INSTRUCTIONS")
    assert time.process_time() - begin < 2


def test_many_sets_of_states_do_not_fill_the_memory() -> None:
    pick = random.Random(7)
    search = LinearSearch("(a|b)*a(a|b){14}c")
    assert not search.found("".join(pick.choice("ab") for _ in range(4_000)))


PIECES = st.recursive(
    st.sampled_from(["a", "b", "ab", ".", "[ab]", r"\w", r"\d", "^", "$", r"\b", " "]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,3}", "{1,}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda piece: f"(?={piece})"),
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(PIECES, st.integers(0, 2**32))
def test_accepted_patterns_agree_with_re_and_are_fast(pattern: str, seed: int) -> None:
    pattern += "!"
    try:
        growth_of(pattern)
        checked = SafePattern(pattern)
    except (Ambiguous, PatternError):
        return
    pick = random.Random(seed)
    text = "".join(
        pick.choice(["a", "b", "ab", " ", "0"]) * pick.choice([1, 1, 5, 30]) for _ in range(12)
    )[:200]
    begin = time.process_time()
    found = re.search(pattern, text) is not None
    assert checked.found(text) is found
    assert time.process_time() - begin < 2
    if "(?=" not in pattern:
        assert LinearSearch(pattern).found(text) is found
