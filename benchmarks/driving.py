"""What is measured, written once for both engines: each engine is a small adapter (`Engine`), each job an operation here.

A driver is a process that reads jobs as JSON lines and answers each with one line of numbers; it imports
nothing but the standard library and its engine, so it runs in any virtual environment. Seconds are CPU time
of the measuring thread unless a key ends in `_wall`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

Event = dict[str, Any]
Numbers = dict[str, float]
_T = TypeVar("_T")
clock = time.thread_time

ASKED: list[Event] = [{"role": "user", "content": "hello"}]
"""What an answer that is streamed answers."""


class Engine(Protocol):
    """What an engine offers to be measured. Programs and conversations are its own objects."""

    ready_code: str
    """Python code for a new process that prints the seconds until a first small text is parsed."""

    def parse(self, text: str) -> object:
        """Parse one Colang 2.x text."""
        ...

    def compile(self, text: str) -> Any:
        """A program that conversations can be started from."""
        ...

    def start(self, program: Any) -> Any:
        """The bare core: a new conversation whose `main` has been started."""
        ...

    def feed(self, conversation: Any, event: Event) -> list[Event]:
        """The bare core: one event, run until all wait; the outgoing events."""
        ...

    async def begin(self, program: Any) -> Any:
        """The outer loop: a new conversation whose `main` has been started."""
        ...

    async def process(self, conversation: Any, events: list[Event]) -> list[Event]:
        """The outer loop: outgoing events are fed back; those for the host are returned."""
        ...

    def dump(self, conversation: Any) -> str:
        """A conversation of the bare core as text."""
        ...

    def restore(self, program: Any, blob: str) -> object:
        """The conversation again."""
        ...

    def parse_v1(self, text: str) -> object:
        """Parse one Colang 1.0 text."""
        ...

    def rails(self, text: str, settings: str) -> Any:
        """A 1.0 application of a Colang text and a settings text.

        It has the actions `allow`, which returns True, and `allow_window`, which returns a `RailOutcome` that allows.
        """
        ...

    def steps_begin(self, program: Any) -> Any:
        """1.0, bare core: a conversation that runs the given flows only."""
        ...

    def steps(self, conversation: Any, event: Event) -> list[str]:
        """1.0, bare core: one event, and then whatever the flows decide; the types of these events."""
        ...

    async def events(self, program: Any, history: list[Event]) -> list[Event]:
        """1.0: the new events after a history."""
        ...

    async def message(self, program: Any, text: str) -> str:
        """1.0: the bot's text after a conversation of one message of the user."""
        ...

    def windows(
        self, tokens: AsyncGenerator[str], chunk: int, context: int, rails: int
    ) -> AsyncGenerator[str]:
        """The tokens through a buffer, as texts; so many checks that do nothing are awaited for each window."""
        ...

    def stream(self, tokens: AsyncGenerator[str], program: Any) -> AsyncIterator[Any]:
        """1.0: the tokens through the output rails of an application."""
        ...

    def migrate(self, text: str) -> object:
        """One Colang 1.0 text in 2.x."""
        ...

    def command(self, name: str, folder: Path) -> list[str]:
        """The command line of a whole process: `import`, `help` or `convert` (a 1.0 folder)."""
        ...


class Unavailable(Exception):
    """The engine cannot do this job; the text says why."""


# ---------------------------------------------------------------- operations


def parse(engine: Engine, *, texts: Sequence[str]) -> Numbers:
    """P1: all texts, one after the other. The first text has been parsed once before."""
    engine.parse(texts[0])
    gc.collect()
    begin = clock()
    for text in texts:
        engine.parse(text)
    return {"seconds": clock() - begin}


def migration(engine: Engine, *, text: str) -> Numbers:
    """M1: one text. Its first lines have been migrated once before."""
    engine.migrate(text[: text.index("define", 1000)])
    gc.collect()
    begin = clock()
    engine.migrate(text)
    return {"seconds": clock() - begin}


def ready(engine: Engine) -> Numbers:
    """P1b: a new process, until its parser has parsed a small text."""
    done = subprocess.run(
        [sys.executable, "-c", engine.ready_code], check=True, capture_output=True, text=True
    )
    return {"seconds": float(done.stdout.split()[-1])}


def command(engine: Engine, *, name: str, files: Mapping[str, str]) -> Numbers:
    """P3: CPU time of a whole process, its children included."""
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bot"
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        argv = engine.command(name, folder)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(argv, capture_output=True, text=True, cwd=temporary, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise Unavailable(
            f"{Path(argv[0]).name} {' '.join(argv[1:2])}: exit status {done.returncode}"
        )
    return {
        "seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def start(engine: Engine, *, program: str, times: int) -> Numbers:
    """R0: start a conversation of a program that is compiled already, through the outer loop."""
    compiled = engine.compile(program)

    async def work() -> list[float]:
        await engine.begin(compiled)
        samples: list[float] = []
        gc.collect()
        for _ in range(times):
            begin = clock()
            await engine.begin(compiled)
            samples.append(clock() - begin)
        return samples

    return {"seconds": median(run(work))}


def loop(engine: Engine, *, program: str, event: Event, times: int) -> Numbers:
    """R1: one event after the other through the outer loop; seconds for one event."""
    compiled = engine.compile(program)

    async def work() -> Numbers:
        conversation = await engine.begin(compiled)
        for _ in range(20):
            answered = await engine.process(conversation, [event])
            expect(bool(answered), "an answer to each event")
        gc.collect()
        wall, begin = time.perf_counter(), clock()
        for _ in range(times):
            await engine.process(conversation, [event])
        cpu = clock() - begin
        return {"seconds": cpu / times, "seconds_wall": (time.perf_counter() - wall) / times}

    return run(work)


def core(
    engine: Engine,
    *,
    program: str,
    before: Sequence[tuple[Event, int]] = (),
    timed: Sequence[Event],
    answer: str | None,
    blocks: int = 1,
) -> Numbers:
    """The bare core: the start, then unmeasured events, then the measured ones.

    Args:
        engine: What to measure.
        program: A Colang text.
        before: Events that are not measured, each with the number of times it is fed.
        timed: Measured together, `blocks` times.
        answer: The type of an event that must come out of each block; the best check that the work was done.
        blocks: How often `timed` is fed; the median counts.

    Returns:
        `start`: seconds of the start. `seconds`: of all events of `timed` together.
    """
    compiled = engine.compile(program)
    gc.collect()
    begin = clock()
    conversation = engine.start(compiled)
    started = clock() - begin
    for event, times in before:
        for _ in range(times):
            engine.feed(conversation, event)
    samples: list[float] = []
    gc.collect()
    for _ in range(blocks):
        out: list[Event] = []
        begin = clock()
        for event in timed:
            out += engine.feed(conversation, event)
        samples.append(clock() - begin)
        types = {one["type"] for one in out}
        expect(answer is None or answer in types, f"{answer} among {sorted(types)}")
    return {"start": started, "seconds": median(samples)}


def state(engine: Engine, *, program: str) -> Numbers:
    """R5: size of a saved state in bytes, and the seconds to save and to restore it."""
    compiled = engine.compile(program)
    conversation = engine.start(compiled)
    engine.restore(compiled, engine.dump(conversation))
    gc.collect()
    begin = clock()
    blob = engine.dump(conversation)
    dumped = clock() - begin
    begin = clock()
    engine.restore(compiled, blob)
    restored = clock() - begin
    return {"bytes": len(blob.encode()), "dump": dumped, "restore": restored}


async def turn(engine: Engine, conversation: Any, text: str) -> int:
    """A chat turn: the user's words in, the bot's utterances out, told that they were spoken; how many."""
    event = {"type": "UtteranceUserActionFinished", "final_transcript": text, "is_success": True}
    out = await engine.process(conversation, [event])
    spoken = 0
    while True:
        told: list[Event] = []
        for one in out:
            if one["type"] == "StartUtteranceBotAction":
                spoken += 1
                uid = one["action_uid"]
                told.append({"type": "UtteranceBotActionStarted", "action_uid": uid})
                told.append(
                    {
                        "type": "UtteranceBotActionFinished",
                        "action_uid": uid,
                        "final_script": one["script"],
                        "is_success": True,
                    }
                )
        if not told:
            return spoken
        out = await engine.process(conversation, told)


def chat(
    engine: Engine, *, program: str, texts: Sequence[str], turns: int, window: int = 20
) -> Numbers:
    """R4: seconds of a chat turn at first and after `turns` turns; medians of `window` turns."""
    compiled = engine.compile(program)

    async def work() -> Numbers:
        conversation = await engine.begin(compiled)
        samples: list[float] = []
        gc.collect()
        for number in range(turns + window):
            begin = clock()
            spoken = await turn(engine, conversation, texts[number % len(texts)])
            samples.append(clock() - begin)
            expect(spoken == 1, f"one utterance a turn, not {spoken} in turn {number}")
        return {"first": median(samples[1 : window + 1]), "last": median(samples[-window:])}

    return run(work)


def many(
    engine: Engine, *, program: str, text: str, conversations: int, heap_of: int, turns: int
) -> Numbers:
    """R6: seconds for a turn when many conversations talk in one event loop.

    And the bytes of heap that one of `heap_of` conversations keeps after its first turn, and after `turns`.
    """
    compiled = engine.compile(program)

    async def talk(count: int) -> tuple[list[Any], float, float]:
        held = [await engine.begin(compiled) for _ in range(count)]
        gc.collect()
        wall, begin = time.perf_counter(), clock()
        spoken = await asyncio.gather(*[turn(engine, one, text) for one in held])
        cpu, seconds = clock() - begin, time.perf_counter() - wall
        expect(spoken == [1] * count, "one utterance of each conversation")
        return held, cpu, seconds

    async def work() -> Numbers:
        _, cpu, wall = await talk(conversations)
        return {
            "seconds": cpu / conversations,
            "seconds_wall": wall / conversations,
            "heap_first": await heap(1),
            "heap": await heap(turns),
        }

    async def heap(turns: int) -> float:
        gc.collect()
        tracemalloc.start()
        held, _, _ = await talk(heap_of)
        for number in range((turns - 1) * heap_of):
            expect(await turn(engine, held[number % heap_of], text) == 1, "one utterance")
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        held.clear()
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return (kept - left) / heap_of

    return run(work)


OPERATIONS: Mapping[str, Callable[..., Numbers]] = {
    operation.__name__: operation
    for operation in (parse, migration, ready, command, start, loop, core, state, chat, many)
}


# ---------------------------------------------------------------- the driver


def measure(engine: Engine, job: Mapping[str, Any]) -> Numbers:
    """Do one job: its key `operation` names it, all others are its arguments."""
    from benchmarks.driving_streams import OPERATIONS as OPERATIONS_STREAMS
    from benchmarks.driving_v1 import OPERATIONS as OPERATIONS_V1

    arguments = {key: value for key, value in job.items() if key != "operation"}
    name = job["operation"]
    known = {**OPERATIONS, **OPERATIONS_V1, **OPERATIONS_STREAMS}
    expect(
        len(known) == len(OPERATIONS) + len(OPERATIONS_V1) + len(OPERATIONS_STREAMS),
        "operations with names of their own",
    )
    operation: Callable[..., Numbers] = known[name]
    return operation(engine, **arguments)


def serve(engine: Engine) -> None:
    """Answer jobs from standard input with numbers, or with the reason why there are none."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the engine prints must not mix with the answers
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"numbers": measure(engine, json.loads(line))}
        except Unavailable as reason:
            answer = {"unavailable": str(reason)}
        except Exception as error:  # noqa: BLE001 - the row fails, the run goes on
            answer = {"unavailable": f"{type(error).__name__}: {error}"[:300]}
        gc.collect()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def expect(holds: bool, what: str) -> None:
    """A measurement of work that was not done is worth nothing."""
    if not holds:
        raise Unavailable(f"expected {what}")


def median(samples: Sequence[float]) -> float:
    """The middle one; of an even number the lower of the two."""
    return sorted(samples)[(len(samples) - 1) // 2]


_LOOPS: list[asyncio.AbstractEventLoop] = []


def run(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine function in the one event loop of this process (engines may keep hold of it)."""
    if not _LOOPS:
        _LOOPS.append(asyncio.new_event_loop())
        asyncio.set_event_loop(_LOOPS[0])
    return _LOOPS[0].run_until_complete(work())
