"""The 1.0 programs of the conformance data and of the examples: a migration never raises and never lies."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from colang.diagnostics import Severity
from colang.syntax.lexer_v1 import is_colang_1
from colang.syntax.parser_v2 import parse_v2
from colang_migrate.text import migrate_text
from support import ROOT


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if is_colang_1(value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@functools.cache
def programs() -> tuple[str, ...]:
    found: set[str] = set()
    for path in (ROOT / "tests/conformance/colang1").glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            found.update(_texts(document))
    for path in (ROOT / "examples").rglob("*.co"):
        found.update(_texts(path.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def test_there_are_programs() -> None:
    assert len(programs()) > 300


def test_what_is_readable_gives_a_text_that_parses() -> None:
    wrong: list[str] = []
    readable = 0
    for text in programs():
        made = migrate_text(text)
        readable += made.readable
        problems = parse_v2(made.text.removeprefix("\ufeff"))[1]
        if made.readable and any(p.severity is Severity.ERROR for p in problems):
            wrong.append(f"{text}\n->\n{made.text}\n{problems}")
    assert not wrong, wrong[0]
    assert readable > 0.85 * len(programs())


def test_what_is_not_readable_says_where() -> None:
    for text in programs():
        made = migrate_text(text)
        if not made.readable:
            assert any(f.rule in ("M701", "M703") and f.line for f in made.findings), text


def test_a_second_run_changes_nothing() -> None:
    for text in programs():
        made = migrate_text(text)
        if made.readable:
            assert migrate_text(made.text).text == made.text


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_programs_never_raise(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(programs()))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    insert = data.draw(st.text(alphabet='"$\n #{}\\ade(', max_size=4))
    made = migrate_text(text[:start] + insert + text[end:])
    assert not [each.message for each in made.findings if each.rule == "M901"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# only a comment\n",
        "\ufeff",
        "define",
        "define user",
        'define flow\n  user "a" or ("b"\n',
    ],
)
def test_odd_texts(text: str) -> None:
    made = migrate_text(text)
    assert made.text.count("\ufeff") == text.count("\ufeff")
    assert not [each.message for each in made.findings if each.rule == "M901"]
