"""Guarded operators: Python's, with limits on size and with errors in the author's words (section 3.2).

Nothing here knows a dialect: the 2.x and the 1.0 evaluators are compiled from the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from colang_interpreter.dynamic import class_of, is_a
from colang_interpreter.values import Comparator, ExpressionError, Pattern

MAX_ITEMS: Final = 100_000  # characters or items that `+`, `*`, `%` and methods may produce
MAX_TEXT: Final = 1_000_000  # characters of an interpolated text or of str(...)
MAX_OPERAND: Final = 4_000_000  # base and exponent of `**`
MAX_SHIFT: Final = 10_000  # of `<<`
MAX_BITS: Final = (
    14_000  # of a whole number: below 4300 digits, so that it can always be written down and saved
)
MAX_NESTED: Final = 200_000  # values inside a value that is compared or turned into text
MAX_LEVELS: Final = 100  # levels of such a value
LOOP_WORK: Final = 10_000_000  # units of work of all comprehensions of one evaluation
STEP_WORK: Final = 10  # units of one turn of a comprehension

# What Python's own operators raise. An operator of a foreign object may raise anything: `compiler.explain` words that.
FAILURES: Final = (TypeError, ValueError, ArithmeticError, MemoryError, RecursionError)

_BIG: Final = 1 << MAX_BITS
_SCALARS: Final = frozenset({str, int, float, bool, type(None), Pattern, Comparator})

_KINDS: Final[dict[type, str]] = {
    type(None): "None",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a tuple",
    dict: "a dictionary",
    set: "a set",
    frozenset: "a set",
    Pattern: "a pattern",
    Comparator: "a comparator",
}


def kind_of(value: object) -> str:
    """What a value is, in the author's words.

    >>> kind_of("x"), kind_of(None), kind_of([1])
    ('a text', 'None', 'a list')
    """
    return _KINDS.get(type(value), "") or f"a value of type {type_name(value)}"


def type_name(value: object) -> str:
    """What ``type(x)`` gives: a `colang_type` if the value's class has one, else the name of the class."""
    kind = class_of(value)
    name = getattr(value, "colang_type", None) if hasattr(kind, "colang_type") else None
    return name if isinstance(name, str) else kind.__name__


# ---------------------------------------------------------------- sizes


def size_of(value: Any) -> int:
    """Number of items, 0 for a value without a length."""
    try:
        return len(value)
    except TypeError:
        return 0


def check_nested(value: object, limit: int = MAX_NESTED) -> None:
    """Refuse a value too large to be compared, printed, copied or saved; shared parts count each time.

    ``$l = [$l, $l]`` doubles the size of a value with every turn of a loop although memory hardly grows, and
    ``($l.append($l))`` makes it endless; whoever walks through a value must ask here first.

    Raises:
        ExpressionError: more than `limit` values, or more than 100 levels.
    """
    left, level = limit, 0
    row: list[Any] = [value]
    while row:
        level += 1
        below: list[Any] = []
        for item in row:
            kind = class_of(item)
            if kind in _SCALARS:
                continue
            if issubclass(kind, dict):
                below.extend(item.values())
            elif issubclass(kind, (list, tuple, set, frozenset)):
                below.extend(item)
            if len(below) > left:
                raise ExpressionError(f"the value is too large: more than {limit} values inside it")
        if level > MAX_LEVELS and below:
            raise ExpressionError(f"the value is nested more than {MAX_LEVELS} levels deep")
        left -= len(below)
        row = below


def comparable(value: Any) -> Any:
    """The value itself, if comparing with it comes to an end."""
    if type(value) not in _SCALARS:
        check_nested(value)
    return value


def text_of(value: Any) -> str:
    """``str(value)`` as interpolation needs it; containers are checked first.

    >>> text_of([1, "b"]), text_of(None), text_of(1.50)
    ("[1, 'b']", 'None', '1.5')
    """
    kind = class_of(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return str(value) if -_BIG < value < _BIG else _too_many_digits()
    if kind not in _SCALARS:
        check_nested(value)
    text = str(value)
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"the text is longer than {MAX_TEXT} characters")
    return text


def interpolate(*parts: Any) -> str:
    """The parts of a string literal as one text (section 3.4).

    >>> interpolate("n=", 2, "!")
    'n=2!'
    """
    texts = [part if type(part) is str else text_of(part) for part in parts]
    if sum(map(len, texts)) > MAX_TEXT:
        raise ExpressionError(f"the text is longer than {MAX_TEXT} characters")
    return "".join(texts)


def own(value: Any) -> Any:
    """A variable's value where it leaves the variable: a dictionary is copied, all else is shared (C2-058, C2-059)."""
    kind = class_of(value)
    return value.copy() if kind is dict else value


# ---------------------------------------------------------------- loops


def each(value: Any, budget: list[int]) -> list[Any]:
    """The items a comprehension goes over, as a list of its own: growing the original in the loop does no harm."""
    budget[0] -= STEP_WORK * (1 + size_of(value))
    if budget[0] < 0:
        raise ExpressionError("the comprehension takes too many turns")
    kind = class_of(value)
    if kind in (list, tuple, set, frozenset, dict, str):
        return list(value)
    try:
        items: list[Any] = []
        for item in value:
            items.append(item)
            if len(items) > MAX_ITEMS:
                raise ExpressionError(f"the comprehension goes over more than {MAX_ITEMS} items")
        return items
    except TypeError:
        raise ExpressionError(f"cannot go over the items of {kind_of(value)}") from None


def charge(value: Any, budget: list[int]) -> Any:
    """The value itself, its size taken off the work a comprehension may do."""
    kind = class_of(value)
    if kind is str:
        budget[0] -= len(value) >> 3
    elif kind not in _SCALARS:
        budget[0] -= size_of(value)
    if budget[0] < 0:
        raise ExpressionError("the comprehension does too much work")
    return value


# ---------------------------------------------------------------- operators


def _too_many_digits() -> Any:
    raise ExpressionError("the number has too many digits (at most about 4200)")


def _too_long() -> Any:
    raise ExpressionError(f"the result is longer than {MAX_ITEMS} items or characters")


def _refused(verb: str, left: object, right: object, error: Exception) -> ExpressionError:
    if is_a(error, ZeroDivisionError):
        return ExpressionError("division by zero")
    if is_a(error, OverflowError):
        return ExpressionError("the number is too large")
    if is_a(error, (MemoryError, RecursionError)):
        return ExpressionError("the values are too large")
    if not is_a(error, TypeError):
        return ExpressionError(f"cannot {verb} {kind_of(left)} and {kind_of(right)}: {error}")
    advice = ""
    if verb == "add" and str in (type(left), type(right)):
        advice = ' (join them as text with "{...}" or str())'
    return ExpressionError(f"cannot {verb} {kind_of(left)} and {kind_of(right)}{advice}")


def add(a: Any, b: Any) -> Any:
    """``a + b``.

    >>> add(1, 2), add("a", "b")
    (3, 'ab')
    """
    kind = class_of(a)
    if kind is type(b):
        if kind is int:
            result = a + b
            return result if -_BIG < result < _BIG else _too_many_digits()
        if kind is str or kind is list or kind is tuple:
            return a + b if len(a) + len(b) <= MAX_ITEMS else _too_long()
    if size_of(a) + size_of(b) > MAX_ITEMS:
        return _too_long()
    try:
        return a + b
    except FAILURES as error:
        raise _refused("add", a, b, error) from None


def subtract(a: Any, b: Any) -> Any:
    """``a - b``."""
    try:
        result = a - b
    except FAILURES as error:
        raise _refused("subtract", a, b, error) from None
    if type(result) is int and not -_BIG < result < _BIG:
        return _too_many_digits()
    return result


def multiply(a: Any, b: Any) -> Any:
    """``a * b``; also repetition of a text or list."""
    if is_a(a, int) and is_a(b, int):
        if a.bit_length() + b.bit_length() > MAX_BITS:
            return _too_many_digits()
        return a * b
    if is_a(b, int):
        if size_of(a) * b > MAX_ITEMS:
            return _too_long()
    elif is_a(a, int) and size_of(b) * a > MAX_ITEMS:
        return _too_long()
    try:
        return a * b
    except FAILURES as error:
        raise _refused("multiply", a, b, error) from None


def divide(a: Any, b: Any) -> Any:
    """``a / b``."""
    try:
        return a / b
    except FAILURES as error:
        raise _refused("divide", a, b, error) from None


def floor_divide(a: Any, b: Any) -> Any:
    """``a // b``."""
    try:
        return a // b
    except FAILURES as error:
        raise _refused("divide", a, b, error) from None


def modulo(a: Any, b: Any) -> Any:
    """``a % b``; for a text, Python's formatting with limits."""
    if is_a(a, str):
        return _format(a, b)
    if is_a(a, (bytes, bytearray)):
        raise ExpressionError("cannot format bytes")
    try:
        return a % b
    except FAILURES as error:
        raise _refused("divide", a, b, error) from None


def power(a: Any, b: Any) -> Any:
    """``a ** b``."""
    if is_a(a, (int, float)) and is_a(b, (int, float)):
        if abs(a) > MAX_OPERAND or abs(b) > MAX_OPERAND:
            raise ExpressionError(f"base and exponent of `**` must not be above {MAX_OPERAND}")
        if is_a(a, int) and is_a(b, int) and b > 0 and a.bit_length() * b > MAX_BITS + b:
            return _too_many_digits()
    try:
        result = a**b
    except FAILURES as error:
        raise _refused("raise to a power", a, b, error) from None
    if type(result) is int and not -_BIG < result < _BIG:
        return _too_many_digits()
    if is_a(result, complex):
        raise ExpressionError("a root of a negative number is not a number")
    return result


def shift_left(a: Any, b: Any) -> Any:
    """``a << b``."""
    if is_a(a, int) and is_a(b, int):
        if b > MAX_SHIFT:
            raise ExpressionError(f"cannot shift by more than {MAX_SHIFT} bits")
        if a.bit_length() + b > MAX_BITS:
            return _too_many_digits()
    try:
        return a << b
    except ValueError:
        raise ExpressionError("cannot shift by a negative number of bits") from None
    except FAILURES as error:
        raise _refused("shift", a, b, error) from None


def shift_right(a: Any, b: Any) -> Any:
    """``a >> b``."""
    if is_a(b, int) and b > MAX_SHIFT:
        raise ExpressionError(f"cannot shift by more than {MAX_SHIFT} bits")
    try:
        return a >> b
    except ValueError:
        raise ExpressionError("cannot shift by a negative number of bits") from None
    except FAILURES as error:
        raise _refused("shift", a, b, error) from None


def bit_or(a: Any, b: Any) -> Any:
    """``a | b``; also joins dictionaries and sets."""
    try:
        return a | b
    except FAILURES as error:
        raise _refused("combine (`|`)", a, b, error) from None


def bit_and(a: Any, b: Any) -> Any:
    """``a & b``."""
    try:
        return a & b
    except FAILURES as error:
        raise _refused("combine (`&`)", a, b, error) from None


def bit_xor(a: Any, b: Any) -> Any:
    """``a ^ b``."""
    try:
        return a ^ b
    except FAILURES as error:
        raise _refused("combine (`^`)", a, b, error) from None


OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": modulo,
    "**": power,
    "<<": shift_left,
    ">>": shift_right,
    "|": bit_or,
    "&": bit_and,
    "^": bit_xor,
}
"""The operators of two operands."""


def invert(a: Any) -> Any:
    """``~a``."""
    return ~int(a) if type(a) is bool else ~a


def same(a: Any, b: Any) -> bool:
    """``a is b``; for plain values type and value, because a restored state has other objects with the same values.

    >>> same(10 ** 9, 1000 * 10 ** 6), same(1, True), same([], [])
    (True, False, False)
    """
    if a is b:
        return True
    return type(a) is type(b) and type(a) in _SCALARS and bool(a == b)


def not_same(a: Any, b: Any) -> bool:
    """``a is not b``."""
    return not same(a, b)


# ---------------------------------------------------------------- "..." % values

_FIELD: Final = re.compile(
    r"%(?:\((?P<name>[^()]*)\))?(?P<flags>[-#0 +]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d*))?[hlL]?(?P<type>.)?",
    re.DOTALL,
)


def _format(pattern: str, values: Any) -> str:
    """Python's ``%`` formatting, one field after the other, so that the length is known before it is used."""
    kind = class_of(values)
    positional: tuple[Any, ...] = values if issubclass(kind, tuple) else (values,)
    used = total = end = 0
    named = False
    pieces: list[str] = []
    for match in _FIELD.finditer(pattern):
        pieces.append(pattern[end : match.start()])
        end = match.end()
        width, precision = match["width"] or "", match["precision"] or ""
        if "*" in (width, precision):
            raise ExpressionError("a `*` as width is not supported in a format")
        if any(len(number) > 4 for number in (width, precision)):
            raise ExpressionError("the width of a field in a format must be below 10000")
        if match["type"] == "%":
            piece = "%"
        elif match["type"] is None or match["type"] not in "diouxXeEfFgGcrsa":
            raise ExpressionError(f"`{match[0]}` is not a field of a format")
        else:
            if match["name"] is not None:
                named = True
                value = _named(values, match["name"])
            elif used < len(positional):
                value = positional[used]
                used += 1
            else:
                raise ExpressionError("the format has more fields than there are values")
            comparable(value)
            field = f"%{match['flags']}{width}{'' if match['precision'] is None else '.' + precision}{match['type']}"
            try:
                piece = field % (value,)
            except (TypeError, ValueError, OverflowError):
                raise ExpressionError(f"`{match[0]}` does not fit {kind_of(value)}") from None
        pieces.append(piece)
        total += len(piece)
        if total + len(pattern) > MAX_ITEMS:
            return str(_too_long())
    if used < len(positional) and not named and not issubclass(kind, dict):
        raise ExpressionError("the format has fewer fields than there are values")
    pieces.append(pattern[end:])
    return "".join(pieces)


def _named(values: Any, name: str) -> Any:
    kind = class_of(values)
    if not issubclass(kind, dict):
        raise ExpressionError("a format with named fields needs a dictionary")
    if name not in values:
        raise ExpressionError(f"the dictionary has no key {name!r}")
    return values[name]
