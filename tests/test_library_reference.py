"""The page about the standard library lists exactly the flows there are, with their real headers."""

from __future__ import annotations

import re

import pytest

from colang.syntax import nodes
from colang.syntax.parser_v2 import parse_v2
from support import ROOT

LIBRARY = ROOT / "interpreter" / "colang_interpreter" / "library"
PAGE = (ROOT / "docs" / "guide" / "standard-library.md").read_text(encoding="utf-8")
MODULES = ["attention", "avatars", "core", "guardrails", "llm", "passthrough", "timing"]

# Parts of one flow each, not for anybody else to call.
PRIVATE = {"_passing output rails", "_running generated flow"}

IMPORTS = {
    "attention": ["core"],
    "avatars": ["core", "llm", "timing"],
    "core": [],
    "guardrails": ["core"],
    "llm": ["core", "timing"],
    "passthrough": ["llm"],
    "timing": [],
}


def module(name: str) -> tuple[str, nodes.Module]:
    text = (LIBRARY / f"{name}.co").read_text(encoding="utf-8")
    tree, problems = parse_v2(text)
    assert problems == ()
    return text, tree


def header(text: str, flow: nodes.FlowDef) -> str:
    """The header as written, without `flow`."""
    line = re.compile(rf"^flow ({re.escape(flow.name)}(?= |$).*)$", re.MULTILINE)
    found = line.search(text)
    assert found is not None, flow.name
    return found[1].strip()


def listed(name: str) -> list[str]:
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, name
    rows = re.findall(r"^\| `((?:[^`|]|\\\|)+)` \|", section[1], re.MULTILINE)
    return [row.replace("\\|", "|") for row in rows]


def test_the_modules_are_complete() -> None:
    assert sorted(path.stem for path in LIBRARY.glob("*.co")) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_the_page_lists_what_there_is(name: str) -> None:
    text, tree = module(name)
    flows = {header(text, flow) for flow in tree.flows if flow.name not in PRIVATE}
    rows = listed(name)
    assert len(rows) == len(set(rows))
    assert set(rows) == flows


@pytest.mark.parametrize("name", MODULES)
def test_imports_and_marks(name: str) -> None:
    text, tree = module(name)
    assert [item.path for item in tree.imports] == IMPORTS[name]
    marked = name not in ("attention", "passthrough")
    assert tree.exclude_from_llm is marked
    assert ("\n# meta: exclude from llm\n" in text) is marked


def decorators(flow: nodes.FlowDef) -> list[tuple[str, list[object]]]:
    return [
        (item.name, [f"{a.name}={a.value}" if a.name else a.value for a in item.arguments])
        for item in flow.decorators
    ]


USER_SAID = ("meta", ['user_action=user said "{$transcript}"'])
DECORATED = {
    "core": {
        "user said": [USER_SAID],
        "user said something": [USER_SAID],
        "user said something unexpected": [USER_SAID],
        **{
            f"bot {verb}": [("meta", ["bot_action=True"])]
            for verb in ("say", "inform", "ask", "express", "respond", "clarify", "suggest")
        },
        "tracking bot talking state": [("loop", ["state_tracking", 10])],
        "tracking user talking state": [("loop", ["state_tracking", 10])],
        "observation of flow": [("loop", ["observation of flow"])],
    },
    "timing": {
        "wait": [("loop", ["NEW"])],
        "user was silent": [("loop", ["user_was_silent"]), ("meta", ["user_action=True"])],
        "user didnt respond": [("loop", ["user_did_not_respond"]), ("meta", ["user_action=True"])],
        "bot was silent": [("loop", ["bot_was_silent"]), ("meta", ["bot_action=True"])],
    },
    "guardrails": {
        name: [("override", [])]
        for name in ("_user_said", "_user_saying", "_user_said_something_unexpected", "_bot_say")
    },
    "llm": {
        "polling llm request response": [("active", []), ("loop", ["llm_response_polling"])],
        "continuation on undefined flow": [("loop", ["NEW"])],
        "marking user intent flows": [("loop", ["id=intent_log"])],
        "marking bot intent flows": [("loop", ["id=intent_log"])],
        "logging marked user intent flows": [("loop", ["id=intent_log"])],
        "logging marked bot intent flows": [("loop", ["id=intent_log"])],
        "tracking unhandled user intent state": [("loop", ["state_tracking"])],
    },
    "passthrough": {"llm continuation": [("override", [])]},
    "attention": {
        "_user_said": [("override", [])],
        "_user_saying": [("override", [])],
        "_user_said_something_unexpected": [("override", [])],
        "user changed attention": [("meta", ["user_action=True"])],
        "user changed attention somehow": [("meta", ["user_action=True"])],
        "user lost attention": [("meta", ["user_action=True"])],
        "user said something inattentively": [("meta", ["user_action=True"])],
        "tracking user attention": [("loop", ["attention_state_tracking"])],
    },
    "avatars": {
        "user selected choice": [("meta", ['user_action=selected choice "{$choice}"'])],
        **{
            name: [("meta", ["user_action=True"])]
            for name in (
                "user has selected choice",
                "user typing",
                "user gestured",
                "user became absent",
                "user became present",
            )
        },
        "user interrupted bot talking": [("meta", ["user_intent=True"])],
        **{
            name: [("meta", ["bot_action=True"])]
            for name in (
                "bot gesture",
                "bot gesture with delay",
                "bot posture",
                "scene show choice",
                "scene show textual information",
                "scene show short information",
                "scene show form",
            )
        },
        "tracking visual choice selection state": [("loop", ["state_tracking", 10])],
        "handling bot talking interruption": [("loop", ["bot_interruption"])],
        "managing bot postures": [("loop", ["managing_bot_postures"])],
        "managing listening posture": [("loop", ["managing_listening_posture"])],
        "managing talking posture": [("loop", ["managing_talking_posture"])],
        "managing thinking posture": [("loop", ["managing_thinking_posture"])],
        "managing attentive posture": [("loop", ["managing_attentive_posture"])],
    },
}


@pytest.mark.parametrize("name", MODULES)
def test_decorators(name: str) -> None:
    """Section 8: they decide what competes with what, and what a prompt's history shows."""
    _, tree = module(name)
    assert {flow.name: decorators(flow) for flow in tree.flows if flow.decorators} == DECORATED[
        name
    ]
