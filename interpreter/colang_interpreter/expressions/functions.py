"""The functions of expressions: exactly those of section 3.3, checked and in the author's words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from colang_interpreter.dynamic import is_a
from colang_interpreter.expressions.guards import (
    MAX_BITS,
    MAX_ITEMS,
    check_nested,
    comparable,
    kind_of,
    size_of,
    text_of,
    type_name,
)
from colang_interpreter.patterns.limits import PatternError
from colang_interpreter.values import Comparator, ExpressionError, Pattern


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how to call it and what it takes.

    `call` gets the positional arguments; with `runtime` the frame's runtime comes first. `pure` functions of constants are
    computed when the expression is compiled.
    """

    name: str
    call: Callable[..., Any]
    least: int
    most: int
    keywords: bool = False  # any keyword arguments (only `dict`)
    runtime: bool = False
    pure: bool = False

    def complaint(self, positional: int, keywords: tuple[str, ...]) -> str | None:
        """What is wrong with the number or names of the arguments, None if they fit.

        >>> FUNCTIONS["len"].complaint(2, ())
        '`len()` takes 1 argument, not 2'
        """
        if keywords and not self.keywords:
            return f"`{self.name}()` takes no argument by name (`{keywords[0]}`)"
        if self.least <= positional <= self.most:
            return None
        takes = (
            "no argument"
            if self.most == 0
            else f"{self.most} argument{'s' if self.most > 1 else ''}"
        )
        if self.least != self.most:
            takes = f"{self.least} to {self.most} arguments"
        return f"`{self.name}()` takes {takes}, not {positional}"


# ---------------------------------------------------------------- conversions


def _len(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        raise ExpressionError(f"{kind_of(value)} has no length") from None


def _str(value: Any = "") -> str:
    return text_of(value)


def _int(value: Any = 0, base: Any = 10) -> int:
    if not is_a(base, int) or is_a(base, bool):
        raise ExpressionError(f"the base of int() must be a whole number, not {kind_of(base)}")
    if is_a(value, str):
        if len(value) > 4_200:
            raise ExpressionError("the number has too many digits (at most about 4200)")
        try:
            result = int(value, base)
        except ValueError:
            raise ExpressionError(f"{_shown(value)} is not a whole number") from None
        if result.bit_length() > MAX_BITS:
            raise ExpressionError("the number has too many digits (at most about 4200)")
        return result
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ExpressionError(f"cannot make a whole number of {_shown(value)}") from None


def _float(value: Any = 0.0) -> float:
    if is_a(value, str) and len(value) > 4_200:
        raise ExpressionError("the number has too many digits (at most about 4200)")
    try:
        return float(value)
    except ValueError:
        raise ExpressionError(f"{_shown(value)} is not a number") from None
    except (TypeError, OverflowError):
        raise ExpressionError(f"cannot make a number of {_shown(value)}") from None


def _shown(value: Any) -> str:
    if is_a(value, str):
        return json.dumps(value if len(value) <= 40 else value[:37] + "...", ensure_ascii=False)
    return kind_of(value)


def _items(value: Any) -> list[Any]:
    if size_of(value) > MAX_ITEMS:
        raise ExpressionError(f"more than {MAX_ITEMS} items")
    try:
        items: list[Any] = []
        for item in value:
            items.append(item)
            if len(items) > MAX_ITEMS:
                raise ExpressionError(f"more than {MAX_ITEMS} items")
        return items
    except TypeError:
        raise ExpressionError(f"cannot go over the items of {kind_of(value)}") from None


def _list(value: Any = ()) -> list[Any]:
    return _items(value)


def _tuple(value: Any = ()) -> tuple[Any, ...]:
    return tuple(_items(value))


def _set(value: Any = ()) -> set[Any]:
    items = _items(value)
    for item in items:
        comparable(item)
    try:
        return set(items)
    except TypeError:
        bad = next(item for item in items if is_a(item, (list, dict, set, tuple)))
        raise ExpressionError(f"{kind_of(bad)} cannot be an item of a set") from None


def _pairs(value: Any) -> list[Any]:
    pairs = _items(value)
    for pair in pairs:
        comparable(pair)
    return pairs


def _dict(value: Any = None, **keywords: Any) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    if value is not None:
        try:
            result = dict(value if is_a(value, dict) else _pairs(value))
        except (TypeError, ValueError):
            raise ExpressionError(
                f"cannot make a dictionary of {kind_of(value)}; give a dictionary or a list of [key, value] pairs"
            ) from None
    result.update(keywords)
    return result


# ---------------------------------------------------------------- type tests


def _is_int(value: Any) -> bool:
    return is_a(value, int)


def _is_float(value: Any) -> bool:
    return is_a(value, float)


def _is_bool(value: Any) -> bool:
    return is_a(value, bool)


def _is_str(value: Any) -> bool:
    return is_a(value, str)


def _is_regex(value: Any) -> bool:
    return is_a(value, Pattern)


# ---------------------------------------------------------------- patterns and comparators


def _regex(pattern: Any) -> Pattern:
    if isinstance(pattern, Pattern):
        return pattern
    if not isinstance(pattern, str):
        raise ExpressionError(f"a pattern must be a text, not {kind_of(pattern)}")
    return Pattern.of(pattern)


def _searched(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise ExpressionError(f"`{name}()` searches a text, not {kind_of(text)}")
    return text


def _search(pattern: Any, text: Any) -> bool:
    try:
        return _regex(pattern).compiled.found(_searched("search", text))
    except PatternError as error:
        raise ExpressionError(str(error)) from None


def _find_all(pattern: Any, text: Any) -> list[Any]:
    try:
        return list(_regex(pattern).compiled.find_all(_searched("find_all", text)))
    except PatternError as error:
        raise ExpressionError(str(error)) from None


def _comparator(name: str, op: str) -> Callable[[Any], Comparator]:
    def make(value: Any) -> Comparator:
        if not is_a(value, (int, float)) or is_a(value, bool):
            raise ExpressionError(f"`{name}()` needs a number, not {kind_of(value)}")
        return Comparator(op, value)

    return make


# ---------------------------------------------------------------- texts

_UUID: Final = re.compile(
    r"\b([0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d")
_ADDRESS: Final = re.compile(r"<[^<>]{1,200} at 0x[0-9a-fA-F]{1,16}>")


def _pretty_str(value: Any) -> str:
    if not is_a(value, (list, dict, tuple, set, frozenset)):
        return text_of(value)
    check_nested(value)
    text = json.dumps(_plain(value), indent=4)
    text = _ADDRESS.sub("<>", _TIME.sub("...", _UUID.sub(r"\1...", text)))
    return text_of(text)


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: sets become lists in a fixed order (Q48), other things their text."""
    if is_a(value, dict):
        return {
            key if is_a(key, str) else text_of(key): _plain(item) for key, item in value.items()
        }
    if is_a(value, (list, tuple)):
        return [_plain(item) for item in value]
    if is_a(value, (set, frozenset)):
        return [
            _plain(item)
            for item in sorted(value, key=lambda item: (type(item).__name__, str(item)))
        ]
    if value is None or is_a(value, (bool, float, str)):
        return value
    return value if is_a(value, int) and value.bit_length() <= MAX_BITS else text_of(value)


def _escape(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"`escape()` needs a text, not {kind_of(value)}")
    if len(value) > MAX_ITEMS:
        raise ExpressionError(f"the text is longer than {MAX_ITEMS} characters")
    text = value.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')
    return text.replace("{{", "\\{").replace("}}", "\\}")


# ---------------------------------------------------------------- the runtime


def _needs(runtime: Any, name: str) -> Any:
    if runtime is None:
        raise ExpressionError(f"`{name}()` is only available while a flow runs")
    return runtime


def _rand(runtime: Any) -> Any:
    return _needs(runtime, "rand").random()


def _randint(runtime: Any, n: Any) -> Any:
    if not is_a(n, int) or is_a(n, bool) or n < 1:
        raise ExpressionError("`randint()` needs a whole number of at least 1")
    return _needs(runtime, "randint").randint(n)


def _uid(runtime: Any) -> Any:
    return _needs(runtime, "uid").uid()


def _flows_info(runtime: Any, uid: Any = None) -> Any:
    runtime = _needs(runtime, "flows_info")
    return runtime.flows_info() if uid is None else runtime.flows_info(uid)


def _flow(runtime: Any, name: Any) -> Any:
    if not is_a(name, str):
        raise ExpressionError(f"`flow()` needs the name of a flow, not {kind_of(name)}")
    return _needs(runtime, "flow").flow_spec(name)


def _action(name: Any) -> Any:
    raise ExpressionError(
        "`action()` does not exist; start the action and keep its reference with `as $ref`"
    )


FUNCTIONS: Final[dict[str, Function]] = {
    function.name: function
    for function in (
        Function("len", _len, 1, 1, pure=True),
        Function("str", _str, 0, 1, pure=True),
        Function("int", _int, 0, 2, pure=True),
        Function("float", _float, 0, 1, pure=True),
        Function("list", _list, 0, 1),
        Function("tuple", _tuple, 0, 1),
        Function("set", _set, 0, 1),
        Function("dict", _dict, 0, 1, keywords=True),
        Function("rand", _rand, 0, 0, runtime=True),
        Function("randint", _randint, 1, 1, runtime=True),
        Function("uid", _uid, 0, 0, runtime=True),
        Function("type", type_name, 1, 1, pure=True),
        Function("is_int", _is_int, 1, 1, pure=True),
        Function("is_float", _is_float, 1, 1, pure=True),
        Function("is_bool", _is_bool, 1, 1, pure=True),
        Function("is_str", _is_str, 1, 1, pure=True),
        Function("is_regex", _is_regex, 1, 1, pure=True),
        Function("regex", _regex, 1, 1, pure=True),
        Function("search", _search, 2, 2, pure=True),
        Function("find_all", _find_all, 2, 2),
        Function("less_than", _comparator("less_than", "<"), 1, 1, pure=True),
        Function("equal_less_than", _comparator("equal_less_than", "<="), 1, 1, pure=True),
        Function("greater_than", _comparator("greater_than", ">"), 1, 1, pure=True),
        Function("equal_greater_than", _comparator("equal_greater_than", ">="), 1, 1, pure=True),
        Function("not_equal_to", _comparator("not_equal_to", "!="), 1, 1, pure=True),
        Function("pretty_str", _pretty_str, 1, 1),
        Function("escape", _escape, 1, 1, pure=True),
        Function("flows_info", _flows_info, 0, 1, runtime=True),
        Function("flow", _flow, 1, 1, runtime=True),
        Function("action", _action, 1, 1),
    )
}
"""The documented functions by name."""


def known_functions() -> frozenset[str]:
    """The names of all functions, for checks before anything runs.

    >>> "len" in known_functions(), "open" in known_functions()
    (True, False)
    """
    return frozenset(FUNCTIONS)
