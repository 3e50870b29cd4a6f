"""Which definition of a flow counts: one for each name, or the one marked `@override`. Section 6.9."""

from __future__ import annotations

from collections.abc import Sequence

from colang.diagnostics import Diagnostic
from colang.diagnostics import names as report
from colang.project.files import SourceFile
from colang.syntax import nodes


def merge_flows(
    files: Sequence[SourceFile],
) -> tuple[dict[str, nodes.FlowDef], dict[str, SourceFile], list[Diagnostic]]:
    """All flows of 2.x files by name after `@override`, the file of each, and conflicts.

    The order is that of the files and the definitions that count. In a conflict the first definition stays.
    """
    plain: dict[str, list[tuple[nodes.FlowDef, SourceFile]]] = {}
    marked: dict[str, list[tuple[nodes.FlowDef, SourceFile]]] = {}
    order: list[tuple[nodes.FlowDef, SourceFile]] = []
    for file in files:
        if not isinstance(file.tree, nodes.Module):
            continue
        for flow in file.tree.flows:
            group = marked if is_override(flow) else plain
            group.setdefault(flow.name, []).append((flow, file))
            order.append((flow, file))
    problems: list[Diagnostic] = []
    for name, definitions in plain.items():
        first, first_file = definitions[0]
        for flow, file in definitions[1:]:
            finding = report.duplicate_flow(name, flow.name_span, first.name_span, first_file.path)
            problems.append(finding.at(file.path))
    for name, definitions in marked.items():
        first, first_file = definitions[0]
        if name not in plain:
            finding = report.override_of_nothing(name, first.name_span, plain)
            problems.append(finding.at(first_file.path))
        for flow, file in definitions[1:]:
            finding = report.second_override(name, flow.name_span, first.name_span, first_file.path)
            problems.append(finding.at(file.path))
    flows: dict[str, nodes.FlowDef] = {}
    flow_files: dict[str, SourceFile] = {}
    for flow, file in order:
        counts = marked.get(flow.name) or plain[flow.name]
        if counts[0][0] is flow and counts[0][1] is file:
            flows[flow.name] = flow
            flow_files[flow.name] = file
    return flows, flow_files, problems


def is_override(flow: nodes.FlowDef) -> bool:
    """Whether `@override` stands above the flow."""
    return any(decorator.name == "override" for decorator in flow.decorators)
