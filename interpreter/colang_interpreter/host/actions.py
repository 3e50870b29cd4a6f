"""Python actions: the decorator, the registry, names, and arguments bound by parameter name.

Nothing here runs an action; `loop` does. Everything that can be known about a function is read off once,
when it is registered. (Specs: colang-2.md 7.4; rails-runtime.md 10.)
"""

from __future__ import annotations

import dis
import inspect
import os
import re
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType, MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar, cast, overload

from colang_interpreter.dynamic import is_mapping

_T = TypeVar("_T")

HOST_PARAMETER = "conversation_"
"""By this name the host's own actions get the `Conversation` they run in."""

SPECIAL_PARAMETERS = (
    *("events", "context", "config", "llm_task_manager", "state", "llm", "kb"),
    HOST_PARAMETER,
)
"""Parameters an action gets by declaring them; their values come from the host, not from the flow."""

_CONTEXT_PREFIX = "__context__"
_POSITION = re.compile(r"\$[1-9]\d*\Z")


@dataclass(frozen=True, slots=True)
class ActionMeta:
    """What the decorator was told."""

    name: str
    is_system_action: bool = False
    execute_async: bool = False
    output_mapping: Callable[[Any], bool] | None = None
    thread: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class ActionResult:
    """A result with more than a value.

    `events` go into the Finished event (Colang 1.0: they are processed after it); `context_updates` set
    variables of the conversation.

    >>> ActionResult(True, context_updates={"checked": True}).return_value
    True
    """

    return_value: Any = None
    events: list[dict[str, Any]] | None = None
    context_updates: dict[str, Any] = field(default_factory=dict[str, Any])


class ActionError(Exception):
    """An action cannot be registered, or not be called like that; the text is for the author."""


@overload
def action(name: _T, /) -> _T: ...
@overload
def action(
    name: str | None = None,
    is_system_action: bool = False,
    execute_async: bool = False,
    output_mapping: Callable[[Any], bool] | None = None,
    *,
    thread: bool = False,
    timeout: float | None = None,
) -> Callable[[_T], _T]: ...
def action(
    name: Any = None,
    is_system_action: bool = False,
    execute_async: bool = False,
    output_mapping: Callable[[Any], bool] | None = None,
    *,
    thread: bool = False,
    timeout: float | None = None,
) -> Any:
    """Mark a function, or a class with a ``run`` method, as an action that flows can execute.

    Args:
        name: The name flows use, ``FetchPriceAction`` or ``fetch_price``; the function's own by default.
        is_system_action: Part of the runtime: always run here, left out of histories shown to models.
        execute_async: The conversation goes on while it runs (2.x only).
        output_mapping: Tells rails whether a result means "blocked".
        thread: Run a synchronous function in a worker thread, because it blocks. A thread cannot be
            stopped: when time is up nobody waits for it any longer, but it goes on.
        timeout: Seconds after which the action has failed; None takes the host's default.

    Example:
        >>> @action(name="FetchPriceAction", timeout=5.0)
        ... async def fetch_price(item: str) -> float:
        ...     return 9.99
        >>> fetch_price.action_meta["name"]
        'FetchPriceAction'
    """
    if callable(name):
        return action()(name)
    if timeout is not None and not timeout > 0:
        raise ActionError(
            f"the time-out of an action is a number of seconds above 0, not {timeout!r}"
        )

    def mark(target: Any) -> Any:
        target.action_meta = {
            "name": name or target.__name__,
            "is_system_action": is_system_action,
            "execute_async": execute_async,
            "output_mapping": output_mapping,
            "thread": thread,
            "timeout": timeout,
        }
        return target

    return mark


def meta_of(target: object, name: str | None = None) -> ActionMeta:
    """The marks on a function, class or object; `name` wins over the marked name."""
    marks: Mapping[str, Any] = getattr(target, "action_meta", None) or {}
    known = {key: marks[key] for key in ActionMeta.__slots__ if marks.get(key) is not None}
    known.setdefault("name", getattr(target, "__name__", type(target).__name__))
    if name:
        known["name"] = name
    return ActionMeta(**known)


def snake_case(name: str) -> str:
    """The name a function has for ``XyzAction``: without ``Action``, in snake case.

    >>> snake_case("FetchPriceAction"), snake_case("GetHTTPCodeAction"), snake_case("Action")
    ('fetch_price', 'get_http_code', 'action')
    """
    bare = name.removesuffix("Action") or name
    spaced = re.sub(r"([^_])([A-Z][a-z]+)", r"\1_\2", bare)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()


class Registered:
    """One action as the host calls it: what to call, and which arguments it takes."""

    __slots__ = (
        "_is_class", "_lock", "_method", "_required", "_target", "accepts_any", "is_async", "meta", "parameters", "specials",
        "variables", "waits", "where",
    )  # fmt: skip

    def __init__(self, target: Any, meta: ActionMeta) -> None:
        """Read off `target` what calls of it need.

        Raises:
            ActionError: It cannot be called by name.
        """
        self.meta = meta
        self._target = target
        self._is_class = inspect.isclass(target)
        self._method = _method_of(target)
        self._lock = threading.Lock()
        called = _callable_of(target, meta.name)
        self.is_async = inspect.iscoroutinefunction(called)
        self.waits = self.is_async and _may_wait(called)
        self.where = where_of(called)
        try:
            signature = inspect.signature(called)
        except (TypeError, ValueError):  # a builtin that does not tell
            signature = inspect.Signature(
                [inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)]
            )
        parameters = list(signature.parameters.values())
        if inspect.isclass(target) and parameters:
            parameters = parameters[1:]  # run(self, ...)
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        self.accepts_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
        self.parameters = tuple(p.name for p in parameters if p.kind in named)
        self._required = tuple(
            p.name for p in parameters if p.kind in named and p.default is inspect.Parameter.empty
        )
        self.specials = tuple(p for p in SPECIAL_PARAMETERS if p in self.parameters)
        self.variables = tuple(
            (p, p.removeprefix(_CONTEXT_PREFIX))
            for p in self.parameters
            if p.startswith(_CONTEXT_PREFIX) and p != _CONTEXT_PREFIX
        )
        for parameter in parameters:
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                raise ActionError(
                    f"action `{meta.name}` ({self.where}) has the positional-only parameter"
                    f" `{parameter.name}`; actions get their arguments by name"
                )

    def bind(
        self,
        arguments: Mapping[str, Any],
        injected: Mapping[str, Callable[[], Any]],
        registered: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The keyword arguments of one call; later sources win.

        Args:
            arguments: What the flow gave.
            injected: How to get each of `SPECIAL_PARAMETERS` that comes from the conversation.
            registered: The parameters registered with the host.
            variables: The variables of the conversation, for ``__context__<variable>``.

        Raises:
            ActionError: An argument the action does not have, or one it needs and did not get.
        """
        if not arguments and not self.parameters:
            return {}
        bound = self._named(arguments)
        for parameter, variable in self.variables:
            bound[parameter] = variables.get(variable)
        for name in self.specials:
            bound[name] = injected[name]() if name in injected else None
        for name in self.parameters:
            if name in registered:
                bound[name] = registered[name]
        if "llm" in self.parameters:
            own_model = registered.get(f"{self.meta.name}_llm")
            bound["llm"] = own_model if own_model is not None else bound.get("llm")
        if not self.accepts_any:
            unknown = [name for name in bound if name not in self.parameters]
            if unknown:
                raise ActionError(self._unknown(unknown))
        missing = [name for name in self._required if name not in bound]
        if missing:
            raise ActionError(f"action `{self.meta.name}` needs {_listed(missing)} ({self.where})")
        return bound

    def _named(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments without a name, ``$1``, ``$2``, ... in Colang 1.0, bound in order (R12)."""
        if "$1" not in arguments:
            return dict(arguments)
        named = {name: value for name, value in arguments.items() if not _POSITION.match(name)}
        free = (name for name in self.own_parameters if name not in named)
        for number in range(1, len(arguments) - len(named) + 1):
            position = f"${number}"
            if position in arguments:
                named[next(free, position)] = arguments[position]
        return named

    @property
    def own_parameters(self) -> list[str]:
        """The parameters that get their values from flows."""
        return [
            name
            for name in self.parameters
            if name not in SPECIAL_PARAMETERS and not name.startswith(_CONTEXT_PREFIX)
        ]

    @property
    def function(self) -> Callable[..., Any]:
        """What to call with the arguments by name: the function itself, if it is one."""
        if inspect.isroutine(self._target):
            return self._target

        def called(**arguments: Any) -> Any:
            return self.call(arguments)

        return called

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function, or the method of the one instance; may give an awaitable."""
        target = self._instance() if self._is_class else self._target
        if self._method == "ainvoke":
            return target.ainvoke(input=dict(arguments))
        return target.run(**arguments) if self._method else target(**arguments)

    def _instance(self) -> Any:
        with self._lock:  # once, also when two threads come first
            if self._is_class:
                self._target, self._is_class = self._target(), False
            return self._target

    def _unknown(self, unknown: list[str]) -> str:
        own = self.own_parameters
        if any(name.startswith("$") for name in unknown):
            return (
                f"action `{self.meta.name}` was called with positional arguments;"
                f" name them: {_listed(own) if own else 'it takes none'} ({self.where})"
            )
        takes = f"it takes {_listed(own)}" if own else "it takes none"
        return (
            f"action `{self.meta.name}` has no parameter {_listed(unknown)}; {takes} ({self.where})"
        )


def _method_of(target: Any) -> Literal["run", "ainvoke"] | None:
    """The method to call; None if `target` itself is called."""
    if inspect.isroutine(target):
        return None
    if callable(getattr(target, "run", None)):
        return "run"
    is_object = not inspect.isclass(target)
    return "ainvoke" if is_object and callable(getattr(target, "ainvoke", None)) else None


def _callable_of(target: Any, name: str) -> Any:
    """The function behind an action, whose parameters count."""
    match _method_of(target):
        case "run":
            return target.run
        case "ainvoke":
            return _takes_anything
        case None:
            if inspect.isclass(target):
                raise ActionError(f"the class of action `{name}` has no method `run`")
            if inspect.isroutine(target):
                return target
            if callable(target):
                return cast(Any, target).__call__
            raise ActionError(f"action `{name}` is neither a function nor has it a method `run`")


async def _takes_anything(**_: Any) -> None:
    """Stands for the parameters of an ``ainvoke`` method: it gets them all in one dictionary."""


def _may_wait(called: Any) -> bool:
    """Whether a coroutine function contains anything to wait for; without that a call of it is over at once."""
    code = getattr(called, "__code__", None)
    return not isinstance(code, CodeType) or any(
        instruction.opname in _WAITING for instruction in dis.get_instructions(code)
    )


_WAITING = frozenset(
    {"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "BEFORE_ASYNC_WITH", "SETUP_ASYNC_WITH"}
)
"""What ``await``, ``async for`` and ``async with`` are compiled to."""


def where_of(called: Any) -> str:
    """File and line of a function; of the innermost one, if decorators have wrapped it."""
    code = getattr(inspect.unwrap(called), "__code__", None)
    if code is None:
        return f"{getattr(called, '__module__', None) or 'builtin'}"
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


class ActionRegistry:
    """Actions by name, and parameters by name. Safe to change while other threads look things up.

    Example:
        >>> registry = ActionRegistry()
        >>> def fetch_price(item: str) -> float:
        ...     return 9.99
        >>> registry.register(fetch_price).find("FetchPriceAction").meta.name
        'fetch_price'
    """

    def __init__(self) -> None:
        """Empty."""
        self._actions: Mapping[str, Registered] = {}
        self._parameters: Mapping[str, Any] = {}
        self._found: dict[str, Registered | None] = {}
        self._lock = threading.Lock()

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The registered parameters by name."""
        return self._parameters

    @property
    def names(self) -> tuple[str, ...]:
        """The registered names, in order of registration."""
        return tuple(self._actions)

    def register(self, target: Any, name: str | None = None) -> ActionRegistry:
        """Add an action; a later one of the same name replaces it."""
        registered = Registered(target, meta_of(target, name))
        with self._lock:  # readers keep the mapping they have
            self._actions = {**self._actions, registered.meta.name: registered}
            self._found = {}
        return self

    def register_parameter(self, name: str, value: Any) -> ActionRegistry:
        """Give every action that has a parameter of this name this value."""
        with self._lock:
            self._parameters = {**self._parameters, name: value}
        return self

    def find(self, name: str) -> Registered | None:
        """The action a flow means: that name, else its snake case without ``Action``; None if unknown."""
        found = self._found
        if name not in found:
            actions = self._actions
            found[name] = actions.get(name) or actions.get(snake_case(name))
        return found[name]


class Outcome(NamedTuple):
    """How a call ended: a value, or the reason why there is none."""

    value: Any = None
    events: list[dict[str, Any]] | None = None
    context_updates: Mapping[str, Any] = MappingProxyType[str, Any]({})
    failure: str | None = None
    error: BaseException | None = None  # what it raised

    @property
    def is_success(self) -> bool:
        """The action ended without an error."""
        return self.failure is None


def outcome_of(result: Any) -> Outcome:
    """The outcome of an action that returned `result`, a plain value or an `ActionResult`.

    Objects of other libraries that look like an ActionResult count as one.
    """
    if isinstance(result, ActionResult) or type(result).__name__ == "ActionResult":
        updates: Any = getattr(result, "context_updates", None) or {}
        events: Any = getattr(result, "events", None)
        if not is_mapping(updates):
            return Outcome(failure=f"context_updates is {type(updates).__name__}, not a mapping")
        if events is not None and not isinstance(events, (list, tuple)):
            return Outcome(failure=f"events is {type(events).__name__}, not a list")
        return Outcome(
            getattr(result, "return_value", None),
            None if events is None else list(cast("Iterable[dict[str, Any]]", events)),
            {str(key): value for key, value in updates.items()},
        )
    return Outcome(result)


def is_awaitable(value: Any) -> bool:
    """True for what a synchronous action may give back for the host to await."""
    return isinstance(value, Awaitable)
