"""What a storefront is asked and told; the same for every storefront."""

from pydantic import Field

from models.base import Contract, Identifier, Reference


class StorefrontFacts(Contract):
    """The storefront's present word on an order: asked just before we rely on it."""

    paid: bool
    cancelled: bool
    barcodes: dict[str, str]  # line id -> barcode; a line without one is absent


class FulfilmentLine(Contract):
    """How much of a storefront line one fulfilment covers."""

    line_id: Identifier
    quantity: int = Field(gt=0)


class FulfilmentRequest(Contract):
    """Tell the storefront that these lines are on their way, with every tracking number known so far."""

    storefront_order_id: Identifier
    fulfilment_id: str = ""  # set where later numbers join an existing fulfilment
    lines: tuple[FulfilmentLine, ...]
    tracking_numbers: tuple[Reference, ...]
    carrier: str
    urls: tuple[str, ...] = ()
    notify_customer: bool


class OrderNote(Contract):
    """One value written to the storefront's order, where the merchant's other tools find it (Shopify: a metafield)."""

    namespace: str
    key: str
    value: str
