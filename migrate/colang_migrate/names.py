"""How names are spelled in Colang 2.x: flows, intents, messages and actions (migration, sections 4 and 10.2)."""

from __future__ import annotations

import re
from functools import lru_cache

from colang.syntax.words import GROUP_WORDS, KEYWORDS

#: A flow whose name starts with one of these is read as that statement, of 2.x or of 1.0.
_STATEMENTS = frozenset((*KEYWORDS, "define", "not"))
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*(?: [a-z_][a-z0-9_]*)*")
_INNER = re.compile(r"(?<=\w)[^\w\s]+(?=\w)")  # a mark between two word characters
_OTHER = re.compile(r"[^\w\s]+")
_RISKY = re.compile(r"\b(?:and|or|as)\b")


@lru_cache(maxsize=65536)
def respell(name: str) -> str:
    """A name of Colang 1.0 in words that a 2.x flow name may have. Idempotent; not yet unique.

    Example:
        >>> [respell(n) for n in ("ask about price and hours", "24/7 access", "ask: what's included?")]
        ['ask about price_and_hours', '_24_7 access', 'ask what_s included']
        >>> respell("name CEO or owner"), respell("log in as guest"), respell("self-service")
        ('name ceo_or_owner', 'log in_as_guest', 'self_service')
    """
    if _PLAIN.fullmatch(name) and not _RISKY.search(name):
        return name
    text = _INNER.sub("_", name.lower())
    words = _OTHER.sub(" ", text).split()
    joined: list[str] = []
    glue = False
    for index, word in enumerate(words):
        if not (word[0].isalpha() or word[0] == "_"):
            word = f"_{word}"
        if word in GROUP_WORDS:
            if joined and index + 1 < len(words):
                joined[-1] += f"_{word}_"
                glue = True
                continue
            word = f"_{word}"
        if glue:
            joined[-1] += word.removeprefix("_") if word[1:2].isdigit() else word
            glue = False
        else:
            joined.append(word)
    return " ".join(joined) or "_"


def flow_name(name: str) -> str:
    """Like `respell`, for the name of a flow, which must not begin with a statement's keyword.

    Example:
        >>> flow_name("log in"), flow_name("send owner info"), flow_name("main")
        ('_log in', '_send owner info', '_main')
    """
    spelled = respell(name)
    first = spelled.partition(" ")[0]
    if first in _STATEMENTS or spelled in ("main", "input rails", "output rails"):
        return f"_{spelled}"
    return spelled


_CAMEL = re.compile(r"[^\W_]+", re.UNICODE)


@lru_cache(maxsize=4096)
def action_name(name: str) -> str:
    """The 2.x name that is made of a registered name of Python by rule.

    Example:
        >>> [action_name(n) for n in ("find_parcel", "look up part", "getPrice", "ClavataCheckAction")]
        ['FindParcelAction', 'LookUpPartAction', 'GetPriceAction', 'ClavataCheckAction']
    """
    if name.endswith("Action") and name[:1].isupper() and name.isidentifier():
        return name
    words = "".join(word[:1].upper() + word[1:] for word in _CAMEL.findall(name))
    if not words or words[0].isdigit():
        words = f"X{words}"
    return words if words.endswith("Action") else f"{words}Action"


_WORD = re.compile(r"(.)([A-Z][a-z]+)")
_HUMP = re.compile(r"([a-z0-9])([A-Z])")


def looked_up_as(action: str) -> str:
    """The Python name under which an action of 2.x is looked up if nothing is registered as `action` itself.

    Example:
        >>> looked_up_as("FindParcelAction"), looked_up_as("ActionLogAction"), looked_up_as("GetPriceAction")
        ('find_parcel', 'log', 'get_price')
    """
    bare = action.replace("Action", "") if action.endswith("Action") else action
    return _HUMP.sub(r"\1_\2", _WORD.sub(r"\1_\2", bare)).lower()


def is_reachable(name: str) -> bool:
    """Whether `action_name` finds the action again without a change of its registration.

    Example:
        >>> [is_reachable(n) for n in ("find_parcel", "perform_action", "is_2fa_ok", "StockCheckAction")]
        [True, False, False, True]
    """
    action = action_name(name)
    return action == name or looked_up_as(action) == name
