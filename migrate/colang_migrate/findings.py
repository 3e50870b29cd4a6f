"""What a migration tells: one table of codes, and the value that carries a place, a reason and an advice.

Codes are those of the migration document, section 20; rewrites have codes of their own (M001 to M099).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["converted", "look", "cannot"]


class Kind(NamedTuple):
    """What is the same for all findings of a code."""

    status: Status
    advice: str


#: Code -> how bad it is, and one sentence of what to do.
KINDS: dict[str, Kind] = {
    "M101": Kind("converted", "use the new name wherever the application names it"),
    "M102": Kind("converted", "rename it if you like; nothing calls it"),
    "M103": Kind("look", "check that the joined definition says what you want"),
    "M104": Kind("look", "change the name there as well"),
    "M105": Kind("look", "try the samples of this intent"),
    "M130": Kind("converted", "nothing, unless the application reads the entity"),
    "M131": Kind("look", "write the samples out"),
    "M132": Kind("cannot", "compute the text in an action, or write the flow by hand"),
    "M133": Kind("look", "read the text once more"),
    "M134": Kind("cannot", "send an event of your own to the application"),
    "M135": Kind("look", "shorten the text if only its first line was meant"),
    "M201": Kind("look", "check the order of these flows"),
    "M202": Kind("cannot", "restructure the flow with `while`, `if` or a flow of its own"),
    "M203": Kind("look", "call the flow from the one it extends"),
    "M204": Kind("look", "decide whether the flow still does what you want"),
    "M205": Kind("converted", "nothing; 1.0 skipped the block, too"),
    "M206": Kind("look", "move the condition behind the first `user` or `match` line"),
    "M207": Kind("cannot", "write this part by hand; the old lines are kept as a comment"),
    "M208": Kind("converted", "say in the text what should be extracted"),
    "M209": Kind("look", "check which flow should win"),
    "M210": Kind("look", "try it: it had no effect before"),
    "M211": Kind(
        "cannot", "rewrite the flow; its counterparts are in the modules `llm` and `guardrails`"
    ),
    "M212": Kind("cannot", "use the flows of the modules `llm` and `guardrails` instead"),
    "M301": Kind("look", "remove the guard if the action may return None"),
    "M302": Kind("cannot", "pass the value in the context under a name of your own"),
    "M303": Kind("look", "end the waiting flows yourself if they must not go on"),
    "M304": Kind("look", "adapt the application that reads the exception"),
    "M305": Kind("look", "try a message that must be blocked before you rely on the rail"),
    "M306": Kind("converted", "expect one more check for each predefined message"),
    "M401": Kind("cannot", "name the argument"),
    "M402": Kind("look", "check what the action expects"),
    "M403": Kind("cannot", "register the action under the new name; `--actions` does it"),
    "M404": Kind("cannot", "register the action, or import the module that has it"),
    "M405": Kind("cannot", "return a value, and let the flow act on it"),
    "M406": Kind("look", "register the new name at the action server"),
    "M501": Kind("cannot", "pass the value to the rail in rails.co"),
    "M502": Kind("cannot", "call the rail where the text is made"),
    "M503": Kind("look", "start the rails together if their time matters"),
    "M504": Kind("look", "check what the application streams"),
    "M505": Kind("converted", "nothing"),
    "M506": Kind("look", "try the bot: one model call more for each turn, and no history"),
    "M507": Kind("look", "check how far the model goes by itself"),
    "M508": Kind("look", "try the bot: two model calls for each turn, with other prompts"),
    "M509": Kind("look", "rewrite the prompt for the variables of its new task"),
    "M510": Kind("converted", "nothing"),
    "M511": Kind("look", "write the line by hand"),
    "M512": Kind("look", "see the migration guide, section applications"),
    "M513": Kind("cannot", "keep one `flow main`"),
    "M701": Kind("cannot", "separate the two versions"),
    "M702": Kind("converted", "nothing"),
    "M703": Kind("cannot", "correct it in the original: `colang check` shows the place"),
    "M704": Kind("converted", "nothing"),
    "M705": Kind("cannot", "save the file as UTF-8"),
    "M801": Kind("cannot", "write the flow yourself, or do without it"),
    "M802": Kind(
        "look", "delete your copy and import the module if you do not need the difference"
    ),
    "M901": Kind("cannot", "report it with the file; nothing was written"),
}


#: Findings that keep everything from being written: nobody can accept them.
REFUSING = frozenset(("M701", "M703", "M705", "M901"))


class Finding(NamedTuple):
    """One entry of a report; `line` and `column` count from 1 in the original, 0 means the whole file."""

    rule: str
    message: str
    status: Status
    advice: str
    path: str = ""
    line: int = 0
    column: int = 0

    def at(self, path: str) -> Finding:
        """The same finding with the file it belongs to."""
        return self._replace(path=path)


def finding(code: str, message: str, path: str = "", line: int = 0, column: int = 0) -> Finding:
    """A finding of a code of the table.

    Example:
        >>> finding("M202", "`goto done` jumps into a branch", "a.co", 3, 5).status
        'cannot'
    """
    kind = KINDS[code]
    return Finding(
        rule=code,
        message=message,
        status=kind.status,
        advice=kind.advice,
        path=path,
        line=line,
        column=column,
    )


class TextResult(NamedTuple):
    """A migrated text and what there is to tell; `readable` is false if the original does not parse."""

    text: str
    findings: tuple[Finding, ...] = ()
    readable: bool = True
