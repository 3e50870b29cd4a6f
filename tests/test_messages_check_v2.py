"""`check` in Colang 2.x: the rails of a program without its dialog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.messages.errors import RailTypeNotConfiguredError

RAILS = """
import core
import guardrails

flow input rails $input_text
  no bad words $input_text
  mask names

flow no bad words $text
  if "bad" in $text
    bot say "No secret talk."
    abort

flow mask names
  global $user_message
  $user_message = await MaskAction(text=$user_message)

flow output rails $output_text
  global $bot_message
  if "secret" in $output_text
    bot say "That is secret."
    abort
  $bot_message = await MaskAction(text=$output_text)

@active
flow meddler
  bot say "active"

flow main
  bot say "Welcome!"
  user said something
  bot say "dialog"
"""

ONLY_INPUT = """
import core
import guardrails

flow input rails $input_text
  global $seen
  {rail}

flow judge $text
  {judge}

flow main
  wait indefinitely
"""


def mask(text: str) -> str:
    return text.replace("Kim", "***")


def rails(text: str, **actions: Any) -> LLMRails:
    app = LLMRails(RailsConfig.from_content(text, 'colang_version: "2.x"\n'))
    for name, function in actions.items():
        app.register_action(function, name)
    return app


def only_input(rail: str = "judge $input_text", judge: str = "pass", **actions: Any) -> LLMRails:
    return rails(ONLY_INPUT.replace("{rail}", rail).replace("{judge}", judge), **actions)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def bot(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


@pytest.fixture(scope="module")
def app() -> LLMRails:
    return rails(RAILS, MaskAction=mask)


@pytest.mark.parametrize(
    ("messages", "rail_types", "expected"),
    [
        ([user("hi")], None, ("passed", "hi", None)),
        ([user("I am Kim")], None, ("modified", "I am ***", None)),
        # What an input rail says is not looked at by output rails, which nobody has asked for.
        ([user("bad Kim")], None, ("blocked", "No secret talk.", "no bad words")),
        ([bot("fine")], None, ("passed", "fine", None)),
        ([bot("Kim is fine")], None, ("modified", "*** is fine", None)),
        ([bot("a secret")], None, ("blocked", "That is secret.", "output rails")),
        ([user("hi"), bot("Kim")], None, ("modified", "***", None)),
        ([user("Kim"), bot("hi")], None, ("passed", "hi", None)),
        ([user("hi"), bot("a secret")], ["input"], ("passed", "hi", None)),
        ([user("bad"), bot("hi")], ["output"], ("passed", "hi", None)),
        ([user("bad"), user("hi")], None, ("passed", "hi", None)),
        ([user("bad"), bot("x"), user("hi")], ["input"], ("passed", "hi", None)),
        ([user("bad")], [], ("passed", "bad", None)),
        ([user("bad")], ["output"], ("passed", "bad", None)),
        ([{"role": "system", "content": "bad"}], None, ("passed", "bad", None)),
        ([], None, ("passed", "", None)),
    ],
)
def test_check(
    app: LLMRails,
    messages: Sequence[dict[str, Any]],
    rail_types: Sequence[str] | None,
    expected: tuple[str, str, str | None],
) -> None:
    found = app.check(messages, rail_types)
    assert (found.status, found.content, found.rail) == expected


def test_both_types_name_the_rail_that_stops(app: LLMRails) -> None:
    assert app.check([user("bad"), bot("a secret")]).rail == "no bad words"
    assert app.check([user("hi"), bot("a secret")]).rail == "output rails"


def test_checks_do_not_disturb_each_other(app: LLMRails) -> None:
    async def all_at_once() -> list[str]:
        texts = ["hi", "bad", "Kim"] * 5
        found = await asyncio.gather(*[app.check_async([user(text)]) for text in texts])
        return [one.status for one in found]

    assert asyncio.run(all_at_once()) == ["passed", "blocked", "modified"] * 5


def test_a_check_is_no_part_of_the_conversation(app: LLMRails) -> None:
    app.check([user("hi")])
    assert "Welcome!" in str(app.generate(messages=[user("hi")]))


def test_types_without_rails() -> None:
    with only_input() as app:
        with pytest.raises(RailTypeNotConfiguredError, match="no output rails"):
            app.check([bot("hi")], ["output"])
        with pytest.raises(ValueError, match="not `retrieval`"):
            app.check([user("hi")], ["retrieval"])
        assert app.check([bot("hi")]).status == "passed"
        both = app.check([user("hi"), bot("ho")])
        assert (both.status, both.content) == ("passed", "ho")


def test_without_guardrails_nobody_runs_them() -> None:
    text = "import core\n\nflow input rails $text\n  abort\n\nflow main\n  wait indefinitely\n"
    with rails(text) as app, pytest.raises(RailTypeNotConfiguredError, match="no input rails"):
        app.check([user("hi")], ["input"])


@pytest.mark.parametrize(
    ("rail", "judge"),
    [
        ("judge $input_text", "$passed = await JudgeAction(text=$text)"),  # its action raises
        ("judge $input_text", "$passed = 1 / 0"),
        ("judge $input_text", "user said something"),  # waits for what never comes
    ],
)
def test_what_cannot_tell_blocks(rail: str, judge: str) -> None:
    def fail(text: str) -> bool:
        raise RuntimeError(text)

    with only_input(rail, judge, JudgeAction=fail) as app:
        found = app.check([user("hi")])
    assert (found.status, found.rail) == ("blocked", "judge")


def test_rails_know_the_context_and_the_past() -> None:
    seen: list[Any] = []

    def judge(text: str, context: dict[str, Any], events: list[dict[str, Any]]) -> bool:
        seen.append((text, context["tenant"], context["last_user_message"]))
        seen.append(
            [e["final_transcript"] for e in events if e["type"] == "UtteranceUserActionFinished"]
        )
        return True

    messages = [
        {"role": "context", "content": {"tenant": "acme"}},
        user("first"),
        bot("one"),
        user("second"),
    ]
    with only_input("$seen = await JudgeAction(text=$input_text)", JudgeAction=judge) as app:
        assert app.check(messages, ["input"]).status == "passed"
    assert seen == [("second", "acme", "second"), ["first", "second"]]
