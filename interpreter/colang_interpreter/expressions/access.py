"""Guarded access: attributes, items and methods of values (section 3.2).

Texts, numbers and containers have exactly the methods named here, the dangerous ones with limits. Our own runtime
objects say themselves what they show, by `colang_attribute(name)`. Any other object came from a Python action: its public
attributes can be read and its public methods called, but nothing that leads into the interpreter.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from colang_interpreter.dynamic import class_of, is_a
from colang_interpreter.expressions.guards import (
    FAILURES,
    MAX_ITEMS,
    check_nested,
    comparable,
    kind_of,
    size_of,
)
from colang_interpreter.values import Comparator, ExpressionError, Pattern

_FORBIDDEN: Final = frozenset({"format", "format_map", "mro"})

# Objects that lead to code, frames or modules; nothing of them can be read and none of them can be a value.
_INTERNAL: Final = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
)

_Method = Callable[..., Any]


def refused_name(name: str) -> bool:
    """Whether an attribute of this name is never accessible."""
    return name.startswith(("_", "func_")) or name in _FORBIDDEN


# ---------------------------------------------------------------- methods with limits


def _within(size: int) -> None:
    if size > MAX_ITEMS:
        raise ExpressionError(f"the result is longer than {MAX_ITEMS} items or characters")


def _first(items: Iterable[Any]) -> list[Any]:
    """The items, at most one more than allowed."""
    return list(islice(items, MAX_ITEMS + 1))


def _padded(name: str) -> _Method:
    method: _Method = getattr(str, name)

    def pad(value: str, width: int, *fill: str) -> Any:
        if is_a(width, int):
            _within(width)
        return method(value, width, *fill)

    return pad


def _replace(value: str, old: str, new: str, count: int = -1) -> str:
    if is_a(old, str) and is_a(new, str):
        _within(
            len(value)
            + len(new) * (value.count(old) if count < 0 else min(count, value.count(old)))
        )
    return value.replace(old, new, count)


def _join(value: str, items: Any) -> str:
    parts = _first(items)
    _within(sum(len(part) for part in parts if is_a(part, str)) + len(value) * len(parts))
    for part in parts:
        if not is_a(part, str):
            raise ExpressionError(f"join() needs a list of texts, but {kind_of(part)} is in it")
    return value.join(parts)


def _expandtabs(value: str, tabsize: int = 8) -> str:
    if is_a(tabsize, int):
        _within(len(value) + max(tabsize, 0) * value.count("\t"))
    return value.expandtabs(tabsize)


def _maketrans(_value: str, *arguments: Any) -> Any:
    return str.maketrans(*arguments)  # Python's is a static method


def _translate(value: str, table: Any) -> str:
    if not is_a(table, dict):
        raise ExpressionError("translate() needs the table that maketrans() gives")
    longest = max((len(text) for text in table.values() if is_a(text, str)), default=1)
    _within(len(value) * max(longest, 1))
    return value.translate(table)


def _extend(value: list[Any], items: Any) -> None:
    more = _first(items)
    _within(len(value) + len(more))
    value.extend(more)


def _append(value: list[Any], item: Any) -> None:
    _within(len(value) + 1)
    value.append(item)


def _insert(value: list[Any], index: int, item: Any) -> None:
    _within(len(value) + 1)
    value.insert(index, item)


def _compared(method: _Method) -> _Method:
    """A method that compares items: comparing must come to an end."""

    def compare(value: Any, *arguments: Any, **keywords: Any) -> Any:
        check_nested(value)
        return method(value, *arguments, **keywords)

    return compare


def _sort(value: list[Any], *, reverse: bool = False) -> None:
    check_nested(value)
    value.sort(reverse=reverse)


def _popitem(value: dict[Any, Any]) -> tuple[Any, Any]:
    return value.popitem()


def _listed(method: _Method) -> _Method:
    """A method that gives a view or an iterator: a list instead, which can be indexed, matched and saved."""

    def listed(value: Any) -> list[Any]:
        return list(method(value))

    return listed


def _plain(kind: type, names: str) -> dict[str, _Method]:
    return {name: getattr(kind, name) for name in names.split()}


_NUMBER: Final = "as_integer_ratio conjugate"
_TEXT: Final = (
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower"
    " isnumeric isprintable isspace istitle isupper lower lstrip partition removeprefix removesuffix rfind"
    " rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper"
)
_SET: Final = (
    "add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset"
    " issuperset pop remove symmetric_difference symmetric_difference_update union update"
)
_FROZEN: Final = (
    "copy difference intersection isdisjoint issubset issuperset symmetric_difference union"
)

METHODS: Final[dict[type, dict[str, _Method]]] = {
    str: _plain(str, _TEXT)
    | {name: _padded(name) for name in ("center", "ljust", "rjust", "zfill")}
    | {
        "replace": _replace,
        "join": _join,
        "expandtabs": _expandtabs,
        "translate": _translate,
        "maketrans": _maketrans,
    },
    int: _plain(int, f"bit_length {_NUMBER}"),
    bool: _plain(int, f"bit_length {_NUMBER}"),
    float: _plain(float, f"is_integer hex {_NUMBER}"),
    list: _plain(list, "clear copy pop reverse")
    | {"append": _append, "extend": _extend, "insert": _insert, "sort": _sort}
    | {name: _compared(getattr(list, name)) for name in ("count", "index", "remove")},
    tuple: {name: _compared(getattr(tuple, name)) for name in ("count", "index")},
    dict: _plain(dict, "clear copy get pop setdefault update")
    | {"popitem": _popitem}
    | {name: _listed(getattr(dict, name)) for name in ("items", "keys", "values")},
    set: _plain(set, _SET),
    frozenset: _plain(frozenset, _FROZEN),
    type(None): {},
    Pattern: {},
    Comparator: {},
}
"""The methods of plain values: type -> name -> function of the value and the arguments."""

_PROPERTIES: Final[dict[type, frozenset[str]]] = {
    int: frozenset({"real", "imag", "numerator", "denominator"}),
    bool: frozenset({"real", "imag", "numerator", "denominator"}),
    float: frozenset({"real", "imag"}),
    Pattern: frozenset({"pattern"}),
    Comparator: frozenset({"op", "value"}),
}
_BASES: Final = (str, bool, int, float, list, tuple, dict, set, frozenset)


def _method_of(value: Any, name: str) -> _Method | None:
    """The guarded method of a plain value, also of a subclass of a plain type."""
    table = METHODS.get(class_of(value))
    if table is not None:
        return table.get(name)
    for base in _BASES:
        if is_a(value, base):
            return METHODS[base].get(name)
    return None


# ---------------------------------------------------------------- reading


def attribute(value: Any, name: str) -> Any:
    """``value.name``: attribute, else item; for a dictionary a missing key is None (C2-055).

    Raises:
        ExpressionError: the value has no such attribute, or it is not accessible.

    Example:
        >>> attribute({"k": 1}, "k"), attribute({}, "missing")
        (1, None)
    """
    if (class_of(value), name) in _READABLE:
        try:
            found = getattr(value, name)
        except Exception as error:  # noqa: BLE001 - below it is put into words
            found = error
        if class_of(found) in _HARMLESS:
            return found
    if refused_name(name):
        raise ExpressionError(f"`.{name}` is not accessible")
    if is_a(value, dict):
        if name in METHODS[dict]:
            raise ExpressionError(
                f'`.{name}` is a method of dictionaries: call it as `.{name}()`, or read the key with `["{name}"]`'
            )
        if class_of(value) is dict:
            return value.get(name)
    own = getattr(class_of(value), "colang_attribute", None)
    if own is not None:
        try:
            return own(value, name)
        except AttributeError as error:
            raise ExpressionError(str(error) or f"there is no `.{name}`") from None
    if class_of(value) in METHODS:
        if name in _PROPERTIES.get(class_of(value), ()):
            return getattr(value, name)
        raise _no_attribute(value, name)
    return _foreign(value, name)


def _no_attribute(value: Any, name: str) -> ExpressionError:
    if value is None:
        return ExpressionError(f"cannot read `.{name}` of None")
    if _method_of(value, name) is not None:
        return ExpressionError(f"`.{name}` is a method of {kind_of(value)}: call it as `.{name}()`")
    return ExpressionError(f"{kind_of(value)} has no `.{name}`")


def _foreign(value: Any, name: str) -> Any:
    """An attribute of an object that a Python action made."""
    if is_a(value, _INTERNAL):
        raise ExpressionError(f"`.{name}` is not accessible")
    if _method_of(value, name) is not None:
        raise _no_attribute(value, name)
    try:
        found = getattr(value, name)
    except AttributeError:
        if is_a(value, dict):
            return value.get(name)
        try:
            found = value[name]
        except Exception:  # noqa: BLE001 - foreign code may raise anything
            raise _no_attribute(value, name) from None
    except Exception as error:  # noqa: BLE001
        raise ExpressionError(f"reading `.{name}` failed: {error}") from None
    if is_a(found, _INTERNAL):
        if callable(found) and not is_a(found, type):
            raise ExpressionError(f"`.{name}` is a method: call it as `.{name}()`")
        raise ExpressionError(f"`.{name}` is not accessible")
    if len(_READABLE) >= _MAX_READABLE or len(_HARMLESS) >= _MAX_READABLE:
        _READABLE.clear()
        _HARMLESS.clear()
        _HARMLESS.update(_PLAIN)
    _READABLE.add((class_of(value), name))
    _HARMLESS.add(class_of(found))
    return found


_READABLE: Final[set[tuple[type, str]]] = set()
"""Attributes that `_foreign` has found to be readable; only the type of what they hold is looked at again."""

_MAX_READABLE: Final = 1000
_PLAIN: Final[frozenset[type]] = frozenset({bool, int, float, str, type(None), dict, list, tuple})
_HARMLESS: Final[set[type]] = set(_PLAIN)
"""Types none of whose values is refused: plain ones, and those `_foreign` has met."""


def item(value: Any, index: Any) -> Any:
    """``value[index]``.

    Example:
        >>> item(["a", "b"], -1), item({"k": 1}, "k"), item("abc", slice(0, 2))
        ('b', 1, 'ab')
    """
    if class_of(index) is tuple:
        check_nested(index)
    try:
        return value[index]
    except KeyError:
        raise ExpressionError(f"the dictionary has no key {_shown(index)}") from None
    except IndexError:
        raise ExpressionError(
            f"{kind_of(value)} of {size_of(value)} has no item {_shown(index)}"
        ) from None
    except TypeError:
        pass
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        raise ExpressionError(f"cannot read the item {_shown(index)}: {error}") from None
    if is_a(value, (str, list, tuple)):
        what = "a slice" if is_a(index, slice) else kind_of(index)
        raise ExpressionError(f"the index of {kind_of(value)} must be a whole number, not {what}")
    if is_a(value, dict):
        what = "a slice" if is_a(index, slice) else kind_of(index)
        raise ExpressionError(f"{what} cannot be the key of a dictionary")
    raise ExpressionError(f"cannot read an item of {kind_of(value)}")


def _shown(index: Any) -> str:
    text = repr(index) if is_a(index, (str, int, float, bool, type(None))) else kind_of(index)
    return text if len(text) <= 60 else text[:57] + "..."


def call_method(value: Any, name: str, *arguments: Any, **keywords: Any) -> Any:
    """``value.name(...)``.

    Raises:
        ExpressionError: no such method, wrong arguments, or the method failed.

    Example:
        >>> call_method(" Hi ", "strip"), call_method({"k": 1}, "keys")
        ('Hi', ['k'])
    """
    if refused_name(name):
        raise ExpressionError(f"`.{name}()` is not accessible")
    method = _method_of(value, name)
    if method is not None:
        for argument in arguments:  # it may be compared, hashed or shown in a message
            comparable(argument)
        try:
            return method(value, *arguments, **keywords)
        except ExpressionError:
            raise
        except LookupError:
            raise ExpressionError(f"`.{name}()`: no such key or item") from None
        except FAILURES as error:
            raise ExpressionError(f"`.{name}()` failed: {error}") from None
    if class_of(value) in METHODS:
        if value is None:
            raise ExpressionError(f"cannot call `.{name}()` of None")
        raise ExpressionError(f"{kind_of(value)} has no method `.{name}()`")
    return _call_foreign(value, name, arguments, keywords)


def _call_foreign(value: Any, name: str, arguments: Any, keywords: Any) -> Any:
    own = getattr(class_of(value), "colang_attribute", None)
    if own is not None:
        method = attribute(value, name)
    elif is_a(value, _INTERNAL):
        raise ExpressionError(f"`.{name}()` is not accessible")
    else:
        method = getattr(value, name, None)
    if not callable(method) or is_a(method, type):
        raise ExpressionError(f"{kind_of(value)} has no method `.{name}()`")
    try:
        result = method(*arguments, **keywords)
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        raise ExpressionError(f"`.{name}()` failed: {type(error).__name__}: {error}") from None
    if inspect.iscoroutine(result):
        result.close()
        raise ExpressionError(f"`.{name}()` is asynchronous; call it in an action")
    if is_a(result, _INTERNAL):
        raise ExpressionError(f"`.{name}()` gives something that is not data")
    return result
