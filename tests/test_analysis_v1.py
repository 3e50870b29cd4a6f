"""The rules for Colang 1.0. A case is a program of tests/cases/analysis_v1 whose lines say what is found there.

``#~ CODE text`` at the end of a line expects a finding in main.co whose message begins with the text; the list is
complete, and no other file has findings. ``# --- NAME`` begins another file of the same project.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pytest

import colang
from colang.analysis import builtins_v1
from colang.diagnostics import Severity
from colang.project import Project
from colang.syntax.nodes_v1 import ExecuteStmt, walk
from colang.syntax.parser_v1 import parse_v1

FOLDER = Path(__file__).parent / "cases" / "analysis_v1"
NOTE = re.compile(r"#~ (CO\d+) ([^#\n]*)")


class Case(NamedTuple):
    name: str
    files: dict[str, str]
    expected: list[tuple[int, str, str]]  # line, code, beginning of the message


def read(path: Path) -> list[Case]:
    cases: list[Case] = []
    for part in re.split(r"(?m)^# === ", path.read_text(encoding="utf-8"))[1:]:
        title, _, rest = part.partition("\n")
        first, *others = re.split(r"(?m)^# --- ", rest)
        files = {"main.co": NOTE.sub("", first)}
        for other in others:
            name, _, text = other.partition("\n")
            files[name.strip()] = text
        expected = [
            (number, match[1], match[2].strip())
            for number, line in enumerate(first.split("\n"), 1)
            for match in NOTE.finditer(line)
        ]
        cases.append(Case(f"{path.stem}: {title}", files, expected))
    return cases


CASES = [case for path in sorted(FOLDER.glob("*.co")) for case in read(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_findings(case: Case) -> None:
    project = Project.from_texts(case.files, version="1.0")
    found = colang.check(project)
    assert {d.path for d in found} <= {"main.co"}
    source = project.sources["main.co"]
    shown = sorted((source.position(d.span.start).line, d.code, d.message) for d in found)
    assert len(shown) == len(case.expected), shown
    for (line, code, message), (at, wanted, beginning) in zip(shown, case.expected, strict=True):
        assert (line, code) == (at, wanted)
        assert message.startswith(beginning)


def test_every_code_has_a_case() -> None:
    codes = {code for case in CASES for _, code, _ in case.expected}
    own = {f"CO{n}" for n in (*range(216, 220), *range(316, 321))}
    assert codes - {"CO164"} == own | {"CO146", "CO201", "CO501", "CO505"}


HELLO = 'define user greet\n  "hi"\n\ndefine bot hello\n  "Hello!"\n\ndefine flow greeting\n  user greet\n'


@pytest.mark.parametrize(
    ("lines", "advice"),
    [
        ("  do greting\n", "did you mean `greeting`?"),
        ("  do something else entirely\n", "write `define subflow something else entirely`"),
        ("  user gret\n  bot hello\n", "did you mean `greet`?"),
        ("  user sing\n  bot hello\n", "write `define user sing` with examples"),
        ("  user ask something else\n  bot hello\n", "`something` in a name is read as `...`"),
        ("  bot helo\n", "did you mean `bot hello`?"),
        ("  bot sing\n", "write `define bot sing` with a text below it"),
        ("  create event Ping\n  bot hello\n", "put `event Ping` on the next line"),
    ],
)
def test_advice(lines: str, advice: str) -> None:
    (finding,) = colang.check(Project.from_texts({"main.co": HELLO + lines}))
    assert finding.help is not None
    assert advice in finding.help


def test_strict_makes_undefined_calls_errors() -> None:
    project = Project.from_texts({"main.co": HELLO + "  do nobody knows\n"})
    assert [d.severity for d in colang.check(project)] == [Severity.WARNING]
    assert [d.severity for d in colang.check(project, strict=True)] == [Severity.ERROR]


def test_the_first_definition_is_shown() -> None:
    flow = 'define flow one\n  user ...\n  bot hello "Hello!"\n'
    project = Project.from_texts({"a.co": flow, "b.co": flow})
    found = {d.code: d for d in colang.check(project)}
    assert set(found) == {"CO218", "CO219"}
    for finding in found.values():
        assert finding.path == "b.co"
        assert [label.path for label in finding.labels] == ["a.co"]


def test_the_built_in_names_are_those_of_the_library() -> None:
    folder = resources.files("colang_interpreter.library.v1")
    modules = [
        parse_v1(file.read_text(encoding="utf-8"))[0]
        for file in folder.iterdir()
        if file.name.endswith(".co")
    ]
    assert modules
    for module in modules:
        assert {flow.id for flow in module.flows} <= builtins_v1.FLOWS
        assert {bot.name.text for bot in module.bots} <= builtins_v1.MESSAGES
        executed = {
            statement.name.text
            for flow in module.flows
            for statement in walk(flow.body)
            if isinstance(statement, ExecuteStmt)
        }
        assert executed <= builtins_v1.ACTIONS


def test_many_findings_stay_quick() -> None:
    users = "".join(f'define user intent number {n}\n  "text {n}"\n\n' for n in range(1500))
    waits = "".join(f"  user some intent nomber {n}\n  do flow x{n}\n" for n in range(1500))
    project = Project.from_texts({"main.co": f"{users}define flow all\n  user ...\n{waits}"})
    found = [d.code for d in colang.check(project)]
    assert (found.count("CO216"), found.count("CO201")) == (1500, 1500)
