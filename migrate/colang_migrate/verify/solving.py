"""Values that make a conversation take a certain way: what actions, the model, the user and the application give.

Candidates are read off the conditions (``$n > 3`` gives 2, 3 and 4), and tried in a fixed order until all conditions
of the way hold. That finds what people write in dialogs; where it does not, the report says which flow or branch
was not reached.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from colang_migrate.verify.paths import (
    Assumes,
    Computes,
    Learns,
    Says,
    Step,
    variables_in,
)

MAX_TRIES = 2_000
MAX_CANDIDATES = 8
UNSET = object()

USER_TEXT = frozenset(("user_message", "last_user_message"))
BOT_TEXT = frozenset(("bot_message", "last_bot_message"))
_GIVEN = frozenset(("config", "event", "generation_options"))

Evaluate: TypeAlias = Callable[[str, dict[str, Any]], Any]
"""Gives the value of a Colang 1.0 expression; raises if it has none."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What stands in for the world along one way.

    Attributes:
        learned: A value for each `Learns` of the way, in order; `UNSET` where any will do.
        context: Variables the application sets before the first turn.
        user: What the user says first, if that matters.
        bot: What the model says, if that matters.
    """

    learned: tuple[Any, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    user: str | None = None
    bot: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value comes in: the n-th `Learns`, a context variable, or the words of user or bot."""

    kind: str
    name: str
    number: int = -1


def solve(steps: Sequence[Step], evaluate: Evaluate) -> Solution | None:
    """Values with which all conditions of a way hold; None if none were found.

    Example:
        >>> def evaluate(expression, context):
        ...     return eval(expression.replace("$", ""), {}, context)
        >>> steps = [Learns("stock", "count_stock"), Assumes("$stock > 3", False), Assumes("$stock > 0", True)]
        >>> solve(steps, evaluate).learned
        (3,)
    """
    conditions = [step.condition for step in steps if isinstance(step, Assumes)]
    if not conditions:
        count = sum(isinstance(step, Learns) for step in steps)
        return Solution((UNSET,) * count)
    shapes = Shapes([*conditions, *(s.expression for s in steps if isinstance(s, Computes))])
    places = _places(steps, shapes)
    choices = [_choices(place, shapes) for place in places]
    for values in itertools.islice(itertools.product(*choices), MAX_TRIES):
        found = _solution(steps, places, values)
        if _holds(steps, found, evaluate):
            return found
    return None


def _places(steps: Sequence[Step], shapes: Shapes) -> list[_Place]:
    """The values that conditions depend on, as far as names tell, and those that must have parts."""
    wanted = _wanted(steps) | shapes.structured
    places: dict[_Place, None] = {}
    known: set[str] = set()
    number = -1
    for step in steps:
        match step:
            case Learns():
                number += 1
                if step.variable in wanted:
                    places[_Place("learned", step.variable, number)] = None
                known.add(step.variable)
            case Computes():
                _from_outside(step.expression, wanted, known, places)
                known.add(step.variable)
            case Assumes():
                _from_outside(step.condition, wanted, known, places)
            case _:
                pass
    return list(places)


def _from_outside(
    expression: str, wanted: set[str], known: set[str], places: dict[_Place, None]
) -> None:
    for name in variables_in(expression):
        if name in known or name in _GIVEN or name not in wanted:
            continue
        if name in USER_TEXT:
            places[_Place("user", "user_message")] = None
        elif name in BOT_TEXT:
            places[_Place("bot", "bot_message")] = None
        else:
            places[_Place("context", name)] = None


def _wanted(steps: Sequence[Step]) -> set[str]:
    """The variables that conditions read, and those these are computed from."""
    wanted: set[str] = set()
    for step in steps:
        if isinstance(step, Assumes):
            wanted.update(variables_in(step.condition))
    for step in reversed(steps):
        if isinstance(step, Computes) and step.variable in wanted:
            wanted.update(variables_in(step.expression))
    return wanted


def _choices(place: _Place, shapes: Shapes) -> list[Any]:
    names = USER_TEXT if place.kind == "user" else BOT_TEXT if place.kind == "bot" else {place.name}
    found: list[Any] = []
    for name in sorted(names):
        found += shapes.candidates(name)
    if place.kind in ("user", "bot"):
        found = [UNSET, *(each for each in found if isinstance(each, str) and each)]
    elif place.kind == "context":
        found = [UNSET, *found]
    return _distinct(found)[:MAX_CANDIDATES]


def _distinct(values: Sequence[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for value in values:
        seen.setdefault(f"{type(value).__name__}{value!r}", value)
    return list(seen.values())


def _solution(steps: Sequence[Step], places: Sequence[_Place], values: Sequence[Any]) -> Solution:
    learned: list[Any] = [UNSET] * sum(isinstance(step, Learns) for step in steps)
    context: dict[str, Any] = {}
    user = bot = None
    for place, value in zip(places, values, strict=True):
        if value is UNSET:
            continue
        if place.kind == "learned":
            learned[place.number] = value
        elif place.kind == "context":
            context[place.name] = value
        elif place.kind == "user":
            user = value
        else:
            bot = value
    return Solution(tuple(learned), context, user, bot)


def _holds(steps: Sequence[Step], found: Solution, evaluate: Evaluate) -> bool:
    """Whether the way is taken with these values."""
    context: dict[str, Any] = dict(found.context)
    number = -1
    for step in steps:
        match step:
            case Says():
                for name in USER_TEXT:
                    context[name] = found.user if found.user is not None else "some other words"
                for name in BOT_TEXT:
                    context[name] = found.bot if found.bot is not None else "some other words"
            case Learns():
                number += 1
                value = found.learned[number]
                if step.variable:
                    context[step.variable] = True if value is UNSET else value
            case Computes():
                try:
                    context[step.variable] = evaluate(step.expression, context)
                except Exception:  # noqa: BLE001 - a value that does not fit is no solution
                    return False  # nor would the flow go on
            case Assumes():
                try:
                    value = evaluate(step.condition, context)
                except Exception:  # noqa: BLE001
                    return False
                if bool(value) != step.holds:
                    return False
            case _:
                pass
    return True


# ---------------------------------------------------------------- what conditions tell of values


class Shapes:
    """What the values of variables look like, as far as conditions tell."""

    def __init__(
        self,
        conditions: Sequence[str],
        shown: Sequence[str] = (),
        loops: Mapping[str, str] | None = None,
    ) -> None:
        """Read conditions, and expressions whose value is shown in a text; those that are not understood tell nothing.

        `loops` names, for a list that a text goes through, the variable that holds its members.
        """
        self._literals: dict[tuple[str, ...], list[Any]] = {}
        self._lists: set[str] = set()
        self._members: dict[str, str] = {}
        for condition in dict.fromkeys(conditions):
            try:
                tree = ast.parse(re.sub(r"\$(?=[^\W\d])", "", condition).strip(), mode="eval")
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            for node in ast.walk(tree):
                self._look(node)
        for expression in dict.fromkeys(shown):
            self._shown(expression)
        for name, each in (loops or {}).items():
            self._lists.add(name)
            self._members[name] = each

    def _shown(self, expression: str) -> None:
        """Parts of a value that are shown are texts."""
        plain = re.sub(r"\$(?=[^\W\d])", "", expression).partition("|")[0].strip()
        plain = re.sub(r"\[-?\d+\]$", "", plain)
        if re.fullmatch(r"[^\W\d]\w*(?:\.\w+)+", plain):
            path = tuple(plain.split("."))
            self._literals.setdefault(path, []).append(f"some {path[-1]}")

    @property
    def structured(self) -> set[str]:
        """The variables that are read in parts: dictionaries and lists."""
        return self._lists | {path[0] for path in self._literals if len(path) > 1}

    def _look(self, node: ast.AST) -> None:
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and (
                (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int))
                or isinstance(node.slice, ast.Name)
            )
        ):
            self._lists.add(node.value.id)
        elif isinstance(node, ast.BinOp):
            for operand in (node.left, node.right):
                path = _path(operand)
                if path is not None and not isinstance(node.op, (ast.Add, ast.Mod, ast.Mult)):
                    self._literals.setdefault(path, []).extend((7, 2))  # it must be a number
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
                for place, other in ((left, right), (right, left)):
                    self._compared(place, op, other)
        elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            path = _path(node)
            if path is not None:
                self._literals.setdefault(path, [])

    def _compared(self, place: ast.expr, op: ast.cmpop, other: ast.expr) -> None:
        counted = (
            isinstance(place, ast.Call)
            and isinstance(place.func, ast.Name)
            and place.func.id == "len"
            and len(place.args) == 1
        )
        path = _path(place.args[0] if counted and isinstance(place, ast.Call) else place)
        if path is None:
            return
        try:
            literal = ast.literal_eval(other)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return
        known = self._literals.setdefault(path, [])
        if counted and isinstance(literal, int) and 0 <= literal < 10_000:
            known += ["x" * size for size in (literal, literal + 1, max(0, literal - 1))]
        elif isinstance(op, (ast.In, ast.NotIn)) and isinstance(literal, (list, tuple, set)):
            known += [*literal, "something else"]
        elif isinstance(literal, bool) or literal is None:
            known += [literal, not literal]
        elif isinstance(literal, (int, float)):
            known += [literal, literal + 1, literal - 1]
        else:
            known += [literal, "something else"]

    def candidates(self, name: str) -> list[Any]:
        """Values to try for a variable; the plainest first, dictionaries where parts of it are read."""
        parts = {path[1:]: values for path, values in self._literals.items() if path[0] == name}
        inner = {path[0]: None for path in parts if path}
        if name in self._members:
            member = self.candidates(self._members[name])[0]
            return [[member, member], [member]]
        if name in self._lists:
            return [["first", "second", "third"], [1, 2, 3]]
        if not inner:
            return _distinct([*parts.get((), []), True, False])
        keys = list(inner)
        options = [
            _distinct([*(v for p, vs in parts.items() if p[:1] == (key,) for v in vs), True, False])
            for key in keys
        ]
        made = itertools.islice(itertools.product(*options), MAX_CANDIDATES * 4)
        return [dict(zip(keys, values, strict=True)) for values in made] + [None]


def _path(node: ast.AST) -> tuple[str, ...] | None:
    """``$a.b["c"]`` as its parts."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Name):
            return (node.id, *reversed(parts))
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if not isinstance(node.slice.value, str):
                return None
            parts.append(node.slice.value)
            node = node.value
        else:
            return None
