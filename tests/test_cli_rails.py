"""``colang rails``: what is enforced, in order, and what cannot work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colang import check
from colang.cli import main
from colang.project import Project
from colang_interpreter.enforcement import enforced


def run(
    folder: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], *words: str
) -> tuple[int, str]:
    """Exit status and output for a folder `bot` with these files."""
    for name, text in files.items():
        path = folder / "bot" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["rails", "bot", *words])
    assert isinstance(end.value.code, int)
    return end.value.code, capsys.readouterr().out


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLAVATA_API_KEY", raising=False)
    return tmp_path


MAIN = """
flow main
  activate greeting
  wait indefinitely

flow greeting
  user said something
  bot say "hi"
"""
V2_CONFIG = """colang_version: "2.x"
models:
  - {type: main, engine: openai, model: some-model}
  - {type: guard, engine: openai, model: other-model}
rails:
  config:
    regex_detection: {input: {patterns: [secret]}}
prompts:
  - {task: self_check_input, content: "{{ user_input }}"}
  - {task: content_safety_check_input $model=guard, content: "{{ user_input }}"}
"""
V2_FINE = {
    "config.yml": V2_CONFIG,
    "actions.py": """from colang_interpreter import action


@action(name="IsRudeAction")
def is_rude(text: str) -> bool:
    return False
""",
    "main.co": """import core
import guardrails
import nemoguardrails.library.self_check.input_check
import nemoguardrails.library.content_safety
import nemoguardrails.library.regex

flow input rails $input_text
  self check input
  if $input_text
    regex check input
  content safety check input $model="guard"

flow output rails $output_text
  check tone $output_text

flow check tone $text
  $rude = await IsRudeAction(text=$text)
  if $rude
    bot refuse to respond
    abort
"""
    + MAIN,
}


def test_a_2x_bot_whose_rails_work(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(here, capsys, V2_FINE)
    assert (
        out
        == """\
What the user says is checked by:
  1. self check input
       flow: <library>/rails/self_check/input_check/flows.co:7
       called: bot/main.co:8
       runs: SelfCheckInputAction
       needs: a prompt for the task `self_check_input`
       needs: a model
  2. regex check input  (only sometimes)
       flow: <library>/rails/regex/flows.co:7
       called: bot/main.co:10
       runs: DetectRegexPatternAction
  3. content safety check input $model="guard"
       flow: <library>/rails/content_safety/flows.co:8
       called: bot/main.co:11
       runs: ContentSafetyCheckInputAction
       needs: a prompt for the task `content_safety_check_input $model=guard`
       needs: a model of type `guard`

What the bot says is checked by:
  1. check tone $output_text
       flow: bot/main.co:16
       called: bot/main.co:14
       runs: IsRudeAction (bot/actions.py:5)

"""
    )
    assert status == 0


def test_a_2x_bot_whose_rails_do_not_work(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "config.yml": 'colang_version: "2.x"\n',
        "main.co": V2_FINE["main.co"].replace("  self check input\n", "  self check inptu\n"),
    }
    status, out = run(here, capsys, files)
    assert status == 1
    for line in (
        "cannot work: no flow is named `self check inptu`; did you mean `self check input`?",
        "cannot work: `rails.config.regex_detection.input.patterns` is empty: it lets everything pass",
        "cannot work: there is no prompt for the task `content_safety_check_input $model=guard`; add it to `prompts`",
        "cannot work: no model has the type `guard`; add it to `models`",
        "cannot work: no file of the project has the action `IsRudeAction`, and it is not built in",
    ):
        assert f"       {line}\n" in out
    assert out.endswith("4 of 4 rails cannot work.\n")


def test_rails_that_nobody_calls(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {**V2_FINE, "main.co": V2_FINE["main.co"].replace("import guardrails\n", "")}
    status, out = run(here, capsys, files)
    assert status == 1
    missing = "nothing calls `input rails`: the module `guardrails` is not imported; add `import guardrails`"
    assert out.count(missing) == 3


def test_an_overridden_hook(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = V2_FINE["main.co"].replace(
        "import guardrails\n", "import attention\nimport guardrails\n"
    )
    status, out = run(here, capsys, {**V2_FINE, "main.co": text})
    assert status == 1
    assert out.count("`_user_said` in <library>/attention.co replaces that of `guardrails`") == 3
    assert "CO204: the flow `_user_said` is overridden twice" in out


def test_rails_of_the_settings_in_2x(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = V2_CONFIG.replace(
        "rails:\n",
        "rails:\n  input: {flows: [regex check input, self check input]}\n  retrieval: {flows: [x]}\n",
    )
    status, out = run(here, capsys, {"config.yml": config, "main.co": "import core\n" + MAIN})
    assert status == 1
    assert "  1. regex check input\n" in out
    assert "called: bot/config.yml:6\n" in out
    assert "`rails.retrieval.flows` has no effect in Colang 2.x" in out


def test_an_import_that_enforces_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import core\nimport guardrails\nimport nemoguardrails.library.topic_safety\n" + MAIN
    status, out = run(here, capsys, {"config.yml": 'colang_version: "2.x"\n', "main.co": text})
    assert out == (
        "No rails: nothing is checked.\n"
        "note: <library>/rails/topic_safety/flows.co is imported, and nothing calls `topic safety check input`\n"
    )
    assert status == 0


def test_rails_written_into_input_rails(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "import core\nimport guardrails\n\nflow input rails $input_text\n"
        '  if search("bad", $input_text)\n    bot refuse to respond\n    abort\n' + MAIN
    )
    status, out = run(here, capsys, {"config.yml": 'colang_version: "2.x"\n', "main.co": text})
    assert status == 0
    assert "  1. input rails\n       flow: bot/main.co:4\n" in out
    assert "note: it calls no rails: look at what it does itself" in out


V1_FLOWS = """
define user greet
  "hello"

define bot greet
  "Hi."

define flow
  user greet
  bot greet

define subflow check words
  $bad = execute has_bad_word
  if $bad
    bot refuse to respond
    stop
"""
V1_CONFIG = """models: []
rails:
  config:
    clavata:
      policies: {Threats: 11111111-1111-4111-8111-111111111111}
      input: {policy: Threats, labels: [Bomb]}
  input:
    flows:
      - check words
      - clavata check input
  output:
    parallel: true
    flows:
      - check words out
      - clavata check output
"""
V1 = {
    "config.yml": V1_CONFIG,
    "rails.co": V1_FLOWS,
    "actions.py": "from colang_interpreter import action\n\n\n@action()\ndef has_bad_word() -> bool:\n    return False\n",
}


def test_a_1_0_bot(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(here, capsys, V1)
    assert (
        out
        == """\
What the user says is checked by:
  1. check words
       flow: bot/rails.co:12
       called: bot/config.yml:9
       runs: has_bad_word (bot/actions.py:5)
  2. clavata check input
       flow: <library>/v1/clavata.co:4
       called: bot/config.yml:10
       runs: ClavataCheckAction
       needs: the service at https://gateway.app.clavata.ai:8443
       needs: the environment variable CLAVATA_API_KEY
       needs: the policy Threats, labels Bomb
       note: CLAVATA_API_KEY is not set here

What the bot says is checked by:
  1. check words out
       flow: nowhere
       called: bot/config.yml:14
       cannot work: no flow is named `check words out`; did you mean `check words`?
  2. clavata check output
       flow: <library>/v1/clavata.co:9
       called: bot/config.yml:15
       runs: ClavataCheckAction
       needs: the service at https://gateway.app.clavata.ai:8443
       needs: the environment variable CLAVATA_API_KEY
       cannot work: no policy is given, and `rails.config.clavata.output.policy` is not set
       note: CLAVATA_API_KEY is not set here

note: the output rails run at the same time (`rails.output.parallel`)
2 of 4 rails cannot work.
""".replace(
            "       cannot work: no policy is given, and `rails.config.clavata.output.policy` is not set\n"
            "       note: CLAVATA_API_KEY is not set here\n",
            "       note: CLAVATA_API_KEY is not set here\n"
            "       cannot work: no policy is given, and `rails.config.clavata.output.policy` is not set\n",
        )
    )
    assert status == 1


def test_a_file_in_the_other_dialect_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "config.yml": 'colang_version: "1.0"\nmodels: []\nrails: {input: {flows: [check words]}}\n',
        "rails.co": "flow check words\n  abort\n",
        "main.co": 'define user greet\n  "hello"\n',
    }
    status, out = run(here, capsys, files)
    assert status == 1
    assert "cannot work: no flow is named `check words`; define it" in out
    assert "problem: bot/rails.co:1: CO601: this file is Colang 2.x" in out


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(here, capsys, V1, "--json")
    data = json.loads(out)
    assert status == 1
    assert (data["version"], data["dialect"], data["works"]) == (1, "1.0", False)
    assert [(r["kind"], r["position"], r["flow"], r["works"]) for r in data["rails"]] == [
        ("input", 1, "check words", True),
        ("input", 2, "clavata check input", True),
        ("output", 1, "check words out", False),
        ("output", 2, "clavata check output", False),
    ]
    assert data["rails"][0]["actions"] == [
        {"name": "has_bad_word", "path": "bot/actions.py", "line": 5}
    ]


def test_nothing_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["rails", "nowhere"])
    assert end.value.code == 2
    assert "nowhere" in capsys.readouterr().err


SETTINGS_OF_RAILS = [
    ("mask sensitive data on input", "sensitive_data_detection: {input: {entities: [PERSON]}}", "PERSON cannot be found"),
    ("detect sensitive data on input", "", "it finds nothing"),
    ("regex check input", "regex_detection: {input: {patterns: ['(a+)+$']}}", "could run for ever"),
    ("injection detection", "", "names nothing to look for"),
    ("injection detection", "injection_detection: {injections: [sqli], action: sanitize}", "sanitize"),
    ("jailbreak detection heuristics", "", "needs a service"),
    ("clavata check input", "clavata: {input: {policy: Threats}}", "no policy `Threats`"),
    ("clavata check input", "clavata: {policies: {Threats: x}, input: {policy: Threats}}", "is no UUID"),
    ("self check hallucination", "", "no model of type `main`"),
]  # fmt: skip


@pytest.mark.parametrize(("rail", "settings", "problem"), SETTINGS_OF_RAILS)
def test_what_rails_miss_in_the_settings(rail: str, settings: str, problem: str) -> None:
    text = f"import core\nimport guardrails\nimport nemoguardrails.library\n\nflow input rails $input_text\n  {rail}\n"
    config = 'colang_version: "2.x"\n' + (
        f"rails:\n  config:\n    {settings}\n" if settings else ""
    )
    found = enforced(Project.from_texts({"main.co": text + MAIN, "config.yml": config}))
    assert any(problem in told for told in found.rails[0].problems), found.rails[0].problems


# ---------------------------------------------------------------- policies are checked when a folder is loaded

POLICIES = (
    "rails: {config: {clavata: {policies: {Threats: 11111111-1111-4111-8111-111111111111}%s}}%s}"
)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (POLICIES % ("", ""), []),
        (POLICIES % (", input: {policy: Threats}", ", input: {flows: [clavata check input]}"), []),
        (POLICIES % (", input: {policy: Treats}", ""), ["CO430"]),
        (POLICIES % (", output: {policy: 22222222-2222-4222-8222-222222222222}", ""), []),
        (POLICIES % ("", ", input: {flows: [clavata check input]}"), ["CO432"]),
        ("rails: {config: {clavata: {policies: {Threats: abc}}}}", ["CO431"]),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "2.x"])
def test_policies_in_the_settings(version: str, settings: str, code: list[str]) -> None:
    main = "import core\n" + MAIN if version == "2.x" else 'define user greet\n  "hi"\n'
    config = f'colang_version: "{version}"\nmodels: []\n{settings}\n'
    project = Project.from_texts({"main.co": main, "config.yml": config})
    found = [finding for finding in check(project) if finding.code.startswith("CO43")]
    assert [finding.code for finding in found] == code
    for finding in found:
        assert project.sources["config.yml"].text[finding.span.start : finding.span.end]


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ('clavata check for "text" "Threats"', None),
        ('clavata check for $text="text" $policy="Treats"', '"Treats"'),
        ('clavata check for "text" "Treats"', '"Treats"'),
        ('clavata check for $text="text" $policy=$name', None),
        ('$x = await ClavataCheckAction(text="text", policy="Nope")', '"Nope"'),
        ('when clavata check for "text" "Treats"\n    pass', '"Treats"'),
        ('clavata check for "text" "22222222-2222-4222-8222-222222222222"', None),
    ],
)
def test_policies_in_flows(call: str, wrong: str | None) -> None:
    text = (
        f"import core\nimport nemoguardrails.library.clavata\n\nflow helper $name\n  {call}\n{MAIN}"
    )
    config = f'colang_version: "2.x"\n{POLICIES % ("", "")}\n'
    found = [
        f
        for f in check(Project.from_texts({"main.co": text, "config.yml": config}))
        if f.code == "CO430"
    ]
    assert [text[f.span.start : f.span.end] for f in found] == ([wrong] if wrong else [])
    assert all(f.help == "did you mean `Threats`?" for f in found if wrong == '"Treats"')
