"""The fields every event of a Colang 1.0 conversation carries (`rails-runtime.md`, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from colang_interpreter import rng

SOURCE_UID: Final = "colang-1.0"
FAILURE_TEXT: Final = "I'm sorry, an internal error has occurred."


class Envelope:
    """Makes events: uids from the seed and a counter, time as it is given."""

    __slots__ = ("count", "prefix", "random_state")

    def __init__(self, seed: int) -> None:
        self.random_state, bits = rng.advance(rng.seeded(seed))
        text = f"{bits:016x}"
        self.prefix = f"{text[:8]}-{text[8:12]}-4{text[12:15]}-a{text[15]}00-"
        self.count = 0

    def copy(self) -> Envelope:
        """An independent maker that goes on with the same uids."""
        twin = Envelope(0)
        twin.prefix, twin.count, twin.random_state = self.prefix, self.count, self.random_state
        return twin

    def uid(self) -> str:
        """A fresh uid."""
        self.count += 1
        return f"{self.prefix}{self.count:012x}"

    def randint(self, n: int) -> int:
        """A random integer in [0, n)."""
        self.random_state, bits = rng.advance(self.random_state)
        return bits % n

    def event(self, kind: str, now: str, /, **fields: Any) -> dict[str, Any]:
        """An event of this type with the standard fields; fields given win."""
        return {
            "type": kind,
            "uid": self.uid(),
            "event_created_at": now,
            "source_uid": SOURCE_UID,
            **fields,
        }

    def completed(self, event: Mapping[str, Any], now: str) -> dict[str, Any]:
        """An event with the standard fields it lacks."""
        fields = {key: value for key, value in event.items() if key != "type"}
        if event["type"] == "StartUtteranceBotAction":
            return {**self.utterance(str(fields.pop("script", "")), now), **fields}
        return self.event(event["type"], now, **fields)

    def utterance(self, script: str, now: str) -> dict[str, Any]:
        """`StartUtteranceBotAction`: a text for the user."""
        return self.event(
            "StartUtteranceBotAction",
            now,
            script=script,
            action_uid=self.uid(),
            action_info_modality="bot_speech",
            action_info_modality_policy="replace",
        )
