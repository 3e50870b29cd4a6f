"""Parsing with a memory: the same text is parsed once in a process, so the standard library costs nothing twice."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from colang.diagnostics import Diagnostic
from colang.project.files import Version

if TYPE_CHECKING:
    from colang.syntax import nodes, nodes_v1

CACHED_TEXTS = 512


@lru_cache(maxsize=CACHED_TEXTS)
def parse_cached(
    text: str, version: Version
) -> tuple[nodes.Module | nodes_v1.Module, tuple[Diagnostic, ...]]:
    """Tree and findings of one text; trees are immutable and may be shared. Nothing is raised on bad text."""
    if version == "2.x":
        from colang.syntax.parser_v2 import parse_v2

        return parse_v2(text)
    from colang.syntax.parser_v1 import parse_v1

    return parse_v1(text)
