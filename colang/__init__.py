"""The Colang language: parsing, projects, checking.

Everything here is loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colang.analysis import check as check
    from colang.diagnostics import Diagnostic as Diagnostic
    from colang.project import Project as Project
    from colang.project import ProjectError as ProjectError
    from colang.syntax import ParseResult as ParseResult
    from colang.syntax import parse as parse

_EXPORTS = {
    "Diagnostic": "colang.diagnostics",
    "ParseResult": "colang.syntax",
    "Project": "colang.project",
    "ProjectError": "colang.project",
    "check": "colang.analysis",
    "parse": "colang.syntax",
}

__all__ = ["Diagnostic", "ParseResult", "Project", "ProjectError", "check", "parse"]


def __getattr__(name: str) -> object:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
