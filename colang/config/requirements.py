"""What settings need from each other and from the program: models, prompts and flows of rails. Section 4."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from colang.config.plain import as_dict, as_list
from colang.config.policies import policies
from colang.config.settings import Settings
from colang.diagnostics import Diagnostic
from colang.diagnostics import config as report
from colang.project.rails import parse_rail
from colang.source import Span

if TYPE_CHECKING:
    from colang.config.rails_config import RailsConfig
    from colang.project import Project

#: Rails that ask a model and the task of their prompt; a `$model` or `$variant` belongs to the task's name.
PROMPT_TASKS = {
    "self check input": "self_check_input",
    "self check output": "self_check_output",
    "self check facts": "self_check_facts",
    "llama guard check input": "llama_guard_check_input",
    "llama guard check output": "llama_guard_check_output",
    "patronus lynx check output hallucination": "patronus_lynx_check_output_hallucination",
    "content safety check input": "content_safety_check_input",
    "content safety check output": "content_safety_check_output",
    "topic safety check input": "topic_safety_check_input",
}

#: Rails of the library for Colang 1.0, which are there without an import.
LIBRARY_RAILS = frozenset(
    {
        *(name for name in PROMPT_TASKS if not name.startswith("patronus")),  # a service of others
        *(
            f"{verb} sensitive data on {kind}"
            for verb in ("detect", "mask")
            for kind in ("input", "output", "retrieval")
        ),
        *(f"regex check {kind}" for kind in ("input", "output", "retrieval")),
        *("self check hallucination", "hallucination warning", "injection detection"),
        *("jailbreak detection heuristics", "jailbreak detection model"),
        *("clavata check input", "clavata check output", "alignscore check facts"),
        "mask blocked user input",
    }
)
KINDS = ("input", "output", "retrieval")
TOOL_KINDS = ("tool_output", "tool_input")

#: The engine of the extra `embeddings`.
EMBEDDING_ENGINE = "WordLlama"


def requirements(
    config: RailsConfig, settings: Settings, project: Project | None = None
) -> Iterator[Diagnostic]:
    """What is missing or does not go together; with a project also rails that no flow defines."""
    tasks = {prompt.task for prompt in config.prompts or ()}
    types = {model.type for model in config.models}
    for kind in KINDS:
        for index, entry in enumerate(_flows(config, kind)):
            place = settings.place("rails", kind, "flows", index)
            for finding in _rail(entry, tasks, types, place.value):
                yield finding.at(place.path)
    yield from policies(config, settings)
    yield from _streaming(config, settings)
    yield from _embeddings(config, settings, project)
    if config.passthrough and config.rails.dialog.single_call.enabled:
        place = settings.place("passthrough")
        both = ("passthrough", "rails.dialog.single_call.enabled")
        yield report.exclusive_settings(*both, place.key).at(place.path)
    for kind in TOOL_KINDS:
        if settings.get("rails", kind, "parallel"):
            place = settings.place("rails", kind, "parallel")
            reason = "tool rails run one after the other"
            yield report.without_effect(f"rails.{kind}.parallel", reason, place.key).at(place.path)
    if project is not None:
        kinds = KINDS if project.version == "2.x" else (*KINDS, *TOOL_KINDS)
        found = undefined_rails(config, settings, rail_names(project), kinds)
        if project.version == "2.x":  # there, entries that are no calls were reported by loading
            found = (each for each in found if parse_rail(each[0]) is not None)
            yield from _idle_in_v2(settings)
        yield from (finding for _, finding in found)


def _idle_in_v2(settings: Settings) -> Iterator[Diagnostic]:
    """Settings of rails that Colang 2.x has no use for: there, rails are flows that flows call."""
    for kind in ("retrieval", *TOOL_KINDS):
        if settings.get("rails", kind, "flows"):
            place = settings.place("rails", kind, "flows")
            reason = "in Colang 2.x a flow calls such rails where it needs them"
            yield report.without_effect(f"rails.{kind}.flows", reason, place.key).at(place.path)
    for kind in ("input", "output"):
        if settings.get("rails", kind, "parallel"):
            place = settings.place("rails", kind, "parallel")
            reason = f"rails of Colang 2.x run as `{kind} rails` calls them"
            yield report.without_effect(f"rails.{kind}.parallel", reason, place.key).at(place.path)


def _flows(config: RailsConfig, kind: str) -> list[str]:
    flows: list[str] = getattr(config.rails, kind).flows
    return flows


def _rail(
    entry: str, tasks: Collection[str], types: Collection[str], span: Span
) -> Iterator[Diagnostic]:
    call = parse_rail(entry)
    if call is None:
        return
    arguments = {key: value.strip("\"'") for key, value in call.arguments}
    model = arguments.get("model")
    if model is not None and model not in types:
        yield report.unknown_model_type(call.name, model, span, types)
    task = PROMPT_TASKS.get(call.name)
    if task is None:
        return
    for key in ("model", "variant"):
        if key in arguments:
            task += f" ${key}={arguments[key]}"
    if task not in tasks:
        yield report.missing_prompt(call.name, task, span)


def _streaming(config: RailsConfig, settings: Settings) -> Iterator[Diagnostic]:
    streaming = config.rails.output.streaming
    if not streaming.enabled or (not streaming.stream_first and streaming.context_size == 0):
        return
    for index, entry in enumerate(config.rails.output.flows):
        call = parse_rail(entry)
        if call is not None and "mask" in call.name.split():
            place = settings.place("rails", "output", "flows", index)
            yield report.streaming_rewrite(call.name, place.value).at(place.path)


def _embeddings(
    config: RailsConfig, settings: Settings, project: Project | None
) -> Iterator[Diagnostic]:
    """Engines that are not built in, unless a Python file of the project registers engines."""
    sources = () if project is None else project.sources.items()
    registers = (
        path.endswith(".py") and "register_embedding_provider" in source.text
        for path, source in sources
    )
    if any(registers):
        return
    places: list[tuple[str | int, ...]] = [
        ("models", index, "engine")
        for index, model in enumerate(config.models)
        if model.type == "embeddings"
    ]
    for part in ("core", "knowledge_base"):
        places.append((part, "embedding_search_provider", "parameters", "embedding_engine"))
        cache = (part, "embedding_search_provider", "cache", "enabled")
        if settings.get(*cache):
            place = settings.place(*cache)
            reason = "vectors of examples are kept in memory, with the index"
            yield report.without_effect(".".join(cache), reason, place.key).at(place.path)
    for path in places:
        engine = settings.get(*path)
        if isinstance(engine, str) and engine.lower() != EMBEDDING_ENGINE.lower():
            place = settings.place(*path)
            finding = report.unknown_embedding_engine(engine, EMBEDDING_ENGINE, place.value)
            yield finding.at(place.path)


def rail_names(project: Project) -> Collection[str]:
    """The names of all flows a rail may be."""
    if project.version == "2.x":
        return project.flows.keys()
    names = {str(flow.get("id")) for flow in _yaml_flows(project.settings)}
    for file in project.files:
        names.update(str(getattr(flow, "id", "")) for flow in file.tree.flows)
    return names | LIBRARY_RAILS


def _yaml_flows(settings: Settings) -> Iterator[dict[str, object]]:
    flows = settings.get("flows")
    for flow in as_list(flows) or ():
        fields = as_dict(flow)
        if fields is not None:
            yield fields


def undefined_rails(
    config: RailsConfig, settings: Settings, known: Collection[str], kinds: Iterable[str] = KINDS
) -> Iterator[tuple[str, Diagnostic]]:
    """Entries that name no flow: these rails would never run. Parameters are no part of the name."""
    for kind in kinds:
        for index, entry in enumerate(_flows(config, kind)):
            call = parse_rail(entry)
            name = call.name if call else entry.partition("(")[0].partition("$")[0].strip()
            if name not in known:
                place = settings.place("rails", kind, "flows", index)
                finding = report.unknown_rail(kind, name, place.value, known)
                yield entry, finding.at(place.path)
