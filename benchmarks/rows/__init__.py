"""All rows. A new one is a module here with a tuple `CASES`, and its name in the list below."""

from benchmarks.rows import chat, engine, migrating, parsing, processes, state, streaming, v1
from benchmarks.rows.model import Case, Figure

CASES: tuple[Case, ...] = (
    *parsing.CASES,
    *processes.CASES,
    *engine.CASES,
    *chat.CASES,
    *state.CASES,
    *v1.CASES,
    *streaming.CASES,
    *migrating.CASES,
)

__all__ = ["CASES", "Case", "Figure"]
