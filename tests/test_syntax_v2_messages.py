"""What the parser says about common mistakes of Colang 2.x, and what its fixes do.

The cases stand in cases/syntax_v2/messages.yaml. ``python tests/test_syntax_v2_messages.py`` writes the expectations
anew, for review.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from colang.diagnostics import Diagnostic
from colang.source import Source
from colang.syntax.parser_v2 import parse_v2

FILE = Path(__file__).parent / "cases" / "syntax_v2" / "messages.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def shown(text: str, problem: Diagnostic) -> str:
    """One finding on one line: code, place, blamed text, message, help."""
    position = Source(text).position(problem.span.start)
    blamed = text[problem.span.start : problem.span.end].split("\n")[0]
    place = f"{position.line}:{position.column}"
    return f"{problem.code} {place} [{blamed}] {problem.message} => {problem.help}"


def mended(text: str, problems: tuple[Diagnostic, ...]) -> str | None:
    """The text after all safe fixes, None if there are none."""
    edits = [e for p in problems if p.fix is not None and p.fix.safe for e in p.fix.edits]
    if not edits:
        return None
    for edit in sorted(edits, key=lambda e: e.span, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def outcome(program: str) -> dict[str, Any]:
    module, problems = parse_v2(program)
    found: dict[str, Any] = {
        "problems": [shown(program, problem) for problem in problems],
        "flows": [flow.name for flow in module.flows],
    }
    fixed = mended(program, problems)
    if fixed is not None:
        found["fixed"] = fixed
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_message(case: dict[str, Any]) -> None:
    expected = {key: value for key, value in case.items() if key not in ("title", "program")}
    assert outcome(case["program"]) == expected


@pytest.mark.parametrize("case", [c for c in CASES if "fixed" in c], ids=lambda case: case["title"])
def test_safe_fixes_mend_what_they_are_for(case: dict[str, Any]) -> None:
    _, before = parse_v2(case["program"])
    _, after = parse_v2(case["fixed"])
    said = {p.message for p in before if p.fix is not None and p.fix.safe}
    assert not said & {p.message for p in after}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_no_message_lists_tokens(case: dict[str, Any]) -> None:
    for line in case["problems"]:
        assert "expected" not in line.lower()
        assert "syntax error" not in line.lower()
        assert "_NEWLINE" not in line
        assert "LPAR" not in line


def update() -> None:
    """Write what the parser says now."""

    def text(dumper: yaml.Dumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value and value.isascii() else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    class Writer(yaml.Dumper):
        pass

    Writer.add_representer(str, text)
    cases = [{"title": c["title"], "program": c["program"], **outcome(c["program"])} for c in CASES]
    FILE.write_text(
        yaml.dump(cases, Dumper=Writer, sort_keys=False, width=200, allow_unicode=True),
        encoding="utf-8",
    )


if __name__ == "__main__":
    update()
