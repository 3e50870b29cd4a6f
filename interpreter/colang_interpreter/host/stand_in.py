"""Action files written for NeMo Guardrails run here as they are: their imports find our names.

Only while a configuration's Python files are executed, and only if the package itself is not installed:
then it is what the author meant, and its decorator leaves the marks that `loading` reads.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import types
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_PACKAGE = "nemoguardrails"
_NAMES = {
    _PACKAGE: ("LLMRails", "RailsConfig"),
    f"{_PACKAGE}.actions": ("action", "ActionResult", "RailOutcome"),
    f"{_PACKAGE}.actions.actions": ("action", "ActionResult"),
    f"{_PACKAGE}.actions.rail_outcome": ("RailOutcome",),
    f"{_PACKAGE}.actions.validation": ("validate_input", "validate_response"),
    f"{_PACKAGE}.actions.validation.base": ("validate_input", "validate_response"),
    f"{_PACKAGE}.rails": ("LLMRails", "RailsConfig"),
    f"{_PACKAGE}.rails.llm": (),
    f"{_PACKAGE}.rails.llm.config": ("RailsConfig",),
}
"""Modules of the ecosystem, and which of our public names each has."""

_lock = threading.RLock()


@contextmanager
def standing_in() -> Generator[None]:
    """While this is open, ``from nemoguardrails.actions import action`` gives ours.

    Example:
        >>> with standing_in():
        ...     from nemoguardrails.actions import action
        >>> action.__module__.partition(".")[0] in ("colang_interpreter", "nemoguardrails")
        True
    """
    with _lock:
        if _PACKAGE in sys.modules or importlib.util.find_spec(_PACKAGE) is not None:
            yield
            return
        made = _modules()
        sys.modules.update(made)
        try:
            yield
        finally:
            for name in made:
                sys.modules.pop(name, None)


def _modules() -> dict[str, types.ModuleType]:
    import colang_interpreter

    made: dict[str, types.ModuleType] = {}
    for name, exported in _NAMES.items():
        module: Any = types.ModuleType(name, "Stands in for a package that is not installed.")
        module.__path__ = []
        for public in exported:
            setattr(module, public, getattr(colang_interpreter, public))
        made[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(made[parent], child, module)
    return made
