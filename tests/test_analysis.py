"""The rules for Colang 2.x. A case is a program of tests/cases/analysis whose lines say what is found there.

``#~ CODE text`` at the end of a line, or of a comment line below it, expects a finding whose message begins
with the text; the list is complete.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import colang
from colang.analysis import rule
from colang.analysis.names import classify
from colang.analysis.walk import walk
from colang.diagnostics import Diagnostic, Severity
from colang.project import Project

FOLDER = Path(__file__).parent / "cases" / "analysis"
NOTE = re.compile(r"#~ (CO\d+) ([^#\n]*)")


class Case(NamedTuple):
    name: str
    text: str
    expected: list[tuple[int, str, str]]  # line, code, beginning of the message


def read(path: Path) -> list[Case]:
    cases: list[Case] = []
    for part in re.split(r"(?m)^# === ", path.read_text(encoding="utf-8"))[1:]:
        title, _, text = part.partition("\n")
        expected: list[tuple[int, str, str]] = []
        code_line = 0
        for number, line in enumerate(text.split("\n"), 1):
            if not line.lstrip().startswith("#"):
                code_line = number
            expected.extend((code_line, m[1], m[2].strip()) for m in NOTE.finditer(line))
        cases.append(Case(f"{path.stem}: {title}", NOTE.sub("", text), sorted(expected)))
    return cases


CASES = [case for path in sorted(FOLDER.glob("*.co")) for case in read(path)]


def project_of(text: str, **more: str) -> Project:
    texts = {"main.co": text, **{name.replace("__", "."): value for name, value in more.items()}}
    return Project.from_texts(texts, version="2.x")


def shown(project: Project, found: list[Diagnostic]) -> list[tuple[int, str, str]]:
    source = project.sources["main.co"]
    return [(source.position(d.span.start).line, d.code, d.message) for d in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_findings(case: Case) -> None:
    project = project_of(case.text)
    found = sorted(shown(project, colang.check(project)))
    assert len(found) == len(case.expected), found
    for (line, code, message), (at, wanted, beginning) in zip(found, case.expected, strict=True):
        assert (line, code) == (at, wanted)
        assert message.startswith(beginning)


def test_every_rule_has_a_case() -> None:
    codes = {code for case in CASES for _, code, _ in case.expected}
    assert codes >= {"CO201", "CO205", "CO207", "CO208", "CO310", "CO502", "CO504", "CO315"}
    assert sum(map(len, rule.NODE_RULES.values())) >= 7


def test_suggestions() -> None:
    project = project_of('flow main\n  bot sya "x"\n\nflow bot say $text\n  pass\n')
    assert [d.help for d in colang.check(project)] == ["did you mean `bot say`?"]


def test_strict_makes_undefined_flows_errors() -> None:
    project = project_of("flow main\n  nobody knows\n")
    assert [d.severity for d in colang.check(project)] == [Severity.WARNING]
    assert [d.severity for d in colang.check(project, strict=True)] == [Severity.ERROR]


def test_findings_are_sorted_and_name_their_files() -> None:
    project = project_of("flow main\n  b c\n  d e\n", a__co="flow f\n  g h\n")
    found = colang.check(project)
    assert [(d.path, d.message) for d in found] == [
        ("a.co", "no flow is named `g h`"),
        ("main.co", "no flow is named `b c`"),
        ("main.co", "no flow is named `d e`"),
    ]


def test_override_of_a_library_flow() -> None:
    body = 'flow bot say $text\n  pass\n\nflow main\n  bot say "x"\n'
    project = project_of("import core\n\n@override\n" + body)
    assert not [d for d in colang.check(project) if d.severity is Severity.ERROR]
    clash = project_of("import core\n\n" + body)
    (finding,) = [d for d in colang.check(clash) if d.severity is Severity.ERROR]
    assert (finding.code, finding.path) == ("CO202", "main.co")
    assert finding.labels[0].path == "<library>/core.co"


def test_actions_of_the_project() -> None:
    python = "from x import action\n\n@action()\nasync def check_it(text, context=None):\n    ...\n"
    text = (
        "flow main\n"
        '  CheckItAction(text="a")\n'
        '  CheckItAction(txt="a")\n'
        "  ChekItAction()\n"
        "  SomethingElseAction()\n"
    )
    project = project_of(text, actions__py=python)
    assert [(d.code, d.severity.value, d.help) for d in colang.check(project)] == [
        ("CO505", "warning", "did you mean `text`?"),
        ("CO501", "warning", "did you mean `CheckItAction`?"),
        ("CO501", "info", "the application has to execute it"),
    ]


def test_unknown_registrations_silence_unknown_actions() -> None:
    python = "def init(app):\n    for f in make():\n        app.register_action(f)\n"
    registered = "def init(app):\n    app.register_action(make(), 'FooAction')\n"
    assert colang.check(project_of("flow main\n  FooAction()\n", config__py=python)) == []
    assert colang.check(project_of("flow main\n  FooAction()\n", config__py=registered)) == []


def test_many_misspelt_names_stay_quick() -> None:
    lines = "".join(
        f"  some flow number {'x' * (n % 7)} {'abcdefghij'[n % 10]} nope\n" for n in range(3000)
    )
    flows = "".join(
        f"flow known flow {'y' * (n % 9)}q{'z' * (n % 11)} v{n}\n  pass\n" for n in range(1500)
    )
    project = project_of(f"flow main\n{lines}{flows}")
    found = colang.check(project)
    assert sum(d.code == "CO201" for d in found) == 3000


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bot say", "flow"),
        ("x1", "flow"),
        ("größe", "flow"),
        ("LampAction", "action"),
        ("Action", "action"),
        ("StartLampAction", "event"),
        ("ChangeLampAction", "event"),
        ("LampActionFinished", "event"),
        ("bot Say", "event"),
        ("你好", "event"),
        ("_1", "event"),
    ],
)
def test_classify(name: str, kind: str) -> None:
    assert classify(name, ()) == kind
    assert classify(name, {name}) == "flow"


def test_walk_sees_every_node_once() -> None:
    project = project_of('flow main $a=1\n  $x = ["{$a + 1}", {"k": -$a}] if $a else (2)\n')
    nodes = list(walk(project.files[0].tree))
    assert len(nodes) == len({id(node) for node in nodes})
    names = [type(node).__name__ for node in nodes]
    assert names.count("Variable") == 3
    assert names[:2] == ["Module", "FlowDef"]
