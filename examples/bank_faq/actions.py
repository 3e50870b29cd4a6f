"""What the rails and the flows of the bank need Python for."""

import re
from typing import Any

from colang_interpreter import action

SECRET = re.compile(r"\b(pin|password|passcode)\b\D{0,12}\d{4,}", re.IGNORECASE)
IBAN = re.compile(r"\b([A-Z]{2}\d{2})(?: ?\d{4}){3,6}(?: ?\d{1,4})?\b")


@action()
async def find_secret(text: str) -> str | None:
    """What kind of secret stands in the text, or None."""
    found = SECRET.search(text)
    return found[1].lower() if found else None


@action()
async def describe_account(context: dict[str, Any]) -> str:
    """Stands in for the bank's own system; the application has put the customer's name into the context."""
    name = context.get("customer_name") or "Dear customer"
    return f"{name}, your account is DE12 3456 7890 1234 5678 90."


@action()
async def hide_account_numbers(text: str, mask: str) -> str:
    """Of an account number only the country and the check digits stay."""
    return IBAN.sub(lambda found: f"{found[1]} {mask}", text)
