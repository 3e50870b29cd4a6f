"""Whole configurations in memory: settings, rails, the main flow, Python files, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from colang.syntax.parser_v2 import parse_v2
from colang_migrate.folder import Options, Plan, plan
from colang_migrate.library_rails import LIBRARY_RAILS
from colang_migrate.report import to_sarif

MODELS = "models:\n  - type: main\n    engine: openai\n    model: m\n"
DIALOG = 'define user greet\n  "hi"\n\ndefine flow greeting\n  user greet\n  bot greet\n\ndefine bot greet\n  "Hello"\n'
RAIL = "define subflow check words\n  $bad = execute has_bad_word\n  if $bad\n    stop\n"
MAIN = "import core\nimport llm\n\nflow main\n  activate llm continuation\n"


def migrated(files: dict[str, str], **options: object) -> Plan:
    return plan({k: v.encode() for k, v in files.items()}, Options(**options))  # type: ignore[arg-type]


def told(made: Plan) -> set[str]:
    return {each.rule for each in made.report.findings}


def text(made: Plan, name: str) -> str:
    return made.after[name].decode()


def test_a_small_configuration() -> None:
    made = migrated({"config.yml": MODELS, "a.co": DIALOG})
    assert text(made, "config.yml") == 'colang_version: "2.x"\n' + MODELS
    assert text(made, "main.co") == MAIN
    assert made.report.created == ("main.co",)
    assert made.report.changed == ("a.co", "config.yml")
    assert "+++ b/main.co\n" in made.diff()


def test_what_is_2x_already_stays() -> None:
    made = migrated({"config.yml": 'colang_version: "2.x"\n' + MODELS, "main.co": MAIN})
    assert made.changes == {}
    assert made.report.is_clean


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('colang_version: "1.0"\n' + MODELS, 'colang_version: "2.x"\n' + MODELS),
        ("# a\nmodels: []  # b\ncolang_version: 1.0 # c\n", '# a\nmodels: []  # b\ncolang_version: "2.x" # c\n'),
        ("---\nmodels: []\n", '---\ncolang_version: "2.x"\nmodels: []\n'),
        ("models: []\r\n", 'colang_version: "2.x"\r\nmodels: []\r\n'),
        ("{models: []}\n", '{colang_version: "2.x", models: []}\n'),
        ("models: []\nrails: {input: {flows: [check words]}}\n", 'colang_version: "2.x"\nmodels: []\n'),
        ("models: []\nrails: {input: {flows: [check words]}, config: {a: 1}}\n", 'colang_version: "2.x"\nmodels: []\nrails: {input: {}, config: {a: 1}}\n'),
        (
            "models: []\n\n# why\nrails:\n  # in\n  input:\n    parallel: false  # p\n    flows:\n      - check words  # w\n  config:\n    a: 1\n",
            'colang_version: "2.x"\nmodels: []\n\n# why\nrails:\n  # in\n  input:\n    parallel: false  # p\n  config:\n    a: 1\n',
        ),
    ],
)  # fmt: skip
def test_settings_are_edited_in_place(before: str, after: str) -> None:
    made = migrated({"config.yml": before, "a.co": DIALOG + "\n" + RAIL})
    assert not made.report.refused
    assert text(made, "config.yml") == after


def test_rails_move_with_their_comments() -> None:
    settings = (
        MODELS + "\n# Reviewed in May.\nrails:\n  input:\n    flows:\n      - check words  # ours\n"
    )
    made = migrated({"config.yml": settings, "a.co": DIALOG + "\n" + RAIL})
    assert text(made, "config.yml") == 'colang_version: "2.x"\n' + MODELS
    assert text(made, "rails.co") == (
        "import guardrails\n\n# Reviewed in May.\n# ours\nflow input rails $input_text\n  check words\n"
    )
    assert "@active\nflow check words" not in text(made, "a.co")


def test_output_rails_are_guarded_for_the_reference_only() -> None:
    settings = MODELS + "rails:\n  output:\n    flows: [check words, self check output]\n"
    prompts = "prompts:\n  - task: self_check_output\n    content: x\n"
    files = {"config.yml": settings, "prompts.yml": prompts, "a.co": DIALOG + "\n" + RAIL}
    made = text(migrated(files), "rails.co")
    assert "when checked output" in made
    assert "flow checked output\n  check words\n  self check output\n" in made
    assert "import nemoguardrails.library.self_check.output_check\n" in made
    plain = text(migrated(files, target="colang"), "rails.co")
    assert "flow output rails $output_text\n  check words\n  self check output\n" in plain


def test_rails_without_a_place_in_2x_are_told() -> None:
    settings = (
        MODELS
        + "rails:\n  retrieval:\n    flows:\n      - check words\n  input:\n    flows:\n      - no such rail\n"
    )
    made = migrated({"config.yml": settings, "a.co": DIALOG + "\n" + RAIL})
    assert {"M502", "M404"} <= told(made)
    assert made.report.of("cannot")


@pytest.mark.parametrize("target", ["nemoguardrails", "colang"])
@pytest.mark.parametrize("name", sorted(LIBRARY_RAILS))
def test_ready_made_rails(name: str, target: str) -> None:
    rail = LIBRARY_RAILS[name]
    kind = "input" if "input" in name or "jailbreak" in name else "output"
    settings = MODELS + f"rails:\n  {kind}:\n    flows:\n      - {name}\n"
    knowledge = {"kb/a.md": "# A"} if "retrieval" in name else {}
    if knowledge:
        settings = settings.replace("output", "retrieval")
    dialog = DIALOG.replace('\n\ndefine bot greet\n  "Hello"', "") if knowledge else DIALOG
    made = migrated({"config.yml": settings, "a.co": dialog, **knowledge}, target=target)
    assert not made.report.refused
    rails = text(made, "rails.co")
    assert parse_v2(rails)[1] == ()
    restated = bool(rail.restated) and target == "nemoguardrails"
    assert (f"\nflow {name}\n" in rails) is restated
    assert (f"import {rail.module}\n" in rails) is not restated
    assert ("M305" in told(made)) >= restated
    defined = re.findall(r"^flow bot (.+)$", rails, re.MULTILINE)
    assert defined == list(rail.says if target == "nemoguardrails" else ())


def test_a_message_of_the_author_is_not_defined_again() -> None:
    settings = MODELS + "rails:\n  input:\n    flows: [detect sensitive data on input]\n"
    own = DIALOG + '\ndefine bot inform answer unknown\n  "No idea."\n'
    made = migrated({"config.yml": settings, "a.co": own})
    assert "flow bot" not in text(made, "rails.co")
    assert "bot inform answer unknown" in text(made, "rails.co")


def test_retrieval_rails_follow_what_retrieves() -> None:
    settings = (
        MODELS
        + "rails:\n  retrieval:\n    flows: [trim chunks, mask sensitive data on retrieval]\n"
    )
    colang = (
        'define user ask\n  "what"\n\ndefine flow answering\n  user ask\n'
        "  execute retrieve_relevant_chunks  # now\n  bot cite\n  bot explain\n\n"
        'define bot cite\n  "$relevant_chunks"\n\n'
        'define subflow trim chunks\n  $relevant_chunks = "short"\n'
    )
    calls = (
        "  await RetrieveRelevantChunksAction(is_colang_2=True){}\n"
        "  trim chunks\n  mask sensitive data on retrieval\n"
    )
    files = {"config.yml": settings, "a.co": colang, "kb/a.md": "# A"}
    made = migrated(files)
    result = text(made, "a.co")
    assert calls.format("  # now") in result
    assert calls.format("") in result  # before the generated message
    assert "@active\nflow trim chunks" not in result
    assert "flow mask sensitive data on retrieval\n  global $relevant_chunks\n" in text(
        made, "rails.co"
    )
    (loss,) = [f for f in made.report.of("cannot") if f.rule == "M502"]
    assert "only where a flow retrieves" in loss.message
    allowed = migrated(files, allow=frozenset(["M502"])).report
    assert not allowed.of("cannot")
    assert loss._replace(status="look") in allowed.findings


def test_an_action_server_hears_the_new_names() -> None:
    settings = MODELS + "actions_server_url: http://localhost:1\n"
    colang = DIALOG.replace("  bot greet\n\n", "  execute look_up\n  bot greet\n\n", 1)
    made = migrated({"config.yml": settings, "a.co": colang})
    (found,) = [f for f in made.report.findings if f.rule == "M406"]
    assert found.message == "2.x asks the action server for `look_up` as `LookUpAction`"
    assert found.line == 5


def test_tool_rails_are_a_loss() -> None:
    settings = MODELS + "rails:\n  tool_input:\n    flows: [a]\n  tool_output:\n    flows: [b, c]\n"
    made = migrated({"config.yml": settings, "a.co": DIALOG})
    said = [f.message for f in made.report.of("cannot")]
    assert said == [
        "2.x runs no tool_input rails: `a` has no effect",
        "2.x runs no tool_output rails: `b`, `c` have no effect",
    ]


def test_progress_of_long_work() -> None:
    files = {f"f{i}.co": b'define bot a%d\n  "b"\n' % i for i in range(600)}
    said: list[str] = []
    plan(files, Options(check="parse"), progress=said.append)
    assert said == [
        "reading: 500 of 600 files ...",
        "migrating: 500 of 600 files ...",
        "parsing the result: 500 of 601 files ...",
    ]


def test_taken_names() -> None:
    settings = MODELS + "rails:\n  input:\n    flows:\n      - check words\n"
    made = migrated({"config.yml": settings, "main.co": DIALOG, "rails.co": RAIL})
    assert text(made, "_main.co") == MAIN
    assert text(made, "_rails.co").startswith("import guardrails\n")
    assert "M704" in told(made)


def test_prompts_and_models_of_tasks() -> None:
    settings = (
        MODELS
        + "  - type: generate_bot_message\n    engine: e\n    model: n\n\nprompts:\n  - task: generate_next_steps\n    content: x\n"
    )
    made = migrated({"config.yml": settings, "a.co": DIALOG})
    data = yaml.safe_load(text(made, "config.yml"))
    types = [model["type"] for model in data["models"]]
    assert types == ["main", "GenerateFlowContinuationAction", "GenerateFlowFromNameAction"]
    assert data["prompts"][0]["task"] == "generate_flow_continuation"
    assert "# FIXME(migration): was task generate_next_steps." in text(made, "config.yml")
    assert {"M509", "M510"} <= told(made)


def test_sample_conversation_keeps_what_does_not_fit() -> None:
    settings = (
        MODELS
        + 'sample_conversation: |\n  # c\n  user "Hi, "you"!"\n    ask a-b and c\n  bot d\n    "{e}"\n'
    )
    made = migrated({"config.yml": settings, "a.co": DIALOG})
    sample = yaml.safe_load(text(made, "config.yml"))["sample_conversation"]
    assert sample.split("\n") == [
        "# c",
        'user action: user said "Hi, \\"you\\"!"',
        "user intent: user ask a_b_and_c",
        "bot intent: bot d",
        'bot action: bot say "{{e}}"',
        "",
    ]
    assert "M511" in told(made)


def test_variables_are_shared_between_files_and_python() -> None:
    made = migrated(
        {
            "config.yml": MODELS,
            "a.co": 'define flow a\n  user x\n  $n = 1\n  $local = 2\n  $p = 3\n\ndefine user x\n  "x"\n',
            "b.co": 'define bot b\n  "$n"\n',
            "actions.py": 'def f(context):\n    return context.get("p")\n',
        }
    )
    assert "  global $n\n  global $p\n  user x" in text(made, "a.co")
    assert "global $local" not in text(made, "a.co")


PYTHON = """from nemoguardrails.actions import action


@action
async def getPrice(part=None):
    return 1


@action(is_system_action=True)
async def perform_action(job=None):
    return 2


@action(name="look up part")
async def look_up(part=None):
    return 3
"""
CALLS = 'define flow a\n  user x\n  execute getPrice($p)\n  execute perform_action\n  execute look up part\n\ndefine user x\n  "x"\n'


def test_registrations_are_shown_or_changed() -> None:
    files = {"config.yml": MODELS, "a.co": CALLS, "actions.py": PYTHON}
    shown = migrated(files)
    assert text(shown, "actions.py") == PYTHON
    assert sum(f.rule == "M403" and f.path == "actions.py" for f in shown.report.of("cannot")) == 3
    changed = migrated(files, actions=True)
    made = text(changed, "actions.py")
    assert '@action(name="GetPriceAction")\nasync def getPrice' in made
    assert '@action(is_system_action=True, name="PerformAction")' in made
    assert '@action(name="LookUpPartAction")' in made
    assert not changed.report.of("cannot")
    assert "await GetPriceAction(part=$p)" in text(changed, "a.co")


def test_an_action_that_may_return_none_gets_no_guard() -> None:
    settings = MODELS + "rails:\n  input:\n    flows:\n      - check words\n"
    python = "@action()\ndef has_bad_word():\n    if x:\n        return True\n"
    made = migrated({"config.yml": settings, "a.co": RAIL, "actions.py": python})
    assert "is None" not in text(made, "a.co")
    assert "M301" in told(made)
    python = "@action()\ndef has_bad_word():\n    return x\n"
    made = migrated({"config.yml": settings, "a.co": RAIL, "actions.py": python})
    assert "  if $bad is None\n" in text(made, "a.co")
    made = migrated({"config.yml": settings, "a.co": RAIL, "actions.py": python}, guards=False)
    assert "is None" not in text(made, "a.co")


def test_active_flows_may_be_activated_by_main() -> None:
    made = migrated({"config.yml": MODELS, "a.co": DIALOG}, use_active=False)
    assert "@active" not in text(made, "a.co")
    assert text(made, "main.co").endswith("  activate llm continuation\n  activate greeting\n")
    assert (
        "main.co" not in migrated({"config.yml": MODELS, "a.co": DIALOG}, include_main=False).after
    )


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("a.co", b'define bot a\n  "\xe9"\n', "M705"),
        ("a.co", "define bot a\n".encode("utf-16"), "M705"),
        ("a.co", b'define bot a\n  "b"\n\nflow c\n  bot a\n', "M701"),
        ("a.co", b"define flow a\n  user b\n  frobnicate it\n", "M703"),
        ("more.yml", b"rails:\n  input: [\n", "M703"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole(name: str, data: bytes, rule: str) -> None:
    made = plan({name: data, "b.co": DIALOG.encode(), "config.yml": MODELS.encode()})
    assert made.report.refused
    assert made.changes == {}
    assert rule in told(made)


def test_broken_settings_are_shown_where_they_are() -> None:
    made = migrated({"config.yml": "models: [\nrails: {\n", "a.co": DIALOG})
    (found,) = made.report.of("cannot")
    assert (found.rule, found.path, found.line > 0) == ("M703", "config.yml", True)
    assert "not valid YAML" in found.message


def test_settings_that_mean_nothing_are_a_fault_of_the_original() -> None:
    made = migrated({"config.yml": "rails:\n  input: 7\n", "a.co": DIALOG})
    (found,) = made.report.of("cannot")
    assert (found.rule, found.path, found.line, found.column) == ("M703", "config.yml", 2, 10)
    assert "`rails.input`" in found.message and made.changes == {}


@pytest.mark.parametrize("files", [{}, {"notes.md": "# n"}])
def test_a_folder_without_anything_asks_whether_it_is_the_right_one(files: dict[str, str]) -> None:
    made = migrated(files)
    assert made.report.is_clean
    assert "is it the right folder?" in made.report.to_text()


def test_generated_files_have_the_line_ends_of_the_settings() -> None:
    settings = (MODELS + "rails:\n  input:\n    flows: [check words]\n").replace("\n", "\r\n")
    made = migrated({"config.yml": settings, "a.co": DIALOG + "\n" + RAIL})
    for name in made.report.created:
        assert text(made, name).count("\n") == text(made, name).count("\r\n") > 3


def test_ignored_files_and_backups_stay() -> None:
    files = {
        "config.yml": MODELS,
        "a.co": DIALOG,
        "draft.co": "define flow broken\n  ???\n",
        ".railsignore": "# no drafts\ndraft*\n",
        "kb/faq.yml": "rails: [not, settings]\n",
        "empty.co": "",
    }
    made = migrated(files)
    assert sorted(made.changes) == ["a.co", "config.yml", "main.co"]
    again = migrated({**{k: v.decode() for k, v in made.after.items()}, "a.v1.co": DIALOG})
    assert again.changes == {}


def test_many_files_give_the_same_in_processes() -> None:
    files = {
        f"f{i}.co": DIALOG.replace("greet", f"greet {chr(97 + i % 26)}{i // 26}")
        for i in range(120)
    }
    files["config.yml"] = MODELS
    one, two = migrated(files), migrated(files, processes=2)
    assert (one.after, one.report) == (two.after, two.report)


def test_alpha_needs_no_second_main_and_imports_what_it_calls() -> None:
    files = {
        "config.yml": 'colang_version: "2.x"\n',
        "main.co": "flow main\n  activate catch colang errors\n  match X()\n",
    }
    made = migrated(files, from_version="2.0-alpha")
    assert text(made, "main.co") == (
        "import core\n\nflow main\n  activate notification of colang errors\n  match X()\n"
    )
    assert (
        migrated({k: v.decode() for k, v in made.after.items()}, from_version="2.0-alpha").changes
        == {}
    )


def test_reports() -> None:
    settings = MODELS + "rails:\n  retrieval:\n    flows: [x|y]\n"
    report = migrated({"config.yml": settings, "a.co": DIALOG}).report
    data = report.to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["summary"]["cannot"] == 1
    found = next(each for each in data["findings"] if each["rule"] == "M502")
    assert (found["path"], found["line"]) == ("config.yml", 7)
    assert "Cannot be migrated (1):\n  config.yml:7:5: M502" in report.to_text()
    assert "`define flow greeting` is a flow" in report.to_text(all_entries=True)
    assert (
        "| config.yml:7:5 | M502 | 2.x runs no retrieval rails: `x\\|y` has no effect |"
        in report.to_markdown()
    )
    sarif = to_sarif([report])
    assert sarif["runs"][0]["results"][0]["ruleId"] in {each["rule"] for each in data["findings"]}
    assert {r["level"] for r in sarif["runs"][0]["results"]} == {"error", "warning", "note"}
