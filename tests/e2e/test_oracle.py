import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.oracle import Evidence, everything_wrong
from tests.e2e.sales import Sale, Script

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Tamper = Callable[[Evidence], Any]


def good() -> Evidence:
    """One order, as it should be."""
    lines = [{"ean": "8411061123456", "quantity": 2}]
    return Evidence(
        sales={"7": Sale(0, Script.SHIPPED, (("8411061123456", 2),))},
        supplier=[
            {
                "order_number": "74A",
                "lines": lines,
                "status": "Shipped",
                "tracking": ["GLS-1"],
                "payment_method": "wallet",
            }
        ],
        shop={
            "7": {
                "id": 7,
                "financial_status": "paid",
                "metafields": {"btswholesaler.order_number": "74A", "btswholesaler.shipping_cost_id": "501"},
                "fulfillments": [{"tracking_numbers": ["GLS-1"], "lines": {"71": 2}}],
            }
        },
        mails=[{"id": 1, "kind": "shipped", "audience": "customer", "key": "shipped:1:1", "state": "sent"}],
        inbox=[{"message_id": "<shipped.1@under-fire.example>"}],
        orders={"7": {"id": 1, "name": "#1001", "state": "shipped"}},
        lines=[{"order_id": 1, "line_id": "71", "quantity": 2, "shipped": 2, "cancelled": 0, "refunded": 0}],
        purchase_orders=[
            {
                "id": 1,
                "order_id": 1,
                "storefront_order_id": "7",
                "number": "DW-1-11",
                "state": "shipped",
                "submission": "placed",
                "supplier_number": "74A",
                "quote_id": "501",
                "acknowledged_at": NOON,
                "fence": 1,
            }
        ],
        parcels=[{"id": 1, "purchase_order_id": 1, "tracking_number": "GLS-1", "source": "check"}],
        calls=[{"operation": "setCreateOrder", "purchase_order_id": 1, "url": "", "request": "", "reply": "74A"}],
        checks=[
            {
                "kind": "tracking",
                "check_no": 1,
                "purchase_order_id": 1,
                "asked_at": NOON,
                "due_at": NOON,
                "errors": 0,
            }
        ],
        reservations=[
            {"id": 1, "purchase_order_id": 1, "supplier": "bts", "sku": "S1", "quantity": 2, "state": "consumed"}
        ],
        offers=[{"supplier": "bts", "sku": "S1", "reserved": 2}],
    )


def test_what_is_as_it_should_be_is_not_complained_about() -> None:
    assert everything_wrong(good()) == []


@pytest.mark.parametrize(
    ("check", "tamper"),
    [
        ("lost", lambda found: found.orders.clear()),
        ("wrongly_ended", lambda found: found.orders["7"].update(state="open")),
        ("ordered_wrongly", lambda found: found.supplier.append({**found.supplier[0], "order_number": "75A"})),
        ("ordered_wrongly", lambda found: found.supplier.clear()),
        ("ordered_wrongly", lambda found: found.purchase_orders[0].update(state="cancelled")),
        ("ordered_wrongly", lambda found: found.purchase_orders[0].update(submission="unknown")),
        ("ordered_wrongly", lambda found: found.supplier[0]["lines"][0].update(quantity=3)),
        ("ordered_wrongly", lambda found: found.supplier[0].update(payment_method="banktransfer")),
        ("unbalanced", lambda found: found.lines[0].update(shipped=1)),
        ("held_wrongly", lambda found: found.reservations[0].update(state="held")),
        ("held_wrongly", lambda found: found.reservations[0].update(state="released")),
        ("held_wrongly", lambda found: found.offers[0].update(reserved=0)),
        ("held_wrongly", lambda found: found.reservations.clear()),
        ("told_wrongly", lambda found: found.inbox.clear()),
        ("told_wrongly", lambda found: found.inbox.append(found.inbox[0])),
        ("told_wrongly", lambda found: found.mails[0].update(state="pending")),
        ("told_wrongly", lambda found: found.parcels.append({**found.parcels[0], "id": 2})),
        ("fulfilled_wrongly", lambda found: found.shop["7"]["fulfillments"].append({"tracking_numbers": ["GLS-1"]})),
        ("fulfilled_wrongly", lambda found: found.shop["7"]["fulfillments"][0]["lines"].update({"71": 1})),
        ("fulfilled_wrongly", lambda found: found.supplier[0]["tracking"].append("GLS-2")),
        ("fulfilled_wrongly", lambda found: found.shop["7"]["metafields"].clear()),
        ("unrecorded", lambda found: found.calls.clear()),
        ("unrecorded", lambda found: found.calls[0].update(request="Authorization: bts-token")),
        ("late", lambda found: found.checks[0].update(asked_at=NOON + timedelta(minutes=3))),
    ],
)
def test_whatever_is_wrong_is_found(check: str, tamper: Tamper) -> None:
    found = copy.deepcopy(good())
    tamper(found)

    assert any(problem.startswith(f"{check}: ") for problem in everything_wrong(found))
