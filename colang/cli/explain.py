"""``colang explain``: the documentation of a diagnostic code, read from the docstring of its factory."""

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
        str | None, typer.Argument(help="A code such as CO201. Without one, all are listed.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the entries as JSON.")] = False,
) -> int:
    """Say what a diagnostic code means.

    Exit status: 0 explained, 2 there is no such code.
    """
    entries = known_codes()
    if code is not None:
        wanted = code.strip().upper()
        found = [entry for entry in entries if entry.code == wanted]
        if not found:
            raise CliError(f"no diagnostic has the code `{code}`; `colang explain` lists all codes")
        entries = found
    if json:
        terminal.write_json([entry._asdict() for entry in entries], indent=2)
    elif code is not None:
        for entry in entries:
            terminal.say(f"{entry.code} ({FAMILIES[entry.code[:3]]}): {entry.summary}", "bold")
            if entry.details:
                terminal.say(f"\n{entry.details}")
    else:
        _list(entries)
    return 0


def _list(entries: list[Entry]) -> None:
    family = ""
    for entry in entries:
        if entry.code[:3] != family:
            gap = "\n" if family else ""
            family = entry.code[:3]
            terminal.say(f"{gap}{family}xx {FAMILIES[family]}", "bold")
        terminal.say(f"  {entry.code}  {entry.summary}")


def known_codes() -> list[Entry]:
    """Every documented code, sorted."""
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
