"""Trees back to text, exactly: the tokens and the blanks between them."""

from __future__ import annotations

from colang.syntax.nodes import Module


def to_text(module: Module) -> str:
    r"""The text of a module, put together from its tokens.

    Between two tokens stand spaces and tabs only; they are copied. A character that is neither in a token nor a blank
    would be lost, so this is the check that the tree keeps everything.

    >>> from colang.syntax.parser_v2 import parse_v2
    >>> to_text(parse_v2("flow main # start\n  pass")[0])
    'flow main # start\n  pass'
    """
    pieces: list[str] = []
    position = 0
    for token in module.tokens:
        gap = module.text[position : token.start]
        pieces.append("".join(c for c in gap if c in " \t"))
        pieces.append(token.text)
        position = token.start + len(token.text)
    pieces.append("".join(c for c in module.text[position:] if c in " \t"))
    return "".join(pieces)


print_tree = to_text
