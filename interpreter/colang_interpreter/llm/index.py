"""The index of examples: what is most like a text, with scores (settings, section 9).

The built-in index compares the letters of words. It needs no model, is the same on every machine, and finds what is
worded alike; an index of sentence embeddings (`embeddings.VectorIndex`) finds what means the same.
"""

from __future__ import annotations

import inspect
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

_WORD = re.compile(r"\w+")
QUERY_LENGTH: Final = 10_000
"""Characters of a query that count."""


@dataclass(frozen=True, slots=True)
class IndexItem:
    """A text, and what it stands for."""

    text: str
    meta: Any = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found; `score` is between 0 and 1."""

    text: str
    meta: Any
    score: float


class Index(Protocol):
    """What finds items by their texts."""

    async def search(
        self, text: str, max_results: int = 5, threshold: float | None = None
    ) -> Sequence[Hit]:
        """The best items, best first; with a threshold only those whose score is not below it."""
        ...


IndexFactory: TypeAlias = Callable[[Sequence[IndexItem]], Index]
"""Makes an index of all its items."""


class NgramIndex:
    """Finds items by the letters of their words, three at a time; rare ones count more.

    The score is ``1 - d/2``, where ``d`` is the distance of the two normalised vectors: 1.0 for texts of the same
    words, about 0.29 for texts that share nothing. Building takes time linear in the texts, searching in the items that
    share anything with the query. Ties are in order of insertion.

    Example:
        >>> import asyncio
        >>> index = NgramIndex([IndexItem("when do you open", "hours"), IndexItem("what is the price", "price")])
        >>> [hit.meta for hit in asyncio.run(index.search("what are your prices", 1))]
        ['price']
    """

    def __init__(self, items: Sequence[IndexItem]) -> None:
        """Build it."""
        self._items = tuple(items)
        counts = [_grams(item.text) for item in self._items]
        spread = Counter(gram for count in counts for gram in count)
        total = len(self._items)
        self._weights = {gram: math.log(1 + total / n) for gram, n in spread.items()}
        self._places: dict[str, list[tuple[int, float]]] = {}
        for number, count in enumerate(counts):
            for gram, weight in self._vector(count).items():
                self._places.setdefault(gram, []).append((number, weight))

    async def search(
        self, text: str, max_results: int = 5, threshold: float | None = None
    ) -> list[Hit]:
        """The items most like `text`."""
        likeness = [0.0] * len(self._items)
        for gram, weight in self._vector(_grams(text[:QUERY_LENGTH])).items():
            for number, other in self._places.get(gram, ()):
                likeness[number] += weight * other
        scores = [1 - math.sqrt(max(0.0, 2 - 2 * min(1.0, cosine))) / 2 for cosine in likeness]
        return best(self._items, scores, max_results, threshold)

    def _vector(self, count: Mapping[str, int]) -> dict[str, float]:
        rare = math.log(1 + max(1, len(self._items)))  # of what no item has
        vector = {gram: n * self._weights.get(gram, rare) for gram, n in count.items()}
        length = math.sqrt(sum(weight * weight for weight in vector.values()))
        return {gram: weight / length for gram, weight in vector.items()} if length else {}


def _grams(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    grams: Counter[str] = Counter()
    for word in _WORD.findall(plain):
        padded = f" {word} "
        grams.update(padded[at : at + 3] for at in range(len(padded) - 2))
    return grams


def best(
    items: Sequence[IndexItem], scores: Sequence[float], count: int, threshold: float | None
) -> list[Hit]:
    """The items with the highest scores, best first, ties in their order."""
    order = sorted(range(len(items)), key=lambda number: -scores[number])
    hits: list[Hit] = []
    for number in order[:count]:
        score = round(scores[number], 12)  # the same on every machine
        if threshold is not None and score < threshold:
            break
        hits.append(Hit(items[number].text, items[number].meta, score))
    return hits


class ProviderIndex:
    """An index of a class users registered: `add_items`, `build` and `search`, sync or async.

    Results are its own items with `text` and `meta`, and a `score` if it gives one.
    """

    def __init__(self, provider: Any, items: Iterable[IndexItem]) -> None:
        """Over an object of that class; it gets the items before the first search."""
        self._provider = provider
        self._waiting: list[IndexItem] | None = list(items)

    async def search(
        self, text: str, max_results: int = 5, threshold: float | None = None
    ) -> list[Hit]:
        """What the provider finds."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            await _awaited(self._provider.add_items(waiting))
            await _awaited(self._provider.build())
        found = await _awaited(self._provider.search(text, max_results, threshold))
        return [Hit(hit.text, hit.meta, float(getattr(hit, "score", 1.0))) for hit in found]


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
