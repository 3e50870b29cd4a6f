"""Blocks of Colang 1.0 statements, and the statements that have blocks: `if`, `while`, `when`, `any`."""

from __future__ import annotations

from colang.diagnostics import Diagnostic
from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.expressions_v1 import check_expression
from colang.syntax.lexer_v1 import Line, open_quote
from colang.syntax.nodes import Token
from colang.syntax.patterns_v1 import alternatives, bot_pattern, event_pattern
from colang.syntax.reader_v1 import MAX_DEPTH, Reader
from colang.syntax.words_v1 import STATEMENT_WORDS

_WITH_BLOCK = (n.If, n.While, n.When, n.AnyStmt, n.ErrorStmt)


def read_block(reader: Reader, parent: int, depth: int) -> tuple[n.Stmt, ...]:
    """The statements that stand deeper than `parent`, up to the first line that does not."""
    lines = reader.lines
    if depth > MAX_DEPTH:
        while reader.i < reader.count and lines[reader.i].indent > parent:
            if not reader.too_deep:
                reader.nested_too_deep(lines[reader.i])
            reader.i += 1
        return ()
    level = lines[reader.i].indent
    out: list[n.Stmt] = []
    while reader.i < reader.count:
        line = lines[reader.i]
        indent = line.indent
        if indent != level:
            if indent < level:
                break
            _deeper(reader, line, level, out)
            out += read_block(reader, level, depth + 1)
            continue
        if line.text[:3] == "def" and reader.at_definition():
            _nested_define(reader, line)
            continue
        out.append(reader.statement(reader, line, depth))
    return tuple(out)


def _deeper(reader: Reader, line: Line, level: int, before: list[n.Stmt]) -> None:
    """Report lines that are indented deeper than their block allows."""
    previous = before[-1] if before else None
    if previous is None or isinstance(previous, _WITH_BLOCK):
        reader.report(problem.partial_dedent(line.span, reader.lines[reader.i - 1].span))
        return
    head = reader.text[previous.span.start : previous.span.end].split("\n", 1)[0]
    columns = line.indent - level
    blanks: list[Span] = []
    for later in reader.lines[reader.i : reader.i + 100]:
        if later.indent <= level:
            break
        blanks.append(Span(later.start - min(columns, later.indent), later.start))
    if len(blanks) == 100 or "\t" in reader.text[blanks[0].start : blanks[-1].end]:
        blanks = []
    reader.report(problem.deeper_block(head.split("#", 1)[0].strip(), line.span, blanks))


def _nested_define(reader: Reader, line: Line) -> None:
    """A definition inside a flow: reported, and read as a definition of the file."""
    reader.report(problem.nested_definition(line.span, "flow"))
    labels, gotos = reader.labels, reader.gotos
    reader.define(reader, line, line.text.split(None, 1)[0])
    reader.labels, reader.gotos = labels, gotos


def _body(reader: Reader, line: Line, what: str, depth: int) -> tuple[n.Stmt, ...]:
    """The block a statement needs."""
    if not reader.below(line):
        reader.report(problem.no_block(what, line.span))
        return ()
    return read_block(reader, line.indent, depth + 1)


def give_up(reader: Reader, line: Line, diagnostic: Diagnostic | None, depth: int) -> n.ErrorStmt:
    """Give up on a line, keep what stands below it."""
    if diagnostic is not None:
        reader.report(diagnostic)
    body: tuple[n.Stmt, ...] = ()
    if reader.below(line):
        body = read_block(reader, line.indent, depth + 1)
    return n.ErrorStmt(span=reader.whole(line), comment=line.comment, body=body)


def unclosed_text(rest: str, at: int) -> Span | None:
    """Where a text begins that nothing closes; a quote inside of a word begins none."""
    quote = open_quote(rest)
    if quote < 0 or (quote > 0 and rest[quote - 1] not in " (=,[{:"):
        return None
    return Span(at + quote, at + len(rest))


def if_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    """``if`` and the branches behind it."""
    inline = len(reader.diagnostics)
    condition = _condition(reader, line, "if", rest, at)
    body = _branch_body(reader, line, "if", depth, inline)
    branches = [
        n.IfBranch(
            span=reader.whole(line),
            keywords=(keyword,),
            condition=condition,
            body=body,
            comment=line.comment,
        )
    ]
    while reader.i < reader.count:
        here = reader.lines[reader.i]
        if here.indent < line.indent or here.is_text or here.text[:2] != "el":
            break
        words = here.text.removesuffix(":").split(None, 2)
        if words[0] == "elif" and here.indent == line.indent:
            reader.report(problem.unknown_statement("elif", Span(here.start, here.start + 4)))
            branches.append(_branch(reader, here, 1, words, depth))
            continue
        if words[0] != "else" or (len(words) > 1 and words[1] == "when"):
            break
        if branches[-1].condition is None:
            reader.report(problem.second_else(here.span))
        if len(words) > 1 and words[1] == "if":
            branches.append(_branch(reader, here, 2, words, depth))
        else:
            branches.append(_branch(reader, here, 0, words, depth))
    return n.If(span=reader.whole(line), comment=line.comment, branches=tuple(branches))


def stray_else(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    """An ``else`` line that continues nothing."""
    words = rest.split(None, 1)
    if words and words[0] == "when":
        return give_up(reader, line, problem.stray_else("else when", "when", line.span), depth)
    if words and words[0] == "if":
        return give_up(reader, line, problem.stray_else("else if", "if", line.span), depth)
    return give_up(reader, line, problem.stray_else("else", "if", line.span), depth)


def while_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    """``while``."""
    before = len(reader.diagnostics)
    condition = _condition(reader, line, "while", rest, at)
    body = _branch_body(reader, line, "while", depth, before)
    return n.While(
        span=reader.whole(line),
        comment=line.comment,
        keyword=keyword,
        condition=condition,
        body=body,
    )


def when_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    """``when`` and the cases behind it."""
    cases = [_case(reader, line, (keyword,), rest, at, depth)]
    while reader.i < reader.count:
        here = reader.lines[reader.i]
        if here.indent != line.indent or here.is_text or here.text[:4] != "else":
            break
        text = here.text.removesuffix(":").rstrip()
        words = text.split(None, 2)
        if words[0] != "else":
            break
        reader.i += 1
        first = reader.key("else", here.start)
        if len(text) < len(here.text):
            reader.mark("COLON", ":", here.start + len(here.text) - 1)
        if len(words) < 2 or words[1] != "when":
            give_up(reader, here, problem.else_after_when(here.span, line.span), depth)
            continue
        second = reader.key("when", here.start + text.index("when", 4))
        tail = words[2] if len(words) == 3 else ""
        place = here.start + len(text) - len(tail)
        cases.append(_case(reader, here, (first, second), tail, place, depth))
    return n.When(span=reader.whole(line), comment=line.comment, cases=tuple(cases))


def any_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    """``any``: a group of statements, each of which may come."""
    if rest:
        return give_up(reader, line, problem.unknown_statement("any", keyword.span), depth)
    items: list[n.UserStmt | n.EventStmt] = []
    for stmt in _body(reader, line, "any", depth):
        if isinstance(stmt, (n.UserStmt, n.EventStmt)):
            items.append(stmt)
        elif not isinstance(stmt, n.ErrorStmt):
            reader.report(problem.not_in_group("any", stmt.span))
    return n.AnyStmt(
        span=reader.whole(line), comment=line.comment, keyword=keyword, items=tuple(items)
    )


def _condition(reader: Reader, line: Line, keyword: str, rest: str, at: int) -> n.Expression:
    """The condition behind `if` or `while`; tells a body on the same line."""
    if not rest:
        reader.report(problem.incomplete(keyword, line.span))
        return n.Expression("", at, at)
    colon = rest.find(": ")
    if colon > 0:
        words = rest[colon + 1 :].split(None, 1)
        if words and (words[0] in STATEMENT_WORDS or words[0][0] == "$"):
            behind = rest[colon + 1 :].lstrip()
            place = at + len(rest) - len(behind)
            if check_expression(rest) is not None:
                reader.report(problem.body_on_line(keyword, Span(place, place + len(behind))))
                reader.mark("ERROR", ":", at + colon)
                reader.mark("ERROR", behind, place)
                rest = rest[:colon]
                reader.tokens.append(Token("EXPRESSION", rest, at))
                return n.Expression(rest, at, at + len(rest))
    return reader.expression(rest, at)


def _branch_body(
    reader: Reader, line: Line, what: str, depth: int, before: int
) -> tuple[n.Stmt, ...]:
    """Like `body`, but quiet when the line itself was found to hold its body."""
    if reader.below(line):
        return read_block(reader, line.indent, depth + 1)
    if not any(d.code == problem.BODY_ON_LINE for d in reader.diagnostics[before:]):
        reader.report(problem.no_block(what, line.span))
    return ()


def _branch(reader: Reader, line: Line, kind: int, words: list[str], depth: int) -> n.IfBranch:
    """``else`` (kind 0), ``elif`` (1) or ``else if`` (2)."""
    reader.i += 1
    text = reader.without_colon(line)
    before = len(reader.diagnostics)
    keywords = [reader.key(words[0], line.start)]
    used = len(words[0])
    if kind == 2:
        place = text.index("if", 4)
        keywords.append(reader.key("if", line.start + place))
        used = place + 2
    rest = text[used:].lstrip()
    at = line.start + len(text) - len(rest)
    what = "else if" if kind else "else"
    condition: n.Expression | None = None
    if kind:
        condition = _condition(reader, line, what, rest, at)
    elif rest:
        behind = rest.removeprefix(":").lstrip()
        place = at + len(rest) - len(behind)
        reader.report(problem.body_on_line("else", Span(place, place + len(behind))))
        reader.mark("ERROR", rest, at)
    body = _branch_body(reader, line, what, depth, before)
    return n.IfBranch(
        span=reader.whole(line),
        keywords=tuple(keywords),
        condition=condition,
        body=body,
        comment=line.comment,
    )


def _case(
    reader: Reader, line: Line, keywords: tuple[Token, ...], rest: str, at: int, depth: int
) -> n.WhenCase:
    what = " ".join([token.text for token in keywords])
    patterns = _when_pattern(reader, line, what, rest, at)
    body = _body(reader, line, what, depth)
    return n.WhenCase(
        span=reader.whole(line),
        keywords=keywords,
        patterns=patterns,
        body=body,
        comment=line.comment,
    )


def _when_pattern(
    reader: Reader, line: Line, what: str, rest: str, at: int
) -> tuple[n.Pattern | n.EventStmt, ...]:
    if not rest:
        reader.report(problem.incomplete(what, line.span))
        return ()
    if '"' in rest:
        unclosed = unclosed_text(rest, at)
        if unclosed is not None:
            reader.report(problem.unclosed_quote(unclosed))
            return ()
    words = rest.split(None, 1)
    kind = words[0]
    if kind in ("no", "flow", "any"):
        reader.report(problem.unsupported_when(kind, Span(at, at + len(rest))))
        reader.mark("ERROR", rest, at)
        return ()
    if kind in ("user", "bot", "event"):
        if len(words) == 1:
            reader.report(problem.incomplete(f"{what} {kind}", line.span))
            return ()
        keyword = reader.key(kind, at)
        place = at + len(rest) - len(words[1])
        if kind == "user":
            return alternatives(reader, keyword, words[1], place)
        if kind == "bot":
            return (bot_pattern(reader, keyword, words[1], place),)
        return (event_pattern(reader, keyword, words[1], place),)
    return (event_pattern(reader, None, rest, at),)
