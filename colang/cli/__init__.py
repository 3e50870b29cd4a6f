"""The command line: finds the command, runs it, and turns whatever happens into an exit status.

One module of this package for each command, named like it, with one function of that name; typer reads its
signature. A command's module is imported when that command is called, so that `colang --help` and each command
pay for nothing but themselves. This module imports nothing beyond `sys` until it knows what is wanted.

Exit status: 0 nothing to report, 1 findings, 2 bad usage or unreadable input, 70 a bug of ours,
130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

# The order is that of use; the sentence is what `colang --help` says.
COMMANDS = {
    "check": "Report what is wrong in Colang files and configuration folders.",
    "rails": "Show which rails are enforced, in order, and which cannot work.",
    "chat": "Talk to a bot in the terminal.",
    "run": "Run a program on a log of events, without any host.",
    "test": "Play scenarios and report where the bot differs.",
    "migrate": "Migrate Colang 1.0 and 2.0-alpha to 2.x.",
    "convert": "Migrate in place, with the options of `nemoguardrails convert`.",
    "parse": "Show what Colang files define.",
    "explain": "Say what a code means: of a finding, or in the report of a migration.",
}

# Commands of two words, and the module that has them.
_PAIRS = {("migrate", "verify"): "migrate_verify"}

FOUND, USAGE, BUG, INTERRUPTED, PIPE_CLOSED = 1, 2, 70, 130, 141

_HELP = """\
Usage: colang COMMAND [OPTIONS] ...

Check, run and test programs in Colang, the language of conversations and guardrails.

Commands:
{commands}

`colang COMMAND --help` tells about one command.

Options, for every command:
  --color auto|always|never  Colour the output; auto: on a terminal, unless NO_COLOR is set.
  --debug                    Show Python's traceback if colang itself fails; or COLANG_DEBUG=1.
  --version                  Print the version and exit.
  --help                     Print this text and exit.

Exit status: 0 nothing to report, 1 findings, 2 bad usage or unreadable input.
"""


class CliError(Exception):
    """Something the user can mend: bad usage or unreadable input. Printed as one message; status 2."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        argv: The words behind the program's name; by default those the process was started with.

    Raises:
        SystemExit: Always, with the status described in the module's docstring.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    status = BUG
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except CliError as error:
        status = USAGE
        _complain(f"error: {error}")
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        status = PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - a bug of ours; nobody gets a traceback unasked
        _report_bug(error, debug)
    finally:
        _close_output()
    sys.exit(status)


def _dispatch(words: list[str]) -> int:
    words = _global_options(words)
    if not words:
        sys.stderr.write(_help())
        return USAGE
    name = words[0]
    if name in ("--help", "-h", "help") and len(words) == 1:
        sys.stdout.write(_help())
        return 0
    if name in ("--version", "-V", "-v"):
        sys.stdout.write(f"colang {_version()}\n")
        return 0
    if name not in COMMANDS:
        raise CliError(_unknown(name))
    pair = _PAIRS.get((name, words[1] if len(words) > 1 else ""))
    return _run(name, words[1:]) if pair is None else _run(pair, words[2:])


def _run(name: str, words: list[str]) -> int:
    """Let typer read the words of one command, then run it: what it returns is the exit status."""
    if name == "convert":  # tools call it for each folder: plain words need no typer
        from colang.cli.convert_words import quick

        status = quick(words)
        if status is not None:
            return status
    import functools
    import importlib

    import typer

    command = getattr(importlib.import_module(f"{__name__}.{name}"), name)
    calls: list[Callable[[], int]] = []

    # Typer only parses. The command runs outside of it, where one place (`main`) handles all failures.
    @functools.wraps(command)
    def remember(*args: object, **kwargs: object) -> None:
        calls.append(functools.partial(command, *args, **kwargs))

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(epilog="Also: --color, --debug (see colang --help).")(remember)
    try:
        app(args=words, prog_name=f"colang {name.replace('_', ' ')}")
    except SystemExit as end:
        if not calls:  # --help, or bad usage
            return end.code if isinstance(end.code, int) else USAGE
    return calls[0]()


def _global_options(words: list[str]) -> list[str]:
    """Take the options that every command knows out of the words, wherever they stand before ``--``."""
    from colang.cli.terminal import set_color

    rest: list[str] = []
    queue = iter(words)
    for word in queue:
        if word == "--":
            rest += [word, *queue]
        elif word == "--debug":
            continue
        elif word == "--color" or word.startswith("--color="):
            when = word.partition("=")[2] if "=" in word else next(queue, "")
            if when not in ("auto", "always", "never"):
                raise CliError(f"--color is auto, always or never, not `{when}`")
            set_color(when)
        else:
            rest.append(word)
    return rest


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return _HELP.format(commands="\n".join(lines))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("colang-toolchain")
    except PackageNotFoundError:  # run from a folder of sources that nobody installed
        return "(not installed)"


def _unknown(name: str) -> str:
    import difflib

    if name.startswith("-"):
        return f"no option is named `{name}`; `colang --help` lists them"
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    advice = f"did you mean `colang {near[0]}`?" if near else "`colang --help` lists the commands"
    return f"no command is named `{name}`; {advice}"


def _complain(message: str) -> None:
    """Write to standard error, which may be closed."""
    try:
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def _report_bug(error: Exception, debug: bool) -> None:
    import os
    import platform

    if debug or os.environ.get("COLANG_DEBUG", "") not in ("", "0"):
        import traceback

        _complain("".join(traceback.format_exception(error)).rstrip())
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    if len(summary) > 300:
        summary = summary[:300] + "..."
    _complain(
        f"colang failed; this is a bug in colang, not in your files.\n"
        f"  {summary}\n"
        f"Please report it with the command line and the files it needs "
        f"(colang {_version()}, Python {platform.python_version()}, {platform.system()}).\n"
        f"--debug shows where it happened."
    )


def _close_output() -> None:
    """Flush for the last time; if nobody reads any more, keep the interpreter from complaining at exit."""
    import os

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            except (OSError, ValueError):
                continue
