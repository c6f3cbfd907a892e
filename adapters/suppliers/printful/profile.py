"""What Printful's adapter is told of an account: ``[suppliers.NAME.profile]``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from models.base import StrictContract

StoreId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]


class PrintfulProfile(StrictContract):
    """How one Printful store is spoken to."""

    store_id: StoreId | None = None  # tokens of a whole account must name the store
    items_by: Literal["ean", "sku"] = "ean"  # what the store's variants are called there (external_id)
    quantity: int = Field(default=500, ge=1, le=998)  # what "in stock" counts as: it prints on demand
