"""How many ways a backtracking engine can have to match a pattern, read off the pattern.

The pattern becomes an automaton with one state for each character position in it (Glushkov's construction). A way
that leads from one state to another is counted as often as the pattern allows it, because the engine tries each.
Then (Weber and Seidl 1991): the number of ways is exponential if a state can return to itself by two ways reading the same text;
else it is polynomial, of a degree that is the longest chain of loops where each can be left for the next while both
could have read on. A search that may begin anywhere is one more loop, in front.

All estimates err on the side of more ways.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any, Final

from colang_interpreter.dynamic import class_of

if sys.version_info >= (3, 11):
    from re import _constants as sre
    from re import _parser as parser
else:
    import sre_constants as sre
    import sre_parse as parser

MAX_STATES: Final = 1_500
MAX_EDGES: Final = 200_000
MAX_LOOPS: Final = 40
MAX_WORK: Final = 200_000  # combinations of states that are looked at
MAX_WAYS: Final = 10_000  # of a pattern without loops
MAX_COPIES: Final = 10  # a{2,10} becomes copies, a{2,11} a loop
MAX_COPIED: Final = 200  # states of all copies of a repeated part

# One character of each sort that categories tell apart; the last one stands for "any other".
_SAMPLES: Final = "aZ05_ \n\t-~\u00e9\u65e5\u0663\u2003\ue000"


class Ambiguous(Exception):
    """The number of ways is exponential, or too large to be worth knowing."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A search in n characters takes at most ``factor * n**degree / degree!`` steps (a step is a few nanoseconds)."""

    degree: int
    factor: float

    def steps(self, length: int) -> int:
        """The bound for a text of this length.

        >>> Growth(2, 1.0).steps(100)
        5000
        """
        return int(self.factor * length**self.degree / factorial(self.degree))


def growth_of(pattern: str) -> Growth:
    r"""Judge a valid pattern.

    Raises:
        Ambiguous: exponential, or too complicated to be judged.

    Example:
        >>> growth_of(r"\bhello\b").degree, growth_of(r"(\w+)@(\w+)\.com").degree, growth_of("^user .*").degree
        (1, 2, 1)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parser.parse(pattern)
    automaton = _Automaton(tree)
    automaton.build(tree, tree.state.flags)
    return automaton.growth()


Ways = dict[int, int]  # state -> number of ways to it, at most 2 ("several")


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the pattern: where it can begin and end, and how many ways it can match nothing."""

    first: Ways
    last: Ways
    empty: int


_NOTHING: Final = _Part({}, {}, 1)


def _sum(a: Ways, b: Ways, times: int = 1) -> Ways:
    result = dict(a)
    for state, ways in b.items():
        if times:
            result[state] = min(2, result.get(state, 0) + ways * times)
    return result


class _Automaton:
    def __init__(self, tree: Any) -> None:
        self.masks: list[int] = []  # which samples each state reads, as bits
        self.follow: list[Ways] = []
        self.edges = 0
        self.groups: dict[int, Any] = {}
        self.look_degree = 0  # of lookarounds, which are tried at each step
        self.look_factor = 0.0
        self.samples = sorted(set(_SAMPLES).union(*map(_variants, _characters(tree))))
        self.known: dict[str, int] = {}

    # ------------------------------------------------ construction

    def build(self, tree: Any, flags: int) -> None:
        """Fill the automaton; state 0 is the loop in front of a search that may begin anywhere."""
        start = self.state((1 << len(self.samples)) - 1)
        whole = self.sequence(tree, flags)
        if not _anchored(tree, flags):
            self.link({start: 1}, {start: 1})
        self.link({start: 1}, whole.first)

    def state(self, mask: int) -> int:
        if len(self.masks) >= MAX_STATES:
            raise Ambiguous("it is too complicated to be judged")
        self.masks.append(mask)
        self.follow.append({})
        return len(self.masks) - 1

    def link(self, last: Ways, first: Ways) -> None:
        self.edges += len(last) * len(first)
        if self.edges > MAX_EDGES:
            raise Ambiguous("it is too complicated to be judged")
        for source, times in last.items():
            follow = self.follow[source]
            for target, ways in first.items():
                follow[target] = min(2, follow.get(target, 0) + times * ways)

    def leaf(self, op: Any, value: Any, flags: int) -> _Part:
        key = f"{op}{value}{flags & (re.IGNORECASE | re.DOTALL | re.ASCII)}"
        mask = self.known.get(key)
        if mask is None:
            mask = sum(
                1 << number
                for number, sample in enumerate(self.samples)
                if reads(op, value, flags, sample)
            )
            self.known[key] = mask
        state = self.state(mask)
        return _Part({state: 1}, {state: 1}, 0)

    def then(self, a: _Part, b: _Part) -> _Part:
        self.link(a.last, b.first)
        return _Part(
            _sum(a.first, b.first, a.empty),
            _sum(b.last, a.last, b.empty),
            min(2, a.empty * b.empty),
        )

    def either(self, parts: Iterable[_Part]) -> _Part:
        first: Ways = {}
        last: Ways = {}
        empty = 0
        for part in parts:
            first.update(part.first)
            last.update(part.last)
            empty = min(2, empty + part.empty)
        return _Part(first, last, empty)

    def sequence(self, tree: Any, flags: int) -> _Part:
        result = _NOTHING
        for op, value in tree:
            result = self.then(result, self.element(op, value, flags))
        return result

    def element(self, op: Any, value: Any, flags: int) -> _Part:
        if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return self.leaf(op, value, flags)
        if op is sre.BRANCH:
            return self.either([self.sequence(branch, flags) for branch in value[1]])
        if op is sre.SUBPATTERN:
            group, added, removed, tree = value
            if group is not None:
                self.groups[group] = tree
            return self.sequence(tree, (flags | added) & ~removed)
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) or str(op) == "POSSESSIVE_REPEAT":
            return self.repeat(value[0], value[1], value[2], flags)
        if str(op) == "ATOMIC_GROUP":
            return self.sequence(value, flags)
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            self.look(value[1], flags)
            return _NOTHING
        if op is sre.AT:
            return _NOTHING
        if op is sre.GROUPREF:
            return self.reference(value, flags)
        if op is sre.GROUPREF_EXISTS:
            _, yes, no = value
            other = _NOTHING if no is None else self.sequence(no, flags)
            return self.either([self.sequence(yes, flags), other])
        raise Ambiguous(f"its part {op} is not supported")

    def reference(self, group: int, flags: int) -> _Part:
        """A reference to a group: any text of its length; if it has no fixed length, any text."""
        low, high = self.groups[group].getwidth() if group in self.groups else (0, 2)
        part = self.leaf(sre.ANY, None, flags | re.DOTALL)
        if high > 1:
            self.link(part.last, part.first)
        return part if low else _Part(part.first, part.last, 1)

    def look(self, tree: Any, flags: int) -> None:
        """A lookaround is matched by itself, at each step of the rest."""
        inner = _Automaton(tree)
        start = inner.state((1 << len(inner.samples)) - 1)
        inner.groups = self.groups
        inner.link({start: 1}, inner.sequence(tree, flags).first)
        growth = inner.growth()
        self.look_degree = max(self.look_degree, growth.degree)
        self.look_factor += growth.factor

    def repeat(self, least: int, most: Any, tree: Any, flags: int) -> _Part:
        size = len(self.masks)
        part = self.sequence(tree, flags)
        size = len(self.masks) - size
        unbounded = most is sre.MAXREPEAT
        count = int(least) if unbounded else int(most)
        if count == 0 and not unbounded:
            return _NOTHING
        if (
            count > MAX_COPIES and not (least == most and count * size <= MAX_COPIED)
        ) or count * size > MAX_COPIED:
            unbounded, least = True, min(int(least), 1)
        if unbounded:
            self.link(part.last, part.first)
            return _Part(part.first, part.last, part.empty if least else min(2, part.empty + 1))
        copies = [part, *(self.sequence(tree, flags) for _ in range(count - 1))]
        result = _NOTHING
        for number in range(count - 1, -1, -1):
            result = self.then(copies[number], result)
            if number >= least:
                result = _Part(result.first, result.last, min(2, result.empty + 1))
        return result

    # ------------------------------------------------ judgement

    def growth(self) -> Growth:
        components = _components(self.follow)
        component_of = [0] * len(self.follow)
        for number, states in enumerate(components):
            for state in states:
                component_of[state] = number
        loops = [
            number
            for number, states in enumerate(components)
            if len(states) > 1 or states[0] in self.follow[states[0]]
        ]
        if len(loops) > MAX_LOOPS:
            raise Ambiguous("it has too many parts of variable length")
        for number in loops:
            self.refuse_exponential(components[number], component_of)
        ways = self.ways(components, component_of, set(loops))
        degree, divisor = self.chain(components, loops)
        return Growth(degree + self.look_degree, ways / divisor * max(1.0, self.look_factor))

    def refuse_exponential(self, states: Sequence[int], component_of: Sequence[int]) -> None:
        """Two ways from a state of a loop back to it that read the same text."""
        message = "a repeated part can match the same text in several ways"
        here = component_of[states[0]]
        inside = {
            state: [to for to in self.follow[state] if component_of[to] == here] for state in states
        }
        for state in states:
            if any(self.follow[state][to] > 1 for to in inside[state]):
                raise Ambiguous(message)
        todo = [(state, state) for state in states]
        seen: set[tuple[int, int]] = set()
        work = 0
        while todo:
            one, two = todo.pop()
            for a in inside[one]:
                for b in inside[two]:
                    work += 1
                    if not self.masks[a] & self.masks[b]:
                        continue
                    if a == b:
                        if one != two:
                            raise Ambiguous(message)
                        continue
                    pair = (a, b) if a < b else (b, a)
                    if pair not in seen:
                        seen.add(pair)
                        todo.append(pair)
            if work > MAX_WORK:
                raise Ambiguous("it is too complicated to be judged")

    def ways(
        self, components: Sequence[Sequence[int]], component_of: Sequence[int], loops: set[int]
    ) -> float:
        """A bound on the ways through the parts that are not loops; `components` come last ones first."""
        ways: list[float] = []
        known: dict[tuple[int, ...], float] = {}
        skips: dict[
            int, set[int]
        ] = {}  # loop -> where it leads: passing it by is one of its n ways
        for number, states in enumerate(components):
            if number in loops:
                leads = (to for state in states for to in self.follow[state])
                skips[number] = {to for to in leads if component_of[to] != number}
            most = 0.0
            for state in states:
                exits = tuple(to for to in self.follow[state] if component_of[to] != number)
                passed = [skips[component_of[to]] for to in exits if component_of[to] in loops]
                exits = tuple(to for to in exits if not any(to in skipped for skipped in passed))
                several = any(self.follow[state][to] > 1 for to in exits)
                best = None if several else known.get(exits)
                if best is None:
                    weights = [ways[component_of[to]] * self.follow[state][to] for to in exits]
                    best = 0.0
                    for one in exits:
                        mask = self.masks[one]
                        total = sum(
                            weight
                            for other, weight in zip(exits, weights, strict=True)
                            if mask & self.masks[other]
                        )
                        best = max(best, total)
                    if not several:
                        known[exits] = best
                most = max(most, best)
            total = max(1.0, most)
            if total > MAX_WAYS:
                raise Ambiguous("optional parts can match the same text in too many ways")
            ways.append(total)
        return ways[component_of[0]]

    def chain(self, components: Sequence[Sequence[int]], loops: Sequence[int]) -> tuple[int, float]:
        """The longest chain of loops, and how much rarer than characters its links are."""
        best: dict[int, tuple[int, float]] = {}
        for number in loops:  # last ones first
            degree, divisor = 1, 1.0
            for later in best:
                distance = self.between(components[number], components[later])
                if distance:
                    candidate = (1 + best[later][0], best[later][1] * max(1, distance - 1))
                    if (candidate[0], -candidate[1]) > (degree, -divisor):
                        degree, divisor = candidate
            best[number] = (degree, divisor)
        return max(best.values(), key=lambda entry: (entry[0], -entry[1]), default=(0, 1.0))

    def between(self, before: Sequence[int], after: Sequence[int]) -> int:
        """Steps from one loop to a later one, if some text can be read by both and by the way between; else 0."""
        distance = self.distance(before, set(after))
        if not distance:
            return 0
        middle = self.reachable(before)
        ends = set(after)
        inside = set(before)
        todo = [(a, a, c) for a in before for c in after]
        seen = set(todo)
        work = 0
        while todo:
            a, b, c = todo.pop()
            for to_a in self.follow[a]:
                if to_a not in inside:
                    continue
                for to_c in self.follow[c]:
                    mask = self.masks[to_a] & self.masks[to_c]
                    if to_c not in ends or not mask:
                        continue
                    for to_b in self.follow[b]:
                        work += 1
                        if to_b not in middle or not mask & self.masks[to_b]:
                            continue
                        if to_b in ends and to_b == to_c:
                            return distance
                        triple = (to_a, to_b, to_c)
                        if triple not in seen:
                            seen.add(triple)
                            todo.append(triple)
            if work > MAX_WORK:
                return distance
        return 0

    def reachable(self, states: Iterable[int]) -> set[int]:
        seen = set(states)
        todo = list(seen)
        while todo:
            for state in self.follow[todo.pop()]:
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
        return seen

    def distance(self, before: Iterable[int], ends: set[int]) -> int:
        seen = set(before)
        row, steps = list(seen), 0
        while row:
            steps += 1
            below: list[int] = []
            for source in row:
                for state in self.follow[source]:
                    if state in ends:
                        return steps
                    if state not in seen:
                        seen.add(state)
                        below.append(state)
            row = below
        return 0


# ---------------------------------------------------------------- helpers


def _components(follow: Sequence[Ways]) -> list[list[int]]:
    """Strongly connected components, last ones first (Tarjan, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    result: list[list[int]] = []
    for root in range(len(follow)):
        if root in index:
            continue
        work = [(root, iter(follow[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            state, rest = work[-1]
            for to in rest:
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    on_stack.add(to)
                    work.append((to, iter(follow[to])))
                    break
                if to in on_stack:
                    low[state] = min(low[state], index[to])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    component: list[int] = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == state:
                            break
                    result.append(component)
    return result


def _characters(tree: Any) -> list[str]:
    """All characters that the pattern names, with the neighbours of ranges."""
    found: list[str] = []
    todo: list[Any] = [tree]
    while todo:
        entry = todo.pop()
        kind = class_of(entry)
        is_pair = kind is tuple and len(entry) == 2
        if is_pair and entry[0] in (sre.LITERAL, sre.NOT_LITERAL):
            found.append(chr(entry[1]))
        elif is_pair and entry[0] is sre.RANGE:
            low, high = entry[1]
            found += [chr(code) for code in (low - 1, low, high, high + 1) if 0 <= code < 0x110000]
        elif hasattr(entry, "data") or kind in (list, tuple):
            todo.extend(entry)
    return found


def _variants(character: str) -> set[str]:
    return {text for text in (character, character.lower(), character.upper()) if len(text) == 1}


_CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def reads(op: Any, value: Any, flags: int, sample: str) -> bool:
    """Whether a state reads a character."""
    if op is sre.ANY:
        return bool(flags & re.DOTALL) or sample != "\n"
    codes = [ord(text) for text in (_variants(sample) if flags & re.IGNORECASE else {sample})]
    if op is sre.LITERAL:
        return value in codes
    if op is sre.NOT_LITERAL:
        return value not in codes
    negated = False
    inside = False
    for kind, what in value:
        if kind is sre.NEGATE:
            negated = True
        elif kind is sre.LITERAL:
            inside = inside or what in codes
        elif kind is sre.RANGE:
            inside = inside or any(what[0] <= code <= what[1] for code in codes)
        elif kind is sre.CATEGORY:
            category = _CATEGORIES[str(what)]
            inside = inside or re.match(category, sample, flags & re.ASCII) is not None
    return inside != negated


def _anchored(tree: Any, flags: int) -> bool:
    """Whether a match can only begin at the beginning of the text."""
    for op, value in tree:
        if op is sre.AT:
            if value is sre.AT_BEGINNING_STRING:
                return True
            return value is sre.AT_BEGINNING and not flags & re.MULTILINE
        if op is sre.SUBPATTERN:
            return _anchored(value[3], (flags | value[1]) & ~value[2])
        if op is sre.BRANCH:
            return all(_anchored(branch, flags) for branch in value[1])
        return False
    return False
