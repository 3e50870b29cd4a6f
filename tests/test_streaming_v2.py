"""Streams in Colang 2.x: what a model writes is shown while it writes, in windows that the output rails let pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.dynamic import is_list
from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.model import ModelRequest, ModelResponse
from colang_interpreter.llm.scripted import ScriptedModel
from colang_interpreter.messages.errors import StreamingNotSupportedError
from colang_interpreter.streaming import StreamingHandler, error_of

GUARD = """
import guardrails

flow output rails $output_text
  $fine = await LookAction(text=$output_text)
  if $fine != True
    bot say "No."
    abort
"""

CHAT = """
import core
import {module}
{guard}
flow main
  activate llm continuation
  activate greeting
  activate joking
  activate keeping
  wait indefinitely

flow greeting
  user said "hi"
  bot say "Hello to all of you!"

flow joking
  user said "joke"
  $joke = ..."A joke."
  bot say $joke
  bot say "Ha!"

flow keeping
  user said "keep"
  $secret = ..."Something nobody may know."
  bot say "I know."
"""

INTENT = "user asked something"
WORDS = "one two three four five six seven"


def app(
    model: Any,
    *,
    guard: bool = True,
    stream_first: bool = False,
    enabled: bool = True,
    module: str = "passthrough",
    look: Callable[[str], Any] = lambda text: "BAD" not in text,
) -> LLMRails:
    colang = CHAT.format(module=module, guard=GUARD if guard else "")
    settings = f"enabled: {enabled}, chunk_size: 4, context_size: 2, stream_first: {stream_first}"
    yaml = f"colang_version: '2.x'\nrails: {{output: {{streaming: {{{settings}}}}}}}\n".lower()
    if is_list(model):
        model = ScriptedModel(model)
    rails = LLMRails(RailsConfig.from_content(colang, yaml), llm=model)

    async def look_at(text: str) -> Any:
        result = look(text)
        return await result if asyncio.iscoroutine(result) else result

    rails.register_action(look_at, "LookAction")
    return rails


def chunks(rails: LLMRails, text: str, **given: Any) -> list[Any]:
    async def main() -> list[Any]:
        return [chunk async for chunk in rails.stream_async(text, **given)]

    return asyncio.run(asyncio.wait_for(main(), 20))


def pieces(text: str) -> list[str]:
    return [f"{word} " for word in text.split()[:-1]] + text.split()[-1:]


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize(
    ("module", "completion"),
    [
        ("passthrough", WORDS),
        ("llm", f'bot intent: bot answer\nbot action: bot say "{WORDS}"'),
        ("llm", f"bot intent: bot answer\nbot action: bot inform '{WORDS}'\n  and bot gesture \"wave\""),
    ],
)  # fmt: skip
def test_an_answer_of_the_model_comes_in_its_pieces(
    guard: bool, module: str, completion: str
) -> None:
    rails = app([INTENT, completion], guard=guard, module=module)
    assert chunks(rails, "what?") == pieces(WORDS)


def test_a_text_of_the_program_is_one_chunk_and_a_generated_value_that_is_said_comes_in_pieces() -> (
    None
):
    assert chunks(app([]), "hi") == ["Hello to all of you!"]
    assert chunks(app([f'"{WORDS}"']), "joke") == [*pieces(WORDS), "\nHa!"]


def test_a_value_that_the_program_keeps_is_not_shown() -> None:
    assert chunks(app(['"the password is x"'], guard=False), "keep") == ["I know."]


def test_text_that_is_more_than_plain_is_shown_when_it_is_said() -> None:
    completion = 'bot intent: bot answer\nbot action: bot say "one two \\"three\\" four"'
    found = chunks(app([INTENT, completion], guard=False, module="llm"), "what?")
    assert found[:2] == ["one ", "two "]
    assert "".join(found) == 'one two "three" four'


@pytest.mark.parametrize("stream_first", [True, False])
def test_a_blocked_window_ends_the_stream(stream_first: bool) -> None:
    rails = app([INTENT, "one two three four five BAD seven eight nine"], stream_first=stream_first)
    found = chunks(rails, "what?")
    shown = pieces("one two three four five BAD x")[: 6 if stream_first else 4]
    assert found[:-1] == shown
    error = error_of(found[-1])
    assert error == {
        "message": "Blocked by output rails.",
        "type": "guardrails_violation",
        "param": "output",
        "code": "content_blocked",
    }


def test_no_token_leaves_before_its_window_was_judged() -> None:
    """The rail answers only when told to; whatever has left before is a token too early."""

    async def main() -> None:
        asked: asyncio.Queue[str] = asyncio.Queue()
        answer: asyncio.Queue[bool] = asyncio.Queue()
        out: list[str] = []

        async def look(text: str) -> bool:
            if text == WORDS:  # the program, before it says all of it
                return True
            asked.put_nowait(text)
            return await answer.get()

        async def read() -> None:
            async for chunk in app([INTENT, WORDS], look=look).stream_async("what?"):
                out.append(chunk)

        reader = asyncio.create_task(read())
        for window, passed in [
            ("one two three four ", 0),
            ("three four five six ", 4),
            ("five six seven", 6),
        ]:
            assert await asyncio.wait_for(asked.get(), 10) == window
            for _ in range(100):  # whatever could run meanwhile has run
                await asyncio.sleep(0)
            assert out == pieces(WORDS)[:passed], "too early"
            answer.put_nowait(True)
        await asyncio.wait_for(reader, 10)
        assert out == pieces(WORDS)

    asyncio.run(main())


def test_what_the_rails_refuse_as_a_whole_is_taken_back() -> None:
    """No window has both words, the whole text has: the bot says something else than what was shown."""
    text = "BAD two three four five six seven WORSE"
    found = chunks(app([INTENT, text], look=lambda text: not ("BAD" in text and "WORSE" in text)), "what?")  # fmt: skip
    error = error_of(found[-1])
    assert error is not None
    assert "taken back" in error["message"]
    assert "No." not in "".join(found)


def test_rails_that_see_only_whole_messages_get_whole_messages() -> None:
    assert chunks(app([INTENT, WORDS], enabled=False), "what?") == [WORDS]
    assert chunks(app([INTENT, "BAD"], enabled=False), "what?") == ["No."]


async def tokens(text: str) -> AsyncGenerator[str]:
    for piece in pieces(text):
        yield piece


def test_tokens_of_the_caller_go_through_the_rails() -> None:
    rails = app([])
    assert chunks(rails, "x", generator=tokens(WORDS)) == pieces(WORDS)
    found = chunks(rails, "x", generator=tokens("one two three BAD five"))
    assert len(found) == 1 and error_of(found[0])
    with pytest.raises(StreamingNotSupportedError):
        chunks(app([], enabled=False), "x", generator=tokens(WORDS))
    assert chunks(app([], guard=False), "x", generator=tokens(WORDS)) == pieces(WORDS)


def test_a_handler_gets_pieces_or_what_the_rails_have_let_pass() -> None:
    async def main(rails: LLMRails) -> tuple[list[str], Any]:
        handler = StreamingHandler()
        task = asyncio.ensure_future(rails.generate_async("what?", streaming_handler=handler))
        return [piece async for piece in handler], await task

    assert asyncio.run(main(app([INTENT, WORDS], guard=False))) == (pieces(WORDS), WORDS)
    assert asyncio.run(main(app([INTENT, WORDS]))) == ([WORDS], WORDS)
    assert asyncio.run(main(app([INTENT, "BAD one"]))) == (["No."], "No.")


def test_the_calls_behind_a_stream_can_be_explained() -> None:
    async def main() -> list[str]:
        rails = app([INTENT, WORDS])
        assert [chunk async for chunk in rails.stream_async("what?", include_metadata=True)]
        return [str(call.task) for call in rails.explain().llm_calls]

    assert asyncio.run(main()) == ["generate_user_intent_from_user_action", "general"]


# ---------------------------------------------------------------- faults


FAULTS: dict[str, Callable[[str], Any]] = {
    "raises": lambda text: 1 // 0,
    "gives rubbish": lambda text: object(),
    "gives nothing": lambda text: None,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stream_first", [False])
def test_a_rail_that_cannot_tell_lets_nothing_pass(fault: str, stream_first: bool) -> None:
    found = chunks(app([INTENT, WORDS], look=FAULTS[fault], stream_first=stream_first), "what?")
    assert len(found) == 1
    error = error_of(found[0])
    assert error is not None
    assert error["param"] == "output"


class CutOff:
    """A model that breaks off in the middle of its second answer."""

    def __init__(self) -> None:
        self.calls = 0

    async def generate(self, request: ModelRequest) -> ModelResponse:
        self.calls += 1
        if self.calls == 1:
            return ModelResponse(text=INTENT)
        for piece in ["one ", "two ", "three ", "four ", "SECRET "]:
            assert request.on_token is not None
            request.on_token(piece)
            await asyncio.sleep(0)
        raise LLMCallException(
            "cut off after: SECRET and more of what the model has written\nSECRET"
        )


def test_a_model_that_is_cut_off_ends_the_stream() -> None:
    found = chunks(app(CutOff(), look=lambda text: "SECRET" not in text), "what?")
    assert found[:4] == pieces("one two three four x")[:4]
    assert error_of(found[-1]) is not None
    assert "SECRET" not in "".join(found[:-1])


def test_a_reader_that_leaves_stops_model_and_rails() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        stopped: list[str] = []

        async def look(text: str) -> bool:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(text)
            raise AssertionError

        rails = app([INTENT, WORDS], look=look)

        async def read() -> None:
            async for _ in rails.stream_async("what?"):
                pass

        reader = asyncio.create_task(read())
        await asyncio.sleep(0.3)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await asyncio.sleep(0)
        assert "one two three four " in stopped
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(main(), 20))


def test_many_streams_at_a_time_do_not_see_each_other() -> None:
    class Echo:
        """Answers with the words of the message, slowly."""

        async def generate(self, request: ModelRequest) -> ModelResponse:
            if request.task != "general":
                return ModelResponse(text=INTENT)
            text = request.text.rsplit("mine: ", 1)[-1].split("\n")[0].strip()
            for piece in pieces(text):
                await asyncio.sleep(0)
                if request.on_token is not None:
                    request.on_token(piece)
            return ModelResponse(text=text)

    async def main() -> None:
        rails = app(Echo())

        async def one(number: int) -> list[Any]:
            words = " ".join(f"w{number}x{at}" for at in range(7 if number % 5 else 6))
            said = words if number % 5 else f"{words} BAD"
            return [chunk async for chunk in rails.stream_async(f"mine: {said}")]

        for number, found in enumerate(await asyncio.gather(*(one(n) for n in range(100)))):
            assert all(f"w{number}x" in chunk for chunk in found if not error_of(chunk))
            assert (error_of(found[-1]) is None) == bool(number % 5)
            assert "".join(found).count(f"w{number}x") == (7 if number % 5 else 6)

    asyncio.run(asyncio.wait_for(main(), 60))
