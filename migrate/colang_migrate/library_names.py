"""Names of flows that the modules of the 2.x standard library define, and of the ready-made rails.

A table, so that a migration reads no library; a test compares it with the modules.
"""

from __future__ import annotations

from typing import NamedTuple

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

#: Flows of 1.0's own pipeline, which a configuration may override; 2.x has no such hooks.
PIPELINE = frozenset(
    (
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
    )
)

#: Messages of the core module that a configuration may redefine: they take no parameters.
PLAIN_MESSAGES = frozenset(("bot refuse to respond",))

#: Texts of 1.0 that 2.x does not bring along.
MESSAGES = {
    "inform answer unknown": "I don't know the answer to that.",
    "inform internal error occurred": "I'm sorry, an internal error has occurred.",
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


class LibraryRail(NamedTuple):
    """A ready-made rail: the module of its 2.x flow, and the flow itself where the shipped one checks nothing."""

    module: str
    restated: str = ""
    sure: bool = True  # the shipped flow works in the reference


_REGEX = '''flow regex check {kind}
  """Check if the {who} matches any forbidden pattern."""
  global ${variable}
  $response = await DetectRegexPatternAction(source="{kind}", text=${variable})
  if $response.is_blocked
    bot refuse to respond
    abort
'''
_CLAVATA = """flow clavata check {kind}
  global ${variable}
  $is_match = await ClavataCheckAction(text=${variable}, rail="{kind}")
  if $is_match.is_blocked
    if $system.config.enable_rails_exceptions
      send ClavataPolicyMatchException(message="Interaction blocked by clavata check on {kind}.")
    else
      bot refuse to respond
    abort
"""


def _restated(flow: str, kind: str) -> str:
    who = {"input": "user input", "output": "bot output"}[kind]
    return flow.format(
        kind=kind, who=who, variable="user_message" if kind == "input" else "bot_message"
    )


_ROOT = "nemoguardrails.library"

LIBRARY_RAILS: dict[str, LibraryRail] = {
    "self check input": LibraryRail(f"{_ROOT}.self_check.input_check"),
    "self check output": LibraryRail(f"{_ROOT}.self_check.output_check"),
    "self check facts": LibraryRail(f"{_ROOT}.self_check.facts", sure=False),
    "self check hallucination": LibraryRail(f"{_ROOT}.hallucination", sure=False),
    "hallucination warning": LibraryRail(f"{_ROOT}.hallucination", sure=False),
    "content safety check input": LibraryRail(f"{_ROOT}.content_safety"),
    "content safety check output": LibraryRail(f"{_ROOT}.content_safety"),
    "topic safety check input": LibraryRail(f"{_ROOT}.topic_safety"),
    "llama guard check input": LibraryRail(f"{_ROOT}.llama_guard"),
    "llama guard check output": LibraryRail(f"{_ROOT}.llama_guard"),
    "jailbreak detection heuristics": LibraryRail(f"{_ROOT}.jailbreak_detection"),
    "jailbreak detection model": LibraryRail(f"{_ROOT}.jailbreak_detection"),
    "injection detection": LibraryRail(f"{_ROOT}.injection_detection", sure=False),
    "detect sensitive data on input": LibraryRail(f"{_ROOT}.sensitive_data_detection", sure=False),
    "detect sensitive data on output": LibraryRail(f"{_ROOT}.sensitive_data_detection", sure=False),
    "mask sensitive data on input": LibraryRail(f"{_ROOT}.sensitive_data_detection", sure=False),
    "mask sensitive data on output": LibraryRail(f"{_ROOT}.sensitive_data_detection", sure=False),
    "alignscore check facts": LibraryRail(f"{_ROOT}.factchecking.align_score", sure=False),
    "patronus lynx check output hallucination": LibraryRail(f"{_ROOT}.patronusai", sure=False),
    "regex check input": LibraryRail("", _restated(_REGEX, "input")),
    "regex check output": LibraryRail("", _restated(_REGEX, "output")),
    "clavata check input": LibraryRail("", _restated(_CLAVATA, "input")),
    "clavata check output": LibraryRail("", _restated(_CLAVATA, "output")),
}

#: Rails of the library that take text as arguments, by parameters of 1.0: these values stay in the YAML.
OVERRIDABLE: frozenset[str] = frozenset(PLAIN_MESSAGES)
