"""How Hypothesis runs here: however busy the machine is, a slow example is no failure."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("colang", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("colang")
