"""What the grammar allows at file level, but no author means."""

from __future__ import annotations

from collections.abc import Iterator

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.source import Span
from colang.syntax import nodes
from colang.syntax.words import OPERATION_WORDS, RESERVED_PARAMETERS


def problems_of(item: nodes.FlowDef | nodes.Import | nodes.Stmt) -> Iterator[Diagnostic]:
    """Names that a flow or its parameters cannot have; imports as in Python."""
    if isinstance(item, nodes.FlowDef):
        word, _, rest = item.name.partition(" ")
        if rest and word in OPERATION_WORDS:
            start = item.name_span.start
            yield say.flow_name(
                f"the name of a flow cannot begin with `{word}`",
                f"a call would be read as the operation `{word}`: put another word in front",
                Span(start, start + len(word)),
            )
        for param in item.params:
            if param.name in RESERVED_PARAMETERS:
                yield say.reserved_parameter(param.name, param.span)
    elif isinstance(item, nodes.Operation) and isinstance(item.group, nodes.Spec):
        name = item.group.name or ""
        if item.keyword is None and name.startswith("from ") and " import" in name:
            yield say.bad_import(
                "a module is imported as a whole",
                "write `import` and the module: its flows need no other names",
                item.span,
            )
