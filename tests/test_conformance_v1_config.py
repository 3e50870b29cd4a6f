"""The conformance cases of settings: loading, combining, validation. Their README explains the keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from colang.config import RailsConfig
from colang.config.errors import ConfigurationError
from colang_interpreter import CompileError, LLMRails
from colang_interpreter.v1.elements_yaml import yaml_flow

CASES = Path(__file__).parent / "conformance" / "colang1" / "config.yaml"
KEYS = {"id", "title", "files", "expect", "quirk", "recommended", "instantiate"}
EXPECT_ERROR = {"error", "mentions"}

#: Cases that build the application object: the code of the finding that refuses it.
INSTANTIATED = {
    "cfg-input-rail-unknown": "CO412",
    "cfg-output-rail-unknown": "CO412",
    "cfg-retrieval-rail-unknown": "CO412",
    "cfg-passthrough-single-call": "CO413",
}

#: Where we do what the specification recommends: the code of the warning, or None for silence.
RECOMMENDED = {"cfg-unknown-key": "CO403", "cfg-empty-yaml": None}


def load() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = yaml.safe_load(CASES.read_text(encoding="utf-8"))["cases"]
    return cases


def plain(value: Any) -> Any:
    """A setting as plain data."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def setting(config: RailsConfig, path: str) -> Any:
    value: Any = config
    for step in path.split("."):
        value = value[step] if isinstance(value, dict) else getattr(value, step)
    return plain(value)


def fits(found: Any, expected: Any) -> bool:
    """Equal, or a list of models of which the expected keys are equal."""
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(fits, found, expected))
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and fits(found[key], item) for key, item in expected.items())
    return type(found) is type(expected) and found == expected


def write(case: dict[str, Any], folder: Path) -> None:
    for name, text in case["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("case", load(), ids=lambda case: case["id"])
def test_config(case: dict[str, Any], tmp_path: Path) -> None:
    assert not set(case) - KEYS, "unknown keys in the case"
    write(case, tmp_path)
    expect = dict(case["expect"])
    if case["id"] in RECOMMENDED:
        expect.pop("error", None)
    if case.get("instantiate"):
        with pytest.raises((CompileError, ConfigurationError)) as refused:
            LLMRails(RailsConfig.from_path(tmp_path))
        error = cast("CompileError | ConfigurationError", refused.value)
        assert INSTANTIATED[case["id"]] in [found.code for found in error.diagnostics]
        return
    if "error" in expect:
        assert not set(expect) - EXPECT_ERROR, "unknown keys in the expectation"
        with pytest.raises(ValueError) as raised:
            RailsConfig.from_path(tmp_path)
        for text in expect.get("mentions", ()):
            assert text in str(raised.value)
        return
    config = RailsConfig.from_path(tmp_path)
    for path, value in expect.items():
        if path == "flow_ids":
            assert [flow["id"] for flow in config.flows] == value
        elif path == "flow_ids_sorted":
            assert sorted(flow["id"] for flow in config.flows) == value
        elif path == "flows":
            elements = [yaml_flow(flow)[0] for flow in config.flows]
            assert fits([flow.to_data() for flow in elements if flow is not None], value)
        else:
            assert fits(setting(config, path), value), (path, setting(config, path))
    warning = RECOMMENDED.get(case["id"])
    assert [finding.code for finding in config.diagnostics] == ([warning] if warning else [])


def test_lists_are_current() -> None:
    cases = {case["id"]: case for case in load()}
    assert set(INSTANTIATED) == {name for name, case in cases.items() if case.get("instantiate")}
    assert {name for name, case in cases.items() if "recommended" in case} == set(RECOMMENDED)
