"""How completions of the Colang 2.x tasks are read (language specification, section 9.4). Pure functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

UNCLEAR: Final = "user was unclear"
ISSUE_FLOW: Final = "bot inform LLM issue"
ISSUE_TEXT: Final = "Sorry, I could not work out how to go on. Could you say that in other words?"

_MAX_VALUE = 100_000  # characters of a generated value
_CONJUNCTION = re.compile(r" (and|or|as) (?=\S)")
_NUMBER = re.compile(r"\b(\d+)\b")
_LEADING_DIGITS = re.compile(r"\b\d+(?=\w)")
_NOT_A_NAME = re.compile(r"[^\w\s]+")
_RETURNED = re.compile(r"^(\s*)(await\s.*\S)\s*->\s*(\$\w+)\s*$")
_QUOTE = re.compile(r'(?<!\\)"')


class UnusableCompletion(ValueError):
    """A completion does not have the form its task asks for."""


def clean_name(text: str) -> str:
    """An intent as the name of a flow.

    >>> clean_name("user asked for a joke and more - 5 times!")
    'user asked for a joke_and_more _ _5_ times'
    """
    text = _CONJUNCTION.sub(r"_\1_", text).replace("-", "_")
    text = _NUMBER.sub(r"_\1_", text)
    text = _LEADING_DIGITS.sub("", text)
    return _NOT_A_NAME.sub("", text).strip()


def user_intent(completion: str) -> str:
    r"""The intent, by the name of its flow.

    >>> user_intent("\n user intent: user asked opening hours\nmore"), user_intent("answer: none")
    ('user asked opening hours', 'user was unclear')
    """
    line = next((line.strip() for line in completion.split("\n") if line.strip()), "")
    if ":" in line:
        if not line.startswith("user intent: "):
            return UNCLEAR
        line = line.removeprefix("user intent: ")
    return clean_name(line) or UNCLEAR


@dataclass(frozen=True, slots=True)
class BotStep:
    """What the bot does next: the name of its intent (None if there is none), and statements."""

    intent: str | None
    action: str


def bot_step(completion: str, *, first_line_counts: bool = False) -> BotStep:
    r"""The bot's intent and action in a completion.

    Args:
        completion: Its lines.
        first_line_counts: A first line ``bot ...`` without label is the intent.

    Raises:
        UnusableCompletion: There is no bot action.

    Example:
        >>> bot_step('bot intent: bot greet\nbot action: bot say "Hi"\n  and bot gesture "wave"')
        BotStep(intent='bot greet', action='bot say "Hi"\n  and bot gesture "wave"')
    """
    lines = completion.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    labelled = next(
        (line.strip()[12:] for line in lines if line.strip().startswith("bot intent: ")), None
    )
    if first_line_counts and first.startswith("bot ") and not _is_labelled(first):
        labelled = first
    intent = (clean_name(labelled) or None) if labelled is not None else None
    return BotStep(intent, _bot_action(lines))


def _is_labelled(line: str) -> bool:
    return line.startswith(("bot intent:", "bot action:"))


def _bot_action(lines: Sequence[str]) -> str:
    actions: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.strip().startswith("bot action: "):
            text = line.strip()[12:]
        elif actions and re.match(r"  +(and|or)\b", line):
            text = line.rstrip()
        elif actions:
            break
        else:
            continue
        while len(_QUOTE.findall(text)) % 2 and at < len(lines):  # a text over several lines
            text += "\\n" + lines[at].strip()
            at += 1
        actions.append(text)
    if not actions:
        raise UnusableCompletion("the model's answer has no line `bot action: ...`")
    return "\n".join(actions)


def value(completion: str, prompt: str = "") -> Any:
    r"""The Python literal in a completion.

    Raises:
        UnusableCompletion: The first line is none.

    Example:
        >>> value("'Bob';\nsome explanation"), value("$n = [1, 2]", "...\n$n =")
        ('Bob', [1, 2])
    """
    line = completion.strip().split("\n", 1)[0].strip().removesuffix(";").strip()
    asked = prompt.rstrip().rsplit("\n", 1)[-1].strip()
    if asked and line.startswith(asked):
        line = line[len(asked) :].strip()
    try:
        if len(line) > _MAX_VALUE:
            raise ValueError
        return ast.literal_eval(line)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise UnusableCompletion(
            f"the model was asked for a value, and this is no Python literal: {line[:200]!r}"
        ) from None


def without_fence(completion: str) -> list[str]:
    r"""The lines of a completion, without the marks of a code block around them.

    >>> without_fence("```colang\n  bot say \"Hi\"\n```\nThat was it.")
    ['  bot say "Hi"']
    """
    lines = [line.rstrip() for line in completion.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    if lines and lines[0].lstrip().startswith("```"):
        lines.pop(0)
        end = next((n for n, line in enumerate(lines) if line.lstrip().startswith("```")), None)
        lines = lines[:end]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def indented(lines: Sequence[str]) -> list[str]:
    """The lines, two blanks from the left, whatever their common margin was."""
    margins = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    margin = min(margins, default=0)
    return ["  " + line[margin:] if line.strip() else "" for line in lines]


def flow_text(name: str, body: Sequence[str] | str, decorators: str = "") -> str:
    r"""A flow of statements.

    >>> flow_text("bot greet", 'bot say "Hi"')
    'flow bot greet\n  bot say "Hi"\n'
    """
    lines = body.split("\n") if isinstance(body, str) else list(body)
    head = decorators.rstrip("\n") + "\n" if decorators.strip() else ""
    return f"{head}flow {name}\n" + "".join(f"{line}\n" for line in indented(lines))


def apology(name: str = ISSUE_FLOW) -> str:
    """A flow that says there was a problem."""
    return flow_text(name, f'bot say "{ISSUE_TEXT}"')


def flow_body(completion: str) -> list[str]:
    r"""The statements of a flow that was to be written below its header; empty if they are not indented.

    >>> flow_body('  bot say "Hi"\nThat was it.'), flow_body("Sure!")
    (['  bot say "Hi"'], [])
    """
    body: list[str] = []
    for line in without_fence(completion):
        if line.strip() and not line.startswith("  "):
            break
        body.append(line)
    while body and not body[-1].strip():
        body.pop()
    return body


def named_flow(completion: str, name: str) -> str:
    r"""The flow `name`: a completion that begins with ``flow`` is all of it, else it is its body.

    >>> named_flow('  bot say "Hi"', "bot greet")
    'flow bot greet\n  bot say "Hi"\n'
    """
    lines = without_fence(completion)
    if not lines:
        return apology(name)
    if re.match(r"flow\b|@", lines[0]):
        return "".join(f"{line}\n" for line in lines)
    return flow_text(name, lines)


def continuation(completion: str, wait: str = "user said something") -> list[str]:
    r"""The statements of a flow that was written from a description, up to where the model has to be asked again.

    Args:
        completion: Statements, one to a line.
        wait: The statement that waits for the user.

    Example:
        >>> continuation('  bot say "Name?"\n  user said "Kim"\n  bot say "Hi Kim"')
        ['  bot say "Name?"', '  user said something', '  ...']
    """
    lines = without_fence(completion)
    goes_on = any(line.strip() == "..." for line in lines)
    kept: list[str] = []
    for line in indented(lines):
        statement = line.strip()
        if statement.startswith("user "):
            kept += [f"  {wait}", "  ..."]
            break
        if statement == "...":
            kept.append("  ...")
            break
        returned = _RETURNED.match(line)
        kept.append(f"{returned[1]}{returned[3]} = {returned[2]}" if returned else line)
        if "await " in line:
            kept.append("  ...")
            break
        if statement.startswith("bot say") and goes_on:
            kept += [f"  {wait}", "  ..."]
            break
    return kept
