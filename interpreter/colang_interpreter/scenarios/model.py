"""The scripted language model of a scenario: answers without a model.

A scenario says what the user *meant*; the two dialects ask for that in different tasks and want it in
different words. `ScriptedModel` words the answer for whichever task asks. (Output contracts: colang-2.md 9.4
and the tasks of Colang 1.0.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from colang.scenario.model import NO_ANSWERS, Answers


def normalised(name: str) -> str:
    """The words of an intent: case, hyphens, underscores and apostrophes do not count.

    >>> normalised("Ask about_self-harm")
    'ask about self harm'
    """
    return " ".join(re.findall(r"[^\W_]+", name.lower()))


class ScriptedModel:
    """Answers the calls of one conversation, turn by turn.

    Example:
        >>> model = ScriptedModel(["user ask_about opening hours"])
        >>> model.begin(Answers(intent="ask about opening hours"))
        >>> model.answer("generate_user_intent")  # Colang 1.0
        '  ask about opening hours'
        >>> model.answer("generate_user_intent_from_user_action")  # Colang 2.x
        'user intent: user ask_about opening hours'
        >>> model.answer("general"), model.unscripted
        ('unscripted', ['general (needs `message`)'])
    """

    def __init__(self, flow_names: Iterable[str] = ()) -> None:
        """Know the flows of the program, by whose names a 2.x intent must be given."""
        self._flows = {normalised(name): name for name in flow_names}
        self._answers = NO_ANSWERS
        self._next_completion = 0
        self.unscripted: list[str] = []

    def begin(self, answers: Answers) -> None:
        """A turn begins, with these answers."""
        self._answers = answers
        self._next_completion = 0
        self.unscripted = []

    def scripts(self, task: str) -> bool:
        """Whether the turn has an answer for this very task."""
        return self._answers.completions is not None or task in self._answers.tasks

    def answer(self, task: str, values: Mapping[str, Any] | None = None) -> str:
        """The completion for one call.

        Args:
            task: The name of the task whose prompt was made.
            values: What is known of the call: ``var_name`` of a generated value, ``flow_name`` of a flow
                to be written, ``bot_intent`` of a message to be worded.

        Returns:
            The completion; for a call nobody has scripted something harmless, and `unscripted` says so.
        """
        given, known = self._answers, values or {}
        if given.completions is not None:
            return self._completion(task, given.completions)
        if task in given.tasks:
            return given.tasks[task]
        match task:
            case "generate_user_intent":
                return "  " + self._need("intent", given.intent, task)
            case "generate_next_steps":
                return "bot " + _bare(self._need("next", given.next, task))
            case "generate_bot_message":
                return f'  "{self._message(known.get("bot_intent"), task)}"'
            case "generate_intent_steps_message":
                intent = self._need("intent", given.intent, task)
                following = _bare(self._need("next", given.next, task))
                message = self._need("message", given.message, task)
                return f'  {intent}\nbot {following}\n  "{message}"'
            case "general":
                return self._need("message", given.message, task)
            case "generate_value" | "generate_value_from_instruction":
                return self._value(known.get("var_name"), task)
            case "generate_user_intent_from_user_action":
                return f"user intent: {self._flow(self._need('intent', given.intent, task))}"
            case "generate_user_intent_and_bot_action_from_user_action":
                intent = self._flow(self._need("intent", given.intent, task))
                return f"user intent: {intent}\n{self._bot_step(task)}"
            case "generate_flow_continuation":
                return self._bot_step(task)
            case "generate_flow_from_name":
                return f'  bot say "{self._message(known.get("flow_name"), task)}"'
            case _:
                self.unscripted.append(task)
                return "No"

    def _completion(self, task: str, completions: tuple[str, ...]) -> str:
        self._next_completion += 1
        if self._next_completion > len(completions):
            self.unscripted.append(f"{task} (call {self._next_completion} of this turn)")
            return "unscripted"
        return completions[self._next_completion - 1]

    def _need(self, key: str, text: str | None, task: str) -> str:
        if text is None:
            self.unscripted.append(f"{task} (needs `{key}`)")
            return "unscripted"
        return text

    def _flow(self, intent: str) -> str:
        name = f"user {intent}"
        return self._flows.get(normalised(name), name)

    def _bot_step(self, task: str) -> str:
        message = self._need("message", self._answers.message, task)
        following = _bare(self._answers.next or "respond")
        return f'bot intent: bot {following}\nbot action: bot say "{message}"'

    def _message(self, bot_intent: object, task: str) -> str:
        wanted = normalised(_bare(str(bot_intent or "")))
        for name, text in self._answers.messages.items():
            if normalised(name) == wanted:
                return text
        return self._need("message", self._answers.message, task)

    def _value(self, variable: object, task: str) -> str:
        if not self._answers.has_value:
            return self._need("value", None, task)
        value = self._answers.value
        if isinstance(value, dict):
            by_name = cast("dict[str, Any]", value)
            value = by_name.get(str(variable), next(iter(by_name.values()), None))
        return repr(value)


def _bare(bot_intent: str) -> str:
    return bot_intent.removeprefix("bot ")
