"""Settings: reading YAML with places, joining files, the settings model.

`RailsConfig` and the classes of its parts need pydantic, so they are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colang.config.rails_config import RailsConfig

__all__ = ["RailsConfig"]


def __getattr__(name: str) -> object:
    if name == "RailsConfig":
        from colang.config.rails_config import RailsConfig

        return RailsConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
