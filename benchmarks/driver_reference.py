"""The driver for the reference: run by the interpreter of an environment that has `nemoguardrails` installed.

The reference is a black box: `RailsConfig`, `LLMRails` and its runtime's `process_events`, the parser's
public function, and for the bare core the step function and the serialiser, as `dir()` and `help()` show them.
"""

# ruff: noqa: D102 - `driving.Engine` says what each method is

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.driving import ASKED, Event, serve

_RUNTIME = "nemoguardrails.colang.v2_x.runtime"


class Reference:
    """An `Engine`. A program is a runtime; a conversation is a list of it and its state."""

    # Its imports (another second) do not count: the target is about the parser alone.
    ready_code = """
import time
from nemoguardrails.colang import parse_colang_file
begin = time.thread_time()
parse_colang_file("main.co", content="flow main\\n  match Ping()\\n", version="2.x")
print(time.thread_time() - begin)
"""

    def __init__(self) -> None:
        """Import what is used, so that no measurement pays for it."""
        self.package = importlib.import_module("nemoguardrails")
        self.parser = importlib.import_module("nemoguardrails.colang")
        self.machine = importlib.import_module(f"{_RUNTIME}.statemachine")
        self.steps_v1 = importlib.import_module("nemoguardrails.colang.v1_0.runtime.flows")
        self.buffer = importlib.import_module("nemoguardrails.rails.llm.buffer")
        self.outcomes = importlib.import_module("nemoguardrails.actions.rail_outcome")
        self.serialiser = importlib.import_module(f"{_RUNTIME}.serialization")

    def parse(self, text: str) -> object:
        return self.parser.parse_colang_file("main.co", content=text, version="2.x")

    def compile(self, text: str) -> Any:
        config = self.package.RailsConfig.from_content(
            colang_content=text, yaml_content='colang_version: "2.x"\n'
        )
        return self.package.LLMRails(config).runtime

    def start(self, program: Any) -> Any:
        return asyncio.get_event_loop().run_until_complete(self.begin(program))

    def feed(self, conversation: Any, event: Event) -> list[Event]:
        state = conversation[1]
        self.machine.run_to_completion(state, dict(event))
        return list(state.outgoing_events)

    async def begin(self, program: Any) -> Any:
        _, state = await program.process_events([], None)
        return [program, state]

    async def process(self, conversation: Any, events: list[Event]) -> list[Event]:
        runtime, state = conversation
        out, conversation[1] = await runtime.process_events(events, state)
        return list(out)

    def dump(self, conversation: Any) -> str:
        blob: str = self.serialiser.state_to_json(conversation[1])
        return blob

    def restore(self, program: Any, blob: str) -> object:
        return self.serialiser.json_to_state(blob)

    def parse_v1(self, text: str) -> object:
        return self.parser.parse_colang_file("main.co", content=text, version="1.0")

    def rails(self, text: str, settings: str) -> Any:
        config = self.package.RailsConfig.from_content(text, settings or "models: []")
        rails = self.package.LLMRails(config)
        rails.register_action(allow, "allow")
        rails.register_action(allow, "AllowAction")

        async def allow_window(
            **_: Any,
        ) -> Any:  # takes what a stream hands over, gives what it asks for
            return self.outcomes.RailOutcome.allow()

        rails.register_action(allow_window, "allow_window")
        return rails

    def steps_begin(self, program: Any) -> Any:
        flows = program.runtime.flow_configs
        own = {name: flow for name, flow in flows.items() if name.startswith("topic ")}
        return [program.config, own, []]

    def steps(self, conversation: Any, event: Event) -> list[str]:
        config, flows, history = conversation
        history.append(event)
        types: list[str] = []
        while new := self.steps_v1.compute_next_steps(history, flows, config, []):
            history += new
            types += [one["type"] for one in new]
        return types

    async def events(self, program: Any, history: list[Event]) -> list[Event]:
        new: list[Event] = await program.generate_events_async(history)
        return new

    async def message(self, program: Any, text: str) -> str:
        answer = await program.generate_async(messages=[{"role": "user", "content": text}])
        return str(answer["content"])

    async def windows(
        self, tokens: AsyncGenerator[str], chunk: int, context: int, rails: int
    ) -> AsyncGenerator[str]:
        buffer = self.buffer.RollingBuffer(buffer_context_size=context, buffer_chunk_size=chunk)
        async for batch in buffer.process_stream(tokens):
            if rails:
                text = buffer.format_chunks(batch.processing_context)
                for _ in range(rails):
                    await self._check(text)
                for token in batch.user_output_chunks:
                    yield token
            else:
                yield "".join(batch.user_output_chunks)

    async def _check(self, _text: str) -> bool:
        return True

    def stream(self, tokens: AsyncGenerator[str], program: Any) -> AsyncIterator[Any]:
        stream: AsyncIterator[Any] = program.stream_async(generator=tokens, messages=ASKED)
        return stream

    def migrate(self, text: str) -> object:
        migration = importlib.import_module("nemoguardrails.cli.migration")
        return migration.convert_colang_1_syntax(text.splitlines(keepends=True))

    def command(self, name: str, folder: Path) -> list[str]:
        if name == "import":
            return [sys.executable, "-c", "import nemoguardrails"]
        script = str(Path(sys.executable).with_name("nemoguardrails"))
        return [script, "--help"] if name == "help" else [script, "convert", str(folder)]


async def allow() -> bool:
    """The trivial action of rails."""
    return True


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    serve(Reference())
