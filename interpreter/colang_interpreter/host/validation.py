"""Execution rails: decorators that check what an action is given, and what it gives back (rails-runtime.md, 10.6).

A value that does not pass makes the action fail, like any exception it raises: flows learn that it failed, and rails
that need it block. What the decorators decide is on record (`tracing.executions`). No message quotes the value.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from colang.project.execution_rails import (
    INPUT,
    RESPONSE,
    no_list,
    quoted_attribute,
    wrong_attribute,
    wrong_options,
)
from colang_interpreter.host.actions import ActionError, ActionResult, is_awaitable, where_of
from colang_interpreter.host.context import current_action_uid
from colang_interpreter.host.redacting import (
    UnreadableError,
    redacted,
    without_addresses,
    without_secrets,
)
from colang_interpreter.tracing.decisions import Verdict
from colang_interpreter.tracing.executions import Check, checked

_T = TypeVar("_T")

MAX_LEN: Final = 50
"""Characters that `length` lets pass unless `max_len` says otherwise."""

_DEFAULT_RESPONSE = re.compile(
    r"\s*(?:no good (?:[^\s]{1,40} ){0,6}results? (?:was |were )?found"
    r"|wolfram alpha wasn['\u2019]t able to answer it)[.!]?\s*",
    re.IGNORECASE,
)


class ValidationError(ActionError, ValueError):
    """An execution rail does not let a value pass; the text says why, and nothing of the value."""


class _UncheckableError(ValidationError):
    """The rail cannot tell: the value is not of a kind it knows."""


def validate_input(
    attribute: str, validators: Sequence[str] = (), *, max_len: int | None = None
) -> Callable[[_T], _T]:
    """Check an argument of an action, each time before it runs.

    Whatever the validators, the argument must not be empty: ``""``, None, and all else that counts as false is refused.
    Positional arguments, named ones and defaults count. Sync and async functions, methods, and classes with a method
    `run` can be decorated, before or after ``@action``. If `run` of a class has no such parameter, the attribute of
    the object is checked.

    Args:
        attribute: Name of the parameter.
        validators: ``length``: the text has at most `max_len` characters. ``quote``: the function gets it
            percent-encoded, as it belongs into URLs; letters, digits, and ``_.-~/`` stay. Lengths are measured first.
        max_len: Characters for ``length``, 50 by default.

    Raises:
        ActionError: When decorating: a validator, an option or a parameter that does not exist.
        ValidationError: When calling: the argument does not pass, or is no text where a text is needed.

    Example:
        >>> @validate_input("query", validators=["length", "quote"], max_len=20)
        ... def search(query: str) -> str:
        ...     return f"/search?q={query}"
        >>> search('say "hi"')
        '/search?q=say%20%22hi%22'
        >>> try:
        ...     search("")
        ... except ValueError as problem:
        ...     print(str(problem).partition(" (")[0])
        Attribute query is empty.
    """
    names = _named(INPUT, validators, max_len)
    given: Any = attribute
    if not isinstance(given, str) or not given:
        raise ActionError(f"`{INPUT}` takes the name of a parameter first, as a text")
    limit = MAX_LEN if max_len is None else max_len

    def decorate(target: Any, owner: str | None = None) -> Any:
        rail = _Rail.of(target, f"{INPUT}({attribute})")
        signature = _signature(target, rail)
        parameters = signature.parameters
        own = parameters.get(attribute)
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        others = next((p.name for p in parameters.values() if p.kind is kinds[1]), None)
        is_parameter = own is not None and own.kind not in kinds
        if not is_parameter and others is None:
            if owner is None:
                known = [p.name for p in parameters.values() if p.kind not in kinds]
                raise ActionError(f"{wrong_attribute(attribute, rail.function, known)} {rail.at}")
            if "quote" in names:
                raise ActionError(f"{quoted_attribute(attribute, owner)} {rail.at}")

        def before(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
            if not is_parameter and others is None:
                value = getattr(args[0] if args else None, attribute, None)
                rail.check(value, lambda: _argument(value, attribute, names, limit))
                return args, kwargs
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            holder: dict[str, Any] = bound.arguments
            if not is_parameter and others is not None:
                holder = holder[others]
            value = holder.get(attribute)
            holder[attribute] = rail.check(value, lambda: _argument(value, attribute, names, limit))
            return bound.args, bound.kwargs

        return _wrapped(target, before, None)

    return lambda target: _decorated(target, decorate, INPUT)


def validate_response(
    validators: Sequence[str] = (), *, max_len: int | None = None
) -> Callable[[_T], _T]:
    """Check what an action gives back, each time before anybody else sees it.

    Decorates what `validate_input` does. Of an `ActionResult`, ``length`` and ``is_default_resp`` look at its value,
    the filters at all of it. The validators work in the order in which they stand here.

    Args:
        validators: ``length``: the text has at most `max_len` characters. ``ip_filter``: IP addresses, of version 4
            and 6, are removed. ``is_default_resp``: the answers of search services that have found nothing are
            refused, such as "No good Wikipedia Search Result was found". ``filter_secrets``: secrets of well-known
            shapes are replaced with ``[secret removed]``: private keys, key ids of AWS, keys and tokens of model
            providers and code hosts, JSON web tokens, passwords in URLs, ``Authorization`` headers, and what is
            assigned to a name such as ``password`` or ``api_key``; it knows no other secrets
            (`redacting.without_secrets` has the list). Both filters go through dictionaries, lists, tuples, sets and
            dataclasses, keys included.
        max_len: Characters for ``length``, 50 by default.

    Raises:
        ActionError: When decorating: a validator or an option that does not exist.
        ValidationError: When calling: the result does not pass, or cannot be looked through.

    Example:
        >>> @validate_response(["ip_filter", "filter_secrets"])
        ... def look_up(host: str) -> dict[str, str]:
        ...     return {"host": host, "seen": "at 10.0.0.1", "login": "password=abc"}
        >>> look_up("db")
        {'host': 'db', 'seen': 'at ', 'login': 'password=[secret removed]'}
    """
    names = _named(RESPONSE, validators, max_len)
    limit = MAX_LEN if max_len is None else max_len

    def decorate(target: Any, owner: str | None = None) -> Any:
        rail = _Rail.of(target, RESPONSE, hides_text="filter_secrets" in names)
        return _wrapped(
            target, None, lambda result: rail.check(result, lambda: _response(result, names, limit))
        )

    return lambda target: _decorated(target, decorate, RESPONSE)


# ---------------------------------------------------------------- what passes


def _argument(value: Any, attribute: str, names: frozenset[str], limit: int) -> Any:
    """An argument as the function is to get it."""
    if not value:
        raise ValidationError(f"Attribute {attribute} is empty.")
    if not names:
        return value
    if not isinstance(value, str):
        raise _UncheckableError(f"Attribute {attribute} is no text.")
    if "length" in names and len(value) > limit:
        counted = f"It has {len(value)} characters, at most {limit} are allowed."
        raise ValidationError(f"Attribute {attribute} is too long. {counted}")
    if "quote" not in names:
        return value
    try:
        quoted = quote(value)
    except UnicodeEncodeError:
        raise _UncheckableError(
            f"Attribute {attribute} cannot be quoted: it has halves of characters."
        ) from None
    return value if quoted == value else quoted


def _response(result: Any, names: frozenset[str], limit: int) -> Any:
    """A result as others are to get it."""
    value = _value_of(result)
    if names & {"length", "is_default_resp"} and not isinstance(value, str):
        raise _UncheckableError("Response Attribute is no text.")
    if "length" in names and len(value) > limit:
        counted = f"It has {len(value)} characters, at most {limit} are allowed."
        raise ValidationError(f"Response Attribute is too long. {counted}")
    try:
        if "ip_filter" in names:
            result = redacted(result, without_addresses)
        if "is_default_resp" in names and _DEFAULT_RESPONSE.fullmatch(_value_of(result)[:400]):
            raise ValidationError("Default Response received from action.")
        if "filter_secrets" in names:
            result = redacted(result, without_secrets, by_name=True)
    except UnreadableError as problem:
        raise _UncheckableError(f"Response Attribute cannot be filtered: {problem}.") from None
    return result


def _value_of(result: Any) -> Any:
    return result.return_value if isinstance(result, ActionResult) else result


@dataclass(frozen=True, slots=True)
class _Rail:
    """What is on record of a decorator whenever it runs."""

    name: str
    function: str
    path: str
    line: int
    at: str  # file and line, for messages
    hides_text: bool

    @staticmethod
    def of(function: Any, name: str, *, hides_text: bool = False) -> _Rail:
        if not callable(function):
            raise ActionError(
                f"`{name}` decorates functions and classes, not {type(function).__name__}"
            )
        code = getattr(inspect.unwrap(function), "__code__", None)
        return _Rail(
            name=name,
            function=str(getattr(function, "__qualname__", type(function).__name__)),
            path="" if code is None else _shown(code.co_filename),
            line=0 if code is None else code.co_firstlineno,
            at=f"({where_of(function)})",
            hides_text=hides_text,
        )

    def check(self, value: Any, passed: Callable[[], Any]) -> Any:
        """What `passed` makes of a value, with a record of how it went."""
        try:
            after = passed()
        except _UncheckableError as problem:
            self._note("error", problem, value, value)
            raise ValidationError(f"{problem} {self.at}") from None
        except ValidationError as problem:
            self._note("block", problem, value, value)
            raise ValidationError(f"{problem} {self.at}") from None
        self._note("allow" if after is value else "transform", None, value, after)
        return after

    def _note(
        self, verdict: Verdict, problem: ValidationError | None, value: Any, after: Any
    ) -> None:
        before = None if self.hides_text else _text(value)
        checked(
            Check(
                self.name,
                self.function,
                self.path,
                self.line,
                verdict,
                None if problem is None else str(problem),
                current_action_uid(),
                before,
                _text(after) if problem is None else before,
            )
        )


def _text(value: Any) -> str | None:
    value = _value_of(value)
    return value if isinstance(value, str) else None


def _shown(path: str) -> str:
    """A path as it is seen from here."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:
        return path
    return path.removeprefix(here)


# ---------------------------------------------------------------- decorating


def _named(decorator: str, validators: Any, max_len: int | None) -> frozenset[str]:
    """The names of the validators.

    Raises:
        ActionError: They, or the options, make no sense.
    """
    if isinstance(validators, str):
        raise ActionError(no_list(decorator, validators))
    if callable(validators):
        raise ActionError(f"`{decorator}` is called: write @{decorator}(...)")
    if not isinstance(validators, (list, tuple, set, frozenset)):
        raise ActionError(f'`{decorator}` takes a list of names as validators, such as ["length"]')
    names = cast("list[str]", validators)
    problem = wrong_options(decorator, list(names), max_len)
    if problem is not None:
        raise ActionError(problem)
    return frozenset(names)


def _decorated(target: Any, decorate: Callable[..., Any], decorator: str) -> Any:
    if isinstance(target, (staticmethod, classmethod)):
        kind: Any = type(cast(object, target))
        return kind(decorate(cast(Any, target).__func__))
    if not inspect.isclass(target):
        return decorate(target)
    run = getattr(target, "run", None)
    if not callable(run):
        raise ActionError(f"the class `{target.__name__}` has no method `run` for `{decorator}`")
    target.run = decorate(run, target.__name__)  # type: ignore[attr-defined]
    return target


def _signature(function: Any, rail: _Rail) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        raise ActionError(
            f"`{rail.name}` cannot tell the parameters of `{rail.function}`"
        ) from None


def _wrapped(
    function: Any,
    before: Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, Any]] | None,
    after: Callable[[Any], Any] | None,
) -> Any:
    """The function, with a check of its arguments and one of its result; a coroutine function stays one."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            if before is not None:
                args, kwargs = before(args, kwargs)
            result = await function(*args, **kwargs)
            return result if after is None else after(result)

        return waiting

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            args, kwargs = before(args, kwargs)
        result = function(*args, **kwargs)
        if after is None:
            return result
        return _later(result, after) if is_awaitable(result) else after(result)

    return calling


async def _later(result: Awaitable[Any], after: Callable[[Any], Any]) -> Any:
    return after(await result)
