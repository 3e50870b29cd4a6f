"""Logical lines of Colang 1.0: comments, docstrings, texts over several lines, continuations (section 3.1).

Colang 1.0 is a language of lines: names may hold blanks and any character, so a line must be known as a
whole before it can be cut. This pass finds the lines; `parser_v1` reads them.

Where the reference silently swallows text this pass reports instead (quirks P3 to P6): an unclosed text ends
with its line as soon as another text or a definition begins before it is closed, an unclosed docstring likewise.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from colang.diagnostics import Diagnostic
from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax.nodes import Token
from colang.syntax.nodes_v1 import Comment

# Quoted stretches and hashes, in order. An unclosed `"` reaches to the end; an apostrophe inside a word
# (`what's`) opens nothing. Every alternative that starts matches, so the scan is linear.
_QUOTE_OR_HASH = re.compile(r"\"(?:[^\"\\]|\\.)*(?:\"|\\?$)|(?<!\w)'[^'\n]*'|\#", re.DOTALL)
QUOTES = '"' * 3  # a docstring's mark
_DEFINE = re.compile(r"def(?:ine)?\s+(?:\w+\s+)*?(?:user|bot|flow|subflow|action)\b")
_COLANG_1 = re.compile(r"^\s*define", re.MULTILINE)


class Line(NamedTuple):
    """One logical line.

    `text` has no comment, no blanks at its ends, and blanks in place of continuation marks and line ends, so
    that ``start + i`` is the offset of ``text[i]``. A text line (`is_text`) starts with a double quote and may
    hold line ends.
    """

    text: str
    start: int
    indent: int  # leading spaces; a tab counts as two once it has been reported
    comment: Comment | None
    is_text: bool
    joined: bool  # made of several physical lines

    @property
    def span(self) -> Span:
        """The characters of the line, without comment."""
        return Span(self.start, self.start + len(self.text))


class Lines(NamedTuple):
    """The result of `split_lines`: logical lines, and what is not part of one."""

    lines: list[Line]
    tokens: list[Token]  # comments, docstrings, continuation marks
    diagnostics: list[Diagnostic]


def is_colang_1(text: str) -> bool:
    """The reference's test of section 2: does some line start with ``define``, texts and comments apart?

    Example:
        >>> is_colang_1("# define nothing"), is_colang_1("define flow a")
        (False, True)
    """
    parts = text.split(QUOTES)
    if len(parts) > 1:
        if len(parts) % 2 == 0:  # the last mark has no partner: what follows it stays
            rest = parts.pop()
            parts[-1] += QUOTES + rest
        text = "".join(parts[::2])
    if "#" in text:
        text = "\n".join([line.partition("#")[0] for line in text.split("\n")])
    return _COLANG_1.search(text) is not None


def comment_start(text: str) -> int:
    """Index of the ``#`` that starts the comment of a line, or -1. Quotes protect it, single ones too (P6)."""
    for match in _QUOTE_OR_HASH.finditer(text):
        if match.group() == "#":
            return match.start()
    return -1


def open_quote(text: str) -> int:
    """Index of a double quote that is not closed on this line, or -1."""
    for match in _QUOTE_OR_HASH.finditer(text):
        found = match.group()
        if found[0] == '"' and (len(found) == 1 or found[-1] != '"'):
            return match.start()
        if found[0] == '"' and found.endswith('\\"') and match.end() == len(text):
            # `"C:\"`: the quote behind the backslash is the last one, so it may close the text
            return -1
    return -1


def split_lines(text: str) -> Lines:
    """Cut a module into logical lines; linear in `text`, never raises."""
    return _Splitter(text).run()


class _Splitter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.raw = text.split("\n")
        self.lines: list[Line] = []
        self.tokens: list[Token] = []
        self.diagnostics: list[Diagnostic] = []
        self.tabs: list[Span] = []  # leading blanks of lines that use tabs
        self.notes: list[str] = []  # pending comment
        self.note_start = 0
        self.note_end = 0
        self.no_docstring_until = 0  # before this line no docstring is closed

    def run(self) -> Lines:
        raw_lines = self.raw
        count = len(raw_lines)
        lines, tokens = self.lines, self.tokens
        at = number = 0
        if self.text.startswith("\ufeff"):
            tokens.append(Token("BOM", "\ufeff", 0))
            raw_lines[0] = " " + raw_lines[0][1:]
        while number < count:
            raw = raw_lines[number]
            stripped = raw.strip()
            if not stripped:
                at += len(raw) + 1
                number += 1
                continue
            indent = len(raw) - len(raw.lstrip())
            start = at + indent
            if not number and tokens:  # the mark is no indentation
                indent -= 1
            first = stripped[0]
            if first == "#":
                tokens.append(Token("COMMENT", stripped, start))
                self.note(stripped[1:].strip(), start, start + len(stripped))
                at += len(raw) + 1
                number += 1
                continue
            if indent > 0 and raw[:indent].strip(" "):
                indent = self.tabbed(raw[:indent], at)
            if first == '"':
                taken = self.quoted(number, start, indent, stripped)
                for skipped in raw_lines[number : number + taken]:
                    at += len(skipped) + 1
                number += taken
                continue
            if "#" in stripped:
                cut = comment_start(stripped)
                if cut >= 0:
                    tokens.append(Token("COMMENT", stripped[cut:], start + cut))
                    stripped = stripped[:cut].rstrip()
            if stripped[-1] == "\\" or stripped.endswith(" or"):
                taken = self.joined(number, at, start, indent, stripped)
                for skipped in raw_lines[number : number + taken]:
                    at += len(skipped) + 1
                number += taken
                continue
            comment = self.take_note() if self.notes else None
            lines.append(Line(stripped, start, indent, comment, False, False))
            at += len(raw) + 1
            number += 1
        if self.tabs:
            self.diagnostics.append(problem.tab_indentation(self.tabs, self.text))
        return Lines(lines, tokens, self.diagnostics)

    # ------------------------------------------------------------ comments

    def note(self, text: str, start: int, end: int) -> None:
        if not self.notes:
            self.note_start = start
        self.notes.append(text)
        self.note_end = end

    def take_note(self) -> Comment | None:
        if not self.notes:
            return None
        comment = Comment("\n".join(self.notes), self.note_start, self.note_end)
        self.notes = []
        return comment

    # ------------------------------------------------------------ indentation

    def tabbed(self, blanks: str, at: int) -> int:
        if "\t" not in blanks:
            return len(blanks) - len(blanks.lstrip(" "))
        self.tabs.append(Span(at, at + len(blanks)))
        return len(blanks.expandtabs(2))

    # ------------------------------------------------------------ texts and docstrings

    def quoted(self, number: int, start: int, indent: int, stripped: str) -> int:
        """A line that starts with a double quote; gives the number of physical lines it takes."""
        if stripped.startswith(QUOTES):
            return self.docstring(number, start, indent, stripped)
        cut = comment_start(stripped) if "#" in stripped else -1
        if cut >= 0:
            self.tokens.append(Token("COMMENT", stripped[cut:], start + cut))
            stripped = stripped[:cut].rstrip()
        taken = 1
        end = start + len(stripped)
        closed = len(stripped) > 1 and (stripped[-1] == '"' or open_quote(stripped) < 0)
        if not closed:
            closing = self.find_text_end(number)
            if closing > number:
                offset = start - (len(self.raw[number]) - len(self.raw[number].lstrip()))
                for line in self.raw[number:closing]:
                    offset += len(line) + 1
                last = self.raw[closing]
                length = last.rindex('"') + 1
                end = offset + length
                behind = last[length:].strip()
                if behind:
                    self.tokens.append(
                        Token("COMMENT", behind, offset + last.index(behind, length))
                    )
                taken = closing - number + 1
            else:
                self.diagnostics.append(problem.unclosed_text(Span(start, end)))
        text = self.text[start:end]
        self.lines.append(Line(text, start, indent, self.take_note(), True, taken > 1))
        return taken

    def find_text_end(self, number: int) -> int:
        """The line that closes a text opened on line `number`, or -1.

        Not closed are texts before whose end another text or a definition begins: there the author
        forgot a quote, and the reference would swallow what stands in between.
        """
        for later in range(number + 1, len(self.raw)):
            line = self.raw[later].strip()
            if not line:
                continue
            if line[0] == '"' and len(line) > 1:
                return -1
            quote = line.rfind('"')
            if quote >= 0 and line[quote + 1 :].lstrip()[:1] in ("", "#"):
                return later if open_quote(line[: quote + 1]) >= 0 else -1
            if line[0] == "d" and _DEFINE.match(line):
                return -1
        return -1

    def docstring(self, number: int, start: int, indent: int, stripped: str) -> int:
        body_end = -1
        taken = 1
        end = start + len(stripped)
        if len(stripped) > 5 and stripped.endswith(QUOTES):
            body_end = end - 3
        else:
            closing = self.find_docstring_end(number, indent)
            if closing > number:
                offset = start - (len(self.raw[number]) - len(self.raw[number].lstrip()))
                for line in self.raw[number:closing]:
                    offset += len(line) + 1
                end = offset + len(self.raw[closing].rstrip())
                body_end = end - 3
                taken = closing - number + 1
            else:
                self.diagnostics.append(problem.unclosed_docstring(Span(start, end)))
                body_end = end
        self.tokens.append(Token("DOCSTRING", self.text[start:end], start))
        body = self.text[start + 3 : body_end]
        if taken > 1:
            body = "\n".join([line.strip() for line in body.split("\n")])
        self.notes = []  # a docstring replaces the comment above it
        self.note(body, start, end)
        return taken

    def find_docstring_end(self, number: int, indent: int) -> int:
        """The line that ends a docstring opened on line `number`, or -1.

        A docstring inside a flow does not reach over the next definition at the left margin.
        """
        if number < self.no_docstring_until:
            return -1
        later = number
        for later in range(number + 1, len(self.raw)):
            raw = self.raw[later]
            line = raw.strip()
            if line.startswith(QUOTES) and line != QUOTES:
                break
            if line.endswith(QUOTES):
                return later
            if indent and line and raw[0] == "d" and _DEFINE.match(line):
                break
        self.no_docstring_until = later  # so that many open ones stay linear
        return -1

    # ------------------------------------------------------------ continuation

    def joined(self, number: int, at: int, start: int, indent: int, stripped: str) -> int:
        """A line that goes on in the next one; gives the number of physical lines it takes."""
        pieces: list[str] = []
        raw = self.raw[number]
        taken = 1
        while True:
            backslash = stripped[-1:] == "\\"
            if not backslash and not stripped.endswith(" or"):
                pieces.append(stripped)
                break
            after = self.raw[number + taken] if number + taken < len(self.raw) else ""
            line = after.strip()
            if not line or _DEFINE.match(line):
                pieces.append(stripped)
                break
            offset = at + len(raw) - len(raw.lstrip())
            if backslash:
                self.tokens.append(Token("CONTINUATION", "\\", offset + len(stripped) - 1))
                stripped = stripped[:-1] + " "
            blanks = len(raw) + 1 - (offset - at) - len(stripped) + len(after) - len(after.lstrip())
            pieces.append(stripped + " " * blanks)
            at += len(raw) + 1
            raw, stripped = after, line
            taken += 1
            if "#" in stripped:
                cut = comment_start(stripped)
                if cut >= 0:
                    place = at + len(raw) - len(raw.lstrip()) + cut
                    self.tokens.append(Token("COMMENT", stripped[cut:], place))
                    self.diagnostics.append(
                        problem.comment_in_continuation(Span(place, place + len(stripped) - cut))
                    )
                    stripped = stripped[:cut].rstrip()
        text = "".join(pieces).rstrip()
        if text:
            start += len(text) - len(text.lstrip())
            self.lines.append(
                Line(text.lstrip(), start, indent, self.take_note(), False, taken > 1)
            )
        return taken
