import json
from typing import Any

import httpx
import pytest

from tests.intake.world import PAID_AT, World, address, line, order, post

UNUSABLE: dict[str, dict[str, Any]] = {
    "negative quantity": {"line_items": [line(quantity=-1)]},
    "zero quantity": {"line_items": [line(quantity=0)]},
    "a thousand million pieces": {"line_items": [line(quantity=1_000_000_000)]},
    "two to the 63rd pieces": {"line_items": [line(quantity=2**63)]},
    "half a piece": {"line_items": [line(quantity=1.5)]},
    "ten thousand lines": {
        "line_items": [{"id": number, "quantity": 1, "price": "1.00"} for number in range(1, 10_001)]
    },
    "no lines": {"line_items": []},
    "lines that are no list": {"line_items": "none"},
    "a line that is no object": {"line_items": [1]},
    "duplicate line ids": {"line_items": [line(), line()]},
    "unknown currency": {"currency": "XXQ"},
    "no currency": {"currency": None},
    "price as a float": {"line_items": [line(price=12.5)]},
    "total as a float": {"total_price": 25.0},
    "negative total": {"total_price": "-1.00"},
    "five decimals": {"total_price": "25.00001"},
    "price with an exponent": {"line_items": [line(price="1e3")]},
    "a time without its offset": {"updated_at": "2026-03-01T12:00:00"},
    "an address that is a list": {"shipping_address": []},
    "a street of ten kilobytes": {"shipping_address": address(address1="x" * 10_000)},
    "half a surrogate in a name": {"shipping_address": address(first_name="\ud800")},
}


@pytest.mark.parametrize("changes", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_order_is_kept_and_a_person_asked(api: httpx.Client, world: World, changes: dict[str, Any]) -> None:
    document = order(**changes)

    reply = post(api, document)

    assert (reply.status_code, reply.json()) == (200, {"outcome": "invalid"})
    (webhook,) = world.rows("SELECT * FROM webhooks WHERE storefront_order_id = :id", id=str(document["id"]))
    assert json.loads(bytes(webhook.body)) == document
    (task,) = world.rows("SELECT * FROM tasks WHERE key LIKE :key", key=f"%:{document['id']}")
    assert task.category == "order_invalid"
    assert "lanted" not in task.question + json.dumps(task.evidence)
    assert world.rows("SELECT 1 FROM orders WHERE storefront_order_id = :id", id=str(document["id"])) == []


@pytest.mark.parametrize("document", [[], 1, "order", None, {}, {"id": []}, {"id": True}, {"order": {"id": 1}}])
def test_json_of_another_shape_is_kept_and_a_person_asked(api: httpx.Client, world: World, document: Any) -> None:
    before = len(world.tasks())

    assert post(api, document).json() == {"outcome": "invalid"}
    assert len(world.tasks()) == before + 1


ODD: dict[str, dict[str, Any]] = {
    "emoji and right-to-left names": {"shipping_address": address(first_name="🎁 عميل", last_name="לקוח")},
    "no address": {"shipping_address": None},
    "an address without a field": {"shipping_address": {}},
    "an unknown country": {"shipping_address": address(country_code="Atlantis")},
    "a country that does not exist": {"shipping_address": address(country_code="QX")},
    "a NUL in a name": {"shipping_address": address(first_name="Pla\x00nted")},
    "a formula as a street": {"shipping_address": address(address1="=cmd()")},
    "a line break in an e-mail": {"email": "planted@planted.example\r\nBcc: all@planted.example"},
    "unknown fields": {"something_new": {"deep": [1, 2, 3]}},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_an_odd_order_is_stored_for_screening_to_judge(
    api: httpx.Client, world: World, changes: dict[str, Any]
) -> None:
    document = order(**changes)

    assert post(api, document).json() == {"outcome": "startable"}
    row = world.order_row(document)
    assert (row.state, row.ship_country in (None, "ES", "QX")) == ("startable", True)


def test_names_in_any_script_are_stored_as_they_are(api: httpx.Client, world: World) -> None:
    document = order(shipping_address=address(first_name="🎁 عميل", last_name="לקוח"))
    post(api, document)

    (stored,) = world.rows("SELECT address FROM addresses WHERE order_id = :id", id=world.order_row(document).id)
    assert stored.address["name"] == "🎁 عميل לקוח"


def test_a_corrected_version_starts_the_order_and_closes_the_question(api: httpx.Client, world: World) -> None:
    wrong = order(line_items=[line(quantity=0)])
    post(api, wrong)

    assert post(api, order(wrong["id"], minute=1), "orders/updated").json() == {"outcome": "startable"}
    (task,) = world.rows("SELECT state FROM tasks WHERE key LIKE :key", key=f"%:{wrong['id']}#%")
    assert task.state == "obsolete"


def test_an_older_unpaid_version_leaves_the_question_open(api: httpx.Client, world: World) -> None:
    wrong = order(line_items=[line(quantity=0)])
    post(api, wrong)

    post(api, order(wrong["id"], minute=-5, financial_status="pending"), "orders/create")

    assert world.rows("SELECT state FROM tasks WHERE key LIKE :key", key=f"%:{wrong['id']}")[0].state == "open"


def test_the_same_unusable_order_is_asked_about_once(api: httpx.Client, world: World) -> None:
    wrong = order(currency="XXQ")
    for _ in range(3):
        post(api, wrong)

    assert len(world.rows("SELECT 1 FROM tasks WHERE key LIKE :key", key=f"%:{wrong['id']}")) == 1


def test_an_adapter_that_stumbles_is_no_error_of_the_storefront(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stumbling:
        def read_order(self, document: dict[str, Any]) -> None:
            raise KeyError("Planted Person")

    monkeypatch.setitem(world.storefronts, "main", Stumbling())  # type: ignore[arg-type]

    assert world.receive(order(), paid_at=PAID_AT).outcome == "invalid"
    (task,) = world.rows("SELECT question FROM tasks ORDER BY id DESC LIMIT 1")
    assert "KeyError" in task.question
    assert "Planted" not in task.question
