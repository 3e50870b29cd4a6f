"""Output parsers: what a completion says in words the runtime understands (settings, section 7). Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from colang_interpreter.dynamic import is_list

_NOT_WORDS = re.compile(r"\W+")
_THINKING = re.compile(r"\s*<think>(.*?)(?:</think>|\Z)", re.DOTALL)
_SHOWN = 200  # characters of an answer in an error


def user_intent(text: str) -> str:
    """``User intent: ask price`` is ``  ask price``.

    >>> user_intent("User intent: ask price"), user_intent("ask price")
    ('  ask price', 'ask price')
    """
    return _replaced(text.strip(), "User intent:", "  ")


def bot_intent(text: str) -> str:
    """``Bot intent: tell price`` is ``bot tell price``."""
    return _replaced(text.strip(), "Bot intent:", "bot ")


def bot_message(text: str) -> str:
    """``Bot message: "Ten."`` is ``  "Ten."``."""
    return _replaced(text.strip(), "Bot message:", "  ")


def _replaced(text: str, label: str, prefix: str) -> str:
    if text.startswith(label + " "):
        return prefix + text.removeprefix(label).strip()
    return text


_VERBOSE = {
    "user message:": "user ",
    "bot message:": "  ",
    "user intent:": "  ",
    "bot intent:": "bot ",
}


def verbose_v1(text: str) -> str:
    r"""Lines such as ``User intent: greet`` in the form of the history.

    >>> verbose_v1("User intent: greet\nBot intent: greet back")
    '  greet\nbot greet back'
    """
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.strip()
        for label, prefix in _VERBOSE.items():
            if line.startswith((label + " ", label.capitalize() + " ")):
                line = prefix + line[len(label) + 1 :]
                break
        lines.append(line)
    return "\n".join(lines)


def is_content_safe(text: str) -> list[Any]:
    """Whether a judge finds a text safe, then the policies it says are violated.

    Only its first two words count, and what says neither is unsafe.

    >>> is_content_safe("safe"), is_content_safe("unsafe S1 S2"), is_content_safe("Yes, this is bad")
    ([True], [False, 'S1', 'S2'], [False])
    """
    words = _NOT_WORDS.sub(" ", text).split()
    first = [word.lower() for word in words[:2]]
    if "safe" in first:
        return [True]
    if "unsafe" in first:
        return [False, *words[first.index("unsafe") + 1 :]]
    if "yes" in first:
        return [False]
    return [True] if "no" in first else [False]


def nemoguard_parse_prompt_safety(text: str) -> list[Any]:
    """A judge's JSON about what the user said.

    Raises:
        ValueError: It is not that JSON.

    Example:
        >>> nemoguard_parse_prompt_safety('{"User Safety": "unsafe", "Safety Categories": "Violence, Hate"}')
        [False, 'Violence', 'Hate']
    """
    return _json_safety(text, "User Safety")


def nemoguard_parse_response_safety(text: str) -> list[Any]:
    """A judge's JSON about what the bot said; raises like `nemoguard_parse_prompt_safety`."""
    return _json_safety(text, "Response Safety")


def _json_safety(text: str, key: str) -> list[Any]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or key not in answer:
        raise ValueError(f"expected JSON with `{key}`, and the model answered: {text[:_SHOWN]!r}")
    known = cast("dict[str, Any]", answer)
    if str(known[key]).strip().lower() == "safe":
        return [True]
    return [False, *_categories(known.get("Safety Categories") or "")]


def _categories(given: Any) -> list[str]:
    parts = given if is_list(given) else str(given).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def nemotron_content_safety_parse_prompt_safety(text: str) -> list[Any]:
    r"""A judge's lines about what the user said.

    Raises:
        ValueError: There is no such line.

    Example:
        >>> nemotron_content_safety_parse_prompt_safety("User Safety: unsafe\nSafety Categories: Hate")
        [False, 'Hate']
    """
    return _line_safety(text, "User Safety")


def nemotron_content_safety_parse_response_safety(text: str) -> list[Any]:
    """A judge's lines about what the bot said; raises likewise."""
    return _line_safety(text, "Response Safety")


def _line_safety(text: str, key: str) -> list[Any]:
    values = _labelled(text)
    if key.lower() not in values:
        raise ValueError(f"expected a line `{key}: ...`, and the model answered: {text[:_SHOWN]!r}")
    if values[key.lower()].lower() == "safe":
        return [True]
    return [False, *_categories(values.get("safety categories", ""))]


def nemotron_reasoning_parse_prompt_safety(text: str) -> list[Any]:
    r"""``Prompt harm: unharmful`` is safe, everything else is not.

    >>> nemotron_reasoning_parse_prompt_safety("<think>hm</think>\nPrompt harm: unharmful")
    [True]
    """
    return [_labelled(text).get("prompt harm", "").lower() == "unharmful"]


def nemotron_reasoning_parse_response_safety(text: str) -> list[Any]:
    """``Response harm: unharmful`` is safe, everything else is not."""
    return [_labelled(text).get("response harm", "").lower() == "unharmful"]


def _labelled(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in split_reasoning(text)[0].splitlines():
        label, colon, value = line.partition(":")
        if colon:
            values.setdefault(label.strip().lower(), value.strip())
    return values


def split_reasoning(text: str) -> tuple[str, str | None]:
    """A completion without the reasoning it begins with, and the reasoning.

    >>> split_reasoning("<think>easy</think>Ten."), split_reasoning("Ten.")
    (('Ten.', 'easy'), ('Ten.', None))
    """
    found = _THINKING.match(text)
    if found is None:
        return text, None
    return text[found.end() :].lstrip("\n"), found[1].strip()


PARSERS: Final[Mapping[str, Callable[[str], Any]]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            user_intent,
            bot_intent,
            bot_message,
            verbose_v1,
            is_content_safe,
            nemoguard_parse_prompt_safety,
            nemoguard_parse_response_safety,
            nemotron_content_safety_parse_prompt_safety,
            nemotron_content_safety_parse_response_safety,
            nemotron_reasoning_parse_prompt_safety,
            nemotron_reasoning_parse_response_safety,
        )
    }
)
"""The built-in parsers by the name prompts use."""
