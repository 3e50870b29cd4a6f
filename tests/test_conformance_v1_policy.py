"""The policy rail against the conformance data: what is sent, what is decided, and how often a busy service is asked.

Quirks V1 and V2 go as recommended. The data is `tests/conformance/colang1/policy-rail.yaml`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import yaml

from colang.config import RailsConfig
from colang_interpreter.host.http import Answer, Request
from colang_interpreter.library.actions import clavata
from conformance_v1 import ROOT

DATA: dict[str, Any] = yaml.safe_load((ROOT / "policy-rail.yaml").read_text(encoding="utf-8"))
RECOMMENDED = {"policy-labels-text-blanks": True, "policy-labels-empty-text": True}
"""What the recommendations, which are sentences, come to: blocked or not."""

ERRORS = {
    "ClavataPluginValueError": clavata.ClavataPluginValueError,
    "ClavataPluginConfigurationError": clavata.ClavataPluginConfigurationError,
    "ClavataPluginAPIError": clavata.ClavataPluginAPIError,
}


def answer_of(service: dict[str, Any]) -> str:
    sections = [
        {"name": name, "message": "", "result": "OUTCOME_TRUE" if hit else "OUTCOME_FALSE"}
        for name, hit in service["labels"].items()
    ]
    report = {"result": service["result"], "sectionEvaluationReports": sections}
    return json.dumps({"job": {"status": "JOB_STATUS_COMPLETED", "results": [{"report": report}]}})


class Service:
    """Stands for the network: gives its answers in order, and remembers what it was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        self.waits: list[float] = []

    async def send(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers[len(self.requests) - 1]

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def config_of(settings: dict[str, Any]) -> Any:
    data = {"models": [], "rails": {"config": {"clavata": settings}}}
    return RailsConfig.model_validate(data)


def test_all_cases_are_there() -> None:
    assert (len(DATA["cases"]), len(DATA["retry_cases"])) == (18, 6)
    quirks = {case["id"] for case in DATA["cases"] if "quirk" in case}
    assert quirks == set(RECOMMENDED)


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["id"])
def test_policy(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(case) <= {
        *("id", "title", "quirk", "recommended", "config", "args", "service", "expect")
    }
    service = Service([Answer(200, answer_of(case["service"]))])
    monkeypatch.setattr("colang_interpreter.host.http.post", service.send)
    monkeypatch.setenv(clavata.KEY_VARIABLE, "the-key")
    expected = dict(case["expect"])
    if case["id"] in RECOMMENDED:
        expected["blocked"] = RECOMMENDED[case["id"]]

    call = clavata.clavata_check("some text", config=config_of(case["config"]), **case["args"])
    if "error" in expected:
        with pytest.raises(ERRORS[expected["error"]]):
            asyncio.run(call)
        return
    outcome = asyncio.run(call)

    assert outcome.is_blocked == expected["blocked"]
    assert outcome.metadata["policy_matched"] == expected["blocked"]
    [request] = service.requests
    assert request.url.endswith("/v1/jobs")
    assert request.headers == {"Authorization": "Bearer the-key"}
    assert request.body == {
        "content_data": [{"text": "some text"}],
        "policy_id": expected["policy_id"],
        "wait_for_completion": True,
    }


@pytest.mark.parametrize("case", DATA["retry_cases"], ids=lambda case: case["id"])
@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_retry(case: dict[str, Any], chance: float) -> None:
    assert set(case) == {"id", "statuses", "expect"}
    answers: list[Answer] = []
    asked: list[float | None] = []
    good = answer_of({"result": "OUTCOME_FALSE", "labels": {}})
    for entry in case["statuses"]:
        status = entry if isinstance(entry, int) else entry["status"]
        header = None if isinstance(entry, int) else entry["retry_after"]
        headers = {} if header is None else {"retry-after": header}
        answers.append(Answer(status, good if status == 200 else "", headers))
        asked.append(None if header is None or float(header) > 60 else float(header))
    service = Service(answers)

    call = clavata.evaluate(
        "text",
        "11111111-1111-4111-8111-111111111111",
        endpoint="http://service",
        key="k",
        send=service.send,
        sleep=service.sleep,
        chance=lambda: chance,
    )
    expected = case["expect"]
    if expected["final_status"] == 200:
        asyncio.run(call)
    elif expected["final_status"] == 429:
        with pytest.raises(clavata.ClavataPluginAPIRateLimitError):
            asyncio.run(call)
    else:
        with pytest.raises(clavata.ClavataPluginAPIError, match=str(expected["final_status"])):
            asyncio.run(call)

    assert len(service.requests) == expected["attempts"]
    bounds = expected["max_delays"]
    waits = [
        bound if known is not None else bound * chance
        for bound, known in zip(bounds, asked, strict=False)
    ]
    assert service.waits == pytest.approx(waits)
