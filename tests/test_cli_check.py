"""`colang check`, `colang parse` and `colang explain`: what they read, print and return."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from colang.cli.check import project_roots, surrounding_project
from colang.cli.explain import family_of, known_codes, migration_codes
from colang_migrate.alpha.engine import RULES as ALPHA_RULES
from colang_migrate.engine import RULES
from colang_migrate.findings import KINDS
from fixtures.commands import Cli, command_line

V2 = 'colang_version: "2.x"\n'
GOOD = "flow main\n  match Ping()\n  send Pong()\n"
WRONG_NAME = "import core\n\nflow main\n  bot sya\n  match Ping()\n"
WRONG_SYNTAX = "flow main\n  match Ping(\n  send Pong()\n"
V1 = """\
define user ask price
  "how much is it"
  "what does it cost"

define bot tell price
  "It costs ten."

define flow price
  user ask price
  bot tell price
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    return command_line(capsys, tmp_path, monkeypatch)


def write(root: Path, **texts: str) -> None:
    """Write files; ``__`` in a name stands for ``/`` and ``_co`` at its end for the suffix."""
    for name, text in texts.items():
        path = root / re.sub(r"_(co|yml|py)$", r".\1", name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- check


def test_nothing_to_report(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, bot__config_yml=V2, bot__main_co=GOOD)
    assert cli("check", "bot") == (0, "", "Checked 1 Colang file: nothing to report.\n")


def test_forms_of_output(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, bot__config_yml=V2, bot__main_co=WRONG_NAME)
    status, out, err = cli("check", "bot")
    assert status == 1
    assert "[CO201]: " in out and " --> bot/main.co:4:3\n" in out and "^^^^^^^" in out
    assert err == "Checked 1 Colang file: 1 warning.\n"
    assert re.fullmatch(
        r"bot/main\.co:4:3: CO201 .*`bot sya`\n",
        cli("check", "bot", "--output-format", "concise")[1],
    )
    assert cli("check", "bot", "--output-format", "github")[1].startswith(
        "::warning file=bot/main.co,line=4,endLine=4,col=3,endColumn=10,title=CO201::"
    )
    assert cli("check", "bot", "--output-format", "junit")[0] == 2
    for words in (["--json"], ["--output-format", "json"]):
        status, out, err = cli("check", "bot", *words)
        report = json.loads(out)
        assert (status, err, report["version"]) == (1, "", 1)
        assert report["summary"] == {"errors": 0, "warnings": 1, "infos": 0}
        (found,) = report["diagnostics"]
        assert (found["path"], found["line"], found["code"]) == ("bot/main.co", 4, "CO201")


def test_json_without_findings(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, bot__config_yml=V2, bot__main_co=GOOD)
    status, out, err = cli("check", "bot", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "version": 1,
        "diagnostics": [],
        "summary": {"errors": 0, "warnings": 0, "infos": 0},
    }


def test_several_projects_below_one_folder(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, a__config_yml=V2, a__main_co=GOOD)
    write(tmp_path, b__c__config_yml=V2, b__c__main_co=WRONG_NAME)
    status, out, _ = cli("check", "--output-format", "concise")
    assert status == 1
    assert [line.split(":")[0] for line in out.splitlines()] == ["b/c/main.co"]
    assert cli("check", "a", "b/c", "b", "--output-format", "concise")[1] == out


def test_one_file_is_checked_in_its_project(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, bot__config_yml=V2, bot__main_co="flow main\n  await other\n  match Ping()\n")
    write(tmp_path, bot__more__other_co="flow other\n  match Ping()\n  await nobody\n")
    assert cli("check", "bot/main.co")[0] == 0
    status, out, _ = cli("check", "bot/more/other.co", "--output-format", "concise")
    assert status == 1 and out.startswith("bot/more/other.co:3:9: CO201")


def test_one_file_without_project(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, lone_co=WRONG_SYNTAX)
    status, out, _ = cli("check", "lone.co", "--output-format", "concise")
    assert status == 1 and re.match(r"lone\.co:\d+:\d+: CO1\d\d ", out)


def test_unreadable_input_does_not_hide_findings(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, bot__config_yml=V2, bot__main_co=WRONG_NAME)
    status, out, err = cli("check", "bot", "missing")
    assert status == 2
    assert "CO201" in out
    assert "error: cannot read missing: no such file or folder\n" in err


def test_roots(tmp_path: Path) -> None:
    write(tmp_path, a__config_yml="", a__inner__config_yml="", b__x__config_yml="", c__main_co="")
    assert project_roots(tmp_path) == [tmp_path / "a", tmp_path / "b/x"]
    assert project_roots(tmp_path / "a") == [tmp_path / "a"]
    assert project_roots(tmp_path / "c") == [tmp_path / "c"]
    (tmp_path / ".git").mkdir()
    (tmp_path / "config.yml").touch()
    (tmp_path / "b/.git").mkdir()
    assert surrounding_project(tmp_path / "a/deep/er/x.co") == (tmp_path / "a").resolve()
    assert surrounding_project(tmp_path / "c/main.co") == tmp_path.resolve()
    assert surrounding_project(tmp_path / "b/y/main.co") is None


# ---------------------------------------------------------------- parse


def parsed(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_parse_json_2x(cli: Cli, tmp_path: Path) -> None:
    text = (
        "import core\nimport llm\n\n"
        '@active\n@meta(tags=["a", "b"])\n'
        'flow greet $name $polite=True -> $answer="none", $mood\n  match Ping()\n'
        '\nflow user asked\n  user said "a" or user said "b"\n'
    )
    write(tmp_path, main_co=text)
    status, out, err = cli("parse", "main.co", "--json")
    assert (status, err) == (0, "")
    (found,) = parsed(out)
    assert found == {
        "path": "main.co",
        "version": "2.x",
        "flows": [
            {
                "name": "greet",
                "line": 6,
                "parameters": [
                    {"name": "name", "default": None},
                    {"name": "polite", "default": "True"},
                ],
                "members": [
                    {"name": "answer", "default": '"none"'},
                    {"name": "mood", "default": None},
                ],
                "decorators": [
                    {"name": "active", "arguments": []},
                    {"name": "meta", "arguments": [{"name": "tags", "value": ["a", "b"]}]},
                ],
            },
            {"name": "user asked", "line": 9, "parameters": [], "members": [], "decorators": []},
        ],
        "user_messages": {"asked": ["a", "b"]},
        "bot_messages": {},
        "imports": ["core", "llm"],
        "diagnostics": [],
        "summary": {"errors": 0, "warnings": 0, "infos": 0},
    }


def test_parse_json_1_0(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, price_co=V1)
    (found,) = parsed(cli("parse", "price.co", "--json")[1])
    assert found["version"] == "1.0"
    assert found["user_messages"] == {"ask price": ["how much is it", "what does it cost"]}
    assert found["bot_messages"] == {"tell price": ["It costs ten."]}
    assert [(flow["name"], flow["line"]) for flow in found["flows"]] == [("price", 8)]


def test_parse_for_people(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, good_co=GOOD, bad_co=WRONG_SYNTAX, price_co=V1)
    assert cli("parse", "good.co") == (0, "good.co (Colang 2.x)\n     1  flow main\n", "")
    assert cli("parse", "price.co")[1] == (
        "price.co (Colang 1.0)\n"
        "     1  user ask price\n     5  bot tell price\n     8  flow price\n"
    )
    status, out, err = cli("parse", "bad.co", "good.co", "missing.co")
    assert status == 2
    assert "error[CO1" in out and out.endswith("good.co (Colang 2.x)\n     1  flow main\n")
    assert err == "error: cannot read missing.co: no such file or directory\n"


def test_parse_of_something_else(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "latin.co").write_bytes("flow main\n  match Grüße()\n".encode("latin-1"))
    status, out, err = cli("parse", "latin.co")
    assert (status, out) == (2, "")
    assert err == (
        "error: cannot read latin.co: line 2 is not UTF-8 text; save the file as UTF-8\n"
    )
    assert cli("parse", ".")[0] == 2


# ---------------------------------------------------------------- explain


def test_explain_every_code(cli: Cli) -> None:
    codes = [*known_codes(), *migration_codes()]
    assert {"CO201", "CO402", *KINDS, *RULES, *ALPHA_RULES} <= {entry.code for entry in codes}
    for entry in codes:
        assert entry.summary and all(family_of(entry.code))
    listed = re.findall(r"^  (CO\d{3}|M\d{3})  ", cli("explain")[1], re.MULTILINE)
    assert listed == [entry.code for entry in codes]


@pytest.mark.parametrize("code", sorted(KINDS))
def test_explain_what_a_migration_tells(cli: Cli, code: str) -> None:
    kind = KINDS[code]
    status, out, _ = cli("explain", code.lower())
    head, _, rest = out.partition("\n\n")
    assert status == 0 and head == f"{code} ({family_of(code)[1]}): {kind.meaning}"
    assert f"What to do: {kind.advice}.\n" in rest


def test_explain_a_rewrite(cli: Cli) -> None:
    _, out, _ = cli("explain", "M001")
    assert out.startswith("M001 (migration: rewrites): `stop` ends a turn in 1.0;")
    assert "-  stop  # for good\n" in out and "+  abort  # for good\n" in out


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("CO999", "`colang explain` lists all codes"),
        ("CO2O1", "did you mean `CO201`?"),
        ("c0201", "did you mean `CO201`?"),
        ("M2013", "did you mean `M213`?"),
        ("MO28", "did you mean `M028`?"),
        ("M999", "`colang explain` lists all codes"),
        ("X1", "`colang explain` lists all codes"),
    ],
)
def test_explain_a_code_that_is_not_there(cli: Cli, code: str, advice: str) -> None:
    assert cli("explain", code) == (2, "", f"error: nothing has the code `{code}`; {advice}\n")


def test_explain_one_code(cli: Cli) -> None:
    status, out, _ = cli("explain", "co402")
    assert status == 0 and out.startswith("CO402 (configuration and rails): ")
    (entry,) = json.loads(cli("explain", "CO402", "--json")[1])
    assert entry["code"] == "CO402" and entry["summary"] in out
