"""The sentence model of the extra `embeddings`: WordLlama, whose package carries its weights. No network is needed.

A vector is the mean of the vectors of a text's tokens, so it is made in microseconds without a neural network at run
time. It is the same for the same text, and does not know the order of words.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from colang.config.requirements import EMBEDDING_ENGINE
from colang_interpreter.errors import MissingPackageError

MODEL: Final = "l2_supercat_256"
_ADVICE: Final = "pip install 'colang-toolchain[embeddings]'"
_loading = threading.Lock()


class WordLlamaEncoder:
    """Turns texts into vectors of 256 numbers. Safe for threads; the model is loaded once in a process, when needed.

    Raises:
        MissingPackageError: The extra is not installed.
        ValueError: The package has no model of that name.
    """

    engine_name: ClassVar[str] = EMBEDDING_ENGINE

    def __init__(self, model: str | None = None) -> None:
        if model not in (None, MODEL):
            raise ValueError(f"WordLlama carries the model `{MODEL}`, not `{model}`")
        if importlib.util.find_spec("wordllama") is None:
            raise MissingPackageError(
                f"embeddings of the engine WordLlama need the package wordllama: {_ADVICE}"
            )

    def encode(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        with _loading:
            model = _loaded()
        vectors: list[list[float]] = model.embed(texts).tolist()
        return vectors


@cache
def _loaded() -> Any:
    package = importlib.import_module("wordllama")
    # Its own files, and nothing from anywhere else: with another folder it would ask the network for the tokenizer.
    folder = Path(str(package.__file__)).parent
    return package.WordLlama.load(cache_dir=folder, disable_download=True)
