"""Statements of Colang 1.0 that stand on one line, parameters aside (section 5)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn, TypeAlias, cast

from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.arguments_v1 import commas, cut_arguments, param_block
from colang.syntax.blocks_v1 import (
    any_statement,
    give_up,
    if_statement,
    read_block,
    stray_else,
    unclosed_text,
    when_statement,
    while_statement,
)
from colang.syntax.lexer_v1 import Line
from colang.syntax.literals_v1 import plain
from colang.syntax.nodes import Token
from colang.syntax.patterns_v1 import alternatives, bot_pattern, event_pattern, user_pattern
from colang.syntax.reader_v1 import VARIABLE, Reader
from colang.syntax.words_v1 import NOT_IMPLEMENTED

_ASSIGN = re.compile(r"(\$[\w.]+)(\s*)(\+=|-=|=(?!=))(\s*)")
_RUN = re.compile(r"(execute|exec|run)(?!\S)\s*")
_SET = re.compile(r"(\$?[\w.]+)(\s*)(=(?!=))(\s*)")
_SET_LABEL = re.compile(r"(.+?)\s+label(?:\s+to)?\s+(\$[\w.]+)$")
_DO_TARGETS = re.compile(r"\$[\w.]+(?:\s*,\s*\$[\w.]+)*\s*(=)(?!=)\s*")
_LABEL_VALUE = re.compile(r"""\s(\$[\w.]+|"[^"]*")$""")
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")


def read_statement(reader: Reader, line: Line, depth: int) -> n.Stmt:
    """The statement that begins on a line, and what stands below it."""
    reader.i += 1
    text = line.text
    start = line.start
    if line.is_text:
        reader.mark("TEXT", text, start)
        return give_up(reader, line, problem.stray_text(text, line.span), depth)
    if text[-1] == ":":
        reader.tokens.append(Token("COLON", ":", start + len(text) - 1))
        text = text[:-1].rstrip()
        if not text:
            return give_up(reader, line, problem.unknown_statement(":", line.span), depth)
    words = text.split(None, 1)
    word = words[0]
    rest = words[1] if len(words) == 2 else ""
    at = start + len(text) - len(rest)
    if '"' in rest:
        unclosed = unclosed_text(rest, at)
        if unclosed is not None:
            return give_up(reader, line, problem.unclosed_quote(unclosed), depth)
    handler = HANDLERS.get(word)
    if handler is not None:
        token = Token("KEYWORD", word, start)
        reader.tokens.append(token)
        return handler(reader, line, token, rest, at, depth)
    if word[0] == "$":
        return _assignment(reader, line, text, depth)
    return _unknown(reader, line, word, rest, depth)


def _unknown(reader: Reader, line: Line, word: str, rest: str, depth: int) -> n.Stmt:
    span = Span(line.start, line.start + len(word))
    if word in NOT_IMPLEMENTED:
        return give_up(reader, line, problem.not_implemented(word, span), depth)
    return give_up(reader, line, problem.unknown_statement(word, span), depth)


def _user_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if not rest:
        return give_up(reader, line, problem.incomplete("user", line.span), depth)
    patterns = alternatives(reader, keyword, rest, at)
    block = param_block(reader, line) if reader.below(line) else None
    return n.UserStmt(span=reader.whole(line), comment=line.comment, patterns=patterns, block=block)


def _bot_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if not rest:
        return _bare_bot(reader, line, keyword, depth)
    pattern = bot_pattern(reader, keyword, rest, at)
    block = param_block(reader, line, texts=True) if reader.below(line) else None
    return n.BotStmt(span=reader.whole(line), comment=line.comment, pattern=pattern, block=block)


def _event_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if not rest:
        return give_up(reader, line, problem.incomplete("event", line.span), depth)
    stmt = event_pattern(reader, keyword, rest, at, line.comment)
    if not reader.below(line):
        return stmt
    block = param_block(reader, line)
    return n.EventStmt(
        span=reader.whole(line),
        comment=line.comment,
        keyword=keyword,
        name=stmt.name,
        arguments=stmt.arguments,
        block=block,
    )


def _create_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    word = keyword.text
    if not rest:
        if word == "infer" and reader.below(line):
            return _infer_block(reader, line, keyword, depth)
        return give_up(reader, line, problem.incomplete(word, line.span), depth)
    words = rest.split(None, 1)
    kind = words[0]
    target: n.EventStmt | n.Pattern
    if kind in ("event", "user", "bot") and len(words) == 2:
        inner = reader.key(kind, at)
        place = at + len(rest) - len(words[1])
        if kind == "event":
            target = event_pattern(reader, inner, words[1], place)
        elif kind == "user":
            target = user_pattern(reader, inner, words[1], place)
        else:
            target = bot_pattern(reader, inner, words[1], place)
    elif kind in ("event", "user", "bot"):
        return give_up(reader, line, problem.incomplete(f"{word} {kind}", line.span), depth)
    elif word != "infer":
        return give_up(reader, line, problem.create_without_event(word, rest, line.span, at), depth)
    else:
        target = event_pattern(reader, None, rest, at)
    block = param_block(reader, line) if reader.below(line) else None
    return n.CreateStmt(
        span=reader.whole(line),
        comment=line.comment,
        keyword=keyword,
        targets=(target,),
        block=block,
    )


def _execute_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    return _run(reader, line, keyword, rest, at, depth, None)


def _set_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    label = _SET_LABEL.match(rest)
    if label is not None and "=" not in rest:
        name = reader.name(label.group(1), at)
        reader.add_label(name)
        reader.mark(
            "NOTE",
            rest[label.end(1) : label.start(2)].strip(),
            at + rest.index("label", label.end(1)),
        )
        reader.mark("VARIABLE", label.group(2), at + label.start(2))
        return n.LabelStmt(
            span=reader.whole(line),
            comment=line.comment,
            keyword=keyword,
            name=name,
            value=label.group(2),
        )
    found = _SET.match(rest)
    if found is None:
        return give_up(reader, line, problem.incomplete("set", line.span), depth)
    target = reader.mark("VARIABLE", found.group(1), at)
    op = reader.mark("OP", "=", at + found.start(3))
    if not (found.group(2) and (found.group(4) or found.end() == len(rest))):
        span = Span(at, at + found.end(3))
        reader.report(
            problem.cramped_assignment(found.group(1), rest[found.end() :], span, at + found.end())
        )
    return _assign(reader, line, keyword, target, op, rest[found.end() :], at + found.end(), depth)


def _do_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    targets: tuple[Token, ...] = ()
    found = _DO_TARGETS.match(rest)
    if found is not None:
        targets = tuple(
            [
                reader.mark("VARIABLE", var.group(), at + var.start())
                for var in VARIABLE.finditer(rest, 0, found.start(1))
            ]
        )
        for index, letter in enumerate(rest[: found.start(1)]):
            if letter == ",":
                reader.mark("MARK", ",", at + index)
        reader.mark("OP", "=", at + found.start(1))
        at += found.end()
        rest = rest[found.end() :]
    return _call(reader, line, keyword, rest, at, targets, depth)


def _label_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if not rest:
        return give_up(reader, line, problem.incomplete(keyword.text, line.span), depth)
    value = None
    found = _LABEL_VALUE.search(rest)
    if found is not None:
        value = found.group(1)
        reader.mark("VALUE", value, at + found.start(1))
        rest = rest[: found.start()].rstrip()
        if value[0] == '"':
            value = value[1:-1]
    name = reader.name(rest, at)
    reader.add_label(name)
    return n.LabelStmt(
        span=reader.whole(line), comment=line.comment, keyword=keyword, name=name, value=value
    )


def _goto_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if keyword.text == "go":
        words = rest.split(None, 1)
        if not words or words[0] != "to":
            return _unknown(reader, line, "go", rest, depth)
        reader.key("to", at)
        rest = words[1] if len(words) == 2 else ""
        at = line.start + len(line.text.rstrip(": ")) - len(rest)
    if not rest:
        return give_up(reader, line, problem.incomplete("goto", line.span), depth)
    name = reader.name(rest, at)
    reader.gotos.append(name)
    return n.Goto(span=reader.whole(line), comment=line.comment, keyword=keyword, name=name)


def _jump_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    word = keyword.text
    if rest:
        reader.report(problem.behind_jump(word, Span(at, at + len(rest))))
        reader.mark("ERROR", rest, at)
    span = reader.whole(line)
    if word == "break":
        return n.Break(span=span, comment=line.comment, keyword=keyword)
    if word in ("continue", "pass"):
        return n.Continue(span=span, comment=line.comment, keyword=keyword)
    return n.Stop(span=span, comment=line.comment, keyword=keyword)


def _return_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    values: list[n.Expression] = []
    begin = 0
    if rest:
        for cut in (*commas(rest), len(rest)):
            piece = rest[begin:cut]
            stripped = piece.strip()
            place = at + begin + len(piece) - len(piece.lstrip())
            if cut < len(rest):
                reader.mark("MARK", ",", at + cut)
            if stripped:
                values.append(reader.expression(stripped, place))
            else:
                reader.report(problem.empty_argument(Span(at + begin, at + max(cut, begin + 1))))
            begin = cut + 1
    return n.Return(
        span=reader.whole(line), comment=line.comment, keyword=keyword, values=tuple(values)
    )


def _check_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if not rest:
        return give_up(reader, line, problem.incomplete("check", line.span), depth)
    return n.Check(
        span=reader.whole(line),
        comment=line.comment,
        keyword=keyword,
        condition=reader.expression(rest, at),
    )


def _meta_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    entries: tuple[tuple[str, object], ...] = ()
    if rest:
        reader.mark("VALUE", rest, at)
        span = Span(at, at + len(rest))
        try:
            if rest.count("{") + rest.count("[") > 100:
                raise ValueError
            value: object = json.loads(rest, strict=False, parse_constant=_refuse)
        except ValueError:
            value = None
        if isinstance(value, dict):
            pairs = cast("dict[str, object]", value)
            entries = tuple([(key, plain(item)) for key, item in pairs.items()])
        else:
            reader.report(problem.bad_meta(span))
    else:
        block = param_block(reader, line) if reader.below(line) else None
        if block is None:
            return give_up(reader, line, problem.incomplete("meta", line.span), depth)
        entries = tuple([(entry.name.text, entry.value) for entry in block.entries])
    return n.Meta(span=reader.whole(line), comment=line.comment, keyword=keyword, entries=entries)


def _priority_statement(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int
) -> n.Stmt:
    if len(rest) > 40 or not _NUMBER.fullmatch(rest):
        return give_up(reader, line, problem.bad_priority(rest, line.span), depth)
    number = reader.mark("NUMBER", rest, at)
    value = float(rest) if "." in rest else int(rest)
    return n.Priority(
        span=reader.whole(line), comment=line.comment, keyword=keyword, value=value, number=number
    )


def _bare_bot(reader: Reader, line: Line, keyword: Token, depth: int) -> n.Stmt:
    block = param_block(reader, line, texts=True) if reader.below(line) else None
    if block is None:
        return give_up(reader, line, problem.incomplete("bot", line.span), depth)
    end = line.start + len(line.text)
    pattern = n.Pattern(
        span=Span(keyword.start, end),
        keyword=keyword,
        kind="block",
        name=n.Name("", end, end),
    )
    return n.BotStmt(span=reader.whole(line), comment=line.comment, pattern=pattern, block=block)


def _infer_block(reader: Reader, line: Line, keyword: Token, depth: int) -> n.Stmt:
    targets: list[n.EventStmt | n.Pattern] = []
    for stmt in read_block(reader, line.indent, depth + 1):
        if isinstance(stmt, n.EventStmt):
            targets.append(stmt)
        elif isinstance(stmt, n.UserStmt) and len(stmt.patterns) == 1:
            targets.append(stmt.patterns[0])
        elif isinstance(stmt, n.BotStmt):
            targets.append(stmt.pattern)
        elif not isinstance(stmt, n.ErrorStmt):
            reader.report(problem.not_in_group("infer", stmt.span))
    if len(targets) > 1:
        reader.report(problem.only_first_inferred(targets[1].span))
    if not targets:
        return n.ErrorStmt(span=reader.whole(line), comment=line.comment)
    return n.CreateStmt(
        span=reader.whole(line), comment=line.comment, keyword=keyword, targets=tuple(targets)
    )


def _run(
    reader: Reader, line: Line, keyword: Token, rest: str, at: int, depth: int, target: Token | None
) -> n.Stmt:
    word = keyword.text
    if not rest:
        return give_up(reader, line, problem.incomplete(word, line.span), depth)
    if rest[0] == "$":
        span = Span(at, at + len(rest))
        return give_up(reader, line, problem.variable_action(span), depth)
    rest, arguments = cut_arguments(reader, rest, at)
    if not rest:
        return give_up(reader, line, problem.incomplete(word, line.span), depth)
    name = reader.name(rest, at)
    block = param_block(reader, line) if reader.below(line) else None
    return n.ExecuteStmt(
        span=reader.whole(line),
        comment=line.comment,
        keyword=keyword,
        name=name,
        target=target,
        arguments=arguments,
        block=block,
    )


def _assignment(reader: Reader, line: Line, text: str, depth: int) -> n.Stmt:
    found = _ASSIGN.match(text)
    if found is None:
        span = Span(line.start, line.start + len(text))
        return give_up(reader, line, problem.bad_assignment(text, span), depth)
    op = found.group(3)
    if op == "=" and not (found.group(2) and (found.group(4) or found.end() == len(text))):
        span = Span(line.start, line.start + found.end(3))
        value = text[found.end() :]
        reader.report(
            problem.cramped_assignment(found.group(1), value, span, line.start + found.end())
        )
    target = reader.mark("VARIABLE", found.group(1), line.start)
    op_token = reader.mark("OP", op, line.start + found.start(3))
    value = text[found.end() :]
    return _assign(reader, line, None, target, op_token, value, line.start + found.end(), depth)


def _assign(
    reader: Reader,
    line: Line,
    keyword: Token | None,
    target: Token,
    op: Token,
    value: str,
    at: int,
    depth: int,
) -> n.Stmt:
    if not value:
        return give_up(reader, line, problem.incomplete("=", op.span), depth)
    if value == "..." and op.text == "=":
        dots = reader.mark("ELLIPSIS", value, at)
        return n.Generate(
            span=reader.whole(line), comment=line.comment, target=target, op=op, dots=dots
        )
    if value[0] in "erda":
        found = _RUN.match(value)
        if found is not None and op.text == "=":
            action = reader.key(found.group(1), at)
            return _run(reader, line, action, value[found.end() :], at + found.end(), depth, target)
        words = value.split(None, 1)
        if words[0] == "do" and len(words) == 2:
            do = reader.key("do", at)
            reader.report(problem.assigned_do(target.text, Span(target.start, at + 2)))
            return _call(
                reader, line, do, words[1], at + len(value) - len(words[1]), (target,), depth
            )
        if words[0] == "await" and len(words) == 2:
            span = Span(at, at + 5)
            return give_up(reader, line, problem.unknown_statement("await", span), depth)
    return n.Assign(
        span=reader.whole(line),
        comment=line.comment,
        keyword=keyword,
        target=target,
        op=op,
        value=reader.expression(value, at),
    )


def _call(
    reader: Reader,
    line: Line,
    keyword: Token,
    rest: str,
    at: int,
    targets: tuple[Token, ...],
    depth: int,
) -> n.Stmt:
    if not rest:
        return give_up(reader, line, problem.incomplete("do", line.span), depth)
    span = Span(line.start, at + len(rest))
    if rest[0] == "$":
        return n.DoStmt(
            span=span,
            comment=line.comment,
            keyword=keyword,
            name=None,
            expression=reader.expression(rest, at),
            targets=targets,
        )
    rest, arguments = cut_arguments(reader, rest, at)
    if not rest:
        return give_up(reader, line, problem.incomplete("do", line.span), depth)
    return n.DoStmt(
        span=span,
        comment=line.comment,
        keyword=keyword,
        name=reader.name(rest, at),
        targets=targets,
        arguments=arguments,
    )


Handler: TypeAlias = Callable[[Reader, Line, Token, str, int, int], n.Stmt]
#: The first word of a line -> what reads it: reader, line, the word, what stands behind it and where, depth.
HANDLERS: dict[str, Handler] = {
    "user": _user_statement,
    "bot": _bot_statement,
    "event": _event_statement,
    "create": _create_statement,
    "new": _create_statement,
    "infer": _create_statement,
    "execute": _execute_statement,
    "exec": _execute_statement,
    "run": _execute_statement,
    "set": _set_statement,
    "do": _do_statement,
    "if": if_statement,
    "else": stray_else,
    "while": while_statement,
    "when": when_statement,
    "any": any_statement,
    "meta": _meta_statement,
    "priority": _priority_statement,
    "label": _label_statement,
    "checkpoint": _label_statement,
    "goto": _goto_statement,
    "go": _goto_statement,
    "stop": _jump_statement,
    "abort": _jump_statement,
    "break": _jump_statement,
    "continue": _jump_statement,
    "pass": _jump_statement,
    "return": _return_statement,
    "done": _return_statement,
    "check": _check_statement,
}


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
