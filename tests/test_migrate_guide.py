"""The guide to migration lists every code and every rewrite; ``python tests/test_migrate_guide.py`` writes the lists."""

from __future__ import annotations

import re

from colang_migrate import rules
from colang_migrate.alpha import rules as alpha_rules
from colang_migrate.alpha.engine import RULES as ALPHA_RULES
from colang_migrate.alpha.engine import AlphaRule
from colang_migrate.engine import RULES, Rule
from colang_migrate.findings import KINDS
from support import ROOT

PAGE = ROOT / "docs" / "guide" / "migration.md"
SHOWN = {"cannot": "cannot be migrated", "look": "needs a look", "converted": "converted"}
_LISTS = re.compile(r"(?<=<!-- codes -->\n).*(?=<!-- end of codes -->)", re.DOTALL)
assert rules and alpha_rules


def lists() -> str:
    """Both tables as they should be."""
    lines = [
        "",
        "| code | in the report | what it means | what to do |",
        "| --- | --- | --- | --- |",
    ]
    for code, kind in KINDS.items():
        advice = f"{kind.advice[:1].upper()}{kind.advice[1:]}."
        lines.append(f"| {code} | {SHOWN[kind.status]} | {kind.meaning} | {advice} |")
    lines += ["", "What was converted is listed under the rewrite that did it:", ""]
    lines += ["| code | rewrite | what it does |", "| --- | --- | --- |"]
    rewrites: list[Rule | AlphaRule] = [*RULES.values(), *ALPHA_RULES.values()]
    for rule in sorted(rewrites, key=lambda rule: rule.code):
        first = rule.documentation.partition("\n")[0].replace("|", "\\|")
        lines.append(f"| {rule.code} | {rule.name} | {first} |")
    return "\n".join([*lines, "", ""])


def test_the_guide_lists_every_code() -> None:
    found = _LISTS.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found.group() == lists()


def test_every_code_says_what_it_means() -> None:
    for code, kind in KINDS.items():
        assert kind.meaning.endswith("."), code
        assert kind.advice and not kind.advice.endswith("."), code


if __name__ == "__main__":
    PAGE.write_text(_LISTS.sub(lambda _: lists(), PAGE.read_text(encoding="utf-8")), "utf-8")
