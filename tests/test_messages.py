"""The message API in both dialects: what the conformance data does not cover."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.errors import TooManyEventsError
from colang_interpreter.llm import LLMCallException, ModelResponse, ScriptedModel
from colang_interpreter.llm.model import ToolCall, Usage
from colang_interpreter.messages.conversion import events_of
from colang_interpreter.messages.errors import InvalidStateError, RailTypeNotConfiguredError
from colang_interpreter.messages.options import GenerationOptions, GenerationResponse
from colang_interpreter.messages.remembered import Remembered, keys_of
from colang_interpreter.streaming import StreamingHandler, error_of
from fixtures.sessions import run

V1 = """
define user order pizza
  "a pizza please"

define user tell size
  "large"

define bot ask size
  "Which size?"

define bot confirm
  "Coming."

define flow order
  user order pizza
  $ordered = True
  bot ask size
  user tell size
  bot confirm
"""

V2 = """
import core

flow main
  global $count
  $count = 0
  while True
    user said something
    $count = $count + 1
    bot say "{$count}"
"""


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def v1(text: str = V1, yaml: str = "models: []\n", llm: Any = None) -> LLMRails:
    return LLMRails(RailsConfig.from_content(text, yaml), llm=llm)


def v2(text: str = V2, yaml: str = "", llm: Any = None) -> LLMRails:
    return LLMRails(RailsConfig.from_content(text, f'colang_version: "2.x"\n{yaml}'), llm=llm)


def response(value: Any) -> GenerationResponse:
    assert isinstance(value, GenerationResponse)
    return value


# ---------------------------------------------------------------- conversations


@pytest.mark.parametrize(("make", "said"), [(v1, ["a pizza please", "large"]), (v2, ["a", "b"])])
def test_a_client_that_sends_back_what_it_got_goes_on(make: Any, said: list[str]) -> None:
    with make() as app:
        messages: list[Any] = [user(said[0])]
        first = app.generate(messages=messages)
        again = app.generate(messages=messages)  # not the second message of one conversation
        assert first == again
        messages += [first, user(said[1])]
        second = app.generate(messages=messages)
        assert second["content"] == {"v1": "Coming.", "v2": "2"}[make.__name__]
        assert app.generate(messages=messages) == second  # its last question again


@pytest.mark.parametrize(("make", "said"), [(v1, ["a pizza please", "large"]), (v2, ["a", "b"])])
def test_a_state_carries_the_conversation_as_json(make: Any, said: list[str]) -> None:
    with make() as app:
        first = response(app.generate(messages=[user(said[0])], state={}))
        state = json.loads(json.dumps(first.state))
    with make() as other:  # another process
        second = response(other.generate(messages=[user(said[1])], state=state))
        assert second.response == [
            {"role": "assistant", "content": {"v1": "Coming.", "v2": "2"}[make.__name__]}
        ]


@pytest.mark.parametrize("make", [v1, v2])
@pytest.mark.parametrize("state", [{"x": 1}, {"state": 5}, {"events": [5]}, {"state": "nonsense"}])
def test_a_state_that_is_none(make: Any, state: Any) -> None:
    with make() as app, pytest.raises(InvalidStateError):
        app.generate(messages=[user("hi")], state=state)


def test_what_is_remembered_is_bounded() -> None:
    known = Remembered(limit=3)
    machine: Any = object()
    for number in range(10):
        known.keep(keys_of([user(str(number))])[-1], machine)
    assert len(known) == 3
    before: Any = None
    messages: list[Any] = []
    for number in range(10):  # one long conversation keeps its last two states
        messages += [user(f"turn {number}"), {"role": "assistant", "content": "ok"}]
        known.keep(keys_of(messages)[-1], machine, before)
        found = known.find(keys_of([*messages, user("next")]))
        assert found is not None
        assert found[1] == len(messages)
        before = found[2]
    assert known.find(keys_of(messages[:7])) is None
    assert known.find(keys_of(messages[:19])) is not None


def test_roles_and_texts_do_not_run_into_each_other() -> None:
    known = Remembered()
    machine: Any = object()
    known.keep(keys_of([user("a:b")])[-1], machine)

    def finds(*messages: Any) -> bool:
        return known.find(keys_of(messages)) is not None

    assert not finds(user("a"), {"role": "assistant", "content": "b"}, user("c"))
    assert not finds({"role": "assistant", "content": "a:b"}, user("c"))
    assert not finds(user(["a:b"]), user("c"))
    assert not finds(user("a:b"))  # only proper beginnings count
    assert finds({"role": "system", "content": "x"}, user("a:b"), user("c"))


def test_an_answer_of_somebody_else_is_history_in_2x() -> None:
    text = 'import core\nimport llm\nflow main\n  user said something\n  $v = ..."one word"\n  bot say $v\n'
    model = ScriptedModel(['"word"'])
    with v2(text, llm=model) as app:
        messages = [user("ERSTE"), {"role": "assistant", "content": "ANTWORT"}, user("ZWEITE")]
        answer: Any = app.generate(messages=messages)
        assert answer["content"] == "word"
    prompt = model.calls[0].text
    assert prompt.index("ERSTE") < prompt.index("ANTWORT") < prompt.index("ZWEITE")


def test_the_result_of_a_tool_in_2x() -> None:
    text = (
        "import core\nflow main\n  user said something\n"
        '  $r = await FetchWeatherAction(city="Oslo")\n  bot say "It is {$r}."\n'
    )
    with v2(text) as app:
        messages: list[Any] = [user("weather?")]
        call: Any = app.generate(messages=messages)
        function = call["tool_calls"][0]["function"]
        assert function == {"name": "FetchWeatherAction", "arguments": {"city": "Oslo"}}
        result = {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "sunny"}
        answer = app.generate(messages=[*messages, call, result])
        assert answer == {"role": "assistant", "content": "It is sunny."}


# ---------------------------------------------------------------- options and results


def test_variables_and_logs_in_2x() -> None:
    with v2() as app:
        result = response(
            app.generate(
                messages=[user("a")],
                options={
                    "output_vars": ["count", "nope"],
                    "log": {
                        "activated_rails": True,
                        "internal_events": True,
                        "colang_history": True,
                    },
                },
            )
        )
        assert result.output_data == {"count": 1, "nope": None}
        assert result.log is not None
        assert [rail.name for rail in result.log.activated_rails or ()] == [
            'user said "a"',
            "bot say",
        ]
        assert result.log.colang_history == 'user action: user said "a"\n\nbot action: bot say "1"'
        assert result.log.internal_events


def test_exceptions_in_2x() -> None:
    text = 'flow main\n  match UtteranceUserAction.Finished()\n  send InputRailException(message="no")\n  match Never()\n'
    with v2(text) as app:
        answer: Any = app.generate(messages=[user("a")])
        assert answer["role"] == "exception"
        assert answer["content"]["message"] == "no"


def test_options_that_cannot_be_used() -> None:
    with v1() as app:
        wrong: list[tuple[Any, str]] = [
            ({"rials": []}, "`rials`"),
            ({"rails": ["inptu"]}, "not `inptu`"),
            ({"log": {"all": True}}, r"`log\.all`"),
        ]
        for options, problem in wrong:
            with pytest.raises(ValueError, match=problem):
                app.generate("a pizza please", options=options)
        with pytest.raises(TypeError, match="options are a dictionary"):
            app.generate("a pizza please", options=5)  # type: ignore[arg-type]


def test_options_of_one_call_do_not_reach_the_next() -> None:
    with v1() as app:
        messages: list[Any] = [user("a pizza please")]
        first = response(app.generate(messages=messages, options={"rails": []}))
        assert first.response == [user("a pizza please") | {"role": "assistant"}]
        messages += [*first.response, user("a pizza please")]
        assert app.generate(messages=messages) == {"role": "assistant", "content": "Which size?"}


def test_parameters_output_and_metadata_of_the_model() -> None:
    answer = ModelResponse(
        text="hello", model="m-1", usage=Usage(input_tokens=3, output_tokens=2, total_tokens=5)
    )
    model = ScriptedModel([answer])
    with v1("", llm=model) as app:
        options = GenerationOptions(llm_params={"temperature": 0.7}, llm_output=True)
        options.log.llm_calls = True
        result = response(app.generate(messages=[user("hi")], options=options))
    assert model.calls[0].parameters["temperature"] == 0.7
    assert result.llm_output is not None
    assert (result.llm_output["content"], result.llm_output["model"]) == ("hello", "m-1")
    assert result.llm_metadata is not None
    assert result.llm_metadata["usage_metadata"]["total_tokens"] == 5
    assert result.log is not None
    assert result.log.stats.llm_calls_total_tokens == 5
    call = (result.log.llm_calls or [])[0]
    assert (call.task, call.completion, call.llm_model_name) == ("general", "hello", "m-1")
    assert call.finished_at >= call.started_at > 0
    assert "1 model calls" in result.log.summary()


def test_actions_in_the_log_know_their_model_calls() -> None:
    with v1(llm=ScriptedModel(["  order pizza"])) as app:
        result = response(app.generate("pizza", options={"log": {"activated_rails": True}}))
    assert result.log is not None
    by_action = {
        action.action_name: [call.task for call in action.llm_calls]
        for rail in result.log.activated_rails or ()
        for action in rail.executed_actions
    }
    assert by_action == {
        "generate_user_intent": ["generate_user_intent"],
        "retrieve_relevant_chunks": [],
        "generate_bot_message": [],
    }


def test_thinking_stands_before_the_text_or_beside_it() -> None:
    model = ScriptedModel(["<think>let me see</think>yes", "<think>hm</think>no"])
    with v1("", llm=model) as app:
        assert app.generate("a?") == "<think>let me see</think>\nyes"
        result = response(app.generate("b?", options={}))
        assert (result.response, result.reasoning_content) == ("no", "hm")


def test_tool_calls_go_to_the_caller_and_their_results_to_the_model() -> None:
    asked = ModelResponse(text="", tool_calls=(ToolCall(id="c1", name="add", arguments={"a": 2}),))
    model = ScriptedModel([asked, "It is 4."])
    with v1("", "models: []\npassthrough: true\n", llm=model) as app:
        messages: list[Any] = [user("2 + 2?")]
        call: Any = app.generate(messages=messages)
        assert call["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 2}}
        messages += [call, {"role": "tool", "tool_call_id": "c1", "name": "add", "content": "4"}]
        assert app.generate(messages=messages) == {"role": "assistant", "content": "It is 4."}
    assert [message["role"] for message in model.calls[1].messages] == ["user", "assistant", "tool"]


def test_messages_of_many_kinds_become_events() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    events = events_of(
        [
            {"role": "developer", "content": "be kind"},
            {"role": "context", "content": {"n": 1}},
            user(parts),
            {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]},
        ]
    )
    assert [event["type"] for event in events] == [
        *("SystemMessage", "ContextUpdate", "UtteranceUserActionFinished", "UserMessage"),
        "BotToolCalls",
    ]
    assert events[3]["text"] == parts
    for message, problem in [
        ({"role": "user"}, "message 1: `content` is missing"),
        ({"role": "context", "content": "x"}, "message 1: the content of a context message"),
        ({"role": "event", "event": {"type": 5}}, "message 1: `event` is a dictionary"),
        ({"role": "boss"}, "message 1: a role 'boss'"),
    ]:
        with pytest.raises(ValueError, match=problem):
            events_of([cast("dict[str, Any]", message)])


# ---------------------------------------------------------------- explain, errors, check, streams


def test_explain_tells_of_the_last_answer_of_this_task() -> None:
    with v1(llm=ScriptedModel(["  order pizza", "  order pizza"])) as app:
        assert app.explain().llm_calls_summary() == "No LLM calls were made."
        app.generate("pizza")
        info = app.explain()
        assert [call.task for call in info.llm_calls] == ["generate_user_intent"]
        assert info.colang_history.startswith('user "pizza"\n  order pizza\n')
        assert "1 LLM calls" in info.llm_calls_summary()

        async def work() -> None:
            await app.generate_async("a large pizza")
            assert 'user "a large pizza"' in app.explain().colang_history

        run(work)


def test_a_failing_model_raises_and_is_no_message() -> None:
    with v1(llm=ScriptedModel([])) as app:
        with pytest.raises(LLMCallException, match="generate_user_intent"):
            app.generate("pizza")
        assert app.explain().llm_calls[0].error is not None
        with pytest.raises(LLMCallException):
            app.generate_events(
                [{"type": "UtteranceUserActionFinished", "final_transcript": "pizza"}]
            )


def test_flows_without_end_raise() -> None:
    text = 'define user go\n  "go"\ndefine bot a\n  "A"\ndefine flow f\n  user go\n  label top\n  bot a\n  goto top\n'
    with v1(text, llm=ScriptedModel(["  go"])) as app, pytest.raises(TooManyEventsError):
        app.generate("go")


RAILS = """
define bot refuse
  "No."

define subflow guard
  if "bad" in $user_message
    bot refuse
    stop

define subflow mask
  $bot_message = execute masked(text=$bot_message)
"""
RAILS_YAML = "models: []\nrails:\n  input:\n    flows: [guard]\n  output:\n    flows: [mask]\n"


def masked(text: str) -> str:
    return text.replace("Kim", "***")


def test_check_by_type() -> None:
    with v1(RAILS, RAILS_YAML) as app:
        app.register_action(masked)
        both = [user("hi"), {"role": "assistant", "content": "Kim is here"}]
        assert app.check(both).model_dump() == {
            "status": "modified",
            "content": "*** is here",
            "rail": None,
        }
        assert app.check(both, ["input"]).status == "passed"
        assert app.check([user("bad")]).rail == "guard"
        assert app.check([user("bad"), both[1]], ["output"]).status == "modified"
        assert app.check([]).status == "passed"
        with pytest.raises(ValueError, match="not `retrieval`"):
            app.check(both, ["retrieval"])
    with v1() as app, pytest.raises(RailTypeNotConfiguredError, match="no output rails"):
        app.check(both, ["output"])


def test_a_stream_in_2x_and_of_texts_no_model_made() -> None:
    async def chunks(app: LLMRails, text: str) -> list[Any]:
        return [chunk async for chunk in app.stream_async(text)]

    with v2() as app:
        assert asyncio.run(chunks(app, "a")) == ["1"]
    with v1(RAILS, "models: []\nrails:\n  input:\n    flows: [guard]\n") as app:
        assert asyncio.run(chunks(app, "bad")) == ["No."]
        (error,) = asyncio.run(chunks(app, "good"))
        found = error_of(error)
        assert found is not None
        assert "needs a language model" in found["message"]


def test_a_reader_that_leaves_stops_the_generation() -> None:
    class Slow:
        stopped = False

        async def generate(self, request: Any) -> ModelResponse:
            request.on_token("one ")
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.stopped = True
                raise
            return ModelResponse(text="one two")

    model = Slow()
    app = v1("", llm=model)

    async def work() -> None:
        stream: Any = app.stream_async("hi")
        async for chunk in stream:
            assert chunk == "one "
            break
        await stream.aclose()
        assert model.stopped

    run(work, seconds=10)


def test_the_old_name_of_include_metadata() -> None:
    with v1("", llm=ScriptedModel(["hi"])) as app:
        with pytest.warns(DeprecationWarning, match="include_metadata"):
            stream = app.stream_async("hi", include_generation_metadata=True)

        async def last() -> Any:
            return [chunk async for chunk in stream][-1]

        assert asyncio.run(last())["text"] == ""


@pytest.mark.parametrize("make", [v1, v2])
def test_a_handler_of_the_caller_gets_the_pieces_and_the_end(make: Any) -> None:
    app = make("", llm=ScriptedModel(["one two"])) if make is v1 else make()

    async def work() -> None:
        handler = StreamingHandler()
        task = asyncio.ensure_future(app.generate_async("hi", streaming_handler=handler))
        pieces = [piece async for piece in handler]
        assert "".join(pieces) == await task
        assert pieces == (["one ", "two"] if make is v1 else ["1"])

    run(work, seconds=10)


def test_a_handler_of_the_caller_gets_nothing_that_output_rails_have_not_seen() -> None:
    rail = """
define subflow look
  if "SECRET" in $bot_message
    bot "No."
    stop
"""
    settings = """
models: []
rails:
  output: {flows: [look], streaming: {enabled: true, chunk_size: 2, context_size: 1}}
"""

    async def pieces(answer: str) -> tuple[list[str], Any]:
        app = v1(rail, settings, llm=ScriptedModel([answer]))
        handler = StreamingHandler()
        task = asyncio.ensure_future(app.generate_async("hi", streaming_handler=handler))
        return [piece async for piece in handler], await task

    assert asyncio.run(pieces("one two")) == (["one two"], "one two")
    assert asyncio.run(pieces("the SECRET is")) == (["No."], "No.")


def test_a_handler_of_the_caller_gets_to_know_of_failures() -> None:
    app = v1("", llm=ScriptedModel([]))

    async def work() -> None:
        handler = StreamingHandler()
        with pytest.raises(LLMCallException):
            await app.generate_async("hi", streaming_handler=handler)
        (error,) = [piece async for piece in handler]
        assert error_of(error) is not None

    run(work, seconds=10)


# ---------------------------------------------------------------- without a model


def test_a_bot_without_a_model_talks_as_far_as_it_can() -> None:
    with v1() as app:
        assert app.generate("a pizza, please!") == "Which size?"
        # No flow decides, and there is no model to ask: nothing is said.
        assert app.generate("what is the weather like on mars") == ""


def test_the_knowledge_base_finds_its_chunks() -> None:
    text = (
        'define user ask\n  "when do you open"\ndefine bot tell\n  "{{ relevant_chunks }}"\n'
        "define flow f\n  user ask\n  bot tell\n"
    )
    yaml = (
        "models: []\ndocs:\n  - format: md\n    content: |\n"
        "      # Shop\n      We sell tea.\n\n      ## Hours\n      We open at nine.\n"
    )
    with v1(text, yaml) as app:
        said = app.generate("when do you open")
    assert isinstance(said, str)
    assert said.split("\n")[0] == "We open at nine."


@pytest.mark.parametrize("rail", [False, True], ids=["alone", "with a retrieval rail"])
def test_a_direct_answer_gets_chunks_that_the_rails_have_seen(rail: bool) -> None:
    yaml = "models: []\ndocs:\n  - format: md\n    content: We open at nine. Code 1234.\n"
    text = ""
    if rail:
        yaml += "rails:\n  retrieval:\n    flows: [no codes]\n"
        text = "define subflow no codes\n  $relevant_chunks = execute hide_codes(text=$relevant_chunks)\n"
    model = ScriptedModel(["At nine."])
    with v1(text, yaml, llm=model) as app:
        app.register_action(hide_codes)
        assert app.generate("when do you open") == "At nine."
    assert "We open at nine." in model.calls[0].text
    assert ("1234" in model.calls[0].text) is not rail


def hide_codes(text: str) -> str:
    return text.replace("1234", "****")


def test_positional_arguments_are_bound_in_order() -> None:
    text = (
        'define user go\n  "go"\ndefine bot tell\n  "{{ r }}"\n'
        'define flow f\n  user go\n  $r = execute order("tea", 2, sugar=True)\n  bot tell\n'
    )

    def order(item: str, sugar: bool, count: int, context: Any) -> str:
        return f"{count} {item} {sugar} {context['user_message']}"

    with v1(text) as app:
        assert app.register_action(order).generate("go") == "2 tea True go"


# ---------------------------------------------------------------- registration


def test_what_can_be_registered() -> None:
    prompt = "models: []\npassthrough: false\nprompts:\n  - task: general\n    content: '{{ shop | loud }}'\n    output_parser: short\n"
    model = ScriptedModel(["a long answer"])
    with v1("", prompt) as app:
        app.register_filter(str.upper, "loud").register_prompt_context("shop", lambda: "tea")
        app.register_output_parser(lambda text: text[:6], "short").update_llm(model)
        assert app.generate("hi") == "a long"
    assert model.calls[0].text == "TEA"


def test_an_index_of_the_users_own() -> None:
    class Last:
        def __init__(self, size: int) -> None:
            self.items: list[Any] = []
            self.size = size

        def add_items(self, items: list[Any]) -> None:
            self.items += items[: self.size]

        async def build(self) -> None:
            pass

        async def search(self, text: str, max_results: int, threshold: float | None) -> list[Any]:
            return self.items

    yaml = (
        "models: []\ncore:\n  embedding_search_provider:\n    name: last\n    parameters: {size: 1}\n"
        "rails:\n  dialog:\n    user_messages:\n      embeddings_only: true\n"
    )
    with v1(V1, yaml) as app:
        app.register_embedding_search_provider("other", object)
        app.register_embedding_search_provider("last", Last)
        log = response(
            app.generate("anything", options={"log": {"internal_events": True}}, state={})
        )
        assert log.log is not None
        intents = [e["intent"] for e in log.log.internal_events or () if e["type"] == "UserIntent"]
        assert intents == ["order pizza"]


def test_a_function_instead_of_the_model() -> None:
    async def answer(context: Any, events: Any) -> Any:
        return f"you said {context['user_message']}", {"source": "here"}

    with v1("", "models: []\npassthrough: true\n") as app:
        app.passthrough_fn = answer
        result = response(app.generate("hi", options={"output_vars": ["passthrough_output"]}))
    assert result.response == "you said hi"
    assert result.output_data == {"passthrough_output": {"source": "here"}}
