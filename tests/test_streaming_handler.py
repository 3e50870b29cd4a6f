"""The way of an answer from a model to its reader: the queue, and what of a completion is shown."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colang_interpreter.llm import completions
from colang_interpreter.streaming import (
    ErrorChunk,
    QuotedMessage,
    SingleCallMessage,
    StopTexts,
    StreamingHandler,
    TextFilter,
)

# ---------------------------------------------------------------- the queue


def test_chunks_arrive_as_they_are_pushed() -> None:
    async def main() -> None:
        handler = StreamingHandler()
        got: list[str] = []

        async def read() -> None:
            async for chunk in handler:
                got.append(chunk)

        reader = asyncio.create_task(read())
        for piece in ["one ", "", "two ", "three"]:
            await handler.push_chunk(piece)
            for _ in range(3):
                await asyncio.sleep(0)
            assert "".join(got).endswith(piece)
        assert not reader.done()
        await handler.push_chunk(None)
        await asyncio.wait_for(reader, 5)
        assert got == ["one ", "two ", "three"]
        assert await handler.wait() == "one two three"

    asyncio.run(main())


def test_what_was_pushed_before_anybody_reads_is_kept() -> None:
    async def main() -> list[Any]:
        handler.push("one ")
        handler.push("two")
        handler.finish()
        handler.finish()
        handler.push("late")
        handler.fail(ValueError("late"))
        return [chunk async for chunk in handler]

    handler = StreamingHandler()  # made outside of any event loop
    assert asyncio.run(main()) == ["one ", "two"]


def test_metadata_makes_mappings() -> None:
    async def main() -> list[Any]:
        handler = StreamingHandler(include_metadata=True)
        handler.push("one", {"id": 1})
        handler.finish({"model": "m"})
        return [chunk async for chunk in handler]

    last = {"response_metadata": None, "usage_metadata": None, "model": "m"}
    assert asyncio.run(main()) == [
        {"text": "one", "metadata": {"id": 1}},
        {"text": "", "metadata": last},
    ]


def test_a_failure_is_the_last_chunk() -> None:
    async def main(problem: Any) -> list[Any]:
        handler = StreamingHandler(stop=["END"])
        handler.push("one E")
        handler.fail(problem)
        return [chunk async for chunk in handler]

    *before, error = asyncio.run(main(ValueError("boom")))
    assert before == ["one ", "E"]
    assert (
        isinstance(error, ErrorChunk)
        and error.error["message"] == "the answer could not be made (ValueError)"
    )
    given = ErrorChunk.blocked("rail")
    assert asyncio.run(main(given))[-1] is given


def test_pushing_waits_for_room() -> None:
    async def main() -> None:
        handler = StreamingHandler(limit=2)
        pushed: list[int] = []

        async def write() -> None:
            for number in range(10):
                await handler.push_chunk(f"{number} ")
                pushed.append(number)
            handler.finish()

        writer = asyncio.create_task(write())
        for _ in range(20):
            await asyncio.sleep(0)
        assert pushed == [0, 1], "the queue has no end"
        chunks = handler.texts()
        assert await chunks.__anext__() == "0 "
        for _ in range(20):
            await asyncio.sleep(0)
        assert pushed == [0, 1, 2]
        rest = [chunk async for chunk in chunks]
        assert rest == [f"{number} " for number in range(1, 10)]
        await writer

    asyncio.run(main())


def test_a_callback_that_cannot_wait_joins_texts() -> None:
    async def main() -> list[str]:
        handler = StreamingHandler(limit=2)
        for number in range(5):
            handler.push(f"{number} ")
        handler.push("!", {"id": 1})
        handler.push("?")
        handler.finish()
        return [chunk async for chunk in handler]

    assert asyncio.run(main()) == ["0 ", "1 2 3 4 ", "!", "?"]


def test_nobody_waits_for_a_reader_that_has_gone() -> None:
    async def main() -> None:
        handler = StreamingHandler(limit=1)

        async def write() -> str:
            for number in range(100):
                await handler.push_chunk(str(number % 10))
            handler.finish()
            return await handler.wait()

        writer = asyncio.create_task(write())
        chunks = handler.texts()
        assert await chunks.__anext__() == "0"
        await asyncio.sleep(0)
        await chunks.aclose()
        assert await asyncio.wait_for(writer, 5) == "0123456789" * 10

    asyncio.run(main())


def test_a_cancelled_reader_or_writer_harms_nobody() -> None:
    async def main() -> None:
        handler = StreamingHandler(limit=1)
        await handler.push_chunk("one")
        writer = asyncio.create_task(handler.push_chunk("lost"))
        await asyncio.sleep(0)
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        waiting = asyncio.create_task(handler.push_chunk("two"))
        chunks = handler.texts()
        assert [await chunks.__anext__(), await chunks.__anext__()] == ["one", "two"]
        await waiting
        reader = asyncio.ensure_future(chunks.__anext__())
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await asyncio.wait_for(handler.push_chunk("nobody listens"), 5)
        handler.finish()
        assert await handler.wait() == "onetwonobody listens"

    asyncio.run(main())


def test_one_reader_once() -> None:
    handler = StreamingHandler()
    handler.texts()
    with pytest.raises(RuntimeError, match="read once"):
        handler.texts()


@pytest.mark.parametrize("limit", [0, -1])
def test_the_limit_is_at_least_one(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        StreamingHandler(limit=limit)


def test_sinks_share_a_handler() -> None:
    async def main() -> list[str]:
        handler = StreamingHandler()
        first, second, raw = (
            handler.sink(QuotedMessage()),
            handler.sink(QuotedMessage()),
            handler.sink(),
        )
        for piece in ['  "one ', 'two"\n']:
            first(piece)
        first.finish()
        first.finish()
        second('Bot message: "three"')
        second.finish()
        raw('"four"')
        raw.finish()
        handler.finish()
        return [chunk async for chunk in handler]

    assert asyncio.run(main()) == ["one ", "two", "three", '"four"']


@pytest.mark.parametrize("released", [True, False])
def test_a_held_sink_waits_for_the_decision(released: bool) -> None:
    async def main() -> list[str]:
        handler = StreamingHandler()
        sink = handler.sink(SingleCallMessage(), held=True)
        for piece in ["  go\n", "bot explain\n", '  "one ', "two ", 'three"']:
            sink(piece)
        sink.finish()
        if released:
            sink.release()
        handler.push("last")
        handler.finish()
        return [chunk async for chunk in handler]

    assert asyncio.run(main()) == ["one ", "two ", "three", "last"][0 if released else 3 :]


# ---------------------------------------------------------------- what of a completion is shown


def shown(filter: TextFilter, pieces: list[str]) -> list[str]:
    """The pieces a user sees; the last one is what came at the end."""
    return [*(filter.feed(piece) for piece in pieces), filter.finish()]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([" ", " ", '"one ', "two ", 'three"'], ["", "", "one ", "two ", "three", ""]),
        (['Bot mess', 'age: "hi', '"'], ["", "hi", "", ""]),
        (["one ", "two"], ["", "", "one two"]),
        (["  one"], ["", "one"]),
        (['  "one', '" ', "two"], ["one", "", '" two', ""]),
        (['  "one" two "three"'], ['one" two "three', ""]),
        (['  "one"\n', '  "two"'], ["one", "", ""]),
        (['  "one\n', "  two\n", "\n", '  three"'], ["one", "\ntwo", "", "\nthree", ""]),
        (['  "one\nus', "er more"], ["one", "", ""]),
        (['  "one\nus', "ual"], ["one", "\nusual", ""]),
        (['  "one\n  user', ' x"'], ["one\nuser", " x", ""]),
        (['  "one\nus'], ["one", "\nus"]),
        (['  "one\\', 'ntwo\\', '"'], ["one", "\ntwo", "\\", ""]),
        (['  "one"  ', "\n"], ["one", "", ""]),
        (['\n\n  "one"'], ["one", ""]),
        (['  "one""'], ['one"', ""]),
        (['  "', '"'], ["", "", completions.NOTHING_TO_SAY]),
        ([], [completions.NOTHING_TO_SAY]),
    ],
    ids=range(18),
)  # fmt: skip
def test_quotes_around_a_message_are_not_shown(pieces: list[str], expected: list[str]) -> None:
    assert shown(QuotedMessage(), pieces) == expected


def test_the_opening_and_the_way_out_can_be_set() -> None:
    assert shown(QuotedMessage(["<"], str.upper), ["<a", "b"]) == ["a", "b", ""]
    assert shown(QuotedMessage(["<"], str.upper), ["a", "b"]) == ["", "", "AB"]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["  go\n", "bot ", "explain\n", '  "one ', 'two"'], ["", "", "", "one ", "two", ""]),
        (["# c\n\ngo\nbot x", '\n  "one"\n'], ["", "one", ""]),
        (["go\nbot x\none two"], ["", "one two"]),
        (["go\nbot x"], ["", completions.NOTHING_TO_SAY]),
        (["go"], ["", completions.NOTHING_TO_SAY]),
    ],
    ids=range(5),
)  # fmt: skip
def test_of_a_single_call_the_message_is_shown(pieces: list[str], expected: list[str]) -> None:
    assert shown(SingleCallMessage(), pieces) == expected


@pytest.mark.parametrize(
    ("stop", "pieces", "expected"),
    [
        (["User:"], ["Hi. User: x", "more"], ["Hi. ", "", ""]),
        (["User:", "\n\n"], ["a\n", "\nb"], ["a", "", ""]),
        (["User:", "\n\n"], ["a\n", "b User"], ["a", "\nb ", "User"]),
        (["aab"], ["aa", "ab"], ["", "a", ""]),
        (["b", "ab"], ["xab"], ["x", ""]),
        (["", "x"], ["ab"], ["ab", ""]),
        ([], ["ab"], ["ab", ""]),
    ],
    ids=range(7),
)  # fmt: skip
def test_nothing_behind_a_stop_text_is_shown(
    stop: list[str], pieces: list[str], expected: list[str]
) -> None:
    assert shown(StopTexts(stop), pieces) == expected


@given(
    st.lists(st.text(alphabet="ab", max_size=4)),
    st.lists(st.text("ab", min_size=1, max_size=3), max_size=3),
)
def test_stop_texts_do_not_depend_on_the_pieces(pieces: list[str], stop: list[str]) -> None:
    whole = "".join(pieces)
    first = min((whole.find(text) for text in stop if text in whole), default=len(whole))
    assert "".join(shown(StopTexts(stop), pieces)) == whole[:first]


def normal(text: str) -> str:
    """Without blanks at the ends of lines: those are shown before it is known that the line ends."""
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip()


PARTS = st.lists(
    st.sampled_from(["a", "b c", '"', " ", "\n", "\n\n", "\nuser", "us", "er", "\\", "n", "  "]),
    max_size=12,
)


@given(PARTS, st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_what_is_shown_is_what_will_be_said(
    parts: list[str], sizes: list[int], single: bool
) -> None:
    """However the completion comes in pieces, the reader gets what the pipeline reads from the whole."""
    completion = '  "' + "".join(parts)
    filter: TextFilter = QuotedMessage()
    expected = completions.message(completion)
    if single:
        completion = f"ask\nbot tell\n{completion}"
        filter, expected = SingleCallMessage(), completions.single_call(completion).message
    pieces: list[str] = []
    at = 0
    while at < len(completion):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(completion[at : at + size])
        at += size
    assert normal("".join(shown(filter, pieces))) == normal(expected)
