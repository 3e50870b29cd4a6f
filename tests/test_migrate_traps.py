"""What the converter of old got wrong: each trap with its exact result."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import yaml

from colang.syntax.parser_v2 import parse_v2
from colang_migrate.text import migrate_fragment, migrate_text
from support import ROOT


class Trap(NamedTuple):
    """One case of traps.yaml."""

    name: str
    before: str
    after: str
    rails: tuple[str, ...]
    told: tuple[str, ...]


TRAPS = [
    Trap(
        name,
        each["before"],
        each["after"],
        tuple(each.get("rails", ())),
        tuple(each.get("told", ())),
    )
    for name, each in yaml.safe_load(
        (ROOT / "tests/cases/migrate/traps.yaml").read_text(encoding="utf-8")
    ).items()
]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_trap(trap: Trap) -> None:
    made = migrate_text(trap.before, rails=trap.rails)
    assert made.text == trap.after
    assert sorted({f.rule for f in made.findings if f.status != "converted"}) == sorted(trap.told)
    assert parse_v2(made.text)[1] == ()
    assert migrate_text(made.text).text == made.text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_line_ends_and_marks_stay(newline: str, mark: str, end: str) -> None:
    before = (
        mark
        + newline.join(["define flow a", "  user b", '  bot c "d"'])
        + end.replace("\n", newline)
    )
    made = migrate_text(before).text
    assert made.startswith(f"{mark}@active{newline}flow a{newline}  user b{newline}  bot c")
    assert made.count("\n") == made.count(newline)
    assert "\r" in made or newline == "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("execute open_bay", "await OpenBayAction()"),
        ("  $a = execute b(c=1)  # d\n", "  $a = await BAction(c=1)  # d\n"),
        ("do wrap up\nstop\n", "await wrap up\nabort\n"),
        ("if not ($a == 1)\n    bot b\n", "if $a != 1\n    bot b\n"),
        ("bot $x\n", "bot say $x\n"),
        ("flow a\n  bot say $x\n", "flow a\n  bot say $x\n"),
        ('define bot a\n  "b"\n', 'flow bot a\n  bot say "b"\n'),
    ],
)
def test_fragments(before: str, after: str) -> None:
    assert migrate_fragment(before).text == after


def test_a_file_of_both_versions_is_refused() -> None:
    made = migrate_text('define bot a\n  "b"\n\nflow c\n  bot a\n')
    assert not made.readable
    assert [f.rule for f in made.findings] == ["M701"]
