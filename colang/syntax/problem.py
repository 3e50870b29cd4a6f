"""How the parser's parts stop at a mistake: an exception of ours that never leaves `colang.syntax`."""

from __future__ import annotations

from typing import NamedTuple

from colang.diagnostics.model import Diagnostic


class Problem(Exception):
    """A mistake found while reading one logical line; the parser catches it at the line's end."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        """Carry the finding that will be reported."""
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Found(NamedTuple):
    """A finding; with `resume` the parser goes on at that token, after taking `pops` symbols back."""

    diagnostic: Diagnostic
    resume: int | None = None
    pops: int = 0
