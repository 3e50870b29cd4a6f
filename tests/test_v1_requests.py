"""Who is this for: per-request data in Colang 1.0 (rails-runtime, section 11), and rails that fail closed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import pytest

from colang_interpreter import Bot, LLMRails, RailOutcome, RailsConfig, action, replay
from colang_interpreter.host.context import current_request, request_scope
from colang_interpreter.llm import ScriptedModel
from fixtures.sessions import run

current_user: ContextVar[str | None] = ContextVar("current_user", default=None)

SEQUENTIAL = """
define user ask account
  "show my account"

define bot tell account
  "{{ owner }}: {{ account }} ({{ checked_by }}, {{ also_by }})"

define subflow check one
  $checked_by = execute who

define subflow check two
  $also_by = execute who

define flow account
  user ask account
  $owner = execute who
  $account = execute fetch_account(owner=$owner)
  bot tell account
"""
YAML = """
models: []
rails:
  input:
    parallel: {parallel}
    flows: [check one, check two]
"""


def app_with_users(parallel: bool) -> LLMRails:
    app = LLMRails(
        RailsConfig.from_content(SEQUENTIAL, YAML.format(parallel=str(parallel).lower()))
    )
    chance = random.Random(7)

    @action()
    async def who() -> str | None:
        await asyncio.sleep(chance.random() / 200)
        return current_user.get()

    @action()
    async def fetch_account(owner: str) -> str:
        await asyncio.sleep(chance.random() / 200)
        assert current_user.get() == owner
        return f"account of {owner}"

    return app.register_action(who).register_action(fetch_account)


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_200_requests_at_once_are_not_mixed_up(parallel: bool) -> None:
    app = app_with_users(parallel)

    async def handle(name: str) -> Any:
        current_user.set(name)
        return await app.generate_async(messages=[{"role": "user", "content": "show my account"}])

    async def work() -> None:
        names = [f"user-{number}" for number in range(200)]
        answers = await asyncio.gather(*(handle(name) for name in names))
        for name, answer in zip(names, answers, strict=True):
            text = f"{name}: account of {name} ({name}, {name})"
            assert answer == {"role": "assistant", "content": text}

    run(work, seconds=120)


def test_what_a_parallel_rail_sets_in_the_context_stays_inside() -> None:
    app = app_with_users(parallel=True)

    @action()
    async def who() -> str | None:
        seen = current_user.get()
        current_user.set("somebody else")
        return seen

    app.register_action(who)

    async def work() -> None:
        current_user.set("Kim")
        answer = await app.generate_async("show my account")
        assert answer == "Kim: account of Kim (Kim, Kim)"
        assert current_user.get() == "Kim"

    run(work)


def test_threads_without_an_event_loop_keep_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with app_with_users(parallel=False) as app:
        token = current_user.set("Ann")
        try:
            assert app.generate("show my account") == "Ann: account of Ann (Ann, Ann)"
        finally:
            current_user.reset(token)


@pytest.mark.parametrize("how", ["context message", "request scope"])
def test_users_who_say_the_same_are_not_one_conversation(how: str) -> None:
    text = (
        'define user greet\n  "hi"\ndefine user ask\n  "who am I"\ndefine bot hello\n  "Hello!"\n'
        'define bot tell\n  "{{ name }}"\n'
        "define flow a\n  user greet\n  $name = execute find_name\n  bot hello\n"
        "define flow b\n  user ask\n  bot tell\n"
    )
    app = LLMRails(RailsConfig.from_content(text, "models: []\n"))

    @action()
    def find_name(context: Mapping[str, Any]) -> str:
        return str(context.get("user_id") or current_request()["user"])

    app.register_action(find_name)

    async def talk(name: str) -> str:
        messages: list[Any] = [{"role": "user", "content": "hi"}]
        if how == "context message":
            messages.insert(0, {"role": "context", "content": {"user_id": name}})
        with request_scope({"user": name}) if how == "request scope" else nullcontext():
            messages.append(await app.generate_async(messages=messages))
            assert messages[-1]["content"] == "Hello!"
            messages.append({"role": "user", "content": "who am I"})
            return (await app.generate_async(messages=messages))["content"]  # type: ignore[index]

    async def work() -> None:
        names = ["Kim", "Ann", "Bob"]
        assert await asyncio.gather(*map(talk, names)) == names

    run(work)


# ---------------------------------------------------------------- rails fail closed

RAILS = """
define bot refuse
  "No."

define subflow first
  $ok = execute check_first

define subflow second
  $bad = execute check_second(text=$user_message)
  if $bad
    bot refuse
    stop

define subflow waits
  user ...

define subflow gives up
  create event Ping
  $ok = execute check_first

define subflow raises
  create event CustomException(message="not today")
"""


def app_with_rails(parallel: bool, *flows: str, kind: str = "input", llm: Any = None) -> LLMRails:
    yaml = f"""
models: []
rails:
  {kind}:
    parallel: {str(parallel).lower()}
    flows: [{", ".join(flows)}]
"""
    model = llm if llm is not None else ScriptedModel(["an answer"] * 9)
    app = LLMRails(RailsConfig.from_content(RAILS, yaml), llm=model)
    app.register_action(lambda: True, "check_first")
    app.register_action(lambda text="": "bad" in str(text), "check_second")
    return app


def fails() -> None:
    raise OSError("the checker is down")


APOLOGY = "I'm sorry, an internal error has occurred."


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_rail_whose_action_raises_blocks_and_later_turns_are_checked(
    kind: str, parallel: bool
) -> None:
    with app_with_rails(parallel, "first", "second", kind=kind) as app:
        app.register_action(fails, "check_first")
        messages: list[Any] = [{"role": "user", "content": "hello"}]
        answer = app.generate(messages=messages)
        assert answer == {"role": "assistant", "content": APOLOGY}
        log = app.generate(messages=messages, options={"log": {"internal_events": True}}).log  # type: ignore[union-attr]
        failed = [e for e in log.internal_events if e.get("status") == "failed"]  # type: ignore[union-attr]
        assert "the checker is down" in failed[0]["failure_reason"]
        # The rail is on again as soon as its action works.
        app.register_action(lambda: True, "check_first")
        messages += [answer, {"role": "user", "content": "bad"}]
        assert app.generate(messages=messages) == {"role": "assistant", "content": "No."}


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_the_trace_of_a_turn_tells_of_a_rail_that_failed(parallel: bool) -> None:
    app = app_with_rails(parallel, "first", "second").register_action(fails, "check_first")

    async def work() -> None:
        async with app.bot.session() as session:
            reply = await session.say("hello")
        assert reply.text == APOLOGY
        assert any("the checker is down" in note.text for note in reply.trace.notes)
        assert [run.name for run in reply.trace.actions if run.failure] == ["check_first"]

    run(work)


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
@pytest.mark.parametrize("flow", ["waits", "gives up"])
def test_a_rail_that_does_not_come_to_its_end_lets_nothing_pass(flow: str, parallel: bool) -> None:
    model = ScriptedModel([])
    with app_with_rails(parallel, flow, llm=model) as app:
        assert app.generate("hello") == ""
        assert model.calls == []


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_exceptions_of_rails(parallel: bool) -> None:
    with app_with_rails(parallel, "first", "raises") as app:
        answer: Any = app.generate(messages=[{"role": "user", "content": "hello"}])
        assert answer["role"] == "exception"
        assert answer["content"]["type"] == "CustomException"
        assert answer["content"]["message"] == "not today"
        checked = app.check([{"role": "user", "content": "hello"}])
        assert (checked.status, checked.rail, checked.content) == ("blocked", "raises", "not today")


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_a_missing_action_of_a_rail_blocks(parallel: bool) -> None:
    config = RailsConfig.from_content(
        "define subflow guard\n  $x = execute nowhere_to_be_found\n",
        f"models: []\nrails:\n  input:\n    parallel: {str(parallel).lower()}\n    flows: [guard]\n",
    )
    model = ScriptedModel(["never"])
    with LLMRails(config, llm=model) as app:
        assert app.generate("hello") == "Action 'nowhere_to_be_found' not found."
        assert model.calls == []


def test_parallel_rails_leave_no_tasks_behind() -> None:
    app = app_with_rails(True, "first", "second")
    stopped: list[str] = []

    async def slow() -> bool:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            stopped.append("slow")
            raise
        return True

    app.register_action(slow, "check_first")

    async def work() -> None:
        assert await app.generate_async("bad") == "No."
        assert stopped == ["slow"]

    run(work, seconds=10)


def test_the_later_configured_rail_wins_when_two_change_a_variable() -> None:
    config = RailsConfig.from_content(
        "define subflow a\n  $v = execute slowly(text='a')\n\ndefine subflow b\n  $v = 'b'\n"
        "\ndefine subflow show\n  bot $v\n",
        "models: []\nrails:\n  input:\n    parallel: true\n    flows: [b, a]\n",
    )
    with LLMRails(config, llm=ScriptedModel(["x"])) as app:

        async def slowly(text: str) -> str:
            await asyncio.sleep(0.01)
            return text

        app.register_action(slowly)
        result: Any = app.generate(
            messages=[{"role": "user", "content": "hi"}], options={"output_vars": ["v"]}
        )
        assert result.output_data == {"v": "a"}


def test_only_the_named_rails_run_in_parallel() -> None:
    with app_with_rails(True, "first", "second") as app:
        result: Any = app.generate(
            messages=[{"role": "user", "content": "bad"}],
            options={"rails": {"input": ["first"]}, "log": {"activated_rails": True}},
        )
        assert result.response[0]["content"] == "an answer"
        assert [rail.name for rail in result.log.activated_rails if rail.type == "input"] == [
            "first"
        ]


def test_a_name_no_rail_has_is_not_taken_for_no_rails() -> None:
    with app_with_rails(False, "first", "second") as app:
        options = {"rails": {"input": ["frist"]}}
        with pytest.raises(
            ValueError, match="no input rail `frist`; configured: `first`, `second`"
        ):
            app.generate("hi", options=options)


def test_sessions_run_1_0_rails_too() -> None:
    app = app_with_rails(False, "second")

    async def work() -> None:
        async with Bot(
            app.program, ScriptedModel(["fine"]), {"check_second": bad}
        ).session() as talk:
            assert (await talk.say("bad thing")).text == "No."
            assert (await talk.say("good thing")).text == "fine"

    run(work)


def bad(text: str, context: Mapping[str, Any]) -> bool:
    assert context["user_message"] == text
    return "bad" in text


# ---------------------------------------------------------------- saved, recorded, generated


@pytest.mark.parametrize("parallel", [False, True], ids=["sequential", "parallel"])
def test_conversations_with_rails_are_saved_and_replayed(parallel: bool) -> None:
    app = app_with_rails(parallel, "first", "second")

    def looks_bad(text: str) -> bool:
        return "bad" in text

    actions: dict[str, Any] = {"check_first": RailOutcome.allow, "check_second": looks_bad}
    bot = Bot(app.program, ScriptedModel(["one", "two"]), actions)
    lines: list[str] = []

    async def work() -> None:
        async with bot.session(log=lines.append, seed=4) as session:
            assert (await session.say("hello")).text == "one"
            assert (await session.say("a bad word")).text == "No."
            saved = session.dump()
        async with bot.session(state=saved) as session:
            assert (await session.say("hello again")).text == "two"

    run(work)
    assert replay(app.program, lines).is_identical


def test_a_predicted_flow_waits_over_turns_and_in_saved_states() -> None:
    text = (
        'define user ask\n  "ask"\ndefine user agree\n  "yes"\n'
        'define bot offer\n  "Shall I?"\ndefine bot done\n  "Done."\n'
    )
    yaml = "models: []\nenable_multi_step_generation: true\n"
    program = LLMRails(RailsConfig.from_content(text, yaml)).program
    predicted = "bot offer\nuser agree\nbot done\nexecute rm"
    bot = Bot(program, ScriptedModel(["  ask", predicted, "  agree"]))

    async def work() -> None:
        async with bot.session() as session:
            assert (await session.say("ask")).text == "Shall I?"
            saved = session.dump()
        async with bot.session(state=saved) as session:
            assert (await session.say("yes")).text == "Done."

    run(work)


@pytest.mark.parametrize(
    "body", ["execute rm", "bot a\ndo other", "define flow x\n  bot a", "bot (", "x" * 30_000]
)
def test_what_a_flow_that_comes_with_an_event_may_not_do(body: str) -> None:
    ran: list[str] = []
    with app_with_rails(False, "first") as app:
        app.register_action(lambda: ran.append("rm"), "rm")
        new = app.generate_events([{"type": "start_flow", "flow_id": "tmp", "flow_body": body}])
        assert [e["script"] for e in new if e["type"] == "StartUtteranceBotAction"] == [APOLOGY]
    assert ran == []
