"""`check` in Colang 2.x: the program with another `main`, which runs the rails of a program and nothing else.

All flows of the program are there, because rails call them, but none runs by itself: neither its `main` nor flows with
``@active``. Rails of a type that is not asked for are taken out, so that they do not look at what the others say.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from colang_interpreter.host.bot import Bot
from colang_interpreter.host.loop import Conversation
from colang_interpreter.llm.model import content_text
from colang_interpreter.llm.tokens import streaming
from colang_interpreter.machine import Machine
from colang_interpreter.messages.conversion import Answer, Ran
from colang_interpreter.messages.dialog_v2 import DialogV2, message_events
from colang_interpreter.messages.options import GenerationOptions, RailsResult
from colang_interpreter.messages.recording import Recorder
from colang_interpreter.streaming import Verdict
from colang_interpreter.tracing.decisions import STOPPING
from colang_interpreter.tracing.executions import KIND
from colang_interpreter.v2.rails import OPTIONS, RUNNERS, VARIABLES
from colang_interpreter.v2.state import State

if TYPE_CHECKING:
    from colang_interpreter.messages.conversing import Messages
    from colang_interpreter.v2.program import Program
    from colang_interpreter.v2.rails import Kind


class Checked(NamedTuple):
    """What came of a check: in short, as a turn, and with what is left behind."""

    result: RailsResult
    ran: Ran
    state: State
    recorder: Recorder


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
        variables: Mapping[str, Any] | None = None,
    ) -> Checked:
        """Run the rails of these types, input rails first.

        Args:
            messages: The whole conversation. What is not under check is its past.
            kinds: At least one, each with rails and with a message in `under_check`.
            under_check: The message of each type, as far as there is one.
            shown: The type whose message the result gives.
            variables: Globals that the rails find.
        """
        texts: dict[Kind, str] = {
            kind: content_text(content) for kind, content in under_check.items()
        }
        state, conversation = self._prepared(tuple(kinds), messages, texts, variables or {})
        async with self._api.following(conversation, messages) as recorder:
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
            result = RailsResult(
                status="passed" if content == texts[shown] else "modified", content=content
            )
            answer = Answer(texts=[content])
            return Checked(result, Ran(ran.turn, answer, ran.read), state, recorder)
        blocking = [
            decision.rail
            for decision in ran.turn.trace.decisions
            if decision.kind != KIND and decision.verdict in STOPPING
        ]
        rail = next(iter([*blocking, *reversed(held_up)]), f"{shown} rails")
        message = ran.answer.message()
        words: Any = message["content"]
        if message["role"] == "exception":
            words = cast("Mapping[str, Any]", words).get("message", "")
        blocked = RailsResult(status="blocked", content=content_text(words), rail=rail)
        return Checked(blocked, ran, state, recorder)

    async def answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        options: GenerationOptions,
        known: Mapping[str, Any],
    ) -> Checked:
        """What comes of messages without a dialog: the last one, as far as the rails that are chosen let it pass.

        Args:
            messages: The whole conversation. If the last one is an answer, it goes through the output rails.
            options: Choose the rails.
            known: Variables of the conversation so far.

        Raises:
            ValueError: There is neither a message of the user nor an answer; a rail that is chosen does not exist.
        """
        self._dialect.check_names(options)
        last: Mapping[str, Any] = messages[-1] if messages else {}
        under_check: dict[Kind, Any] = {}
        user = next((m for m in reversed(messages) if m.get("role") == "user"), None)
        if user is not None:
            under_check["input"] = user.get("content")
        if last.get("role") == "assistant":
            under_check["output"] = last.get("content")
        if not under_check:
            raise ValueError("without a dialog there has to be a message of the user or an answer")
        wanted = {"input": options.rails.input, "output": options.rails.output}
        kinds: list[Kind] = [kind for kind in under_check if wanted[kind] and self.has(kind)]
        shown: Kind = "output" if "output" in under_check and wanted["output"] else "input"
        if shown not in under_check:
            shown = "output"
        variables = {**known, OPTIONS: options.model_dump()}
        return await self.check(messages, kinds, under_check, shown, variables)

    async def judge(
        self, messages: Sequence[Mapping[str, Any]], text: str, variables: Mapping[str, Any]
    ) -> Verdict:
        """What the output rails say about a part of an answer. What they say themselves goes nowhere.

        Args:
            messages: What is answered.
            text: The part.
            variables: Global variables of the conversation, as it stands.
        """
        state, conversation = self._prepared(("output",), messages, {"output": text}, variables)
        with streaming(None):
            try:
                ran = await self._dialect.run(conversation, [])
            finally:
                await conversation.close()
        if state.main_is_waiting:
            after = state.globals.get(VARIABLES["output"])
            return (
                Verdict.allow() if after is None or after == text else Verdict.rewrite(str(after))
            )
        decisions = ran.turn.trace.decisions
        verdicts = {decision.verdict for decision in decisions if decision.kind != KIND}
        if "error" in verdicts and "block" not in verdicts:
            return Verdict.error("it failed")
        return Verdict.block()

    def _prepared(
        self,
        kinds: tuple[Kind, ...],
        messages: Sequence[Mapping[str, Any]],
        texts: dict[Kind, str],
        variables: Mapping[str, Any],
    ) -> tuple[State, Conversation]:
        """A conversation that is about to run the rails on these texts."""
        program = self._checker(kinds)
        state = program.prepare(secrets.randbits(63))
        state.globals.update(variables)
        self._tell(state, messages, texts)
        conversation = Conversation(replace(self._bot.runtime, program=program))
        conversation.adopt(cast(Machine, state))
        return state, conversation

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
            if not lines:  # `main` has to wait for something
                lines = ["  await _nothing\n", "flow _nothing\n  pass\n"]
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
