"""The mails we write: to customers about their parcels, to people inside about what went wrong."""

from collections.abc import Sequence
from datetime import datetime

from adapters.database.customer_questions import Question
from adapters.database.following import Parcel
from adapters.database.mails import Letter
from adapters.database.purchase_orders import PurchaseOrderView
from models.orders import Address


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


def question(order_id: int, address: Address, asked: Question, link: str) -> Letter:
    """Ask the customer about what can't be delivered, once per question. The answer is given on a page of ours."""
    greeting = f"Hello {address.name}," if address.name else "Hello,"
    missing = "\n".join(f"  {line.units} x {' '.join(line.title.split())}" for line in asked.lines)
    return Letter(
        key=f"question:{asked.id}",
        kind="question",
        audience="customer",
        order_id=order_id,
        recipient=address.email,
        subject=f"Your order {asked.order_name}: what shall we do?",
        body=(
            f"{greeting}\n\nnot everything of your order {asked.order_name} can be delivered now. This is missing:\n\n"
            f"{missing}\n\nPlease tell us by {day(asked.answer_by)} what we shall do:\n{link}\n\n"
            f"If we hear nothing, {IF_SILENT[asked.when_silent].format(wait_until=date_of(asked.wait_until))}.\n"
        ),
    )


IF_SILENT = {
    "wait": "we go on waiting for it until {wait_until}",
    "cancel_line": "we leave it out and deliver the rest",
    "cancel_all": "we cancel the order",
}


def day(instant: datetime) -> str:
    """Write an instant as customers read it, e.g. ``3 March 2026, 09:00 UTC``."""
    return f"{instant:%-d %B %Y, %H:%M} UTC"


def date_of(instant: datetime) -> str:
    """Write an instant's day as customers read it, e.g. ``3 March 2026``."""
    return f"{instant:%-d %B %Y}"


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
