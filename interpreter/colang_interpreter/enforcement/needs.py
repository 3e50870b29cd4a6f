"""What the library's rails need from the settings, and what of it is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from colang.config.requirements import PROMPT_TASKS
from colang.diagnostics.config import near
from colang_interpreter.enforcement.model import EXECUTION, Action, Rail
from colang_interpreter.library.actions import (
    align_score,
    clavata,
    injection,
    jailbreak,
    sensitive_data,
)
from colang_interpreter.llm.selection import built_in
from colang_interpreter.patterns.limits import PatternError, safe_pattern

if TYPE_CHECKING:
    from colang.config import RailsConfig
    from colang.project import Project


@dataclass(slots=True)
class Findings:
    """What is found out about one rail."""

    needs: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


class Surroundings:
    """The settings and the actions of a project, as rails find them."""

    def __init__(self, project: Project) -> None:
        """Of a project; nothing is executed."""
        self.project = project

    @cached_property
    def config(self) -> RailsConfig | None:
        """The settings as far as they are valid; None if they are not."""
        from colang.config.validation import validate

        return validate(self.project.settings)[0]

    @cached_property
    def built_in(self) -> frozenset[str]:
        """Names of the actions every bot has."""
        from colang.analysis.builtins import HOST_ACTIONS, RAIL_ACTIONS, RUNTIME_ACTIONS
        from colang.analysis.builtins_v1 import ACTIONS
        from colang_interpreter.host.actions import ActionRegistry, snake_case
        from colang_interpreter.library.actions.installing import register_rail_actions

        registry = ActionRegistry()
        register_rail_actions(registry, None)

        claimed = {*RAIL_ACTIONS, *map(snake_case, RAIL_ACTIONS)}  # not all of them are there
        return frozenset(
            {*registry.names, *HOST_ACTIONS, *RUNTIME_ACTIONS, *(set(ACTIONS) - claimed)}
        )

    def action(self, name: str) -> tuple[Action, str | None]:
        """An action by the name that flows use, and why it cannot be used."""
        from colang_interpreter.host.actions import snake_case

        known = self.project.python.actions
        for spelled in (name, snake_case(name)):
            info = known.get(spelled)
            if info is not None:
                source = self.project.sources.get(info.path)
                line = source.position(info.span.start).line if source is not None else 0
                return Action(name=name, path=info.path, line=line), None
            if spelled in self.built_in:
                return Action(name=name), None
        problem = f"no file of the project has the action `{name}`, and it is not built in"
        if not self.project.python.complete:
            return Action(name=name), None  # it may be among those that are registered by a program
        return Action(name=name), problem

    # ------------------------------------------------------------ what a flow of the library needs

    def examine(
        self, flow: str, arguments: Mapping[str, str], found: Findings, *, listed: bool
    ) -> None:
        """Add what the flow of the library needs to what is found.

        Args:
            flow: Its name.
            arguments: Texts it is given, by parameter.
            found: What is found out about the rail.
            listed: It stands in a list of rails in the settings, which then need a prompt of their own.
        """
        config = self.config
        if config is None:
            return  # the settings are not valid, which is a problem of its own
        task = PROMPT_TASKS.get(flow)
        if task is not None:
            self._prompt(flow, task, arguments, config, found, listed)
        elif flow in _ASKING:
            self._model("main", config, found)
        settings = getattr(config.rails, "config", None)
        check = _SETTINGS.get(flow)
        if check is not None:
            check(settings, found)

    def _prompt(
        self,
        flow: str,
        task: str,
        arguments: Mapping[str, str],
        config: RailsConfig,
        found: Findings,
        listed: bool,
    ) -> None:
        type = arguments.get("model") or ("llama_guard" if "llama guard" in flow else None)
        variant = arguments.get("variant")
        if "model" in arguments:
            task += f" $model={arguments['model']}"
        elif variant and variant != task:
            task += f" $variant={variant}"
        found.needs.append(f"a prompt for the task `{task}`")
        known = {prompt.task for prompt in config.prompts or ()}
        if not listed:
            known |= {prompt.task for prompt in built_in(self.project.version)[0]}
        if task not in known:
            found.problems.append(f"there is no prompt for the task `{task}`; add it to `prompts`")
        if type is not None:
            found.needs.append(f"a model of type `{type}`")
            types = [model.type for model in config.models]
            if type not in types:
                guess = near(type, types)
                advice = f"did you mean `{guess}`?" if guess else "add it to `models`"
                found.problems.append(f"no model has the type `{type}`; {advice}")
        else:
            self._model(task, config, found)

    def _model(self, task: str, config: RailsConfig, found: Findings) -> None:
        found.needs.append("a model")
        types = {model.type for model in config.models}
        if not types & {task, task.partition(" ")[0], "main"}:
            found.problems.append(
                "no model of type `main` is configured; add it to `models`"
                " (or give the bot one: `llm=...`)"
            )


_ASKING: Final = frozenset({"self check hallucination", "hallucination warning"})


def _clavata(direction: str) -> Callable[[Any, Findings], None]:
    def check(settings: Any, found: Findings) -> None:
        own = getattr(settings, "clavata", None)
        found.needs.append(f"the service at {getattr(own, 'server_endpoint', 'nowhere')}")
        found.needs.append(f"the environment variable {clavata.KEY_VARIABLE}")
        try:
            checked = clavata.check_of(own, rail=direction)
        except clavata.ClavataPluginError as problem:
            found.problems.append(str(problem))
        else:
            labels = f", labels {', '.join(checked.labels)}" if checked.labels else ""
            found.needs.append(f"the policy {checked.policy}{labels}")
        if not os.environ.get(clavata.KEY_VARIABLE):
            found.notes.append(f"{clavata.KEY_VARIABLE} is not set here")

    return check


def _regex(source: str) -> Callable[[Any, Findings], None]:
    def check(settings: Any, found: Findings) -> None:
        options = getattr(getattr(settings, "regex_detection", None), source, None)
        patterns = list(getattr(options, "patterns", None) or ())
        if not patterns:
            found.problems.append(
                f"`rails.config.regex_detection.{source}.patterns` is empty: it lets everything pass"
            )
        for pattern in patterns:
            try:
                safe_pattern(pattern)
            except PatternError as problem:
                found.problems.append(str(problem))

    return check


def _sensitive(source: str) -> Callable[[Any, Findings], None]:
    def check(settings: Any, found: Findings) -> None:
        own = getattr(settings, "sensitive_data_detection", None)
        place = f"rails.config.sensitive_data_detection.{source}.entities"
        entities = list(getattr(getattr(own, source, None), "entities", None) or ())
        if not entities:
            found.problems.append(f"`{place}` is empty: it finds nothing")
        try:
            missing = sensitive_data.unknown_entities(own, source)
        except sensitive_data.SensitiveDataError as problem:
            found.problems.append(str(problem))
            return
        if missing:
            known = ", ".join(sensitive_data.ENTITIES)
            found.problems.append(
                f"`{place}`: {', '.join(missing)} cannot be found by patterns; there are {known}"
            )

    return check


def _injection(settings: Any, found: Findings) -> None:
    problem = injection.problem_of(getattr(settings, "injection_detection", None))
    if problem is not None:
        found.problems.append(problem)


def _jailbreak(endpoint: Callable[[Any], str | None]) -> Callable[[Any, Findings], None]:
    def check(settings: Any, found: Findings) -> None:
        address = endpoint(getattr(settings, "jailbreak_detection", None))
        if address is None:
            found.problems.append(
                "it needs a service; set `rails.config.jailbreak_detection.server_endpoint`"
            )
        else:
            found.needs.append(f"the service at {address}")

    return check


def _align_score(settings: Any, found: Findings) -> None:
    _only_when("check_facts")(settings, found)
    own = getattr(settings, "fact_checking", None)
    address = align_score.endpoint_of(own)
    if address is not None:
        found.needs.append(f"the service at {address}")
    elif not getattr(own, "fallback_to_self_check", False):
        found.problems.append(
            "it needs a service; set `rails.config.fact_checking.parameters.endpoint`"
        )


def _only_when(variable: str) -> Callable[[Any, Findings], None]:
    def check(settings: Any, found: Findings) -> None:
        found.notes.append(f"it checks only messages before which ${variable} was set to True")

    return check


_SETTINGS: Final[dict[str, Callable[[Any, Findings], None]]] = {
    "clavata check input": _clavata("input"),
    "clavata check output": _clavata("output"),
    **{f"regex check {source}": _regex(source) for source in sensitive_data.SOURCES},
    **{
        f"{verb} sensitive data on {source}": _sensitive(source)
        for verb in ("detect", "mask")
        for source in sensitive_data.SOURCES
    },
    "injection detection": _injection,
    "jailbreak detection heuristics": _jailbreak(jailbreak.heuristics_endpoint),
    "jailbreak detection model": _jailbreak(jailbreak.model_endpoint),
    "alignscore check facts": _align_score,
    "self check facts": _only_when("check_facts"),
    "self check hallucination": _only_when("check_hallucination"),
    "hallucination warning": _only_when("hallucination_warning"),
}


_TOLD: Final = frozenset({"CO409", "CO410", "CO412", "CO432"})
"""Errors that are told with the rail they are about: prompts, models, flows and policies that are missing."""


def execution_rails(project: Project) -> Iterator[Rail]:
    """What the decorators of the project's Python actions check."""
    number = 0
    for name, info in project.python.actions.items():
        source = project.sources.get(info.path)
        for rail in info.rails:
            number += 1
            line = action_line = 0
            if source is not None:
                line = source.position(rail.span.start).line
                action_line = source.position(info.span.start).line
            notes: tuple[str, ...] = ()
            if rail.validators is None:
                notes = ("its validators are not written out: they are known when it runs",)
            yield Rail(
                kind=EXECUTION,
                position=number,
                call=rail.call,
                flow="",
                path=info.path,
                line=line,
                actions=(Action(name=name, path=info.path, line=action_line),),
                problems=() if rail.problem is None else (rail.problem,),
                notes=notes,
            )


def project_problems(project: Project) -> list[str]:
    """The errors of a project, because of which it cannot run; files in the other dialect are among them."""
    from colang.analysis import check
    from colang.diagnostics import Severity

    found: list[str] = []
    actions = project.python.actions.values()
    told = {(info.path, rail.span) for info in actions for rail in info.rails}
    for finding in check(project):
        if finding.severity is not Severity.ERROR or finding.code in _TOLD:
            continue
        if finding.code == "CO506" and (finding.path, finding.span) in told:
            continue
        source = project.sources.get(finding.path or "")
        line = source.position(finding.span.start).line if source is not None else 0
        place = f"{finding.path}:{line}" if line else finding.path or ""
        found.append(f"{place}: {finding.code}: {finding.message}")
    return found
