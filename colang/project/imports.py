"""What an import means: the files a path names, relative first, then the roots, then the library. Section 7.1."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from colang.project.library import spellings
from colang.project.loader import LibraryStore, Store


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder of a store."""

    store: Store
    name: str
    is_folder: bool
    in_folder: bool = False  # part of a folder that was imported as a whole


@dataclass(slots=True)
class Resolver:
    """Finds import paths in the given stores and nowhere else.

    `home` holds the project's own files, `roots` are further folders, `libraries` the standard library.
    `is_own` tells whether a file belongs to the project anyway: such a file is the last resort of a dotted
    import, because importing it adds nothing (a project file `core.co` does not hide the module `core`).
    """

    home: Store
    roots: Sequence[Store] = ()
    libraries: Sequence[LibraryStore] = ()
    is_own: Callable[[Hashable], bool] = lambda key: False
    escaped: bool = field(default=False, init=False)  # the last path led out of a store

    def find(
        self, path: str, store: Store | None = None, importer: str = "", *, quoted: bool = False
    ) -> Found | None:
        """The file or folder an import path names; None if there is none (see `escaped` then).

        Args:
            path: As in `nodes.Import.path`: with slashes, without quotes.
            store: Where the importing file lies; `home` if there is no such file.
            importer: The name of the importing file in that store, ``""`` for settings.
            quoted: The import was written with quotes.
        """
        self.escaped = False
        fallback: Found | None = None
        for found in self._candidates(path, store or self.home, importer):
            key = found.store.key(found.name)
            if found.store is store and found.name == importer:
                continue
            if found.is_folder or quoted or found.store.is_library or not self.is_own(key):
                return found
            fallback = fallback or found
        return fallback

    def _candidates(self, path: str, store: Store, importer: str) -> Iterator[Found]:
        yield from self._in(store, posixpath.join(posixpath.dirname(importer), path))
        if store is not self.home:
            yield from self._in(store, path)
        if not store.is_library or not self.libraries:
            yield from self._in(self.home, path)
            for root in self.roots:
                yield from self._in(root, path)
        for library in self.libraries:
            for name in spellings(path):
                yield from self._in(library, name)

    def _in(self, store: Store, path: str) -> Iterator[Found]:
        if path.startswith("/") or "\\" in path or "\0" in path:
            self.escaped = True
            return
        name = posixpath.normpath(path)
        if name == ".." or name.startswith("../"):
            self.escaped = True
            return
        if name == ".":
            return
        for candidate in (name,) if name.endswith(".co") else (name, name + ".co"):
            kind = store.kind(candidate)
            if kind == "folder" or (kind == "file" and candidate.endswith(".co")):
                yield Found(store, candidate, kind == "folder")
