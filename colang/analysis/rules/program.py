"""What a program as a whole needs."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.rule import Context, project_rule
from colang.diagnostics import Diagnostic
from colang.diagnostics import names as report
from colang.diagnostics.config import near


@project_rule
def main_flow(context: Context) -> Iterator[Diagnostic]:
    """There is a flow `main`. C2-037."""
    project = context.project
    if "main" in context.flows:
        return
    files = [file for file in project.files if not file.is_library]
    names = [name for name, file in project.flow_files.items() if not file.is_library]
    path = files[-1].path if files else project.root or "the project"
    yield report.missing_main(near("main", context.candidates(names))).at(path)
