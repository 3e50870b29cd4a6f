"""The pipeline of the 1.0 runtime: flows and actions that every bot has (rails-runtime, section 5; 10.6).

Apart from `colang.analysis`, so that who runs or migrates a bot does not load the checks for a list of names.
"""

from __future__ import annotations

#: The built-in flows a turn goes through. A flow of the same name replaces one, and is called as it was.
PIPELINE: frozenset[str] = frozenset(
    {
        "process user input",
        "run input rails",
        "run dialog rails",
        "generate user intent",
        "generate next step",
        "generate bot message",
        "run retrieval rails",
        "process bot message",
        "run output rails",
        "process bot tool call",
        "process user tool messages",
        "run tool output rails",
        "run tool input rails",
    }
)

#: Built-in flows that those, or rails, call.
PIPELINE_PARTS: frozenset[str] = frozenset(
    {"mask blocked user input", "run one input rail", "run one output rail"}
)

#: Actions that belong to the runtime.
SYSTEM_ACTIONS: frozenset[str] = frozenset(
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
    }
)
