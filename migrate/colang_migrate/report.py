"""The report of a migration: converted, needs a look, cannot; as text, JSON, SARIF or Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from colang.records import Record
from colang_migrate.findings import KINDS, Finding, Status

TITLES: Mapping[Status, str] = {
    "cannot": "Cannot be migrated",
    "look": "Needs a look",
    "converted": "Converted",
}
_LEVELS: Mapping[Status, str] = {"cannot": "error", "look": "warning", "converted": "note"}


class Report(Record, kw_only=False):
    """What a migration has to tell. A value: making one writes nothing.

    `changed` and `created` are paths relative to the configuration, in order.
    """

    root: str
    findings: tuple[Finding, ...] = ()
    changed: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    unchanged: int = 0
    refused: bool = (
        False  # the result does not hold, or the original cannot be read: nothing is written
    )
    written: bool = False
    notes: tuple[str, ...] = ()

    def of(self, status: Status) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(each for each in self.findings if each.status == status)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to migrate."""
        return not self.changed and not self.created and not self.refused

    def to_json(self) -> dict[str, Any]:
        """Version 1 of a format that only grows."""
        return {
            "version": 1,
            "root": self.root,
            "written": self.written,
            "refused": self.refused,
            "changed": list(self.changed),
            "created": list(self.created),
            "unchanged": self.unchanged,
            "findings": [
                {
                    "status": each.status,
                    "rule": each.rule,
                    "path": each.path,
                    "line": each.line or None,
                    "column": each.column or None,
                    "message": each.message,
                    "advice": each.advice,
                }
                for each in self.findings
            ],
            "summary": {status: len(self.of(status)) for status in TITLES},
        }

    def to_text(self, *, all_entries: bool = False) -> str:
        """For people: what cannot be carried over first; what was converted only as numbers unless asked."""
        lines: list[str] = []
        for status, title in TITLES.items() if not self.is_clean or all_entries else ():
            found = self.of(status)
            if not found:
                continue
            if status == "converted" and not all_entries:
                lines.append(f"{title}: {_count(len(found), 'place')}.")
                continue
            lines.append(f"{title} ({len(found)}):")
            for each in found:
                lines.append(f"  {_place(each)}: {each.rule} {each.message}")
                if status != "converted":
                    lines.append(f"    {each.advice}")
        lines += self.notes
        lines.append(self.summary())
        return "\n".join(lines)

    def summary(self) -> str:
        """One line."""
        if self.is_clean:
            return f"{self.root}: nothing to migrate."
        done = "written" if self.written else "not written"
        if self.refused:
            return f"{self.root}: nothing was written; see what cannot be migrated."
        return (
            f"{self.root}: {_count(len(self.changed), 'file')} changed, "
            f"{len(self.created)} new, {done}."
        )

    def to_markdown(self) -> str:
        """For a pull request."""
        lines = [f"# Migration of {self.root}", ""]
        for status, title in TITLES.items():
            found = self.of(status)
            lines += [f"## {title} ({len(found)})", ""]
            if found:
                lines += ["| place | rule | what | what to do |", "| --- | --- | --- | --- |"]
            lines += [
                f"| {_cell(_place(e))} | {e.rule} | {_cell(e.message)} | {_cell(e.advice)} |"
                for e in found
            ]
            if found:
                lines.append("")
        if self.created or self.changed:
            lines += ["## Files", ""]
            lines += [f"- `{path}` (new)" for path in self.created]
            lines += [f"- `{path}`" for path in self.changed]
        return "\n".join(lines).rstrip() + "\n"


def to_sarif(reports: Iterable[Report]) -> dict[str, Any]:
    """All reports as one run of SARIF 2.1.0."""
    results: list[dict[str, Any]] = []
    used: dict[str, str] = {}
    for report in reports:
        for each in report.findings:
            used[each.rule] = each.advice
            location: dict[str, Any] = {"artifactLocation": {"uri": each.path}}
            if each.line:
                location["region"] = {"startLine": each.line, "startColumn": each.column}
            results.append(
                {
                    "ruleId": each.rule,
                    "level": _LEVELS[each.status],
                    "message": {"text": f"{each.message}. What to do: {each.advice}."},
                    "locations": [{"physicalLocation": location}],
                }
            )
    rules = [
        {"id": code, "help": {"text": KINDS[code].advice if code in KINDS else advice}}
        for code, advice in sorted(used.items())
    ]
    driver = {"name": "colang migrate", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _place(each: Finding) -> str:
    return f"{each.path}:{each.line}:{each.column}" if each.line else each.path


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
