"""CO100 to CO149: the syntax of Colang 2.x. One factory function for each code, which words it.

(CO150 to CO199: `syntax_v1`.)
"""

from __future__ import annotations

from colang.diagnostics.model import Diagnostic, Edit, Fix, Label
from colang.source import Span

SHOWN = 40  # characters of the author's text that a message quotes


def quote(text: str) -> str:
    r"""A piece of the author's text in backticks, shortened, on one line.

    >>> quote("a\nb")
    '`a b`'
    """
    plain = "".join(c if c.isprintable() else " " for c in text)
    return f"`{plain if len(plain) <= SHOWN else plain[: SHOWN - 3] + '...'}`"


def _delete(title: str, span: Span) -> Fix:
    return Fix(title=title, edits=(Edit(span, ""),), safe=True)


def _replace(title: str, span: Span, text: str, *, safe: bool = True) -> Fix:
    return Fix(title=title, edits=(Edit(span, text),), safe=safe)


def unexpected(text: str, span: Span, help: str) -> Diagnostic:
    """CO100: a piece of text that no rule of the language puts here."""
    return Diagnostic(
        code="CO100", message=f"{quote(text)} does not belong here", span=span, help=help
    )


def line_goes_on(text: str, span: Span) -> Diagnostic:
    """CO100: a complete statement, and more behind it."""
    return Diagnostic(
        code="CO100",
        message=f"the statement is complete before {quote(text)}",
        span=span,
        help="put what follows on a line of its own, or remove it",
    )


def header_colon(span: Span) -> Diagnostic:
    """CO101: ``flow main:``."""
    return Diagnostic(
        code="CO101",
        message="a flow header takes no colon",
        span=span,
        help="remove the colon",
        fix=_delete("remove the colon", span),
    )


def missing_body(header: str, span: Span) -> Diagnostic:
    """CO102: nothing is indented below a header."""
    what = f"the flow {quote(header)}" if header.startswith("flow ") else quote(header)
    return Diagnostic(
        code="CO102",
        message=f"{what} has no body",
        span=span,
        help="indent at least one statement below it; `pass` does nothing",
    )


def unexpected_indent(span: Span) -> Diagnostic:
    """CO103: a line is indented deeper, but no block begins."""
    return Diagnostic(
        code="CO103",
        message="this line is indented deeper than the one before, which opens no block",
        span=span,
        help="align it with the line before",
    )


def uneven_dedent(columns: list[int], span: Span) -> Diagnostic:
    """CO104: a dedent to a column that no block has."""
    known = " or ".join(str(c) for c in columns)
    return Diagnostic(
        code="CO104",
        message="this line is aligned with no line above it",
        span=span,
        help=f"indent it by {known} columns, like the block it belongs to",
    )


def branch_without_head(word: str, head: str, span: Span) -> Diagnostic:
    """CO105: ``else`` without ``if``, ``or when`` without ``when``."""
    return Diagnostic(
        code="CO105",
        message=f"`{word}` follows no `{head}` block",
        span=span,
        help=f"align it with its `{head}`; only the indented block of the `{head}` may stand between",
    )


def continues_nothing(word: str, span: Span) -> Diagnostic:
    """CO105: a line that starts with `and` or `or`, with no line before it."""
    return Diagnostic(
        code="CO105",
        message=f"`{word}` continues the line before, but there is none",
        span=span,
        help=f"remove `{word}`, or put the first part of the line before it",
    )


def unclosed_string(quotes: str, span: Span) -> Diagnostic:
    """CO106: a string without its closing quotes."""
    if len(quotes) == 3:
        return Diagnostic(
            code="CO106",
            message=f"the text that begins here is never closed with {quotes}",
            span=span,
            help=f"write {quotes} behind its last line",
        )
    return Diagnostic(
        code="CO106",
        message=f"the string that begins here is not closed with {quotes} on its line",
        span=span,
        help=f"write {quotes} at its end; a text over several lines stands between {quotes * 3}",
    )


def unclosed_bracket(bracket: str, span: Span) -> Diagnostic:
    """CO107: an opening bracket without its partner."""
    partner = {"(": ")", "[": "]", "{": "}"}[bracket]
    return Diagnostic(
        code="CO107",
        message=f"`{bracket}` is never closed",
        span=span,
        help=f"write `{partner}` where it ends",
    )


def wrong_bracket(opening: str, closing: str, opened: Span, span: Span) -> Diagnostic:
    """CO108: a bracket closed by one of another kind."""
    partner = {"(": ")", "[": "]", "{": "}"}[opening]
    return Diagnostic(
        code="CO108",
        message=f"`{opening}` is closed by `{closing}`",
        span=span,
        labels=(Label(opened, "opened here"),),
        help=f"write `{partner}` instead",
        fix=_replace(f"write `{partner}`", span, partner, safe=False),
    )


def unopened_bracket(closing: str, span: Span) -> Diagnostic:
    """CO108: a closing bracket that nothing opens."""
    return Diagnostic(
        code="CO108",
        message=f"`{closing}` closes nothing",
        span=span,
        help="remove it, or write the bracket that opens it",
    )


def parameter_comma(span: Span) -> Diagnostic:
    """CO109: a comma between simple parameters or arguments."""
    return Diagnostic(
        code="CO109",
        message="parameters and arguments without parentheses take no commas",
        span=span,
        help="separate them by a blank, or put all of them in parentheses",
        fix=_replace("remove the comma", span, ""),
    )


def empty_parameters(span: Span) -> Diagnostic:
    """CO110: ``flow main()``."""
    return Diagnostic(
        code="CO110",
        message="a flow without parameters takes no parentheses",
        span=span,
        help="remove the parentheses",
        fix=_delete("remove the parentheses", span),
    )


def bad_variable(following: str, span: Span) -> Diagnostic:
    """CO111: a dollar sign without a name."""
    return Diagnostic(
        code="CO111",
        message="a dollar sign without a variable name",
        span=span,
        help=(
            f"remove the blank between `$` and {quote(following)}"
            if following
            else "a variable name begins with a letter or `_` directly behind the `$`, like `$count`"
        ),
    )


def missing_dollar(name: str, what: str, span: Span) -> Diagnostic:
    """CO111: a variable without its dollar sign, where only a variable can stand."""
    return Diagnostic(
        code="CO111",
        message=f"{quote(name)} has no dollar sign",
        span=span,
        help=f"{what} is written `${name}`",
        fix=_replace("write the `$`", Span(span.start, span.start), "$"),
    )


def semicolon(span: Span, fix: Fix | None) -> Diagnostic:
    """CO112: a semicolon."""
    return Diagnostic(
        code="CO112",
        message="statements do not end with a semicolon",
        span=span,
        help="write each statement on a line of its own, and no semicolon",
        fix=fix,
    )


def backslash(span: Span) -> Diagnostic:
    """CO113: a backslash at the end of a line."""
    return Diagnostic(
        code="CO113",
        message="a backslash does not continue a line",
        span=span,
        help="begin the next line with `and` or `or`, or put the parts in brackets",
        fix=_delete("remove the backslash", span),
    )


def trailing_operator(word: str, span: Span, following: Span | None) -> Diagnostic:
    """CO114: a line that ends in ``and`` or ``or``; `following` is where the next line begins."""
    fix = None
    if following is not None:
        edits = (Edit(span, ""), Edit(Span(following.start, following.start), f"{word} "))
        fix = Fix(title=f"begin the next line with `{word}`", edits=edits, safe=True)
    return Diagnostic(
        code="CO114",
        message=f"a line cannot end with `{word}`",
        span=span,
        help=f"move `{word}` to the beginning of the next line",
        fix=fix,
    )


def one_line_block(head: str, span: Span) -> Diagnostic:
    """CO115: ``if $x: pass``."""
    return Diagnostic(
        code="CO115",
        message=f"the block of `{head}` stands on the same line",
        span=span,
        help="write it on the next line, indented",
    )


def equal_in_condition(span: Span) -> Diagnostic:
    """CO116: ``=`` where two values are compared."""
    return Diagnostic(
        code="CO116",
        message="`=` assigns; a comparison is written `==`",
        span=span,
        help="write `==`",
        fix=_replace("write `==`", span, "=="),
    )


def older_syntax(text: str, help: str, span: Span) -> Diagnostic:
    """CO117: a construct of Colang 1.0."""
    return Diagnostic(code="CO117", message=f"{quote(text)} is Colang 1.0", span=span, help=help)


def positional_after_named(span: Span) -> Diagnostic:
    """CO118: ``f(a=1, 2)``."""
    return Diagnostic(
        code="CO118",
        message="an argument without a name follows one with a name",
        span=span,
        help="move it in front of the named ones, or give it a name",
    )


def decorator_not_literal(span: Span) -> Diagnostic:
    """CO119: a decorator argument that has to be computed."""
    return Diagnostic(
        code="CO119",
        message="the argument of a decorator has to be computed",
        span=span,
        help="write a plain value: a number, a string, True, False, None, or a list or dictionary of these",
    )


def two_decorators(span: Span) -> Diagnostic:
    """CO120: ``@active @override``."""
    return Diagnostic(
        code="CO120",
        message="two decorators on one line",
        span=span,
        help="write each decorator on a line of its own",
    )


def decorator_without_flow(span: Span) -> Diagnostic:
    """CO121: a decorator that no flow follows."""
    return Diagnostic(
        code="CO121",
        message="no flow follows this decorator",
        span=span,
        help="write the flow it belongs to on the next line, or remove it",
    )


def bad_decorator(text: str, span: Span) -> Diagnostic:
    """CO121: something else than ``@name`` or ``@name(...)``."""
    return Diagnostic(
        code="CO121",
        message=f"a decorator ends before {quote(text)}",
        span=span,
        help="write `@name` or `@name(key=value)`, and nothing else on the line",
    )


def bad_number(text: str, help: str, span: Span, fix: str | None = None) -> Diagnostic:
    """CO122: digits that are no number."""
    return Diagnostic(
        code="CO122",
        message=f"{quote(text)} is not a number",
        span=span,
        help=help,
        fix=_replace(f"write `{fix}`", span, fix, safe=False) if fix else None,
    )


def bad_import(message: str, help: str, span: Span) -> Diagnostic:
    """CO123: forms of imports that do not exist."""
    return Diagnostic(code="CO123", message=message, span=span, help=help)


def assignment_target(target: str, help: str, span: Span) -> Diagnostic:
    """CO124: an assignment to something else than a plain variable."""
    return Diagnostic(
        code="CO124",
        message=f"{quote(target)} cannot be assigned to: only a plain variable can",
        span=span,
        help=help,
    )


def unknown_assignment(op: str, target: str, span: Span) -> Diagnostic:
    """CO124: ``*=`` and the like."""
    return Diagnostic(
        code="CO124",
        message=f"there is no `{op}`, only `=`, `+=` and `-=`",
        span=span,
        help=f"write `{target} = {target} {op.rstrip('=')} ...`",
    )


def group_reference(span: Span) -> Diagnostic:
    """CO125: ``(A() or B()) as $e``."""
    return Diagnostic(
        code="CO125",
        message="a group in parentheses cannot be captured with `as`",
        span=span,
        help="put `as $name` behind a single event, action or flow inside the group",
    )


def expression_statement(text: str, span: Span) -> Diagnostic:
    """CO126: an expression as a statement."""
    edits = (Edit(Span(span.start, span.start), "("), Edit(Span(span.end, span.end), ")"))
    return Diagnostic(
        code="CO126",
        message=f"{quote(text)} is an expression, not a statement",
        span=span,
        help="put it in parentheses to compute it, or assign it to a variable",
        fix=Fix(title="put it in parentheses", edits=edits, safe=True),
    )


def text_alone(span: Span) -> Diagnostic:
    """CO126: a string on a line of its own."""
    return Diagnostic(
        code="CO126",
        message="a text alone on a line does nothing",
        span=span,
        help='say it with `bot say "..."`; a description of the flow stands between triple quotes',
    )


def misspelt_flow(word: str, span: Span) -> Diagnostic:
    """CO127: a word that was meant to be ``flow``."""
    return Diagnostic(
        code="CO127",
        message=f"`{word}` defines nothing here",
        span=span,
        help="a flow definition begins with `flow`",
        fix=_replace("write `flow`", span, "flow", safe=False),
    )


def nested_flow(name: str, span: Span) -> Diagnostic:
    """CO128: a flow in the body of another (Q41)."""
    return Diagnostic(
        code="CO128",
        message=f"the flow {quote(name)} is defined inside another flow",
        span=span,
        help="move it to the left margin: only there flows are defined",
    )


def nested_import(span: Span) -> Diagnostic:
    """CO129: an import in the body of a flow (Q41)."""
    return Diagnostic(
        code="CO129",
        message="this import stands inside a flow",
        span=span,
        help="move it to the beginning of the file",
    )


def reserved_parameter(name: str, span: Span) -> Diagnostic:
    """CO130: a parameter the machine keeps for itself."""
    return Diagnostic(
        code="CO130",
        message=f"a flow cannot have a parameter `${name}`: the machine uses this name itself",
        span=span,
        help=f"choose another name, like `${name}_value`",
    )


def flow_name(message: str, help: str, span: Span) -> Diagnostic:
    """CO131: a name that no flow can have."""
    return Diagnostic(code="CO131", message=message, span=span, help=help)


def foreign_statement(word: str, help: str, span: Span) -> Diagnostic:
    """CO132: a statement of another language, mostly Python."""
    return Diagnostic(
        code="CO132", message=f"Colang has no `{word}` statement", span=span, help=help
    )


def foreign_operator(text: str, help: str, span: Span, fix: str | None = None) -> Diagnostic:
    """CO132: an operator of another language."""
    return Diagnostic(
        code="CO132",
        message=f"Colang has no {quote(text)}",
        span=span,
        help=help,
        fix=_replace(f"write `{fix}`", span, fix) if fix else None,
    )


def bare_word(name: str, span: Span) -> Diagnostic:
    """CO133: a word where a value is expected."""
    return Diagnostic(
        code="CO133",
        message=f"{quote(name)} is no value",
        span=span,
        help=f'a variable is written `${name}`, a text `"{name}"`',
    )


def string_prefix(prefix: str, span: Span) -> Diagnostic:
    """CO134: ``r"..."`` or ``f"..."``."""
    advice = (
        "remove it: every string replaces {...} by its value"
        if prefix.lower() == "f"
        else "remove it, and double the backslashes if there are any"
    )
    return Diagnostic(
        code="CO134",
        message=f"a string takes no prefix like {quote(prefix)}",
        span=span,
        help=advice,
        fix=_replace("remove the prefix", span, "", safe=prefix.lower() == "f"),
    )


def bad_escape(text: str, span: Span) -> Diagnostic:
    """CO135: a backslash sequence that is cut short."""
    digits = {"x": "two", "u": "four", "U": "eight"}.get(text[1:])
    needs = f"`{text}` needs {digits} hexadecimal digits" if digits else "`\\N{...}` needs a name"
    return Diagnostic(
        code="CO135",
        message=f"{needs} that stand for a character",
        span=span,
        help="complete it, or double the backslash if a backslash is meant",
    )


def not_an_expression(text: str, why: str, span: Span) -> Diagnostic:
    """CO136: braces in a string that hold no expression."""
    return Diagnostic(
        code="CO136",
        message=f"what stands between the braces is no expression: {why}",
        span=span,
        help=f"correct it, or write {quote('{{' + text.strip() + '}}')} for braces as text",
    )


def format_specification(span: Span) -> Diagnostic:
    """CO136: ``{x:>5}`` or ``{x!r}``."""
    return Diagnostic(
        code="CO136",
        message="a value in a string takes no format",
        span=span,
        help="leave the format out, and prepare the text before",
    )


def too_deep(span: Span, limit: int) -> Diagnostic:
    """CO137: nesting without end."""
    return Diagnostic(
        code="CO137",
        message=f"this is nested more than {limit} levels deep",
        span=span,
        help="compute parts of it before, and keep them in variables",
    )


def string_too_long(span: Span, limit: int) -> Diagnostic:
    """CO138: a string literal over the limit."""
    return Diagnostic(
        code="CO138",
        message=f"this string has more than {limit} characters",
        span=span,
        help="keep large texts outside of the program, and pass them in",
    )


def number_too_long(span: Span, limit: int) -> Diagnostic:
    """CO138: a number with too many digits."""
    return Diagnostic(
        code="CO138",
        message=f"this number has more than {limit} digits",
        span=span,
        help="write it with an exponent, like `1e30`",
    )


def misplaced_generation(span: Span) -> Diagnostic:
    """CO139: ``..."instruction"`` outside of an assignment."""
    return Diagnostic(
        code="CO139",
        message="a value is only generated as the whole right side of an assignment",
        span=span,
        help='assign it first: `$value = ..."instruction"`',
    )


def dollar_in_argument(name: str, span: Span) -> Diagnostic:
    """CO140: ``f($a=1)``."""
    return Diagnostic(
        code="CO140",
        message=f"in parentheses an argument is named without the dollar sign: `{name}=`",
        span=span,
        help="remove the `$`",
        fix=_replace("remove the `$`", Span(span.start, span.start + 1), ""),
    )


def argument_without_dollar(name: str, span: Span) -> Diagnostic:
    """CO140: ``f a=1``."""
    return Diagnostic(
        code="CO140",
        message=f"without parentheses an argument is named with a dollar sign: `${name}=`",
        span=span,
        help="write the `$`, or put the arguments in parentheses",
        fix=_replace("write the `$`", Span(span.start, span.start), "$"),
    )


def trailing_comma(span: Span) -> Diagnostic:
    """CO140: ``f(a,)``."""
    return Diagnostic(
        code="CO140",
        message="arguments do not end with a comma",
        span=span,
        help="remove the comma",
        fix=_delete("remove the comma", span),
    )


def mixed_arguments(span: Span) -> Diagnostic:
    """CO140: ``f (1) 2``."""
    return Diagnostic(
        code="CO140",
        message="the parentheses already hold all arguments of the call",
        span=span,
        help="put this one into the parentheses as well, separated by a comma",
    )


def comparison_in_argument(op: str, span: Span) -> Diagnostic:
    """CO140: ``f $x == 1``."""
    return Diagnostic(
        code="CO140",
        message=f"an argument without parentheses cannot hold `{op}`",
        span=span,
        help="put the arguments in parentheses, separated by commas",
    )


def incomplete(what: str, help: str, span: Span) -> Diagnostic:
    """CO141: a statement or an operator without its object."""
    return Diagnostic(code="CO141", message=what, span=span, help=help)


def bad_character(character: str, span: Span) -> Diagnostic:
    """CO142: a character that only strings and comments may hold."""
    names = {"\u00a0": "no-break space", "\f": "form feed", "\r": "carriage return", "\0": "NUL"}
    name = names.get(character)
    if name is None:
        name = quote(character) if character.isprintable() else f"U+{ord(character):04X}"
    quotes = {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'"}
    if character in quotes:
        plain = quotes[character]
        return Diagnostic(
            code="CO142",
            message=f"{name} is a typographic quote, which begins no string",
            span=span,
            help=f"write {plain} instead",
            fix=_replace(f"write {plain}", span, plain, safe=False),
        )
    if character.isspace():
        return Diagnostic(
            code="CO142",
            message=f"a {name} stands between the words",
            span=span,
            help="replace it by a space",
            fix=_replace("write a space", span, " "),
        )
    return Diagnostic(
        code="CO142",
        message=f"the character {name} has no meaning here",
        span=span,
        help="remove it, or put the text it belongs to in quotes",
    )


def two_values(span: Span) -> Diagnostic:
    """CO143: two values side by side."""
    return Diagnostic(
        code="CO143",
        message="two values stand side by side, with nothing that joins them",
        span=span,
        help="write an operator or a comma between them",
    )


def incomplete_conditional(span: Span) -> Diagnostic:
    """CO144: ``a if b`` without ``else``."""
    return Diagnostic(
        code="CO144",
        message="`if` inside a value has no `else`",
        span=span,
        help="write `value if condition else other value`",
    )


def bad_comprehension(span: Span) -> Diagnostic:
    """CO145: a comprehension without ``for name in values``."""
    return Diagnostic(
        code="CO145",
        message="this is no complete `for ... in ...`",
        span=span,
        help="write `for name in values`; the name has no dollar sign",
    )
