"""What README.md and docs/ show is true: their files, commands and code run, and their links lead somewhere.

A page is played from top to bottom in a folder of its own, next to a copy of `examples/`:

* a block behind a line that ends in a file name in backticks and a colon is written to that file;
* in a ``console`` block each ``$ colang ...`` line is run, and what it prints (both streams) is compared
  with the lines below it; a line ``...`` there stands for any lines, and within a line for anything;
* a ``python`` block is run, with doctest if it has prompts; names live as long as the page;
* a ``colang`` block must be well-formed; one that shows a mistake is a ``colang-broken`` block.

``python tests/test_docs.py`` writes what the commands print now into the pages, to be reviewed.
"""

from __future__ import annotations

import doctest
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support import ROOT

PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.name != "CHANGELOG.md"
)
_FENCE = re.compile(r"^```([a-z-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w./-]+\.\w+)`[^`\n]*:\s*$")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block: its language, text and line, and the file it shows, if it shows one."""

    language: str
    text: str
    line: int
    file: str | None


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page in order."""
    for match in _FENCE.finditer(page):
        before = page[: match.start()]
        named = _FILE.search(before)
        line = before.count("\n") + 1
        yield Block(match[1], match[2], line, named[1] if named else None)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block with the output shown below each."""
    command, shown = "", ""
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].strip(), ""
        else:
            shown += line
    yield command, shown


def run(command: str, folder: Path) -> str:
    """What a command prints, on both streams together."""
    words = shlex.split(command)
    assert words[0] == "colang", f"only colang is run here, not {command!r}"
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-m", "colang.cli", *words[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.stdout.decode("utf-8")


def agrees(shown: str, printed: str) -> bool:
    """Whether the shown output is the printed one; blank lines at the end do not count."""
    pattern = re.escape(shown.rstrip() + "\n")
    pattern = re.sub(r"^\\.\\.\\.\\\n", r"(?:.*\\n)*?", pattern, flags=re.MULTILINE)
    pattern = pattern.replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, printed.rstrip() + "\n") is not None


def play(block: Block, folder: Path, names: dict[str, object], where: str) -> None:
    """Check one block."""
    if block.file is not None:
        target = folder / block.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
    if block.language == "colang":
        import colang

        assert colang.parse(block.text).diagnostics == (), where
    elif block.language == "console":
        for command, shown in commands(block.text):
            if command.startswith("pip install"):
                continue  # tried for real by .ci/run
            printed = run(command, folder)
            assert agrees(shown, printed), f"{where}: {command}\n--- prints\n{printed}"
    elif block.language == "python" and ">>>" in block.text:
        test = doctest.DocTestParser().get_doctest(block.text, names, where, where, block.line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        assert runner.run(test, clear_globs=False).failed == 0, where
        names.update(test.globs)
    elif block.language == "python":
        script = folder / "block.py"
        script.write_text(block.text, encoding="utf-8")
        names.update(runpy.run_path(str(script), init_globals=names))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    names: dict[str, object] = {}
    for block in blocks(path.read_text(encoding="utf-8")):
        play(block, tmp_path, names, f"{path.relative_to(ROOT)}:{block.line}")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if not target.startswith(("http://", "https://", "#", "mailto:")):
            assert (path.parent / target.partition("#")[0]).exists(), f"{path}: {target}"


def test_the_readme_has_its_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith("pip install")]
    assert len(found) == 2
    assert re.fullmatch(r"pip install \. && colang chat \S+ --script \S+", found[0])
    assert found[1] == 'pip install -e ".[dev]" && pytest'


def test_the_player_sees_what_is_wrong(tmp_path: Path) -> None:
    page = "`a/b.co`:\n\n```colang\nflow main\n  pass\n```\n\n```console\n$ colang --version\ncolang 9\n```\n"
    found = list(blocks(page))
    assert [(b.language, b.line, b.file) for b in found] == [
        ("colang", 3, "a/b.co"),
        ("console", 8, None),
    ]
    play(found[0], tmp_path, {}, "page:3")
    assert (tmp_path / "a/b.co").read_text() == "flow main\n  pass\n"
    with pytest.raises(AssertionError, match=r"prints\s+colang "):
        play(found[1], tmp_path, {}, "page:8")
    assert agrees("a\n...\nz\n", "a\nb\nc\nz\n\n")
    assert not agrees("a\n...\nz\n", "a\nb\nc\n")
    assert agrees("a ... z\n", "a b c z\n") and not agrees("a ... z\n", "a\nz\n")


def update(path: Path, folder: Path) -> None:
    """Write what the commands of a page print now below them, where that differs."""
    text = path.read_text(encoding="utf-8")

    def played(match: re.Match[str]) -> str:
        named = _FILE.search(text[: match.start()])
        if named or match[1] != "console":
            if named:
                play(Block(match[1], match[2], 0, named[1]), folder, {}, str(path))
            return match[0]
        shown = ""
        for command, before in commands(match[2]):
            install = command.startswith("pip install")
            printed = before if install else run(command, folder)
            output = before if agrees(before, printed) else printed
            shown += f"$ {command}\n{output.rstrip()}".rstrip() + "\n"
        return f"```console\n{shown}```"

    path.write_text(_FENCE.sub(played, text), encoding="utf-8")


if __name__ == "__main__":
    for page in PAGES:
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(ROOT / "examples", Path(place) / "examples")
            update(page, Path(place))
