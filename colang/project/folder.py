"""One folder sorted by purpose: Colang files, settings, documents, Python files. Sections 1.1 and 1.3 of the settings."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from colang.config.settings import Settings, from_yaml
from colang.diagnostics import Diagnostic
from colang.project.files import ActionInfo, TextDocument
from colang.project.loader import IGNORE_FILE, Store, is_ignored, is_scenario, read_text
from colang.project.python_actions import read_actions
from colang.source import Source


@dataclass(slots=True)
class Folder:
    """What was found below one folder, in the order of the names. Colang files are only named yet."""

    colang: list[str] = field(default_factory=list[str])
    settings: list[Settings] = field(default_factory=list[Settings])
    documents: list[TextDocument] = field(default_factory=list[TextDocument])
    actions: dict[str, ActionInfo] = field(default_factory=dict[str, ActionInfo])
    actions_complete: bool = True
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    ignored: list[str] = field(default_factory=list[str])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])


def ignore_patterns(text: str) -> list[re.Pattern[str]]:
    r"""The patterns of a ``.railsignore`` file, compiled.

    >>> [bool(p.match("a.co")) for p in ignore_patterns("# skip\n\n*.co\n")]
    [True]
    """
    lines = (line.strip() for line in text.splitlines())
    return [re.compile(fnmatch.translate(line)) for line in lines if line and line[0] != "#"]


def read_folder(store: Store, folder: str = "", ignore: Sequence[re.Pattern[str]] = ()) -> Folder:
    """Read everything below a folder but the Colang files themselves. Nothing raises, nothing is executed."""
    result = Folder()
    names, problems = store.walk(folder)
    result.diagnostics.extend(problems)
    inside = len(folder) + 1 if folder else 0
    kept: list[str] = []
    for name in names:
        if posixpath.basename(name) == IGNORE_FILE:
            continue
        if is_scenario(name):
            continue
        (result.ignored if is_ignored(name, ignore) else kept).append(name)
    for name in kept:
        if name.endswith((".yml", ".yaml")) and not name[inside:].startswith("kb/"):
            _read_settings(store, name, result)
    documents = _documents_folder(result.settings)
    for name in kept:
        relative = name[inside:]
        if relative.startswith(documents + "/"):
            if name.endswith(".md"):
                _read_document(store, name, result)
        elif name.endswith(".co"):
            result.colang.append(name)
        elif name.endswith((".yml", ".yaml")) and relative.startswith("kb/"):
            _read_settings(store, name, result)
        elif _holds_actions(relative):
            _read_python(store, name, result)
    return result


def _documents_folder(settings: Sequence[Settings]) -> str:
    for part in reversed(settings):
        named = part.get("knowledge_base", "folder")
        if isinstance(named, str) and named.strip("/"):
            return posixpath.normpath(named.strip("/"))
    return "kb"


def _holds_actions(relative: str) -> bool:
    """Whether Python files of this name are looked through for actions; `relative` to their folder."""
    base = posixpath.basename(relative)
    if not base.endswith(".py") or base == "__init__.py":
        return False
    return relative in ("actions.py", "config.py") or relative.startswith("actions/")


def _read(store: Store, name: str, result: Folder) -> str | None:
    text, problems = read_text(store, name)
    result.diagnostics.extend(problems)
    if text is not None:
        path = store.path(name)
        result.sources[path] = Source(text, path)
    return text


def _read_settings(store: Store, name: str, result: Folder) -> None:
    text = _read(store, name, result)
    if text is not None:
        result.settings.append(from_yaml(text, store.path(name)))


def _read_document(store: Store, name: str, result: Folder) -> None:
    text, problems = read_text(store, name)
    result.diagnostics.extend(problems)
    if text is not None:
        result.documents.append(TextDocument(store.path(name), text))


def _read_python(store: Store, name: str, result: Folder) -> None:
    text = _read(store, name, result)
    if text is None:
        result.actions_complete = False
        return
    found, complete, problems = read_actions(text, store.path(name))
    result.actions.update(found)
    result.actions_complete &= complete
    result.diagnostics.extend(problems)
