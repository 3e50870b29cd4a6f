"""Findings about settings: unknown names, wrong values. Everything names its file, line and setting."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from colang.config.model import OpenPart
from colang.config.places import Path
from colang.config.plain import as_dict, as_list
from colang.config.requirements import requirements
from colang.config.settings import Settings, dotted
from colang.diagnostics import Diagnostic
from colang.diagnostics import config as report
from colang.diagnostics.config import near

if TYPE_CHECKING:
    from colang.config.rails_config import RailsConfig
    from colang.project import Project

#: Top-level keys of the files that are no fields of the settings object, or are filled in by loading.
ALSO_KNOWN = frozenset({"embedding_search_provider", "sensitive_data_detection"})


def validate_project(project: Project) -> Iterator[Diagnostic]:
    """All findings about the settings of a project, also about what its rails need from each other."""
    settings = project.settings
    config, problems = validate(settings)
    yield from problems
    if config is not None:
        yield from requirements(config, settings, project)


def validate(settings: Settings) -> tuple[RailsConfig | None, list[Diagnostic]]:
    """The settings as an object, None if they are not valid, and all findings about names and values."""
    from colang.config.rails_config import RailsConfig

    problems = list(unknown_names(settings))
    problems.extend(_bad_flows(settings))
    try:
        config = RailsConfig.model_validate(prepared(settings.data))
    except ValidationError as error:
        problems.extend(_wrong_values(error, settings))
        return None, problems
    if any(problem.code == "CO404" for problem in problems):
        return None, problems
    return config, problems


def prepared(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data for the model: empty sections left out, unknown top-level keys moved (section 2.1)."""
    from colang.config.rails_config import RailsConfig

    result: dict[str, Any] = copy.deepcopy(
        {key: value for key, value in data.items() if value is not None}
    )
    rails = as_dict(result.get("rails"))
    if rails is not None:
        result["rails"] = _without_none(rails)
    version = result.get("colang_version")
    if isinstance(version, float):
        result["colang_version"] = str(version)
    custom = as_dict(result.get("custom_data"))
    unknown = [
        key for key in result if key not in RailsConfig.model_fields and key not in ALSO_KNOWN
    ]
    for key in unknown:
        value = result.pop(key)
        if custom is not None:
            custom[key] = value
    return result


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if as_dict(value) is None else _without_none(value)
        for key, value in data.items()
        if value is not None
    }


# ---------------------------------------------------------------- unknown names


def unknown_names(settings: Settings) -> Iterator[Diagnostic]:
    """Keys that are no settings, with the one that was meant. Quirk C1.

    With `custom_data`, top-level keys of the user's own are kept there: then only misspelt ones are told.
    """
    from colang.config.rails_config import RailsConfig

    known = [*RailsConfig.model_fields, *ALSO_KNOWN]
    keeps = isinstance(settings.get("custom_data"), dict)
    for key in settings.data:
        if key not in known and not (keeps and near(key, known) is None):
            place = settings.place(key)
            yield report.unknown_setting(key, place.key, known).at(place.path)
    for name, field in RailsConfig.model_fields.items():
        if name in settings.data:
            yield from _unknown_below(settings.data[name], field.annotation, (name,), settings)


def _unknown_below(
    value: Any, annotation: Any, path: Path, settings: Settings
) -> Iterator[Diagnostic]:
    """Unknown keys in a value of the given type; types nest only as deep as the models."""
    origin = get_origin(annotation)
    if origin is list:
        for index, item in enumerate(as_list(value) or ()):
            yield from _unknown_below(item, get_args(annotation)[0], (*path, index), settings)
    elif origin in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _unknown_below(value, option, path, settings)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        for key, item in (as_dict(value) or {}).items():
            name = str(key)
            if name in fields:
                below = fields[name].annotation
                yield from _unknown_below(item, below, (*path, name), settings)
            elif not issubclass(annotation, OpenPart) or near(name, fields):
                place = settings.place(*path, name)
                full = dotted((*path, name))
                yield report.unknown_setting(full, place.key, fields).at(place.path)


# ---------------------------------------------------------------- wrong values


def _wrong_values(error: ValidationError, settings: Settings) -> Iterator[Diagnostic]:
    seen: set[Path] = set()
    for detail in error.errors(include_url=False):
        path = _real_path(detail["loc"], settings, missing=detail["type"] == "missing")
        if path in seen:
            continue
        seen.add(path)
        place = settings.place(*path)
        finding = report.wrong_value(dotted(path), _in_words(dict(detail)), place.value)
        yield finding.at(place.path)


def _real_path(loc: Path, settings: Settings, *, missing: bool) -> Path:
    """The path of a value in the settings; pydantic also names the branches of a union."""
    path: list[str | int] = []
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        fields = as_dict(settings.get(*path))
        exists = isinstance(step, int) if fields is None else step in fields
        if exists or (last and missing):
            path.append(step)
    return tuple(path)


_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}


def _in_words(detail: Mapping[str, Any]) -> str:
    """What is wrong, in the words of people who write settings."""
    kind: str = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx") or {}
    if kind == "missing":
        return "it is required and missing"
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    if kind == "literal_error":
        return f"it must be one of {context['expected']}, not {_shown(detail['input'])}"
    for name, bound in (("ge", "at least"), ("le", "at most"), ("gt", "above"), ("lt", "below")):
        if name in context:
            return f"it must be {bound} {context[name]:g}, not {_shown(detail['input'])}"
    wanted = _TYPES.get(kind.split("_")[0])
    if wanted is not None:
        return f"it must be {wanted}, not {_shown(detail['input'])}"
    message: str = detail["msg"]
    return message[:1].lower() + message[1:]


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


# ---------------------------------------------------------------- flows in YAML (colang-1.md, section 8)

#: Keys that tell what a short element is; the first one an element has counts.
ELEMENTS = frozenset(
    {
        *("user", "intent", "you", "bot", "utter", "ask", "bot_ask", "run", "action", "execute"),
        *("set", "if", "while", "break", "continue", "pass", "stop", "abort", "return"),
        *("label", "checkpoint", "goto", "flow", "call", "activate", "event"),
        *("new", "infer", "add", "post", "any", "or", "check", "meta"),
    }
)
BLOCKS = ("then", "else", "do", "any", "or", "infer", "new", "add", "post")


def _bad_flows(settings: Settings) -> Iterator[Diagnostic]:
    """Elements of flows in YAML that are none."""
    flows = settings.get("flows")
    for index, item in enumerate(as_list(flows) or ()):
        path: Path = ("flows", index)
        flow = as_dict(item)
        if flow is None:
            place = settings.place(*path)
            problem = "a flow is a mapping with `id` and `elements`"
            yield report.wrong_value(dotted(path), problem, place.value).at(place.path)
            continue
        elements = as_list(flow.get("elements")) or []
        if elements and "_type" not in (as_dict(elements[0]) or {}):
            yield from _bad_elements(elements, (*path, "elements"), settings)


def _bad_elements(elements: list[Any], path: Path, settings: Settings) -> Iterator[Diagnostic]:
    for index, element in enumerate(elements):
        here: Path = (*path, index)
        branch, fields = as_list(element), as_dict(element)
        if branch is not None:
            yield from _bad_elements(branch, here, settings)
        elif fields is not None:
            if ELEMENTS.isdisjoint(fields):
                first = str(next(iter(fields), ""))
                guess = near(first, ELEMENTS)
                advice = f", did you mean `{guess}`?" if guess else ""
                place = settings.place(*here)
                problem = f"`{first}` is no flow element{advice}"
                yield report.wrong_value(dotted(here), problem, place.value).at(place.path)
            for key in BLOCKS:
                block = as_list(fields.get(key))
                if block is not None:
                    yield from _bad_elements(block, (*here, key), settings)
        elif element not in ("stop", "abort", "break", "continue", "pass", "return"):
            place = settings.place(*here)
            problem = f"`{element}` is no flow element"
            yield report.wrong_value(dotted(here), problem, place.value).at(place.path)
