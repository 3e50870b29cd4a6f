"""Models of all kinds: scripted, recorded, adapted; what is masked; tokens; the index of examples."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colang_interpreter.llm.adapters import as_model
from colang_interpreter.llm.embeddings import VectorIndex
from colang_interpreter.llm.errors import LLMCallException, masked
from colang_interpreter.llm.index import Hit, IndexItem, NgramIndex, ProviderIndex
from colang_interpreter.llm.manager import LLMCall, TaskManager, observed
from colang_interpreter.llm.model import ModelRequest, ModelResponse, ToolCall, Usage
from colang_interpreter.llm.recording import CassetteError, RecordedModel
from colang_interpreter.llm.scripted import ScriptedModel, pieces
from colang_interpreter.llm.selection import Prompt, PromptLibrary
from colang_interpreter.llm.tokens import AfterThinking, QuotedMessage


def ask(model: Any, prompt: Any = "hi", **more: Any) -> ModelResponse:
    response: ModelResponse = asyncio.run(model.generate(ModelRequest(prompt=prompt, **more)))
    return response


# ---------------------------------------------------------------- scripted


def test_a_call_too_many_shows_task_and_prompt() -> None:
    model = ScriptedModel(["one"])
    ask(model)
    with pytest.raises(LLMCallException) as caught:
        ask(model, "What now?", task="general")
    assert caught.value.kind == "unexpected_call"
    for words in ("1 completions", "call 2", "task `general`", "What now?"):
        assert words in str(caught.value)


def test_a_script_may_hold_failures_and_whole_responses() -> None:
    call = ToolCall(id="t", name="add")
    model = ScriptedModel(
        [LLMCallException("no", kind="timeout"), ModelResponse(text="", tool_calls=(call,))]
    )
    with pytest.raises(LLMCallException, match="no"):
        ask(model)
    assert ask(model).tool_calls == (call,)
    assert [request.prompt for request in model.calls] == ["hi", "hi"]


@given(st.text(alphabet=" ab\n", max_size=20))
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    tokens: list[str] = []
    ask(ScriptedModel([text]), on_token=tokens.append)
    assert tokens == pieces(text)


# ---------------------------------------------------------------- adapted


class Ecosystem:
    """A model as the protocol of the ecosystem has it."""

    model_name = "eco"

    async def generate_async(self, prompt: Any, *, stop: Any = None, **named: Any) -> Any:
        usage = SimpleNamespace(input_tokens=1, output_tokens=2, total_tokens=3)
        function = SimpleNamespace(name="add", arguments={"a": 1})
        call = SimpleNamespace(id="t", type="function", function=function)
        return SimpleNamespace(
            content=json.dumps([prompt, stop, named]),
            usage=usage,
            tool_calls=[call],
            reasoning="hm",
        )

    async def stream_async(
        self, prompt: Any, *, stop: Any = None, **named: Any
    ) -> AsyncIterator[Any]:
        for text in ("one ", "", "two"):
            yield SimpleNamespace(delta_content=text, delta_reasoning="hm"[: len(text)], usage=None)


class Runnable:
    """An object in the manner of LangChain."""

    async def ainvoke(self, given: Any, **named: Any) -> Any:
        content = [{"type": "text", "text": json.dumps([given, named])}]
        return SimpleNamespace(content=content, usage_metadata={"input_tokens": 4})

    async def astream(self, given: Any, **named: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(content="one ")
        yield SimpleNamespace(content="two")


def test_the_protocol_of_the_ecosystem() -> None:
    response = ask(as_model(Ecosystem()), "hi", stop=("X",), parameters={"temperature": 0})
    assert json.loads(response.text) == ["hi", ["X"], {"temperature": 0}]
    assert response.usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    assert response.tool_calls == (ToolCall(id="t", name="add", arguments={"a": 1}),)
    assert response.reasoning == "hm"


@pytest.mark.parametrize("given", [Ecosystem(), Runnable()])
def test_objects_that_stream(given: Any) -> None:
    tokens: list[str] = []
    assert ask(as_model(given), on_token=tokens.append).text == "one two"
    assert tokens == ["one ", "two"]


def test_runnables_get_messages() -> None:
    response = ask(as_model(Runnable()), [{"type": "bot", "content": "Hi"}])
    assert json.loads(response.text) == [[{"role": "assistant", "content": "Hi"}], {}]
    assert response.usage == Usage(input_tokens=4, total_tokens=4)


def test_functions() -> None:
    async def slow(prompt: str) -> str:
        return prompt * 2

    def whole(request: ModelRequest) -> ModelResponse:
        return ModelResponse(text=request.task)

    assert ask(as_model(slow), "a").text == "aa"
    assert ask(as_model(whole), task="t").text == "t"
    assert ask(as_model(lambda p: p), [{"role": "user", "content": "a"}]).text == "user: a"


def test_our_own_models_are_taken_as_they_are() -> None:
    model = ScriptedModel([])
    assert as_model(model) is model


@pytest.mark.parametrize("given", [None, 7, "gpt", object(), ScriptedModel])
def test_what_is_no_model(given: Any) -> None:
    with pytest.raises(TypeError, match="model"):
        as_model(given)


@pytest.mark.parametrize("answer", [None, 7, b"x"])
def test_answers_that_are_none(answer: Any) -> None:
    with pytest.raises(LLMCallException) as caught:
        ask(as_model(lambda prompt: answer))
    assert caught.value.kind == "bad_answer"


def test_what_an_object_raises_becomes_our_error() -> None:
    class Limited(Exception):
        status_code = 429

    def failing(prompt: str) -> str:
        raise Limited("key sk-abcdefghijk is used up")

    with pytest.raises(LLMCallException) as caught:
        ask(as_model(failing))
    assert caught.value.status == 429
    assert isinstance(caught.value.inner_exception, Limited)
    assert str(caught.value) == "Error invoking LLM (model=failing): Limited: key *** is used up"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ('{"api_key": "abcdef123"}', '{"api_key": "***"}'),
        ("?api-key=abcdef123&x=1", "?api-key=***&x=1"),
        ("password: hunter22", "password: ***"),
        ("nvapi-abcdefgh", "***"),
        ("the token count is 7", "the token count is 7"),
        ("a secret", "a secret"),
    ],
)
def test_masked(text: str, safe: str) -> None:
    assert masked(text) == safe


def test_known_secrets_and_addresses_are_masked() -> None:
    assert (
        masked("got xyzzy from https://a.b/c", ["xyzzy", None, ""], urls=True)
        == "got *** from <url>"
    )


# ---------------------------------------------------------------- recorded

REQUESTS = [("How much?", "Ten."), ("How much?", "Eleven."), ("When?", "At nine.")]


def recorded() -> list[str]:
    lines: list[str] = []
    model = RecordedModel(
        [], ScriptedModel([answer for _, answer in REQUESTS]), mode="record", save=lines.append
    )
    for question, _ in REQUESTS:
        ask(model, question, task="general", parameters={"b": 1, "a": 2})
    return lines


def test_replay() -> None:
    lines = recorded()
    assert len(lines) == 3 and all(line.endswith("\n") and "\n" not in line[:-1] for line in lines)
    model = RecordedModel(lines)
    assert len(model) == 3
    tokens: list[str] = []
    parameters = {"a": 2, "b": 1}
    for question, answer in [*REQUESTS, ("How much?", "Eleven.")]:
        request = {"task": "general", "parameters": parameters, "on_token": tokens.append}
        assert ask(model, question, **request).text == answer
    assert "".join(tokens) == "Ten.Eleven.At nine.Eleven."


def test_an_unknown_request_shows_the_nearest() -> None:
    model = RecordedModel(recorded())
    with pytest.raises(LLMCallException) as caught:
        ask(model, "When, please?", task="general", parameters={"a": 2, "b": 1})
    assert caught.value.kind == "unexpected_call"
    assert "-When?\n+When, please?" in str(caught.value)
    with pytest.raises(LLMCallException, match="the recording is empty"):
        ask(RecordedModel([]))


def test_only_what_is_new_is_asked() -> None:
    lines = recorded()
    inner = ScriptedModel(["In May."])
    model = RecordedModel(lines, inner, mode="new", save=lines.append)
    given = {"task": "general", "parameters": {"a": 2, "b": 1}}
    assert ask(model, "When?", **given).text == "At nine."
    assert ask(model, "Which month?", **given).text == "In May."
    assert len(inner.calls) == 1 and len(lines) == 4
    assert ask(RecordedModel(lines), "Which month?", **given).text == "In May."


def test_everything_in_a_response_comes_back() -> None:
    response = ModelResponse(
        text="",
        tool_calls=(ToolCall(id="t", name="add", arguments={"a": [1]}),),
        usage=Usage(input_tokens=1, output_tokens=2, total_tokens=3),
        reasoning="hm",
        finish_reason="tool_calls",
        model="m",
        request_id="r",
    )
    lines: list[str] = []
    ask(RecordedModel([], ScriptedModel([response]), mode="new", save=lines.append))
    assert ask(RecordedModel(lines)) == response


@pytest.mark.parametrize("line", ["nope", "[]", "{}", '{"request": {"prompt": 1}}', "[" * 10_000])
def test_damaged_recordings(line: str) -> None:
    with pytest.raises(CassetteError, match="line 2"):
        RecordedModel(["\n", line])


def test_modes() -> None:
    with pytest.raises(ValueError, match="needs a model"):
        RecordedModel([], mode="new")
    with pytest.raises(ValueError, match="'replay', 'record' or 'new'"):
        RecordedModel([], mode="play")  # type: ignore[arg-type]


# ---------------------------------------------------------------- calls through the task manager


def manager() -> TaskManager:
    library = PromptLibrary([Prompt(task="t", content="{{ x }}", stop=("S",), max_tokens=9)])
    return TaskManager(library=library, clock=iter(range(100)).__next__)


def test_asking() -> None:
    model = ScriptedModel(["<think>easy</think>\nTen."])
    calls: list[LLMCall] = []
    tokens: list[str] = []
    with observed(calls.append):
        answer = asyncio.run(
            manager().ask(
                model,
                "t",
                {"x": "Q"},
                parameters={"temperature": 0},
                stop=["S", "E"],
                on_token=tokens.append,
            )
        )
    assert (answer.text, answer.response.reasoning) == ("Ten.", "easy")
    assert "".join(tokens) == "Ten."
    (request,) = model.calls
    assert (request.prompt, request.task, request.stop) == ("Q", "t", ("S", "E"))
    assert request.parameters == {"temperature": 0, "max_tokens": 9}
    (call,) = calls
    assert (call.task, call.started, call.ended, call.error) == ("t", 0, 1, None)


def test_failed_calls_are_observed_too() -> None:
    calls: list[LLMCall] = []
    with observed(calls.append), pytest.raises(LLMCallException):
        asyncio.run(manager().ask(ScriptedModel([]), "t"))
    assert calls[0].response is None and calls[0].error is not None


def test_without_a_model() -> None:
    with pytest.raises(LLMCallException, match="needs a language model, and none is configured"):
        asyncio.run(manager().ask(None, "t"))


def test_a_model_that_does_not_stream_gives_one_piece() -> None:
    tokens: list[str] = []
    asyncio.run(manager().ask(as_model(lambda p: "one two"), "t", on_token=tokens.append))
    assert tokens == ["one two"]


# ---------------------------------------------------------------- tokens


def split(text: str, cuts: Sequence[int]) -> list[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


CUTS = st.lists(st.integers(0, 60), max_size=12)


@given(st.sampled_from(["", "<think>a\nb</think>", "<think></think>\n\n"]), CUTS)
def test_thinking_is_left_out_wherever_the_pieces_end(thought: str, cuts: list[int]) -> None:
    seen: list[str] = []
    tokens = AfterThinking(seen.append)
    for part in split(thought + "<b>one</b> two", cuts):
        tokens.take(part)
    tokens.finish("<b>one</b> two")
    assert "".join(seen).lstrip("\n") == "<b>one</b> two"


@given(
    st.sampled_from(['  "{}"', '"{}"\n', '"{}"\nuser "more"\n  x', 'Bot message: "{}"', '  "{}" ']),
    st.sampled_from(["one", "one two", 'say "hi" now', "two\n  lines"]),
    CUTS,
)
@settings(max_examples=200)
def test_a_quoted_message_wherever_the_pieces_end(form: str, text: str, cuts: list[int]) -> None:
    seen: list[str] = []
    message = QuotedMessage(seen.append)
    for part in split(form.format(text), cuts):
        message.take(part)
    message.finish(text)
    assert "".join(seen) == text


def test_a_message_without_its_opening_is_one_piece() -> None:
    seen: list[str] = []
    message = QuotedMessage(seen.append)
    for part in pieces("one two three"):
        message.take(part)
    assert seen == []
    message.finish("one two three")
    assert seen == ["one two three"]


def test_lines_before_the_message() -> None:
    seen: list[str] = []
    message = QuotedMessage(seen.append, after_lines=2)
    for part in pieces('  go\n# hm\nbot explain\n  "one two"'):
        message.take(part)
    message.finish("one two")
    assert seen == ["one ", "two"]


# ---------------------------------------------------------------- index


def search(index: Any, text: str, *more: Any) -> list[Hit]:
    return list(asyncio.run(index.search(text, *more)))


EXAMPLES = {
    "ask price": ["how much does it cost", "what is the price"],
    "ask hours": ["when do you open", "what are your opening hours"],
    "greet": ["hello there", "good morning"],
}


def examples() -> NgramIndex:
    return NgramIndex([IndexItem(t, intent) for intent, texts in EXAMPLES.items() for t in texts])


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("what's the price?", "ask price"),
        ("prices please", "ask price"),
        ("are you open tomorrow", "ask hours"),
        ("Opening hours", "ask hours"),
        ("Good morning!", "greet"),
    ],
)
def test_what_is_worded_alike_is_found(text: str, intent: str) -> None:
    assert search(examples(), text, 1)[0].meta == intent


def test_scores() -> None:
    hits = search(examples(), "WHEN do you open?", 6)
    assert hits[0].score == 1.0 and [h.score for h in hits] == sorted(
        (h.score for h in hits), reverse=True
    )
    nothing = search(examples(), "zzz", 6)
    assert [hit.text for hit in nothing] == [t for texts in EXAMPLES.values() for t in texts]
    assert {hit.score for hit in nothing} == {0.292893218813}
    assert search(examples(), "zzz", 6, 0.3) == [] and len(search(examples(), "zzz", 6, 0.29)) == 6
    assert search(NgramIndex([]), "x") == []


@given(st.lists(st.text(max_size=12), max_size=6), st.text(max_size=12))
@settings(max_examples=100)
def test_any_text_can_be_searched(texts: list[str], query: str) -> None:
    index = NgramIndex([IndexItem(text, number) for number, text in enumerate(texts)])
    hits = search(index, query, 10)
    assert len(hits) == len(texts) and all(0 <= hit.score <= 1 for hit in hits)
    assert hits == search(index, query, 10)


class Provider:
    """An index of a user's."""

    def __init__(self) -> None:
        self.items: list[IndexItem] = []
        self.built = 0

    async def add_items(self, items: list[IndexItem]) -> None:
        self.items += items

    def build(self) -> None:
        self.built += 1

    async def search(self, text: str, max_results: int, threshold: float | None) -> list[IndexItem]:
        return [item for item in self.items if text in item.text][:max_results]


def test_an_index_of_the_users() -> None:
    provider = Provider()
    index = ProviderIndex(provider, [IndexItem("abc", 1), IndexItem("b", 2)])
    assert provider.built == 0
    assert search(index, "b", 5) == [Hit("abc", 1, 1.0), Hit("b", 2, 1.0)]
    assert search(index, "a", 5) == [Hit("abc", 1, 1.0)] and provider.built == 1


# ---------------------------------------------------------------- embeddings


class Encoder:
    """Counts letters."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def encode_async(self, texts: list[str]) -> list[list[int]]:
        self.asked.append(texts)
        return [[text.count(letter) for letter in "abc"] for text in texts]


def test_an_index_of_vectors() -> None:
    encoder = Encoder()
    index = VectorIndex([IndexItem("aaa", 1), IndexItem("abc", 2), IndexItem("", 3)], encoder)

    async def twice() -> list[list[Hit]]:
        return [await index.search("a", 3), await index.search("ccc", 3, 0.4)]

    first, second = asyncio.run(twice())
    assert [hit.meta for hit in first] == [1, 2, 3] and first[0].score == 1.0
    assert [hit.meta for hit in second] == [2]
    assert encoder.asked == [["aaa", "abc", ""], ["a"], ["ccc"]]


def test_encoders_that_are_none() -> None:
    with pytest.raises(TypeError, match="`encode`"):
        VectorIndex([], 7)
    with pytest.raises(ValueError, match="2 vectors for 1 texts"):
        search(VectorIndex([IndexItem("a")], lambda texts: [[1], [2]]), "a")
    lengths = iter([[[1, 2]], [[1]]])
    with pytest.raises(ValueError, match="cannot be compared"):
        search(VectorIndex([IndexItem("a")], lambda texts: next(lengths)), "a")
    assert search(VectorIndex([], lambda texts: [[1]]), "a") == []
