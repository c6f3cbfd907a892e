import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from activities import exchange_news
from activities.delivery import OrderDelivery
from models.contracts import PurchaseOrderRequest
from models.exchange import DocumentKind, Drafted
from models.suppliers import SupplierState
from starter import portal_page
from tests.intake.portal_world import (
    PortalWorld,
    fill_in,
    form_of,
)
from tests.intake.world import logged_until

OTHER = "8411061999999"
TODAY = datetime.now(UTC).date()
SOON, LATER = str(TODAY + timedelta(days=2)), str(TODAY + timedelta(days=20))
NASTY = "\"><script>alert(1)</script>&amp;' ={{ 7*7 }}"


def said(portal: PortalWorld, order: PurchaseOrderRequest) -> list[tuple[int, str]]:
    return [(line.quantity, str(line.status)) for line in portal.status(order).lines]


# Twice, at once, and in between.


def test_a_form_that_is_sent_twice_is_kept_once(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    form = form_of(pages.get(portal.link(order)), "confirm")

    posted = [pages.post(portal.link(order), data=form) for _ in range(2)]

    assert [one.status_code for one in posted] == [303, 303]
    (document,) = portal.documents(order)
    assert document["repeats"] == 1
    assert len(portal.news(order)) == 1


def test_answers_that_come_at_once_are_all_kept_and_the_newest_counts(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    form = form_of(pages.get(portal.link(order)), "answer") | {"rest-0": "refused:other"}

    with ThreadPoolExecutor(5) as people:
        posted = list(
            people.map(lambda units: pages.post(portal.link(order), data=form | {"units-0": str(units)}), range(5))
        )

    assert {one.status_code for one in posted} == {303}
    documents = portal.documents(order)
    assert len(documents) == 5
    newest = json.loads(bytes(documents[-1]["body"]))["entered"]["lines"][0]["units"]
    assert sum(units for units, status in said(portal, order) if status == "accepted") == newest


def test_the_same_parcel_entered_at_once_by_two_contradicts_once(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    form = form_of(pages.get(portal.link(order)), "shipped") | {"units-0": "4"}

    with ThreadPoolExecutor(2) as people:
        list(people.map(lambda name: pages.post(portal.link(order), data=form | {"tracking": name}), ("T1", "T2")))

    assert portal.tasks(order) == ["shipment_contradicts"]


@pytest.mark.parametrize("limit", ["MOST_ENTRIES", "MOST_BYTES"])
def test_whoever_has_a_link_can_not_enter_without_end(
    portal: PortalWorld,
    pages: httpx.Client,
    order: PurchaseOrderRequest,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    link = portal.link(order)
    fill_in(pages, link, "shipped", {"tracking": "T1", "units-0": "1"})
    monkeypatch.setattr(portal_page, limit, 2 if limit == "MOST_ENTRIES" else portal.documents(order)[0]["size"] + 1)

    posted = [fill_in(pages, link, "shipped", {"tracking": f"T{place}", "units-0": "1"}) for place in (2, 3, 4)]

    assert [one.status_code for one in posted] == [303, 422, 422]
    assert "answer the mail" in posted[-1].text
    assert len(portal.documents(order)) == 2


def test_what_our_own_code_fails_on_is_kept_and_a_person_reads_it(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("Planted Person")

    monkeypatch.setattr(exchange_news._Applying, "_note", fail)

    posted = fill_in(pages, portal.link(order), "confirm")

    assert posted.status_code == 303
    (row,) = portal.inner.rows("SELECT * FROM partner_documents ORDER BY id DESC LIMIT 1")
    assert (row["state"], row["kind"], row["reason"]) == ("quarantined", "portal", "unforeseen: KeyError")
    assert json.loads(bytes(row["body"]))["number"] == order.number


def test_our_wish_to_cancel_is_answered_on_the_page(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    assert "asked you to cancel" not in pages.get(portal.link(order)).text
    outgoing = portal.desk.prepare(
        DocumentKind.CANCELLATION, [order.number], lambda control: Drafted(name=f"c{control}", body=b"stop")
    )
    portal.desk.sent(outgoing)

    assert "asked you to cancel" in pages.get(portal.link(order)).text
    fill_in(pages, portal.link(order), "cancelled")

    assert portal.status(order).state is SupplierState.CANCELLED
    assert "asked you to cancel" not in pages.get(portal.link(order)).text


def test_what_was_entered_is_told_to_the_order_at_once(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    async def note(_self: OrderDelivery, supplier: str) -> int:
        told.append(supplier)
        return 1

    monkeypatch.setattr(OrderDelivery, "tell_news", note)
    fill_in(pages, portal.link(order), "confirm")
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)

    assert told == ["bts"]


def test_no_line_of_the_log_holds_a_link_or_a_person(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    link = portal.link(order)
    fill_in(pages, link, "confirm", {"their_number": "Planted"})

    logged = logged_until(capfd, "/s/{token}", {("GET", "200"), ("POST", "303")})

    assert not re.search(re.escape(link[3:20]) + "|planted", logged, re.IGNORECASE)
