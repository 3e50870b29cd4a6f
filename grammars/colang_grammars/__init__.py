"""Lark grammars of the Colang dialects: the one description of each.

`source(version)` is the text of a grammar, `colang_grammars.tables` the LALR tables made from it.
"""

from __future__ import annotations

import os.path

FOLDER = os.path.dirname(__file__)
FILES = {"1.0": "v1_0.lark", "2.x": "v2_x.lark"}


def source(version: str) -> str:
    """The Lark grammar of a dialect, ``"1.0"`` or ``"2.x"``, as text; KeyError for any other version.

    >>> "flow" in source("2.x")
    True
    """
    with open(os.path.join(FOLDER, FILES[version]), encoding="utf-8") as file:
        return file.read()


__all__ = ["FILES", "FOLDER", "source"]
