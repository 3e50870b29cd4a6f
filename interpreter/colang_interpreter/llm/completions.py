"""How completions of the Colang 1.0 tasks are read (settings, section 7). Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

NOTHING_TO_SAY: Final = "I'm not sure what to say."
UNKNOWN_INTENT: Final = "unknown message"
GENERAL_RESPONSE: Final = "general response"

_QUOTED = re.compile(r"\"([^\"]*)\"\Z|'([^']*)'\Z")


def first_line(text: str) -> str:
    """The first line that is not blank, stripped; empty if there is none."""
    for line in text.split("\n"):
        if line.strip():
            return line.strip()
    return ""


def intent(completion: str) -> str:
    r"""The user's intent.

    >>> intent("\n  user ask price\nbot tell price"), intent(" ")
    ('ask price', 'unknown message')
    """
    return first_line(completion).removeprefix("user ").strip() or UNKNOWN_INTENT


def next_step(completion: str) -> str:
    """The intent of the bot's next message.

    >>> next_step('bot tell stock "Some", or so'), next_step("execute look_up")
    ('tell stock', 'general response')
    """
    line = first_line(completion)
    if not line.startswith("bot "):
        return GENERAL_RESPONSE
    name = line.removeprefix("bot ").partition('"')[0].partition(",")[0].strip()
    return name or GENERAL_RESPONSE


def message(completion: str) -> str:
    r"""The text of a bot message.

    >>> message('  "Line one.\n  Line two."\nuser "more"'), message("  ")
    ('Line one.\nLine two.', "I'm not sure what to say.")
    """
    text = strip_quotes(multiline_response(completion)).strip().replace("\\n", "\n")
    return text or NOTHING_TO_SAY


def multiline_response(completion: str) -> str:
    """Its lines, stripped and without blank ones, up to the first that ends with a double quote."""
    lines: list[str] = []
    for line in completion.split("\nuser")[0].split("\n"):
        line = line.strip()
        if not line:
            continue
        lines.append(line)
        if line.endswith('"') and (len(line) > 1 or len(lines) > 1):
            break
    return "\n".join(lines)


def strip_quotes(text: str) -> str:
    """A text without the double quotes around it; a missing closing quote is no matter."""
    if text.startswith('"'):
        return text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
    return text


def direct_answer(completion: str) -> str:
    """The answer of the task `general`.

    >>> direct_answer('"Hello there."  ')
    'Hello there.'
    """
    text = completion.strip()
    return text[1:-1] if text.startswith('"') else text


def generated_value(completion: str) -> str:
    r"""The value of ``$v = ...``, always a text.

    >>> generated_value('"Bob";\nbot hello'), generated_value("42")
    ('Bob', '42')
    """
    line = completion.strip().split("\n", 1)[0].strip().removesuffix(";").strip()
    found = _QUOTED.match(line)
    if found is None:
        return line
    return found[1] if found[1] is not None else found[2]


@dataclass(frozen=True, slots=True)
class SingleCall:
    """The three parts of a completion in single call mode."""

    intent: str
    bot_intent: str
    message: str


def single_call(completion: str) -> SingleCall:
    r"""Intent, next step and message of one completion; missing parts are filled in.

    >>> single_call('  ask weather\nbot tell weather\n  "Sunny."')
    SingleCall(intent='ask weather', bot_intent='tell weather', message='Sunny.')
    >>> single_call("").bot_intent
    'general response'
    """
    lines = completion.split("\n")
    steps: list[str] = []
    rest = ""
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        steps.append(stripped)
        if len(steps) == 2:
            rest = "\n".join(lines[number + 1 :])
            break
    return SingleCall(
        intent=intent(steps[0]) if steps else UNKNOWN_INTENT,
        bot_intent=next_step(steps[1]) if len(steps) > 1 else GENERAL_RESPONSE,
        message=message(rest),
    )
