"""The 1.0 programs of the conformance data: each migration holds, or says what a person must decide.

A sample by default, all of them with COLANG_FULL_VERIFY=1.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter

from colang_migrate import verify_migration
from colang_migrate.folder import plan
from colang_migrate.verify.sides import SideError
from test_migrate_conformance import programs

SAMPLE = 45
SEED = 20


#: Programs that differ although their migration tells nothing of it, by the beginning of their SHA-256.
def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def outcome(text: str, limit: int) -> str:
    """``holds``, ``refused`` (with a place), ``cannot run`` (neither does the original), ``told`` or ``untold``."""
    made = plan({"flows.co": text.encode()})
    if made.report.refused:
        assert any(each.line for each in made.report.findings if each.status == "cannot")
        return "refused"
    try:
        found = verify_migration(made.texts("before"), made.texts("after"), limit=limit)
    except SideError as error:
        assert "the original cannot run" in str(error)
        assert error.diagnostics
        return "cannot run"
    assert not any(
        record.broken.startswith(("Attribute", "Key", "Type", "Index"))
        for result in found.results
        for record in (*result.old, *result.new)
    )
    if found.holds:
        return "holds"
    told = any(each.status in ("look", "cannot") for each in made.report.findings)
    return "told" if told else "untold"


def test_programs_hold_or_tell_why() -> None:
    everything = programs()
    chosen = list(everything)
    is_full = bool(os.environ.get("COLANG_FULL_VERIFY"))
    if not is_full:
        chosen = random.Random(SEED).sample(everything, SAMPLE)
    counts: Counter[str] = Counter()
    untold: list[str] = []
    for text in chosen:
        came = outcome(text, 40 if is_full else 10)
        counts[came] += 1
        if came == "untold":
            untold.append(f"{digest(text)}\n{text}")
    assert not untold, "\n\n".join(untold)
    assert counts["holds"] > len(chosen) * 0.4, counts


def test_a_program_that_is_silent_is_told() -> None:
    text = 'define user a\n  "a"\n\ndefine flow\n  user a\n  $count = 1\n'
    assert outcome(text, 10) == "told"
