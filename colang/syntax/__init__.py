"""Text to trees, for both dialects: start at `parse` and `ParseResult`.

Invariant: parsing always gives a tree; wrong text gives diagnostics beside it, not an exception. The parsers are
imported when something is parsed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colang.syntax.dialect import detect as detect
    from colang.syntax.parser import ParseResult as ParseResult
    from colang.syntax.parser import parse as parse
    from colang.syntax.parser_v1 import parse_v1 as parse_v1
    from colang.syntax.parser_v2 import parse_expression as parse_expression
    from colang.syntax.parser_v2 import parse_v2 as parse_v2
    from colang.syntax.printing import print_tree as print_tree
    from colang.syntax.printing import to_text as to_text

_EXPORTS = {
    "ParseResult": "parser",
    "detect": "dialect",
    "parse": "parser",
    "parse_expression": "parser_v2",
    "parse_v1": "parser_v1",
    "parse_v2": "parser_v2",
    "print_tree": "printing",
    "to_text": "printing",
}

__all__ = [
    "ParseResult",
    "detect",
    "parse",
    "parse_expression",
    "parse_v1",
    "parse_v2",
    "print_tree",
    "to_text",
]


def __getattr__(name: str) -> object:
    if name in _EXPORTS:
        return getattr(import_module(f"colang.syntax.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
