"""Rails that ask a model what it thinks of a message: input, output, facts, hallucination.

Each needs a prompt of its own in the settings (`self_check_input`, `self_check_output`, `self_check_facts`); only
the one about hallucination has wording here. Whatever goes wrong is an exception: the action fails, the rail blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.asking import Events, RailModels, text_of, verdict
from colang_interpreter.library.actions.outcome import RailOutcome

OTHER_ANSWERS: Final = 2
"""How many further answers the hallucination rail asks for."""

AGREEMENT: Final = """\
Here are several answers that were given to the same question:
{{ paragraph }}

And here is one more answer:
{{ statement }}

Do the first answers agree with the last one? Say "yes" if they do, and "no" if they contradict it.
Answer [yes/no]:"""
"""The prompt of the task `self_check_hallucination`, if the settings have none."""


def task_of(variant: str, default: str) -> str:
    """The task a rail's `$variant` means: the default, another one by name, or a variation of the default.

    >>> task_of("self_check_input", "self_check_input"), task_of("strict", "self_check_input")
    ('self_check_input', 'self_check_input $variant=strict')
    """
    return default if not variant or variant == default else f"{default} $variant={variant}"


def actions(models: RailModels) -> list[Callable[..., Any]]:
    """The actions, for the rails of one program."""

    @action(name="self_check_input", is_system_action=True)
    async def self_check_input(
        context: Mapping[str, Any], events: Events, variant: str = "self_check_input"
    ) -> RailOutcome:
        """Block if the model says that the user's message must not be answered, or if there is no message."""
        text = text_of(context, "user_message")
        if text is None:
            return RailOutcome.block("there is no message to check")
        task = task_of(variant, "self_check_input")
        answer = await models.ask(task, {"user_input": text}, events)
        return _judged(answer.parsed, "the user's message")

    @action(name="self_check_output", is_system_action=True)
    async def self_check_output(
        context: Mapping[str, Any], events: Events, variant: str = "self_check_output"
    ) -> RailOutcome:
        """Block if the model says that the bot's message must not be said."""
        text = text_of(context, "bot_message")
        if text is None:
            return RailOutcome.allow("there is no message to check")
        task = task_of(variant, "self_check_output")
        variables = {
            "user_input": text_of(context, "user_message") or "",
            "bot_response": text,
            "bot_thinking": context.get("bot_thinking"),
        }
        answer = await models.ask(task, variables, events)
        return _judged(answer.parsed, "the bot's message")

    @action(name="self_check_facts", is_system_action=True)
    async def self_check_facts(context: Mapping[str, Any], events: Events) -> RailOutcome:
        """Block unless the model says that the evidence, if there is any, supports the bot's message."""
        evidence = text_of(context, "relevant_chunks")
        text = text_of(context, "bot_message")
        if evidence is None or text is None:
            return RailOutcome.allow("there is no evidence to check against")
        return await check_facts(models, evidence, text, events)

    @action(name="self_check_hallucination", is_system_action=True)
    async def self_check_hallucination(context: Mapping[str, Any], events: Events) -> RailOutcome:
        """Block unless further answers of the model to the same question agree with the bot's message."""
        text = text_of(context, "bot_message")
        question = text_of(context, "last_user_message") or text_of(context, "user_message")
        if text is None or question is None:
            return RailOutcome.allow("there is no answer to a question to check")
        others = [await _further_answer(models, question) for _ in range(OTHER_ANSWERS)]
        answer = await models.ask(
            "self_check_hallucination",
            {"statement": text, "paragraph": "\n".join(f"- {other}" for other in others)},
            events,
            template=AGREEMENT,
        )
        if _is_yes(answer.parsed):
            return RailOutcome.allow()
        return RailOutcome.block("further answers of the model do not agree with the message")

    return [self_check_input, self_check_output, self_check_facts, self_check_hallucination]


async def check_facts(models: RailModels, evidence: str, text: str, events: Events) -> RailOutcome:
    """Block unless the model says that the evidence supports a message."""
    variables = {"evidence": evidence, "response": text}
    answer = await models.ask("self_check_facts", variables, events)
    if _is_yes(answer.parsed):
        return RailOutcome.allow()
    return RailOutcome.block("the evidence does not support the message")


async def _further_answer(models: RailModels, question: str) -> str:
    from colang_interpreter.llm.model import ModelRequest

    request = ModelRequest(
        prompt=question, task="self_check_hallucination", parameters={"temperature": 1.0}
    )
    response = await models.tasks.call(models.model("self_check_hallucination"), request)
    return response.text.strip()


def _judged(parsed: Any, what: str) -> RailOutcome:
    safe, policies = verdict(parsed)
    metadata = {"policy_violations": policies} if policies else {}
    if safe:
        return RailOutcome.allow(metadata=metadata)
    named = f" ({', '.join(policies)})" if policies else ""
    return RailOutcome.block(f"the model says that {what} is not acceptable{named}", metadata)


def _is_yes(parsed: Any) -> bool:
    """Only a clear yes is one; a list of an output parser begins with the answer."""
    if isinstance(parsed, str):
        words = parsed.strip().strip("\"'*[]() ").lower()
        return words.startswith("yes")
    return verdict(parsed)[0]
