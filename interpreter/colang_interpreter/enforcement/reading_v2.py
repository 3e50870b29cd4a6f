"""The rails of a Colang 2.x project: what the flows `input rails` and `output rails` call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from colang.analysis.names import classify, specs
from colang.analysis.walk import walk
from colang.config.plain import as_list
from colang.diagnostics.config import near
from colang.syntax import nodes
from colang_interpreter.enforcement.model import KINDS, Action, Enforcement, Rail
from colang_interpreter.enforcement.needs import (
    Findings,
    Surroundings,
    execution_rails,
    project_problems,
)

if TYPE_CHECKING:
    from colang.project import Project, SourceFile

_RUNNERS = {"input": "input rails", "output": "output rails"}
_HOOKS = {"input": ("_user_said", "_user_said_something_unexpected"), "output": ("_bot_say",)}
_GUARDRAILS = "<library>/guardrails.co"
_RAILS = "<library>/rails/"


def read(project: Project) -> Enforcement:
    """What is enforced."""
    around = Surroundings(project)
    problems = project_problems(project)
    notes: list[str] = []
    rails: list[Rail] = []
    for kind, runner in _RUNNERS.items():
        if runner in project.flows:
            missing = _why_not_run(project, kind, runner)
            rails += _rails(project, kind, runner, around, missing)
    for kind in KINDS:
        if kind not in _RUNNERS and as_list(project.settings.get("rails", kind, "flows")):
            problems.append(
                f"`rails.{kind}.flows` has no effect in Colang 2.x: call such rails in a flow"
            )
    used = {rail.flow for rail in rails}
    notes += _unused(project, used)
    return Enforcement(
        version="2.x",
        rails=(*rails, *execution_rails(project)),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _why_not_run(project: Project, kind: str, runner: str) -> str | None:
    """Why the flow with the rails is never called; None if it is."""
    if not any(file.path == _GUARDRAILS for file in project.files):
        return f"nothing calls `{runner}`: the module `guardrails` is not imported; add `import guardrails`"
    for hook in _HOOKS[kind]:
        file = project.flow_files.get(hook)
        if file is not None and file.path != _GUARDRAILS and f"run {runner}" not in file.text:
            return (
                f"`{hook}` in {file.path} replaces that of `guardrails` and does not `run {runner}`"
            )
    return None


def _rails(
    project: Project, kind: str, runner: str, around: Surroundings, missing: str | None
) -> Iterator[Rail]:
    definition, file = project.flows[runner], project.flow_files[runner]
    calls = list(_calls(project, definition))
    general = (missing,) if missing is not None else ()
    own = Findings()
    actions = tuple(_own_actions(project, definition, around, own))
    if actions or not calls:
        line = file.source.position(definition.name_span.start).line
        note = (
            () if actions or own.problems else ("it calls no rails: look at what it does itself",)
        )
        yield Rail(
            kind=kind,
            position=1,
            call=runner,
            flow=runner,
            path=file.path,
            line=line,
            called_from=f"{file.path}:{line}",
            actions=actions,
            problems=(*general, *own.problems),
            notes=note,
        )
    first = 2 if actions else 1
    for number, (spec, conditional) in enumerate(calls, first):
        place, text = _place(project, kind, file, spec)
        listed = file.is_generated
        yield _rail(project, kind, number, spec, text, place, conditional, around, general, listed)


def _place(project: Project, kind: str, file: SourceFile, spec: nodes.Spec) -> tuple[str, str]:
    """Where a rail is called, and the call as it is written: in a flow, or in the settings behind it."""
    text = file.text[spec.span.start : spec.span.end]
    line = file.source.position(spec.span.start).line
    if not file.is_generated:
        return f"{file.path}:{line}", text
    for index, entry in enumerate(as_list(project.settings.get("rails", kind, "flows")) or ()):
        if isinstance(entry, str) and spec.name is not None and entry.startswith(spec.name):
            place = project.settings.place("rails", kind, "flows", index)
            source = project.sources.get(place.path)
            line = source.position(place.value.start).line if source is not None else 0
            return f"{place.path}:{line}", entry
    return file.path, text


def _rail(
    project: Project,
    kind: str,
    position: int,
    spec: nodes.Spec,
    text: str,
    called_from: str,
    conditional: bool,
    around: Surroundings,
    general: tuple[str, ...],
    listed: bool,
) -> Rail:
    name = spec.name or f"${spec.variable}"
    found = Findings(problems=list(general))
    definition = project.flows.get(name)
    actions: tuple[Action, ...] = ()
    if definition is None:
        guess = near(name, project.flows)
        advice = f"did you mean `{guess}`?" if guess else "define it, or import its module"
        found.problems.append(f"no flow is named `{name}`; {advice}")
        path, line = "", 0
    else:
        file = project.flow_files[name]
        path, line = file.path, file.source.position(definition.name_span.start).line
        actions = tuple(_all_actions(project, definition, around, found))
        if path.startswith(_RAILS):
            arguments = _arguments(spec, definition)
            around.examine(name, arguments, found, listed=listed)
    return Rail(
        kind=kind,
        position=position,
        call=text,
        flow=name,
        path=path,
        line=line,
        called_from=called_from,
        conditional=conditional,
        actions=actions,
        needs=tuple(found.needs),
        problems=tuple(dict.fromkeys(found.problems)),
        notes=tuple(found.notes),
    )


def _arguments(spec: nodes.Spec, definition: nodes.FlowDef) -> dict[str, str]:
    """The literal texts given to a flow, by parameter."""
    given: dict[str, str] = {}
    free = iter(definition.params)
    for argument in spec.arguments or ():
        name = argument.name if argument.name is not None else getattr(next(free, None), "name", "")
        value = argument.value
        if isinstance(value, nodes.String) and all(isinstance(part, str) for part in value.parts):
            given[name] = "".join(part for part in value.parts if isinstance(part, str))
    return given


def _calls(project: Project, definition: nodes.FlowDef) -> Iterator[tuple[nodes.Spec, bool]]:
    """The rails that a flow calls in order, and whether below a condition."""
    direct = {
        id(statement)
        for statement in definition.body.statements
        if isinstance(statement, nodes.Operation)
    }
    for node in walk(definition.body):
        if not isinstance(node, (nodes.Operation, nodes.WhenCase)):
            continue
        if isinstance(node, nodes.Operation) and node.op not in ("await", "start", "activate"):
            continue
        for spec in specs(node.group):
            if spec.name is not None and not spec.members and _is_rail(project, spec.name):
                always = id(node) in direct or _is_top_when(definition, node)
                yield spec, not always


def _is_top_when(definition: nodes.FlowDef, node: nodes.Node) -> bool:
    """The first case of a `when` at the top of the flow: its group always starts."""
    return isinstance(node, nodes.WhenCase) and any(
        isinstance(statement, nodes.When) and node in statement.cases
        for statement in definition.body.statements
    )


def _is_rail(project: Project, name: str) -> bool:
    """Not what speaks, and not what the standard library does besides."""
    if classify(name, project.flows) != "flow" or name.startswith("bot "):
        return False
    file = project.flow_files.get(name)
    return file is None or not file.is_library or file.path.startswith(_RAILS)


def _own_actions(
    project: Project, definition: nodes.FlowDef, around: Surroundings, found: Findings
) -> Iterator[Action]:
    """The actions that a flow uses itself."""
    seen: set[str] = set()
    for name in _names(definition):
        if classify(name, project.flows) == "action" and name not in seen:
            seen.add(name)
            action, problem = around.action(name)
            if problem is not None:
                found.problems.append(problem)
            yield action


def _all_actions(
    project: Project, definition: nodes.FlowDef, around: Surroundings, found: Findings
) -> Iterator[Action]:
    """The actions of a flow and of the flows it calls, each once; not those of speaking."""
    seen: set[str] = set()
    flows = {definition.name}
    pending = [definition]
    while pending:
        here = pending.pop()
        for action in _own_actions(project, here, around, found):
            if action.name not in seen:
                seen.add(action.name)
                yield action
        for name in _names(here):
            called = project.flows.get(name)
            if called is None:
                if classify(name, project.flows) == "flow":
                    found.problems.append(f"it calls the flow `{name}`, which nobody defines")
            elif name not in flows and _is_rail(project, name):
                flows.add(name)
                pending.append(called)


def _names(definition: nodes.FlowDef) -> Iterator[str]:
    """Names of the flows, actions and events that a flow calls, starts or sends."""
    for node in walk(definition.body):
        if isinstance(node, nodes.WhenCase) or (
            isinstance(node, nodes.Operation) and node.op in ("await", "start", "activate")
        ):
            for spec in specs(node.group):
                if spec.name is not None and not spec.members:
                    yield spec.name


def _unused(project: Project, used: set[str]) -> Iterator[str]:
    """Rails that were imported by name and check nothing as rails."""
    if project.imported_paths.keys() & {"nemoguardrails/library", "nemoguardrails.library"}:
        return  # imported as a whole
    by_file: dict[str, list[str]] = {}
    for name, file in project.flow_files.items():
        if file.path.startswith(_RAILS) and not name.startswith(("_", "bot ")):
            by_file.setdefault(file.path, []).append(name)
    called = {
        name
        for flow, definition in project.flows.items()
        if not project.flow_files[flow].is_library
        for name in _names(definition)
    }
    generated = any(file.is_generated for file in project.files)
    for path, names in by_file.items():
        if not (used | called) & set(names) and not generated:
            listed = ", ".join(f"`{name}`" for name in names)
            yield f"{path} is imported, and nothing calls {listed}"
