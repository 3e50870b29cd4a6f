"""Output rails on windows, gone through directly and left to the engine: nothing may differ but the time it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from textwrap import indent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from colang_interpreter import ActionResult, Bot, RailOutcome, RailsConfig, action, compile
from colang_interpreter.host.clock import VirtualClock
from colang_interpreter.llm.scripted import ScriptedModel
from colang_interpreter.messages.windows import WindowChecks
from colang_interpreter.v1.program import library_files
from conformance_v1 import application, load

Way = tuple[list[Any], list[Any], list[Any]]
"""Verdicts, calls of actions, decisions."""

OUTCOMES: dict[str, Callable[[], Any]] = {
    "true": lambda: True,
    "false": lambda: False,
    "low": lambda: 0.2,
    "nothing": lambda: None,
    "text": lambda: "fine",
    "tuple": lambda: (False, "why"),
    "allow": RailOutcome.allow,
    "sure": lambda: RailOutcome.allow("all is well", {"score": 0.9, "allowed": True}),
    "block": lambda: RailOutcome.block("rude", metadata={"allowed": False}),
    "rewrite": lambda: RailOutcome.transform([("bot_message", "***")]),
    "dictionary": lambda: {"is_blocked": False, "is_transform": False},
    "updates": lambda: ActionResult(RailOutcome.allow(), context_updates={"seen": 1, "mood": "x"}),
    "message": lambda: ActionResult(True, context_updates={"bot_message": "changed"}),
    "events": lambda: ActionResult(True, events=[{"type": "OddException", "message": "odd"}]),
    "raise": lambda: 1 // 0,
}


def judged(
    bot: Bot, messages: Sequence[Mapping[str, Any]], texts: Sequence[str], directly: bool
) -> tuple[list[Any], list[Any]]:
    """Verdicts of all configured output rails, and the decisions."""
    decisions: list[Any] = []
    clock = VirtualClock()
    bot.runtime = replace(bot.runtime, on_decisions=decisions.extend, clock=clock)
    rails = bot.program.config.rails.output.flows

    async def main() -> list[Any]:
        checks = WindowChecks(bot, messages, directly=directly)
        return [(rail, await checks.check(rail, text)) for text in texts for rail in rails]

    verdicts = asyncio.run(main())
    # An action has a uid either way, but not the same: only a conversation has a counter of them.
    return verdicts, [replace(each, uids=len(each.uids)) for each in decisions]


def spied(colang: str, rails: Sequence[str], results: Sequence[str], texts: Sequence[str], directly: bool) -> Way:  # fmt: skip
    """A program with the actions `one` and `two`, which give these results in turn."""
    config: dict[str, Any] = {"models": [], "rails": {"output": {"flows": list(rails)}}}
    calls: list[Any] = []
    left = list(results)

    def answer(name: str, given: Mapping[str, Any]) -> Any:
        calls.append((name, dict(given)))
        return OUTCOMES[left.pop(0) if left else "allow"]()

    async def one(
        text: Any = "-", level: Any = "-", context: Any = None, config: Any = None
    ) -> Any:
        assert config is bot.program.config
        await asyncio.sleep(0)
        return answer("one", {"text": text, "level": level, "context": context})

    @action(name="two")
    def two(*, text: Any = "-", __context__mood: Any = "-") -> Any:
        return answer("two", {"text": text, "mood": __context__mood})

    program = compile(RailsConfig.from_content(colang, yaml.safe_dump(config)))
    bot = Bot(program, actions=[one, two], llm=ScriptedModel([]))
    context = {"role": "context", "content": {"mood": "calm", "limit": 3}}
    messages: list[dict[str, Any]] = [context, {"role": "user", "content": "hello"}]
    verdicts, decisions = judged(bot, messages, texts, directly)
    return verdicts, calls, decisions


HELPERS = """
define bot refuse
  "No."

define subflow helper
  $helped = True
  $outcome = execute two(text=$bot_message)

define subflow helper with $word
  $mood = $word
"""

PIECES = [
    ["$outcome = execute one(text=$bot_message)"],
    ["$outcome = execute one"],
    ['$outcome = execute one(text="fixed", level=$level)'],
    ["$outcome = execute two(text=$mood)"],
    ["execute two"],
    ["$outcome = execute one(text=$nobody)", "$n = $limit + 1"],
    ['$mood = "cross"'],
    ["$n = len($bot_message)"],
    ["$pair = ($n, 2)"],
    ["if $outcome.is_blocked", "  bot refuse", "  stop"],
    ["if $outcome.is_blocked", "  stop", "else", '  $mood = "glad"'],
    ["if not $outcome", "  stop"],
    ['if "BAD" in $bot_message', '  create event BadException(message="bad")', "  stop"],
    ['if "BAD" in $bot_message', '  bot "Never."', "  stop"],
    ["if $outcome.is_transform", '  $bot_message = $outcome.transform_text["bot_message"]'],
    ["if $limit > 2", "  $limit = 1", "else if $limit == 1", "  stop", "else", "  $limit = 0"],
    ['$bot_message = "other"'],
    ["do helper"],
    ['do helper with $word="soft"'],
    ["if $level == 'strict'", "  do helper", "  if $outcome == False", "    stop"],
    ["return"],
    ["$x = $event"],
    ["$bad = $outcome.no_such_thing"],
    ["if $triggered_output_rail", '  $mood = "{{triggered_output_rail}}"'],
    ["while $limit > 0", "  $limit = $limit - 1"],
    ["bot refuse"],
    ["execute no_such_action"],
    ["execute one(wrong=1)"],
]


@settings(max_examples=120)
@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5),
    results=st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=6),
    configured=st.sampled_from(["rail", "rail $level=strict", "rail(level=3)"]),
)
def test_generated_rails_do_the_same_both_ways(
    pieces: list[list[str]], results: list[str], configured: str
) -> None:
    body = "".join(f"  {line}\n" for piece in pieces for line in piece)
    colang = f"{HELPERS}\ndefine subflow rail\n{body}"
    texts = ["w1 w2 ", "all BAD ", "w3"]
    direct = spied(colang, [configured], results, texts, directly=True)
    engine = spied(colang, [configured], results, texts, directly=False)
    assert direct == engine


# ---------------------------------------------------------------- rails there are


def has_output_rails(case: Mapping[str, Any]) -> bool:
    config: Any = yaml.safe_load(case.get("config") or "{}")
    return bool(config.get("rails", {}).get("output", {}).get("flows"))


CONFORMANCE = [
    pytest.param(file, case, id=case["id"])
    for file in ("runtime-rails.yaml", "streaming-api.yaml", "generate.yaml")
    for case in load(file, {"expect", "prompt", "generator", "include_metadata", "steps", "messages", "options", "turns", "calls"})
    if has_output_rails(case)
]  # fmt: skip


@pytest.mark.parametrize(("file", "case"), CONFORMANCE)
def test_rails_of_the_conformance_cases_do_the_same_both_ways(
    file: str, case: dict[str, Any]
) -> None:
    found: list[Any] = []
    for directly in (True, False):
        app, model = application(case)
        texts = ["w1 w2 ", "BAD and bad words ", "w3"]
        messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
        found.append((judged(app.bot, messages, texts, directly), model.left))
        app.close()
    assert found[0] == found[1]


LIBRARY = sorted(
    flow.id
    for path, _, module in library_files()
    if path.endswith("rails.co")
    for flow in module.flows
    if not flow.id.endswith(("input", "retrieval"))
    and not flow.id.startswith(("jailbreak", "topic"))
)


@pytest.mark.parametrize("exceptions", [False, True])
@pytest.mark.parametrize("rail", LIBRARY)
def test_rails_of_the_library_do_the_same_both_ways(rail: str, exceptions: bool) -> None:
    """Their own texts, under another name: so no model, prompt or package has to be there."""
    source = next(f.source for _, _, m in library_files() for f in m.flows if f.id == rail)
    config: dict[str, Any] = {
        "models": [],
        "enable_rails_exceptions": exceptions,
        "rails": {"output": {"flows": ["rail"]}},
    }
    colang = "define subflow rail\n" + indent(source, "  ")
    program: Any = compile(RailsConfig.from_content(colang, yaml.safe_dump(config)))
    actions = program.straight("rail").actions
    assert actions, "it asks an action, and runs straight through"
    facts = {"check_facts": True, "check_hallucination": True, "hallucination_warning": True}
    messages: list[dict[str, Any]] = [
        {"role": "context", "content": facts},
        {"role": "user", "content": "go"},
    ]
    for make in OUTCOMES.values():
        found: list[Any] = []
        for directly in (True, False):
            asked: list[Any] = []

            async def answer(
                context: Mapping[str, Any], asked: Any = asked, make: Any = make, **given: Any
            ) -> Any:
                asked.append((dict(context), given))
                return make()

            bot = Bot(program, llm=ScriptedModel([]))
            for name in actions:
                bot.register_action(answer, name)
            found.append((judged(bot, messages, ["w1 ", "w2 "], directly), asked))
        assert found[0] == found[1]
        assert found[0][1]
