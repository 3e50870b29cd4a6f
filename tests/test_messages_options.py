"""Options of a call choose rails, and logs tell of them: the same in both dialects (`rails-runtime.md`, 4.2, 13.1)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.messages.options import GenerationResponse

V1 = """
define user greet
  "hello"
  "hello Kim"
  "hello bad"
  "hello rude"

define bot refuse
  "Not this."

define bot refuse rude words
  "Be kind."

define subflow no bad words
  $found = execute find(text=$user_message, word="bad")
  if $found
    bot refuse
    stop

define subflow no rude words
  if "rude" in $user_message
    bot refuse rude words
    stop

define subflow mask names
  $bot_message = execute mask(text=$bot_message)

define subflow no secrets
  if "secret" in $bot_message
    bot refuse
    stop

define flow
  user greet
  $greeted = True
  $answer = execute answer(text=$user_message)
  bot $answer
"""
SETTINGS_V1 = """
models: []
rails:
  input: {flows: [no bad words, no rude words]}
  output: {flows: [mask names, no secrets]}
"""

V2 = """
import core
import guardrails

flow input rails $input_text
  no bad words $input_text
  no rude words $input_text

flow no bad words $text
  $found = await FindAction(text=$text, word="bad")
  if $found
    bot say "Not this."
    abort

flow no rude words $text
  if "rude" in $text
    bot say "Be kind."
    abort

flow output rails $output_text
  mask names
  no secrets

flow mask names
  global $bot_message
  $bot_message = await MaskAction(text=$bot_message)

flow no secrets
  global $bot_message
  if "secret" in $bot_message
    bot say "Not this."
    abort

flow main
  activate greeting
  wait indefinitely

flow greeting
  global $greeted
  user said something as $said
  $greeted = True
  $answer = await AnswerAction(text=$said.transcript)
  bot say $answer
"""


def find(text: str, word: str) -> bool:
    return word in text


def mask(text: str) -> str:
    return text.replace("Kim", "***")


def answer(text: str) -> str:
    return f"You said {text}"


@pytest.fixture(scope="module", params=["1.0", "2.x"])
def app(request: pytest.FixtureRequest) -> LLMRails:
    old = request.param == "1.0"
    config = RailsConfig.from_content(
        V1 if old else V2, SETTINGS_V1 if old else "colang_version: 2.x"
    )
    return LLMRails(config).register_action(find).register_action(mask).register_action(answer)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def bot(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def said(app: LLMRails, messages: list[dict[str, Any]], rails: Any, **more: Any) -> Any:
    result = app.generate(messages=messages, options={"rails": rails, **more})
    assert isinstance(result, GenerationResponse) and isinstance(result.response, list)
    return result.response[0]["content"]


@pytest.mark.parametrize(
    ("rails", "messages", "expected"),
    [
        # kinds, as a list or one by one
        (["input"], [user("hello")], "hello"),
        (["input"], [user("hello bad")], "Not this."),
        (["input"], [user("hello Kim"), bot("a secret")], "hello Kim"),
        (["output"], [user("hello bad"), bot("Kim")], "***"),
        (["output"], [user("hello"), bot("a secret")], "Not this."),
        (["output"], [bot("Kim")], "***"),
        (["input", "output"], [user("hello bad"), bot("fine")], "Not this."),
        (["input", "output"], [user("hello"), bot("Kim")], "***"),
        (["dialog"], [user("hello bad")], "You said hello bad"),
        (["dialog"], [user("hello Kim")], "You said hello Kim"),
        (["dialog", "output"], [user("hello Kim")], "You said hello ***"),
        (["dialog", "input"], [user("hello Kim")], "You said hello Kim"),
        ([], [user("hello bad")], "hello bad"),
        ({"input": False}, [user("hello bad")], "You said hello bad"),
        ({"output": False}, [user("hello Kim")], "You said hello Kim"),
        ({}, [user("hello rude")], "Be kind."),
        # rails by name
        ({"input": ["no bad words"]}, [user("hello rude")], "You said hello rude"),
        ({"input": ["no bad words"]}, [user("hello bad")], "Not this."),
        ({"input": ["no rude words"]}, [user("hello bad")], "You said hello bad"),
        ({"input": []}, [user("hello bad")], "You said hello bad"),
        ({"output": ["no secrets"]}, [user("hello Kim")], "You said hello Kim"),
        (
            {"dialog": False, "output": ["mask names"]},
            [user("a"), bot("Kim, a secret")],
            "***, a secret",
        ),
        ({"dialog": False, "input": ["no rude words"], "output": False}, [user("bad")], "bad"),
    ],
)
def test_rails_are_chosen(
    app: LLMRails, rails: Any, messages: list[dict[str, Any]], expected: str
) -> None:
    assert said(app, messages, rails) == expected


@pytest.mark.parametrize("dialog", [True, False])
def test_a_rail_that_is_not_there_does_not_mean_that_nothing_is_checked(
    app: LLMRails, dialog: bool
) -> None:
    for kind, name, listed in [
        ("input", "no bda words", "`no bad words`, `no rude words`"),
        ("output", "greeting", "`mask names`, `no secrets`"),
        ("retrieval", "anything", "none"),
    ]:
        with pytest.raises(ValueError, match=f"there is no {kind} rail `{name}`.*: {listed}"):
            said(app, [user("hello")], {kind: [name], "dialog": dialog})


def test_the_choice_holds_for_one_call(app: LLMRails) -> None:
    first: Any = app.generate(messages=[user("hello bad")], options={"rails": ["dialog"]}, state={})
    second: Any = app.generate(messages=[user("hello bad")], state=first.state)
    assert (first.response, second.response) == (
        [bot("You said hello bad")],
        [bot("Not this.")],
    )
    third: Any = app.generate(messages=[user("hello")], options={"rails": []}, state=second.state)
    fourth: Any = app.generate(
        messages=[user("hello rude")], state=json.loads(json.dumps(third.state))
    )
    assert (third.response, fourth.response) == ([bot("hello")], [bot("Be kind.")])


def test_without_a_dialog_rails_know_the_conversation(app: LLMRails) -> None:
    options = {"rails": ["input"], "output_vars": ["greeted", "mood"]}
    first: Any = app.generate(messages=[user("hello")], state={})
    context = {"role": "context", "content": {"mood": "good"}}
    second: Any = app.generate(
        messages=[context, user("again")], options=options, state=first.state
    )
    assert second.response == [bot("again")]
    assert second.output_data == {"greeted": True, "mood": "good"}


def test_the_log_tells_of_rails(app: LLMRails) -> None:
    options = {"log": {"activated_rails": True, "internal_events": True, "colang_history": True}}

    def log(text: str) -> Any:
        result: Any = app.generate(messages=[user(text)], options=options)
        return result.log

    passing, stopped = log("hello Kim"), log("hello bad")
    rails = [rail for rail in passing.activated_rails if rail.type in ("input", "output")]
    assert [(rail.type, rail.name, rail.stop) for rail in rails] == [
        ("input", "no bad words", False),
        ("input", "no rude words", False),
        ("output", "mask names", False),
        ("output", "no secrets", False),
    ]
    assert [len(rail.executed_actions) for rail in rails] == [1, 0, 1, 0]
    acted = rails[2].executed_actions[0]
    assert (acted.return_value, acted.duration >= 0) == ("You said hello ***", True)
    assert passing.stats.input_rails_duration is not None
    dialog = [rail for rail in passing.activated_rails if rail not in rails]
    actions = [action.return_value for rail in dialog for action in rail.executed_actions]
    assert "You said hello Kim" in actions and "You said hello ***" not in actions
    assert "hello Kim" in passing.colang_history and passing.internal_events

    (rail,) = [rail for rail in stopped.activated_rails if rail.type == "input"]
    assert (rail.type, rail.name, rail.stop) == ("input", "no bad words", True)
    assert rail.decisions[-1] == "stop" and rail.executed_actions[0].return_value is True


def test_the_log_tells_of_rails_without_a_dialog(app: LLMRails) -> None:
    options = {"rails": ["input"], "log": {"activated_rails": True}}
    result: Any = app.generate(messages=[user("hello bad")], options=options)
    (rail,) = [rail for rail in result.log.activated_rails if rail.type == "input"]
    assert (rail.name, rail.stop) == ("no bad words", True)


def test_answers_of_others_are_part_of_the_conversation(app: LLMRails) -> None:
    """Answers that did not come from here; what rails stopped in them before is no concern of this call."""
    messages = [user("hello bad"), bot("I was told to say this."), user("hello Kim")]
    assert app.generate(messages=messages) == bot("You said hello ***")


def test_variables_are_returned(app: LLMRails) -> None:
    result: Any = app.generate(prompt="hello", options={"output_vars": ["greeted", "nope"]})
    assert (result.response, result.output_data) == (
        "You said hello",
        {"greeted": True, "nope": None},
    )
    everything: Any = app.generate(prompt="hello", options={"output_vars": True})
    assert everything.output_data["greeted"] is True


@pytest.mark.parametrize("options", [5, {"rails": 5}, {"rails": {"input": "no"}}, {"rials": {}}])
def test_junk_in_the_variable_of_the_options_switches_nothing_off(
    app: LLMRails, options: Any
) -> None:
    context = {"role": "context", "content": {"generation_options": options}}
    result: Any = app.generate(messages=[context, user("hello bad")])
    # In 1.0 it is a flow that reads the variable, and cannot go on with it.
    assert result["content"] in ("Not this.", "I'm sorry, an internal error has occurred.")


@pytest.mark.parametrize("version", ["1.0", "2.x"])
@pytest.mark.parametrize(
    ("rails", "messages", "expected"),
    [
        (["input"], [user("hello bad")], "Not this."),
        (["output"], [user("hello"), bot("Kim")], "***"),
        (["dialog"], [user("hello bad")], "You said hello bad"),
    ],
)
def test_streams_choose_rails_too(
    version: str, rails: list[str], messages: list[dict[str, Any]], expected: str
) -> None:
    streaming = "streaming: {enabled: true, stream_first: false, context_size: 0}"
    old = SETTINGS_V1.replace("no secrets]}", f"no secrets], {streaming}}}")
    text, settings = (V1, old) if version == "1.0" else (V2, "colang_version: 2.x")

    async def pieces() -> list[str]:
        with LLMRails(RailsConfig.from_content(text, settings)) as app:
            app.register_action(find).register_action(mask).register_action(answer)
            stream = app.stream_async(messages=messages, options={"rails": rails})
            return [piece async for piece in stream]

    assert "".join(asyncio.run(asyncio.wait_for(pieces(), 10))) == expected
