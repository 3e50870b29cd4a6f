"""What reaches standard output and standard error: results as text, colour only where it is wanted.

Rich is imported only when something coloured is printed; Colang's own texts never pass its markup.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO

    from colang.diagnostics.render import Line

_STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold blue",
    "gutter": "bright_blue",
    "label": "bright_blue",
    "help": "cyan",
    "added": "green",
    "removed": "red",
    "bold": "bold",
    "bot": "green",
    "dim": "dim",
    "": "",
}

_color = "auto"


def set_color(when: str) -> None:
    """Set what ``--color`` asks for: "auto", "always" or "never"."""
    global _color
    _color = when


def colored(stream: TextIO) -> bool:
    """Whether colour goes to a stream: ``--color`` decides, then NO_COLOR, FORCE_COLOR and the terminal."""
    import os

    if _color != "auto":
        return _color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """The cells in a line of output: of the terminal, at most 120; 100 when it goes elsewhere."""
    if not sys.stdout.isatty():
        return 100
    import shutil

    return max(40, min(shutil.get_terminal_size((100, 24)).columns, 120))


def show(lines: Iterable[Line], stream: TextIO | None = None) -> None:
    """Print styled lines, to standard output if no other stream is given."""
    target = sys.stdout if stream is None else stream
    if not colored(target):
        from colang.diagnostics.render import plain

        _tolerant(target)
        target.write(plain(lines) + "\n")
        return
    from rich.text import Text

    console = _console(target)
    for line in lines:
        text = Text.assemble(*((piece.text, _STYLES[piece.style]) for piece in line))
        console.print(text, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """Print one text to standard output, in one style."""
    if style and colored(sys.stdout):
        from rich.text import Text

        _console(sys.stdout).print(Text(text, _STYLES[style]), soft_wrap=True)
    else:
        write(text + "\n")


def write(text: str) -> None:
    """Write text to standard output as it is; what its encoding lacks is written as an escape."""
    _tolerant(sys.stdout)
    sys.stdout.write(text)


def write_json(value: object, *, indent: int | None = None) -> None:
    """Write one JSON value and a line end."""
    import json

    # Not every consumer's encoding is ours: where standard output is not UTF-8, JSON's own escapes are used.
    readable = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    write(json.dumps(value, ensure_ascii=not readable, indent=indent) + "\n")


def progress(text: str) -> None:
    """Tell the person at the terminal something that is no result: to standard error."""
    _tolerant(sys.stderr)
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _tolerant(stream: Any) -> None:
    """Keep a text outside the stream's encoding, or half a surrogate pair, from raising."""
    if getattr(stream, "errors", None) == "strict":
        stream.reconfigure(errors="backslashreplace")


def _console(stream: TextIO) -> Any:
    from rich.console import Console

    _tolerant(stream)
    return Console(
        file=stream,
        force_terminal=True,
        color_system="auto" if stream.isatty() else "standard",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )
