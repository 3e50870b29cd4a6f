"""Bot texts are Jinja templates: is each well-formed? Section 9.4, T6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from colang.analysis.facts_v1 import Facts
from colang.diagnostics import Diagnostic
from colang.diagnostics import program_v1 as report
from colang.syntax import nodes_v1 as n
from colang.syntax.nodes_v1 import walk

if TYPE_CHECKING:
    from jinja2 import Environment

_MARKS = ("{{", "{%", "{#")


def templates(facts: Facts) -> Iterator[Diagnostic]:
    """Texts with marks of Jinja can be parsed. The library is imported only if there is such a text."""
    environment: Environment | None = None
    for tree in facts.trees:
        for text in _texts(tree.module):
            value = text.value
            if not any(mark in value for mark in _MARKS):
                continue
            if environment is None:
                from jinja2 import Environment

                environment = Environment()
            problem = _problem(environment, value)
            if problem is not None:
                yield report.bad_template(problem, text.span).at(tree.file.path)


def _problem(environment: Environment, text: str) -> str | None:
    from jinja2 import TemplateSyntaxError

    try:
        environment.parse(text.replace("$", ""))  # `$name` is a name in a template, too
    except TemplateSyntaxError as error:
        return str(error.message).rstrip(".")
    except RecursionError:
        return "it is nested too deeply"
    return None


def _texts(module: n.Module) -> Iterator[n.Text]:
    """All texts a bot may say, those that stand in flows included."""
    for bot in module.bots:
        yield from bot.texts
    for flow in module.flows:
        for statement in walk(flow.body):
            if isinstance(statement, n.BotStmt):
                if statement.pattern.text is not None:
                    yield statement.pattern.text
                if statement.block is not None:
                    yield from (line.text for line in statement.block.texts)
