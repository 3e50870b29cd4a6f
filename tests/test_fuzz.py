"""A few seconds of fuzzing; `tests/fuzz.py` runs for as long as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

import fuzz


def test_fuzz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fuzz.run(5, seed=1, report=len)["texts"] > 20
