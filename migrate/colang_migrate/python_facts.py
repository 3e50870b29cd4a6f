"""What is known about the Python files of a configuration, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from colang_migrate.findings import Finding


@dataclass(slots=True)
class PythonFacts:
    """Actions with their parameters, which of them may return None, and names of variables."""

    actions: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    complete: bool = True
    none_actions: set[str] = field(default_factory=set[str])
    variables: set[str] = field(default_factory=set[str])
    findings: list[Finding] = field(default_factory=list[Finding])
