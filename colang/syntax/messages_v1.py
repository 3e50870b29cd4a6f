"""`define user` and `define bot`: the messages of Colang 1.0 (section 6)."""

from __future__ import annotations

import re

from colang.diagnostics import syntax_v1 as problem
from colang.syntax import nodes_v1 as n
from colang.syntax.arguments_v1 import message_text
from colang.syntax.blocks_v1 import read_block
from colang.syntax.lexer_v1 import Line
from colang.syntax.nodes import Token
from colang.syntax.reader_v1 import MAX_DEPTH, Reader, blanked
from colang.syntax.words_v1 import PARAM_WORDS

_STRUCTURED = re.compile(r"[^\W\d]\w*\s*:(?:\s|$)|-\s")
_CONTEXT = re.compile(r"(?:in\s+)?(?:the\s+)?(context)(?!\S)")
_PARAM = re.compile(r"\S+\s+\S.*?\sas\s+\S")
_META_LINE = re.compile(r"set\s+\S.*?\s*(?:=|\sto\s)")
_AND = re.compile(r"\s+and\s+(?=\S)")


def user_definition(
    reader: Reader, line: Line, keyword: Token, kind: Token, name: n.Name | None
) -> None:
    """``define user``: examples, and perhaps a flow behind them."""
    if name is None:
        reader.report(problem.nameless("user", line.span))
        name = n.Name("", line.start + len(line.text), line.start + len(line.text))
    lines: list[n.UserLine] = []
    direct: tuple[n.Stmt, ...] = ()
    while reader.below(line):
        here = reader.lines[reader.i]
        word = here.text.split(None, 1)[0]
        if reader.at_definition():
            reader.report(problem.nested_definition(here.span, f"user {name.text}"))
            break
        if word == "bot":
            reader.labels, reader.gotos = {}, []
            direct = read_block(reader, line.indent, 0)
            break
        reader.i += 1
        note = _note(reader, here, word)
        if note is not None:
            lines.append(note)
        else:
            lines.append(_example(reader, here))
    while reader.below(line) and not reader.at_definition():
        reader.report(problem.partial_dedent(reader.lines[reader.i].span, line.span))
        direct += read_block(reader, line.indent, 0)
    reader.definitions.append(
        n.UserDef(
            span=reader.whole(line),
            keyword=keyword,
            kind=kind,
            name=name,
            body=tuple(lines),
            direct=direct,
            comment=line.comment,
        )
    )


def bot_definition(
    reader: Reader, line: Line, keyword: Token, kind: Token, name: n.Name | None
) -> None:
    """``define bot``: texts."""
    if name is None:
        reader.report(problem.nameless("bot", line.span))
        name = n.Name("", line.start + len(line.text), line.start + len(line.text))
    body: tuple[n.BotLine, ...] = ()
    if not reader.below(line):
        reader.report(problem.no_body(f"bot {name.text}".rstrip(), line.span))
    else:
        body = _bot_lines(reader, line, f"bot {name.text}", 0)
    reader.definitions.append(
        n.BotDef(
            span=reader.whole(line),
            keyword=keyword,
            kind=kind,
            name=name,
            body=body,
            comment=line.comment,
        )
    )


def check_references(reader: Reader) -> None:
    """Names among the examples that no definition of the file has: most likely missing quotes."""
    if not reader.references:
        return
    known = {d.name.text for d in reader.definitions if isinstance(d, n.UserDef)}
    for name in reader.references:
        if name.text not in known:
            reader.report(problem.example_without_quotes(name.text, name.span))


def _note(reader: Reader, line: Line, word: str) -> n.Note | None:
    """A line that is accepted in a message definition and has no effect, else None."""
    text = line.text
    if word in PARAM_WORDS:
        found = _PARAM.match(text)
    elif word == "set":
        found = _META_LINE.match(text)
    elif word in ("in", "the", "context"):
        found = _CONTEXT.match(text)
    else:
        found = None
    if found is None:
        return None
    keyword = reader.key(word, line.start)
    reader.mark(
        "NOTE",
        text[len(word) :].lstrip(),
        line.start + len(text) - len(text[len(word) :].lstrip()),
    )
    return n.Note(span=line.span, keyword=keyword)


def _example(reader: Reader, line: Line) -> n.Example:
    """Texts and references joined by ``and``."""
    start = line.start
    text = line.text if line.is_text else reader.without_colon(line)
    parts: list[n.Text | n.Name] = []
    if line.is_text and not _AND.search(blanked(text)):
        parts.append(message_text(reader, text, start))
    else:
        at = 0
        masked = blanked(text)
        while True:
            cut = _AND.search(masked, at)
            piece = text[at : cut.start() if cut else len(text)]
            if piece.startswith('"'):
                parts.append(message_text(reader, piece, start + at))
            else:
                name = reader.name(piece, start + at)
                parts.append(name)
                reader.references.append(name)
            if cut is None:
                break
            reader.key("and", start + cut.end() - len(cut.group().lstrip()))
            at = cut.end()
    return n.Example(span=line.span, parts=tuple(parts), comment=line.comment)


def _bot_lines(reader: Reader, line: Line, what: str, depth: int) -> tuple[n.BotLine, ...]:
    out: list[n.BotLine] = []
    structured = False
    while reader.below(line):
        here = reader.lines[reader.i]
        if here.is_text:
            reader.i += 1
            text = message_text(reader, here.text, here.start)
            out.append(n.TextLine(span=here.span, text=text, comment=here.comment))
            continue
        if reader.at_definition():
            reader.report(problem.nested_definition(here.span, what))
            return tuple(out)
        reader.i += 1
        word = here.text.split(None, 1)[0].removesuffix(":")
        if word in ("if", "else") and depth < MAX_DEPTH:
            out.append(_condition(reader, here, what, depth))
            continue
        note = _note(reader, here, word)
        if note is not None:
            out.append(note)
        elif structured:
            continue
        elif _STRUCTURED.match(here.text):
            structured = True
            reader.report(problem.structured_message(here.span))
            reader.mark("ERROR", here.text, here.start)
        else:
            reader.report(problem.text_without_quotes(here.text, here.span))
            reader.mark("ERROR", here.text, here.start)
    return tuple(out)


def _condition(reader: Reader, line: Line, what: str, depth: int) -> n.Condition:
    """``if``, ``else if``, ``else`` in a bot message: read, and reported as without effect."""
    text = reader.without_colon(line)
    words = text.split(None, 2)
    keywords = [reader.key(words[0], line.start)]
    used = len(words[0])
    if words[0] == "else" and len(words) > 1 and words[1] == "if":
        at = text.index("if", 4)
        keywords.append(reader.key("if", line.start + at))
        used = at + 2
    else:
        if words[0] == "if":
            reader.report(problem.ignored_condition(line.span))
    rest = text[used:].lstrip()
    expr = None
    if rest:
        expr = reader.expression(rest, line.start + len(text) - len(rest))
    elif keywords[-1].text == "if":
        reader.report(problem.incomplete("if", line.span))
    body = _bot_lines(reader, line, what, depth + 1)
    if not body:
        reader.report(problem.no_block(" ".join(k.text for k in keywords), line.span))
    return n.Condition(span=reader.whole(line), keywords=tuple(keywords), condition=expr, body=body)
