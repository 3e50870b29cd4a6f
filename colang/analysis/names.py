"""What a name in an operation means: a flow, an action or an event. Section 1.5."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Literal, TypeAlias

from colang.syntax import nodes

Kind: TypeAlias = Literal["flow", "action", "event"]

#: Words that make a statement when a call starts with them; a flow name cannot start with them.


def classify(name: str, flows: Container[str]) -> Kind:
    """What `name` (words joined by one blank) means where a flow, an action or an event may stand.

    A defined flow is one whatever its spelling (Q30). Else: all letters that have a case are lower case and
    there is one -> flow; ``...Action`` unless it starts with Start, Stop or Change -> action; else event.

    Example:
        >>> classify("bot say", ()), classify("TimerBotAction", ()), classify("StartTimerBotAction", ())
        ('flow', 'action', 'event')
        >>> classify("greet Kim", ()), classify("greet Kim", {"greet Kim"})
        ('event', 'flow')
    """
    if name in flows or name.islower():
        return "flow"
    if name.endswith("Action") and not name.startswith(("Start", "Stop", "Change")):
        return "action"
    return "event"


def specs(group: nodes.Group) -> Iterator[nodes.Spec]:
    """All specs of a group in textual order; groups may be nested to any depth."""
    pending = [group]
    while pending:
        item = pending.pop()
        if isinstance(item, nodes.Spec):
            yield item
        else:
            pending.extend(reversed(item.items))


def target_text(spec: nodes.Spec) -> str:
    """The name or the variable of a spec as it is written in messages."""
    return spec.name if spec.name is not None else f"${spec.variable}"
