"""Names of flows that the modules of the 2.x standard library define.

A table, so that a migration reads no library; a test compares it with the modules.
"""

from __future__ import annotations

#: Module -> its flows. `llm` imports `core` and `timing`.
MODULES: dict[str, tuple[str, ...]] = {
    "core": (
        "user said",
        "user said something",
        "user saying",
        "user saying something",
        "user started saying something",
        "user said something unexpected",
        "bot say",
        "bot inform",
        "bot ask",
        "bot express",
        "bot respond",
        "bot clarify",
        "bot suggest",
        "bot refuse to respond",
        "bot started saying",
        "bot started saying something",
        "bot said",
        "bot said something",
        "bot informed something",
        "bot asked something",
        "bot expressed something",
        "bot responded something",
        "bot clarified something",
        "bot suggested something",
        "tracking bot talking state",
        "tracking user talking state",
        "debugging helpers",
        "warning of colang errors",
        "warning of undefined flow start",
        "warning of unexpected user utterance",
        "notification of colang errors",
        "notification of undefined flow start",
        "notification of unexpected user utterance",
        "observation of flow",
        "observation of flow start",
        "observation of flow finished",
        "observation of flow failed",
        "wait indefinitely",
        "await_flow_by_name",
        "it finished",
        "flow_failed",
        "_user_said",
        "_user_saying",
        "_user_said_something_unexpected",
        "_bot_say",
    ),
    "llm": (
        "bot say something like",
        "polling llm request response",
        "llm continuation",
        "generating user intent for unhandled user utterance",
        "continuation on unhandled user utterance",
        "unhandled user intent",
        "continuation on unhandled user intent",
        "continuation on undefined flow",
        "llm generate interaction continuation flow",
        "llm continue interaction",
        "execute llm instruction",
        "automating intent detection",
        "marking user intent flows",
        "marking bot intent flows",
        "logging marked user intent flows",
        "logging marked bot intent flows",
        "tracking unhandled user intent state",
    ),
    "timing": (
        "wait",
        "repeating timer",
        "user was silent",
        "user didnt respond",
        "bot was silent",
    ),
    "avatars": (
        "user selected choice",
        "user has selected choice",
        "user typing",
        "user gestured",
        "user became absent",
        "user became present",
        "user interrupted bot talking",
        "bot gesture",
        "bot gesture with delay",
        "bot posture",
        "scene show choice",
        "scene show textual information",
        "scene show short information",
        "scene show form",
        "bot started gesture",
        "bot started a gesture",
        "bot started posture",
        "bot started a posture",
        "bot started an action",
        "tracking visual choice selection state",
        "finish all bot actions",
        "fail all bot actions",
        "finish all scene actions",
        "handling bot talking interruption",
        "managing bot postures",
        "managing listening posture",
        "managing talking posture",
        "managing thinking posture",
    ),
    "guardrails": (
        "run input rails",
        "run output rails",
    ),
}

#: Messages of the core module that a configuration may redefine: they take no parameters.
PLAIN_MESSAGES = frozenset(("bot refuse to respond",))

#: Texts of 1.0 that 2.x does not bring along.
MESSAGES = {
    "inform answer unknown": "I don't know the answer to that.",
    "inform internal error occurred": "I'm sorry, an internal error has occurred.",
    "inform answer prone to hallucination": "Please note that this answer may be wrong.",
}

#: Events of the 1.0 pipeline; 2.x has none of them.
PIPELINE_EVENTS = frozenset(
    [
        "UserIntent",
        "UserMessage",
        "BotIntent",
        "BotMessage",
        "StartInputRails",
        "InputRailsFinished",
        "StartOutputRails",
        "OutputRailsFinished",
        "StartInputRail",
        "InputRailFinished",
        "StartOutputRail",
        "OutputRailFinished",
        "StartUtteranceBotAction",
        "UtteranceBotActionFinished",
        "StartInternalSystemAction",
        "InternalSystemActionFinished",
        "mask_prev_user_message",
        "hide_prev_turn",
        "start_flow",
        "ContextUpdate",
        "Listen",
    ]
)

#: Variables of the 1.0 runtime that 2.x does not set (section 9).
MISSING_VARIABLES = frozenset(
    (
        "generation_options",
        "skip_output_rails",
        "triggered_input_rail",
        "triggered_output_rail",
        "intent_params",
        "event",
    )
)

#: The library of 2.x sets this variable only for what no sample matches; an action knows it always.
LAST_MESSAGE = "last_user_message"
ASK_LAST_MESSAGE = f"${LAST_MESSAGE} = await GetLastUserMessageAction()"

#: Variables that the 2.x library, or the application, shares with every flow.
SPECIAL_VARIABLES = frozenset(
    (
        "user_message",
        "last_user_message",
        "bot_message",
        "last_bot_message",
        "relevant_chunks",
        "relevant_chunks_sep",
        "retrieved_for",
        "check_facts",
        "check_hallucination",
        "hallucination_warning",
        "bot_thinking",
    )
)
