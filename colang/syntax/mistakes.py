"""Why a line does not parse: the common mistakes, told from the place where the parser stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic
from colang.source import Span
from colang.syntax.lexer import Lexed
from colang.syntax.nodes import Token

if TYPE_CHECKING:
    from colang.syntax.expressions import Expressions
    from colang.syntax.parser_v2 import Parser


def in_expression(reader: Expressions) -> Diagnostic:
    return say.unexpected(reader.value, Span(reader.start, reader.stop))


def positional_after_named(reader: Expressions) -> Diagnostic:
    return say.positional_after_named(Span(reader.start, reader.stop))


def in_braces(text: str, start: int, stop: int, inner: Diagnostic) -> Diagnostic:
    return say.not_an_expression(text[start:stop], Span(start, stop))


def missing_body(text: str, newline: int) -> Diagnostic:
    start = text.rfind("\n", 0, newline) + 1
    return say.missing_body(text[start:newline].strip(), Span(start, newline))


def uneven_dedent(lexed: Lexed, index: int) -> Diagnostic:
    return say.uneven_dedent(Span(lexed.starts[index], lexed.starts[index]))


def unexpected_indent(lexed: Lexed, index: int) -> Diagnostic:
    return say.unexpected_indent(Span(lexed.starts[index], lexed.starts[index]))


def in_line(parser: Parser, kind: str, token: Token) -> tuple[Diagnostic, int | None]:
    return say.unexpected(token.text, token.span), None
