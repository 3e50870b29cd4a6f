"""Scenario files: what the loader accepts, what it tells, and what the runner sees."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colang.scenario import (
    Answers,
    Conversation,
    Exactly,
    Expectation,
    Fits,
    Raises,
    Returns,
    Say,
    Scenario,
    Send,
    SetContext,
    Turn,
    Wait,
    load_scenario,
)
from colang.source import Source
from colang_interpreter.scenarios.model import ScriptedModel
from colang_interpreter.scenarios.playing import MAX_ANSWERS, ScenarioResult, Setup, play
from support import ROOT, marked

CORPUS = sorted((ROOT / "tests" / "corpus" / "migration").glob("*/scenario.yaml"))
HEAD = "title: t\nconversations:\n  - turns:\n"


def loaded(text: str) -> Scenario:
    scenario, problems = load_scenario(text)
    assert scenario is not None, problems
    return scenario


# ---------------------------------------------------------------- the loader


def test_the_corpus_uses_this_format() -> None:
    assert len(CORPUS) == 36
    for path in CORPUS:
        scenario, problems = load_scenario(path.read_text(encoding="utf-8"), path.parent.name)
        assert problems == ()
        assert scenario is not None and scenario.conversations


def test_everything_a_file_can_say() -> None:
    scenario = loaded(
        """
title: all of it
from_version: "2.0-alpha"
covers: [a, b]
notes: long
seed: 3
stubs:
  FetchAction: {price: 2}
  SendAction: {raises: no network}
  NextAction: {sequence: [1, {raises: enough}]}
durations: {UtteranceBotAction: 2.5, PostureBotAction: endless}
conversations:
  - title: first
    seed: 4
    turns:
      - bot: [Welcome]
      - context: {n: 1}
        wait: 2
        event: [{type: A}, {type: B, x: [1]}]
        user: hello
        llm: {intent: greet, next: go on, message: hm, messages: {x: y}, value: {n: 1}, self_check_input: "No"}
        bot: [exact, {any: [a, b]}, {regex: "c+"}]
        events: [{type: Done}]
        before: {bot: []}
        after: {events: []}
        allow_unscripted: true
  - turns: [{user: again, llm: [one, two]}]
"""
    )
    assert scenario.from_version == "2.0-alpha"
    assert scenario.covers == ("a", "b")
    assert scenario.stubs == {
        "FetchAction": (Returns({"price": 2}),),
        "SendAction": (Raises("no network"),),
        "NextAction": (Returns(1), Raises("enough")),
    }
    assert scenario.durations == {"UtteranceBotAction": 2.5, "PostureBotAction": None}
    first, second = scenario.conversations
    assert (first.title, first.seed, second.seed) == ("first", 4, 3)
    start, turn = first.turns
    assert start.inputs == () and start.expected.bot == (Exactly("Welcome"),)
    assert turn.inputs == (
        SetContext({"n": 1}),
        Wait(2.0),
        Send(({"type": "A"}, {"type": "B", "x": [1]})),
        Say("hello"),
    )
    assert turn.expected.bot[2] == Fits("c+")
    assert turn.expected_on(None).events == ({"type": "Done"},)
    assert turn.expected_on("before") == Expectation(bot=(), events=({"type": "Done"},))
    assert turn.expected_on("after").bot == turn.expected.bot
    assert turn.expected_on("after").events == ()
    assert turn.answers.tasks == {"self_check_input": "No"}
    assert turn.answers.value == {"n": 1}
    assert turn.allow_unscripted
    assert (turn.line, first.line) == (17, 13)
    assert second.turns[0].answers.completions == ("one", "two")


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("«[]»", "a scenario: it must be a mapping with the keys title and conversations", None),
        ("«title: t»\n", "a scenario: the key `conversations` is missing", None),
        (HEAD + "      - {«usr»: hi}", "a turn has no key `usr`", "did you mean `user`?"),
        (HEAD + "      - {«says»: hi}", "a turn has no key `says`", "there is user, event"),
        (HEAD + "      - user: «yes»", "user: must be a text, and YAML takes `yes` for a boolean", "quote it"),
        (HEAD + "      - {user: a, bot: [«1»]}", "a text of the bot: must be a text", "quote it"),
        (HEAD + "      - {user: a, bot: «hello»}", "bot: must be a list", None),
        (HEAD + "      - {user: a, bot: [{regex: «'('»}]}", "regex: is no regular expression", None),
        (HEAD + "      - {user: a, bot: [«{}»]}", "an expected text: must be a text, {any", None),
        (HEAD + "      - {event: «{x: 1}»}", "an event: the key `type` is missing", None),
        (HEAD + "      - {event: {type: A, at: «2024-01-01»}}", "a value: YAML takes `2024-01-01`", "quote it"),
        (HEAD + "      - {wait: «-1»}", "wait: must be a number of seconds, 0 or more", None),
        (HEAD + "      - {wait: «true»}", "wait: must be a number of seconds", None),
        (HEAD + "      - {user: a, llm: {«intnet»: x}}", "llm has no key `intnet`", "did you mean `intent`?"),
        (HEAD + "      - {user: a, after: {«bott»: []}}", "`after` has no key `bott`", "did you mean `bot`?"),
        (HEAD + "      - {user: a}\n      - «{bot: [x]}»", "nothing happens in this turn", "say what the user does"),
        (HEAD.replace("turns:", "«turns: []»"), "a conversation: it needs at least one turn", None),
        ("title: t\nconversations: «[]»", "conversations: there must be at least one", None),
        (HEAD + "      - user: a\nfrom_version: «\"3\"»", "from_version: must be one of", None),
        (HEAD + "      - user: a\nseed: «x»", "seed: must be a whole number", None),
        (HEAD + "      - user: a\ndurations: {bot say: «2»}", "`bot say`: the name of an action", None),
        (HEAD + "      - user: a\ndurations: {XAction: «long»}", "a duration: must be a number", None),
        (HEAD + "      - user: a\nstubs: {XAction: {sequence: «[]»}}", "sequence: there must be", None),
        (HEAD + "      - user: a\n        «user»: b", "the key `user` stands twice", "the last one counts"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(text: str, message: str, help: str | None) -> None:
    clean, [span] = marked(text)
    scenario, problems = load_scenario(clean, "s.yaml")
    assert scenario is None
    found = [problem for problem in problems if problem.message.startswith(message)]
    assert found, problems
    assert found[0].span == span, clean[found[0].span.start : found[0].span.end]
    assert found[0].path == "s.yaml"
    assert (found[0].help or "").startswith(help or "")
    assert (found[0].help is None) == (help is None)


def test_all_mistakes_are_told_in_the_order_of_the_text() -> None:
    _, problems = load_scenario(HEAD + "      - {usr: a, wait: x}\n      - {user: 1}\nsede: 2\n")
    lines = [Source(HEAD + " " * 200).position(problem.span.start).line for problem in problems]
    assert [p.code for p in problems] == ["CO450", "CO451", "CO451", "CO450"]
    assert lines == sorted(lines)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "title",
                        "conversations",
                        "turns",
                        "user",
                        "bot",
                        "event",
                        "wait",
                        "llm",
                        "stubs",
                        "any",
                        "regex",
                        "type",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_data_makes_the_loader_raise(data: Any) -> None:
    import json

    scenario, problems = load_scenario(json.dumps(data))
    assert (scenario is None) == bool(problems)


# ---------------------------------------------------------------- the runner


class Fake:
    """A player with canned events for each input."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self.answers = answers
        self.calls: list[Any] = []
        self.closed = False

    async def start(self) -> Sequence[dict[str, Any]]:
        return self._answer("start", "start")

    async def say(self, text: str) -> Sequence[dict[str, Any]]:
        return self._answer(text, text)

    async def send(self, events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        return self._answer([dict(event) for event in events], events[0]["type"])

    async def advance(self, seconds: float) -> Sequence[dict[str, Any]]:
        return self._answer(seconds, f"{seconds:g} s")

    async def close(self) -> None:
        self.closed = True

    def notes(self) -> Sequence[str]:
        return ["a note"]

    def _answer(self, call: Any, key: str) -> list[dict[str, Any]]:
        self.calls.append(call)
        return self.answers.get(key, [])


def said(text: str, uid: str = "u1") -> dict[str, Any]:
    return {"type": "StartUtteranceBotAction", "script": text, "action_uid": uid}


def played(text: str, fake: Fake) -> ScenarioResult:
    async def opener(setup: Setup) -> Fake:
        return fake

    return asyncio.run(play(loaded(text), opener))


def test_a_turn_is_what_the_bot_says_and_sends() -> None:
    fake = Fake({"hi": [said("hello"), {"type": "Counted", "n": 1, "uid": "x"}, said("")]})
    result = played(
        HEAD + "      - {user: hi, bot: [hello], events: [{type: Counted, n: 1}]}", fake
    )
    assert result.passed and result.report() == ""
    assert result.turns[0].bot == ("hello",)
    assert fake.calls == ["start", "hi"] and fake.closed


def test_a_difference_is_worded_and_ends_the_conversation() -> None:
    fake = Fake({"hi": [said("hello"), {"type": "Counted", "n": True, "m": 2}]})
    text = HEAD + "      - {user: hi, bot: [{any: [a, b]}], events: [{type: Counted, n: 1}]}\n"
    result = played(text + "      - {user: never said}", fake)
    assert result.report() == (
        "scenario.yaml:4: conversation 1, turn 1: the user says 'hi'\n"
        "  the bot should say:\n"
        "    any of 'a', 'b'\n"
        "  it said:\n"
        "    'hello'\n"
        "  the application should get:\n"
        "    Counted(n=1)\n"
        "  it got:\n"
        "    Counted(n=True)\n"
        "  note: a note"
    )
    assert "never said" not in fake.calls and fake.closed
    assert result.first_difference is not None and result.first_difference.turn == 1


def test_what_the_bot_does_at_the_start_must_be_expected() -> None:
    fake = Fake({"start": [said("Welcome")]})
    assert played(HEAD + "      - bot: [Welcome]\n      - user: x", fake).passed
    result = played(HEAD + "      - user: x", fake)
    assert result.report().startswith(
        "scenario.yaml:3: conversation 1, turn 0: the conversation begins"
    )


def test_events_inside_of_the_engine_are_not_compared() -> None:
    inside = ["UtteranceUserActionFinished", "StartTimerBotAction", "ContextUpdate", "Listen"]
    events = [{"type": name} for name in inside]
    fake = Fake({"hi": [*events, {"type": "InputRailException", "message": "no"}]})
    text = HEAD + "      - {user: hi, events: [{type: InputRailException}]}"
    assert played(text, fake).passed


def test_the_front_end_is_busy_as_long_as_the_scenario_says() -> None:
    start = [said("a long story")]
    finished = {"type": "UtteranceBotActionFinished", "action_uid": "u1", "is_success": True}
    fake = Fake({"hi": start, "UtteranceBotActionFinished": [{"type": "Told"}]})
    text = HEAD + (
        "      - {user: hi, bot: [a long story]}\n"
        "      - {wait: 2}\n"
        "      - {wait: 5, events: [{type: Told}]}\n"
    )
    assert played(text + "durations: {UtteranceBotAction: 3}\n", fake).passed
    assert fake.calls[2:] == [
        [{"type": "UtteranceBotActionStarted", "action_uid": "u1"}],
        *[0.25] * 12,
        [{**finished, "final_script": "a long story"}],
        *[0.25] * 16,
    ]


def test_an_action_that_is_stopped_ends_at_once() -> None:
    stop = {"type": "StopUtteranceBotAction", "action_uid": "u1"}
    fake = Fake({"hi": [said("story")], "stop": [stop]})
    text = HEAD + (
        "      - {user: hi, bot: [story]}\n"
        "      - {user: stop, events: [{type: StopUtteranceBotAction}]}\n"
        "      - {wait: 9}\n"
    )
    assert played(text + "durations: {UtteranceBotAction: endless}\n", fake).passed
    names = [call[0]["type"] for call in fake.calls if isinstance(call, list)]
    assert names == ["UtteranceBotActionStarted", "UtteranceBotActionFinished"]


def test_bot_and_front_end_cannot_chase_each_other_for_ever() -> None:
    fake = Fake({"hi": [said("a")], "UtteranceBotActionFinished": [said("a")]})
    result = played(
        HEAD + "      - {user: hi, bot: [a]}\ndurations: {UtteranceBotAction: 0}\n", fake
    )
    assert f"more than {MAX_ANSWERS} events" in result.report()
    assert len(fake.calls) <= MAX_ANSWERS + 2


# ---------------------------------------------------------------- the scripted model


@pytest.mark.parametrize(
    ("task", "values", "completion"),
    [
        ("generate_user_intent", {}, "  ask price"),
        ("generate_next_steps", {}, "bot tell price"),
        ("generate_bot_message", {"bot_intent": "tell price"}, '  "Nine."'),
        ("generate_bot_message", {"bot_intent": "thank"}, '  "Thanks!"'),
        ("generate_intent_steps_message", {}, '  ask price\nbot tell price\n  "Nine."'),
        ("general", {}, "Nine."),
        ("generate_value_from_instruction", {"var_name": "n"}, "9"),
        ("generate_value", {"var_name": "unknown"}, "9"),
        ("generate_user_intent_from_user_action", {}, "user intent: user ask_price"),
        ("generate_user_intent_and_bot_action_from_user_action", {},
         'user intent: user ask_price\nbot intent: bot tell price\nbot action: bot say "Nine."'),
        ("generate_flow_continuation", {}, 'bot intent: bot tell price\nbot action: bot say "Nine."'),
        ("generate_flow_from_name", {"flow_name": "bot thank"}, '  bot say "Thanks!"'),
        ("self_check_input", {}, "No."),
    ],
)  # fmt: skip
def test_the_model_words_the_answer_for_each_task(
    task: str, values: dict[str, str], completion: str
) -> None:
    model = ScriptedModel(["user ask_price"])
    model.begin(
        Answers(
            intent="ask price", next="tell price", message="Nine.", messages={"thank": "Thanks!"},
            value={"n": 9}, has_value=True, tasks={"self_check_input": "No."},
        )
    )  # fmt: skip
    assert model.answer(task, values) == completion
    assert model.unscripted == []


def test_completions_are_given_in_order_and_no_further() -> None:
    model = ScriptedModel()
    model.begin(Answers(completions=("a", "b")))
    assert [model.answer("general"), model.answer("x")] == ["a", "b"]
    model.answer("general")
    assert model.unscripted == ["general (call 3 of this turn)"]


def test_a_call_without_an_answer_is_a_difference() -> None:
    turn = Turn(inputs=(Say("hi"),), expected=Expectation())
    conversation = Conversation(turns=(turn,))

    async def outcome(allowed: bool) -> ScenarioResult:
        async def opener(setup: Setup) -> Fake:
            class Asking(Fake):
                async def say(self, text: str) -> Sequence[dict[str, Any]]:
                    setup.model.answer("self_check_input")
                    return []

            return Asking({})

        from dataclasses import replace

        turns = (replace(turn, allow_unscripted=allowed),)
        scenario = Scenario(title="t", conversations=(replace(conversation, turns=turns),))
        return await play(scenario, opener)

    assert (
        "  the model was asked without an answer: self_check_input"
        in asyncio.run(outcome(False)).report()
    )
    assert asyncio.run(outcome(True)).passed
