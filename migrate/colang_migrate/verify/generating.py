"""Conversations made of the old bot's own examples and flows, in a fixed order, the most telling ones first.

Each way through each flow, with a sample and with a paraphrase; each intent alone; words no sample tells anything
about; a digression and the return; events; and all of that again with actions and rails that refuse or fail.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colang.scenario import (
    Conversation,
    Expectation,
    Input,
    Returns,
    Say,
    Send,
    SetContext,
    Stub,
    Turn,
)
from colang.scenario.model import Answers
from colang.syntax import nodes_v1 as n
from colang_interpreter.dynamic import is_dict
from colang_interpreter.v1.names import flow_call
from colang_migrate.texts import sample
from colang_migrate.verify.meaning import UNKNOWN_INTENT, WORDS, refusals
from colang_migrate.verify.model import Mode, Trial
from colang_migrate.verify.paths import (
    Assumes,
    Computes,
    FlowPaths,
    Happens,
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
UNKNOWN_WORDS = "Purple elephants hum quietly on Wednesdays"


_HOLES = re.compile(r"\$\{?([^\W\d]\w*(?:\.\w+)*)|\{\{(.*?)\}\}", re.DOTALL)


_LOOPS = re.compile(r"\{%-?\s*for\s+([^\W\d]\w*)\s+in\s+([^\W\d]\w*)")


@dataclass(slots=True)
class Generated:
    """The conversations, and what is known of those that could not be made.

    `reasons`: of flows; `unsolved`: flow, condition and outcome for which no values were found; `usual`: results
    of actions with which rails let a message pass.
    """

    trials: list[Trial] = field(default_factory=list[Trial])
    reasons: dict[str, str] = field(default_factory=dict[str, str])
    unsolved: set[tuple[str, str, bool]] = field(default_factory=set[tuple[str, str, bool]])
    usual: dict[str, tuple[Stub, ...]] = field(default_factory=dict[str, tuple[Stub, ...]])
    left_out: int = 0  # more conversations than the limit allows


def generated(old: Side, limit: int) -> Generated:
    """At most so many conversations for a bot in Colang 1.0; in other dialects each intent alone."""
    made = Generated()
    maker = _Maker(old)
    seen: set[str] = set()
    for trial in maker.all():
        key = repr(
            (trial.mode, trial.stubs, [(t.inputs, t.answers) for t in trial.conversation.turns])
        )
        if key in seen:
            continue
        seen.add(key)
        if len(made.trials) >= limit:
            made.left_out += 1
            continue
        made.trials.append(trial)
    made.usual = maker.stubs("benign")
    made.reasons, made.unsolved = maker.reasons, maker.unsolved
    return made


@dataclass(frozen=True, slots=True)
class _Plan:
    """Steps of one way with what makes it be taken."""

    title: str
    steps: tuple[Step, ...]
    solution: Solution


class _Maker:
    """Makes trials of one bot."""

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

    # -------------------------------------------------- all of them, by rank

    def all(self) -> Iterator[Trial]:
        yield self._talk("words no sample knows", [UNKNOWN_WORDS, UNKNOWN_WORDS + " again"])
        plans = self._plans()
        first = [each[0] for each in plans]
        rest = list(itertools.chain.from_iterable(each[1:] for each in plans))
        intents = list(dict.fromkeys([*self.samples, *self._used_intents()]))
        for plan in first:
            yield self._trial(plan)
        for intent in intents:
            yield self._alone(intent, literal=True)
        for plan in rest:
            yield self._trial(plan)
        for plan in first:
            yield self._trial(plan, paraphrased=True)
        for plan in first:
            if sum(isinstance(step, Says) for step in plan.steps) > 1:
                yield self._trial(plan, digression=True)
        if self._has_world():
            modes: tuple[Mode, ...] = ("adverse", "raising")
            for mode, plan in itertools.product(modes, first):
                yield self._trial(plan, mode=mode)
            for mode in modes:
                title = f"words no sample knows, {mode} actions"
                talk = self._talk(title, [UNKNOWN_WORDS])
                yield replace(talk, mode=mode, stubs=self.stubs(mode))
        for tasks in self._refused_tasks():
            for plan in first[:3]:
                yield self._trial(plan, tasks=tasks)
            yield self._talk("a rail refuses", [UNKNOWN_WORDS], tasks)
        for intent in intents:
            yield self._alone(intent, literal=False)
        for plan in rest:
            yield self._trial(plan, paraphrased=True)

    def _has_world(self) -> bool:
        return bool(self.usual) or any(self.rails.values())

    def _refused_tasks(self) -> Iterator[Mapping[str, str]]:
        """Verdicts of models by which one rail refuses while the others let pass."""
        for name in self.entries:
            found = refusals(name, self.old.program.config)
            if found:
                yield found

    def _used_intents(self) -> Iterator[str]:
        for flow in self.paths.flows.values():
            for way in flow.ways:
                yield from (s.intent for s in way.steps if isinstance(s, Says) and s.intent)

    # -------------------------------------------------- ways and what makes them be taken

    def _plans(self) -> list[list[_Plan]]:
        found: list[list[_Plan]] = []
        for flow in self.paths.flows.values():
            if flow.ways:
                plans = list(self._plans_of(flow))
                if plans:
                    found.append(plans)
        return found

    def _plans_of(self, flow: FlowPaths) -> Iterator[_Plan]:
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
            yield _Plan(title, steps, solution)
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

    # -------------------------------------------------- trials

    def stubs(self, mode: Mode, plan: _Plan | None = None) -> dict[str, tuple[Stub, ...]]:
        """The results of actions in a mode; those of a plan as its way wants them."""
        if mode == "raising":
            return {}
        usual = self.usual.get(mode, {})
        stubs: dict[str, tuple[Stub, ...]] = {name: (stub,) for name, stub in usual.items()}
        if plan is not None and mode == "benign":
            chosen: dict[str, list[Stub]] = {}
            learns = [step for step in plan.steps if isinstance(step, Learns)]
            for step, value in zip(learns, plan.solution.learned, strict=True):
                if step.action:
                    stub = (
                        usual.get(step.action, Returns(True)) if value is UNSET else Returns(value)
                    )
                    chosen.setdefault(step.action, []).append(stub)
            stubs.update({name: tuple(each) for name, each in chosen.items()})
        return stubs

    def _trial(
        self,
        plan: _Plan,
        *,
        paraphrased: bool = False,
        digression: bool = False,
        mode: Mode = "benign",
        tasks: Mapping[str, str] | None = None,
    ) -> Trial:
        turns = list(self._turns(plan, paraphrased, digression))
        if tasks:
            turns = [replace(turn, answers=replace(turn.answers, tasks=tasks)) for turn in turns]
        title = plan.title
        title += ", paraphrased" if paraphrased else ""
        title += ", with a digression" if digression else ""
        title += ", a rail refuses" if tasks else ""
        title += f", {mode} actions" if mode != "benign" else ""
        return Trial(
            title=title,
            mode=mode,
            stubs=self.stubs(mode, plan),
            conversation=Conversation(turns=tuple(turns), title=title, seed=1),
        )

    def _turns(self, plan: _Plan, paraphrased: bool, digression: bool) -> Iterator[Turn]:
        """The turns of a way. What the model gives belongs to the turn before it."""
        inputs: list[Input] = []
        values: dict[str, Any] = {}
        intent: str | None = None
        number = -1
        told = 0
        solution = plan.solution

        def turn() -> Turn:
            answers = Answers(
                intent=intent or UNKNOWN_INTENT,
                message=solution.bot if solution.bot is not None else WORDS,
                value=values or WORDS,
                has_value=True,
            )
            return Turn(inputs=tuple(inputs), expected=Expectation(), answers=answers)

        if solution.context:
            inputs.append(SetContext(dict(solution.context)))
        for step in plan.steps:
            match step:
                case Says() | Happens():
                    if inputs and not isinstance(inputs[-1], SetContext):
                        yield turn()
                        inputs, values = [], {}
                        if digression and told == 1:
                            yield self._turn(UNKNOWN_WORDS, UNKNOWN_INTENT)
                    if isinstance(step, Says):
                        words = self.words(step.intent, literal=not paraphrased)
                        if solution.user is not None and not told:
                            words = solution.user
                        told += 1
                        intent = step.intent
                        inputs.append(Say(words))
                    else:
                        intent = None
                        inputs.append(Send(({"type": step.name, **dict(step.properties)},)))
                case Learns():
                    number += 1
                    value = solution.learned[number]
                    if not step.action and value is not UNSET:
                        values[step.variable] = value
                case _:
                    pass
        if inputs:
            yield turn()

    def words(self, intent: str, *, literal: bool) -> str:
        """What the user says for an intent."""
        if not intent:
            return UNKNOWN_WORDS
        known = self.samples.get(intent)
        if known and literal:
            return known[0]
        return f"In other words: {known[0] if known else intent}"

    def _alone(self, intent: str, *, literal: bool) -> Trial:
        known = self.samples.get(intent) or [""]
        turns = [
            self._turn(text if text and literal else self.words(intent, literal=False), intent)
            for text in (known[:3] if literal else known[:1])
        ]
        how = "" if literal else ", paraphrased"
        title = f"intent `{intent}` alone{how}"
        return Trial(
            title=title,
            stubs=self.stubs("benign"),
            conversation=Conversation(turns=tuple(turns), title=title, seed=1),
        )

    def _talk(
        self, title: str, texts: Sequence[str], tasks: Mapping[str, str] | None = None
    ) -> Trial:
        turns = [self._turn(text, UNKNOWN_INTENT, tasks) for text in texts]
        return Trial(
            title=title,
            stubs=self.stubs("benign"),
            conversation=Conversation(turns=tuple(turns), title=title, seed=1),
        )

    @staticmethod
    def _turn(text: str, intent: str, tasks: Mapping[str, str] | None = None) -> Turn:
        answers = Answers(intent=intent, message=WORDS, tasks=tasks or {})
        return Turn(inputs=(Say(text),), expected=Expectation(), answers=answers)
