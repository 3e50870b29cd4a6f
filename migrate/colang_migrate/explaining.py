"""What each code of a report means, for `colang explain`: the findings, and the rewrites that convert."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from colang_migrate.alpha.engine import RULES as ALPHA_RULES
from colang_migrate.alpha.engine import AlphaRule
from colang_migrate.engine import RULES, Rule
from colang_migrate.findings import KINDS
from colang_migrate.report import TITLES

FAMILIES = {
    "M0": "migration: rewrites",
    "M1": "migration: names and texts",
    "M2": "migration: flows",
    "M3": "migration: rails and the runtime",
    "M4": "migration: actions",
    "M5": "migration: settings",
    "M7": "migration: files",
    "M8": "migration: the library of 2.0-alpha",
    "M9": "migration: the result",
}
"""What the codes that begin like this are about."""


class Explanation(NamedTuple):
    """A code, what it means in one sentence, and more about it."""

    code: str
    summary: str
    details: str


def explanations() -> list[Explanation]:
    """All codes, sorted.

    Example:
        >>> known = {each.code: each for each in explanations()}
        >>> known["M202"].summary
        'A `goto` has no counterpart.'
        >>> print(known["M202"].details)
        In the report: Cannot be migrated.
        What to do: restructure the flow with `while`, `if` or a flow of its own.
    """
    for module in ("colang_migrate.rules", "colang_migrate.alpha.rules"):
        importlib.import_module(module)  # there the rewrites register
    found = [
        Explanation(
            code,
            kind.meaning,
            f"In the report: {TITLES[kind.status]}.\nWhat to do: {kind.advice}.",
        )
        for code, kind in KINDS.items()
    ]
    rewrites: list[Rule | AlphaRule] = [*RULES.values(), *ALPHA_RULES.values()]
    for rule in rewrites:
        summary, _, details = rule.documentation.partition("\n")
        where = f"In the report: {TITLES['converted']}, as `{rule.name}`."
        found.append(Explanation(rule.code, summary, f"{where}\n\n{details.strip()}".rstrip()))
    return sorted(found)
