"""Lark grammars of the Colang dialects."""
