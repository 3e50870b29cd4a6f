"""Jinja, kept on a short leash: no private attributes, no changes, bounded work and bounded output.

Templates come from configuration folders and from bot messages, which may be written by tenants. Each loop
turn, call and filter inside a template counts, operations that let a text grow are measured before they are done,
and a text that is too long is given up, so no template runs for long.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from colang_interpreter.dynamic import is_a
from colang_interpreter.llm.budget import (
    MAX_NUMBER,
    MAX_OUTPUT,
    Budget,
    counted,
    is_wide,
    limited,
    spend,
    weighed,
    weight,
)

MAX_TEMPLATE: Final = 200_000  # characters of a template

_FORBIDDEN = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
}
_LEFT_OUT = ("lipsum", "cycler", "joiner", "namespace", "dict")
_GROWING = frozenset(
    {"center", "indent", "batch", "slice", "truncate", "wordwrap", "round", "tojson"}
)
_GROWING_METHODS = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})
_PRODUCTS = frozenset({"replace", "join", "translate", "wordwrap", "indent", "batch", "slice"})


class TemplateFlaw(Exception):
    """A template is wrong, or fails with these values; the text says why."""


def _checked_numbers(values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, int) and not -MAX_NUMBER <= value <= MAX_NUMBER:
            raise SecurityError(f"the number {value:.3g} is too large here")


def _checked_product(values: Sequence[Any]) -> None:
    """Texts that are put into each other: each may come as often as the other has characters."""
    product = 1
    for value in values:
        product *= max(1, weight(value))
    if product > 100 * MAX_OUTPUT:
        raise SecurityError("the texts are too long to be combined")


def _limited(value: Any) -> Any:
    return limited(value) if is_a(value, Iterator) else value


def _result(value: Any) -> Any:
    if not is_a(value, Iterator):
        weighed(value)
    return value


def _measured(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def measured(*arguments: Any, **named: Any) -> Any:
        spend()
        given = [*arguments, *named.values()]
        weighed(*given)
        if name in _GROWING:
            _checked_numbers(given)
        if name in _PRODUCTS:
            _checked_product(given)
        if name == "format" and any(isinstance(value, str) and is_wide(value) for value in given):
            raise SecurityError("a width is too large")
        made = function(
            *map(_limited, arguments), **{key: _limited(value) for key, value in named.items()}
        )
        return _result(made)

    return measured


def _concatenated(values: Sequence[Any]) -> str:
    spend()
    weighed(values)
    return "".join(map(str, values))


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_NUMBER:
        raise SecurityError(f"range() gives at most {MAX_NUMBER} numbers")
    return made


def _shown(value: Any) -> Any:
    """What is about to become text."""
    weighed(value)
    return value


class _Rewritten(NodeTransformer):
    """Has the loops and joins of a template count."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """Count the turns."""
        self.generic_visit(node)
        node.iter = _filtered("counted ", node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """Measure before joining."""
        self.generic_visit(node)
        return _filtered("concatenated ", nodes.List(node.nodes, lineno=node.lineno))


def _filtered(name: str, value: nodes.Node) -> nodes.Filter:
    made = nodes.Filter(cast(nodes.Expr, value), name, [], [], None, None, lineno=value.lineno)
    made.set_environment(cast(Any, value.environment))
    return made


class Sandbox(ImmutableSandboxedEnvironment):
    r"""Where all templates run.

    Example:
        >>> Sandbox({"shout": str.upper}).text("{{ name | shout }}!", {"name": "Ann"})
        'ANN!'
        >>> Sandbox().text("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", {})
        Traceback (most recent call last):
        colang_interpreter.llm.sandbox.TemplateFlaw: the template failed: it takes more than 100000 steps
    """

    intercepted_binops = frozenset(["*", "**", "+", "%", "<<"])

    def __init__(self, filters: Mapping[str, Callable[..., Any]] | None = None) -> None:
        """With the filters of Jinja, and these."""
        super().__init__(
            autoescape=False, keep_trailing_newline=True, cache_size=0, finalize=_shown
        )
        for name in _LEFT_OUT:
            self.globals.pop(name, None)
        cast("dict[str, Any]", self.globals)["range"] = _range
        known: dict[str, Any] = vars(self)["filters"]
        known.update({name: _measured(name, function) for name, function in known.items()})
        known.update(filters or {})
        known["counted "] = counted  # names with a blank: no template can use them
        known["concatenated "] = _concatenated
        self._compiled = functools.lru_cache(maxsize=512)(self._built)

    def text(self, template: str, variables: Mapping[str, Any]) -> str:
        """Render a template; variables that are not there are empty.

        Raises:
            TemplateFlaw: It is wrong, fails, is too long or takes too long.
        """
        compiled = self._compiled(template)
        pieces: list[str] = []
        length = 0
        try:
            with Budget():
                for piece in compiled.generate(dict(variables)):
                    pieces.append(piece)
                    length += len(piece)
                    if length > MAX_OUTPUT:
                        raise SecurityError(f"the text has more than {MAX_OUTPUT} characters")
        except RecursionError:
            raise TemplateFlaw("the template failed: it is nested too deeply") from None
        except Exception as problem:  # whatever a template or a value in it may raise
            raise TemplateFlaw(f"the template failed: {problem}") from problem
        return "".join(pieces)

    def flaw(self, template: str) -> str | None:
        """What is wrong with a template before it is used; None if nothing."""
        try:
            self._compiled(template)
        except TemplateFlaw as problem:
            return str(problem)
        return None

    def _built(self, template: str) -> Any:
        if len(template) > MAX_TEMPLATE:
            raise TemplateFlaw(f"the template has more than {MAX_TEMPLATE} characters")
        try:
            return self.from_string(template)
        except TemplateSyntaxError as problem:
            raise TemplateFlaw(f"line {problem.lineno}: {problem.message}") from None
        except (RecursionError, MemoryError):
            raise TemplateFlaw("the template is nested too deeply") from None

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for kind, word in _FORBIDDEN.items():
            found = tree.find(kind)
            if found is not None:
                raise TemplateSyntaxError(f"`{word}` cannot be used here", found.lineno)
        return cast(nodes.Template, _Rewritten().visit(tree))

    def wrap_str_format(self, value: Any) -> Any:
        """The safe form of ``"...".format``, which some versions of Jinja make when the attribute is read."""
        owner = getattr(value, "__self__", None)
        if isinstance(owner, str) and getattr(value, "__name__", "").startswith("format"):
            _checked_format(owner)
        return super().wrap_str_format(value)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something from a template, counted and measured."""
        spend()
        given = [*args, *kwargs.values()]
        weighed(*given)
        owner = getattr(obj, "__self__", None)
        if is_a(owner, (str, bytes)):
            name = getattr(obj, "__name__", "")
            if name.startswith("format"):
                _checked_format(str(owner))
            if name in _GROWING_METHODS:
                _checked_numbers(given)
            if name in _PRODUCTS:
                _checked_product([owner, *given])
        args = tuple(map(_limited, args))
        return _result(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate, unless the result would be huge."""
        spend()
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator in ("**", "<<"):
            if not numbers or abs(right) > 100 or abs(left) > 10**9:
                raise SecurityError(f"`{operator}` with these values is not allowed")
        elif operator == "*" and not numbers:
            if weight(left) * weight(right) * _times(left) * _times(right) > MAX_OUTPUT:
                raise SecurityError(f"the product has more than {MAX_OUTPUT} characters")
        elif operator == "%" and is_a(left, (str, bytes)):
            _checked_format(str(left))
            weighed(left, right)
        elif operator == "+" and not numbers:
            weighed(left, right)
        elif any(isinstance(side, int) and side.bit_length() > 10_000 for side in (left, right)):
            raise SecurityError("a number is too large")
        return _result(super().call_binop(context, operator, left, right))


def _times(value: Any) -> int:
    return max(1, value) if isinstance(value, int) else 1


def _checked_format(pattern: str) -> None:
    if is_wide(pattern):
        raise SecurityError("a width is too large")
