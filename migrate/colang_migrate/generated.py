"""The files a migration adds: the rails and the main flow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from colang.records import Draft, fresh
from colang_migrate.facts import Facts
from colang_migrate.library_names import MESSAGES
from colang_migrate.library_rails import LIBRARY_RAILS

_ENTRY = re.compile(r"\s*(?P<name>[^$(]*[^$(\s])\s*(?P<rest>[$(].*)?$", re.DOTALL)

_REFERENCE_GUARD = (
    '# The 2.x guardrails module leaves its "output rails in progress" flag set when a rail aborts, which',
    "# would switch every later output check off.",
)


def rail_name(entry: str) -> str:
    """The name in an entry of a list of rails, without its parameters.

    Example:
        >>> rail_name("content safety check input $model=guard"), rail_name("check(level='low')")
        ('content safety check input', 'check')
    """
    match = _ENTRY.match(entry)
    return match["name"] if match else entry.strip()


def rail_parameters(entry: str) -> list[str]:
    """The names of the parameters in an entry of a list of rails.

    Example:
        >>> rail_parameters("check words $level=high"), rail_parameters("check words")
        (['level'], [])
    """
    match = _ENTRY.match(entry)
    if match is None or not match["rest"]:
        return []
    from colang.project.rails import parse_rail  # late: few rails have parameters

    call = parse_rail(f"x {match['rest']}")
    return [key for key, _ in call.arguments] if call is not None else []


def call_line(entry: str, facts: Facts, known: Iterable[str]) -> str:
    """An entry of a list of rails as a statement of 2.x.

    Example:
        >>> call_line("check-words $level=high", Facts([]), ())
        'check_words $level="high"'
    """
    match = _ENTRY.match(entry)
    name = match["name"] if match else entry.strip()
    spelled = name if name in known else facts.called(name)
    rest = (match["rest"] or "") if match else ""
    if not rest:
        return spelled
    from colang.project.rails import parse_rail  # late: few rails have parameters

    call = parse_rail(f"x {rest}")
    if call is None:
        return f"{spelled} {rest}"
    arguments = [f"${key}={value}" for key, value in call.arguments]
    return " ".join([spelled, *arguments])


class Rails(Draft):
    """The text of a rails file, the library modules it imports, the rails it restates, and those nobody knows."""

    text: str
    modules: list[str] = fresh(factory=list[str])
    restated: list[str] = fresh(factory=list[str])
    unknown: list[str] = fresh(factory=list[str])


def rails_text(
    lists: dict[str, list[str]],
    facts: Facts,
    *,
    comments: Sequence[str] = (),
    for_reference: bool = True,
    newline: str = "\n",
) -> Rails:
    """The file that runs the rails of the settings; empty text if there are none.

    Args:
        lists: The entries of the settings by kind, ``input`` and ``output``; ``retrieval`` where flows call them.
        facts: The configuration.
        comments: Comment lines that stood beside the lists.
        for_reference: Work around the flag that the module of the reference leaves set, and its broken rails.
        newline: The line end to use.
    """
    out = Rails("")
    restated: list[str] = []
    says: dict[str, None] = {}
    calls: dict[str, list[str]] = {}
    for kind in ("input", "output", "retrieval"):
        for entry in lists.get(kind, ()):
            name = rail_name(entry)
            library = None if name in facts.flow_names else LIBRARY_RAILS.get(name)
            calls.setdefault(kind, []).append(call_line(entry, facts, LIBRARY_RAILS))
            if library is None:
                if name not in facts.flow_names:
                    out.unknown.append(name)
                continue
            says |= dict.fromkeys(library.says if for_reference else ())
            if library.restated and for_reference:
                restated.append(library.restated)
                out.restated.append(name)
            else:
                out.modules.append(library.module)
    if not calls or not (restated or out.modules or "input" in calls or "output" in calls):
        return out
    lines = ["import guardrails", *(f"import {m}" for m in sorted(set(out.modules))), ""]
    lines += comments
    if "input" in calls:
        lines += ["flow input rails $input_text", *(f"  {call}" for call in calls["input"]), ""]
    if "output" in calls and not for_reference:
        lines += ["flow output rails $output_text", *(f"  {call}" for call in calls["output"]), ""]
    elif "output" in calls:
        alone = len(calls["output"]) == 1
        checked = facts.unique("checked output") if not alone else ""
        lines += ["flow output rails $output_text"]
        lines += [f"  {line}" for line in _REFERENCE_GUARD]
        lines += ["  global $output_rails_in_progress"]
        lines += [f"  when {calls['output'][0] if alone else checked}", "    pass", "  else"]
        lines += ["    $output_rails_in_progress = False", "    abort", ""]
        if not alone:
            lines += [f"flow {checked}", *(f"  {call}" for call in calls["output"]), ""]
    if restated:
        lines += [
            "# Defined here because the library versions read variables of the conversation without declaring them",
            "# global, and therefore let every text pass, or none.",
        ]
        lines += "\n".join(dict.fromkeys(restated)).split("\n")
    for name in says:
        if name not in facts.bot_names:
            lines += [f"flow bot {name}", f'  bot say "{MESSAGES[name]}"', ""]
    while lines and not lines[-1]:
        lines.pop()
    out.text = newline.join(lines) + newline
    return out


def main_text(
    facts: Facts,
    *,
    needs_model: bool,
    passthrough: bool,
    single_call: bool,
    newline: str = "\n",
) -> str:
    """The file with the main flow."""
    activated: list[str] = []
    lines = ["import core"]
    comment: list[str] = []
    if passthrough:
        lines.append("import passthrough")
        activated.append("llm continuation")
    elif single_call:
        lines.append("import llm")
        comment = ["# rails.dialog.single_call: one model call per turn"]
        activated += [
            "automating intent detection",
            "continuation on unhandled user utterance",
            "continuation on undefined flow",
        ]
    elif needs_model:
        lines.append("import llm")
        activated.append("llm continuation")
    if not facts.use_active:
        activated += [flow.new_name for flow in facts.flows.values() if flow.active]
    lines += ["", *comment, "flow main", *(f"  activate {name}" for name in activated)]
    if not needs_model and not passthrough and not single_call:
        lines.append("  match RestartEvent()")
    return newline.join(lines) + newline
