"""M1: Colang 1.0 to 2.x in memory."""

from __future__ import annotations

from benchmarks.rows.model import Case, Figure

_DEFINITIONS = """\
define user ask about item NN
  "what is item NN"
  "tell me about NN, please"

# The answer of May.
define bot explain item NN
  "Item NN costs $price, and we never stop."
  "That is {{ price }} for NN."

define flow item NN
  user ask about item NN
  $price = execute look_up(item="NN", limit=3)
  if $price and not ($price == 0)
    bot explain item NN
  else
    bot say sorry NN
    stop
  when user ask about item NN
    do count NN
  else when user said thanks
    bot say bye NN

define subflow count NN
  $count = $count + 1
  if $count > 3
    execute call_help

"""


def generated(size: int) -> str:
    """A file of at least `size` characters; no two definitions have one name."""
    times = size // len(_DEFINITIONS) + 1
    return "".join([_DEFINITIONS.replace("NN", str(number)) for number in range(times)])


CASES = (
    Case(
        "M1",
        "migrate one text, 1 MB",
        {"operation": "migration", "text": generated(1_000_000)},
        (Figure("seconds", 0.35, 1),),
    ),
)
