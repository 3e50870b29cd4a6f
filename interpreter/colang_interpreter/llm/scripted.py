"""A model that answers from a list: for tests, examples and conformance cases.

The scripted model of scenarios, which words its answers for the task that asks, is `scenarios.model`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.model import ModelRequest, ModelResponse

_SHOWN = 2_000  # characters of a prompt in an error
_PIECES = re.compile(r"[^ ]* |[^ ]+")


def pieces(text: str) -> list[str]:
    """A text split after every blank, as models deliver it.

    >>> pieces("one two  three")
    ['one ', 'two ', ' ', 'three']
    """
    return _PIECES.findall(text)


class ScriptedModel:
    """Gives its completions in order, one for each call.

    Attributes:
        calls: The requests so far.

    Example:
        >>> import asyncio
        >>> model = ScriptedModel(["  ask price", "It costs ten."])
        >>> asyncio.run(model.generate(ModelRequest(prompt="...", task="generate_user_intent"))).text
        '  ask price'
        >>> len(model.calls), model.left
        (1, 1)
    """

    def __init__(
        self, completions: Iterable[str | ModelResponse | BaseException], name: str = "scripted"
    ) -> None:
        """Take the answers; an exception among them is raised instead."""
        self.completions = list(completions)
        self.name = name
        self.calls: list[ModelRequest] = []

    @property
    def left(self) -> int:
        """How many completions have not been asked for."""
        return max(0, len(self.completions) - len(self.calls))

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """The next completion, in pieces split after every blank if somebody listens.

        Raises:
            LLMCallException: There is none left; the text shows task and prompt.
        """
        self.calls.append(request)
        number = len(self.calls)
        if number > len(self.completions):
            raise LLMCallException(
                f"the script has {len(self.completions)} completions, and this is call {number},"
                f" for task `{request.task or '(none)'}` with the prompt:\n{request.text[-_SHOWN:]}",
                f"Error invoking LLM (model={self.name})",
                kind="unexpected_call",
            )
        answer = self.completions[number - 1]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, str):
            answer = ModelResponse(text=answer, model=self.name, finish_reason="stop")
        if request.on_token is not None:
            for piece in pieces(answer.text):
                request.on_token(piece)
        return answer


class TaskModel:
    """Answers by task: a function of the task's name and the values its prompt was made of.

    The scripted model of a scenario answers like that: ``TaskModel(scenarios.model.ScriptedModel(...).answer)``. The values
    are those of the task, for example `var_name` of a generated value, `flow_name` of a flow to be written, `bot_intent` of
    a message to be worded.

    Example:
        >>> import asyncio
        >>> model = TaskModel(lambda task, values: f"{task} {values['var_name']}")
        >>> request = ModelRequest(prompt="...", task="generate_value", values={"var_name": "size"})
        >>> asyncio.run(model.generate(request)).text
        'generate_value size'
    """

    def __init__(self, answer: Callable[[str, Mapping[str, Any]], str]) -> None:
        """Take the function."""
        self._answer = answer

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """What the function says, in pieces split after every blank if somebody listens."""
        text = self._answer(request.task, request.values)
        if request.on_token is not None:
            for piece in pieces(text):
                request.on_token(piece)
        return ModelResponse(text=text, model="by task", finish_reason="stop")
