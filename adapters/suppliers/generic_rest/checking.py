"""Which mistakes in a profile can be found before the first order: templates that can't be filled in, promises that the
requests do not keep, and recorded answers that do not read as expected.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Self

from pydantic import model_validator

from adapters.suppliers.generic_rest import calls, rehearsing
from adapters.suppliers.generic_rest.calls import Prepared
from adapters.suppliers.generic_rest.profile import Call, RestProfile
from adapters.suppliers.generic_rest.templates import Context, TemplateProblem
from models.faults import Fault, refuse
from models.money import Money
from models.orders import Address
from models.suppliers import Destination, SupplierLine, SupplierOrder

_FILL = "the page of this adapter lists what templates may name"
_RECORD = "add [[…profile.recorded]] with one of its real answers, or one from its documentation"
_MUST_BE_RECORDED = ("place_order", "fetch_order")
_ADDRESS = Address(name="Name", address1="Street 1", city="City", postal_code="28001", country_code="ES")
_DESTINATION = Destination(country_code="ES", postal_code="28001")
_PLAIN = SupplierLine(ean="8411061123457", quantity=2)
_FULL = SupplierLine(
    ean="8411061123457", quantity=2, sku="A-1", unit_cost=Money.model_validate({"amount": "12.50", "currency": "EUR"})
)


class CheckedRestProfile(RestProfile):
    """A supplier's REST interface, checked as a whole: what ``Plugin.profile`` names."""

    @model_validator(mode="after")
    def _would_work(self) -> Self:
        refuse("CheckedRestProfile", _faults(self))
        return self


def _faults(profile: RestProfile) -> list[Fault]:
    faults = [*_unfilled(profile)]
    if faults:
        return faults
    return [*_promises(profile), *_unrecorded(profile), *rehearsing.faults_of(profile)]


def _unfilled(profile: RestProfile) -> Iterator[Fault]:
    """Fill every call in, with all there may be and with as little."""
    for place, call, contexts in _calls(profile):
        for context in contexts:
            try:
                calls.fill_in(call, context)
            except TemplateProblem as problem:
                yield Fault((*place, *problem.place), str(problem), _FILL)
                break


def _calls(profile: RestProfile) -> Iterator[tuple[tuple[str, ...], Call, list[Context]]]:
    orders = [calls.about_order(_order()), calls.about_order(_order(full=True))]
    number = [calls.about_number("4711")]
    contexts: dict[str, list[Context]] = {
        "place_order": orders,
        "find_order": orders,
        "fetch_order": number,
        "cancel_order": number,
        "fetch_stock": [calls.about_stock(["8411061123457"])],
        "quote_shipping": [calls.about_shipping(_DESTINATION, [line]) for line in (_PLAIN, _FULL)],
        "probe": [{}],
    }
    for name, known in contexts.items():
        if (call := getattr(profile.operations, name)) is not None:
            yield ("operations", name), call, known
    for kind, feed in profile.feeds.items():
        pages = [calls.about_page(1, "", ""), calls.about_page(2, "next", "2026-01-05T00:00:00Z")]
        yield ("feeds", kind), feed, pages


def _promises(profile: RestProfile) -> Iterator[Fault]:
    """Hold what is declared against what is sent."""
    operations = profile.operations
    place = ("operations", "place_order")
    if profile.doubt == "look_up" and operations.find_order is None:
        yield Fault(("doubt",), "look_up needs the operation find_order", 'describe it, or write doubt = "none"')
    if profile.doubt == "look_up" and not profile.visibility_delay:
        problem = "is missing: looked for at once, an order still being written there is not seen, and sent twice"
        yield Fault(("visibility_delay",), problem, 'write how long that may take, e.g. "2m"')
    if profile.visibility_delay and profile.doubt != "look_up":
        yield Fault(("visibility_delay",), "is for look-ups only", 'take it out, or write doubt = "look_up"')
    sent = _sent(operations.place_order, _order())
    if profile.doubt != "none" and sent == _sent(operations.place_order, _order(number="DW-2-11")):
        yield Fault(place, f"does not send our number, which {profile.doubt} depends on", "send {{ order.number }}")
    if profile.test_orders and sent == _sent(operations.place_order, _order(test=True)):
        yield Fault(("test_orders",), "is true, but a test order is sent as any other", "send {{ order.test }}")
    for name in ("fetch_order", "cancel_order"):
        call = getattr(operations, name)
        if call is not None and calls.fill_in(call, calls.about_number("1")) == calls.fill_in(
            call, calls.about_number("2")
        ):
            yield Fault(("operations", name), "does not say which order", "send {{ supplier_number }}")
    if operations.find_order and _sent(operations.find_order, _order()) == _sent(
        operations.find_order, _order(number="DW-2-11")
    ):
        yield Fault(("operations", "find_order"), "does not say which order", "send {{ order.number }}")


def _unrecorded(profile: RestProfile) -> Iterator[Fault]:
    recorded = {one.operation for one in profile.recorded}
    looked_up = profile.doubt == "look_up" and profile.operations.find_order is not None
    for name in (*_MUST_BE_RECORDED, *(["find_order"] if looked_up else [])):
        if name not in recorded:
            yield Fault(("recorded",), f"has no answer to {name}", _RECORD)


def _sent(call: Call, order: SupplierOrder) -> Prepared:
    return calls.fill_in(call, calls.about_order(order))


def _order(*, number: str = rehearsing.OUR_NUMBER, test: bool = False, full: bool = False) -> SupplierOrder:
    more: dict[str, Any] = {}
    if full:
        day = date(2026, 1, 5)
        more = {"carrier": "GLS", "customer_order": "#1001", "placed_on": day, "ship_by": day, "arrive_by": day}
    return SupplierOrder(
        number=number, lines=(_FULL if full else _PLAIN,), quote_id="1", address=_ADDRESS, test=test, **more
    )
