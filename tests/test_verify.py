"""Conversations for a verification: where they come from, what stands in for the world, what a report says."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

import colang
from colang.scenario import Answers, Conversation, Expectation, Returns, Say, Send, SetContext, Turn
from colang_interpreter import Bot, compile
from colang_interpreter.llm.scripted import TaskModel
from colang_interpreter.scenarios.model import ScriptedModel
from colang_migrate import plan, verify_migration
from colang_migrate.verify.generating import generated
from colang_migrate.verify.model import Trial
from colang_migrate.verify.report import to_json, to_text
from colang_migrate.verify.sides import SideError, load_side, read_project
from colang_migrate.verify.sources import SourceError, from_log, from_scenario, scenarios_in
from migration import lay_out

SHOP = """\
define user ask price
  "how much is it"
  "what does it cost"

define user order
  "I want one"

define bot tell price
  "It costs $price euros."

define bot sold out
  "Sold out."

define bot confirm
  "Done."
  "There you go."

define flow price
  user ask price
  $price = execute get_price(item="tea")
  bot tell price

define flow order
  user order
  $stock = execute count_stock
  if $stock > 3
    bot confirm
  else
    bot sold out
"""
CONFIG = "models:\n  - type: main\n    engine: openai\n    model: x\n"


def migrated(text: str, config: str = CONFIG) -> tuple[dict[str, str], dict[str, str]]:
    old = {"shop.co": text, "config.yml": config}
    made = plan({name: each.encode() for name, each in old.items()})
    assert not made.report.refused
    return old, made.texts("after")


def titles(text: str, config: str = CONFIG, limit: int = 300) -> list[str]:
    side = load_side(read_project({"shop.co": text, "config.yml": config}), "old")
    return [trial.title for trial in generated(side, limit).trials]


def trials(text: str, config: str = CONFIG) -> dict[str, Trial]:
    side = load_side(read_project({"shop.co": text, "config.yml": config}), "old")
    return {trial.title: trial for trial in generated(side, 300).trials}


def said(trial: Trial) -> list[str]:
    return [
        each.text
        for turn in trial.conversation.turns
        for each in turn.inputs
        if isinstance(each, Say)
    ]


# ---------------------------------------------------------------- what is generated


def test_what_is_generated() -> None:
    assert titles(SHOP) == [
        "words no sample knows",
        "flow `price`",
        "flow `order`, way 1",
        "intent `ask price` alone",
        "intent `order` alone",
        "flow `order`, way 2",
        "flow `price`, paraphrased",
        "flow `order`, way 1, paraphrased",
        "flow `price`, adverse actions",
        "flow `order`, way 1, adverse actions",
        "flow `price`, raising actions",
        "flow `order`, way 1, raising actions",
        "words no sample knows, adverse actions",
        "words no sample knows, raising actions",
        "intent `ask price` alone, paraphrased",
        "intent `order` alone, paraphrased",
        "flow `order`, way 2, paraphrased",
    ]


def test_values_are_found_that_lead_into_branches() -> None:
    made = trials(SHOP)
    assert made["flow `order`, way 1"].stubs["count_stock"] == (Returns(4),)
    assert made["flow `order`, way 2"].stubs["count_stock"] == (Returns(3),)


def test_the_limit_is_told() -> None:
    old, new = migrated(SHOP)
    found = verify_migration(old, new, limit=3)
    assert len(found.results) == 3
    assert found.notes == ("14 more conversations could be generated; see --limit",)


def test_words_and_context_are_found_that_conditions_ask_for() -> None:
    text = """\
define user ask
  "a question"

define bot answer
  "An answer."

define bot refuse
  "No."

define subflow no shouting
  if "LOUD" in $user_message
    bot refuse
    stop

define flow
  user ask
  if $vip
    bot answer
  else
    bot refuse
"""
    config = CONFIG + "rails:\n  input:\n    flows:\n      - no shouting\n"
    made = trials(text, config)
    assert said(made["flow `no shouting`, way 2"]) == ["LOUD"]
    inputs = [turn.inputs for trial in made.values() for turn in trial.conversation.turns]
    assert any(isinstance(each[0], SetContext) and each[0].data == {"vip": True} for each in inputs)
    old, new = migrated(text, config)
    found = verify_migration(old, new)
    assert found.holds
    assert (found.coverage.flows_reached, found.coverage.branches_reached) == (2, 4)


def test_events_digressions_and_loops() -> None:
    text = """\
define user count
  "count"

define user more
  "more"

define bot number
  "Number $n."

define bot pong
  "Pong."

define flow
  event Ping(kind="a", rest="...")
  bot pong

define flow counting
  user count
  $n = 0
  while $n < 3
    $n = $n + 1
    bot number
  user more
  bot pong
"""
    made = trials(text)
    ping = next(trial for title, trial in made.items() if title.startswith("flow `anonymous"))
    (sent,) = ping.conversation.turns[0].inputs
    assert isinstance(sent, Send)
    assert sent.events == ({"type": "Ping", "kind": "a", "rest": "anything"},)
    digression = next(trial for title, trial in made.items() if "digression" in title)
    assert len(said(digression)) == 3
    old, new = migrated(text)
    found = verify_migration(old, new)
    assert found.holds
    assert found.coverage.missing == ()


def test_what_cannot_be_reached_is_told_with_the_reason() -> None:
    text = (
        'define user a\n  "a"\n\ndefine bot b\n  "B"\n\ndefine flow one\n  user a\n  bot b\n\n'
        "define flow two\n  bot never said\n  bot b\n\ndefine flow three\n  execute act\n  bot b\n"
    )
    old, new = migrated(text)
    found = verify_migration(old, new)
    assert [(each.what, each.reason) for each in found.coverage.missing] == [
        ("flow `two`", "it follows `bot never said`, which no other flow says"),
        (
            "flow `three`",
            "it begins with no `user`, `event` or `bot` line, and 1.0 starts no such flow",
        ),
    ]


def test_endless_loops_end() -> None:
    text = 'define user a\n  "a"\n\ndefine bot b\n  "B"\n\ndefine flow\n  user a\n  while True\n    bot b\n'
    old, new = migrated(text)
    found = verify_migration(old, new, limit=3)
    assert {each.reason for each in found.of("accepted")} == {
        "the old bot does not come to an end here either"
    }


# ---------------------------------------------------------------- scenarios and logs


def test_scenarios_are_found_in_folders_and_beside_before_and_after(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "scenario.yaml": "",
            "before/a.co": "",
            "before/x.scenario.yml": "",
            "after/deep/scenario.yaml": "",
            "after/scenarios.yaml": "",
        },
    )
    found = scenarios_in(str(tmp_path / "before"), str(tmp_path / "after"))
    assert [Path(each).relative_to(tmp_path).as_posix() for each in found] == [
        "scenario.yaml",
        "before/x.scenario.yml",
        "after/deep/scenario.yaml",
    ]


def test_what_nobody_scripted_is_meant_as_the_nearest_sample_says() -> None:
    text = (
        "title: t\nconversations:\n  - turns:\n"
        "      - {user: how much is it, bot: [x]}\n      - {user: how much is it?, bot: [x]}\n"
    )
    old, new = migrated(SHOP)
    found = verify_migration(old, new, conversations=from_scenario(text, "s.yaml"), limit=0)
    (result,) = found.results
    assert result.outcome == "equal"
    assert [turn.answers.intent for turn in result.trial.conversation.turns] == ["ask price"] * 2


def test_scripts_by_call_are_left_out_and_that_is_told() -> None:
    text = "title: t\nconversations:\n  - turns:\n      - {user: hi, llm: [one, two]}\n"
    old, new = migrated(SHOP)
    found = verify_migration(old, new, conversations=from_scenario(text, "s.yaml"), limit=0)
    assert found.results == ()
    assert any("call by call" in note for note in found.notes)


def test_differences_a_scenario_expects_are_accepted() -> None:
    text = (
        "title: t\nconversations:\n  - turns:\n      - user: I want one\n"
        "        before: {bot: [Sold out.]}\n        after: {bot: [Gone.]}\n"
    )
    old, new = migrated(SHOP)
    new = {**new, "shop.co": new["shop.co"].replace("Sold out.", "Gone.")}
    stubbed = text.replace("conversations:", "stubs: {count_stock: 0}\nconversations:")
    found = verify_migration(old, new, conversations=from_scenario(stubbed, "s.yaml"), limit=0)
    assert [each.outcome for each in found.results] == ["accepted"]
    plain = stubbed.replace("Gone.", "Not there.")
    found = verify_migration(old, new, conversations=from_scenario(plain, "s.yaml"), limit=0)
    assert [each.outcome for each in found.results] == ["different"]


def recorded(text: str) -> str:
    """The log of a conversation with the shop, in which the model and the actions answered."""
    program = compile(colang.Project.load({"shop.co": text}))
    model = ScriptedModel()
    bot = Bot(program, llm=TaskModel(model.answer))
    bot.register_action(lambda: 2, "count_stock")
    log = io.StringIO()

    async def talk() -> None:
        async with bot.session("s", seed=3, log=log.write, context={"name": "Kim"}) as session:
            model.begin(Answers(intent="order"))
            await session.say("one of these, please")
            await session.send({"type": "Ping", "n": 1})
            model.begin(Answers(intent="chat", next="be nice", message="Nice weather."))
            await session.say("hello")

    asyncio.run(talk())
    return log.getvalue()


def test_a_recorded_conversation_is_held_again() -> None:
    trial = from_log(recorded(SHOP), "talk.jsonl")
    assert [turn.inputs for turn in trial.conversation.turns] == [
        (SetContext({"name": "Kim"}),),
        (Say("one of these, please"),),
        (Send(({"type": "Ping", "n": 1},)),),
        (Say("hello"),),
    ]
    assert trial.stubs == {"count_stock": (Returns(2),)}
    assert trial.conversation.turns[1].answers.intent == "order"
    assert trial.conversation.turns[3].answers.message == "Nice weather."
    old, new = migrated(SHOP)
    found = verify_migration(old, new, conversations=[trial], limit=0)
    assert [each.outcome for each in found.results] == ["equal"]
    broken = {**new, "shop.co": new["shop.co"].replace("Sold out.", "Gone.")}
    found = verify_migration(old, broken, conversations=[trial], limit=0)
    assert [each.turn for each in found.results] == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "talk.jsonl: the file is empty"),
        ("{", "talk.jsonl:1: not JSON"),
        ("[1]\n", "talk.jsonl:1: not an object"),
        ('{"colang_log": 9}\n', "talk.jsonl:1: this is no event log of version 1"),
        ('{"colang_log": 1, "seed": 1}\n', "talk.jsonl: nothing happens in this log"),
        (
            '{"colang_log": 1}\n{"do": "feed", "event": {"type": "A", "x": {"$opaque": "a.B"}}}\n',
            "talk.jsonl:2: a value was a a.B",
        ),
    ],
)
def test_logs_that_are_none(text: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        from_log(text, "talk.jsonl")
    assert str(error.value).startswith(message)


def test_a_scenario_with_errors_says_where() -> None:
    with pytest.raises(SourceError) as error:
        from_scenario("title: x\n", "s.yaml")
    assert error.value.diagnostics


# ---------------------------------------------------------------- bots


def test_bots_that_do_not_load() -> None:
    with pytest.raises(SideError, match="cannot read"):
        verify_migration("nowhere/at all", {"a.co": ""})
    with pytest.raises(SideError) as error:
        verify_migration(
            {"a.co": SHOP}, {"main.co": "flow main\n  await nothing here\n  match (\n"}
        )
    assert str(error.value) == "the result cannot run: it has errors"
    assert error.value.diagnostics[0].path == "main.co"


def test_actions_run_only_if_that_is_asked_for(tmp_path: Path) -> None:
    code = (
        "from nemoguardrails.actions import action\n\n\n"
        "@action()\nasync def count_stock():\n    return 9\n\n\n"
        "@action()\nasync def get_price(item):\n    return 'ran'\n"
    )
    old, new = migrated(SHOP)
    lay_out(tmp_path / "old", {**old, "actions.py": code})
    lay_out(tmp_path / "new", {**new, "actions.py": code.replace("'ran'", "'walked'")})
    folders = str(tmp_path / "old"), str(tmp_path / "new")
    assert verify_migration(*folders, limit=10).holds
    found = verify_migration(*folders, limit=10, execute=True)
    assert found.first_difference is not None
    assert found.first_difference.old[-1].said == ("It costs ran euros.",)


def test_an_action_the_result_does_not_find_is_a_difference() -> None:
    text = SHOP.replace("count_stock", "countStock")
    code = "from nemoguardrails.actions import action\n\n\n@action()\nasync def countStock():\n    return 1\n"
    old, new = migrated(text)
    old["actions.py"] = new["actions.py"] = code
    assert not verify_migration(old, new, limit=10).holds


def test_a_removed_choice_of_texts_is_no_difference_but_a_new_one_is() -> None:
    old, new = migrated(SHOP)
    trial = Trial(
        title="order",
        conversation=Conversation(
            turns=(
                Turn(
                    inputs=(Say("I want one"),),
                    expected=Expectation(),
                    answers=Answers(intent="order"),
                ),
            ),
            seed=1,
        ),
        stubs={"count_stock": (Returns(9),)},
    )
    assert verify_migration(old, new, conversations=[trial], limit=0).holds
    other = {
        **new,
        "shop.co": new["shop.co"].replace("Done.", "No.").replace("There you go.", "Ha."),
    }
    assert not verify_migration(old, other, conversations=[trial], limit=0).holds


# ---------------------------------------------------------------- reports


def test_report_of_a_difference() -> None:
    old, new = migrated(SHOP)
    broken = {**new, "shop.co": new["shop.co"].replace("Sold out.", "Gone.")}
    found = verify_migration(old, broken, names=("old shop", "new shop"))
    assert to_text(found) == DIFFERENT_REPORT
    data = to_json(found)
    assert data["version"] == 1
    assert (data["old"], data["new"], data["holds"]) == ("old shop", "new shop", False)
    assert data["conversations"] == {"total": 17, "equal": 10, "accepted": 2, "different": 5}
    assert data["differences"][0]["new"][-1]["said"] == ["Gone."]
    assert data["accepted"][0]["code"] == "M903"


def test_report_of_a_proof() -> None:
    old, new = migrated(SHOP)
    assert to_text(verify_migration(old, new)) == EQUAL_REPORT


DIFFERENT_REPORT = """\
M902 intent `order` alone, turn 1: they say different things
  turn 1: the user says 'I want one'
    old:  'Sold out.'
           because: action count_stock() gave True
           because: the model was asked: generate_user_intent
    new:  'Gone.'
           because: action CountStockAction() gave True

Also different:
  flow `order`, way 2, turn 1: they say different things
  flow `order`, way 1, adverse actions, turn 1: they say different things
  intent `order` alone, paraphrased, turn 1: they say different things
  flow `order`, way 2, paraphrased, turn 1: they say different things

Known differences (M903):
  2 conversations: an action failed: 1.0 ends the turn with an error message, 2.x stops the message or goes on
    for example flow `price`, raising actions, turn 1

17 conversations: 10 equal, 2 equal but for known differences, 5 different; 2 of 2 flows covered, 2 of 2 branches."""

EQUAL_REPORT = """\
Known differences (M903):
  2 conversations: an action failed: 1.0 ends the turn with an error message, 2.x stops the message or goes on
    for example flow `price`, raising actions, turn 1

17 conversations: 15 equal, 2 equal but for known differences; 2 of 2 flows covered, 2 of 2 branches."""
