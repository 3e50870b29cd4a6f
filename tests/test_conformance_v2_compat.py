"""``compat="nemoguardrails"``: quirks of the reference that programs could depend on stay as they are there.

The other quirks of section 12 are repaired in both modes; `REPAIRED` says why nothing can depend on each.
"""

from __future__ import annotations

import pytest

from colang_interpreter.v2.program import compile_text
from conformance import Case, Expectation, load_cases, sendable, substituted

KEPT = {
    *("C2-909", "C2-910", "C2-912", "C2-920", "C2-924", "C2-928"),
    *("C2-933", "C2-935", "C2-949"),
}
REJECTED = "the reference rejects or crashes on the program, so no working program can depend on it"
STUCK = "the flow hangs for ever or is left half advanced"
UNSAFE = "keeping it would let messages pass unchecked, or leak data"
REPAIRED = {
    **dict.fromkeys(("C2-900", "C2-901", "C2-902", "C2-903", "C2-904", "C2-905"), REJECTED),
    **dict.fromkeys(("C2-906", "C2-907", "C2-908", "C2-931", "C2-934", "C2-936"), REJECTED),
    **dict.fromkeys(("C2-938", "C2-940", "C2-941", "C2-943", "C2-950"), REJECTED),
    **dict.fromkeys(("C2-913", "C2-914", "C2-915", "C2-916", "C2-922", "C2-937"), STUCK),
    **dict.fromkeys(("C2-939", "C2-942"), STUCK),
    **dict.fromkeys(("C2-925", "C2-926", "C2-929", "C2-948"), UNSAFE),
    "C2-911": UNSAFE + ": what a user types would be read as escapes",
    "C2-917": "a comparison that is written down is meant",
    "C2-923": "the order depends on how the reference numbers its instructions, which no author sees",
    "C2-918": "a match that accepts 1 for True but not True for 1 is no contract",
    "C2-919": "the change is lost: a program that makes it wants it",
    "C2-921": "an activation would end though somebody still wants it",
    "C2-927": "a broken pattern in the reference's own library",
    "C2-930": "an event would change its name on the way out",
    "C2-932": "an event would change after it was sent",
    "C2-944": "an action would be stopped though somebody still uses it",
    "C2-945": "a stop would be lost",
    "C2-946": "the inner flow does not exist in the reference: a program that has one is in error",
    "C2-947": "the action gets parameters with names it cannot have",
}
CASES = [case for case in load_cases("colang2", compat=True) if "quirk" in case.data]


def test_every_quirk_is_decided() -> None:
    assert {case.id for case in CASES} == KEPT | set(REPAIRED)
    assert not KEPT & set(REPAIRED)


@pytest.mark.parametrize("case", [c for c in CASES if c.id in KEPT], ids=str)
def test_kept(case: Case) -> None:
    assert case.mode == "engine"
    program = compile_text(case.program, compat=True)
    state, outputs = program.start(1, active=False)
    for step in case.steps:
        if step.send is not None:
            outputs = []
            for event in step.send:
                outputs += state.feed(sendable(substituted(event, {})))
        Expectation(step).check(outputs, {})


def test_modes_are_different_programs() -> None:
    text = "flow main\n  match A()\n"
    assert compile_text(text).digest != compile_text(text, compat=True).digest
