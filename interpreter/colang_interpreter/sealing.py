"""The envelope of a saved state, the same for both dialects: version, program, check sum, size.

The check sum finds damage, not malice: whoever reads a document validates every field of it.
"""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# (what is read here is JSON: its types are what the code checks, one by one)

from __future__ import annotations

import hashlib
import json
from typing import Any

from colang_interpreter.errors import StateError

MAX_CHARACTERS = 64_000_000
"""Longest document that is read."""


def seal(document: dict[str, Any]) -> str:
    """A document as JSON text with its check sum.

    Example:
        >>> seal({"version": 1})
        '{"check":"2430f1a2ad2982d0","state":{"version":1}}'
    """
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f'{{"check":"{_check(body)}","state":{body}}}'


def opened(blob: str | bytes, *, dialect: str, version: int, program: str) -> dict[str, Any]:
    """The document of a sealed text.

    Args:
        blob: What `seal` gave.
        dialect: The document's `dialect` must be this one.
        version: The document's `version` must be this one.
        program: Digest of the program the document must belong to.

    Raises:
        StateError: It is too large, no JSON, damaged, of another version, or of another program.
    """
    if len(blob) > MAX_CHARACTERS:
        raise StateError(f"the saved state is larger than {MAX_CHARACTERS} characters")
    try:
        if isinstance(blob, bytes):
            blob = blob.decode("utf-8", "surrogatepass")
        outer = json.loads(blob, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise StateError(f"the saved state is not readable as JSON: {error}") from None
    if not isinstance(outer, dict) or not isinstance(outer.get("state"), dict):
        raise StateError("this is not a saved state")
    document: dict[str, Any] = outer["state"]
    found = document.get("version"), document.get("dialect")
    if found != (version, dialect):
        raise StateError(
            f"the saved state has version {found[0]!r:.20} of dialect {found[1]!r:.20};"
            f" this program reads version {version} of '{dialect}'"
        )
    if document.get("program") != program:
        raise StateError(
            "the saved state belongs to another program: the flows have changed since it was saved"
            f" (saved {str(document.get('program'))[:12]}, now {program[:12]})"
        )
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    if outer.get("check") != _check(body):
        raise StateError("the saved state is damaged: its check sum is wrong")
    return document


def _check(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def whole(value: Any) -> int:
    """A field that has to be a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise StateError("the saved state is damaged: a number is missing")
    return value


def text(value: Any) -> str:
    """A field that has to be a text."""
    if not isinstance(value, str):
        raise StateError("the saved state is damaged: a text is missing")
    return value
