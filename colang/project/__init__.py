"""Projects: one configuration folder seen as a whole. Start at `Project`."""

from colang.project.files import (
    ActionInfo,
    ProjectError,
    PythonFiles,
    SourceFile,
    TextDocument,
    Version,
)
from colang.project.project import Project

__all__ = [
    "ActionInfo",
    "Project",
    "ProjectError",
    "PythonFiles",
    "SourceFile",
    "TextDocument",
    "Version",
]
