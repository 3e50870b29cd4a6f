"""Names: tables against the library, and properties of the spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colang.syntax.parser_v2 import parse_v2
from colang_migrate.library_names import MESSAGES, MODULES
from colang_migrate.library_rails import LIBRARY_RAILS
from colang_migrate.names import action_name, flow_name, is_reachable, looked_up_as, respell
from support import ROOT

LIBRARY = ROOT / "interpreter" / "colang_interpreter" / "library"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_table_of_the_library_is_true(module: str) -> None:
    tree, problems = parse_v2((LIBRARY / f"{module}.co").read_text(encoding="utf-8"))
    assert problems == ()
    assert set(MODULES[module]) <= {flow.name for flow in tree.flows}


def test_restated_rails_parse() -> None:
    for rail in LIBRARY_RAILS.values():
        assert rail.module
        assert set(rail.says) <= set(MESSAGES)
        if rail.restated:
            tree, problems = parse_v2(rail.restated)
            assert problems == ()
            assert LIBRARY_RAILS[tree.flows[0].name] == rail


@given(st.text(min_size=1, max_size=30))
def test_every_spelling_can_be_defined_and_called(name: str) -> None:
    spelled = flow_name(name)
    text = f"flow {spelled}\n  pass\n\nflow user {respell(name)}\n  {spelled}\n"
    tree, problems = parse_v2(text)
    assert problems == ()
    assert tree.flows[0].name == spelled
    assert tree.flows[1].name == f"user {respell(name)}"


@given(st.text(alphabet="abAB01 -_'/.é", min_size=1, max_size=15))
def test_spelling_twice_is_spelling_once(name: str) -> None:
    assert respell(respell(name)) == respell(name)
    assert respell(name) == respell(name).lower()


@pytest.mark.parametrize(
    "name",
    [
        "perform_action",
        "action_log",
        "look up part",
        "getPrice",
        "callAPI",
        "check_URL",
        "Lookup",
        "is_2fa_ok",
        "a_b_c",
        "_x",
        "x_",
        "a__b",
    ],
)
def test_names_that_no_rule_brings_back(name: str) -> None:
    assert not is_reachable(name)
    assert action_name(name).isidentifier()


@given(st.from_regex(r"[a-z]{2,6}(_[a-z]{2,6}){0,3}", fullmatch=True))
def test_plain_snake_case_comes_back(name: str) -> None:
    if "action" not in name:
        assert looked_up_as(action_name(name)) == name
