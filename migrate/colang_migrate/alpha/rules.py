"""The rewrites of 2.0-alpha."""

from __future__ import annotations

import re
from collections.abc import Iterator

from colang.source import Span
from colang.syntax.nodes import Token
from colang_migrate.alpha.engine import AlphaContext, Line, is_raw, rewrite_line
from colang_migrate.edits import Edit, line_end, line_start, next_line
from colang_migrate.findings import Finding
from colang_migrate.texts import escape

#: Flows of the alpha library and what they are called now; None: nothing does that any more.
RENAMED: dict[str, str | None] = {
    "catch colang errors": "notification of colang errors",
    "catch undefined flows": "notification of undefined flow start",
    "catch unexpected user utterance": "notification of unexpected user utterance",
    "track bot talking state": "tracking bot talking state",
    "track user talking state": "tracking user talking state",
    "track user utterance state": "tracking user talking state",
    "track bot utterance state": "tracking bot talking state",
    "poll llm request response": "polling llm request response",
    "trigger user intent for unhandled user utterance": (
        "generating user intent for unhandled user utterance"
    ),
    "generate then continue interaction": "llm continue interaction",
    "track unhandled user intent state": "tracking unhandled user intent state",
    "respond to unhandled user intent": "continuation on unhandled user intent",
    "interruption handling bot talking": "handling bot talking interruption",
    "manage listening posture": "managing listening posture",
    "manage talking posture": "managing talking posture",
    "manage thinking posture": "managing thinking posture",
    "manage bot postures": "managing bot postures",
    "manage attentive posture": None,
    "track user presence state": None,
    "user became no longer present": None,
}
_OPERATIONS = frozenset(
    ["ACTIVATE", "AWAIT", "START", "WHEN", "ORWHEN", "AND", "OR", "STOP", "DEACTIVATE"]
)


@rewrite_line("M051", "orwhen")
def orwhen(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """`orwhen` is two words.

    ```diff
     flow requests
       when user said "orwhen"
         pass
    -  orwhen user said something
    +  or when user said something
         pass
    ```
    """
    if line[0].type == "ORWHEN":
        yield Edit(line[0].span, "or when")
        yield ctx.converted("M051", line[0].start, "`orwhen` is `or when`")


@rewrite_line("M052", "raw-strings")
def raw_strings(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """A raw string is a call of `regex`, in parentheses where it stands alone behind a name.

    ```diff
     flow requests
    -  user said r"(?i)a{2,4}"
    -  match Ping(text=r"b.*")
    -  $found = findall(r"c", "can you play Africa")
    +  user said (regex("(?i)a{{2,4}}"))
    +  match Ping(text=regex("b.*"))
    +  $found = find_all("c", "can you play Africa")
    ```
    """
    depth = 0
    functions: list[str] = []
    for index, token in enumerate(line):
        previous = line[index - 1] if index else None
        if token.type == "LPAR":
            depth += 1
            functions.append(previous.text if previous is not None else "")
        elif token.type == "RPAR" and functions:
            depth -= 1
            functions.pop()
        elif token.type == "STRING" and is_raw(previous, token):
            assert previous is not None
            quote, inner = token.text[0], token.text[1:-1].replace("{", "{{").replace("}", "}}")
            pattern = inner.replace("\\", "\\\\")
            before = line[index - 2] if index > 1 else None
            if functions and functions[-1] in ("search", "findall", "find_all", "regex"):
                made = f"{quote}{pattern}{quote}"
            elif depth or (before is not None and before.type in ("EQUAL", "COMMA", "EQUALS")):
                made = f"regex({quote}{pattern}{quote})"
            else:
                made = f"(regex({quote}{pattern}{quote}))"
            yield Edit(Span(previous.start, token.end), made)
            yield ctx.converted("M052", previous.start, "a raw string is a pattern")


_TEMPLATE = re.compile(r"\{\{([^{}]*(?:\$|\()[^{}]*)\}\}")


@rewrite_line("M053", "double-braces")
def double_braces(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """Expressions in texts stand in single braces.

    ```diff
     flow serve
    -  bot say "{{$count}} coffees, {{pretty_str($count)}} cups."
    +  bot say "{$count} coffees, {pretty_str($count)} cups."
    ```
    """
    for index, token in enumerate(line):
        if token.type not in ("STRING", "LONG_STRING") or "{{" not in token.text:
            continue
        if is_raw(line[index - 1] if index else None, token) or _is_instruction(line, index):
            continue
        made = _TEMPLATE.sub(r"{\1}", token.text)
        if made != token.text:
            yield Edit(token.span, made)
            yield ctx.converted("M053", token.start, "expressions stand in single braces")


def _is_instruction(line: Line, index: int) -> bool:
    return (
        index == 2
        and line[index].type == "LONG_STRING"
        and line[0].type == "VAR"
        and line[1].type == "EQUAL"
    )


@rewrite_line("M054", "generated-value")
def generated_value(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    r"""A value made by the model has three dots before its instruction.

    ```diff
     flow route
    -  $origin = '''Extract the "city".'''
    +  $origin = ..."Extract the \"city\"."
    ```
    """
    if len(line) >= 3 and _is_instruction(line, 2):
        token = line[2]
        words = " ".join(token.text[3:-3].split())
        text = re.sub(r"\{\{\{\{(.*?)\}\}\}\}", r"{\1}", escape(words))
        yield Edit(token.span, f'..."{text}"')
        yield ctx.converted("M054", token.start, "the instruction has three dots before it")


@rewrite_line("M055", "renamed-words")
def renamed_words(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """A function and an attribute have other names.

    ```diff
     flow lights
       match FlowStarted(flow_id="a") as $started
    -  send LightsOn(flow=$started.flow_start_uid)
    +  send LightsOn(flow=$started.flow_instance_uid)
    ```
    """
    for index, token in enumerate(line):
        if token.type != "WORD":
            continue
        after = line[index + 1] if index + 1 < len(line) else None
        if token.text == "findall" and after is not None and after.type == "LPAR":
            yield Edit(token.span, "find_all")
        elif token.text == "flow_start_uid":
            yield Edit(token.span, "flow_instance_uid")
        else:
            continue
        yield ctx.converted("M055", token.start, f"`{token.text}` has another name")


_META = re.compile(
    r"#\s*meta:\s*(?:(?P<kind>user intent|user action|bot intent|bot action)|"
    r"loop_id\s*=\s*(?P<loop>[\w.\-]+)|(?P<exclude>exclude from llm))\s*$"
)


@rewrite_line("M056", "meta-comments")
def meta_comments(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """Comments that said what a flow is are decorators.

    ```diff
    +@meta(user_intent=True)
     flow user requested song
    -  # meta: user intent
       user said "play it"

    +@loop("lights")
     flow blinking lights
    -  # meta: loop_id=lights
       match Ping()
    ```
    """
    for index, token in enumerate(line):
        if token.type != "COMMENT" or ctx.flow is None:
            continue
        found = _META.match(token.text)
        if found is None or (line_start(ctx.text, token.start) == token.start):
            continue
        if found["kind"]:
            decorator = f"@meta({found['kind'].replace(' ', '_')}=True)"
        elif found["loop"]:
            decorator = f'@loop("{found["loop"]}")'
        else:
            decorator = "@meta(exclude_from_llm=True)"
        above = line_start(ctx.text, ctx.flow.start)
        yield Edit(Span(above, above), decorator + ctx.newline)
        if index == 0:
            start = line_start(ctx.text, token.start)
            yield Edit(Span(start, next_line(ctx.text, token.end)), "")
        else:
            yield Edit(Span(line[index - 1].end, token.end), "")
        yield ctx.converted("M056", token.start, f"the comment is `{decorator}`")


@rewrite_line("M057", "renamed-flows")
def renamed_flows(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """Flows of the library have other names. What the configuration defines itself keeps its name.

    ```diff
     flow main
    -  activate catch undefined flows and track bot talking state
    +  activate notification of undefined flow start and tracking bot talking state
       bot say "catch undefined flows"
    ```
    """
    if line[0].type in ("FLOW", "COMMENT"):
        return
    run: list[Token] = []
    for token in [*line, Token("END", "", line[-1].end)]:
        if token.type == "WORD":
            run.append(token)
            continue
        name = " ".join(word.text for word in run)
        if name in RENAMED and name not in ctx.own:
            new = RENAMED[name]
            start = run[0].start
            if new is not None:
                yield Edit(Span(start, run[-1].end), new)
                yield ctx.converted("M057", start, f"`{name}` is called `{new}`")
            else:
                yield ctx.report("M801", start, f"the flow `{name}` is gone")
                if run[0] is line[0] or (line[0].type in _OPERATIONS and run[0] is line[1]):
                    first = line[0]
                    rest = ctx.text[first.start : line_end(ctx.text, line[-1].end)]
                    yield Edit(
                        Span(first.start, first.start + len(rest)),
                        f"pass  # FIXME(migration): {name} is gone: {rest}",
                    )
        run = []


@rewrite_line("M058", "comments-in-groups")
def comments_in_groups(line: Line, ctx: AlphaContext) -> Iterator[Edit | Finding]:
    """A comment line above a member of a group, `or when` or `else` moves to the end of that line.

    ```diff
     flow requests
       user said "a"
    -    # b is new
    -    or user said "b"
    +    or user said "b"  # b is new
       when user said "c"
         pass
    -  # d as well
    -  orwhen user said "d"
    +  or when user said "d"  # d as well
         pass
    ```
    """
    if line[0].type != "COMMENT" or len(line) > 1 or _META.match(line[0].text):
        return
    below = next((each for each in ctx.lines[ctx.index + 1 :] if each[0].type != "COMMENT"), None)
    if below is None or below[0].type not in ("OR", "AND", "ORWHEN", "ELSE", "ELIF"):
        return
    token = line[0]
    start = line_start(ctx.text, token.start)
    yield Edit(Span(start, next_line(ctx.text, token.end)), "")
    end = below[-1].end
    if end < len(ctx.text) and below[-1].type == "STRING" and is_raw(below[-2], below[-1]):
        end = below[-1].end
    yield Edit(Span(end, end), f"  {token.text}")
