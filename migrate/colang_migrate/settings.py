"""Edits of config.yml: splices at the places of values, so that comments and layout stay (migration, section 14).

What is moved to Colang is taken out as whole lines; comments that belong to it go along to the new place. After
the edits the text is read again, and what it says must be exactly what was meant: otherwise nothing is edited.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from colang.config.places import Document, Path
from colang.config.plain import as_dict, as_list
from colang.config.yaml_reader import read_yaml
from colang.records import Draft, fresh
from colang.source import Source, Span
from colang_migrate.edits import Edit, apply_edits, line_start, next_line
from colang_migrate.findings import Finding, finding
from colang_migrate.texts import escape

#: Tasks of prompts: the nearest one of 2.x, what its template gets and what it has to answer.
TASKS = {
    "generate_user_intent": (
        "generate_user_intent_from_user_action",
        'user_action, examples and potential_user_intents; it answers "user intent: ..."',
    ),
    "generate_next_steps": (
        "generate_flow_continuation",
        'examples and context; it answers "bot intent: ..." and "bot action: ..."',
    ),
    "generate_bot_message": (
        "generate_flow_continuation",
        'examples and context; it answers "bot intent: ..." and "bot action: ..."',
    ),
    "generate_intent_steps_message": (
        "generate_user_intent_and_bot_action_from_user_action",
        "user_action, examples and potential_user_intents; it answers three lines",
    ),
    "generate_value": (
        "generate_value_from_instruction",
        "instructions, var_name and context; it answers a Python value",
    ),
}

#: Types of models that name a task: the actions of 2.x that ask them.
MODEL_TYPES = {
    "generate_user_intent": ("GenerateUserIntentAction",),
    "generate_next_steps": ("GenerateFlowContinuationAction",),
    "generate_bot_message": ("GenerateFlowContinuationAction", "GenerateFlowFromNameAction"),
    "generate_value": ("GenerateValueAction",),
    "generate_intent_steps_message": ("GenerateUserIntentAndBotAction",),
}


class SettingsFile(Draft):
    """One YAML file: its text, what it holds, and what the migration makes of it."""

    path: str
    text: str
    document: Document
    edits: list[Edit] = fresh(factory=list[Edit])
    findings: list[Finding] = fresh(factory=list[Finding])
    changes: list[Callable[[dict[str, Any]], None]] = fresh(
        factory=list[Callable[[dict[str, Any]], None]]
    )

    @property
    def data(self) -> dict[str, Any]:
        """The mapping at the top; empty if it is none."""
        return as_dict(self.document.data) or {}

    def report(self, code: str, path: Path, message: str) -> None:
        """Note a finding at a setting."""
        place = self.document.places.get(path)
        if place is None:
            self.findings.append(finding(code, message, self.path))
        else:
            self.tell(code, place.key.start, message)

    def tell(self, code: str, offset: int, message: str) -> None:
        """Note a finding at a place of the text."""
        line, column = Source(self.text).position(offset)
        self.findings.append(finding(code, message, self.path, line, column))

    def get(self, *path: str | int) -> Any:
        """The value at a path, or None."""
        value: Any = self.data
        for step in path:
            if isinstance(step, int):
                items = as_list(value)
                value = items[step] if items is not None and step < len(items) else None
            else:
                value = (as_dict(value) or {}).get(step)
        return value


def read_settings(path: str, text: str) -> SettingsFile:
    """Read one YAML file."""
    return SettingsFile(path, text, read_yaml(text, path))


def set_version(file: SettingsFile) -> None:
    """Put ``colang_version: "2.x"`` where the version is, or at the top."""
    place = file.document.places.get(("colang_version",))
    newline = "\r\n" if "\r\n" in file.text else "\n"

    def change(data: dict[str, Any]) -> None:
        data["colang_version"] = "2.x"

    if place is not None:
        if file.data.get("colang_version") == "2.x":
            return
        file.edits.append(Edit(place.value, '"2.x"'))
    else:
        at = 0
        for match in re.finditer(r"^(?:%[^\n]*|---[ \t]*)\r?\n", file.text, re.MULTILINE):
            if match.start() != at:
                break
            at = match.end()
        if file.text[at:].lstrip().startswith("{"):
            start = file.text.index("{", at) + 1
            rest = file.text[start:].lstrip()
            comma = "" if rest.startswith("}") else ", "
            file.edits.append(Edit(Span(start, start), f'colang_version: "2.x"{comma}'))
        else:
            file.edits.append(Edit(Span(at, at), f'colang_version: "2.x"{newline}'))
    file.changes.append(change)


def remove(file: SettingsFile, paths: list[Path]) -> list[str]:
    """Take settings out of the file, with parents that hold nothing else; gives the comments that went along."""
    data = copy.deepcopy(file.data)
    removed: list[Path] = []
    for path in paths:
        _delete(data, path)
        while len(path) > 1 and not _get(data, path[:-1]):
            path = path[:-1]
            _delete(data, path)
        removed.append(path)
    wanted = [
        path for path in removed if not any(path != o and path[: len(o)] == o for o in removed)
    ]
    comments: list[str] = []
    spans: list[Span] = []
    for path in dict.fromkeys(wanted):
        span = _lines(file, path)
        if span is None:  # in braces: an empty value in its place
            place = file.document.places[path]
            empty = "[]" if isinstance(file.get(*path), list) else "{}"
            file.edits.append(Edit(place.value, empty))
            file.changes.append(partial(_set, path=path, value=[] if empty == "[]" else {}))
            continue
        spans.append(span)
        file.changes.append(partial(_delete, path=path))
    spans.sort()
    for index, span in enumerate(spans):
        comments += _comments(file.text[span.start : span.end])
        start, end = span
        first = file.text.rfind("\n", 0, max(start - 1, 0)) + 1
        blank_above = start == 0 or (start > 0 and not file.text[first:start].strip())
        follows = index + 1 < len(spans) and not file.text[end : spans[index + 1].start].strip()
        while end < len(file.text) and blank_above and not follows:
            after = next_line(file.text, end)
            if file.text[end:after].strip() or after == end:
                break
            end = after
        if follows:
            end = spans[index + 1].start
        elif end >= len(file.text) and blank_above:
            start = first  # the last thing of the file: the blank line above goes as well
        elif not blank_above:
            after = next_line(file.text, end)
            deeper = _indentation(file.text, span.start) > 0
            if deeper and end < len(file.text) and not file.text[end:after].strip():
                end = after
        file.edits.append(Edit(Span(start, end), ""))
    return comments


def _indentation(text: str, at: int) -> int:
    line = text[at : next_line(text, at)]
    while line.lstrip().startswith("#"):
        at = next_line(text, at)
        line = text[at : next_line(text, at)]
    return len(line) - len(line.lstrip(" "))


def _lines(file: SettingsFile, path: Path) -> Span | None:
    """The whole lines of a setting with the comment lines directly above; None if it shares a line."""
    place = file.document.places.get(path)
    if place is None:
        return None
    text = file.text
    start = line_start(text, place.key.start)
    if text[start : place.key.start].strip():
        return None
    end = place.value.end
    if end > place.key.end:
        while end > place.key.end and text[end - 1] in " \r\n\t":
            end -= 1
        # the end of a block is where the next token stands: comments in between belong to what follows
        piece = text[place.key.end : end]
        while True:
            last = piece.rstrip().rpartition("\n")
            if not last[1] or not last[2].strip().startswith("#"):
                break
            indent = len(last[2]) - len(last[2].lstrip())
            if indent > place.key.start - start:
                break
            piece = last[0]
        end = place.key.end + len(piece.rstrip())
    stop = next_line(text, end)
    rest = text[end:stop].strip()
    if rest and not rest.startswith("#"):
        return None
    while start > 0:
        above = line_start(text, start - 1)
        line = text[above:start].strip()
        if not line.startswith("#"):
            break
        start = above
    if start == 0 and len(path) == 1 and text[:1] == "#" and _is_title(text):
        start = line_start(text, place.key.start)
    return Span(start, stop)


def _is_title(text: str) -> bool:
    """Whether the comment at the top of a file is set off by an empty line, so that it is about the file."""
    return re.match(r"(?:#[^\n]*\n)+\s*\n", text) is not None


def _comments(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            found.append(stripped)
        else:
            match = re.search(r"\s(#[^'\"]*)$", line)
            if match:
                found.append(match[1].strip())
    return found


def _get(data: Any, path: Path) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return data  # pyright: ignore[reportUnknownVariableType]


def _delete(data: dict[str, Any], path: Path) -> None:
    parent = _get(data, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)  # pyright: ignore[reportUnknownMemberType]


def _set(data: dict[str, Any], path: Path, value: object) -> None:
    parent: Any = data
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value


def _insert(data: dict[str, Any], index: int, entry: object) -> None:
    data["models"].insert(index, entry)


def replace_value(file: SettingsFile, path: Path, text: str, value: object) -> None:
    """Put another value in a setting's place."""
    file.edits.append(Edit(file.document.places[path].value, text))
    file.changes.append(lambda data: _set(data, path, value))


def migrate_prompts(file: SettingsFile) -> None:
    """Move prompts of dialog tasks to the nearest task of 2.x, with a note above each."""
    newline = "\r\n" if "\r\n" in file.text else "\n"
    for index, prompt in enumerate(as_list(file.get("prompts")) or ()):
        task = (as_dict(prompt) or {}).get("task")
        if task == "general":
            file.report("M509", ("prompts", index), "2.x asks no prompt for the task `general`")
        if not isinstance(task, str) or task not in TASKS:
            continue
        new, about = TASKS[task]
        replace_value(file, ("prompts", index, "task"), new, new)
        file.report("M509", ("prompts", index), f"the prompt of `{task}` is for `{new}` now")
        item = file.document.places["prompts", index].value.start
        start = line_start(file.text, item)
        if file.text[start:item].strip() in ("-", ""):
            blanks = file.text[start:item].partition("-")[0]
            notes = (f"FIXME(migration): was task {task}.", f"Rewrite it: 2.x passes {about}.")
            made = "".join([f"{blanks}# {note}{newline}" for note in notes])
            file.edits.append(Edit(Span(start, start), made))


def migrate_models(file: SettingsFile, actions: Callable[[str], str | None]) -> None:
    """Name the actions of 2.x in the types of models that are bound to a task.

    Args:
        file: The settings.
        actions: The 2.x name of an action of the configuration; None if there is no such action.
    """
    newline = "\r\n" if "\r\n" in file.text else "\n"
    models = as_list(file.get("models")) or []
    added: list[tuple[int, str]] = []
    for index, model in enumerate(models):
        kind = (as_dict(model) or {}).get("type")
        if not isinstance(kind, str):
            continue
        own = actions(kind)
        new = MODEL_TYPES.get(kind) or ((own,) if own is not None and own != kind else ())
        if not new:
            continue
        replace_value(file, ("models", index, "type"), new[0], new[0])
        file.report("M510", ("models", index), f"the model of `{kind}` is for {' and '.join(new)}")
        for other in new[1:]:
            added.append((index, other))
    for index, other in added:
        span = _item(file, ("models", index))
        kind_place = file.document.places["models", index, "type"].value
        if span is None:
            continue
        piece = file.text[span.start : span.end]
        at = kind_place.start - span.start
        copy_text = piece[:at] + other + piece[at + (kind_place.end - kind_place.start) :]
        lead = "" if piece.endswith("\n") else newline
        file.edits.append(Edit(Span(span.end, span.end), f"{lead}{newline}{copy_text}"))
        entry = {**(as_dict(models[index]) or {}), "type": other}
        file.changes.append(partial(_insert, index=index + 1, entry=entry))


def _item(file: SettingsFile, path: Path) -> Span | None:
    """The lines of a list item in block style."""
    place = file.document.places[path]
    start = line_start(file.text, place.value.start)
    if file.text[start : place.value.start].strip() != "-":
        return None
    end = place.value.end
    while end > start and file.text[end - 1] in " \r\n\t":
        end -= 1
    return Span(start, next_line(file.text, end))


_USER = re.compile(r'user\s+"(.*)"\s*$')
_BOT = re.compile(r"bot\s+(.+?)\s*$")
_TEXT = re.compile(r'"(.*)"\s*$')
_INTENT = re.compile(r"[^\W\d\"].*$")


def migrate_sample(
    file: SettingsFile, user: Callable[[str], str], bot: Callable[[str], str]
) -> None:
    """Write the sample conversation in the form 2.x shows to the model."""
    value = file.get("sample_conversation")
    place = file.document.places.get(("sample_conversation",))
    if not isinstance(value, str) or place is None:
        return
    text = file.text[place.value.start : place.value.end]
    if not text.startswith(("|", ">")):
        file.report(
            "M511", ("sample_conversation",), "the sample conversation is no block of lines"
        )
        return
    start = next_line(file.text, place.value.start)
    first = Source(file.text).position(start).line
    stop = place.value.end
    while stop > start and file.text[stop - 1] in " \r\n\t":
        stop -= 1
    stop = next_line(file.text, stop)
    lines = file.text[start:stop].splitlines(keepends=True)
    filled = [line for line in lines if line.strip()]
    if not filled:
        return
    base = len(filled[0]) - len(filled[0].lstrip())
    speaker = ""
    out: list[str] = []
    for line in lines:
        content = line.strip()
        end = line[len(line.rstrip("\r\n")) :]
        depth = len(line) - len(line.lstrip())
        if not content:
            out.append(line)
            continue
        if depth < base:
            out.append(line)
            continue
        blanks = line[:base]
        made = _sample_line(content, depth - base, speaker, user, bot)
        if made is None:
            number = first + len(out)
            file.findings.append(
                finding("M511", f"`{content}` is left as it is", file.path, number, depth + 1)
            )
            out.append(line)
            continue
        speaker, written = made
        out.append(f"{blanks}{written}{end}")
    new = "".join(out)
    if new != file.text[start:stop]:
        file.edits.append(Edit(Span(start, stop), new))
        fresh = read_yaml(apply_edits(file.text, [file.edits[-1]]), file.path)
        sample = (as_dict(fresh.data) or {}).get("sample_conversation")
        file.changes.append(lambda data: _set(data, ("sample_conversation",), sample))


def _sample_line(
    content: str, depth: int, speaker: str, user: Callable[[str], str], bot: Callable[[str], str]
) -> tuple[str, str] | None:
    """Who speaks from here on, and the line in 2.x; None if it does not fit."""
    if depth == 0:
        match = _USER.match(content)
        if match:
            return "user", f'user action: user said "{escape(match[1])}"'
        match = _BOT.match(content)
        if match and not match[1].startswith('"'):
            return "bot", f"bot intent: {bot(match[1])}"
        return None
    match = _TEXT.match(content)
    if match and speaker == "bot":
        return "bot", f'bot action: bot say "{escape(match[1])}"'
    if speaker == "user" and _INTENT.match(content):
        return "user", f"user intent: {user(content)}"
    return None


def apply(file: SettingsFile) -> str | None:
    """The edited text; None (and a finding) if it would not say what is meant."""
    if not file.edits:
        return file.text
    try:
        made = apply_edits(file.text, file.edits)
    except ValueError:
        made = ""
    expected = copy.deepcopy(file.data)
    for change in file.changes:
        change(expected)
    if (as_dict(read_yaml(made, file.path).data) or {}) == expected:
        return made
    file.findings.append(
        finding("M901", "the settings cannot be edited in place; nothing is written", file.path)
    )
    return None


def flows_of(file: SettingsFile) -> Iterator[tuple[str, int, str]]:
    """The entries of all lists of rails: kind, place in the list, text."""
    for kind in ("input", "output", "retrieval", "tool_input", "tool_output"):
        for index, entry in enumerate(as_list(file.get("rails", kind, "flows")) or ()):
            if isinstance(entry, str):
                yield kind, index, entry
