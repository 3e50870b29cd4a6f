"""Helpers that several test modules share. Keep it small: what one module needs lives in that module."""

from __future__ import annotations

import re
from pathlib import Path

from colang.source import Span

ROOT = Path(__file__).parent.parent
"""The repository: the folder that holds pyproject.toml."""

SOURCE_FOLDERS = ("colang", "interpreter", "migrate", "grammars")


def source_files() -> list[Path]:
    """All Python modules of the four packages, sorted."""
    return sorted(path for folder in SOURCE_FOLDERS for path in (ROOT / folder).rglob("*.py"))


def marked(text: str) -> tuple[str, list[Span]]:
    """Take ``«`` and ``»`` out of a text; the spans that stood between them, in order of their ends.

    >>> marked("a «b» «»c")
    ('a b c', [Span(start=2, end=3), Span(start=4, end=4)])
    """
    clean, starts, spans = "", [], []
    for part in re.split("([«»])", text):
        if part == "«":
            starts.append(len(clean))
        elif part == "»":
            spans.append(Span(starts.pop(), len(clean)))
        else:
            clean += part
    assert not starts, "a mark is not closed"
    return clean, spans
