"""The rails of a Colang 1.0 project: the lists in the settings, each entry the name of a flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colang.config.plain import as_list
from colang.diagnostics.config import near
from colang.syntax import nodes_v1
from colang_interpreter.enforcement.model import KINDS, Action, Enforcement, Rail
from colang_interpreter.enforcement.needs import (
    Findings,
    Surroundings,
    execution_rails,
    project_problems,
)
from colang_interpreter.v1.elements import CallFlow, RunAction, module_elements
from colang_interpreter.v1.names import flow_call
from colang_interpreter.v1.program import library_files

if TYPE_CHECKING:
    from colang.project import Project
    from colang_interpreter.v1.elements import Element

_NO_ACTIONS = frozenset({"create_event"})


@dataclass(frozen=True, slots=True)
class _Flow:
    name: str
    elements: tuple[Element, ...]
    path: str
    line: int
    is_library: bool


def read(project: Project) -> Enforcement:
    """What is enforced."""
    flows = _flows(project)
    around = Surroundings(project)
    rails: list[Rail] = []
    notes: list[str] = []
    for kind in KINDS:
        entries = as_list(project.settings.get("rails", kind, "flows")) or []
        for index, entry in enumerate(entries):
            if isinstance(entry, str):
                place = project.settings.place("rails", kind, "flows", index)
                source = project.sources.get(place.path)
                line = source.position(place.value.start).line if source is not None else 0
                rails.append(_rail(kind, index + 1, entry, f"{place.path}:{line}", flows, around))
        at_once = project.settings.get("rails", kind, "parallel") is True
        if at_once and len(entries) > 1 and kind in ("input", "output"):
            notes.append(f"the {kind} rails run at the same time (`rails.{kind}.parallel`)")
    return Enforcement(
        version="1.0",
        rails=(*rails, *execution_rails(project)),
        problems=tuple(project_problems(project)),
        notes=tuple(notes),
    )


def _rail(
    kind: str,
    position: int,
    entry: str,
    called_from: str,
    flows: Mapping[str, _Flow],
    around: Surroundings,
) -> Rail:
    name, arguments = flow_call(entry)
    flow = flows.get(entry) or flows.get(name)
    found = Findings()
    if flow is None:
        guess = near(name, flows)
        advice = f"did you mean `{guess}`?" if guess else "define it"
        found.problems.append(f"no flow is named `{name}`; {advice}")
        return Rail(
            kind=kind,
            position=position,
            call=entry,
            flow=name,
            called_from=called_from,
            problems=tuple(found.problems),
        )
    actions = list(_actions(flow, flows, around, found))
    given = {key: value for key, value in arguments.items() if value is not None}
    if flow.is_library:
        around.examine(flow.name, given, found, listed=True)
    return Rail(
        kind=kind,
        position=position,
        call=entry,
        flow=flow.name,
        path=flow.path,
        line=flow.line,
        called_from=called_from,
        actions=tuple(actions),
        needs=tuple(found.needs),
        problems=tuple(dict.fromkeys(found.problems)),
        notes=tuple(found.notes),
    )


def _actions(
    flow: _Flow, flows: Mapping[str, _Flow], around: Surroundings, found: Findings
) -> Iterator[Action]:
    """The actions of a flow and of the flows it calls, each once."""
    seen_flows = {flow.name}
    seen: set[str] = set()
    pending = [flow]
    while pending:
        here = pending.pop()
        for element in here.elements:
            if isinstance(element, RunAction) and element.name not in seen | _NO_ACTIONS:
                seen.add(element.name)
                action, problem = around.action(element.name)
                if problem is not None:
                    found.problems.append(problem)
                yield action
            elif isinstance(element, CallFlow) and not element.name.startswith("$"):
                name = flow_call(element.name)[0]
                called = flows.get(name)
                if called is None:
                    found.problems.append(f"it calls the flow `{name}`, which nobody defines")
                elif name not in seen_flows:
                    seen_flows.add(name)
                    pending.append(called)


def _flows(project: Project) -> dict[str, _Flow]:
    """All flows by name; own ones before imported ones before those of the library, as they are registered."""
    found: dict[str, _Flow] = {}
    files = [file for file in project.files if not file.is_library]
    for file in sorted(files, key=lambda file: file.is_imported):
        if isinstance(file.tree, nodes_v1.Module):
            for flow in module_elements(file.tree).flows:
                line = file.source.position(flow.span.start).line
                found.setdefault(flow.id, _Flow(flow.id, flow.elements, file.path, line, False))
    for fields in _in_settings(project):
        found.setdefault(fields, _Flow(fields, (), "config.yml", 0, False))
    for path, source, elements in library_files():
        for flow in elements.flows:
            line = source.position(flow.span.start).line
            found.setdefault(flow.id, _Flow(flow.id, flow.elements, path, line, True))
    return found


def _in_settings(project: Project) -> Iterable[str]:
    for flow in as_list(project.settings.get("flows")) or ():
        if isinstance(flow, dict) and isinstance(flow.get("id"), str):  # pyright: ignore[reportUnknownMemberType]
            yield str(flow["id"])  # pyright: ignore[reportUnknownArgumentType]
