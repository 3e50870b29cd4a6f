"""``colang parse``: what files define, each by itself, without imports and settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from colang.cli import FOUND, USAGE, CliError, files, terminal

if TYPE_CHECKING:
    from colang.source import Source
    from colang.syntax import ParseResult, nodes, nodes_v1


def parse(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATHS", help="Colang files, or folders of them; - is standard input."
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each file, one in a line.")
    ] = False,
) -> int:
    """Show what Colang files define: flows, messages, imports.

    Exit status: 0 all is well-formed, 1 a file is not, 2 bad usage or an unreadable file.
    """
    import colang
    from colang.source import Source

    status = 0
    for path in (file for each in paths for file in _files(each)):
        try:
            text = files.read_text(path)
        except CliError as error:
            terminal.progress(f"error: {error}")
            status = USAGE
            continue
        source = Source(text, files.name_of(path))
        result = colang.parse(text)
        if json:
            terminal.write_json(outline(result, source))
        else:
            _show(result, source)
        if result.diagnostics:
            status = max(status, FOUND)
    return status


def _files(path: str) -> list[str]:
    """The Colang files below a folder, sorted; another path stands for itself."""
    if path == "-" or not Path(path).is_dir():
        return [path]
    found = sorted(str(file) for file in Path(path).rglob("*.co") if file.is_file())
    if not found:
        raise CliError(f"there is no Colang file in {path}")
    return found


def _show(result: ParseResult, source: Source) -> None:
    """For people: a line for each definition, then the findings."""
    from colang.diagnostics.render import render

    found = outline(result, source)
    terminal.say(f"{source.path} (Colang {result.version})", "bold")
    for line, text in sorted(_definitions(result, source)):
        terminal.say(f"  {line:>4}  {text}")
    if not found["flows"] and not found["user_messages"] and not found["bot_messages"]:
        terminal.say("        nothing is defined here")
    for diagnostic in result.diagnostics:
        terminal.say("")
        sources = {source.path: source}
        terminal.show(render(diagnostic.at(source.path), sources, width=terminal.width()))


def outline(result: ParseResult, source: Source) -> dict[str, object]:
    """What a file defines, as plain data: the object that ``parse --json`` prints."""
    from colang.diagnostics import reports
    from colang.syntax import nodes

    tree = result.tree
    contents = _of_v2(tree, source) if isinstance(tree, nodes.Module) else _of_v1(tree, source)
    found = [diagnostic.at(source.path) for diagnostic in result.diagnostics]
    return {
        "path": source.path,
        "version": result.version,
        **contents,
        **{
            key: value
            for key, value in reports.to_json(found, {source.path: source}).items()
            if key != "version"  # of the report format; here it is the version of the language
        },
    }


def _of_v2(tree: nodes.Module, source: Source) -> dict[str, object]:
    flows: list[object] = []
    users: dict[str, list[str]] = {}
    bots: dict[str, list[str]] = {}
    for flow in tree.flows:
        flows.append(
            {
                "name": flow.name,
                "line": source.position(flow.keyword.start).line,
                "parameters": [_parameter(param, source) for param in flow.params],
                "members": [_parameter(member, source) for member in flow.members],
                "decorators": [
                    {
                        "name": decorator.name,
                        "arguments": [
                            {"name": argument.name, "value": _plain(argument.value)}
                            for argument in decorator.arguments
                        ],
                    }
                    for decorator in flow.decorators
                ],
            }
        )
        kind, _, name = flow.name.partition(" ")
        if name and kind in ("user", "bot"):
            texts = list(_texts(flow.body))
            if texts:
                (users if kind == "user" else bots).setdefault(name, []).extend(texts)
    return {
        "flows": flows,
        "user_messages": users,
        "bot_messages": bots,
        "imports": [node.path for node in tree.imports],
    }


def _of_v1(tree: nodes_v1.Module, source: Source) -> dict[str, object]:
    from colang.syntax import nodes_v1

    users: dict[str, list[str]] = {}
    bots: dict[str, list[str]] = {}
    for user in tree.users:
        texts = users.setdefault(user.name.text, [])
        for example in user.examples:
            # Rarely more than one part: texts and names of other intents, joined by `and`.
            parts = [p.value if isinstance(p, nodes_v1.Text) else p.text for p in example.parts]
            texts.append(" and ".join(parts))
    for bot in tree.bots:
        bots.setdefault(bot.name.text, []).extend(text.value for text in bot.texts)
    flows: list[object] = [
        {
            "name": flow.id,
            "line": source.position(flow.span.start).line,
            "parameters": [],
            "members": [],
            "decorators": [],
        }
        for flow in tree.flows
    ]
    return {
        "flows": flows,
        "user_messages": users,
        "bot_messages": bots,
        "imports": [node.path.text for node in tree.imports],
    }


def _parameter(param: nodes.Param, source: Source) -> dict[str, str | None]:
    default = param.default
    text = None if default is None else source.text[default.span.start : default.span.end]
    return {"name": param.name, "default": text}


def _texts(body: nodes.Block) -> Iterator[str]:
    """The constant texts that the statements of a ``user ...`` or ``bot ...`` flow match or say."""
    from colang.syntax import nodes

    for statement in body.statements:
        if isinstance(statement, nodes.Operation):
            yield from _group_texts(statement.group)


def _group_texts(group: nodes.Group) -> Iterator[str]:
    from colang.syntax import nodes

    if not isinstance(group, nodes.Spec):
        for item in group.items:
            yield from _group_texts(item)
        return
    for argument in group.arguments or ():
        if isinstance(argument.value, nodes.String) and argument.value.constant is not None:
            yield argument.value.constant


def _plain(value: object) -> object:
    """Plain data as JSON knows it: a set becomes a list."""
    if isinstance(value, (set, frozenset, tuple, list)):
        return [_plain(item) for item in cast("Iterable[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {str(key): _plain(item) for key, item in items}
    return value


def _definitions(result: ParseResult, source: Source) -> Iterator[tuple[int, str]]:
    """Line and header of each definition."""
    from colang.syntax import nodes

    tree = result.tree
    if isinstance(tree, nodes.Module):
        for node in tree.imports:
            yield source.position(node.span.start).line, f"import {node.path}"
        for flow in tree.flows:
            params = "".join(f" ${param.name}" for param in flow.params)
            members = ", ".join(f"${member.name}" for member in flow.members)
            arrow = f" -> {members}" if members else ""
            decorators = "".join(f"@{decorator.name} " for decorator in flow.decorators)
            line = source.position(flow.keyword.start).line
            yield line, f"{decorators}flow {flow.name}{params}{arrow}"
        return
    for include in tree.imports:
        yield source.position(include.span.start).line, f"import {include.path.text}"
    for user in tree.users:
        yield source.position(user.span.start).line, f"user {user.name.text}"
    for bot in tree.bots:
        yield source.position(bot.span.start).line, f"bot {bot.name.text}"
    for old in tree.flows:
        kind = old.kind.text if old.kind else "flow"
        yield source.position(old.span.start).line, f"{kind} {old.id}"
