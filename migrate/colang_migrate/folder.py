"""A whole configuration: files in, a plan of new files and a report out. Reads and writes nothing itself.

Plan first, write last: a `Plan` holds every byte that would change, so that a diff, a check, a comparison of both
versions and the writing itself all start from the same value.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar

from colang.records import Draft, Record, fresh
from colang.syntax.dialect import detect
from colang.syntax.lexer_v1 import is_colang_1
from colang.syntax.parser_v1 import parse_v1
from colang_migrate import settings as yml
from colang_migrate.facts import Facts, FileFacts, scan
from colang_migrate.findings import Finding, TextResult, finding
from colang_migrate.generated import (
    call_line,
    main_text,
    rail_name,
    rail_parameters,
    rails_text,
)
from colang_migrate.library_names import MODULES
from colang_migrate.library_rails import LIBRARY_RAILS
from colang_migrate.names import action_name, is_reachable
from colang_migrate.python_facts import PythonFacts
from colang_migrate.report import Report
from colang_migrate.text import migrate_text

Version = Literal["1.0", "2.0-alpha"]
Check = Literal["none", "parse", "check"]
MANY_FILES = 100  # from here on the files are shared among processes
PROGRESS_STEP = 500  # files
_NOTHING = "{root} holds no Colang file and no settings: is it the right folder?"
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Options(Record, kw_only=False):
    """What a migration may do.

    Attributes:
        from_version: The version of the files.
        use_active: Put ``@active`` above flows that start by themselves; else main activates them.
        include_main: Add a main flow if there is none.
        target: Whether the result works around known defects of the reference.
        actions: Registrations in Python files may be changed.
        guards: Actions that fail in rails stop the message.
        check: What the result must pass: nothing, the parser, or all checks.
        processes: At most so many processes for large configurations; 1 keeps to this one.
        allow: Codes of findings that are accepted: what cannot be migrated only needs a look then.
    """

    from_version: Version = "1.0"
    use_active: bool = True
    include_main: bool = True
    target: Literal["nemoguardrails", "colang"] = "nemoguardrails"
    actions: bool = False
    guards: bool = True
    check: Check = "check"
    processes: int = 1
    allow: frozenset[str] = frozenset()


class Plan(Record, kw_only=False):
    """What a migration would write.

    `before` are the files as they are, `after` as they would be (only Colang, YAML and Python files); names are
    relative paths with slashes. `report.changed` and `report.created` name what differs.
    """

    root: str
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    report: Report

    @property
    def changes(self) -> dict[str, bytes]:
        """The files to write."""
        return {name: data for name, data in self.after.items() if self.before.get(name) != data}

    def texts(self, side: Literal["before", "after"]) -> dict[str, str]:
        """One side as texts, for `colang.Project.from_texts` and for running it."""
        files = self.before if side == "before" else self.after
        return {name: data.decode("utf-8-sig", errors="replace") for name, data in files.items()}

    def diff(self) -> str:
        """All changes as a unified diff."""
        import difflib

        pieces: list[str] = []
        for name, data in sorted(self.changes.items()):
            old = self.before.get(name)
            lines = difflib.unified_diff(
                (old or b"").decode("utf-8", errors="replace").splitlines(keepends=True),
                data.decode("utf-8", errors="replace").splitlines(keepends=True),
                f"a/{name}" if old is not None else "/dev/null",
                f"b/{name}",
            )
            for line in lines:
                pieces.append(
                    line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
                )
        return "".join(pieces)


class _Work(Draft):
    """What is known while a plan is made."""

    options: Options
    old: dict[str, str]  # Colang files of the version to migrate from
    kept: dict[str, str]  # other Colang files
    yaml: dict[str, yml.SettingsFile]
    python: dict[str, str]
    after: dict[str, bytes]
    findings: list[Finding] = fresh(factory=list[Finding])
    refused: bool = False
    progress: Callable[[str], None] | None = None

    def tell(self, code: str, message: str, path: str = "", line: int = 0) -> None:
        """Note a finding."""
        self.findings.append(finding(code, message, path, line, 1 if line else 0))


def plan(
    files: Mapping[str, bytes],
    options: Options | None = None,
    *,
    root: str = ".",
    progress: Callable[[str], None] | None = None,
) -> Plan:
    r"""Migrate a configuration given as files by name. Never raises for what is in them.

    Args:
        files: The contents by relative path with slashes.
        options: What the migration may do.
        root: The name of the configuration in the report.
        progress: Told how far the work is, if there is so much that somebody would wait.

    Example:
        >>> files = {"a.co": b'define bot greet\n  "Hi!"\n', "config.yml": b"models: []\n"}
        >>> made = plan(files)
        >>> sorted(made.changes), made.after["config.yml"].decode()
        (['a.co', 'config.yml', 'main.co'], 'colang_version: "2.x"\nmodels: []\n')
    """
    options = options or Options()
    work = _sort(files, options)
    work.progress = progress
    if not work.refused:
        if options.from_version == "1.0":
            _migrate_old(work)
        else:
            _migrate_alpha(work)
    changed = [name for name, data in work.after.items() if files.get(name) != data]
    if changed and not work.refused and options.check != "none":
        _verify(work, changed)
    after = dict(files) if work.refused else work.after
    changed = [name for name, data in after.items() if files.get(name) != data]
    report = Report(
        root=root,
        findings=tuple(
            each._replace(status="look") if each.rule in options.allow else each
            for each in sorted(dict.fromkeys(work.findings), key=lambda f: (f.path, f.line))
        ),
        changed=tuple(sorted(name for name in changed if name in files)),
        created=tuple(sorted(name for name in changed if name not in files)),
        unchanged=len(files) - sum(name in files for name in changed),
        refused=work.refused,
        notes=() if work.old or work.kept or work.yaml else (_NOTHING.format(root=root),),
    )
    return Plan(root, dict(files), after, report)


# ---------------------------------------------------------------- reading


def _sort(files: Mapping[str, bytes], options: Options) -> _Work:
    """Decode the files and tell which are to be migrated."""
    work = _Work(options, {}, {}, {}, {}, dict(files))
    ignored = _ignored(files.get(".railsignore", b""))
    for name in sorted(files):
        base = posixpath.basename(name)
        if ignored is not None and ignored(base):
            continue
        if name.endswith(".co"):
            text = _decode(work, name, files[name])
            if text is None:
                continue
            stem = name[: -len(".co")]
            if name.endswith(".v1.co") or f"{stem.partition('.')[0]}.v1.co" in files:
                work.tell("M702", "a backup of an earlier migration stands beside it", name)
                work.kept[name] = "" if name.endswith(".v1.co") else text
            elif options.from_version == "1.0" and not _is_old(text):
                work.kept[name] = text
            else:
                work.old[name] = text
        elif name.endswith((".yml", ".yaml")) and "kb" not in name.split("/")[:-1]:
            text = _decode(work, name, files[name])
            if text is not None:
                found = yml.read_settings(name, text.removeprefix("\ufeff"))
                for problem in found.document.diagnostics:
                    if problem.severity.value == "error":
                        found.tell("M703", problem.span.start, problem.message)
                        work.refused = True
                work.findings += found.findings
                found.findings.clear()
                if found.data and found.document.data is not None:
                    work.yaml[name] = found
        elif name.endswith(".py"):
            try:
                work.python[name] = files[name].decode("utf-8")
            except UnicodeDecodeError:
                continue
    return work


def _ignored(data: bytes) -> Callable[[str], bool] | None:
    lines = (line.strip() for line in data.decode("utf-8", errors="replace").splitlines())
    patterns = [line for line in lines if line and not line.startswith("#")]
    if not patterns:
        return None
    from fnmatch import fnmatchcase

    return lambda name: any(fnmatchcase(name, pattern) for pattern in patterns)


def _decode(work: _Work, name: str, data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        work.tell("M705", "the file is not UTF-8 text", name, line)
        work.refused = True
        return None
    if "\0" in text:
        work.tell("M705", "the file holds a NUL character, so it is no text", name)
        work.refused = True
        return None
    return text


def _is_old(text: str) -> bool:
    body = text.removeprefix("\ufeff")
    return is_colang_1(body) or detect(body).version == "1.0"


def _main_file(work: _Work) -> yml.SettingsFile | None:
    """The file that holds the settings: config.yml, or the one with models or rails."""
    for name in ("config.yml", "config.yaml"):
        if name in work.yaml:
            return work.yaml[name]
    for keys in (("models",), ("rails", "instructions", "colang_version")):
        for file in work.yaml.values():
            if any(key in file.data for key in keys):
                return file
    return None


# ---------------------------------------------------------------- Colang 1.0


def _migrate_old(work: _Work) -> None:
    main = _main_file(work)
    version = str(main.data.get("colang_version", "1.0")) if main is not None else "1.0"
    if not work.old and (version == "2.x" or work.kept or main is None):
        for name in work.kept:
            work.tell("M702", "this file is no Colang 1.0; it stays", name)
        return
    for name in work.kept:
        if not name.endswith(".v1.co"):
            work.tell("M702", "this file is Colang 2.x already; it stays", name)
    python = _read_python(work)
    work.findings += python.findings
    lists = _rail_lists(work)
    facts = _facts(work, python, lists)
    facts.retrieval = tuple(
        [call_line(entry, facts, LIBRARY_RAILS) for entry in lists.get("retrieval", ())]
    )
    results = _rewrite_all(work, facts)
    for name, result in results.items():
        work.findings += result.findings
        work.refused |= not result.readable
        work.after[name] = result.text.encode("utf-8")
    _migrate_settings(work, facts, main, lists)
    _add_main(work, facts, main)
    _migrate_python(work, facts)
    for file in work.yaml.values():
        used = sorted({action for each in facts.files.values() for action in each.actions})
        if file.get("actions_server_url") and used:
            names = ", ".join([f"`{name}` as `{action_name(name)}`" for name in used])
            file.findings.clear()
            file.report("M406", ("actions_server_url",), f"2.x asks the action server for {names}")
            work.findings += file.findings


def _read_python(work: _Work) -> PythonFacts:
    if not work.python:
        return PythonFacts()
    from colang_migrate.python_files import read_python  # late: many configurations have no Python

    return read_python(work.python)


def _rail_lists(work: _Work) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for file in work.yaml.values():
        for kind, _, entry in yml.flows_of(file):
            lists.setdefault(kind, []).append(entry)
    return lists


_NAMES_IN_TEMPLATES = re.compile(r"\{[{%]([^{}]*)[}%]\}")


def _outside(work: _Work, python: PythonFacts) -> set[str]:
    """Variables that Python files or prompts mention."""
    names = set(python.variables)
    for file in work.yaml.values():
        for code in _NAMES_IN_TEMPLATES.findall(file.text):
            names.update(re.findall(r"[^\W\d]\w*", code))
    return names


def _facts(work: _Work, python: PythonFacts, lists: Mapping[str, Sequence[str]]) -> Facts:
    scanned = _each(work, "reading", _scan_one, work.old.items())
    fallback = ""
    for file in work.yaml.values():
        value = file.get("rails", "dialog", "user_messages", "embeddings_only_fallback_intent")
        fallback = value if isinstance(value, str) else fallback
    taken: list[str] = []
    for text in work.kept.values():
        taken += re.findall(r"^flow[ \t]+((?:[^\W\d]\w*[ \t]*)+)", text, re.MULTILINE)
    return Facts(
        scanned,
        rails={kind: [rail_name(entry) for entry in entries] for kind, entries in lists.items()},
        rail_parameters={
            rail_name(entry): names
            for entries in lists.values()
            for entry in entries
            if (names := rail_parameters(entry))
        },
        actions=python.actions if python.complete and work.python else None,
        outside=_outside(work, python),
        fallback_intent=fallback,
        use_active=work.options.use_active,
        has_knowledge=any(
            name.endswith(".md") and "kb" in name.split("/")[:-1] for name in work.after
        ),
        taken=[name.strip() for name in taken],
        guards=work.options.guards,
        none_actions=python.none_actions,
    )


def _each(
    work: _Work,
    what: str,
    function: Callable[[_Item], _Made],
    items: Collection[_Item],
    facts: Facts | None = None,
) -> list[_Made]:
    """What a function makes of each item, in order; of many items, in several processes, with word of progress."""
    many = len(items) >= MANY_FILES
    if not many or work.options.processes < 2:
        _remember(facts)
        return _told(work, what, map(function, items), len(items))
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(
        work.options.processes, initializer=_remember, initargs=(facts,)
    ) as pool:
        return _told(work, what, pool.map(function, items, chunksize=20), len(items))


def _told(work: _Work, what: str, made: Iterable[_Made], total: int) -> list[_Made]:
    done: list[_Made] = []
    for each in made:
        done.append(each)
        if work.progress is not None and len(done) % PROGRESS_STEP == 0:
            work.progress(f"{what}: {len(done):,} of {total:,} files ...")
    return done


def _scan_one(item: tuple[str, str]) -> FileFacts:
    path, text = item
    return scan(parse_v1(text.removeprefix("\ufeff"))[0], path)


def _parse_one(item: tuple[str, bytes]) -> list[str]:
    from colang.syntax.parser_v2 import parse_v2

    return [problem.message for problem in parse_v2(item[1].decode("utf-8-sig"))[1]]


_shared_facts: list[Facts | None] = []  # what a process works with, given to it once


def _remember(facts: Facts | None) -> None:
    _shared_facts[:] = [facts]


def _rewrite_one(item: tuple[str, str]) -> TextResult:
    return migrate_text(item[1], facts=_shared_facts[0], path=item[0])


def _rewrite_all(work: _Work, facts: Facts) -> dict[str, TextResult]:
    made = _each(work, "migrating", _rewrite_one, work.old.items(), facts)
    _remember(None)
    return dict(zip(work.old, made, strict=True))


# ---------------------------------------------------------------- settings and rails


def _migrate_settings(
    work: _Work, facts: Facts, main: yml.SettingsFile | None, lists: dict[str, list[str]]
) -> None:
    if main is not None:
        yml.set_version(main)
    comments: list[str] = []
    retrieving = any(b"RetrieveRelevantChunksAction(" in work.after[name] for name in work.old)
    for file in work.yaml.values():
        comments += _take_rails(file, retrieving)
        _dialog(file, facts, work)
        yml.migrate_models(file, lambda name: _own_action(name, facts))
        yml.migrate_prompts(file)
        yml.migrate_sample(file, facts.user, facts.bot)
        _other_settings(file)
    newline = "\r\n" if main is not None and "\r\n" in main.text else "\n"
    rails = rails_text(
        {kind: found for kind, found in lists.items() if kind != "retrieval" or retrieving},
        facts,
        comments=comments,
        for_reference=work.options.target == "nemoguardrails",
        newline=newline,
    )
    where = main.path if main is not None else ""
    for name in rails.unknown:
        work.tell(
            "M404", f"no flow is named `{name}`, and the library table has no such rail", where
        )
    for name in rails.restated:
        message = (
            f"the 2.x flow of `{name}` in nemoguardrails does not check; rails.co has one that does"
        )
        work.tell("M305", message, where)
    if rails.text:
        folder = posixpath.dirname(where)
        name = _free(work, folder, ("rails.co", "_rails.co", "guardrails.co"))
        work.after[name] = rails.text.encode("utf-8")
        if posixpath.basename(name) != "rails.co":
            work.tell("M704", f"rails.co is taken; the rails stand in {name}", name)
        if lists.get("output"):
            work.tell("M306", "output rails check predefined messages as well", where)
    elif comments:
        work.tell("M511", f"comments of removed settings: {' '.join(comments)}", where)
    for file in work.yaml.values():
        made = yml.apply(file)
        work.findings += file.findings
        if made is None:
            work.refused = True
        elif made != file.text:
            bom = b"\xef\xbb\xbf" if work.after[file.path].startswith(b"\xef\xbb\xbf") else b""
            work.after[file.path] = bom + made.encode("utf-8")
    if any(file.edits for file in work.yaml.values()) and main is not None:
        work.tell("M512", "the application may need changes: generation options, histories", where)


def _own_action(name: str, facts: Facts) -> str | None:
    return action_name(name) if facts.actions and name in facts.actions else None


def _take_rails(file: yml.SettingsFile, retrieving: bool) -> list[str]:
    """Remove the lists that move to Colang, and report those that cannot.

    Args:
        file: The settings.
        retrieving: There are flows that search the knowledge base by themselves.
    """
    paths: list[tuple[str | int, ...]] = []
    for kind in ("input", "output"):
        if ("rails", kind, "flows") in file.document.places:
            paths.append(("rails", kind, "flows"))
        if file.get("rails", kind, "parallel"):
            file.report(
                "M503", ("rails", kind, "parallel"), f"{kind} rails run one after the other"
            )
    if file.get("rails", "output", "streaming"):
        file.report(
            "M504", ("rails", "output", "streaming"), "streaming of output rails has no effect"
        )
    for kind in ("retrieval", "tool_input", "tool_output"):
        if file.get("rails", kind, "flows"):
            listed = [f"`{entry}`" for k, _, entry in yml.flows_of(file) if k == kind]
            names, has = ", ".join(listed), "has" if len(listed) == 1 else "have"
            message = f"2.x runs no {kind} rails: {names} {has} no effect"
            if kind == "retrieval" and retrieving:
                message = (
                    f"{names} only where a flow retrieves, not where the model goes on by itself"
                )
            file.report("M502", ("rails", kind, "flows"), message)
    return yml.remove(file, paths) if paths else []


def _dialog(file: yml.SettingsFile, facts: Facts, work: _Work) -> None:
    path = ("rails", "dialog", "user_messages", "embeddings_only_fallback_intent")
    value = file.get(*path)
    if isinstance(value, str) and not value.startswith("user "):
        new = facts.user(value)
        quote = file.text[file.document.places[path].value.start]
        written = f"{quote}{new}{quote}" if quote in "\"'" else new
        yml.replace_value(file, path, written, new)
    single = ("rails", "dialog", "single_call")
    if file.get(*single, "enabled"):
        file.report("M505", single, "one model call a turn is an activation in main.co")
        comments = yml.remove(file, [single])
        for comment in comments:
            work.tell("M511", f"the comment `{comment}` stood beside single_call", file.path)
    if file.get("enable_multi_step_generation"):
        message = "2.x ignores enable_multi_step_generation"
        file.report("M507", ("enable_multi_step_generation",), message)


def _other_settings(file: yml.SettingsFile) -> None:
    config = file.get("rails", "config")
    if isinstance(config, dict):
        for key in config:  # pyright: ignore[reportUnknownVariableType]
            if any(str(key).split("_")[0] in name for name in LIBRARY_RAILS):  # pyright: ignore[reportUnknownArgumentType]
                continue
            message = f"check that the rail still reads rails.config.{key}"
            file.report("M501", ("rails", "config", str(key)), message)  # pyright: ignore[reportUnknownArgumentType]
    if file.get("passthrough"):
        file.report("M506", ("passthrough",), "passthrough works differently in 2.x")


def _free(work: _Work, folder: str, names: Sequence[str]) -> str:
    """A name that no file has."""
    for name in names:
        path = posixpath.join(folder, name)
        if path not in work.after:
            return path
    stem = names[0].removesuffix(".co")
    number = 2
    while posixpath.join(folder, f"{stem}_{number}.co") in work.after:
        number += 1
    return posixpath.join(folder, f"{stem}_{number}.co")


def _add_main(work: _Work, facts: Facts, main: yml.SettingsFile | None) -> None:
    existing = [
        name
        for name, text in work.kept.items()
        if re.search(r"^flow[ \t]+main[ \t]*(?:#.*)?\r?$", text, re.MULTILINE)
    ]
    if len(existing) > 1:
        work.tell("M513", f"`flow main` is defined in {' and '.join(existing)}")
    if existing or not work.options.include_main:
        return
    settings = [file for file in work.yaml.values()]
    models = any(file.data.get("models") for file in settings)
    needs = models or bool(facts.user_names) or not settings
    needs = needs or any(file.generates for file in facts.files.values())
    if settings and not facts.user_names and models:
        where = main.path if main is not None else ""
        work.tell(
            "M508", "without user messages 2.x asks the model twice, with other prompts", where
        )
    text = main_text(
        facts,
        needs_model=needs,
        passthrough=any(file.get("passthrough") is True for file in settings),
        single_call=any(file.get("rails", "dialog", "single_call", "enabled") for file in settings),
        newline="\r\n" if main is not None and "\r\n" in main.text else "\n",
    )
    name = _free(work, "", ("main.co", "_main.co"))
    if name != "main.co":
        work.tell("M704", f"main.co is taken; the main flow stands in {name}", name)
    work.after[name] = text.encode("utf-8")


def _migrate_python(work: _Work, facts: Facts) -> None:
    """Registrations of actions that 2.x does not find: changed if that is allowed, else only told."""
    used = {action for file in facts.files.values() for action in file.actions}
    if not work.python or all(is_reachable(name) for name in used):
        return
    from colang_migrate.python_files import renamed

    changed, registrations = renamed(work.python, used)
    for each in registrations:
        if work.options.actions:
            work.findings.append(
                Finding(
                    rule="M403",
                    message=f"`{each.name}` is registered as `{each.new_name}`",
                    status="converted",
                    advice="nothing",
                    path=each.path,
                    line=each.line,
                    column=1,
                )
            )
        else:
            work.tell("M403", f"register `{each.name}` as `{each.new_name}`", each.path, each.line)
    if work.options.actions:
        done = {each.name for each in registrations}
        work.findings = [
            f
            for f in work.findings
            if not (f.rule == "M403" and f.status == "cannot" and _quoted(f.message) in done)
        ]
        for name, text in changed.items():
            work.after[name] = text.encode("utf-8")


def _quoted(message: str) -> str:
    parts = message.split("`")
    return parts[1] if len(parts) > 1 else ""


# ---------------------------------------------------------------- 2.0-alpha


def _migrate_alpha(work: _Work) -> None:
    from colang_migrate.alpha.engine import flows_of, migrate_alpha

    own = {name for text in work.old.values() for name in flows_of(text)}
    texts: dict[str, str] = {}
    changed = False
    for name, text in work.old.items():
        result = migrate_alpha(text, name, own)
        work.findings += result.findings
        texts[name] = result.text
        changed |= result.text != text
        if posixpath.basename(name).startswith("ccl_") or name.endswith("core_flow_library.co"):
            work.tell("M802", "this is a copy of library flows; it is kept", name)
    if not changed:
        return
    modules = _needed_modules(texts, own)
    mains = [name for name, text in texts.items() if "main" in flows_of(text)]
    newline = "\n"
    if modules and mains:
        name = mains[0]
        bom = "\ufeff" if texts[name].startswith("\ufeff") else ""
        newline = "\r\n" if "\r\n" in texts[name] else "\n"
        body = texts[name].removeprefix("\ufeff")
        lead = "".join([f"import {module}{newline}" for module in modules])
        texts[name] = f"{bom}{lead}{newline}{body}"
    elif not mains and work.options.include_main:
        lines = [*(f"import {module}" for module in modules or ["core"]), "", "flow main"]
        lines.append("  match RestartEvent()")
        name = _free(work, "", ("main.co", "_main.co"))
        work.after[name] = "\n".join([*lines, ""]).encode("utf-8")
    for name, text in texts.items():
        work.after[name] = text.encode("utf-8")


def _needed_modules(texts: Mapping[str, str], own: set[str]) -> list[str]:
    """The library modules whose flows are called and which nothing imports."""
    words: set[str] = set()
    imported: set[str] = set()
    for text in texts.values():
        imported.update(re.findall(r"^import[ \t]+([\w.]+)", text, re.MULTILINE))
        words.update(_calls(text))
    found: list[str] = []
    for module, names in MODULES.items():
        if module != "guardrails" and any(name in words and name not in own for name in names):
            found.append(module)
    if "llm" in found or "llm" in imported:
        found = [module for module in found if module not in ("core", "timing")]
    return [module for module in found if module not in imported]


def _calls(text: str) -> Iterator[str]:
    from colang.syntax.parser_v2 import parse_v2

    run: list[str] = []
    for token in parse_v2(text.removeprefix("\ufeff"))[0].tokens:
        if token.type == "WORD":
            run.append(token.text)
        elif run:
            yield " ".join(run)
            run = []


# ---------------------------------------------------------------- the result must hold


def _verify(work: _Work, changed: Sequence[str]) -> None:
    if work.options.check == "parse":
        written = [(name, work.after[name]) for name in changed if name.endswith(".co")]
        for (name, _), problems in zip(
            written, _each(work, "parsing the result", _parse_one, written), strict=True
        ):
            for problem in problems:
                work.tell("M901", f"the result does not parse: {problem}", name)
                work.refused = True
        return
    from colang import Project, check
    from colang.diagnostics import Severity

    texts = {
        name: data.decode("utf-8-sig", errors="replace")
        for name, data in work.after.items()
        if name.endswith((".co", ".yml", ".yaml", ".py")) or name == ".railsignore"
    }
    before: dict[tuple[str, str], Finding] | None = None
    for diagnostic in check(Project.from_texts(texts)):
        if diagnostic.severity is not Severity.ERROR:
            continue
        if _is_known(diagnostic.message, work):
            continue
        if diagnostic.code == "CO205" and not work.options.include_main:
            continue  # the caller adds the main flow
        if before is None:
            before = _original_errors(work)
        found = before.get((diagnostic.code, diagnostic.message)) or finding(
            "M901", f"{diagnostic.code} {diagnostic.message}", diagnostic.path or ""
        )
        work.findings.append(found)
        work.refused = True


def _original_errors(work: _Work) -> dict[tuple[str, str], Finding]:
    """What was wrong before, by code and message; settings mostly, which are edited and not rewritten."""
    from colang import Project, check

    settings = {name: file.text for name, file in work.yaml.items()}
    project = Project.from_texts({**work.old, **work.kept, **work.python, **settings})
    found: dict[tuple[str, str], Finding] = {}
    for diagnostic in check(project):
        source = project.sources.get(diagnostic.path or "")
        at = None if source is None else source.position(diagnostic.span.start)
        found[diagnostic.code, diagnostic.message] = finding(
            "M703",
            f"the original: {diagnostic.message}",
            diagnostic.path or "",
            at.line if at else 0,
            at.column if at else 0,
        )
    return found


def _is_known(message: str, work: _Work) -> bool:
    """Whether an error of the result is told already: rails whose module is not installed here, actions."""
    if "nemoguardrails.library." in message and "could not be resolved" in message:
        name = message.split("`")[1]
        if not any(name in each.message for each in work.findings):
            work.findings.append(
                finding("M305", f"the module `{name}` is not among the modules installed here")
            )
        return True
    told = {_quoted(f.message) for f in work.findings if f.rule in ("M403", "M404", "M211")}
    return any(action_name(name) in message for name in told if name)
