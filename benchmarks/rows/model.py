"""What a row of the table is: jobs for the drivers, and what their numbers must come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a case, and how many times better than the reference it has to be.

    Attributes:
        key: Of the driver's answer. All numbers are costs: less is better.
        must: The ratio reference / ours that has to hold; None: for information.
        stretch: The ratio we would like.
        unit: "s" or "B".
        name: What it is, if the case has several.
    """

    key: str
    must: float | None = None
    stretch: float | None = None
    unit: str = "s"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One job and its figures.

    Attributes:
        row: Id of the target: "R3b".
        title: What is done.
        job: For the drivers: `operation`, and the arguments of that function in `benchmarks.driving`.
        figures: What of the answer counts.
        slow: The reference needs a minute or more: it is measured once, however many repeats are asked for.
    """

    row: str
    title: str
    job: Mapping[str, Any]
    figures: tuple[Figure, ...]
    slow: bool = False
