"""The grammar file and the parser describe the same language."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark, logger
from lark.lexer import PatternStr

from colang.syntax import lexer
from colang.syntax.parser_v2 import parse_v2
from colang.syntax.words import KEYWORDS
from colang_grammars import source, tables

GRAMMAR = Lark(source("2.x"), parser="lalr", start="start", maybe_placeholders=False)

# What the grammar allows and the parser reports: bare words outside of comprehensions, flows and imports in a block,
# reserved names. And two limits.
REPORTED_BESIDES = {"CO128", "CO129", "CO133", "CO137"}

NEWLINE, INDENT, DEDENT = "\x01", "\x02", "\x03"


def strategies() -> dict[str, st.SearchStrategy[str]]:
    """A text for each terminal; layout is marked and laid out afterwards."""
    found: dict[str, st.SearchStrategy[str]] = {}
    for terminal in GRAMMAR.terminals:
        pattern = terminal.pattern
        if isinstance(pattern, PatternStr):
            word = pattern.value
            found[terminal.name] = st.just(f" {word} " if word.isalpha() else word)
    found |= {
        "_NEWLINE": st.just(NEWLINE),
        "_INDENT": st.just(INDENT),
        "_DEDENT": st.just(DEDENT),
        "_AS_EXPRESSION": st.just(""),
        "_AS_OPERATION": st.just(""),
        "SPACED_LPAR": st.just(" ("),
        "SPACED_LSQB": st.just(" ["),
        "NAME": st.sampled_from([" go", " go  up", " lamp if on", " Order", " größe"]),
        "WORD": st.sampled_from([" x", " Finished"]),
        "LABEL": st.just("again"),
        "VAR": st.sampled_from(["$a", "$größe"]),
        "NUMBER": st.sampled_from([" 1", " 2.5", " 1e-3"]),
        "STRING": st.sampled_from(['"s"', "'{$a}'"]),
        "LONG_STRING": st.just('"""long\n  text"""'),
        "AUGMENT": st.sampled_from([" += ", " -= "]),
        "BLANK": st.just(""),
        "COMMENT": st.just(""),
    }
    return found


def laid_out(program: str) -> str:
    """Turn the marks into line ends and indentation."""
    depth, line, lines = 0, "", []
    for character in program:
        if character == NEWLINE:
            lines.append("  " * depth + line.strip(" "))
            line = ""
        elif character in (INDENT, DEDENT):
            depth += 1 if character == INDENT else -1
        else:
            line += character
    return "\n".join([*lines, line])


@settings(
    max_examples=40,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
@given(from_lark(GRAMMAR, start="start", explicit=strategies()).map(laid_out))
def test_programs_of_the_grammar_are_accepted(program: str) -> None:
    _, problems = parse_v2(program)
    assert [p for p in problems if p.code not in REPORTED_BESIDES] == []


def test_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG, logger="lark"):
            Lark(source("2.x"), parser="lalr", start="start", debug=True)
    finally:
        logger.setLevel(before)
    assert [r.message for r in caplog.records if "onflict" in r.message] == []


def test_shipped_tables_are_those_of_the_grammar() -> None:
    assert tables.render(tables.build()) == Path(tables.FILE).read_text(encoding="utf-8"), (
        "run python -m colang_grammars.tables"
    )


def test_tables_are_read_as_written() -> None:
    read = tables.load()
    data = json.loads(Path(tables.FILE).read_text(encoding="utf-8"))
    assert (list(read.actions), list(read.gotos), list(read.parts)) == (
        data["actions"],
        data["gotos"],
        data["parts"],
    )


def test_each_keyword_of_the_grammar_is_one_of_the_lexer() -> None:
    words = {
        t.pattern.value
        for t in GRAMMAR.terminals
        if isinstance(t.pattern, PatternStr) and t.pattern.value.isalpha()
    }
    assert words == set(KEYWORDS) | set(lexer.WORDS)
