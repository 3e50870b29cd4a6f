"""CO150 to CO199: what is wrong with the text of a Colang 1.0 file, one function for each code.

Codes are ordered by subject: texts and what stands where none may (15x), definitions (16x), blocks (17x),
statements and expressions (18x), messages and arguments (19x). Where the reference reads the same text without complaint, but not as its author
meant it, the message says what it would take it for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from colang.diagnostics.model import Diagnostic, Edit, Fix, Label, Severity
from colang.source import Span
from colang.syntax.words_v1 import HINTS, KINDS, MODIFIERS, STATEMENT_WORDS, meant

BODY_ON_LINE = "CO174"


def _short(text: str, limit: int = 40) -> str:
    """A piece of the author's text on one line, shortened."""
    text = " ".join("".join([c if c.isprintable() else " " for c in text[:200]]).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _replace(title: str, span: Span, text: str, *, safe: bool = False) -> Fix:
    return Fix(title=title, edits=(Edit(span, text),), safe=safe)


# ---------------------------------------------------------------- texts and comments


def unclosed_text(span: Span) -> Diagnostic:
    """CO150: a text on a line of its own has no closing quote (P5)."""
    return Diagnostic(
        code="CO150",
        message="this text has no closing quote",
        span=span,
        help='add `"` at the end; without it everything down to the next quote would be part of the text',
        fix=_replace("close the text", Span(span.end, span.end), '"'),
    )


def unclosed_docstring(span: Span) -> Diagnostic:
    """CO151: a docstring has no closing quotes (P5)."""
    return Diagnostic(
        code="CO151",
        message="this docstring is never closed",
        span=span,
        help='end it with `"""`; without it the rest of the file would be part of the docstring',
        fix=_replace("close the docstring", Span(span.end, span.end), '"""'),
    )


def unclosed_quote(span: Span) -> Diagnostic:
    """CO152: a quote inside a statement is not closed on its line."""
    return Diagnostic(
        code="CO152",
        message="this quote is not closed",
        span=span,
        help="add the closing quote on the same line",
    )


def unclosed_bracket(bracket: str, span: Span) -> Diagnostic:
    """CO153: a bracket is not closed."""
    return Diagnostic(
        code="CO153",
        message=f"`{bracket}` is not closed",
        span=span,
        help="close it on the same line, or end the line with a backslash to go on in the next one",
    )


def tab_indentation(spans: Sequence[Span], text: str) -> Diagnostic:
    """CO154: lines are indented with tabs, which Colang 1.0 does not take for indentation."""
    edits = tuple([Edit(s, text[s.start : s.end].replace("\t", "  ")) for s in spans])
    others = len(spans) - 1
    more = (
        f"; {others} more line{'s start' if others > 1 else ' starts'} with a tab" if others else ""
    )
    return Diagnostic(
        code="CO154",
        message="a tab is not indentation in Colang 1.0",
        span=spans[0],
        help=f"indent with spaces{more}",
        fix=Fix(title="replace each tab by two spaces", edits=edits, safe=True),
    )


def comment_in_continuation(span: Span) -> Diagnostic:
    """CO155: a comment on a line that continues another one; NeMo Guardrails reads it as part of it."""
    return Diagnostic(
        code="CO155",
        message="NeMo Guardrails takes this comment for a part of the continued statement",
        span=span,
        severity=Severity.WARNING,
        help="move the comment above the statement",
    )


# ---------------------------------------------------------------- definitions


def outside_flow(what: str, text: str, span: Span, after: bool) -> Diagnostic:
    """CO160: a statement or text that belongs to no definition (P17)."""
    advice = (
        "indent it like the lines of the definition above"
        if after
        else "put it below a `define` line"
    )
    if what == "statement" and " " not in text.strip() and not after:
        advice = "a file consists of `define user`, `define bot` and `define flow` blocks"
    return Diagnostic(
        code="CO160",
        message=f"this {what} stands outside of any definition",
        span=span,
        help=advice,
    )


def misspelt_define(word: str, span: Span) -> Diagnostic:
    """CO161: ``defin flow x``, which the reference takes for a flow called ``defin flow x``."""
    return Diagnostic(
        code="CO161",
        message=f"`{word}` is not a word of Colang 1.0; the line would be read as the name of a flow",
        span=span,
        help="did you mean `define`?",
        fix=_replace("write `define`", span, "define"),
    )


def unknown_definition(kind: str, span: Span) -> Diagnostic:
    """CO162: `define` is followed by something that cannot be defined."""
    if not kind:
        return Diagnostic(
            code="CO162",
            message="`define` does not say what it defines",
            span=span,
            help="write `define user`, `define bot`, `define flow` or `define subflow`, and a name",
        )
    near = difflib.get_close_matches(kind, [*sorted(KINDS), *MODIFIERS], n=1, cutoff=0.75)
    return Diagnostic(
        code="CO162",
        message=f"`define {kind}` is not a definition of Colang 1.0",
        span=span,
        help=f"did you mean `{near[0]}`?"
        if near
        else "what can be defined is `user`, `bot`, `flow` and `subflow`",
        fix=_replace(f"write `{near[0]}`", span, near[0]) if near else None,
    )


def modified_message(modifier: str, kind: str, span: Span) -> Diagnostic:
    """CO162: a modifier of flows in front of a message."""
    return Diagnostic(
        code="CO162",
        message=f"`{modifier}` belongs to flows, not to `define {kind}`",
        span=span,
        help="remove it, or write `flow`",
    )


def nameless(kind: str, span: Span) -> Diagnostic:
    """CO163: a message without a name (P14)."""
    return Diagnostic(
        code="CO163",
        message=f"this `define {kind}` has no name",
        span=span,
        help=f"write the name behind it: `define {kind} greet`",
    )


def no_body(what: str, span: Span) -> Diagnostic:
    """CO164: a definition with nothing indented below it (P16)."""
    what = _short(what)
    content = "texts" if what.startswith("bot") else "statements"
    return Diagnostic(
        code="CO164",
        message=f"`{what}` has nothing below it",
        span=span,
        help=f"indent its {content} by two spaces",
    )


def nested_definition(span: Span, inside: str) -> Diagnostic:
    """CO165: a definition inside another one (P13)."""
    where = "a flow" if inside == "flow" else f"`{_short(inside)}`"
    return Diagnostic(
        code="CO165",
        message=f"this definition stands inside {where}",
        span=span,
        help="move it to the left margin",
    )


def duplicate_flow(name: str, span: Span, first: Span) -> Diagnostic:
    """CO166: two flows of one file have one name."""
    return Diagnostic(
        code="CO166",
        message=f"the flow `{_short(name)}` is defined twice in this file",
        span=span,
        labels=(Label(first, "first defined here"),),
        help="rename one of them, or join them",
    )


def newer_dialect(word: str, span: Span) -> Diagnostic:
    """CO167: a line of Colang 2.x at the top of a 1.0 file."""
    return Diagnostic(
        code="CO167",
        message=f"`{_short(word)}` at the left margin is Colang 2.x, not 1.0",
        span=span,
        help='set `colang_version: "2.x"` in config.yml; in Colang 1.0 a flow begins with `define flow`',
    )


# ---------------------------------------------------------------- blocks


def deeper_block(above: str, span: Span, blanks: Sequence[Span]) -> Diagnostic:
    """CO170: lines below a statement that takes no block (P24); `blanks` are the columns too many."""
    fix = Fix(
        title="indent like the line above",
        edits=tuple([Edit(blank, "") for blank in blanks]),
    )
    return Diagnostic(
        code="CO170",
        message=f"this line is indented deeper than `{_short(above)}`, which takes no statements below it",
        span=span,
        help="indent it like the line above",
        fix=fix if blanks else None,
    )


def partial_dedent(span: Span, above: Span) -> Diagnostic:
    """CO171: an indentation between two levels."""
    return Diagnostic(
        code="CO171",
        message="this line is indented like no block that is open here",
        span=span,
        labels=(Label(above, "the block above ends here"),),
        help="indent it like the statements it belongs to",
    )


def no_block(what: str, span: Span) -> Diagnostic:
    """CO172: `if`, `while`, `when` or the like with nothing below it (P7)."""
    return Diagnostic(
        code="CO172",
        message=f"`{what}` has no statements below it",
        span=span,
        help="indent what belongs to it; without that the statements that follow would be taken for its own",
    )


def too_deep(limit: int, span: Span) -> Diagnostic:
    """CO173: more nested blocks than the parser follows."""
    return Diagnostic(
        code="CO173",
        message=f"blocks are nested deeper than {limit} levels here",
        span=span,
        help="move the inner part into a subflow",
    )


def body_on_line(what: str, span: Span) -> Diagnostic:
    """CO174: a statement on the line of its `if`, `else` or `while`."""
    return Diagnostic(
        code=BODY_ON_LINE,
        message=f"the statements of `{what}` do not stand on its line",
        span=span,
        help="put this on a line of its own, indented by two spaces",
    )


def stray_else(what: str, needs: str, span: Span) -> Diagnostic:
    """CO175: `else`, `else if` or `else when` that continues nothing."""
    return Diagnostic(
        code="CO175",
        message=f"this `{what}` belongs to no `{needs}`",
        span=span,
        help=f"indent it like the `{needs}` that it continues; nothing may stand between them",
    )


def second_else(span: Span) -> Diagnostic:
    """CO175: a branch behind the `else` of an `if`."""
    return Diagnostic(
        code="CO175",
        message="this branch stands behind the `else` of its `if`",
        span=span,
        help="`else` must be the last branch, and there is only one",
    )


def else_after_when(span: Span, when: Span) -> Diagnostic:
    """CO176: a plain `else` after `when` (P1)."""
    return Diagnostic(
        code="CO176",
        message="`when` has no `else` in Colang 1.0",
        span=span,
        labels=(Label(when, "the `when` it would belong to"),),
        help="write `else when user ...` to take every other intent",
    )


def unsupported_when(kind: str, span: Span) -> Diagnostic:
    """CO177: a form of `when` that Colang 1.0 has not."""
    return Diagnostic(
        code="CO177",
        message=f"`when {kind}` is not supported",
        span=span,
        help="a `when` waits for `user ...`, `bot ...` or `event ...`",
    )


def not_in_group(group: str, span: Span) -> Diagnostic:
    """CO178: something below `any` or `infer` that cannot stand there."""
    allowed = "`user` and `event`" if group == "any" else "`event`, `user` and `bot`"
    return Diagnostic(
        code="CO178",
        message=f"this cannot stand below `{group}`",
        span=span,
        help=f"only {allowed} lines can",
    )


def only_first_inferred(span: Span) -> Diagnostic:
    """CO179: the second line of a block under `infer`, which the reference drops."""
    return Diagnostic(
        code="CO179",
        message="only the first line below `infer` counts, this one and what follows is dropped",
        span=span,
        severity=Severity.WARNING,
        help="write one `create event` statement for each event",
    )


# ---------------------------------------------------------------- statements


def unknown_statement(word: str, span: Span) -> Diagnostic:
    """CO180: a line that begins with no statement word."""
    head = word.partition("(")[0]
    if head != word and head in STATEMENT_WORDS:
        place = span.start + len(head)
        return Diagnostic(
            code="CO180",
            message=f"`{head}` needs a blank behind it",
            span=Span(span.start, place),
            help=f"write `{head} (...`",
            fix=_replace("insert a blank", Span(place, place), " ", safe=True),
        )
    hint = HINTS.get(word)
    near = meant(word) if hint is None else None
    fix = None
    if near is not None:
        hint = f"did you mean `{near}`?"
        fix = _replace(f"write `{near}`", span, near)
    elif word in ("elif", "elseif", "elsif"):
        fix = _replace("write `else if`", span, "else if", safe=True)
    elif hint is None:
        hint = "a statement begins with a word like `user`, `bot`, `execute`, `if`, or with a $variable"
        if word == "any" or word == ":":
            hint = "write `any` alone and the alternatives below it, one on each line"
    return Diagnostic(
        code="CO180",
        message=f"`{_short(word)}` is not a statement of Colang 1.0"
        if word != "any"
        else "`any` takes nothing on its line",
        span=span,
        help=hint,
        fix=fix,
    )


def not_implemented(word: str, span: Span) -> Diagnostic:
    """CO181: a reserved word without meaning."""
    return Diagnostic(
        code="CO181",
        message=f"`{word}` is reserved in Colang 1.0, but does nothing",
        span=span,
        help="`flow` needs `define` in front of it" if word == "flow" else "remove the line",
    )


_NEEDS = {
    "user": "write the intent behind it: `user ask price`",
    "bot": "write the message behind it: `bot tell price`",
    "event": "write the name of the event behind it",
    "execute": "write the name of the action behind it",
    "do": "write the name of the subflow behind it",
    "goto": "write the name of the label behind it",
    "if": "write a condition behind it: `if $ready`",
    "else if": "write a condition behind it: `else if $ready`",
    "while": "write a condition behind it: `while $count < 3`",
    "meta": 'write `meta {"priority": 2}`, or indent `name: value` lines below it',
    "=": "write a value behind it",
    "set": "write `$name = value`",
    "import": "write a path behind it",
    "include": "write a path behind it",
}


def incomplete(word: str, span: Span) -> Diagnostic:
    """CO182: a statement that lacks what it is about."""
    return Diagnostic(
        code="CO182",
        message=f"`{word}` lacks what should stand behind it",
        span=span,
        help=_NEEDS.get(word, _NEEDS.get(word.rsplit(" ", 1)[-1], "write a name behind it")),
    )


def create_without_event(word: str, rest: str, span: Span, at: int) -> Diagnostic:
    """CO183: ``create X`` without the word `event`."""
    return Diagnostic(
        code="CO183",
        message=f"`{word}` needs the word `event` in front of the name",
        span=span,
        help=f"write `{word} event {_short(rest, 20)}`",
        fix=_replace("insert `event`", Span(at, at), "event ", safe=True),
    )


def bad_assignment(text: str, span: Span) -> Diagnostic:
    """CO184: a line that begins with a variable and is no assignment."""
    left = text.split("=")[0].strip()
    if "," in left and "=" in text:
        advice = "an assignment has one target"
    elif "[" in left and "=" in text:
        advice = "only a variable can be assigned to, not an item of it"
    else:
        advice = "write `$name = value`"
    return Diagnostic(code="CO184", message="this is not an assignment", span=span, help=advice)


def cramped_assignment(target: str, value: str, span: Span, end: int) -> Diagnostic:
    """CO184: ``$x=5``, without the blanks that the language asks for (P22)."""
    return Diagnostic(
        code="CO184",
        message="an assignment needs blanks around `=`",
        span=span,
        help=f"write `{target} = {_short(value, 20)}`",
        fix=_replace("put blanks around `=`", Span(span.start, end), f"{target} = ", safe=True),
    )


def assigned_do(target: str, span: Span) -> Diagnostic:
    """CO185: ``$r = do x``, which the reference takes for an expression (P11)."""
    return Diagnostic(
        code="CO185",
        message="`do` cannot stand behind `=`",
        span=span,
        help=f"write `do {target} = ...`",
        fix=_replace("put the variable behind `do`", span, f"do {target} ="),
    )


def assignment_in_condition(span: Span) -> Diagnostic:
    """CO186: ``=`` inside an expression (E2)."""
    return Diagnostic(
        code="CO186",
        message="`=` does not compare",
        span=span,
        help="write `==` to compare",
        fix=_replace("write `==`", span, "=="),
    )


_FLAWS = {
    "missing": ("this expression is not complete", "write a value behind it"),
    "bracket": ("`{text}` is not closed", "add the closing bracket"),
    "dollar": ("`$` is not followed by a name", "a variable begins with a letter or `_`"),
    "character": ("`{text}` has no meaning in an expression", "remove it"),
    "number": ("`{text}` is not a number", "check its digits"),
    "deep": ("this expression is too long or too deep", "compute a part of it before"),
    "call": ("`{text}` cannot be called", "only methods like `$text.upper()` and `len()` can"),
}

_UNSUPPORTED = {
    "list": "a list cannot be written in an expression",
    "tuple": "a tuple cannot be written in an expression",
    "dict": "a dictionary cannot be written in an expression",
    "set": "a set cannot be written in an expression",
    "function": "`len` is the only function",
    "name": "this name has no value; variables begin with `$`",
    "private": "names that begin with `_` are out of reach",
    "bytes": "there are no bytes",
    "format": "a format behind `:` or `!` is not supported",
}


def bad_expression(kind: str, text: str, span: Span) -> Diagnostic:
    """CO187: an expression that is none."""
    message, advice = _FLAWS.get(
        kind,
        ("`{text}` does not fit here", "write an operator between values, or quotes around a text"),
    )
    return Diagnostic(
        code="CO187", message=message.replace("{text}", _short(text)), span=span, help=advice
    )


def failing_expression(what: str, span: Span) -> Diagnostic:
    """CO188: an expression that fails whenever it is evaluated: lists, unknown names, other functions (9.1)."""
    advice = "let an action compute the value"
    if what == "name":
        advice = 'write `"..."` around a text, `$` before a variable, `True` for true'
    elif what in ("list", "tuple", "set"):
        advice = 'compare one by one: `$a == "x" or $a == "y"`; or let an action decide'
    return Diagnostic(
        code="CO188",
        message=f"this fails when Colang 1.0 evaluates it: {_UNSUPPORTED.get(what, what)}",
        span=span,
        severity=Severity.WARNING,
        help=advice,
    )


def positional_value(text: str, span: Span) -> Diagnostic:
    """CO198: an argument of `user` that is a literal without a name."""
    return Diagnostic(
        code="CO198",
        message=f"`{_short(text)}` needs a name here",
        span=span,
        help=f"write `name={_short(text, 20)}`",
    )


def duplicate_label(name: str, span: Span, first: Span) -> Diagnostic:
    """CO189: two labels of one flow have one name."""
    return Diagnostic(
        code="CO189",
        message=f"the label `{_short(name)}` is set twice in this flow",
        span=span,
        labels=(Label(first, "first set here"),),
        help="rename one of them",
    )


def unknown_label(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO190: a `goto` to a label that the flow has not."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return Diagnostic(
        code="CO190",
        message=f"this flow has no label `{_short(name)}`",
        span=span,
        help=f"did you mean `{near[0]}`?" if near else f"put `label {_short(name)}` where to go on",
        fix=_replace(f"go to `{near[0]}`", span, near[0]) if near else None,
    )


def behind_jump(word: str, span: Span) -> Diagnostic:
    """CO191: text behind `stop`, `break` and the like."""
    return Diagnostic(
        code="CO191",
        message=f"`{word}` takes nothing behind it",
        span=span,
        help="remove it, or make it a comment with `#`",
    )


def bad_priority(text: str, span: Span) -> Diagnostic:
    """CO192: a priority that is no number."""
    return Diagnostic(
        code="CO192",
        message="a priority is a number" if text else "this priority lacks its number",
        span=span,
        help="write `priority 2` or `priority 0.5`; 1.0 is the default",
    )


def bad_meta(span: Span) -> Diagnostic:
    """CO169: a `meta` object that is no JSON."""
    return Diagnostic(
        code="CO169",
        message="this is not a JSON object",
        span=span,
        help='write `{"name": value, ...}` with double quotes',
    )


# ---------------------------------------------------------------- messages and arguments


def text_without_quotes(text: str, span: Span) -> Diagnostic:
    """CO193: a line of `define bot` that is not a text."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return Diagnostic(
            code="CO193",
            message="a text stands in double quotes",
            span=span,
            help=f'write `"{_short(text[1:-1])}"`',
            fix=_replace("use double quotes", span, f'"{text[1:-1]}"'),
        )
    return Diagnostic(
        code="CO193",
        message="this line of a bot message is not a text",
        span=span,
        help="put it in double quotes",
        fix=_replace("put it in double quotes", span, f'"{text}"'),
    )


def structured_message(span: Span) -> Diagnostic:
    """CO157: a bot message made of ``name: value`` lines (P9)."""
    return Diagnostic(
        code="CO157",
        message="structured bot messages are not supported",
        span=span,
        help='a bot message consists of texts in double quotes: `"Hello!"`',
    )


def example_without_quotes(text: str, span: Span) -> Diagnostic:
    """CO194: an example that is read as the name of an intent, which the file does not define."""
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text
    return Diagnostic(
        code="CO194",
        message=f"without double quotes `{_short(text)}` is the name of another intent, not an example",
        span=span,
        severity=Severity.WARNING,
        help="put it in double quotes if it is what a user says",
        fix=_replace("put it in double quotes", span, f'"{bare}"'),
    )


def behind_text(text: str, span: Span) -> Diagnostic:
    """CO195: something stands behind the closing quote of a text."""
    second = text.startswith('"')
    return Diagnostic(
        code="CO195",
        message="a second text stands behind the first"
        if second
        else "this stands behind the end of the text",
        span=span,
        help="put each text on a line of its own"
        if second
        else "move it into the quotes, or put `#` before it",
    )


def stray_text(text: str, span: Span) -> Diagnostic:
    """CO156: a text alone where a statement should stand."""
    return Diagnostic(
        code="CO156",
        message="a text alone is not a statement",
        span=span,
        help=f"write `bot` and a name for it: `bot greet {_short(text, 20)}`"
        if len(text) < 20
        else 'write `bot` and a name for it: `bot greet "..."`',
    )


def ignored_condition(span: Span) -> Diagnostic:
    """CO196: a condition inside a bot message, which the language reads and ignores (6.2)."""
    return Diagnostic(
        code="CO196",
        message="conditions inside a bot message are ignored: any of its texts may be said",
        span=span,
        severity=Severity.WARNING,
        help="define several messages, and choose one with `if` in the flow",
    )


def alternative(text: str, span: Span) -> Diagnostic:
    """CO197: an alternative that does not begin with `user`."""
    return Diagnostic(
        code="CO197",
        message="an alternative begins with `user` again",
        span=span,
        help=f"write `or user {_short(text, 20)}`; an intent with ` or ` in its name cannot be used here",
        fix=_replace("insert `user`", Span(span.start, span.start), "user "),
    )


def bot_alternative(span: Span) -> Diagnostic:
    """CO197: `or` between bot messages (P12)."""
    return Diagnostic(
        code="CO197",
        message="a bot statement has no alternatives; this would be read as a part of the name",
        span=span,
        help="give one message several texts: one of them is said",
    )


def bad_value(text: str, span: Span) -> Diagnostic:
    """CO198: an argument that is neither a literal nor a variable."""
    words = {"true": "True", "false": "False", "null": "None", "none": "None"}
    right = words.get(text)
    if right is not None:
        return Diagnostic(
            code="CO198",
            message=f"`{text}` is not a value",
            span=span,
            help=f"write `{right}`",
            fix=_replace(f"write `{right}`", span, right, safe=True),
        )
    if text.replace("_", "").replace(" ", "").isalnum() and not text[:1].isdigit():
        return Diagnostic(
            code="CO198",
            message=f"`{_short(text)}` is not a value",
            span=span,
            help=f'write `"{_short(text, 20)}"` for a text, or `${_short(text, 20)}` for a variable',
            fix=_replace("put it in double quotes", span, f'"{text}"'),
        )
    return Diagnostic(
        code="CO198",
        message=f"`{_short(text)}` is not a value",
        span=span,
        help="write a text, number, list or dictionary, or a variable; to compute something, assign it to a variable first",
    )


def empty_argument(span: Span) -> Diagnostic:
    """CO199: nothing between two commas, or behind `name=`."""
    return Diagnostic(
        code="CO199",
        message="a value is missing here",
        span=span,
        help="write it, or remove the comma",
    )


def behind_arguments(span: Span) -> Diagnostic:
    """CO158: text behind the closing parenthesis."""
    return Diagnostic(
        code="CO158",
        message="this stands behind the arguments",
        span=span,
        help="arguments are the last part of a statement; use only one of `(...)`, `with` and `for`",
    )


def variable_action(span: Span) -> Diagnostic:
    """CO168: the name of an action cannot be computed."""
    return Diagnostic(
        code="CO168",
        message="the name of an action cannot be a variable",
        span=span,
        help="write the name of the action; `do $name` calls a flow by a computed name",
    )


def bad_parameter(span: Span) -> Diagnostic:
    """CO159: a line of a parameter block that is none."""
    return Diagnostic(
        code="CO159",
        message="this is not a parameter",
        span=span,
        help="write `name: value`",
    )
