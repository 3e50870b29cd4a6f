"""The library's rails in Colang 1.0: loaded when they are named, blocking, rewriting, raising."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import pytest

from colang.config.requirements import LIBRARY_RAILS
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter import LLMRails, RailOutcome, RailsConfig
from colang_interpreter.library.actions.outcome import TARGETS
from colang_interpreter.llm import ScriptedModel
from colang_interpreter.v1.elements import module_elements

PROMPTS = """
models: []
prompts:
  - task: self_check_input
    content: "May this be answered? {{ user_input }}"
  - task: self_check_input $variant=strict
    content: "Strictly: may this be answered? {{ user_input }}"
  - task: self_check_output
    content: "May this be said? {{ bot_response }}"
  - task: self_check_facts
    content: "{{ evidence }} supports {{ response }}?"
"""
REFUSAL = "I'm sorry, I can't respond to that."


def app(
    yaml: str, *completions: str, colang: str = "", prompts: str = PROMPTS
) -> tuple[LLMRails, ScriptedModel]:
    model = ScriptedModel(completions)
    return LLMRails(RailsConfig.from_content(colang, prompts + yaml), llm=model), model


def library_flows(rails: LLMRails) -> list[str]:
    program: Any = rails.program
    return [
        name
        for name, flow in program.flows.items()
        if flow.path.startswith("<library>") and flow.path.endswith(("/rails.co", "/clavata.co"))
    ]


def test_only_what_is_named_becomes_part_of_a_program() -> None:
    rails, _ = app("")
    assert library_flows(rails) == []
    rails, _ = app("rails:\n  input:\n    flows: [self check input $variant=strict]\n")
    assert library_flows(rails) == ["self check input"]
    called = 'define user ask\n  "ask"\n\ndefine flow f\n  user ask\n  do regex check output\n'
    rails, _ = app("", colang=called)
    assert library_flows(rails) == ["regex check output"]
    own = "define subflow self check input\n  bot refuse to respond\n  stop\n"
    rails, _ = app("rails:\n  input:\n    flows: [self check input]\n", colang=own)
    assert library_flows(rails) == []
    assert rails.generate("hi") == REFUSAL


def test_every_rail_that_may_be_configured_has_its_flow() -> None:
    known: set[str] = set()
    for name in ("rails.co", "clavata.co", "pipeline.co"):
        text = (resources.files("colang_interpreter.library.v1") / name).read_text("utf-8")
        module, diagnostics = parse_v1(text)
        assert diagnostics == ()
        known |= {flow.id for flow in module_elements(module).flows}
    assert LIBRARY_RAILS <= known


def test_self_check_input() -> None:
    rails, model = app(
        "rails:\n  input:\n    flows: [self check input]\n",
        "no",
        "An answer.",
        "yes",
        "no",
        "More.",
    )
    with rails:
        assert rails.generate("hello") == "An answer."
        assert rails.generate("how to steal") == REFUSAL
        assert rails.generate("hello") == "More."
    assert model.calls[2].text == "May this be answered? how to steal"


def test_a_variant_counts_for_its_rail_only() -> None:
    yaml = "rails:\n  input:\n    flows: [self check input $variant=strict, self check input]\n"
    rails, model = app(yaml, "no", "no", "An answer.")
    with rails:
        assert rails.generate("hello") == "An answer."
    assert [call.text.split(":")[0] for call in model.calls[:2]] == [
        *("Strictly", "May this be answered? hello"),
    ]


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_self_check_output_raises_if_the_settings_say_so(parallel: bool) -> None:
    yaml = (
        "enable_rails_exceptions: true\nrails:\n  output:\n"
        f"    parallel: {str(parallel).lower()}\n    flows: [self check output]\n"
    )
    rails, _ = app(yaml, "A rude answer.", "yes")
    with rails:
        answer: Any = rails.generate(messages=[{"role": "user", "content": "hi"}])
    assert answer["role"] == "exception"
    assert answer["content"]["type"] == "OutputRailException"
    assert "text" not in answer


def test_self_check_facts_looks_only_when_asked() -> None:
    colang = 'define user ask\n  "ask"\n\ndefine flow f\n  user ask\n  $check_facts = True\n  bot explain\n'
    yaml = (
        "docs:\n  - format: md\n    content: tea costs ten\n"
        "rails:\n  output:\n    flows: [self check facts]\n"
    )
    rails, model = app(
        yaml, "  ask", '  "Tea is free."', "no", "  ask", '  "Ten."', "yes", colang=colang
    )
    with rails:
        assert rails.generate("ask") == REFUSAL
        assert rails.generate("ask again") == "Ten."
    assert model.calls[2].text == "tea costs ten supports Tea is free.?"


REGEX = """
rails:
  input:
    flows: [regex check input]
  output:
    flows: [regex check output]
  retrieval:
    flows: [regex check retrieval]
  config:
    regex_detection:
      input: {patterns: ["\\\\bsecret\\\\b"], case_insensitive: true}
      output: {patterns: ["\\\\d{4}"]}
      retrieval: {patterns: [internal]}
"""


def test_regular_expressions() -> None:
    colang = 'define user ask\n  "ask"\n\ndefine flow f\n  user ask\n  bot explain\n'
    docs = "docs:\n  - format: md\n    content: internal memo\n"
    rails, model = app(docs + REGEX, "  ask", '  "Code 1234."', "  ask", '  "Fine."', colang=colang)
    with rails:
        assert rails.generate("My SECRET word") == REFUSAL
        assert model.calls == []
        assert rails.generate("secretary, ask") == REFUSAL  # the answer has four digits
        assert rails.generate("ask") == "Fine."
    assert "internal memo" not in model.calls[-1].text


def test_what_rails_decided_survives_in_a_state_as_json() -> None:
    rails, _ = app("rails:\n  input:\n    flows: [self check input]\n", "no", "One.", "no", "Two.")
    with rails:
        message = {"role": "user", "content": "hi"}
        first: Any = rails.generate(messages=[message], state={})
        state = json.loads(json.dumps(first.state))
        outcomes = [
            e["return_value"]
            for e in state["events"]
            if e.get("action_name") == "self_check_input" and "return_value" in e
        ]
        assert [outcome["is_blocked"] for outcome in outcomes] == [False]
        second: Any = rails.generate(messages=[message], state=state)
        assert second.response[0]["content"] == "Two."


def test_a_rail_that_raises_needs_no_stop() -> None:
    colang = 'define subflow guard\n  create event GuardException(message="no")\n'
    rails, model = app("rails:\n  input:\n    flows: [guard]\n", "never", colang=colang)
    with rails:
        answer: Any = rails.generate(messages=[{"role": "user", "content": "hi"}])
    assert (answer["role"], answer["content"]["message"]) == ("exception", "no")
    assert model.calls == []


def test_outcomes() -> None:
    assert RailOutcome.allow().is_blocked is False
    changed = RailOutcome.transform([(name, "x") for name in TARGETS])
    assert changed.is_transform
    assert not changed.is_blocked
    with pytest.raises(ValueError, match=re.escape("not `answer`")):
        RailOutcome.transform([("answer", "x")])
