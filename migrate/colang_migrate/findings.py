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
    meaning: str


#: Code -> how bad it is, what to do, and what it means; the guide to migration lists them.
KINDS: dict[str, Kind] = {
    "M101": Kind(
        "converted",
        "use the new name wherever the application names it",
        "A name is spelled otherwise in 2.x.",
    ),
    "M102": Kind(
        "converted", "rename it if you like; nothing calls it", "A flow without a name got one."
    ),
    "M103": Kind(
        "look",
        "check that the joined definition says what you want",
        "Something was defined more than once; the definitions are joined, or the first one is kept.",
    ),
    "M104": Kind(
        "look",
        "change the name there as well",
        "A name that is spelled otherwise stands in Python or settings, too.",
    ),
    "M105": Kind(
        "look",
        "try the samples of this intent",
        "1.0 took the word `something` in the name of an intent for anything.",
    ),
    "M130": Kind(
        "converted",
        "nothing, unless the application reads the entity",
        "An annotation or a variable in a sample is plain text now.",
    ),
    "M131": Kind("look", "write the samples out", "A sample refers to another intent."),
    "M132": Kind(
        "cannot",
        "compute the text in an action, or write the flow by hand",
        "A part of a template has no counterpart: a loop, a macro, a filter.",
    ),
    "M133": Kind(
        "look",
        "read the text once more",
        "1.0 said something else than the text reads, like 100 for $100.",
    ),
    "M134": Kind(
        "cannot",
        "send an event of your own to the application",
        "A rich message has no counterpart.",
    ),
    "M135": Kind(
        "look",
        "shorten the text if only its first line was meant",
        "1.0 said only the first line of a text.",
    ),
    "M136": Kind(
        "look",
        "give the variable a value first, or say what the bot says without one",
        "A message is the value of a variable that may have none; then 1.0 let the model write it.",
    ),
    "M201": Kind(
        "look",
        "check the order of these flows",
        "Several flows wait for the same; priorities keep their order.",
    ),
    "M202": Kind(
        "cannot",
        "restructure the flow with `while`, `if` or a flow of its own",
        "A `goto` has no counterpart.",
    ),
    "M203": Kind(
        "look",
        "call the flow from the one it extends",
        "A flow that starts with a message may compete with the flow it extends.",
    ),
    "M204": Kind(
        "look",
        "decide whether the flow still does what you want",
        "A modifier of a flow, or a key of `meta`, has no counterpart.",
    ),
    "M205": Kind(
        "converted", "nothing; 1.0 skipped the block, too", "A `define action` block is dropped."
    ),
    "M206": Kind(
        "look",
        "move the condition behind the first `user` or `match` line",
        "A condition at the start of a flow is evaluated once, not at every event.",
    ),
    "M207": Kind(
        "cannot",
        "write this part by hand; the old lines are kept as a comment",
        "A statement has no counterpart.",
    ),
    "M208": Kind(
        "converted",
        "say in the text what should be extracted",
        "A value that the model makes had no instruction.",
    ),
    "M209": Kind("look", "check which flow should win", "A priority has no meaning in 2.x."),
    "M210": Kind(
        "look", "try it: it had no effect before", "Something had no effect in 1.0 and has one now."
    ),
    "M211": Kind(
        "cannot",
        "rewrite the flow; its counterparts are in the modules `llm` and `guardrails`",
        "The flow uses events or actions inside of the 1.0 runtime.",
    ),
    "M212": Kind(
        "cannot",
        "use the flows of the modules `llm` and `guardrails` instead",
        "The flow replaces one of the 1.0 runtime.",
    ),
    "M213": Kind(
        "look",
        "add `llm continue interaction` if the model shall answer there",
        "Where no flow has a step of the bot 1.0 let the model go on; 2.x says nothing.",
    ),
    "M214": Kind(
        "look",
        "see to it that the application sends every value the flow reads, or name them in the `match`",
        "A value that an event lacks was None in 1.0; reading it ends the flow in 2.x.",
    ),
    "M301": Kind(
        "look",
        "remove the guard if the action may return None",
        "An action of a rail that fails ended the turn in 1.0; a guard does that now, or cannot.",
    ),
    "M302": Kind(
        "cannot",
        "pass the value in the context under a name of your own",
        "A variable that the 1.0 runtime sets or reads does not exist in 2.x.",
    ),
    "M303": Kind(
        "look",
        "end the waiting flows yourself if they must not go on",
        "`stop` made 1.0 forget all waiting flows; `abort` does not.",
    ),
    "M304": Kind(
        "look",
        "adapt the application that reads the exception",
        "The application gets an exception in another form.",
    ),
    "M305": Kind(
        "look",
        "try a message that must be blocked before you rely on the rail",
        "A ready-made rail does not check anything in nemoguardrails as it is shipped, or is not installed here.",
    ),
    "M306": Kind(
        "converted",
        "expect one more check for each predefined message",
        "Output rails check predefined messages as well.",
    ),
    "M401": Kind("cannot", "name the argument", "An argument of an action has no name."),
    "M402": Kind(
        "look", "check what the action expects", "1.0 passed an argument as text; 2.x evaluates it."
    ),
    "M403": Kind(
        "cannot",
        "register the action under the new name; `--actions` does it",
        "2.x does not find an action under its name.",
    ),
    "M404": Kind(
        "cannot",
        "register the action, or import the module that has it",
        "Nobody defines the action, or the flow of a rail.",
    ),
    "M405": Kind(
        "cannot",
        "return a value, and let the flow act on it",
        "An action returns events of the 1.0 runtime.",
    ),
    "M406": Kind(
        "look",
        "register the new name at the action server",
        "An action server has to know the new name.",
    ),
    "M501": Kind(
        "cannot",
        "pass the value to the rail in rails.co",
        "A setting of a rail may not be read any more: a policy, labels, a threshold.",
    ),
    "M502": Kind(
        "cannot",
        "call the rail where the text is made",
        "2.x has no such rails: of retrieval, of tools.",
    ),
    "M503": Kind(
        "look",
        "start the rails together if their time matters",
        "Rails that ran at the same time run one after the other.",
    ),
    "M504": Kind(
        "look", "check what the application streams", "Streaming of output rails has no effect."
    ),
    "M505": Kind(
        "converted", "nothing", "A single model call for a turn is an activation in the main flow."
    ),
    "M506": Kind(
        "look",
        "try the bot: one model call more for each turn, and no history",
        "`passthrough` works otherwise.",
    ),
    "M507": Kind(
        "look",
        "check how far the model goes by itself",
        "`enable_multi_step_generation` has no effect.",
    ),
    "M508": Kind(
        "look",
        "try the bot: two model calls for each turn, with other prompts",
        "A bot without intents asks the model otherwise.",
    ),
    "M509": Kind(
        "look",
        "rewrite the prompt for the variables of its new task",
        "A prompt belongs to another task, with other variables.",
    ),
    "M510": Kind("converted", "nothing", "The type of a model is the action that asks it."),
    "M511": Kind(
        "look",
        "write the line by hand",
        "A line of the sample conversation, or a comment, has no place.",
    ),
    "M512": Kind(
        "look", "see the migration guide, section applications", "The application may need changes."
    ),
    "M513": Kind("cannot", "keep one `flow main`", "There is more than one main flow."),
    "M701": Kind("cannot", "separate the two versions", "A file holds both versions."),
    "M702": Kind("converted", "nothing", "A file is not of the version to migrate from; it stays."),
    "M703": Kind(
        "cannot",
        "correct it in the original: `colang check` shows the place",
        "The original cannot be read.",
    ),
    "M704": Kind("converted", "nothing", "The name of a generated file was taken."),
    "M705": Kind("cannot", "save the file as UTF-8", "A file is no UTF-8 text."),
    "M801": Kind(
        "cannot",
        "write the flow yourself, or do without it",
        "A flow of the 2.0-alpha library is gone.",
    ),
    "M802": Kind(
        "look",
        "delete your copy and import the module if you do not need the difference",
        "A copy of library flows is kept.",
    ),
    "M901": Kind(
        "cannot",
        "report it with the file; nothing was written",
        "The result would not hold, so nothing was written.",
    ),
    "M902": Kind(
        "cannot",
        "compare the two traces: `colang migrate verify` shows them",
        "In a conversation the bots of before and after differ.",
    ),
    "M903": Kind(
        "look",
        "decide whether you mind; the guide to verification explains it",
        "In a conversation the bots differ in a way that is known and accepted.",
    ),
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
