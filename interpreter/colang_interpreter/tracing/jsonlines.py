"""Decisions as JSON lines: one record a line, appended to whatever takes text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from colang_interpreter.tracing.decisions import Decision


class JsonLines:
    r"""Writes decisions; give it to a bot as `on_decisions`.

    Args:
        write: Takes each line with its end, for example the `write` of an open file.
        texts: Also write the messages and the reasons. They are what users have said: think of who reads the file.

    Example:
        >>> lines = []
        >>> export = JsonLines(lines.append)
        >>> export([Decision(kind="input", rail="check words", verdict="allow", text="my secret")])
        >>> "check words" in lines[0], "secret" in lines[0]
        (True, False)
    """

    def __init__(self, write: Callable[[str], object], *, texts: bool = False) -> None:
        self._write = write
        self._texts = texts

    def __call__(self, decisions: Sequence[Decision]) -> None:
        """Write them, in one piece."""
        lines = [
            json.dumps(decision.to_data(texts=self._texts), ensure_ascii=False)
            for decision in decisions
        ]
        self._write("".join(f"{line}\n" for line in lines))
