"""R0, R4 and R6: chat on the core library, through the outer loop."""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure

_REACTIONS = """\
flow greeting
  user greeted
  bot greet

flow user greeted
  user said "hi" or user said "hello"

flow bot greet
  bot say "Hello there!"

flow weather
  user said "what will the weather be?"
  bot say "It will rain."

flow farewell
  user said (regex("(?i)bye"))
  bot say "Good bye!"
"""

CHAT = f"""\
import core

flow main
  activate greeting
  activate weather
  activate farewell
  match Never()

{_REACTIONS}"""

TRACKED_CHAT = CHAT.replace(
    "flow main\n",
    "flow main\n  activate tracking bot talking state\n  activate tracking user talking state\n",
)

FULL_CHAT = TRACKED_CHAT.replace(
    "import core\n", "import core\nimport llm\nimport timing\n"
).replace(
    "  activate farewell\n",
    "  activate farewell\n"
    '  activate notification of unexpected user utterance "Pardon?"\n'
    "  activate notification of colang errors\n",
)

TEXTS = ("hi", "what will the weather be?", "Bye for now", "hello")


def _turns(title: str, program: str, must: tuple[float, float], stretch: float) -> Case:
    return Case(
        "R4",
        f"chat turn{title}",
        {"operation": "chat", "program": program, "texts": TEXTS, "turns": 1_000},
        (
            Figure("first", must[0], stretch, name="first 20"),
            Figure("last", must[1], stretch, name="after 1 000"),
        ),
        slow=True,
    )


CASES = (
    Case(
        "R0",
        "start, chat program",
        {"operation": "start", "program": FULL_CHAT, "times": 30},
        (Figure("seconds", 20, 40),),
    ),
    _turns("", CHAT, (20, 40), 80),
    _turns(" with tracking flows", TRACKED_CHAT, (20, 40), 80),
    Case(
        "R6",
        "1 000 conversations in one loop",
        {
            "operation": "many",
            "program": CHAT,
            "text": "hello",
            "conversations": 1_000,
            "heap_of": 20,
            "turns": 20,
        },
        (
            Figure("seconds", 20, 40, name="a turn"),
            Figure("heap_first", unit="B", name="heap of one, after its first turn"),
            Figure("heap", 5, 10, unit="B", name="heap of one, after 20 turns"),
        ),
        slow=True,
    ),
)
