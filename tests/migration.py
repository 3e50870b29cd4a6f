"""What the tests of the migration share: folders as files by name, and the corpus."""

from __future__ import annotations

from pathlib import Path

from colang_migrate.folder import Version
from support import ROOT

CORPUS = ROOT / "tests" / "corpus" / "migration"
CASES = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
ALPHA = frozenset(("32-radio-alpha", "33-kiosk-alpha-own-core"))


def version_of(case: str) -> Version:
    """The version a case is written in."""
    return "2.0-alpha" if case in ALPHA else "1.0"


def files_below(folder: Path) -> dict[str, bytes]:
    """All files of a folder by relative path with slashes, but for what Python leaves behind."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def lay_out(folder: Path, files: dict[str, bytes] | dict[str, str]) -> Path:
    """Write files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return folder
