"""All conformance cases of Colang 2.x that are about loading: `mode: load`, and `load_error` of the other modes.

A program is valid if `colang.check` finds no error in it. In file 90 the keys of `recommended` replace those
of the case: that is what we build.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import colang
from colang.diagnostics import Severity
from colang.project import Project
from colang.syntax import nodes

FOLDER = Path(__file__).parent / "conformance" / "colang2"
KEYS = {
    "id",
    "title",
    "mode",
    "program",
    "files",
    "config",
    "valid",
    "flows",
    "imports",
    "load_error",
}
KEYS |= {"quirk", "recommended", "steps", "actions", "async_actions", "llm", "roundtrip"}
KEYS |= {"ignore_types", "nondeterministic", "messages", "response"}

#: Paths of an import statement that need not exist for the case.
STAND_INS = {"a/b/c.co": "flow from c\n  pass\n", "a/b.co": "flow from b\n  pass\n"}


def load() -> list[dict[str, Any]]:
    """Every case with the recommended keys; unknown keys fail."""
    cases: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            assert not set(case) - KEYS, (case["id"], set(case) - KEYS)
            cases.append({**case, **case.get("recommended", {})})
    return cases


CASES = load()
LOAD_CASES = [case for case in CASES if case.get("mode") == "load"]
ERROR_CASES = [case for case in CASES if case.get("mode") != "load" and case.get("load_error")]
RUN_CASES = [case for case in CASES if case.get("mode") != "load" and not case.get("load_error")]


def project_of(case: dict[str, Any]) -> Project:
    texts = {"main.co": case.get("program", ""), **case.get("files", {})}
    for name, text in STAND_INS.items():
        if name.removesuffix(".co") in case.get("imports", ()):
            texts[name] = text
    settings = {"colang_version": "2.x", **case.get("config", {})}
    return Project.from_texts(texts, config=settings)


def errors(project: Project) -> list[str]:
    return [
        f"{finding.code} {finding.message}"
        for finding in colang.check(project)
        if finding.severity is Severity.ERROR
    ]


@pytest.mark.parametrize("case", LOAD_CASES, ids=lambda case: case["id"])
def test_load(case: dict[str, Any]) -> None:
    project = project_of(case)
    found = errors(project)
    assert (not found) == case["valid"], found
    main = next(file.tree for file in project.files if file.name == "main.co")
    assert isinstance(main, nodes.Module)
    if "flows" in case and case["valid"]:
        assert [flow.name for flow in main.flows] == case["flows"]
    if "imports" in case:
        assert [each.path for each in main.imports] == case["imports"]


@pytest.mark.parametrize("case", ERROR_CASES, ids=lambda case: case["id"])
def test_load_error(case: dict[str, Any]) -> None:
    assert errors(project_of(case))


@pytest.mark.parametrize("case", RUN_CASES, ids=lambda case: case["id"])
def test_running_programs_load(case: dict[str, Any]) -> None:
    """What runs, loads: a check that rejects a running program would be wrong."""
    assert not errors(project_of(case))
