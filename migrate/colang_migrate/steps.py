"""What follows what in a flow of 1.0: where the bot has no step, and what stands behind an event or an intent."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from colang.syntax import nodes_v1 as n
from colang_migrate.texts import variables

_ANSWERS = (n.BotStmt, n.ExecuteStmt, n.DoStmt, n.CreateStmt, n.Goto, n.Stop, n.ErrorStmt)
_WAITS = (n.UserStmt, n.EventStmt, n.When, n.AnyStmt)


def without_answer(body: Sequence[n.Stmt]) -> Iterator[n.UserStmt]:
    """The `user` lines of a flow behind which there is a way to its next wait, or to its end, without any step.

    `bot ...` is no step: it waits for a message that something else says.
    """
    for index, statement in enumerate(body):
        if isinstance(statement, n.UserStmt) and _may_be_silent(body[index + 1 :]):
            yield statement


def _may_be_silent(block: Sequence[n.Stmt]) -> bool:
    for statement in block:
        if isinstance(statement, n.BotStmt) and statement.pattern.kind == "any":
            return True
        if isinstance(statement, _ANSWERS):
            return False
        if isinstance(statement, _WAITS):
            return True
        if isinstance(statement, n.If) and statement.branches[-1].condition is None:
            if not any(_may_be_silent(branch.body) for branch in statement.branches):
                return False
        elif isinstance(statement, (n.Return, n.Break, n.Continue)):
            return True
    return True


def behind_events(body: Sequence[n.Stmt]) -> Iterator[n.Stmt]:
    """The first statement behind each `create event` that is not a wait for an event."""
    for block in blocks(body):
        for before, after in itertools.pairwise(block):
            if (
                isinstance(before, n.CreateStmt)
                and any(isinstance(target, n.EventStmt) for target in before.targets)
                and not isinstance(after, (n.EventStmt, n.CreateStmt, n.Stop, n.Return))
            ):
                yield after


def blocks_of(statement: n.Stmt) -> Iterator[Sequence[n.Stmt]]:
    """The blocks of a statement, not those inside of them."""
    if isinstance(statement, n.If):
        yield from (branch.body for branch in statement.branches)
    elif isinstance(statement, n.When):
        yield from (case.body for case in statement.cases)
    elif isinstance(statement, n.While):
        yield statement.body


def blocks(body: Sequence[n.Stmt]) -> Iterator[Sequence[n.Stmt]]:
    """The blocks inside of a body, and at last the body itself."""
    for statement in n.walk(tuple(body)):
        yield from blocks_of(statement)
    yield body


def behind_any_intent(body: Sequence[n.Stmt]) -> Iterator[n.BotStmt]:
    """The messages that answer whatever nobody else takes: the first step behind each wait for any intent."""
    for block in blocks(body):
        for index, statement in enumerate(block):
            if isinstance(statement, n.UserStmt) and takes_anything(statement):
                yield from _first_messages(block[index + 1 :])
    for statement in n.walk(tuple(body)):
        if isinstance(statement, n.When):
            for case in statement.cases:
                if _takes_anything(case):
                    yield from _first_messages(case.body)


def takes_anything(statement: n.Stmt) -> bool:
    """Whether a statement waits for any intent: `user ...`, or a `when user ...` among others."""
    if isinstance(statement, n.When):
        return any(_takes_anything(case) for case in statement.cases)
    return isinstance(statement, n.UserStmt) and any(_is_any(p) for p in statement.patterns)


def _takes_anything(case: n.WhenCase) -> bool:
    return any(isinstance(p, n.Pattern) and _is_any(p) for p in case.patterns)


def _is_any(pattern: n.Pattern) -> bool:
    return pattern.keyword.text == "user" and pattern.kind in ("any", "wildcard")


def _first_messages(block: Sequence[n.Stmt]) -> Iterator[n.BotStmt]:
    for statement in block:
        if isinstance(statement, n.If):
            for branch in statement.branches:
                yield from _first_messages(branch.body)
        if isinstance(statement, n.BotStmt):
            yield statement
        if isinstance(statement, (*_ANSWERS, *_WAITS)):
            return


def readers(body: Sequence[n.Stmt], variable: str) -> Iterator[n.Stmt]:
    """The statements that read a variable; of those with no wait between them, in one block, the first."""
    pattern = re.compile(rf"\${variable}\b")
    for block in blocks(body):
        known = False
        for statement in block:
            if not known and any(pattern.search(text) for text in _read_by(statement)):
                known = True
                yield statement
            if any(isinstance(each, (*_WAITS, n.DoStmt)) for each in n.walk((statement,))):
                known = False


def _read_by(statement: n.Stmt) -> Iterator[str]:
    """The expressions of a statement, without those of the blocks below it."""
    match statement:
        case n.Assign():
            yield statement.value.text
        case n.If():
            yield from (b.condition.text for b in statement.branches if b.condition is not None)
        case n.While():
            yield statement.condition.text
        case n.BotStmt():
            pattern = statement.pattern
            if pattern.kind == "variable":
                yield pattern.name.text
            elif pattern.kind == "text" and pattern.text is not None:
                yield from (f"${name}" for name in variables(pattern.text.value))
        case n.ExecuteStmt():
            yield from _values(statement.arguments, statement.block)
        case n.CreateStmt():
            for target in statement.targets:
                if isinstance(target, n.EventStmt):
                    yield from _values(target.arguments, target.block or statement.block)
        case _:
            pass


def _values(arguments: n.Arguments | None, block: n.ParamBlock | None) -> Iterator[str]:
    if arguments is not None:
        yield from (item.source.text for item in arguments.items)
    if block is not None:
        yield from (entry.value for entry in block.entries if isinstance(entry.value, str))
