"""Names that are there without being defined: functions, actions of the runtime, actions of the standard events."""

from __future__ import annotations

from collections.abc import Mapping

#: Functions of expressions. Section 3.3.
FUNCTIONS: frozenset[str] = frozenset(
    {
        "len",
        "str",
        "int",
        "float",
        "list",
        "tuple",
        "set",
        "dict",
        "rand",
        "randint",
        "uid",
        "type",
        "is_int",
        "is_float",
        "is_bool",
        "is_str",
        "is_regex",
        "regex",
        "search",
        "find_all",
        "less_than",
        "equal_less_than",
        "greater_than",
        "equal_greater_than",
        "not_equal_to",
        "pretty_str",
        "escape",
        "flows_info",
        "flow",
        "action",
    }
)

#: Python actions the runtime executes itself, with their parameters. Sections 7.4 and 9.1.
RUNTIME_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "AddFlowsAction": ("config",),
    "RemoveFlowsAction": ("flow_ids",),
    "CheckFlowDefinedAction": ("flow_id",),
    "CheckValidFlowExistsAction": ("flow_id",),
    "CheckForActiveEventMatchAction": ("event_name",),
    "GetCurrentDateTimeAction": (),
    "GetLastUserMessageAction": (),
    "RetrieveRelevantChunksAction": ("is_colang_2",),
    "CreateEventAction": ("event",),
    "UpdateAttentionMaterializedViewAction": ("event", "timestamp_offsets"),
    "GetAttentionPercentageAction": ("attention_levels",),
    "GenerateUserIntentAction": ("user_action", "max_example_flows"),
    "GenerateUserIntentAndBotAction": ("user_action", "max_example_flows"),
    "GenerateFlowFromInstructionsAction": ("instructions",),
    "GenerateFlowFromNameAction": ("name",),
    "GenerateFlowContinuationAction": ("temperature",),
    "CreateFlowAction": ("name", "body", "decorators"),
    "GenerateValueAction": ("instructions", "var_name"),
    "GenerateFlowAction": ("flow_id",),
    "PassthroughLLMAction": ("user_message",),
}

#: Actions of the usual host, of its channels and of its devices. Sections 6.1 and 8.
HOST_ACTIONS: frozenset[str] = frozenset(
    {
        "UtteranceUserAction",
        "UtteranceBotAction",
        "GestureBotAction",
        "GestureUserAction",
        "FacialGestureBotAction",
        "PostureBotAction",
        "PresenceUserAction",
        "TimerBotAction",
        "VisualChoiceSceneAction",
        "VisualInformationSceneAction",
        "VisualFormSceneAction",
        "AttentionUserAction",
        "MotionEffectCameraAction",
        "ShotCameraAction",
    }
)

#: Actions of the ready-made rails that exist without optional services. Section 8.8.
RAIL_ACTIONS: frozenset[str] = frozenset(
    {
        "ClavataCheckAction",
        "SelfCheckInputAction",
        "SelfCheckOutputAction",
        "SelfCheckFactsAction",
        "SelfCheckHallucinationAction",
        "DetectSensitiveDataAction",
        "MaskSensitiveDataAction",
        "DetectRegexPatternAction",
        "JailbreakDetectionHeuristicsAction",
        "JailbreakDetectionModelAction",
        "InjectionDetectionAction",
        "ContentSafetyCheckInputAction",
        "ContentSafetyCheckOutputAction",
        "TopicSafetyCheckInputAction",
        "LlamaGuardCheckInputAction",
        "LlamaGuardCheckOutputAction",
        "AlignscoreCheckFactsAction",
    }
)

ACTIONS: frozenset[str] = frozenset(RUNTIME_ACTIONS) | HOST_ACTIONS | RAIL_ACTIONS

#: Parameters of Python actions that the runtime fills in. Section 7.4.
INJECTED_PARAMETERS: frozenset[str] = frozenset(
    {"events", "context", "config", "llm_task_manager", "state", "llm", "kb"}
)
