"""Arguments and parameters of Colang 1.0 statements, on their line and below it (section 5.16)."""

from __future__ import annotations

import re

from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.lexer_v1 import Line, open_quote
from colang.syntax.literals_v1 import BadLiteral, literal, yaml_value
from colang.syntax.nodes import Token
from colang.syntax.reader_v1 import MAX_DEPTH, STRING, Reader, blanked
from colang.syntax.words_v1 import STATEMENT_WORDS

_WITH = re.compile(r"\s(with|for)\s+(?=\$|\w+\s*=(?!=))")
_ARGUMENT = re.compile(r"(?:(\$?[^\W\d]\w*)\s*(=)(?!=)\s*)?", re.DOTALL)
_PIECES = re.compile(
    r"""\"(?:[^\"\\]|\\.)*(?:\"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$)|[\[\](){},]""", re.DOTALL
)
_ENTRY = re.compile(r"([^\W\d][\w.-]*|\$[\w.]+)(\s*[:=]\s*|\s+|$)")


def message_text(reader: Reader, raw: str, start: int) -> n.Text:
    """A text line; says so if something stands behind its closing quote."""
    if len(raw) > 1 and raw[-1] != '"':
        whole = STRING.match(raw)
        if whole is not None:
            rest = raw[whole.end() :].lstrip()
            at = start + len(raw) - len(rest)
            reader.report(problem.behind_text(rest, Span(at, at + len(rest))))
            reader.mark("ERROR", rest, at)
            raw = whole.group()
    reader.tokens.append(Token("TEXT", raw, start))
    return n.Text(raw, start)


def cut_arguments(reader: Reader, rest: str, at: int) -> tuple[str, n.Arguments | None]:
    """Cut the arguments off a name: gives the name's text and the arguments, if there are any."""
    masked = blanked(rest)
    opening = masked.find("(")
    found = _WITH.search(masked) if "=" in masked or "$" in masked else None
    if found is not None and 0 <= opening < found.start():
        found = None
    if found is not None:
        keyword = reader.key(found.group(1), at + found.start(1))
        items = _items(reader, rest[found.end() :], at + found.end())
        span = Span(at + found.start(1), at + len(rest))
        return rest[: found.start()], n.Arguments(span=span, keyword=keyword, items=items)
    if opening < 0:
        return rest, None
    if rest[-1] != ")":
        closing = masked.rfind(")")
        if closing < opening:
            reader.report(problem.unclosed_bracket("(", Span(at + opening, at + len(rest))))
            closing = len(rest)
        else:
            behind = rest[closing + 1 :].lstrip()
            place = at + len(rest) - len(behind)
            reader.report(problem.behind_arguments(Span(place, place + len(behind))))
            reader.mark("MARK", ")", at + closing)
    else:
        closing = len(rest) - 1
        reader.mark("MARK", ")", at + closing)
    reader.mark("MARK", "(", at + opening)
    items = _items(reader, rest[opening + 1 : closing], at + opening + 1)
    span = Span(at + opening, min(at + closing + 1, at + len(rest)))
    return rest[:opening].rstrip(), n.Arguments(span=span, keyword=None, items=items)


def commas(text: str) -> list[int]:
    """Where a text has commas that no brackets or quotes hold.

    >>> commas("a, f(b, c), 'd, e'")
    [1, 10]
    """
    found: list[int] = []
    depth = 0
    for match in _PIECES.finditer(text):
        mark = match.group()
        if mark == ",":
            if depth <= 0:
                found.append(match.start())
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
    return found


def closing(text: str, opening: int) -> int:
    """Where the parenthesis that stands at `opening` is closed; the length of the text if it is not.

    >>> closing("a (b, (c), ')') d", 2)
    14
    """
    depth = 0
    for match in _PIECES.finditer(text, opening):
        mark = match.group()
        if mark == "(":
            depth += 1
        elif mark == ")":
            depth -= 1
            if depth == 0:
                return match.start()
    return len(text)


def _items(reader: Reader, inner: str, at: int) -> tuple[n.Argument, ...]:
    out: list[n.Argument] = []
    begin = 0
    for cut in (*commas(inner), len(inner)):
        piece = inner[begin:cut]
        if cut < len(inner):
            reader.mark("MARK", ",", at + cut)
        stripped = piece.strip()
        if stripped:
            place = at + begin + len(piece) - len(piece.lstrip())
            out.append(_argument(reader, stripped, place))
        elif cut < len(inner) or (begin and out and not piece.isspace() and piece):
            reader.report(problem.empty_argument(Span(at + cut, at + cut + 1)))
        begin = cut + 1
    return tuple(out)


def _argument(reader: Reader, piece: str, at: int) -> n.Argument:
    head = _ARGUMENT.match(piece)
    name: n.Name | None = None
    begin = 0
    if head is not None and head.group(2):
        name = reader.name(head.group(1), at)
        reader.mark("OP", "=", at + head.start(2))
        begin = head.end()
    raw = piece[begin:]
    start = at + begin
    source = n.Name(raw, start, start + len(raw))
    value: object = raw
    if not raw:
        reader.report(problem.empty_argument(Span(at, start)))
    else:
        reader.tokens.append(Token("VALUE", raw, start))
        if raw[0] != "$":
            value = _value(reader, raw, start)
    return n.Argument(span=Span(at, at + len(piece)), name=name, value=value, source=source)


def _value(reader: Reader, raw: str, start: int) -> object:
    try:
        return literal(raw)
    except BadLiteral:
        span = Span(start, start + len(raw))
        quote = open_quote(raw)
        if quote >= 0:
            reader.report(problem.unclosed_quote(Span(start + quote, start + len(raw))))
        else:
            reader.report(problem.bad_value(raw, span))
        return raw


def param_block(reader: Reader, line: Line, *, texts: bool = False) -> n.ParamBlock | None:
    """The parameters below a statement; None if what stands there are statements."""
    first = reader.lines[reader.i]
    if not _is_parameter(first, texts):
        return None
    start = first.start
    comment: n.Comment | None = None
    entries: list[n.Entry] = []
    found: list[n.TextLine] = []
    while reader.below(line):
        here = reader.lines[reader.i]
        if not _is_parameter(here, texts):
            break
        reader.i += 1
        comment = comment or here.comment
        if here.is_text:
            text = message_text(reader, here.text, here.start)
            found.append(n.TextLine(span=here.span, text=text, comment=here.comment))
        else:
            entries.append(_entry(reader, here))
    return n.ParamBlock(
        span=Span(start, reader.end(line)),
        entries=tuple(entries),
        texts=tuple(found),
        comment=comment,
    )


def _is_parameter(line: Line, texts: bool) -> bool:
    if line.is_text:
        return texts
    match = _ENTRY.match(line.text)
    if match is None:
        return False
    if match.group(2).strip():
        return True
    return match.group(1) not in STATEMENT_WORDS and match.end() < len(line.text)


def _entry(reader: Reader, line: Line) -> n.Entry:
    match = _ENTRY.match(line.text)
    assert match is not None
    name = reader.name(match.group(1), line.start)
    mark = match.group(2).strip()
    if mark:
        place = line.start + match.end(1) + match.group(2).index(mark)
        reader.mark("OP", mark, place)
    raw = line.text[match.end() :]
    value: object
    if raw or not reader.below(line):
        value = _entry_value(reader, raw, line.start + match.end())
    else:
        value = _entry_block(reader, line, 0)
    return n.Entry(span=reader.whole(line), name=name, value=value)


def _entry_value(reader: Reader, raw: str, start: int) -> object:
    if raw:
        reader.tokens.append(Token("VALUE", raw, start))
    try:
        return yaml_value(raw)
    except BadLiteral:
        reader.report(problem.bad_value(raw, Span(start, start + len(raw))))
        return raw


def _entry_block(reader: Reader, line: Line, depth: int) -> object:
    """A nested block of parameters: a list if its lines start with a dash, else a mapping."""
    if depth > MAX_DEPTH:
        reader.nested_too_deep(line)
        return None
    pairs: dict[str, object] = {}
    items: list[object] = []
    while reader.below(line):
        here = reader.lines[reader.i]
        reader.i += 1
        text = here.text
        if text[0] == "-" and (len(text) == 1 or text[1].isspace()):
            reader.mark("OP", "-", here.start)
            raw = text[1:].lstrip()
            items.append(_entry_value(reader, raw, here.start + len(text) - len(raw)))
            continue
        match = _ENTRY.match(text)
        if match is None or here.is_text:
            reader.report(problem.bad_parameter(here.span))
            continue
        key = reader.name(match.group(1), here.start)
        mark = match.group(2).strip()
        if mark:
            reader.mark("OP", mark, here.start + match.end(1) + match.group(2).index(mark))
        raw = text[match.end() :]
        if raw or not reader.below(here):
            pairs[key.text] = _entry_value(reader, raw, here.start + match.end())
        else:
            pairs[key.text] = _entry_block(reader, here, depth + 1)
    return items if items and not pairs else pairs
