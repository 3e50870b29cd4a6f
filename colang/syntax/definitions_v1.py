"""The file level of Colang 1.0: imports, definitions, flows, and lines that belong nowhere (section 4)."""

from __future__ import annotations

from operator import attrgetter

from colang.diagnostics import Diagnostic
from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.blocks_v1 import read_block
from colang.syntax.lexer_v1 import Line, is_colang_1
from colang.syntax.messages_v1 import bot_definition, check_references, user_definition
from colang.syntax.nodes import Token
from colang.syntax.reader_v1 import MAX_DEPTH, Reader, collapse
from colang.syntax.statements_v1 import HANDLERS, read_statement
from colang.syntax.words_v1 import KINDS, MODIFIERS, STATEMENT_WORDS, is_typo


def read_module(reader: Reader) -> tuple[n.Module, tuple[Diagnostic, ...]]:
    """The whole file."""
    while reader.i < reader.count:
        _top_level(reader)
    check_references(reader)
    module = n.Module(
        span=Span(0, len(reader.text)),
        text=reader.text,
        definitions=tuple(reader.definitions),
        tokens=reader.all_tokens(),
    )
    reader.diagnostics.sort(key=attrgetter("span"))
    return module, tuple(reader.diagnostics)


def _top_level(reader: Reader) -> None:
    line = reader.lines[reader.i]
    word = line.text.split(None, 1)[0]
    if word == "define" or word == "def":
        definition(reader, line, word)
    elif word == "import" or word == "include":
        reader.definitions.append(_import(reader, line, word))
    elif line.is_text:
        _stray(reader, line)
    elif is_typo(word, "define") and _looks_defined(line):
        reader.report(problem.misspelt_define(word, Span(line.start, line.start + len(word))))
        definition(reader, line, word)
    elif word == "flow" or word[0] == "@" or word == "global":
        _newer_dialect(reader, line)
    else:
        reader.i += 1
        nested = reader.below(line)
        reader.i -= 1
        if nested and word.removesuffix(":") not in STATEMENT_WORDS:
            _shorthand(reader, line, ())
        else:
            _stray(reader, line)


def _looks_defined(line: Line) -> bool:
    words = line.text.rstrip(":").split()[1:]
    return any(word in KINDS for word in words[:3])


def _newer_dialect(reader: Reader, line: Line) -> None:
    """A top-level line of Colang 2.x: one diagnostic for it and what is below it."""
    word = line.text.split(None, 1)[0]
    reader.report(problem.newer_dialect(word, Span(line.start, line.start + len(word))))
    if reader.older is None:
        reader.older = is_colang_1(reader.text)
    reader.i += 1
    while reader.i < reader.count and (
        not reader.older or reader.lines[reader.i].indent > line.indent
    ):
        reader.i += 1
    reader.definitions.append(n.ErrorStmt(span=reader.whole(line), comment=line.comment))


def _stray(reader: Reader, line: Line) -> None:
    """Statements outside any flow: one diagnostic for the run of them."""
    what = "text" if line.is_text else "statement"
    previous = reader.definitions[-1] if reader.definitions else None
    reader.report(problem.outside_flow(what, line.text, line.span, previous is not None))
    body: list[n.Stmt] = []
    while reader.i < reader.count:
        here = reader.lines[reader.i]
        word = here.text.split(None, 1)[0]
        if here is not line and not here.is_text and word not in HANDLERS and word[0] != "$":
            break
        if here.is_text:
            reader.i += 1
        else:
            quiet = len(reader.diagnostics)
            body.append(read_statement(reader, here, 0))
            if here is line:
                del reader.diagnostics[quiet:]  # what is wrong with this line has been said
    reader.definitions.append(
        n.ErrorStmt(span=reader.whole(line), comment=line.comment, body=tuple(body))
    )


def _import(reader: Reader, line: Line, word: str) -> n.Import:
    reader.i += 1
    keyword = reader.key(word, line.start)
    rest = line.text[len(word) :].strip()
    start = line.start + len(line.text) - len(rest)
    if not rest:
        reader.report(problem.incomplete(word, line.span))
    path = reader.name(rest, start)
    bare = path.text[1:-1] if len(rest) > 1 and rest[0] == rest[-1] == '"' else path.text
    return n.Import(span=line.span, keyword=keyword, path=n.Name(bare, path.start, path.end))


def definition(reader: Reader, line: Line, word: str) -> None:
    """A ``define`` line and what stands below it."""
    reader.i += 1
    text = reader.without_colon(line)
    keyword = reader.key(word, line.start)
    at = len(word)
    modifiers: list[Token] = []
    while True:
        rest = text[at:].lstrip()
        at = len(text) - len(rest)
        kind = rest.split(None, 1)[0] if rest else ""
        if kind not in MODIFIERS:
            break
        modifiers.append(reader.mark("MODIFIER", kind, line.start + at))
        at += len(kind)
    span = Span(line.start + at, line.start + at + len(kind)) if kind else line.span
    if kind not in KINDS or (modifiers and kind in ("user", "bot")):
        if modifiers and not kind:
            reader.report(problem.unknown_definition("", line.span))
        elif modifiers and kind in KINDS:
            reader.report(problem.modified_message(modifiers[0].text, kind, modifiers[0].span))
        else:
            reader.report(problem.unknown_definition(kind, span))
        while reader.below(line):
            reader.i += 1
        reader.definitions.append(n.ErrorStmt(span=reader.whole(line), comment=line.comment))
        return
    kind_token = reader.key(kind, line.start + at)
    rest = text[at + len(kind) :].strip()
    start = line.start + len(text) - len(rest)
    name = reader.name(rest, start) if rest else None
    if kind == "user":
        user_definition(reader, line, keyword, kind_token, name)
    elif kind == "bot":
        bot_definition(reader, line, keyword, kind_token, name)
    elif kind == "action":
        while reader.below(line):
            reader.i += 1
        if name is None:
            reader.report(problem.nameless("action", line.span))
            name = n.Name("", start, start)
        reader.definitions.append(
            n.ActionDef(span=reader.whole(line), keyword=keyword, kind=kind_token, name=name)
        )
    else:
        _flow_definition(reader, line, keyword, tuple(modifiers), kind_token, name)


def _flow_definition(
    reader: Reader,
    line: Line,
    keyword: Token,
    modifiers: tuple[Token, ...],
    kind: Token,
    name: n.Name | None,
) -> None:
    first = reader.i
    body = _flow_body(reader, line, f"{kind.text} {name.text}" if name else kind.text)
    if name is not None:
        flow_id = name.text
        _flow_name(reader, flow_id, name.span)
    else:
        flow_id = _anonymous(reader, first)
    reader.definitions.append(
        n.FlowDef(
            span=reader.whole(line),
            keyword=keyword,
            modifiers=modifiers,
            kind=kind,
            name=name,
            id=flow_id,
            body=body,
            comment=line.comment,
        )
    )


def _flow_name(reader: Reader, flow_id: str, span: Span) -> None:
    first = reader.flow_ids.get(flow_id)
    if first is not None:
        reader.report(problem.duplicate_flow(flow_id, span, first))
    else:
        reader.flow_ids[flow_id] = span


def _flow_body(reader: Reader, line: Line, what: str) -> tuple[n.Stmt, ...]:
    """The statements of a flow, its labels checked."""
    reader.labels = {}
    reader.gotos = []
    if not reader.below(line):
        reader.report(problem.no_body(what, line.span))
        return ()
    body = read_block(reader, line.indent, 0)
    while reader.below(line) and not reader.at_definition():
        here = reader.lines[reader.i]
        reader.report(problem.partial_dedent(here.span, reader.lines[reader.i - 1].span))
        body += read_block(reader, line.indent, 0)
    for goto in reader.gotos:
        if goto.text not in reader.labels:
            reader.report(problem.unknown_label(goto.text, goto.span, reader.labels))
    return body


def _anonymous(reader: Reader, first: int) -> str:
    """The id of a flow without a name: a number made of its text (5.15), unique in the file (P15)."""
    number = 0
    for line in reader.lines[first : reader.i]:
        text = collapse(line.text) if line.joined else line.text
        for code in map(ord, text):
            number = (number * 31 + code) & 0xFFFFFFFF
    if number >= 0x80000000:
        number = 0x100000000 - number
    base = flow_id = f"anonymous-{number:x}"
    while flow_id in reader.flow_ids:
        again = reader.anonymous_again[base] = reader.anonymous_again.get(base, 1) + 1
        flow_id = f"{base}-{again}"
    reader.flow_ids[flow_id] = Span(0, 0)
    return flow_id


def _shorthand(reader: Reader, line: Line, prefix: tuple[str, ...]) -> None:
    """``name:`` with a block: a flow, or a namespace of flows."""
    reader.i += 1
    text = reader.without_colon(line)
    name = reader.name(text, line.start)
    path = (*prefix, name.text)
    inner = reader.lines[reader.i]
    word = inner.text.split(None, 1)[0].removesuffix(":")
    deeper = reader.i + 1 < reader.count and reader.lines[reader.i + 1].indent > inner.indent
    if deeper and not inner.is_text and not word.startswith("$") and word not in STATEMENT_WORDS:
        if len(path) > MAX_DEPTH:
            reader.nested_too_deep(line)
            return
        while reader.below(line):
            inner = reader.lines[reader.i]
            if reader.i + 1 < reader.count and reader.lines[reader.i + 1].indent > inner.indent:
                _shorthand(reader, inner, path)
            else:
                _stray(reader, inner)
        return
    flow_id = ".".join(path)
    _flow_name(reader, flow_id, name.span)
    body = _flow_body(reader, line, flow_id)
    reader.definitions.append(
        n.FlowDef(
            span=reader.whole(line),
            keyword=None,
            modifiers=(),
            kind=None,
            name=name,
            id=flow_id,
            body=body,
            comment=line.comment,
        )
    )
