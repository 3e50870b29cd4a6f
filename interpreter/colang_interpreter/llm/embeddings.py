"""An index of sentence embeddings: whatever turns texts into vectors, behind the `Index` protocol.

`sentences` has the encoder of the extra ``embeddings``. Any other is a function from texts to vectors, sync or async, or an object with
``encode`` or ``encode_async``, as embedding providers of the ecosystem have them.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Sequence
from typing import Any

from colang_interpreter.llm.index import QUERY_LENGTH, Hit, IndexItem, best


class VectorIndex:
    """Finds items whose vectors point the same way as the query's.

    The score is ``1 - d/2``, where ``d`` is the distance of the normalised vectors, as in the built-in index. The items are
    encoded at once, when the index is first searched.

    Example:
        >>> import asyncio
        >>> def encode(texts):
        ...     return [[text.count("a"), text.count("b")] for text in texts]
        >>> index = VectorIndex([IndexItem("aab", 1), IndexItem("abb", 2)], encode)
        >>> [hit.meta for hit in asyncio.run(index.search("bbbb", 1))]
        [2]
    """

    def __init__(self, items: Sequence[IndexItem], encoder: Any) -> None:
        """Over these items.

        Raises:
            TypeError: `encoder` cannot encode.
        """
        self._items = tuple(items)
        self._encode = _encoder_of(encoder)
        self._vectors: list[list[float]] | None = None

    async def search(
        self, text: str, max_results: int = 5, threshold: float | None = None
    ) -> list[Hit]:
        """The items most like `text`.

        Raises:
            ValueError: The encoder gave something else than one vector for each text.
        """
        if self._vectors is None:
            self._vectors = await self._encoded([item.text for item in self._items])
        (query,) = await self._encoded([text[:QUERY_LENGTH]])
        scores: list[float] = []
        for vector in self._vectors:
            if len(vector) != len(query):
                raise ValueError(
                    f"vectors of {len(vector)} and {len(query)} numbers cannot be compared"
                )
            cosine = sum(map(operator.mul, vector, query))
            scores.append(1 - math.sqrt(max(0.0, 2 - 2 * min(1.0, cosine))) / 2)
        return best(self._items, scores, max_results, threshold)

    async def _encoded(self, texts: list[str]) -> list[list[float]]:
        if not texts:
            return []
        made = self._encode(texts)
        if inspect.isawaitable(made):
            made = await made
        vectors = [_normalised([float(number) for number in vector]) for vector in made]
        if len(vectors) != len(texts):
            raise ValueError(f"the encoder gave {len(vectors)} vectors for {len(texts)} texts")
        return vectors


def _encoder_of(encoder: Any) -> Any:
    for name in ("encode_async", "encode"):
        method = getattr(encoder, name, None)
        if callable(method):
            return method
    if callable(encoder):
        return encoder
    raise TypeError(f"{type(encoder).__name__} has no method `encode` and is no function of texts")


def _normalised(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(number * number for number in vector))
    return [number / length for number in vector] if length else vector
