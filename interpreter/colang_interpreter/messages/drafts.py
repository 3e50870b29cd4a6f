"""The answer of a 2.x program while it comes about: texts that are said, and the text a model is writing.

A program says whole texts. What a model writes is shown before the program has said it, as a draft: pieces that pass the
windows of the output rails. When the text is said, after the rails have seen it whole, it has to be the draft.
"""

from __future__ import annotations

from typing import Final

from colang_interpreter.host.context import current_action_uid
from colang_interpreter.machine import Event
from colang_interpreter.streaming import ErrorChunk, JudgedChunk, StreamingHandler

_FINISHED: Final = ("UtteranceBotActionFinished", "final_script")
_STARTED: Final = ("StartUtteranceBotAction", "script")
_TAKEN_BACK: Final = "The text was taken back: the bot has not said it."


class Drafts:
    """Gives a handler what a conversation says, one utterance a line.

    Example:
        >>> import asyncio
        >>> handler = StreamingHandler()
        >>> drafts = Drafts(handler)
        >>> for piece in ["Hello ", "there"]:
        ...     drafts.take(piece)
        >>> drafts.hear({"type": "UtteranceBotActionFinished", "final_script": "Hello there!"})
        >>> drafts.finish()
        >>> handler.finish()
        >>> asyncio.run(handler.wait())
        'Hello there!'
    """

    def __init__(self, handler: StreamingHandler, *, starting: bool = False) -> None:
        """For one answer.

        Args:
            handler: Where it goes.
            starting: Texts count as said when the program starts to say them: somebody else tells when they are said.
        """
        self._handler = handler
        self._said = _STARTED if starting else _FINISHED
        self._draft: str | None = None
        self._author: str | None = None  # uid of the action the draft comes from
        self.began = False

    def take(self, piece: str) -> None:
        """A model has written something that will be said; of several at a time, only the first is shown."""
        if not piece:
            return
        if self._draft is None:
            self._draft, self._author = "", current_action_uid()
            if self.began:
                self._handler.push(JudgedChunk("\n"))
        elif self._author != current_action_uid():
            return
        self.began = True
        self._draft += piece
        self._handler.push(piece)

    def hear(self, event: Event) -> None:
        """Something has come out of the conversation."""
        kind, field = self._said
        if event["type"] != kind:
            return
        text = str(event.get(field) or "")
        draft, self._draft = self._draft, None
        if draft is None:
            self._handler.push(JudgedChunk(f"\n{text}" if self.began else text))
            self.began = True
        elif text.startswith(draft):
            if text != draft:
                self._handler.push(JudgedChunk(text[len(draft) :]))
        elif text != draft.strip():
            self._take_back()

    def finish(self) -> None:
        """The answer is complete."""
        if self._draft is not None:
            self._take_back()

    def _take_back(self) -> None:
        """What was shown is not what the bot says; what it says instead must not stand behind it as if it were."""
        self._handler.fail(
            ErrorChunk(_TAKEN_BACK, "guardrails_violation", "output", "content_blocked")
        )
