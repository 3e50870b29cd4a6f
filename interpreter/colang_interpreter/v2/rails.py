"""A record of the rails that run in a conversation: which flows, how they ended, which actions they started.

A rail is a flow that the program's `input rails` or `output rails` calls, or that flow itself for what it does on its
own. Flows that speak (`bot ...`) and those of the standard library are no rails. The record is kept for whoever reports
what was enforced (`colang_interpreter.tracing`); it is no part of the state, and a program without rails has none. All it
decides is which rails a call of the message API leaves out: such a flow starts and does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from colang_interpreter.dynamic import is_dict, is_list
from colang_interpreter.v2.instructions import StartFlow
from colang_interpreter.v2.model import FlowStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colang_interpreter.v2.dispatch import Waiter
    from colang_interpreter.v2.instructions import FlowCode
    from colang_interpreter.v2.model import Event, Instance
    from colang_interpreter.v2.state import State

Kind: TypeAlias = Literal["input", "output"]

RUNNERS: Final[dict[str, Kind]] = {"input rails": "input", "output rails": "output"}
"""The flows a program defines to have its messages checked, and what they check."""

VARIABLES: Final[dict[Kind, str]] = {"input": "user_message", "output": "bot_message"}
"""The global variable that holds the message under check."""

MAX_RUNS: Final = 1000
"""Rails that are remembered if nobody takes the record away."""


class RailRun:
    """One run of a rail.

    Attributes:
        kind: What was checked.
        flow: Name of the flow.
        path: File it is defined in.
        line: Line of its definition, from 1.
        is_runner: It is `input rails` or `output rails` itself.
        text: The message when the rail began.
        text_after: The message when it ended.
        started: Time of the event in whose step it began, ISO 8601.
        ended: The same for its end; None while it runs.
        status: "running", "finished", "failed", or "cut off" if it was ended together with its caller.
        actions: Uids of the actions that it, or a flow called by it, has started or shared.
        errors: Texts of ColangErrors in it or in a flow called by it.
        rails: The rails it has called, for a runner.
        reported: Somebody has taken it for done, though it still speaks.
    """

    __slots__ = (
        "actions", "ended", "errors", "flow", "is_runner", "kind", "line", "path", "rails", "reported",
        "runner", "started", "status", "text", "text_after",
    )  # fmt: skip

    def __init__(
        self, kind: Kind, code: FlowCode, text: object, now: str, runner: RailRun | None
    ) -> None:
        self.kind: Kind = kind
        self.flow = code.name
        self.path = code.path
        self.line = code.line
        self.is_runner = code.name in RUNNERS
        self.text = text
        self.text_after = text
        self.started = now
        self.ended: str | None = None
        self.status: Literal["running", "finished", "failed", "cut off"] = "running"
        self.actions: list[str] = []
        self.errors: list[str] = []
        self.rails: list[RailRun] = []
        self.reported = False
        self.runner = runner


class RailLog:
    """The rails of one conversation, in the order they began."""

    __slots__ = ("_open", "_runs")

    def __init__(self) -> None:
        self._runs: list[RailRun] = []
        self._open: dict[str, RailRun] = {}  # by uid of the flow instance

    def take(self) -> list[RailRun]:
        """The rails so far, each once; those that are still running come again until they have ended."""
        runs = self._runs
        self._runs = [run for run in runs if run.status == "running"]
        return runs

    # -------------------------------------------------- what the machine tells

    def started(self, state: State, instance: Instance) -> bool:
        """A flow is about to start; whether it shall: not if the options of this call leave it out."""
        code, parent = instance.flow, instance.parent
        kind = RUNNERS.get(code.name)
        runner: RailRun | None = None
        if kind is None:
            kind = RUNNERS.get(parent.flow.name) if parent is not None else None
            if parent is None or kind is None or not is_rail(code):
                return True
            runner = self._open.get(parent.uid)
        if _is_switched_off(state, kind, code):
            return False
        run = RailRun(kind, code, state.globals.get(VARIABLES[kind]), state.now, runner)
        if runner is not None:
            runner.rails.append(run)
        self._open[instance.uid] = run
        if len(self._runs) < MAX_RUNS:
            self._runs.append(run)
        return True

    def ended(self, state: State, instance: Instance, status: FlowStatus, cut_off: bool) -> None:
        """A flow has ended."""
        if instance.uid not in self._open:  # it may have begun before the conversation was restored
            self.started(state, instance)
        run = self._open.pop(instance.uid, None)
        if run is None:
            return
        run.ended = state.now
        run.text_after = state.globals.get(VARIABLES[run.kind])
        if status is FlowStatus.FINISHED:
            run.status = "finished"
        else:
            run.status = "cut off" if cut_off else "failed"

    def acted(self, instance: Instance, uid: str) -> None:
        """A flow has started an action, or takes part in one."""
        run = self._of(instance)
        if run is not None:
            run.actions.append(uid)

    def erred(self, instance: Instance, text: str) -> None:
        """A flow has made a mistake."""
        run = self._of(instance)
        if run is not None:
            run.errors.append(text)

    def is_let_down(self, waiter: Waiter, event: Event) -> bool:
        """Whether a rail awaits the action whose failure this event tells: then it cannot succeed (fail closed).

        Without an answer a rail cannot tell, and what it reads is None, which often means "nothing found". It goes on,
        and may say what it likes, but where it would succeed it fails. ``when ... else`` takes the failure, and who
        captures the action and matches its Finished event sees `is_success` for himself.
        """
        pattern, instance = waiter.pattern, waiter.head.instance
        if (
            pattern.kind != "slot"
            or pattern.member != "Finished"
            or instance.runtime.program.compat
        ):
            return False
        above: Instance | None = instance
        while above is not None and above.flow.name not in RUNNERS:
            above = above.parent
        if above is None:
            return False
        self.erred(
            instance, f"{event.name.removesuffix('Finished')}: {event.args['failure_reason']}"
        )
        return True

    def _of(self, instance: Instance) -> RailRun | None:
        """The rail a flow belongs to."""
        if not self._open:
            return None
        at: Instance | None = instance
        while at is not None:
            run = self._open.get(at.uid)
            if run is not None:
                return run
            at = at.parent
        return None


def is_rail(code: FlowCode) -> bool:
    """Whether a flow called by a runner is a rail, and not what the runner says or waits for."""
    if code.name.startswith("bot "):
        return False
    return not code.path.startswith("<library>/") or code.path.startswith("<library>/rails/")


OPTIONS: Final = "generation_options"
"""The global variable with the options of a call (`rails-runtime.md`, 4.2); the host sets it."""


def _is_switched_off(state: State, kind: Kind, code: FlowCode) -> bool:
    """Whether the options of this call leave out a rail, or with all rails of a kind what runs them.

    A list names those that are wanted. Whatever else stands in the variable leaves nothing out.
    """
    options = state.globals.get(OPTIONS)
    choices = options.get("rails") if is_dict(options) else None
    if not is_dict(choices):
        return False
    choice = choices.get(kind)
    if code.name in RUNNERS:
        return choice is False or choice == []
    return is_list(choice) and code.name not in choice


def called_rails(flows: Mapping[str, FlowCode], kind: Kind) -> list[str]:
    """Names of the rails that a program calls for messages of this kind, in order."""
    runner = next(name for name, checked in RUNNERS.items() if checked == kind)
    code = flows[runner].code if runner in flows else ()
    called = [step.flow for step in code if isinstance(step, StartFlow)]
    return [name for name in dict.fromkeys(called) if name in flows and is_rail(flows[name])]
