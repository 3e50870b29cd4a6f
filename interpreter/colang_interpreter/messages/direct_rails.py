"""A rail that runs straight through (`v1.straight`), gone through without a conversation.

Everything that does not depend on the text is looked up once a stream: the actions, what they are given, the context
they run in. All that is left for each window is to call them and to look at what they say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias, cast

from typing_extensions import assert_type

from colang_interpreter.host.actions import (
    HOST_PARAMETER,
    ActionError,
    ActionResult,
    Registered,
    outcome_of,
)
from colang_interpreter.host.clock import stamp
from colang_interpreter.host.context import enter_action
from colang_interpreter.host.direct import PATIENCE, begin, go_on
from colang_interpreter.host.loop import Runtime
from colang_interpreter.host.rules import Call
from colang_interpreter.host.running import ActionRunner, Completion
from colang_interpreter.llm.tokens import streaming
from colang_interpreter.streaming import Verdict
from colang_interpreter.tracing.decisions import passed_v1
from colang_interpreter.tracing.executions import Check, decisions_of
from colang_interpreter.tracing.model_calls import ModelCall
from colang_interpreter.tracing.noting import Noting
from colang_interpreter.v1.engine import plain_value
from colang_interpreter.v1.program import Frame, Program
from colang_interpreter.v1.state import State
from colang_interpreter.v1.straight import Assign, Execute, Give, Go, Leave, StraightRail, Test

_logger = logging.getLogger("colang_interpreter.streaming")

_OF_CONVERSATIONS: Final = frozenset({"events", "state", HOST_PARAMETER})
"""Parameters of actions that only a conversation can give."""

_ALLOW: Final = Verdict.allow()


class Asked:
    """An action of the rail in one stream: how to call it."""

    __slots__ = (
        "_context", "_dynamic", "_fixed", "_function", "_runtime", "_timed", "calls", "checks", "name", "reads", "result", "uid",
    )  # fmt: skip

    def __init__(self, step: Execute, uid: str, runtime: Runtime, context: Context) -> None:
        """Look up what every call of it needs.

        Raises:
            ActionError: It cannot be called like that, or only in a conversation.
        """
        registered = runtime.registry.find(step.name)
        if registered is None:
            raise ActionError(f"Action '{step.name}' not found.")
        if _OF_CONVERSATIONS & set(registered.specials):
            raise ActionError(f"action `{step.name}` looks at the conversation")
        self.name, self.result, self.uid = step.name, step.result, uid
        self._runtime = runtime
        self._function = registered.function
        self._fixed, self._dynamic = _arguments(step, registered, runtime)
        self.reads = bool(self._dynamic)
        self._timed = registered if _needs_task(registered, runtime) else None
        self.calls: list[ModelCall] = []  # of the last run
        self.checks: list[Check] = []  # the same
        self._context = context.copy()
        self._context.run(self._enter)

    def _enter(self) -> None:
        """Prepare the context, which is only used for this: what the action says goes to no stream."""
        Noting(self.calls, self.checks).__enter__()
        streaming(None).__enter__()
        enter_action(self.uid)

    def start(self, variables: dict[str, Any]) -> tuple[Any, Awaitable[Any] | None]:
        """Call it: its result, or what to await for the result."""
        if self.calls:
            self.calls.clear()
        if self.checks:
            self.checks.clear()
        given = self._fixed
        if self._dynamic:
            given = given.copy()
            for name, read in self._dynamic:
                given[name] = read(variables)
        context = self._context.copy()
        if self._timed is not None:
            return None, self._in_task(self._timed, given, context)
        result, started = context.run(begin, self._function, given)
        return (result, None) if started is None else (None, go_on(context, started, result))

    async def _in_task(
        self, registered: Registered, given: Mapping[str, Any], context: Context
    ) -> Any:
        """The result of an action that has a time-out or wants a thread.

        Raises:
            ActionError: It has ended without.
        """
        ended: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        runtime = self._runtime

        def notify(completion: Completion) -> None:
            if not ended.done():
                ended.set_result(completion)

        runner = ActionRunner(
            runtime.clock,
            lambda run: dict(given),
            notify,
            threads=runtime.threads,
            timeout=runtime.action_timeout,
        )
        call = Call(self.name, self.uid, given, {"type": "StartInternalSystemAction"})
        context.run(runner.start, call, registered, "")
        try:
            outcome = (await ended).outcome
        finally:
            await runner.close(PATIENCE)
        if outcome.error is not None:
            raise outcome.error
        if outcome.failure is not None:
            raise ActionError(outcome.failure)
        return ActionResult(outcome.value, outcome.events, dict(outcome.context_updates))


def _needs_task(registered: Registered, runtime: Runtime) -> bool:
    meta = registered.meta
    if not registered.is_async and not (meta.thread or meta.execute_async or runtime.threads):
        return False
    timed = meta.timeout is not None or runtime.action_timeout is not None
    return timed or not registered.is_async


_Read: TypeAlias = Callable[[dict[str, Any]], Any]


def _arguments(
    step: Execute, registered: Registered, runtime: Runtime
) -> tuple[dict[str, Any], list[tuple[str, _Read]]]:
    """The arguments that are always the same, and how to get the others from the variables (10.3)."""
    program, given = cast(Program, runtime.program), runtime.registry.parameters
    if "$1" in step.params:
        raise ActionError("arguments without names")
    fixed = registered.bind(
        step.params, {"context": dict, "config": lambda: program.config}, given, {}
    )
    dynamic: list[tuple[str, _Read]] = []
    variables = dict(registered.variables)
    for name in fixed:
        if name in given and name in registered.parameters:
            continue
        if name == "llm" and fixed[name] is not None:
            continue
        if name == "context":
            dynamic.append((name, dict))
        elif name in variables:
            dynamic.append((name, partial(_variable, variables[name])))
        elif name in step.params and name not in registered.specials:
            value = step.params[name]
            if isinstance(value, str) and value.startswith("$"):
                dynamic.append((name, partial(_resolved, program, value)))
    return fixed, dynamic


def _variable(name: str, variables: dict[str, Any]) -> Any:
    return variables.get(name)


def _resolved(program: Program, value: str, variables: dict[str, Any]) -> Any:
    return program.resolve(value, variables, "execute")


Ran: TypeAlias = tuple[Asked, "datetime | None", Any, "BaseException | None"]
"""An action that has run: when, if somebody wants to know, the result as the function gave it, and what it raised."""


class DirectCheck:
    """A straight rail in one stream."""

    def __init__(
        self,
        rail: StraightRail,
        runtime: Runtime,
        machine: State,
        context: Context,
        leave: Callable[[str, Sequence[Ran]], Awaitable[Verdict]],
    ) -> None:
        """Prepare the rail.

        Args:
            rail: The rail.
            runtime: What the actions need.
            machine: The conversation, which may go on while the stream runs.
            context: The context of the stream.
            leave: Has the engine judge a text, with the actions that have been run.

        Raises:
            ActionError: One of its actions cannot be called directly.
        """
        self._rail = rail
        self._runtime = runtime
        self._is_reported = runtime.on_decisions is not None
        self._frame = Frame({})
        self._program = cast(Program, runtime.program)
        self._machine = machine
        self._leave = leave
        self._steps = tuple(
            Asked(step, f"{rail.name}#{number}", runtime, context)
            if isinstance(step, Execute)
            else step
            for number, step in enumerate(rail.steps)
        )
        self._reads = any(isinstance(step, Asked) and step.reads for step in self._steps)
        names = {"_rail": rail.name, "triggered_output_rail": rail.name}
        self._begin = {**names, **rail.parameters}
        self._taken = -1  # what the conversation had taken in when it was last looked at
        self._seen: dict[str, Any] = {}
        self._variables: dict[str, Any] = {}

    async def check(self, text: str) -> Verdict:
        """What the rail says about a text."""
        ran: list[Ran] = []
        begun = self._now() if self._is_reported else None
        if self._machine.taken != self._taken:
            self._look_again()
        seen = self._seen.copy()
        seen["bot_message"] = text
        variables = seen  # as actions see them; nobody looks at them if no action does
        if self._reads:
            variables = self._variables.copy()
            variables["bot_message"] = text
        frame = self._frame
        steps = self._steps
        last = len(steps)
        at = 0
        try:
            while at < last:
                step = steps[at]
                at += 1
                if isinstance(step, Asked):
                    started = self._now() if self._is_reported else None
                    try:
                        value, rest = step.start(variables)
                        if rest is not None:
                            value = await rest
                    except (Exception, SystemExit) as problem:  # noqa: BLE001 - foreign code may raise anything
                        ran.append((step, started, None, problem))
                        break
                    ran.append((step, started, value, None))
                    if type(value).__name__ == "ActionResult" or isinstance(value, ActionResult):
                        outcome = outcome_of(value)
                        if outcome.failure is not None or outcome.events:
                            break
                        value = outcome.value
                        seen.update(outcome.context_updates)
                        variables.update(outcome.context_updates)
                    if step.result is not None:
                        seen[step.result] = variables[step.result] = value
                elif isinstance(step, Test):
                    frame.locals = seen
                    if not step.condition.run(frame):
                        at = step.otherwise
                elif isinstance(step, Assign):
                    frame.locals = seen
                    seen[step.key] = variables[step.key] = plain_value(step.value.run(frame))
                elif isinstance(step, Go):
                    at = step.target
                elif isinstance(step, Give):
                    resolve, flow = self._program.resolve, self._rail.flow.id
                    given = {key: resolve(value, seen, flow) for key, value in step.params.items()}
                    seen.update(given)
                    variables.update(given)
                else:
                    assert_type(step, Leave)
                    break
            else:
                said = seen["bot_message"]
                if begun is not None:
                    self._report(begun, text, said, ran)
                return _ALLOW if said is text else passed(text, said)
        except Exception as problem:  # noqa: BLE001 - of an expression, or of a value in it
            _logger.debug("left to the engine, which words it: %s", type(problem).__name__)
        return await self._leave(text, ran)

    def _look_again(self) -> None:
        """The conversation has gone on."""
        machine = self._machine
        self._taken = machine.taken
        self._seen = {**machine.engine.context, **self._begin}
        self._variables = {**machine.globals, **self._begin}

    def _now(self) -> datetime:
        return self._runtime.clock.now()

    def _report(self, begun: datetime, text: str, said: object, ran: Sequence[Ran]) -> None:
        """Put on record that the rail has let a text pass."""
        report = self._runtime.on_decisions
        if report is None:
            return
        decision = passed_v1(
            self._rail,
            (stamp(begun), stamp(self._runtime.clock.now())),
            (text, said),
            [(asked.name, asked.uid, outcome_of(result).value) for asked, _, result, _ in ran],
            [call for asked, *_ in ran for call in asked.calls],
        )
        try:
            executions = decisions_of([check for asked, *_ in ran for check in asked.checks], ())
            report([replace(each, turn=1) for each in (decision, *executions)])
        except Exception as problem:  # noqa: BLE001 - reports must not stop what they report
            _logger.warning("decisions not exported: %s", type(problem).__name__)


def passed(text: str, said: object) -> Verdict:
    """The verdict of a rail that has let a text pass, and the message is now `said`."""
    return _ALLOW if said == text else Verdict.rewrite(str(said))
