"""The direction and the weight of imports, and what no module may reach for.

Direction: grammars, colang, interpreter, migrate, then the edges. Weight: importing a package costs little.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support import ROOT, SOURCE_FOLDERS, source_files

LAYERS = ["colang_grammars", "colang", "colang_interpreter", "colang_migrate"]

# The edge: it may import every layer, and talk to terminals, files, clocks and networks.
EDGES = ("colang.cli",)
# The one place below the edges that knows a clock, a network and a model.
HOST = "colang_interpreter.host"
# They wait for each other's coroutines and threads, and reach nothing outside: asyncio, and no more of the list.
COROUTINES = (
    "colang_interpreter.store",
    "colang_interpreter.streaming",
    "colang_interpreter.messages",
    "colang_migrate.verify",
)

# The client of a service: the only code besides the host and the edge that talks to a network.
CLIENT = "colang_interpreter.llm.openai"

FORBIDDEN_MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "nemoguardrails",
    "simpleeval",
}
OUTSIDE_MODULES = {"socket", "ssl", "http", "urllib.request", "asyncio", "time", "select", "httpx2"}
# Writes constructors out of the field names of our own classes, as `dataclasses` does; no text from outside comes near.
RECORDS = "colang.records"
FORBIDDEN_CALLS = {"eval", "exec", "__import__", "breakpoint"}
OUTSIDE_CALLS = {
    "print",
    "input",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid4",
    "os.urandom",
}


class Module(NamedTuple):
    """A parsed source file with its import name."""

    name: str
    path: Path
    tree: ast.Module

    def within(self, *packages: str) -> bool:
        """Whether it is one of the packages or inside one."""
        return any(self.name == p or self.name.startswith(f"{p}.") for p in packages)


def module_name(path: Path) -> str:
    """The import name of a file: the folders that only hold packages are not part of it."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] in SOURCE_FOLDERS and parts[0] != "colang":
        parts = parts[1:]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


MODULES = [
    Module(module_name(path), path, ast.parse(path.read_text(encoding="utf-8")))
    for path in source_files()
]


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, at the top or inside functions, with the line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno}: imports are absolute here"
            yield node.lineno, node.module or ""
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def calls(module: Module) -> Iterator[tuple[int, str]]:
    """Every call of a plain or dotted name, with the line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield node.lineno, ast.unparse(node.func)


def starts_with(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_imports_point_one_way() -> None:
    wrong = []
    for module in MODULES:
        if module.within(*EDGES):
            continue
        above = set(LAYERS[LAYERS.index(module.name.partition(".")[0]) + 1 :]) | set(EDGES)
        wrong += [
            f"{module.path}:{line}: {name}"
            for line, name in imports(module)
            if starts_with(name, above)
        ]
    assert not wrong


def test_the_outside_is_reached_only_at_the_edges() -> None:
    wrong = []
    for module in MODULES:
        if module.within(*EDGES, CLIENT, HOST):
            continue
        outside = OUTSIDE_MODULES - {"asyncio"} if module.within(*COROUTINES) else OUTSIDE_MODULES
        found = [entry for entry in imports(module) if starts_with(entry[1], outside)]
        found += [entry for entry in calls(module) if entry[1] in OUTSIDE_CALLS]
        wrong += [f"{module.path}:{line}: {name}" for line, name in found]
    assert not wrong


def test_nothing_runs_text_or_unpickles() -> None:
    wrong = []
    for module in MODULES:
        found = [entry for entry in imports(module) if starts_with(entry[1], FORBIDDEN_MODULES)]
        found += [entry for entry in calls(module) if entry[1] in FORBIDDEN_CALLS]
        if module.within(RECORDS):
            found = [entry for entry in found if entry[1] != "exec"]
        wrong += [f"{module.path}:{line}: {name}" for line, name in found]
    assert not wrong


def test_the_walk_sees_what_it_should() -> None:
    text = "import pickle\nfrom colang import cli\ndef f():\n    from time import sleep\n    print(eval('1'))\n"
    module = Module("colang.x", Path("x.py"), ast.parse(text))
    assert {name for _, name in imports(module)} == {
        "pickle",
        "colang",
        "colang.cli",
        "time",
        "time.sleep",
    }
    assert {name for _, name in calls(module)} == {"print", "eval"}
    assert {name.partition(".")[0] for name in map(module_name, source_files())} == set(LAYERS)


# ---------------------------------------------------------------- weight

HEAVY = {
    "lark",
    "pydantic",
    "yaml",
    "jinja2",
    "typer",
    "rich",
    "asyncio",
    "click",
    "importlib.metadata",
}


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after running some code."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("package", LAYERS)
def test_importing_a_package_is_light(package: str) -> None:
    assert not loaded_by(f"import {package}") & HEAVY


@pytest.mark.parametrize("words", [["--help"], ["chek"]])
def test_finding_the_command_is_light(words: list[str]) -> None:
    assert not loaded_by(f"from colang.cli import main; main({words!r})") & HEAVY


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (["check"], {"rich", "asyncio", "jinja2", "colang_interpreter", "colang_migrate"}),
        (["parse", "main.co"], {"rich", "asyncio", "jinja2", "yaml", "colang_interpreter"}),
        (["chat", ".", "--script", "main.txt"], {"rich", "jinja2", "colang_migrate"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_command_loads_no_more_than_it_needs(
    words: list[str], unneeded: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yml").write_text('colang_version: "2.x"\n')
    (tmp_path / "main.co").write_text("flow main\n  match Ping()\n")
    (tmp_path / "main.txt").write_text("/Ping()\n")
    loaded = loaded_by(f"from colang.cli import main; main({words!r})")
    assert "colang.project.project" in loaded or words[0] == "parse"
    assert not loaded & unneeded
