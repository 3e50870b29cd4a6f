"""Prompts: which one a task gets, what it renders to, what history fits, and that templates cannot run away."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colang.config import RailsConfig
from colang_interpreter.llm import filters
from colang_interpreter.llm.errors import PromptError
from colang_interpreter.llm.history import HIDDEN, history_v1, history_v2
from colang_interpreter.llm.manager import TaskManager
from colang_interpreter.llm.parsers import PARSERS
from colang_interpreter.llm.sandbox import Sandbox, TemplateFlaw
from colang_interpreter.llm.selection import Prompt, PromptLibrary, built_in, score
from colang_interpreter.llm.templates import render

CASES = Path(__file__).parent / "cases" / "llm"
HISTORY = yaml.safe_load((CASES / "history.yaml").read_text(encoding="utf-8"))
HOSTILE = yaml.safe_load((CASES / "templates.yaml").read_text(encoding="utf-8"))["hostile"]

CHECKS = ("self_check_input", "self_check_output", "self_check_facts")
TASKS = {
    "1.0": {
        *("general", "generate_user_intent", "generate_next_steps", "generate_bot_message"),
        *("generate_value", "generate_intent_steps_message", *CHECKS),
    },
    "2.x": {
        *("general", "generate_user_intent_from_user_action", "generate_flow_continuation"),
        *("generate_user_intent_and_bot_action_from_user_action", "generate_flow_from_name"),
        *("generate_value_from_instruction", "generate_flow_from_instructions"),
        *("generate_flow_continuation_from_flow_nld", *CHECKS),
    },
}
VALUES: dict[str, Any] = {
    "examples": 'user "how much"\n  ask price\n\n',
    "potential_user_intents": "ask price",
    "relevant_chunks": "Ten.",
    "instructions": "The price.",
    "var_name": "price",
    "evidence": "Ten.",
    "response": "Ten.",
    "user_action": 'user said "how much"',
    "flow_name": "bot greet",
    "flow_nld": "Greet.",
    "user_message": "how much",
    "user_input": "how much",
    "bot_response": "Ten.",
}
EVENTS = {
    "1.0": [
        {"type": "UserMessage", "text": "hi"},
        {"type": "UserIntent", "intent": "greet"},
        {"type": "BotIntent", "intent": "greet back"},
        {"type": "StartUtteranceBotAction", "script": "Hello!"},
        {"type": "UserMessage", "text": "how much?"},
    ],
    "2.x": [{"type": "UserActionLog", "flow_id": "user said", "parameter": "how much?"}],
}


@pytest.mark.parametrize("case", HISTORY["v1"], ids=lambda case: case["title"])
def test_history_v1(case: dict[str, Any]) -> None:
    assert history_v1(case["events"]).replace(HIDDEN, "<<<*>>>") == case["text"]


@pytest.mark.parametrize("case", HISTORY["v2"], ids=lambda case: case["title"])
def test_history_v2(case: dict[str, Any]) -> None:
    assert history_v2(case["events"]) == case["text"]


# ---------------------------------------------------------------- the built-in prompts


def config(version: str = "1.0", **more: Any) -> RailsConfig:
    return RailsConfig.from_content(config={"colang_version": version, **more})


@pytest.mark.parametrize("engine", ["unknown", "openai"])
@pytest.mark.parametrize("version", ["1.0", "2.x"])
def test_every_task_has_a_prompt_that_renders(version: str, engine: str) -> None:
    models = [] if engine == "unknown" else [{"type": "main", "engine": engine, "model": "m"}]
    given = config(version)
    given.models = RailsConfig.from_content(config={"models": models}).models
    manager = TaskManager(given)
    assert set(manager.library.tasks()) == TASKS[version]
    for task in TASKS[version]:
        rendered = manager.render(task, VALUES, EVENTS[version])
        assert rendered.output_parser is None or rendered.output_parser in PARSERS
        prompt = rendered.prompt
        text = prompt if isinstance(prompt, str) else "\n".join(str(m) for m in prompt)
        assert text.strip() and "{{" not in text
        shown = {"self_check_facts": "Evidence: Ten.", "generate_next_steps": "greet"}
        if engine == "unknown" or not task.endswith(("from_name", "from_instructions")):
            assert shown.get(task, "how much") in text, task


@pytest.mark.parametrize("version", ["1.0", "2.x"])
def test_the_names_of_parsers_in_our_prompts_exist(version: str) -> None:
    for prompt in built_in(version)[0]:
        assert prompt.output_parser is None or prompt.output_parser in PARSERS


def test_a_text_prompt_ends_where_the_answer_begins() -> None:
    manager = TaskManager(config())

    def end(task: str, events: list[dict[str, Any]]) -> str:
        prompt = manager.render_task_prompt(task, VALUES, events)
        assert isinstance(prompt, str)
        return prompt.rstrip("\n").rsplit("\n", 1)[-1]

    said = EVENTS["1.0"]
    assert end("generate_user_intent", said) == 'user "how much?"'
    known = [*said, {"type": "UserIntent", "intent": "ask price"}]
    assert end("generate_next_steps", known) == "user ask price"
    assert end("generate_bot_message", [*known, {"type": "BotIntent", "intent": "b"}]) == "bot b"
    assert end("generate_value", known) == "$price ="
    assert end("general", said) == "Assistant:"


def test_chat_models_get_messages() -> None:
    given = config(models=[{"type": "main", "engine": "ollama", "model": "m"}])
    prompt = TaskManager(given).render_task_prompt("generate_user_intent", VALUES, EVENTS["1.0"])
    assert isinstance(prompt, list)
    assert prompt[0]["role"] == "system" and prompt[-1] == {"role": "user", "content": "how much?"}
    assert prompt[-2]["content"].startswith("User intent: greet\nBot intent: greet back")


# ---------------------------------------------------------------- selection (6.3)


@pytest.mark.parametrize(
    ("models", "model", "points"),
    [
        (None, "unknown", 0.2),
        (["openai/gpt-4"], "openai/gpt-4", 1.0),
        (["openai"], "openai/gpt-4", 0.5),
        (["gpt-4"], "openai/gpt-4", 0.8),
        (["gpt"], "openai/gpt-4", 0.4),
        (["meta/llama"], "nim/meta/llama-3", 0.9),
        (["meta/llama-3"], "nim/meta/llama-3", 0.8),
        (["other"], "openai/gpt-4", None),
        (["other", "openai"], "openai/gpt-4", 0.5),
        (["openai"], "unknown", None),
    ],
)
def test_scores(models: list[str] | None, model: str, points: float | None) -> None:
    entries = None if models is None else tuple(models)
    assert score(Prompt(task="t", models=entries), model) == points


def test_the_mode_counts() -> None:
    assert score(Prompt(task="t"), "unknown", "compact") == 0.1
    assert score(Prompt(task="t", mode="compact"), "unknown", "compact") == 0.2
    assert score(Prompt(task="t", mode="compact"), "unknown", "standard") is None


def test_the_configuration_overrides_and_the_last_one_wins() -> None:
    prompts = [
        {"task": "general", "content": "first"},
        {"task": "general", "content": "last", "stop": ["X"], "max_tokens": 7},
    ]
    manager = TaskManager(config(prompts=prompts))
    assert manager.render_task_prompt("general") == "last"
    assert manager.get_stop_tokens("general") == ["X"] and manager.get_max_tokens("general") == 7


def test_the_model_of_a_task_chooses_its_prompt() -> None:
    library = PromptLibrary(
        [Prompt(task="t", content="plain"), Prompt(task="t", content="mine", models=("e/m",))],
        {"main": "x/y", "t": "e/m"},
    )
    assert library.find("t").content == "mine"


def test_no_prompt() -> None:
    with pytest.raises(PromptError, match=r"no prompt for the task `sing` and the model `unknown`"):
        TaskManager(config()).render("sing")


# ---------------------------------------------------------------- rendering (6.4)


def manager_of(prompt: dict[str, Any], **more: Any) -> TaskManager:
    return TaskManager(config(prompts=[{"task": "t", **prompt}], **more))


def test_standard_variables() -> None:
    manager = manager_of(
        {"content": "{{ general_instructions }}|{{ sample_conversation }}|{{ x }}|{{ y }}"},
        instructions=[
            {"type": "other", "content": "no"},
            {"type": "general", "content": "Be kind."},
        ],
        sample_conversation='user "hi"\n',
    )
    manager.register_prompt_context("y", lambda: 7)
    assert manager.render_task_prompt("t", {"x": "X"}) == 'Be kind.|user "hi"|X|7'


def test_filters_and_parsers_of_the_application() -> None:
    manager = manager_of({"content": "{{ 'a' | twice }}", "output_parser": "shout"})
    manager.register_filter(lambda text: text * 2, "twice")
    manager.register_output_parser(str.upper, "shout")
    assert manager.render_task_prompt("t") == "aa"
    assert manager.parse_task_output("t", "b") == "B"


def test_an_output_parser_nobody_registered() -> None:
    with pytest.raises(PromptError, match="no output parser `mystery`"):
        manager_of({"content": "x", "output_parser": "mystery"}).parse_task_output("t", "b")


def test_messages() -> None:
    image = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:x"}},
    ]
    messages = [
        {"type": "system", "content": "Be {{ how }}."},
        {"type": "system", "content": "{% if never %}x{% endif %}"},
        "{{ history | to_chat_messages }}",
        {"type": "user", "content": "{{ picture }}"},
    ]
    manager = manager_of({"messages": messages})
    prompt = manager.render_task_prompt("t", {"how": "kind", "picture": image}, EVENTS["1.0"])
    assert prompt == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "how much?"},
        {"role": "user", "content": image},
    ]


@pytest.mark.parametrize("template", ["{{ 'no list' }}", "{{ [1, 2] }}", "{{ '[' }}"])
def test_messages_that_are_none(template: str) -> None:
    with pytest.raises(PromptError, match="list of messages"):
        manager_of({"messages": [template]}).render("t")


def test_the_oldest_events_are_left_out() -> None:
    events = [{"type": "UserMessage", "text": f"message {n}"} for n in range(400)]
    manager = manager_of({"content": "{{ history | colang }}", "max_length": 100})
    started = time.perf_counter()
    prompt = manager.render_task_prompt("t", {}, events)
    # Each line has 19 characters.
    assert prompt == "".join(f'user "message {n}"\n' for n in range(395, 400))
    assert time.perf_counter() - started < 2


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 400))
@settings(max_examples=60)
def test_as_much_of_the_history_as_fits(lengths: list[int], limit: int) -> None:
    events = [{"type": "UserMessage", "text": "x" * length} for length in lengths]
    manager = TaskManager(
        library=PromptLibrary(
            [Prompt(task="t", content="{{ history | colang }}", max_length=limit)]
        )
    )
    prompt = manager.render_task_prompt("t", {}, events)
    kept = [history_v1(events[n:]) for n in range(len(events) + 1)]
    assert prompt == next(text for text in kept if len(text) <= limit)


def test_too_long_without_history() -> None:
    manager = manager_of({"content": "x" * 200, "max_length": 100})
    with pytest.raises(PromptError, match="more than 100 characters even without the history"):
        manager.render("t", {}, EVENTS["1.0"])


def test_a_template_that_fails_names_its_task() -> None:
    with pytest.raises(PromptError, match=r"prompt of the task `t`: .*unexpected"):
        manager_of({"content": "{{ oops"}).render("t")


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize("template", HOSTILE)
def test_hostile_templates(template: str) -> None:
    started = time.perf_counter()
    with pytest.raises(TemplateFlaw) as caught:
        Sandbox().text(template, {"user": object(), "items": ["a", "b"], "x": 1})
    assert "\n" not in str(caught.value).strip()
    assert time.perf_counter() - started < 3


def test_what_templates_may_do() -> None:
    template = (
        "{% for a in items %}{{ loop.index }}/{{ loop.length }}{{ a | upper ~ '-' }}{% else %}none{% endfor %}"
        "{{ items | join(', ') }} {{ 'x' * 3 }} {{ '%s!' % 'y' }} {{ '{}'.format(7) }}"
        "{% set n = 2 %} {{ n + 3 }} {{ range(3) | list }} {{ d.key }} {{ d['key'] | default('z') }}"
    )
    text = Sandbox().text(template, {"items": ["a", "b"], "d": {"key": 1}})
    assert text == "1/2A-2/2B-a, b xxx y! 7 5 [0, 1, 2] 1 1"


@given(st.text(max_size=60) | st.text("$aA.1_[]¼²é{}' ifnot", max_size=20))
@example("$¼")
@example("$a.²")
@example("$if and $in")
@settings(max_examples=200)
def test_any_bot_text_is_said_or_refused(text: str) -> None:
    try:
        said = render(text, {"name": "Ann"})
    except TemplateFlaw:  # a wrong template, or a part of something that is not set
        assert "{" in text or re.search(r"\$\w+[.\[]", text)
        return
    if "{" not in text and "$" not in text:
        assert said == text.replace("\\n", "\n")


# ---------------------------------------------------------------- filters


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["UserMessage", "UserIntent", "BotIntent", "StartUtteranceBotAction"]),
            st.text(st.characters(codec="ascii", categories=["L", "P", "Zs"]), max_size=12),
        ),
        max_size=8,
    )
)
@settings(max_examples=150)
def test_no_filter_fails_on_a_history(events: list[tuple[str, str]]) -> None:
    made = [{"type": kind, "text": text, "intent": text, "script": text} for kind, text in events]
    history = history_v1(made)
    for name, function in filters.filters_for("1.0").items():
        value = made if name in EVENT_FILTERS else history
        function(value)
    turns = history.count('\nuser "') + history.startswith('user "')
    assert filters.first_turns(history, turns + 1) == history
    assert len(filters.remove_text_messages(history).split("\n")) <= len(history.split("\n"))


EVENT_FILTERS = {
    *("colang", "co_v2", "colang_without_identifiers"),
    *("user_assistant_sequence", "to_chat_messages"),
}


def test_a_text_over_several_lines_stays_one_message() -> None:
    history = 'user "a\nb"\n  greet\nbot x\n  "c\nuser d"\n'
    assert filters.to_messages(history) == [
        {"type": "user", "content": "a\nb"},
        {
            "type": "assistant",
            "content": 'User intent: greet\nBot intent: x\nBot message: "c\nuser d"',
        },
    ]
    assert filters.remove_text_messages(history) == "user greet\nbot x\n"
