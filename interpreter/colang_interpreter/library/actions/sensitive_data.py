"""Personal data found by patterns and check digits: detected, or masked.

What is found, with the names of the settings (`rails.config.sensitive_data_detection`):

=================  ==========================================================================  =========
entity             what counts as one                                                          certainty
=================  ==========================================================================  =========
EMAIL_ADDRESS      ``name@host.tld``                                                           1.0
CREDIT_CARD        13 to 19 digits, also in groups, with a valid check digit (Luhn)            1.0
IBAN_CODE          country, check digits and account, with a valid check sum (mod 97)          1.0
IP_ADDRESS         IPv4 and IPv6 addresses                                                     0.8
US_SSN             ``123-45-6789``, without numbers that are never given out                   0.7
PHONE_NUMBER       at least 7 digits with a leading ``+``, or in the usual groups              0.5
URL                addresses with a scheme, or that begin with ``www.``                        0.6
CRYPTO             addresses of Bitcoin (old and new form)                                     0.6
=================  ==========================================================================  =========

Patterns know no names, places or dates: entities such as PERSON or LOCATION need a language model. Asking for one is
an error, so that the rail blocks and nobody believes that it protects. `recognizers` adds entities of the user's own:
``{supported_entity, patterns: [{name, regex, score}], deny_list: [...]}``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from colang_interpreter.dynamic import is_list, is_mapping
from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.patterns.limits import PatternError, safe_pattern

SOURCES: Final = ("input", "output", "retrieval")
TARGETS: Final = {"input": "user_message", "output": "bot_message", "retrieval": "relevant_chunks"}
MAX_TEXT: Final = 100_000  # characters


class SensitiveDataError(ValueError):
    """The rail cannot do what its settings ask for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found in a text, at ``text[start:end]``; `score` is how certain it is, 0 to 1."""

    entity: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Finds one kind of entity: all places where the pattern matches and the test holds."""

    entity: str
    pattern: re.Pattern[str]
    score: float
    test: Callable[[str], bool] | None = None
    is_own: bool = False  # of the user: how long it takes is not known

    def find(self, text: str) -> Iterator[Finding]:
        """What it finds, in order.

        Raises:
            SensitiveDataError: The text is too long for a pattern of the user's own.
        """
        if self.is_own:
            try:
                safe_pattern(self.pattern.pattern).find_all(text)
            except PatternError as problem:
                raise SensitiveDataError(f"the recognizer of `{self.entity}`: {problem}") from None
        for found in self.pattern.finditer(text):
            if found.end() > found.start() and (self.test is None or self.test(found.group())):
                yield Finding(self.entity, found.start(), found.end(), self.score)


def luhn(text: str) -> bool:
    """Whether the last of the digits is the right check digit.

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def mod97(text: str) -> bool:
    """Whether an IBAN has the right check sum.

    >>> mod97("GB82 WEST 1234 5698 7654 32"), mod97("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = "".join(text.split()).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_BUILT_IN: Final = (
    Recognizer(
        "EMAIL_ADDRESS",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)"),
        1.0,
    ),
    Recognizer("CREDIT_CARD", re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"), 1.0, luhn),
    Recognizer(
        "IBAN_CODE",
        re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)"),
        1.0,
        mod97,
    ),
    Recognizer("IP_ADDRESS", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"), 0.8, _is_address),
    Recognizer(
        "IP_ADDRESS",
        re.compile(r"(?<![\w:])[0-9A-Fa-f:]{2,39}(?![\w:])"),
        0.8,
        lambda text: ":" in text and _is_address(text),
    ),
    Recognizer(
        "US_SSN",
        re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\w-])"),
        0.7,
    ),
    Recognizer(
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w.-])(?<!\d[ .-])(?:\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,6}|\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]\d{3,4})(?![\w-])(?![ .]\d)"
        ),
        0.5,
        lambda text: 7 <= sum(character.isdigit() for character in text) <= 15,
    ),
    Recognizer("URL", re.compile(r"(?<!\w)(?:https?://|www\.)[^\s<>\"')\]]{3,2000}", re.IGNORECASE), 0.6),
    Recognizer(
        "CRYPTO", re.compile(r"(?<!\w)(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71})(?!\w)"), 0.6
    ),
)  # fmt: skip

ENTITIES: Final = tuple(dict.fromkeys(recognizer.entity for recognizer in _BUILT_IN))
"""What is found without recognizers of the user's own."""


def own_recognizers(settings: Any) -> list[Recognizer]:
    """The recognizers in the settings.

    Raises:
        SensitiveDataError: One has no entity, no patterns, or a pattern that is wrong or could run for ever.
    """
    found: list[Recognizer] = []
    for entry in getattr(settings, "recognizers", None) or ():
        known = _mapping(entry)
        entity = known.get("supported_entity")
        if not isinstance(entity, str) or not entity:
            raise SensitiveDataError(
                "a recognizer needs `supported_entity`, the name of what it finds"
            )
        patterns: Any = known.get("patterns") or []
        words: Any = known.get("deny_list") or []
        if not is_list(patterns) or not is_list(words) or not (patterns or words):
            raise SensitiveDataError(
                f"the recognizer of `{entity}` needs a list `patterns` or `deny_list`"
            )
        for pattern in patterns:
            found.append(_own_pattern(entity, pattern))
        if words:
            longest_first = sorted(map(str, words), key=len, reverse=True)
            listed = "|".join(re.escape(word) for word in longest_first)
            expression = re.compile(rf"(?<!\w)(?:{listed})(?!\w)")
            found.append(Recognizer(entity, expression, 1.0))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if is_mapping(value) else {}


def _own_pattern(entity: str, given: Any) -> Recognizer:
    known = _mapping(given)
    text, score = known.get("regex"), known.get("score", 0.5)
    if not isinstance(text, str) or isinstance(score, bool) or not isinstance(score, (int, float)):
        raise SensitiveDataError(
            f"a pattern of the recognizer of `{entity}` needs `regex`, and `score` is a number"
        )
    try:
        safe_pattern(text)
    except PatternError as problem:
        raise SensitiveDataError(f"the recognizer of `{entity}`: {problem}") from None
    return Recognizer(entity, re.compile(text), float(score), is_own=True)


def unknown_entities(settings: Any, source: str) -> list[str]:
    """The entities that are asked for in a direction and that nothing here finds."""
    known = {*ENTITIES, *(recognizer.entity for recognizer in own_recognizers(settings))}
    options = getattr(settings, source, None)
    return [entity for entity in getattr(options, "entities", None) or () if entity not in known]


def findings(text: str, settings: Any, source: str) -> list[Finding]:
    """What the settings ask to be found in a text of a source; where two overlap, the surer, then the longer one.

    Raises:
        SensitiveDataError: An entity that cannot be found, a wrong recognizer, a text that is too long.
    """
    if source not in SOURCES:
        raise SensitiveDataError(f"`source` is one of {', '.join(SOURCES)}, not {source!r:.60}")
    if len(text) > MAX_TEXT:
        raise SensitiveDataError(f"the text has more than {MAX_TEXT:,} characters")
    missing = unknown_entities(settings, source)
    if missing:
        raise SensitiveDataError(
            f"{', '.join(missing)} cannot be found by patterns; there are {', '.join(ENTITIES)},"
            " and what `recognizers` adds"
        )
    options = getattr(settings, source, None)
    wanted: set[str] = set(getattr(options, "entities", None) or ())
    threshold = float(getattr(options, "score_threshold", 0.2))
    found = [
        finding
        for recognizer in (*_BUILT_IN, *own_recognizers(settings))
        if recognizer.entity in wanted and recognizer.score >= threshold
        for finding in recognizer.find(text)
    ]
    found.sort(key=lambda one: (-one.score, one.start - one.end, one.start))
    taken = bytearray(len(text))
    kept: list[Finding] = []
    for one in found:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def masked(text: str, found: Iterable[Finding], token: str) -> str:
    """The text with every found character replaced by the token.

    >>> masked("mail a@b.de", [Finding("EMAIL_ADDRESS", 5, 11, 1.0)], "*")
    'mail ******'
    """
    parts: list[str] = []
    at = 0
    for one in found:
        parts += [text[at : one.start], token * (one.end - one.start)]
        at = one.end
    return "".join([*parts, text[at:]])


@action(name="detect_sensitive_data", is_system_action=True)
def detect_sensitive_data(source: str, text: Any, config: Any = None) -> RailOutcome:
    """Block a text with personal data of the kinds in `rails.config.sensitive_data_detection.<source>.entities`.

    Raises:
        SensitiveDataError: The settings ask for something that cannot be found, or are wrong.
    """
    found = findings(_text(text), _settings(config), source)
    if not found:
        return RailOutcome.allow()
    kinds = list(dict.fromkeys(one.entity for one in found))
    metadata = {"entities": kinds, "certainty": max(one.score for one in found)}
    return RailOutcome.block(f"the text holds personal data: {', '.join(kinds)}", metadata)


@action(name="mask_sensitive_data", is_system_action=True)
def mask_sensitive_data(source: str, text: Any, config: Any = None) -> RailOutcome:
    """Replace personal data by the setting `mask_token`, once for each character; raises likewise."""
    settings = _settings(config)
    given = _text(text)
    found = findings(given, settings, source)
    if not found:
        return RailOutcome.allow()
    token = str(getattr(getattr(settings, source, None), "mask_token", "*"))
    kinds = list(dict.fromkeys(one.entity for one in found))
    changed = [(TARGETS[source], masked(given, found, token))]
    return RailOutcome.transform(changed, f"masked: {', '.join(kinds)}", {"entities": kinds})


def _settings(config: Any) -> Any:
    rails = getattr(getattr(config, "rails", None), "config", None)
    return getattr(rails, "sensitive_data_detection", None)


def _text(given: Any) -> str:
    if given is None:
        return ""
    if is_list(given):
        return "\n".join(str(part) for part in given)
    return str(given)
