"""The injection rail: texts that would be run as code, SQL, templates or scripts by whoever takes them over.

Found by patterns, with the names of the settings (`rails.config.injection_detection.injections`):

* ``code``: Python that imports, evaluates or starts processes, and shells that download and run,
* ``sqli``: stacked, commented-out and always-true SQL, and UNION SELECT,
* ``template``: expressions of Jinja and its like that reach for Python's insides,
* ``xss``: script tags, event handlers and ``javascript:`` in HTML or Markdown.

Rules of YARA (`yara_path`, `yara_rules`) are not supported: they are an error, so that the rail blocks.
"""

from __future__ import annotations

import re
from typing import Any, Final

from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.outcome import RailOutcome

MAX_TEXT: Final = 100_000  # characters
_ROUNDS = 20

RULES: Final[dict[str, tuple[re.Pattern[str], ...]]] = {
    "code": (
        re.compile(r"\b(?:eval|exec|compile|__import__)\s?\("),
        re.compile(r"\b(?:os\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?|remove|unlink)|subprocess\.\w+|shutil\.rmtree|pty\.spawn)\s?\("),
        re.compile(r"(?m)^[ \t]{0,40}(?:import|from)[ \t]{1,8}(?:os|sys|subprocess|socket|shutil|ctypes|pickle|marshal|pty)\b"),
        re.compile(r"\b(?:curl|wget)\b[^\n|]{1,300}\|\s{0,8}(?:sudo\s{1,8})?(?:ba|z|da)?sh\b"),
        re.compile(r"\brm\s{1,8}-(?:rf|fr)\b"),
    ),
    "sqli": (
        re.compile(r"(?i)\bunion\s{1,8}(?:all\s{1,8})?select\b"),
        re.compile(r"(?i)['\"]?\s{0,8}\bor\b\s{1,8}(['\"]?)(\w{1,40})\1\s{0,8}=\s{0,8}\1\2\b"),
        re.compile(r"(?i);\s{0,8}(?:drop|alter|truncate|delete|insert|update|create|exec(?:ute)?)\s{1,8}\w"),
        re.compile(r"(?i)['\"]\s{0,8}(?:--|#|/\*)"),
        re.compile(r"(?i)\b(?:sleep|benchmark|pg_sleep|waitfor\s{1,8}delay)\s?\(?\s?['\d]"),
    ),
    "template": (
        re.compile(r"\{\{[^{}\n]{0,300}(?:__\w{1,40}__|\bconfig\b|\bself\b|\brequest\b|\blipsum\b|\bcycler\b)[^{}\n]{0,300}\}\}"),
        re.compile(r"\{%[^%\n]{0,300}(?:import|include|__\w{1,40}__)[^%\n]{0,300}%\}"),
        re.compile(r"\$\{[^{}\n]{0,300}(?:Runtime|ProcessBuilder|getClass|java\.lang)[^{}\n]{0,300}\}"),
        re.compile(r"<%=?[^%\n]{0,300}(?:system|exec|eval|File)[^%\n]{0,300}%>"),
    ),
    "xss": (
        re.compile(r"(?i)<\s{0,4}script\b"),
        re.compile(r"(?i)<[a-z][^<>\n]{0,500}\bon[a-z]{3,20}\s{0,4}="),
        re.compile(r"(?i)(?:href|src|action|formaction)\s{0,4}=\s{0,4}['\"]?\s{0,4}(?:javascript|vbscript|data:text/html)"),
        re.compile(r"(?i)\]\(\s{0,4}(?:javascript|vbscript|data):"),
        re.compile(r"(?i)<\s{0,4}(?:iframe|object|embed)\b"),
    ),
}  # fmt: skip
"""What each name of the settings finds."""


class InjectionDetectionError(ValueError):
    """The rail cannot do what its settings ask for."""


def problem_of(settings: Any) -> str | None:
    """Why the settings ask for something that cannot be done; None if all is well."""
    names = list(getattr(settings, "injections", None) or ())
    if not names:
        return "`rails.config.injection_detection.injections` names nothing to look for"
    unknown = [name for name in names if name not in RULES]
    if unknown:
        return (
            f"no injection is called {', '.join(map(str, unknown))}; there are {', '.join(RULES)}"
        )
    if getattr(settings, "yara_path", None) or getattr(settings, "yara_rules", None):
        return "rules of YARA are not supported; remove `yara_path` and `yara_rules`"
    if getattr(settings, "action", "reject") == "sanitize":
        return "`action: sanitize` is not supported; use `reject` or `omit`"
    return None


def _without(text: str, names: list[str]) -> str | None:
    """The text without what the rules find, also in what is left; None if there is always more."""
    rules = [rule for name in names for rule in RULES[name]]
    for _ in range(_ROUNDS):
        for rule in rules:
            text = rule.sub("", text)
        if not any(rule.search(text) for rule in rules):
            return text
    return None


@action(name="injection_detection", is_system_action=True)
def injection_detection(text: Any, config: Any = None) -> RailOutcome:
    """Block a text that would inject code, or leave these parts out, as `action` in the settings says.

    Returns:
        A block, a transformation of `bot_message`, or an allowing outcome; `metadata` has the names of what was found
        under `detections`.

    Raises:
        InjectionDetectionError: The settings ask for something that cannot be done; a text that is too long.
    """
    rails = getattr(getattr(config, "rails", None), "config", None)
    settings: Any = getattr(rails, "injection_detection", None)
    problem = problem_of(settings)
    if problem is not None:
        raise InjectionDetectionError(problem)
    given = "" if text is None else str(text)
    if len(given) > MAX_TEXT:
        raise InjectionDetectionError(f"the text has more than {MAX_TEXT:,} characters")
    found = [
        name for name in settings.injections if any(rule.search(given) for rule in RULES[name])
    ]
    if not found:
        return RailOutcome.allow()
    reason = f"the text holds: {', '.join(found)}"
    metadata = {"detections": found}
    if settings.action == "omit":
        left = _without(given, found)
        if left is not None:
            return RailOutcome.transform([("bot_message", left)], reason, metadata)
    return RailOutcome.block(reason, metadata)
