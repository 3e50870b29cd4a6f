r"""Parser of Colang 1.0: text in, tree and diagnostics out.

The grammar is ``v1_0.lark``; this is a hand-written reader of the same language, for three reasons. Names hold
blanks and any character and end where the line says so (`` with ``, `` or user ``, ``(``), which no
fixed set of tokens can cut. Half of the work is to go on behind a mistake and to word it for its author. And a
reader that looks at a line once is several times faster than tables driven by single words. Tests hold the two
together: programs written from the grammar are accepted here, and every line of the corpus is
parsed by both to the same kind of statement.

Shape: `lexer_v1` finds the logical lines; `reader_v1.Reader` goes through them. What reads them are functions over
it: `definitions_v1` the file level, `messages_v1` the texts of messages, `blocks_v1` what follows from indentation.
The first word of a line picks the function of `statements_v1` that reads it, `patterns_v1` and `arguments_v1` read
what stands behind that word. Each function reports what is wrong where it is wrong and gives a node in any case. A
mistake never hides the next one, and causes one diagnostic, not a chain of them.
"""

from __future__ import annotations

import gc

from colang.diagnostics import Diagnostic
from colang.syntax import nodes_v1 as n
from colang.syntax.definitions_v1 import definition, read_module
from colang.syntax.lexer_v1 import Line
from colang.syntax.reader_v1 import Reader
from colang.syntax.statements_v1 import read_statement

__all__ = ["parse_statement_v1", "parse_v1"]


def parse_v1(text: str) -> tuple[n.Module, tuple[Diagnostic, ...]]:
    r"""Parse one Colang 1.0 module, keeping every character of it.

    Bad text is an expected input and never raises: there is always a tree, with an `ErrorStmt` where a
    line does not fit. Time and memory are linear in `text`.

    Returns:
        The tree, spanning ``[0, len(text))``, and the diagnostics (CO150 to CO199) in source order.

    Source: Colang 1.0 specification, sections 3 to 6; grammar v1_0.lark, rule `start`.

    Example:
        >>> module, problems = parse_v1("define flow greet\n  user say hi\n  excute wave\n")
        >>> module.flows[0].id, [p.message for p in problems]
        ('greet', ['`excute` is not a statement of Colang 1.0'])
    """
    # Nothing made here is garbage before the end, and nothing is a cycle: on a large file the collector would
    # walk the growing tree over and over.
    pause = len(text) > 20_000 and gc.isenabled()
    if pause:
        gc.disable()
    try:
        return read_module(Reader(text, read_statement, definition))
    finally:
        if pause:
            gc.enable()


def parse_statement_v1(text: str) -> tuple[n.Stmt, tuple[Diagnostic, ...]]:
    """Parse one statement that stands alone on a line; nothing in it is a comment.

    For flows written in YAML (section 8). Line ends count as blanks; labels are not checked.

    Example:
        >>> parse_statement_v1("$r = execute look_up(n=1)")[0].name.text
        'look_up'
    """
    line = " ".join(text.split("\n")).rstrip()
    start = len(line) - len(line.lstrip())
    reader = Reader(line, read_statement, definition)
    reader.lines = [Line(line[start:] or ":", start, 0, None, False, False)]
    reader.count = 1
    reader.tokens.clear()
    reader.diagnostics.clear()
    statement = read_statement(reader, reader.lines[0], 0)
    return statement, tuple(reader.diagnostics)
