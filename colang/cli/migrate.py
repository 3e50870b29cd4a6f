"""``colang migrate``: Colang 1.0 and 2.0-alpha to 2.x, shown as a diff unless it is told to write."""

from __future__ import annotations

import enum
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from colang.cli import FOUND, USAGE, CliError, terminal
from colang.cli.migrate_verify import Proof

if TYPE_CHECKING:
    from colang_migrate.folder import Options, Plan
    from colang_migrate.report import Report


DIFFERENT = 3
"""Exit status: the bots before and after differ in a conversation."""


class FromVersion(str, enum.Enum):
    """The version that files are in."""

    V1 = "1.0"
    ALPHA = "2.0-alpha"


class Form(str, enum.Enum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    MARKDOWN = "markdown"


class Target(str, enum.Enum):
    """Where the result has to run."""

    NEMOGUARDRAILS = "nemoguardrails"
    COLANG = "colang"


def migrate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Configuration folders and .co files. [default: this folder]"),
    ] = None,
    from_version: Annotated[
        FromVersion, typer.Option(help="The version the files are in.")
    ] = FromVersion.V1,
    write: Annotated[
        bool, typer.Option("--write", help="Write the result; without it, only show the diff.")
    ] = False,
    output: Annotated[
        str | None, typer.Option(help="Write the whole result to this new folder instead.")
    ] = None,
    backup: Annotated[
        str | None, typer.Option(help="Copy the files as they were to this folder first.")
    ] = None,
    restore: Annotated[
        bool,
        typer.Option("--restore", help="Undo: an interrupted migration, or that of a --backup."),
    ] = False,
    backup_suffix: Annotated[
        str | None, typer.Option(help="Keep x.co as it was under another ending, like .v1.co.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether something is left to migrate.")
    ] = False,
    report: Annotated[Form, typer.Option(help="The form of the report.")] = Form.TEXT,
    details: Annotated[
        bool, typer.Option("--details", help="List everything that is converted, too.")
    ] = False,
    use_active_decorator: Annotated[
        bool, typer.Option(help="Put @active above flows; else main activates them.")
    ] = True,
    include_main_flow: Annotated[
        bool, typer.Option(help="Add a main flow where there is none.")
    ] = True,
    fail_closed: Annotated[
        bool, typer.Option(help="Let an action that fails in a rail stop the message.")
    ] = True,
    target: Annotated[
        Target, typer.Option(help="nemoguardrails: work around known defects of it.")
    ] = Target.NEMOGUARDRAILS,
    actions: Annotated[
        bool, typer.Option("--actions", help="Rename registrations of actions in Python files.")
    ] = False,
    allow: Annotated[
        str, typer.Option(help="Codes that cannot be migrated and are accepted, like M502,M207.")
    ] = "",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Hold conversations with both bots first, and compare."),
    ] = False,
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="With --verify: hold these; a scenario file or an event log."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --verify: write although something differs.")
    ] = False,
) -> int:
    """Migrate Colang 1.0 or 2.0-alpha to 2.x.

    Shows what would change and writes nothing, unless --write or --output says so. What is written parses and
    passes all checks; all files of a configuration are replaced, or none, even if the program is killed.

    Exit status: 0 done, nothing is left to decide; 1 something cannot be migrated, or with --check something
    is left to migrate; 2 bad usage or unreadable input, or the result does not hold and was not written; 3 with
    --verify the bots differ in a conversation, and nothing was written unless --force says so.

    `colang migrate verify OLD NEW` compares two folders; a folder of that name is `./verify`.
    """
    from colang_migrate.folder import Options
    from colang_migrate.journal import MigrateError

    if restore:
        if write or output or check or backup_suffix:
            raise CliError("--restore goes with --backup and with no other way of writing")
        return _restore(paths or ["."], backup)
    if output is not None and (write or backup or backup_suffix):
        raise CliError("--output writes to another folder; it goes with none of --write, --backup")
    if (backup or backup_suffix) and not write:
        raise CliError("a backup is made when something is written: add --write")
    if check and (write or output):
        raise CliError("--check writes nothing; leave out --write and --output")
    if (scenario or force) and not verify:
        raise CliError("--scenario and --force belong to --verify: add it")
    options = Options(
        from_version="1.0" if from_version is FromVersion.V1 else "2.0-alpha",
        use_active=use_active_decorator,
        include_main=include_main_flow,
        target="nemoguardrails" if target is Target.NEMOGUARDRAILS else "colang",
        actions=actions,
        guards=fail_closed,
        processes=os.cpu_count() or 1,
        allow=_codes(allow),
    )
    named = paths or ["."]
    proof = Proof(scenario, force=force) if verify else None
    run = _Run(options, write, output, backup, backup_suffix, proof)
    try:
        for path in named:
            run.take(path, _part(path, named))
    except MigrateError as error:
        run.failed.append(str(error))
    show_reports(run, report, details=details, diff=not (write or output or check))
    return run.status(check)


def _codes(text: str) -> frozenset[str]:
    """The codes that ``--allow`` names."""
    from colang_migrate.findings import KINDS, REFUSING

    codes = [code for code in text.replace(",", " ").split() if code]
    for code in codes:
        if code not in KINDS:
            raise CliError(f"--allow: no finding has the code `{code}`")
        if code in REFUSING:
            raise CliError(f"--allow: {code} cannot be accepted, because nothing can be written")
    return frozenset(codes)


def _part(path: str, paths: list[str]) -> str:
    """The folder below ``--output`` or ``--backup`` that belongs to one of several paths."""
    return "" if len(paths) == 1 else os.path.basename(os.path.abspath(path))


def _restore(paths: list[str], backup: str | None) -> int:
    """Undo what was interrupted, or what a backup is of."""
    from colang_migrate import journal, migration
    from colang_migrate.backup import LIST, restore

    done = False
    try:
        for path in paths:
            for root in [migration.folder_of(path), *_below(path)]:
                undone = journal.undo(root)
                if undone:
                    terminal.progress(f"{root}: {undone} files are as they were.")
                done |= bool(undone)
            if backup is None:
                continue
            kept = os.path.join(backup, _part(path, paths))
            found = [here for here, _, names in os.walk(kept) if LIST in names] or [kept]
            for folder in sorted(found):
                root = os.path.normpath(
                    os.path.join(migration.folder_of(path), os.path.relpath(folder, kept))
                )
                put, removed = restore(root, folder)
                terminal.progress(f"{root}: {put} files put back, {removed} removed.")
                done = True
    except journal.MigrateError as error:
        raise CliError(str(error)) from error
    if not done:
        raise CliError(
            "no migration was interrupted here; to undo a finished one, name its --backup"
        )
    return 0


def _below(path: str) -> list[str]:
    """The configurations below a folder of configurations."""
    from colang_migrate import migration

    return [root for root in migration.roots(path) if root != path] if os.path.isdir(path) else []


class _Run:
    """The plans of one run, and what became of them."""

    def __init__(
        self,
        options: Options,
        write: bool,
        output: str | None,
        backup: str | None,
        backup_suffix: str | None,
        proof: Proof | None = None,
    ) -> None:
        self.options = options
        self.write = write
        self.output = output
        self.backup = backup
        self.backup_suffix = backup_suffix
        self.proof = proof
        self.plans: list[Plan] = []
        self.reports: list[Report] = []
        self.failed: list[str] = []

    def take(self, path: str, part: str) -> None:
        """Plan, and write if that is wanted, every configuration below a path.

        Args:
            path: What the user named.
            part: The folder for it below `output` and `backup`, if several were named.
        """
        from colang_migrate import migration
        from colang_migrate.files import write_copy
        from colang_migrate.journal import MigrateError

        plans = migration.plan_path(
            path, self.options, finish=self.write, progress=terminal.progress
        )
        for number, plan in enumerate(plans):
            if number and number % 100 == 0:
                terminal.progress(f"{number} configurations so far ...")
            if self.proof is not None:
                plan = replace(plan, report=self.proof.of(plan))
            made = plan.report
            try:
                inside = os.path.relpath(plan.root, path) if os.path.isdir(path) else "."
                if self.write:
                    kept = self.backup and os.path.normpath(os.path.join(self.backup, part, inside))
                    made = migration.write(plan, backup=kept, backup_suffix=self.backup_suffix)
                elif self.output is not None and not made.refused:
                    place = os.path.normpath(os.path.join(self.output, part, inside))
                    source = plan.root if os.path.isdir(plan.root) else ""
                    write_copy(plan.root, place, plan.after if not source else plan.changes, source)
                    made = _written(made)
            except MigrateError as error:
                self.failed.append(str(error))
            self.plans.append(plan)
            self.reports.append(made)

    def status(self, check: bool) -> int:
        """The exit status."""
        if self.proof is not None and self.proof.failed:
            return DIFFERENT
        if self.failed or any(report.refused for report in self.reports):
            return USAGE
        if check:
            return FOUND if any(not report.is_clean for report in self.reports) else 0
        return FOUND if any(report.of("cannot") for report in self.reports) else 0


def _written(report: Report) -> Report:
    return replace(report, written=True)


def show_reports(run: _Run, form: Form, *, details: bool, diff: bool) -> None:
    """Print diffs and reports; results to standard output, for people the report to standard error."""
    from colang_migrate.report import to_sarif

    match form:
        case Form.JSON:
            terminal.write_json([report.to_json() for report in run.reports], indent=2)
        case Form.SARIF:
            terminal.write_json(to_sarif(run.reports), indent=2)
        case Form.MARKDOWN:
            for report in run.reports:
                terminal.write(report.to_markdown())
        case Form.TEXT:
            for plan, report in zip(run.plans, run.reports, strict=True):
                if diff and not report.refused:
                    _show_diff(plan.diff())
                terminal.progress(report.to_text(all_entries=details))
    for message in run.failed:
        terminal.progress(f"error: {message}")


def _show_diff(text: str) -> None:
    import sys

    if not terminal.colored(sys.stdout):
        terminal.write(text)
        return
    for line in text.splitlines():
        style = "added" if line.startswith("+") else "removed" if line.startswith("-") else ""
        terminal.say(line, style)
