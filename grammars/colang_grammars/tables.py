"""LALR tables of the 2.x grammar: made by Lark, kept as JSON, read without Lark.

`python -m colang_grammars.tables` writes them anew after a change of the grammar; a test compares the two.
Making them takes Lark a third of a second, reading them a few milliseconds.
"""

from __future__ import annotations

import json
import os.path
from typing import Any, NamedTuple, cast

from colang_grammars import FOLDER, source

# Rules that the parser reads by precedence climbing, the most specific first: a state that can go on after
# several of them (`arguments` begins with a `condition`) takes the first.
PARTS = ("literal_arguments", "arguments", "simple_args", "condition")

FILE = os.path.join(FOLDER, "v2_x.json")


class Tables(NamedTuple):
    """An LALR(1) automaton for the statement level.

    `actions[state][terminal]` is ``target >= 0`` to shift, ``-1 - rule`` to reduce; `gotos[state][rule name]` is a
    state; `rules[rule]` is (name of the rule, number of symbols, name of the function that builds its value);
    `parts[state]` names the part that may stand at a state, or is empty.
    """

    start: int
    end: int
    actions: tuple[dict[str, int], ...]
    gotos: tuple[dict[str, int], ...]
    rules: tuple[tuple[str, int, str], ...]
    parts: tuple[str, ...]


def load() -> Tables:
    """The tables as shipped."""
    with open(FILE, encoding="utf-8") as file:
        return _from_json(json.load(file))


def build() -> dict[str, Any]:
    """Compile the grammar with Lark; the result is what the JSON file holds.

    The full automaton covers expressions too. Kept is what is reached without entering one of `PARTS`.
    """
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    lark = Lark(source("2.x"), parser="lalr", start="start", maybe_placeholders=False)
    # What Lark's own caches are made of; its types do not say what is inside.
    made = cast("Any", lark).memo_serialize([TerminalDef, Rule])
    data, memo = cast("tuple[dict[str, Any], dict[Any, Any]]", made)
    table: dict[str, Any] = data["parser"]["parser"]
    names: dict[int, str] = {int(k): v for k, v in table["tokens"].items()}
    full: dict[int, dict[str, tuple[int, Any]]] = {
        int(state): {names[int(symbol)]: action for symbol, action in row.items()}
        for state, row in table["states"].items()
    }
    all_rules: dict[int, tuple[str, tuple[str, ...], str]] = {
        int(key): (
            rule["origin"]["name"],
            tuple(symbol["name"] for symbol in rule["expansion"]),
            rule["alias"] or "",
        )
        for key, rule in memo.items()
        if rule["__type__"] == "Rule"
    }
    first = _first_sets(list(all_rules.values()))
    inside = _reachable_rules(list(all_rules.values()))
    start = int(table["start_states"]["start"])

    number: dict[int, int] = {start: 0}
    queue = [start]
    rows: list[tuple[dict[str, int], dict[str, int], str]] = []
    used: dict[int, int] = {}
    for state in queue:
        part = next((p for p in PARTS if p in full[state]), "")
        outside = {s for s in full[state] if s.islower() and s not in inside}
        taken = set[str]().union(
            *(first[s] for s in outside)
        )  # what begins a part, or goes on with it
        actions: dict[str, int] = {}
        gotos: dict[str, int] = {}
        for symbol, (kind, argument) in sorted(full[state].items()):
            if kind == 1:  # reduce
                key = int(argument["@"])
                actions[symbol] = -1 - used.setdefault(key, len(used))
                continue
            is_rule = symbol.islower()
            if is_rule and symbol != part and symbol not in inside:
                continue
            if symbol in taken:
                continue
            if argument not in number:
                number[argument] = len(number)
                queue.append(argument)
            (gotos if is_rule else actions)[symbol] = number[argument]
        rows.append((actions, gotos, part))
    rules = [(all_rules[k][0], len(all_rules[k][1]), all_rules[k][2]) for k in used]
    end = number[int(table["end_states"]["start"])]
    return _compact(rows, rules, end)


def _compact(
    rows: list[tuple[dict[str, int], dict[str, int], str]],
    rules: list[tuple[str, int, str]],
    end: int,
) -> dict[str, Any]:
    """Step over states that can do nothing but pass a value on (`-> same`), and leave them out.

    This takes out most chains like spec, unit, conjunction, group. A token that fits nowhere is noticed some
    reductions later than by the full table, but still before it is shifted.
    """

    def passes_on(state: int) -> str | None:
        """The rule that a state reduces to, whatever comes, without changing the value."""
        actions, gotos, part = rows[state]
        reductions = set(actions.values())
        if gotos or part or len(reductions) != 1:
            return None
        (action,) = reductions
        name, size, function = rules[-1 - action] if action < 0 else ("", 0, "")
        return name if size == 1 and function == "same" else None

    onward = {state: name for state in range(len(rows)) if (name := passes_on(state))}

    def target(state: int, following: int) -> int:
        while following in onward:
            following = rows[state][1][onward[following]]
        return following

    kept = {0: 0}
    queue = [0]
    result: list[tuple[dict[str, int], dict[str, int], str]] = []
    for state in queue:
        actions, gotos, part = rows[state]
        new_rows: list[dict[str, int]] = []
        for row in (actions, gotos):
            new: dict[str, int] = {}
            for symbol, value in row.items():
                if value >= 0:
                    value = target(state, value)
                    if value not in kept:
                        kept[value] = len(kept)
                        queue.append(value)
                    value = kept[value]
                new[symbol] = value
            new_rows.append(new)
        result.append((new_rows[0], new_rows[1], part))
    return {
        "start": 0,
        "end": kept[end],
        "rules": [list(rule) for rule in rules],
        "actions": [row[0] for row in result],
        "gotos": [row[1] for row in result],
        "parts": [row[2] for row in result],
    }


def _from_json(data: dict[str, Any]) -> Tables:
    return Tables(
        start=data["start"],
        end=data["end"],
        actions=tuple(data["actions"]),
        gotos=tuple(data["gotos"]),
        rules=tuple((name, size, function) for name, size, function in data["rules"]),
        parts=tuple(data["parts"]),
    )


def _first_sets(rules: list[tuple[str, tuple[str, ...], str]]) -> dict[str, set[str]]:
    """The terminals each rule can begin with; no part is empty, so an empty rule in front is looked past."""
    first: dict[str, set[str]] = {name: set() for name, _, _ in rules}
    empty = {name for name, symbols, _ in rules if not symbols}
    changed = True
    while changed:
        changed = False
        for name, symbols, _ in rules:
            before = len(first[name])
            for symbol in symbols:
                first[name] |= first.get(symbol, {symbol})
                if symbol not in empty:
                    break
            changed = changed or len(first[name]) > before
    return first


def _reachable_rules(rules: list[tuple[str, tuple[str, ...], str]]) -> set[str]:
    """The rules of the statement level: those reached from `start` without entering a part."""
    seen = {"start"}
    queue = ["start"]
    for name in queue:
        for origin, symbols, _ in rules:
            if origin != name:
                continue
            for symbol in symbols:
                if symbol.islower() and symbol not in PARTS and symbol not in seen:
                    seen.add(symbol)
                    queue.append(symbol)
    return seen


def render(data: dict[str, Any]) -> str:
    """The text of the JSON file: one state a line, so that a change of the grammar makes a readable diff."""

    def lines(items: list[Any]) -> str:
        return ",\n".join(json.dumps(item, separators=(",", ":")) for item in items)

    fields = [f'"{key}":{data[key]}' for key in ("start", "end")]
    fields += [
        f'"{key}":[\n{lines(data[key])}\n]' for key in ("rules", "actions", "gotos", "parts")
    ]
    return "{" + ",\n".join(fields) + "}\n"


if __name__ == "__main__":
    with open(FILE, "w", encoding="utf-8") as file:
        file.write(render(build()))
