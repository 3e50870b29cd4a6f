"""Projects: folders, texts, imports, dialects, and bad content of every kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import colang
from colang.project import Project, ProjectError
from colang.project.loader import MAX_FILE_BYTES
from colang.project.python_actions import read_actions
from colang.project.rails import parse_rail, rails_module

MAIN = "flow main\n  match Ping()\n"


def codes(project: Project) -> list[tuple[str | None, str]]:
    return [(finding.path, finding.code) for finding in project.diagnostics]


def names(project: Project) -> list[str]:
    return [file.path for file in project.files]


def write(folder: Path, **texts: str | bytes) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", ".").replace("_S_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


# ---------------------------------------------------------------- what a folder holds


def test_a_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__co="import core\n" + MAIN,
        sub_S_helper__co="flow helper\n  pass\n",
        config__yml="colang_version: 2.x\n",
        kb_S_facts__md="# Facts\n",
        kb_S_ignored__co="not colang",
        kbx_S_more__co="flow more\n  pass\n",
        actions__py="@action()\ndef a(x): ...\n",
        actions_S_more__py="@action\ndef b(): ...\n",
        notes__txt="x",
    )
    project = Project.load(tmp_path)
    here = str(tmp_path)
    own = [f"{here}/{name}" for name in ("kbx/more.co", "main.co", "sub/helper.co")]
    assert names(project) == ["<library>/core.co", *own]
    assert [file.name for file in project.own_files] == ["kbx/more.co", "main.co", "sub/helper.co"]
    assert project.files[0].is_library
    assert list(project.flows)[-3:] == ["more", "main", "helper"]
    assert project.flow_files["helper"].name == "sub/helper.co"
    assert [(d.path, d.content) for d in project.documents] == [
        (f"{here}/kb/facts.md", "# Facts\n")
    ]
    assert set(project.python.actions) == {"a", "b"}
    assert project.root == here
    assert colang.check(project) == []


def test_the_folder_of_documents_is_a_setting(tmp_path: Path) -> None:
    settings = "colang_version: 2.x\nknowledge_base: {folder: docs}\n"
    write(tmp_path, main__co=MAIN, config__yml=settings, docs_S_a__md="a", kb_S_b__md="b")
    assert [d.content for d in Project.load(tmp_path).documents] == ["a"]


def test_scenarios_are_no_settings(tmp_path: Path) -> None:
    write(tmp_path, main__co=MAIN, config__yml="colang_version: 2.x\n")
    for name in ("scenario.yaml", "shop.scenario.yml"):
        (tmp_path / name).write_text("title: a test\nconversations: []\n", encoding="utf-8")
    project = Project.load(tmp_path)
    assert not project.diagnostics
    assert project.settings.get("title") is None


def test_railsignore_matches_base_names_here_or_above(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__co=MAIN,
        sub_S_old__co="define flow x\n  bot y\n",
        sub_S_new__co="flow n\n  pass\n",
    )
    (tmp_path / ".railsignore").write_text("# old files\nold.*\n", encoding="utf-8")
    project = Project.load(tmp_path)
    assert project.ignored == ("sub/old.co",)
    assert codes(project) == []
    assert Project.load(tmp_path / "sub").ignored == ("old.co",)


def test_one_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        main__co='import "lib/helper"\n' + MAIN,
        lib_S_helper__co="flow helper\n  pass\n",
        x__co="bad",
    )
    project = Project.load(tmp_path / "main.co")
    assert names(project) == [f"{tmp_path}/lib/helper.co", f"{tmp_path}/main.co"]
    write(tmp_path, only__yml="colang_version: 2.x\n")
    assert Project.load(tmp_path / "only.yml").files == ()


def test_one_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, main__co=MAIN)
    monkeypatch.chdir(tmp_path)
    assert names(Project.load("main.co")) == ["main.co"]
    assert names(Project.load(".")) == ["./main.co"]


@pytest.mark.parametrize("name", ["missing", "notes.txt"])
def test_api_misuse_raises_one_clear_error(tmp_path: Path, name: str) -> None:
    write(tmp_path, notes__txt="x")
    with pytest.raises(ProjectError) as raised:
        Project.load(tmp_path / name)
    assert raised.value.diagnostic.path == str(tmp_path / name)


# ---------------------------------------------------------------- imports


def test_imported_files_come_first_each_once() -> None:
    project = Project.from_texts(
        {
            "z.co": "import b\n" + MAIN,
            "lib/x.co": "flow x\n  pass\n",
            "b.co": 'import "lib/x"\nimport z\nflow b\n  pass\n',
        },
        version="2.x",
    )
    assert names(project) == ["b.co", "lib/x.co", "z.co"]  # all are own files, and sorted
    assert codes(project) == []


def test_imports_are_transitive(tmp_path: Path) -> None:
    write(
        tmp_path,
        lib_S_a__co="import b\nflow a\n  pass\n",
        lib_S_b__co="import a\nimport core\nflow b\n  pass\n",
        lib_S_pack_S_c__co="flow c\n  pass\n",
        lib_S_pack_S_config__yml="lowest_temperature: 0.5\n",
        lib_S_pack_S_actions__py="@action()\ndef act(): ...\n",
    )
    text = "import a\nimport pack\nimport b\n" + MAIN
    project = Project.load({"main.co": text}, import_paths=[tmp_path / "lib"], version="2.x")
    lib = f"{tmp_path}/lib"
    assert names(project) == [
        "<library>/core.co",
        f"{lib}/b.co",
        f"{lib}/a.co",
        f"{lib}/pack/c.co",
        "main.co",
    ]
    assert project.settings.get("lowest_temperature") == 0.5
    assert "act" in project.python.actions
    assert project.imported_paths["pack"] == f"{lib}/pack"


def test_a_long_chain_of_imports() -> None:
    texts = {f"m{n}.co": f"import m{n + 1}\nflow f{n}\n  pass\n" for n in range(2000)}
    texts["m2000.co"] = MAIN
    assert len(Project.from_texts(texts, version="2.x").files) == 2001


def test_an_own_file_does_not_hide_a_library_module() -> None:
    texts = {"main.co": "import core\n" + MAIN, "core.co": "flow own\n  pass\n"}
    project = Project.from_texts(texts, version="2.x")
    assert names(project) == ["<library>/core.co", "core.co", "main.co"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("import corre", "CO209"),
        ("import does.not.exist", "CO209"),
        ('import "../outside"', "CO210"),
        ('import "sub/../../outside"', "CO210"),
        ('import "/etc/passwd"', "CO210"),
    ],
)
def test_imports_that_lead_nowhere(tmp_path: Path, statement: str, code: str) -> None:
    write(tmp_path, outside__co="flow outside\n  pass\n", bot_S_main__co=statement + "\n" + MAIN)
    project = Project.load(tmp_path / "bot")
    assert codes(project) == [(f"{tmp_path}/bot/main.co", code)]
    if "corre" in statement:
        assert project.diagnostics[0].help == "did you mean `core`?"


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, secret_S_s__co="flow s\n  pass\n", bot_S_main__co='import "link/s"\n' + MAIN)
    bot = tmp_path / "bot"
    os.symlink(tmp_path / "secret", bot / "link")
    os.symlink(tmp_path / "secret" / "s.co", bot / "one.co")
    os.symlink(bot, bot / "round")
    project = Project.load(bot)
    assert names(project) == [f"{bot}/main.co"]
    assert codes(project) == [
        (f"{bot}/link", "CO420"),
        (f"{bot}/main.co", "CO209"),
        (f"{bot}/one.co", "CO420"),
    ]
    given = Project.load(bot, import_paths=[tmp_path / "secret"])
    assert "s" in given.flows


def test_import_paths_of_the_settings() -> None:
    texts = {"main.co": MAIN, "config.yml": "colang_version: 2.x\nimport_paths: [core, nowhere]\n"}
    project = Project.from_texts(texts)
    assert names(project) == ["<library>/core.co", "main.co"]
    assert codes(project) == [("config.yml", "CO209")]


# ---------------------------------------------------------------- dialects


def test_the_dialect_is_set_or_read_off_the_files() -> None:
    old, new = "define flow x\n  user a\n  bot b\n", MAIN
    assert Project.from_texts({"a.co": old}).version == "1.0"
    assert Project.from_texts({"a.co": new}).version == "2.x"
    assert Project.from_texts({"a.co": "", "b.co": "# nothing\n"}).version == "1.0"
    assert Project.from_texts({"a.co": "", "c.yml": "colang_version: 2.x\n"}).version == "2.x"
    assert Project.from_texts({"a.co": "", "c.yml": "colang_version: 1.0\n"}).version == "1.0"


def test_a_file_in_the_other_dialect_is_an_error() -> None:
    texts = {
        "a.co": "# old\ndefine flow x\n  bot y\n",
        "b.co": MAIN,
        "c.yml": "colang_version: 2.x\n",
    }
    project = Project.from_texts(texts)
    (finding,) = project.diagnostics
    assert (finding.path, finding.code, finding.severity.value) == ("a.co", "CO601", "error")
    assert project.sources["a.co"].position(finding.span.start).line == 2
    assert names(project) == ["b.co"]
    other = Project.from_texts({**texts, "c.yml": 'colang_version: "1.0"\n'})
    assert codes(other) == [("b.co", "CO601")]


def test_no_version_in_the_settings_of_a_new_project() -> None:
    project = Project.from_texts({"a.co": MAIN, "config.yml": "models: []\n"})
    assert codes(project) == [("config.yml", "CO602")]


def test_both_dialects_and_no_setting() -> None:
    texts = {"a.co": "define flow x\n  bot y\n", "b.co": MAIN, "c.co": "flow c\n  pass\n"}
    project = Project.from_texts(texts)
    assert project.version == "2.x"
    assert codes(project) == [("a.co", "CO601"), ("the project", "CO603")]


def test_an_unknown_version() -> None:
    project = Project.from_texts({"a.co": MAIN, "c.yml": "colang_version: '3.0'\n"})
    assert codes(project) == [("c.yml", "CO414")]


# ---------------------------------------------------------------- bad content


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__co="flow café\n  pass\n".encode("latin-1"),
        b__co=b"flow b\n  pass\0\n",
        c__co=MAIN.encode("utf-16"),
        d__co=b"\xef\xbb\xbf" + MAIN.encode(),
        e__co=b"#" * (MAX_FILE_BYTES + 1),
    )
    project = Project.load(tmp_path, version="2.x")
    assert [code for _, code in codes(project)] == ["CO417", "CO417", "CO417", "CO418"]
    assert "main" in project.flows
    (first, *_) = project.diagnostics
    assert project.sources[str(tmp_path / "a.co")].position(first.span.start) == (1, 9)


def test_an_unreadable_file(tmp_path: Path) -> None:
    write(tmp_path, main__co=MAIN)
    os.mkfifo(tmp_path / "pipe.co")  # not a file, and reading it would wait for ever
    os.symlink(tmp_path / "gone.co", tmp_path / "dangling.co")
    project = Project.load(tmp_path)
    assert names(project) == [f"{tmp_path}/main.co"]


def test_an_empty_folder(tmp_path: Path) -> None:
    project = Project.load(tmp_path)
    assert codes(project) == [(str(tmp_path), "CO415")]


def test_texts_that_are_hostile() -> None:
    texts = {
        "main.co": "\ufeff" + MAIN + "flow \ud800 x\n  pass\n",
        "config.yml": "a: &a [*a]\n",
        "actions.py": "(" * 100_000,
        "../../up.co": "flow up\n  pass\n",
        "": "x",
    }
    project = Project.from_texts(texts, version="2.x")
    found = dict(codes(project))
    assert found["config.yml"] == "CO405"
    assert found["actions.py"] == "CO503"
    assert "main" in project.flows
    assert colang.check(project)


# ---------------------------------------------------------------- Python actions


def test_actions_are_read_and_not_executed() -> None:
    text = (
        "from elsewhere import action, actions\n"
        "raise SystemExit\n"
        "@action(name='é pay', is_system_action=True)\n"
        "async def pay(amount, *, currency='EUR', **more): ...\n"
        "@actions.action()\n"
        "class Weather:\n"
        "    def run(self, city): ...\n"
        "if True:\n"
        "    @action\n"
        "    def hidden(): ...\n"
        "def init(app):\n"
        "    app.register_action(pay, name='other').register_action(hidden)\n"
    )
    found, complete, problems = read_actions(text, "actions.py")
    assert (complete, problems) == (True, [])
    assert {name: info.parameters for name, info in found.items()} == {
        "é pay": ("amount", "currency"),
        "Weather": ("city",),
        "hidden": (),
        "other": ("amount", "currency"),
    }
    assert found["é pay"].open_parameters and not found["Weather"].open_parameters
    assert text[slice(*found["Weather"].span)] == "Weather"


def test_python_that_does_not_parse() -> None:
    text = "x = 1\n\ndef f(:\n"
    found, complete, (finding,) = read_actions(text, "actions.py")
    assert (found, complete, finding.code) == ({}, False, "CO503")
    assert text[: finding.span.start].count("\n") == 2


# ---------------------------------------------------------------- rails of the settings


@pytest.mark.parametrize(
    ("entry", "statement"),
    [
        ("check words", "await check words"),
        ("  check   words ", "await check words"),
        ("check $level=strict", 'await check $level="strict"'),
        ("check(level='low', n=2)", "await check $level='low' $n=2"),
        ("check $model=a/b.c $on=True $x=$y", 'await check $model="a/b.c" $on=True $x=$y'),
        ("stop it", "await stop it"),
        ("check $x={1}", None),
        ("check and go", None),
        ("check words!", None),
        ("", None),
        ("check 'x'", None),
    ],
)
def test_rail_entries(entry: str, statement: str | None) -> None:
    call = parse_rail(entry)
    assert (call.statement if call else None) == statement


def test_rails_become_flows() -> None:
    settings = "colang_version: 2.x\nrails:\n  input: {flows: [check it $n=1]}\n  output: {flows: [look]}\n"
    text = MAIN + "flow check it $n\n  pass\n\nflow look\n  pass\n"
    project = Project.from_texts({"main.co": text, "config.yml": settings})
    assert colang.check(project) == []
    assert "run input rails" in project.flows  # the module `guardrails` is imported (Q50)
    generated = project.flow_files["input rails"]
    assert generated.is_generated
    assert generated.text.endswith("flow output rails $output_text\n  await look\n")
    assert project.flow_files["output rails"] is generated


def test_rails_in_settings_and_as_flows() -> None:
    texts = {
        "main.co": MAIN + "flow check it\n  pass\n\nflow input rails $input_text\n  check it\n",
        "config.yml": "colang_version: 2.x\nrails:\n  input: {flows: [check it, oh no!]}\n",
    }
    found = [(d.path, d.code) for d in colang.check(Project.from_texts(texts))]
    assert found == [("config.yml", "CO422"), ("config.yml", "CO421")]


def test_rails_can_be_changed() -> None:
    settings = "colang_version: 2.x\nrails: {input: {flows: [check it]}}\n"
    project = Project.from_texts({"main.co": MAIN + "flow check it\n  pass\n", "c.yml": settings})
    assert project.with_rails({"input": ["check it"]}) is project
    changed = project.with_rails({"input": [], "output": ["check it"]})
    assert "input rails" not in changed.flows
    assert "output rails" in changed.flows
    assert "input rails" in project.flows


def test_no_rails_no_module() -> None:
    assert rails_module({}) == ""
    assert rails_module({"input": []}) == ""


def test_the_library_is_parsed_once() -> None:
    first = Project.from_content("import core\n" + MAIN, version="2.x")
    second = Project.from_content("import core\nimport timing\n" + MAIN, version="2.x")
    assert first.files[0].tree is second.files[0].tree


def test_projects_can_be_joined() -> None:
    first = Project.from_content(MAIN, "colang_version: 2.x\nlowest_temperature: 0.1\n")
    second = Project.from_content(
        "flow b\n  pass\n", "colang_version: 2.x\nlowest_temperature: 0.2\n"
    )
    both = first.joined(second)
    assert sorted(both.flows) == ["b", "main"]
    assert both.settings.get("lowest_temperature") == 0.2
    assert len({file.path for file in both.files}) == 2
