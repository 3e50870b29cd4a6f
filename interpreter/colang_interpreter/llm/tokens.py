"""What is taken off a stream of tokens before somebody sees it (rails-runtime, section 9.1)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from colang_interpreter.llm.model import TokenCallback

_THINK, _THINK_END = "<think>", "</think>"


class AfterThinking:
    """Passes on the tokens that come after ``<think>...</think>``, if the stream begins with that.

    Example:
        >>> seen = []
        >>> tokens = AfterThinking(seen.append)
        >>> for piece in ["<thi", "nk>hm</think>", "one ", "two"]:
        ...     tokens.take(piece)
        >>> seen
        ['one ', 'two']
    """

    def __init__(self, target: TokenCallback) -> None:
        """Pass on to `target`."""
        self._target = target
        self._held = ""
        self._mode = "begin"
        self._began = False

    def take(self, piece: str) -> None:
        """The next piece."""
        if self._mode == "through":
            self._give(piece)
            return
        self._held += piece
        if self._mode == "begin":
            start = self._held.lstrip()
            if start.startswith(_THINK):
                self._mode = "thinking"
                self._held = start[len(_THINK) :]
            elif _THINK.startswith(start):
                return
            else:
                held, self._held, self._mode = self._held, "", "through"
                self._give(held)
                return
        at = self._held.find(_THINK_END)
        if at >= 0:
            rest = self._held[at + len(_THINK_END) :].lstrip("\n")
            self._held, self._mode = "", "through"
            self._give(rest)
        else:
            self._held = self._held[-len(_THINK_END) :]  # all the end mark could still need

    def finish(self, text: str) -> None:
        """The stream has ended with this answer; a model that does not stream gives it in one piece."""
        if not self._began:
            self._give(text)

    def _give(self, piece: str) -> None:
        if piece:
            self._began = True
            self._target(piece)


class QuotedMessage:
    r"""Takes the message out of a completion of the form ``  "text"`` while it arrives.

    What follows the closing quote is dropped; a completion without the opening is one piece at the end.

    Example:
        >>> seen = []
        >>> message = QuotedMessage(seen.append)
        >>> for piece in ["  ", '"one ', 'two"', "\nuser ..."]:
        ...     message.take(piece)
        >>> message.finish("one two")
        >>> seen
        ['one ', 'two']
    """

    def __init__(self, target: TokenCallback, *, after_lines: int = 0) -> None:
        """Pass on to `target`.

        Args:
            target: Gets the pieces of the text.
            after_lines: How many lines stand before the message (2 in single call mode).
        """
        self._target = target
        self._lines = after_lines
        self._held = ""
        self._mode = "opening"
        self._began = False

    def take(self, piece: str) -> None:
        """The next piece of the completion."""
        if self._mode == "ended":
            return
        self._held += piece
        if self._mode == "opening" and not self._open():
            return
        self._pass_on()

    def finish(self, message: str) -> None:
        """The completion has ended, and this is its message."""
        if self._mode == "inside" and self._held:
            self._give(self._held.rstrip().removesuffix('"'))
        elif not self._began and self._mode != "ended":
            self._give(message)
        self._mode = "ended"

    def _open(self) -> bool:
        while self._lines:
            line, end, rest = self._held.partition("\n")
            if not end:
                return False
            self._held = rest
            stripped = line.strip()
            if stripped and not stripped.startswith("#"):
                self._lines -= 1
        start = self._held.lstrip()
        for opening in ('"', 'Bot message: "', 'bot message: "'):
            if start.startswith(opening):
                self._held = start[len(opening) :]
                self._mode = "inside"
                return True
        return False

    def _pass_on(self) -> None:
        """Give what is certain: a quote at the end of a line closes, and so may be the last thing held."""
        end = self._held.find('"\n')
        if end >= 0:
            self._give(self._held[:end])
            self._held, self._mode = "", "ended"
            return
        tail = len(self._held) - len(self._held.rstrip(' "'))
        if '"' not in self._held[len(self._held) - tail :]:
            tail = 0
        certain = self._held[: len(self._held) - tail]
        self._held = self._held[len(certain) :]
        self._give(certain)

    def _give(self, piece: str) -> None:
        if piece:
            self._began = True
            self._target(piece)


_sink: ContextVar[TokenCallback | None] = ContextVar("colang_tokens", default=None)


@contextmanager
def streaming(sink: TokenCallback | None) -> Generator[None]:
    """Have the text of bot messages that are made inside, and in tasks started there, given to `sink` in pieces."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)


def current_sink() -> TokenCallback | None:
    """Who listens to the pieces of bot messages; None if nobody does.

    >>> with streaming(print):
    ...     current_sink() is print
    True
    """
    return _sink.get()
