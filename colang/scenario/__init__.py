"""Scenarios: conversations written down with what the bot must answer.

One format for `colang test`, the proof of a migration, the examples and the documentation. This package
reads it (`load_scenario`) and says what it means (`model`); `colang_interpreter.scenarios.playing` plays it.
"""

from colang.scenario.loader import load_scenario
from colang.scenario.model import (
    Answers,
    AnyOf,
    Conversation,
    Exactly,
    Expectation,
    ExpectedText,
    Fits,
    Input,
    Raises,
    Returns,
    Say,
    Scenario,
    Send,
    SetContext,
    Stub,
    Turn,
    Wait,
)

__all__ = [
    "Answers",
    "AnyOf",
    "Conversation",
    "Exactly",
    "Expectation",
    "ExpectedText",
    "Fits",
    "Input",
    "Raises",
    "Returns",
    "Say",
    "Scenario",
    "Send",
    "SetContext",
    "Stub",
    "Turn",
    "Wait",
    "load_scenario",
]
