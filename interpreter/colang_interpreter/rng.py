"""Seeded randomness small enough to live in a saved state: SplitMix64, one integer."""

from __future__ import annotations

_MASK = (1 << 64) - 1


def advance(state: int) -> tuple[int, int]:
    """The next state and 64 random bits.

    >>> advance(0)[1] == 0xE220A8397B1DCDAF
    True
    """
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return state, z ^ (z >> 31)


def seeded(seed: int) -> int:
    """A state for any integer seed; near seeds give unrelated sequences."""
    return advance(seed & _MASK)[1]
