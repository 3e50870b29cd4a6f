"""CO1xx: syntax of Colang 2.x (CO150 and above: syntax_v1). One factory function for each finding."""

from __future__ import annotations

from colang.diagnostics.model import Diagnostic
from colang.source import Span


def unexpected(text: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO100", message=f"`{text}` does not fit here", span=span)


def too_deep(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(code="CO101", message=f"too deep {limit}", span=span)


def bare_word(name: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO102", message=f"bare {name}", span=span)


def number_too_long(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(code="CO103", message=f"long {limit}", span=span)


def string_too_long(span: Span, limit: int) -> Diagnostic:
    return Diagnostic(code="CO104", message=f"long {limit}", span=span)


def string_prefix(name: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO105", message=f"prefix {name}", span=span)


def bad_escape(name: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO106", message=f"escape {name}", span=span)


def positional_after_named(span: Span) -> Diagnostic:
    return Diagnostic(code="CO107", message="posnamed", span=span)


def not_an_expression(name: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO108", message=f"braces {name}", span=span)


def missing_body(name: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO109", message=f"body {name}", span=span)


def decorator_not_literal(span: Span) -> Diagnostic:
    return Diagnostic(code="CO110", message="literal", span=span)


def uneven_dedent(span: Span) -> Diagnostic:
    return Diagnostic(code="CO111", message="uneven", span=span)


def unexpected_indent(span: Span) -> Diagnostic:
    return Diagnostic(code="CO112", message="indent", span=span)


def decorator_without_flow(span: Span) -> Diagnostic:
    return Diagnostic(code="CO113", message="deco", span=span)


def nested_flow(name: str, span: Span) -> Diagnostic:
    return Diagnostic(code="CO114", message=f"nested {name}", span=span)


def nested_import(span: Span) -> Diagnostic:
    return Diagnostic(code="CO115", message="nested", span=span)
