"""A proof that cannot fail proves nothing: each damage to a migrated bot must be found."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from colang_migrate import verify_migration
from colang_migrate.folder import Options, plan
from colang_migrate.verify.sides import SideError
from migration import CORPUS, files_below


class Damage(NamedTuple):
    """In the result of a case, in one file, one text becomes another."""

    what: str
    case: str
    path: str
    before: str
    after: str


DAMAGES = [
    Damage("a rail is dropped", "09-forum-input-rail", "rails.co", "  check banned words\n", ""),
    Damage(
        "output rails are never called",
        "10-helpdesk-output-rail",
        "_rails.co",
        "flow output rails",
        "flow no rails",
    ),
    Damage(
        "an output rail is dropped", "10-helpdesk-output-rail", "_rails.co", "  no promises\n", ""
    ),
    Damage(
        "a ready-made rail is dropped",
        "11-museum-self-check",
        "rails.co",
        "  self check input\n",
        "  pass\n",
    ),
    Damage(
        "a rail goes on after it has refused",
        "09-forum-input-rail",
        "rails/input.co",
        "    bot explain ban\n    abort",
        "    bot explain ban",
    ),
    Damage(
        "a rail is turned",
        "30-insurance-fail-closed",
        "claims.co",
        "  if $fraud\n",
        "  if not $fraud\n",
    ),
    Damage("a text is changed", "01-corner-shop", "shop.co", "last year", "last month"),
    Damage(
        "a number in a text is changed",
        "02-credit-union-punctuation",
        "*",
        "24/7",
        "24/5",
    ),
    Damage(
        "a flow is dropped", "16-council-fallback", "*", "@active\nflow parking", "flow parking"
    ),
    Damage(
        "a branch is swapped",
        "03-ferry-branches",
        "ferry.co",
        "  bot sell cabin\n",
        "  bot sell seat\n",
    ),
    Damage(
        "the end of a flow is dropped",
        "03-ferry-branches",
        "ferry.co",
        "  bot wish good trip\n",
        "",
    ),
    Damage(
        "a condition is turned",
        "04-clinic-subflows",
        "clinic.co",
        "if not $signed_in",
        "if $signed_in",
    ),
    Damage(
        "a value is compared with another",
        "05-parcel-tracking",
        "tracking.co",
        '"delivered"',
        '"arrived"',
    ),
    Damage("nothing is active", "13-gym-awkward-names", "*", "@active\n", ""),
    Damage(
        "an intent is active and swallows itself",
        "01-corner-shop",
        "shop.co",
        "  user ask for tobacco\n",
        "  user ask for matches\n",
    ),
    Damage(
        "a declaration is dropped",
        "05-parcel-tracking",
        "tracking.co",
        "  global $parcel\n  bot say",
        "  bot say",
    ),
    Damage("a loop stops early", "07-trivia-loop", "*", "while $asked < 3", "while $asked < 1"),
    Damage(
        "an event is not sent",
        "15-greenhouse-events",
        "events.co",
        "send ReportRequested",
        "log ReportRequested",
    ),
    Damage(
        "an event carries another value",
        "15-greenhouse-events",
        "events.co",
        'format="pdf"',
        'format="doc"',
    ),
    Damage(
        "a flow waits for another event",
        "15-greenhouse-events",
        "events.co",
        "match UserSilent",
        "match UserLoud",
    ),
    Damage(
        "an action has another name",
        "06-garage-action-names",
        "*",
        "await GetPriceAction",
        "await FetchPriceAction",
    ),
    Damage("a call is dropped", "04-clinic-subflows", "clinic.co", "  await require sign in\n", ""),
    Damage(
        "a variable is set after it is used",
        "22-exchange-exceptions",
        "desk.co",
        '["desk"]',
        '["room"]',
    ),
]


def texts_of(case: str) -> tuple[dict[str, str], dict[str, str]]:
    made = plan(files_below(CORPUS / case / "before"), Options(actions=True))
    return made.texts("before"), made.texts("after")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.what)
def test_damage_is_found(damage: Damage) -> None:
    old, new = texts_of(damage.case)
    damaged = {
        path: text.replace(damage.before, damage.after)
        if path.endswith(".co") and damage.path in ("*", path)
        else text
        for path, text in new.items()
    }
    assert damaged != new, "the damage does nothing: look at the migrated text"
    try:
        found = verify_migration(old, damaged, limit=25)
    except SideError as error:
        pytest.fail(f"the damaged bot does not load: {[d.message for d in error.diagnostics]}")
    assert not found.holds


def test_a_renamed_intent_is_no_damage() -> None:
    old, new = texts_of("01-corner-shop")
    name = next(
        m[1]
        for text in new.values()
        for m in re.finditer(r"^flow (user \w.*)$", text, re.MULTILINE)
    )
    renamed = {
        path: text.replace(name, "user mean something else now") for path, text in new.items()
    }
    assert renamed != new
    assert verify_migration(old, renamed).holds


def test_an_intent_renamed_in_one_place_only_is_found() -> None:
    old, new = texts_of("01-corner-shop")
    name = next(
        m[1]
        for text in new.values()
        for m in re.finditer(r"^flow (user \w.*)$", text, re.MULTILINE)
    )
    broken = {
        path: text.replace(f"flow {name}\n", "flow user mean another thing\n")
        for path, text in new.items()
    }
    assert broken != new
    try:
        assert not verify_migration(old, broken).holds
    except SideError as error:
        assert error.diagnostics
