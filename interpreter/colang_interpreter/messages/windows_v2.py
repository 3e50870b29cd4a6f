"""Output rails of Colang 2.x on the windows of a stream: the flow `output rails`, apart from the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from colang_interpreter.host.loop import Conversation
from colang_interpreter.host.rules import copied
from colang_interpreter.llm.tasks_v2 import plain_values
from colang_interpreter.streaming import Verdict

if TYPE_CHECKING:
    from colang_interpreter.messages.checking_v2 import ChecksV2


class WindowChecksV2:
    """Asks the output rails of a 2.x program about the windows of one stream.

    Each check has the global variables of the conversation as they stand, and leaves no trace in it. Whole texts are
    checked again when the program says them, as always.
    """

    def __init__(self, flows: ChecksV2, messages: Sequence[Mapping[str, Any]]) -> None:
        """For the answer to these messages."""
        self._flows = flows
        self._messages = messages
        self._conversation: Conversation | None = None
        self._context = copy_context()

    def follow(self, conversation: Conversation) -> None:
        """Take variables from this conversation from now on, and the context from here."""
        self._conversation = conversation
        self._context = copy_context()

    async def check(self, rail: str, text: str) -> Verdict:
        """What the rails say about a text."""
        conversation = self._conversation
        known: Mapping[str, Any] = {}
        if conversation is not None and conversation.has_begun:
            known = copied(plain_values(conversation.machine.globals))
        judged = self._flows.judge(self._messages, text, known)
        return await self._context.copy().run(lambda: asyncio.ensure_future(judged))
