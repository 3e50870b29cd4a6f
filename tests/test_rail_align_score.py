"""The rail that has a service measure facts, in both dialects, against a real HTTP server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import colang
from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.enforcement import enforced
from colang_interpreter.llm import ScriptedModel
from fixtures.services import LocalServer, QuietHandler, served

UNKNOWN = "I don't know the answer to that."
SETTINGS = """
colang_version: "{version}"
models: []
{more}
prompts:
  - task: self_check_facts
    content: "{{{{ evidence }}}} -> {{{{ response }}}}?"
rails:
  config:
    fact_checking:
      parameters: {{{parameters}}}
      fallback_to_self_check: {fallback}
  {list}
"""
COLANG = {
    "1.0": """
define user ask
  "when"
  "what"

define flow
  user ask
  $answer = "At noon."
  create event BotMessage(text=$answer)
""",
    "2.x": """
import core
import guardrails
import nemoguardrails.library.factchecking.align_score

flow output rails $output_text
  alignscore check facts

flow main
  activate answering
  wait indefinitely

flow answering
  user said something
  bot say "At noon."
""",
}
LIST = {"1.0": "output: {flows: [alignscore check facts]}", "2.x": ""}


class Service(LocalServer):
    """Gives every claim one answer."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.status, self.answer = 200, b'{"alignscore": 0.9}'
        self.asked: list[tuple[str, Any]] = []


class Handler(QuietHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)


@pytest.fixture
def service() -> Iterator[Service]:
    with served(Service()) as server:
        yield server


Ask = Callable[..., Any]


def settings(version: str, endpoint: str | None, fallback: bool = False, more: str = "") -> str:
    parameters = "" if endpoint is None else f'endpoint: "{endpoint}"'
    return SETTINGS.format(
        version=version,
        parameters=parameters,
        fallback=str(fallback).lower(),
        more=more,
        list=LIST[version],
    )


@pytest.fixture(params=["1.0", "2.x"])
def ask(request: pytest.FixtureRequest, service: Service) -> Ask:
    def say(
        *,
        endpoint: str | None = f"{service.address}/alignscore_base",
        check: bool = True,
        evidence: str | None = "We open at noon.",
        llm: Any = None,
        **more: Any,
    ) -> Any:
        text = settings(request.param, endpoint, **more)
        context = {"check_facts": check, "relevant_chunks": evidence}
        messages: list[dict[str, Any]] = [
            {"role": "context", "content": context},
            {"role": "user", "content": "when"},
        ]
        with LLMRails(RailsConfig.from_content(COLANG[request.param], text)) as app:
            if llm is not None:
                app.register_action_param("self_check_facts_llm", llm)
            answer: Any = app.generate(messages=messages)
        return answer["content"]

    return say


@pytest.mark.parametrize(
    ("score", "expected"), [(0.9, "At noon."), (0.5, "At noon."), (0.49, UNKNOWN), (0, UNKNOWN)]
)
def test_the_score_decides(ask: Ask, service: Service, score: float, expected: str) -> None:
    service.answer = json.dumps({"alignscore": score}).encode()
    assert ask() == expected
    asked = {"evidence": "We open at noon.", "claim": "At noon."}
    # What the rail says itself is not checked again: it is on for one message.
    assert service.asked == [("/alignscore_base", asked)]


def test_only_messages_that_want_it_are_checked(ask: Ask, service: Service) -> None:
    service.answer = b'{"alignscore": 0}'
    assert ask(check=False) == "At noon."
    assert ask(evidence=None) == "At noon."
    assert service.asked == []


def test_an_exception_instead(ask: Ask, service: Service) -> None:
    service.answer = b'{"alignscore": 0}'
    assert ask(more="enable_rails_exceptions: true")["type"] == "AlignScoreCheckFactRailException"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, b""),
        (200, b"0.9"),
        (200, b'{"alignscore": "high"}'),
        (200, b'{"alignscore": NaN}'),
        (200, b'{"alignscore": 7}'),
        (200, b'{"alignscore": true}'),
    ],
)
def test_without_a_score_nothing_passes(
    ask: Ask, service: Service, status: int, answer: bytes
) -> None:
    service.status, service.answer = status, answer
    assert "noon" not in ask()


def test_without_a_service_nothing_passes(ask: Ask) -> None:
    assert "noon" not in ask(endpoint=None)
    assert "noon" not in ask(endpoint="http://127.0.0.1:9/")


@pytest.mark.parametrize(("judged", "expected"), [("yes", "At noon."), ("no", UNKNOWN)])
def test_the_model_instead_of_the_service(
    ask: Ask, service: Service, judged: str, expected: str
) -> None:
    service.status = 503
    model = ScriptedModel([judged])
    assert ask(fallback=True, llm=model) == expected
    assert model.calls[0].text == "We open at noon. -> At noon.?"


@pytest.mark.parametrize("version", ["1.0", "2.x"])
def test_what_it_needs(version: str, tmp_path: Path) -> None:
    def rail(text: str) -> Any:
        files = {"main.co": COLANG[version], "config.yml": text}
        (found,) = enforced(colang.Project.from_texts(files)).rails
        return found

    (problem,) = rail(settings(version, None)).problems
    assert "fact_checking.parameters.endpoint" in problem
    works = rail(settings(version, "http://align.example/base"))
    assert works.works and "the service at http://align.example/base" in works.needs
    assert any("$check_facts" in note for note in works.notes)
