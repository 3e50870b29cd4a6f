"""Language models: the interface, clients, prompts, and what the runtimes make of completions.

Everything is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colang_interpreter.llm.adapters import as_model as as_model
    from colang_interpreter.llm.errors import LLMCallException as LLMCallException
    from colang_interpreter.llm.manager import TaskManager as TaskManager
    from colang_interpreter.llm.model import Model as Model
    from colang_interpreter.llm.model import ModelRequest as ModelRequest
    from colang_interpreter.llm.model import ModelResponse as ModelResponse
    from colang_interpreter.llm.scripted import ScriptedModel as ScriptedModel

_EXPORTS = {
    "LLMCallException": "errors",
    "Model": "model",
    "ModelRequest": "model",
    "ModelResponse": "model",
    "ScriptedModel": "scripted",
    "TaskManager": "manager",
    "as_model": "adapters",
}

__all__ = [
    "LLMCallException",
    "Model",
    "ModelRequest",
    "ModelResponse",
    "ScriptedModel",
    "TaskManager",
    "as_model",
]


def __getattr__(name: str) -> object:
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
