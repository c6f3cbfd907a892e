"""Money: an exact amount and its currency, never apart."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from models.base import Contract, CurrencyCode

Amount = Annotated[Decimal, Field(max_digits=14, decimal_places=4, allow_inf_nan=False)]


class Money(Contract):
    """An amount in one currency. Amounts of two currencies are never added."""

    amount: Amount
    currency: CurrencyCode

    def __str__(self) -> str:
        """Write it as a person reads it: ``89.50 EUR``."""
        return f"{self.amount:.2f} {self.currency}"
