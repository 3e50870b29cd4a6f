"""The tree of Colang 2.x: conformance, layout, recovery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import colang
from colang import records
from colang.diagnostics import Diagnostic
from colang.source import Span
from colang.syntax import detect, nodes, to_text
from colang.syntax.parser_v2 import parse_v2
from support import ROOT

CONFORMANCE = ROOT / "tests" / "conformance" / "colang2"
CORPUS = sorted((ROOT / "tests" / "corpus" / "migration").glob("*/after/**/*.co"))

# Rejected for what several lines or files say, which is not the parser's business.
BY_ANALYSIS = {
    "C2-035": "two flows of one name",
    "C2-037": "no main",
    "C2-178": "await of an event",
    "C2-179": "activate of an action",
    "C2-216": "activate with or",
    "C2-217": "match on a flow",
    "C2-218": "send of a flow",
    "C2-219": "start of an event",
    "C2-331": "override of nothing",
    "C2-332": "two overrides",
    "C2-448": "an import that does not exist",
    "C2-449": "a library flow without override",
    "C2-930": "an event parameter called type",
    "C2-947": "positional arguments of an action",
}


def conformance() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted(CONFORMANCE.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            found.append({**case, **case.get("recommended", {})})
    return found


CASES = conformance()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_conformance(case: dict[str, Any]) -> None:
    valid = case.get("valid", True) and not case.get("load_error")
    for text in (t for n, t in case.get("files", {}).items() if n.endswith(".co")):
        assert parse_v2(text)[1] == ()
    module, problems = parse_v2(case.get("program", ""))
    if valid or case["id"] in BY_ANALYSIS:
        assert problems == ()
        if "flows" in case:
            assert [flow.name for flow in module.flows] == case["flows"]
        if "imports" in case:
            assert [found.path for found in module.imports] == case["imports"]
    else:
        assert problems != ()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_corpus(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    module, problems = parse_v2(text)
    assert problems == ()
    assert to_text(module) == text
    assert detect(text).version == "2.x"


def texts(module: nodes.Module, *spans: Span | None) -> list[str]:
    return [module.text[span.start : span.end] for span in spans if span]


def body(text: str) -> tuple[nodes.Stmt, ...]:
    """The statements of a flow, which has to be valid."""
    module, problems = parse_v2("flow main\n" + "".join(f"  {line}\n" for line in text.split("\n")))
    assert problems == ()
    return module.flows[0].body.statements


def test_header() -> None:
    text = '@active\n@meta(a=-1, b=["x{y}"])\nflow  brew   tea $kind $cups=2 -> $temp, $unit = "C"\n  pass\n'
    module, problems = parse_v2(text)
    (flow,) = module.flows
    assert problems == ()
    assert flow.name == "brew tea"
    assert [(p.name, p.default is None) for p in flow.params] == [("kind", True), ("cups", False)]
    assert [m.name for m in flow.members] == ["temp", "unit"]
    assert [d.name for d in flow.decorators] == ["active", "meta"]
    assert [(a.name, a.value) for a in flow.decorators[1].arguments] == [
        ("a", -1),
        ("b", ["x{y}"]),
    ]
    assert texts(module, flow.span, flow.name_span) == [text[:-1], "brew   tea"]


@pytest.mark.parametrize(
    ("line", "op", "target"),
    [
        ("go left", "await", None),
        ("await if needed call nurse", "await", None),
        ("$x = go left", "await", "x"),
        ("$x = two words(1)", "await", "x"),
        ("$x = SomeAction", "await", "x"),
        ("$x = await name(1)", "await", "x"),
        ("$x = (go left)", "await", "x"),
        ("$x = name(1) as $r", "await", "x"),
        ("stop $ref", "stop", None),
        ("(go left) and go up", "await", None),
        ("iffy idea", "await", None),
        ("notable $x", "await", None),
        ("deactivate a b", "deactivate", None),
    ],
)
def test_operations(line: str, op: str, target: str | None) -> None:
    (found,) = body(line)
    assert isinstance(found, nodes.Operation)
    assert (found.op, found.target) == (op, target)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("$x = $y", nodes.Assign),
        ("$x = $y.f()", nodes.Assign),
        ("$x = name(1)", nodes.Assign),
        ("$x = SomeAction(a=1)", nodes.Assign),
        ("$x = (1 + 2) * 3", nodes.Assign),
        ('$x = ..."make one"', nodes.Assign),
        ("$x += 1", nodes.Assign),
        ("($l.append(1))", nodes.ExprStmt),
        ("(len($l))", nodes.ExprStmt),
        ("(a b)", nodes.Operation),
        ("(a) or b", nodes.Operation),
        ("...", nodes.GenerateFlow),
        ("start_new_flow_instance:", nodes.LabelStmt),
        ('"""text"""', nodes.DocString),
        ("return", nodes.Return),
        ("return ($a, 1)", nodes.Return),
        ("log $x", nodes.Log),
        ("print ($x)", nodes.Print),
        ("priority 0.5", nodes.Priority),
        ("global $größe", nodes.Global),
    ],
)
def test_statements(line: str, kind: type[nodes.Node]) -> None:
    (found,) = body(line)
    assert type(found) is kind
    assert found.span == Span(12, 12 + len(line))


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("f", None),
        ("f()", []),
        ("f $x -1", ["$x -1"]),
        ('f "a" [1]', ['"a"', "[1]"]),
        ('f "a"[1]', ['"a"[1]']),
        ("f $x (1 + 2)", ["$x", "(1 + 2)"]),
        ("f $x.go(1) 2", ["$x.go(1)", "2"]),
        ("f $a=$x == 1 $b=not $c", ["a: $a=$x == 1", "b: $b=not $c"]),
        ("f(a=$a == 1 and $b, c=1)", ["a: a=$a == 1 and $b", "c: c=1"]),
        ('f"a"{"k": 1}', ['"a"', '{"k": 1}']),
        ("f -1 * 2 True", ["-1 * 2", "True"]),
        ("f (len($x))", ["len($x)"]),
    ],
)
def test_arguments(line: str, arguments: list[str] | None) -> None:
    (found,) = body(line)
    assert isinstance(found, nodes.Operation)
    assert isinstance(found.group, nodes.Spec)
    if arguments is None:
        assert found.group.arguments is None
        return
    text = f"flow main\n  {line}\n"
    written = [
        (f"{a.name}: " if a.name else "") + text[a.span.start : a.span.end]
        for a in found.group.arguments or ()
    ]
    assert [w.replace("(", "").replace(")", "") for w in written] == [
        a.replace("(", "").replace(")", "") for a in arguments
    ]


def test_groups_and_members() -> None:
    (found,) = body('match ($a.x.Finished(v=1) as $e or B) and (job "a").Started()')
    assert isinstance(found, nodes.Operation)
    group = found.group
    assert isinstance(group, nodes.AndGroup)
    either, job = group.items
    assert isinstance(either, nodes.OrGroup)
    assert isinstance(job, nodes.Spec)
    first, second = either.items
    assert isinstance(first, nodes.Spec)
    assert isinstance(second, nodes.Spec)
    assert (first.variable, first.ref, [m.name for m in first.members]) == (
        "a",
        "e",
        ["x", "Finished"],
    )
    assert (second.name, second.arguments) == ("B", None)
    assert (job.name, [m.arguments for m in job.members]) == ("job", [()])


def test_compound_statements() -> None:
    when, branches, loop = body(
        "when A() and b\n  pass\nor  when $r.Finished():\n  pass\norwhen C\n  pass\nelse\n  pass\n"
        "if $a\n  pass\n# comment\nelif $b:\n  pass\nelse if $c\n  pass\nelse:\n  pass\n"
        "while not $a\n  or $b\n  break\n  continue"
    )
    assert isinstance(when, nodes.When)
    assert [case.keyword.text for case in when.cases] == ["when", "or", "orwhen"]
    assert when.otherwise is not None
    assert isinstance(branches, nodes.If)
    assert [b.keyword.text for b in branches.branches] == ["if", "elif", "else", "else"]
    assert [b.condition is None for b in branches.branches] == [False, False, False, True]
    assert isinstance(loop, nodes.While)
    assert isinstance(loop.condition, nodes.BoolOp)
    assert len(loop.body.statements) == 2


def test_layout_does_not_matter() -> None:
    plain = "flow main\n  if $a\n    send A(x=1)\n  send B()\nflow b\n  pass\n"
    expected = [outline(flow) for flow in parse_v2(plain)[0].flows]
    for text in (
        plain.replace("\n", "\r\n"),
        plain.replace("  ", "\t"),
        "\ufeff" + plain,
        "\n" + "".join(f"      {line}\n" for line in plain.splitlines()),
        "".join(f"      {line}\n" for line in plain.splitlines()),
        plain.replace("\n", "  # note\n      # more\n\n"),
        plain.rstrip("\n"),
        plain.replace("A(x=1)", "A(\nx\t=\n # in\n1)"),
    ):
        module, problems = parse_v2(text)
        assert problems == (), text
        assert [outline(flow) for flow in module.flows] == expected
        assert to_text(module) == text


def outline(node: object) -> object:
    """A node without its places, to compare trees of different texts."""
    if isinstance(node, (nodes.Node,)):
        fields = [f for f in records.fields(node) if not f.endswith("span")]
        return type(node).__name__, *(outline(getattr(node, field)) for field in fields)
    if isinstance(node, nodes.Token):
        return node.type, node.text
    if isinstance(node, tuple):
        return tuple(outline(item) for item in node)
    return node


def test_meta_comment() -> None:
    assert parse_v2("flow a\n  pass\n# meta: exclude from llm\n")[0].exclude_from_llm
    assert not parse_v2("flow a\n  pass\n  # meta: exclude from llm\n")[0].exclude_from_llm
    assert not parse_v2('flow a\n  """\n# meta: exclude from llm\n"""\n')[0].exclude_from_llm


def test_tokens_know_the_keywords() -> None:
    module, _ = parse_v2("flow match if\n  if $x in [1] # c\n    match if needed\n")
    assert [t.type for t in module.tokens] == (
        [
            "FLOW",
            "WORD",
            "IF",
            "_NEWLINE",
            "IF",
            "VAR",
            "IN",
            "LSQB",
            "NUMBER",
            "RSQB",
            "COMMENT",
            "_NEWLINE",
            "MATCH",
            "IF",
            "WORD",
            "_NEWLINE",
        ]
    )


GOOD = "flow before\n  send A(x=1)\n\n", 'flow after $x\n  if $x\n    bot say "{$x}"\n'
BAD_FLOWS = [
    'flow broken\n  bot say "never closed\n  pass\n\n',
    "flow broken\n  send A(x=[1, 2\n  pass\n\n",
    'flow broken\n  """never closed\n  pass\n\n',
    "flow broken:\n  match A() or\n    B()\n\n",
    "flow broken $a, $b\n      pass\n   pass\n\n",
    "flow broken\n  else\n    pass\n    )\n\n",
    "flow broken(\n  pass\n\n",
    "flow broken\n\n",
    "@meta(\nflow broken\n  pass\n\n",
    "flow broken\n  $x = {\n  {\n\n",
    "define flow broken\n  user said hi\n\n",
    "\0\x0c$$;\n  !!\n\n",
]


@pytest.mark.parametrize("bad", BAD_FLOWS)
def test_a_bad_flow_hides_no_other(bad: str) -> None:
    before, after = GOOD
    module, problems = parse_v2(before + bad + after)
    assert problems
    assert all(len(before) <= p.span.start < len(before + bad) for p in problems)
    found = {flow.name: flow for flow in module.flows}
    assert outline(found["before"]) == outline(parse_v2(before)[0].flows[0])
    assert outline(found["after"]) == outline(parse_v2(after)[0].flows[0])


def test_statements_around_a_mistake_are_kept() -> None:
    text = "flow main\n  send A()\n  if $x =\n    send B()\n  else\n    send C()\n  send D()\n"
    module, problems = parse_v2(text)
    assert [p.code for p in problems] == ["CO116", "CO105"]
    first, second, third, last = module.flows[0].body.statements
    assert isinstance(second, nodes.ErrorStmt)
    assert isinstance(third, nodes.ErrorStmt)
    assert second.body is not None
    assert isinstance(second.body.statements[0], nodes.Operation)
    assert isinstance(first, nodes.Operation)
    assert isinstance(last, nodes.Operation)


def test_lines_of_an_unexpected_block_are_kept() -> None:
    module, problems = parse_v2("flow main\n  send A()\n    send B()\n    send C()\n  send D()\n")
    assert [p.code for p in problems] == ["CO103"]
    assert len(module.flows[0].body.statements) == 4


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("flow m\n  $x = " + "(" * 10_000 + ")" * 10_000 + "\n", "CO137"),
        ("flow m\n  match " + "(" * 10_000 + "A()" + ")" * 10_000 + "\n", "CO137"),
        ("flow m\n  $x = 1" + " + 1" * 10_000 + "\n", "CO137"),
        ("flow m\n  $x = " + "not " * 10_000 + "$a\n", "CO137"),
        ("flow m\n  $x = $a" + ".b" * 10_000 + "\n", "CO137"),
        ("flow m\n  $x = 1" + " if 1 else 1" * 10_000 + "\n", "CO137"),
        ("flow m\n" + "".join(" " * i + "if $a\n" for i in range(1, 300)), "CO137"),
        ('flow m\n  $x = "' + "a" * 10_000_000 + '"\n', "CO138"),
        ("flow m\n  $x = " + "1" * 10_000 + "\n", "CO138"),
        ("flow m\n  send A(x=[1,\n" * 3_000, "CO107"),
    ],
    ids=lambda value: value if len(value) < 10 else "",
)
def test_limits(text: str, code: str) -> None:
    module, problems = parse_v2(text)
    assert code in {p.code for p in problems}
    assert to_text(module) == text


def test_diagnostics_are_in_order_and_have_help() -> None:
    _, problems = parse_v2("".join(BAD_FLOWS))
    assert [p.span for p in problems] == sorted(p.span for p in problems)
    assert all(isinstance(p, Diagnostic) and p.help for p in problems)


def test_parse_tells_the_dialects_apart() -> None:
    assert colang.parse("flow main\n  pass\n").version == "2.x"
    assert colang.parse("define flow\n  user said hi\n").version == "1.0"
    assert colang.parse("").version == "2.x"
    assert colang.parse("define user x\n", version="2.x").diagnostics == ()
    with pytest.raises(ValueError, match=r"3\.0"):
        colang.parse("", version="3.0")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("", None),
        ("hello\n", None),
        ("# define user x\n", None),
        ('"""\ndefine user x\n"""\nflow main\n  pass\n', "2.x"),
        ("  define user x\n", "1.0"),
        ("defined\n", None),
        ("import core\n", "2.x"),
        ("@active\nflow a\n  pass\n", "2.x"),
        ("execute thing\n", "1.0"),
        ("define user x\ndefine bot y\nflow a\n", "1.0"),
    ],
)
def test_detect(text: str, version: str | None) -> None:
    found = detect(text)
    assert found.version == version
    for evidence in found.evidence:
        assert text[evidence.span.start : evidence.span.end] == evidence.text


@pytest.mark.parametrize(
    "text",
    [
        "if **\n\tand True\r\n",
        "}>x {{\nand //))",
        "flow m\n  when A()\n    @Shh()\n",
        "flow m\n  @a\nflow n\n  pass\n",
        "@a\nor when\n",
        "flow m(\nand x\n",
    ],
)
def test_mistakes_before_a_continued_line_come_to_an_end(text: str) -> None:
    module, problems = parse_v2(text)
    assert problems
    assert to_text(module) == text
