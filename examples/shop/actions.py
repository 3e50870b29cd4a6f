"""The shop's wares and its till. The variables of a conversation are plain data: dictionaries, lists, numbers."""

from typing import Any

from colang_interpreter import ActionResult, action

WARES = [
    {"name": "tea", "price": 6},
    {"name": "mug", "price": 9},
    {"name": "teapot", "price": 32},
]


@action()
async def list_wares() -> list[dict[str, Any]]:
    """Everything there is."""
    return WARES


@action()
async def find_wares(text: str) -> list[dict[str, Any]]:
    """The wares a text names."""
    words = {word.strip(".,!?").removesuffix("s") for word in text.lower().split()}
    return [ware for ware in WARES if ware["name"] in words]


@action()
async def add_to_cart(ware: dict[str, Any], context: dict[str, Any]) -> list[dict[str, Any]]:
    """A new cart with one more of the ware: values are replaced, never changed in place.

    The cart comes from `context`: as an argument `$cart` would be the text "$cart" as long as it is not set.
    """
    lines = {line["name"]: line for line in context.get("cart") or ()}
    count = lines.get(ware["name"], {"count": 0})["count"] + 1
    lines[ware["name"]] = {**ware, "count": count}
    return list(lines.values())


@action()
async def price_of(cart: list[dict[str, Any]]) -> int:
    """What the cart costs."""
    return sum(line["price"] * line["count"] for line in cart)


@action()
async def place_order(cart: list[dict[str, Any]], total: int, customer: str) -> dict[str, Any]:
    """Take the money. A refusal is a result; an exception would end the turn with an apology."""
    if total > 100:
        return {"paid": False, "reason": "more than 100 euros at once"}
    return {"paid": True, "number": 1000 + sum(line["count"] for line in cart)}


@action()
async def clear_cart() -> ActionResult:
    """An action may set variables itself."""
    return ActionResult(context_updates={"cart": [], "total": 0})
