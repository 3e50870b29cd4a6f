"""The environment of the Colang 1.0 runtime cases: stub actions, scripted model, word-overlap index, readable traces."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from colang_interpreter import LLMRails, RailsConfig
from colang_interpreter.dynamic import is_a, is_mapping
from colang_interpreter.host.actions import ActionResult, action
from colang_interpreter.library.actions.outcome import RailOutcome
from colang_interpreter.llm import ScriptedModel, tasks_v1, tokens
from colang_interpreter.llm.index import Hit, IndexItem, best

ROOT = Path(__file__).parent / "conformance" / "colang1"
RECOMMENDED = Path(__file__).parent / "cases" / "v1_runtime"

CASE_KEYS = {
    *("id", "title", "quirk", "recommended", "colang", "config", "context", "llm", "actions"),
    "action_params",
}
LEFT_OUT = {
    *("uid", "event_created_at", "source_uid", "action_uid", "action_finished_at"),
    *("action_info_modality", "action_info_modality_policy"),
}
"""Fields with runtime data, which no trace shows."""

HIDDEN_ACTIONS = {"create_event", "retrieve_relevant_chunks"}


def load(name: str, more_keys: set[str]) -> list[dict[str, Any]]:
    """The cases of a file; unknown keys fail."""
    data = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    for case in data["cases"]:
        unknown = set(case) - CASE_KEYS - more_keys
        assert not unknown, f"{case['id']}: unknown keys {unknown}"
    return list(data["cases"])


def recommended(name: str) -> dict[str, Any]:
    """What the recommendations of quirk cases, given in words, come to: id -> expectations of the steps."""
    found: dict[str, Any] = yaml.safe_load((RECOMMENDED / name).read_text(encoding="utf-8"))
    return found


# ---------------------------------------------------------------- environment


class WordIndex:
    """Score: Jaccard coefficient of the sets of words."""

    def __init__(self, items: Sequence[IndexItem]) -> None:
        self.items = items

    async def search(
        self, text: str, max_results: int = 5, threshold: float | None = None
    ) -> list[Hit]:
        asked = _words(text)
        scores: list[float] = []
        for item in self.items:
            words = _words(item.text)
            scores.append(len(asked & words) / len(asked | words) if asked | words else 0.0)
        return best(self.items, scores, max_results, threshold)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


_STUB_KEYS = {
    *("return", "raise", "echo", "upper", "params", "context", "context_contains", "sequence"),
    *("signature", "sleep", "then", "outcome", "result"),
}


def stub(name: str, spec: Mapping[str, Any]) -> Any:
    """The action a stub describes."""
    assert not set(spec) - _STUB_KEYS, f"unknown keys in stub {name}: {spec}"
    calls = iter(spec.get("sequence", ()))

    async def run(**given: Any) -> Any:
        match spec:
            case {"return": value}:
                return value
            case {"raise": text}:
                raise ValueError(text)
            case {"echo": parameter}:
                return given.get(parameter)
            case {"upper": parameter}:
                return str(given.get(parameter)).upper()
            case {"params": True}:
                return sorted(given)
            case {"sequence": _}:
                return next(calls)
            case {"sleep": seconds, "then": value}:
                await asyncio.sleep(seconds)
                return value
            case {"outcome": {"param": parameter, "text": text}}:
                return _outcome(given.get(parameter), text)
            case {"result": parts}:
                assert not set(parts) - {"return", "events", "context_updates"}
                return ActionResult(
                    parts.get("return"), parts.get("events"), parts.get("context_updates", {})
                )
            case _:
                raise AssertionError(f"unknown stub {name}: {spec}")

    async def with_context(context: Mapping[str, Any]) -> Any:
        match spec:
            case {"context": variable}:
                return context.get(variable)
            case {"context_contains": [variable, text]}:
                return text in (context.get(variable) or "")
            case {"outcome": {"context": variable, "text": text}}:
                return _outcome(context.get(variable), text)
            case _:
                raise AssertionError(f"unknown stub {name}: {spec}")

    if "signature" in spec:
        return action(name=name)(_with_signature(spec["signature"]))
    looks = {"context", "context_contains"} & set(spec) or "context" in spec.get("outcome", {})
    return action(name=name)(with_context if looks else run)


def _outcome(value: Any, text: str) -> RailOutcome:
    return RailOutcome.block() if text in (value or "") else RailOutcome.allow()


def _with_signature(names: Sequence[str]) -> Callable[..., Any]:
    async def run(*values: Any, **given: Any) -> list[Any]:
        return [given.get(name) for name in names]

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for n in names]
    )
    return run


def application(case: Mapping[str, Any]) -> tuple[LLMRails, ScriptedModel]:
    """The application of a case, and its model."""
    text = case.get("config", "")
    if not re.search(r"^models:", text, re.MULTILINE):
        text += "\nmodels: []\n"
    model = ScriptedModel(case.get("llm", ()))
    rails = LLMRails(RailsConfig.from_content(case.get("colang") or "", text), llm=model)
    rails.bot.dialog.new_index = WordIndex
    dialog = rails.bot.dialog

    @action(name="generate_bot_message", is_system_action=True)
    async def first_message(events: Any, context: Any) -> ActionResult:
        sink = tokens.current_sink()
        return await tasks_v1.generate_bot_message(dialog, events, context, on_token=sink)

    rails.register_action(first_message)
    for name, spec in case.get("actions", {}).items():
        rails.register_action(stub(name, spec), name)
    for name, value in case.get("action_params", {}).items():
        rails.register_action_param(name, value)
    return rails, model


# ---------------------------------------------------------------- readable forms


def dumps(value: Any) -> str:
    """JSON as traces have it."""
    return json.dumps(value, ensure_ascii=False)


def trace(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each event that a trace shows."""
    return [line for event in events if (line := _line(event)) is not None]


def _line(event: Mapping[str, Any]) -> str | None:
    kind = event["type"]
    name = event.get("action_name")
    match kind:
        case "ContextUpdate":
            return None
        case "StartInternalSystemAction" | "InternalSystemActionFinished" if name in HIDDEN_ACTIONS:
            return None
        case "StartInternalSystemAction":
            params = ", ".join(f"{k}={dumps(v)}" for k, v in event["action_params"].items())
            key = event.get("action_result_key")
            return f"start {name}({params})" + (f" -> {key}" if key else "")
        case "InternalSystemActionFinished":
            return f"{'done' if event['status'] == 'success' else 'failed'} {name}"
        case "UserIntent":
            return f"UserIntent {event['intent']}"
        case "BotIntent":
            instructions = event.get("instructions")
            return f"BotIntent {event['intent']}" + (f" # {instructions}" if instructions else "")
        case "UserMessage" | "BotMessage":
            return f"{kind} {dumps(event['text'])}"
        case "StartUtteranceBotAction":
            return f"{kind} {dumps(event['script'])}"
        case _:
            rest = {k: v for k, v in event.items() if k not in LEFT_OUT and k != "type"}
            if kind == "start_flow" and str(rest.get("flow_id")).startswith("generated "):
                del rest["flow_id"]  # chosen by the runtime
            return f"{kind} {dumps(rest)}" if rest else kind


def variables(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The context that follows from a history alone."""
    known: dict[str, Any] = {"last_user_message": None, "last_bot_message": None}
    for event in history:
        match event["type"]:
            case "ContextUpdate":
                known.update(event["data"])
            case "UserMessage":
                known["last_user_message"] = event["text"]
            case "StartUtteranceBotAction":
                known["last_bot_message"] = event["script"]
            case _:
                pass
    return known


def plain(value: Any) -> Any:
    """A value as expectations have it: what is not JSON is ``<ClassName>``."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if is_a(value, (list, tuple)):
        return [plain(item) for item in value]
    if is_mapping(value):
        return {str(key): plain(item) for key, item in value.items()}
    return f"<{type(value).__name__}>"
