"""Reading the conformance data: cases, their steps, and how outputs are compared (see the README there)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent / "conformance"

_CASE_KEYS = {
    "id", "title", "mode", "program", "files", "config", "actions", "async_actions", "llm", "steps",
    "ignore_types", "nondeterministic", "roundtrip", "valid", "flows", "imports", "load_error",
    "messages", "response", "quirk", "recommended",
}  # fmt: skip
_STEP_KEYS = {
    "send", "wait", "expect", "expect_unordered", "expect_one_of", "expect_anything",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    send: list[dict[str, Any]] | None
    wait: float
    expected: dict[str, Any]  # one of the expect... keys with its value


@dataclass(frozen=True)
class Case:
    id: str
    title: str
    mode: str
    data: dict[str, Any] = field(repr=False)
    steps: tuple[Step, ...] = field(repr=False)

    def __str__(self) -> str:
        return self.id

    @property
    def program(self) -> str:
        return str(self.data.get("program", ""))

    @property
    def load_error(self) -> bool:
        return bool(self.data.get("load_error", False))

    @property
    def nondeterministic(self) -> bool:
        return bool(self.data.get("nondeterministic", False))

    @property
    def ignore_types(self) -> list[str]:
        return list(self.data.get("ignore_types", []))

    @property
    def alternatives(self) -> int:
        return max(
            (len(s.expected["expect_one_of"]) for s in self.steps if "expect_one_of" in s.expected),
            default=0,
        )


def load_cases(folder: str, *, compat: bool = False) -> list[Case]:
    """All 2.x cases; quirks as recommended, or as the reference has them with `compat`."""
    cases: list[Case] = []
    for path in sorted((ROOT / folder).glob("*.yaml")):
        for raw in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            data = dict(raw)
            unknown = set(data) - _CASE_KEYS
            assert not unknown, f"{data['id']}: unknown keys {unknown}"
            if not compat:
                data.update(data.get("recommended", {}))
            steps = tuple(_step(data["id"], step) for step in data.get("steps", []))
            cases.append(Case(data["id"], data["title"], data.get("mode", "engine"), data, steps))
    return cases


def _step(case_id: str, raw: dict[str, Any]) -> Step:
    unknown = set(raw) - _STEP_KEYS
    assert not unknown, f"{case_id}: unknown keys {unknown} in a step"
    send = raw.get("send")
    if isinstance(send, dict):
        send = [send]
    expected = {key: value for key, value in raw.items() if key.startswith("expect")}
    assert len(expected) == 1, f"{case_id}: a step needs exactly one expectation"
    return Step(send, float(raw.get("wait", 0)), expected)


class Expectation:
    """What a step should put out."""

    def __init__(self, step: Step) -> None:
        ((self.kind, self.value),) = step.expected.items()

    def check(self, outputs: list[dict[str, Any]], bound: dict[str, dict[str, Any]]) -> int | None:
        """Assert; the number of the alternative that came, for `expect_one_of`."""
        if self.kind == "expect_anything":
            return None
        if self.kind == "expect_one_of":
            for number, sequence in enumerate(self.value):
                if _sequence(sequence, outputs, dict(bound)):
                    _sequence(sequence, outputs, bound)
                    return number
            raise AssertionError(f"none of the alternatives came, but {short(outputs)}")
        if self.kind == "expect_unordered":
            left = list(outputs)
            for expected in self.value:
                found = next((e for e in left if matches(expected, e, bound)), None)
                assert found is not None, f"no {expected} among {short(left)}"
                left.remove(found)
                bind(expected, found, bound)
            assert not left, f"unexpected: {short(left)}"
            return None
        assert self.kind == "expect", self.kind
        ok = _sequence(self.value, outputs, bound)
        assert ok, f"expected {self.value}\n     got {short(outputs)}"
        return None


def _sequence(expected: list[Any], outputs: list[Any], bound: dict[str, Any]) -> bool:
    if len(expected) != len(outputs):
        return False
    for want, have in zip(expected, outputs, strict=True):
        if not matches(want, have, bound):
            return False
        bind(want, have, bound)
    return True


def bind(expected: dict[str, Any], event: dict[str, Any], bound: dict[str, Any]) -> None:
    if "_bind" in expected:
        bound[expected["_bind"]] = event


def matches(expected: dict[str, Any], event: dict[str, Any], bound: dict[str, Any]) -> bool:
    for key, want in expected.items():
        if key == "_bind":
            continue
        if isinstance(want, dict) and want.get("_absent"):
            if key in event:
                return False
        elif key not in event or not equal(substituted(want, bound), event[key]):
            return False
    return True


def equal(want: Any, have: Any) -> bool:
    """Equality that tells 1, 1.0 and true apart and knows the special values."""
    if isinstance(want, dict) and len(want) == 1:
        ((key, value),) = want.items()
        if key == "_any":
            return True
        if key == "_re":
            return isinstance(have, str) and re.search(value, have) is not None
        if key == "_set":
            return isinstance(have, set) and bool(have == set(value))
        if key == "_type":
            return bool(type(have).__name__ == value)
    if isinstance(want, list):
        return (
            isinstance(have, (list, tuple))
            and len(want) == len(have)
            and all(equal(w, h) for w, h in zip(want, have, strict=True))
        )
    if isinstance(want, dict):
        return (
            isinstance(have, dict)
            and set(want) == set(have)
            and all(equal(want[k], have[k]) for k in want)
        )
    return type(want) is type(have) and bool(want == have)


def substituted(value: Any, bound: dict[str, dict[str, Any]]) -> Any:
    """`"${name.key}"` by the value in the event bound to `name`; `{_set: ...}` by a set."""
    if isinstance(value, str):
        found = re.fullmatch(r"\$\{(\w+)\.(\w+)\}", value)
        return bound[found[1]][found[2]] if found else value
    if isinstance(value, list):
        return [substituted(item, bound) for item in value]
    if isinstance(value, dict):
        return {key: substituted(item, bound) for key, item in value.items()}
    return value


def sendable(value: Any) -> Any:
    """An event to send: `{_set: [...]}` becomes a set."""
    if isinstance(value, dict):
        if set(value) == {"_set"}:
            return set(value["_set"])
        return {key: sendable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [sendable(item) for item in value]
    return value


def short(events: list[dict[str, Any]]) -> str:
    """Events without their envelope, for messages."""
    hidden = {"uid", "event_created_at", "source_uid", "action_info_modality"}
    return str([{k: v for k, v in e.items() if k not in hidden} for e in events])
