"""The 1.0 grammar and the 1.0 parser describe one language.

What the grammar writes, the parser accepts; what the corpus holds, both read as the same kinds of statements.
In the grammar, U+000E and U+000F stand for more and less indentation (see v1_0.lark).
"""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark, Token, Tree

from colang.diagnostics import Diagnostic, Severity
from colang.syntax import nodes_v1 as n
from colang.syntax.lexer_v1 import Line, is_colang_1, split_lines
from colang.syntax.parser_v1 import parse_v1
from colang_grammars import source

HERE = Path(__file__).parent
DEEPER, BACK = "\x0e", "\x0f"
GRAMMAR = Lark(source("1.0"), parser="earley", keep_all_tokens=False)
# What the grammar cannot say: names of flows and labels, and examples that look like forgotten quotes.
BEYOND_GRAMMAR = {"CO166", "CO189", "CO190"}

KINDS: dict[str, tuple[type[object], ...]] = {
    "user_def": (n.UserDef,),
    "bot_def": (n.BotDef,),
    "flow_def": (n.FlowDef,),
    "shorthand": (n.FlowDef,),
    "action_def": (n.ActionDef,),
    "import_line": (n.Import,),
    "example": (n.Example,),
    "text_line": (n.TextLine,),
    "condition": (n.Condition,),
    "note": (n.Note,),
    "user_stmt": (n.UserStmt,),
    "bot_stmt": (n.BotStmt,),
    "event_stmt": (n.EventStmt,),
    "create_stmt": (n.CreateStmt,),
    "run_stmt": (n.ExecuteStmt,),
    "set_stmt": (n.Assign,),
    "generate_stmt": (n.Generate,),
    "do_stmt": (n.DoStmt,),
    "if_stmt": (n.If,),
    "while_stmt": (n.While,),
    "when_stmt": (n.When,),
    "any_stmt": (n.AnyStmt,),
    "meta_stmt": (n.Meta,),
    "priority_stmt": (n.Priority,),
    "label_stmt": (n.LabelStmt,),
    "goto_stmt": (n.Goto,),
    "stop_stmt": (n.Stop,),
    "return_stmt": (n.Return,),
    "break_stmt": (n.Break,),
    "continue_stmt": (n.Continue,),
    "check_stmt": (n.Check,),
}
NAMES = {kind: name for name, kinds in KINDS.items() for kind in kinds}
NAMES[n.FlowDef] = "flow"


def indented(program: str) -> str:
    """A program of the grammar as a file: the two layout characters become spaces."""
    level = 0
    out: list[str] = []
    for line in program.split("\n"):
        bare = line.lstrip(DEEPER + BACK)
        marks = line[: len(line) - len(bare)]
        level += marks.count(DEEPER) - marks.count(BACK)
        out.append("  " * level + bare)
    return "\n".join(out)


def bracketed(lines: list[Line]) -> str:
    """The lines of a file as a program of the grammar, without its comments."""
    out: list[str] = []
    open_blocks = [0]
    for line in lines:
        if line.indent > open_blocks[-1]:
            open_blocks.append(line.indent)
            out.append(DEEPER)
        while line.indent < open_blocks[-1]:
            open_blocks.pop()
            out.append(BACK)
        out.append(line.text + "\n")
    out.append(BACK * (len(open_blocks) - 1))
    return "".join(out)


def errors(text: str) -> list[Diagnostic]:
    return [
        d
        for d in parse_v1(text)[1]
        if d.severity is Severity.ERROR and d.code not in BEYOND_GRAMMAR
    ]


LETTERS = st.sampled_from([chr(c) for c in range(32, 127)] + [*"\t\n\x0e\x0fäéß打呼😀"])
PROGRAMS = from_lark(GRAMMAR, start="start", alphabet=LETTERS)
# Shrinking takes minutes and the failing line is easy to see: a program is a list of independent lines.
QUICK = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


NESTED = """define flow
  user ask price
  bot tell price (unit=(1, 2), note="net")
  bot tell price (unit=((1,), ")"), note="net") "It is two."
"""


@QUICK
@given(PROGRAMS)
@example(NESTED)
def test_programs_of_the_grammar_are_accepted(program: str) -> None:
    text = indented(program)
    assert errors(text) == [], text
    assert parse_v1(text)[0].to_text() == text


def corpus() -> list[str]:
    texts = [path.read_text("utf-8") for path in sorted((HERE / "corpus").rglob("*.co"))]
    texts = [text for text in texts if is_colang_1(text)]
    for path in sorted((HERE / "conformance" / "colang1").glob("parse-*.yaml")):
        for case in yaml.safe_load(path.read_text("utf-8"))["cases"]:
            text = case.get("source") or case.get("colang")
            if text and not errors(text):
                texts.append(text)
    return [*texts, NOTES, NESTED]


NOTES = """define user give details
  param city as name
  set kind = form
  in the context of booking
  "I live in $city"
"""


def definitions(text: str) -> list[list[Line]]:
    """The lines of a file, cut before each line at the left margin."""
    chunks: list[list[Line]] = []
    for line in split_lines(text).lines:
        if not line.indent or not chunks:
            chunks.append([])
        chunks[-1].append(line)
    return chunks


def kinds_of_tree(tree: Tree[Token]) -> list[str]:
    """Names of the rules of statements and definitions, in the order of the text."""
    out: list[str] = []
    for child in [tree, *_children(tree)]:
        if child.data in KINDS:
            name = str(child.data)
            out.append("flow" if name in ("flow_def", "shorthand") else name)
    return out


def _children(tree: Tree[Token]) -> list[Tree[Token]]:
    out: list[Tree[Token]] = []
    for child in tree.children:
        if isinstance(child, Tree):
            out += [child, *_children(child)]
    return out


def kinds_of_module(module: n.Module) -> list[str]:
    out: list[str] = []
    for definition in module.definitions:
        out.append(NAMES[type(definition)])
        if isinstance(definition, n.UserDef):
            out += [NAMES[type(line)] for line in definition.body]
            out += [NAMES[type(s)] for s in n.walk(definition.direct)]
        elif isinstance(definition, n.BotDef):
            out += _bot_lines(definition.body)
        elif isinstance(definition, n.FlowDef):
            out += [NAMES[type(s)] for s in n.walk(definition.body)]
    return out


def _bot_lines(lines: tuple[n.BotLine, ...]) -> list[str]:
    out: list[str] = []
    for line in lines:
        # the grammar has one node for a condition with its branches
        if not isinstance(line, n.Condition) or line.keywords[0].text == "if":
            out.append(NAMES[type(line)])
        if isinstance(line, n.Condition):
            out += _bot_lines(line.body)
    return out


def test_corpus_reads_alike() -> None:
    """Each definition of the corpus, by grammar and by parser: the same statements in the same order."""
    seen: set[str] = set()
    kinds: set[str] = set()
    for text in corpus():
        for lines in definitions(text):
            program = bracketed(lines)
            if program in seen or any(line.joined for line in lines):
                continue
            seen.add(program)
            by_grammar = kinds_of_tree(GRAMMAR.parse(program))
            by_parser = kinds_of_module(parse_v1(indented(program))[0])
            # texts below a bot statement and events below `infer` are parts of it in the tree
            if "text_line" in by_grammar and "flow" in by_grammar:
                by_grammar = [kind for kind in by_grammar if kind != "text_line"]
            if "infer\n" in program:
                by_grammar = by_parser = []
            assert by_grammar == by_parser, program
            kinds.update(by_grammar)
    assert len(seen) > 200
    assert kinds >= set(KINDS) - {"flow_def", "shorthand"}
