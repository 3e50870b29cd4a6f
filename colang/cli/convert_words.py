"""``colang convert`` without typer, whose import takes as long as a small conversion.

Understands the options as people and scripts write them; anything else (``--help``, a misspelling, a value that
does not fit) is left to `colang.cli.convert`, where typer answers.
"""

from __future__ import annotations

from colang.cli import FOUND, USAGE, CliError, terminal

SWITCHES = {
    "verbose": False,
    "validate": False,
    "use-active-decorator": True,
    "include-main-flow": True,
}
VERSIONS = ("1.0", "2.0-alpha")


def understood(words: list[str]) -> tuple[str, str, dict[str, bool]] | None:
    """Path, version and switches; None if typer should look at the words.

    Example:
        >>> understood(["bot", "--no-include-main-flow", "--from-version=2.0-alpha"])[:2]
        ('bot', '2.0-alpha')
        >>> understood(["bot", "--help"]) is None
        True
    """
    switches = dict(SWITCHES)
    version = "1.0"
    paths: list[str] = []
    queue = iter(words)
    for word in queue:
        if word == "--from-version" or word.startswith("--from-version="):
            version = word.partition("=")[2] if "=" in word else next(queue, "")
            continue
        on = not word.startswith("--no-")
        name = word.removeprefix("--no-") if not on else word.removeprefix("--")
        if word.startswith("--") and name in switches:
            switches[name] = on
        elif word.startswith("-"):
            return None
        else:
            paths.append(word)
    if len(paths) != 1 or version not in VERSIONS:
        return None
    return paths[0], version, switches


def convert_path(path: str, version: str, switches: dict[str, bool]) -> int:
    """Migrate in place and tell about it; the exit status."""
    from colang_migrate.journal import MigrateError
    from colang_migrate.migration import migrate

    try:
        reports = migrate(
            path,
            include_main_flow=switches["include-main-flow"],
            use_active_decorator=switches["use-active-decorator"],
            from_version=version,
            validate=switches["validate"],
            progress=lambda report: terminal.progress(
                report.to_text(all_entries=switches["verbose"])
            ),
        )
    except MigrateError as error:
        raise CliError(str(error)) from error
    if any(report.refused for report in reports):
        return USAGE
    return FOUND if any(report.of("cannot") for report in reports) else 0


def quick(words: list[str]) -> int | None:
    """Run the command if its words are plain; None if not."""
    found = understood(words)
    return None if found is None else convert_path(*found)
