"""The rules for Colang 2.x, one file for each subject. Importing this package registers them all."""

from colang.analysis.rule import NODE_RULES, PROJECT_RULES
from colang.analysis.rules import (
    actions,
    calls,
    definitions,
    expressions,
    operands,
    policies,
    program,
)

__all__ = [
    "NODE_RULES",
    "PROJECT_RULES",
    "actions",
    "calls",
    "definitions",
    "expressions",
    "operands",
    "policies",
    "program",
]
