"""Compile and run Colang programs.

Everything here is loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colang.config import RailsConfig as RailsConfig
    from colang_interpreter.errors import CompileError as CompileError
    from colang_interpreter.facade import LLMRails as LLMRails
    from colang_interpreter.host.actions import ActionError as ActionError
    from colang_interpreter.host.actions import ActionResult as ActionResult
    from colang_interpreter.host.actions import action as action
    from colang_interpreter.host.bot import Bot as Bot
    from colang_interpreter.host.clock import RealClock as RealClock
    from colang_interpreter.host.clock import VirtualClock as VirtualClock
    from colang_interpreter.host.context import current_request as current_request
    from colang_interpreter.host.context import current_session_id as current_session_id
    from colang_interpreter.host.log import LogError as LogError
    from colang_interpreter.host.log import replay as replay
    from colang_interpreter.host.saving import ConversationError as ConversationError
    from colang_interpreter.host.session import Reply as Reply
    from colang_interpreter.host.session import Session as Session
    from colang_interpreter.host.validation import ValidationError as ValidationError
    from colang_interpreter.host.validation import validate_input as validate_input
    from colang_interpreter.host.validation import validate_response as validate_response
    from colang_interpreter.library.actions.outcome import RailOutcome as RailOutcome
    from colang_interpreter.programs import compile as compile

_EXPORTS = {
    "ActionError": "colang_interpreter.host.actions",
    "ActionResult": "colang_interpreter.host.actions",
    "Bot": "colang_interpreter.host.bot",
    "CompileError": "colang_interpreter.errors",
    "ConversationError": "colang_interpreter.host.saving",
    "LLMRails": "colang_interpreter.facade",
    "LogError": "colang_interpreter.host.log",
    "RailOutcome": "colang_interpreter.library.actions.outcome",
    "RailsConfig": "colang.config",
    "RealClock": "colang_interpreter.host.clock",
    "Reply": "colang_interpreter.host.session",
    "Session": "colang_interpreter.host.session",
    "ValidationError": "colang_interpreter.host.validation",
    "VirtualClock": "colang_interpreter.host.clock",
    "action": "colang_interpreter.host.actions",
    "compile": "colang_interpreter.programs",
    "current_request": "colang_interpreter.host.context",
    "current_session_id": "colang_interpreter.host.context",
    "replay": "colang_interpreter.host.log",
    "validate_input": "colang_interpreter.host.validation",
    "validate_response": "colang_interpreter.host.validation",
}

__all__ = [
    "ActionError",
    "ActionResult",
    "Bot",
    "CompileError",
    "ConversationError",
    "LLMRails",
    "LogError",
    "RailOutcome",
    "RailsConfig",
    "RealClock",
    "Reply",
    "Session",
    "ValidationError",
    "VirtualClock",
    "action",
    "compile",
    "current_request",
    "current_session_id",
    "replay",
    "validate_input",
    "validate_response",
]


def __getattr__(name: str) -> object:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
