"""The policy rail: `ClavataCheckAction` asks a content moderation service (`rails-runtime.md`, section 12).

One action for both dialects and for any place in a flow: the text is an argument. Whatever goes wrong is an exception,
so the action fails, and a rail that uses it blocks.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from colang_interpreter.dynamic import is_dict, is_list
from colang_interpreter.host.actions import action
from colang_interpreter.library.actions.outcome import RailOutcome

if TYPE_CHECKING:
    from colang_interpreter.host.http import Send

KEY_VARIABLE: Final = "CLAVATA_API_KEY"
JOBS: Final = "/v1/jobs"

_COMPLETED = "JOB_STATUS_COMPLETED"
_TRUE, _FALSE, _FAILED = "OUTCOME_TRUE", "OUTCOME_FALSE", "OUTCOME_FAILED"
_SHOWN = 100  # characters of a strange value in an error


class ClavataPluginError(Exception):
    """The policy rail cannot tell whether a text is allowed."""


class ClavataPluginConfigurationError(ClavataPluginError):
    """The settings do not fit."""


class ClavataPluginValueError(ClavataPluginError, ValueError):
    """An argument, or what the service has answered, is not what it should be."""


class ClavataPluginAPIError(ClavataPluginError):
    """The service could not be asked, or could not do it."""


class ClavataPluginAPIRateLimitError(ClavataPluginAPIError):
    """The service is too busy, also after waiting."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the service says about a text: the overall outcome, and that of each label."""

    result: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is to be checked: a policy, and labels of it; without labels its overall result counts."""

    policy: str  # as it was given: an alias or an id
    policy_id: str
    labels: tuple[str, ...] = ()
    all_labels: bool = False  # block only if every one of the labels matches

    def decide(self, report: Report) -> RailOutcome:
        """Block or allow.

        Raises:
            ClavataPluginAPIError: The service gives no clear answer on what counts.
        """
        _refuse_failed(report.result, f"the policy `{self.policy}`")
        if not self.labels:
            matched = _is_match(report.result, f"the policy `{self.policy}`")
            return self._outcome(matched, ())
        found = tuple(
            label
            for label in self.labels
            if label in report.labels and _is_match(report.labels[label], f"the label `{label}`")
        )
        matched = len(found) == len(self.labels) if self.all_labels else bool(found)
        return self._outcome(matched, found)

    def _outcome(self, matched: bool, labels: tuple[str, ...]) -> RailOutcome:
        metadata = {
            "policy_matched": matched,
            "policy": self.policy,
            "policy_id": self.policy_id,
            "labels": list(labels),
        }
        if not matched:
            return RailOutcome.allow(metadata=metadata)
        which = f" ({', '.join(labels)})" if labels else ""
        return RailOutcome.block(f"the text matches the policy {self.policy}{which}", metadata)


def check_of(
    settings: Any, *, policy: str | None = None, labels: Any = None, rail: str | None = None
) -> Check:
    """What the arguments of the action ask for; they win over the settings (12.2).

    Args:
        settings: `rails.config.clavata` of the settings, None if there is none.
        policy: An id, or an alias of the settings.
        labels: A list, or a text with commas; an empty one is none (V1).
        rail: ``input`` or ``output``, to take policy and labels from the settings.

    Raises:
        ClavataPluginValueError: No policy, an unknown alias, an unknown rail, labels that are none.
        ClavataPluginConfigurationError: The id of an alias is none.
    """
    if rail is not None and rail not in ("input", "output"):
        raise ClavataPluginValueError(f"`rail` is `input` or `output`, not {rail!r:.60}")
    options = getattr(settings, rail, None) if rail is not None else None
    wanted = policy if policy else getattr(options, "policy", None)
    if not isinstance(wanted, str) or not wanted:
        if rail is not None:
            raise ClavataPluginValueError(
                f"no policy is given, and `rails.config.clavata.{rail}.policy` is not set"
            )
        raise ClavataPluginValueError("give a `policy`, or a `rail` to take it from the settings")
    chosen = _labels(labels)
    if labels is None or (isinstance(labels, str) and not chosen):
        chosen = chosen or tuple(getattr(options, "labels", None) or ())
    return Check(
        policy=wanted,
        policy_id=_policy_id(wanted, getattr(settings, "policies", None) or {}),
        labels=chosen,
        all_labels=getattr(settings, "label_match_logic", "ANY") == "ALL",
    )


def _policy_id(policy: str, aliases: Mapping[str, str]) -> str:
    if policy in aliases:
        known = as_uuid(aliases[policy])
        if known is None:
            raise ClavataPluginConfigurationError(
                f"`rails.config.clavata.policies`: the id of `{policy}` is no UUID"
            )
        return known
    known = as_uuid(policy)
    if known is None:
        names = ", ".join(f"`{name}`" for name in aliases) or "none"
        raise ClavataPluginValueError(
            f"there is no policy `{policy:.60}` in `rails.config.clavata.policies`; known: {names}"
        )
    return known


def as_uuid(text: object) -> str | None:
    """A UUID in its usual form; None for anything else.

    >>> as_uuid("11111111-1111-4111-8111-111111111111"), as_uuid("Threats")
    ('11111111-1111-4111-8111-111111111111', None)
    """
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _labels(given: Any) -> tuple[str, ...]:
    """The labels of a list or of a text with commas; blanks around them do not count (V2)."""
    if given is None:
        return ()
    if isinstance(given, str):
        parts: Sequence[Any] = given.split(",")
    elif isinstance(given, (list, tuple, set, frozenset)):
        parts = list(cast("Sequence[Any]", given))
    else:
        raise ClavataPluginValueError(f"labels are a list or a text, not {given!r:.60}")
    if not all(isinstance(part, str) for part in parts):
        raise ClavataPluginValueError("each label is a text")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _refuse_failed(outcome: str, what: str) -> None:
    if outcome not in (_TRUE, _FALSE):
        how = "failed" if outcome == _FAILED else f"has no result ({outcome!r:.60})"
        raise ClavataPluginAPIError(f"the evaluation of {what} {how}")


def _is_match(outcome: str, what: str) -> bool:
    _refuse_failed(outcome, what)
    return outcome == _TRUE


# ---------------------------------------------------------------- the service


async def evaluate(
    text: str,
    policy_id: str,
    *,
    endpoint: str,
    key: str,
    send: Send | None = None,
    **timing: Any,
) -> Report:
    """Have the service evaluate a text (12.3).

    Args:
        text: What is to be checked.
        policy_id: A UUID.
        endpoint: Address of the service, without a path.
        key: Its API key.
        send: Makes the requests; by default over the network.
        timing: `sleep` and `chance` of `host.http.post_patiently`, for tests.

    Raises:
        ClavataPluginAPIError: No answer, another status than 200, a job that has not been completed.
        ClavataPluginAPIRateLimitError: Three times status 429.
        ClavataPluginValueError: An answer of another form.
    """
    from colang_interpreter.host import http

    body = {
        "content_data": [{"text": text}],
        "policy_id": policy_id,
        "wait_for_completion": True,
    }
    request = http.Request(
        url=endpoint.rstrip("/") + JOBS,
        body=body,
        headers={"Authorization": f"Bearer {key}"},
    )
    try:
        answer = await http.post_patiently(
            request, http.Patience(), send=send or http.post, **timing
        )
    except http.MissingPackageError:
        raise
    except http.HttpError as problem:
        raise ClavataPluginAPIError(
            f"the service at {endpoint} cannot be asked: {problem}"
        ) from None
    if answer.status == http.TOO_MANY_REQUESTS:
        raise ClavataPluginAPIRateLimitError("the service is too busy (status 429)")
    if answer.status != 200:
        raise ClavataPluginAPIError(f"the service answered with status {answer.status}")
    return report_of(answer.text)


def report_of(text: str) -> Report:
    """The report in an answer of the service; raises like `evaluate`."""
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ClavataPluginValueError("the service answered something that is no JSON") from None
    job = _mapping(_mapping(answer, "the answer").get("job"), "`job`")
    status = job.get("status")
    if status != _COMPLETED:
        raise ClavataPluginAPIError(f"the job was not completed: {str(status)[:_SHOWN]!r}")
    results: Any = job.get("results")
    if not is_list(results) or len(results) != 1:
        raise ClavataPluginValueError("the service should give exactly one report")
    report = _mapping(_mapping(results[0], "a result").get("report"), "`report`")
    sections: Any = report.get("sectionEvaluationReports")
    sections = [] if sections is None else sections
    if not is_list(sections):
        raise ClavataPluginValueError("`sectionEvaluationReports` should be a list")
    labels: dict[str, str] = {}
    for entry in sections:
        section = _mapping(entry, "a section")
        labels[_text(section.get("name"), "`name`")] = _text(section.get("result"), "`result`")
    return Report(_text(report.get("result"), "`result`"), labels)


def _mapping(value: Any, what: str) -> dict[Any, Any]:
    if not is_dict(value):
        raise ClavataPluginValueError(f"in the answer of the service {what} should be an object")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ClavataPluginValueError(f"in the answer of the service {what} should be a text")
    return value


# ---------------------------------------------------------------- the action


@action(name="ClavataCheckAction")
async def clavata_check(
    text: str,
    policy: str | None = None,
    labels: Any = None,
    rail: str | None = None,
    config: Any = None,
) -> RailOutcome:
    """Check a text with a policy of the moderation service (12.2).

    Args:
        text: What is to be checked; required.
        policy: Id or alias; by default that of `rail`.
        labels: List, or text with commas; by default those of `rail`.
        rail: ``input`` or ``output``: where in the settings to look for what is not given.
        config: The settings; the host fills them in.

    Returns:
        A block with ``metadata["policy_matched"]`` True, or an allowing outcome.

    Raises:
        ClavataPluginError: It cannot be told whether the text is allowed.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ClavataPluginValueError(f"`text` is the text to check, not {type(text).__name__}")
    settings = settings_of(config)
    check = check_of(settings, policy=policy, labels=labels, rail=rail)
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise ClavataPluginConfigurationError(f"the environment variable {KEY_VARIABLE} is not set")
    endpoint = getattr(settings, "server_endpoint", None)
    if not isinstance(endpoint, str) or not endpoint:
        raise ClavataPluginConfigurationError("`rails.config.clavata` is missing in the settings")
    return check.decide(await evaluate(text, check.policy_id, endpoint=endpoint, key=key))


def settings_of(config: Any) -> Any:
    """`rails.config.clavata` of the settings; None if there is none."""
    return getattr(getattr(getattr(config, "rails", None), "config", None), "clavata", None)
