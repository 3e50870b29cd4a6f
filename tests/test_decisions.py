"""Decision records: one for each rail and message, the same for both dialects; exporters."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

import colang
from colang_interpreter import Bot, compile
from colang_interpreter.errors import MissingPackageError
from colang_interpreter.host.actions import ActionResult
from colang_interpreter.host.session import Reply
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.llm import ModelResponse, ScriptedModel
from colang_interpreter.llm.model import Usage
from colang_interpreter.tracing.decisions import Decision
from colang_interpreter.tracing.jsonlines import JsonLines
from colang_interpreter.tracing.opentelemetry import OpenTelemetry

V1 = """
define user greet
  "hello"
  "bad"
  "boom"
  "long"

define bot greet back
  "Good day."

define subflow check words
  $outcome = execute check_words(text=$user_message)
  if $outcome.is_blocked
    bot refuse to respond
    stop

define subflow shorten
  if $user_message == "long"
    $user_message = "hello"

define subflow check answer
  $outcome = execute check_words(text=$bot_message)
  if $outcome.is_blocked
    bot refuse to respond
    stop

define flow
  user greet
  create event BotMessage(text="Good day.")
"""
V1_CONFIG = """
colang_version: "1.0"
models: []
rails:
  input: {flows: [shorten, check words]}
  output: {flows: [check answer]}
"""
V2 = """
import core
import guardrails

flow input rails $input_text
  shorten
  check words $input_text

flow output rails $output_text
  check answer $output_text

flow shorten
  global $user_message
  if $user_message == "long"
    $user_message = "hello"

flow check words $text
  $outcome = await CheckWordsAction(text=$text)
  if $outcome.is_blocked
    bot refuse to respond
    abort

flow check answer $text
  $outcome = await CheckWordsAction(text=$text)
  if $outcome.is_blocked
    bot refuse to respond
    abort

flow main
  activate greeting
  wait indefinitely

flow greeting
  user said something
  bot say "Good day."
"""
FILES = {
    "1.0": {"main.co": V1, "config.yml": V1_CONFIG},
    "2.x": {"main.co": V2, "config.yml": 'colang_version: "2.x"\n'},
}


def line_of(dialect: str, flow: str) -> int:
    """Line of a flow's definition, from 1."""
    lines = FILES[dialect]["main.co"].split("\n")
    return next(
        n for n, line in enumerate(lines, 1) if re.match(rf"(define sub)?flow {flow}\b", line)
    )


REFUSAL_CHECKED = "output: check answer: allow"
"""In 2.x output rails also see what input rails say."""


async def check_words(text: str) -> RailOutcome:
    if text == "bad":
        return RailOutcome.block("a bad word", {"certainty": 0.75})
    if text == "boom":
        raise ConnectionError("the list of words is gone")
    return RailOutcome.allow(metadata={"certainty": 1.0})


def talk(files: dict[str, str], *texts: str, **options: Any) -> list[Reply]:
    options.setdefault("actions", {"check_words": check_words})
    bot = Bot(compile(colang.Project.from_texts(files)), **options)

    async def conversation() -> list[Reply]:
        async with bot.session("kim", seed=1) as session:
            return [await session.say(text) for text in texts]

    return asyncio.run(conversation())


def short(decisions: Sequence[Decision]) -> list[str]:
    return [f"{d.kind}: {d.rail}: {d.verdict}" for d in decisions]


@pytest.fixture(params=["1.0", "2.x"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("hello", ["input: shorten: allow", "input: check words: allow", "output: check answer: allow"]),
        ("bad", ["input: shorten: allow", "input: check words: block"]),
        ("boom", ["input: shorten: allow", "input: check words: error"]),
        ("long", ["input: shorten: transform", "input: check words: allow", "output: check answer: allow"]),
    ],
)  # fmt: skip
def test_what_the_rails_decide(dialect: str, said: str, expected: list[str]) -> None:
    if dialect == "2.x" and expected[-1].endswith("block"):
        expected = [*expected, REFUSAL_CHECKED]
    [reply] = talk(FILES[dialect], said)
    assert short(reply.decisions) == expected


def test_a_record_says_where_how_long_and_how_sure(dialect: str) -> None:
    first, second = talk(FILES[dialect], "hello", "bad")
    _, checked, answered = first.decisions
    assert checked.line == line_of(dialect, "check words")
    assert answered.line == line_of(dialect, "check answer")
    assert checked.path == "main.co"
    assert checked.certainty == 1.0
    assert len(checked.actions) == 1
    assert checked.seconds >= 0.0
    assert (checked.session, checked.turn) == ("kim", 1)
    blocked = second.decisions[1]
    assert (blocked.certainty, blocked.turn, blocked.reason) == (0.75, 2, "a bad word")


def test_a_failure_is_named(dialect: str) -> None:
    [reply] = talk(FILES[dialect], "boom")
    failed = reply.decisions[-1]
    assert failed.failures == ("ConnectionError",)
    assert "gone" not in json.dumps(failed.to_data())


def test_no_rails_no_records(dialect: str) -> None:
    files = {
        "1.0": {"main.co": 'define user greet\n  "hello"\n\ndefine flow\n  user greet\n  bot greet\n\ndefine bot greet\n  "Hi."\n'},
        "2.x": {"main.co": 'import core\n\nflow main\n  user said "hello"\n  bot say "Hi."\n'},
    }[dialect]  # fmt: skip
    [reply] = talk(files, "hello")
    assert reply.text == "Hi."
    assert list(reply.decisions) == []


# ---------------------------------------------------------------- models

MODEL_RAILS = {
    "1.0": """
define user greet
  "hello"

define subflow ask model
  $ok = execute ask_model
  if not $ok
    bot refuse to respond
    stop

define flow
  user greet
  create event BotMessage(text="Good day.")
""",
    "2.x": """
import core
import guardrails

flow input rails $input_text
  ask model

flow ask model
  $ok = await AskModelAction()
  if not $ok
    bot refuse to respond
    abort

flow main
  activate greeting
  wait indefinitely

flow greeting
  user said something
  bot say "Good day."
""",
}


def test_calls_of_models_are_counted(dialect: str) -> None:
    from colang_interpreter.llm.manager import TaskManager
    from colang_interpreter.llm.model import ModelRequest

    tasks = TaskManager()

    async def ask_model(llm: Any) -> bool:
        for _ in range(2):
            await tasks.call(llm, ModelRequest(prompt="is it fine?", task="fine"))
        return True

    usage = Usage(input_tokens=7, output_tokens=2, total_tokens=9)
    model = ScriptedModel([ModelResponse(text="yes", usage=usage)] * 2)
    config = f'colang_version: "{dialect}"\nmodels: []\n'
    if dialect == "1.0":
        config += "rails: {input: {flows: [ask model]}}\n"
    files = {"main.co": MODEL_RAILS[dialect], "config.yml": config}
    [reply] = talk(files, "hello", llm=model, actions={"ask_model": ask_model})
    [decision] = [d for d in reply.decisions if d.rail == "ask model"]
    assert (decision.model_calls, decision.input_tokens, decision.output_tokens) == (2, 14, 4)


# ---------------------------------------------------------------- retrieval rails, of 1.0 alone

RETRIEVING = """
define user greet
  "hello"
  "bad"

define bot greet back
  "Good day."

define flow
  user greet
  bot greet back

define subflow check input
  if $user_message == "bad"
    bot refuse to respond
    stop

define subflow drop empty lines
  $relevant_chunks = $relevant_chunks.strip()

define subflow look
  $outcome = execute look_at(text=$relevant_chunks)
  if $outcome.is_blocked
    stop

define subflow refuse
  if $relevant_chunks == "secret"
    bot refuse to respond
    stop

define bot warn
  "This may be out of date."

define subflow warn
  if $relevant_chunks == "old"
    bot warn

define subflow raise
  if $relevant_chunks == "raise"
    create event ChunksRailException(message="no")
    stop
"""


def retrieve(chunks: str, *said: str, flows: str, **options: Any) -> list[Reply]:
    """Talk to a bot with retrieval rails; these chunks are what it finds each time."""

    async def look_at(text: str, llm: Any = None) -> RailOutcome:
        if llm is not None:
            from colang_interpreter.llm.manager import TaskManager
            from colang_interpreter.llm.model import ModelRequest

            await TaskManager().call(llm, ModelRequest(prompt=text, task="look"))
        if text == "boom":
            raise ConnectionError("out of reach")
        if text == "secret":
            return RailOutcome.block("a secret", {"certainty": 0.5})
        return RailOutcome.allow(metadata={"certainty": 0.9})

    def retrieve_relevant_chunks() -> ActionResult:
        return ActionResult(context_updates={"relevant_chunks": chunks})

    config = (
        'colang_version: "1.0"\nmodels: []\n'
        f"rails:\n  input: {{flows: [check input]}}\n  retrieval: {{flows: [{flows}]}}\n"
    )
    actions = {"look_at": look_at, "retrieve_relevant_chunks": retrieve_relevant_chunks}
    files = {"main.co": RETRIEVING, "config.yml": config}
    return talk(files, *said, actions=actions, **options)


@pytest.mark.parametrize(
    ("chunks", "flows", "expected"),
    [
        ("fine", "look", ["retrieval: look: allow"]),
        ("fine", "look $level=2", ["retrieval: look $level=2: allow"]),
        (" fine ", "drop empty lines", ["retrieval: drop empty lines: transform"]),
        (
            " fine ",
            "drop empty lines, drop empty lines, look",
            ["retrieval: drop empty lines: transform", "retrieval: drop empty lines: allow", "retrieval: look: allow"],
        ),
        ("secret", "drop empty lines, look, raise", ["retrieval: drop empty lines: allow", "retrieval: look: block"]),
        ("boom", "look, raise", ["retrieval: look: error"]),
        ("raise", "look, raise", ["retrieval: look: allow", "retrieval: raise: block"]),
    ],
    ids=str,
)  # fmt: skip
def test_what_retrieval_rails_decide(chunks: str, flows: str, expected: list[str]) -> None:
    [reply] = retrieve(chunks, "hello", flows=flows)
    assert short(reply.decisions) == ["input: check input: allow", *expected]
    assert ("Good day." in reply.text) == expected[-1].endswith(("allow", "transform"))


def test_records_of_retrieval_rails_are_whole() -> None:
    usage = Usage(input_tokens=7, output_tokens=2, total_tokens=9)
    completions = [ModelResponse(text="user greet"), ModelResponse(text="yes", usage=usage)]
    model = ScriptedModel(completions * 2)
    seen: list[Decision] = []
    first, second = retrieve(
        " secret ", "hello", "hello", flows="drop empty lines, look", llm=model, on_decisions=seen.extend
    )  # fmt: skip
    assert [*first.decisions, *second.decisions] == seen
    _, dropped, looked = second.decisions
    lines = RETRIEVING.split("\n")
    assert [lines[decision.line - 1] for decision in (dropped, looked)] == [
        "define subflow drop empty lines",
        "define subflow look",
    ]
    assert (dropped.text, dropped.text_after, dropped.actions) == (" secret ", "secret", ())
    assert (looked.certainty, looked.reason, looked.turn) == (0.5, "a secret", 2)
    assert looked.actions == ("look_at",)
    assert (looked.model_calls, looked.input_tokens, looked.output_tokens) == (1, 7, 2)
    assert looked.started_at and looked.seconds >= 0.0
    assert "secret" not in json.dumps([decision.to_data() for decision in seen])


def test_a_failure_of_a_retrieval_rail_is_named() -> None:
    [reply] = retrieve("boom", "hello", flows="look")
    assert reply.decisions[-1].failures == ("ConnectionError",)


def test_what_a_refusal_retrieves_is_checked_inside_of_the_rail_that_refuses() -> None:
    first, second = retrieve("fine", "bad", "hello", flows="look")
    assert short(first.decisions) == ["input: check input: block", "retrieval: look: allow"]
    refusing, looked = first.decisions
    assert "look_at" not in refusing.actions
    assert looked.actions == ("look_at",)
    assert short(second.decisions) == ["input: check input: allow", "retrieval: look: allow"]


# ---------------------------------------------------------------- special cases


def test_parallel_rails_of_1_0() -> None:
    config = V1_CONFIG.replace(
        "flows: [shorten, check words]", "flows: [shorten, check words], parallel: true"
    )
    seen: list[Decision] = []
    first, second = talk(
        {"main.co": V1, "config.yml": config}, "hello", "bad", on_decisions=seen.extend
    )
    assert sorted(short(first.decisions))[:2] == [
        "input: check words: allow",
        "input: shorten: allow",
    ]
    assert "input: check words: block" in short(second.decisions)
    assert len(seen) == len(first.decisions) + len(second.decisions)


def test_several_flows_that_wait_are_one_record() -> None:
    program = (
        V2.replace("  activate greeting\n", "  activate greeting\n  activate farewell\n")
        + '\nflow farewell\n  user said "bye"\n  bot say "Bye."\n'
    )
    [reply] = talk({"main.co": program, "config.yml": 'colang_version: "2.x"\n'}, "bad")
    assert short(reply.decisions)[:2] == ["input: shorten: allow", "input: check words: block"]
    [reply] = talk({"main.co": program, "config.yml": 'colang_version: "2.x"\n'}, "bye")
    records = {
        decision.rail: decision.runs for decision in reply.decisions if decision.kind == "input"
    }
    assert records == {"shorten": 2, "check words": 2}


def test_what_input_rails_do_themselves_is_a_record() -> None:
    program = """
import core
import guardrails

flow input rails $input_text
  if $input_text == "bad"
    abort

flow main
  activate greeting
  wait indefinitely

flow greeting
  user said something
  bot say "Good day."
"""
    files = {"main.co": program, "config.yml": 'colang_version: "2.x"\n'}
    first, second = talk(files, "bad", "hello")
    assert short(first.decisions) == ["input: input rails: block"]
    assert short(second.decisions) == ["input: input rails: allow"]


def test_an_error_in_the_flow_of_a_rail_is_an_error(dialect: str) -> None:
    action = {
        "1.0": "  $outcome = execute check_words(text=$user_message)\n",
        "2.x": "  $outcome = await CheckWordsAction(text=$text)\n",
    }[dialect]
    program = FILES[dialect]["main.co"].replace(action, "  $outcome = None\n", 1)
    [reply] = talk({**FILES[dialect], "main.co": program}, "hello")
    assert short(reply.decisions)[-1] == "input: check words: error"
    failure = {"1.0": "EngineError", "2.x": "ColangError"}[dialect]
    assert reply.decisions[-1].failures == (failure,)
    assert "Good day." not in reply.text


def test_a_block_is_told_while_the_refusal_is_still_spoken() -> None:
    replies: list[Reply] = []
    bot = Bot(
        compile(colang.Project.from_texts(FILES["2.x"])),
        actions={"check_words": check_words},
        channels=(),  # nobody says when the utterance is over, but this test
    )

    async def conversation() -> None:
        async with bot.session(seed=1) as session:
            replies.append(await session.say("bad"))
            said = [e for e in replies[0].events if e["type"] == "StartUtteranceBotAction"]
            uid = said[0]["action_uid"]
            replies.append(
                await session.send({"type": "UtteranceBotActionFinished", "action_uid": uid})
            )

    asyncio.run(conversation())
    assert short(replies[0].decisions)[:2] == ["input: shorten: allow", "input: check words: block"]
    assert list(replies[1].decisions) == []


def test_a_rail_goes_on_after_saving() -> None:
    bot = Bot(
        compile(colang.Project.from_texts(FILES["2.x"])),
        actions={"check_words": check_words},
        channels=(),
    )

    async def conversation() -> list[str]:
        async with bot.session(seed=1) as session:
            first = await session.say("bad")
            saved = session.dump()
        [said] = [e for e in first.events if e["type"] == "StartUtteranceBotAction"]
        async with bot.restore_session(saved) as session:
            end = {"type": "UtteranceBotActionFinished", "action_uid": said["action_uid"]}
            await session.send(end)
            return short((await session.say("hello")).decisions)

    assert asyncio.run(conversation()) == [
        "input: shorten: allow",
        "input: check words: allow",
        REFUSAL_CHECKED,
    ]


# ---------------------------------------------------------------- exporters


def test_json_lines_hold_no_texts(dialect: str) -> None:
    lines: list[str] = []
    talk(FILES[dialect], "hello", "bad", on_decisions=JsonLines(lines.append))
    records = [json.loads(line) for line in "".join(lines).splitlines()][:5]
    assert [record["verdict"] for record in records] == [
        "allow",
        "allow",
        "allow",
        "allow",
        "block",
    ]
    for word in ("hello", "bad", "Good day", "a bad word"):
        assert word not in "".join(lines)
    assert {"version", "rail", "path", "line", "turn"} <= set(records[0])


def test_json_lines_with_texts(dialect: str) -> None:
    lines: list[str] = []
    talk(FILES[dialect], "bad", on_decisions=JsonLines(lines.append, texts=True))
    record = json.loads("".join(lines).splitlines()[1])
    assert (record["text"], record["reason"]) == ("bad", "a bad word")


def test_an_exporter_that_fails_stops_nothing(dialect: str) -> None:
    def fail(decisions: Sequence[Decision]) -> None:
        raise OSError("disk full")

    [reply] = talk(FILES[dialect], "hello", on_decisions=fail)
    assert reply.text == "Good day."
    assert "disk full" in reply.trace.notes[-1].text


HAS_SDK = importlib.util.find_spec("opentelemetry") and importlib.util.find_spec(
    "opentelemetry.sdk"
)


class FakeSpan:
    """Takes what a span of OpenTelemetry takes."""

    def __init__(self, name: str, start: int | None, attributes: dict[str, Any]) -> None:
        self.name, self.start, self.attributes = name, start, attributes
        self.status: Any = None
        self.end_time: int | None = None

    def set_status(self, status: Any) -> None:
        self.status = status

    def end(self, end_time: int | None = None) -> None:
        self.end_time = end_time


class FakeTracer:
    """Keeps the spans it is asked for."""

    def __init__(self) -> None:
        self.spans: list[FakeSpan] = []

    def start_span(self, name: str, start_time: int | None, attributes: dict[str, Any]) -> FakeSpan:
        self.spans.append(FakeSpan(name, start_time, attributes))
        return self.spans[-1]


class FakeApi:
    """Stands for the module `opentelemetry.trace`."""

    class StatusCode:
        ERROR = "error"

    @staticmethod
    def Status(code: Any, description: str) -> tuple[Any, str]:
        return code, description


def test_spans(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colang_interpreter.tracing.opentelemetry._api", lambda: FakeApi)
    tracer = FakeTracer()
    talk(FILES[dialect], "bad", "boom", on_decisions=OpenTelemetry(tracer))
    passed, blocked, *_, failed = tracer.spans
    assert {span.name for span in tracer.spans} == {"guardrails.rail"}
    assert (passed.attributes["rail.stop"], blocked.attributes["rail.stop"]) == (False, True)
    assert blocked.attributes["rail.certainty"] == 0.75
    assert failed.status is not None and passed.status is None
    assert blocked.start is not None and blocked.end_time is not None
    assert blocked.end_time >= blocked.start
    assert not any("bad" in str(value) for value in blocked.attributes.values())
    talk(FILES[dialect], "bad", on_decisions=OpenTelemetry(tracer, texts=True))
    assert tracer.spans[-1 if dialect == "1.0" else -2].attributes["rail.text"] == "bad"


@pytest.mark.skipif(not HAS_SDK, reason="opentelemetry-sdk is not installed")
def test_spans_of_the_real_package(dialect: str) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    talk(FILES[dialect], "boom", on_decisions=OpenTelemetry(provider.get_tracer("test")))
    spans = exporter.get_finished_spans()
    assert [dict(span.attributes or {})["rail.name"] for span in spans] == [
        "shorten",
        "check words",
    ]
    assert [span.status.is_ok for span in spans] == [True, False]
    assert [dict(span.attributes or {})["code.lineno"] for span in spans] == [
        line_of(dialect, "shorten"),
        line_of(dialect, "check words"),
    ]


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MissingPackageError, match=r"colang-toolchain\[otel\]"):
        OpenTelemetry()


def test_what_a_retrieval_rail_says_goes_through_none() -> None:
    first, second = retrieve("secret", "hello", "hello", flows="refuse, look")
    for reply in (first, second):
        assert reply.text == "I'm sorry, I can't respond to that."
        assert short(reply.decisions) == ["input: check input: allow", "retrieval: refuse: block"]


def test_a_retrieval_rail_that_speaks_and_goes_on_leaves_no_chunks() -> None:
    [reply] = retrieve("old", "hello", flows="warn, look")
    assert reply.text.startswith("This may be out of date.")
    assert short(reply.decisions)[1:] == ["retrieval: warn: allow", "retrieval: look: transform"]
    assert reply.decisions[-1].text_after == ""
