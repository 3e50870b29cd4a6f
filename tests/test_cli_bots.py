"""`colang chat`, `colang run` and `colang test`: programs that run in the terminal."""

from __future__ import annotations

import io
import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from colang.cli import CliError
from colang.cli.chat import read_line
from fixtures.commands import Cli, command_line

V2 = 'colang_version: "2.x"\n'
PARROT = """\
import core

flow main
  activate parrot
  activate waver
  activate sleeper
  wait indefinitely

flow parrot
  user said something as $said
  print "heard {$said.transcript}"
  log "logged"
  bot say "You said {$said.transcript}"

flow waver
  match Ping() as $ping
  send Pong(n=$ping.n)

flow sleeper
  match Sleep()
  await TimerBotAction(timer_name="t", duration=5.0)
  bot say "Awake!"
"""
BROKEN = "flow main\n  match Ping(\n"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot/config.yml").write_text(V2)
    (tmp_path / "bot/main.co").write_text(PARROT)
    return command_line(capsys, tmp_path, monkeypatch)


# ---------------------------------------------------------------- chat


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("hello [bold]", "hello [bold]"),
        ("//etc", "/etc"),
        ("/Ping", {"type": "Ping"}),
        ("/Ping(n=-1, text='a, b', more={'x': [None]})",
         {"type": "Ping", "n": -1, "text": "a, b", "more": {"x": [None]}}),
        ("/wait 2.5", 2.5),
    ],
)  # fmt: skip
def test_lines(line: str, meant: object) -> None:
    assert read_line(line) == meant


@pytest.mark.parametrize(
    "line",
    ["/", "/wait", "/wait -1", "/wait nan", "/Ping(1)", "/Ping(n=f())", "/a.b()", "/Ping(", "/1"],
)
def test_lines_that_are_nothing(line: str) -> None:
    with pytest.raises(CliError, match=re.escape(f"`{line}`")):
        read_line(line)


def test_a_script(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("# comment\nhello\n\n/Ping(n=1)\n/Sleep()\n/wait 4\n/wait 2\n")
    status, out, err = cli("chat", "bot", "--script", "s.txt")
    assert (status, err) == (0, "")
    assert out == (
        "> hello\nheard hello\nYou said hello\n"
        "> /Ping(n=1)\n[Pong(n=1)]\n"
        "> /Sleep()\n> /wait 4\n> /wait 2\nAwake!\n"
    )


V1_RAIL = """\
define bot greet
  "Hello there."

define flow greeting
  user express greeting
  bot greet

define user express greeting
  "hello"

define subflow look
  $fine = execute look(text=$bot_message)
  if not $fine
    stop
"""
LOOK = (
    "from colang_interpreter import action\n\n"
    "@action()\ndef look(text: str) -> bool:\n    return 'bad' not in text\n"
)
V1_SETTINGS = "models: []\nrails: {output: {flows: [look], streaming: {enabled: true}}}\n"


def test_a_script_that_is_streamed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("# comment\nhello\n/wait 4\n/Ping(n=1)\nbye\n")
    status, out, err = cli("chat", "bot", "--streaming", "--script", "s.txt")
    assert (status, err) == (0, "")
    assert out == "> hello\nYou said hello\n> /wait 4\n> /Ping(n=1)\n> bye\nYou said bye\n"


def test_a_rail_ends_what_is_streamed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bot/config.yml").write_text(V1_SETTINGS)
    (tmp_path / "bot/main.co").write_text(V1_RAIL)
    (tmp_path / "bot/actions.py").write_text(LOOK)
    assert cli("chat", "bot", "--streaming", stdin="hello\n")[1] == "> hello\nHello there.\n"
    bad = V1_RAIL.replace("Hello there.", "Hello, bad one.")
    (tmp_path / "bot/main.co").write_text(bad)
    status, out, _ = cli("chat", "bot", "--streaming", stdin="hello\n")
    assert (status, out) == (
        0,
        "> hello\nHello, bad one.\nStreaming error: Blocked by look rails.\n",
    )


@pytest.mark.parametrize("more", [["--trace"], ["--seed", "1"], ["--script", "s.yaml"]])
def test_what_cannot_be_streamed(cli: Cli, more: list[str]) -> None:
    status, _, err = cli("chat", "bot", "--streaming", *more)
    assert status == 2
    assert "--streaming goes with words and events only" in err


def test_a_script_with_trace(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("/Ping(n=1)\n")
    _, out, _ = cli("chat", "bot", "--script", "s.txt", "--trace")
    assert "\n  Ping(n=1)\n    -> Pong(n=1)\n" in out


def test_a_wrong_line_of_a_script_has_a_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("hello\n/Ping(\n")
    status, _, err = cli("chat", "bot", "--script", "s.txt")
    assert status == 2 and err.startswith("error: s.txt:2: `/Ping(` is no event")


SCENARIO = """\
title: a parrot
conversations:
  - title: echo
    turns:
      - {user: hi, bot: ["You said hi"]}
      - event: {type: Ping, n: 2}
        events: [{type: Pong, n: 2}]
  - title: patience
    turns:
      - event: {type: Sleep}
      - wait: 5
        bot: ["Awake!"]
"""


def test_a_scenario_as_script(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    status, out, err = cli("chat", "bot", "--script", "s.yaml")
    assert (status, err) == (0, "")
    assert out == (
        "-- echo\n> hi\nYou said hi\n> /Ping(n=2)\n[Pong(n=2)]\n"
        "\n-- patience\n> /Sleep()\n> /wait 5\nAwake!\n"
    )
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("You said hi", "Hello"))
    status, out, err = cli("chat", "bot", "--script", "s.yaml")
    assert status == 1
    assert "> hi\nYou said hi\n" in out
    assert "The conversation went otherwise than expected." in err and "'Hello'" in err


def test_a_conversation_through_a_pipe(cli: Cli) -> None:
    status, out, err = cli("chat", "bot", stdin="hello\n/Ping(n=1)\n/bad(\nlast line")
    assert status == 0
    assert out == (
        "> hello\nheard hello\nYou said hello\n> /Ping(n=1)\n[Pong(n=1)]\n> /bad(\n"
        "> last line\nheard last line\nYou said last line\n"
    )
    assert err.startswith("error: `/bad(` is no event")


def test_a_program_with_errors_does_not_start(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bot/main.co").write_text(BROKEN)
    for command in (["chat", "bot"], ["run", "bot"]):
        status, out, err = cli(*command)
        assert (status, out) == (1, "")
        assert "error[CO1" in err and "the program cannot run" in err


def test_actions_of_the_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bot/main.co").write_text(
        "import core\n\nflow main\n  user said something\n"
        "  $sum = await AddAction(a=1, b=2)\n  $twice = await DoubleAction(n=$sum)\n"
        '  bot say "{$twice}"\n  match Never()\n'
    )
    (tmp_path / "bot/actions.py").write_text(
        "from colang_interpreter import action\n\n"
        '@action(name="AddAction")\ndef add(a, b):\n    return a + b\n'
    )
    (tmp_path / "bot/config.py").write_text(
        'def init(app):\n    app.register_action(lambda n: 2 * n, "DoubleAction")\n'
    )
    assert cli("chat", "bot", stdin="go\n")[1] == "> go\n6\n"
    (tmp_path / "bot/actions.py").write_text("import nothing_of_this_name\n")
    status, _, err = cli("chat", "bot", stdin="go\n")
    assert status == 2
    assert err.startswith("error: ") and "actions.py:1: ModuleNotFoundError" in err


def test_reload(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files change between two messages: first to a mistake, then to another program."""
    main_co = tmp_path / "bot/main.co"
    texts = iter([BROKEN, PARROT.replace("You said", "I heard"), "", ""])
    read = io.TextIOWrapper.readline

    class Typing(io.TextIOWrapper):
        """Saves a file before each line but the first."""

        lines = 0

        def readline(self, *args: int) -> str:  # type: ignore[override]
            if self.lines in (1, 2):
                main_co.write_text(next(texts))
                os.utime(main_co, ns=(self.lines, self.lines))
            self.lines += 1
            return read(self, *args)

    typed = Typing(io.BytesIO(b"one\ntwo\nthree\n"))
    monkeypatch.setattr(io, "TextIOWrapper", lambda raw: typed)
    status, out, err = cli("chat", "bot")
    assert status == 0
    said = [line for line in out.splitlines() if not line.startswith("heard")]
    assert said == ["> one", "You said one", "> two", "You said two", "> three", "I heard three"]
    assert "error[CO1" in err
    assert "the conversation goes on with the program as it was" in err
    assert "here begins a new conversation" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize(
    ("key", "status"), [(b"\x04", 0), (b"\x03", 130)], ids=["Ctrl-D", "Ctrl-C"]
)
def test_a_person_at_a_terminal(key: bytes, status: int, cli: Cli, tmp_path: Path) -> None:
    """A line is typed at the prompt, then the key; the terminal is as before in the end."""
    import pty
    import termios

    own, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    # Ctrl-C is ignored by children of a job in the background of a shell, which the tests may be.
    script = (
        "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from colang.cli import main; main(['--color', 'never', 'chat', 'bot'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    shown = read_until(own, b"> ")
    os.write(own, b"hello\n")
    shown += read_until(own, b"You said hello\r\n> ")
    for _ in range(
        20
    ):  # a key between the prompt and the reading of it may be lost: one presses it again
        os.write(own, key)
        if select.select([own], [], [], 3)[0]:
            break
    shown += read_until(own, b"\n")
    assert process.wait(timeout=30) == status
    assert b"Traceback" not in shown and shown.endswith(b"\r\n")
    assert termios.tcgetattr(theirs) == before
    os.close(own)
    os.close(theirs)


def read_until(terminal: int, end: bytes) -> bytes:
    """Read what a process shows on a terminal, until it has shown `end`."""
    shown = b""
    while not shown.endswith(end):
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"only {shown!r} was shown"
        shown += os.read(terminal, 4096)
    return shown


# ---------------------------------------------------------------- run

EVENTS = '{"type": "Ping", "n": [1]}\n\n[{"type": "Ping", "n": 2}, {"type": "Ping", "n": 3}]\n'
FIXED = ("--now", "2030-01-31T12:00:00Z")


def test_run(cli: Cli) -> None:
    status, out, err = cli("run", "bot", *FIXED, stdin=EVENTS)
    assert (status, err) == (0, "")
    sent = [json.loads(line) for line in out.splitlines()]
    assert [(event["type"], event["n"]) for event in sent] == [
        ("Pong", [1]),
        ("Pong", 2),
        ("Pong", 3),
    ]
    assert cli("run", "bot", *FIXED, stdin=EVENTS)[1] == out, "same seed, same time, same events"
    assert cli("run", "bot", *FIXED, "--seed", "1", stdin=EVENTS)[1] != out


def test_run_tells_what_flows_print(cli: Cli, tmp_path: Path) -> None:
    event = '{"type": "UtteranceUserActionFinished", "final_transcript": "hi"}\n'
    (tmp_path / "e.jsonl").write_text(event)
    status, out, err = cli("run", "bot", "--events", "e.jsonl")
    assert status == 0
    assert err == "print: heard hi\nlog: logged\n"
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["StartUtteranceBotAction"]


TELLER = """\
import core
import llm
import guardrails

flow output rails $output_text
  $fine = await LookAction(text=$output_text)
  if not $fine
    abort

flow main
  activate telling
  wait indefinitely

flow telling
  user said something
  $told = ..."A story."
  bot say $told
"""
TELLER_V1 = """\
define subflow look
  $fine = execute look(text=$bot_message)
  if not $fine
    stop
"""
WINDOWS = "{enabled: true, chunk_size: 2, context_size: 1, stream_first: false}"


def lay_teller(tmp_path: Path, dialect: str, streaming: str = WINDOWS) -> None:
    """A bot that says what its model writes, as far as an output rail lets it, and the answers of a model."""
    output = f"streaming: {streaming}" + (", flows: [look]" if dialect == "1.0" else "")
    settings = (
        f'colang_version: "{dialect}"\nmodels: [{{type: main, engine: openai, model: m}}]\n'
        f"rails: {{output: {{{output}}}}}\n"
    )
    (tmp_path / "bot/config.yml").write_text(settings)
    (tmp_path / "bot/main.co").write_text(TELLER_V1 if dialect == "1.0" else TELLER)
    name = "look" if dialect == "1.0" else "LookAction"
    (tmp_path / "bot/actions.py").write_text(LOOK.replace("@action()", f'@action(name="{name}")'))
    answers = ["one bad three", "one two three"]
    quote = str if dialect == "1.0" else json.dumps
    lines = [json.dumps(quote(each)) for each in answers]
    (tmp_path / "bot/answers.jsonl").write_text("\n".join(lines) + "\n")


HEARD = '{"type": "UtteranceUserActionFinished", "final_transcript": "go on"}\n'


@pytest.mark.parametrize("dialect", ["1.0", "2.x"])
def test_run_in_pieces(cli: Cli, tmp_path: Path, dialect: str) -> None:
    lay_teller(tmp_path, dialect)
    words = ("run", "bot", "--streaming", "--script", "bot/answers.jsonl", *FIXED)
    status, out, err = cli(*words, stdin=HEARD * 2)
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and "note:" not in err
    error, *rest = lines
    assert error.keys() == {"error"} and error["error"]["code"] == "content_blocked"
    chunks = [line for line in rest if "chunk" in line]
    events = rest[len(chunks) :]
    assert chunks == [{"chunk": "one "}, {"chunk": "two "}, {"chunk": "three"}]
    said = [event["script"] for event in events if event["type"] == "StartUtteranceBotAction"]
    assert said == ["one two three"] and "bad" not in out
    assert cli(*words, stdin=HEARD * 2)[1] == out, "same seed, same time, same events"


@pytest.mark.parametrize("dialect", ["1.0", "2.x"])
def test_run_with_a_scripted_model(cli: Cli, tmp_path: Path, dialect: str) -> None:
    lay_teller(tmp_path, dialect)
    words = ("run", "bot", "--script", "bot/answers.jsonl", "--record", "log.jsonl")
    status, out, _ = cli(*words, stdin=HEARD)
    said = [json.loads(line).get("script") for line in out.splitlines()]
    assert status == 0 and "one bad three" not in said
    status, _, err = cli("run", "bot", "--replay", "log.jsonl")
    assert (status, err) == (0, "The replay is identical.\n")


def test_run_where_rails_see_only_whole_messages(cli: Cli, tmp_path: Path) -> None:
    words = ("run", "bot", "--streaming", "--script", "bot/answers.jsonl")
    lay_teller(tmp_path, "1.0", "{enabled: false}")
    status, out, err = cli(*words, stdin=HEARD)
    assert (status, out) == (2, "")
    assert "set `rails.output.streaming.enabled: true`" in err
    lay_teller(tmp_path, "2.x", "{enabled: false}")
    (tmp_path / "bot/answers.jsonl").write_text(json.dumps('"one two three"'))
    status, out, _ = cli(*words, stdin=HEARD)
    assert status == 0 and out.splitlines()[0] == '{"chunk": "one two three"}'


def test_record_and_replay(cli: Cli, tmp_path: Path) -> None:
    _, out, _ = cli("run", "bot", "--record", "log.jsonl", stdin=EVENTS)
    status, again, err = cli("run", "bot", "--replay", "log.jsonl")
    assert (status, again, err) == (0, out, "The replay is identical.\n")
    log = (tmp_path / "log.jsonl").read_text()
    changed = re.sub(r'("type": "Pong".*?"n": )3', r"\g<1>99", log)
    assert changed != log
    (tmp_path / "log.jsonl").write_text(changed)
    status, _, err = cli("run", "bot", "--replay", "log.jsonl")
    assert status == 1 and "the program does something else now" in err
    (tmp_path / "bot/main.co").write_text(PARROT + "  # another program\n  pass\n")
    status, _, err = cli("run", "bot", "--replay", "log.jsonl")
    assert status == 2 and err.startswith("error: log.jsonl: line 1: the log was made with program")


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        ([], "{\n", "<stdin>:1: this is no JSON: "),
        ([], '\n{"n": 1}\n', '<stdin>:2: an event is an object with a text under "type"\n'),
        ([], "3\n", '<stdin>:1: an event is an object with a text under "type"\n'),
        (["--now", "soon"], "", "--now: `soon` is no time such as 2030-01-31T12:00:00Z\n"),
        (["--events", "no.jsonl"], "", "cannot read no.jsonl: no such file or directory\n"),
        (["--record", "no/log"], "", "cannot write no/log: no such file or directory\n"),
        (["--replay", "bot/main.co"], "", "bot/main.co: line 1: not JSON"),
        (["--script", "no.jsonl"], "", "cannot read no.jsonl: no such file or directory\n"),
        (["--script", "bot/main.co"], "", "bot/main.co:1: this is no JSON: "),
        (["--script", "a.jsonl"], "", 'a.jsonl:2: an answer of the model is a JSON text, as in "Hello."\n'),
        (["--script", "-"], "", "--script and --events cannot both be standard input\n"),
        (["--streaming", "--record", "log"], "", "--streaming cannot be recorded: "),
        (["--streaming", "--replay", "log"], "", "--replay asks no model: it goes with none of "),
        (["--streaming"], "{}\n", '<stdin>:1: an event is an object with a text under "type"\n'),
    ],
)  # fmt: skip
def test_run_on_bad_input(
    cli: Cli, tmp_path: Path, words: list[str], stdin: str, message: str
) -> None:
    (tmp_path / "a.jsonl").write_text('"one"\n["two"]\n')
    status, out, err = cli("run", "bot", *words, stdin=stdin)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {message}")


# ---------------------------------------------------------------- test


def test_scenarios(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bot/scenario.yaml").write_text(SCENARIO)
    assert cli("test") == (0, "ok     bot/scenario.yaml\n", "1 passed, 0 failed\n")
    _, out, _ = cli("test", "bot", "--verbose")
    assert "> hi\nYou said hi\n" in out
    (tmp_path / "bot/tests").mkdir()
    (tmp_path / "bot/tests/more.scenario.yaml").write_text(SCENARIO.replace("Awake", "Asleep"))
    status, out, err = cli("test", "bot")
    assert (status, err) == (1, "1 passed, 1 failed\n")
    assert "FAILED bot/tests/more.scenario.yaml\nbot/tests/more.scenario.yaml:11: " in out
    results = [json.loads(line) for line in cli("test", "bot", "--json")[1].splitlines()]
    assert [(r["scenario"], r["program"], r["passed"]) for r in results] == [
        ("bot/scenario.yaml", "bot", True),
        ("bot/tests/more.scenario.yaml", "bot", False),
    ]


def test_both_sides_of_a_migration(cli: Cli, tmp_path: Path) -> None:
    case = tmp_path / "case"
    for side in ("before", "after"):
        (case / side).mkdir(parents=True)
        (case / side / "config.yml").write_text(V2)
        (case / side / "main.co").write_text(PARROT.replace("You", side.title()))
    (case / "scenario.yaml").write_text(
        "title: sides\nconversations:\n  - turns:\n      - user: hi\n"
        '        before: {bot: ["Before said hi"]}\n        after: {bot: ["After said hi"]}\n'
    )
    status, out, _ = cli("test", "case")
    assert status == 0
    assert out == "ok     case/scenario.yaml (before)\nok     case/scenario.yaml (after)\n"


def test_scenarios_that_cannot_be_played(cli: Cli, tmp_path: Path) -> None:
    assert cli("test", "bot")[0] == 2
    assert cli("test", "nowhere")[2] == "error: cannot read nowhere: no such file or folder\n"
    (tmp_path / "bot/scenario.yaml").write_text("title: x\nconversation: []\n")
    status, out, err = cli("test", "bot")
    assert status == 1
    assert out == "FAILED bot/scenario.yaml\n  the scenario has errors\n"
    assert "did you mean `conversations`?" in err
    (tmp_path / "bot/scenario.yaml").write_text(SCENARIO)
    (tmp_path / "bot/main.co").write_text(BROKEN)
    status, out, err = cli("test", "bot")
    assert status == 1
    assert out == "FAILED bot/scenario.yaml\n  the program bot has errors\n"
    assert "error[CO1" in err
