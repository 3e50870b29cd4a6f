"""From stores to a project: settings, dialect, files with their imports in load order, flows."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from colang.config.plain import as_dict, as_list
from colang.config.settings import Settings, join
from colang.diagnostics import Diagnostic
from colang.diagnostics import config as config_report
from colang.diagnostics import dialect as dialect_report
from colang.diagnostics import names as report
from colang.project.files import ActionInfo, PythonFiles, SourceFile, TextDocument, Version
from colang.project.folder import Folder, read_folder
from colang.project.imports import Found, Resolver
from colang.project.loader import Store, library_stores, read_text
from colang.project.overrides import merge_flows
from colang.project.parsing import parse_cached
from colang.project.rails import PARAMETERS, RailCall, configured_rails, rails_module
from colang.source import Source, Span
from colang.syntax import nodes

GENERATED_PATH = "<rails>"
VERSIONS: dict[object, Version] = {"1.0": "1.0", 1.0: "1.0", "2.x": "2.x"}


@dataclass(slots=True)
class Parts:
    """Everything a `Project` is made of."""

    version: Version
    version_is_set: bool
    settings: Settings
    files: list[SourceFile] = field(default_factory=list[SourceFile])
    documents: list[TextDocument] = field(default_factory=list[TextDocument])
    actions: dict[str, ActionInfo] = field(default_factory=dict[str, ActionInfo])
    actions_complete: bool = True
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    ignored: list[str] = field(default_factory=list[str])
    imported_paths: dict[str, str] = field(default_factory=dict[str, str])
    modules: list[str] = field(default_factory=list[str])
    flows: dict[str, nodes.FlowDef] = field(default_factory=dict[str, nodes.FlowDef])
    flow_files: dict[str, SourceFile] = field(default_factory=dict[str, SourceFile])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])

    @property
    def python(self) -> PythonFiles:
        """What is known about Python actions."""
        return PythonFiles(self.actions, self.actions_complete)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a project is built from; kept, so that it can be built again with other rails.

    `homes` are the project's own folders, one unless configurations were combined. `rails` replaces the lists
    of rails in the settings, by kind.
    """

    homes: tuple[tuple[Store, Folder], ...]
    roots: tuple[Store, ...]
    where: str
    version: Version | None = None
    extra_settings: tuple[Settings, ...] = ()
    rails: tuple[tuple[str, tuple[str, ...]], ...] | None = None


def build(inputs: Inputs) -> Parts:
    """Assemble a project. Bad content gives diagnostics, nothing raises."""
    return _Builder(inputs).build()


class _Builder:
    def __init__(self, inputs: Inputs) -> None:
        homes = [store for store, _ in inputs.homes]
        self.inputs = inputs
        self.resolver = Resolver(homes[0], (*homes[1:], *inputs.roots), library_stores())
        self.where = inputs.where
        self.own_settings = [part for _, folder in inputs.homes for part in folder.settings]
        self.own_settings.extend(inputs.extra_settings)
        self.imported_settings: list[Settings] = []
        self.imported: list[SourceFile] = []
        self.visited: set[Hashable] = set()
        self.texts: dict[tuple[Store, str], str] = {}
        self.damaged: set[str] = set()  # paths of files with wrong bytes
        self.parts = Parts("2.x", False, Settings())

    def build(self) -> Parts:
        parts = self.parts
        for store, folder in self.inputs.homes:
            self.take(folder)
            self.read_own_texts(store, folder)
        if not self.texts and not self.own_settings and not parts.diagnostics:
            parts.diagnostics.append(config_report.no_colang_files(self.where).at(self.where))
        own = join(self.own_settings)
        parts.version, parts.version_is_set = self.decide(own, self.inputs.version)
        keys = {store.key(name) for store, name in self.texts}
        self.resolver.is_own = keys.__contains__
        self.load(self.settings_imports(own))
        own_files: list[SourceFile] = []
        for (store, name), text in self.texts.items():
            file = self.own_file(store, name, text)
            if file is not None:
                own_files.append(file)
                self.load(self.file_imports(file, store, name))
        parts.settings = self.final_settings()
        parts.diagnostics.extend(parts.settings.diagnostics)
        parts.files = [*self.imported, *own_files]
        if parts.version == "2.x":
            self.generate_rails(own_files)
            parts.flows, parts.flow_files, problems = merge_flows(parts.files)
            parts.diagnostics.extend(problems)
        for file in parts.files:
            parts.sources[file.path] = file.source
            parts.diagnostics.extend(file.diagnostics)
        return parts

    def final_settings(self) -> Settings:
        """All settings joined, those of imports first; with the rails asked for."""
        settings = join([*self.imported_settings, *self.own_settings])
        if self.inputs.rails is None:
            return settings
        data = copy.deepcopy(settings.data)
        data["rails"] = rails = as_dict(data.get("rails")) or {}
        for kind, flows in self.inputs.rails:
            rails[kind] = {**(as_dict(rails.get(kind)) or {}), "flows": list(flows)}
        return Settings(data, settings.places, settings.diagnostics)

    def take(self, folder: Folder) -> None:
        """Add what a folder holds besides Colang."""
        parts = self.parts
        parts.documents.extend(folder.documents)
        parts.actions.update(folder.actions)
        parts.actions_complete &= folder.actions_complete
        parts.sources.update(folder.sources)
        parts.ignored.extend(folder.ignored)
        parts.diagnostics.extend(folder.diagnostics)

    # ------------------------------------------------------------ own files and the dialect

    def read_own_texts(self, store: Store, folder: Folder) -> None:
        for name in folder.colang:
            text = self.read(store, name)
            if text is not None:
                self.texts[store, name] = text
                path = store.path(name)
                self.parts.sources[path] = Source(text, path)

    def read(self, store: Store, name: str) -> str | None:
        """The text of a Colang file; wrong bytes are reported."""
        text, problems = read_text(store, name)
        self.parts.diagnostics.extend(problems)
        if problems:
            self.damaged.add(store.path(name))
        return text

    def decide(self, own: Settings, asked: Version | None) -> tuple[Version, bool]:
        """The dialect: asked for, or set, or as the files are written; 1.0 if nothing tells."""
        value = own.get("colang_version")
        if asked is not None:
            return asked, True
        if value is not None:
            known = VERSIONS.get(value) if isinstance(value, str | float) else None
            if known is not None:
                return known, True
            place = own.place("colang_version")
            finding = config_report.unknown_version(value, place.value)
            self.parts.diagnostics.append(finding.at(place.path))
        counts: dict[Version, int] = {"1.0": 0, "2.x": 0}
        for text in self.texts.values():
            found = _detect(text)[0]
            if found is not None:
                counts[found] += 1
        decided: Version = "2.x" if counts["2.x"] > counts["1.0"] else "1.0"
        if value is None and counts["1.0"] and counts["2.x"]:
            other: Version = "1.0" if decided == "2.x" else "2.x"
            mixed = dialect_report.mixed_dialects(decided, other)
            self.parts.diagnostics.append(mixed.at(self.where))
        elif value is None and decided == "2.x" and own.data:
            place = own.place()
            self.parts.diagnostics.append(dialect_report.version_not_set(decided).at(place.path))
        return decided, False

    def own_file(self, store: Store, name: str, text: str) -> SourceFile | None:
        """Parse an own file; one in the other dialect is reported and left out."""
        key = store.key(name)
        if key in self.visited:
            return None
        self.visited.add(key)
        return self.parse(store, name, text, imported=False)

    def parse(self, store: Store, name: str, text: str, *, imported: bool) -> SourceFile | None:
        path = store.path(name)
        version = self.parts.version
        found, evidence, quote = (None, Span(0, 0), "") if store.is_library else _detect(text)
        if found is not None and found != version:
            finding = dialect_report.other_dialect(found, version, evidence, quote)
            self.parts.diagnostics.append(finding.at(path))
            return None
        tree, problems = parse_cached(text, version)
        return SourceFile(
            path=path,
            name=name,
            text=text,
            source=Source(text, path),
            tree=tree,
            version=version,
            is_library=store.is_library,
            is_imported=imported,
            # of a file with wrong bytes only these are told: what the parser stumbles over are they
            diagnostics=tuple(d.at(path) for d in problems) if path not in self.damaged else (),
        )

    # ------------------------------------------------------------ imports

    def settings_imports(self, settings: Settings) -> list[Found]:
        """What the setting `import_paths` names."""
        found: list[Found | None] = []
        for index, path in enumerate(as_list(settings.get("import_paths")) or ()):
            if isinstance(path, str) and path.strip():
                place = settings.place("import_paths", index)
                found.append(self.resolve(path, None, "", place.path, place.value))
        return [one for one in found if one is not None]

    def file_imports(self, file: SourceFile, store: Store, name: str) -> list[Found]:
        """What a 2.x file imports; imports of 1.0 files have no effect (section 1.2 of the settings)."""
        if not isinstance(file.tree, nodes.Module):
            return []
        found = [
            self.resolve(node.path, store, name, file.path, node.path_span, quoted=node.quoted)
            for node in file.tree.imports
        ]
        return [one for one in found if one is not None]

    def resolve(
        self,
        path: str,
        store: Store | None,
        name: str,
        at: str,
        span: Span,
        *,
        quoted: bool = False,
    ) -> Found | None:
        """Find one import; reports at file `at` if it leads nowhere."""
        find = self.resolver.find
        found = find(path, store, name, quoted=quoted)
        outside = self.resolver.escaped
        if found is None and store is None and "." in path:
            found = find(path.replace(".", "/"))
        if found is None:
            if outside:
                finding = report.import_outside(path, span)
            else:
                finding = report.unresolved_import(path, span, self.module_names())
            self.parts.diagnostics.append(finding.at(at))
            return None
        self.parts.imported_paths.setdefault(path, found.store.path(found.name))
        return found

    def module_names(self) -> list[str]:
        """Names of library modules, for suggestions."""
        return [
            name.removesuffix(".co")
            for library in self.resolver.libraries
            for name in library.walk("")[0]
            if name.endswith(".co")
        ]

    def load(self, wanted: Iterable[Found]) -> None:
        """Load imported files and folders once each; what a file imports comes before it."""
        pending: list[Found | SourceFile] = []
        pending.extend([*wanted][::-1])
        while pending:
            found = pending.pop()
            if isinstance(found, SourceFile):
                self.imported.append(found)
                continue
            key = (found.store.key(found.name), found.is_folder)
            if key in self.visited:
                continue
            self.visited.add(key)
            if found.is_folder:
                folder = read_folder(found.store, found.name)
                self.take(folder)
                self.imported_settings.extend(folder.settings)
                inside = [Found(found.store, name, False, True) for name in folder.colang]
                before = [one for part in folder.settings for one in self.settings_imports(part)]
                pending.extend([*before, *inside][::-1])
                continue
            file = self.imported_file(found)
            if file is not None:
                pending.append(file)
                pending.extend(self.file_imports(file, found.store, found.name)[::-1])

    def imported_file(self, found: Found) -> SourceFile | None:
        """Parse an imported file; None if it is an own file or not for this dialect."""
        store, name = found.store, found.name
        if self.resolver.is_own(store.key(name)):
            return None
        text = self.read(store, name)
        if text is None:
            return None
        shipped = store.is_library and found.in_folder  # may hold both dialects side by side
        if shipped and _detect(text)[0] not in (None, self.parts.version):
            return None
        file = self.parse(store, name, text, imported=True)
        if file is not None:
            self.parts.modules.append(name.removesuffix(".co"))
        return file

    # ------------------------------------------------------------ rails from settings

    def generate_rails(self, own: Sequence[SourceFile]) -> None:
        """Add the module that runs the rails of the settings, and what these rails need."""
        parts = self.parts
        calls, problems = configured_rails(parts.settings)
        parts.diagnostics.extend(problems)
        defined = {
            flow.name: (flow, file)
            for file in parts.files
            if isinstance(file.tree, nodes.Module)
            for flow in file.tree.flows
        }
        for kind in PARAMETERS:
            if kind in calls and f"{kind} rails" in defined:
                flow, file = defined[f"{kind} rails"]
                place = parts.settings.place("rails", kind, "flows")
                finding = config_report.rail_flow_defined(
                    kind, place.key, flow.name_span, file.path
                )
                parts.diagnostics.append(finding.at(place.path))
                del calls[kind]
        if not calls:
            return
        self.load_rails_library(calls, defined)
        text = rails_module(calls)
        tree, found = parse_cached(text, "2.x")
        self.report_calls(calls, Source(text, GENERATED_PATH), found)
        file = SourceFile(
            path=GENERATED_PATH,
            name=GENERATED_PATH,
            text=text,
            source=Source(text, GENERATED_PATH),
            tree=tree,
            version="2.x",
            is_generated=True,
        )
        self.load(self.file_imports(file, self.resolver.home, ""))
        parts.files = [*self.imported, file, *own]

    def load_rails_library(
        self, calls: Mapping[str, Iterable[RailCall]], defined: Mapping[str, Any]
    ) -> None:
        """Load the ready-made rails when a rail of the settings is not defined otherwise (Q50)."""
        missing = {call.name for listed in calls.values() for call in listed} - set(defined)
        if not missing:
            return
        found = self.resolver.find("nemoguardrails/library")
        if found is not None and found.store.is_library:
            self.load([found])

    def report_calls(
        self, calls: Mapping[str, Sequence[RailCall]], source: Source, found: Iterable[Diagnostic]
    ) -> None:
        """Blame the entry of the settings for what the parser says about its line."""
        lines: dict[int, list[tuple[str, RailCall]]] = {}
        for kind in calls:
            for call in calls[kind]:
                for number, line_text in enumerate(source.text.split("\n"), 1):
                    if line_text.strip() == call.statement:
                        lines.setdefault(number, []).append((kind, call))
        for problem in found:
            line = source.position(problem.span.start).line
            for kind, call in lines.get(line, []):
                place = self.parts.settings.place("rails", kind, "flows", call.index)
                finding = config_report.bad_rail_call(kind, call.name, problem.message, place.value)
                self.parts.diagnostics.append(finding.at(place.path))


def _detect(text: str) -> tuple[Version | None, Span, str]:
    """The dialect a text is written in, with the first evidence; None for a text that does not tell."""
    from colang.syntax.dialect import detect

    found = detect(text)
    version: Version | None = VERSIONS.get(found.version) if found.version else None
    for evidence in found.evidence:
        if evidence.version == version:
            return version, evidence.span, evidence.text
    return version, Span(0, 0), ""
