import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import channels_oracle
from tests.e2e.channels_oracle import Told
from tests.e2e.channels_points import CHANNELS, points
from tests.e2e.channels_settings import ARTICLES
from tests.e2e.channels_world import Sale

Tamper = Callable[[Told], Any]


def _order(number: str, channel: str, units: int) -> dict[str, Any]:
    lines = [{"ean": ARTICLES[channel], "quantity": units}]
    return {"order_number": f"V{number}", "number": number, "lines": lines}


def _ours(key: int, channel: str) -> dict[str, Any]:
    return {
        "id": key,
        "number": f"DW-{key}",
        "supplier": channel,
        "supplier_number": f"VDW-{key}",
        "state": "shipped",
        "submission": "placed",
        "storefront_order_id": str(key),
    }


def _document(number: int, direction: str, kind: str, **more: Any) -> dict[str, Any]:
    facts = {"supplier": "mail", "reason": "", "key": None, "numbers": [None], "state": "applied"}
    return {"id": number, "direction": direction, "kind": kind, **facts, **more}


def good() -> Told:
    """An order by mail and one at a supplier that knows only its own numbers, as they should be."""
    by_mail, unnumbered = _order("DW-1", "mail", 2), _order("DW-2", "bts", 3)
    del unnumbered["number"]
    said = [{"supplier": "mail", "number": "DW-1", "told_at": 1, "said": said} for said in ("acknowledged", "shipped")]
    return Told(
        sales={"1": Sale("mail", 2), "2": Sale("bts", 3)},
        orders={name: {"id": int(name), "state": "shipped"} for name in "12"},
        purchase_orders=[_ours(1, "mail"), _ours(2, "bts")],
        parcels=[{"purchase_order_id": key, "tracking_number": f"T{key}"} for key in (1, 2)],
        reservations=[
            {"id": key, "state": "consumed", "supplier": "bts", "sku": "a", "quantity": 3, "purchase_order_id": key}
            for key in (1, 2)
        ],
        offers=[{"supplier": "bts", "sku": "a", "reserved": 6}],
        tasks=[{"id": 1, "category": "submit_unknown", "state": "answered", "question": ""}],
        documents=[
            _document(1, "out", "order", key="order:DW-1", numbers=["DW-1"], state="sent"),
            _document(2, "in", "mail"),
        ],
        news=said,
        ledgers={"mail": [by_mail | {"mails": 1}], "bts": [unnumbered]},
        left_behind={"mail": [], "cj": []},
        shop={
            name: {"fulfillments": [{"tracking_numbers": [f"T{name}"], "lines": {"l": units}}]}
            for name, units in (("1", 2), ("2", 3))
        },
    )


def _found(told: Told) -> list[str]:
    wrong = [one for channel in ("mail", "bts") for one in channels_oracle.ordered_wrongly(told, channel)]
    checks = (channels_oracle.exchanged_wrongly, channels_oracle.fulfilled_wrongly, channels_oracle.ended_wrongly)
    return wrong + [one for check in checks for one in check(told)]


WRONGS: dict[str, Tamper] = {
    "ordered twice": lambda told: told.ledgers["mail"].append(told.ledgers["mail"][0]),
    "ordered twice where nobody knows our number": lambda told: told.ledgers["bts"].append(_order("X", "bts", 3)),
    "lost": lambda told: told.ledgers["mail"].clear(),
    "mailed twice": lambda told: told.ledgers["mail"][0].update(mails=2),
    "other units": lambda told: told.ledgers["bts"][0]["lines"][0].update(quantity=4),
    "another article": lambda told: told.ledgers["bts"][0]["lines"][0].update(ean=ARTICLES["cj"]),
    "still in doubt": lambda told: told.purchase_orders[0].update(submission="unknown"),
    "a draft left behind": lambda told: told.left_behind["mail"].append("draft"),
    "a document not believed": lambda told: told.documents[1].update(state="quarantined"),
    "news applied twice": lambda told: told.news.append(told.news[0]),
    "news untold": lambda told: told.news[0].update(told_at=None),
    "no news": lambda told: told.news.pop(),
    "two documents of one order": lambda told: told.documents.append(told.documents[0]),
    "fulfilled twice": lambda told: told.shop["1"]["fulfillments"].append(told.shop["1"]["fulfillments"][0]),
    "not fulfilled": lambda told: told.shop["2"]["fulfillments"].clear(),
    "a second parcel": lambda told: told.parcels.append(told.parcels[0]),
    "another parcel": lambda told: told.parcels[0].update(tracking_number="T9"),
    "not shipped": lambda told: told.orders["1"].update(state="open"),
    "a question open": lambda told: told.tasks[0].update(state="open"),
    "a question that nobody should have": lambda told: told.tasks[0].update(category="document_unclear"),
    "stock held": lambda told: told.reservations[0].update(state="held"),
}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert _found(good()) == []


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_wrong_is_found(wrong: str) -> None:
    told = copy.deepcopy(good())
    WRONGS[wrong](told)
    assert _found(told)


def test_a_seed_names_one_point_for_each_channel_and_always_the_same() -> None:
    assert list(points(5)) == list(CHANNELS)
    assert points(5) == points(5)
    chosen = {(channel, str(point)) for seed in range(60) for channel, point in points(seed).items()}
    assert len(chosen) > 50
