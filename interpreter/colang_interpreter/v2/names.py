"""Names the 2.x core knows: internal events, life cycle members, modalities (sections 6.1 and 6.2)."""

from __future__ import annotations

from typing import Final

START_FLOW: Final = "StartFlow"
FINISH_FLOW: Final = "FinishFlow"
STOP_FLOW: Final = "StopFlow"
FLOW_STARTED: Final = "FlowStarted"
FLOW_FINISHED: Final = "FlowFinished"
FLOW_FAILED: Final = "FlowFailed"
UNHANDLED: Final = "UnhandledEvent"
COLANG_ERROR: Final = "ColangError"
CONTEXT_UPDATE: Final = "ContextUpdate"
TO_CHECK: Final = "UtteranceToCheck"
"""Sent by the library's `guardrails`, to compete like any event; it does not leave the machine."""

LOG_EVENTS: Final = frozenset({"UserIntentLog", "BotIntentLog", "UserActionLog", "BotActionLog"})
FLOW_EVENTS: Final = frozenset({FLOW_STARTED, FLOW_FINISHED, FLOW_FAILED})
INTERNAL_EVENTS: Final = (
    frozenset({START_FLOW, FINISH_FLOW, STOP_FLOW, UNHANDLED}) | FLOW_EVENTS | LOG_EVENTS
)
"""Events that flows exchange inside of a machine."""

FLOW_MEMBERS: Final = {
    "Started": FLOW_STARTED,
    "Finished": FLOW_FINISHED,
    "Failed": FLOW_FAILED,
}
"""Members of a flow that can be waited for, and the event each stands for."""

LOG_TAGS: Final = (
    ("user_intent", "UserIntentLog"),
    ("bot_intent", "BotIntentLog"),
    ("user_action", "UserActionLog"),
    ("bot_action", "BotActionLog"),
)
"""Meta tags that make a finished flow a record of the history, in the order they are looked at."""

MODALITIES: Final = {
    "UtteranceBotAction": ("bot_speech", "replace"),
    "UtteranceUserAction": ("user_speech", "replace"),
    "TimerBotAction": ("time", "parallel"),
    "FacialGestureBotAction": ("bot_face", "replace"),
    "GestureBotAction": ("bot_gesture", "override"),
    "PostureBotAction": ("bot_posture", "override"),
    "VisualChoiceSceneAction": ("information", "override"),
    "VisualInformationSceneAction": ("information", "override"),
    "VisualFormSceneAction": ("information", "override"),
    "MotionEffectCameraAction": ("camera_motion_effect", "override"),
    "ShotCameraAction": ("camera_shot", "override"),
}
"""Action name -> (modality, policy) written into its outgoing events."""

ENVELOPE: Final = frozenset({"type", "uid", "event_created_at"})
"""Keys of an outgoing event that a program cannot set (Q24)."""
