"""P2, R7, R8 and R11: Colang 1.0."""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure


def generated(size: int) -> str:
    """A file of at least `size` characters; no two definitions are the same text."""
    parts: list[str] = []
    length, number = 0, 0
    while length < size:
        part = _PARTS[number % len(_PARTS)].replace("NN", str(number))
        parts.append(part)
        length += len(part)
        number += 1
    return "".join(parts)


_PARTS = (
    """\
define user ask about topic NN
  "What is NN?"
  "Tell me about NN, please"
  "I would like to know more about number NN"

define bot explain topic NN
  "NN is a number, $name."
  "Let me tell you about NN: it comes after $before."

""",
    """\
# This flow answers questions about NN.
define flow topic NN
  priority 1.5
  user ask about topic NN
  $result = execute look_up(subject="topic NN", limit=NN, deep=True)
  if $result and len($result) > NN
    bot explain topic NN
  else if $result is None
    bot say nothing found NN "There is nothing about NN."
  else
    $before = $result["before"]
    do offer more NN

""",
    """\
define subflow offer more NN
  $count = 0
  while $count < 3 and not $done
    bot offer more NN "Do you want to hear more about NN?"
    when user agree
      execute next_page(page=$count, topic="NN")
      $count = $count + 1
    else when user disagree
      create event TopicEnded(number=NN, reason="enough")
      event TopicEnded
      return
  label end NN
  bot say goodbye

""",
)


def flows(count: int) -> str:
    """Flows that each take two turns."""
    return "".join(
        f"define flow topic {n}\n"
        f"  user ask {n}\n"
        f'  bot answer {n} "About {n}."\n'
        f"  user detail {n}\n"
        f'  bot go into {n} "More about {n}."\n\n'
        for n in range(count)
    )


RAILS = """\
define subflow generate user intent
  create event UserIntent(intent="greet")

define flow greeting
  user greet
  bot greet

define bot greet
  "Hello!"

define subflow check input one
  $allowed = execute allow
  if not $allowed
    bot greet
    stop

define subflow check input two
  $allowed = execute allow
  if not $allowed
    bot greet
    stop

define subflow check output one
  $allowed = execute allow
  if not $allowed
    bot greet
    stop

define subflow check output two
  $allowed = execute allow
  if not $allowed
    bot greet
    stop
"""
"""An action `allow` that returns True is registered by the drivers. Predefined texts skip the output rails, so the
greeting is said by way of a variable in `SAID`."""

SAID = RAILS.replace(
    "define flow greeting\n  user greet\n  bot greet\n",
    'define flow greeting\n  user greet\n  $text = "Hello!"\n  bot $text\n',
)

SETTINGS = """\
rails:
  input:
    flows: [check input one, check input two]
  output:
    flows: [check output one, check output two]
"""

RAILS_V2 = """\
import core
import guardrails

flow main
  activate greeting
  match Never()

flow greeting
  user said something
  bot say "Hello!"

flow input rails $input_text
  check one
  check two

flow output rails $output_text
  check one
  check two

flow check one
  $allowed = await AllowAction()
  if not $allowed
    abort

flow check two
  $allowed = await AllowAction()
  if not $allowed
    abort
"""

FLOWS = 10

CASES = (
    Case(
        "P2",
        "parse 1.0, 100 KB",
        {"operation": "parse_v1", "text": generated(100_000)},
        (Figure("seconds", 3, 8),),
    ),
    Case(
        "P2",
        "parse 1.0, 1 MB",
        {"operation": "parse_v1", "text": generated(1_000_000)},
        (Figure("seconds", 6, 16),),
        slow=True,
    ),
    Case(
        "R7",
        "turn 500, given flows only",
        {"operation": "steps_v1", "program": flows(FLOWS), "flows": FLOWS, "turns": 500},
        (Figure("seconds", 150, 500),),
        slow=True,
    ),
    Case(
        "R7",
        "turn 500, with the library's flows",
        {"operation": "dialog_v1", "program": flows(FLOWS), "flows": FLOWS, "turns": 500},
        (Figure("seconds", 600, 1500), Figure("cold", name="first call after a restart")),
        slow=True,
    ),
    Case(
        "R8",
        "a message through 2 + 2 rails, 1.0",
        {"operation": "messages", "program": SAID, "settings": SETTINGS, "before": 20},
        (Figure("seconds", 20, 60),),
    ),
    Case(
        "R8",
        "a message through 2 + 2 rails, 2.x",
        {
            "operation": "messages",
            "program": RAILS_V2,
            "settings": "colang_version: 2.x\n",
            "before": 20,
        },
        (Figure("seconds", 20, 50),),
    ),
    Case(
        "R11",
        "heap kept by each message, 1.0",
        {
            "operation": "messages",
            "program": SAID,
            "settings": SETTINGS,
            "before": 1_100,
            "heap_of": 40,
        },
        (Figure("heap", unit="B"),),
        slow=True,
    ),
)
