"""Importing the Python files of a folder that is somebody else's: nothing is written there.

Python keeps what it has compiled in folders `__pycache__` beside the files. A bot is often looked at where it must
not change: in a checkout, a read-only mount, a folder that a digest is taken of. Other imports are not concerned, in
this thread or another one: `sys.dont_write_bytecode` would be for all of them.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import Final

_PREFIX: Final = "colang_folder_"
_numbers = itertools.count(1)


def package_of(folder: str) -> str:
    """Make a fresh, empty package whose modules are the files of a folder, and give its name.

    Example:
        >>> package_of("bot").rpartition("_")[0]
        'colang_folder'
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    name = f"{_PREFIX}{next(_numbers)}"
    package = types.ModuleType(name)
    package.__path__ = [folder]
    sys.modules[name] = package
    return name


class _Loader(SourceFileLoader):
    """Reads what Python has compiled earlier, and writes nothing."""

    def set_data(self, path: str, data: object, *, _mode: int = 0) -> None:
        """Keep nothing."""


class _Finder:
    """Finds the modules of these packages, and no others."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The first file of this name in the folders of its package."""
        if path is None or not fullname.startswith(_PREFIX):
            return None
        for entry in path:
            finder = FileFinder(
                entry,
                (ExtensionFileLoader, EXTENSION_SUFFIXES),
                (_Loader, SOURCE_SUFFIXES),
                (SourcelessFileLoader, BYTECODE_SUFFIXES),
            )
            spec = finder.find_spec(fullname, target)
            if spec is not None:
                return spec
        return None
