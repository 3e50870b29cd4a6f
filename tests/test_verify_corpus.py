"""The proof on the corpus and the examples: what our migration makes of each holds the same conversations."""

from __future__ import annotations

import functools

import pytest

from colang.scenario import load_scenario
from colang_migrate import Verification, verify_migration
from colang_migrate.folder import Options, Plan, plan
from colang_migrate.verify.sources import scenarios_in
from migration import ALPHA, CASES, CORPUS, files_below, version_of
from support import ROOT

EXAMPLES = ("bank_faq", "guarded_1x", "quiz", "shop")  # those in Colang 1.0

#: What keeps an example from being equal, and what its migration tells a person about that.
DIFFERENT = {
    "guarded_1x": ("M211", "it makes `BotMessage` events, which are internals of the 1.0 pipeline"),
    "quiz": ("M210", "`user ...` inside of a flow competes with the flow for everything else"),
}


@functools.cache
def migrated(case: str) -> Plan:
    options = Options(from_version=version_of(case), actions=True)
    return plan(files_below(CORPUS / case / "before"), options, root=case)


@functools.cache
def verified(case: str) -> Verification:
    made = migrated(case)
    scenarios = scenarios_in(str(CORPUS / case / "before"))
    assert scenarios or not (CORPUS / case / "scenario.yaml").exists()
    return verify_migration(
        made.texts("before"), made.texts("after"), conversations=scenarios, limit=25
    )


@pytest.mark.parametrize("case", CASES)
def test_the_migration_holds(case: str) -> None:
    found = verified(case)
    assert found.holds, found.first_difference
    assert found.results
    assert found.alone == (case in ALPHA)


@pytest.mark.parametrize("case", [case for case in CASES if case not in ALPHA])
def test_every_flow_is_reached(case: str) -> None:
    found = verified(case).coverage
    assert found.flows_reached == found.flows, found.missing
    # One loop ends by counting what a `when` inside of it does.
    left = 1 if case == "07-trivia-loop" else 0
    assert found.branches - found.branches_reached == left, found.missing


def test_the_same_arguments_give_the_same_result() -> None:
    made = migrated("03-ferry-branches")
    again = verify_migration(
        made.texts("before"),
        made.texts("after"),
        conversations=scenarios_in(str(CORPUS / "03-ferry-branches" / "before")),
        limit=25,
    )
    assert again == verified("03-ferry-branches")


def test_the_ideal_results_hold_as_well() -> None:
    """A sample; what `after` does otherwise on purpose is in the notes of its scenario."""
    for case in (
        "03-ferry-branches",
        "07-trivia-loop",
        "11-museum-self-check",
        "26-chess-extension",
    ):
        found = verify_migration(
            str(CORPUS / case / "before"), str(CORPUS / case / "after"), limit=10
        )
        assert found.holds, found.first_difference
        scenario = load_scenario((CORPUS / case / "scenario.yaml").read_text(encoding="utf-8"))[0]
        assert scenario is not None
        held = [each for each in found.results if each.trial.origin == "scenario"]
        assert len(held) == len(scenario.conversations)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    folder = ROOT / "examples" / name
    made = plan(files_below(folder), Options(actions=True))
    assert not made.report.refused
    found = verify_migration(
        made.texts("before"), made.texts("after"), conversations=scenarios_in(str(folder)), limit=25
    )
    assert found.holds == (name not in DIFFERENT), found.first_difference
    if name in DIFFERENT:
        assert DIFFERENT[name][0] in {each.rule for each in made.report.findings}
