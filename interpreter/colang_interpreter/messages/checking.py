"""`check`: do the rails let these messages pass? No dialog, and no answer (`rails-runtime.md`, 4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from colang_interpreter.llm.model import content_text
from colang_interpreter.machine import Program
from colang_interpreter.messages.conversing import Messages
from colang_interpreter.messages.errors import RailTypeNotConfiguredError
from colang_interpreter.messages.options import GenerationResponse, RailsResult

if TYPE_CHECKING:
    from colang_interpreter.v2.rails import Kind

TYPES = ("input", "output")


async def check(
    messages_api: Messages,
    program: Program,
    messages: Sequence[Mapping[str, Any]],
    rail_types: Iterable[str] | None = None,
) -> RailsResult:
    """Run input rails on the last user message, output rails on the last answer, or both; see `LLMRails.check_async`."""
    user = _last(messages, "user")
    answer = _last(messages, "assistant")
    flows = messages_api.checks
    if flows is not None:
        configured = {"input": flows.has("input"), "output": flows.has("output")}
    else:
        rails = program.config.rails
        configured = {"input": bool(rails.input.flows), "output": bool(rails.output.flows)}
    wanted = _wanted(configured, rail_types, user, answer)
    checked = answer if "output" in wanted else user
    if not wanted or checked is None:
        last = messages[-1].get("content") if messages else ""
        return RailsResult(status="passed", content=content_text(last))
    if flows is not None:
        under_check: dict[Kind, Any] = {"input": user, "output": answer}
        under_check = {kind: text for kind, text in under_check.items() if text is not None}
        kinds: list[Kind] = [kind for kind in under_check if kind in wanted and configured[kind]]
        if not kinds:
            return RailsResult(status="passed", content=content_text(checked))
        shown: Kind = "output" if "output" in wanted else "input"
        return (await flows.check(messages, kinds, under_check, shown)).result
    given = [
        message for message in messages if message.get("role") in ("system", "context", "event")
    ]
    if user is not None:
        given.append({"role": "user", "content": user})
    if "output" in wanted:
        given.append({"role": "assistant", "content": answer})
    options: dict[str, Any] = {"rails": wanted, "log": {"activated_rails": True}}
    result = cast(
        GenerationResponse, await messages_api.generate(messages=given, options=options, state={})
    )
    message: Mapping[str, Any] = cast("list[dict[str, Any]]", result.response)[0]
    content: Any = message["content"]
    if message["role"] == "exception":
        content = str(cast("Mapping[str, Any]", content).get("message", ""))
    rails = (result.log.activated_rails if result.log is not None else None) or []
    stopped = next((rail.name for rail in rails if rail.stop), None)
    if stopped is not None:
        return RailsResult(status="blocked", content=content_text(content), rail=stopped)
    same = content_text(content) == content_text(checked)
    return RailsResult(status="passed" if same else "modified", content=content_text(content))


def _last(messages: Sequence[Mapping[str, Any]], role: str) -> Any:
    return next((m.get("content") for m in reversed(messages) if m.get("role") == role), None)


def _wanted(
    configured: Mapping[str, bool], rail_types: Iterable[str] | None, user: Any, answer: Any
) -> list[str]:
    if rail_types is None:
        present = {"input": user is not None, "output": answer is not None}
        return [kind for kind in TYPES if present[kind]]
    wanted = [str(getattr(kind, "value", kind)) for kind in rail_types]
    for kind in wanted:
        if kind not in TYPES:
            raise ValueError(f"`rail_types` are `input` and `output`, not `{kind}`")
        if not configured[kind]:
            raise RailTypeNotConfiguredError(f"the configuration has no {kind} rails")
    return wanted
