"""Flows that a configuration spells out in YAML (section 8 of the Colang 1.0 specification).

The short form is written as Colang and parsed like a file; the long form (elements with `_type`) is read as is.
"""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# (what is read here is JSON or YAML: its types are what the code checks, one by one)

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from colang.diagnostics import Diagnostic, Severity
from colang.source import Span
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.v1 import elements as e

_NOWHERE = Span(0, 0)
_ATTRIBUTES = {
    "priority": "priority",
    "is_extension": "is_extension",
    "is_interruptible": "interruptable",
    "is_subflow": "subflow",
    "allow_multiple": "allow_multiple",
}


class YamlFlowError(Exception):
    """A flow in the settings cannot be read; the text says which element and why."""


def flow_from_settings(flow: Mapping[str, Any]) -> e.FlowElements:
    """One entry of the setting `flows`.

    Args:
        flow: ``{id, elements, priority?, is_extension?, is_interruptible?, is_subflow?, allow_multiple?}``.

    Raises:
        YamlFlowError: An element is none, or its text is no Colang.

    Example:
        >>> flow = flow_from_settings({"id": "hi", "elements": [{"user": "greet"}, {"bot": "greet back"}]})
        >>> [type(element).__name__ for element in flow.elements]
        ['UserIntent', 'Utter']
    """
    name = flow.get("id")
    if not isinstance(name, str) or not name.strip():
        raise YamlFlowError("a flow in the settings needs an `id`, a text")
    elements = flow.get("elements") or []
    if not isinstance(elements, Sequence) or isinstance(elements, str):
        raise YamlFlowError(f"flow `{name}`: `elements` is a list")
    meta = {key: flow[attribute] for attribute, key in _ATTRIBUTES.items() if attribute in flow}
    if elements and isinstance(elements[0], Mapping) and "_type" in elements[0]:
        return _long(name, elements, meta)
    lines = ["define flow " + name, *_block(elements, name)]
    text = "\n".join(lines) + "\n"
    module, found = parse_v1(text)
    errors = [d for d in found if d.severity is Severity.ERROR]
    if errors:
        raise YamlFlowError(f"flow `{name}`: {_explained(errors[0], text)}")
    compiled = e.flow_elements(module)[0]
    return e.FlowElements(
        id=name,
        elements=compiled.elements,
        meta={**compiled.meta, **meta},
        source=compiled.source,
        span=_NOWHERE,
    )


def _explained(error: Diagnostic, text: str) -> str:
    line = text[: error.span.start].count("\n")
    statement = text.split("\n")[line].strip()
    return f"`{statement}`: {error.message}"


# ---------------------------------------------------------------- the short form, as Colang


def _block(elements: Iterable[Any], flow: str) -> list[str]:
    lines: list[str] = []
    branching = False
    for element in elements:
        if isinstance(element, list):
            lines += _branch(element, flow, first=not branching)
            branching = True
            continue
        branching = False
        lines += _element(element, flow)
    return [f"  {line}" for line in lines]


def _branch(elements: list[Any], flow: str, *, first: bool) -> list[str]:
    if not elements:
        raise YamlFlowError(
            f"flow `{flow}`: a branch is a list of elements, the first says what it waits for"
        )
    head, *rest = _element(elements[0], flow)
    keyword = "when" if first else "else when"
    return [
        f"{keyword} {head}",
        *[f"  {line}" for line in rest],
        *(_block(elements[1:], flow) or ["  pass"]),
    ]


def _element(element: Any, flow: str) -> list[str]:
    if isinstance(element, str):
        element = {element: True}
    if not isinstance(element, Mapping):
        raise YamlFlowError(f"flow `{flow}`: {element!r:.40} is no flow element")
    for key, value in element.items():
        rest = {k: v for k, v in element.items() if k != key}
        match key:
            case "user" | "intent" | "you":
                return [f"user {value}", *_parameters(rest)]
            case "bot" | "utter" | "ask" | "bot_ask":
                return [f"bot {value}", *_parameters(rest)]
            case "run" | "action" | "execute":
                target, equals, name = str(value).partition("=")
                if equals and target.strip().startswith("$") and "(" not in target:
                    return [f"{target.strip()} = execute {name.strip()}", *_parameters(rest)]
                return [f"execute {value}", *_parameters(rest)]
            case "set":
                return [str(value)]
            case "if":
                lines = [f"if {value}", *_block(rest.get("then") or ["pass"], flow)]
                if "else" in rest:
                    lines += ["else", *_block(rest["else"] or ["pass"], flow)]
                return lines
            case "while":
                return [f"while {value}", *_block(rest.get("do") or ["pass"], flow)]
            case "break" | "continue" | "pass" | "return":
                return [key]
            case "stop" | "abort":
                return ["stop"]
            case "label" | "checkpoint":
                return [f"label {value}"]
            case "goto":
                return [f"goto {value}"]
            case "flow" | "call" | "activate":
                return [f"do {value}"]
            case "event":
                return [f"event {value}", *_parameters(rest)]
            case "new" | "infer" | "add" | "post":
                described = value[0] if isinstance(value, list) and value else value
                inner = _element(described, flow) if isinstance(described, (Mapping, str)) else []
                if not inner:
                    raise YamlFlowError(f"flow `{flow}`: `{key}` needs an event")
                return [f"create {inner[0]}", *inner[1:]]
            case "any" | "or":
                return ["any", *_block(value or [], flow)]
            case "check":
                return [f"check {value}"]
            case "meta":
                return [f"meta {json.dumps(value)}"]
            case _:
                continue
    raise YamlFlowError(f"flow `{flow}`: `{next(iter(element), '')}` is no flow element")


def _parameters(rest: Mapping[str, Any]) -> Iterator[str]:
    for key, value in rest.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"  {key}: {text}"


# ---------------------------------------------------------------- the long form


def _long(name: str, elements: Sequence[Any], meta: Mapping[str, Any]) -> e.FlowElements:
    read: list[e.Element] = []
    entries = dict(meta)
    for data in elements:
        if not isinstance(data, Mapping) or not isinstance(data.get("_type"), str):
            raise YamlFlowError(f"flow `{name}`: {data!r:.40} has no `_type`")
        if data["_type"] == "meta":
            entries = {**data.get("meta", {}), **entries}
            continue
        try:
            read.append(element_of(data))
        except (KeyError, TypeError, ValueError) as error:
            raise YamlFlowError(f"flow `{name}`: `{data['_type']}` lacks {error}") from None
    return e.FlowElements(id=name, elements=tuple(read), meta=entries, source="", span=_NOWHERE)


def element_of(data: Mapping[str, Any]) -> e.Element:
    """An element from its dictionary form (section 7), the inverse of `elements.to_data`."""
    common: dict[str, Any] = {
        "span": _NOWHERE,
        "comment": data.get("comment"),
        "on_break": data.get("_next_on_break"),
        "on_continue": data.get("_next_on_continue"),
    }
    match data["_type"]:
        case "UserIntent":
            params = data.get("intent_params", {})
            return e.UserIntent(name=data["intent_name"], params=params, **common)
        case "run_action":
            params = dict(data.get("action_params", {}))
            if data["action_name"] == "utter":
                return e.Utter(value=params.pop("value"), params=params, **common)
            result = data.get("action_result_key")
            return e.RunAction(name=data["action_name"], params=params, result=result, **common)
        case "set":
            return e.Set(key=data["key"], expression=str(data["expression"]), **common)
        case "if":
            expression = str(data["expression"])
            return e.If(expression=expression, next_else=int(data["_next_else"]), **common)
        case "while":
            return e.While(expression=str(data["expression"]), **common)
        case "break":
            return e.Break(**common)
        case "continue":
            return e.Continue(**common)
        case "stop":
            return e.Utter(value="stop", params={}, **common)
        case "branch":
            return e.Branch(heads=tuple(int(h) for h in data["branch_heads"]), **common)
        case "jump":
            absolute = data.get("_absolute") is True
            return e.Jump(next=int(data["_next"]), absolute=absolute, **common)
        case "flow":
            params = data.get("flow_parameters", {})
            results = tuple(data.get("return_vars", ()))
            return e.CallFlow(name=data["flow_name"], params=params, results=results, **common)
        case "any":
            return e.AnyOf(count=int(data["count"]), **common)
        case "check":
            return e.Check(expression=str(data["expression"]), **common)
        case kind:
            properties = {k: v for k, v in data.items() if not k.startswith("_")}
            properties.pop("comment", None)
            return e.MatchEvent(name=kind, properties=properties, **common)
