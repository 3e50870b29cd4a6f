"""Rails with a model of their own, named by their parameter `$model`: content safety, topic, Llama Guard.

Each asks the model of that type with the prompt of its task, for example ``content_safety_check_input $model=guard``.
A model that is not configured is an error, not a reason to ask another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.asking import Events, RailModels, text_of, verdict
from colang_interpreter.library.actions.outcome import RailOutcome

LLAMA_GUARD = "llama_guard"
"""Type of the model that the rails of Llama Guard ask, unless they name another one."""


def actions(models: RailModels) -> list[Callable[..., Any]]:
    """The actions, for the rails of one program."""

    @action(name="content_safety_check_input")
    async def content_safety_check_input(
        model_name: str, context: Mapping[str, Any], events: Events
    ) -> RailOutcome:
        """Whether the user's message is safe; `metadata` has `allowed` and `policy_violations`."""
        text = text_of(context, "user_message")
        if text is None:
            return _nothing()
        variables = {"user_input": text}
        return await _asked("content_safety_check_input", model_name, variables, events)

    @action(name="content_safety_check_output")
    async def content_safety_check_output(
        model_name: str, context: Mapping[str, Any], events: Events
    ) -> RailOutcome:
        """Whether the bot's message is safe."""
        variables = _exchange(context)
        return await _asked("content_safety_check_output", model_name, variables, events)

    @action(name="llama_guard_check_input")
    async def llama_guard_check_input(
        context: Mapping[str, Any], events: Events, model_name: str = LLAMA_GUARD
    ) -> RailOutcome:
        """Whether the user's message is safe."""
        text = text_of(context, "user_message")
        if text is None:
            return _nothing()
        return await _guarded("llama_guard_check_input", model_name, {"user_input": text}, events)

    @action(name="llama_guard_check_output")
    async def llama_guard_check_output(
        context: Mapping[str, Any], events: Events, model_name: str = LLAMA_GUARD
    ) -> RailOutcome:
        """Whether the bot's message is safe."""
        variables = _exchange(context)
        return await _guarded("llama_guard_check_output", model_name, variables, events)

    @action(name="topic_safety_check_input")
    async def topic_safety_check_input(
        model_name: str, context: Mapping[str, Any], events: Events
    ) -> RailOutcome:
        """Whether the user's message is on topic; `metadata` has `on_topic`."""
        text = text_of(context, "user_message")
        if text is None:
            return _nothing()
        task = f"topic_safety_check_input $model={model_name}"
        answer = await models.ask(task, {"user_input": text}, events, model=_named(model_name))
        words = answer.text.strip().strip("\"'*. ").lower().replace(" ", "-")
        if words.startswith("on-topic"):
            return RailOutcome.allow(metadata={"on_topic": True})
        if words.startswith("off-topic"):
            return RailOutcome.block("the message is off topic", {"on_topic": False})
        raise ValueError("the model should answer `on-topic` or `off-topic`, and did not")

    def _named(name: str) -> Any:
        found = models.model(name, needed=True)
        if found is None:
            raise LookupError(f"there is no model of type `{name}`; add it to `models`")
        return found

    async def _asked(
        task: str, model_name: str, variables: Mapping[str, Any], events: Events
    ) -> RailOutcome:
        full = f"{task} $model={model_name}"
        answer = await models.ask(full, variables, events, model=_named(model_name))
        return _judged(answer.parsed)

    async def _guarded(
        task: str, model_name: str, variables: Mapping[str, Any], events: Events
    ) -> RailOutcome:
        answer = await models.ask(task, variables, events, model=_named(model_name))
        return _judged(answer.parsed)

    return [
        content_safety_check_input,
        content_safety_check_output,
        llama_guard_check_input,
        llama_guard_check_output,
        topic_safety_check_input,
    ]


def _exchange(context: Mapping[str, Any]) -> dict[str, str]:
    return {
        "user_input": text_of(context, "user_message") or "",
        "bot_response": text_of(context, "bot_message") or "",
    }


def _nothing() -> RailOutcome:
    return RailOutcome.block(
        "there is no message to check",
        {"allowed": False, "policy_violations": [], "on_topic": False},
    )


def _judged(parsed: Any) -> RailOutcome:
    safe, policies = verdict(parsed)
    metadata = {"allowed": safe, "policy_violations": policies}
    if safe:
        return RailOutcome.allow(metadata=metadata)
    named = f": {', '.join(policies)}" if policies else ""
    return RailOutcome.block(f"the model finds it unsafe{named}", metadata)
