"""What is known about the Python files of a configuration, as plain data."""

from __future__ import annotations

from colang.records import Draft, fresh
from colang_migrate.findings import Finding


class PythonFacts(Draft):
    """Actions with their parameters, which of them may return None, and names of variables."""

    actions: dict[str, tuple[str, ...]] = fresh(factory=dict[str, tuple[str, ...]])
    complete: bool = True
    none_actions: set[str] = fresh(factory=set[str])
    variables: set[str] = fresh(factory=set[str])
    findings: list[Finding] = fresh(factory=list[Finding])
