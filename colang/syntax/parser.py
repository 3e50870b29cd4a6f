"""One entry for both dialects: text in, tree and findings out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from colang.diagnostics.model import Diagnostic
from colang.records import Record

if TYPE_CHECKING:
    from colang.syntax import nodes, nodes_v1


class ParseResult(Record, kw_only=False):
    """A tree, what is wrong with the text, and the dialect it was read as.

    `tree` is a `colang.syntax.nodes.Module` for ``"2.x"``, a `colang.syntax.nodes_v1.Module` for ``"1.0"``.
    """

    tree: nodes.Module | nodes_v1.Module
    diagnostics: tuple[Diagnostic, ...]
    version: Literal["1.0", "2.x"]


def parse(text: str, *, version: Literal["1.0", "2.x"] | None = None) -> ParseResult:
    r"""Parse one Colang module, keeping every character of it.

    Bad text is an expected input and never raises: there is always a tree, with error nodes where the text does not
    fit, so editors work on half-written files. Time and memory are linear in `text`.

    Args:
        text: The whole module. ``\n`` and ``\r\n`` both end a line; a tab is one column.
        version: ``"1.0"`` or ``"2.x"``; ``None`` reads it off the text (`colang.syntax.dialect.detect`), 2.x if
            nothing tells.

    Returns:
        The tree, spanning ``[0, len(text))``, and diagnostics in source order: none if the text is valid.

    Source: Colang 2.x specification, sections 1 to 3, grammar v2_x.lark; Colang 1.0 specification, sections 2 to 6,
    grammar v1_0.lark.

    Example:
        >>> parse("flow main\n  match Ping()\n").tree.flows[0].name
        'main'
    """
    if version is None:
        from colang.syntax.dialect import detect

        version = detect(text).version or "2.x"
    if version == "1.0":
        from colang.syntax.parser_v1 import parse_v1

        older, problems = parse_v1(text)
        return ParseResult(older, problems, version)
    if version != "2.x":
        raise ValueError(f'the version is "1.0", "2.x" or None, not {version!r}')
    from colang.syntax.parser_v2 import parse_v2

    tree, problems = parse_v2(text)
    return ParseResult(tree, problems, version)
