"""Why a line does not parse: the common mistakes, told from the place where the parser stopped.

Nothing here decides what is valid; it only chooses the words for what the parser has refused.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from colang.diagnostics import syntax as say
from colang.diagnostics.model import Diagnostic, Edit, Fix
from colang.source import Span
from colang.syntax.layout import indentation, next_content
from colang.syntax.lexer import (
    COMMENT,
    END,
    NEWLINE,
    OPEN_LONG_STRING,
    OPEN_STRING,
    OTHER,
    WORDS,
    Lexed,
)
from colang.syntax.problem import Found
from colang.syntax.recovery import line_end, unclosed_brackets
from colang.syntax.words import (
    BRANCH_WORDS,
    STATEMENT_WORDS,
)

if TYPE_CHECKING:
    from colang.syntax.expressions import Expressions

VALUE_ENDS = frozenset(
    [
        "VAR",
        "NUMBER",
        "STRING",
        "LONG_STRING",
        "NONE",
        "TRUE",
        "FALSE",
        "RPAR",
        "RSQB",
        "RBRACE",
        "WORD",
        "NAME",
    ]
)
VALUE_STARTS = frozenset(
    [
        "VAR",
        "NUMBER",
        "STRING",
        "LONG_STRING",
        "NONE",
        "TRUE",
        "FALSE",
        "LPAR",
        "LSQB",
        "LBRACE",
        "WORD",
    ]
)
COMPARISONS = frozenset(
    ["LESSTHAN", "MORETHAN", "EQUALS", "UNEQUAL", "ATMOST", "ATLEAST", "IN", "IS", "NOT"]
)
FOREIGN = {
    "for": "repeat with `while` and a counter, or compute the list with `[... for x in $list]`",
    "try": "catch the failure of a flow with `when ... else`",
    "except": "catch the failure of a flow with `when ... else`",
    "finally": "catch the failure of a flow with `when ... else`",
    "with": "write the statements one below the other",
    "class": "a flow definition begins with `flow`",
    "lambda": "write a flow instead",
    "del": "assign None instead",
    "assert": "write `if not ...` and `abort`",
    "raise": "a flow fails with `abort`",
    "switch": "write `if`, `elif` and `else`, or `when` to wait for one of several events",
    "case": "write `if`, `elif` and `else`, or `or when` to wait for one of several events",
    "elseif": "write `elif` or `else if`",
    "elsif": "write `elif` or `else if`",
    "loop": "repeat with `while True`",
    "repeat": "repeat with `while`",
    "until": "repeat with `while not ...`",
    "yield": "pass values on with `send` and an event",
    "exit": "end the flow with `return` or `abort`",
    "set": "assign with `$name = value`",
    "let": "assign with `$name = value`",
    "var": "assign with `$name = value`",
    "const": "assign with `$name = value`",
}
DEFINING = ("def", "function", "func", "fn", "fun", "define", "rule", "intent", "procedure", "sub")
OLDER = {
    "flow": "a flow definition begins with `flow name`, without `define`",
    "subflow": "a subflow is a flow: `flow name`",
    "user": 'write a flow `user name` with `user said "..."` in its body',
    "bot": 'write a flow `bot name` with `bot say "..."` in its body',
    "extension": "write a flow, and `activate` it",
    "action": "actions are Python functions; call them with `await`",
}
VALUE_STATEMENTS = ("return", "log", "print", "priority", "if", "elif", "while")
PARTNERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}


def span_of(lexed: Lexed, index: int, last: int | None = None) -> Span:
    """The characters of a token, or from one token to another."""
    last = index if last is None else last
    return Span(lexed.starts[index], lexed.starts[last] + len(lexed.texts[last]))


def at_line_end(lexed: Lexed, index: int) -> bool:
    """Whether nothing but a comment follows on the line."""
    return lexed.types[index] in (NEWLINE, COMMENT, END)


# ------------------------------------------------------------------------------------------ layout


def uneven_dedent(lexed: Lexed, index: int, columns: list[int]) -> Diagnostic:
    """A line in a column that no block has; `columns` are those of the blocks around."""
    start = lexed.starts[index]
    return say.uneven_dedent(columns, Span(start, start))


def missing_body(lexed: Lexed, index: int) -> Diagnostic:
    """The line that ends at token `index` has no block below it."""
    first = index
    while first > 0 and lexed.types[first - 1] != NEWLINE:
        first -= 1
    last = max(index - 1, first)
    span = span_of(lexed, first, last)
    offset = lexed.starts[-1] - len(lexed.text)
    return say.missing_body(lexed.text[span.start - offset : span.end - offset], span)


def unexpected_indent(lexed: Lexed, line: int, before: int) -> Diagnostic:
    """The line at token `line` is indented deeper than the one that starts at token `before`."""
    word = lexed.texts[before]
    span = span_of(lexed, before)
    if lexed.types[before] in ("WORD", "FOR", "LABEL"):
        if word == "define":
            return older_definition(lexed, before)
        if word in DEFINING:
            return say.misspelt_flow(word, span)
        if word in FOREIGN:
            return say.foreign_statement(word, FOREIGN[word], span)
        following = lexed.types[before + 1]
        near = difflib.get_close_matches(word.lower(), ["flow"], n=1, cutoff=0.7)
        if near and following == "WORD" and word != "flow":
            return say.misspelt_flow(word, span)
    start = lexed.starts[line]
    return say.unexpected_indent(Span(start, start))


def older_definition(lexed: Lexed, index: int) -> Diagnostic:
    """A ``define`` line of Colang 1.0."""
    kind = lexed.texts[index + 1]
    last = index + 1 if kind in OLDER else index
    span = span_of(lexed, index, last)
    help = OLDER.get(kind, "a flow definition begins with `flow name`")
    return say.older_syntax(f"define {kind}" if kind in OLDER else "define", help, span)


# -------------------------------------------------------------------------------------- characters


def character(lexed: Lexed, index: int) -> Diagnostic | None:
    """A token that is wrong by itself, wherever it stands."""
    kind, text, start = lexed.types[index], lexed.texts[index], lexed.starts[index]
    if kind == OPEN_STRING:
        return say.unclosed_string(text[0], Span(start, start + 1))
    if kind == OPEN_LONG_STRING:
        return say.unclosed_string(text[:3], Span(start, start + 3))
    if kind != OTHER:
        return None
    span = Span(start, start + len(text))
    if text[0].isdigit():
        return bad_number(text, span)
    following = lexed.texts[index + 1] if index + 1 < len(lexed.texts) else ""
    if text == "$":
        named = lexed.types[index + 1] == "WORD" and lexed.starts[index + 1] > start + 1
        return say.bad_variable(following if named else "", span)
    if text == ";":
        last = at_line_end(lexed, index + 1)
        title = "remove the semicolon"
        fix = Fix(title=title, edits=(Edit(span, ""),), safe=True) if last else None
        return say.semicolon(span, fix)
    if text == "\\" and at_line_end(lexed, index + 1):
        return say.backslash(span)
    if text == "!" and lexed.types[index + 1] in VALUE_STARTS:
        return say.foreign_operator("!", "write `not`", span, "not ")
    if text == "!" and lexed.types[index + 1] == "EQUAL":
        return say.foreign_operator("! =", "write `!=`", span)
    if text == "?":
        return say.foreign_operator("?", "write `one if condition else other`", span)
    return say.bad_character(text[0], Span(start, start + 1))


def bad_number(text: str, span: Span) -> Diagnostic:
    """Digits with something that does not belong to a number."""
    plain = text.lower()
    if plain.isdecimal() and plain.startswith("0"):
        short = plain.lstrip("0") or "0"
        return say.bad_number(text, f"write `{short}`: numbers have no leading zeros", span, short)
    if plain[:2] in ("0x", "0o", "0b"):
        try:
            decimal = str(int(plain, 0)) if len(plain) < 30 else None
        except ValueError:
            decimal = None
        if decimal:
            return say.bad_number(text, f"write it in decimal: `{decimal}`", span, decimal)
    if plain.count(".") > 1:
        return say.bad_number(text, "a number has one decimal point", span)
    if plain.endswith("_") or "__" in plain:
        return say.bad_number(text, "write single `_` between digits only", span)
    return say.bad_number(
        text,
        "numbers are written like `12`, `1.5` or `1e3`; a name does not begin with a digit",
        span,
    )


# ------------------------------------------------------------------------------------- expressions


def in_expression(reader: Expressions, missing: str = "") -> Diagnostic:
    """The current token of an expression does not fit; `missing` says what the reader was looking for."""
    lexed, index, kind = reader.lexed, reader.index, reader.type
    before = lexed.types[index - 1] if index else ""
    span = span_of(lexed, index)
    if reader.opens and kind not in (OPEN_STRING, OPEN_LONG_STRING):
        broken = broken_bracket(reader, index)
        if broken is not None:
            return broken
    if reader.inside_string and reader.value == "!":
        return say.format_specification(span)
    wrong = character(lexed, index)
    if wrong is not None:
        return wrong
    if missing == "else":
        while index > 0 and lexed.types[index] != "IF":
            index -= 1
        return say.incomplete_conditional(span_of(lexed, index))
    if missing == "colon":
        return say.incomplete(
            "this entry of the dictionary has no value",
            "write `key: value`",
            span_of(lexed, index - 1),
        )
    if missing == "for":
        return say.bad_comprehension(span)
    if kind in (NEWLINE, END) or (before == "COLON" and kind == "RBRACE"):
        return unfinished(lexed, index)
    if kind in PARTNERS.values():
        if reader.opens and before == "COMMA":
            return say.trailing_comma(span_of(lexed, index - 1))
        if before not in VALUE_ENDS:
            return unfinished(lexed, index)
        return say.unopened_bracket(reader.value, span)
    if kind == "ELLIPSIS":
        return say.misplaced_generation(span)
    if kind == "EQUAL" and before in ("EQUALS", "UNEQUAL"):
        written = lexed.texts[index - 1]
        both = span_of(lexed, index - 1, index)
        return say.foreign_operator(written + "=", f"write `{written}`", both, written)
    if kind == "MORETHAN" and before == "LESSTHAN":
        both = span_of(lexed, index - 1, index)
        return say.foreign_operator("<>", "write `!=`", both, "!=")
    if kind == "EQUAL":
        if before == "VAR" and reader.opens and lexed.types[reader.opens[-1]] == "LPAR":
            name = lexed.texts[index - 1][1:]
            return say.dollar_in_argument(name, span_of(lexed, index - 1))
        return say.equal_in_condition(span)
    if kind == "COLON" and reader.inside_string:
        return say.format_specification(span)
    return in_value(lexed, index)


def in_value(lexed: Lexed, index: int) -> Diagnostic:
    """A token that cannot follow the one before it in an expression."""
    kind, text = lexed.types[index], lexed.texts[index]
    before = lexed.types[index - 1] if index else ""
    span = span_of(lexed, index)
    pair = (before, kind)
    if pair in (("AMPERSAND", "AMPERSAND"), ("VBAR", "VBAR")):
        word = "and" if kind == "AMPERSAND" else "or"
        both = span_of(lexed, index - 1, index)
        return say.foreign_operator(text * 2, f"write `{word}`", both, word)
    if before in VALUE_ENDS and kind in VALUE_STARTS:
        if text in FOREIGN and text == "lambda":
            return say.foreign_statement(text, FOREIGN[text], span)
        return say.two_values(span)
    if kind == "AUGMENT" or kind == "AT" or kind == "ARROW" or kind == "COLON":
        return say.unexpected(text, span, "remove it, or put the text it belongs to in quotes")
    if kind == "COMMA" and before in VALUE_ENDS:
        return say.unexpected(text, span, "put several values in brackets, as a list: `[a, b]`")
    if before in VALUE_ENDS:
        return say.unexpected(text, span, "end the expression before it, or put a value behind it")
    what = lexed.texts[index - 1] if index else ""
    return say.incomplete(
        f"a value is missing between {say.quote(what)} and {say.quote(text)}"
        if what.strip()
        else f"a value is missing before {say.quote(text)}",
        "write a variable, a number, a text or another value there",
        span,
    )


def unfinished(lexed: Lexed, index: int) -> Diagnostic:
    """A line, or a bracket, that ends too early at token `index`."""
    last = index - 1
    while last > 0 and lexed.types[last] in (NEWLINE, COMMENT):
        last -= 1
    if last < 0 or lexed.types[last] in (NEWLINE, COMMENT, END):
        span = Span(lexed.starts[index], lexed.starts[index])
        return say.incomplete("a value is missing", "write an expression", span)
    kind, text, span = lexed.types[last], lexed.texts[last], span_of(lexed, last)
    if kind in ("PLUS", "MINUS") and last and lexed.types[last - 1] == kind:
        both = span_of(lexed, last - 1, last)
        return say.foreign_operator(text * 2, f"write `{text} 1`", both)
    if kind in ("AND", "OR") and at_line_end(lexed, index):
        following, _ = next_content(lexed, index)
        place = span_of(lexed, following) if lexed.types[following] != END else None
        return say.trailing_operator(text, span, place)
    help = {
        "EQUAL": "write a value or an operation behind it",
        "AUGMENT": "write a value behind it",
        "COMMA": "write another value behind it, or remove it",
        "DOT": "write the name of an attribute or event behind it",
        "AS": "write a variable behind it: `as $name`",
        "ARROW": "write the return members behind it: `-> $result`",
    }.get(kind)
    if help is None:
        help = HELP_FOR_WORDS.get(text, "write a value behind it")
    return say.incomplete(f"nothing follows {say.quote(text)}", help, span)


HELP_FOR_WORDS = {
    "if": "write a condition behind it",
    "elif": "write a condition behind it",
    "while": "write a condition behind it; `while True` repeats without end",
    "when": "write the event, flow or action to wait for behind it",
    "match": "write the event to wait for behind it, like `match Ping()`",
    "send": "write the event to send behind it, like `send Ping()`",
    "await": "write the flow or action to run behind it",
    "start": "write the flow or action to start behind it",
    "stop": "write the flow, or the reference of the flow or action to stop; a flow ends itself with `abort`",
    "activate": "write the flow to activate behind it",
    "deactivate": "write the flow to deactivate behind it",
    "global": "write a variable behind it, like `global $name`",
    "import": 'write the module behind it, like `import core` or `import "path/file.co"`',
    "flow": "write a name behind it, like `flow main`",
    "priority": "write a number behind it, like `priority 0.5`",
    "...": 'write the instruction behind it: `..."instruction"`',
    "@": "write a name behind it, like `@active`",
}


def broken_bracket(reader: Expressions, index: int) -> Diagnostic | None:
    """An open bracket that has no partner, or another kind of partner, before the line's end.

    `index` is the token at which the reading stopped.
    """
    lexed = reader.lexed
    opening = reader.opens[-1]
    kind = lexed.types[index]
    if kind in PARTNERS.values() and kind != PARTNERS[lexed.types[opening]]:
        return say.wrong_bracket(
            lexed.texts[opening], lexed.texts[index], span_of(lexed, opening), span_of(lexed, index)
        )
    if reader.inside_string:
        limit = len(lexed.types) - 1
    else:
        limit = line_end(lexed, reader.line)
    if index >= limit:
        return say.unclosed_bracket(lexed.texts[opening], span_of(lexed, opening))
    open_ones = unclosed_brackets(lexed, reader.opens[0], limit)
    for opened in reader.opens:
        if opened in open_ones:
            return say.unclosed_bracket(lexed.texts[opened], span_of(lexed, opened))
    return None


def positional_after_named(reader: Expressions) -> Diagnostic:
    """An argument without a name behind one with a name."""
    if reader.type in PARTNERS.values():
        return say.trailing_comma(span_of(reader.lexed, reader.index - 1))
    if reader.type == "VAR" and reader.types[reader.index + 1] == "EQUAL":
        return say.dollar_in_argument(reader.value[1:], span_of(reader.lexed, reader.index))
    if reader.type not in VALUE_STARTS:
        return in_expression(reader)
    return say.positional_after_named(span_of(reader.lexed, reader.index))


def in_braces(text: str, start: int, stop: int, inner: Diagnostic) -> Diagnostic:
    """Braces in a string whose content is no expression, because of `inner`."""
    if inner.code in ("CO136", "CO137"):
        return inner
    return say.not_an_expression(text, inner.message, Span(start, stop))


# ------------------------------------------------------------------------------------------- lines


def in_line(reader: Expressions, index: int, here: dict[str, int]) -> Found:
    """Token `index` of the current logical line fits nowhere; `here` is what would.

    `reader` is the one of the parser: it knows the line, the tokens and the open brackets.
    """
    lexed, line = reader.lexed, reader.line
    kind, text = lexed.types[index], lexed.texts[index]
    span = span_of(lexed, index)
    wrong = character(lexed, index)
    if wrong is not None:
        mended = wrong.code in ("CO112", "CO113") and at_line_end(lexed, index + 1)
        return Found(wrong, index + 1 if mended and NEWLINE in here else None)
    if index == line:
        return Found(first_token(lexed, line))
    first = lexed.texts[line]
    empty = kind == "RPAR" and lexed.types[index - 1] == "LPAR"
    if reader.opens and not (empty and first == "flow"):
        broken = broken_bracket(reader, index)
        if broken is not None:
            return Found(broken)
        name = index - 1
        if kind == "EQUAL" and lexed.types[name] == "VAR" and first != "flow":
            return Found(say.dollar_in_argument(lexed.texts[name][1:], span_of(lexed, name)))
    foreign = foreign_line(lexed, line)
    if foreign is not None:
        return Found(foreign)
    if first == "flow":
        return in_header(lexed, line, index)
    if first == "@":
        if kind == "AT":
            return Found(say.two_decorators(span))
        if at_line_end(lexed, index):
            return Found(unfinished(lexed, index))
        return Found(say.bad_decorator(text, span))
    if first == "import":
        return Found(in_import(lexed, index))
    if lexed.types[line] == "VAR":
        found = in_assignment(lexed, line, index)
        if found is not None:
            return Found(found)
    if at_line_end(lexed, index):
        return Found(unfinished(lexed, index))
    before = lexed.types[index - 1]
    if before == "COLON" and first in (*BRANCH_WORDS, "if", "while", "when", "or"):
        return Found(say.one_line_block(first if first != "or" else "or when", span))
    if kind == "COLON" and NEWLINE in here and at_line_end(lexed, index + 1):
        help = "remove the colon: only `if`, `while`, `when` and their branches may have one"
        return Found(say.unexpected(text, span, help), index + 1)
    if kind == "AS" and before == "RPAR":
        return Found(say.group_reference(span))
    if kind == "EQUAL":
        return Found(equal_sign(lexed, line, index))
    if kind == "LBRACE" and at_line_end(lexed, index + 1):
        help = "blocks are made by indentation: remove the brace, and the one that closes it"
        return Found(say.unexpected(text, span, help))
    if "lambda" in lexed.texts[line:index]:
        where = lexed.texts.index("lambda", line)
        return Found(say.foreign_statement("lambda", FOREIGN["lambda"], span_of(lexed, where)))
    if before == "AS" and kind == "WORD":
        return Found(say.missing_dollar(text, "a reference", span))
    value_line = "EQUAL" in lexed.types[line:index] or first in VALUE_STATEMENTS
    if kind == "COMMA" and value_line and "LPAR" not in lexed.types[line:index]:
        help = "put several values in brackets, as a list: `[a, b]`"
        return Found(say.unexpected(text, span, help))
    if kind == "COMMA":
        captured = lexed.types[index - 2] == "AS"
        if before in VALUE_ENDS and before not in ("RPAR", "WORD") and not captured:
            return Found(say.parameter_comma(span))
        help = "write one operation a line, or join them with `and` or `or`"
        return Found(say.unexpected(text, span, help))
    if kind in COMPARISONS and first in ("when", "match", "or"):
        help = "this line waits for an event; conditions belong to `if` and `while`"
        return Found(say.unexpected(text, span, help))
    if kind in COMPARISONS and before in VALUE_ENDS and NEWLINE in here:
        return Found(say.comparison_in_argument(text, span))
    if kind in PARTNERS.values() and before in VALUE_ENDS:
        return Found(say.unopened_bracket(text, span))
    if kind in PARTNERS.values():
        return Found(unfinished(lexed, index))
    if kind == "ELLIPSIS":
        return Found(say.misplaced_generation(span))
    if before in VALUE_ENDS and kind in VALUE_STARTS and NEWLINE in here:
        if value_line:
            return Found(say.two_values(span))
        if kind == "WORD":
            help = "join two operations with `and` or `or`, or write them on two lines"
            return Found(say.unexpected(text, span, help))
        if before == "RPAR":
            return Found(say.mixed_arguments(span))
    if kind == "ELSE" or (kind == "IF" and before in VALUE_ENDS):
        help = "put a value that depends on a condition in parentheses: `(a if $x else b)`"
        return Found(say.unexpected(text, span, help))
    if first == "global":
        if kind == "WORD":
            return Found(say.missing_dollar(text, "a variable", span))
        return Found(say.unexpected(text, span, HELP_FOR_WORDS["global"]))
    if first == "else":
        return Found(say.unexpected(text, span, "`else` takes no condition: write `elif`"))
    if NEWLINE in here:
        if index == line + 1 and first in STATEMENT_WORDS:
            return Found(stands_alone(lexed, line, index))
        return Found(say.line_goes_on(text, span))
    return Found(in_value(lexed, index))


def stands_alone(lexed: Lexed, line: int, index: int) -> Diagnostic:
    """``abort mission``: a statement word in front of other words."""
    word, text = lexed.texts[line], lexed.texts[index]
    span = span_of(lexed, index)
    if lexed.types[index] == "WORD":
        help = f"to call a flow whose name begins with `{word}`, write `await {word} {text} ...`"
        return say.unexpected(text, span, help)
    return say.line_goes_on(text, span)


def first_token(lexed: Lexed, line: int) -> Diagnostic:
    """A line that begins with something no statement begins with."""
    kind, text = lexed.types[line], lexed.texts[line]
    span = span_of(lexed, line)
    if text in ("else", "elif"):
        return say.branch_without_head(text, "if", span)
    if text == "orwhen" or (text == "or" and lexed.texts[line + 1] == "when"):
        whole = span if text == "orwhen" else span_of(lexed, line, line + 1)
        return say.branch_without_head("or when", "when", whole)
    if kind in ("AND", "OR"):
        return say.continues_nothing(text, span)
    if kind in PARTNERS.values():
        return say.unopened_bracket(text, span)
    if kind == "STRING":
        return say.text_alone(span)
    if kind == "AT":
        return say.unexpected(text, span, "decorators stand at the left margin, above a flow")
    if kind in PARTNERS and line in unclosed_brackets(lexed, line, line_end(lexed, line)):
        return say.unclosed_bracket(text, span)
    if kind in VALUE_STARTS or kind in ("MINUS", "PLUS", "TILDE"):
        last = line_end(lexed, line) - 1
        whole = span_of(lexed, line, max(last, line))
        offset = lexed.starts[-1] - len(lexed.text)
        return say.expression_statement(
            lexed.text[whole.start - offset : whole.end - offset], whole
        )
    return say.unexpected(text, span, "begin the line with a statement or the name of a flow")


def foreign_line(lexed: Lexed, line: int) -> Diagnostic | None:
    """A line that begins like a statement of another language or dialect."""
    word = lexed.texts[line]
    following = lexed.types[line + 1]
    span = span_of(lexed, line)
    if word == "define":
        return older_definition(lexed, line)
    if word in DEFINING and following in ("WORD", "IN", "IF"):
        return say.misspelt_flow(word, span)
    if word == "from" and "import" in lexed.texts[line : line + 12]:
        return say.bad_import(
            "a module is imported as a whole", "write `import` and the module", span
        )
    if word in FOREIGN and lexed.types[line] in ("WORD", "FOR") and following != "LPAR":
        return say.foreign_statement(word, FOREIGN[word], span)
    near = difflib.get_close_matches(word.lower(), ["flow"], n=1, cutoff=0.7)
    if near and word != "flow" and following == "WORD":
        following_line, _ = next_content(lexed, line_end(lexed, line))
        if lexed.types[following_line] != END and indentation(lexed, following_line) > indentation(
            lexed, line
        ):
            return say.misspelt_flow(word, span)
    return None


def equal_sign(lexed: Lexed, line: int, index: int) -> Diagnostic:
    """``=`` where the line is not an assignment."""
    before = lexed.types[index - 1]
    name, span = lexed.texts[index - 1], span_of(lexed, index - 1)
    if lexed.texts[line] in ("if", "elif", "while", "else", "return"):
        return say.equal_in_condition(span_of(lexed, index))
    if before in ("WORD", *WORDS.values()):
        if index - 1 == line:
            return say.missing_dollar(name, "a variable", span)
        return say.argument_without_dollar(name, span)
    return say.equal_in_condition(span_of(lexed, index))


def in_header(lexed: Lexed, line: int, index: int) -> Found:
    """A flow header."""
    kind, text = lexed.types[index], lexed.texts[index]
    before = lexed.types[index - 1]
    span = span_of(lexed, index)
    if kind == "COLON":
        if at_line_end(lexed, index + 1):
            return Found(say.header_colon(span), index + 1)
        if before == "VAR":
            return Found(
                say.unexpected(":", span, "parameters have no types; remove the colon and the type")
            )
        return Found(say.one_line_block("flow", span_of(lexed, index + 1)))
    if kind == "COMMA" and before in VALUE_ENDS:
        return Found(say.parameter_comma(span), index + 1)
    if kind == "RPAR" and before == "LPAR":
        return Found(say.empty_parameters(span_of(lexed, index - 1, index)), index + 1, pops=1)
    if at_line_end(lexed, index):
        return Found(unfinished(lexed, index))
    parameters = {"VAR", "LPAR", "ARROW"} & set(lexed.types[line:index])
    if not parameters:
        return Found(bad_flow_name(lexed, line, index))
    if before in ("ARROW", "LPAR", "COMMA") and kind == "WORD":
        what = "a return member" if "ARROW" in lexed.types[line:index] else "a parameter"
        return Found(say.missing_dollar(text, what, span))
    if kind == "VAR" and before in VALUE_ENDS:
        return Found(say.unexpected(text, span, "put a comma in front of it"))
    if kind in ("WORD", "AS", "AND", "OR") and "ARROW" not in lexed.types[line:index]:
        help = "the words of the name come first, then the parameters, each with a `$`"
        return Found(say.unexpected(text, span, help))
    if kind == "STAR" or kind == "POWER":
        return Found(say.unexpected(text, span, "a flow has a fixed list of parameters"))
    help = "a header is `flow name $parameter ... -> $member`, and nothing else"
    return Found(say.unexpected(text, span, help))


def bad_flow_name(lexed: Lexed, line: int, index: int) -> Diagnostic:
    """Something in a flow's name that no name can hold."""
    kind, text, span = lexed.types[index], lexed.texts[index], span_of(lexed, index)
    if kind in ("AND", "OR", "AS", "TRUE", "FALSE", "NONE"):
        return say.flow_name(
            f"the name of a flow cannot hold the word `{text}`",
            "leave the word out, or choose another one",
            span,
        )
    if kind == "NUMBER":
        return say.flow_name(
            f"the name of a flow cannot hold the number `{text}`",
            "write the number as a word, or join it to one with `_`",
            span,
        )
    if kind in ("STRING", "LONG_STRING"):
        return say.flow_name(
            "the name of a flow is written without quotes", "remove the quotes", span
        )
    if index == line + 1:
        return say.incomplete("this flow has no name", HELP_FOR_WORDS["flow"], span)
    if kind == "EQUAL":
        before = lexed.texts[index - 1]
        return say.argument_without_dollar(before, span_of(lexed, index - 1))
    return say.flow_name(
        f"the name of a flow cannot hold {say.quote(text)}",
        "use letters, digits and `_`, in words separated by spaces",
        span,
    )


def in_import(lexed: Lexed, index: int) -> Diagnostic:
    """An import line."""
    kind, text, span = lexed.types[index], lexed.texts[index], span_of(lexed, index)
    if at_line_end(lexed, index):
        return unfinished(lexed, index)
    if kind == "COMMA":
        return say.bad_import(
            "one import names one module", "write a line `import ...` for each module", span
        )
    if kind == "AS" or text == "as":
        return say.bad_import(
            "an imported module has no other name", "remove what follows `as`", span
        )
    return say.bad_import(
        f"{say.quote(text)} does not belong to an import",
        'write `import name`, `import name.part` or `import "path/file.co"`',
        span,
    )


def in_assignment(lexed: Lexed, line: int, index: int) -> Diagnostic | None:
    """A line that begins with a variable but is no assignment."""
    kind, text, span = lexed.types[index], lexed.texts[index], span_of(lexed, index)
    if index != line + 1:
        if kind == "ELLIPSIS" and index == line + 2:
            return say.incomplete(
                "the instruction is missing behind `...`",
                'write it in quotes: `..."instruction"`',
                span,
            )
        return None
    target = lexed.texts[line]
    end = line_end(lexed, line)
    last = max(end - 1, line)
    while last > line and lexed.types[last] in (COMMENT, NEWLINE):
        last -= 1
    whole = span_of(lexed, line, last)
    offset = lexed.starts[-1] - len(lexed.text)
    if kind in ("STAR", "SLASH", "FLOOR", "PERCENT", "POWER", "AMPERSAND", "VBAR") and (
        lexed.types[index + 1] == "EQUAL"
    ):
        return say.unknown_assignment(text + "=", target, span_of(lexed, index, index + 1))
    if kind == "COLON":
        return say.unexpected(text, span, f"write `{target} = ...`, without a type")
    if kind in ("DOT", "LSQB"):
        equal = top_level_equal(lexed, index, end)
        if equal is not None:
            left = span_of(lexed, line, equal - 1)
            written = lexed.text[left.start - offset : left.end - offset]
            help = f"change it with a method: `({target}.update({{...}}))`"
            return say.assignment_target(written, help, left)
    if kind == "COMMA":
        return say.assignment_target(
            lexed.text[whole.start - offset : whole.end - offset].split("=")[0].rstrip(),
            "assign one variable a line",
            whole,
        )
    if kind == "AS":
        help = f"write the operation in front: `match {target} as ...`"
        return say.unexpected(text, span, help)
    if character(lexed, index) is not None:
        return None
    return say.expression_statement(lexed.text[whole.start - offset : whole.end - offset], whole)


def top_level_equal(lexed: Lexed, index: int, end: int) -> int | None:
    """The first ``=`` outside of brackets."""
    depth = 0
    for at in range(index, end):
        kind = lexed.types[at]
        depth += (kind in PARTNERS) - (kind in PARTNERS.values())
        if depth == 0 and kind in ("EQUAL", "AUGMENT"):
            return at
    return None
