"""`TaskManager`: makes the prompt of a task, calls a model with it, and has the answer read.

One serves all conversations of an application. What happens in a call is told to whoever observes the turn
(`observed`), so that logs, `explain` and traces need no hold of it.
"""

from __future__ import annotations

import ast
import bisect
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

from colang.config import defaults
from colang_interpreter.dynamic import is_dict, is_list
from colang_interpreter.host.context import current_action_uid
from colang_interpreter.llm.errors import LLMCallException, PromptError
from colang_interpreter.llm.filters import filters_for
from colang_interpreter.llm.model import (
    Model,
    ModelRequest,
    ModelResponse,
    TokenCallback,
    chat_message,
    content_text,
)
from colang_interpreter.llm.parsers import PARSERS, split_reasoning
from colang_interpreter.llm.sandbox import Sandbox, TemplateFlaw
from colang_interpreter.llm.selection import Prompt, PromptLibrary, built_in
from colang_interpreter.llm.tokens import AfterThinking
from colang_interpreter.tracing.model_calls import noted

Events: TypeAlias = Sequence[Mapping[str, Any]]

IMAGE_LENGTH = 20  # what a part that is no text counts for in the length of a prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCall:
    """One call of a model, for logs.

    `started` and `ended` are what the clock of the task manager said, in seconds; 0.0 without a clock.
    """

    task: str
    request: ModelRequest
    response: ModelResponse | None
    error: LLMCallException | None = None
    started: float = 0.0
    ended: float = 0.0


_observer: ContextVar[Callable[[LLMCall], object] | None] = ContextVar(
    "colang_llm_calls", default=None
)


@contextmanager
def observed(observer: Callable[[LLMCall], object]) -> Generator[None]:
    """Have all calls inside, and in the tasks started there, reported to `observer`."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A prompt ready to be sent."""

    prompt: str | list[dict[str, Any]]
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    output_parser: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a task gave: the response, its text as the output parser has it, and what was asked."""

    response: ModelResponse
    parsed: Any
    rendered: Rendered = field(repr=False)

    @property
    def text(self) -> str:
        """What the parser gave, as a text."""
        return self.parsed if isinstance(self.parsed, str) else str(self.parsed)


class TaskManager:
    """Prompts, filters, output parsers and variables of one application.

    Registering is not meant to go on while conversations run.

    Example:
        >>> from colang_interpreter.llm.selection import Prompt, PromptLibrary
        >>> manager = TaskManager(library=PromptLibrary([Prompt(task="greet", content="Greet {{ name }}.")]))
        >>> manager.render_task_prompt("greet", {"name": "Kim"})
        'Greet Kim.'
    """

    def __init__(
        self,
        config: Any = None,
        *,
        library: PromptLibrary | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """For a configuration.

        Args:
            config: A `RailsConfig`, or None.
            library: Prompts; those of the configuration by default.
            clock: Seconds for the durations in logs, for example ``time.perf_counter``.
        """
        self.config = config
        self.library = library if library is not None else PromptLibrary.for_config(config)
        self.version: str = getattr(config, "colang_version", "1.0")
        self._clock = clock
        self._filters = dict(filters_for(self.version))
        self._sandbox = Sandbox(self._filters)
        self._parsers: dict[str, Callable[[str], Any]] = dict(PARSERS)
        self._variables: dict[str, Any] = {}

    # ------------------------------------------------------------ registration

    def register_filter(self, function: Callable[..., Any], name: str | None = None) -> TaskManager:
        """Add a filter for prompts, replacing one of the same name."""
        self._filters[name or function.__name__] = function
        self._sandbox = Sandbox(self._filters)
        return self

    def register_output_parser(self, function: Callable[[str], Any], name: str) -> TaskManager:
        """Add an output parser that prompts can name."""
        self._parsers[name] = function
        return self

    def register_prompt_context(self, name: str, value: Any) -> TaskManager:
        """Add a variable for prompts; a function is called for its value whenever a prompt is made."""
        self._variables[name] = value
        return self

    # ------------------------------------------------------------ prompts

    def render_task_prompt(
        self,
        task: str,
        context: Mapping[str, Any] | None = None,
        events: Events | None = None,
    ) -> str | list[dict[str, Any]]:
        """The prompt of a task, as a text or as messages; arguments and errors of `render`."""
        return self.render(task, context, events).prompt

    def get_stop_tokens(self, task: str) -> list[str]:
        """The texts before which the answer to a task ends."""
        return list(self.library.find(task).stop)

    def get_max_tokens(self, task: str) -> int | None:
        """How long the answer to a task may be, in tokens."""
        return self.library.find(task).max_tokens

    def parse_task_output(self, task: str, output: str) -> Any:
        """What the output parser of a task makes of a completion; the completion itself without one."""
        return self._parsed(self.library.find(task).output_parser, output)

    def render(
        self,
        task: str,
        context: Mapping[str, Any] | None = None,
        events: Events | None = None,
    ) -> Rendered:
        """Make the prompt of a task.

        If it is longer than its `max_length`, the oldest events are left out of the history until it fits.

        Args:
            task: Its name.
            context: Variables of the prompt, besides the standard ones (6.4).
            events: The history.

        Raises:
            PromptError: There is no prompt for the task, it fails, or it is too long even without history.
        """
        found = self.library.find(task)
        variables = self._standard_variables()
        variables.update(context or {})
        history = list(events or ())
        try:
            prompt, length = self._filled(found, variables, history)
            if length > found.max_length:
                prompt = self._shortened(found, variables, history)
        except TemplateFlaw as problem:
            raise PromptError(f"the prompt of the task `{task}`: {problem}") from problem
        return Rendered(
            prompt=prompt,
            stop=found.stop,
            max_tokens=found.max_tokens,
            output_parser=found.output_parser,
        )

    def _shortened(
        self, found: Prompt, variables: dict[str, Any], history: list[Mapping[str, Any]]
    ) -> str | list[dict[str, Any]]:
        """With as much of the history as fits; what is tried grows by halves, not event by event."""

        def fits(dropped: int) -> bool:
            return self._filled(found, variables, history[dropped:])[1] <= found.max_length

        dropped = (
            bisect.bisect_left(range(1, len(history) + 1), True, key=fits) + 1 if history else 1
        )
        if dropped > len(history):
            raise PromptError(
                f"the prompt of the task `{found.task}` has more than {found.max_length} characters"
                " even without the history; raise its `max_length` or shorten it"
            )
        return self._filled(found, variables, history[dropped:])[0]

    def _standard_variables(self) -> dict[str, Any]:
        config = self.config
        sample = getattr(config, "sample_conversation", None)
        if sample is None or sample == defaults.SAMPLE_CONVERSATION:
            sample = built_in(self.version)[1] or defaults.SAMPLE_CONVERSATION
        instructions = getattr(config, "instructions", None) or defaults.instructions()
        general = next((i.content for i in instructions if i.type == "general"), "")
        variables: dict[str, Any] = {
            "general_instructions": general,
            "sample_conversation": sample.rstrip("\n"),
        }
        for name, value in self._variables.items():
            variables[name] = value() if callable(value) else value
        return variables

    def _filled(
        self, found: Prompt, variables: dict[str, Any], history: list[Mapping[str, Any]]
    ) -> tuple[str | list[dict[str, Any]], int]:
        """The prompt with this history, and its length in characters."""
        known = {**variables, "history": history}
        if found.content is not None:
            text = self._sandbox.text(found.content, known)
            return text, len(text)
        messages: list[dict[str, Any]] = []
        for entry in found.messages or ():
            if isinstance(entry, str):
                messages += self._listed(entry, known)
                continue
            role, template = entry
            content = self._content(template, known)
            messages.append(chat_message({"type": role, "content": content}))
        kept = [m for m in messages if not _is_blank(m.get("content")) or m.get("tool_calls")]
        return kept, sum(_length(message.get("content")) for message in kept)

    def _content(self, template: str, known: Mapping[str, Any]) -> Any:
        """A rendered content; a template of one variable that holds a list gives the list."""
        name = template.strip().removeprefix("{{").removesuffix("}}").strip()
        value = known.get(name) if template.strip().startswith("{{") else None
        return value if is_list(value) else self._sandbox.text(template, known)

    def _listed(self, template: str, known: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The messages a template renders to: a Python list of dictionaries."""
        text = self._sandbox.text(template, known).strip()
        try:
            made: Any = ast.literal_eval(text) if text else []
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            made = None
        if not is_list(made) or not all(is_dict(message) for message in made):
            raise TemplateFlaw(
                f"`{template}` must render to a list of messages, not to {text[:100]!r}"
            )
        return [chat_message(message) for message in made]

    def text(self, template: str, variables: Mapping[str, Any]) -> str:
        """Render any template with the filters of prompts.

        Raises:
            PromptError: It is wrong, or fails.
        """
        try:
            return self._sandbox.text(template, variables)
        except TemplateFlaw as problem:
            raise PromptError(str(problem)) from problem

    # ------------------------------------------------------------ calls

    async def ask(
        self,
        model: Model | None,
        task: str,
        context: Mapping[str, Any] | None = None,
        events: Events | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        stop: Iterable[str] = (),
        on_token: TokenCallback | None = None,
    ) -> Answer:
        """Do a task: make its prompt, call the model, read the answer.

        Args:
            model: Which model; None is an error that says one is needed.
            task: Its name.
            context: Variables of the prompt.
            events: The history.
            parameters: For the model, for example ``temperature``.
            stop: More stop texts than the prompt has.
            on_token: Gets the answer in pieces, without the thinking before it.

        Raises:
            PromptError: The prompt cannot be made.
            LLMCallException: The call failed.
            ValueError: The output parser cannot read the answer.
        """
        rendered = self.render(task, context, events)
        given = dict(parameters or {})
        if rendered.max_tokens is not None:
            given.setdefault("max_tokens", rendered.max_tokens)
        stops = tuple(dict.fromkeys((*rendered.stop, *stop)))
        request = ModelRequest(
            prompt=rendered.prompt,
            task=task,
            stop=stops,
            parameters=given,
            on_token=on_token,
            values=context or {},
        )
        response = await self.call(model, request)
        parsed = self._parsed(rendered.output_parser, response.text)
        return Answer(response=response, parsed=parsed, rendered=rendered)

    async def call(self, model: Model | None, request: ModelRequest) -> ModelResponse:
        """Call a model; thinking becomes `reasoning`, and the call is reported to the observer.

        Raises:
            LLMCallException: It failed, or there is no model.
        """
        if model is None:
            raise LLMCallException(
                f"the task `{request.task}` needs a language model, and none is configured; add one of type"
                " `main` to `models`, or pass `llm=`",
                kind="other",
            )
        started = self._clock() if self._clock else 0.0
        tokens = AfterThinking(request.on_token) if request.on_token is not None else None
        sent = replace(request, on_token=tokens.take) if tokens is not None else request
        try:
            response = await model.generate(sent)
        except LLMCallException as problem:
            self._report(request, None, problem, started)
            raise
        text, thought = split_reasoning(response.text)
        if thought is not None:
            response = replace(response, text=text, reasoning=response.reasoning or thought)
        if tokens is not None:
            tokens.finish(response.text)
        self._report(request, response, None, started)
        return response

    def _report(
        self,
        request: ModelRequest,
        response: ModelResponse | None,
        error: LLMCallException | None,
        started: float,
    ) -> None:
        call = LLMCall(
            task=request.task,
            request=request,
            response=response,
            error=error,
            started=started,
            ended=self._clock() if self._clock else 0.0,
        )
        noted(call, current_action_uid())
        observer = _observer.get()
        if observer is not None:
            observer(call)

    def _parsed(self, parser: str | None, text: str) -> Any:
        if parser is None:
            return text
        if parser not in self._parsers:
            raise PromptError(f"there is no output parser `{parser}`; register it")
        return self._parsers[parser](text)


def _is_blank(content: Any) -> bool:
    return content is None or (isinstance(content, str) and not content.strip())


def _length(content: Any) -> int:
    if isinstance(content, (list, tuple)):
        parts = cast("Sequence[Any]", content)
        return sum(
            len(content_text([part])) if _get_type(part) == "text" else IMAGE_LENGTH
            for part in parts
        )
    return len(str(content or ""))


def _get_type(part: Any) -> Any:
    return cast("dict[str, Any]", part).get("type") if isinstance(part, dict) else "text"
