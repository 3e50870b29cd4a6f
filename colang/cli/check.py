"""``colang check``: everything that can be known before the first message."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colang.cli import FOUND, USAGE, CliError, files, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colang.diagnostics import Diagnostic
    from colang.source import Source


class Output(str, enum.Enum):
    """How findings are written."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"


def check(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Configuration folders and .co files. [default: this folder]"),
    ] = None,
    output_format: Annotated[
        Output,
        typer.Option(help="full: with source lines; concise: a line each; github: annotations."),
    ] = Output.FULL,
    json: Annotated[bool, typer.Option("--json", help="Same as --output-format json.")] = False,
) -> int:
    """Report what is wrong in Colang files and configuration folders.

    A folder without a config.yml is searched for folders that have one. A single file is checked together
    with the configuration folder around it, but only its own findings are reported.

    Exit status: 0 nothing found, 1 something found, 2 bad usage or an unreadable file.
    """
    report = Report()
    for path in paths or ["."]:
        try:
            report.check(path)
        except CliError as error:
            report.unreadable.append(str(error))
    report.show(Output.JSON if json else output_format)
    for message in report.unreadable:
        terminal.progress(f"error: {message}")
    if report.unreadable:
        return USAGE
    return FOUND if report.found else 0


class Report:
    """The findings of one run, without repetition, and the texts they are about."""

    def __init__(self) -> None:
        """Start with nothing found."""
        self.found: dict[Diagnostic, None] = {}
        self.sources: dict[str, Source] = {}
        self.checked: set[str] = set()
        self.unreadable: list[str] = []
        self._projects: dict[Path, list[Diagnostic]] = {}

    def check(self, path: str) -> None:
        """Check what the user named; raises `CliError` if it cannot be read."""
        target = Path(path)
        if target.is_dir():
            for root in project_roots(target):
                self._take(root, None)
        elif target.is_file():
            around = surrounding_project(target) if target.suffix == ".co" else None
            if around is not None:
                self._take(around, target)
            elif target.suffix in (".yml", ".yaml"):
                self._take(target.parent, target)
            else:
                self._take(target, None)
        else:
            raise CliError(f"cannot read {path}: no such file or folder")

    def _take(self, root: Path, only: Path | None) -> None:
        if root not in self._projects:
            self._projects[root] = self._load(root)
        wanted = None if only is None else only.resolve()
        if wanted is not None:
            self.checked.add(str(only))
        for diagnostic in self._projects[root]:
            if wanted is None or Path(diagnostic.path or "").resolve() == wanted:
                self.found[diagnostic] = None

    def _load(self, root: Path) -> list[Diagnostic]:
        import colang

        try:
            project = colang.Project.load(root)
        except colang.ProjectError as error:
            raise CliError(f"cannot read {error}") from error
        self.sources.update(project.sources)
        self.checked.update(file.path for file in project.own_files)
        return colang.check(project)

    def show(self, output: Output) -> None:
        """Print the findings to standard output and, for people, their number to standard error."""
        from colang.diagnostics import render, reports

        found = list(self.found)
        match output:
            case Output.JSON:
                terminal.write_json(reports.to_json(found, self.sources), indent=2)
                return
            case Output.GITHUB:
                for diagnostic in found:
                    terminal.say(reports.annotation(diagnostic, self.sources))
            case Output.CONCISE:
                for diagnostic in found:
                    terminal.say(reports.concise(diagnostic, self.sources))
            case Output.FULL:
                width = terminal.width()
                for diagnostic in found:
                    terminal.show(render.render(diagnostic, self.sources, width=width))
                    terminal.say("")
        terminal.progress(self._summary(found))

    def _summary(self, found: Sequence[Diagnostic]) -> str:
        from colang.diagnostics.reports import count, counted

        counts = count(found)
        parts = [
            counted(number, kind.removesuffix("s")) for kind, number in counts.items() if number
        ]
        files_text = counted(len(self.checked), "Colang file")
        return f"Checked {files_text}: {', '.join(parts) if parts else 'nothing to report'}."


def is_project(folder: Path) -> bool:
    """Whether a folder holds a configuration of its own."""
    return (folder / "config.yml").is_file() or (folder / "config.yaml").is_file()


def project_roots(folder: Path) -> list[Path]:
    """The configuration folders that a folder stands for: itself, or the topmost ones below it.

    A folder without any configuration below it is one project.
    """
    if is_project(folder):
        return [folder]
    roots: list[Path] = []
    queue = [folder]
    while queue:
        here = queue.pop()
        try:
            below = sorted(entry for entry in here.iterdir() if entry.is_dir())
        except OSError as error:
            raise CliError(f"cannot read {here}: {files.reason(error)}") from error
        for entry in below:
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if is_project(entry):
                roots.append(entry)
            else:
                queue.append(entry)
    return sorted(roots) or [folder]


def surrounding_project(file: Path) -> Path | None:
    """The nearest configuration folder around a file, not looking beyond its repository.

    Named as the file is: relative to the working directory, or absolute.
    """
    for here in file.resolve().parents:
        if is_project(here):
            return here if file.is_absolute() else Path(os.path.relpath(here))
        if (here / ".git").exists() or here == Path.home():
            return None
    return None
