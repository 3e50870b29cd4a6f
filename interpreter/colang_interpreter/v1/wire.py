"""Saved states of Colang 1.0 conversations: JSON, bound to the program's digest, validated field by field."""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# (what is read here is JSON or YAML: its types are what the code checks, one by one)

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from colang_interpreter.errors import StateError
from colang_interpreter.sealing import opened, seal, text, whole
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.engine import Decision, Engine, EngineError, Instance, Status
from colang_interpreter.v1.generated import flow_from_body

if TYPE_CHECKING:
    from colang_interpreter.v1.program import Program
    from colang_interpreter.v1.state import State

VERSION = 1
MAX_NESTING = 200
TAG = "~"
_HIDDEN = frozenset({"config", "event"})  # of the engine's context: not data of the conversation


def dump(state: State) -> str:
    """The state as JSON text.

    Raises:
        StateError: A variable holds something that cannot be saved.
    """
    engine = state.engine
    document = {
        "version": VERSION,
        "dialect": "1.0",
        "program": state.program.digest,
        "seed": state.seed,
        "random": state.envelope.random_state,
        "uids": state.envelope.count,
        "now": state.now,
        "globals": _value(state.globals),
        "history": [_value(event) for event in state.history],
        "engine": _engine(engine),
        "turns": [_engine(turn) for turn in state.turns],
    }
    return seal(document)


def _engine(engine: Engine) -> dict[str, Any]:
    decision = engine.decision
    if decision is not None and decision.instance not in engine.instances:
        decision = None
    return {
        "context": _value({k: v for k, v in engine.context.items() if k not in _HIDDEN}),
        "event": _value(engine.context.get("event")),
        "instances": [
            [x.uid, x.flow.id, x.head, x.status.value, x.interrupter, x.caller, list(x.results)]
            for x in engine.instances
        ],
        "owners": dict(engine.owners),
        "uids": engine.uids,
        "generated": {name: flow.source for name, flow in engine.running_generated().items()},
        "decision": None if decision is None else [decision.instance.uid, decision.priority],
    }


def _value(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else {TAG: "float", "v": repr(value)}
    if depth > MAX_NESTING:
        raise StateError(f"a variable is nested more than {MAX_NESTING} deep, or contains itself")
    depth += 1
    if isinstance(value, list):
        return [_value(item, depth) for item in value]
    if isinstance(value, tuple):
        return {TAG: "tuple", "v": [_value(item, depth) for item in value]}
    if isinstance(value, (set, frozenset)):
        items = [_value(item, depth) for item in value]
        return {TAG: "set", "v": sorted(items, key=json.dumps)}
    if isinstance(value, Mapping):
        if TAG not in value and all(type(key) is str for key in value):
            return {key: _value(item, depth) for key, item in value.items()}
        pairs = [[_value(k, depth), _value(item, depth)] for k, item in value.items()]
        return {TAG: "dict", "v": pairs}
    to_data = getattr(value, "to_data", None)
    if callable(to_data):  # outcomes of rails: flows read attributes of dictionaries, too
        return _value(to_data(), depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _value({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, depth)
    raise StateError(
        f"a variable holds an object of type {type(value).__name__}, which cannot be saved:"
        " let the action return plain data"
    )


def restore(program: Program, blob: str | bytes) -> State:
    """The state that `dump` saved.

    Raises:
        StateError: The document is too large, damaged, of an unknown version, or belongs to another program.
    """
    document = opened(blob, dialect="1.0", version=VERSION, program=program.digest)
    try:
        return _restored(program, document)
    except (
        *(KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError),
        EngineError,
    ) as error:
        raise StateError(f"the saved state is damaged: {type(error).__name__}: {error}") from None


def _restored(program: Program, document: dict[str, Any]) -> State:
    from colang_interpreter.v1.state import State

    state = State(program, whole(document["seed"]))
    state.envelope.random_state = whole(document["random"]) & ((1 << 64) - 1)
    state.envelope.count = whole(document["uids"])
    state.now = text(document["now"])
    state.globals = _variables(document["globals"])
    for event in document["history"]:
        state.history.append(_variables(event))
    state.engine = _restored_engine(program, document["engine"])
    for turn in document["turns"]:
        state.turns.append(_restored_engine(program, turn))
    return state


def _restored_engine(program: Program, record: dict[str, Any]) -> Engine:
    engine = Engine(program, compat=program.compat)
    engine.context = _variables(record["context"])
    if program.config is not None:
        engine.context["config"] = program.config
    if record["event"] is not None:
        engine.context["event"] = _variables(record["event"])
    by_uid: dict[int, Instance] = {}
    for number, (name, body) in enumerate(record["generated"].items(), len(program.flows)):
        engine.generated[text(name)] = flow_from_body(text(name), text(body), number)
    for uid, flow_id, head, status, interrupter, caller, results in record["instances"]:
        flow = engine.flow(text(flow_id))
        if flow is None:
            raise StateError(f"the saved state is damaged: there is no flow {flow_id!r:.40}")
        if not 0 <= whole(head) <= len(flow.elements):
            raise StateError("the saved state is damaged: a flow stands where it has no statement")
        instance = Instance(whole(uid), flow, head)
        instance.status = Status(status)
        instance.interrupter = None if interrupter is None else whole(interrupter)
        instance.caller = None if caller is None else whole(caller)
        instance.results = tuple(text(name) for name in results)
        engine.instances.append(instance)
        by_uid[uid] = instance
    engine.owners = {text(key): whole(uid) for key, uid in record["owners"].items()}
    engine.uids = whole(record["uids"])
    if record["decision"] is not None:
        uid, priority = record["decision"]
        instance = by_uid[uid]
        element = instance.element
        if not isinstance(element, (e.Utter, e.RunAction)):
            raise StateError("the saved state is damaged: a step that is none")
        engine.decision = Decision(element, instance, float(priority))
    return engine


def _plain(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if depth > MAX_NESTING:
        raise StateError("the saved state is damaged: a value is nested too deeply")
    depth += 1
    if isinstance(value, list):
        return [_plain(item, depth) for item in value]
    if TAG not in value:
        return {key: _plain(item, depth) for key, item in value.items()}
    inner = value["v"]
    match value[TAG]:
        case "float" if inner in ("nan", "inf", "-inf"):
            return float(inner)
        case "tuple":
            return tuple(_plain(item, depth) for item in inner)
        case "set":
            return {_plain(item, depth) for item in inner}
        case "dict":
            return {_plain(k, depth): _plain(item, depth) for k, item in inner}
        case other:
            raise StateError(f"the saved state is damaged: an unknown value {str(other)[:20]!r}")


def _variables(value: Any) -> dict[str, Any]:
    result = _plain(value)
    if not isinstance(result, dict) or not all(isinstance(key, str) for key in result):
        raise StateError("the saved state is damaged: variables without names")
    return result
