"""Actions the host performs itself, standing in for the world: speech, timers, gestures, scenes.

With a `Bot` as the channel nobody else answers ``StartUtteranceBotAction``; so the host does, with the
events a real channel would send. The start and stop events stay visible in what a turn returns.

=========  ===========================================================  =========================
channel    actions                                                      how they go
=========  ===========================================================  =========================
utterance  UtteranceBotAction                                           started and finished at once
gesture    GestureBotAction, FacialGestureBotAction,                    started and finished at once
           MotionEffectCameraAction
posture    PostureBotAction, ShotCameraAction                           last until they are stopped
scene      VisualInformationSceneAction, VisualChoiceSceneAction,       last until they are stopped
           VisualFormSceneAction
timer      TimerBotAction                                               finished after `duration`
=========  ===========================================================  =========================
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from colang_interpreter.host.clock import Clock, Timer, stamp
from colang_interpreter.host.rules import Call, Rules
from colang_interpreter.machine import Event, Machine


class Manner(enum.Enum):
    """How an action the host performs goes."""

    INSTANT = "instant"
    LASTING = "lasting"
    TIMER = "timer"


_CHANNELS: dict[str, tuple[Manner, tuple[str, ...]]] = {
    "utterance": (Manner.INSTANT, ("UtteranceBotAction",)),
    "gesture": (
        Manner.INSTANT,
        ("GestureBotAction", "FacialGestureBotAction", "MotionEffectCameraAction"),
    ),
    "posture": (Manner.LASTING, ("PostureBotAction", "ShotCameraAction")),
    "scene": (
        Manner.LASTING,
        ("VisualInformationSceneAction", "VisualChoiceSceneAction", "VisualFormSceneAction"),
    ),
    "timer": (Manner.TIMER, ("TimerBotAction",)),
}

ALL_CHANNELS = tuple(_CHANNELS)
"""Every channel the host can stand in for."""


def performed_by(channels: Iterable[str]) -> Mapping[str, Manner]:
    """The actions of these channels and how each goes.

    Raises:
        ValueError: A channel nobody knows.

    >>> dict(performed_by(["timer"]))
    {'TimerBotAction': <Manner.TIMER: 'timer'>}
    """
    performed: dict[str, Manner] = {}
    for channel in channels:
        if channel not in _CHANNELS:
            raise ValueError(f"no channel is named {channel!r}; there is {', '.join(_CHANNELS)}")
        manner, actions = _CHANNELS[channel]
        performed.update(dict.fromkeys(actions, manner))
    return MappingProxyType(performed)


def duration_of(value: object) -> float:
    """The seconds of a timer.

    Raises:
        ValueError: It is no number, or out of bounds.

    >>> duration_of(2)
    2.0
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if 0 <= value <= _LONGEST:  # also false for "not a number"
            return float(value)
        raise ValueError(f"duration is {value!r}; a timer runs for 0 to {_LONGEST} seconds")
    raise ValueError(f"duration is {value!r}, not a number of seconds")


_LONGEST = 10 * 366 * 86_400  # ten years: what event loops and dates can count with


@dataclass(slots=True)
class _Timing:
    """A running timer: `seconds` from `since` (Unix time) on."""

    call: Call
    seconds: float
    since: float
    timer: Timer


class Stage:
    """The actions the host performs in one conversation."""

    __slots__ = ("_clock", "_lasting", "_performed", "_post", "_rules", "_timings")

    def __init__(
        self,
        performed: Mapping[str, Manner],
        rules: Rules,
        clock: Clock,
        post: Callable[[Event], Awaitable[object] | None],
    ) -> None:
        """Nothing is going on yet; `post` takes the events that come later."""
        self._performed = performed
        self._rules = rules
        self._clock = clock
        self._post = post
        self._timings: dict[str, _Timing] = {}
        self._lasting: dict[str, Call] = {}

    def perform(self, call: Call) -> list[Event]:
        """Begin an action; its first events, none if nobody here performs it."""
        manner = self._performed.get(call.name)
        if manner is None:
            return []
        now = stamp(self._clock.now())
        started = self._rules.progressed(call, "Started", now)
        match manner:
            case Manner.INSTANT:
                return [started, self._rules.progressed(call, "Finished", now)]
            case Manner.LASTING:
                self._lasting[call.uid] = call
                return [started]
            case Manner.TIMER:
                try:
                    seconds = duration_of(call.arguments.get("duration"))
                except ValueError as problem:
                    failure: dict[str, Any] = {"is_success": False, "failure_reason": str(problem)}
                    return [self._rules.progressed(call, "Finished", now, **failure)]
                self._schedule(call, seconds)
                return [started]

    def stop(self, uid: str) -> list[Event]:
        """End an action because a flow has stopped it; what that says."""
        timing = self._timings.pop(uid, None)
        if timing is not None:
            timing.timer.cancel()  # silently: a Finished event would look as if the time was over
        call = self._lasting.pop(uid, None)
        if call is None:
            return []
        now = stamp(self._clock.now())
        return [self._rules.progressed(call, "Finished", now, was_stopped=True)]

    def close(self) -> None:
        """End all, without a word."""
        for timing in self._timings.values():
            timing.timer.cancel()
        self._timings.clear()
        self._lasting.clear()

    def saved(self) -> tuple[list[Event], list[tuple[Event, float]]]:
        """What is going on: start events of lasting actions, and of timers with the seconds left."""
        now = self._clock.now().timestamp()
        timers = [
            (timing.call.event, max(0.0, timing.since + timing.seconds - now))
            for timing in self._timings.values()
        ]
        return [call.event for call in self._lasting.values()], timers

    def resume(
        self, lasting: Iterable[Event], timers: Iterable[tuple[Event, float]], machine: Machine
    ) -> None:
        """Go on with what `saved` gave; timers run for the time they had left."""
        for event in lasting:
            if (call := self._rules.call(event, machine)) is not None:
                self._lasting[call.uid] = call
        for event, seconds in timers:
            if (call := self._rules.call(event, machine)) is not None:
                self._schedule(call, seconds)

    def _schedule(self, call: Call, seconds: float) -> None:
        if call.uid in self._timings:  # started a second time: the later one counts
            self._timings.pop(call.uid).timer.cancel()
        timer = self._clock.call_later(seconds, lambda: self._elapsed(call))
        self._timings[call.uid] = _Timing(call, seconds, self._clock.now().timestamp(), timer)

    def _elapsed(self, call: Call) -> Awaitable[object] | None:
        if self._timings.pop(call.uid, None) is None:
            return None
        now = stamp(self._clock.now())
        return self._post(self._rules.progressed(call, "Finished", now))
