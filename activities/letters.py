"""The mails we write: to customers about their parcels, to people inside about what went wrong."""

from collections.abc import Sequence

from adapters.database.following import Parcel
from adapters.database.mails import Letter
from adapters.database.purchase_orders import PurchaseOrderView


def shipped(order: PurchaseOrderView, parcels: Sequence[Parcel]) -> list[Letter]:
    """Tell the customer of each parcel, once. Nobody is written to where the order has no e-mail address."""
    if order.address is None or not order.address.email:
        return []
    return [
        Letter(
            key=f"shipped:{order.order_id}:{parcel.id}",
            kind="shipped",
            audience="customer",
            order_id=order.order_id,
            recipient=order.address.email,
            subject=f"Your order {order.order_name} is on its way",
            body=_shipped_body(order, parcel),
        )
        for parcel in parcels
    ]


def _shipped_body(order: PurchaseOrderView, parcel: Parcel) -> str:
    greeting = f"Hello {order.address.name}," if order.address and order.address.name else "Hello,"
    carrier = parcel.carrier or order.carrier or "the carrier"
    follow = f"\nFollow it here: {parcel.url}" if parcel.url else ""
    return (
        f"{greeting}\n\na parcel of your order {order.order_name} has been handed to {carrier}.\n"
        f"Tracking number: {parcel.tracking_number}{follow}\n"
    )


def alert(key: str, recipient: str, subject: str, lines: Sequence[str], order_id: int | None = None) -> Letter:
    """Tell people inside. References only: whoever reads it looks the customer up in the order."""
    return Letter(
        key=key,
        kind="alert",
        audience="internal",
        order_id=order_id,
        recipient=recipient,
        subject=subject,
        body="\n".join(lines) + "\n",
    )
