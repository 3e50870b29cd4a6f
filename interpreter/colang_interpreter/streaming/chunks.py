"""What a stream consists of: texts, texts with metadata, and the error that ends it.

An error is known by its class and not by how it looks: a model may well write ``{"error": ...}``, and that
has to pass the output rails like everything else it writes. (Specification of the runtime, 9.1 and 9.4.)
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from colang_interpreter.dynamic import is_a
from colang_interpreter.llm.errors import masked

if TYPE_CHECKING:
    from typing_extensions import Self

_OPENINGS: Final = ('{"error"', '{"event": "ABORT"')
_UNKNOWN: Final = {"response_metadata": None, "usage_metadata": None}


class ErrorChunk(str):
    """The last chunk of a stream that went wrong: a JSON text, for users who print what comes.

    Attributes:
        error: What the text says: `message`, `type`, `param` and `code`.
        reason: Why a rail has blocked, if it told. Not part of the text.

    Example:
        >>> print(ErrorChunk.blocked("check words"))
        {"error": {"message": "Blocked by check words rails.", "type": "guardrails_violation", "param": "check words", "code": "content_blocked"}}
    """

    error: dict[str, Any]
    reason: str | None

    def __new__(
        cls, message: str, type: str, param: str | None, code: str | int, reason: str | None = None
    ) -> Self:
        """Word it as JSON."""
        error = {"message": message, "type": type, "param": param, "code": code}
        chunk = super().__new__(cls, json.dumps({"error": error}))
        chunk.error = error
        chunk.reason = reason
        return chunk

    @classmethod
    def blocked(cls, rail: str, reason: str | None = None) -> ErrorChunk:
        """A rail does not let the text pass; `rail` is its name as configured."""
        message = f"Blocked by {rail} rails."
        return cls(message, "guardrails_violation", rail, "content_blocked", reason)

    @classmethod
    def rail_failed(cls, rail: str, problem: str) -> ErrorChunk:
        """A rail could not be asked, so that nothing may pass.

        Example:
            >>> ErrorChunk.rail_failed("check", "Action check failed with status: failed").error["message"]
            'Internal error in check rail: Action check failed with status: failed'
        """
        message = f"Internal error in {rail} rail: {problem}"
        return cls(message, "internal_error", rail, "rail_execution_failure")


class JudgedChunk(str):
    """A text that the rails have let pass already: no window holds it, and it waits for those before it."""


def generation_error(problem: BaseException) -> ErrorChunk:
    r"""The chunk for an answer that could not be made.

    It never quotes: what a prompt or a completion says has passed no rail. Of an error of a model or its service the
    first line is shown, shortened, with keys and addresses masked; of any other exception only the name. If the
    exception, or the one it wraps, knows an HTTP status (`status`, `status_code`), that is the code.

    Example:
        >>> from colang_interpreter.llm.errors import LLMCallException
        >>> problem = TimeoutError("no answer from https://host/v1 to the prompt:\nMy secret")
        >>> generation_error(LLMCallException(problem)).error["message"]
        'no answer from <url> to the prompt:'
        >>> generation_error(KeyError("My secret")).error["message"]
        'the answer could not be made (KeyError)'
        >>> generation_error(TimeoutError()).error["code"]
        'generation_failed'
    """
    from colang_interpreter.llm.errors import LLMCallException

    inner = getattr(problem, "inner_exception", None)
    status = next(
        (
            known
            for source in (problem, inner)
            for name in ("status", "status_code")
            if type(known := getattr(source, name, None)) is int
        ),
        None,
    )
    message = f"the answer could not be made ({type(problem).__name__})"
    if getattr(problem, "kind", None) == "bad_answer":
        message = "the answer of the model cannot be read"  # the text would quote it
    elif isinstance(problem, (LLMCallException, OSError, TimeoutError)) or status is not None:
        said = str(inner if inner is not None else problem).strip().partition("\n")[0]
        message = _unquoted(masked(said, urls=True)) or message
    if status is not None:
        return ErrorChunk(message, "downstream_error", None, status)
    return ErrorChunk(message, "generation_error", None, "generation_failed")


_LONGEST_MESSAGE: Final = 300
_QUOTED: Final = re.compile(r"""(["'\u201c])(?=\S)[^"'\u201d\n]{24,}(["'\u201d]|$)""")


def _unquoted(text: str) -> str:
    """A message without long quotations, which may be of prompts and completions; cut to a length."""
    text = _QUOTED.sub('"..."', text)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."


def error_of(chunk: str) -> dict[str, Any] | None:
    """What a chunk says if it is an error, for whoever gets chunks over a wire; None for other texts.

    Both forms are known: the current one, and ``{"event": "ABORT", ...}`` of releases before 0.14.

    Example:
        >>> error_of('{"event": "ABORT", "data": {"reason": "Blocked by check rails."}}')["message"]
        'Blocked by check rails.'
        >>> error_of("all is well")
    """
    if not chunk.startswith(_OPENINGS):
        return None
    try:
        found: Any = json.loads(chunk)
        if "error" in found:
            error = found["error"]
            return error if is_a(error, dict) else {"message": str(error)}
        return {"message": str(found["data"]["reason"]), "type": "guardrails_violation"}
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


class TaggedChunk(str):
    """A text with metadata of the model; everywhere else it is a text.

    Example:
        >>> chunk = TaggedChunk("hi", {"id": 7})
        >>> chunk == "hi", chunk.metadata
        (True, {'id': 7})
    """

    metadata: dict[str, Any]

    def __new__(cls, text: str, metadata: Mapping[str, Any]) -> Self:
        """Tag a text."""
        chunk = super().__new__(cls, text)
        chunk.metadata = dict(metadata)
        return chunk


async def with_metadata(
    chunks: AsyncIterable[str], final: Callable[[], Mapping[str, Any]] = dict
) -> AsyncGenerator[dict[str, Any]]:
    """The chunks as mappings, as ``stream_async(include_metadata=True)`` gives them.

    Args:
        chunks: Texts; those that are `TaggedChunk` bring their metadata along.
        final: Asked at the end for the metadata of the answer.

    Yields:
        ``{"text": ...}``, with ``metadata`` where there is some. The last one has no text, and metadata with
        at least `response_metadata` and `usage_metadata`, null if unknown.
    """
    async for chunk in chunks:
        if isinstance(chunk, TaggedChunk):
            yield {"text": str(chunk), "metadata": chunk.metadata}
        else:
            yield {"text": chunk}
    yield {"text": "", "metadata": {**_UNKNOWN, **final()}}
