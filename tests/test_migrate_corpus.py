"""The corpus: each configuration migrates, the result holds, nothing an author wrote is lost, a second run rests."""

from __future__ import annotations

import functools
import re

import pytest
import yaml

import colang
from colang.diagnostics import Severity
from colang.syntax.parser_v1 import parse_v1
from colang_migrate.folder import Options, Plan, plan
from migration import CASES, CORPUS, files_below, version_of
from support import ROOT

DIFFERENCES: dict[str, str] = yaml.safe_load(
    (ROOT / "tests/cases/migrate/differences.yaml").read_text(encoding="utf-8")
)


@functools.cache
def migrated(case: str) -> Plan:
    options = Options(from_version=version_of(case), actions=True)
    return plan(files_below(CORPUS / case / "before"), options, root=case)


@pytest.mark.parametrize("case", CASES)
def test_the_result_holds(case: str) -> None:
    made = migrated(case)
    assert not made.report.refused
    found = colang.check(colang.Project.from_texts(made.texts("after")))
    # Modules of ready-made rails may be missing here; the reference has them.
    errors = [
        d
        for d in found
        if d.severity is Severity.ERROR and "nemoguardrails.library" not in d.message
    ]
    assert errors == []


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_the_ideal_one_or_the_reason_is_written_down(case: str) -> None:
    equal = dict(migrated(case).after) == files_below(CORPUS / case / "after")
    assert equal != (case in DIFFERENCES)


@pytest.mark.parametrize("case", CASES)
def test_a_second_run_changes_nothing(case: str) -> None:
    made = migrated(case)
    again = plan(made.after, Options(from_version=version_of(case), actions=True))
    assert again.changes == {}
    assert again.report.is_clean


@pytest.mark.parametrize("case", CASES)
def test_every_comment_and_text_is_still_there(case: str) -> None:
    made = migrated(case)
    after = "\n".join(made.texts("after").values())
    for name, text in made.texts("before").items():
        if name.endswith(".co") and version_of(case) == "1.0":
            module = parse_v1(text)[0]
            for token in module.tokens:
                if token.type == "COMMENT":
                    assert token.text.lstrip("# ") in after
            for definition in (*module.users, *module.bots):
                for value in re.findall(r'"(.*)"', text[slice(*definition.span)]):
                    words = re.findall(r"\w+", re.sub(r"\$\{?[\w.]+|\{[{%].*?[%}]\}", " ", value))
                    assert all(word in after for word in words)
        elif name.endswith((".yml", ".yaml")):
            for comment in re.findall(r"(?:^|\s)#\s*(.+)$", text, re.MULTILINE):
                assert comment in after
