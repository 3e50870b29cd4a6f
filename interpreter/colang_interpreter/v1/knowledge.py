"""The knowledge base: documents in chunks, found by what a user says (settings, section 9)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from colang_interpreter.llm.index import Index, IndexFactory, IndexItem, NgramIndex

LONG: Final = 400
"""Characters after which a chunk ends at the next blank line."""

RESULTS: Final = 3
"""Chunks of one search."""

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*\Z")
_FENCE = re.compile(r"\s*```")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document: its headings joined with `` - ``, and its text."""

    title: str
    body: str


def chunks_of(document: str) -> list[Chunk]:
    r"""The chunks of a Markdown text.

    A document is split at its headings; a chunk that is longer than 400 characters ends at the next blank line. A
    fenced block at the very beginning is meta data, not text.

    Example:
        >>> chunks_of("# Shop\nWe sell tea.\n\n## Hours\nFrom nine.")
        [Chunk(title='Shop', body='We sell tea.'), Chunk(title='Shop - Hours', body='From nine.')]
    """
    chunks: list[Chunk] = []
    titles: list[tuple[int, str]] = []
    lines: list[str] = []
    length = 0

    def close() -> None:
        nonlocal lines, length
        body = "\n".join(lines).strip()
        if body:
            chunks.append(Chunk(" - ".join(title for _, title in titles), body))
        lines, length = [], 0

    fenced = False
    for line in _without_meta(document):
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading is not None:
            close()
            level = len(heading[1])
            titles = [entry for entry in titles if entry[0] < level]
            titles.append((level, heading[2]))
            continue
        if not line.strip() and length > LONG and not fenced:
            close()
            continue
        lines.append(line)
        length += len(line)
    close()
    return chunks


def _without_meta(document: str) -> list[str]:
    lines = document.splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    if start < len(lines) and _FENCE.match(lines[start]):
        for end in range(start + 1, len(lines)):
            if _FENCE.match(lines[end]):
                return lines[end + 1 :]
    return lines


class KnowledgeBase:
    r"""Chunks and their index, which is built when it is first searched.

    Example:
        >>> import asyncio
        >>> kb = KnowledgeBase(["# Shop\nWe sell tea.\n\n## Hours\nWe open at nine."])
        >>> [chunk.body for chunk in asyncio.run(kb.search_relevant_chunks("when do you open", 1))]
        ['We open at nine.']
    """

    def __init__(self, documents: Sequence[str], new_index: IndexFactory = NgramIndex) -> None:
        """Over Markdown texts."""
        self.chunks = [chunk for document in documents for chunk in chunks_of(document)]
        self._new_index = new_index

    @cached_property
    def _index(self) -> Index:
        return self._new_index(
            [IndexItem(f"# {chunk.title}\n\n{chunk.body}", chunk) for chunk in self.chunks]
        )

    async def search_relevant_chunks(self, text: str, max_results: int = RESULTS) -> list[Chunk]:
        """The chunks that fit a text best, best first."""
        if not self.chunks:
            return []
        found: list[Any] = [hit.meta for hit in await self._index.search(text, max_results)]
        return found
