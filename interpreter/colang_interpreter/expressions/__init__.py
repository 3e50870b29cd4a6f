"""Expressions of Colang at run time: compiled once, guarded, with errors in the author's words.

Start at `compile_expression`. The guarded operations (`guards`, `access`) know no dialect.
"""

from colang_interpreter.expressions.access import attribute, call_method, item
from colang_interpreter.expressions.compiler import Compiled, Frame, Runtime, compile_expression
from colang_interpreter.expressions.functions import FUNCTIONS, known_functions
from colang_interpreter.expressions.guards import check_nested
from colang_interpreter.values import ExpressionError

__all__ = [
    "FUNCTIONS",
    "Compiled",
    "ExpressionError",
    "Frame",
    "Runtime",
    "attribute",
    "call_method",
    "check_nested",
    "compile_expression",
    "item",
    "known_functions",
]
