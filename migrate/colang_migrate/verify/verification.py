"""`verify_migration`: the old and the new bot hold the same conversations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from colang.scenario import Returns
from colang_migrate.verify import comparing
from colang_migrate.verify.comparing import NO_HABITS, Verdict, Wordings, habits_of
from colang_migrate.verify.generating import Generated, generated
from colang_migrate.verify.meaning import UNKNOWN_INTENT, meant
from colang_migrate.verify.model import Coverage, Result, Trial
from colang_migrate.verify.playing import Stage, Transcript
from colang_migrate.verify.sides import Names, is_alpha, load_side, read_project
from colang_migrate.verify.sources import is_by_call, read_trials, scenarios_in
from colang_migrate.verify.watching import Seen, WatchedProgram, coverage, watched

LIMIT = 300
"""Generated conversations, unless another number is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of all conversations.

    Attributes:
        old: Name of the old bot.
        new: Name of the new one.
        results: One for each conversation, in order.
        coverage: What they have reached of the old bot.
        notes: What a reader has to know of how it was done.
        alone: Nothing runs the old one any more; the new one was held to what scenarios expect.
    """

    old: str
    new: str
    results: tuple[Result, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    notes: tuple[str, ...] = ()
    alone: bool = False

    @property
    def holds(self) -> bool:
        """Whether no conversation differs, but for known differences."""
        return self.first_difference is None

    @property
    def first_difference(self) -> Result | None:
        """The first conversation that differs."""
        return next((each for each in self.results if each.outcome == "different"), None)

    def of(self, outcome: str) -> tuple[Result, ...]:
        """The conversations with this outcome."""
        return tuple(each for each in self.results if each.outcome == outcome)


def verify_migration(
    old: str | Mapping[str, str],
    new: str | Mapping[str, str],
    *,
    conversations: Iterable[str | Trial] | None = None,
    limit: int = LIMIT,
    execute: bool = False,
    names: tuple[str, str] = ("the original", "the result"),
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    r"""Hold the same conversations with a bot before and after its migration, and compare what users would see.

    Offline, seeded, on a clock that stands still; the same arguments give the same result. Each conversation takes
    bounded time. (Migration document, section 19.)

    Args:
        old: Folder, file, or texts by file name. Nothing runs 2.0-alpha any more: if it is in that, the new bot is
            only held to what scenarios expect.
        new: The same, migrated.
        conversations: Conversations to hold first, or paths of scenario files and event logs with some. By
            default the scenario files of both folders.
        limit: At most so many more are generated of the old bot's own examples and flows.
        execute: Run the Python actions of both; by default stubs stand in for them.
        names: What reports call the two, where they are texts.
        progress: Called with the number of conversations done, and of all.

    Raises:
        SideError: One of them cannot be run.
        SourceError: A file of conversations cannot be used.

    Example:
        >>> old = {"a.co": 'define user ask\n  "how much"\ndefine bot tell\n  "Ten."\n'
        ...        'define flow\n  user ask\n  bot tell\n'}
        >>> from colang_migrate import plan
        >>> made = plan({name: text.encode() for name, text in old.items()})
        >>> verify_migration(old, made.texts("after")).holds
        True
    """
    before, after = read_project(old), read_project(new)
    if conversations is None:
        folders = [each for each in (old, new) if isinstance(each, str)]
        conversations = scenarios_in(*folders)
    trials: list[Trial] = []
    for each in conversations:
        trials += [each] if isinstance(each, Trial) else read_trials(each)
    names = _named(old, names[0]), _named(new, names[1])
    new_side = load_side(after, names[1], execute=execute)
    if is_alpha(before):
        both = Names(replace(new_side, name=names[0]), new_side)
        return asyncio.run(_Run(both, progress).alone(trials))
    old_side = load_side(before, names[0], execute=execute)
    return asyncio.run(_Run(Names(old_side, new_side), progress).all(trials, limit))


def _named(source: str | Mapping[str, str], name: str) -> str:
    return source if isinstance(source, str) else name


ALPHA = (
    "nothing runs Colang 2.0-alpha any more, so there is no old bot to compare with: the new one was loaded,"
    " and held to what the scenarios expect"
)
NO_MESSAGES: Mapping[str, Sequence[str]] = {}
_RETRIEVAL = "retrieve_relevant_chunks"


class _Run:
    """One verification under way."""

    def __init__(self, names: Names, progress: Callable[[int, int], None] | None) -> None:
        self.names = names
        self.stage = Stage(names)
        self.progress = progress
        self.seen = Seen()
        self.is_old = names.old.version == "1.0"
        self.wordings = Wordings(names.old.program.bot_messages if self.is_old else NO_MESSAGES)
        self.habits = habits_of(names.old.program) if self.is_old else NO_HABITS
        self.watched = watched(names.old.program, self.seen) if self.is_old else None
        self.has_knowledge = bool(names.old.project.documents)
        config = names.old.program.config
        self.has_output_rails = bool(config is not None and config.rails.output.flows)

    @cached_property
    def strict(self) -> WatchedProgram:
        """The old bot, with output rails that check predefined messages as well."""
        return watched(self.names.old.program, Seen(), strict_output=True)

    @cached_property
    def lively(self) -> WatchedProgram:
        """The old bot without samples, as if it had some: so its flows take part."""
        program = replace(self.names.old.program, user_messages={UNKNOWN_INTENT: ()})
        return watched(program, self.seen)

    async def all(self, given: Sequence[Trial], limit: int) -> Verification:
        notes: list[str] = []
        made = Generated()
        if self.is_old:
            made = generated(self.names.old, limit)
            if made.left_out:
                notes.append(f"{made.left_out} more conversations could be generated; see --limit")
        else:
            notes.append("conversations are generated of Colang 1.0 only, and the old bot is 2.x")
        given = [meant(each, self.names.old) for each in given]
        trials = [
            *(
                replace(each, stubs={**made.usual, **each.stubs})
                for each in given
                if not is_by_call(each)
            )
        ]
        if len(trials) < len(given):
            count = len(given) - len(trials)
            notes.append(
                f"{count} conversations script the model call by call, which fits only one of the two: left out"
            )
        trials += made.trials
        results: list[Result] = []
        for number, trial in enumerate(trials):
            if self.progress is not None:
                self.progress(number, len(trials))
            results.append(await self.one(trial))
        reached = Coverage()
        if self.is_old:
            reached = coverage(self.names.old.program, self.seen, made.reasons, made.unsolved)
        return Verification(
            old=self.names.old.name,
            new=self.names.new.name,
            results=tuple(results),
            coverage=reached,
            notes=tuple(notes),
        )

    async def alone(self, given: Sequence[Trial]) -> Verification:
        """The old bot is in a dialect nothing runs: the new one is held to what scenarios expect."""
        results: list[Result] = []
        for trial in given:
            records = await self.stage.hold(trial, self.names.new, expects=True)
            wrong = next((each for each in records if each.broken or each.expected is False), None)
            if wrong is None:
                results.append(Result(trial=trial, outcome="equal"))
                continue
            reason = wrong.broken or "the new bot does not what the scenario expects"
            results.append(self._result(trial, "different", wrong.number, reason, (), records))
        return Verification(
            old=self.names.old.name,
            new=self.names.new.name,
            results=tuple(results),
            notes=(ALPHA,),
            alone=True,
        )

    async def one(self, trial: Trial) -> Result:
        """Hold one conversation with both. What differs is tried again without what 2.x does otherwise."""
        old = await self.stage.hold(trial, self.names.old, self.watched)
        new = await self.stage.hold(trial, self.names.new)
        result = self._compared(trial, old, new)
        if result.outcome != "different" or not self.is_old:
            return result
        program = self.names.old.program
        if self.has_output_rails:
            old = await self.stage.hold(trial, self.names.old, self.strict)
            if self._compared(trial, old, new).outcome != "different":
                return replace(result, outcome="accepted", reason=comparing.STRICT)
        if not program.user_messages:
            old = await self.stage.hold(trial, self.names.old, self.lively)
            lively_result = self._compared(trial, old, new)
            if lively_result.outcome != "different":
                return replace(result, outcome="accepted", reason=comparing.GENERAL)
            result = lively_result
        if self.has_knowledge:
            blind = replace(trial, stubs={**trial.stubs, _RETRIEVAL: (Returns(None),)})
            old = await self.stage.hold(blind, self.names.old)
            new = await self.stage.hold(blind, self.names.new)
            if self._compared(blind, old, new).outcome != "different":
                return replace(result, outcome="accepted", reason=comparing.KNOWLEDGE)
        return result

    def _compared(self, trial: Trial, old: Transcript, new: Transcript) -> Result:
        accepted: tuple[int, Verdict] | None = None
        for place in range(max(len(old), len(new))):
            before, after = old[place : place + 1], new[place : place + 1]
            if not before or not after:
                side = "old" if not before else "new"
                verdict = Verdict(False, f"the {side} bot ends before the conversation does")
            else:
                verdict = comparing.compare(before[0], after[0], self.wordings, self.habits)
            if verdict.reason and not verdict.accepted:
                number = (before or after)[0].number
                return self._result(trial, "different", number, verdict.reason, old, new)
            if verdict.reason and accepted is None:
                accepted = before[0].number, verdict
            if not verdict.goes_on:
                break
        if accepted is None:
            return Result(trial=trial, outcome="equal")
        number, verdict = accepted
        return self._result(trial, "accepted", number, verdict.reason, old, new)

    @staticmethod
    def _result(
        trial: Trial, outcome: str, number: int, reason: str, old: Transcript, new: Transcript
    ) -> Result:
        return Result(
            trial=trial,
            outcome="accepted" if outcome == "accepted" else "different",
            turn=number,
            reason=reason,
            old=tuple(each for each in old if each.number <= number),
            new=tuple(each for each in new if each.number <= number),
        )
