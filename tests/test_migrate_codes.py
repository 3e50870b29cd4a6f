"""Every code of a report has a case that provokes it: the smallest configuration, and the place the finding names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from colang_migrate import plan, verify_migration
from colang_migrate.findings import KINDS, Finding
from colang_migrate.folder import Options
from colang_migrate.verify.report import findings
from support import ROOT

CASES: Mapping[str, Any] = yaml.safe_load(
    (ROOT / "tests/cases/migrate/codes.yaml").read_text(encoding="utf-8")
)


def told(case: Mapping[str, Any]) -> list[Finding]:
    """What a migration, or the verification of its result, has to tell."""
    files: dict[str, str] = case["files"]
    options = Options(from_version=case.get("from", "1.0"))
    made = plan({name: text.encode() for name, text in files.items()}, options)
    if "result" not in case:
        return list(made.report.findings)
    result = made.texts("after")
    for old, new in case["result"].items():
        assert any(old in text for text in result.values())
        result = {name: text.replace(old, new) for name, text in result.items()}
    return findings(verify_migration(files, result))


def place(found: Finding) -> str:
    return f"{found.path}:{found.line}:{found.column}" if found.line else found.path


@pytest.mark.parametrize("code", CASES)
def test_the_code_is_told_at_its_place(code: str) -> None:
    case = CASES[code]
    found = [each for each in told(case) if each.rule == code]
    assert case["at"] in [place(each) for each in found]
    for each in found:
        assert each.message and not each.message.endswith(".")
        assert (each.status, each.advice) == (KINDS[code].status, KINDS[code].advice)


def test_every_code_has_its_case() -> None:
    assert list(CASES) == sorted(KINDS)


def test_no_code_is_told_that_nobody_explains() -> None:
    """Codes of findings stand in the sources as they are; those of rewrites (M0..) are registered with them."""
    named: set[str] = set()
    for path in (ROOT / "migrate").rglob("*.py"):
        named |= set(re.findall(r'"(M[1-9]\d\d)"', path.read_text(encoding="utf-8")))
    assert named == set(KINDS)
