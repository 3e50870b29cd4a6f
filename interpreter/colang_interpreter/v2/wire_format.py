"""What writer and reader of saved 2.x states agree on."""

from __future__ import annotations

from typing import Final

from colang_interpreter.v2.model import ActionStatus, FlowStatus

VERSION: Final = 1
MAX_NESTING: Final = 200
TAG: Final = "~"
"""Key of a dictionary that stands for a value JSON does not have."""

FLOW_STATUS: Final = list(FlowStatus)
ACTION_STATUS: Final = list(ActionStatus)
