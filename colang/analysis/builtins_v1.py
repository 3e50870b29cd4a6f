"""Names a Colang 1.0 program has without defining them: flows, messages, intents, actions."""

from __future__ import annotations

from colang.analysis.builtins import RAIL_ACTIONS
from colang.analysis.rules.actions import python_name
from colang.config.pipeline_v1 import PIPELINE, PIPELINE_PARTS, SYSTEM_ACTIONS
from colang.config.requirements import LIBRARY_RAILS

#: The built-in flows.
PIPELINE_FLOWS: frozenset[str] = PIPELINE | PIPELINE_PARTS

FLOWS: frozenset[str] = PIPELINE_FLOWS | LIBRARY_RAILS | {"clavata refuse"}

#: Messages with a text of the library (8.4), or with a meaning of their own.
MESSAGES: frozenset[str] = frozenset(
    {
        "refuse to respond",
        "inform answer unknown",
        "inform answer prone to hallucination",
        "inform internal error occurred",
        "stop",
    }
)

#: The intent of a text that is like no example.
INTENTS: frozenset[str] = frozenset({"unknown message"})

#: Actions of the runtime (10.6), and of the ready-made rails.
ACTIONS: frozenset[str] = frozenset(
    {
        *SYSTEM_ACTIONS,
        "wolfram alpha request",
        "ClavataCheckAction",
        *(python_name(name) for name in RAIL_ACTIONS),
    }
)

#: Parameters of actions that the runtime fills in (10.3).
INJECTED_PARAMETERS: frozenset[str] = frozenset(
    {
        *("events", "context", "config", "llm_task_manager"),
        *("llm", "llms", "kb", "model_caches"),
    }
)
