"""What Python files say about actions, and edits of their registrations. Nothing is imported or executed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from colang.project.python_actions import read_actions
from colang.source import Source, Span
from colang_migrate.edits import Edit, apply_edits
from colang_migrate.findings import finding
from colang_migrate.names import action_name, is_reachable
from colang_migrate.python_facts import PythonFacts

_CONTEXT = re.compile(r"""(?:get\(\s*|\[\s*)["']([^\W\d]\w*)["']|["']([^\W\d]\w*)["']\s*:""")
_INTERNAL = re.compile(
    r"""["'](BotIntent|UserIntent|BotMessage|StartUtteranceBotAction|mask_prev_user_message|"""
    r"""hide_prev_turn|start_flow)["']"""
)
_INJECTED = frozenset(("events", "context", "config", "llm_task_manager", "state", "llm", "kb"))


def read_python(files: Mapping[str, str]) -> PythonFacts:
    """Look through Python files by name."""
    facts = PythonFacts()
    for path, text in files.items():
        found, complete, _ = read_actions(text, path)
        facts.complete &= complete
        for name, info in found.items():
            facts.actions[name] = tuple([p for p in info.parameters if p not in _INJECTED])
        for match in _CONTEXT.finditer(text):
            facts.variables.add(match[1] or match[2])
        tree = _tree(text)
        if tree is None:
            continue
        source = Source(text, path)
        for name, node in _functions(tree):
            if _may_return_none(node):
                facts.none_actions.add(name)
        for match in _INTERNAL.finditer(text):
            line, column = source.position(match.start())
            message = f"`{match[1]}` is an event of the 1.0 pipeline"
            facts.findings.append(finding("M405", message, path, line, column))
    return facts


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions under `@action` by the names they are registered under."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                name = (
                    called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                )
                if name == "action":
                    yield _registered_name(decorator, node.name), node


def _registered_name(decorator: ast.expr, default: str) -> str:
    value = _name_argument(decorator) if isinstance(decorator, ast.Call) else None
    return value.value if value is not None and isinstance(value.value, str) else default


def _name_argument(call: ast.Call) -> ast.Constant | None:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    for value in given:
        if isinstance(value, ast.Constant):
            return value
    return None


def _may_return_none(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function ends without a value on some way, as far as its text shows."""
    returns = [each for each in ast.walk(node) if isinstance(each, ast.Return)]
    if any(each.value is None or _has_none(each.value) for each in returns):
        return True
    return not _ends(node.body)


def _has_none(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None
    if isinstance(value, ast.IfExp):
        return _has_none(value.body) or _has_none(value.orelse)
    return False


def _ends(body: list[ast.stmt]) -> bool:
    """Whether the end of a block cannot be reached."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return True
    if isinstance(last, ast.If):
        return _ends(last.body) and _ends(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return _ends(last.body)
    if isinstance(last, ast.Try):
        return (_ends(last.body) or _ends(last.orelse)) and all(
            _ends(h.body) for h in last.handlers
        )
    if isinstance(last, ast.While):
        return isinstance(last.test, ast.Constant) and bool(last.test.value)
    return False


@dataclass(frozen=True, slots=True)
class Registration:
    """An action that 2.x only finds under another registration, and the file that registers it."""

    path: str
    name: str
    new_name: str
    line: int


def renamed(
    files: Mapping[str, str], used: Collection[str]
) -> tuple[dict[str, str], list[Registration]]:
    """Python files with registrations under the names that 2.x calls; only actions that are used.

    Files that need no change are left out.
    """
    out: dict[str, str] = {}
    changed: list[Registration] = []
    for path, text in files.items():
        tree = _tree(text)
        if tree is None:
            continue
        edits: list[Edit] = []
        source = Source(text, path)
        for name, node in _functions(tree):
            if name not in used or is_reachable(name):
                continue
            new = action_name(name)
            for decorator in node.decorator_list:
                edit = _renaming(decorator, new, source)
                if edit is not None:
                    edits.append(edit)
                    changed.append(Registration(path, name, new, decorator.lineno))
                    break
        for call in ast.walk(tree):
            if not (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "register_action"
                and call.args
            ):
                continue
            value = _name_argument(call) or (call.args[1] if len(call.args) > 1 else None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                name = value.value
                if name in used and not is_reachable(name):
                    new = action_name(name)
                    edits.append(Edit(_span(value, source), f'"{new}"'))
                    changed.append(Registration(path, name, new, call.lineno))
        if edits:
            out[path] = apply_edits(text, edits)
    return out, changed


def _renaming(decorator: ast.expr, new: str, source: Source) -> Edit | None:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if name != "action":
        return None
    if not isinstance(decorator, ast.Call):
        end = _span(decorator, source).end
        return Edit(Span(end, end), f'(name="{new}")')
    value = _name_argument(decorator)
    if value is not None:
        return Edit(_span(value, source), f'"{new}"')
    whole = _span(decorator, source)
    last = whole.end - 1
    before = source.text[_span(decorator.func, source).end + 1 : last].rstrip()
    comma = "" if not before or before.endswith(",") else ", "
    if not before:
        return Edit(Span(last, last), f'name="{new}"')
    at = last - (len(source.text[:last]) - len(source.text[:last].rstrip()))
    return Edit(Span(at, at), f'{comma}name="{new}"')


def _span(node: ast.expr, source: Source) -> Span:
    """The characters of a node; `ast` counts columns in bytes of UTF-8."""

    def offset(line: int, column: int) -> int:
        text = source.line_text(line)
        return source.line_starts[line - 1] + len(text.encode()[:column].decode(errors="ignore"))

    return Span(
        offset(node.lineno, node.col_offset),
        offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset),
    )
