"""Mistakes of authors of Colang 1.0: each gives one clear diagnostic at its place, and its fix mends it.

The snapshots stand in ``cases/syntax_v1/mistakes.yaml``. To write them anew after a change of words, run
``python tests/test_syntax_v1_mistakes.py`` and read the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from colang.diagnostics import Diagnostic, Fix
from colang.source import Source
from colang.syntax.parser_v1 import parse_v1

PATH = Path(__file__).parent / "cases" / "syntax_v1" / "mistakes.yaml"
SEVERAL = {"two errors in one file": 2}
KEYS = {"title", "text", "diagnostics", "fixed"}


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value and "\t" not in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def snapshot(text: str, diagnostic: Diagnostic) -> dict[str, Any]:
    line, column = Source(text).position(diagnostic.span.start)
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "line": line,
        "column": column,
        "blamed": text[diagnostic.span.start : diagnostic.span.end],
        "message": diagnostic.message,
        "help": diagnostic.help,
    }


def apply(text: str, fix: Fix) -> str:
    for edit in sorted(fix.edits, key=lambda edit: edit.span, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    text = case["text"]
    diagnostics = parse_v1(text)[1]
    result = {"title": case["title"], "text": text}
    result["diagnostics"] = [snapshot(text, d) for d in diagnostics]
    fixes = [d.fix for d in diagnostics if d.fix is not None]
    if len(diagnostics) == 1 and fixes:
        result["fixed"] = apply(text, fixes[0])
    return result


def write(cases: list[dict[str, Any]]) -> None:
    dumped = yaml.dump(
        [outcome(case) for case in cases],
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=120,
    )
    PATH.write_text(dumped.replace("\n- title", "\n\n- title"), "utf-8")


CASES: list[dict[str, Any]] = yaml.safe_load(PATH.read_text("utf-8")) if PATH.exists() else []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_mistake(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS
    assert outcome(case) == case
    assert len(case["diagnostics"]) == SEVERAL.get(case["title"], 1)


@pytest.mark.parametrize("case", [c for c in CASES if "fixed" in c], ids=lambda case: case["title"])
def test_fix_mends(case: dict[str, Any]) -> None:
    """What is reported does not come back, and nothing else takes its place."""
    assert parse_v1(case["fixed"])[1] == ()


def test_codes_are_of_this_family_and_documented() -> None:
    from colang.diagnostics import syntax_v1

    codes = {d["code"] for case in CASES for d in case["diagnostics"]}
    documented = " ".join(
        function.__doc__ or ""
        for name, function in vars(syntax_v1).items()
        if callable(function) and not name.startswith("_")
    )
    assert all(code in documented and "CO150" <= code <= "CO199" for code in codes)


if __name__ == "__main__":
    write(CASES)
