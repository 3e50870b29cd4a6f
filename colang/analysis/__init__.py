"""Static analysis: what can be known about a program before the first message. Start at `check`."""

from colang.analysis.check import check, check_settings, check_v1, check_v2
from colang.analysis.names import classify

__all__ = ["check", "check_settings", "check_v1", "check_v2", "classify"]
