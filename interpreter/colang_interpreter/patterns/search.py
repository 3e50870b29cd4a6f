"""Searching in linear time: whether a pattern is found in a text, all ways at once.

Python's `re` tries one way after the other, which takes too long for some patterns on long texts. Here the pattern
becomes a Thompson automaton whose sets of states are remembered as they appear (a lazy DFA): one look-up
for each character. It answers only yes or no, which does not depend on the order of the ways, and knows neither
lookarounds nor references to groups.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any, Final

from colang_interpreter.patterns.automaton import reads

if sys.version_info >= (3, 11):
    from re import _constants as sre
    from re import _parser as parser
else:
    import sre_constants as sre
    import sre_parse as parser

MAX_PROGRAM: Final = 2_000  # instructions
MAX_SETS: Final = 2_000  # sets of states remembered at a time
WORK: Final = 5_000_000  # instructions times characters of one search

# Kinds of the character before a position; what a word is depends on the flag ASCII.
_START, _ASCII_WORD, _WORD, _NEWLINE, _OTHER = range(5)

_LAST_NEWLINE: Final = "\n$"  # a newline that ends the text; "" is the end of the text

Instruction = tuple[
    Any, ...
]  # ("char", op, value, flags) ("split", to, to) ("at", what, flags) ("match",)


class Unsupported(Exception):
    """The pattern has a part that this search does not know."""


class LinearSearch:
    """A pattern, ready to be searched for.

    Example:
        >>> search = LinearSearch("(?i)ignore.*previous")
        >>> search.found("please IGNORE all previous"), search.found("previous, ignore")
        (True, False)
    """

    def __init__(self, pattern: str) -> None:
        """Translate a valid pattern; Unsupported if it cannot be."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(pattern)
        self.program: list[Instruction] = []
        self._sequence(tree, tree.state.flags)
        self._add("match")
        self._reset()

    @property
    def longest_text(self) -> int:
        """Characters of a text that is searched in about a second at worst."""
        return WORK // len(self.program)

    def found(self, text: str) -> bool:
        """Whether the pattern is found anywhere; linear in the text."""
        tables = self._tables
        state = self._known((frozenset({0}), _START))
        symbols: list[str] = [*text, ""]
        if text.endswith("\n"):
            symbols[-2] = _LAST_NEWLINE
        for symbol in symbols:
            to = tables[state].get(symbol)
            if to is None:
                if len(tables) > MAX_SETS:
                    entry = self._sets[state]
                    self._reset()
                    tables = self._tables
                    state = self._known(entry)
                to = self._step(state, symbol)
                tables[state][symbol] = to
            if to < 0:
                return True
            state = to
        return False

    # ------------------------------------------------ translation

    def _add(self, *instruction: Any) -> int:
        if len(self.program) >= MAX_PROGRAM:
            raise Unsupported
        self.program.append(instruction)
        return len(self.program) - 1

    def _sequence(self, tree: Any, flags: int) -> None:
        for op, value in tree:
            self._element(op, value, flags)

    def _element(self, op: Any, value: Any, flags: int) -> None:
        if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            self._add("char", op, value, flags)
        elif op is sre.AT:
            self._add("at", value, flags)
        elif op is sre.SUBPATTERN:
            _, added, removed, tree = value
            self._sequence(tree, (flags | added) & ~removed)
        elif op is sre.BRANCH:
            ends: list[int] = []
            for branch in value[1][:-1]:
                split = self._add("split", 0, 0)
                self._sequence(branch, flags)
                ends.append(self._add("split", 0, 0))
                self.program[split] = ("split", split + 1, len(self.program))
            self._sequence(value[1][-1], flags)
            for end in ends:
                self.program[end] = ("split", len(self.program), len(self.program))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            self._repeat(int(value[0]), value[1], value[2], flags)
        else:
            raise Unsupported

    def _repeat(self, least: int, most: Any, tree: Any, flags: int) -> None:
        for _ in range(least):
            self._sequence(tree, flags)
            if len(self.program) >= MAX_PROGRAM:
                raise Unsupported
        if most is sre.MAXREPEAT:
            split = self._add("split", 0, 0)
            self._sequence(tree, flags)
            self._add("split", split, split)
            self.program[split] = ("split", split + 1, len(self.program))
            return
        splits: list[int] = []
        for _ in range(int(most) - least):
            splits.append(self._add("split", 0, 0))
            self._sequence(tree, flags)
        for split in splits:
            self.program[split] = ("split", split + 1, len(self.program))

    # ------------------------------------------------ running

    def _reset(self) -> None:
        self._numbers: dict[tuple[frozenset[int], int], int] = {}
        self._sets: list[tuple[frozenset[int], int]] = []
        self._tables: list[dict[str, int]] = []

    def _known(self, entry: tuple[frozenset[int], int]) -> int:
        number = self._numbers.get(entry)
        if number is None:
            number = len(self._sets)
            self._numbers[entry] = number
            self._sets.append(entry)
            self._tables.append({})
        return number

    def _step(self, state: int, symbol: str) -> int:
        """The state after one more character, -1 if a match has ended before it."""
        positions, before = self._sets[state]
        after: set[int] = {0}
        seen = set(positions)
        todo = list(positions)
        while todo:
            position = todo.pop()
            instruction = self.program[position]
            kind = instruction[0]
            if kind == "match":
                return -1
            if kind == "char":
                if symbol and reads(instruction[1], instruction[2], instruction[3], symbol[0]):
                    after.add(position + 1)
                continue
            if kind == "at":
                if not _holds(instruction[1], instruction[2], before, symbol):
                    continue
                ways: tuple[int, ...] = (position + 1,)
            else:
                ways = instruction[1:]
            for way in ways:
                if way not in seen:
                    seen.add(way)
                    todo.append(way)
        return self._known((frozenset(after), _kind(symbol[:1])))


def _kind(character: str) -> int:
    if character == "\n":
        return _NEWLINE
    if re.match(r"\w", character) is None:
        return _OTHER
    return _ASCII_WORD if character.isascii() else _WORD


def _holds(what: Any, flags: int, before: int, symbol: str) -> bool:
    """Whether an anchor holds between a kind of character and a symbol."""
    if what is sre.AT_BEGINNING_STRING:
        return before == _START
    if what is sre.AT_BEGINNING:
        return before == _START or bool(flags & re.MULTILINE and before == _NEWLINE)
    if what is sre.AT_END_STRING:
        return symbol == ""
    if what is sre.AT_END:
        return symbol in ("", _LAST_NEWLINE) or bool(flags & re.MULTILINE and symbol == "\n")
    word = before == _ASCII_WORD or (before == _WORD and not flags & re.ASCII)
    boundary = word != (re.match(r"\w", symbol[:1], flags & re.ASCII) is not None)
    if what is sre.AT_BOUNDARY:
        return boundary
    if what is sre.AT_NON_BOUNDARY:
        return not boundary
    raise Unsupported
