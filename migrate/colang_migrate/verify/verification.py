"""`verify`: the old and the new bot hold the same conversations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from colang_migrate.verify import comparing
from colang_migrate.verify.comparing import Verdict, Wordings
from colang_migrate.verify.generating import generated
from colang_migrate.verify.model import Coverage, Result, Trial
from colang_migrate.verify.playing import Transcript, hold
from colang_migrate.verify.sides import Names, Side, load_side
from colang_migrate.verify.watching import Seen, coverage, watched

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
    """

    old: str
    new: str
    results: tuple[Result, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    notes: tuple[str, ...] = ()

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


def verify(
    old: str | Mapping[str, str],
    new: str | Mapping[str, str],
    *,
    trials: Iterable[Trial] = (),
    limit: int = LIMIT,
    execute: bool = False,
    names: tuple[str, str] = ("OLD", "NEW"),
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    r"""Hold the same conversations with a bot before and after its migration, and compare what users would see.

    Offline, seeded, on a clock that stands still; the same arguments give the same result. Each conversation takes
    bounded time.

    Args:
        old: Folder, file, or texts by file name.
        new: The same, migrated.
        trials: Conversations to hold first, such as those of scenario files and event logs.
        limit: At most so many are generated of the old bot's own examples and flows.
        execute: Run the Python actions of both; by default stubs stand in for them.
        names: What reports call the two, where they are texts.
        progress: Called with the number of conversations done, and of all.

    Raises:
        SideError: One of them cannot be run.

    Example:
        >>> old = {"a.co": 'define user ask\n  "how much"\ndefine flow\n  user ask\n  bot "Ten."\n'}
        >>> old = {"a.co": 'define user ask\n  "how much"\ndefine bot tell\n  "Ten."\n'
        ...        'define flow\n  user ask\n  bot tell\n'}
        >>> from colang_migrate import plan
        >>> made = plan({name: text.encode() for name, text in old.items()})
        >>> verify(old, made.texts("after")).holds
        True
    """
    sides = Names(
        load_side(old, _named(old, names[0]), execute=execute),
        load_side(new, _named(new, names[1]), execute=execute),
    )
    return asyncio.run(_Run(sides, progress).all(tuple(trials), limit))


def _named(source: str | Mapping[str, str], name: str) -> str:
    return source if isinstance(source, str) else name


class _Run:
    """One verification under way."""

    def __init__(self, names: Names, progress: Callable[[int, int], None] | None) -> None:
        self.names = names
        self.progress = progress
        self.seen = Seen()
        self.is_old = names.old.version == "1.0"
        messages = names.old.program.bot_messages if self.is_old else {}
        self.wordings = Wordings(messages)
        self.watched = watched(names.old.program, self.seen) if self.is_old else None
        config = names.old.program.config
        self.has_output_rails = bool(config is not None and config.rails.output.flows)

    async def all(self, given: Sequence[Trial], limit: int) -> Verification:
        notes: list[str] = []
        reasons: Mapping[str, str] = {}
        trials = list(given)
        if self.is_old:
            made = generated(self.names.old, limit)
            trials += made.trials
            reasons = made.reasons
            if made.left_out:
                notes.append(f"{made.left_out} more conversations could be generated; see --limit")
        else:
            notes.append("conversations are generated of Colang 1.0 only; the old bot is in 2.x")
        results: list[Result] = []
        for number, trial in enumerate(trials):
            if self.progress is not None:
                self.progress(number, len(trials))
            results.append(await self.one(trial))
        return Verification(
            old=self.names.old.name,
            new=self.names.new.name,
            results=tuple(results),
            coverage=coverage(self.names.old.program, self.seen, reasons)
            if self.is_old
            else Coverage(),
            notes=tuple(notes),
        )

    async def one(self, trial: Trial) -> Result:
        old = await hold(trial, self.names.old, self.names, self.watched)
        new = await hold(trial, self.names.new, self.names)
        result = self._compared(trial, old, new)
        if result.outcome == "different" and self.has_output_rails and self.is_old:
            strict = watched(self.names.old.program, Seen(), strict_output=True)
            again = self._compared(
                trial, await hold(trial, self.names.old, self.names, strict), new
            )
            if again.outcome != "different":
                return replace(result, outcome="accepted", reason=comparing.STRICT)
        return result

    def _compared(self, trial: Trial, old: Transcript, new: Transcript) -> Result:
        accepted: tuple[int, Verdict] | None = None
        for place in range(max(len(old), len(new))):
            before, after = old[place : place + 1], new[place : place + 1]
            if not before or not after:
                side = "old" if not before else "new"
                verdict = Verdict(False, f"the {side} bot ends before the conversation does")
            else:
                verdict = comparing.compare(before[0], after[0], self.wordings)
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
