"""Opt-in: the migrated corpus in an environment with nemoguardrails (COLANG_REFERENCE_PYTHON=path of its Python).

Each case is loaded and its scenario replayed by the corpus's own `verify.py`, run as a process of its own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from colang_migrate.folder import Options, plan
from migration import CASES, CORPUS, files_below, lay_out, version_of

PYTHON = os.environ.get("COLANG_REFERENCE_PYTHON", "")


@pytest.mark.skipif(
    not PYTHON, reason="COLANG_REFERENCE_PYTHON names no Python with nemoguardrails"
)
@pytest.mark.parametrize("case", CASES)
def test_the_result_behaves_in_the_reference(case: str, tmp_path: Path) -> None:
    options = Options(from_version=version_of(case), actions=True)
    made = plan(files_below(CORPUS / case / "before"), options)
    lay_out(tmp_path / case, dict(made.after))
    words = [case, "--side", "after", "--after-dir", str(tmp_path / case)]
    done = subprocess.run(
        [PYTHON, str(CORPUS / "verify.py"), *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
        cwd=tmp_path,
    )
    assert f"ok   {case} after" in done.stdout, done.stdout + done.stderr
