"""R0 to R3b, R10 and R13: the 2.x engine by itself. Each function here is a program of a given size."""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure

PING_PONG = """\
flow main
  while True
    match Ping()
    send Pong()
"""

TRIVIAL = """\
import core
import llm
import timing

flow main
  match Ping()
"""


def waiting(count: int) -> str:
    """R2: this many activated flows wait for different texts of one event."""
    lines = ["flow main", "  match Go()"]
    lines += [f"  activate waiter_{n}" for n in range(count)]
    lines += ["  send Ready()", "  match Never()", ""]
    for n in range(count):
        lines.append(f"flow waiter_{n}")
        lines.append(f'  match UtteranceUserActionFinished(final_transcript="text number {n}")')
        lines.append(f"  send Heard(number={n})")
    return "\n".join(lines) + "\n"


def heard(number: int) -> dict[str, str]:
    """R2: the event that one of the waiting flows waits for."""
    return {"type": "UtteranceUserActionFinished", "final_transcript": f"text number {number}"}


def nested(depth: int) -> str:
    """R3: `main` awaits a flow that awaits a flow ..., the last one waits for Ping."""
    lines = ["flow main", "  match Go()", "  await step_1", "  send Done()", "  match Never()"]
    for n in range(1, depth):
        lines += [f"flow step_{n}", f"  await step_{n + 1}"]
    lines += [f"flow step_{depth}", "  match Ping()"]
    return "\n".join(lines) + "\n"


def pairs(count: int) -> str:
    """R3b: an `and` of this many `or`-pairs."""
    group = " and ".join(f"(A{n}() or B{n}())" for n in range(count))
    return f"flow main\n  while True\n    match Go()\n    match {group}\n    send Done()\n"


def pair_events(count: int) -> list[dict[str, str]]:
    """R3b: fulfils the first half of the pairs on the left, the others on the right."""
    sides = [f"A{n}" if n < count // 2 else f"B{n}" for n in range(count)]
    return [{"type": "Go"}, *({"type": name} for name in sides)]


RESTARTING = """\
flow main
  activate echo
  match Never()

flow echo
  match Ping()
  send Pong()
"""

ASSIGNMENTS = 200


def assignments(expression: str) -> str:
    """R10: an expression evaluated and assigned many times for one event."""
    lines = ["flow main", '  $name = "Kim"', "  $n = 7", "  while True", "    match Ping()"]
    lines += [f"    $x = {expression}"] * ASSIGNMENTS
    return "\n".join([*lines, "    send Pong()"]) + "\n"


_PING = {"type": "Ping"}
_GO = {"type": "Go"}


def _expression(title: str, text: str) -> Case:
    return Case(
        "R10",
        f"{ASSIGNMENTS} assignments, {title}",
        {
            "operation": "core",
            "program": assignments(text),
            "timed": [_PING],
            "answer": "Pong",
            "blocks": 5,
        },
        (Figure("seconds", 20, 60),),
    )


def _nested(depth: int, must: float, stretch: float) -> Case:
    return Case(
        "R3",
        f"nested awaits, depth {depth}: start and end",
        {
            "operation": "core",
            "program": nested(depth),
            "timed": [_GO, _PING],
            "answer": "Done",
        },
        (Figure("seconds", must, stretch),),
        slow=depth > 100,
    )


CASES = (
    Case(
        "R0",
        "start, trivial main with core, llm, timing",
        {"operation": "start", "program": TRIVIAL, "times": 30},
        (Figure("seconds", 10, 50),),
    ),
    Case(
        "R1",
        "ping-pong, outer loop, one event",
        {"operation": "loop", "program": PING_PONG, "event": _PING, "times": 500},
        (
            Figure("seconds", 10, 25, name="CPU"),
            Figure("seconds_wall", 40, name="wall"),
        ),
    ),
    Case(
        "R1",
        "ping-pong, bare core, 100 events",
        {
            "operation": "core",
            "program": PING_PONG,
            "before": [(_PING, 100)],
            "timed": [_PING] * 100,
            "answer": "Pong",
            "blocks": 5,
        },
        (Figure("seconds"),),
    ),
    Case(
        "R2",
        "5 000 flows wait for texts: one match",
        {
            "operation": "core",
            "program": waiting(5_000),
            "before": [(_GO, 1), (heard(7), 1)],
            "timed": [heard(2_500)],
            "answer": "Heard",
            "blocks": 5,
        },
        (Figure("seconds", 1_000, 4_000),),
        slow=True,
    ),
    Case(
        "R2b",
        "activate 5 000 flows",
        {
            "operation": "core",
            "program": waiting(5_000),
            "timed": [_GO],
            "answer": "Ready",
        },
        (Figure("seconds", 50, 150),),
        slow=True,
    ),
    _nested(100, 70, 200),
    _nested(500, 340, 1_000),
    Case(
        "R3b",
        "`and` of 8 `or`-pairs: start to end",
        {
            "operation": "core",
            "program": pairs(8),
            "timed": pair_events(8),
            "answer": "Done",
        },
        (Figure("seconds", 1_000, 3_000),),
    ),
    _expression("literal", '"hello"'),
    _expression("arithmetic", "$n * 2 + 7 - 3 * $n"),
    _expression("interpolated", '"Hello {$name}, you are number {$n}"'),
    Case(
        "R13",
        "an activated flow restarts: events 5 000 to 5 010",
        {
            "operation": "core",
            "program": RESTARTING,
            "before": [(_PING, 5_000)],
            "timed": [_PING] * 10,
            "answer": "Pong",
        },
        (Figure("seconds", 240, 500),),
        slow=True,
    ),
)
