"""`colang migrate verify OLD NEW`, and `colang migrate --verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colang.cli import main
from migration import CORPUS, files_below, lay_out

OLD = {
    "config.yml": "models:\n  - type: main\n    engine: openai\n    model: x\n",
    "a.co": 'define user ask\n  "how much"\n\ndefine bot tell\n  "Ten."\n\ndefine flow\n  user ask\n  bot tell\n',
}
LATE = OLD["a.co"].replace(
    "  bot tell\n", "  if $secret\n    bot tell\n"
)  # the model goes on, or not


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "old", OLD)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert isinstance(end.value.code, int)
    return end.value.code


def migrated(old: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    new = old.parent / "new"
    assert run("migrate", str(old), "--output", str(new)) == 0
    capsys.readouterr()
    return new


def test_a_proof(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = migrated(old, capsys)
    assert run("migrate", "verify", str(old), str(new)) == 0
    out, err = capsys.readouterr()
    assert out == "5 conversations: 5 equal; 1 of 1 flow covered.\n"
    assert err == ""


def test_a_difference(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = migrated(old, capsys)
    (new / "a.co").write_text((new / "a.co").read_text().replace("Ten.", "Nine."))
    assert run("migrate", "verify", str(old), str(new)) == 1
    out = capsys.readouterr().out
    assert out.startswith("M902 flow `anonymous-")
    assert "    old:  'Ten.'\n" in out
    assert "    new:  'Nine.'\n" in out
    assert run("migrate", "verify", "--json", str(old), str(new)) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["old"] == str(old)
    assert data["differences"][0]["old"][-1]["said"] == ["Ten."]


def test_scenarios_of_the_folders_are_held(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = migrated(old, capsys)
    text = "title: hm\nconversations:\n  - turns:\n      - {user: how much, bot: [Ten.]}\n"
    (old / "scenario.yaml").write_text(text)
    assert run("migrate", "verify", "--limit", "0", str(old), str(new)) == 0
    assert "1 conversation: 1 equal; 1 of 1 flow covered." in capsys.readouterr().out
    elsewhere = old.parent / "more.yaml"
    elsewhere.write_text(text.replace("title: hm", "title: other"))
    words = ("--limit", "0", "--scenario", str(elsewhere), "--scenario", str(elsewhere))
    assert run("migrate", "verify", *words, str(old), str(new)) == 0
    assert "2 conversations: 2 equal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "{old}"), "error: cannot read nowhere"),
        (("{old}", "{old}/a.txt"), "error: cannot read"),
        (("{old}", "{broken}"), "error: {broken} cannot run: it has errors"),
        (("{old}", "{old}", "--scenario", "no.yaml"), "error: cannot read no.yaml: no such file"),
        (("{old}", "{old}", "--scenario", "{broken}/main.co"), "has errors"),
        (("{old}",), "Missing argument"),
    ],
)
def test_what_keeps_it_from_being_done(
    words: tuple[str, ...], message: str, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = lay_out(old.parent / "broken", {"main.co": "flow main\n  await (\n"})
    places = {"old": str(old), "broken": str(broken)}
    assert run("migrate", "verify", *(word.format(**places) for word in words)) == 2
    err = capsys.readouterr().err
    assert message.format(**places) in err
    assert "Traceback" not in err


def test_errors_of_a_bot_are_shown_where_they_are(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = lay_out(old.parent / "broken", {"main.co": "flow main\n  await (\n"})
    assert run("migrate", "verify", str(old), str(broken)) == 2
    assert "main.co:2:" in capsys.readouterr().err


def test_alpha_is_held_to_its_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    case = CORPUS / "32-radio-alpha"
    assert run("migrate", "verify", str(case / "before"), str(case / "after")) == 0
    out = capsys.readouterr().out
    assert "Note: nothing runs Colang 2.0-alpha any more" in out
    assert "1 conversation of" in out


# ---------------------------------------------------------------- while migrating


def test_verify_while_migrating(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate", "--verify", "--write", str(old)) == 0
    assert "5 conversations: 5 equal" in capsys.readouterr().err
    assert (old / "main.co").exists()
    assert run("migrate", "--verify", "--write", str(old)) == 0
    assert "nothing to migrate" in capsys.readouterr().err


def test_on_a_difference_nothing_is_written(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(old, {"a.co": LATE})
    before = files_below(old)
    assert run("migrate", "--verify", "--write", str(old)) == 3
    err = capsys.readouterr().err
    assert "1.0 lets the model go on, the new bot says nothing" in err
    assert "M902" in err
    assert "nothing was written" in err
    assert files_below(old) == before


def test_unless_it_is_forced(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(old, {"a.co": LATE})
    assert run("migrate", "--verify", "--force", "--write", str(old)) == 3
    assert (old / "main.co").exists()
    assert "written" in capsys.readouterr().err


def test_the_report_has_the_differences(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(old, {"a.co": LATE})
    assert run("migrate", "--verify", "--report", "json", str(old)) == 3
    (report,) = json.loads(capsys.readouterr().out)
    assert {"M902", "M213"} <= {each["rule"] for each in report["findings"]}
    assert report["refused"]


def test_a_scenario_while_migrating(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "title: mine\nconversations:\n  - turns:\n      - {user: how much, bot: [Ten.]}\n"
    scenario = old.parent / "mine.yaml"
    scenario.write_text(text)
    assert run("migrate", "--verify", "--scenario", str(scenario), str(old)) == 0
    assert "6 conversations: 6 equal" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--force",), ("--scenario", "x.yaml")])
def test_options_that_need_verify(
    words: tuple[str, ...], old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("migrate", *words, str(old)) == 2
    assert "belong to --verify" in capsys.readouterr().err
