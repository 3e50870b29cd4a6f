"""Diagnostics as text: exact snapshots, and what must hold for any text and any span."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colang.diagnostics import Diagnostic, Edit, Fix, Label, Severity
from colang.diagnostics.cells import Cells, printable
from colang.diagnostics.render import plain, render
from colang.source import Source, Span
from support import marked


@dataclass
class Case:
    """A text with the spans of the finding and its labels marked; what its report looks like."""

    name: str
    text: str
    expected: str
    labels: tuple[str, ...] = ()  # texts for the second, third, ... marked span
    other: tuple[str, str] | None = None  # the text of lib.co with one span, and its label
    fix: str | None = None  # the replacement of the first span
    more: dict[str, Any] = field(default_factory=dict)
    width: int = 100


CASES = [
    Case(
        "one span",
        'flow main\n  «bot sya» "Hi"\n',
        """\
        error[CO201]: no such flow
         --> main.co:2:3
          |
        2 |   bot sya "Hi"
          |   ^^^^^^^
          = help: did you mean `bot say`?
        """,
        more={"help": "did you mean `bot say`?"},
    ),
    Case(
        "an empty span is one caret, also behind the last character",
        "flow main\n  bot say «»",
        """\
        warning[CO201]: no such flow
         --> main.co:2:11
          |
        2 |   bot say
          |           ^
        """,
        more={"severity": Severity.WARNING},
    ),
    Case(
        "an empty text",
        "«»",
        """\
        error[CO201]: no such flow
         --> main.co:1:1
          |
        1 |
          | ^
        """,
    ),
    Case(
        "a span that takes its line end along",
        "flow main\n«  abort\n»  match X()\n",
        """\
        error[CO201]: no such flow
         --> main.co:2:1
          |
        2 |   abort
          | ^^^^^^^
        """,
    ),
    Case(
        "tabs and wide characters",
        'flow main\n\tbot say «"日本"» and «x»\n',
        """\
        error[CO201]: no such flow
         --> main.co:2:10
          |
        2 |     bot say "日本" and x
          |             ^^^^^^
          |                        - here
        """,
        labels=("here",),
    ),
    Case(
        "combining characters and emoji",
        'bot say «"e\u0301🙂"» «x»\n',
        """\
        error[CO201]: no such flow
         --> main.co:1:9
          |
        1 | bot say "e\u0301🙂" x
          |         ^^^^^
          |               - here
        """,
        labels=("here",),
    ),
    Case(
        "characters that would steer the terminal",
        'bot say «"\x1b[2J\u202e"»\n',
        """\
        error[CO201]: no such flow
         --> main.co:1:9
          |
        1 | bot say "␛[2J\ufffd"
          |         ^^^^^^^
        """,
    ),
    Case(
        "labels in order of their lines, far ones with a gap, a gap of one line shown",
        "flow a\n  pass\nflow b\n  pass\n  pass\n  pass\nflow «a»\n\nflow «c»\n",
        """\
        error[CO201]: no such flow
         --> main.co:7:6
          |
        7 | flow a
          |      ^
        8 |
        9 | flow c
          |      - second
        """,
        labels=("second",),
    ),
    Case(
        "a label far above",
        "flow ««a»»\n  pass\n\n\n\n\nflow a\n",
        """\
        error[CO201]: no such flow
         --> main.co:1:6
          |
        1 | flow a
          |      ^
          |      - first defined here
        """,
        labels=("first defined here",),
    ),
    Case(
        "a label in another file",
        "flow «a»\n",
        """\
        error[CO201]: no such flow
         --> main.co:1:6
          |
        1 | flow a
          |      ^
         ::: lib.co:2:6
          |
        2 | flow a
          |      - first defined here
        """,
        other=("# library\nflow «a»\n", "first defined here"),
    ),
    Case(
        "a span of several lines",
        "flow main\n  «when a\n    pass\n  or when b\n    pass»\n",
        """\
        error[CO201]: no such flow
         --> main.co:2:3
          |
        2 | /   when a
        3 | |     pass
        4 | |   or when b
        5 | |     pass
          | |________^
        """,
    ),
    Case(
        "a long span shows its ends",
        "«flow main\n" + "  pass\n" * 12 + "  abort»\n",
        """\
        error[CO201]: no such flow
          --> main.co:1:1
           |
         1 | / flow main
         2 | |   pass
         3 | |   pass
        ...  |
        13 | |   pass
        14 | |   abort
           | |_______^
        """,
    ),
    Case(
        "a fix as a diff",
        'flow main\n  «bot sya» "Hi"\n',
        """\
        error[CO201]: no such flow
         --> main.co:2:3
          |
        2 |   bot sya "Hi"
          |   ^^^^^^^
          = fix: write `bot say` (look before applying)
          |
        2 -   bot sya "Hi"
        2 +   bot say "Hi"
        """,
        fix="bot say",
    ),
    Case(
        "a fix that deletes a line",
        "flow main\n«  abort\n»  pass\n",
        """\
        error[CO201]: no such flow
         --> main.co:2:1
          |
        2 |   abort
          | ^^^^^^^
          = fix: write `` (look before applying)
          |
        2 -   abort
        """,
        fix="",
    ),
    Case(
        "a long line is cut around the span",
        "bot say " + "x" * 60 + " «here» " + "y" * 60 + "\n",
        """\
        error[CO201]: no such flow
         --> main.co:1:70
          |
        1 | ...xxxxxxxxxxxxxxx here yyyyyyyyyyyyyyyyyyyyyyyyyyyyy...
          |                    ^^^^
        """,
        width=60,
    ),
    Case(
        "a line end of Windows",
        "flow main\r\n  «abort»\r\n",
        """\
        error[CO201]: no such flow
         --> main.co:2:3
          |
        2 |   abort
          |   ^^^^^
        """,
    ),
]


def report(case: Case) -> str:
    text, spans = marked(case.text)
    sources = {"main.co": Source(text, "main.co")}
    labels = [Label(span, text) for span, text in zip(spans[1:], case.labels, strict=True)]
    if case.other is not None:
        library, (span,) = marked(case.other[0])
        sources["lib.co"] = Source(library, "lib.co")
        labels.append(Label(span, case.other[1], "lib.co"))
    fix = None
    if case.fix is not None:
        fix = Fix(title=f"write `{case.fix}`", edits=(Edit(spans[0], case.fix),))
    diagnostic = Diagnostic(
        code="CO201",
        message="no such flow",
        span=spans[0],
        path="main.co",
        labels=tuple(labels),
        fix=fix,
        **case.more,
    )
    return plain(render(diagnostic, sources, width=case.width))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_snapshot(case: Case) -> None:
    assert report(case) + "\n" == textwrap.dedent(case.expected)


def test_a_path_without_text_is_shown_without_source_line() -> None:
    diagnostic = Diagnostic(code="CO400", message="no Colang here", span=Span(0, 0), path="bot")
    assert plain(render(diagnostic, {})) == "error[CO400]: no Colang here\n --> bot"


def test_a_message_stays_on_one_line() -> None:
    diagnostic = Diagnostic(code="CO100", message="a\nb\x1b[31m", span=Span(0, 1), path="x\n.co")
    assert len(plain(render(diagnostic, {})).splitlines()) == 2


# Texts as people write them, and the characters that break layouts.
lines = st.text(st.sampled_from('ab \t\n\r"漢é́🙂\u202e\x1b\x00\ud800$'), max_size=60)
spans = st.tuples(st.integers(0, 70), st.integers(0, 70)).map(lambda ends: Span(*sorted(ends)))


@settings(max_examples=300)
@given(lines, spans, st.lists(spans, max_size=3), st.integers(40, 90))
def test_any_span_of_any_text(text: str, span: Span, others: list[Span], width: int) -> None:
    diagnostic = Diagnostic(
        code="CO100",
        message="something",
        span=span,
        labels=tuple(Label(other, f"label {i}") for i, other in enumerate(others)),
        path="x.co",
    )
    shown = plain(render(diagnostic, {"x.co": Source(text, "x.co")}, width=width))
    assert "^" in shown
    assert all(f"label {i}" in shown for i in range(len(others)))
    assert not any(character in shown for character in "\t\r\x1b\x00\u202e\ud800")
    source_rows = [row for row in shown.splitlines() if re.match(r"\s*\d+ \|", row)]
    assert source_rows and all(Cells(row).offsets[-1] <= width for row in source_rows)


@given(lines.filter(lambda text: "\n" not in text), st.integers(20, 60))
def test_a_window_fits_and_keeps_its_start(line: str, room: int) -> None:
    cells = Cells(line)
    for start in range(len(line) + 1):
        first, last = cells.window(start, len(line), room)
        assert first <= start <= last
        assert cells.offsets[last] - cells.offsets[first] <= room


@given(st.text())
def test_printable_is_printable(text: str) -> None:
    shown = printable(text)
    assert shown.splitlines() in ([], [shown])
    shown.encode("utf-8")
