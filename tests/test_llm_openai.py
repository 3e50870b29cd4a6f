"""The OpenAI-compatible client against a real HTTP server with faults, on this machine."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from colang.config import RailsConfig
from colang_interpreter.llm.errors import LLMCallException
from colang_interpreter.llm.model import ModelRequest, ModelResponse, ToolCall, Usage
from colang_interpreter.llm.openai import ClientOptions, OpenAIModel, model_for, models_for
from fixtures.services import LocalServer, QuietHandler, served

pytest.importorskip("httpx2", reason="the extra `llm` is not installed")

KEY = "sk-secret-0123456789"
ANSWER = {
    "id": "c1",
    "model": "m-2",
    "choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


class Fault:
    """What the server does with one request."""

    def __init__(
        self,
        status: int = 200,
        body: Any = ANSWER,
        headers: dict[str, str] | None = None,
        *,
        stream: list[Any] | None = None,
        cut: bool = False,
        wait: threading.Event | None = None,
    ) -> None:
        self.status, self.body, self.headers = status, body, headers or {}
        self.stream, self.cut, self.wait = stream, cut, wait


class Server:
    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.url = ""

    def next(self) -> Fault:
        return self.faults.pop(0) if len(self.faults) > 1 else self.faults[0]


@contextmanager
def serving(*faults: Fault) -> Iterator[Server]:
    server = Server(*faults)

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = json.loads(self.rfile.read(length))
            server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            fault = server.next()
            if fault.wait is not None:
                fault.wait.wait(10)
            if fault.stream is None:
                text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
                self.send_response(fault.status)
                for key, value in fault.headers.items():
                    self.send_header(key, value)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
                return
            self.close_connection = True
            self.send_response(fault.status)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for chunk in fault.stream:
                data = chunk if isinstance(chunk, str) else "data: " + json.dumps(chunk) + "\n\n"
                self.wfile.write(f"{len(data.encode()):x}\r\n".encode() + data.encode() + b"\r\n")
            if not fault.cut:
                self.wfile.write(b"0\r\n\r\n")

    with served(LocalServer(Handler)) as http:
        server.url = f"{http.address}/v1"
        yield server


def ask(
    url: str,
    request: ModelRequest | None = None,
    *,
    waits: list[float] | None = None,
    **options: Any,
) -> ModelResponse:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    async def run() -> ModelResponse:
        given = ClientOptions(base_url=url, api_key=KEY, **options)
        model = OpenAIModel("m", given, sleep=sleep, jitter=lambda: 1.0)
        try:
            return await model.generate(request or ModelRequest(prompt="hi"))
        finally:
            await model.close()

    return asyncio.run(asyncio.wait_for(run(), 20))


def failure(url: str, request: ModelRequest | None = None, **options: Any) -> LLMCallException:
    with pytest.raises(LLMCallException) as caught:
        ask(url, request, **options)
    text = str(caught.value)
    assert KEY not in text and "Error invoking LLM (model=m, provider=openai, endpoint=" in text
    return caught.value


def test_a_call() -> None:
    with serving(Fault()) as server:
        request = ModelRequest(
            prompt=[{"role": "system", "content": "Be kind."}, {"type": "bot", "content": "Hi"}],
            stop=("User:",),
            parameters={"temperature": 0.5},
        )
        response = ask(server.url, request, parameters={"temperature": 0.1, "seed": 7})
    assert response == ModelResponse(
        text="Hello.",
        usage=Usage(input_tokens=3, output_tokens=2, total_tokens=5),
        finish_reason="stop",
        model="m-2",
        request_id="c1",
    )
    ((path, headers, body),) = server.seen
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "m",
        "temperature": 0.5,
        "seed": 7,
        "stop": ["User:"],
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "assistant", "content": "Hi"},
        ],
    }


def test_tool_calls() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    message = {"content": None, "tool_calls": [call]}
    choices = [{"message": message, "finish_reason": "tool_calls"}]
    with serving(Fault(body={"choices": choices})) as server:
        response = ask(server.url)
    assert response.text == "" and response.finish_reason == "tool_calls"
    assert response.tool_calls == (ToolCall(id="t1", name="add", arguments={"a": 1}),)


def piece(text: str | None = None, **more: Any) -> dict[str, Any]:
    finish = more.pop("finish_reason", None)
    delta = {**({"content": text} if text is not None else {}), **more}
    return {"id": "c1", "choices": [{"delta": delta, "finish_reason": finish}]}


def test_streaming() -> None:
    stream = [
        ": a comment\n\n",
        piece("", role="assistant"),
        piece(None, reasoning_content="hm"),
        piece("one "),
        piece("two"),
        piece(finish_reason="stop"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        "data: [DONE]\n\n",
    ]
    tokens: list[str] = []
    with serving(Fault(stream=stream)) as server:
        response = ask(server.url, ModelRequest(prompt="hi", on_token=tokens.append))
    assert tokens == ["one ", "two"]
    assert (response.text, response.reasoning) == ("one two", "hm")
    assert response.usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    assert server.seen[0][2]["stream"] is True


def test_streamed_tool_calls() -> None:
    def part(**function: str) -> dict[str, Any]:
        return piece(tool_calls=[{"index": 0, "id": "t1", "function": function}])

    stream = [part(name="add", arguments='{"a"'), part(arguments=": 1}"), "data: [DONE]\n\n"]
    with serving(Fault(stream=stream)) as server:
        response = ask(server.url, ModelRequest(prompt="hi", on_token=lambda _: None))
    assert response.tool_calls == (ToolCall(id="t1", name="add", arguments={"a": 1}),)


def test_a_server_that_does_not_stream_answers_in_one_piece() -> None:
    tokens: list[str] = []
    with serving(Fault()) as server:
        response = ask(server.url, ModelRequest(prompt="hi", on_token=tokens.append))
    assert tokens == ["Hello."] and response.text == "Hello."


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault(401, {"error": {"message": f"bad key {KEY}"}}), "wrong_key", "bad key ***"),
        (Fault(403, "no"), "wrong_key", "does not accept the key"),
        (Fault(404, {"error": {"message": "no model m"}}), "refused", "no model m"),
        (Fault(400, {"error": "too long"}), "refused", "too long"),
        (Fault(429, {"error": {"message": "slow down"}}), "rate_limit", "slow down"),
        (Fault(500, "<html>oops</html>"), "unreachable", "oops"),
        (Fault(200, "<html>hello</html>"), "bad_answer", "hello"),
        (Fault(200, {"choices": []}), "bad_answer", "choices"),
        (Fault(200, ["what"]), "bad_answer", "what"),
        (Fault(200, "[" * 5000), "bad_answer", "[[["),
    ],
)
def test_faults(fault: Fault, kind: str, words: str) -> None:
    with serving(fault) as server:
        problem = failure(server.url, waits=[])
    assert (problem.kind, problem.status) == (kind, fault.status if fault.status != 200 else None)
    assert words in str(problem)


def test_a_rate_limit_passes() -> None:
    waits: list[float] = []
    slow = Fault(429, {}, {"Retry-After": "3"})
    with serving(slow, Fault(503, ""), Fault()) as server:
        assert ask(server.url, waits=waits).text == "Hello."
    assert waits == [3.0, 1.0] and len(server.seen) == 3


def test_retries_end_and_their_waits_grow() -> None:
    waits: list[float] = []
    with serving(Fault(500, "")) as server:
        failure(server.url, waits=waits, max_retries=3)
    assert waits == [0.5, 1.0, 2.0] and len(server.seen) == 4


def test_a_wait_that_is_too_long_is_cut() -> None:
    waits: list[float] = []
    with serving(Fault(429, {}, {"Retry-After": "86400"}), Fault()) as server:
        ask(server.url, waits=waits)
    assert waits == [60.0]


def test_a_wrong_key_is_not_tried_again() -> None:
    with serving(Fault(401, {})) as server:
        failure(server.url, waits=[])
    assert len(server.seen) == 1


def test_a_slow_server() -> None:
    done = threading.Event()
    with serving(Fault(wait=done)) as server:
        problem = failure(server.url, timeout=0.2)
        done.set()
    assert problem.kind == "timeout" and "within 0.2 s" in str(problem)


def test_a_dead_server() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    waits: list[float] = []
    problem = failure(url, waits=waits)
    assert problem.kind == "unreachable" and "no connection" in str(problem) and len(waits) == 2


def test_an_address_that_is_none() -> None:
    assert failure("nowhere").kind == "refused"


@pytest.mark.parametrize("cut", [True, False], ids=["connection lost", "end mark missing"])
def test_cut_off_in_the_middle(cut: bool) -> None:
    tokens: list[str] = []
    with serving(Fault(stream=[piece("one ")], cut=cut)) as server:
        problem = failure(server.url, ModelRequest(prompt="hi", on_token=tokens.append), waits=[])
    assert problem.kind in ("bad_answer", "unreachable")
    # What somebody has seen is not said again: no repetition after the first piece.
    assert tokens == ["one "] and len(server.seen) == 1


def test_cut_off_before_the_first_piece_is_tried_again() -> None:
    tokens: list[str] = []
    good = Fault(stream=[piece("one"), "data: [DONE]\n\n"])
    with serving(Fault(stream=[], cut=True), good) as server:
        response = ask(server.url, ModelRequest(prompt="hi", on_token=tokens.append), waits=[])
    assert response.text == "one" and tokens == ["one"] and len(server.seen) == 2


@pytest.mark.parametrize(
    "garbage", ["data: {broken\n\n", "data: 7\n\n", 'data: {"error": "dead"}\n\n']
)
def test_garbage_in_a_stream(garbage: str) -> None:
    with serving(Fault(stream=[garbage])) as server:
        problem = failure(server.url, ModelRequest(prompt="hi", on_token=lambda _: None))
    assert problem.kind == "bad_answer"


def test_one_model_serves_several_event_loops() -> None:
    with serving(Fault()) as server:
        model = OpenAIModel("m", ClientOptions(base_url=server.url))

        async def once() -> str:
            texts = [model.generate(ModelRequest(prompt="hi")) for _ in range(3)]
            answers = await asyncio.gather(*texts)
            await model.close()
            return answers[0].text

        assert [asyncio.run(once()) for _ in range(2)] == ["Hello.", "Hello."]


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx2", None)
    assert "pip install 'colang-toolchain[llm]'" in str(failure("http://127.0.0.1:9/v1"))


# ---------------------------------------------------------------- models of a configuration


def configured(model: dict[str, Any], environment: dict[str, str] | None = None) -> OpenAIModel:
    config = RailsConfig.from_content(config={"models": [{"type": "main", "model": "m", **model}]})
    made = model_for(config, environment=environment or {})
    assert isinstance(made, OpenAIModel)
    return made


def test_the_engine_gives_the_address_and_the_environment_the_key() -> None:
    model = configured({"engine": "openai"}, {"OPENAI_API_KEY": "k"})
    assert (model.model_name, model.provider_url) == ("m", "https://api.openai.com/v1")
    assert model.options.api_key == "k"


def test_the_parameters_decide() -> None:
    parameters = {
        "base_url": "http://localhost:1/v1",
        "api_key": "k",
        "timeout": 5,
        "max_retries": 0,
        "default_headers": {"X-Team": "7"},
        "temperature": 0.3,
    }
    options = configured({"engine": "mine", "parameters": parameters}).options
    assert options == ClientOptions(
        base_url="http://localhost:1/v1",
        api_key="k",
        timeout=5.0,
        max_retries=0,
        headers={"X-Team": "7"},
        parameters={"temperature": 0.3},
    )
    assert "api_key=" not in repr(options)


def test_azure() -> None:
    parameters = {"azure_endpoint": "https://x.example/", "api_version": "2024-06-01"}
    options = configured({"engine": "azure", "parameters": parameters}).options
    assert options.base_url == "https://x.example/openai/deployments/m"
    assert options.query == {"api-version": "2024-06-01"} and options.key_header == "api-key"


def test_the_environment_variable_the_configuration_names() -> None:
    config = RailsConfig.from_content(
        config={"models": [{"type": "main", "engine": "openai", "model": "m"}]}
    )
    config.models[0].api_key_env_var = "MY_KEY"
    model = model_for(config, environment={"MY_KEY": "mine", "OPENAI_API_KEY": "other"})
    assert isinstance(model, OpenAIModel) and model.options.api_key == "mine"


def test_an_engine_nobody_knows() -> None:
    with pytest.raises(LLMCallException, match="base_url"):
        configured({"engine": "mystery"})


def test_models_by_type() -> None:
    models = [
        {"type": "main", "engine": "openai", "model": "a"},
        {"type": "self_check_input", "engine": "ollama", "model": "b"},
        {"type": "embeddings", "engine": "FastEmbed", "model": "c"},
    ]
    config = RailsConfig.from_content(config={"models": models})
    assert list(models_for(config)) == ["self_check_input"]
    assert model_for(config, "other") is None and model_for(None) is None
