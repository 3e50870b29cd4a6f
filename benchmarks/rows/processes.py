"""P3: whole processes, from the start of Python to its end."""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure

SMALL_BOT = {
    "config.yml": "models: []\n",
    "main.co": """\
define user express greeting
  "hello"
  "hi"

define bot express greeting
  "Hello there!"

define flow greeting
  user express greeting
  bot express greeting
""",
}

CASES = (
    Case(
        "P3",
        "import the package",
        {"operation": "command", "name": "import", "files": {}},
        (Figure("seconds", 9, 20),),
    ),
    Case(
        "P3",
        "--help",
        {"operation": "command", "name": "help", "files": {}},
        (Figure("seconds", 12, 30),),
    ),
    Case(
        "P3",
        "convert one small config",
        {"operation": "command", "name": "convert", "files": SMALL_BOT},
        (Figure("seconds", 8, 15),),
    ),
)
