"""R5: saving a conversation and going on from it."""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure


def active(count: int) -> str:
    """A program of this many activated flows, each a little body of its own."""
    lines = [
        "flow main",
        *(f"  activate reaction_{n}" for n in range(count)),
        "  match Never()",
        "",
    ]
    for n in range(count):
        lines += [
            f"flow reaction_{n}",
            f"  $count = {n}",
            f'  match Asked(topic="topic {n}") as $event',
            "  $count = $count + 1",
            '  send Answered(topic=$event.topic, text="answer {$count}")',
        ]
    return "\n".join(lines) + "\n"


CASES = (
    Case(
        "R5",
        "state of 500 active flows",
        {"operation": "state", "program": active(500)},
        (
            Figure("bytes", 20, 35, unit="B", name="size"),
            Figure("dump", 80, 300, name="dump"),
            Figure("restore", 25, 60, name="restore"),
        ),
    ),
)
