"""Execution rails: what actions are given and give back, checked by decorators in both dialects."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import colang
from colang.cli import main
from colang.project.python_actions import read_actions
from colang_interpreter import (
    ActionError,
    ActionResult,
    Bot,
    ValidationError,
    action,
    compile,
    validate_input,
    validate_response,
)
from colang_interpreter.enforcement import enforced
from colang_interpreter.host.actions import Registered, meta_of
from colang_interpreter.host.loading import ActionFilesError, load_actions
from colang_interpreter.host.redacting import (
    MAX_DEPTH,
    MAX_VALUES,
    REMOVED,
    without_addresses,
    without_secrets,
)
from colang_interpreter.host.session import Reply
from colang_interpreter.tracing.jsonlines import JsonLines

# ---------------------------------------------------------------- arguments

ARGUMENTS: list[tuple[Any, tuple[str, ...], Any]] = [
    ("tea", (), "tea"),
    ("tea", ("length", "quote"), "tea"),
    ('say "hi"', ("quote",), "say%20%22hi%22"),
    ("don't", ("quote",), "don%27t"),
    ("a/b", ("quote",), "a/b"),
    ("é", ("quote",), "%C3%A9"),
    ("  ", ("length",), "  "),
    ("x" * 50, ("length",), "x" * 50),
    (5, (), 5),
    ("a" * 40 + " " * 10, ("length", "quote"), "a" * 40 + "%20" * 10),  # measured before
]
REFUSED: list[tuple[Any, tuple[str, ...], str]] = [
    ("", (), "Attribute query is empty."),
    (None, ("length",), "Attribute query is empty."),
    (0, (), "Attribute query is empty."),
    ([], ("quote",), "Attribute query is empty."),
    ("x" * 51, ("length",), "Attribute query is too long. It has 51 characters, at most 50"),
    (5, ("length",), "Attribute query is no text."),
    (["secret"], ("quote",), "Attribute query is no text."),
    (b"secret", ("length", "quote"), "Attribute query is no text."),
    ("secret \ud800", ("quote",), "Attribute query cannot be quoted"),
]


@pytest.mark.parametrize(("given", "validators", "expected"), ARGUMENTS)
def test_arguments_that_pass(given: Any, validators: tuple[str, ...], expected: Any) -> None:
    @validate_input("query", validators)
    def search(query: Any) -> Any:
        return query

    assert search(given) == search(query=given) == expected


@pytest.mark.parametrize(("given", "validators", "words"), REFUSED)
def test_arguments_that_are_refused(given: Any, validators: tuple[str, ...], words: str) -> None:
    ran: list[Any] = []

    @validate_input("query", validators)
    def search(query: Any) -> None:
        ran.append(query)

    with pytest.raises(ValueError, match=r"test_execution_rails\.py:") as caught:
        search(given)
    assert isinstance(caught.value, ValidationError)
    assert str(caught.value).startswith(words)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert ran == []


def _by_name(query: str = "", *, more: str = "m") -> str:
    return query + more


def _any(**given: str) -> str:
    return given.get("query", "") + "|"


def _first(query: str, /, other: str = "o") -> str:
    return query + other


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "expected"),
    [
        (_by_name, ("a b",), {}, "a%20bm"),
        (_by_name, (), {"query": "a b", "more": "n"}, "a%20bn"),
        (_by_name, (), {}, "empty"),  # the default counts
        (_any, (), {"query": "a b"}, "a%20b|"),
        (_any, (), {"other": "x"}, "empty"),
        (_first, ("a b",), {}, "a%20bo"),
        (_first, ("",), {"other": "x"}, "empty"),
    ],
)
def test_arguments_are_found_however_they_are_given(
    function: Callable[..., str], args: tuple[str, ...], kwargs: dict[str, str], expected: str
) -> None:
    checked = validate_input("query", ["quote"])(function)
    if expected == "empty":
        with pytest.raises(ValidationError, match="is empty"):
            checked(*args, **kwargs)
    else:
        assert checked(*args, **kwargs) == expected


# ---------------------------------------------------------------- results


class Pair(NamedTuple):
    """Two texts."""

    left: str
    right: str


@dataclass(frozen=True)
class Found:
    """What a search may give."""

    text: str
    api_key: str = ""


GITHUB = "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"
SECRETS = [
    "AKIAIOSFODNN7EXAMPLE",
    "sk-" + "a1B2" * 8,
    "sk_live_" + "a1B2" * 6,
    GITHUB,
    "github_pat_" + "a1B2" * 8,
    "glpat-" + "a1B2" * 6,
    "xoxb-1234567890-abcdef",
    "AIza" + "a1B2c" * 7,
    "hf_" + "a1B2" * 9,
    "npm_" + "a1B2" * 9,
    JWT,
    KEY,
    KEY[:50],  # cut off
]
ASSIGNED = [
    ("password=hunter2 ok", f"password={REMOVED} ok"),
    ('"api_key": "a b c", "n": 1', f'"api_key": {REMOVED}, "n": 1'),
    ("DB_PASSWORD='x y", f"DB_PASSWORD={REMOVED}"),
    ("client_secret => abc;", f"client_secret => {REMOVED};"),
    ("aws_secret_access_key = wJalr/K7", f"aws_secret_access_key = {REMOVED}"),
    ("https://kim:p@ss@example.com/a", f"https://kim:{REMOVED}@example.com/a"),
    ("Authorization: Basic a2ltOnB3", f"Authorization: Basic {REMOVED}"),
    ("send Bearer abcdefghijklmnopqrstuvwxyz", f"send Bearer {REMOVED}"),
]
HARMLESS = [
    "",
    "The risk-averse-investor-of-the-century task-force-of-the-year.",
    "https://example.com:8080/a@b",
    "The tokenizer = good, and my passwords are long.",
    "eyJub25lIjoidGhlcmUifQ",
    "A BEGINNER of a PUBLIC KEY -----BEGIN PUBLIC KEY-----",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_removed(secret: str) -> None:
    for before in ("", "it is ", "key_", "=", "\n", "ключ"):
        assert without_secrets(before + secret) == before + REMOVED


@pytest.mark.parametrize(("text", "expected"), ASSIGNED)
def test_assigned_secrets_are_removed(text: str, expected: str) -> None:
    assert without_secrets(text) == expected
    assert without_secrets(expected) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my ip is 10.0.0.1 and x", "my ip is  and x"),
        ("10.0.0.1:80", ":80"),
        ("1.2.3.4.5", ".5"),
        ("地址10.0.0.1。", "地址。"),
        ("[2001:db8::1]:80", "[]:80"),
        ("ip:fe80::1%eth0, ok", "ip:, ok"),
        ("at ::1.", "at ."),
        ("::ffff:10.0.0.1 x", " x"),
        ("2001:db8:0:0:0:0:0:1", ""),
        ("v1.2.3.4x", "v1.2.3.4x"),
        ("12:30:45 std::dec a[::] x::y", "12:30:45 std::dec a[::] x::y"),
        ("1.2.3 and a:b:c", "1.2.3 and a:b:c"),
    ],
)
def test_addresses_are_removed(text: str, expected: str) -> None:
    assert without_addresses(text) == expected


FILTERED: list[tuple[str, Any, Any]] = [
    ("ip_filter", {"10.0.0.1": ["a", ("10.0.0.1", 7)]}, {"": ["a", ("", 7)]}),
    ("ip_filter", ActionResult("10.0.0.1"), ActionResult("")),
    ("ip_filter", {"10.0.0.1", "a"}, {"", "a"}),
    ("ip_filter", None, None),
    ("ip_filter", 5, 5),
    ("filter_secrets", {"password": "x", "n": 1}, {"password": REMOVED, "n": 1}),
    ("filter_secrets", {"passwords": ["x", {"a": "y"}]}, {"passwords": [REMOVED, {"a": REMOVED}]}),
    ("filter_secrets", {"tokens": 512, "password": ""}, {"tokens": 512, "password": ""}),
    ("filter_secrets", Pair("a", GITHUB), Pair("a", REMOVED)),
    ("filter_secrets", Found(GITHUB, "k"), Found(REMOVED, REMOVED)),
    (
        "filter_secrets",
        ActionResult("a", context_updates={"k": GITHUB}, events=[{"type": "E", "t": JWT}]),
        ActionResult("a", context_updates={"k": REMOVED}, events=[{"type": "E", "t": REMOVED}]),
    ),
]


@pytest.mark.parametrize(("validator", "given", "expected"), FILTERED)
def test_filters_go_through_values(validator: str, given: Any, expected: Any) -> None:
    @validate_response(validators=[validator])
    def give() -> Any:
        return given

    result = give()
    assert result == expected
    assert type(result) is type(expected)
    if given == expected:
        assert result is given


DEFAULTS = [
    *("Wikipedia Search", "Google Search", "DuckDuckGo Search", "Bing Search", "Arxiv", "PubMed"),
]


@pytest.mark.parametrize(
    "answer",
    [
        *(f"No good {name} Result was found" for name in DEFAULTS),
        *("No good search result found", "no good google search result was found."),
        "Wolfram Alpha wasn't able to answer it",
    ],
)
def test_answers_of_services_that_found_nothing(answer: str) -> None:
    @validate_response(["is_default_resp"])
    def search(more: str = "") -> str:
        return answer + more

    with pytest.raises(ValueError, match=r"^Default Response received from action") as caught:
        search()
    assert answer not in str(caught.value)
    assert search(" yet, but look: tea") == f"{answer} yet, but look: tea"


class Odd:
    """Nobody knows what is in it."""

    text = GITHUB


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _many() -> list[Any]:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    ("validators", "given", "words"),
    [
        (["length"], "secret" * 9, "Response Attribute is too long. It has 54 characters"),
        (["length"], None, "Response Attribute is no text."),
        (["length"], ["secret"], "Response Attribute is no text."),
        (["is_default_resp"], {"a": "secret"}, "Response Attribute is no text."),
        (["is_default_resp"], ActionResult(7), "Response Attribute is no text."),
        (["ip_filter"], b"secret", "object of the class bytes"),
        (["filter_secrets"], Odd(), "object of the class Odd"),
        (["filter_secrets"], [Odd()], "object of the class Odd"),
        (["filter_secrets"], _nested(5000), f"nested more than {MAX_DEPTH} levels"),
        (["ip_filter"], _endless(), f"nested more than {MAX_DEPTH} levels"),
        (["ip_filter"], _many(), f"more than {MAX_VALUES} values"),
    ],
)
def test_results_that_are_refused(validators: list[str], given: Any, words: str) -> None:
    @validate_response(validators)
    def give() -> Any:
        return given

    with pytest.raises(ValidationError) as caught:
        give()
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "piece",
    [
        *("eyJ", "-eyJ", "eyJa.", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN ", "sk-", "-sk-a"),
        *("://", "://a:", "://a:b", "password", "password=", 'password="', "password=' ", "token_"),
        *("1.", "1.1.1.1", "a:", ":", "::", "f:f.", ".1:", "authorization:", "bearer ", "no good "),
    ],
)
def test_huge_texts_take_linear_time(piece: str) -> None:
    """Quadratic time would be hours here."""
    text = piece * (300_000 // len(piece))

    @validate_response(["ip_filter", "is_default_resp", "filter_secrets"])
    def give() -> str:
        return text

    assert isinstance(give(), str)


# ---------------------------------------------------------------- decorating


def test_orders_of_decorators_and_kinds_of_functions() -> None:
    def plain(query: str) -> str:
        return query

    async def waiting(query: str) -> str:
        await asyncio.sleep(0)
        return query

    async def at_once(query: str) -> str:
        return query

    def promising(query: str) -> Any:
        return waiting(query)

    class Old:
        async def run(self, query: str) -> str:
            return query

    class Mixed:
        def run(self, query: str) -> str:
            return query

    marks = action(name="Search")
    first, second = validate_input("query", ["quote"]), validate_response(["ip_filter"])
    for target in (plain, waiting, at_once, promising, Old, Mixed):
        for order in ((marks, first, second), (first, marks, second), (second, first, marks)):
            made: Any = target
            if inspect.isclass(target):
                made = type(target.__name__, (target,), {})
            for decorate in order:
                made = decorate(made)
            assert made.__name__ == target.__name__
            assert made.action_meta["name"] == "Search"
            registered = Registered(made, meta_of(made))
            assert registered.parameters == ("query",)
            assert registered.where.startswith("test_execution_rails.py:")
            if not inspect.isclass(target):
                assert inspect.signature(made) == inspect.signature(target)
                assert registered.where.endswith(f":{target.__code__.co_firstlineno}")
            is_async = target in (waiting, at_once, Old)
            assert (registered.is_async, registered.waits) == (is_async, is_async)
            result = registered.call({"query": "10.0.0.1 a"})
            if inspect.isawaitable(result):
                result = asyncio.run(_awaited(result))
            assert result == "%20a"


async def _awaited(value: Any) -> Any:
    return await value


def test_an_attribute_of_an_object_is_checked() -> None:
    @action(name="Search")
    @validate_input("query", ["length"], max_len=3)
    class Search:
        query = "long"

        def run(self, n: int = 1) -> str:
            return self.query * n

    with pytest.raises(ValidationError, match=r"^Attribute query is too long"):
        Search().run()
    Search.query = "tea"
    assert Search().run(n=2) == Search().run(2) == "teatea"
    del Search.query
    with pytest.raises(ValidationError, match=r"^Attribute query is empty"):
        Search().run()


def test_methods_and_static_methods() -> None:
    class Tools:
        @validate_input("query")
        def one(self, query: str) -> str:
            return query

        @validate_input("query")
        @staticmethod
        def two(query: str) -> str:
            return query

        @validate_response(["ip_filter"])
        @classmethod
        def three(cls, query: str) -> str:
            return query

    assert (Tools().one("a"), Tools.two("b"), Tools.three("10.0.0.1")) == ("a", "b", "")
    for call in (Tools().one, Tools.two):
        with pytest.raises(ValidationError):
            call("")


def _search(query: str, *rest: str) -> str:
    return query


class _Without:
    pass


class _Runs:
    def run(self, text: str) -> str:
        return text


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: validate_input("query", ["lenght"]), "no validator `lenght`; did you mean `length`?"),
    (lambda: validate_input("query", ["ip_filter"]), "it has `length`, `quote`"),
    (lambda: validate_response(["ip-filter"]), "did you mean `ip_filter`?"),
    (lambda: validate_input("query", "length"), 'write validators=["length"]'),
    (lambda: validate_response("length"), 'write validators=["length"]'),
    (lambda: validate_response([1]), "names in quotes, not int"),  # type: ignore[list-item]
    (lambda: validate_response(3), "takes a list of names"),  # type: ignore[arg-type]
    (lambda: validate_response(_search), "write @validate_response(...)"),  # type: ignore[arg-type]
    (lambda: validate_input(_search), "the name of a parameter first"),  # type: ignore[arg-type]
    (lambda: validate_input("query", ["length"], max_len=0), "above 0, not 0"),
    (lambda: validate_input("query", ["length"], max_len=True), "above 0, not True"),
    (
        lambda: validate_response(["length"], max_len="9"),  # type: ignore[arg-type]
        "above 0, not '9'",
    ),
    (lambda: validate_input("query", ["quote"], max_len=9), "`max_len` of `validate_input` has no"),
    (lambda: validate_input("qery")(_search), "no parameter `qery` to validate; did you mean"),
    (lambda: validate_input("x")(_search), "it takes `query` (test_execution_rails.py:"),
    (lambda: validate_input("rest")(_search), "no parameter `rest`"),
    (lambda: validate_input("x")(7), "decorates functions and classes, not int"),
    (lambda: validate_input("x")(_Without), "the class `_Without` has no method `run`"),
    (lambda: validate_input("x", ["quote"])(_Runs), "`x` is no parameter of `run` of `_Runs`"),
]


@pytest.mark.parametrize(("decorate", "words"), WRONG)
def test_mistakes_show_when_decorating(decorate: Callable[[], Any], words: str) -> None:
    with pytest.raises(ActionError) as caught:
        decorate()
    assert words in str(caught.value)


# ---------------------------------------------------------------- conversations

V1 = """
define user ask
  "tea"
  "a b"
  "a very long question that nobody asks"
  "boom"

define bot tell
  "Found: $found"

define subflow check words
  $ok = execute allowed(text=$user_message)
  if not $ok
    bot refuse to respond
    stop

define flow
  user ask
  $found = execute search(query=$last_user_message)
  bot tell
"""
V1_CONFIG = 'colang_version: "1.0"\nmodels: []\nrails: {input: {flows: [check words]}}\n'
V2 = """
import core
import guardrails

flow input rails $input_text
  check words $input_text

flow check words $text
  $ok = await AllowedAction(text=$text)
  if not $ok
    bot say "No."
    abort

flow main
  activate answering

@loop("answers")
flow answering
  user said something as $said
  $found = await SearchAction(query=$said.transcript)
  bot say "Found: {$found}"
"""
PROGRAMS = {
    "1.0": {"main.co": V1, "config.yml": V1_CONFIG},
    "2.x": {"main.co": V2, "config.yml": 'colang_version: "2.x"\nmodels: []\n'},
}


@action(name="allowed")
@validate_input("text", ["length"], max_len=40)
async def allowed(text: str) -> bool:
    return True


@validate_response(["ip_filter"])
@validate_input("query", ["length", "quote"], max_len=20)
@action(name="search")
async def search(query: str) -> Any:
    if query == "boom":
        return Odd()
    return f"{query} at 10.0.0.1"


LINE = search.__wrapped__.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined]


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest) -> Any:
    return compile(colang.Project.from_texts(PROGRAMS[request.param]))


def _said(program: Any, *texts: str, lines: list[str] | None = None) -> list[Reply]:
    async def talk() -> list[Reply]:
        export = None if lines is None else JsonLines(lines.append)
        bot = Bot(program, actions=[allowed, search], on_decisions=export)
        async with bot.session("kim", seed=1) as session:
            return [await session.say(text) for text in texts]

    return asyncio.run(talk())


def _executions(reply: Reply) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(d.rail, d.verdict, d.actions) for d in reply.decisions if d.kind == "execution"]


def test_both_dialects_run_them(program: Any) -> None:
    name = "search" if program.version == "1.0" else "SearchAction"
    first, second, third, fourth, fifth = _said(
        program, "tea", "a b", "a very long question that nobody asks", "boom", "x" * 50
    )
    words = ("validate_input(text)", "allow", ("allowed" if name == "search" else "AllowedAction",))
    given, result = "validate_input(query)", "validate_response"
    assert first.text == "Found: tea at "
    assert _executions(first) == [
        words,
        (given, "allow", (name,)),
        (result, "transform", (name,)),
    ]
    assert second.text == "Found: a%20b at "
    assert _executions(second) == [
        words,
        (given, "transform", (name,)),
        (result, "transform", (name,)),
    ]
    assert "Found: a" not in third.text
    assert _executions(third) == [words, (given, "block", (name,))]
    assert "Odd" not in fourth.text
    assert "10.0.0.1" not in fourth.text
    assert _executions(fourth)[1:] == [(given, "allow", (name,)), (result, "error", (name,))]
    # an input rail whose action refuses its argument blocks
    assert "Found" not in fifth.text
    assert [(d.kind, d.verdict) for d in fifth.decisions] == [
        ("input", "error"),
        ("execution", "block"),
    ]
    assert fifth.decisions[0].failures == ("ValidationError",)


def test_decisions_tell_where_and_why_and_quote_nothing(program: Any) -> None:
    lines: list[str] = []
    first, second = _said(program, "a b", "a very long question that nobody asks", lines=lines)
    changed = next(d for d in first.decisions if d.rail == "validate_input(query)")
    assert (Path(changed.path).name, changed.line) == ("test_execution_rails.py", LINE)
    assert (changed.text, changed.text_after) == ("a b", "a%20b")
    assert (changed.session, changed.turn, changed.runs) == ("kim", 1, 1)
    refused = second.decisions[-1]
    assert refused.turn == 2
    assert refused.reason == (
        "Attribute query is too long. It has 37 characters, at most 20 are allowed."
    )
    records = [json.loads(line) for line in "".join(lines).splitlines()]
    assert [r["verdict"] for r in records if r["rail"] == "validate_input(query)"] == [
        "transform",
        "block",
    ]
    assert "nobody asks" not in "".join(lines)
    assert "nobody" not in " ".join(note.text for note in second.trace.notes)


def test_the_secret_a_filter_removes_is_not_on_record() -> None:
    @action(name="search")
    @validate_response(["filter_secrets"])
    def leak(query: str) -> str:
        return f"{query} {GITHUB}"

    async def talk() -> Reply:
        bot = Bot(compile(colang.Project.from_texts(PROGRAMS["2.x"])), actions=[allowed, leak])
        async with bot.session() as session:
            return await session.say("tea")

    reply = asyncio.run(talk())
    assert reply.text == f"Found: tea {REMOVED}"
    data = json.dumps([d.to_data(texts=True) for d in reply.decisions])
    assert "validate_response" in data
    assert GITHUB not in data


def test_one_record_for_a_rail_that_runs_often() -> None:
    text = V2.replace(
        "  $found = await SearchAction(query=$said.transcript)\n",
        '  $n = await SearchAction(query="a")\n  $found = await SearchAction(query="b c")\n',
    )
    program = compile(
        colang.Project.from_texts({"main.co": text, "config.yml": PROGRAMS["2.x"]["config.yml"]})
    )
    (reply,) = _said(program, "tea")
    found = {d.rail: (d.verdict, d.runs, len(d.uids)) for d in reply.decisions}
    assert found["validate_input(query)"] == ("transform", 2, 2)


BACKGROUND = """\
import core

flow main
  start SlowAction() as $slow
  user said something
  match $slow.Finished()
  bot say "done"
"""


def test_a_background_action_is_on_record_in_the_turn_in_which_it_ends() -> None:
    async def talk() -> tuple[Reply, Reply | None]:
        released = asyncio.Event()

        @action(name="SlowAction", execute_async=True)
        @validate_response(["ip_filter"])
        async def slow() -> str:
            await released.wait()
            return "at 10.0.0.1"

        program = compile(colang.Project.load({"main.co": BACKGROUND}))
        bot = Bot(program, actions={"SlowAction": slow}, wait_for_background=False)
        async with bot.session(seed=1) as session:
            first = await session.say("hello")
            released.set()
            return first, await session.receive(timeout=10)

    first, second = asyncio.run(talk())
    assert list(first.decisions) == []
    assert second is not None and second.text == "done"
    assert [(d.rail, d.verdict, d.turn) for d in second.decisions] == [
        ("validate_response", "transform", 2)
    ]


def test_outside_of_conversations_nothing_is_recorded() -> None:
    assert asyncio.run(_awaited(search("a b"))) == "a%20b at "


# ---------------------------------------------------------------- what is enforced

FILE = """\
from nemoguardrails.actions import action
from nemoguardrails.actions.validation import validate_input, validate_response


@action(name="search")
@validate_input("query", validators=["length"], max_len=20)
@validate_response(validators=["ip_filter"])
async def search(query: str) -> str:
    return query


@action(name="allowed")
class Look:
    @validate_response(
        validators=["filter_secrets"],
    )
    def run(self, text: str) -> str:
        return text
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "actions.py").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "bot"


@pytest.fixture(params=sorted(PROGRAMS))
def either(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    for name, text in PROGRAMS[request.param].items():
        (folder / name).write_text(text, encoding="utf-8")
    yield folder


def _status() -> int:
    with pytest.raises(SystemExit) as ended:
        main(["rails", "bot"])
    return int(ended.value.code or 0)


def test_they_are_listed(either: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _status() == 0
    shown = capsys.readouterr().out
    assert shown.partition("give back is checked by:\n")[2] == (
        '  1. validate_input("query", validators=["length"], max_len=20)\n'
        "       decorator: bot/actions.py:6\n"
        "       action: search (bot/actions.py:8)\n"
        '  2. validate_response(validators=["ip_filter"])\n'
        "       decorator: bot/actions.py:7\n"
        "       action: search (bot/actions.py:8)\n"
        '  3. validate_response( validators=["filter_secrets"], )\n'
        "       decorator: bot/actions.py:14\n"
        "       action: allowed (bot/actions.py:13)\n"
        "\n"
    )
    assert [rail.kind for rail in enforced(colang.Project.load("bot")).rails].count(
        "execution"
    ) == 3


def test_files_written_for_the_ecosystem_load(either: Path) -> None:
    actions = load_actions(colang.Project.load("bot"))
    assert sorted(actions) == ["allowed", "search"]
    assert asyncio.run(_awaited(actions["search"]("at 10.0.0.1"))) == "at "


MISTAKES = [
    ('["length"]', '["lenght"]', "`validate_input` has no validator `lenght`"),
    ("max_len=20", "max_len=0", "a number of characters above 0, not 0"),
    ("max_len=20", "max_length=20", "`validate_input` has no option `max_length`"),
    ('"query", validators', '"qery", validators', "did you mean `query`?"),
    ('validators=["length"], max_len=20', "max_len=20", "has no effect without"),
    ('"query", validators=["length"], max_len=20', "", "needs the name of the parameter"),
    ('(validators=["ip_filter"])', "", "is called: write @validate_response(...)"),
    ('validators=["ip_filter"]', 'validators="ip_filter"', 'write validators=["ip_filter"]'),
    ('\n        validators=["filter_secrets"]', 'validators=["secrets"]', "no validator `secrets`"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_what_cannot_work_is_told_and_cannot_be_loaded(
    folder: Path, old: str, new: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in FILE
    (folder / "actions.py").write_text(FILE.replace(old, new))
    for name, text in PROGRAMS["1.0"].items():
        (folder / name).write_text(text, encoding="utf-8")
    project = colang.Project.load("bot")
    assert [d.code for d in colang.check(project) if d.severity.name == "ERROR"] == ["CO506"]
    (broken,) = (rail for rail in enforced(project).rails if not rail.works)
    assert words in broken.problems[0]
    assert enforced(project).problems == ()
    assert _status() == 1
    assert f"cannot work: {broken.problems[0]}" in capsys.readouterr().out
    with pytest.raises(ActionFilesError, match=r"actions\.py:\d+: (ActionError|TypeError)"):
        load_actions(project)


@pytest.mark.parametrize(
    ("top", "decorator", "count"),
    [
        ("from colang_interpreter import validate_input as vi", '@vi("x", ["lenght"])', 1),
        ("import colang_interpreter as ci", '@ci.validate_input("x", ["lenght"])', 1),
        (
            "import nemoguardrails.actions.validation",
            '@nemoguardrails.actions.validation.validate_input("x", ["lenght"])',
            1,
        ),
        ("from nemoguardrails.actions.validation import *", '@validate_input("x", ["a"])', 1),
        ("from .helpers import validate_input", '@validate_input("x", ["lenght"])', 0),
        ("from colang_interpreter import validate_input", '@validate_input("x", NAMES)', 0),
        ("from colang_interpreter import validate_input", "@validate_input(**OPTIONS)", 0),
    ],
)
def test_only_what_the_source_tells_is_told(top: str, decorator: str, count: int) -> None:
    text = f"{top}\n\n@action(name='x')\n{decorator}\ndef x(x):\n    pass\n"
    found, _, problems = read_actions(text, "actions.py")
    assert [problem.code for problem in problems] == ["CO506"] * count
    assert len(found["x"].rails) == (0 if "helpers" in top else 1)
