"""The parse cases of the Colang 1.0 conformance data: source in, element lists, messages or an error out.

A case without a quirk must give what the reference gives. A case with a quirk must do what was chosen for it in
``cases/syntax_v1/quirks.yaml``: an error with a code and a line, or a result of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from colang.diagnostics import Severity
from colang.source import Source
from colang.syntax.lexer_v1 import is_colang_1
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.v1.elements import Compat, module_elements

HERE = Path(__file__).parent
DATA = HERE / "conformance" / "colang1"
KEYS = {"id", "title", "source", "expect", "quirk", "recommended"}
EXPECT_KEYS = {"flows", "user_messages", "bot_messages", "error", "skipped", "hang"}

# The reference names another line than the one the author has to look at.
BETTER_LINE = {
    "parse-err-tabs": (2, "the line with the tab, not the definition that seems to have no body"),
    "parse-err-duplicate-flow": (3, "the second name, not the first statement below it"),
}


def load() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    for path in sorted(DATA.glob("parse-*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        assert data["kind"] == "parse" and set(data) == {"kind", "cases"}, path
        cases += data["cases"]
    for case in cases:
        assert set(case) <= KEYS, f"{case['id']}: unknown keys {set(case) - KEYS}"
        unknown = set(case["expect"]) - EXPECT_KEYS
        assert not unknown, f"{case['id']}: unknown keys {unknown}"
    return cases


CASES = load()
CHOSEN: dict[str, dict[str, Any]] = {
    case["id"]: case
    for case in yaml.safe_load((HERE / "cases/syntax_v1/quirks.yaml").read_text("utf-8"))
}


def result(source: str, compat: Compat = None) -> dict[str, Any]:
    """The outcome in the form of `expect`; an error has line and code of the first one."""
    if not is_colang_1(source):
        return {"skipped": True}
    module, diagnostics = parse_v1(source)
    errors = [d for d in diagnostics if d.severity is Severity.ERROR]
    if errors and compat is None:
        return {
            "error": {
                "line": Source(source).position(errors[0].span.start).line,
                "code": errors[0].code,
                "count": len(errors),
            }
        }
    return dict(module_elements(module, compat).to_data())


def same(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare with types: ``1`` is not ``true``."""
    for key in ("flows", "user_messages", "bot_messages"):
        empty: Any = [] if key == "flows" else {}
        assert typed(actual.get(key, empty)) == typed(expected.get(key, empty)), key


def typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [typed(v) for v in value]
    return (type(value).__name__, value)


@pytest.mark.parametrize("case", [c for c in CASES if "quirk" not in c], ids=lambda c: c["id"])
def test_case(case: dict[str, Any]) -> None:
    expect = case["expect"]
    actual = result(case["source"])
    if "error" in expect:
        assert "error" in actual, "accepted"
        if "line" in expect["error"]:
            line = BETTER_LINE.get(case["id"], (expect["error"]["line"],))[0]
            assert actual["error"]["line"] == line
        assert actual["error"]["count"] == 1
    elif "skipped" in expect:
        assert actual == {"skipped": True}
    else:
        assert "error" not in actual, actual
        same(actual, expect)


@pytest.mark.parametrize("case", [c for c in CASES if "quirk" in c], ids=lambda c: c["id"])
def test_quirk(case: dict[str, Any]) -> None:
    chosen = CHOSEN[case["id"]]
    assert set(chosen) <= {"id", "error", "expect", "compat"}
    actual = result(case["source"])
    if "error" in chosen:
        assert "error" in actual, "accepted"
        assert actual["error"] == {**chosen["error"], "count": 1}
    else:
        assert "error" not in actual, actual
        same(actual, chosen["expect"])
    if chosen.get("compat"):
        same(result(case["source"], "nemoguardrails"), case["expect"])


def test_every_quirk_is_decided() -> None:
    assert set(CHOSEN) == {case["id"] for case in CASES if "quirk" in case}
