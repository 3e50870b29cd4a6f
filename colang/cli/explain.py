"""``colang explain``: the documentation of a code: of a diagnostic, from the docstring of its factory, or of a migration."""

from __future__ import annotations

import inspect
import re
from typing import Annotated, NamedTuple

import typer

from colang.cli import CliError, terminal

_CODE = re.compile(r"(CO[0-9]{3}): ")

FAMILIES = {
    "CO1": "syntax",
    "CO2": "names",
    "CO3": "flow logic",
    "CO4": "configuration and rails",
    "CO5": "actions",
    "CO6": "dialect and migration",
    "CO9": "style",
}


class Entry(NamedTuple):
    """What is known of one code: the first sentence of its documentation and the rest."""

    code: str
    summary: str
    details: str


def explain(
    code: Annotated[
        str | None,
        typer.Argument(help="A code such as CO201 or M213. Without one, all are listed."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> int:
    """Say what a code means: of a diagnostic (CO...), or in the report of a migration (M...).

    Exit status: 0 explained, 2 there is no such code.
    """
    wanted = None if code is None else code.strip().upper()
    entries: list[Entry] = []
    if wanted is None or not wanted.startswith("M"):
        entries += known_codes()
    if wanted is None or not wanted.startswith("CO"):
        entries += migration_codes()
    if wanted is not None:
        found = [entry for entry in entries if entry.code == wanted]
        if not found:
            raise CliError(f"nothing has the code `{code}`; {_advice(wanted, entries)}")
        entries = found
    if json:
        terminal.write_json([entry._asdict() for entry in entries], indent=2)
    elif code is not None:
        for entry in entries:
            _, about = family_of(entry.code)
            terminal.say(f"{entry.code} ({about}): {entry.summary}", "bold")
            if entry.details:
                terminal.say(f"\n{entry.details}")
    else:
        _list(entries)
    return 0


def _advice(wanted: str, entries: list[Entry]) -> str:
    """What may have been meant: letters that look like digits, or one digit too many."""
    import difflib

    codes = [entry.code for entry in entries]
    start = re.match(r"C[O0]|M", wanted)
    meant = wanted
    if start is not None:
        digits = wanted[start.end() :].translate(str.maketrans("OIL", "011"))
        meant = start[0].replace("0", "O") + digits
    near = difflib.get_close_matches(meant, codes, n=1, cutoff=_NEAR)
    return f"did you mean `{near[0]}`?" if near else "`colang explain` lists all codes"


_NEAR = 0.85  # a wrong digit could stand for any other; there is nothing to propose


def _list(entries: list[Entry]) -> None:
    family = ""
    for entry in entries:
        start, about = family_of(entry.code)
        if start != family:
            gap = "\n" if family else ""
            family = start
            terminal.say(f"{gap}{family}xx {about}", "bold")
        terminal.say(f"  {entry.code}  {entry.summary}")


def family_of(code: str) -> tuple[str, str]:
    """How the codes of a family begin, and what they are about.

    >>> family_of("CO201"), family_of("M213")
    (('CO2', 'names'), ('M2', 'migration: flows'))
    """
    start = code[:-2]
    if start in FAMILIES:
        return start, FAMILIES[start]
    from colang_migrate.explaining import FAMILIES as MIGRATION

    return start, MIGRATION[start]


def migration_codes() -> list[Entry]:
    """Every code of the report of a migration, sorted."""
    from colang_migrate.explaining import explanations

    return [Entry(*each) for each in explanations()]


def known_codes() -> list[Entry]:
    """Every documented code of a diagnostic, sorted."""
    import importlib
    import pkgutil

    import colang.diagnostics

    entries: set[Entry] = set()
    for info in pkgutil.iter_modules(colang.diagnostics.__path__, "colang.diagnostics."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if inspect.isfunction(value) and value.__module__ == info.name:
                entry = _entry(inspect.getdoc(value) or "")
                if entry is not None:
                    entries.add(entry)
    return sorted(entries)


def _entry(doc: str) -> Entry | None:
    """The entry of a docstring such as "CO201: a flow is called that no loaded module defines."."""
    match = _CODE.match(doc)
    if match is None:
        return None
    text = re.split(r"^(?:Args|Returns|Example|Raises):$", doc[match.end() :], flags=re.MULTILINE)[
        0
    ]
    summary, _, details = text.replace("``", "`").strip().partition("\n\n")
    return Entry(match[1], " ".join(summary.split()), details.strip())
