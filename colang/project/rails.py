"""The flows `input rails` and `output rails` of 2.x, made from the lists in the settings. Section 10, Q50."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from colang.config.plain import as_list
from colang.config.settings import Settings
from colang.diagnostics import Diagnostic
from colang.diagnostics import config as report

#: The kinds of rails that become a flow, and the parameter of that flow.
PARAMETERS = {"input": "input_text", "output": "output_text"}

_NAME = re.compile(r"[^\W\d]\w*(?: +[^\W\d]\w*)*")
_NAMED = re.compile(r"\s*\$([^\W\d]\w*)\s*=\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s,()\"'#\[\]{}]+)")


@dataclass(frozen=True, slots=True)
class RailCall:
    """An entry of a list of rails: ``name $k=v`` or ``name(k=v)``; values are Colang literals."""

    name: str
    arguments: tuple[tuple[str, str], ...] = ()
    index: int = 0  # in its list

    @property
    def statement(self) -> str:
        """The call as a line of Colang 2.x; with ``await``, so that no name reads as another statement."""
        return " ".join(["await", self.name, *(f"${key}={value}" for key, value in self.arguments)])


def parse_rail(text: str, index: int = 0) -> RailCall | None:
    """Read an entry of a list of rails; None if it is not a flow call.

    A value without quotes is text unless it is a number, a constant or a variable.

    Example:
        >>> parse_rail("check policy $level=strict $n=2").statement
        'await check policy $level="strict" $n=2'
        >>> parse_rail("check(level='low', on=True)").arguments
        (('level', "'low'"), ('on', 'True'))
        >>> parse_rail("bot say 'x'") is None
        True
    """
    text = text.strip()
    name = _NAME.match(text)
    if name is None:
        return None
    words = name.group().split()
    if not {"and", "or", "as"}.isdisjoint(words):
        return None
    rest = text[name.end() :].strip()
    if rest.startswith("(") and rest.endswith(")"):
        inner = rest[1:-1].strip()
        parts = [part for part in _split(inner) if part.strip()]
        rest = " ".join("$" + part.strip().removeprefix("$") for part in parts)
    arguments: list[tuple[str, str]] = []
    at = 0
    while at < len(rest):
        found = _NAMED.match(rest, at)
        if found is None:
            return None
        arguments.append((found[1], _literal(found[2])))
        at = found.end()
    return RailCall(" ".join(words), tuple(arguments), index)


def _split(text: str) -> list[str]:
    """Split at commas outside of quotes."""
    return re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^,\"'])+", text)


def _literal(value: str) -> str:
    if value[0] in "\"'$" or value in ("True", "False", "None"):
        return value
    try:
        number = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        number = None
    if isinstance(number, int | float):
        return value
    text = value.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
    return f'"{text}"'


def rails_module(calls: Mapping[str, Sequence[RailCall]]) -> str:
    """The text of the module that runs the given rails; empty if there are none.

    Example:
        >>> print(rails_module({"input": [RailCall("check words")]}), end="")
        import guardrails
        <BLANKLINE>
        flow input rails $input_text
          await check words
    """
    flows = [
        f"\nflow {kind} rails ${parameter}\n"
        + "".join(f"  {call.statement}\n" for call in calls[kind])
        for kind, parameter in PARAMETERS.items()
        if calls.get(kind)
    ]
    return "".join(["import guardrails\n", *flows]) if flows else ""


def configured_rails(settings: Settings) -> tuple[dict[str, list[RailCall]], list[Diagnostic]]:
    """The rails of the settings, by kind, and entries that are no flow calls."""
    calls: dict[str, list[RailCall]] = {}
    problems: list[Diagnostic] = []
    for kind in PARAMETERS:
        for index, entry in enumerate(as_list(settings.get("rails", kind, "flows")) or ()):
            call = parse_rail(entry, index) if isinstance(entry, str) else None
            if call is not None:
                calls.setdefault(kind, []).append(call)
            elif isinstance(entry, str):  # other types are reported by the validation of settings
                place = settings.place("rails", kind, "flows", index)
                finding = report.bad_rail_call(kind, entry, "it is not a flow call", place.value)
                problems.append(finding.at(place.path))
    return calls, problems
