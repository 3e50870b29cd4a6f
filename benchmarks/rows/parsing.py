"""P1 and P1b: the parser of Colang 2.x."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.rows.model import Case, Figure

_ROOT = Path(__file__).resolve().parents[2]


def generated(size: int) -> str:
    """A program of at least `size` characters; no two flows are the same text."""
    parts = ["import core\n\n"]
    length, number = len(parts[0]), 0
    while length < size:
        part = _FLOWS[number % len(_FLOWS)].replace("NN", str(number))
        parts.append(part)
        length += len(part)
        number += 1
    return "".join(parts)


_FLOWS = (
    """\
flow user asked about topic_NN
  user said "tell me about NN" or user said "what is NN?"

""",
    """\
@meta(user_intent=True)
flow answer_NN $name $limit=NN -> $answer
  # looks the subject up, at most three times
  $count = 0
  while $count < 3 and not $answer
    $result = await LookUpAction(subject=$name, page=$count + NN, options={"lang": "en", "n": [1, 2, NN]})
    if $result == None
      bot say "Nothing about {$name} on page {$count}."
    elif len($result) > $limit
      $answer = $result[0]
    else
      $answer = "{$name}: {$result}"
    $count = $count + 1
  return $answer

""",
    """\
flow guide_NN
  when user asked about topic_NN
    $answer = await answer_NN "topic NN"
    bot say $answer
  or when user said (regex("(?i)stop NN")) as $stop
    send GuideStopped(number=NN, reason="asked", text=$stop.transcript)
    abort
  or when UtteranceUserAction().Finished(final_transcript="bye NN")
    bot say "Good bye" and bot gesture "wave"

""",
    """\
@active
flow lamp_NN
  match LampSwitched(id=NN, state="on") as $event
  start LampAction(color=$event.color, level=$event.level * 2 + NN % 100) as $lamp
  match $lamp.Finished() or (LampFailed(id=NN) and TimerExpired(id="t NN"))
  log "lamp {$lamp.uid} is done"

""",
)


def real() -> list[str]:
    """The 2.x files of the standard library and of the examples, each once."""
    folders = (_ROOT / "interpreter" / "colang_interpreter" / "library", _ROOT / "examples")
    files = sorted(path for folder in folders for path in folder.rglob("*.co"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    return [text for text in texts if not re.search(r"^define ", text, re.MULTILINE)]


CASES = (
    Case(
        "P1",
        "parse 2.x, 100 KB generated",
        {"operation": "parse", "texts": [generated(100_000)]},
        (Figure("seconds", 3, 10),),
    ),
    Case(
        "P1",
        "parse 2.x, library and examples",
        {"operation": "parse", "texts": real()},
        (Figure("seconds", 3, 10),),
    ),
    Case(
        "P1b",
        "ready to parse, new process",
        {"operation": "ready"},
        (Figure("seconds", 10, 25),),
    ),
)
