"""The ways through a flow of Colang 1.0: which turns, choices and values lead from its beginning to an end.

Branches are enumerated, loops are gone through once (and, for those that count, a few times). Where there are more ways than `MAX_PATHS`, those are kept
that take every branch at least once; the work is linear in the size of the flow.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from colang.source import Source
from colang.syntax import nodes_v1 as n
from colang_migrate.facts import whole_name

MAX_PATHS = 24
REPEATS = (2, 3)
MAX_CALLS = 4  # flows called from flows, counted inwards


@dataclass(frozen=True, slots=True)
class Says:
    """The user says something that means this intent; an empty one means whatever no sample tells."""

    intent: str


@dataclass(frozen=True, slots=True)
class Happens:
    """An event arrives."""

    name: str
    properties: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Assumes:
    """A condition holds, or does not."""

    condition: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Learns:
    """A value comes from outside: from an action, or (without a name of one) from the model."""

    variable: str  # without the dollar sign; empty if nobody keeps the value
    action: str = ""


@dataclass(frozen=True, slots=True)
class Computes:
    """A variable gets the value of an expression."""

    variable: str
    expression: str


@dataclass(frozen=True, slots=True)
class Utters:
    """The bot says a message, or the value of a variable."""

    intent: str
    variable: str = ""


Step: TypeAlias = Says | Happens | Assumes | Learns | Computes | Utters


@dataclass(frozen=True, slots=True)
class Way:
    """Steps, and what ended them: ``end``, ``stop``, ``return``, ``break``, ``continue`` or ``goto``."""

    steps: tuple[Step, ...] = ()
    end: str = "end"

    @property
    def goes_on(self) -> bool:
        """Whether the statement after it is reached."""
        return self.end == "end"


@dataclass(frozen=True, slots=True)
class FlowPaths:
    """A flow of the old bot and the ways through it; `is_cut`: there are more ways than are kept."""

    id: str
    path: str
    line: int
    is_subflow: bool
    ways: tuple[Way, ...]
    is_cut: bool

    @property
    def spoken(self) -> set[str]:
        """The variables whose value is said as it is, so that it must be a text."""
        return {
            *("user_message", "bot_message"),
            *(s.variable for way in self.ways for s in way.steps if isinstance(s, Utters)),
        }

    @property
    def trigger(self) -> Step | None:
        """What it waits for first: a turn of the user, an event, a message of the bot."""
        for way in self.ways:
            for step in way.steps:
                if isinstance(step, (Says, Happens, Utters)):
                    return step
                if isinstance(step, Learns):
                    return None
        return None


class Paths:
    """The ways through all flows of a configuration."""

    def __init__(
        self, modules: Mapping[str, tuple[n.Module, Source]], intents: Iterable[str] = ()
    ) -> None:
        """For the trees of a configuration by path; `intents` are those that have samples."""
        self._intents = frozenset(intents)
        self._bodies: dict[str, Sequence[n.Stmt]] = {}
        places: list[tuple[str, str, int, bool]] = []
        for path, (module, source) in modules.items():
            for definition in module.definitions:
                if isinstance(definition, n.FlowDef):
                    name, body = definition.id, definition.body
                    is_subflow = definition.kind is not None and definition.kind.text == "subflow"
                elif isinstance(definition, n.UserDef) and definition.direct:
                    name, body, is_subflow = definition.name.text, definition.direct, False
                else:
                    continue
                if name in self._bodies:
                    continue  # the first one wins
                self._bodies[name] = body
                line = source.position(definition.span.start).line
                places.append((name, path, line, is_subflow))
        self._known: dict[tuple[str, int], tuple[tuple[Way, ...], bool]] = {}
        self._cut = False
        self.flows: dict[str, FlowPaths] = {}
        for name, path, line, is_subflow in places:
            ways, is_cut = self._through(name, ())
            self.flows[name] = FlowPaths(name, path, line, is_subflow, ways, is_cut)

    def _through(self, name: str, callers: tuple[str, ...]) -> tuple[tuple[Way, ...], bool]:
        if name not in self._bodies or name in callers or len(callers) > MAX_CALLS:
            return (Way(),), False
        key = name, len(callers)
        if key not in self._known:
            self._cut = self._cut and bool(callers)
            ways = self._block(self._bodies[name], (*callers, name))
            self._known[key] = tuple(ways), self._cut
        return self._known[key]

    # -------------------------------------------------- statements

    def _block(self, statements: Sequence[n.Stmt], callers: tuple[str, ...]) -> list[Way]:
        """The ways through statements one after the other."""
        open_ways = [Way()]
        ended: list[Way] = []
        for statement in statements:
            variants = self._variants(statement, callers)
            if variants == [Way()]:
                continue
            made = self._joined(open_ways, variants)
            open_ways = [way for way in made if way.goes_on]
            ended += [way for way in made if not way.goes_on]
            if not open_ways:
                break
        return self._kept([*open_ways, *ended])

    def _joined(self, before: Sequence[Way], after: Sequence[Way]) -> list[Way]:
        """Every combination; if these are too many, each way before and each way after at least once."""
        first, second = len(before), len(after)
        if first * second <= MAX_PATHS:
            pairs = [(i, j) for i in range(first) for j in range(second)]
        else:
            self._cut = True
            pairs = list(dict.fromkeys((k % first, k % second) for k in range(max(first, second))))
        return [Way(before[i].steps + after[j].steps, after[j].end) for i, j in pairs]

    def _kept(self, ways: Sequence[Way]) -> list[Way]:
        distinct = list(dict.fromkeys(ways))
        if len(distinct) > 2 * MAX_PATHS:
            self._cut = True
            return distinct[: 2 * MAX_PATHS]
        return distinct

    def _variants(self, s: n.Stmt, callers: tuple[str, ...]) -> list[Way]:
        match s:
            case n.UserStmt():
                return [Way((step,)) for step in self._said(s.patterns)]
            case n.AnyStmt():
                return [way for item in s.items for way in self._variants(item, callers)] or [Way()]
            case n.EventStmt():
                return [Way((_event(s),))]
            case n.BotStmt():
                name = s.pattern.name.text if s.pattern.kind in ("intent", "any") else ""
                variable = s.pattern.name.text.lstrip("$") if s.pattern.kind == "variable" else ""
                return [Way((Utters(name, variable),))]
            case n.ExecuteStmt():
                variable = s.target.text.lstrip("$") if s.target is not None else ""
                return [Way((Learns(variable, s.name.text),))]
            case n.Generate():
                return [Way((Learns(s.variable),))]
            case n.Assign():
                expression = s.value.text
                if s.op.text != "=":
                    expression = f"${s.variable} {s.op.text[0]} ({expression})"
                return [Way((Computes(s.variable, expression),))]
            case n.DoStmt():
                if s.name is None:
                    return [Way()]
                inner, _ = self._through(s.name.text, callers)
                return [Way(way.steps, "stop" if way.end == "stop" else "end") for way in inner]
            case n.If():
                return self._if(s, callers)
            case n.While():
                return self._while(s, callers)
            case n.When():
                return self._when(s, callers)
            case n.Check():
                return [
                    Way((Assumes(s.condition.text, True),)),
                    Way((Assumes(s.condition.text, False),), "return"),
                ]
            case n.Stop():
                return [Way((), "stop")]
            case n.Return():
                return [Way((), "return")]
            case n.Break():
                return [Way((), "break")]
            case n.Continue():
                return [Way((), "continue")]
            case n.Goto():
                return [Way((), "goto")]
            case _:
                return [Way()]

    def _if(self, s: n.If, callers: tuple[str, ...]) -> list[Way]:
        found: list[Way] = []
        failed: tuple[Step, ...] = ()
        for branch in s.branches:
            before = failed
            if branch.condition is not None:
                before = (*failed, Assumes(branch.condition.text, True))
                failed = (*failed, Assumes(branch.condition.text, False))
            found += [Way(before + way.steps, way.end) for way in self._block(branch.body, callers)]
        if s.branches and s.branches[-1].condition is not None:
            found.append(Way(failed))
        return found or [Way()]

    def _while(self, s: n.While, callers: tuple[str, ...]) -> list[Way]:
        """Not at all, once each way, and some ways several times: for loops that count."""
        enters, leaves = Assumes(s.condition.text, True), Assumes(s.condition.text, False)
        found: list[Way] = []
        body = self._block(s.body, callers)
        for way in body:
            if way.end == "break":
                found.append(Way((enters, *way.steps)))
            elif way.end in ("end", "continue"):
                found.append(Way((enters, *way.steps, leaves)))
            else:
                found.append(Way((enters, *way.steps), way.end))
        again = [way for way in body if way.end in ("end", "continue")][:3]
        for way, times in itertools.product(again, REPEATS):
            found.append(Way((enters, *way.steps) * times + (leaves,)))
        return [*found, Way((leaves,))]

    def _when(self, s: n.When, callers: tuple[str, ...]) -> list[Way]:
        found: list[Way] = []
        for case in s.cases:
            body = self._block(case.body, callers)
            for pattern in case.patterns:
                if isinstance(pattern, n.EventStmt):
                    first: list[Step] = [_event(pattern)]
                elif pattern.keyword.text == "bot":
                    first = [Utters(pattern.name.text)]
                else:
                    first = self._said((pattern,))
                found += [Way((step, *way.steps), way.end) for step in first for way in body]
        return found or [Way()]

    def _said(self, patterns: Sequence[n.Pattern]) -> list[Step]:
        whole = whole_name(patterns)
        if whole is not None and whole in self._intents:
            return [Says(whole)]
        found: list[Step] = []
        for pattern in patterns:
            if pattern.kind == "intent":
                found.append(Says(pattern.name.text))
            elif pattern.kind == "list":
                found += [Says(name.text) for name in pattern.names]
            else:
                found.append(Says(""))
        return found


def _event(s: n.EventStmt) -> Happens:
    items: dict[str, object] = {}
    if s.arguments is not None:
        for item in s.arguments.items:
            if item.name is not None:
                items[item.name.text] = item.value
    if s.block is not None:
        for entry in s.block.entries:
            items[entry.name.text] = entry.value
    given = tuple((key, _property(value)) for key, value in items.items())
    return Happens(s.name.text, given)


def _property(value: object) -> object:
    """A value that fits: anything where anything fits, or where it is a variable's."""
    if isinstance(value, str) and (value == "..." or value.startswith("$")):
        return "anything"
    return value


def prefix_to(ways: Iterable[Way], fits: Callable[[Step], bool]) -> tuple[Step, ...] | None:
    """The shortest beginning of a way that ends with a step that fits."""
    best: tuple[Step, ...] | None = None
    for way in ways:
        for place, step in enumerate(way.steps):
            if fits(step):
                if best is None or place + 1 < len(best):
                    best = way.steps[: place + 1]
                break
    return best


_NAME = re.compile(r"\$([^\W\d]\w*)")


def variables_in(expression: str) -> list[str]:
    """The variables of an expression, in order.

    >>> variables_in("$a.b > 3 and not $c")
    ['a', 'c']
    """
    return list(dict.fromkeys(_NAME.findall(expression)))
