"""Running a project's Python files: ``actions.py``, the folder ``actions/`` and ``config.py``.

The only place that executes code of a configuration folder, and only when a program is about to run; checking
and migrating read these files without executing them. Each load gives every folder a package of its own, so
that two configurations do not see each other's modules and ``from .helpers import x`` works (`importing`).
"""

from __future__ import annotations

import importlib
import os
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from colang_interpreter.dynamic import is_mapping
from colang_interpreter.host.importing import package_of
from colang_interpreter.host.stand_in import standing_in

if TYPE_CHECKING:
    from colang import Project


class ActionFilesError(Exception):
    """A Python file of the configuration cannot be executed; the text says where and why."""


def load_actions(project: Project) -> Mapping[str, Any]:
    """The actions of a project by name; its Python files are executed.

    Looks into ``actions.py`` and ``actions/`` of the folder and of imported folders, in this order: what an
    imported folder declares can be replaced by the folder itself. A project of texts has none.

    Raises:
        ActionFilesError: A file raises, or is not valid Python.
    """
    found: dict[str, Any] = {}
    for folder in project_folders(project):
        package = package_of(folder)
        for name in _action_modules(folder):
            found.update(_declared(_import(f"{package}.{name}", folder)))
    return found


def load_initializers(project: Project) -> list[Callable[[Any], object]]:
    """The functions ``init(app)`` of the project's ``config.py`` files, imported folders first.

    Raises:
        ActionFilesError: A file raises, or is not valid Python.
    """
    found: list[Callable[[Any], object]] = []
    for folder in project_folders(project):
        if os.path.isfile(os.path.join(folder, "config.py")):
            init = getattr(_import(f"{package_of(folder)}.config", folder), "init", None)
            if callable(init):
                found.append(init)
    return found


def project_folders(project: Project) -> list[str]:
    """The folders of a project that may hold Python files: imported ones, then its own."""
    roots = (project.root or "").split(",")
    places = [*project.imported_paths.values(), *roots]
    folders = (
        place if os.path.isdir(place) else os.path.dirname(place) for place in places if place
    )
    existing = (os.path.abspath(folder) for folder in folders if os.path.isdir(folder or os.curdir))
    return list(dict.fromkeys(existing))


def _action_modules(folder: str) -> Iterator[str]:
    if os.path.isfile(os.path.join(folder, "actions.py")):
        yield "actions"
        return  # Python itself would find the package first, so one of the two has to win
    base = os.path.join(folder, "actions")
    for here, subfolders, files in os.walk(base):
        subfolders[:] = sorted(name for name in subfolders if name.isidentifier())
        prefix = ".".join(["actions", *os.path.relpath(here, base).split(os.sep)]).rstrip(".")
        for name in sorted(files):
            stem, suffix = os.path.splitext(name)
            if suffix == ".py" and stem.isidentifier():
                yield prefix if stem == "__init__" else f"{prefix}.{stem}"


def _import(name: str, folder: str) -> types.ModuleType:
    try:
        with standing_in():
            return importlib.import_module(name)
    except SyntaxError as problem:
        where = f"{problem.filename or folder}:{problem.lineno or 1}"
        raise ActionFilesError(f"{where}: not valid Python: {problem.msg}") from problem
    except (Exception, SystemExit) as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        inside = [frame for frame in frames if frame.filename.startswith(folder)]
        where = f"{inside[-1].filename}:{inside[-1].lineno}" if inside else folder
        raise ActionFilesError(f"{where}: {type(problem).__name__}: {problem}") from problem


def _declared(module: types.ModuleType) -> dict[str, Any]:
    """The functions and classes of a module that carry the marks of ``@action``."""
    found: dict[str, Any] = {}
    for value in vars(module).values():
        marks: Any = getattr(value, "action_meta", None)
        if is_mapping(marks) and (callable(value) or hasattr(value, "run")):
            found[str(marks.get("name") or value.__name__)] = value
    return found
