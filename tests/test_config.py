"""Settings: reading YAML, joining files, validation, combining, changing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import colang
from colang.config import RailsConfig
from colang.config.errors import (
    ColangParsingError,
    ConfigurationError,
    InvalidModelConfigurationError,
)
from colang.config.settings import from_yaml, join
from colang.config.yaml_reader import MAX_CHARACTERS, read_yaml
from colang.diagnostics import Diagnostic
from colang.project import Project
from colang_interpreter import compile

MAIN = "flow main\n  match Ping()\n"


def check(settings: str, text: str = MAIN) -> list[Diagnostic]:
    texts = {"main.co": text, "config.yml": "colang_version: 2.x\n" + settings}
    return colang.check(Project.from_texts(texts))


def at(settings: str, finding: Diagnostic) -> str:
    """The text a finding about the settings blames."""
    text = "colang_version: 2.x\n" + settings
    return text[finding.span.start : finding.span.end]


# ---------------------------------------------------------------- reading

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN)
def test_yaml_is_read_as_by_its_reader(value: object) -> None:
    text = yaml.safe_dump(value)
    document = read_yaml(text)
    assert document.diagnostics == ()
    assert document.data == yaml.safe_load(text)


@given(st.text(alphabet="ab: -[]{}&*!|>'\"#\n\t,?%@`<=é\0"))
def test_reading_never_raises(text: str) -> None:
    document = read_yaml(text)
    try:
        yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return  # it may be read, or reported
    if not document.diagnostics:
        assert document.data == yaml.safe_load(text)


def test_places_are_those_of_the_text() -> None:
    text = "a: &x {b: [1, 'two']}\nc: *x\nd:\n  - e: |\n      long\n"
    document = read_yaml(text, "f.yml")
    found = {path: text[slice(*place.value)] for path, place in document.places.items()}
    assert found["a", "b", 1] == "'two'"
    assert found["c",] == "*x"
    assert found["d", 0, "e"].startswith("|")
    assert text[slice(*document.places["d", 0, "e"].key)] == "e"
    assert document.data == {"a": {"b": [1, "two"]}, "c": {"b": [1, "two"]}, "d": [{"e": "long\n"}]}


def test_aliases_are_copies() -> None:
    data = read_yaml("a: &x [1]\nb: *x\n").data
    data["a"].append(2)
    assert data["b"] == [1]


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("a: [1\n", "CO401", "not valid YAML"),
        ("a: 1\n b: 2\n", "CO401", "not valid YAML"),
        ("a: 1\na: 2\n", "CO402", "`a`"),
        ("r: {a: 1, b: 2, a: 3}\n", "CO402", "`a`"),
        ("x: !!python/object/apply:os.system [ls]\n", "CO401", "tag"),
        ("x: !mine 1\n", "CO401", "tag"),
        ("x: *y\n", "CO401", "`&y`"),
        ("x: &x {y: *x}\n", "CO405", "inside of its own value"),
        ("a: 1\n---\nb: 2\n", "CO401", "second document"),
        ("a: \0\n", "CO401", "not allowed"),
        (BOMB, "CO405", "more than"),
        ("[" * 100_000, "CO405", "nested"),
        ("a: " * 5000, "CO401", "not valid YAML"),
        ("#" * (MAX_CHARACTERS + 1), "CO405", "characters"),
        ("? [a, b]\n: 1\n", "CO401", "single value"),
    ],
)
def test_bad_yaml(text: str, code: str, word: str) -> None:
    started = time.perf_counter()
    found = read_yaml(text, "f.yml").diagnostics
    assert time.perf_counter() - started < 5
    assert found and found[0].code == code and found[0].path == "f.yml"
    assert word in found[0].message


def test_the_second_key_counts_and_is_blamed() -> None:
    text = "lowest_temperature: 0.1\nlowest_temperature: 0.2\n"
    document = read_yaml(text)
    (finding,) = document.diagnostics
    assert document.data == {"lowest_temperature": 0.2}
    assert (finding.span.start, finding.labels[0].span.start) == (24, 0)


# ---------------------------------------------------------------- joining


def test_joining_files() -> None:
    first = (
        "models: [{type: main, engine: e, model: m}]\nuser_messages: {hi: [a]}\nimport_paths: [x]\n"
    )
    second = "models: [{type: other, engine: e, model: m}]\nuser_messages: {hi: [b], bye: [c]}\nimport_paths: [x, y]\n"
    joined = join([from_yaml(first, "a.yml"), from_yaml(second, "b.yml")])
    assert [model["type"] for model in joined.data["models"]] == ["main", "other"]
    assert joined.data["user_messages"] == {"hi": ["b"], "bye": ["c"]}
    assert joined.data["import_paths"] == ["x", "y"]
    assert joined.diagnostics == ()
    place = joined.place("models", 1, "engine")
    assert place.path == "b.yml"
    assert second[slice(*place.key)] == "engine"


def test_rails_of_two_files_are_merged() -> None:
    first = "rails: {input: {flows: [a]}, output: {parallel: true}}\n"
    second = "rails: {input: {flows: [a, b]}, output: {parallel: false}}\n"
    joined = join([from_yaml(first, "a.yml"), from_yaml(second, "b.yml")])
    assert joined.data["rails"] == {"input": {"flows": ["a", "b"]}, "output": {"parallel": False}}
    (finding,) = joined.diagnostics
    assert (finding.code, finding.path, finding.labels[0].path) == ("CO406", "b.yml", "a.yml")
    assert "`rails.output.parallel`" in finding.message


def test_many_keys_are_joined_in_linear_time() -> None:
    parts = [
        from_yaml("".join(f"k{n}: {{a: [1]}}\n" for n in range(at, at + 4000)), "x.yml")
        for at in (0, 2000)
    ]
    started = time.perf_counter()
    assert len(join(parts).data) == 6000
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_holds_no_settings(text: str) -> None:
    settings = from_yaml(text, "a.yml")
    assert (settings.data, settings.diagnostics) == ({}, ())


@pytest.mark.parametrize("text", ["- a\n", "hello\n"])
def test_a_file_that_holds_no_settings(text: str) -> None:
    assert [d.code for d in from_yaml(text, "a.yml").diagnostics] == ["CO407"]


# ---------------------------------------------------------------- names and values


@pytest.mark.parametrize(
    ("settings", "blamed", "advice"),
    [
        ("instrutions: []\n", "instrutions", "did you mean `instructions`?"),
        ("rials: {}\n", "rials", "did you mean `rails`?"),
        ("rails: {input: {flow: [a]}}\n", "flow", "did you mean `rails.input.flows`?"),
        ("rails: {dialog: {single_call: {enable: true}}}\n", "enable", "single_call.enabled"),
        ("models: [{type: main, engine: e, model: m, paramters: {}}]\n", "paramters", "parameters"),
        ("custom_data: {}\nlowest_temperatur: 1\n", "lowest_temperatur", "lowest_temperature"),
        ("rails: {output: {streaming: {chunksize: 5}}}\n", "chunksize", "chunk_size"),
        ("rails: {config: {clavata: {polices: {}}}}\n", "polices", "policies"),
        ("xyzzy: 1\n", "xyzzy", "custom_data"),
    ],
)
def test_unknown_settings(settings: str, blamed: str, advice: str) -> None:
    (finding,) = check(settings)
    assert (finding.code, finding.severity.value) == ("CO403", "warning")
    assert at(settings, finding) == blamed
    assert finding.help and advice in finding.help


@pytest.mark.parametrize(
    "settings",
    [
        "custom_data: {a: 1}\nmine: 2\n",
        "rails: {config: {my_rail: {x: 1}}}\n",
        "rails: {output: {streaming: {my_own: 5}}}\n",
        "models: [{type: main, engine: e, model: m, parameters: {anything: 1}}]\n",
        "rails:\nmodels:\nprompts:\n",
        "tracing: {adapters: [{name: FileSystem, filepath: x}]}\n",
    ],
)
def test_settings_without_findings(settings: str) -> None:
    assert check(settings) == []


@pytest.mark.parametrize(
    ("settings", "blamed", "message"),
    [
        ("models: 3\n", "3", "`models`: it must be a list, not `3`"),
        ("rails: {input: {flows: check}}\n", "check", "`rails.input.flows`: it must be a list"),
        (
            "lowest_temperature: warm\n",
            "warm",
            "`lowest_temperature`: it must be a number, not `warm`",
        ),
        ("rails: {output: {streaming: {chunk_size: 0}}}\n", "0", "it must be at least 1, not `0`"),
        (
            "rails: {output: {streaming: {enabled: perhaps}}}\n",
            "perhaps",
            "it must be true or false",
        ),
        (
            "models: [{type: main, engine: e, model: m, mode: talk}]\n",
            "talk",
            "one of 'chat' or 'text'",
        ),
        ("models: [{type: main, engine: e}]\n", "{type: main, engine: e}", "the name is missing"),
        ("prompts: [{content: x}]\n", "{content: x}", "`prompts[0].task`: it is required"),
        ("prompts: [{task: t, content: x, max_length: 0}]\n", "0", "at least 1"),
        ("prompts: [{task: t}]\n", "{task: t}", "this one has neither"),
        (
            "prompts: [{task: t, messages: [{type: u}]}]\n",
            "{type: u}",
            "prompts[0].messages[0].content",
        ),
        (
            "flows: [{id: x, elements: [{usr: a}]}]\n",
            "{usr: a}",
            "`usr` is no flow element, did you mean `user`?",
        ),
        ("flows: [x]\n", "x", "a flow is a mapping"),
    ],
)
def test_wrong_values(settings: str, blamed: str, message: str) -> None:
    finding = check(settings)[0]
    assert (finding.code, finding.severity.value) == ("CO404", "error")
    assert at(settings, finding) == blamed
    assert message in finding.message


def test_all_wrong_values_are_told_at_once() -> None:
    found = check("models: 3\nprompts: 4\nrails: {dialog: 5}\n")
    assert [finding.code for finding in found] == ["CO404"] * 3


# ---------------------------------------------------------------- what settings need from each other


@pytest.mark.parametrize(
    ("settings", "code", "blamed"),
    [
        ("rails: {retrieval: {flows: [nowhere]}}\n", "CO412", "nowhere"),
        (
            "passthrough: true\nrails: {dialog: {single_call: {enabled: true}}}\n",
            "CO413",
            "passthrough",
        ),
        ("rails: {tool_input: {parallel: true}}\n", "CO419", "parallel"),
        ("rails: {input: {parallel: true}}\n", "CO419", "parallel"),
        ("rails: {tool_output: {flows: [look $model=m]}}\n", "CO419", "flows"),
        ("rails: {retrieval: {flows: [look $model=guard]}}\n", "CO410", "look $model=guard"),
        ("rails: {retrieval: {flows: [self check facts]}}\n", "CO409", "self check facts"),
    ],
)
def test_requirements(settings: str, code: str, blamed: str) -> None:
    flows = MAIN + "flow look $model\n  pass\n\nflow self check facts\n  pass\n"
    found = check(settings, flows)
    idle = [
        finding.message for finding in found if "retrieval.flows` has no effect" in finding.message
    ]
    assert len(idle) == ("retrieval" in settings)
    (finding,) = [finding for finding in found if finding.message not in idle]
    assert finding.code == code
    assert at(settings, finding) == blamed


def test_a_variant_of_a_prompt() -> None:
    rails = "rails: {input: {flows: [self check input $variant=mine]}}\n"
    prompt = "prompts: [{task: self_check_input $variant=mine, content: x}]\n"
    old = "define flow x\n  user a\n  bot b\n"
    assert [d.code for d in colang.check(Project.from_content(old, rails))] == ["CO409"]
    assert colang.check(Project.from_content(old, rails + prompt)) == []


def test_rails_of_colang_1_may_come_from_the_library_or_from_yaml() -> None:
    old = "define subflow check it\n  bot b\n"
    rails = "rails: {input: {flows: [check it $x=1, regex check input, from yaml, from nowhere]}}\n"
    flows = "flows: [{id: from yaml, elements: [{bot: x}]}]\n"
    (finding,) = colang.check(Project.from_content(old, rails + flows))
    assert finding.message == "no flow is named `from nowhere`, which is listed as input rail"


@pytest.mark.parametrize("kind", ["input", "output", "retrieval", "tool_output", "tool_input"])
def test_rails_of_colang_1_that_nobody_defines(kind: str) -> None:
    """Tool rails as well; and rails of other vendors, whose flows do not come with this library."""
    old = "define subflow check it\n  bot b\n"
    for name in ("check ti", "patronus lynx check output hallucination"):
        prompt = "prompts: [{task: patronus_lynx_check_output_hallucination, content: x}]\n"
        rails = f"rails: {{{kind}: {{flows: [{name}, check it]}}}}\n"
        (finding,) = colang.check(Project.from_content(old, prompt + rails))
        assert (finding.code, name in finding.message) == ("CO412", True)


# ---------------------------------------------------------------- RailsConfig


def test_from_path_names_file_line_and_setting(tmp_path: Path) -> None:
    (tmp_path / "main.co").write_text(MAIN, encoding="utf-8")
    (tmp_path / "config.yml").write_text("colang_version: 2.x\nmodels: 3\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        RailsConfig.from_path(tmp_path)
    assert "config.yml, line 2: `models`: it must be a list" in str(raised.value)
    assert [d.code for d in raised.value.diagnostics] == ["CO404"]


def test_errors_of_colang_files() -> None:
    with pytest.raises(ColangParsingError) as raised:
        RailsConfig.from_content("flow main\n  match A(\n", "colang_version: 2.x\n")
    assert "main.co, line" in str(raised.value)


@pytest.mark.parametrize("path", ["a,b", " a", "a ", "does-not-exist"])
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(ValueError):
        RailsConfig.from_path(path)


def test_a_single_colang_file_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "main.co").write_text(MAIN, encoding="utf-8")
    config = RailsConfig.from_path(tmp_path / "main.co")
    assert [flow["id"] for flow in config.flows] == ["main"]
    assert config.flows[0]["source_code"] == MAIN.rstrip()


def test_api_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = "models: [{type: main, engine: e, model: m, api_key_env_var: SOME_KEY_FOR_A_TEST}]\n"
    monkeypatch.delenv("SOME_KEY_FOR_A_TEST", raising=False)
    with pytest.raises(InvalidModelConfigurationError, match="SOME_KEY_FOR_A_TEST"):
        RailsConfig.from_content("define flow x\n  bot y\n", settings)
    assert check(settings) == []  # a check needs no keys
    monkeypatch.setenv("SOME_KEY_FOR_A_TEST", "x")
    assert RailsConfig.from_content("define flow x\n  bot y\n", settings).models[0].engine == "e"


def test_import_paths_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helper.co").write_text("flow helper\n  pass\n", encoding="utf-8")
    monkeypatch.setenv("COLANGPATH", f"{tmp_path}{os.pathsep}{tmp_path / 'missing'}")
    config = RailsConfig.from_content("import helper\n" + MAIN, "colang_version: 2.x\n")
    assert config.imported_paths == {"helper": f"{tmp_path}/helper.co"}
    assert "helper" in config.project.flows


def test_warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    config = RailsConfig.from_content(MAIN, "colang_version: 2.x\nrials: 1\n")
    assert [finding.code for finding in config.diagnostics] == ["CO403"]
    assert "config.yml, line 2: no setting is called `rials`" in caplog.text


def test_settings_as_a_dictionary() -> None:
    config = RailsConfig.from_content(MAIN, config={"colang_version": "2.x", "passthrough": True})
    assert config.passthrough is True
    assert RailsConfig.parse_object({"rails": {"input": {"flows": ["x"]}}}).rails.input.flows == [
        "x"
    ]


def test_defaults_are_filled_in() -> None:
    config = RailsConfig.from_content("define flow x\n  bot y\n")
    assert config.instructions and config.instructions[0].type == "general"
    assert config.sample_conversation and config.sample_conversation.count('user "') == 5
    assert (config.models, config.prompting_mode, config.colang_version) == ([], "standard", "1.0")


def test_changes_after_loading_are_validated_and_count() -> None:
    config = RailsConfig.from_content(MAIN + "flow look\n  pass\n", "colang_version: 2.x\n")
    assert "input rails" not in config.project.flows
    config.rails.input.flows = ["look"]
    assert "input rails" in config.project.flows
    with pytest.raises(ValueError):
        config.rails.output.streaming.chunk_size = 0


def test_combining() -> None:
    first = RailsConfig.from_content(
        MAIN,
        "colang_version: 2.x\nmodels: [{type: main, engine: e, model: m}]\nlowest_temperature: 0.1\n",
    )
    second = RailsConfig.from_content(
        "flow more\n  pass\n",
        "colang_version: 2.x\ncustom_data: {a: 1}\nrails: {input: {flows: [more]}}\n",
    )
    both = first + second
    assert [model.type for model in both.models] == ["main"]
    assert both.lowest_temperature == 0.1
    assert both.custom_data == {"a": 1}
    assert {"main", "more", "input rails"} <= set(both.project.flows)
    assert (first + first).models == first.models


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("models: [{type: main, engine: other, model: m}]\n", "main"),
        ("actions_server_url: http://x\n", "actions_server_url"),
        ("colang_version: '1.0'\n", "versions"),
    ],
)
def test_configurations_that_do_not_go_together(settings: str, word: str) -> None:
    base = "models: [{type: main, engine: e, model: m}]\n"
    first = RailsConfig.from_content(MAIN, "colang_version: 2.x\n" + base)
    version = "" if "colang_version" in settings else "colang_version: 2.x\n"
    second = RailsConfig.from_content("", version + settings)
    with pytest.raises(ValueError, match=word):
        first + second


def test_a_configuration_made_of_values() -> None:
    config = RailsConfig(models=[], colang_version="2.x")
    assert config.project.version == "2.x"
    assert config.diagnostics == ()


# ---------------------------------------------------------------- messages of several files (1.2, 1.4, C6)

HELLO_V1 = 'define user greet\n  "{0} user"\n\ndefine bot hello\n  "{0} bot"\n'


def messages_of(project: Project) -> tuple[dict[str, list[str]], list[str]]:
    program: Any = compile(project)
    texts = {"user": program.user_messages["greet"], "bot": program.bot_messages["hello"]}
    return texts, [finding.code for finding in colang.check(project)]


def test_messages_of_several_files_add_up_and_that_is_told() -> None:
    files = {f"{name}.co": HELLO_V1.format(name) for name in ("a", "b")}
    texts, codes = messages_of(
        Project.from_texts({**files, "config.yml": "bot_messages: {hello: [y]}"})
    )
    assert texts == {"user": ["a user", "b user"], "bot": ["y", "a bot", "b bot"]}
    assert codes.count("CO218") == 2


def test_messages_replace_those_of_an_import(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "bot").mkdir()
    more = 'define bot bye\n  "imported bye"\n'
    (tmp_path / "lib" / "lib.co").write_text(HELLO_V1.format("imported") + more)
    (tmp_path / "bot" / "own.co").write_text(HELLO_V1.format("own"))
    (tmp_path / "bot" / "config.yml").write_text("import_paths: [lib]\n")
    project = Project.load(tmp_path / "bot", import_paths=[tmp_path])
    texts, codes = messages_of(project)
    assert texts == {"user": ["own user"], "bot": ["own bot"]}
    assert "CO218" not in codes
    program: Any = compile(project)
    assert program.bot_messages["bye"] == ["imported bye"]
