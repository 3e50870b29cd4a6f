"""`Project`: one folder seen as a whole. Check, compile, migrate and the editor all start from it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from colang.config.settings import Settings, from_dict
from colang.diagnostics import Diagnostic, Severity
from colang.diagnostics import config as report
from colang.project.build import Inputs, build
from colang.project.files import ProjectError, PythonFiles, SourceFile, TextDocument, Version
from colang.project.folder import Folder, ignore_patterns, read_folder
from colang.project.loader import (
    IGNORE_FILE,
    DiskStore,
    Store,
    TextStore,
    ignore_file_above,
)
from colang.source import Source

if TYPE_CHECKING:
    from colang.config.rails_config import RailsConfig
    from colang.syntax import nodes


@dataclass(frozen=True)
class Project:
    """A configuration as a whole: Colang files in load order, settings, documents, actions, imports.

    Make one with `load`, `from_texts` or `from_content`. A project is a value: it never changes and may be
    shared between threads. Bad content never raises; it is listed in `diagnostics`.

    Attributes:
        root: The folder it was loaded from, as it was given; None for texts.
        version: The dialect: as set in the settings, else as the files are written, else ``"1.0"``.
        files: Imported files first (each after what it imports), own files last, sorted by name.
        settings: The raw settings with their places; see `config` for the validated ones.
        flows: 2.x flows by name, in load order, after `@override`; empty for 1.0.
        flow_files: The file of each of these flows.
        documents: Documents of the knowledge base.
        python: What the Python files say about actions.
        imported_paths: Import path -> where it was found.
        ignored: Names that ``.railsignore`` leaves out.
        sources: All texts that were read, by the path they are reported under.
        diagnostics: Everything loading and parsing found, sorted; `colang.check` adds the analysis.
    """

    root: str | None
    version: Version
    files: tuple[SourceFile, ...]
    settings: Settings
    flows: Mapping[str, nodes.FlowDef] = field(repr=False)
    flow_files: Mapping[str, SourceFile] = field(repr=False)
    documents: tuple[TextDocument, ...] = ()
    python: PythonFiles = field(default_factory=PythonFiles, repr=False)
    imported_paths: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    ignored: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict[str, Source], repr=False)
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    version_is_set: bool = False  # by the settings or the caller, not by evidence
    inputs: Inputs | None = field(default=None, repr=False, compare=False)  # what it was built from

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | Mapping[str, str],
        *,
        import_paths: Sequence[str | os.PathLike[str]] = (),
        version: Version | None = None,
    ) -> Project:
        r"""Read a folder, one ``.co`` file, one settings file, or texts by name.

        Files are only read, never executed. Nothing outside of the folder and `import_paths` is opened.

        Args:
            path: What to load. Of a single ``.co`` file the folder around it serves for imports only.
            import_paths: Further folders for imports, searched in order before the standard library.
            version: Overrides the setting `colang_version`.

        Raises:
            ProjectError: The path does not exist or is no folder, ``.co``, ``.yml`` or ``.yaml`` file.

        Example:
            >>> project = Project.load({"main.co": "flow main\n  match Ping()\n"})
            >>> project.version, list(project.flows)
            ('2.x', ['main'])
        """
        if isinstance(path, Mapping):
            return cls.from_texts(path, import_paths=import_paths, version=version)
        label = os.fspath(path)
        _require(os.path.exists(label), label, "there is no such file or folder")
        roots = [DiskStore(os.fspath(folder)) for folder in import_paths]
        allowed = [root.root for root in roots]
        if os.path.isdir(label):
            home = DiskStore(label, also=allowed)
            patterns = ignore_patterns(ignore_file_above(label) or "")
            folder = read_folder(home, "", patterns)
        else:
            suffixes = (".co", ".yml", ".yaml")
            _require(label.endswith(suffixes), label, "this is no Colang or settings file")
            around, name = os.path.split(label)
            home = DiskStore(around or os.curdir, label=around, also=allowed)
            folder = _single_file(home, name)
        inputs = Inputs(((home, folder),), tuple(roots), label, version)
        return cls._build(inputs, label)

    @classmethod
    def from_texts(
        cls,
        texts: Mapping[str, str],
        *,
        import_paths: Sequence[str | os.PathLike[str]] = (),
        version: Version | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Project:
        """Make a project of texts by file name, such as ``{"main.co": ..., "config.yml": ...}``.

        Names are relative paths with slashes; everything a folder may hold is understood. `config` are
        settings as a dictionary, which count more than those of the texts.
        """
        home = TextStore(texts)
        patterns = ignore_patterns(texts.get(IGNORE_FILE, ""))
        folder = read_folder(home, "", patterns)
        roots = tuple(DiskStore(os.fspath(path)) for path in import_paths)
        extra = (from_dict(config),) if config else ()
        inputs = Inputs(((home, folder),), roots, "the project", version, extra)
        return cls._build(inputs, None)

    @classmethod
    def from_content(
        cls,
        colang_content: str | None = None,
        yaml_content: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        import_paths: Sequence[str | os.PathLike[str]] = (),
        version: Version | None = None,
    ) -> Project:
        """Make a project of one Colang text (called ``main.co``) and one settings text (``config.yml``)."""
        texts: dict[str, str] = {}
        if colang_content is not None:
            texts["main.co"] = colang_content
        if yaml_content is not None:
            texts["config.yml"] = yaml_content
        return cls.from_texts(texts, import_paths=import_paths, version=version, config=config)

    @classmethod
    def _build(cls, inputs: Inputs, root: str | None) -> Project:
        parts = build(inputs)
        return cls(
            root=root,
            version=parts.version,
            files=tuple(parts.files),
            settings=parts.settings,
            flows=parts.flows,
            flow_files=parts.flow_files,
            documents=tuple(parts.documents),
            python=parts.python,
            imported_paths=parts.imported_paths,
            ignored=tuple(parts.ignored),
            sources=parts.sources,
            diagnostics=tuple(sort_diagnostics(parts.diagnostics)),
            version_is_set=parts.version_is_set,
            inputs=inputs,
        )

    def with_rails(self, rails: Mapping[str, Sequence[str]]) -> Project:
        """The same project with other lists of rails (by kind: ``input``, ``output``, ...).

        Returns this project if nothing changes. Files are read again, except for texts and the library.
        """
        same = all(
            (self.settings.get("rails", kind, "flows") or []) == list(flows)
            for kind, flows in rails.items()
        )
        if same or self.inputs is None:
            return self
        wanted = {**dict(self.inputs.rails or ()), **{k: tuple(v) for k, v in rails.items()}}
        return self._build(replace(self.inputs, rails=tuple(wanted.items())), self.root)

    def joined(self, other: Project) -> Project:
        """One project with the files and settings of both; those of `other` are loaded last."""
        if self.inputs is None or other.inputs is None:
            return self if other.inputs is None else other
        mine, theirs = self.inputs, other.inputs
        inputs = Inputs(
            homes=(*mine.homes, *(_relabelled(mine.homes, home) for home in theirs.homes)),
            roots=(*mine.roots, *theirs.roots),
            where=f"{mine.where},{theirs.where}",
            version=theirs.version or mine.version,
            extra_settings=(*mine.extra_settings, *theirs.extra_settings),
        )
        roots = [root for root in (self.root, other.root) if root is not None]
        return self._build(inputs, ",".join(roots) or None)

    @property
    def own_files(self) -> tuple[SourceFile, ...]:
        """The files of the folder itself, without imports, library and generated modules."""
        return tuple(
            file
            for file in self.files
            if not (file.is_library or file.is_imported or file.is_generated)
        )

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors among `diagnostics`."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    @cached_property
    def config(self) -> RailsConfig:
        """The validated settings.

        Raises:
            ConfigurationError: The settings are not valid; `colang.check` reports all findings instead.
        """
        from colang.config.rails_config import RailsConfig

        return RailsConfig.from_project(self)


def _relabelled(
    others: Sequence[tuple[Store, Folder]], home: tuple[Store, Folder]
) -> tuple[Store, Folder]:
    """Texts of two configurations may have the same names; those of the second are reported as ``2/...``."""
    store, folder = home
    taken = {other.path("x") for other, _ in others}
    if not isinstance(store, TextStore) or store.path("x") not in taken:
        return home
    return TextStore(store.texts, label=f"{len(taken) + 1}"), folder


def sort_diagnostics(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Findings by path, position and code, each once."""
    unique = dict.fromkeys(diagnostics)
    return sorted(unique, key=lambda d: (d.path or "", d.span, d.code, d.message))


def _single_file(home: DiskStore, name: str) -> Folder:
    """The contents of a folder reduced to one of its files."""
    if name.endswith(".co"):
        return Folder(colang=[name])
    from colang.config.settings import from_yaml
    from colang.project.loader import read_text

    path = home.path(name)
    text, problems = read_text(home, name)
    if text is None:
        return Folder(diagnostics=problems)
    return Folder(
        settings=[from_yaml(text, path)], sources={path: Source(text, path)}, diagnostics=problems
    )


def _require(condition: bool, path: str, problem: str) -> None:
    if not condition:
        raise ProjectError(report.unreadable(problem).at(path))
