"""Names a Colang 1.0 program has without defining them: flows, messages, intents, actions."""

from __future__ import annotations

from colang.analysis.builtins import RAIL_ACTIONS
from colang.analysis.rules.actions import python_name
from colang.config.requirements import LIBRARY_RAILS

#: The built-in flows (`rails-runtime.md`, section 5). A flow of the same name replaces one, and is called as it was.
PIPELINE_FLOWS: frozenset[str] = frozenset(
    {
        "process user input",
        "run input rails",
        "run dialog rails",
        "generate user intent",
        "mask blocked user input",
        "generate next step",
        "generate bot message",
        "run retrieval rails",
        "process bot message",
        "run output rails",
        "process bot tool call",
        "process user tool messages",
        "run tool output rails",
        "run tool input rails",
        "run one input rail",
        "run one output rail",
    }
)

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
        "create_event",
        "generate_user_intent",
        "generate_next_steps",
        "generate_bot_message",
        "generate_value",
        "generate_intent_steps_message",
        "retrieve_relevant_chunks",
        "run_input_rails_in_parallel",
        "run_output_rails_in_parallel",
        "run_flows_in_parallel",
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
