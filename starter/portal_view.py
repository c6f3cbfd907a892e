"""What a supplier's page shows of an order, in words; and what its forms are filled in with. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from adapters.database.portal import PageOrder
from adapters.exchange import contradictions
from models.money import Money
from models.orders import Address
from models.statuses import PurchaseOrderState
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine, SupplierState, TrackedParcel
from starter.portal_entries import LONGEST_NOTE, Reason
from starter.portal_fields import Form, UnreadableEntryError
from starter.public_pages import STYLE, TEMPLATES, headers_for

PAGE_STYLE = (
    STYLE.replace("main{max-width:34rem;", "main{max-width:44rem;")
    + """
.number{white-space:nowrap}
table{border-collapse:collapse;width:100%;margin:0 0 1rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid #d4d4ce;overflow-wrap:anywhere}
th{font-weight:600;color:#4a4a45;white-space:nowrap}
td.amount,th.amount{text-align:right;padding-right:0;white-space:nowrap}
td small{display:block}
.gone{color:#7f1d1d}
a{color:inherit}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 1rem}
dt{color:#4a4a45}
dd{margin:0;overflow-wrap:anywhere}
address{font-style:normal;white-space:pre-line;overflow-wrap:anywhere}
ul{padding-left:1.25rem;overflow-wrap:anywhere}
label.field{display:block;padding:.35rem 0}
label.field span{display:block}
label.field input,select,textarea{font:inherit;box-sizing:border-box;width:100%;height:auto;margin:0;padding:.5rem;
border:1px solid #6b6b65;border-radius:.35rem;background:#fff;color:inherit}
label.field .wrong{color:#7f1d1d;font-weight:600}
label.field [aria-invalid]{border:2px solid #7f1d1d}
details fieldset,details details{margin-top:.75rem}
.card .pair{grid-template-columns:repeat(auto-fit,minmax(6.5rem,1fr))}
.card:not(:has(option[value=later]:checked)) .later,.card:not(:has(option[value=instead]:checked)) .instead,
.card:has(option:first-child:checked) .remark{display:none}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:0 1rem}
.notice{border-left:.3rem solid #14532d;padding-left:.75rem}
.test{background:#7f1d1d;color:#fff;padding:.5rem .75rem;font-weight:600}
legend{overflow-wrap:anywhere}
fieldset button,details button{margin-bottom:.25rem}
"""
)
HEADERS = headers_for(PAGE_STYLE)
REASONS: dict[Reason, str] = {
    Reason.OUT_OF_STOCK: "out of stock",
    Reason.DISCONTINUED: "no longer sold",
    Reason.UNKNOWN_ARTICLE: "not our article",
    Reason.PRICE: "not at this price",
    Reason.TOO_SMALL: "order too small",
    Reason.DESTINATION: "we don't ship there",
    Reason.OTHER: "another reason",
}
OVER = frozenset(
    (
        PurchaseOrderState.CANCELLED,
        PurchaseOrderState.CANCELLED_BY_SUPPLIER,
        PurchaseOrderState.REJECTED,
        PurchaseOrderState.RETURNED,
    )
)
_IN_WORDS = {str(reason): words for reason, words in REASONS.items()} | {"refused_before": "refused before"}


@dataclass(frozen=True)
class Page:
    """What is shown, and ``outcome``, the word for the log. ``shown`` is the order's part of it, where there is one."""

    outcome: str
    title: str
    status: int = 200
    sentences: Sequence[str] = ()
    shown: Mapping[str, Any] | None = field(default=None)

    def html(self) -> str:
        """Render it. Every text is escaped: addresses come from shops, and answers from anybody with the link."""
        return TEMPLATES.get_template("portal.html.j2").render(
            style=PAGE_STYLE, title=self.title, sentences=self.sentences, order=self.shown, reasons=REASONS
        )


def order_page(
    order: PageOrder,
    *,
    buyer: str = "",
    problem: UnreadableEntryError | None = None,
    form: Form | None = None,
    saved: bool = False,
) -> Page:
    """Show an order; after a ``problem`` with what was typed, so that nothing is typed twice. ``buyer``: whose it is."""
    shown = _shown(order, buyer) | _typed(order, form, problem, saved=saved)
    return Page(
        "refused" if problem else "shown", f"Purchase order {order.number}", 422 if problem else 200, shown=shown
    )


def _typed(order: PageOrder, form: Form | None, problem: UnreadableEntryError | None, *, saved: bool) -> dict[str, Any]:
    """Say what the forms are filled in with, and which of them was sent."""
    return {
        "problem": str(problem or ""),
        "wrong": problem.field if problem else "",
        "saved": saved and problem is None,
        "what": form.text("what") if form else "",
        "typed": dict(form.fields) if form else {},
        "partly": form is not None and any(form.text(f"units-{place}") for place in range(len(order.lines))),
        "cards": [_card(order, line, place, form) for place, line in enumerate(order.lines)],
    }


def _shown(order: PageOrder, buyer: str) -> dict[str, Any]:
    answerable = not order.ended and not _is_shipped(order) and any(map(order.still_wanted, order.lines))
    return {
        "number": order.number,
        "test": order.test,
        "over": order.state in OVER,
        "facts": [(label, value) for label, value in _facts(order, buyer) if value],
        "address": _address(order.address),
        "lines": [_line(order, line) for line in order.lines],
        "told": list(_told(order)),
        "doubt": _doubt(order),
        "answerable": answerable,
        "cancel_asked": order.cancel_asked,
        "seen": order.newest,
        "currency": order.currency,
        "longest_note": LONGEST_NOTE,
    }


def _is_shipped(order: PageOrder) -> bool:
    return order.status is not None and order.status.state is SupplierState.SHIPPED


def _facts(order: PageOrder, buyer: str) -> Iterator[tuple[str, str]]:
    yield "Ordered by", buyer
    yield "Ordered on", str(order.ordered_on or "")
    yield "Ship with", order.carrier
    yield "Ship by", str(order.ship_by or "")
    yield "To arrive by", str(order.arrive_by or "")
    yield "Goods in all", _goods(order)


def _goods(order: PageOrder) -> str:
    """Write how many units were ordered and, where every price is known, what they come to."""
    units = sum(line.quantity for line in order.lines)
    words = (
        f"{units} unit{'' if units == 1 else 's'} of {len(order.lines)} article{'' if len(order.lines) == 1 else 's'}"
    )
    priced = [(line.quantity, line.unit_cost) for line in order.lines if line.unit_cost is not None]
    currencies = {cost.currency for _, cost in priced}
    if len(priced) < len(order.lines) or len(currencies) != 1:
        return words
    total = sum((cost.amount * quantity for quantity, cost in priced), Decimal(0))
    return f"{words}, {_price(Money(amount=total, currency=currencies.pop()))}"


def _address(address: Address | None) -> str:
    if address is None:
        return "as in our mail"
    town = " ".join(part for part in (address.postal_code, address.city, address.province_code) if part)
    parts = (address.name, address.company, address.address1, address.address2, town, address.country_code)
    return "\n".join(" ".join(part.split()) for part in (*parts, address.phone) if part)


def _line(order: PageOrder, line: SupplierLine) -> dict[str, Any]:
    return {
        "units": line.quantity,
        "ean": line.ean,
        "sku": _sku(line),
        "price": _price(line.unit_cost) if line.unit_cost else "",
        "declined": order.declined.get(line.ean, 0),
    }


def _sku(line: SupplierLine) -> str:
    return line.sku if line.sku != line.ean else ""


def _price(cost: Money) -> str:
    """Write a price with as many decimals as it has, two at least."""
    exact = f"{cost.amount.normalize():f}"
    _, _, decimals = exact.partition(".")
    return f"{exact if len(decimals) > 2 else f'{cost.amount:.2f}'} {cost.currency}"


# What was told so far.


def _told(order: PageOrder) -> Iterator[str]:
    if order.status is not None:
        yield from _answers(order.lines, order.status.lines)
        yield from (_parcel(parcel) for parcel in order.status.parcels)
    for invoice in order.invoices:
        yield f"Invoice {invoice.invoice} over {invoice.total}"


def _answers(ordered: Sequence[SupplierLine], said: Sequence[AcknowledgedLine]) -> Iterator[str]:
    """Write what was said of each line, or in a word what was said of all."""
    words = {_answer(line) for line in said}
    if len(ordered) > 1 and len(words) == 1 and _units(ordered) == _units(said):
        yield f"Everything: {words.pop()}"
        return
    yield from (f"{line.quantity} × {line.ean}: {_answer(line)}" for line in said)


def _units(lines: Sequence[SupplierLine | AcknowledgedLine]) -> list[tuple[str, int]]:
    return sorted((line.ean, line.quantity) for line in lines)


def _answer(line: AcknowledgedLine) -> str:
    price = f" at {_price(line.unit_cost)}" if line.unit_cost else ""
    ships = f", to ship on {line.expected_on}" if line.expected_on else ""
    match line.status:
        case LineStatus.ACCEPTED:
            return f"confirmed{price}{ships}"
        case LineStatus.BACKORDERED:
            return f"will come later{price}{ships}"
        case LineStatus.SUBSTITUTED:
            return f"{line.substitute or 'another article'} offered instead{price}"
        case LineStatus.REJECTED:
            return f"refused ({_IN_WORDS.get(line.reason, line.reason) or 'no reason given'})"


def _parcel(parcel: TrackedParcel) -> str:
    inside = ", ".join(f"{line.quantity} × {line.ean}" for line in parcel.lines) or "all that was open"
    return f"Parcel {parcel.tracking_number}{f' with {parcel.carrier}' if parcel.carrier else ''}: {inside}"


def _doubt(order: PageOrder) -> str:
    """Say what does not fit of what was said last; the buyer has a task about it."""
    return contradictions.find_problem(order.lines, order.news[:-1], order.news[-1]) if order.news else ""


# What the form per line is filled in with.


def _card(order: PageOrder, line: SupplierLine, place: int, form: Form | None) -> dict[str, Any]:
    wanted = order.still_wanted(line)
    values = _from_answers(order, line, wanted)
    if form is not None and form.text("what") == "answer":
        values = {name: form.text(f"{name}-{place}") for name in values}
    return {
        "place": place,
        "article": f"{line.ean} ({sku})" if (sku := _sku(line)) else line.ean,
        "wanted": wanted,
        **values,
    }


def _from_answers(order: PageOrder, line: SupplierLine, wanted: int) -> dict[str, str]:
    said = [one for one in order.status.lines if one.ean == line.ean] if order.status else []
    confirmed = [one for one in said if one.status is LineStatus.ACCEPTED]
    others = [one for one in said if one.status is not LineStatus.ACCEPTED and one.reason != "refused_before"]
    first, other = next(iter(confirmed), None), next(iter(others), None)
    cost = (first.unit_cost if first else None) or line.unit_cost
    units = sum(one.quantity for one in confirmed) if said else wanted
    return {
        "units": str(min(units, wanted)),
        "price": _price(cost).split(" ")[0] if cost and cost.currency == order.currency else "",
        "date": str(first.expected_on or "") if first else "",
        "rest": _rest(other) if other and units < wanted else "",
        "later": str(other.expected_on or "") if other else "",
        "instead": other.substitute if other else "",
        "note": "",
    }


def _rest(line: AcknowledgedLine) -> str:
    match line.status:
        case LineStatus.BACKORDERED:
            return "later"
        case LineStatus.SUBSTITUTED:
            return "instead"
        case _:
            return f"refused:{line.reason if line.reason in _IN_WORDS else Reason.OTHER}"
