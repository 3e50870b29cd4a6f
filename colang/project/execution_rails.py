"""Execution rails: the decorators that check what a Python action is given and what it gives back.

What they may say, and how it is read off the source with `ast`; nothing is imported or executed. The decorators
themselves are in `colang_interpreter.host.validation`. (Spec: rails-runtime.md, 10.6.)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from colang.diagnostics.config import near
from colang.source import Source, Span

INPUT: Final = "validate_input"
RESPONSE: Final = "validate_response"

VALIDATORS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        INPUT: ("length", "quote"),
        RESPONSE: ("length", "ip_filter", "is_default_resp", "filter_secrets"),
    }
)
"""What each decorator can check, in the order in which it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRail:
    """One decorator of an action.

    Attributes:
        decorator: ``validate_input`` or ``validate_response``.
        attribute: What it checks; "" for results, and if the source does not tell.
        validators: Their names; None if the source does not tell.
        call: As it is written, in one line.
        span: Of the decorator, without ``@``.
        problem: Why the file cannot be loaded with it; None if nothing is known.
    """

    decorator: str
    attribute: str
    validators: tuple[str, ...] | None
    call: str
    span: Span
    problem: str | None = None


def wrong_options(decorator: str, validators: Sequence[object], max_len: object) -> str | None:
    """Why a decorator cannot work with these options; None if it can.

    >>> wrong_options("validate_input", ["lenght"], None)
    '`validate_input` has no validator `lenght`; did you mean `length`?'
    >>> wrong_options("validate_input", ["length"], 0)
    '`max_len` of `validate_input` is a number of characters above 0, not 0'
    """
    known = VALIDATORS[decorator]
    for name in validators:
        if not isinstance(name, str):
            return f"validators of `{decorator}` are names in quotes, not {type(name).__name__}"
        if name not in known:
            guess = near(name, known)
            advice = f"did you mean `{guess}`?" if guess else f"it has {_listed(known)}"
            return f"`{decorator}` has no validator `{name[:50]}`; {advice}"
    if max_len is None:
        return None
    if isinstance(max_len, bool) or not isinstance(max_len, int) or max_len < 1:
        shown = repr(max_len)[:30]
        return f"`max_len` of `{decorator}` is a number of characters above 0, not {shown}"
    if "length" not in validators:
        return f'`max_len` of `{decorator}` has no effect without "length" among its validators'
    return None


def wrong_attribute(attribute: str, function: str, parameters: Iterable[str]) -> str:
    """What to tell if a function has no parameter to check.

    >>> wrong_attribute("qery", "search", ["query"])
    '`search` has no parameter `qery` to validate; did you mean `query`?'
    """
    parameters = list(parameters)
    guess = near(attribute, parameters)
    takes = f"it takes {_listed(parameters)}" if parameters else "it takes none"
    advice = f"did you mean `{guess}`?" if guess else takes
    return f"`{function}` has no parameter `{attribute[:50]}` to validate; {advice}"


def quoted_attribute(attribute: str, function: str) -> str:
    """What to tell if `quote` is to change an attribute of an object, which lives longer than a call."""
    return f"`quote` changes what is given to a call: `{attribute[:50]}` is no parameter of `run` of `{function}`"


def no_list(decorator: str, given: str) -> str:
    """What to tell if there is one text where a list of names belongs."""
    return f'`{decorator}` takes a list of validators: write validators=["{given[:50]}"]'


class DecoratorNames:
    """What the decorators are called in a file: only those that come from the packages that have them count."""

    def __init__(self, tree: ast.Module) -> None:
        """Read off its imports."""
        self._names: dict[str, str] = {}
        self._modules: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and _is_ours(node.module or ""):
                for alias in node.names:
                    if alias.name == "*":
                        self._names |= {name: name for name in VALIDATORS}
                    elif alias.name in VALIDATORS:
                        self._names[alias.asname or alias.name] = alias.name
                    else:
                        self._modules.add(alias.asname or alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if _is_ours(alias.name):
                        self._modules.add(alias.asname or alias.name.partition(".")[0])

    def __bool__(self) -> bool:
        return bool(self._names or self._modules)

    def find(self, decorator: ast.expr) -> str | None:
        """Which of `VALIDATORS` a decorator is."""
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Name):
            return self._names.get(called.id)
        if not isinstance(called, ast.Attribute) or called.attr not in VALIDATORS:
            return None
        holder = called.value
        while isinstance(holder, ast.Attribute):
            holder = holder.value
        known = isinstance(holder, ast.Name) and holder.id in self._modules
        return called.attr if known else None


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("colang_interpreter", "nemoguardrails")


def read_rails(
    node: ast.AST | None, run: ast.AST | None, source: Source, names: DecoratorNames
) -> tuple[ExecutionRail, ...]:
    """The execution rails of an action: arguments are checked from the first one on, results from the last one.

    Args:
        node: The function or class of the action; None if it is not in the file.
        run: The function whose parameters count: the same one, or the method `run` of the class.
        source: The file.
        names: Of the decorators in the file.
    """
    found: list[ExecutionRail] = []
    if not names:
        return ()
    for holder in dict.fromkeys((node, run)):
        for decorator in getattr(holder, "decorator_list", ()):
            name = names.find(decorator)
            if name is not None:
                call = decorator if isinstance(decorator, ast.Call) else None
                span = _extent(decorator, source)
                found.append(
                    _rail(name, call, run, holder, source.text[span.start : span.end], span)
                )
    return tuple(found)


def _extent(node: ast.expr, source: Source) -> Span:
    """The characters of an expression; columns of `ast` count UTF-8 bytes."""

    def offset(line: int, column: int) -> int:
        before = source.line_text(line).encode()[:column].decode(errors="ignore")
        return source.line_starts[line - 1] + len(before)

    end = offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
    return Span(offset(node.lineno, node.col_offset), end)


def _rail(
    decorator: str,
    call: ast.Call | None,
    run: ast.AST | None,
    holder: ast.AST | None,
    text: str,
    span: Span,
) -> ExecutionRail:
    is_class = isinstance(holder, ast.ClassDef)
    names = ("attribute", "validators") if decorator == INPUT else ("validators",)
    given: dict[str, ast.expr] = {}
    if call is not None:
        given |= dict(zip(names, call.args, strict=False))
        given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
    is_open = call is not None and any(each.arg is None for each in call.keywords)
    attribute = _text(given.get("attribute"))
    validators = _names(given.get("validators"))
    limit, limit_is_known = _number(given.get("max_len"))
    function = str(getattr(holder, "name", ""))
    problem: str | None = None
    unknown = [name for name in given if name not in (*names, "max_len")]
    lone = _text(given.get("validators"))
    if call is None:
        problem = f"`{decorator}` is called: write @{decorator}(...)"
    elif unknown:
        problem = f"`{decorator}` has no option `{unknown[0]}`"
    elif lone is not None:
        problem = no_list(decorator, lone)
    elif decorator == INPUT and "attribute" not in given and not is_open:
        problem = f"`{decorator}` needs the name of the parameter to check"
    elif validators is not None and limit_is_known and not is_open:
        problem = wrong_options(decorator, validators, limit)
    if problem is None and attribute is not None and isinstance(run, _FUNCTIONS):
        arguments = run.args
        named = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        named += [each.arg for each in arguments.kwonlyargs]
        if attribute not in named and arguments.kwarg is None:
            if not is_class:
                problem = wrong_attribute(attribute, function, named)
            elif "quote" in (validators or ()):
                problem = quoted_attribute(attribute, function)
    return ExecutionRail(
        decorator=decorator,
        attribute=attribute or "",
        validators=validators,
        call=" ".join(text.split()),
        span=span,
        problem=problem,
    )


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _text(node: ast.expr | None) -> str | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _names(node: ast.expr | None) -> tuple[str, ...] | None:
    """The texts of a list that is written out; None if it is not."""
    if node is None:
        return ()
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    names = [_text(each) for each in node.elts]
    known = tuple(name for name in names if name is not None)
    return known if len(known) == len(names) else None


def _number(node: ast.expr | None) -> tuple[object, bool]:
    """A number that is written out, and whether it is, or there is none."""
    if node is None:
        return None, True
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None, False
    return value, True


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
