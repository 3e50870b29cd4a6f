"""A client for servers that speak OpenAI's chat interface, and the models of a configuration.

It needs the extra ``llm`` (httpx2), which is imported with the first call. One client may be used from several event
loops: each loop gets connections of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from colang_interpreter.dynamic import is_dict
from colang_interpreter.llm.errors import Kind, LLMCallException, masked
from colang_interpreter.llm.model import (
    Model,
    ModelRequest,
    ModelResponse,
    ToolCall,
    Usage,
    content_text,
)

if TYPE_CHECKING:
    import asyncio

_BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "nim": "https://integrate.api.nvidia.com/v1",
    "nvidia_ai_endpoints": "https://integrate.api.nvidia.com/v1",
    "ollama": "http://localhost:11434/v1",
}
_KEYS = {
    "openai": "OPENAI_API_KEY",
    "nim": "NVIDIA_API_KEY",
    "nvidia_ai_endpoints": "NVIDIA_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
    "azure_openai": "AZURE_OPENAI_API_KEY",
}
_CLIENT_PARAMETERS = frozenset(
    {
        *("base_url", "api_key", "timeout", "connect_timeout", "max_retries"),
        *("default_headers", "default_query"),
    }
)
_FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})

MAX_ANSWER = 20_000_000  # characters of an answer, streamed or not
LONGEST_WAIT = 60.0  # seconds before a repetition, whatever the server asks for
_SHOWN = 500  # characters of a server's answer in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Where a model is and how patient we are.

    Attributes:
        base_url: Up to and without ``/chat/completions``.
        api_key: Sent as a bearer token; None for servers without keys.
        timeout: Seconds for each wait for data.
        connect_timeout: Seconds until there is a connection.
        max_retries: Repetitions after a rate limit, a failing server or a lost connection.
        headers: More headers.
        query: More parameters of the address.
        parameters: Sent with every request, for example ``temperature``; those of a request win.
        key_header: Header for the key if it is not ``Authorization``.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    connect_timeout: float = 10.0
    max_retries: int = 2
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    key_header: str | None = None


class _Repeatable(Exception):
    """A failure that may pass; `wait` is how long the server asks us to wait, in seconds."""

    def __init__(self, problem: LLMCallException, wait: float | None = None) -> None:
        """Of this failure."""
        super().__init__(str(problem))
        self.problem = problem
        self.wait = wait


def _httpx2() -> Any:
    """The HTTP library, which may not be installed; type checkers must not need it either."""
    return importlib.import_module("httpx2")


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


class OpenAIModel:
    """A model behind an OpenAI-compatible server.

    A failed call is repeated after a rate limit (429), a server error (5xx) and a lost connection, but not when pieces of
    its answer have been given out already. The waits grow exponentially with full jitter; a ``Retry-After`` header counts.

    Example:
        ``model = OpenAIModel("gpt-x", ClientOptions(base_url="http://localhost:8000/v1"))``
        ``response = await model.generate(ModelRequest(prompt="hi"))``
    """

    def __init__(
        self,
        name: str,
        options: ClientOptions,
        *,
        provider: str = "openai",
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take the model's name, and where it is.

        Args:
            name: As the server knows it.
            options: The server.
            provider: Named in errors and logs.
            sleep: Waits before a repetition.
            jitter: Random numbers in [0, 1) that decide how long.
        """
        self.model_name = name
        self.provider_name = provider
        self.options = options
        self._sleep = sleep
        self._jitter = jitter
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any]
        self._clients = weakref.WeakKeyDictionary()

    @property
    def provider_url(self) -> str:
        """Where the server is."""
        return self.options.base_url

    async def generate(self, request: ModelRequest) -> ModelResponse:
        """Answer one request.

        Raises:
            LLMCallException: It failed, `kind` says why; or the extra ``llm`` is not installed.
        """
        client = self._client()
        body = self._body(request)
        given = 0  # pieces that somebody has seen

        def pass_on(piece: str) -> None:
            nonlocal given
            given += 1
            if request.on_token is not None:
                request.on_token(piece)

        attempt = 0
        while True:
            try:
                if request.on_token is not None:
                    return await self._streamed(client, body, pass_on)
                return await self._whole(client, body)
            except _Repeatable as failure:
                if attempt >= self.options.max_retries or given:
                    raise failure.problem from None
                wait = failure.wait
                if wait is None:
                    wait = self._jitter() * min(0.5 * 2**attempt, LONGEST_WAIT)
                attempt += 1
                await self._sleep(min(wait, LONGEST_WAIT))

    async def close(self) -> None:
        """Close the connections of this event loop; the next call opens new ones."""
        import asyncio

        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    # ------------------------------------------------------------ the request

    def _client(self) -> Any:
        import asyncio

        try:
            httpx2 = _httpx2()
        except ImportError as problem:
            raise LLMCallException(
                "calling a model over the network needs the package httpx2: pip install 'colang-toolchain[llm]'",
                self._detail,
            ) from problem
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            options = self.options
            headers = {"Content-Type": "application/json", **options.headers}
            if options.api_key is not None:
                if options.key_header is None:
                    headers["Authorization"] = f"Bearer {options.api_key}"
                else:
                    headers[options.key_header] = options.api_key
            client = httpx2.AsyncClient(
                headers=headers,
                params=dict(options.query),
                timeout=httpx2.Timeout(options.timeout, connect=options.connect_timeout),
            )
            self._clients[loop] = client
        return client

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model_name,
            **self.options.parameters,
            **request.parameters,
            "messages": request.messages,
        }
        if request.stop:
            body["stop"] = list(request.stop)[:4]  # what the interface allows
        if request.on_token is not None:
            body["stream"] = True
            body.setdefault("stream_options", {"include_usage": True})
        return body

    @property
    def _address(self) -> str:
        return self.options.base_url.rstrip("/") + "/chat/completions"

    @property
    def _detail(self) -> str:
        return (
            f"Error invoking LLM (model={self.model_name}, provider={self.provider_name},"
            f" endpoint={masked(self.options.base_url)})"
        )

    def problem(self, text: str, kind: Kind, status: int | None = None) -> LLMCallException:
        """A failure of a call of this model, without its key in the text."""
        safe = masked(text, (self.options.api_key,))
        return LLMCallException(safe, self._detail, status, kind)

    # ------------------------------------------------------------ the answer

    async def _whole(self, client: Any, body: Mapping[str, Any]) -> ModelResponse:
        async with _Transport(self):
            response = await client.post(self._address, json=body)
            self._check(response.status_code, response.text, response.headers)
            try:
                data = response.json()
            except (ValueError, RecursionError):
                raise self._unreadable(response.text) from None
        return self._response(data)

    async def _streamed(
        self, client: Any, body: Mapping[str, Any], pass_on: Callable[[str], None]
    ) -> ModelResponse:
        answer = _Assembled()
        async with (
            _Transport(self),
            client.stream("POST", self._address, json=body) as response,
        ):
            if response.status_code != 200:
                await response.aread()
                self._check(response.status_code, response.text, response.headers)
            if "event-stream" not in response.headers.get("content-type", ""):
                await response.aread()
                return self._unstreamed(response.text, pass_on)
            async for line in response.aiter_lines():
                if not line.startswith("data:"):
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    answer.is_complete = True
                    break
                piece = answer.add(self._chunk(data))
                if piece:
                    pass_on(piece)
                if answer.length > MAX_ANSWER:
                    raise self.problem("the answer is endless", "bad_answer")
        if not answer.is_complete:
            raise _Repeatable(
                self.problem(
                    "the answer was cut off: the connection ended in the middle", "bad_answer"
                )
            )
        return answer.response(self.model_name)

    def _unstreamed(self, text: str, pass_on: Callable[[str], None]) -> ModelResponse:
        """A server that does not stream answers all at once."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise self._unreadable(text) from None
        response = self._response(data)
        if response.text:
            pass_on(response.text)
        return response

    def _chunk(self, data: str) -> Mapping[str, Any]:
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise self._unreadable(data) from None
        if not isinstance(chunk, dict):
            raise self._unreadable(data)
        known = cast("dict[str, Any]", chunk)
        if known.get("error"):
            raise self.problem(f"the server broke off: {_message(known)}", "bad_answer")
        return known

    def _unreadable(self, text: str) -> LLMCallException:
        return self.problem(
            f"the answer is not what an OpenAI-compatible server sends: {text[:_SHOWN]!r}",
            "bad_answer",
        )

    def _check(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        if status == 200:
            return
        said = _server_message(text)
        if status in (401, 403):
            hint = (
                "the server does not accept the key"
                if self.options.api_key
                else "the server wants a key"
            )
            raise self.problem(f"{hint} ({status}): {said}", "wrong_key", status)
        if status == 429:
            problem = self.problem(
                f"too many calls, or the quota is used up (429): {said}", "rate_limit", 429
            )
            raise _Repeatable(problem, _retry_after(headers))
        if status >= 500 or status == 408:
            problem = self.problem(f"the server fails ({status}): {said}", "unreachable", status)
            raise _Repeatable(problem, _retry_after(headers))
        hint = (
            f"no model or address of that name ({status})"
            if status == 404
            else f"the server refuses the call ({status})"
        )
        raise self.problem(f"{hint}: {said}", "refused", status)

    def _response(self, data: Any) -> ModelResponse:
        try:
            choice = data["choices"][0]
            message = choice["message"]
            text = content_text(message.get("content"))
            calls = [_tool_call(call) for call in message.get("tool_calls") or ()]
        except (KeyError, IndexError, TypeError, AttributeError):
            raise self._unreadable(json.dumps(data)) from None
        return ModelResponse(
            text=text,
            tool_calls=tuple(calls),
            usage=_usage(data.get("usage")),
            reasoning=message.get("reasoning_content") or message.get("reasoning"),
            finish_reason=_finish_reason(choice.get("finish_reason")),
            model=data.get("model") or self.model_name,
            request_id=data.get("id"),
            raw=data,
        )


class _Transport:
    """Turns what the network may do to us into our errors."""

    def __init__(self, model: OpenAIModel) -> None:
        self._model = model

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if problem is None:
            return
        httpx2 = _httpx2()
        made = self._model.problem
        if isinstance(problem, httpx2.TimeoutException):
            options = self._model.options
            what = (
                f"no connection within {options.connect_timeout:g} s"
                if isinstance(problem, httpx2.ConnectTimeout)
                else f"no answer within {options.timeout:g} s"
            )
            raise made(
                f"{what}; raise `timeout` in the model's parameters, or try later", "timeout"
            ) from None
        if isinstance(problem, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
            raise made(f"`base_url` is no address: {problem}", "refused") from None
        if isinstance(problem, httpx2.TransportError):
            raise _Repeatable(
                made(f"no connection to the server, or it was lost: {problem}", "unreachable")
            ) from None


class _Assembled:
    """An answer that arrives in pieces."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._model: str | None = None
        self._id: str | None = None
        self.length = 0
        self.is_complete = False

    def add(self, chunk: Mapping[str, Any]) -> str:
        """Take one piece; the text in it."""
        self._usage = _usage(chunk.get("usage")) or self._usage
        self._model = chunk.get("model") or self._model
        self._id = chunk.get("id") or self._id
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            return ""
        choice = cast("dict[str, Any]", choices[0])
        delta = cast("dict[str, Any]", choice.get("delta") or {})
        if choice.get("finish_reason"):
            self._finish = choice["finish_reason"]
            self.is_complete = True  # some servers leave out the end mark
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if thought:
            self._reasoning.append(str(thought))
        for call in delta.get("tool_calls") or ():
            call = cast("dict[str, Any]", call)
            known = self._calls.setdefault(
                call.get("index", 0), {"id": "", "name": "", "arguments": ""}
            )
            function = cast("dict[str, Any]", call.get("function") or {})
            known["id"] = call.get("id") or known["id"]
            known["name"] += function.get("name") or ""
            known["arguments"] += function.get("arguments") or ""
        text = content_text(delta.get("content"))
        self._texts.append(text)
        self.length += len(text)
        return text

    def response(self, name: str) -> ModelResponse:
        """All of it."""
        calls = [
            _tool_call({"id": call["id"], "function": call})
            for _, call in sorted(self._calls.items())
        ]
        return ModelResponse(
            text="".join(self._texts),
            tool_calls=tuple(calls),
            usage=self._usage,
            reasoning="".join(self._reasoning) or None,
            finish_reason=_finish_reason(self._finish),
            model=self._model or name,
            request_id=self._id,
        )


def _tool_call(call: Any) -> ToolCall:
    function = call["function"]
    arguments: Any = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            pass  # the text as it is: whoever checks the call can say what is wrong
    return ToolCall(
        id=str(call.get("id") or ""), name=str(function.get("name") or ""), arguments=arguments
    )


def _usage(data: Any) -> Usage | None:
    if not isinstance(data, dict):
        return None
    known = cast("dict[str, Any]", data)
    counts = [known.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens")]
    numbers = [count if isinstance(count, int) else 0 for count in counts]
    total = numbers[2] or numbers[0] + numbers[1]
    return Usage(input_tokens=numbers[0], output_tokens=numbers[1], total_tokens=total)


def _finish_reason(given: Any) -> str | None:
    if given is None:
        return None
    return given if given in _FINISH_REASONS else "other"


def _server_message(text: str) -> str:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text[:_SHOWN].strip() or "(no text)"
    return _message(data)


def _message(data: Any) -> str:
    if isinstance(data, dict):
        known = cast("dict[str, Any]", data)
        error: Any = known.get("error", known)
        told: Any = error.get("message") if is_dict(error) else None
        return str(told or error)[:_SHOWN]
    return str(data)[:_SHOWN]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; a date is left to our own waits, for we read no clock."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


# ---------------------------------------------------------------- the models of a configuration


def model_for(
    config: Any, type: str = "main", environment: Mapping[str, str] | None = None
) -> Model | None:
    """The model of that type in a configuration; None if there is none.

    The engine decides the address unless `parameters` has a `base_url`; the key comes from the environment variable
    `api_key_env_var`, from ``parameters.api_key``, or from the engine's usual variable. What else is in `parameters` goes
    along with every request.

    Args:
        config: A `RailsConfig`, or None.
        type: ``main``, or the name of a task or action.
        environment: Where keys are looked for; the process's by default.

    Raises:
        LLMCallException: The engine is not known and no `base_url` is given.
    """
    entry = next((m for m in getattr(config, "models", None) or () if m.type == type), None)
    if entry is None:
        return None
    variables = os.environ if environment is None else environment
    engine = str(entry.engine)
    given: dict[str, Any] = dict(entry.parameters)
    headers: dict[Any, Any] = given.get("default_headers") or {}
    base_url = given.get("base_url") or _BASE_URLS.get(engine)
    if engine in ("azure", "azure_openai") and base_url is None and given.get("azure_endpoint"):
        endpoint = str(given["azure_endpoint"]).rstrip("/")
        base_url = f"{endpoint}/openai/deployments/{given.get('azure_deployment') or entry.model}"
    if not base_url:
        known = ", ".join(f"`{name}`" for name in _BASE_URLS)
        raise LLMCallException(
            f"the engine `{engine}` of the model `{type}` is not known; give `parameters.base_url`, the address of an"
            f" OpenAI-compatible server, or use one of {known}, or pass a model object as `llm=`",
            kind="refused",
        )
    key = given.get("api_key")
    if entry.api_key_env_var:
        key = variables.get(entry.api_key_env_var)
    elif key is None and engine in _KEYS:
        key = variables.get(_KEYS[engine])
    query = dict(given.get("default_query") or {})
    azure = engine.startswith("azure")
    if azure and given.get("api_version"):
        query.setdefault("api-version", given["api_version"])
    not_sent = _CLIENT_PARAMETERS | {"azure_endpoint", "azure_deployment", "api_version"}
    options = ClientOptions(
        base_url=str(base_url),
        api_key=None if key is None else str(key),
        timeout=float(given.get("timeout") or 60.0),
        connect_timeout=float(given.get("connect_timeout") or 10.0),
        max_retries=int(given["max_retries"]) if given.get("max_retries") is not None else 2,
        headers={str(key): str(value) for key, value in headers.items()},
        query=query,
        parameters={k: v for k, v in given.items() if k not in not_sent},
        key_header="api-key" if azure else None,
    )
    return OpenAIModel(str(entry.model), options, provider=engine)


def models_for(config: Any) -> dict[str, Model]:
    """All language models of a configuration by type, but not ``main`` and ``embeddings``."""
    found: dict[str, Model] = {}
    for entry in getattr(config, "models", None) or ():
        if entry.type not in ("main", "embeddings") and entry.type not in found:
            model = model_for(config, entry.type)
            if model is not None:
                found[entry.type] = model
    return found
