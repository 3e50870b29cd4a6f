"""What a Colang 1.0 statement says of a message or an event: `user`, `bot`, `event` (sections 3.3 and 5)."""

from __future__ import annotations

import re

from colang.diagnostics import syntax_v1 as problem
from colang.source import Span
from colang.syntax import nodes_v1 as n
from colang.syntax.arguments_v1 import closing, cut_arguments
from colang.syntax.literals_v1 import BadLiteral, literal
from colang.syntax.nodes import Token
from colang.syntax.reader_v1 import QUOTED, STRING, VARIABLE, Reader, blanked, collapse

_NOT_PLAIN = re.compile(r"""["$(\[{=]|\.\.\.|^'|\b(?:or|something|says)\b""")
_OR = re.compile(r"\sor\s+(?=\S)")
_SAYS = re.compile(r"says\s+(?=\S)")
_SOMETHING = re.compile(r"something(?:\s+else)?(?!\S)")
_LATER_SOMETHING = re.compile(r"(?<!\S)something(?:\s+else)?(?!\S)")
_AS = re.compile(r"\s+(as)\s+(\$[\w.]+)$")


def alternatives(reader: Reader, keyword: Token, rest: str, at: int) -> tuple[n.Pattern, ...]:
    """The patterns of ``user A or user B``."""
    masked = blanked(rest) if "or" in rest else ""
    if not masked or not _OR.search(masked):
        return (user_pattern(reader, keyword, rest, at),)
    out: list[n.Pattern] = []
    begin = 0
    key = keyword
    while True:
        cut = _OR.search(masked, begin)
        end = cut.start() if cut else len(rest)
        piece = rest[begin:end].rstrip()
        out.append(user_pattern(reader, key, piece, at + begin))
        if cut is None:
            return tuple(out)
        reader.key("or", at + cut.start() + 1)
        begin = cut.end()
        words = rest[begin:].split(None, 1)
        if words[0] != "user":
            reader.report(problem.alternative(rest[begin:], Span(at + begin, at + len(rest))))
            if words[0] == "bot" and len(words) == 2:
                begin = len(rest) - len(words[1])
            key = keyword
        else:
            key = reader.key("user", at + begin)
            if len(words) == 1:
                reader.report(problem.incomplete("user", Span(at + begin, at + len(rest))))
                return tuple(out)
            begin = len(rest) - len(words[1])


def user_pattern(reader: Reader, keyword: Token, rest: str, at: int) -> n.Pattern:
    """What stands behind ``user``: an intent, a list of intents, a text, ``...``."""
    if not _NOT_PLAIN.search(rest):
        return _intent(reader, keyword, rest, at)
    says, rest, at = _says(reader, rest, at)
    end = at + len(rest)
    span = Span(keyword.start, end)
    if rest == "...":
        return n.Pattern(
            span=span, keyword=keyword, kind="any", name=reader.name(rest, at), says=says
        )
    first = rest[0]
    if first in "\"'" and len(rest) > 1 and rest[-1] == first:
        reader.tokens.append(Token("TEXT", rest, at))
        text = n.Text(rest, at)
        name = n.Name(text.value, at, end)
        return n.Pattern(span=span, keyword=keyword, kind="text", name=name, says=says, text=text)
    if first == "[":
        return _intent_list(reader, keyword, rest, at, says)
    capture = None
    found = _AS.search(rest)
    if found is not None:
        reader.key("as", at + found.start(1))
        capture = reader.mark("VARIABLE", found.group(2), at + found.start(2))
        rest = rest[: found.start()]
    rest, arguments = cut_arguments(reader, rest, at)
    for item in arguments.items if arguments is not None else ():
        if item.name is None and not item.is_reference:
            reader.report(problem.positional_value(item.source.text, item.span))
    kind, name = _something(reader, rest, at, "intent")
    return n.Pattern(
        span=span,
        keyword=keyword,
        kind=kind,
        name=name,
        says=says,
        arguments=arguments,
        capture=capture,
    )


def bot_pattern(reader: Reader, keyword: Token, rest: str, at: int) -> n.Pattern:
    """What stands behind ``bot``: a message, a text, both, a variable, a dictionary."""
    if not _NOT_PLAIN.search(rest):
        return _intent(reader, keyword, rest, at)
    says, rest, at = _says(reader, rest, at)
    end = at + len(rest)
    span = Span(keyword.start, end)
    if rest == "...":
        return n.Pattern(
            span=span, keyword=keyword, kind="any", name=reader.name(rest, at), says=says
        )
    if rest[0] == "{":
        return _bot_dict(reader, keyword, rest, at)
    text: n.Text | None = None
    tail = ""
    if '"' in rest:
        rest, text, tail, tail_at = _inline_text(reader, rest, at)
        if tail:
            before = rest
            tail, arguments = cut_arguments(reader, " " + tail, tail_at - 1)
            if tail.strip() or arguments is None:
                stray = tail.strip()
                place = Span(tail_at, tail_at + len(stray))
                reader.report(problem.behind_text(stray, place))
                arguments = None
            rest = before
            kind, name = _something(reader, rest, at, "intent")
            return n.Pattern(
                span=span,
                keyword=keyword,
                kind=kind,
                name=name,
                says=says,
                text=text,
                arguments=arguments,
            )
        if not rest:
            name = n.Name("", at, at)
            return n.Pattern(
                span=span, keyword=keyword, kind="text", name=name, says=says, text=text
            )
    if " or bot " in rest:
        where = at + rest.index(" or bot ") + 1
        reader.report(problem.bot_alternative(Span(where, end)))
    if VARIABLE.fullmatch(rest):
        reader.mark("VARIABLE", rest, at)
        name = n.Name(rest, at, at + len(rest))
        return n.Pattern(
            span=span, keyword=keyword, kind="variable", name=name, says=says, text=text
        )
    rest, arguments = cut_arguments(reader, rest, at)
    kind, name = _something(reader, rest, at, "intent")
    return n.Pattern(
        span=span,
        keyword=keyword,
        kind=kind,
        name=name,
        says=says,
        text=text,
        arguments=arguments,
    )


def event_pattern(
    reader: Reader, keyword: Token | None, rest: str, at: int, comment: n.Comment | None = None
) -> n.EventStmt:
    """The name of an event and its arguments."""
    start = keyword.start if keyword is not None else at
    span = Span(start, at + len(rest))
    rest, arguments = cut_arguments(reader, rest, at)
    if not rest:
        reader.report(problem.incomplete("event", span))
    return n.EventStmt(
        span=span,
        comment=comment,
        keyword=keyword,
        name=reader.name(rest, at),
        arguments=arguments,
    )


def _intent(reader: Reader, keyword: Token, rest: str, at: int) -> n.Pattern:
    """A name and nothing else, as most patterns are."""
    return n.Pattern(
        span=Span(keyword.start, at + len(rest)),
        keyword=keyword,
        kind="intent",
        name=reader.name(rest, at),
    )


def _says(reader: Reader, rest: str, at: int) -> tuple[Token | None, str, int]:
    found = _SAYS.match(rest)
    if found is None:
        return None, rest, at
    return reader.key("says", at), rest[found.end() :], at + found.end()


def _something(reader: Reader, raw: str, at: int, kind: str) -> tuple[str, n.Name]:
    """Rules 7 and 8 of section 3.3: the word `something` in an intent."""
    name = reader.name(raw, at)
    text = name.text
    found = _SOMETHING.match(text)
    if found is not None:
        kind = "wildcard"
        text = "*" + text[found.end() :]
    if "something" in text:
        quote = text.find('"')
        later = [*_LATER_SOMETHING.finditer(text, 0, len(text) if quote < 0 else quote)]
        if later:
            last = later[-1]
            text = text[: last.start()] + "..." + text[last.end() :]
    return kind, n.Name(text, name.start, name.end)


def _intent_list(
    reader: Reader, keyword: Token, rest: str, at: int, says: Token | None
) -> n.Pattern:
    names: list[n.Name] = []
    reader.mark("MARK", "[", at)
    inner = rest[1:]
    if rest[-1] == "]":
        inner = inner[:-1]
        reader.mark("MARK", "]", at + len(rest) - 1)
    else:
        reader.report(problem.unclosed_bracket("[", Span(at, at + len(rest))))
    place = at + 1
    for piece in inner.split(","):
        stripped = piece.strip()
        if stripped:
            names.append(reader.name(stripped, place + len(piece) - len(piece.lstrip())))
        place += len(piece) + 1
    if not names:
        reader.report(problem.incomplete("user", Span(at, at + len(rest))))
    return n.Pattern(
        span=Span(keyword.start, at + len(rest)),
        keyword=keyword,
        kind="list",
        name=n.Name(collapse(rest), at, at + len(rest)),
        says=says,
        names=tuple(names),
    )


def _inline_text(reader: Reader, rest: str, at: int) -> tuple[str, n.Text | None, str, int]:
    """Cut ``NAME "text" rest``: the name, the text, what is behind it and where that starts."""
    bracket = rest.find("(")
    behind = closing(rest, bracket) if bracket >= 0 else 0
    quote = -1
    for found in QUOTED.finditer(rest):
        place = found.start()
        if place and not rest[place - 1].isspace() and rest[place - 1] != ")":
            continue
        if bracket < place < behind:
            continue  # an argument
        quote = place
        break
    if quote < 0:
        return rest, None, "", at
    if rest[-1] == '"' and len(QUOTED.findall(rest, quote)) == 1:
        raw = rest[quote:]
    else:
        match = STRING.match(rest, quote)
        raw = match.group() if match else rest[quote:]
    reader.tokens.append(Token("TEXT", raw, at + quote))
    tail = rest[quote + len(raw) :].lstrip()
    return (
        rest[:quote].rstrip(),
        n.Text(raw, at + quote),
        tail,
        at + len(rest) - len(tail),
    )


def _bot_dict(reader: Reader, keyword: Token, rest: str, at: int) -> n.Pattern:
    span = Span(at, at + len(rest))
    reader.mark("VALUE", rest, at)
    value: object = {}
    try:
        value = literal(rest)
    except BadLiteral:
        reader.report(problem.bad_value(rest, span))
    return n.Pattern(
        span=Span(keyword.start, at + len(rest)),
        keyword=keyword,
        kind="dict",
        name=n.Name("", at, at),
        value=value,
    )
