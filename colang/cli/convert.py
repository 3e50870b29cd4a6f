"""``colang convert``: `migrate` with the options and defaults that ``nemoguardrails convert`` has, in place."""

from __future__ import annotations

from typing import Annotated

import typer

from colang.cli.convert_words import convert_path
from colang.cli.migrate import FromVersion


def convert(
    path: Annotated[str, typer.Argument(help="A configuration folder, or one .co file.")],
    from_version: Annotated[
        FromVersion, typer.Option(help="The version the files are in.")
    ] = FromVersion.V1,
    verbose: Annotated[
        bool, typer.Option("--verbose/--no-verbose", help="List everything that is converted.")
    ] = False,
    validate: Annotated[
        bool,
        typer.Option(
            "--validate/--no-validate", help="Run all checks on the result, not only the parser."
        ),
    ] = False,
    use_active_decorator: Annotated[
        bool,
        typer.Option(
            "--use-active-decorator/--no-use-active-decorator", help="Put @active above flows."
        ),
    ] = True,
    include_main_flow: Annotated[
        bool,
        typer.Option("--include-main-flow/--no-include-main-flow", help="Add a main flow."),
    ] = True,
) -> int:
    """Migrate to Colang 2.x in place; the old text of x.co stays as x.v1.co.

    Exit status: 0 done, 1 something cannot be migrated, 2 bad usage or unreadable input, or nothing was written.
    """
    switches = {
        "verbose": verbose,
        "validate": validate,
        "use-active-decorator": use_active_decorator,
        "include-main-flow": include_main_flow,
    }
    return convert_path(path, from_version.value, switches)
