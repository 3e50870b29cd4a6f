"""The actions of both dialects that ask a model, without a host: what they ask, and what they make of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

import colang
from colang.config import RailsConfig
from colang_interpreter import Bot, compile
from colang_interpreter.host.actions import ActionResult
from colang_interpreter.llm import completions_v2 as read
from colang_interpreter.llm import tasks_v1
from colang_interpreter.llm.errors import LLMCallException, PromptError
from colang_interpreter.llm.hosting import LLMActions
from colang_interpreter.llm.indexes import Indexes
from colang_interpreter.llm.manager import TaskManager
from colang_interpreter.llm.model import ModelResponse, ToolCall
from colang_interpreter.llm.sandbox import TemplateFlaw
from colang_interpreter.llm.scripted import ScriptedModel, TaskModel
from colang_interpreter.llm.tasks_v1 import Dialog
from colang_interpreter.llm.tasks_v2 import Generation

_T = TypeVar("_T")

SHOP = """\
define user ask price
  "how much does it cost"
  "what is the price"

define user ask hours
  "when do you open"

define bot tell price
  "It costs $price."
  "That is $price."

define bot tell hours
  "At nine."

define flow price
  user ask price
  bot tell price

define flow hours
  user ask hours
  bot tell hours
  bot wish nice day

define flow name
  user tell name
  # The first name of the user.
  $name = ...

define flow size
  user tell size
  $size = "large"
  bot confirm size

define subflow check words
  bot refuse
"""
SAID = [{"type": "UserMessage", "text": "what is the price please"}]


def dialog(
    completions: list[Any] | None = None, colang_content: str = SHOP, **settings: Any
) -> tuple[Dialog, ScriptedModel]:
    settings = {"rails": {"input": {"flows": ["check words"]}}, **settings}
    config = RailsConfig.from_content(colang_content, config=settings)
    model = ScriptedModel(completions or [])
    program: Any = compile(config)
    return Dialog(program, TaskManager(config), model), model


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def events_of(result: ActionResult) -> list[dict[str, Any]]:
    return list(result.events or ())


# ---------------------------------------------------------------- 1.0: intents


def test_the_intent_prompt_has_the_best_example_last() -> None:
    given, model = dialog(["  ask price"])
    result = run(tasks_v1.generate_user_intent(given, SAID, {}))
    assert events_of(result) == [{"type": "UserIntent", "intent": "ask price"}]
    (request,) = model.calls
    prompt = request.text
    assert request.task == "generate_user_intent" and request.parameters == {"temperature": 0.001}
    assert prompt.rindex('user "what is the price"\n  ask price') > prompt.rindex(
        "when do you open"
    )


def test_a_model_of_its_own_for_a_task() -> None:
    given, model = dialog([])
    given.models = {"generate_user_intent": ScriptedModel(["  ask hours"])}
    result = run(tasks_v1.generate_user_intent(given, SAID, {}))
    assert events_of(result)[0]["intent"] == "ask hours" and model.calls == []


def test_embeddings_only_asks_no_model() -> None:
    settings = {"dialog": {"user_messages": {"embeddings_only": True}}}
    given, _ = dialog([], rails=settings)
    assert (
        events_of(run(tasks_v1.generate_user_intent(given, SAID, {})))[0]["intent"] == "ask price"
    )


def test_embeddings_only_below_the_threshold() -> None:
    messages: dict[str, Any] = {
        "embeddings_only": True,
        "embeddings_only_similarity_threshold": 0.9,
    }
    given, model = dialog(["  other"], rails={"dialog": {"user_messages": messages}})
    assert events_of(run(tasks_v1.generate_user_intent(given, SAID, {})))[0]["intent"] == "other"
    assert len(model.calls) == 1
    messages["embeddings_only_fallback_intent"] = "ask hours"
    given, model = dialog([], rails={"dialog": {"user_messages": messages}})
    assert (
        events_of(run(tasks_v1.generate_user_intent(given, SAID, {})))[0]["intent"] == "ask hours"
    )


BARE = "define flow unused\n  user ask price\n  bot tell price\n"


def test_a_direct_answer() -> None:
    tokens: list[str] = []
    given, model = dialog(['"Hello there."'], BARE, rails={})
    context = {
        "relevant_chunks": "We open at nine.",
        "generation_options": {"llm_params": {"seed": 7}},
    }
    result = run(tasks_v1.generate_user_intent(given, SAID, context, on_token=tokens.append))
    assert events_of(result) == [{"type": "BotMessage", "text": "Hello there."}]
    assert result.context_updates == {}
    (request,) = model.calls
    assert request.stop == ("User:",) and request.parameters == {"seed": 7}
    assert "We open at nine." in request.text and request.text.endswith("Assistant:")
    assert "User: what is the price please" in request.text
    assert "".join(tokens) == '"Hello there."'


def test_reasoning_is_an_event_of_its_own() -> None:
    given, _ = dialog(["<think>hm</think>Hello."], BARE, rails={})
    result = run(tasks_v1.generate_user_intent(given, SAID, {}))
    assert [event["type"] for event in events_of(result)] == ["BotThinking", "BotMessage"]
    assert result.context_updates == {"bot_thinking": "hm"}


def test_rails_that_look_at_the_stream_need_not_look_again() -> None:
    rails = {"output": {"flows": ["check words"], "streaming": {"enabled": True}}}
    text = BARE + "\ndefine subflow check words\n  pass\n"
    given, _ = dialog(["Hello.", "Hello."], text, rails=rails)
    streamed = run(tasks_v1.generate_user_intent(given, SAID, {}, on_token=lambda _: None))
    assert streamed.context_updates == {"skip_output_rails": True}
    assert run(tasks_v1.generate_user_intent(given, SAID, {})).context_updates == {}


# ---------------------------------------------------------------- 1.0: passthrough


REQUEST: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "I am Kim"},
    {"role": "assistant", "content": "Hi Kim"},
    {"role": "context", "content": {"x": 1}},
    {"role": "user", "content": "my card is 4711"},
]


def test_passthrough_sends_the_request_with_the_message_the_rails_left() -> None:
    given, model = dialog(["raw answer"], BARE, rails={}, passthrough=True)
    events = [{"type": "UserMessage", "text": "my card is ***"}]
    result = run(tasks_v1.generate_user_intent(given, events, {}, request=REQUEST))
    assert events_of(result) == [{"type": "BotMessage", "text": "raw answer"}]
    sent = [(message["role"], message["content"]) for message in model.calls[0].messages]
    assert sent == [
        ("system", "Be kind."),
        ("user", "I am Kim"),
        ("assistant", "Hi Kim"),
        ("user", "my card is ***"),
    ]


def test_tool_calls_of_the_model() -> None:
    response = ModelResponse(
        text="", tool_calls=(ToolCall(id="t", name="add", arguments={"a": 1}),)
    )
    given, _ = dialog([response], BARE, rails={}, passthrough=True)
    (event,) = events_of(run(tasks_v1.generate_user_intent(given, SAID, {})))
    assert event["type"] == "BotToolCalls"
    assert event["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 1}}


def test_a_passthrough_function() -> None:
    async def answer(context: Mapping[str, Any], events: list[Any]) -> tuple[str, Any]:
        return f"{context['x']} {len(events)}", "extra"

    given, _ = dialog([], BARE, rails={}, passthrough=True)
    given.passthrough = answer
    result = run(tasks_v1.generate_user_intent(given, SAID, {"x": "X"}))
    assert events_of(result) == [{"type": "BotMessage", "text": "X 1"}]
    assert result.context_updates == {"passthrough_output": "extra"}


# ---------------------------------------------------------------- 1.0: next steps


def intent(name: str, **more: Any) -> list[dict[str, Any]]:
    return [*SAID, {"type": "UserIntent", "intent": name, **more}]


def test_the_next_step_prompt_has_similar_flows_and_no_rails() -> None:
    given, model = dialog(["bot tell hours"])
    result = run(tasks_v1.generate_next_steps(given, intent("ask hours"), {}))
    assert events_of(result) == [{"type": "BotIntent", "intent": "tell hours"}]
    prompt = model.calls[0].text
    assert "user ask hours\nbot tell hours\nbot wish nice day" in prompt
    assert "bot refuse" not in prompt and "generate user intent" not in prompt


@pytest.mark.parametrize(
    ("completion", "body"),
    [
        ("bot tell price\nbot offer help\n", "bot tell price\nbot offer help\n"),
        ("\n  bot tell price\n  bot offer help", "bot tell price\nbot offer help\n"),
        ("bot tell price\nif $x ==\n", "bot tell price\n"),
        ("bot tell price\nexecute delete_everything\nbot done", "bot tell price\n"),
        ("bot tell price\n$x = execute delete_everything", "bot tell price\n"),
        ("bot tell price\ndo check words", "bot tell price\n"),
        ("bot tell price\ndefine flow other\n  bot x\n", "bot tell price\n"),
        ("execute delete_everything", None),
        ("Sure! Here you go:", None),
        ("", None),
    ],
)
def test_a_predicted_flow_is_cut_until_it_is_sound(completion: str, body: str | None) -> None:
    given, _ = dialog([completion], enable_multi_step_generation=True)
    (event,) = events_of(run(tasks_v1.generate_next_steps(given, intent("ask price"), {})))
    if body is None:
        assert event == {"type": "BotIntent", "intent": "general response"}
    else:
        assert (event["type"], event["flow_body"]) == ("start_flow", body) and event["flow_id"]


# ---------------------------------------------------------------- 1.0: messages


def decided(name: str, **more: Any) -> list[dict[str, Any]]:
    return [*intent("ask price"), {"type": "BotIntent", "intent": name, **more}]


def test_one_of_the_texts_is_chosen_and_filled_in() -> None:
    given, _ = dialog([])
    tokens: list[str] = []
    result = run(
        tasks_v1.generate_bot_message(
            given,
            decided("tell price"),
            {"price": "ten"},
            choose=lambda t: t[-1],
            on_token=tokens.append,
        )
    )
    assert events_of(result) == [{"type": "BotMessage", "text": "That is ten."}]
    assert result.context_updates == {"skip_output_rails": True} and tokens == ["That is ten."]


def test_a_text_in_the_event_itself() -> None:
    given, _ = dialog([])
    result = run(
        tasks_v1.generate_bot_message(given, decided("x", script="Hi $name"), {"name": "Kim"})
    )
    assert events_of(result)[0]["text"] == "Hi Kim"


def test_a_variable_is_said() -> None:
    given, _ = dialog([])
    result = run(tasks_v1.generate_bot_message(given, decided("$answer"), {"answer": 42}))
    assert events_of(result) == [{"type": "BotMessage", "text": "42"}]
    assert result.context_updates == {}


def test_a_message_the_model_words() -> None:
    given, model = dialog(['  "It depends."\nuser "more"'])
    tokens: list[str] = []
    events = decided("explain price", instructions="Be brief.")
    result = run(tasks_v1.generate_bot_message(given, events, {}, on_token=tokens.append))
    assert events_of(result) == [{"type": "BotMessage", "text": "It depends."}]
    prompt = model.calls[0].text
    assert result.context_updates == {"_last_bot_prompt": prompt}
    assert prompt.rstrip().endswith("# Be brief.\nbot explain price")
    assert 'bot tell price\n  "It costs $price."' in prompt
    assert tokens == ["It ", "depends."]


def test_a_broken_template_fails() -> None:
    text = 'define bot x\n  "{{ missing.attribute }}"\n'
    given, _ = dialog([], text, rails={})
    with pytest.raises(TemplateFlaw):
        run(tasks_v1.generate_bot_message(given, decided("x"), {}))


# ---------------------------------------------------------------- 1.0: single call


SINGLE = {"dialog": {"single_call": {"enabled": True}}}


def test_single_call() -> None:
    given, model = dialog(['  ask weather\nbot tell weather\n  "Sunny today."'], rails=SINGLE)
    first = events_of(run(tasks_v1.generate_user_intent(given, SAID, {})))
    assert first[0]["intent"] == "ask weather"
    prompt = model.calls[0].text
    assert (
        'user "when do you open"\n  ask hours\nbot tell hours\nbot wish nice day\n  # The text'
        in prompt
    )
    assert 'user "what is the price"\n  ask price\nbot tell price\n  "It costs $price."' in prompt
    second = events_of(run(tasks_v1.generate_next_steps(given, [*SAID, *first], {})))
    assert second == [{"type": "BotIntent", "intent": "tell weather"}]
    tokens: list[str] = []
    history = [*SAID, *first, *second]
    third = run(tasks_v1.generate_bot_message(given, history, {}, on_token=tokens.append))
    assert events_of(third) == [{"type": "BotMessage", "text": "Sunny today."}]
    assert tokens == ["Sunny ", "today."] and len(model.calls) == 1


# ---------------------------------------------------------------- 1.0: values


def test_a_value() -> None:
    given, model = dialog(['"Bob"\nbot hello'])
    start = {"type": "StartInternalSystemAction", "action_result_key": "size"}
    result = run(tasks_v1.generate_value(given, [*SAID, start], {}, instructions="The size."))
    assert result.return_value == "Bob"
    prompt = model.calls[0].text
    assert prompt.endswith("# The size.\n$size =")
    assert '$size = "large"' in prompt and "$name = ..." not in prompt


def test_the_actions_for_a_host() -> None:
    given, _ = dialog([])
    made = tasks_v1.actions(given)
    assert list(made) == [
        *("generate_user_intent", "generate_next_steps", "generate_bot_message", "generate_value")
    ]
    assert all(each.action_meta["is_system_action"] for each in made.values())  # type: ignore[attr-defined]


def test_no_model_and_no_answer() -> None:
    given, _ = dialog([])
    given.model = None
    with pytest.raises(LLMCallException, match="needs a language model"):
        run(tasks_v1.generate_user_intent(given, SAID, {}))


# ---------------------------------------------------------------- 2.x

BOT = '''\
import core
import llm

flow main
  """Greet {{ who }} politely. {{ tool_names }}: {{ tools }}"""
  $who = "Kim"
  activate user asked hours
  user asked price
  match Quit()

@meta(user_intent=True)
flow user asked price
  """The user wants to know what something costs."""
  user said "how much" or user said "what is the price"

flow user asked hours
  # a comment
  user said "when do you open"

flow user told a story
  user said "once"
  user said "upon a time"

@meta(llm_exclude=True)
flow user hidden
  user said "secret"

@meta(tool=True)
flow look up $item
  """Looks something up."""
  match Found(item=$item)

flow no docstring
  match Quit()
'''


@pytest.fixture(scope="module")
def shop() -> Any:
    return compile(
        colang.Project.from_texts({"main.co": BOT, "config.yml": 'colang_version: "2.x"\n'})
    )


def generation(shop: Any, completions: list[str]) -> tuple[Generation, Any, ScriptedModel]:
    state, _ = shop.start(seed=1)
    return Generation(shop), state, ScriptedModel(completions)


LOG = [{"type": "UserActionLog", "flow_id": "user said", "parameter": "hi", "intent_flow_id": None}]


def test_v2_intent(shop: Any) -> None:
    made, state, model = generation(shop, ["user asked price\nmore"])
    found = run(made.user_intent(model, state, LOG, 'user said "the price please"', 2))
    assert found == "user asked price"
    prompt = model.calls[0].text
    assert model.calls[0].parameters == {"temperature": 0.001} and model.calls[0].stop == ("\n",)
    assert 'user action: user said "what is the price"\nuser intent: user asked price' in prompt
    assert prompt.endswith('user action: user said "the price please"\nuser intent:')
    assert "secret" not in prompt and "told a story" not in prompt


def test_v2_intents_somebody_waits_for(shop: Any) -> None:
    made, state, model = generation(shop, ["x"])
    run(made.user_intent(model, state, LOG, 'user said "when open"', 1))
    prompt = model.calls[0].text
    described = (
        "user action: <The user wants to know what something costs.>\nuser intent: user asked price"
    )
    assert described in prompt
    assert "user asked hours, user asked price" in prompt


def test_v2_intent_and_bot_action(shop: Any) -> None:
    completion = 'user asked price\nbot intent: bot tell price\nbot action: bot say "Ten\nor so"\n  and bot wave'
    made, state, model = generation(shop, [completion, "user asked price"])
    answer = run(made.user_intent_and_bot_action(model, state, LOG, 'user said "x"'))
    assert answer == {
        "user_intent": "user asked price",
        "bot_intent": "bot tell price",
        "bot_action": 'bot say "Ten\\nor so"\n  and bot wave',
    }
    with pytest.raises(read.UnusableCompletion, match="bot action"):
        run(made.user_intent_and_bot_action(model, state, LOG, 'user said "x"'))


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        ("42", 42),
        ("'a';\nmore", "a"),
        ("$n = [1]", [1]),
        ("{'a': None}", {"a": None}),
        ("-1.5", -1.5),
    ],
)
def test_v2_value(shop: Any, completion: str, value: Any) -> None:
    made, state, model = generation(shop, [completion])
    assert run(made.value(model, state, LOG, "How many?", "n")) == value
    assert model.calls[0].parameters == {"temperature": 0.1}


@pytest.mark.parametrize(
    "completion", ["", "hello", "f()", "[" * 500, "__import__('os')", "9" * 100_001]
)
def test_v2_values_that_are_none(shop: Any, completion: str) -> None:
    made, state, model = generation(shop, [completion])
    with pytest.raises(read.UnusableCompletion, match="no Python literal"):
        run(made.value(model, state, LOG, "How many?", "n"))


def test_v2_flow_from_instructions(shop: Any) -> None:
    made, state, model = generation(shop, ['  bot say "Hi"\n  bot wave\nThat was it.', "Sure!"])
    flow = run(made.flow_from_instructions(model, state, LOG, "say hi"))
    assert flow["name"].startswith("dynamic_") and len(flow["name"]) == 12
    assert flow["body"] == f'flow {flow["name"]}\n  bot say "Hi"\n  bot wave\n'
    failed = run(made.flow_from_instructions(model, state, LOG, "say hi"))
    assert failed["name"] == "bot inform LLM issue" and "bot say" in failed["body"]


@pytest.mark.parametrize(
    ("completion", "body"),
    [
        ('  bot say "Hi"', 'flow bot greet\n  bot say "Hi"\n'),
        ('bot say "Hi"\nbot wave', 'flow bot greet\n  bot say "Hi"\n  bot wave\n'),
        ('```\nflow bot greet\n  bot say "Hi"\n```', 'flow bot greet\n  bot say "Hi"\n'),
        ("", read.apology("bot greet")),
    ],
)
def test_v2_flow_from_name(shop: Any, completion: str, body: str) -> None:
    made, state, model = generation(shop, [completion])
    assert run(made.flow_from_name(model, state, LOG, "bot greet")) == body


@pytest.mark.parametrize("head", ["bot tell joke", "bot intent: bot tell joke"])
def test_v2_continuation(shop: Any, head: str) -> None:
    made, state, model = generation(shop, [f'{head}\nbot action: bot say "Knock"'])
    flow = run(made.flow_continuation(model, state, LOG, 0.4))
    prefix, _, rest = flow["name"].partition(" ")
    assert prefix.startswith("_dynamic_") and len(prefix) == 17 and rest == "bot tell joke"
    assert flow["parameters"] == []
    assert (
        flow["body"]
        == f'@meta(bot_intent="bot tell joke")\nflow {flow["name"]}\n  bot say "Knock"\n'
    )
    assert model.calls[0].parameters == {"temperature": 0.4}
    assert state.add_flows(flow["body"]) == [flow["name"]]


def test_v2_continuation_without_an_answer(shop: Any) -> None:
    made, state, model = generation(shop, [" \n"])
    assert run(made.flow_continuation(model, state, LOG))["name"] == "bot inform LLM issue"


def test_v2_names_are_new_and_the_same_in_a_repetition(shop: Any) -> None:
    made, state, _ = generation(shop, [])

    def create() -> str:
        return str(made.create_flow(state, LOG, "bot a", "bot say 'x'")["name"])

    first = create()
    assert create() == first
    state.add_flows(f"flow {first}\n  match Quit()\n")
    assert create() != first


def test_v2_flow_from_a_docstring(shop: Any) -> None:
    made, state, model = generation(
        shop, ['```\nbot say "Hi"\nawait look up "x" -> $y\nbot say $y', ""]
    )
    flow = run(made.flow_from_description(model, state, LOG, "main"))
    lines = flow["body"].split("\n")[1:]
    assert lines == ['  bot say "Hi"', '  $y = await look up "x"', "  ...", ""]
    prompt = model.calls[0].text
    assert "Greet Kim politely. look up: flow look up $item" in prompt.replace("\n# ", "\n")
    failed = run(made.flow_from_description(model, state, LOG, "main"))
    assert failed["name"] == "bot inform LLM issue"


def test_v2_a_flow_without_docstring(shop: Any) -> None:
    made, state, model = generation(shop, ["x"])
    with pytest.raises(read.UnusableCompletion, match="give the flow `no docstring` a docstring"):
        run(made.flow_from_description(model, state, LOG, "no docstring"))


@pytest.mark.parametrize(
    ("completion", "lines"),
    [
        ("bot say 'a'\n...\nbot say 'b'", ["  bot say 'a'", "  user said something", "  ..."]),
        ("bot wave\n...\nbot say 'b'", ["  bot wave", "  ..."]),
        ("bot say 'a'\nbot say 'b'", ["  bot say 'a'", "  bot say 'b'"]),
        ("user said 'x'\nbot say 'b'", ["  user said something", "  ..."]),
        ("", []),
    ],
)
def test_v2_where_a_continuation_ends(completion: str, lines: list[str]) -> None:
    assert read.continuation(completion) == lines


def test_v2_a_docstring_that_is_no_template() -> None:
    text = 'flow main\n  """{{ oops"""\n  match Quit()\n'
    program = compile(colang.Project.from_texts({"main.co": text}, version="2.x"))
    made, state, model = generation(program, ["x"])
    with pytest.raises(PromptError):
        run(made.flow_from_description(model, state, LOG, "main"))


def test_v2_passthrough(shop: Any) -> None:
    made, state, model = generation(shop, ["Plain answer"])
    state.globals["generation_options"] = {"llm_params": {"seed": 7}}
    assert run(made.passthrough(model, state, LOG, "question")) == "Plain answer"
    assert (model.calls[0].prompt, model.calls[0].parameters) == ("question", {"seed": 7})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("user asked price", "user asked price"),
        ("user ran 2 times", "user ran _2_ times"),
        ("user has 3d glasses", "user has d glasses"),
        ("user said yes as an answer", "user said yes_as_an answer"),
        ("user asked about the café!", "user asked about the café"),
        ('user "quoted"', "user quoted"),
    ],
)
def test_v2_names(text: str, name: str) -> None:
    assert read.clean_name(text) == name


# ---------------------------------------------------------------- 2.x in a bot


def test_v2_a_bot_asks_the_model_it_was_given() -> None:
    text = 'import core\nimport llm\nflow main\n  $n = ..."How many?"\n  send R(n=$n)\n  match Quit()\n'
    project = colang.Project.from_texts({"main.co": text}, version="2.x")

    async def outputs(llm: Any) -> list[Any]:
        conversation = Bot(compile(project), llm).conversation(seed=1)
        turn = await conversation.process([], blocking=True)
        await conversation.close()
        notes = [note.text for note in turn.trace.notes]
        return notes or [event["n"] for event in turn.output if event["type"] == "R"]

    assert run(outputs(lambda prompt: "42")) == [42]
    (note,) = run(outputs(lambda prompt: "many"))
    assert "action `GenerateValueAction` failed" in note and "no Python literal: 'many'" in note
    (note,) = run(outputs(None))
    assert "needs a language model, and none is configured" in note


def test_v2_which_model_does_a_task() -> None:
    models = [
        {"type": "main", "engine": "ollama", "model": "a"},
        {"type": "generate_value_from_instruction", "engine": "ollama", "model": "b"},
        {"type": "GenerateFlowAction", "engine": "ollama", "model": "c"},
    ]
    config = RailsConfig.from_content(config={"models": models, "colang_version": "2.x"})
    shared = LLMActions(SimpleNamespace(config=config), Indexes(config))
    mine = ScriptedModel([])

    def name(given: Any, *names: str) -> str:
        model: Any = shared.model(given, *names)
        return "mine" if model is mine else str(model.model_name)

    assert name(None, "general", "PassthroughLLMAction") == "a"
    assert name(mine, "general", "PassthroughLLMAction") == "mine"
    assert name(mine, "generate_value_from_instruction", "GenerateValueAction") == "b"
    assert name(None, "generate_flow_continuation_from_flow_nld", "GenerateFlowAction") == "c"


def test_scenarios_answer_by_task() -> None:
    from colang.scenario.model import Answers
    from colang_interpreter.scenarios.model import ScriptedModel as ScenarioModel

    script = ScenarioModel(["user asked price"])
    script.begin(Answers(intent="asked price", messages={"explain price": "Ten."}))
    given, _ = dialog([])
    given.model = TaskModel(script.answer)
    assert (
        events_of(run(tasks_v1.generate_user_intent(given, SAID, {})))[0]["intent"] == "asked price"
    )
    result = run(tasks_v1.generate_bot_message(given, decided("explain price"), {}))
    assert events_of(result) == [{"type": "BotMessage", "text": "Ten."}]
    assert script.unscripted == []
