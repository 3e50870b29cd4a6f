"""Where files come from: a folder on disk, texts in memory, the standard library. The only code here that reads files.

A store names its files by their path inside of it, with slashes. It never gives access to anything outside of
its root: paths with ``..`` are resolved by name before they get here, and symbolic links that lead out of the
root are not followed.
"""

from __future__ import annotations

import importlib.util
import os
import posixpath
import stat
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Protocol

from colang.diagnostics import Diagnostic
from colang.diagnostics import config as report
from colang.project.library import LIBRARY_LABEL, LIBRARY_ROOTS
from colang.source import Span

MAX_FILES = 20_000
MAX_FILE_BYTES = 8_000_000
MAX_DEPTH = 40
IGNORE_FILE = ".railsignore"


class Store(Protocol):
    """A tree of files."""

    is_library: bool

    def kind(self, name: str) -> Literal["file", "folder"] | None:
        """What a name is; None if there is nothing, or if it lies outside."""
        ...

    def walk(self, folder: str) -> tuple[list[str], list[Diagnostic]]:
        """The names of all files below a folder (``""`` is the root), sorted, and what could not be read."""
        ...

    def read(self, name: str) -> bytes | str:
        """The content of a file; raises OSError."""
        ...

    def key(self, name: str) -> Hashable:
        """What makes a file the same file, by whatever way it was reached."""
        ...

    def path(self, name: str) -> str:
        """The name for people and diagnostics."""
        ...


class TextStore:
    """Files given as texts by name."""

    is_library = False

    def __init__(self, texts: Mapping[str, str], label: str = "") -> None:
        """Take over the texts; names are normalised. `label` goes before reported paths."""
        self.label = label
        self.texts = {posixpath.normpath(name): text for name, text in texts.items()}

    def kind(self, name: str) -> Literal["file", "folder"] | None:
        """What a name is; None if there is nothing."""
        if name in self.texts:
            return "file"
        inside = name + "/"
        return "folder" if any(known.startswith(inside) for known in self.texts) else None

    def walk(self, folder: str) -> tuple[list[str], list[Diagnostic]]:
        """All files below a folder, sorted, and what could not be read."""
        inside = folder + "/" if folder else ""
        return sorted(name for name in self.texts if name.startswith(inside)), []

    def read(self, name: str) -> bytes | str:
        """The content of a file; raises OSError."""
        return self.texts[name]

    def key(self, name: str) -> Hashable:
        """What makes a file the same file."""
        return (id(self), name)

    def path(self, name: str) -> str:
        """The name for people and diagnostics."""
        return posixpath.join(self.label, name)


class DiskStore:
    """A folder on disk. `label` is what paths are reported under, the folder as it was given."""

    is_library = False

    def __init__(self, root: str, label: str | None = None, also: Sequence[str] = ()) -> None:
        """Open `root`; links may also lead into the folders `also`."""
        self.root = os.path.realpath(root)
        self.label = root if label is None else label
        self.allowed = (self.root, *(os.path.realpath(folder) for folder in also))

    def _inside(self, real: str) -> bool:
        return any(
            real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self.allowed
        )

    def _full(self, name: str) -> str:
        return os.path.join(self.root, *name.split("/")) if name else self.root

    def kind(self, name: str) -> Literal["file", "folder"] | None:
        """What a name is; None if there is nothing."""
        full = self._full(name)
        try:
            mode = os.stat(full).st_mode
        except (OSError, ValueError):
            return None
        if not self._inside(os.path.realpath(full)):
            return None
        if stat.S_ISDIR(mode):
            return "folder"
        return "file" if stat.S_ISREG(mode) else None

    def walk(self, folder: str) -> tuple[list[str], list[Diagnostic]]:
        """All files below a folder, sorted, and what could not be read."""
        names: list[str] = []
        problems: list[Diagnostic] = []
        seen: set[str] = set()
        pending: list[tuple[str, int]] = [(folder, 0)]
        while pending:
            here, depth = pending.pop()
            real = os.path.realpath(self._full(here))
            if real in seen:  # links may lead round in circles
                continue
            seen.add(real)
            try:
                with os.scandir(real) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                problems.append(report.unreadable(_words(error)).at(self.path(here)))
                continue
            for entry in found:
                name = f"{here}/{entry.name}" if here else entry.name
                if entry.is_symlink() and not self._followed(entry, name, problems):
                    continue
                if entry.is_dir():
                    hidden = entry.name.startswith(".") or entry.name == "__pycache__"
                    if not hidden and depth < MAX_DEPTH:
                        pending.append((name, depth + 1))
                elif entry.is_file():
                    names.append(name)
            if len(names) > MAX_FILES:
                problem = f"this folder holds more than {MAX_FILES:,} files"
                problems.append(report.too_large(problem).at(self.path("")))
                break
        return sorted(names), problems

    def _followed(self, entry: os.DirEntry[str], name: str, problems: list[Diagnostic]) -> bool:
        real = os.path.realpath(entry.path)
        if self._inside(real):
            return True
        matters = entry.is_dir() or entry.name.endswith((".co", ".yml", ".yaml", ".py"))
        if matters and not entry.name.startswith("."):
            problems.append(report.outside_link(real).at(self.path(name)))
        return False

    def read(self, name: str) -> bytes | str:
        """The content of a file; raises OSError."""
        full = self._full(name)
        if not self._inside(os.path.realpath(full)):
            raise OSError("it leads out of the folder")
        with open(full, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)

    def key(self, name: str) -> Hashable:
        """What makes a file the same file."""
        return os.path.realpath(self._full(name))

    def path(self, name: str) -> str:
        """The name for people and diagnostics."""
        return posixpath.join(self.label.replace(os.sep, "/"), name) if name else self.label


class LibraryStore:
    """The modules that come with the toolchain, read through the resources of their package."""

    is_library = True

    def __init__(self, root: Any, package: str) -> None:
        """Read below a resource folder of a package."""
        self.root = root
        self.package = package

    def at(self, name: str) -> Any:
        """The resource of a name."""
        return self.root.joinpath(*name.split("/")) if name else self.root

    def kind(self, name: str) -> Literal["file", "folder"] | None:
        """What a name is; None if there is nothing."""
        return _library_kind(self, name)

    def walk(self, folder: str) -> tuple[list[str], list[Diagnostic]]:
        """All files below a folder, sorted, and what could not be read."""
        return list(_library_walk(self, folder)), []

    def read(self, name: str) -> bytes | str:
        """The content of a file; raises OSError."""
        return _library_read(self, name)

    def key(self, name: str) -> Hashable:
        """What makes a file the same file."""
        return (self.package, name)

    def path(self, name: str) -> str:
        """The name for people and diagnostics."""
        return f"{LIBRARY_LABEL}/{name}"


@lru_cache(maxsize=1024)
def _library_kind(store: LibraryStore, name: str) -> Literal["file", "folder"] | None:
    try:
        at = store.at(name)
        return "file" if at.is_file() else "folder" if at.is_dir() else None
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=256)
def _library_walk(store: LibraryStore, folder: str) -> tuple[str, ...]:
    names: list[str] = []
    for entry in store.at(folder).iterdir():
        name = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_dir():
            names.extend(_library_walk(store, name) if entry.name != "__pycache__" else ())
        elif name.endswith((".co", ".yml", ".yaml")):  # its Python actions are built in
            names.append(name)
    return tuple(sorted(names))


@lru_cache(maxsize=256)
def _library_read(store: LibraryStore, name: str) -> str:
    text: str = store.at(name).read_bytes().decode("utf-8")
    return text


@lru_cache(maxsize=16)
def library_store(package: str) -> LibraryStore | None:
    """The store of one library package; None if it is not installed. The package is not imported."""
    top, *inner = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
        loader: Any = spec.loader if spec else None
        root = loader.get_resource_reader(top).files().joinpath(*inner)
    except (AttributeError, ImportError, OSError, ValueError):
        return None
    return LibraryStore(root, package)


def library_stores() -> list[LibraryStore]:
    """The stores of all library packages that are installed."""
    found = (library_store(package) for package in LIBRARY_ROOTS)
    return [store for store in found if store is not None]


def search_path_from_environment() -> tuple[str, ...]:
    """The folders of the environment variable ``COLANGPATH``, for callers that want them as `import_paths`."""
    value = os.environ.get("COLANGPATH", "")
    return tuple(folder for folder in value.split(os.pathsep) if folder)


def ignore_file_above(root: str) -> str | None:
    """The content of the nearest ``.railsignore`` in a folder or above it, None if there is none."""
    folder = os.path.realpath(root)
    while True:
        try:
            with open(
                os.path.join(folder, IGNORE_FILE), encoding="utf-8", errors="replace"
            ) as file:
                return file.read(MAX_FILE_BYTES)
        except OSError:
            above = os.path.dirname(folder)
            if above == folder:
                return None
            folder = above


def read_text(store: Store, name: str) -> tuple[str | None, list[Diagnostic]]:
    r"""The text of a file, and what is wrong with its bytes; None if there is nothing to go on with.

    A byte order mark is dropped. Bytes that are not UTF-8 are an error and read as U+FFFD.

    Example:
        >>> read_text(TextStore({"a.co": "\ufeffflow main\n"}), "a.co")
        ('flow main\n', [])
    """
    path = store.path(name)
    try:
        content = store.read(name)
    except (OSError, ValueError) as error:
        return None, [report.unreadable(_words(error)).at(path)]
    if len(content) > MAX_FILE_BYTES:
        problem = f"this file has more than {MAX_FILE_BYTES:,} bytes"
        return None, [report.too_large(problem).at(path)]
    problems: list[Diagnostic] = []
    if isinstance(content, bytes):
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return None, [report.bad_encoding("it looks like UTF-16", report.START).at(path)]
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            start = len(content[: error.start].decode("utf-8"))
            start -= content.startswith(b"\xef\xbb\xbf")
            problem = f"the byte 0x{content[error.start]:02x} does not fit"
            span = Span(start, start + 1)
            problems.append(report.bad_encoding(problem, span).at(path))
            text = content.decode("utf-8", errors="replace")
    else:
        text = content
    text = text.removeprefix("\ufeff")
    zero = text.find("\0")
    if zero >= 0:
        problem = "it holds a NUL character, so it is no text"
        return None, [report.bad_encoding(problem, report.START).at(path)]
    return text, problems


def is_ignored(name: str, patterns: Iterable[Any]) -> bool:
    """Whether the base name of a file matches a compiled pattern of ``.railsignore``. Section 1.3."""
    base = posixpath.basename(name)
    return any(pattern.match(base) for pattern in patterns)


def is_scenario(name: str) -> bool:
    """Whether a file is a test of a bot by its name, and no settings of it: ``scenario.yaml``, ``shop.scenario.yml``.

    >>> is_scenario("bot/scenario.yaml"), is_scenario("refunds.scenario.yml"), is_scenario("my_scenario.yaml")
    (True, True, False)
    """
    return f".{posixpath.basename(name)}".endswith((".scenario.yaml", ".scenario.yml"))


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
