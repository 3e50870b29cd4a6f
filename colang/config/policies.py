"""The policies of the moderation service: aliases, ids, and the rails that need them (rails specification, 12)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from colang.config.settings import Settings
from colang.diagnostics import Diagnostic
from colang.diagnostics import policies as report
from colang.project.rails import parse_rail

if TYPE_CHECKING:
    from colang.config.rails_config import RailsConfig

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PLACE = ("rails", "config", "clavata")
_RAILS = {"clavata check input": "input", "clavata check output": "output"}


def policies(config: RailsConfig, settings: Settings) -> Iterator[Diagnostic]:
    """Ids that are none, aliases that are not defined, and rails without a policy."""
    own = config.rails.config.clavata
    known = own.policies if own is not None else {}
    for name, policy_id in known.items():
        if not _UUID.fullmatch(policy_id):
            place = settings.place(*_PLACE, "policies", name)
            yield report.bad_policy_id(name, place.value).at(place.path)
    for direction in ("input", "output"):
        options = getattr(own, direction, None)
        if options is not None and not is_policy(options.policy, known):
            place = settings.place(*_PLACE, direction, "policy")
            yield report.unknown_policy(options.policy, place.value, known).at(place.path)
    for kind in ("input", "output"):
        for index, entry in enumerate(getattr(config.rails, kind).flows):
            call = parse_rail(entry)
            needed = _RAILS.get(call.name) if call is not None else None
            if call is not None and needed and getattr(own, needed, None) is None:
                place = settings.place("rails", kind, "flows", index)
                dotted = f"rails.config.clavata.{needed}.policy"
                yield report.missing_policy(call.name, dotted, place.value).at(place.path)


def is_policy(name: str, aliases: object) -> bool:
    """Whether a name is an alias of the settings, or the id of a policy itself.

    >>> is_policy("Threats", {"Threats": "..."}), is_policy("Treats", {"Threats": "..."})
    (True, False)
    """
    return (isinstance(aliases, dict) and name in aliases) or bool(_UUID.fullmatch(name))
