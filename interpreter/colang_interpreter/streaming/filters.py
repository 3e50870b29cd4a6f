"""What of a completion is shown while it arrives: the message without its quotes, and nothing behind a stop text.

A filter takes pieces and gives the text that is certain so far; what could still turn out to be a quote at
the end is held back. What a filter gives altogether is what `llm.completions` reads from the whole
completion, except for blanks at the ends of lines. (Specification of the runtime, 9.1.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from colang_interpreter.llm import completions

OPENINGS: Final = ('  "', 'Bot message: "')
"""How the completion of a bot message begins, in the prompts we know."""

_UNDECIDED = re.compile(
    r'(?:"[^\S\n]*|\\)\Z'
)  # perhaps the closing quote, or the first half of a line break
_NEXT_USER: Final = "user"  # at the beginning of a line it is not the bot's any more


class TextFilter(Protocol):
    """Takes a completion piece by piece and gives the part to show."""

    def feed(self, piece: str) -> str:
        """Take a piece; the text that is certain now, often empty."""
        ...

    def finish(self) -> str:
        """The completion has ended: the text that was held back."""
        ...


class QuotedMessage:
    r"""The text of a bot message, without the quotes around it.

    It ends with the first line that ends with a quote, or at a line that begins with ``user``. If the
    completion does not begin as expected, or there is nothing between the quotes, the message is what
    `otherwise` makes of the whole completion, given at the end.

    Example:
        >>> show = QuotedMessage()
        >>> [show.feed(piece) for piece in ["  ", '"one ', 'two "2" ', 'three"\n', 'user "x"']], show.finish()
        (['', 'one ', 'two "2', '" three', ''], '')
        >>> show = QuotedMessage()
        >>> [show.feed(piece) for piece in ["one ", "two"]], show.finish()
        (['', ''], 'one two')
    """

    def __init__(
        self,
        openings: Sequence[str] = OPENINGS,
        otherwise: Callable[[str], str] = completions.message,
    ) -> None:
        """A filter for one completion."""
        self._openings = tuple(openings)
        self._otherwise = otherwise
        self._all: list[str] = []
        self._held: str = ""
        self._opened: bool | None = None  # None: not decided yet
        self._ended = False
        self._shown = False
        self._in_break = False  # behind the end of a line, until the next one shows itself

    def feed(self, piece: str) -> str:
        """See `TextFilter.feed`."""
        self._all.append(piece)
        if self._ended or self._opened is False:
            return ""
        self._held += piece
        if self._opened is None:
            self._open()
            if not self._opened:
                return ""
        return self._show(self._take())

    def finish(self) -> str:
        """See `TextFilter.finish`."""
        text = ""
        if self._opened and not self._ended:
            rest = self._held.rstrip()
            if self._in_break:
                text = self._show("\n" + rest.lstrip() if rest else "")
            else:
                text = self._show(rest[:-1] if rest.endswith('"') else self._held)
        self._ended = True
        return text if self._shown else self._otherwise("".join(self._all))

    def _open(self) -> None:
        begun = self._held.lstrip("\r\n")
        for opening in self._openings:
            if begun.startswith(opening):
                self._opened, self._held = True, begun[len(opening) :]
                return
        if not any(opening.startswith(begun) for opening in self._openings):
            self._opened = False

    def _take(self) -> str:
        """What is certain of the text held; the rest stays."""
        sure: list[str] = []
        while self._held and not self._ended:
            if self._in_break:
                if not self._begin_line():
                    break
                sure.append("\n")
            line, newline, rest = self._held.partition("\n")
            if not newline:
                undecided = _UNDECIDED.search(line)
                cut = undecided.start() if undecided else len(line)
                sure.append(line[:cut])
                self._held = line[cut:]
                break
            line = line.rstrip()
            self._ended = line.endswith('"')
            sure.append(line[:-1] if self._ended else line)
            self._held, self._in_break = rest, True
        return "".join(sure)

    def _begin_line(self) -> bool:
        """Skip blanks and blank lines; whether the next line can be seen, and is the bot's."""
        rest = self._held.lstrip()
        blanks = self._held[: len(self._held) - len(rest)]
        indented = bool(blanks) and not blanks.endswith("\n")
        if not indented and rest.startswith(_NEXT_USER):
            self._ended = True
            return False
        if not rest or (not indented and _NEXT_USER.startswith(rest)):
            self._held = " " + rest if indented else rest
            return False
        self._held, self._in_break = rest, False
        return True

    def _show(self, text: str) -> str:
        text = text.replace("\\n", "\n")
        if not self._shown:
            text = text.lstrip()
            self._shown = bool(text)
        return text


class SingleCallMessage:
    r"""The message of a completion in single call mode: what follows the intent and the next step.

    Example:
        >>> show = SingleCallMessage()
        >>> [show.feed(piece) for piece in ["  ask weather\nbot ", "tell weather\n  \"Sun", 'ny."']]
        ['', 'Sun', 'ny.']
    """

    def __init__(self) -> None:
        """A filter for one completion."""
        self._steps = 0
        self._line = ""
        self._message = QuotedMessage()

    def feed(self, piece: str) -> str:
        """See `TextFilter.feed`."""
        if self._steps == 2:
            return self._message.feed(piece)
        lines = (self._line + piece).split("\n")
        self._line = lines.pop()
        for number, line in enumerate(lines, 1):
            stripped = line.strip()
            if stripped and not stripped.startswith("#"):
                self._steps += 1
            if self._steps == 2:
                return self._message.feed("\n".join([*lines[number:], self._line]))
        return ""

    def finish(self) -> str:
        """See `TextFilter.finish`."""
        return self._message.finish()


class StopTexts:
    """Everything before the first of some texts.

    Example:
        >>> show = StopTexts(["User:"])
        >>> [show.feed(piece) for piece in ["Hello. Us", "ually. User", ": hi"]], show.finish()
        (['Hello. ', 'Usually. ', ''], '')
    """

    def __init__(self, stop: Sequence[str]) -> None:
        """A filter for one text; empty stop texts do not count."""
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self._ended = False

    def feed(self, piece: str) -> str:
        """See `TextFilter.feed`."""
        if self._ended:
            return ""
        text = self._held + piece
        # The end of the text may be the beginning of a stop text, even of one around another.
        cut = len(text) - max((_common(text, stop) for stop in self._stop), default=0)
        first = self._first(text)
        if first <= cut and first < len(text):
            self._ended = True
            return text[:first]
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """See `TextFilter.finish`."""
        return "" if self._ended else self._held[: self._first(self._held)]

    def _first(self, text: str) -> int:
        found = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        return min(found, default=len(text))


def _common(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with, without being all of it."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
