r"""How a line of source text looks on a terminal: printable characters and their widths.

Source text is not trusted: a control character or a bidirectional override in it could rewrite what
a terminal shows, so such characters are replaced by visible ones.

Example:
    >>> Cells("a\tb").text
    'a   b'
    >>> Cells("漢字").offsets
    [0, 2, 4]
    >>> Cells("\x1b[2J").text
    '␛[2J'
"""

from __future__ import annotations

import unicodedata

TAB_WIDTH = 4

# Characters that reorder the text around them: what a person sees would not be what is parsed.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Cells:
    """One line as shown: `text`, and for each character of the line (and its end) the cell it starts in.

    A tab reaches to the next multiple of four cells, an East Asian wide character takes two, a combining
    character none.
    """

    __slots__ = ("offsets", "pieces")

    def __init__(self, line: str) -> None:
        """Lay out a line without its line end; linear in the line."""
        self.pieces: list[str] = []
        self.offsets: list[int] = [0]
        if line.isascii() and line.isprintable():
            self.pieces.extend(line)
            self.offsets.extend(range(1, len(line) + 1))
            return
        at = 0
        for character in line:
            piece, width = _shown(character, at)
            at += width
            self.pieces.append(piece)
            self.offsets.append(at)

    @property
    def text(self) -> str:
        """The whole line as shown."""
        return "".join(self.pieces)

    def window(self, start: int, end: int, room: int) -> tuple[int, int]:
        """The characters ``[first, last)`` to show when only `room` cells are free.

        The characters ``[start, end)`` are the ones that matter; `start` is always inside the window.
        """
        offsets, count = self.offsets, len(self.pieces)
        if offsets[-1] <= room:
            return 0, count
        first = 0
        if offsets[min(end, count)] > room:
            while first < start and offsets[start] - offsets[first] > room // 3:
                first += 1
        last = first
        while last < count and offsets[last + 1] - offsets[first] <= room:
            last += 1
        return first, last


def printable(text: str) -> str:
    r"""A text in one line that cannot steer a terminal.

    >>> printable("no flow is named `\x07`\n")
    'no flow is named `␇`␊'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, 0)[0] if character != "\t" else " " for character in text)


def _shown(character: str, at: int) -> tuple[str, int]:
    """What stands for a character that begins in cell `at`, and how many cells that takes."""
    if character == "\t":
        width = TAB_WIDTH - at % TAB_WIDTH
        return " " * width, width
    if character < " ":
        return chr(0x2400 + ord(character)), 1
    if character == "\x7f":
        return "␡", 1
    if character in _REORDERING:
        return "\ufffd", 1
    if character == "\xad":  # a soft hyphen: a format character that terminals do show
        return character, 1
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Zl", "Zp"):
        return "\ufffd", 1
    if category in ("Mn", "Me", "Cf"):
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1
