import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.routing_oracle import Told, everything_wrong
from tests.e2e.routing_sales import ARTICLES, HOT_UNITS, Sale

EAN, HOT = ARTICLES["beside"], ARTICLES["hot"]
Tamper = Callable[[Told], Any]


def _line(ean: str, quantity: int) -> dict[str, Any]:
    return {"line_id": ean, "ean": ean, "quantity": quantity, "shipped": quantity, "cancelled": 0, "refunded": 0}


def _share(key: int, supplier: str, ean: str, quantity: int) -> dict[str, Any]:
    return {"purchase_order_id": key, "supplier": supplier, "ean": ean, "quantity": quantity, "shipped": quantity}


def _purchase_order(key: int, order: str, supplier: str, number: str) -> dict[str, Any]:
    return {
        "id": key,
        "number": f"DW-{key}",
        "supplier": supplier,
        "supplier_number": number,
        "state": "shipped",
        "storefront_order_id": order,
    }


def good() -> Told:
    """An order at a supplier, and one of everything hot from both shelves, as they should be."""
    shares = [_share(1, "beta", EAN, 2), _share(2, "depot", HOT, 9), _share(3, "annex", HOT, HOT_UNITS - 9)]
    return Told(
        sales={
            "7": Sale("calm", "main", {"beside": 2}, suppliers=frozenset({"beta"})),
            "8": Sale("hot", "flash", {"hot": HOT_UNITS}),
        },
        orders={"7": {"id": 1, "state": "shipped"}, "8": {"id": 2, "state": "shipped"}},
        lines={"7": [_line(EAN, 2)], "8": [_line(HOT, HOT_UNITS)]},
        purchase_orders=[
            _purchase_order(1, "7", "beta", "74A"),
            _purchase_order(2, "8", "depot", "DW-2"),
            _purchase_order(3, "8", "annex", "DW-3"),
        ],
        shares=shares,
        reservations=[
            {"id": one["purchase_order_id"], "sku": one["ean"], "state": "consumed", **one} for one in shares
        ],
        offers=[{"supplier": one["supplier"], "sku": one["ean"], "reserved": one["quantity"]} for one in shares],
        ledgers={
            "alpha": [],
            "beta": [{"order_number": "74A", "status": "Shipped", "lines": [{"ean": EAN, "quantity": 2}]}],
            "gamma": [],
        },
        picked=Counter({("depot", HOT): 9, ("annex", HOT): HOT_UNITS - 9}),
        shops={
            "7": {"fulfillments": [{"status": "SUCCESS", "lines": {EAN: 2}}]},
            "8": {"fulfillments": [{"status": "SUCCESS", "lines": {HOT: HOT_UNITS}}]},
        },
        tasks=[],
        refusals=[],
        questions=[],
        drifts=[],
    )


def test_nothing_is_wrong_where_everything_is_as_it_should_be() -> None:
    assert everything_wrong(good()) == []


TAMPERS: dict[str, Tamper] = {
    "calm never arrived": lambda told: [told.orders.pop("7"), told.lines.pop("7")],
    "calm is open": lambda told: told.orders["7"].update(state="open"),
    "14 of 15 hot units were sold": lambda told: told.lines["8"][0].update(shipped=14),
    "(1, 0) were shipped and cancelled": lambda told: told.lines["7"][0].update(shipped=1),
    "4 were delivered, 2 shipped": lambda told: told.ledgers["alpha"].append(
        {"order_number": "75A", "status": "Paid", "lines": [{"ean": EAN, "quantity": 2}]}
    ),
    "calm was delivered by ['alpha']": lambda told: told.purchase_orders[0].update(supplier="alpha"),
    "depot had 9 hot, and was asked for 10": lambda told: told.shares[1].update(quantity=10),
    "calm was refused for want of stock": lambda told: told.refusals.append({"storefront_order_id": "7"}),
    "beta's 74A is 0 of ours": lambda told: told.purchase_orders[0].update(supplier_number="75A"),
    "DW-1 is not at beta as we have it": lambda told: told.shares[0].update(quantity=3),
    "DW-1, rejected, lives on at beta": lambda told: told.purchase_orders[0].update(state="rejected"),
    "calm: the shop fulfilled": lambda told: told.shops["7"]["fulfillments"].append(
        {"status": "SUCCESS", "lines": {EAN: 1}}
    ),
    "reservation 1 is held": lambda told: told.reservations[0].update(state="held"),
    "3 reserved instead of 2": lambda told: told.offers[0].update(reserved=3),
    "purchase order 1: 2 shipped of 1": lambda told: told.reservations[0].update(quantity=1),
    "drift: {'kind': 'sum'}": lambda told: told.drifts.append({"kind": "sum"}),
    "calm: 1 refunds are due": lambda told: told.tasks.append(
        {"storefront_order_id": "7", "category": "refund_due", "state": "open"}
    ),
    "a person was asked: unroutable": lambda told: told.tasks.append(
        {"id": 1, "storefront_order_id": "7", "category": "unroutable", "state": "answered", "question": ""}
    ),
    "calm: 1 answers": lambda told: told.questions.append({"storefront_order_id": "7", "ending": "answered"}),
}


@pytest.mark.parametrize("problem", TAMPERS)
def test_whatever_is_wrong_is_found(problem: str) -> None:
    told = copy.deepcopy(good())
    TAMPERS[problem](told)
    assert any(problem in one for one in everything_wrong(told)), everything_wrong(told)
