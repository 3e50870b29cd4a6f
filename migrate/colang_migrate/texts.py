r"""Texts of 1.0 as string literals of 2.x (migration, section 6).

A 1.0 text is a template: ``$path``, a name between backticks and ``{{ expression }}`` are filled in, quotes inside
need no escape, a backslash is just a backslash except in ``\n``. A 2.x text is a string literal that evaluates
every ``{...}``.
"""

from __future__ import annotations

import re
from collections.abc import Container

from colang.records import Draft, fresh
from colang_migrate.templates import NotSimple, convert

_SPECIAL = re.compile(r"[$`\\{}\"\n\r\t]")
_FILLED = re.compile(r"[$`{]")
_ESCAPED = re.compile(r"\\n|[\\\"{}\n\t]")
_PLACE = {"\\n": "\\n", "\\": "\\\\", '"': '\\"', "{": "{{", "}": "}}", "\n": "\\n", "\t": "\\t"}
# A path begins with a letter, an underscore or a digit and ends in a word character or `]`.
_PIECE = re.compile(
    r"(?P<braced>\$\{(?P<inner>[^\W\d][\w.]*)\})"
    r"|\$(?P<path>\w(?:[^\s\"'!?\-,;</]*[\w\]])?)"
    r"|(?P<expression>\{\{(?P<code>.*?)\}\})"
    r"|(?P<tag>\{%-?\s*(?P<word>\w+)\s*(?P<rest>.*?)\s*-?%\})"
    r"|(?P<note>\{\#.*?\#\})",
    re.DOTALL,
)
# 1.0 reads a name between backticks as a variable.
_TICKED = re.compile(r"`(?=[^\W\d])(\w[\w.]*)`")
_ENTITY = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_SIMPLE_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*|\[(?:-?\d+|'[^'\\{}]*')\]|\[\$[^\W\d]\w*\])*")


class Converted(Draft):
    """The inside of a 2.x string, the variables it reads, and what there is to tell (code, message).

    `branches` is set if the text is one condition that cannot stand in a string: (condition, text) pairs,
    the condition of the last one perhaps empty.
    """

    text: str
    variables: list[str] = fresh(factory=list[str])
    notes: list[tuple[str, str]] = fresh(factory=list[tuple[str, str]])
    branches: list[tuple[str, str]] | None = None


def escape(text: str) -> str:
    r"""Plain characters as the inside of a 2.x string in double quotes.

    Example:
        >>> escape('Use {SAVE10}, "no thanks", C:\\temp')
        'Use {{SAVE10}}, \\"no thanks\\", C:\\\\temp'
    """
    return _ESCAPED.sub(lambda match: _PLACE[match.group()], text)


def sample(value: str) -> tuple[str, bool]:
    """A sample utterance as the inside of a 2.x string, and whether an annotation was taken out of it.

    Example:
        >>> sample("I am [Bob](name)")
        ('I am Bob', True)
    """
    if not ("[" in value or "$" in value or _SPECIAL.search(value)):
        return value, False
    plain = _ENTITY.sub(r"\1", value)
    return escape(plain), plain != value or re.search(r"\$[^\W\d]", value) is not None


def message(value: str, assigned: Container[str]) -> Converted:
    """A message as the inside of a 2.x string.

    Args:
        value: The text without its quotes.
        assigned: Variables that are set somewhere: they need no guard against None.

    Example:
        >>> message("Parcel $parcel.code, {{ n | upper }}!", {"parcel", "n"}).text
        'Parcel {$parcel.code}, {$n.upper()}!'
        >>> message("Note: $note", ()).text
        "Note: {$note if $note is not None else ''}"
    """
    if not _SPECIAL.search(value):
        return Converted(value)
    value = _TICKED.sub(r"$\1", value)
    if "$" not in value and "{" not in value:
        return Converted(escape(value))
    out = Converted("")
    pieces: list[str] = []
    at = 0
    stack: list[re.Match[str]] = []
    conditions: list[tuple[str, str]] = []  # of the one condition that is open: condition, text
    prefix: list[str] = []
    for match in _PIECE.finditer(value):
        if match.start() < at:
            continue
        pieces.append(escape(value[at : match.start()]))
        at = match.end()
        kind = match.lastgroup
        if match.group("note"):
            continue
        if match.group("tag"):
            word, rest = match.group("word"), match.group("rest")
            if word == "if" and not stack:
                stack.append(match)
                prefix, pieces = pieces, []
                conditions = [(_expression(rest, out), "")]
                if not conditions[0][0]:
                    return _unconverted(value, out)
            elif word in ("elif", "else") and stack and conditions[-1][0]:
                conditions[-1] = (conditions[-1][0], "".join(pieces))
                pieces = []
                condition = _expression(rest, out) if word == "elif" else ""
                if word == "elif" and not condition:
                    return _unconverted(value, out)
                conditions.append((condition, ""))
            elif word == "endif" and stack:
                stack.pop()
                conditions[-1] = (conditions[-1][0], "".join(pieces))
                pieces = prefix
                inline = _inline(conditions)
                if inline is not None:
                    pieces.append(inline)
                else:
                    return _branches(value[at:], "".join(pieces), conditions, out, assigned)
            else:
                out.notes.append(("M132", f"the template tag `{word}` has no counterpart"))
                return _unconverted(value, out)
            continue
        if match.group("expression"):
            made = _expression(match.group("code"), out, assigned)
            if not made:
                return _unconverted(value, out)
            pieces.append("{" + made + "}")
            continue
        if match.group("braced"):
            path = match.group("inner")
            out.notes.append(("M133", f"`{match.group()}` failed in 1.0; it is read as `${path}`"))
            pieces.append(_variable(path, out, assigned))
            continue
        path = match.group("path")
        if path[0].isdigit():
            out.notes.append(("M133", f"1.0 drops the sign of `${path}`; it is kept now"))
            pieces.append(f"${escape(path)}")
        elif not _SIMPLE_PATH.fullmatch(path):
            known = _SIMPLE_PATH.match(path) or _IDENTIFIER.match(path)
            if known is None:
                pieces.append(escape(match.group()))
                continue
            out.notes.append(("M133", f"1.0 cannot read `${path}`; taken for `${known.group()}`"))
            pieces.append(_variable(known.group(), out, assigned))
            at = match.start() + 1 + known.end()
        else:
            pieces.append(_variable(path, out, assigned))
        assert kind
    if stack:
        out.notes.append(("M132", "the template tag `if` is not closed"))
        return _unconverted(value, out)
    pieces.append(escape(value[at:]))
    out.text = "".join(pieces)
    if value[at:].startswith("[") and '"' in value[at : at + 2]:
        out.notes.append(("M133", f"1.0 does not read the index in `{value[at - 10 : at + 8]}`"))
    out.variables = list(dict.fromkeys(out.variables))
    return out


def variables(value: str) -> list[str]:
    """The variables that a message reads, in order."""
    return message(value, ()).variables if _FILLED.search(value) else []


def _variable(path: str, out: Converted, assigned: Container[str]) -> str:
    match = _IDENTIFIER.match(path)
    assert match
    name = match.group()
    if name == "config":
        return "{$system." + path + "}"
    out.variables.append(name)
    if path != name or name in assigned:
        return "{$" + path + "}"
    return "{$" + name + " if $" + name + " is not None else ''}"


def _expression(code: str, out: Converted, assigned: Container[str] | None = None) -> str:
    """The expression in 2.x, or an empty text; then a note says why."""
    try:
        made, names, simple = convert(code.strip("- "))
    except NotSimple as problem:
        out.notes.append(("M132", f"{problem} in a template has no counterpart"))
        return ""
    out.variables += [name for name in names if name != "config"]
    made = re.sub(r"\$config\b", "$system.config", made)
    if assigned is not None and simple and made == f"${names[0]}" and names[0] not in assigned:
        made = f"{made} if {made} is not None else ''"
    elif (  # a filter gives nothing for a variable without a value, where a method of None fails
        assigned is not None
        and len(names) == 1
        and names[0] not in assigned
        and re.match(rf"\${names[0]}\.\w+\(", made)
        and " if " not in made
    ):
        made = f"{made} if ${names[0]} is not None else ''"
    return made


def _inline(conditions: list[tuple[str, str]]) -> str | None:
    """The conditions as one expression in braces, if their texts are plain."""
    if any(char in text for _, text in conditions for char in "'\"{}\\"):
        return None
    if conditions[-1][0]:
        conditions = [*conditions, ("", "")]
    parts = [f"'{text}' if {condition} else " for condition, text in conditions[:-1]]
    if len(parts) > 1:
        return None
    return "{" + parts[0] + f"'{conditions[-1][1]}'" + "}"


def _branches(
    rest: str,
    before: str,
    conditions: list[tuple[str, str]],
    out: Converted,
    assigned: Container[str],
) -> Converted:
    """The whole text once for each branch."""
    tail = message(rest, assigned)
    if tail.branches is not None or "{%" in rest:
        out.notes.append(("M132", "several conditions in one text have no counterpart"))
        return _unconverted(rest, out)
    out.variables = list(dict.fromkeys([*out.variables, *tail.variables]))
    out.notes += tail.notes
    if conditions[-1][0]:
        conditions = [*conditions, ("", "")]
    out.branches = [(test, f"{before}{text}{tail.text}") for test, text in conditions]
    out.text = out.branches[-1][1]
    return out


def _unconverted(value: str, out: Converted) -> Converted:
    """The text as it stands, all braces plain."""
    out.text = escape(value)
    out.variables = []
    out.branches = None
    if not any(code == "M132" for code, _ in out.notes):
        out.notes.append(("M132", "the template has no counterpart"))
    return out
