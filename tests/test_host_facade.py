"""`LLMRails`, the files of a folder, and the built-in actions, on real programs."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import colang
from colang_interpreter import Bot, LLMRails, RailsConfig, compile
from colang_interpreter.host import attention
from colang_interpreter.host.loading import ActionFilesError, load_actions
from fixtures.sessions import run, types

YAML = "colang_version: 2.x\n"
COUNTER = """
import core

flow main
  global $n
  $n = 0
  while True
    user said something
    $n = $n + 1
    bot say "{$n}"
"""


def rails(text: str, yaml: str = YAML) -> LLMRails:
    return LLMRails(RailsConfig.from_content(text, yaml))


def user(text: str) -> dict[str, Any]:
    return {"type": "UtteranceUserActionFinished", "final_transcript": text}


# ---------------------------------------------------------------- events


def test_process_events_goes_on_from_its_state() -> None:
    with rails(COUNTER) as app:
        events, state = app.process_events([user("a")])
        assert types(events) == ["StartUtteranceBotAction"]
        uid = events[0]["action_uid"]
        done = {"type": "UtteranceBotActionFinished", "action_uid": uid, "final_script": "1"}
        twin = copy.deepcopy(state)
        for each in (state, twin, state.dump(), {"state": twin.dump(), "version": "2.x"}):
            events, _ = app.process_events([done, user("b")], each)
            assert [event["script"] for event in events] == ["2"]


def test_a_state_is_what_process_events_gave() -> None:
    with rails(COUNTER) as app, pytest.raises(TypeError, match="a state is what process_events"):
        app.process_events([], 5)  # type: ignore[arg-type]


def test_both_ways_of_calling() -> None:
    app = rails(COUNTER)

    async def work() -> None:
        events, _ = await app.process_events_async([user("a")])
        assert [event["script"] for event in events] == ["1"]
        message = await app.generate_async(messages=[{"role": "user", "content": "a"}])
        assert message == {"role": "assistant", "content": "1"}
        calls: list[Callable[[], object]] = [
            lambda: app.process_events([]),
            lambda: app.generate("hi"),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="inside a running event loop"):
                call()

    run(work)
    assert app.generate("hi") == "1"
    app.close()
    assert app.generate("hi") == "1"  # a new thread
    app.close()


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (None, "give either a prompt or messages"),
        ([{"content": "x"}], "message 1: a role None"),
        ([{"role": "user"}], "message 1: `content` is missing"),
        ([{"role": "user", "content": "x"}, {"role": "event"}], "message 2: `event` is missing"),
        ([{"role": "user", "content": [1]}], "message 1: the content of a user is a text"),
        ([{"role": "tool", "content": "x"}], "message 1: `tool_call_id` is missing"),
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}], "message 1: give the `name`"),
        ([{"role": "event", "event": {"type": 5}}], "an event is a dictionary"),
    ],
)
def test_messages_that_cannot_be_used(messages: Any, problem: str) -> None:
    with rails(COUNTER) as app, pytest.raises(ValueError, match=problem):
        app.generate(messages=messages)


def test_instant_actions_come_from_the_settings() -> None:
    text = 'import core\nflow main\n  start bot gesture\n  match Quit()\n\nflow bot gesture\n  await GestureBotAction(gesture="wave")\n  send Waved()\n'
    yaml = f"{YAML}rails:\n  actions:\n    instant_actions: [GestureBotAction]\n"
    with rails(text, yaml) as app:
        message = app.generate(messages=[{"role": "event", "event": {"type": "Hello"}}])
    assert isinstance(message, dict)
    assert types(message["events"]) == ["GestureBotActionFinished", "Waved"]


def test_system_messages_are_events() -> None:
    text = "flow main\n  match SystemMessage() as $e\n  send Got(c=$e.content)\n  match Quit()\n"
    with rails(text) as app:
        message = app.generate(messages=[{"role": "system", "content": "be nice"}])
    assert isinstance(message, dict)
    assert message["events"][0]["c"] == "be nice"


def test_registration_is_chainable_and_late_actions_count() -> None:
    text = 'import core\nflow main\n  $r = await PriceAction(item="pen")\n  bot say $r\n'

    def price(item: str, shop: str, llm: str) -> str:
        return f"{item} {shop} {llm}"

    with LLMRails(RailsConfig.from_content(text, YAML), llm="model") as app:
        app.register_action(price).register_action_param("shop", "ACME")
        assert app.generate(messages=[]) == {"role": "assistant", "content": "pen ACME model"}
        app.register_action(lambda item: "free", "price")
        assert app.generate(messages=[]) == {"role": "assistant", "content": "free"}


def test_verbose_logs_events(caplog: pytest.LogCaptureFixture) -> None:
    config = RailsConfig.from_content(COUNTER, YAML)
    with (
        caplog.at_level(logging.INFO, "colang_interpreter.events"),
        LLMRails(config, verbose=True) as app,
    ):
        app.process_events([user("a")])
    assert any("StartUtteranceBotAction" in record.message for record in caplog.records)


def test_a_program_or_a_project_will_do() -> None:
    project = colang.Project.load({"main.co": COUNTER})
    for source in (project, compile(project)):
        with LLMRails(source) as app:
            assert app.generate("x") == "1"


def test_the_configuration_is_the_one_that_was_given() -> None:
    text = "flow main\n  send R(v=$system.config.enable_rails_exceptions)\n"
    config = RailsConfig.from_content(text, YAML)
    config.enable_rails_exceptions = True
    with LLMRails(config) as app:
        (event,), _ = app.process_events([])
        assert event["v"] is True
        assert app.config is config


# ---------------------------------------------------------------- files of a folder


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


MAIN = """
import core

flow main
  $r = await TryAction()
  bot say "{$r}"
"""
ACTION = """
from colang_interpreter import action

@action(name="TryAction")
async def attempt():
    return {}
"""


def answer(folder: Path) -> str:
    with LLMRails(RailsConfig.from_path(str(folder))) as app:
        message = app.generate(messages=[])
        assert isinstance(message, dict)
        return str(message["content"])


def test_actions_of_the_folder_are_loaded(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"main.co": MAIN, "config.yml": YAML})
    write(one, {"actions.py": "from .helper import WORD\n" + ACTION.format("WORD")})
    write(one, {"helper.py": "WORD = 'one'\n"})
    two = write(tmp_path / "two", {"main.co": MAIN, "config.yml": YAML})
    write(two, {"actions/deep/try_it.py": "from ..helper import WORD\n" + ACTION.format("WORD")})
    write(two, {"actions/helper.py": "WORD = 'two'\n", "actions/__init__.py": ""})
    assert (answer(one), answer(two), answer(one)) == ("one", "two", "one")


def test_nothing_is_written_beside_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    bot = write(tmp_path / "bot", {"main.co": MAIN, "config.yml": YAML})
    write(bot, {"actions/deep/try_it.py": "from ..helper import WORD\n" + ACTION.format("WORD")})
    write(bot, {"actions/helper.py": "WORD = 'one'\n"})
    write(bot, {"config.py": "import plain_module_beside\n\ndef init(app):\n    pass\n"})
    elsewhere = write(tmp_path / "elsewhere", {"plain_module_beside.py": ""})
    monkeypatch.syspath_prepend(str(elsewhere))
    before = sorted(bot.rglob("*"))
    for _ in range(2):
        assert answer(bot) == "one"
    assert sorted(bot.rglob("*")) == before
    assert list(elsewhere.rglob("*.pyc")), "what is imported from elsewhere is cached as always"


def test_config_py_gets_the_application(tmp_path: Path) -> None:
    code = "def init(app):\n    app.register_action(lambda: 'from init', 'try')\n"
    assert answer(write(tmp_path, {"main.co": MAIN, "config.yml": YAML, "config.py": code})) == (
        "from init"
    )


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def broken(:\n", r"actions.py:1: not valid Python"),
        ("x = 1\ny = 1 / 0\n", r"actions.py:2: ZeroDivisionError: division by zero"),
        ("import no_such_module_at_all\n", r"actions.py:1: ModuleNotFoundError"),
        ("raise SystemExit(1)\n", r"actions.py:1: SystemExit: 1"),
    ],
)
def test_files_that_cannot_be_executed(tmp_path: Path, code: str, problem: str) -> None:
    write(tmp_path, {"main.co": MAIN, "config.yml": YAML, "actions.py": code})
    with pytest.raises(ActionFilesError, match=problem):
        load_actions(colang.Project.load(tmp_path))


def test_texts_have_no_python_files() -> None:
    assert load_actions(colang.Project.load({"main.co": MAIN})) == {}


# ---------------------------------------------------------------- built-in actions


def bot_says(text: str) -> str:
    texts: list[str] = []

    async def work() -> None:
        async with Bot(compile(colang.Project.load({"main.co": text}))).session() as session:
            texts.append((await session.say("hello there")).text)

    run(work)
    return texts[0]


def test_flows_that_cannot_be_compiled_apologise() -> None:
    text = (
        "import core\nflow main\n  user said something\n"
        '  $n = await AddFlowsAction(config="flow bot jokes\\n  bot say \\"unclosed\\n")\n'
        '  bot say "{$n}"\n  $first = $n[0]\n  await await_flow_by_name $first\n'
    )
    assert bot_says(text) == "['bot jokes']\nInternal error on flow `bot jokes`."


def test_the_last_user_message() -> None:
    text = (
        "import core\nflow main\n  user said something\n"
        "  $m = await GetLastUserMessageAction()\n  bot say $m\n"
    )
    assert bot_says(text) == "hello there"


def test_created_events_are_part_of_the_result() -> None:
    text = (
        "import core\nflow main\n  user said something\n"
        '  start CreateEventAction(event={"_type": "Mine", "x": 1}) as $a\n'
        '  match $a.Finished() as $e\n  bot say "{$e.events}"\n'
    )
    assert bot_says(text) == "[{'x': 1, 'type': 'Mine'}]"


def attended(*events: tuple[str, int, str | None], levels: Any = ("engaged",)) -> float:
    view: dict[str, Any] | None = None
    for name, second, level in events:
        phase = name.rpartition("Action")[2].lower()
        at = f"2030-01-01T00:00:{second:02}Z"
        event = {"type": name, f"action_{phase}_at": at, "attention_level": level}
        view = attention.updated(view, event, {})
    assert json.loads(json.dumps(view)) == view
    return attention.percentage(view, list(levels))


BEGIN, END = "UtteranceUserActionStarted", "UtteranceUserActionFinished"
ATTENDS, CHANGES, LEAVES = (
    "AttentionUserActionStarted",
    "AttentionUserActionUpdated",
    "AttentionUserActionFinished",
)


def test_attention_during_an_utterance() -> None:
    engaged, away = (ATTENDS, 0, "engaged"), (CHANGES, 6, "disengaged")
    assert attended(engaged, (BEGIN, 2, None), (END, 10, None)) == 1.0
    assert attended(engaged, (BEGIN, 2, None), away, (END, 10, None)) == 0.5
    assert attended(engaged, (CHANGES, 1, "away"), (BEGIN, 2, None), (END, 10, None)) == 0.0
    assert attended((BEGIN, 2, None), (ATTENDS, 4, "engaged"), away, (END, 10, None)) == 0.5
    assert attended(engaged, (BEGIN, 2, None), (END, 10, None), levels=()) == 0.0
    assert attended((BEGIN, 2, None), (END, 10, None)) == 1.0  # nobody was watching
    assert attended((LEAVES, 0, None), (BEGIN, 2, None), (END, 10, None)) == 1.0  # unknown
    assert attended(engaged, (BEGIN, 2, None), (END, 2, None)) == 1.0
    assert attended(engaged) == 1.0  # no utterance: the last level counts
    assert attended(engaged, (CHANGES, 1, "away")) == 0.0


def test_late_clocks_are_corrected_by_offsets() -> None:
    event = {"type": BEGIN, "action_started_at": "2030-01-01T00:00:00+00:00"}
    early = attention.updated(None, event, {})
    late = attention.updated(None, event, {BEGIN: 1.5})
    assert late["start"] - early["start"] == 1.5
    assert (
        attention.updated(None, {"type": BEGIN, "action_started_at": "soon"}, {})["start"] is None
    )


def test_sessions_of_real_programs_in_parallel() -> None:
    bot = Bot(compile(colang.Project.load({"main.co": COUNTER})))

    async def work() -> None:
        async def talk() -> None:
            async with bot.session() as session:
                for n in range(1, 6):
                    assert (await session.say("x")).text == str(n)

        await asyncio.gather(*(talk() for _ in range(50)))

    run(work)
