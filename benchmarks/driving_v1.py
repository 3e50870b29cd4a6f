"""Operations for Colang 1.0: parsing, a dialog that grows, messages through rails. See `driving`."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Mapping
from typing import Any

from benchmarks import driving
from benchmarks.driving import Engine, Event, Numbers, expect, median, run

SAMPLES = 5
"""Turns or messages that are measured; the median counts."""


def parse_v1(engine: Engine, *, text: str) -> Numbers:
    """P2: one text; a small one has been parsed before."""
    engine.parse_v1('define bot greet\n  "Hello!"\n')
    gc.collect()
    begin = driving.clock()
    engine.parse_v1(text)
    return {"seconds": driving.clock() - begin}


def said(number: int, flows: int) -> Event:
    """What the user means in a turn: the first and second line of one flow after the other."""
    flow, second = divmod(number, 2)
    return {"type": "UserIntent", "intent": f"{'detail' if second else 'ask'} {flow % flows}"}


def steps_v1(engine: Engine, *, program: str, flows: int, turns: int) -> Numbers:
    """R7, given flows only: the decisions of one turn after `turns` turns, without any built-in flow."""
    compiled = engine.rails(program, "")
    conversation = engine.steps_begin(compiled)
    for number in range(turns):
        engine.steps(conversation, said(number, flows))
    samples: list[float] = []
    gc.collect()
    for number in range(turns, turns + SAMPLES):
        begin = driving.clock()
        decided = engine.steps(conversation, said(number, flows))
        samples.append(driving.clock() - begin)
        expect(decided == ["BotIntent"], f"one bot intent, not {decided}")
    return {"seconds": median(samples)}


def dialog_v1(engine: Engine, *, program: str, flows: int, turns: int) -> Numbers:
    """R7, with the library's flows: a turn of the event-based API, whose history has `turns` turns.

    The first turns are played, the rest of the history repeats them: the reference would need minutes for it.

    Returns:
        `cold`: the first call with this history, as after a restart. `seconds`: the calls after it.
    """
    compiled = engine.rails(program, "")

    async def work() -> Numbers:
        played: list[Event] = []
        for number in range(2 * flows):
            played.append(said(number, flows))
            played += await engine.events(compiled, list(played))
        history = played * (turns // (2 * flows))
        samples: list[float] = []
        gc.collect()
        for number in range(SAMPLES + 1):
            history.append(said(number, flows))
            begin = driving.clock()
            new = await engine.events(compiled, history)
            samples.append(driving.clock() - begin)
            scripts = [event for event in new if event["type"] == "StartUtteranceBotAction"]
            expect(len(scripts) == 1, f"one utterance a turn, not {len(scripts)}")
            history = history + new
        return {"cold": samples[0], "seconds": median(samples[1:])}

    return run(work)


def messages(
    engine: Engine, *, program: str, settings: str, before: int, heap_of: int = 0
) -> Numbers:
    """R8 and R11: a message through rails; the heap each message keeps, once `before` messages have come."""
    compiled = engine.rails(program, settings)

    async def send(first: int, count: int) -> None:
        for number in range(first, first + count):
            text = await engine.message(compiled, f"message number {number}")
            expect(text == "Hello!", f"the bot's text, not {text!r}")

    async def work() -> Numbers:
        if heap_of:  # from the start: what is forgotten later must have been counted
            tracemalloc.start()
        await send(0, before)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        begin = driving.clock()
        await send(before, heap_of or SAMPLES)
        seconds = (driving.clock() - begin) / (heap_of or SAMPLES)
        if not heap_of:
            return {"seconds": seconds}
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return {"heap": max(1.0, (now - held) / heap_of), "kept": now}

    return run(work)


OPERATIONS: Mapping[str, Any] = {
    operation.__name__: operation for operation in (parse_v1, steps_v1, dialog_v1, messages)
}
