"""Conversations made of the old bot's own examples and flows, in a fixed order, the most telling ones first.

Each way through each flow, with a sample and with a paraphrase; each intent alone; words no sample tells anything
about; a digression and the return; events; and all of that again with actions and rails that refuse or fail.
"""

from __future__ import annotations

import itertools
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
from colang_migrate.verify.meaning import UNKNOWN_INTENT, WORDS, refusals
from colang_migrate.verify.model import Mode, Trial
from colang_migrate.verify.paths import (
    Happens,
    Learns,
    Says,
)
from colang_migrate.verify.plans import Plan, Plans
from colang_migrate.verify.sides import Side
from colang_migrate.verify.solving import UNSET

UNKNOWN_WORDS = "Purple elephants hum quietly on Wednesdays"


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
    """At most so many conversations for a bot in Colang 1.0; each once, whatever its title."""
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
    made.reasons, made.unsolved = maker.plans.reasons, maker.plans.unsolved
    return made


class _Maker:
    """Makes trials of one bot."""

    def __init__(self, old: Side) -> None:
        self.old = old
        self.plans = Plans(old)

    def all(self) -> Iterator[Trial]:
        yield self._talk("words no sample knows", [UNKNOWN_WORDS, UNKNOWN_WORDS + " again"])
        plans = self.plans.all()
        first = [each[0] for each in plans]
        rest = list(itertools.chain.from_iterable(each[1:] for each in plans))
        intents = list(dict.fromkeys([*self.plans.samples, *self._used_intents()]))
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
        return bool(self.plans.usual) or any(self.plans.rails.values())

    def _refused_tasks(self) -> Iterator[Mapping[str, str]]:
        """Verdicts of models by which one rail refuses while the others let pass."""
        for name in self.plans.entries:
            found = refusals(name, self.old.program.config)
            if found:
                yield found

    def _used_intents(self) -> Iterator[str]:
        for flow in self.plans.paths.flows.values():
            for way in flow.ways:
                yield from (s.intent for s in way.steps if isinstance(s, Says) and s.intent)

    def stubs(self, mode: Mode, plan: Plan | None = None) -> dict[str, tuple[Stub, ...]]:
        """The results of actions in a mode; those of a plan as its way wants them."""
        if mode == "raising":
            return {}
        usual = self.plans.usual.get(mode, {})
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
        plan: Plan,
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

    def _turns(self, plan: Plan, paraphrased: bool, digression: bool) -> Iterator[Turn]:
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
        known = self.plans.samples.get(intent)
        if known and literal:
            return known[0]
        return f"In other words: {known[0] if known else intent}"

    def _alone(self, intent: str, *, literal: bool) -> Trial:
        known = self.plans.samples.get(intent) or [""]
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
