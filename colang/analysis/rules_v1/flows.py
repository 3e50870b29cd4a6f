"""Flows that cannot do what they say: they never start, give up, or hold what nobody uses."""

from __future__ import annotations

from collections.abc import Iterator

from colang.analysis.facts_v1 import Facts, bodies
from colang.diagnostics import Diagnostic
from colang.diagnostics import program_v1 as report
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.nodes_v1 import walk

_PASSED = (n.Assign, n.LabelStmt, n.Meta, n.Priority, n.Check, n.Continue)
"""Statements that a flow moves over without waiting, and that end nothing."""

_WAITING = (
    *(n.UserStmt, n.BotStmt, n.EventStmt, n.ExecuteStmt, n.Generate, n.When, n.AnyStmt),
    *(n.Goto, n.Break, n.ErrorStmt),  # who knows what comes there
)


def blamed(flow: n.FlowDef) -> Span:
    """Where a finding about a flow points: its name, or the word `define`."""
    if flow.name is not None:
        return flow.name.span
    return flow.keyword.span if flow.keyword is not None else flow.span


def firsts(body: tuple[n.Stmt, ...]) -> list[n.Stmt]:
    """The statements a flow may come to first that are more than a condition or an assignment."""
    found: list[n.Stmt] = []
    _collect(body, found)
    return found


def _collect(body: tuple[n.Stmt, ...], found: list[n.Stmt]) -> bool:
    """Whether the end of the body can be reached without waiting."""
    for statement in body:
        if isinstance(statement, _PASSED):
            continue
        if isinstance(statement, n.If):
            through = [_collect(branch.body, found) for branch in statement.branches]
            if any(through) or statement.branches[-1].condition is not None:
                continue
            return False
        if isinstance(statement, n.While):
            _collect(statement.body, found)
            continue
        found.append(statement)
        return False
    return True


def beginnings(facts: Facts) -> Iterator[Diagnostic]:
    """A flow that nobody calls begins with something that can happen (10.4, step 5)."""
    if facts.computed_calls:
        return
    for tree in facts.trees:
        for flow in tree.module.flows:
            if not flow.body or is_subflow(flow) or flow.id in facts.called:
                continue  # one without a body is a finding of the parser
            first = firsts(flow.body)
            if any(isinstance(statement, _WAITING) for statement in first):
                continue
            finding = report.never_starts(flow.id, _words(first), blamed(flow))
            if any(isinstance(statement, n.CreateStmt) for statement in first):
                finding = report.starts_after_any_event(flow.id, blamed(flow))
            yield finding.at(tree.file.path)


def _words(first: list[n.Stmt]) -> str | None:
    if not first:
        return None
    keyword = getattr(first[0], "keyword", None)
    return keyword.text if keyword is not None else None


def is_subflow(flow: n.FlowDef) -> bool:
    """Whether a flow only runs when it is called."""
    return flow.kind is not None and flow.kind.text == "subflow"


def created_events(facts: Facts) -> Iterator[Diagnostic]:
    """After `create event` a flow waits for something, or is over (R13); `stop` may follow an exception."""
    for tree in facts.trees:
        for body in bodies(tree.module):
            for block in _blocks(body):
                for create, behind in _pairs(block):
                    word = (
                        "execute" if isinstance(behind, n.Generate) else _words([behind]) or "bot"
                    )
                    target = create.targets[0]
                    yield report.given_up_after_create(target.name.text, word, create.span).at(
                        tree.file.path
                    )


def exceptions(facts: Facts) -> Iterator[Diagnostic]:
    """A rail that raises ends the turn only if something stands behind `create event`: `stop` (8.2)."""
    for tree in facts.trees:
        for flow in tree.module.flows:
            if is_subflow(flow) or flow.id in facts.rails:
                for target in _raised(flow.body, None):
                    finding = report.raises_and_goes_on(target.name.text, target.span)
                    yield finding.at(tree.file.path)


def _raised(body: tuple[n.Stmt, ...], after: n.Stmt | None) -> Iterator[n.EventStmt]:
    """Exceptions that are created in a body with nothing to stop at behind; `after` is what follows the body."""
    behind: list[n.Stmt | None] = []
    last = after
    for statement in reversed(body):
        behind.append(last)
        if not isinstance(statement, _PASSED):
            last = statement
    for statement, following in zip(body, reversed(behind), strict=True):
        if isinstance(statement, n.CreateStmt):
            target = statement.targets[0] if statement.targets else None
            stops = isinstance(following, n.Stop) or (following is not None and _decides(following))
            if (
                isinstance(target, n.EventStmt)
                and target.name.text.endswith("Exception")
                and not stops
            ):
                yield target
        for block in _inner(statement):
            yield from _raised(block, following)


def _pairs(block: tuple[n.Stmt, ...]) -> Iterator[tuple[n.CreateStmt, n.Stmt]]:
    """Each `create event` with the statement that decides something right behind it."""
    last: n.CreateStmt | None = None
    for statement in block:
        if last is not None and _decides(statement):
            yield last, statement
        if isinstance(statement, n.CreateStmt):
            is_event = bool(statement.targets) and isinstance(statement.targets[0], n.EventStmt)
            last = statement if is_event else None
        elif not isinstance(statement, _PASSED):
            last = None


def _decides(statement: n.Stmt) -> bool:
    if isinstance(statement, n.BotStmt):
        return statement.pattern.kind not in ("any", "wildcard")
    return isinstance(statement, (n.ExecuteStmt, n.Generate, n.CreateStmt))


def _blocks(body: tuple[n.Stmt, ...]) -> Iterator[tuple[n.Stmt, ...]]:
    """A body and all blocks inside of it."""
    yield body
    for statement in walk(body):
        yield from _inner(statement)


def _inner(statement: n.Stmt) -> Iterator[tuple[n.Stmt, ...]]:
    """The blocks right below a statement."""
    if isinstance(statement, n.If):
        for branch in statement.branches:
            yield branch.body
    elif isinstance(statement, n.When):
        for case in statement.cases:
            yield case.body
    elif isinstance(statement, n.While):
        yield statement.body


def labels(facts: Facts) -> Iterator[Diagnostic]:
    """A label that no `goto` of its flow names; `checkpoint` marks a place for people, too."""
    for tree in facts.trees:
        for body in bodies(tree.module):
            statements = list(walk(body))
            wanted = {s.name.text for s in statements if isinstance(s, n.Goto)}
            for statement in statements:
                if not isinstance(statement, n.LabelStmt) or statement.name.text in wanted:
                    continue
                if statement.value is None and statement.keyword.text == "label":
                    finding = report.unused_label(statement.name.text, statement.name.span)
                    yield finding.at(tree.file.path)


def subflows(facts: Facts) -> Iterator[Diagnostic]:
    """A subflow that nobody calls; rails of the settings are called."""
    if facts.computed_calls:
        return
    for tree in facts.trees:
        if tree.file.is_imported:  # a library of subflows
            continue
        for flow in tree.module.flows:
            if is_subflow(flow) and flow.id not in facts.called:
                yield report.unused_subflow(flow.id, blamed(flow)).at(tree.file.path)
