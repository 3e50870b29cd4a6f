"""Sessions whose turns are streams, in both dialects: what leaves, in what order, and what a broken turn leaves behind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import colang
from colang_interpreter import Bot, compile
from colang_interpreter.host.session import Reply
from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.scripted import ScriptedModel
from colang_interpreter.messages.errors import StreamingNotSupportedError
from colang_interpreter.messages.sessions import StreamedSession
from colang_interpreter.streaming import ErrorChunk

STREAMING = "{enabled: true, chunk_size: 3, context_size: 1, stream_first: false}"
V1 = """
define subflow check input
  if $user_message == "forbidden"
    create event InputRailException(message="Not that.")
    stop

define subflow look
  $fine = execute look(text=$bot_message)
  if not $fine
    stop
"""
V2 = """
import core
import llm
{guardrails}
flow main
  activate telling
  wait indefinitely

flow telling
  user said something
  $told = ..."A story."
  bot say $told
"""
V2_RAILS = """
import guardrails

flow input rails $input_text
  if $input_text == "forbidden"
    send InputRailException(message="Not that.")
    abort

flow output rails $output_text
  $fine = await LookAction(text=$output_text)
  if not $fine
    abort
"""
FOUR = ["one ", "two ", "three ", "four"]


def files(dialect: str, *, rails: bool = True, streaming: str = STREAMING) -> dict[str, str]:
    settings = f"output: {{streaming: {streaming}"
    if dialect == "1.0":
        flows = "[look]" if rails else "[]"
        settings = f"input: {{flows: [check input]}}, {settings}, flows: {flows}"
        return {"main.co": V1, "config.yml": f"rails: {{{settings}}}}}\n"}
    text = V2.replace("{guardrails}", V2_RAILS if rails else "")
    return {"main.co": text, "config.yml": f'colang_version: "2.x"\nrails: {{{settings}}}}}\n'}


class Talk:
    """A streamed conversation: what comes out of each turn, and the order of what happens in it."""

    def __init__(self, dialect: str, completions: list[Any], **given: Any) -> None:
        self.dialect = dialect
        self.order: list[str] = []
        quote = (lambda text: text) if dialect == "1.0" else json.dumps
        texts = [each if isinstance(each, Exception) else quote(each) for each in completions]
        self.model = ScriptedModel(texts)
        program = compile(colang.Project.from_texts(files(dialect, **given)))
        self.bot = Bot(program, llm=self.model)
        self.bot.register_action(self.look, "look" if dialect == "1.0" else "LookAction")

    async def look(self, text: str) -> bool:
        self.order.append(f"judge {text!r}")
        return "bad" not in text

    def run(self, *said: str) -> list[tuple[list[str], Reply | None]]:
        async def conversation() -> list[tuple[list[str], Reply | None]]:
            turns: list[tuple[list[str], Reply | None]] = []
            async with StreamedSession(self.bot, seed=1) as session:
                for text in said:
                    chunks: list[str] = []
                    heard = {"type": "UtteranceUserActionFinished", "final_transcript": text}
                    async for chunk in session.send(heard):
                        self.order.append(f"give {chunk!r}")
                        chunks.append(chunk)
                    turns.append((chunks, session.reply))
            return turns

        return asyncio.run(conversation())


@pytest.fixture(params=["1.0", "2.x"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_pieces_come_while_the_model_writes(dialect: str) -> None:
    talk = Talk(dialect, ["one two three four", "five six"], rails=False)
    (first, reply), (second, _) = talk.run("hello", "again")
    assert first == FOUR and second == ["five ", "six"]
    assert reply is not None and reply.text == "one two three four"
    assert talk.order[: len(FOUR)] == [f"give {piece!r}" for piece in FOUR]


def test_windows_are_judged_before_they_leave(dialect: str) -> None:
    talk = Talk(dialect, ["one two three four"])
    [(chunks, reply)] = talk.run("hello")
    assert "".join(chunks) == "one two three four"
    assert reply is not None and reply.text == "one two three four"
    given = talk.order.index
    assert given("judge 'one two three '") < given("give 'one '") < given("give 'three '")
    assert given("judge 'three four'") < given("give 'four'")


def test_the_same_events_as_without_streaming(dialect: str) -> None:
    talk = Talk(dialect, ["one two three four"])
    [(_, streamed)] = talk.run("hello")
    plain = Talk(dialect, ["one two three four"])

    async def whole() -> Reply:
        async with plain.bot.session(seed=1) as session:
            heard = {"type": "UtteranceUserActionFinished", "final_transcript": "hello"}
            return await session.send(heard)

    assert streamed is not None
    said = [[e["type"] for e in reply.events] for reply in (streamed, asyncio.run(whole()))]
    assert said[0] == said[1] and "StartUtteranceBotAction" in said[0]


def test_a_turn_that_rails_break_off_leaves_no_trace(dialect: str) -> None:
    talk = Talk(dialect, ["one bad three four five six", "fine"])
    (broken, nothing), (chunks, reply) = talk.run("hello", "again")
    [error] = broken
    assert isinstance(error, ErrorChunk) and error.error["code"] == "content_blocked"
    assert nothing is None
    assert chunks == ["fine"] and reply is not None
    assert "bad" not in "".join(str(event) for event in reply.inside)
    prompt = talk.model.calls[-1].text
    assert "bad" not in prompt and "hello" not in prompt and "again" in prompt


def test_what_has_passed_stays_and_the_error_is_last(dialect: str) -> None:
    [(chunks, reply)] = Talk(dialect, ["one two three four bad six seven"]).run("hello")
    assert chunks[:3] == ["one ", "two ", "three "] and reply is None
    assert isinstance(chunks[3], ErrorChunk) and len(chunks) == 4


def test_an_exception_of_a_rail_is_an_error(dialect: str) -> None:
    talk = Talk(dialect, ["fine"])
    (broken, nothing), (chunks, reply) = talk.run("forbidden", "hello")
    [error] = broken
    assert isinstance(error, ErrorChunk) and nothing is None
    assert (error.error["message"], error.error["code"]) == ("Not that.", "InputRailException")
    assert chunks == ["fine"] and reply is not None


def test_a_model_that_fails_ends_a_stream_of_1_0() -> None:
    """In 2.x the flow that wants the text fails, and the turn goes on."""
    talk = Talk("1.0", [LLMCallException("out of order"), "fine"])
    (broken, nothing), (chunks, _) = talk.run("my secret", "hello")
    [error] = broken
    assert isinstance(error, ErrorChunk) and nothing is None
    assert error.error["code"] == "generation_failed" and "secret" not in error
    assert chunks == ["fine"]


def test_a_reader_who_leaves_breaks_the_turn_off(dialect: str) -> None:
    talk = Talk(dialect, ["one two three four", "fine"], rails=False)

    async def conversation() -> tuple[str, Reply | None, list[str]]:
        async with StreamedSession(talk.bot, seed=1) as session:
            heard = {"type": "UtteranceUserActionFinished", "final_transcript": "hello"}
            chunks = session.send(heard)
            first = await anext(chunks)
            await chunks.aclose()
            left = session.reply
            return first, left, [chunk async for chunk in session.send(heard)]

    assert asyncio.run(conversation()) == ("one ", None, ["fine"])


def test_rails_that_see_whole_messages(dialect: str) -> None:
    talk = Talk(dialect, ["one two three four"], streaming="{enabled: false}")
    if dialect == "1.0":
        with pytest.raises(StreamingNotSupportedError, match="see only whole messages"):
            StreamedSession(talk.bot)
        return
    [(chunks, reply)] = talk.run("hello")
    assert chunks == ["one two three four"] and reply is not None
    assert talk.order == ["judge 'one two three four'", "give 'one two three four'"]


def test_a_turn_without_words(dialect: str) -> None:
    talk = Talk(dialect, [])

    async def conversation() -> tuple[list[str], Reply | None]:
        async with StreamedSession(talk.bot, seed=1) as session:
            return [chunk async for chunk in session.send()], session.reply

    chunks, reply = asyncio.run(conversation())
    assert chunks == [] and reply is not None and reply.text == ""
