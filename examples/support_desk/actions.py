"""What the support desk can do in the world: these functions stand in for a shop's own services."""

from typing import Any

from colang_interpreter import action

ORDERS: dict[str, dict[str, Any]] = {
    "A100": {"item": "teapot", "status": "on its way", "days": 2},
    "B200": {"item": "desk lamp", "status": "delivered", "days": 0},
}


@action(name="LookUpOrderAction")
async def look_up_order(number: str) -> dict[str, Any] | None:
    """The order with this number, or None."""
    if number.startswith("X"):
        raise ConnectionError("the archive of old orders does not answer")
    return ORDERS.get(number)


@action(name="CreateTicketAction")
async def create_ticket(about: str, context: dict[str, Any]) -> str:
    """Open a ticket; `context` holds the variables of the conversation, the host fills it in."""
    customer = context.get("customer_name") or "unknown"
    return f"T-{len(about)}-{customer[:3].upper()}"
