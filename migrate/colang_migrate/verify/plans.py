"""How each way through each flow of the old bot comes to be taken, and what actions give where nothing asks for more."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from colang.scenario import Returns, Stub
from colang.syntax import nodes_v1 as n
from colang_interpreter.dynamic import is_dict
from colang_interpreter.v1.names import flow_call
from colang_migrate.texts import sample
from colang_migrate.verify.model import Mode
from colang_migrate.verify.paths import (
    Assumes,
    Computes,
    FlowPaths,
    Learns,
    Paths,
    Says,
    Step,
    Utters,
    Way,
    prefix_to,
)
from colang_migrate.verify.sides import Side
from colang_migrate.verify.solving import UNSET, Shapes, Solution, solve

UNSOLVED = 4  # ways of a flow that are tried although no values were found for their conditions
_HOLES = re.compile(r"\$\{?([^\W\d]\w*(?:\.\w+)*)|\{\{(.*?)\}\}", re.DOTALL)


_LOOPS = re.compile(r"\{%-?\s*for\s+([^\W\d]\w*)\s+in\s+([^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps of one way with what makes it be taken."""

    title: str
    steps: tuple[Step, ...]
    solution: Solution


class Plans:
    """The plans for one bot.

    Attributes:
        samples: Utterances by intent.
        paths: The ways through its flows.
        rails: Names of the flows that are rails, by kind.
        entries: Its input and output rails as the settings name them.
        usual: Results of actions by mode: in rails those that let pass, or refuse.
        reasons: Why there is no plan for a flow.
        unsolved: Flow, condition and outcome for which no values were found.
    """

    def __init__(self, old: Side) -> None:
        self.old = old
        self.reasons: dict[str, str] = {}
        self.unsolved: set[tuple[str, str, bool]] = set()
        modules = {
            file.path: (file.tree, file.source)
            for file in old.project.files
            if isinstance(file.tree, n.Module) and not file.is_library
        }
        self.samples: dict[str, list[str]] = {}
        for module, _ in modules.values():
            for definition in module.definitions:
                if isinstance(definition, n.UserDef):
                    self._remember(definition)
        self.paths = Paths(modules, self.samples)
        rails = old.program.config.rails if old.program.config is not None else None
        self.rails: dict[str, list[str]] = {
            kind: [flow_call(entry)[0] for entry in getattr(rails, kind).flows]
            for kind in ("input", "output", "retrieval")
            if rails is not None
        }
        self.entries: list[str] = [
            entry for kind in ("input", "output") if rails for entry in getattr(rails, kind).flows
        ]
        conditions: list[str] = []
        for flow in self.paths.flows.values():
            for way in flow.ways:
                conditions += [step.condition for step in way.steps if isinstance(step, Assumes)]
                conditions += [step.expression for step in way.steps if isinstance(step, Computes)]
        loops = {
            found[2]: found[1]
            for texts in old.program.bot_messages.values()
            for text in texts
            for found in _LOOPS.finditer(text)
            if found[1] != found[2]
        }
        self.shapes = Shapes(conditions, list(self._holes()), loops)
        self.spoken = {name for flow in self.paths.flows.values() for name in flow.spoken}
        self.usual = self._usual()

    def _remember(self, definition: n.UserDef) -> None:
        known = self.samples.setdefault(definition.name.text, [])
        for line in definition.examples:
            if len(line.parts) == 1 and isinstance(line.parts[0], n.Text):
                plain = sample(line.parts[0].value)[0]
                known.append(plain.replace('\\"', '"').replace("\\\\", "\\"))

    def _holes(self) -> Iterator[str]:
        """What stands in the places of texts that are filled in."""
        for texts in self.old.program.bot_messages.values():
            for text in texts:
                for found in _HOLES.finditer(text):
                    yield (found[1] or found[2] or "").strip()

    def all(self) -> list[list[Plan]]:
        """The plans of each flow that has some; also finds `reasons` and `unsolved`."""
        found: list[list[Plan]] = []
        for flow in self.paths.flows.values():
            if flow.ways:
                plans = list(self._plans_of(flow))
                if plans:
                    found.append(plans)
        return found

    def _plans_of(self, flow: FlowPaths) -> Iterator[Plan]:
        is_rail = any(flow.id in names for names in self.rails.values())
        lead: tuple[Step, ...] = ()
        if is_rail:
            lead = (Says(""),)
        elif flow.is_subflow:
            return  # its ways are part of the flows that call it
        else:
            trigger = flow.trigger
            if trigger is None:
                self.reasons[flow.id] = (
                    "it begins with no `user`, `event` or `bot` line, and 1.0 starts no such flow"
                )
                return
            if isinstance(trigger, Utters):
                spoken = self._lead_to(flow, trigger)
                if spoken is None:
                    self.reasons[flow.id] = (
                        f"it follows `bot {trigger.intent}`, which no other flow says"
                    )
                    return
                lead = spoken
        solved: set[tuple[str, str, bool]] = set()
        wanted: set[tuple[str, str, bool]] = set()
        for number, way in enumerate(flow.ways, start=1):
            steps = (*lead, *way.steps)
            assumed = {(flow.id, s.condition, s.holds) for s in way.steps if isinstance(s, Assumes)}
            wanted |= assumed
            solution = solve(steps, self._evaluate)
            if solution is not None:
                solved |= assumed
                solution = self._completed(steps, solution)
            elif number > UNSOLVED:
                continue
            else:  # its turns are worth a conversation all the same
                solution = Solution((UNSET,) * sum(isinstance(s, Learns) for s in steps))
            title = f"flow `{flow.id}`" + (f", way {number}" if len(flow.ways) > 1 else "")
            yield Plan(title, steps, solution)
        self.unsolved |= wanted - solved

    def _completed(self, steps: Sequence[Step], solution: Solution) -> Solution:
        """The parts of values, and the texts, that are only shown and no condition asks for."""
        learned = list(solution.learned)
        sources = [step for step in steps if isinstance(step, Learns)]
        for place, source in enumerate(sources):
            value = learned[place]
            if is_dict(value):
                usual = self._shaped(source.variable)
                learned[place] = {**usual[0], **value} if usual else value
        context = dict(solution.context)
        known = {step.variable for step in steps if isinstance(step, (Learns, Computes))}
        for step in steps:
            if isinstance(step, Utters) and step.variable and step.variable not in known:
                context.setdefault(step.variable, f"some {step.variable}")
        return replace(solution, learned=tuple(learned), context=context)

    def _shaped(self, variable: str) -> list[dict[str, Any]]:
        """The dictionaries that fit a variable whose parts are read."""
        return [each for each in self.shapes.candidates(variable) if is_dict(each)]

    def _lead_to(self, flow: FlowPaths, trigger: Utters) -> tuple[Step, ...] | None:
        if trigger.intent in ("", "..."):
            return (Says(""),)
        ways: list[Way] = [
            way for other in self.paths.flows.values() if other.id != flow.id for way in other.ways
        ]
        return prefix_to(ways, lambda step: step == trigger)

    def _evaluate(self, expression: str, context: dict[str, Any]) -> Any:
        given = dict(context)
        given.setdefault("config", self.old.program.config)
        return self.old.program.evaluate(expression, given, "")

    def _usual(self) -> dict[Mode, dict[str, Stub]]:
        """Results of actions that nothing else asks for: in rails those that let pass, or refuse."""
        found: dict[Mode, dict[str, Stub]] = {"benign": {}, "adverse": {}}
        for flow in self.paths.flows.values():
            for way in flow.ways:
                for step in way.steps:
                    if isinstance(step, Learns) and step.action:
                        shaped = self._shaped(step.variable) if step.variable else []
                        text = step.variable in self.spoken
                        good: Any = shaped[0] if shaped else "these words" if text else True
                        bad: Any = shaped[-1] if shaped else "these words" if text else False
                        found["benign"].setdefault(step.action, Returns(good))
                        found["adverse"].setdefault(step.action, Returns(bad))
        for name in itertools.chain.from_iterable(self.rails.values()):
            flow_paths = self.paths.flows.get(name)
            if flow_paths is None:
                continue
            kinds: tuple[tuple[Mode, bool], ...] = (("benign", False), ("adverse", True))
            for mode, stops in kinds:
                self._rail_values(flow_paths, stops, found[mode])
        return found if found["benign"] else {}

    def _rail_values(self, flow: FlowPaths, stops: bool, values: dict[str, Stub]) -> None:
        for way in flow.ways:
            if (way.end == "stop") is not stops:
                continue
            solution = solve((Says(""), *way.steps), self._evaluate)
            if solution is None or solution.context or solution.user or solution.bot:
                continue
            learns = [step for step in way.steps if isinstance(step, Learns)]
            for step, value in zip(learns, solution.learned, strict=True):
                if step.action and value is not UNSET:
                    values[step.action] = Returns(value)
            return
