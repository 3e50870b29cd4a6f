"""Answers that are shown while they are made, and output rails that look at them on the way.

A model's tokens go into a `StreamingHandler`; `checked_stream` cuts what comes out into windows, asks the
rails about each, and gives on what has passed. (Specification of the runtime, section 9.)
"""

from colang_interpreter.streaming.buffer import Buffer, RollingBuffer, Window, Windows, windows
from colang_interpreter.streaming.checked import checked_stream
from colang_interpreter.streaming.chunks import (
    ErrorChunk,
    JudgedChunk,
    TaggedChunk,
    error_of,
    generation_error,
    with_metadata,
)
from colang_interpreter.streaming.filters import (
    QuotedMessage,
    SingleCallMessage,
    StopTexts,
    TextFilter,
)
from colang_interpreter.streaming.handler import Sink, StreamingHandler
from colang_interpreter.streaming.verdicts import Check, Verdict, verdict_of

__all__ = [
    "Buffer",
    "Check",
    "ErrorChunk",
    "JudgedChunk",
    "QuotedMessage",
    "RollingBuffer",
    "SingleCallMessage",
    "Sink",
    "StopTexts",
    "StreamingHandler",
    "TaggedChunk",
    "TextFilter",
    "Verdict",
    "Window",
    "Windows",
    "checked_stream",
    "error_of",
    "generation_error",
    "verdict_of",
    "windows",
    "with_metadata",
]
