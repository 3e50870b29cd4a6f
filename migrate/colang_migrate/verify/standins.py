"""What stands in for Python actions: nothing of the configuration is executed unless the user asks for it.

Scripted stubs come first, then the actions of the bot itself (if they may run), then the modes: everything allowed,
everything refused, everything raising.
"""

from __future__ import annotations

from collections.abc import Mapping

from colang.scenario import Raises, Returns, Stub
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.v1.elements import RunAction
from colang_migrate.verify.model import Mode, Trial
from colang_migrate.verify.sides import Names, Side

_NETWORK = (
    *("jailbreak_detection_heuristics", "jailbreak_detection_model"),
    "ClavataCheckAction",
)
"""Actions of ready-made rails that ask a service."""

FAILURE = "it fails in this conversation"
_BY_MODE: Mapping[Mode, Stub] = {
    "benign": Returns(True),
    "adverse": Returns(False),
    "raising": Raises(FAILURE),
}
_RAIL_BY_MODE: Mapping[Mode, Stub] = {
    "benign": Returns(RailOutcome.allow()),
    "adverse": Returns(RailOutcome.block("refused in this conversation")),
    "raising": Raises(FAILURE),
}


def used_actions(old: Side) -> dict[str, None]:
    """The actions of the configuration that the flows of the old bot run, in order of their first use."""
    found: dict[str, None] = {}
    if old.version != "1.0":
        return dict.fromkeys(sorted(old.declared))
    for flow in old.program.flows.values():
        if flow.path.startswith("<"):
            continue
        for element in flow.elements:
            if isinstance(element, RunAction) and element.name not in old.bundled:
                found.setdefault(element.name)
    return found


def stubs_for(trial: Trial, names: Names, side: Side) -> dict[str, tuple[Stub, ...]]:
    """The stubs of one side by the names it calls them."""
    wanted: dict[str, tuple[Stub, ...]] = {}
    ready = _RAIL_BY_MODE[trial.mode]
    for name in _NETWORK:
        if name in side.bundled:
            wanted[name] = (ready,)
    for name in used_actions(names.old):
        if name not in side.actions:
            for each in _spelled(name, names, side):
                if each not in side.actions:
                    wanted[each] = (_BY_MODE[trial.mode],)
    for name, stubs in trial.stubs.items():
        if trial.origin == "generated" and name in names.old.actions:
            continue  # the bots have their own, and nobody has asked for another result
        for each in _spelled(name, names, side):
            wanted[each] = stubs
    return wanted


def _spelled(name: str, names: Names, side: Side) -> tuple[str, ...]:
    return (name,) if side is names.old else names.action(name)
