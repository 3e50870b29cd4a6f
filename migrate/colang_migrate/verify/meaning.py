"""The model double: one meaning for each turn, worded for whichever task of whichever dialect asks.

It answers more than the scripted model of scenarios does: an intent is given in the words of the bot that asks, and
the prompts of rails get the verdict of the trial's mode. So a conversation nobody has scripted to the last call
still goes on in both bots.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from colang.scenario import Answers, Say, Turn
from colang_interpreter.scenarios.model import ScriptedModel
from colang_migrate.verify.model import Mode, Trial
from colang_migrate.verify.sides import Side

UNKNOWN_INTENT = "make an unforeseen remark"
"""What the user means where no sample tells."""

NEXT = "respond to that"
"""The step the model goes on with; no bot defines a message of this name, so its words are the model's."""

WORDS = "These words come from the model."
"""What the model says where nobody has scripted its words."""

_BY_PARSER: Mapping[str, tuple[str, str]] = {
    "is_content_safe": ("No", "Yes"),
    "nemoguard_parse_prompt_safety": ('{"User Safety": "safe"}', '{"User Safety": "unsafe"}'),
    "nemoguard_parse_response_safety": (
        '{"Response Safety": "safe"}',
        '{"Response Safety": "unsafe"}',
    ),
    "nemotron_content_safety_parse_prompt_safety": ("User Safety: safe", "User Safety: unsafe"),
    "nemotron_content_safety_parse_response_safety": (
        "Response Safety: safe",
        "Response Safety: unsafe",
    ),
    "nemotron_reasoning_parse_prompt_safety": ("Prompt harm: unharmful", "Prompt harm: harmful"),
    "nemotron_reasoning_parse_response_safety": (
        "Response harm: unharmful",
        "Response harm: harmful",
    ),
}  # the words that a parser takes for: it passes, it does not

_BY_TASK: Mapping[str, tuple[str, str]] = {
    "self_check_facts": ("yes", "no"),
    "self_check_hallucination": ("yes", "no"),
    "llama_guard_check_input": ("safe", "unsafe"),
    "llama_guard_check_output": ("safe", "unsafe"),
    "content_safety_check_input": _BY_PARSER["nemoguard_parse_prompt_safety"],
    "content_safety_check_output": _BY_PARSER["nemoguard_parse_response_safety"],
    "topic_safety_check_input": ("on-topic", "off-topic"),
}
_USUAL = _BY_PARSER["is_content_safe"]


def verdicts(task: str, config: Any = None) -> tuple[str, str]:
    """What a model answers to the prompt of a rail: that the message passes, and that it does not.

    Args:
        task: The name of the prompt, perhaps with a model: ``content_safety_check_input $model=guard``.
        config: The settings, whose prompts say how an answer is read.

    Example:
        >>> verdicts("self_check_input"), verdicts("topic_safety_check_input $model=guard")
        (('No', 'Yes'), ('on-topic', 'off-topic'))
    """
    for prompt in getattr(config, "prompts", None) or ():
        parser = str(getattr(prompt, "output_parser", None))
        if getattr(prompt, "task", None) == task and parser in _BY_PARSER:
            return _BY_PARSER[parser]
    return _BY_TASK.get(task.partition(" $")[0], _USUAL)


def refusals(rail: str, config: Any) -> dict[str, str]:
    """The answers by which the model makes a ready-made rail refuse, by task; empty for other rails.

    >>> refusals("self check input", None)
    {'self_check_input': 'Yes'}
    """
    name, _, model = rail.partition(" $")
    task = name.replace(" ", "_")
    if task not in _BY_TASK and not task.startswith("self_check_"):
        return {}
    full = f"{task} ${model}" if model else task
    return {full: verdicts(full, config)[1]}


def meant(trial: Trial, old: Side) -> Trial:
    """The trial with an intent for each utterance nobody has scripted one for: that of the sample most like it."""
    turns: list[Turn] = []
    for turn in trial.conversation.turns:
        said = next((each.text for each in turn.inputs if isinstance(each, Say)), None)
        if said is not None and turn.answers.intent is None and turn.answers.completions is None:
            answers = replace(turn.answers, intent=_most_alike(said, old.samples))
            turns.append(replace(turn, answers=answers))
        else:
            turns.append(turn)
    return replace(trial, conversation=replace(trial.conversation, turns=tuple(turns)))


def _most_alike(said: str, samples: Mapping[str, str]) -> str:
    if said in samples:
        return samples[said]
    lower = {text.lower(): intent for text, intent in samples.items()}
    near = difflib.get_close_matches(said.lower(), lower, n=1, cutoff=0.7)
    return lower[near[0]] if near else UNKNOWN_INTENT


_ANSWERED = frozenset(
    (
        *("generate_user_intent", "generate_next_steps", "generate_bot_message"),
        *("generate_intent_steps_message", "general", "generate_value"),
        *("generate_value_from_instruction", "generate_user_intent_from_user_action"),
        "generate_user_intent_and_bot_action_from_user_action",
        *("generate_flow_continuation", "generate_flow_from_name"),
    )
)


class ModelFailure(Exception):
    """What the model double raises when all is to fail."""


class MeaningModel(ScriptedModel):
    """Answers the calls of one conversation of one side.

    Example:
        >>> model = MeaningModel(["user ask fees"], lambda intent: "ask fees", "adverse")
        >>> model.begin(Answers(intent="ask about fees"))
        >>> model.answer("generate_user_intent_from_user_action")
        'user intent: user ask fees'
        >>> model.answer("self_check_input")
        'Yes'
        >>> model.answer("generate_bot_message")
        '  "These words come from the model."'
    """

    def __init__(
        self,
        flow_names: Iterable[str],
        renamed: Callable[[str], str],
        mode: Mode,
        config: Any = None,
    ) -> None:
        """For a bot with these flows and settings, which calls an intent of the old bot what `renamed` says."""
        super().__init__(flow_names)
        self._config = config
        self._renamed = renamed
        self._mode = mode

    def begin(self, answers: Answers) -> None:
        """A turn begins; what nobody has scripted is filled in."""
        intent = UNKNOWN_INTENT if answers.intent is None else self._renamed(answers.intent)
        message = WORDS if answers.message is None else answers.message
        value = answers.value
        super().begin(
            replace(
                answers,
                intent=intent,
                next=NEXT if answers.next is None else answers.next,
                message=message,
                value=value if answers.has_value else message,
                has_value=True,
            )
        )

    def answer(self, task: str, values: Mapping[str, Any] | None = None) -> str:
        """The completion for one call; see `ScriptedModel.answer`.

        Raises:
            ModelFailure: A rail asks, and all is to fail.
        """
        for name in (task, task.partition(" $")[0]):  # the rest names a model
            if self.scripts(name) or name in _ANSWERED:
                return super().answer(name, values)
        if self._mode == "raising":
            raise ModelFailure(f"the model fails at `{task}`")
        passes, blocks = verdicts(task, self._config)
        return blocks if self._mode == "adverse" else passes
