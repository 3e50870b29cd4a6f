"""The policy rail end to end, in both dialects, against a real HTTP server on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import colang
from colang_interpreter import Bot, compile
from colang_interpreter.host.session import Reply
from colang_interpreter.library.actions.clavata import KEY_VARIABLE
from fixtures.services import LocalServer, QuietHandler, served

THREATS = "11111111-1111-4111-8111-111111111111"
TOXIC = "22222222-2222-4222-8222-222222222222"
REFUSAL = "I'm sorry, I can't respond to that."

SETTINGS = """
colang_version: "{version}"
models: []
{more}
rails:
  config:
    clavata:
      server_endpoint: {endpoint}
      policies: {{Threats: {threats}, Toxic: {toxic}}}
      input: {{policy: Threats, labels: [Bomb, Knife]}}
      output: {{policy: Toxic}}
  input: {{flows: [clavata check input]}}
  output: {{flows: [clavata check output]}}
"""
COLANG = {
    "1.0": """
define user greet
  "hello"

define user insult
  "you fool"

define flow
  user greet
  $words = "Good day."
  create event BotMessage(text=$words)

define flow
  user insult
  $words = "Damn."
  create event BotMessage(text=$words)
""",
    "2.x": """
import core
import guardrails
import nemoguardrails.library.clavata

flow main
  activate greeting
  activate insult
  wait indefinitely

flow greeting
  user said "hello"
  bot say "Good day."

flow insult
  user said "you fool"
  bot say "Damn."
""",
}


def completed(result: str, **labels: bool) -> bytes:
    sections = [
        {"name": name, "message": "", "result": "OUTCOME_TRUE" if hit else "OUTCOME_FALSE"}
        for name, hit in labels.items()
    ]
    report = {"result": result, "sectionEvaluationReports": sections}
    return json.dumps(
        {"job": {"status": "JOB_STATUS_COMPLETED", "results": [{"report": report}]}}
    ).encode()


FINE = (200, completed("OUTCOME_FALSE", Bomb=False))
BUSY = (429, b"")


class Service(LocalServer):
    """The moderation service: answers by script, then that all is well."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.script: list[tuple[int, bytes]] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @property
    def checks(self) -> list[tuple[str, str]]:
        return [(job["policy_id"], job["content_data"][0]["text"]) for job in self.asked]


class Handler(QuietHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(json.loads(body))
        self.server.keys.append(self.headers["authorization"])
        status, answer = self.server.script.pop(0) if self.server.script else FINE
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def service() -> Iterator[Service]:
    with served(Service()) as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "s3cret-key")


@pytest.fixture(params=["1.0", "2.x"])
def talk(request: pytest.FixtureRequest, service: Service) -> Callable[..., list[Reply]]:
    def say(*texts: str, exceptions: bool = False, endpoint: str | None = None) -> list[Reply]:
        settings = SETTINGS.format(
            version=request.param,
            more="enable_rails_exceptions: true" if exceptions else "",
            endpoint=endpoint or service.address,
            threats=THREATS,
            toxic=TOXIC,
        )
        files = {"config.yml": settings, "main.co": COLANG[request.param]}
        bot = Bot(compile(colang.Project.from_texts(files)))

        async def conversation() -> list[Reply]:
            async with bot.session(seed=1) as session:
                return [await session.say(text) for text in texts]

        return asyncio.run(conversation())

    return say


def notes(reply: Reply) -> str:
    return "\n".join(note.text for note in reply.trace.notes)


Talk = Callable[..., list[Reply]]


def test_both_directions_are_checked(talk: Talk, service: Service) -> None:
    [reply] = talk("hello")
    assert reply.text == "Good day."
    assert service.checks == [(THREATS, "hello"), (TOXIC, "Good day.")]
    assert set(service.keys) == {"Bearer s3cret-key"}


def test_what_the_user_says_is_stopped(talk: Talk, service: Service) -> None:
    service.script = [(200, completed("OUTCOME_TRUE", Bomb=True))]
    blocked, passed = talk("hello", "hello")
    assert blocked.text == REFUSAL
    assert passed.text == "Good day."


def test_another_label_stops_nothing(talk: Talk, service: Service) -> None:
    service.script = [(200, completed("OUTCOME_TRUE", Rudeness=True))]
    [reply] = talk("hello")
    assert reply.text == "Good day."


def test_what_the_bot_says_is_stopped(talk: Talk, service: Service) -> None:
    service.script = [FINE, (200, completed("OUTCOME_TRUE"))]
    [reply] = talk("you fool")
    assert reply.text == REFUSAL
    assert service.checks[1] == (TOXIC, "Damn.")


def test_an_exception_says_which_policy_and_not_the_text(talk: Talk, service: Service) -> None:
    service.script = [(200, completed("OUTCOME_TRUE", Bomb=True, Knife=False))]
    [reply] = talk("hello", exceptions=True)
    [event] = [e for e in reply.events if e["type"] == "ClavataPolicyMatchException"]
    assert event["message"] == "Clavata: the text matches the policy Threats (Bomb)."
    assert reply.text == ""


def test_a_busy_service_is_asked_again(talk: Talk, service: Service) -> None:
    service.script = [BUSY, BUSY, FINE]
    [reply] = talk("hello")
    assert reply.text == "Good day."
    assert [text for _, text in service.checks] == ["hello", "hello", "hello", "Good day."]


FAILED_JOB = json.dumps({"job": {"status": "JOB_STATUS_FAILED", "results": []}}).encode()
NO_REPORT = json.dumps({"job": {"status": "JOB_STATUS_COMPLETED", "results": []}}).encode()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([BUSY, BUSY, BUSY], "too busy"),
        ([(200, FAILED_JOB)], "JOB_STATUS_FAILED"),
        ([(200, completed("OUTCOME_FAILED"))], "failed"),
        ([(200, NO_REPORT)], "exactly one report"),
        ([(200, b"<html>not found</html>")], "no JSON"),
        ([(500, b"{}")], "status 500"),
        ([(401, b"{}")], "status 401"),
    ],
    ids=["busy", "job-failed", "outcome-failed", "no-report", "garbage", "500", "401"],
)
def test_nothing_passes_when_the_service_fails(
    talk: Talk, service: Service, script: list[tuple[int, bytes]], reason: str
) -> None:
    service.script = list(script)
    refused, passed = talk("hello", "hello")
    assert "Good day." not in refused.text
    assert reason in notes(refused)
    assert "s3cret" not in notes(refused)
    assert passed.text == "Good day."


def test_nothing_passes_when_there_is_no_service(talk: Talk) -> None:
    with Service() as gone:
        endpoint = gone.address
    [reply] = talk("hello", endpoint=endpoint)
    assert "Good day." not in reply.text
    assert "cannot be asked" in notes(reply)


def test_nothing_passes_without_a_key(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    [reply] = talk("hello")
    assert "Good day." not in reply.text
    assert KEY_VARIABLE in notes(reply)


# ---------------------------------------------------------------- inside a dialog flow (12.6)

REFUNDS = """
import core
import nemoguardrails.library.clavata

flow main
  activate refunds
  wait indefinitely

flow refunds
  user said something as $said
  when clavata check for $text=$said.transcript $policy="Toxic" $labels="Rude , Threat"
    bot say "We pay it back."
  else
    bot say "Not like this."
"""


def test_a_flow_checks_any_text_with_any_policy(service: Service) -> None:
    settings = SETTINGS.partition("  input: {{flows")[0].format(
        version="2.x", more="", endpoint=service.address, threats=THREATS, toxic=TOXIC
    )
    bot = Bot(compile(colang.Project.from_texts({"config.yml": settings, "main.co": REFUNDS})))
    service.script = [FINE, (200, completed("OUTCOME_TRUE", Threat=True)), (500, b"")]

    async def conversation() -> list[str]:
        async with bot.session(seed=1) as session:
            return [(await session.say(text)).text for text in ("please", "or else", "please")]

    texts = asyncio.run(conversation())
    assert texts == ["We pay it back.", f"{REFUSAL}\nNot like this.", f"{REFUSAL}\nNot like this."]
    assert [policy for policy, _ in service.checks] == [TOXIC] * 3
