"""The words of Colang 1.0 (section 3.2), and which of them a misspelt word may have meant."""

from __future__ import annotations

from functools import lru_cache

KINDS = frozenset(("user", "bot", "flow", "subflow", "action"))

# Meta entries of the modifiers of a flow (section 5.14), in the order the reference lists them.
MODIFIERS: dict[str, tuple[str, object]] = {
    "parallel": ("allow_multiple", True),
    "recursive": ("allow_multiple", True),
    "extension": ("is_extension", True),
    "continuous": ("interruptable", False),
    "non-interruptable": ("interruptable", False),
    "noninterruptable": ("interruptable", False),
    "interruption": ("is_interruption_flow", True),
    "repair": ("is_interruption_flow", True),
    "sample": ("is_sample", True),
    "test": ("is_test", True),
    "response": ("is_response", True),
}

PARAM_WORDS = frozenset(("param", "parameter", "entity", "property", "attribute", "attr", "prop"))

NOT_IMPLEMENTED = frozenset(
    (
        "use",
        "flow",
        "allow",
        "accept",
        "disallow",
        "deny",
        "reject",
        "context",
        "log",
        "for",
        "foreach",
        "expect",
    )
)

STATEMENT_WORDS = frozenset(
    (
        "user",
        "bot",
        "event",
        "do",
        "execute",
        "exec",
        "run",
        "set",
        "when",
        "if",
        "else",
        "while",
        "any",
        "infer",
        "new",
        "create",
        "pass",
        "continue",
        "break",
        "stop",
        "abort",
        "return",
        "done",
        "goto",
        "go",
        "label",
        "checkpoint",
        "meta",
        "priority",
        "check",
    )
)

# What an author who knows the other dialect, or another language, wants to say.
HINTS: dict[str, str] = {
    "elif": "write `else if`",
    "elseif": "write `else if`",
    "elsif": "write `else if`",
    "otherwise": "write `else`",
    "orwhen": "write `else when`",
    "or": "write `else when`, or join alternatives on one line: `user a or user b`",
    "unless": "write `if not ...`",
    "match": "that is Colang 2.x; in 1.0 write `event NAME`",
    "send": "that is Colang 2.x; in 1.0 write `create event NAME`",
    "await": "that is Colang 2.x; in 1.0 write `do FLOW` or `execute ACTION`",
    "start": "that is Colang 2.x; in 1.0 write `do FLOW` or `execute ACTION`",
    "activate": "that is Colang 2.x; in 1.0 a flow is always active",
    "deactivate": "that is Colang 2.x; in 1.0 a flow is always active",
    "global": "that is Colang 2.x; in 1.0 every variable is global",
    "print": "that is Colang 2.x; 1.0 has no such statement",
    "import": "imports stand at the left margin, outside of flows",
    "include": "imports stand at the left margin, outside of flows",
    "call": "write `do FLOW` or `execute ACTION`",
    "say": 'write `bot NAME "text"`',
    "let": "write `$name = value`",
    "end": "blocks end with their indentation",
    "exit": "write `stop`",
    "pass:": "write `pass`",
}

# Words a misspelling is corrected to, and the spelling the correction uses.
_CORRECTABLE = tuple(
    sorted((STATEMENT_WORDS | {"define"}) - {"go", "do", "if", "new", "any", "set"})
)


@lru_cache(maxsize=4096)
def meant(word: str) -> str | None:
    """The statement word that a misspelt one most likely stands for.

    Example:
        >>> meant("excute"), meant("usr"), meant("shout")
        ('execute', 'user', None)
    """
    low = word.lower()
    if low in STATEMENT_WORDS:
        return low
    if not 3 <= len(word) <= 14:
        return None
    for known in _CORRECTABLE:
        if is_typo(low, known):
            return known
    return None


def is_typo(word: str, known: str) -> bool:
    """Whether `word` is `known` but for one letter too many, too few, wrong, or two swapped, or for case.

    Example:
        >>> [is_typo(w, "define") for w in ("defin", "deifne", "Define", "definee", "define", "refined")]
        [True, True, True, True, False, False]
    """
    if word == known:
        return False
    low = word.lower()
    if low == known:
        return True
    long, short = (low, known) if len(low) >= len(known) else (known, low)
    if len(long) - len(short) > 1 or len(long) > 20:
        return False
    at = 0
    while at < len(short) and short[at] == long[at]:
        at += 1
    if len(long) > len(short):
        return short[at:] == long[at + 1 :]
    if short[at + 1 :] == long[at + 1 :]:
        return True
    swapped = short[:at] + short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return swapped == long
