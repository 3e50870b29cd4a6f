"""The rewrites: each docstring shows a diff, and the diff is what the rewrite does."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from colang.syntax.parser_v2 import parse_v2
from colang_migrate import rules
from colang_migrate.engine import RULES, Rule
from colang_migrate.text import migrate_text

_BLOCK = re.compile(r"(?:```rails\n(?P<rails>.*?)\n```\n)?```diff\n(?P<diff>.*?)\n```", re.DOTALL)
assert rules


class Example(NamedTuple):
    """A diff of a docstring, as two texts."""

    name: str
    before: str
    after: str
    rails: tuple[str, ...]


def examples(rule: Rule) -> list[Example]:
    found: list[Example] = []
    for match in _BLOCK.finditer(rule.documentation):
        before: list[str] = []
        after: list[str] = []
        for line in match["diff"].split("\n"):
            mark, rest = line[:1], line[1:]
            if mark in ("-", " ", ""):
                before.append(rest)
            if mark in ("+", " ", ""):
                after.append(rest)
        rails = tuple((match["rails"] or "").split("\n")) if match["rails"] else ()
        name = f"{rule.code}-{rule.name}-{len(found) + 1}"
        found.append(Example(name, "\n".join(before) + "\n", "\n".join(after) + "\n", rails))
    return found


ALL = [example for rule in RULES.values() for example in examples(rule)]


def test_every_rewrite_shows_a_diff() -> None:
    assert not [rule.code for rule in RULES.values() if not examples(rule)]


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_the_diff_is_what_happens(example: Example) -> None:
    assert migrate_text(example.before, rails=example.rails).text == example.after


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_the_result_parses_and_stays(example: Example) -> None:
    made = migrate_text(example.before, rails=example.rails).text
    assert [problem.message for problem in parse_v2(made)[1]] == []
    assert migrate_text(made).text == made
