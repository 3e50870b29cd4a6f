"""CO6xx: the two dialects of Colang. One factory function for each code."""

from __future__ import annotations

from colang.diagnostics.model import Diagnostic, Severity
from colang.source import Span


def other_dialect(file_version: str, project_version: str, span: Span, evidence: str) -> Diagnostic:
    """CO601: a file is written in the other dialect than the project; the reference skips it silently."""
    return Diagnostic(
        code="CO601",
        message=f"this file is Colang {file_version}, but the project is Colang {project_version}",
        span=span,
        help=(
            f"`{evidence}` is Colang {file_version}: translate the file, "
            "leave it out with `.railsignore`, or change `colang_version`"
        ),
    )


def version_not_set(version: str) -> Diagnostic:
    """CO602: the settings name no version and the files say 2.x; the reference would skip them all."""
    return Diagnostic(
        code="CO602",
        message=f"the files are Colang {version}, but the settings do not say so",
        span=Span(0, 0),
        severity=Severity.WARNING,
        help=f'add `colang_version: "{version}"`; without it, other tools read the folder as Colang 1.0',
    )


def mixed_dialects(version: str, other: str) -> Diagnostic:
    """CO603: files of both dialects in one folder, and no setting that decides."""
    return Diagnostic(
        code="CO603",
        message=(
            f"the folder holds Colang {version} and Colang {other} files, and the settings name no version"
        ),
        span=Span(0, 0),
        severity=Severity.WARNING,
        help=f'read as Colang {version}; add `colang_version: "{version}"` to the settings to say so',
    )
