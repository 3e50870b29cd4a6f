"""The primitive instructions a flow is compiled to (section 5.1 of the Colang 2.x specification).

Instructions are immutable and shared by all conversations; a head holds only its position among them.
`machine.HANDLERS` gives each its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeAlias

from colang.source import Span
from colang_interpreter.expressions import Compiled
from colang_interpreter.v2 import names

Arguments: TypeAlias = tuple[tuple[str, Compiled], ...]
"""Evaluated when the instruction runs; positional arguments have the names ``$0``, ``$1``, ..."""

Key: TypeAlias = str | tuple[str, Any]
"""Under what the index files who waits for an event: the uid of a flow instance, or a parameter and its value."""


def key_of(event: str, parameter: str, value: Any) -> Key:
    """The key of who waits for an event with this value of a parameter; `value` is of one of the `KEY_TYPES`.

    >>> key_of("Ping", "n", 1), key_of("FlowFinished", "flow_instance_uid", "(f)1")
    (('n', 1), '(f)1')
    """
    if type(value) is str and parameter == "flow_instance_uid" and event in names.FLOW_EVENTS:
        return value
    return (parameter, value)


KEY_TYPES: Final = (str, int, bool, type(None))
"""Types of the values that match if, and only if, they are equal."""

_PREFERRED: Final = ("action_uid", "flow_instance_uid", "flow_id", "event", "final_transcript")


@dataclass(frozen=True, slots=True)
class EventPattern:
    """The event a head waits for, before its variables are known.

    `kind` says how the name is made: "event" (`name` is it), "flow" (`member` of flow `name`), "action"
    (`member` of any action `name`), "ref" (`member` of what the variable path holds), "slot" (`member` of
    the flow or action in the hidden slot).
    """

    kind: str
    name: str = ""
    member: str = ""
    path: tuple[str, ...] = ()
    slot: int = -1
    args: Arguments = ()  # of the event, or of the member
    outer: Arguments = ()  # of the flow or action in `F(...).Member()`
    constants: dict[str, Any] = field(
        default_factory=dict[str, Any]
    )  # the literal ones among `args`
    variables: tuple[
        tuple[str, str], ...
    ] = ()  # (parameter, local variable) where `args` is just `$x`
    all_constant: bool = False
    event: str = field(init=False)  # name of the event, if that is known before the program runs
    key: Key | None = field(
        init=False
    )  # under what it is filed while a head waits for it, if that is known too

    def __post_init__(self) -> None:
        event = ""
        if self.kind == "event":
            event = self.name
        elif self.kind == "flow":
            event = names.FLOW_MEMBERS[self.member]
        elif self.kind == "action":
            event = f"{self.name}{self.member}"
        object.__setattr__(self, "event", event)
        object.__setattr__(self, "key", self._key())

    def _key(self) -> Key | None:
        if self.kind == "flow":
            return ("flow_id", self.name)
        preferred = [name for name in _PREFERRED if name in self.constants]
        for parameter in (*preferred, *self.constants):
            value = self.constants[parameter]
            if type(value) in KEY_TYPES:
                return key_of(self.event, parameter, value)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Base: `line` is the line of the statement, for traces and errors; `span` its text."""

    op: ClassVar[int] = -1
    span: Span
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Instruction):
    """Park the head until an event fits.

    head: running at pc -> waiting at pc -> (a fitting event) -> running at pc + 1
    """

    op: ClassVar[int] = 0
    pattern: EventPattern
    ref: str | None = None  # variable that captures the event
    slot: int = -1  # hidden slot that captures the event
    bind: int = -1  # hidden slot that takes the flow a FlowStarted is about
    drop: int = -1  # hidden slot that nobody needs any more after this
    silent: bool = False  # does not count as a waiting point for "started"


Formula: TypeAlias = "int | tuple[str, tuple[Formula, ...]]"
"""A member's index, or ("and" | "or", operands)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitGroup(Instruction):
    """Park the head until its members fulfil the formula, in any order (section 5.3).

    Evaluated incrementally: a member that matched stays matched. Observably the same as one forked head for
    each member of the disjunctive normal form, whose winner is chosen by score.
    """

    op: ClassVar[int] = 1
    members: tuple[Wait, ...]
    formula: Formula
    slot: int = -1  # takes the event that completed the group


@dataclass(frozen=True, slots=True, kw_only=True)
class SendInternal(Instruction):
    """Enqueue an internal event and go on."""

    op: ClassVar[int] = 2
    name: str
    args: Arguments
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendEvent(Instruction):
    """Stop here, actionable; go on when the event has been emitted (section 6.8)."""

    op: ClassVar[int] = 3
    name: str
    args: Arguments
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMember(Instruction):
    """``send $ref.Member(...)``: an event of an action (external) or of a flow (internal)."""

    op: ClassVar[int] = 4
    path: tuple[str, ...]
    member: str
    args: Arguments
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFlow(Instruction):
    """Enqueue StartFlow for `flow`; the uid of the new instance goes to the slot."""

    op: ClassVar[int] = 5
    flow: str
    args: Arguments
    slot: int
    activated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAction(Instruction):
    """Evaluate the arguments and create an action object in the slot."""

    op: ClassVar[int] = 6
    name: str
    args: Arguments
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAction(Instruction):
    """Stop here, actionable, to start the action in the slot."""

    op: ClassVar[int] = 7
    slot: int
    last: bool = False  # nobody needs the slot after this


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind(Instruction):
    """Give a variable the flow or action in the slot."""

    op: ClassVar[int] = 8
    target: str
    slot: int
    last: bool = False  # nobody needs the slot after this


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Instruction):
    """Give a variable the return value of the event in the slot, None without one (Q08)."""

    op: ClassVar[int] = 9
    target: str
    slot: int
    needs_value: bool = False  # an event without one is an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Eval(Instruction):
    """Evaluate and assign; `operator` is "+" or "-" for an augmented assignment."""

    op: ClassVar[int] = 10
    target: str
    value: Compiled
    operator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump(Instruction):
    """Go on at `to`."""

    op: ClassVar[int] = 11
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unless(Instruction):
    """Go on at `to` unless the condition is true."""

    op: ClassVar[int] = 12
    condition: Compiled
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Instruction):
    """The head becomes inactive and the parent of one new head at each target (section 6.5)."""

    op: ClassVar[int] = 13
    fork: int
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Instruction):
    """Wait until internal events are done; then the best merging head replaces the forked parent."""

    op: ClassVar[int] = 14
    fork: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Instruction):
    """Block until `count` heads of the instance stand here; the last one goes on."""

    op: ClassVar[int] = 15
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Join(Instruction):
    """This head replaces the forked parent at once; the other heads of the fork are removed (Q16)."""

    op: ClassVar[int] = 16
    fork: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch(Instruction):
    """Push a failure handler: a failing head goes on at `to`."""

    op: ClassVar[int] = 17
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncatch(Instruction):
    """Pop the failure handler."""

    op: ClassVar[int] = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Instruction):
    """Open a region: flows and actions started from here on are recorded in it."""

    op: ClassVar[int] = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Instruction):
    """Close the innermost region: what it recorded and still runs is stopped."""

    op: ClassVar[int] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Instruction):
    """Store the return value and go to the end of the flow."""

    op: ClassVar[int] = 21
    value: Compiled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort(Instruction):
    """The head fails: to its handler, else the flow fails (section 6.5)."""

    op: ClassVar[int] = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDecl(Instruction):
    """From here on the name means the global variable, for this instance (section 6.7)."""

    op: ClassVar[int] = 23
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority(Instruction):
    """Set the priority of the instance: a float in [0, 1]."""

    op: ClassVar[int] = 24
    value: Compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Instruction):
    """``log`` and ``print``: hand a text to the host."""

    op: ClassVar[int] = 25
    channel: str  # "log" or "print"
    value: Compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstance(Instruction):
    """The label ``start_new_flow_instance:`` (section 6.9)."""

    op: ClassVar[int] = 26


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or return member with its default (evaluated without variables)."""

    name: str
    position: str  # its name where it is given by position: ``$0``, ``$1``, ...
    default: Compiled | None


@dataclass(frozen=True, slots=True)
class FlowCode:
    """One compiled flow."""

    name: str
    parameters: tuple[Parameter, ...]
    members: tuple[Parameter, ...]
    code: tuple[Instruction, ...]
    meta: dict[str, Any]
    decorators: dict[str, dict[str, Any]]
    active: bool  # `@active`
    loop: str | None  # `@loop(...)`: a name, "NEW", or None for the parent's loop
    loop_priority: int
    log_event: str | None  # the history record a finished instance leaves (6.11)
    log_value: Compiled | str | bool | None  # interpolated text of the meta tag, or True
    intent_tag: Compiled | str | bool | None  # `bot_intent` / `user_intent` of this flow, if any
    source: str  # text of the definition, for prompts and the digest
    path: str
    line: int
    exclude_from_llm: bool
    parameter_names: frozenset[str]
    fingerprint: str  # of source and position-relevant data; part of the program's digest
