"""`check` in Colang 2.x: the program with another `main`, which runs the rails of a program and nothing else.

All flows of the program are there, because rails call them, but none runs by itself: neither its `main` nor flows with
``@active``. Rails of a type that is not asked for are taken out, so that they do not look at what the others say.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from colang_interpreter.host.bot import Bot
from colang_interpreter.host.loop import Conversation
from colang_interpreter.llm.model import content_text
from colang_interpreter.machine import Machine
from colang_interpreter.messages.dialog_v2 import DialogV2, message_events
from colang_interpreter.messages.options import RailsResult
from colang_interpreter.v2.rails import RUNNERS, VARIABLES

if TYPE_CHECKING:
    from colang_interpreter.messages.conversing import Messages
    from colang_interpreter.v2.program import Program
    from colang_interpreter.v2.rails import Kind
    from colang_interpreter.v2.state import State

_BLOCKING: Final = ("block", "error")


class ChecksV2:
    """Runs the rails of one program on messages. Safe for any number of checks at a time."""

    def __init__(self, api: Messages, bot: Bot) -> None:
        """For a bot of a 2.x program."""
        self._api = api
        self._bot = bot
        self._program = cast("Program", bot.program)
        self._dialect = DialogV2(bot.program)
        self._checkers: dict[tuple[Kind, ...], Program] = {}

    def has(self, kind: str) -> bool:
        """Whether messages are checked by rails of this type; without `guardrails` nobody runs them."""
        return f"{kind} rails" in self._program.flows and f"run {kind} rails" in self._program.flows

    async def check(
        self,
        messages: Sequence[Mapping[str, Any]],
        kinds: Sequence[Kind],
        under_check: Mapping[Kind, Any],
        shown: Kind,
    ) -> RailsResult:
        """Run the rails of these types, input rails first.

        Args:
            messages: The whole conversation. What is not under check is its past.
            kinds: At least one, each with rails and with a message in `under_check`.
            under_check: The message of each type, as far as there is one.
            shown: The type whose message the result gives.
        """
        program = self._checker(tuple(kinds))
        state = program.prepare(secrets.randbits(63))
        texts: dict[Kind, str] = {
            kind: content_text(content) for kind, content in under_check.items()
        }
        self._tell(state, messages, texts)
        conversation = Conversation(replace(self._bot.runtime, program=program))
        conversation.adopt(cast(Machine, state))
        async with self._api.following(conversation, messages):
            ran = await self._dialect.run(conversation, [])
            # Finished, `main` waits to be started again. Failed, or held up by a rail: the message does not pass.
            passed = state.main_is_waiting
            held_up = (
                [run.flow for run in state.rails.take() if run.status == "running"]
                if state.rails
                else []
            )
        if passed:
            after = state.globals.get(VARIABLES[shown])
            content = texts[shown] if after is None else str(after)
            return RailsResult(
                status="passed" if content == texts[shown] else "modified", content=content
            )
        decisions = ran.turn.trace.decisions
        blocking = [decision.rail for decision in decisions if decision.verdict in _BLOCKING]
        rail = next(iter([*blocking, *reversed(held_up)]), f"{kinds[-1]} rails")
        message = ran.answer.message()
        words: Any = message["content"]
        if message["role"] == "exception":
            words = cast("Mapping[str, Any]", words).get("message", "")
        return RailsResult(status="blocked", content=content_text(words), rail=rail)

    def _checker(self, kinds: tuple[Kind, ...]) -> Program:
        """The program whose `main` runs the rails of these types."""
        if kinds not in self._checkers:
            flows = {
                name: replace(flow, active=False) for name, flow in self._program.flows.items()
            }
            program = replace(self._program, flows=flows).without_flow("main")
            for runner, kind in RUNNERS.items():
                if kind not in kinds:
                    program = program.without_flow(runner)
            lines = [
                f"  global ${VARIABLES[kind]}\n  await run {kind} rails ${VARIABLES[kind]}\n"
                for kind in kinds
            ]
            self._checkers[kinds] = program.with_flows("flow main\n" + "".join(lines))
        return self._checkers[kinds]

    def _tell(
        self, state: State, messages: Sequence[Mapping[str, Any]], texts: Mapping[Kind, str]
    ) -> None:
        """Let the conversation know its past and its variables, as far as an answer to it would."""
        answer = max(
            (at for at, m in enumerate(messages) if m.get("role") == "assistant"), default=-1
        )
        for number, message in enumerate(messages):
            for event in message_events(message, number + 1, messages, is_past=True):
                if event["type"] == "ContextUpdate":
                    state.globals.update(event["data"])
                elif number != answer:
                    state.remember(event)
        for kind, text in texts.items():
            state.globals[VARIABLES[kind]] = text
        if "input" in texts:
            state.globals["last_user_message"] = texts["input"]
