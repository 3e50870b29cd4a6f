"""Records that cost next to nothing to define: their constructor is written when the first of them is made.

A tree has a hundred classes and a text uses a few of them; a command uses a few of all modules. `dataclasses` writes and compiles the methods of each class
when its module is imported, which takes longer than parsing the text (and it imports `inspect` for it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[type], type]:
        """Tell type checkers that `Record` makes something like dataclasses; nothing happens here."""
        return lambda kind: kind


_ABSENT: Any = object()
_R = TypeVar("_R", bound="_Fields")
_T = TypeVar("_T")


class _Fresh:
    """A default that is made anew for each record."""

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.factory = factory


def fresh(*, factory: Callable[[], _T]) -> _T:
    """Give each record a default of its own; it is written where a field has its default."""
    return cast("_T", _Fresh(factory))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(fresh,))
class RecordType(type):
    """Makes a slot of each annotation; what is assigned in the class body is that field's default."""

    __record_fields__: tuple[str, ...]
    __record_defaults__: dict[str, Any]
    __record_kw_only__: bool

    @property
    def __dataclass_fields__(cls) -> dict[str, Any]:
        """What `dataclasses.fields`, `replace` and `asdict` go by."""
        import dataclasses

        defaults = {
            name: dataclasses.field(default_factory=value.factory)
            if isinstance(value, _Fresh)
            else dataclasses.field(default=value)
            for name, value in cls.__record_defaults__.items()
        }
        specs = [(name, Any, defaults.get(name, dataclasses.field())) for name in fields(cls)]
        made: Any = dataclasses.make_dataclass(cls.__name__, specs, kw_only=True)
        found: dict[str, Any] = made.__dataclass_fields__
        return found

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, kw_only: bool = True
    ) -> RecordType:
        """Define a class: fields of the bases first, then its own, in the order of the text."""
        annotated = body.get("__annotations__", ())
        inherited: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            if isinstance(base, RecordType):
                inherited += base.__record_fields__
                defaults |= base.__record_defaults__
        own = tuple(field for field in annotated if field not in inherited)
        body["__slots__"] = own
        defaults |= {field: body.pop(field) for field in annotated if field in body}
        body["__init__"] = _write_and_call
        made = super().__new__(cls, name, bases, body)
        made.__record_fields__ = inherited + own
        made.__record_defaults__ = defaults
        made.__record_kw_only__ = kw_only
        return made


@dataclass_transform(kw_only_default=False, field_specifiers=(fresh,))
class DraftType(RecordType):
    """Makes the classes below `Draft`, whose fields may be given in order."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, kw_only: bool = False
    ) -> RecordType:
        """See `RecordType`."""
        return super().__new__(cls, name, bases, body, kw_only=kw_only)


def _write_and_call(self: _Fields, *values: Any, **named: Any) -> None:
    """The constructor of a class that was never called: write the true one, and let it do the work."""
    kind: Any = type(self)
    type.__setattr__(kind, "__init__", _constructor(kind))
    kind.__init__(self, *values, **named)


def _constructor(kind: RecordType) -> Callable[..., None]:
    """``def __init__(self, *, span, name=...)`` that fills the slots, past `Record.__setattr__`."""
    scope: dict[str, Any] = {"_absent": _ABSENT}
    parameters, lines = (
        ["self", "*"] if kind.__record_kw_only__ and kind.__record_fields__ else ["self"],
        ["  pass"],
    )
    for field in kind.__record_fields__:
        scope[f"_set_{field}"] = getattr(kind, field).__set__
        value, default = field, kind.__record_defaults__.get(field)
        if isinstance(default, _Fresh):
            scope[f"_fresh_{field}"] = default.factory
            parameters.append(f"{field}=_absent")
            value = f"_fresh_{field}() if {field} is _absent else {field}"
        elif field in kind.__record_defaults__:
            scope[f"_default_{field}"] = default
            parameters.append(f"{field}=_default_{field}")
        else:
            parameters.append(field)
        lines.append(f"  _set_{field}(self, {value})")
    # The names are those of annotations, which only Python identifiers can be.
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), scope)  # noqa: S102
    written: Callable[..., None] = scope["__init__"]
    written.__qualname__ = f"{kind.__qualname__}.__init__"
    written.__module__ = kind.__module__
    return written


class _Fields:
    """What records and drafts share."""

    __slots__ = ()

    @property
    def __dataclass_fields__(self) -> dict[str, Any]:
        """The same as of the class."""
        kind: Any = type(self)
        found: dict[str, Any] = kind.__dataclass_fields__
        return found

    def __eq__(self, other: object) -> bool:
        """Compare field by field."""
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in fields(self))

    def __repr__(self) -> str:
        """Look like a call of the class."""
        shown = ", ".join(f"{field}={getattr(self, field)!r}" for field in fields(self))
        return f"{type(self).__qualname__.rpartition('.')[2]}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and send field by field."""
        return _remade, (type(self), {field: getattr(self, field) for field in fields(self)})

    def __replace__(self, **changes: Any) -> Self:
        """Let `copy.replace` of Python 3.13 work."""
        return changed(self, **changes)


class Record(_Fields, metaclass=RecordType):
    """A value with named fields: frozen, slotted, equal to another of its class with equal fields.

    Written like a dataclass, read like one by type checkers. Fields are given by name, or in order as well if the
    class says ``kw_only=False``.

    Example:
        >>> class Point(Record):
        ...     x: int
        ...     y: int = 0
        >>> Point(x=1)
        Point(x=1, y=0)
        >>> changed(Point(x=1), y=2) == Point(x=1, y=2)
        True
    """

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse."""
        raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        """Refuse."""
        raise AttributeError(f"{type(self).__name__} is frozen: {name!r} cannot be deleted")

    def __hash__(self) -> int:
        """Fit `__eq__`."""
        return hash((type(self), *(getattr(self, field) for field in fields(self))))


class Draft(_Fields, metaclass=DraftType):
    """The same for what is still being made: its fields can be set, and it has no hash.

    Example:
        >>> class Page(Draft):
        ...     title: str
        ...     lines: list[str] = fresh(factory=list)
        >>> page = Page("one")
        >>> page.lines.append("two")
        >>> page, Page("one")
        (Page(title='one', lines=['two']), Page(title='one', lines=[]))
    """


def _remade(kind: type[_R], values: dict[str, Any]) -> _R:
    return kind(**values)


def fields(record: _Fields | RecordType) -> tuple[str, ...]:
    """The names of the fields of a record or of its class, in order.

    >>> from colang.diagnostics import Edit
    >>> fields(Edit)
    ('span', 'text')
    """
    kind: Any = record if isinstance(record, type) else type(record)
    names: tuple[str, ...] = kind.__record_fields__
    return names


def changed(record: _R, **changes: Any) -> _R:
    """The same record with other values in some fields.

    Raises:
        TypeError: It has no field of that name.
    """
    return type(record)(**{field: getattr(record, field) for field in fields(record)} | changes)
