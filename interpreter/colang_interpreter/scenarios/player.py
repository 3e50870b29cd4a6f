"""Scenarios against the real host: each conversation in a session of its own, on a clock that stands still.

`scenario` compares and knows no host; this module is the bridge between the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from colang.scenario.model import Raises, Stub
from colang_interpreter.host.bot import Bot
from colang_interpreter.host.channels import ALL_CHANNELS, performed_by
from colang_interpreter.host.clock import VirtualClock
from colang_interpreter.host.session import Reply, Session, SessionOptions
from colang_interpreter.llm.scripted import TaskModel
from colang_interpreter.machine import Event, Program
from colang_interpreter.scenarios.playing import Opener, Player, Setup


def _scripted(setup: Setup) -> Any:
    return TaskModel(setup.model.answer) if setup.has_model else None


def _without_models(program: Any) -> tuple[Program, list[str]]:
    """The program with no model in its settings, and the types of those it had: one answers for all."""
    models = getattr(program.config, "models", None)
    if not models:
        return program, []
    settings = program.config.model_copy(update={"models": []})
    return dataclasses.replace(program, settings=settings), [model.type for model in models]


class StubbedFailure(Exception):
    """What an action with the stub ``{raises: ...}`` raises."""


class SessionPlayer:
    """A session of the host as a `Player`."""

    def __init__(
        self,
        session: Session,
        clock: VirtualClock,
        on_reply: Callable[[Reply], object] | None = None,
    ) -> None:
        """Play `session`, which is open, on `clock`, which is its bot's; `on_reply` sees each reply."""
        self.session = session
        self._clock = clock
        self._on_reply = on_reply
        self._notes: list[str] = []

    async def start(self) -> Sequence[Event]:
        """Let the bot begin."""
        return self._taken(await self.session.send())

    async def say(self, text: str) -> Sequence[Event]:
        """One turn."""
        return self._taken(await self.session.say(text))

    async def send(self, events: Sequence[Event]) -> Sequence[Event]:
        """One turn."""
        return self._taken(await self.session.send(*events))

    async def advance(self, seconds: float) -> Sequence[Event]:
        """Move the clock, and fetch what timers have caused."""
        await self._clock.advance(seconds)
        events: list[Event] = []
        while (reply := await self.session.receive(0)) is not None:
            events += self._taken(reply)
        return events

    async def close(self) -> None:
        """Close the session."""
        await self.session.close()

    def notes(self) -> Sequence[str]:
        """The host's remarks since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def _taken(self, reply: Reply) -> Sequence[Event]:
        self._notes += [note.text for note in reply.trace.notes]
        if self._on_reply is not None:
            self._on_reply(reply)
        return reply.inside


def bot_asking(model: Any, program: Program, **options: Any) -> Bot:
    """A bot that asks this model for everything, whatever models the settings name; theirs if it is None.

    Args:
        model: Any object that a bot takes for a model.
        program: A compiled program of either dialect.
        options: As for `Bot`.
    """
    played, types = _without_models(program) if model is not None else (program, [])
    bot = Bot(played, llm=model, **options)
    for kind in types:
        bot.register_action_param(f"{kind}_llm", model)
    return bot


def session_opener(
    program: Program,
    actions: Iterable[Any] | Mapping[str, Any] = (),
    *,
    llm: Callable[[Setup], Any] | None = None,
    on_open: Callable[[Bot], object] | None = None,
    on_reply: Callable[[Reply], object] | None = None,
    bots: MutableMapping[frozenset[str], Bot] | None = None,
) -> Opener:
    """An opener for `scenario.play` that runs `program` with the host.

    Args:
        program: A compiled program of either dialect.
        actions: As for `Bot`; stubs of the scenario replace those of the same name.
        llm: Makes the model that actions get; by default the one the scenario scripts, or none.
        on_open: Called with each new bot, e.g. to register more.
        on_reply: Called with each reply, for its trace.
        bots: Bots to use again, by the names of their stubs, for many conversations one after the other; `llm` must
            then give the same model each time.
    """

    async def opener(setup: Setup) -> Player:
        clock = VirtualClock()
        key = frozenset(setup.stubs)
        bot = None if bots is None else bots.get(key)
        is_new = bot is None
        if bot is None:
            model = (llm or _scripted)(setup)
            bot = bot_asking(model, program, actions=actions)
            if bots is not None:
                bots[key] = bot
        for name, stubs in setup.stubs.items():
            bot.register_action(stubbed(stubs), name)
        if is_new and on_open is not None:
            on_open(bot)
        performed = performed_by(ALL_CHANNELS)
        options = SessionOptions(
            seed=setup.seed,
            performed={name: performed[name] for name in performed if name not in setup.played},
        )
        runtime = dataclasses.replace(bot.runtime, clock=clock)
        session = await Session("scenario", runtime, options).open()
        return SessionPlayer(session, clock, on_reply)

    return opener


def stubbed(stubs: Sequence[Stub]) -> Callable[..., Awaitable[Any]]:
    """An action that gives canned results one after the other, and the last one again and again.

    >>> import asyncio
    >>> from colang.scenario import Returns
    >>> action = stubbed([Returns(1), Returns(2)])
    >>> [asyncio.run(action(any_argument=n)) for n in range(3)]
    [1, 2, 2]
    """
    calls = 0

    async def stub(**arguments: Any) -> Any:
        nonlocal calls
        result = stubs[min(calls, len(stubs) - 1)]
        calls += 1
        if isinstance(result, Raises):
            raise StubbedFailure(result.message)
        return result.value

    return stub
