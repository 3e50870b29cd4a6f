"""R9: tokens of a stream, cut into windows and looked at by output rails.

Windows of 10 tokens repeat 5: without a context the reference's buffer grows without end, and the ratio says nothing.

"With 2 no-op rails" is `stream_async` with two output rails of the configuration, each with one action that lets all pass:
there the reference is five to ten times slower than its buffer alone, as the row has it. The buffer between two
coroutines that do nothing is measured, too, but has no target: a loop written by hand that takes tokens from one
generator, gives them on from another and awaits twice a window takes half the time of the reference for that, so 3x is
out of reach for any code that gives on each token. That loop is a case of its own; its ratio is 1 by nature, and what
counts is its time beside that of the case above it.
"""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure

RAILS = """
define subflow first rail
  $outcome = execute allow_window
  if $outcome.is_blocked
    stop

define subflow second rail
  $outcome = execute allow_window
  if $outcome.is_blocked
    stop
"""

SETTINGS = """
models: []
rails:
  output:
    flows: [first rail, second rail]
    streaming:
      enabled: true
      chunk_size: 10
      context_size: 5
"""

CASES = (
    Case(
        "R9",
        "the buffer alone, 100 000 tokens in chunks of 10",
        {"operation": "windows", "tokens": 100_000, "rails": 0},
        (Figure("seconds", 1.5, 2.5),),
    ),
    Case(
        "R9",
        "stream_async, 2 no-op rails, 2 000 tokens",
        {"operation": "stream", "program": RAILS, "settings": SETTINGS, "tokens": 2_000},
        (Figure("seconds", 3, 8),),
    ),
    Case(
        "R9",
        "the buffer and 2 checks that do nothing",
        {"operation": "windows", "tokens": 100_000, "rails": 2},
        (Figure("seconds"),),
    ),
    Case(
        "R9",
        "the same as a loop written by hand, both sides",
        {"operation": "by_hand", "tokens": 100_000, "rails": 2},
        (Figure("seconds"),),
    ),
)
