"""Diagnostics for programs: JSON, one-line and annotation forms."""

from __future__ import annotations

import json

from colang.diagnostics import Diagnostic, Edit, Fix, Label, Severity
from colang.diagnostics.reports import annotation, concise, to_json
from colang.source import Source, Span

TEXT = 'flow main\n  bot sya "Grüße"\n'
SOURCES = {"rails/main.co": Source(TEXT, "rails/main.co"), "lib.co": Source("flow a\n", "lib.co")}
FOUND = Diagnostic(
    code="CO201",
    message="no flow is named `bot sya`",
    span=Span(12, 19),
    help="did you mean `bot say`?",
    fix=Fix(title="write `bot say`", edits=(Edit(Span(16, 19), "say"),), safe=True),
    labels=(Label(Span(0, 9), "in this flow"), Label(Span(5, 6), "not this one", "lib.co")),
    path="rails/main.co",
)
FOLDER = Diagnostic(
    code="CO400",
    message="100% empty:\nno Colang, no settings",
    span=Span(0, 0),
    severity=Severity.WARNING,
    path="bot,1",
)


def test_json() -> None:
    report = to_json([FOUND, FOLDER], SOURCES)
    assert json.loads(json.dumps(report)) == report
    assert report == {
        "version": 1,
        "diagnostics": [
            {
                "path": "rails/main.co",
                "line": 2,
                "column": 3,
                "end_line": 2,
                "end_column": 10,
                "code": "CO201",
                "severity": "error",
                "message": "no flow is named `bot sya`",
                "help": "did you mean `bot say`?",
                "fix": {
                    "title": "write `bot say`",
                    "safe": True,
                    "edits": [
                        {"line": 2, "column": 7, "end_line": 2, "end_column": 10, "text": "say"}
                    ],
                },
                "labels": [
                    {
                        "path": "rails/main.co",
                        "line": 1,
                        "column": 1,
                        "end_line": 1,
                        "end_column": 10,
                        "text": "in this flow",
                    },
                    {
                        "path": "lib.co",
                        "line": 1,
                        "column": 6,
                        "end_line": 1,
                        "end_column": 7,
                        "text": "not this one",
                    },
                ],
            },
            {
                "path": "bot,1",
                "line": None,
                "column": None,
                "end_line": None,
                "end_column": None,
                "code": "CO400",
                "severity": "warning",
                "message": "100% empty:\nno Colang, no settings",
                "help": None,
                "fix": None,
                "labels": [],
            },
        ],
        "summary": {"errors": 1, "warnings": 1, "infos": 0},
    }


def test_concise() -> None:
    assert concise(FOUND, SOURCES) == "rails/main.co:2:3: CO201 no flow is named `bot sya`"
    assert concise(FOLDER, SOURCES) == "bot,1: CO400 100% empty:␊no Colang, no settings"


def test_annotation() -> None:
    assert annotation(FOUND, SOURCES) == (
        "::error file=rails/main.co,line=2,endLine=2,col=3,endColumn=10,title=CO201"
        "::no flow is named `bot sya`%0Adid you mean `bot say`?"
    )
    assert annotation(FOLDER, SOURCES) == (
        "::warning file=bot%2C1,title=CO400::100%25 empty:%0Ano Colang, no settings"
    )
