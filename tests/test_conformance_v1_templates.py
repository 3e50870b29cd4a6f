"""The `template` cases of the Colang 1.0 conformance data: bot texts with variables."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from colang_interpreter.llm.templates import TemplateFlaw, flaw_of, render
from conformance import ROOT

DATA = yaml.safe_load((ROOT / "colang1" / "templates.yaml").read_text(encoding="utf-8"))
CONTEXT = DATA["context"]
KEYS = {"id", "template", "expect", "quirk", "recommended"}

# What the recommendations of the quirk cases, which are sentences, come to.
AS_RECOMMENDED: dict[str, str | None] = {
    "tpl-25": "costs $5",
    "tpl-26": "$100.00",
    "tpl-27": "{Ann}",
    "tpl-28": "Ann:2.5",
    "tpl-29": f"{CONTEXT['user']} and ",  # `username` is not set
    "tpl-30": "a",  # same as the reference
    "tpl-31": None,  # an error already when the file is loaded
    "tpl-32": None,  # an error, same as the reference
}


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["id"])
def test_template(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS, f"{case['id']}: unknown keys"
    template, expected = case["template"], case["expect"]
    if case["id"] in AS_RECOMMENDED:
        text = AS_RECOMMENDED[case["id"]]
        expected = {"error": True} if text is None else {"text": text}
    else:
        assert "quirk" not in case, "say what is recommended"
    if expected == {"error": True}:
        with pytest.raises(TemplateFlaw):
            render(template, CONTEXT)
    else:
        assert set(expected) == {"text"}
        assert render(template, CONTEXT) == expected["text"]
        assert flaw_of(template) is None


def test_wrong_templates_are_found_before_they_are_used() -> None:
    assert flaw_of("unclosed {{ name") is not None


def test_no_case_is_left_out() -> None:
    assert set(DATA) == {"kind", "context", "cases"}
    assert len(DATA["cases"]) == 32
