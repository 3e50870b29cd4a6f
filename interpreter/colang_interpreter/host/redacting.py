"""Secrets and network addresses, taken out of texts and of plain values that hold texts.

Every pattern takes linear time: it ends where the next one may begin, or a bounded number of characters further on.
"""

from __future__ import annotations

import copy
import dataclasses
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast

from colang_interpreter.dynamic import is_mapping

MAX_DEPTH: Final = 100
"""How deep values may be nested."""

MAX_VALUES: Final = 200_000
"""How many values may be inside of one."""

REMOVED: Final = "[secret removed]"
"""What is left of a secret."""


class UnreadableError(ValueError):
    """A value cannot be looked through; the text says why, and nothing of the value."""


# ---------------------------------------------------------------- addresses

_IPV4 = re.compile(r"(?<![A-Za-z0-9])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9])")
_IPV6 = re.compile(r"([0-9A-Fa-f:]{3,})((?:\.[0-9]{1,3}){0,3})(%[A-Za-z0-9_.-]{1,20})?")


def without_addresses(text: str) -> str:
    """A text without its IP addresses, of version 4 and 6.

    What looks like a time of day or a namespace stays; four numbers with points between them do not, whatever they
    are.

    >>> without_addresses("from 10.0.0.1:80 and fe80::1%eth0 at 12:30:45")
    'from :80 and  at 12:30:45'
    """
    if text.count(":") > 1:
        text = _IPV6.sub(_without_v6, text)
    return _IPV4.sub("", text)


def _without_v6(found: re.Match[str]) -> str:
    run, tail, zone = found[1], found[2], found[3] or ""
    if run.count(":") < 2:
        return found[0]
    text = found.string
    before = ""
    start = found.start()
    if run[0] != ":" and start and text[start - 1].isascii() and text[start - 1].isalnum():
        return found[0]  # the end of a word
    if run[0] == ":" and run[1] != ":":
        before, run = ":", run[1:]
    elif run.startswith("::") and start and text[start - 1].isascii() and text[start - 1].isalnum():
        return found[0]  # a namespace, as in `std::dec`
    after = ""
    if not tail and run[-1] == ":" and run[-2:] != "::":
        after, run = ":", run[:-1]
    following = text[found.end() : found.end() + 1]
    if following.isascii() and following.isalnum():
        return found[0]  # the beginning of a word
    if run != "::":
        if tail and _is_v6(run + tail):
            return before + after
        if _is_v6(run):
            return before + after + tail
    return before + run + after + tail + zone


def _is_v6(text: str) -> bool:
    if len(text) > 45:
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- secrets

_SECRETS: Final = re.compile(
    r"""
    -----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
        (?s:.*?)(?:-----END[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|\Z)
    | (?<![A-Za-z0-9])(?:
        (?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA)[A-Z0-9]{16}(?![A-Za-z0-9])
      | sk-[A-Za-z0-9_-]{20,}
      | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}
      | gh[oprsu]_[A-Za-z0-9]{20,}
      | github_pat_[A-Za-z0-9_]{20,}
      | glpat-[A-Za-z0-9_-]{20,}
      | xox[a-z]-[A-Za-z0-9-]{10,}
      | AIza[A-Za-z0-9_-]{35,}
      | ya29\.[A-Za-z0-9_-]{20,}
      | hf_[A-Za-z0-9]{30,}
      | npm_[A-Za-z0-9]{30,}
      | pypi-[A-Za-z0-9_-]{50,}
      | nvapi-[A-Za-z0-9_-]{20,}
      )
    """,
    re.VERBOSE,
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}")
_URL = re.compile(r"(://[^\s/:@]*:)[^\s/]+@")
_HEADER = re.compile(
    r"(?i)(\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:(?:basic|bearer|token)\s{1,3})?)"
    r"(?:\[secret removed\]|[^\s\"',;]+)"
)
_BEARER = re.compile(r"(?i)(\bbearer\s{1,3})[A-Za-z0-9._~+/=-]{20,}")
_NAME: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|credential|(?:api|access|account|auth|encryption|private|secret)[ _-]?key"
    r"|(?:access|api|auth|bearer|id|refresh|session)[ _-]?token|token)"
)
_ASSIGNED = re.compile(
    rf"(?i)({_NAME}s?(?:_\w{{1,20}})?[\"']?[ \t]{{0,3}}(?:={{1,3}}>?|:=?)[ \t]{{0,3}})"
    r"(?:\"[^\"\n]*\"?|'[^'\n]*'?|\[secret\ removed\]|[^\s\"',;&]+)"
)
_SECRET_NAME = re.compile(rf"(?i){_NAME}s?\Z")


def without_secrets(text: str) -> str:
    """A text without secrets of well-known shapes; `REMOVED` is in their place.

    These are: private keys in blocks (an unclosed block is one to the end), key ids of AWS, keys and tokens that begin
    with ``sk-``, ``sk_live_``, ``ghp_`` and its like, ``github_pat_``, ``glpat-``, ``xox.-``, ``AIza``, ``ya29.``,
    ``hf_``, ``npm_``, ``pypi-`` or ``nvapi-``, JSON web tokens, passwords in URLs, ``Authorization:`` headers, and
    what is assigned with ``=`` or ``:`` to a name such as ``password``, ``api_key`` or ``access_token``.

    >>> without_secrets("use AKIAIOSFODNN7EXAMPLE at https://kim:pw@example.com, password=abc")
    'use [secret removed] at https://kim:[secret removed]@example.com, password=[secret removed]'
    """
    text = _SECRETS.sub(REMOVED, text)
    text = _TOKEN.sub(_without_token, text)
    text = _URL.sub(rf"\1{REMOVED}@", text)
    text = _HEADER.sub(rf"\1{REMOVED}", text)
    text = _BEARER.sub(rf"\1{REMOVED}", text)
    return _ASSIGNED.sub(rf"\1{REMOVED}", text)


def _without_token(found: re.Match[str]) -> str:
    return REMOVED if "." in found[0][:-1] else found[0]


# ---------------------------------------------------------------- values


def redacted(value: Any, change: Callable[[str], str], *, by_name: bool = False) -> Any:
    """A value whose texts are changed: in mappings (keys, too), lists, tuples, sets and dataclasses at any depth.

    What does not change is not copied. Numbers, truth values and None have no texts.

    Args:
        value: The value.
        change: What to make of a text.
        by_name: Texts under keys such as ``password`` are secrets.

    Raises:
        UnreadableError: It holds what cannot be looked through, is nested too deep, or too big.

    Example:
        >>> redacted({"user": "kim", "password": "x"}, without_secrets, by_name=True)
        {'user': 'kim', 'password': '[secret removed]'}
    """
    return _Redaction(change, by_name).of(value, 0)


class _Redaction:
    def __init__(self, change: Callable[[str], str], by_name: bool) -> None:
        self._change = change
        self._by_name = by_name
        self._left = MAX_VALUES

    def of(self, value: Any, depth: int, is_secret: bool = False) -> Any:
        """The same object if nothing in it changes."""
        if isinstance(value, str):
            changed = REMOVED if is_secret and value else self._change(value)
            return value if changed == value else changed
        if value is None or isinstance(value, _WITHOUT_TEXT):
            return value
        self._count(1)
        if depth >= MAX_DEPTH:
            raise UnreadableError(f"it is nested more than {MAX_DEPTH} levels deep")
        if is_mapping(value):
            return self._of_mapping(value, depth + 1, is_secret)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._of_members(cast("list[Any]", value), depth + 1, is_secret)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._of_fields(value, depth + 1, is_secret)
        raise UnreadableError(f"it is or holds an object of the class {type(value).__name__[:50]}")

    def _count(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise UnreadableError(f"it holds more than {MAX_VALUES} values")

    def _is_secret(self, name: object) -> bool:
        return self._by_name and isinstance(name, str) and bool(_SECRET_NAME.search(name[-50:]))

    def _of_mapping(self, value: Mapping[Any, Any], depth: int, is_secret: bool) -> Any:
        self._count(len(value))
        made: dict[Any, Any] = {}
        changed = False
        for key, each in value.items():
            new_key = self.of(key, depth)
            new = self.of(each, depth, is_secret or self._is_secret(key))
            changed = changed or new is not each or new_key is not key
            made[new_key] = new
        return made if changed else value

    def _of_members(self, value: Any, depth: int, is_secret: bool) -> Any:
        self._count(len(value))
        made = [self.of(each, depth, is_secret) for each in value]
        if all(new is old for new, old in zip(made, value, strict=True)):
            return value
        if hasattr(value, "_fields"):
            return type(value)(*made)  # a named tuple
        if isinstance(value, tuple):
            return tuple(made)
        if isinstance(value, list):
            return made
        return frozenset(made) if isinstance(value, frozenset) else set(made)

    def _of_fields(self, value: Any, depth: int, is_secret: bool) -> Any:
        changed: dict[str, Any] = {}
        for each in dataclasses.fields(value):
            old = getattr(value, each.name)
            new = self.of(old, depth, is_secret or self._is_secret(each.name))
            if new is not old:
                changed[each.name] = new
        if not changed:
            return value
        made = copy.copy(value)
        for name, new in changed.items():
            object.__setattr__(made, name, new)  # the class may be frozen
        return made


_WITHOUT_TEXT = (bool, int, float, Decimal, date, time, timedelta)
