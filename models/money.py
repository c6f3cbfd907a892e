"""Money: an exact amount and its currency, never apart."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from models.base import Contract, CurrencyCode

Amount = Annotated[Decimal, Field(max_digits=14, decimal_places=4, allow_inf_nan=False)]


class Money(Contract):
    """An amount in one currency. Amounts of two currencies are never added."""

    amount: Amount
    currency: CurrencyCode

    @field_validator("amount", mode="before")
    @classmethod
    def _is_exact(cls, amount: object) -> object:
        """Refuse a float at once: one that was figured out has digits nobody meant, and would fail on some orders only."""
        if isinstance(amount, float):
            raise PydanticCustomError("float_amount", "an amount is a Decimal, a whole number or a text, never a float")
        return amount

    def __str__(self) -> str:
        """Write it as a person reads it: ``89.50 EUR``."""
        return f"{self.amount:.2f} {self.currency}"
