"""Names and parameters of Python actions, read off the source with `ast`; nothing is imported or executed."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from colang.diagnostics import Diagnostic
from colang.diagnostics import actions as report
from colang.project.execution_rails import DecoratorNames, read_rails
from colang.project.files import ActionInfo
from colang.source import Source, Span

MAX_CHARACTERS = 2_000_000


def read_actions(text: str, path: str) -> tuple[dict[str, ActionInfo], bool, list[Diagnostic]]:
    r"""The actions one Python file declares or registers, whether these are all, and what is wrong.

    Declared: functions and classes (with a method `run`) under the decorator ``@action``, wherever it was
    imported from. Registered: calls of a method ``register_action`` (section 5.3).

    Example:
        >>> text = "@action(name='pay')\nasync def do_pay(amount, events=None):\n    ...\n"
        >>> found, complete, problems = read_actions(text, "actions.py")
        >>> found["pay"].parameters, complete, problems
        (('amount', 'events'), True, [])
    """
    if len(text) > MAX_CHARACTERS:
        problem = f"it has more than {MAX_CHARACTERS:,} characters"
        return {}, False, [report.bad_python(problem, Span(0, 0)).at(path)]
    source = Source(text, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        line = min(max(error.lineno or 1, 1), len(source.line_starts))
        start = source.line_starts[line - 1]
        start += min(max((error.offset or 1) - 1, 0), len(source.line_text(line)))
        span = Span(start, min(start + 1, len(text)))
        return {}, False, [report.bad_python(str(error.msg), span).at(path)]
    except (ValueError, RecursionError, MemoryError) as error:
        problem = str(error) or "it is nested too deep"
        return {}, False, [report.bad_python(problem, Span(0, 0)).at(path)]
    found: dict[str, ActionInfo] = {}
    problems: list[Diagnostic] = []
    functions: dict[str, ast.AST] = {}
    decorators = DecoratorNames(tree)
    for node in _definitions(tree):
        functions.setdefault(node.name, node)
        name = _declared_name(node)
        info = _info(name or node.name, node, node, source, decorators)
        if name is not None:
            found[name] = info
        for rail in info.rails:
            if rail.problem is not None:
                problems.append(report.bad_execution_rail(rail.problem, rail.span).at(path))
    complete = True
    imported = _imported_names(tree)
    for call in _calls(tree):
        name, target = _registered(call)
        if name is None or (name == target and not (name in functions or name in imported)):
            complete = False
            continue
        found[name] = _info(name, functions.get(target), call, source, decorators)
    return found, complete, problems


def _definitions(
    tree: ast.Module,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    pending: list[ast.stmt] = list(reversed(tree.body))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With):
            pending.extend(
                child for child in reversed(list(_walk(node))) if isinstance(child, ast.stmt)
            )


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Direct children, those of ``except`` clauses included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler):
            yield from child.body
        else:
            yield child


def _declared_name(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str | None:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        if name != "action":
            continue
        if isinstance(decorator, ast.Call):
            given = [k.value for k in decorator.keywords if k.arg == "name"] + decorator.args[2:3]
            for value in given:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    return value.value
        return node.name
    return None


def _imported_names(tree: ast.Module) -> set[str]:
    """Names that `from ... import` brings under the name they have there."""
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname in (None, alias.name)
    }


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Attribute) and called.attr == "register_action":
                yield node


def _registered(call: ast.Call) -> tuple[str | None, str]:
    """The name an action is registered under (None: not written in the source) and the function's name."""
    target = call.args[0] if call.args else None
    for keyword in call.keywords:
        if keyword.arg in ("fn", "action"):
            target = keyword.value
    function = target.id if isinstance(target, ast.Name) else ""
    for value in [k.value for k in call.keywords if k.arg == "name"] + call.args[1:2]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value, function
        return None, function
    return function or None, function


def _info(
    name: str, node: ast.AST | None, at: ast.AST, source: Source, decorators: DecoratorNames
) -> ActionInfo:
    target = node
    if isinstance(node, ast.ClassDef):
        runs = [
            child
            for child in node.body
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name == "run"
        ]
        node = runs[0] if runs else None
        own = 1  # self
    else:
        own = 0
    span = _span(at, source)
    rails = read_rails(target, node, source, decorators)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ActionInfo(name, (), True, source.path, span, rails)
    arguments = node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)][own:]
    names += [a.arg for a in arguments.kwonlyargs]
    is_open = arguments.kwarg is not None
    return ActionInfo(name, tuple(names), is_open, source.path, span, rails)


def _span(node: ast.AST, source: Source) -> Span:
    """The name of a definition, or a whole call; columns of `ast` count UTF-8 bytes."""
    line: int = getattr(node, "lineno", 1)
    text = source.line_text(line)
    column = len(text.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore"))
    start = source.line_starts[line - 1] + column
    name: str = getattr(node, "name", "")
    at = text.find(name, column) if name else -1
    if at >= 0:
        start = source.line_starts[line - 1] + at
        return Span(start, start + len(name))
    return Span(start, source.line_starts[line - 1] + len(text))
