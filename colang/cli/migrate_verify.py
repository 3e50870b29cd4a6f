"""``colang migrate verify``: the original and the result of a migration hold the same conversations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from colang.cli import FOUND, CliError, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colang_migrate.folder import Plan
    from colang_migrate.report import Report
    from colang_migrate.verify.verification import Verification

LIMIT = 300
"""Conversations that are generated unless another number is wanted."""


def migrate_verify(
    old: Annotated[str, typer.Argument(help="The configuration before the migration.")],
    new: Annotated[str, typer.Argument(help="The configuration after it.")],
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="Hold these conversations: a scenario file, or an event log (.jsonl, .log). May be repeated."
            " [default: the scenarios in both folders]"
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Generate at most so many conversations; 0: none.")
    ] = LIMIT,
    run_actions: Annotated[
        bool, typer.Option("--run-actions", help="Execute the Python actions of both folders.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Prove a migration: both bots hold the same conversations, and what users would see is compared.

    Offline and repeatable: a scripted model answers both, stubs stand in for Python actions. Conversations come
    from scenario files, from event logs, and from the samples and flows of the old bot.

    Exit status: 0 nothing differs, but for known differences; 1 something differs; 2 bad usage, or one of the
    bots cannot be run.
    """
    found = verified(old, new, scenario, limit=limit, execute=run_actions)
    show(found, json=json)
    return 0 if found.holds else FOUND


def verified(
    old: str | Mapping[str, str],
    new: str | Mapping[str, str],
    scenarios: list[str] | None,
    *,
    limit: int,
    execute: bool = False,
    names: tuple[str, str] = ("the original", "the result"),
) -> Verification:
    """Verify, with progress on standard error; what keeps it from being done is told there, too.

    Raises:
        CliError: A bot cannot be run, or a file of conversations cannot be used.
    """
    from colang_migrate.verify.sides import SideError
    from colang_migrate.verify.sources import SourceError
    from colang_migrate.verify.verification import verify_migration

    def progress(done: int, total: int) -> None:
        if done and done % 100 == 0:
            terminal.progress(f"{done} of {total} conversations so far ...")

    try:
        return verify_migration(
            old,
            new,
            conversations=scenarios,
            limit=limit,
            execute=execute,
            names=names,
            progress=progress,
        )
    except (SideError, SourceError) as error:
        from colang.diagnostics.render import render

        for diagnostic in error.diagnostics:
            terminal.show(render(diagnostic, error.sources, width=terminal.width()), sys.stderr)
            terminal.progress("")
        raise CliError(str(error)) from error


class Proof:
    """The verifications of one `colang migrate --verify`, and whether one of them found a difference."""

    def __init__(self, scenarios: list[str] | None, *, force: bool) -> None:
        """Hold these conversations, by default those of the configuration's scenarios; `force`: write anyway."""
        self._scenarios = scenarios
        self._force = force
        self.failed = False

    def of(self, plan: Plan) -> Report:
        """The report of a plan with what verifying it has found; refused if it must not be written.

        Raises:
            CliError: A bot cannot be run, or a file of conversations cannot be used.
        """
        from dataclasses import replace

        from colang_migrate.verify.report import findings, to_text
        from colang_migrate.verify.sources import scenarios_in

        made = plan.report
        if made.refused or made.is_clean:
            return made
        scenarios = self._scenarios
        if scenarios is None:
            scenarios = scenarios_in(plan.root)
        names = (f"{plan.root} before", f"{plan.root} after")
        found = verified(
            plan.texts("before"), plan.texts("after"), scenarios, limit=LIMIT, names=names
        )
        terminal.progress(to_text(found))
        self.failed |= not found.holds
        return replace(
            made,
            findings=(*made.findings, *findings(found)),
            refused=not found.holds and not self._force,
        )


def show(found: Verification, *, json: bool) -> None:
    """Print a verification on standard output."""
    from colang_migrate.verify.report import to_json, to_text

    if json:
        terminal.write_json(to_json(found), indent=2)
    else:
        terminal.write(to_text(found) + "\n")
