"""The driver for this toolchain: ``python benchmarks/driver_ours.py`` reads jobs from standard input."""

# ruff: noqa: D102 - `driving.Engine` says what each method is

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.driving import ASKED, Event, serve


class Ours:
    """An `Engine`: the machine for the bare core, `Bot.conversation` for the outer loop.

    A program is a `Bot`, which holds the compiled program: there is one for all its conversations.
    """

    # As for the reference, the import of the package does not count; that of the parser's own modules does.
    ready_code = """
import time
import colang, dataclasses, typing_extensions
begin = time.thread_time()
from colang.syntax.parser_v2 import parse_v2
parse_v2("flow main\\n  match Ping()\\n")
print(time.thread_time() - begin)
"""

    def parse(self, text: str) -> object:
        from colang.syntax.parser_v2 import parse_v2

        tree, diagnostics = parse_v2(text)
        if diagnostics:
            raise ValueError(f"a benchmark text has errors: {diagnostics[0]}")
        return tree

    def compile(self, text: str) -> Any:
        from colang_interpreter import Bot
        from colang_interpreter.v2.program import compile_text

        return Bot(compile_text(text))

    def start(self, program: Any) -> Any:
        state, _ = program.program.start(seed=1)
        return state

    def feed(self, conversation: Any, event: Event) -> list[Event]:
        out: list[Event] = conversation.feed(event)
        return out

    async def begin(self, program: Any) -> Any:
        conversation = program.conversation(seed=1)
        await conversation.process([])
        return conversation

    async def process(self, conversation: Any, events: list[Event]) -> list[Event]:
        done = await conversation.process(events)
        out: list[Event] = done.output
        return out

    def dump(self, conversation: Any) -> str:
        blob: str = conversation.dump()
        return blob

    def restore(self, program: Any, blob: str) -> object:
        return program.program.restore(blob)

    def parse_v1(self, text: str) -> object:
        from colang.syntax.parser_v1 import parse_v1

        tree, diagnostics = parse_v1(text)
        if diagnostics:
            raise ValueError(f"a benchmark text has errors: {diagnostics[0]}")
        return tree

    def rails(self, text: str, settings: str) -> Any:
        from colang_interpreter import LLMRails, RailOutcome, RailsConfig

        rails = LLMRails(RailsConfig.from_content(text, settings or "models: []"))
        rails.register_action(allow, "allow")
        rails.register_action(allow, "AllowAction")

        async def allow_window(**_: Any) -> RailOutcome:
            return RailOutcome.allow()

        rails.register_action(allow_window, "allow_window")
        return rails

    def steps_begin(self, program: Any) -> Any:
        from dataclasses import replace

        whole: Any = program.bot.program
        own = {name: flow for name, flow in whole.flows.items() if flow.path == "main.co"}
        state, _ = replace(whole, flows=own).start(seed=1)
        return state

    def steps(self, conversation: Any, event: Event) -> list[str]:
        conversation.begin_call()
        return [one["type"] for one in conversation.feed(event) if one["type"] != "Listen"]

    async def events(self, program: Any, history: list[Event]) -> list[Event]:
        new: list[Event] = await program.generate_events_async(history)
        return new

    async def message(self, program: Any, text: str) -> str:
        answer = await program.generate_async(messages=[{"role": "user", "content": text}])
        return str(answer["content"])

    async def windows(
        self, tokens: AsyncGenerator[str], chunk: int, context: int, rails: int
    ) -> AsyncGenerator[str]:
        from colang_interpreter.streaming import RollingBuffer, Verdict, checked_stream, windows

        buffer = RollingBuffer(chunk, context)
        if not rails:
            async for window in windows(tokens, buffer):
                yield "".join(window[1])
            return
        allow = Verdict.allow()

        async def check(_rail: str, _text: str) -> Verdict:
            return allow

        names = [f"rail {number}" for number in range(rails)]
        async for text in checked_stream(tokens, names, check, buffer):
            yield text

    def stream(self, tokens: AsyncGenerator[str], program: Any) -> AsyncIterator[Any]:
        stream: AsyncIterator[Any] = program.stream_async(generator=tokens, messages=ASKED)
        return stream

    def migrate(self, text: str) -> object:
        from colang_migrate import migrate_text

        return migrate_text(text)

    def command(self, name: str, folder: Path) -> list[str]:
        if name == "import":
            return [sys.executable, "-c", "import colang, colang_interpreter"]
        script = str(Path(sys.executable).with_name("colang"))
        return [script, "--help"] if name == "help" else [script, "convert", str(folder)]


async def allow() -> bool:
    """The trivial action of rails."""
    return True


if __name__ == "__main__":
    serve(Ours())
