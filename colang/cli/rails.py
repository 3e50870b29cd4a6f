"""``colang rails``: what is really enforced, in order, and what cannot work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colang.cli import FOUND, CliError, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colang_interpreter.enforcement import Enforcement, Rail

_TITLES = {
    "input": "What the user says is checked by",
    "output": "What the bot says is checked by",
    "retrieval": "What was retrieved is checked by",
    "tool_input": "What tools give is checked by",
    "tool_output": "Which tools are called is checked by",
    "execution": "What actions are given and give back is checked by",
}


def rails(
    path: Annotated[
        Path, typer.Argument(help="A configuration folder, or one .co file.", metavar="DIR")
    ] = Path("."),
    json: Annotated[bool, typer.Option("--json", help="Print the rails as JSON.")] = False,
) -> int:
    """Show what is enforced: the rails in order, where they are, what they run, and what cannot work.

    Nothing of the folder is executed, and nobody is asked: services and keys are named, not tried.

    Exit status: 0 all that is configured can work, 1 something cannot, 2 bad usage or unreadable input.
    """
    import colang
    from colang_interpreter.enforcement import enforced

    try:
        project = colang.Project.load(path)
    except colang.ProjectError as error:
        raise CliError(f"cannot read {error}") from error
    found = enforced(project)
    if json:
        terminal.write_json(found.to_data(), indent=2)
    else:
        for text, style in _lines(found):
            terminal.say(_printable(text), style)
    return 0 if found.works else FOUND


def _lines(found: Enforcement) -> Iterator[tuple[str, str]]:
    """The report, line by line, with a style for each."""
    if not found.rails:
        yield "No rails: nothing is checked.", "warning"
    for kind, title in _TITLES.items():
        rails = found.of_kind(kind)
        if rails:
            yield f"{title}:", "bold"
            for rail in rails:
                yield from _rail(rail)
            yield "", ""
        elif kind in ("input", "output") and found.rails:
            yield f"{title}: nothing.", "bold"
            yield "", ""
    for note in found.notes:
        yield f"note: {note}", "info"
    for problem in found.problems:
        yield f"problem: {problem}", "error"
    broken = sum(not rail.works for rail in found.rails)
    if broken or found.problems:
        what = f"{broken} of {len(found.rails)} rails cannot work" if broken else "this cannot run"
        yield f"{what}.", "error"


def _rail(rail: Rail) -> Iterator[tuple[str, str]]:
    place = f"{rail.path}:{rail.line}" if rail.path else "nowhere"
    when = "  (only sometimes)" if rail.conditional else ""
    yield f"  {rail.position}. {rail.call}{when}", "" if rail.works else "error"
    yield f"       {'flow' if rail.flow else 'decorator'}: {place}", "dim"
    if rail.called_from and rail.called_from != place:
        yield f"       called: {rail.called_from}", "dim"
    for action in rail.actions:
        where = f" ({action.path}:{action.line})" if action.path else ""
        yield f"       {'runs' if rail.flow else 'action'}: {action.name}{where}", "dim"
    for need in rail.needs:
        yield f"       needs: {need}", "dim"
    for note in rail.notes:
        yield f"       note: {note}", "info"
    for problem in rail.problems:
        yield f"       cannot work: {problem}", "error"


def _printable(text: str) -> str:
    from colang.diagnostics.cells import printable

    return printable(text)
