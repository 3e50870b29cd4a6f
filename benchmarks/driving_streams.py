"""Operations for streams of tokens. See `driving`."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from benchmarks import driving
from benchmarks.driving import Engine, Numbers, expect, run

CHUNK, CONTEXT = 10, 5


async def words(count: int) -> AsyncGenerator[str]:
    """A stream of tokens."""
    for _ in range(count):
        yield "word "


def windows(engine: Engine, *, tokens: int, rails: int) -> Numbers:
    """R9: tokens through the buffer; with rails, each is awaited for each window before the tokens go on."""
    return _consumed(engine.windows, tokens, CHUNK, CONTEXT, rails)


def stream(engine: Engine, *, program: str, settings: str, tokens: int) -> Numbers:
    """R9: tokens through the output rails of a 1.0 application, flows and all."""
    compiled = engine.rails(program, settings)
    return _consumed(engine.stream, tokens, compiled)


def by_hand(engine: Engine, *, tokens: int, rails: int) -> Numbers:
    """R9: the least that Python needs for `windows`; no engine takes part."""
    return _consumed(_by_hand, tokens, CHUNK, CONTEXT, rails)


async def _by_hand(
    source: AsyncGenerator[str], chunk: int, context: int, rails: int
) -> AsyncGenerator[str]:
    new: list[str] = []
    before: list[str] = []
    wanted = chunk
    async for token in source:
        new.append(token)
        if len(new) >= wanted:
            both = before + new
            text = "".join(both)
            before, wanted = both[-context:], chunk - context
            for _ in range(rails):
                await _allows(text)
            for each in new:
                yield each
            new = []
    for each in new:
        yield each


async def _allows(_text: str) -> bool:
    return True


def _consumed(make: Any, tokens: int, *arguments: Any) -> Numbers:
    async def work(count: int) -> float:
        got = 0
        begin = driving.clock()
        async for token in make(words(count), *arguments):
            got += len(token)
        seconds = driving.clock() - begin
        expect(got == 5 * count, f"each of {count} tokens once, not {got} characters")
        return seconds

    run(lambda: work(100))
    gc.collect()
    return {"seconds": run(lambda: work(tokens))}


OPERATIONS: Mapping[str, Any] = {
    operation.__name__: operation for operation in (windows, stream, by_hand)
}
