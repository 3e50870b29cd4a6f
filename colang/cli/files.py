"""Reading what the command line names: files, folders and standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from colang.cli import CliError


def read_text(path: str) -> str:
    """The text of a file, or of standard input for ``-``.

    Raises:
        CliError: If it cannot be read or is not UTF-8; the message names the file.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise CliError(f"cannot read {path}: {reason(error)}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CliError(
            f"cannot read {path}: line {line} is not UTF-8 text; save the file as UTF-8"
        ) from error


def reason(error: OSError) -> str:
    """Why the system refused, in lower case and without numbers.

    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def name_of(path: str) -> str:
    """The name under which a file's findings are reported."""
    return "<stdin>" if path == "-" else path
