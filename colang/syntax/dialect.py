"""Which dialect a text is written in, with the lines that show it."""

from __future__ import annotations

import re
from typing import Literal

from colang.records import Record
from colang.source import Span

Version = Literal["1.0", "2.x"]

# What does not count: triple-quoted strings and comments, as in the reference.
_HIDDEN = re.compile(r'"""[\s\S]*?(?:"""|\Z)|#[^\n]*')
_LINE = re.compile(
    r"^[ \t]*(?:"
    r"(?P<define>define(?!\w)[^\n]*)"
    r"|(?P<flow>flow[ \t]+[^\W\d][^\n]*|@[ \t]*[^\W\d][^\n]*)"
    r"|(?P<newer>(?:(?:await|match|send|start|activate|deactivate|global|import)[ \t]+[\w$(\"']"
    r"|or[ \t]+when(?!\w))[^\n]*)"
    r"|(?P<older>(?:execute|do|goto|label)[ \t]+[^\W\d][^\n]*)"
    r")",
    re.MULTILINE,
)


class Evidence(Record, kw_only=False):
    """A line of one dialect: where it is, what it says, and which version it belongs to."""

    span: Span
    text: str
    version: Version


class Detection(Record, kw_only=False):
    """The verdict, None if nothing tells, and all lines that were weighed, in order."""

    version: Version | None
    evidence: tuple[Evidence, ...]


def detect(text: str) -> Detection:
    r"""Tell the dialect of a text; linear in its length.

    Definitions decide: ``define ...`` lines are Colang 1.0, flow headers and decorators Colang 2.x; the kind there is
    more of wins, 1.0 if there are as many. Without definitions, statements that only one dialect has decide:
    ``await``, ``match``, ``import`` and the like against ``execute``, ``do``, ``goto``.

    Source: Colang 2.x specification, section 1.1; Colang 1.0 specification, section 2. (The reference takes any file
    with a ``define`` line for 1.0 and every other for 2.x.)

    >>> detect("define flow greet\n  user said hi\n").version
    '1.0'
    >>> detect("flow main\n  match Ping()\n").evidence[0].text
    'flow main'
    >>> print(detect("hello").version)
    None
    """
    visible = _HIDDEN.sub(lambda match: _blank(match.group()), text)
    evidence: list[Evidence] = []
    counts: dict[str, int] = {"define": 0, "flow": 0, "newer": 0, "older": 0}
    for match in _LINE.finditer(visible):
        kind = match.lastgroup
        assert kind is not None
        counts[kind] += 1
        line = match.group(kind).rstrip()
        start = match.start(kind)
        version: Version = "1.0" if kind in ("define", "older") else "2.x"
        evidence.append(Evidence(Span(start, start + len(line)), line, version))
    older, newer = counts["define"], counts["flow"]
    if not older and not newer:
        older, newer = counts["older"], counts["newer"]
    if not older and not newer:
        return Detection(None, ())
    verdict: Version = "1.0" if older >= newer else "2.x"
    return Detection(verdict, tuple(evidence))


def _blank(text: str) -> str:
    """As many blanks; line ends stay, so that what follows is not at the start of a line."""
    return text if text.isspace() else re.sub(r"[^\n]", " ", text)
