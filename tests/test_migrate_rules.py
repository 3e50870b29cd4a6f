"""The rewrites: each docstring shows a diff, and the diff is what the rewrite does."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from colang.syntax.parser_v2 import parse_v2
from colang_migrate import rules
from colang_migrate.alpha import rules as alpha_rules
from colang_migrate.alpha.engine import RULES as ALPHA_RULES
from colang_migrate.alpha.engine import AlphaRule
from colang_migrate.engine import RULES, Rule
from colang_migrate.folder import Version
from colang_migrate.text import migrate_text

_BLOCK = re.compile(r"(?:```rails\n(?P<rails>.*?)\n```\n)?```diff\n(?P<diff>.*?)\n```", re.DOTALL)
assert rules and alpha_rules


class Example(NamedTuple):
    """A diff of a docstring, as two texts."""

    name: str
    before: str
    after: str
    rails: tuple[str, ...]
    version: Version


def examples(rule: Rule | AlphaRule) -> list[Example]:
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
        version: Version = "1.0" if isinstance(rule, Rule) else "2.0-alpha"
        texts = ("\n".join(before) + "\n", "\n".join(after) + "\n")
        found.append(Example(name, *texts, rails, version))
    return found


REWRITES: list[Rule | AlphaRule] = [*RULES.values(), *ALPHA_RULES.values()]
ALL = [example for rule in REWRITES for example in examples(rule)]


def migrated(example: Example, text: str) -> str:
    return migrate_text(text, rails=example.rails, from_version=example.version).text


def test_every_rewrite_shows_a_diff() -> None:
    assert not [rule.code for rule in REWRITES if not examples(rule)]
    assert not RULES.keys() & ALPHA_RULES.keys()


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_the_diff_is_what_happens(example: Example) -> None:
    assert migrated(example, example.before) == example.after


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_the_result_parses_and_stays(example: Example) -> None:
    made = migrated(example, example.before)
    assert [problem.message for problem in parse_v2(made)[1]] == []
    assert migrated(example, made) == made
