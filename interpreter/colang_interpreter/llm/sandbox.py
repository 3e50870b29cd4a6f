"""Jinja, kept on a short leash: no private attributes, no changes, bounded work and bounded output.

Templates come from configuration folders and from bot messages, which may be written by tenants. Each loop
turn, call and filter inside a template counts, operations that let a text grow are measured before they are done,
and a text that is too long is given up, so no template runs for long.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, cast

from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from colang_interpreter.dynamic import is_a

MAX_TEMPLATE: Final = 200_000  # characters of a template
MAX_OUTPUT: Final = 1_000_000  # characters of what it renders to, and of any text on the way
MAX_STEPS: Final = 100_000  # loop turns, calls and filters of one rendering
MAX_NUMBER: Final = 10_000  # a number given to a filter or method, for example a width

_WIDTH = re.compile(r"\d{5}")
_FORBIDDEN = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
}
_LEFT_OUT = ("lipsum", "cycler", "joiner", "namespace", "dict")

_steps: ContextVar[list[int]] = ContextVar("colang_template_steps")


class TemplateFlaw(Exception):
    """A template is wrong, or fails with these values; the text says why."""


def _spend() -> None:
    left = _steps.get()
    left[0] -= 1
    if left[0] < 0:
        raise SecurityError(f"it takes more than {MAX_STEPS} steps")


def _size(value: Any) -> int:
    return len(value) if is_a(value, (str, bytes, list, tuple, dict, set)) else 1


def _check_arguments(values: Sequence[Any]) -> None:
    """Refuse what could make a filter or method grow a text beyond all bounds."""
    product = 1
    for value in values:
        if isinstance(value, int) and not -MAX_NUMBER <= value <= MAX_NUMBER:
            raise SecurityError(f"the number {value} is too large here")
        if isinstance(value, str) and len(value) > 1:
            product *= len(value)
    if product > 100 * MAX_OUTPUT:
        raise SecurityError("the texts are too long to be combined")


def _checked(value: Any) -> Any:
    if is_a(value, (str, list, tuple)) and len(value) > MAX_OUTPUT:
        raise SecurityError(f"a value has more than {MAX_OUTPUT} characters")
    return value


def _measured(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def measured(*arguments: Any, **named: Any) -> Any:
        _spend()
        given = [*arguments, *named.values()]
        _check_arguments(given[1:] if len(given) > 1 else given)
        if any(isinstance(value, str) and "%" in value and _WIDTH.search(value) for value in given):
            raise SecurityError("a width is too large")
        return _checked(function(*arguments, **named))

    return measured


def _counted(values: Any) -> Iterator[Any]:
    for value in values:
        _spend()
        yield value


def _concatenated(values: Sequence[Any]) -> str:
    _spend()
    texts = [str(value) for value in values]
    if sum(map(len, texts)) > MAX_OUTPUT:
        raise SecurityError(f"a text has more than {MAX_OUTPUT} characters")
    return "".join(texts)


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_NUMBER:
        raise SecurityError(f"range() gives at most {MAX_NUMBER} numbers")
    return made


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
        super().__init__(autoescape=False, keep_trailing_newline=True, cache_size=0)
        for name in _LEFT_OUT:
            self.globals.pop(name, None)
        cast("dict[str, Any]", self.globals)["range"] = _range
        for name, function in self.filters.items():
            self.filters[name] = _measured(function)
        self.filters.update(filters or {})
        self.filters["counted "] = _counted  # names with a blank: no template can use them
        self.filters["concatenated "] = _concatenated
        self._compiled = functools.lru_cache(maxsize=512)(self._built)

    def text(self, template: str, variables: Mapping[str, Any]) -> str:
        """Render a template; variables that are not there are empty.

        Raises:
            TemplateFlaw: It is wrong, fails, is too long or takes too long.
        """
        compiled = self._compiled(template)
        token = _steps.set([MAX_STEPS])
        pieces: list[str] = []
        length = 0
        try:
            for piece in compiled.generate(dict(variables)):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_OUTPUT:
                    raise SecurityError(f"the text has more than {MAX_OUTPUT} characters")
        except RecursionError:
            raise TemplateFlaw("the template failed: it is nested too deeply") from None
        except Exception as problem:  # whatever a template or a value in it may raise
            raise TemplateFlaw(f"the template failed: {problem}") from problem
        finally:
            _steps.reset(token)
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

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something from a template, counted and measured."""
        _spend()
        given = [*args, *kwargs.values()]
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str):
            name = getattr(obj, "__name__", "")
            if name in ("format", "format_map") and _WIDTH.search(owner):
                raise SecurityError("a width is too large")
            size = len(owner) * max([_size(value) for value in given], default=1)
            if name in ("replace", "join", "translate") and size > 100 * MAX_OUTPUT:
                raise SecurityError("the texts are too long to be combined")
            _check_arguments(given)
        return _checked(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate, unless the result would be huge."""
        _spend()
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator in ("**", "<<"):
            if not numbers or abs(right) > 100 or abs(left) > 10**9:
                raise SecurityError(f"`{operator}` with these values is not allowed")
        elif operator == "*" and not numbers:
            count = right if isinstance(right, int) else left
            if isinstance(count, int) and count * max(_size(left), _size(right)) > MAX_OUTPUT:
                raise SecurityError(f"the product has more than {MAX_OUTPUT} characters")
        elif operator == "%" and isinstance(left, (str, bytes)):
            if _WIDTH.search(
                left if isinstance(left, str) else left.decode("latin-1")
            ) or "*" in str(left):
                raise SecurityError("a width is too large")
        elif numbers and isinstance(left, int) and left.bit_length() > 10_000:
            raise SecurityError("a number is too large")
        return _checked(super().call_binop(context, operator, left, right))
