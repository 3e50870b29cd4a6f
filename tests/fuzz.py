"""Fuzzing by hand: damaged programs of both dialects through parser, check, compiler and machine.

    python tests/fuzz.py --seconds 1200 --seed 1

Prints a summary, and stops at the first text that raises what it should not or takes too long; that text is
written to `fuzz-failure.txt`. The tests run it for a few seconds (`test_fuzz.py`).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

import colang
from colang.syntax.parser_v1 import parse_v1
from colang.syntax.parser_v2 import parse_expression, parse_v2
from colang_interpreter.errors import CompileError
from colang_interpreter.v2.program import Limits, compile_project

HERE = Path(__file__).parent
PIECES = [
    *(
        "flow main\n",
        "  ",
        "    ",
        "\n",
        "\t",
        "\r\n",
        "#",
        '"',
        "'",
        '"""',
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
    ),
    *(
        "$x",
        "$",
        "=",
        "==",
        "+=",
        ",",
        ":",
        ".",
        "...",
        "->",
        "@loop",
        "@override\n",
        "and ",
        "or ",
    ),
    *(
        "or when ",
        "when ",
        "else\n",
        "if $x\n",
        "while True\n",
        "match ",
        "send ",
        "await ",
        "start ",
    ),
    *(
        "activate ",
        "abort\n",
        "return ",
        "global $x\n",
        "define flow a\n",
        "define user b\n",
        "user c\n",
    ),
    *("bot d\n", "execute e(f=1)\n", "do g\n", "goto h\n", "label h\n", "stop\n", "priority 0.5\n"),
    *(
        "UtteranceUserAction.Finished()",
        " as $r",
        "\x00",
        "\ufeff",
        "é",
        "\u2028",
        "{$x}",
        "{{",
        "\\",
    ),
]
LIMITS = Limits(instructions=20_000, events=2_000, instances=200, depth=50)
SLOW = 5.0


def seeds() -> list[str]:
    """Texts to damage: the corpus, the conformance programs, the examples and the library."""
    texts = [path.read_text(encoding="utf-8") for path in HERE.glob("corpus/**/*.co")]
    for path in HERE.glob("conformance/*/*.yaml"):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")).get("cases", ()):
            texts += [
                case[key]
                for key in ("program", "colang", "source")
                if isinstance(case.get(key), str)
            ]
    return texts


def damaged(rng: random.Random, texts: list[str]) -> str:
    """One text, cut, spliced and sprinkled with pieces of the languages."""
    text = rng.choice(texts)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(text))
        end = min(len(text), at + rng.randint(0, 12))
        match rng.randint(0, 5):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:at] + rng.choice(PIECES) + text[at:]
            case 2:
                text = text[:at] + rng.choice(PIECES) + text[end:]
            case 3:
                text = text[:at] + text[at:end] * rng.randint(2, 5) + text[end:]
            case 4:
                other = rng.choice(texts)
                cut = rng.randint(0, len(other))
                text = text[:at] + other[cut : cut + 200]
            case _:
                text = text[:at]
    return text


def try_parsers(text: str) -> None:
    """Both parsers keep every character, whatever the text is."""
    module, _ = parse_v2(text)
    assert module.text == text
    old, _ = parse_v1(text)
    assert old.to_text() == text
    parse_expression(text[:200])


def try_running(text: str) -> None:
    """What compiles starts, takes events, and can be saved and restored."""
    try:
        program = compile_project(
            colang.Project.from_texts({"main.co": text}, version="2.x"), limits=LIMITS
        )
    except CompileError:
        return
    state, outputs = program.start(1)
    for number in range(4):
        events = [{"type": "Go"}, {"type": "UtteranceUserActionFinished", "final_transcript": "hi"}]
        events += [
            {"type": f"{e['type'][5:]}Finished", "action_uid": e["action_uid"], "is_success": True}
            for e in outputs
            if e["type"].startswith("Start") and "action_uid" in e
        ][:3]
        outputs = [out for event in events for out in state.feed(event)]
        if number == 1:
            blob = state.dump()
            state = program.restore(blob)
            assert state.dump() == blob


def run(seconds: float, seed: int, report: Callable[[str], object] = print) -> Counter[str]:
    """Fuzz for that long; what was done. Raises what a text should not have raised."""
    rng = random.Random(seed)
    texts = seeds()
    done: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        text = damaged(rng, texts)
        began = time.process_time()
        try:
            try_parsers(text)
            if done["texts"] % 3 == 0:
                try_running(text)
                done["runs"] += 1
            took = time.process_time() - began
            assert took < SLOW, f"{took:.1f} s"
        except BaseException:
            Path("fuzz-failure.txt").write_text(text, encoding="utf-8", errors="surrogatepass")
            raise
        done["texts"] += 1
        if done["texts"] % 5_000 == 0:
            report(f"{done['texts']} texts, {done['runs']} of them run")
    return done


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    print(dict(run(given.seconds, given.seed)))
    sys.exit(0)
