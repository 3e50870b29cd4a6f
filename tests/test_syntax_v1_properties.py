"""What holds for every text given to the 1.0 parser: it ends, keeps every character, and tells true places."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from colang.diagnostics import Severity
from colang.records import fields
from colang.syntax import nodes_v1 as n
from colang.syntax.lexer_v1 import is_colang_1, split_lines
from colang.syntax.nodes import Token
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.v1.elements import module_elements

HERE = Path(__file__).parent


def corpus() -> list[str]:
    """Every 1.0 file of the corpus and every source of the conformance data."""
    texts = [p.read_text("utf-8") for p in sorted((HERE / "corpus").rglob("*.co"))]
    texts = [text for text in texts if is_colang_1(text)]
    for path in sorted((HERE / "conformance" / "colang1").glob("*.yaml")):
        for case in yaml.safe_load(path.read_text("utf-8"))["cases"]:
            source = case.get("source") or case.get("colang")
            if source:
                texts.append(source)
    return texts


CORPUS = corpus()
PIECES = ["\n", "\n  ", "\n    ", '"', "'", '"""', "#", "\\\n", " or\n", "(", ")", ":", "\t", "$x", "= ",
          "define flow x\n", "define user y\n", "if $a\n", "else\n", "when user b\n", "stop", "...", "[", "]",
          "{", "}", ",", " with a=", "\r\n", "\u00e9", "\U0001f600", "\x0c", "\ufeff", "do ", "meta\n", "infer\n", "-"]  # fmt: skip


def check(text: str) -> n.Module:
    """The properties themselves."""
    module, diagnostics = parse_v1(text)
    assert module.to_text() == text
    end = 0
    for token in module.tokens:
        assert token.start >= end and text.startswith(token.text, token.start) and token.text
        end = token.end
    for diagnostic in diagnostics:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        for edit in diagnostic.fix.edits if diagnostic.fix else ():
            assert 0 <= edit.span.start <= edit.span.end <= len(text)
        assert "\n" not in diagnostic.message and "\n" not in (diagnostic.help or "")
    for thing in things(module.definitions):
        if isinstance(thing, n.Node):
            assert 0 <= thing.span.start <= thing.span.end <= len(text)
        elif isinstance(thing, (Token, n.Text)):
            raw = thing.text if isinstance(thing, Token) else thing.raw
            written = text[thing.start : thing.end]
            assert written == raw or "\n" in written  # a continuation is blanked out
        elif isinstance(thing, (n.Name, n.Expression)):
            assert 0 <= thing.start <= thing.end <= len(text)
    for compat in (None, "nemoguardrails"):
        for flow in module_elements(module, compat).flows:
            flow.to_data()
    return module


def things(value: object) -> Iterator[object]:
    """Everything in a tree."""
    if isinstance(value, (Token, n.Name, n.Expression, n.Text, n.Comment)):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from things(item)
    elif isinstance(value, n.Node):
        yield value
        for field in fields(value):
            yield from things(getattr(value, field))


def test_corpus_is_kept_and_valid() -> None:
    files = [p for p in sorted((HERE / "corpus").rglob("*.co"))]
    seen = 0
    for path in files:
        text = path.read_text("utf-8")
        if is_colang_1(text):
            seen += 1
            check(text)
            errors = [d for d in parse_v1(text)[1] if d.severity is Severity.ERROR]
            assert not errors, (path, errors)
    assert seen >= 30


def test_runtime_programs_are_valid() -> None:
    """Programs of the conformance data that the reference runs have no errors here, but for quirks."""
    refused: set[str] = set()
    for path in sorted((HERE / "conformance" / "colang1").glob("*.yaml")):
        if path.name.startswith("parse-"):
            continue
        for case in yaml.safe_load(path.read_text("utf-8"))["cases"]:
            source = case.get("colang")
            if source and any(d.severity is Severity.ERROR for d in parse_v1(source)[1]):
                refused.add(case["id"])
    assert refused == set()


def test_every_source_keeps_its_text() -> None:
    for text in CORPUS:
        check(text)


def test_windows_line_ends_change_nothing() -> None:
    for text in CORPUS[:60]:
        if '"""' in text or "\\\n" in text:
            continue
        plain = module_elements(parse_v1(text)[0]).to_data()
        check(text.replace("\n", "\r\n"))
        assert module_elements(parse_v1(text.replace("\n", "\r\n"))[0]).to_data() == plain


def test_a_cut_file_keeps_what_stands_before() -> None:
    """Cut at every token: the definitions that are complete before the cut are those of the whole file."""
    texts = [t for t in CORPUS if len(t) < 1500][:25]
    for text in texts:
        whole = parse_v1(text)[0]
        for token in whole.tokens:
            module = check(text[: token.start])
            complete = [d for d in whole.definitions if d.span.end < token.start]
            # the last one may still grow, the ones before it may not change
            for a, b in zip(complete[:-1], module.definitions, strict=False):
                assert a == b


@settings(max_examples=150)
@given(st.text(alphabet=st.sampled_from([*"ab $=\"'#\\\n\t:(),[]{}.-1_", "é", "\r"]), max_size=80))
def test_any_text(text: str) -> None:
    check(text)
    check("define flow a\n  " + text)
    check("define bot a\n  " + text)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_pieces(text: str) -> None:
    check(text)
    check("define flow a\n  user b\n  " + text)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        text = rng.choice(CORPUS)
        for _ in range(rng.randint(1, 4)):
            at = rng.randint(0, len(text))
            to = min(len(text), at + rng.choice((0, 0, 1, 1, 3, 20)))
            text = text[:at] + rng.choice(["", *PIECES]) + text[to:]
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        "define flow a\n  user b\\\n# c\n    d\n",
        "define flow a\n  \\\n  # c\n  user b\n",
        "define flow a\n  \\\n  user b\n",
        "define flow a\n  user b or\n\n  bot c\n",
        'define bot a\n  "b\n  c" # d\n',
        "\ufeffdefine flow a\n  user b\n",
        "define flow a\n  user b \\",
        ":\n", "define", "define ", "def :", "define flow:", '"', '"""', "#", "\\", " or", "$", "else", ": a\n", "a\n  : b\n    c\n", "define user\n\tx",
    ],
)  # fmt: skip
def test_edges(text: str) -> None:
    """Found by damaging files, kept so that they stay found."""
    check(text)


def test_logical_lines_have_true_offsets() -> None:
    for text in CORPUS:
        for line in split_lines(text).lines:
            for index, letter in enumerate(line.text):
                if not letter.isspace():
                    assert text[line.start + index] == letter


ORDINARY = """define user ask topic {0}
  "what about topic {0}?"

define bot tell topic {0}
  "Topic {0} is $topic."

# Tells about topic {0}.
define flow topic {0}
  user ask topic {0}
  $found = execute look_up(name="topic {0}", count={0})
  if $found and $count > {0}
    bot tell topic {0}
  else
    bot inform nothing found
  when user confirm
    $n = $n + 1
  else when user deny
    do say goodbye
    stop

"""
HOSTILE: dict[str, Callable[[int], str]] = {
    "an ordinary program": lambda k: "".join(ORDINARY.format(i) for i in range(k // 5)),
    "unclosed texts": lambda k: '  "a\n' * k,
    "unclosed docstrings": lambda k: "define flow a\n" + '  """a\n' * k,
    "quotes in one line": lambda k: "define flow a\n  user " + '"' * k + "\n",
    "escapes in one line": lambda k: "define flow a\n  user b # " + "\\" * k + "\n  bot " + '\\"' * k + "\n",
    "apostrophes": lambda k: "define flow a\n  user b" + " '" * k + " # c\n",
    "brackets": lambda k: "define flow a\n  execute b(" + "[" * k + "\n",
    "deep list": lambda k: "define flow a\n  execute b(c=" + "[" * k + "]" * k + ")\n",
    "deep expression": lambda k: "define flow a\n  if " + "(" * k + "\n    stop\n",
    "long expression": lambda k: "define flow a\n  if " + "$a + " * k + "1\n    stop\n",
    "not not": lambda k: "define flow a\n  if " + "not " * k + "$a\n    stop\n",
    "digits": lambda k: "define flow a\n  $x = " + "1" * k + "a\n  execute b(c=" + "1" * k + "a)\n  priority " + "1" * k,
    "stairs": lambda k: "define flow a\n" + "".join(" " * i + "if $a\n" for i in range(1, int(k**0.5))),
    "else chain": lambda k: "define flow a\n  if $a\n    stop\n" + "  else if $b\n    stop\n" * k,
    "else when chain": lambda k: "define flow a\n  when user a\n    stop\n" + "  else when user b\n    stop\n" * k,
    "unknown words": lambda k: "define flow a\n" + "".join(f"  wrong{i} x\n" for i in range(k)),
    "continuations": lambda k: "define flow a\n  user b \\\n" * 1 + "    c \\\n" * k,
    "or chain": lambda k: "define flow a\n  user b or\n" + "    user c or\n" * k,
    "newer flows": lambda k: "define flow a\n  stop\n" + "flow b\n  match c\n" * k,
    "same flows": lambda k: "define flow\n  stop\n" * k,
    "stray": lambda k: "stop\n" * k,
    "nested names": lambda k: "".join(" " * i + "a:\n" for i in range(int(k**0.5))),
    "definitions in bodies": lambda k: "define user a\n  define user b\n" * k,
    "gotos": lambda k: "define flow a\n" + "".join(f"  label l{i}\n" for i in range(k)) + "  goto l\n" * 1,
    "blanks": lambda k: "define flow a\n  user b" + " " * k + "c" + "\t" * k + "\n" + " " * k + "x",
    "dedents": lambda k: "define flow a\n        stop\n" + "    stop\n  stop\n      stop\n" * k,
    "entries": lambda k: "define flow a\n  execute b\n" + "    c:\n      - d\n" * k,
    "with": lambda k: "define flow a\n  execute b" + " with" * k + " = $\n",
    "something": lambda k: "define flow a\n  user b" + " something" * k + "\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name: str) -> None:
    """Four times the text takes at most about four times as long; measured with a margin, as CPU time."""
    build = HOSTILE[name]
    small, large = build(1500), build(6000)

    def cost(text: str) -> float:
        best = 1e9
        for _ in range(2):
            begin = time.process_time()
            parse_v1(text)
            best = min(best, time.process_time() - begin)
        return best

    check(build(40))
    assert cost(large) < 11 * max(cost(small), 0.002)
