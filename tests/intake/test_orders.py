from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.intake import UnknownChannelError
from adapters.errors import UnexpectedReply
from models.commands import StorefrontEventKind
from tests.intake.world import PAID_AT, WATERMARK, World, address, line, order


def move(world: World, order_id: int, state: str) -> None:
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET state = %s, started_at = now() WHERE id = %s", (state, order_id))


def purchase_order(world: World, order_id: int, submission: str, *, ended: bool = False) -> None:
    with world.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO purchase_orders (order_id, plan_no, number, supplier, attempt, workflow_id, state, mode, test,"
            " submission, ended_at) VALUES (%s, 1, %s, 'bts', 1, %s, 'quoted', 'live', false, %s, %s)",
            (order_id, f"DW-{order_id}", f"po-{order_id}", submission, PAID_AT if ended else None),
        )


def test_a_paid_order_is_stored_whole_and_made_startable(world: World) -> None:
    document = order(line_items=[line(), line(id=12, sku="SKU-2", quantity=1, price="3.10")])

    received = world.receive(document)

    row = world.order_row(document)
    assert (row.state, row.total, row.currency, row.ship_country) == ("startable", Decimal("25.0000"), "EUR", "ES")
    assert row.startable_at is not None
    assert row.started_at is None
    lines = world.rows(
        "SELECT line_id, sku, quantity FROM order_lines WHERE order_id = :id ORDER BY position", id=row.id
    )
    assert [tuple(found) for found in lines] == [("11", "SKU-1", 2), ("12", "SKU-2", 1)]
    (stored,) = world.rows("SELECT * FROM addresses WHERE id = :id", id=row.address_id)
    assert (stored.order_id, stored.source, stored.address["city"]) == (row.id, "storefront", "Madrid")
    (webhook,) = world.rows("SELECT * FROM webhooks WHERE order_id = :id", id=row.id)
    assert (webhook.outcome, webhook.event) == ("startable", None)
    assert webhook.delivered_at is not None
    assert world.events(row.id) == ["order.received", "order.startable"]
    request = received.order_request
    assert request is not None
    assert (request.order_id, request.lines, str(request.total)) == (row.id, 2, "25.00 EUR")


def test_a_redelivery_is_counted_and_starts_nothing(world: World) -> None:
    document = order()
    first = world.receive(document, delivery_id="again")

    repeats = [world.receive(document, delivery_id="again") for _ in range(2)]

    assert first.order_request is not None
    assert [(repeat.outcome, repeat.order_request) for repeat in repeats] == [("repeated", None)] * 2
    assert world.rows("SELECT repeats FROM webhooks WHERE delivery_id = 'again'")[0].repeats == 2


def test_one_event_under_several_delivery_ids_is_one(world: World) -> None:
    document = order()
    outcomes = [world.receive(document, event_id="event-1").outcome for _ in range(3)]

    assert outcomes == ["startable", "repeated", "repeated"]
    assert world.receive(document, "orders/updated", event_id="event-1").outcome == "unchanged"


def test_an_event_id_that_is_missing_matches_nothing(world: World) -> None:
    assert world.receive(order(), delivery_id="none-1").outcome == "startable"
    assert world.receive(order(), delivery_id="none-2").outcome == "startable"
    world.receive(order(), delivery_id="none-1")
    assert [
        row.repeats for row in world.rows("SELECT repeats FROM webhooks WHERE delivery_id LIKE 'none-%' ORDER BY id")
    ] == [1, 0]


def test_one_delivery_id_with_other_content_is_asked_about(world: World) -> None:
    document = order()
    world.receive(document, delivery_id="two-faced")

    received = world.receive({**document, "line_items": [line(quantity=99)]}, delivery_id="two-faced")

    row = world.order_row(document)
    assert received.outcome == "repeated"
    assert world.tasks(row.id) == ["order_changed"]
    assert world.rows("SELECT quantity FROM order_lines WHERE order_id = :id", id=row.id)[0].quantity == 2
    assert world.events(row.id)[-1] == "order.delivery_contradicted"


def test_the_same_order_under_another_delivery_changes_nothing(world: World) -> None:
    document = order()
    world.receive(document)

    assert world.receive(document, "orders/updated").outcome == "unchanged"
    assert world.tasks(world.order_row(document).id) == []


def test_an_unpaid_order_waits_and_the_first_paid_event_starts_it(world: World) -> None:
    unpaid = order(financial_status="pending")

    assert world.receive(unpaid, "orders/create").outcome == "stored"
    assert world.receive(order(unpaid["id"], minute=1)).outcome == "startable"
    assert world.receive(order(unpaid["id"], minute=2), "orders/updated").outcome == "unchanged"
    assert world.events(world.order_row(unpaid).id) == ["order.received", "order.not_started", "order.startable"]


def test_paid_before_an_older_unpaid_version_stays_startable(world: World) -> None:
    paid = order(minute=1)
    world.receive(paid)

    assert world.receive(order(paid["id"], financial_status="pending"), "orders/create").outcome == "unchanged"
    assert (world.order_row(paid).state, world.order_row(paid).paid) == ("startable", True)


def test_created_and_paid_within_one_second_is_paid_in_any_order(world: World) -> None:
    paid = order()
    world.receive(paid)
    world.receive({**paid, "financial_status": "pending"}, "orders/create")

    assert world.order_row(paid).paid is True


def test_a_payment_taken_back_is_noted(world: World) -> None:
    paid = order()
    world.receive(paid)

    world.receive(order(paid["id"], minute=9, financial_status="refunded"), "orders/updated")

    row = world.order_row(paid)
    assert (row.paid, world.events(row.id)[-1]) == (False, "order.payment_withdrawn")


def test_an_order_paid_before_the_watermark_is_never_started(world: World) -> None:
    old = (WATERMARK - timedelta(days=1)).isoformat()
    document = order(created_at=old, processed_at=old)

    outcomes = [
        world.receive(document, paid_at=WATERMARK - timedelta(seconds=1)).outcome,
        world.receive({**document, "updated_at": PAID_AT.isoformat()}, "orders/updated").outcome,
        world.receive({**document, "updated_at": PAID_AT.isoformat(), "note": "swept"}, "sweep").outcome,
    ]

    row = world.order_row(document)
    assert outcomes == ["stored"] * 3
    assert (row.state, row.started_at) == ("stored", None)
    (told,) = world.rows("SELECT detail FROM timeline WHERE order_id = :id AND event = 'order.not_started'", id=row.id)
    assert told.detail["reason"] == "before_watermark"


def test_an_order_placed_before_the_watermark_and_paid_after_it_is_ours(world: World) -> None:
    old = (WATERMARK - timedelta(days=3)).isoformat()
    document = order(created_at=old, processed_at=old)
    world.receive({**document, "financial_status": "pending", "updated_at": old}, "orders/create")

    assert world.receive(document, paid_at=WATERMARK).outcome == "startable"


def test_an_order_of_gift_cards_alone_is_not_started(world: World) -> None:
    document = order(line_items=[line(requires_shipping=False)])

    assert world.receive(document).outcome == "stored"
    (told,) = world.rows(
        "SELECT detail FROM timeline WHERE order_id = :id AND event = 'order.not_started'",
        id=world.order_row(document).id,
    )
    assert told.detail["reason"] == "nothing_to_ship"


def test_other_lines_replace_those_of_an_order_that_waits(world: World) -> None:
    waiting = order(financial_status="pending")
    world.receive(waiting, "orders/create")

    world.receive(order(waiting["id"], minute=1, total_price="9.00", line_items=[line(id=77, quantity=1)]))

    row = world.order_row(waiting)
    lines = world.rows("SELECT line_id FROM order_lines WHERE order_id = :id", id=row.id)
    assert ([found.line_id for found in lines], row.total, row.state) == (["77"], Decimal("9.0000"), "startable")
    assert world.tasks(row.id) == []


@pytest.mark.parametrize("state", ["startable", "open"])
def test_other_lines_of_a_running_order_are_asked_about_once(world: World, state: str) -> None:
    document = order()
    world.receive(document)
    row = world.order_row(document)
    move(world, row.id, state)

    outcomes = [
        world.receive(order(document["id"], minute=minute, line_items=[line(quantity=5)]), "orders/updated").outcome
        for minute in (1, 2)
    ]

    assert outcomes == ["changed", "unchanged"]
    assert world.tasks(row.id) == ["order_changed"]
    assert world.rows("SELECT quantity FROM order_lines WHERE order_id = :id", id=row.id)[0].quantity == 2


def test_an_order_cancelled_while_it_waits_is_closed(world: World) -> None:
    waiting = order(financial_status="pending")
    world.receive(waiting, "orders/create")

    received = world.receive(order(waiting["id"], minute=1, cancelled_at=PAID_AT.isoformat()), "orders/cancelled")

    row = world.order_row(waiting)
    assert (received.outcome, received.event, row.state) == ("cancelled", None, "cancelled")
    assert row.ended_at is not None
    assert row.cancel_requested_at is not None


def test_a_cancellation_of_an_unknown_order_is_kept_and_outlives_the_payment(world: World) -> None:
    document = order(minute=5, cancelled_at=PAID_AT.isoformat())

    assert world.receive(document, "orders/cancelled").outcome == "cancelled"
    assert world.receive(order(document["id"])).order_request is None
    assert world.order_row(document).state == "cancelled"


@pytest.mark.parametrize("state", ["startable", "open"])
def test_a_cancellation_of_a_running_order_is_an_event_for_it(world: World, state: str) -> None:
    document = order()
    world.receive(document)
    row = world.order_row(document)
    move(world, row.id, state)
    cancelled = order(document["id"], minute=3, cancelled_at=PAID_AT.isoformat(), line_items=[line(current_quantity=0)])

    first = world.receive(cancelled, "orders/cancelled")
    again = world.receive({**cancelled, "updated_at": (PAID_AT + timedelta(hours=1)).isoformat()}, "orders/updated")

    assert first.event is not None
    assert (first.event.kind, first.event.order_id, again.event) == (StorefrontEventKind.CANCELLED, row.id, None)
    assert (world.order_row(document).state, world.tasks(row.id)) == (state, [])
    assert world.order_row(document).cancel_requested_at is not None
    (webhook,) = world.rows("SELECT * FROM webhooks WHERE event IS NOT NULL AND order_id = :id", id=row.id)
    assert (webhook.event, webhook.delivered_at, webhook.id) == ("cancelled", None, first.event.webhook_id)


def test_a_cancellation_that_is_older_than_what_is_known_counts(world: World) -> None:
    document = order(minute=9)
    world.receive(document)

    received = world.receive(order(document["id"], cancelled_at=PAID_AT.isoformat()), "orders/cancelled")

    assert received.event is not None


def test_a_new_address_replaces_that_of_an_order_that_waits(world: World) -> None:
    waiting = order(financial_status="pending")
    world.receive(waiting, "orders/create")

    received = world.receive(
        order(waiting["id"], minute=1, financial_status="pending", shipping_address=address(country_code="PT")),
        "orders/updated",
    )

    row = world.order_row(waiting)
    assert (received.event, row.ship_country) == (None, "PT")


def test_a_new_address_of_a_running_order_is_an_event_for_it(world: World) -> None:
    document = order()
    world.receive(document)
    before = world.order_row(document)

    received = world.receive(order(document["id"], minute=1, shipping_address=address(zip="28002")), "orders/updated")

    row = world.order_row(document)
    assert received.event is not None
    assert received.event.kind is StorefrontEventKind.ADDRESS_CHANGED
    assert row.address_id > before.address_id
    (stored,) = world.rows("SELECT address FROM addresses WHERE id = :id", id=row.address_id)
    assert stored.address["postal_code"] == "28002"
    assert world.tasks(row.id) == []


def test_an_address_that_a_person_entered_stays_while_the_storefront_repeats_its_own(world: World) -> None:
    document = order()
    world.receive(document)
    row = world.order_row(document)
    with world.database.begin() as tx:
        tx.exec_driver_sql(
            "WITH entered AS (INSERT INTO addresses (order_id, source, address, digest, stored_at)"
            " VALUES (%s, 'ana', '{}', 'other', now()) RETURNING id)"
            " UPDATE orders SET address_id = (SELECT id FROM entered) WHERE id = %s",
            (row.id, row.id),
        )
    entered = world.order_row(document).address_id

    assert world.receive(order(document["id"], minute=1), "orders/updated").outcome == "unchanged"
    assert world.order_row(document).address_id == entered


@pytest.mark.parametrize(
    ("submission", "ended", "asked"),
    [
        ("ready", False, []),
        ("refused", False, []),
        ("sending", False, ["address_changed_late"]),
        ("unknown", False, ["address_changed_late"]),
        ("placed", False, ["address_changed_late"]),
        ("placed", True, []),
    ],
)
def test_an_address_that_a_supplier_may_have_is_asked_about(
    world: World, submission: str, ended: bool, asked: list[str]
) -> None:
    document = order()
    world.receive(document)
    row = world.order_row(document)
    purchase_order(world, row.id, submission, ended=ended)

    world.receive(order(document["id"], minute=1, shipping_address=address(zip="28003")), "orders/updated")

    assert world.tasks(row.id) == asked


@pytest.mark.parametrize("state", ["shipped", "partially_shipped", "observed", "test_placed"])
@pytest.mark.parametrize(
    "changes",
    [
        {"cancelled_at": PAID_AT.isoformat()},
        {"shipping_address": address(zip="28004")},
        {"line_items": [line(quantity=7)]},
    ],
    ids=["cancelled", "address", "lines"],
)
def test_whatever_comes_after_the_end_is_asked_about(world: World, state: str, changes: dict[str, Any]) -> None:
    document = order()
    world.receive(document)
    row = world.order_row(document)
    move(world, row.id, state)

    received = world.receive(order(document["id"], minute=1, **changes), "orders/updated")

    assert (received.event, world.tasks(row.id)) == (None, ["event_after_end"])
    assert world.order_row(document).state == state


def test_what_comes_after_a_cancellation_needs_nobody(world: World) -> None:
    document = order()
    world.receive(document)
    row = world.order_row(document)
    move(world, row.id, "cancelled")

    world.receive(order(document["id"], minute=1, cancelled_at=PAID_AT.isoformat()), "orders/cancelled")

    assert world.tasks(row.id) == []


def test_an_import_takes_the_same_document(world: World) -> None:
    document = order()

    outcomes = [world.intake.import_document("main", document).outcome for _ in range(2)]

    assert outcomes == ["startable", "repeated"]


def test_an_import_refuses_what_it_cannot_use_and_stores_nothing(world: World) -> None:
    before = world.rows("SELECT count(*) AS n FROM webhooks")[0].n

    with pytest.raises(UnexpectedReply, match=r"line_items\[0\].price is a number"):
        world.intake.import_document("main", order(line_items=[line(price=1.5)]))
    with pytest.raises(UnknownChannelError, match="other"):
        world.intake.import_document("other", order())

    assert world.rows("SELECT count(*) AS n FROM webhooks")[0].n == before


def test_no_personal_data_outside_the_tables_that_may_hold_it(world: World) -> None:
    document = order()
    world.receive(document)
    world.receive(order(document["id"], minute=1, shipping_address=address(zip="28005")), "orders/updated")

    for table in ("orders", "order_lines", "timeline", "tasks"):
        assert world.rows(f"SELECT 1 FROM {table} AS found WHERE found::text ILIKE '%planted%'") == []
