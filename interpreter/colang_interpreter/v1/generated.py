"""Flows that come with an event: `start_flow` with a body, as a model predicts it (`rails-runtime.md`, 6.2).

Such a text comes from a model or from outside, so it may speak, wait and decide, but neither run actions nor call
other flows.
"""

from __future__ import annotations

from colang.diagnostics import Severity
from colang.syntax.parser_v1 import parse_v1
from colang_interpreter.v1 import elements as e
from colang_interpreter.v1.elements import module_elements
from colang_interpreter.v1.engine import EngineError
from colang_interpreter.v1.flows import Flow, flow_of

MAX_BODY = 20_000
"""Characters of a body."""


def flow_from_body(flow_id: str, body: str, number: int) -> Flow:
    r"""The flow of a `start_flow` event with `flow_body`.

    Raises:
        EngineError: It has errors, more than 20 000 characters, or statements that may not come from outside.

    Example:
        >>> len(flow_from_body("tmp", "bot greet\nbot offer help", 0).elements)
        2
    """
    if len(body) > MAX_BODY:
        raise EngineError(f"the body of the flow has more than {MAX_BODY} characters", flow_id)
    indented = "".join(f"  {line}\n" for line in body.split("\n"))
    module, diagnostics = parse_v1(f"define flow started\n{indented}")
    for found in diagnostics:
        if found.severity is Severity.ERROR:
            raise EngineError(f"the body of the flow cannot be read: {found.message}", flow_id)
    flows = module_elements(module).flows
    if len(flows) != 1:
        raise EngineError("the body of the flow defines something", flow_id)
    for element in flows[0].elements:
        if isinstance(element, (e.RunAction, e.CallFlow)):
            raise EngineError(
                "a flow that comes with an event may not run actions or other flows", flow_id
            )
    made = flow_of(flows[0], number)
    return Flow(
        id=flow_id, number=number, elements=made.elements, triggers=made.triggers, source=body
    )
