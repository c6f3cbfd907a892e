import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from models.contracts import PurchaseOrderRequest
from models.exchange import DocumentKind, Drafted
from models.suppliers import LineStatus, SupplierState
from starter.portal_view import PAGE_STYLE
from tests.activities.world import ARTICLE
from tests.intake.portal_world import (
    PortalWorld,
    fill_in,
    form_of,
)

OTHER = "8411061999999"
TODAY = datetime.now(UTC).date()
SOON, LATER = str(TODAY + timedelta(days=2)), str(TODAY + timedelta(days=20))
NASTY = "\"><script>alert(1)</script>&amp;' ={{ 7*7 }}"


def said(portal: PortalWorld, order: PurchaseOrderRequest) -> list[tuple[int, str]]:
    return [(line.quantity, str(line.status)) for line in portal.status(order).lines]


def kept_form(portal: PortalWorld, order: PurchaseOrderRequest) -> dict[str, Any]:
    """The newest form, as it is kept."""
    bodies = [bytes(one["body"]) for one in portal.documents(order)]
    form: dict[str, Any] = json.loads(next(body for body in reversed(bodies) if body.startswith(b'{"portal":1')))
    return form


# The page.


def test_the_page_says_what_was_ordered_and_where_it_goes(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    page = pages.get(portal.link(order))

    assert page.status_code == 200
    total = "5 units of 1 article, 40.00 EUR"
    for words in (order.number, total, "8.00 EUR<", ARTICLE, "Planted Street 1", "28001 Madrid", "GLS"):
        assert words in page.text
    assert f"<style>{PAGE_STYLE}</style>" in page.text
    assert "<script" not in page.text
    assert "What you have told us" not in page.text


def test_nothing_of_the_page_is_kept_framed_or_told_to_others(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    link = portal.link(order)
    for response in (
        pages.get(link),
        pages.get("/s/x"),
        fill_in(pages, link, "confirm"),
        pages.post(link, content=b"?"),
    ):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy


def test_looking_says_nothing_not_even_that_the_order_has_arrived(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    for method in ("GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        pages.request(method, f"{portal.link(untouched)}?what=confirm&seen=0")

    assert portal.news(untouched) == []
    assert portal.documents(untouched) == []


def test_a_test_order_is_said_to_be_one(portal: PortalWorld, pages: httpx.Client) -> None:
    assert "ship nothing" in pages.get(portal.link(portal.placed(1, test=True))).text


def test_the_page_shows_the_address_that_the_order_was_sent_with(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    portal.desk.prepare(DocumentKind.ORDER, [order.number], lambda _: Drafted(name="order", body=b"order"))
    insert = (
        "INSERT INTO addresses (order_id, source, address, digest, stored_at) SELECT order_id, source, "
        "address || '{\"city\": \"Sevilla\"}', 'd', now() + interval '1 minute' FROM addresses WHERE order_id = :id "
        "RETURNING id"
    )
    portal.inner.rows(insert, id=order.order_id)

    page = pages.get(portal.link(order)).text

    assert "Madrid" in page
    assert "Sevilla" not in page


# Answers.


def test_everything_is_confirmed_with_one_button(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    posted = fill_in(pages, portal.link(order), "confirm", {"ships_on": SOON, "their_number": " SO-77 "})
    shown = pages.get(httpx.URL(str(posted.request.url)).join(posted.headers["location"]))

    assert posted.status_code == 303
    assert "Thank you" in shown.text
    assert f"5 × {ARTICLE}: confirmed, to ship on {SOON}" in shown.text
    assert portal.status(order).state is SupplierState.ACKNOWLEDGED
    assert said(portal, order) == [(5, "accepted")]
    assert portal.news(order)[0]["supplier_number"] == "SO-77"
    (document,) = portal.documents(order)
    assert (document["kind"], document["state"], document["direction"]) == ("portal", "applied", "in")


@pytest.mark.parametrize(
    ("entered", "answered", "shown"),
    [
        ({"units-0": "3", "rest-0": "refused:out_of_stock"}, [(3, "accepted"), (2, "rejected")], "out of stock"),
        ({"units-0": "0", "rest-0": "refused:other"}, [(5, "rejected")], "another reason"),
        ({"units-0": "4", "rest-0": "later", "later-0": LATER}, [(4, "accepted"), (1, "backordered")], LATER),
        ({"units-0": "1", "rest-0": "instead", "instead-0": OTHER}, [(1, "accepted"), (4, "substituted")], OTHER),
        ({"price-0": "8,25"}, [(5, "accepted")], "at 8.25 EUR"),
        ({"price-0": "8.00"}, [(5, "accepted")], "confirmed<"),
        ({"date-0": SOON}, [(5, "accepted")], f"to ship on {SOON}"),
        ({"date-0": f"{TODAY:%d.%m.%Y}"}, [(5, "accepted")], f"to ship on {TODAY}"),
    ],
    ids=["part", "none", "later", "instead", "price", "same price", "day", "day as in Germany"],
)
def test_a_line_is_answered(
    portal: PortalWorld,
    pages: httpx.Client,
    order: PurchaseOrderRequest,
    entered: dict[str, str],
    answered: list[tuple[int, str]],
    shown: str,
) -> None:
    posted = fill_in(pages, portal.link(order), "answer", entered)

    assert posted.status_code == 303
    assert said(portal, order) == answered
    assert shown in pages.get(portal.link(order)).text
    assert portal.tasks(order) == []


def test_a_price_with_three_decimals_that_the_page_shows_can_be_sent_again(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    fill_in(pages, portal.link(order), "answer", {"price-0": "8.1250"})
    again = fill_in(pages, portal.link(order), "answer", {"date-0": SOON})

    assert again.status_code == 303
    assert f"confirmed at 8.125 EUR, to ship on {SOON}" in pages.get(portal.link(order)).text


def test_the_whole_order_is_refused_with_a_reason_of_the_list_and_words_that_stay_in_the_document(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    fill_in(pages, portal.link(order), "refuse", {"reason": "discontinued", "note": "ask Planted Person"})

    status = portal.status(order)
    assert status.state is SupplierState.CANCELLED
    assert [(line.status, line.reason) for line in status.lines] == [(LineStatus.REJECTED, "discontinued")]
    assert kept_form(portal, order)["entered"]["note"] == "ask Planted Person"
    assert "Planted" not in json.dumps(portal.news(order))


@pytest.mark.parametrize("remark", ["note", "note-0"])
def test_a_remark_is_a_persons_to_read_and_its_words_stay_in_the_document(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest, remark: str
) -> None:
    fill_in(pages, portal.link(order), "answer", {remark: "only if Planted Person pays first"})

    assert said(portal, order) == [(5, "accepted")]
    assert portal.tasks(order) == ["document_unclear"]
    query = "SELECT question, evidence FROM tasks WHERE purchase_order_id = :id"
    (task,) = portal.inner.rows(query, id=order.purchase_order_id)
    assert "remark" in task["question"]
    assert "Planted" not in json.dumps(task)


def test_an_answer_may_be_corrected_and_taken_back(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    link = portal.link(order)
    part = {"units-0": "3", "rest-0": "refused:out_of_stock"}
    heard = []
    for what, entered in (("confirm", {}), ("answer", part), ("confirm", {}), ("answer", part)):
        fill_in(pages, link, what, entered)
        heard.append(said(portal, order))

    assert heard == [[(5, "accepted")], [(3, "accepted"), (2, "rejected")]] * 2
    assert form_of(pages.get(link), "answer")["rest-0"] == "refused:out_of_stock"


def test_units_that_were_refused_and_ordered_elsewhere_can_not_be_confirmed_any_more(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    update = "UPDATE purchase_order_lines SET declined = 2 WHERE purchase_order_id = :id RETURNING ean"
    portal.inner.rows(update, id=order.purchase_order_id)
    link = portal.link(order)

    fill_in(pages, link, "confirm")

    assert said(portal, order) == [(3, "accepted"), (2, "rejected")]
    page = pages.get(link)
    assert "2 of them are no longer needed" in page.text
    assert form_of(page, "answer")["units-0"] == "3"
    assert fill_in(pages, link, "answer", {"units-0": "5"}).status_code == 422


def test_a_price_of_three_decimals_that_the_page_proposes_is_taken_as_ordered(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    update = "UPDATE purchase_order_lines SET unit_cost = 12.375 WHERE purchase_order_id = :id RETURNING ean"
    portal.inner.rows(update, id=order.purchase_order_id)

    posted = fill_in(pages, portal.link(order), "answer", {"units-0": "4", "rest-0": "refused:other"})

    assert posted.status_code == 303
    assert [line.unit_cost for line in portal.status(order).lines] == [None, None]


def test_each_line_is_answered_for_itself(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    insert = (
        "INSERT INTO purchase_order_lines (purchase_order_id, line_id, ean, sku, quantity) "
        "VALUES (:id, 'z', :ean, 'B-9', 4) RETURNING ean"
    )
    portal.inner.rows(insert, id=order.purchase_order_id, ean=OTHER)

    fill_in(pages, portal.link(order), "answer", {"units-1": "0", "rest-1": "refused:unknown_article"})

    assert said(portal, order) == [(5, "accepted"), (4, "rejected")]
    assert [line.ean for line in portal.status(order).lines] == [ARTICLE, OTHER]


# Parcels and invoices.


def test_a_parcel_with_everything_ships_the_order(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    fill_in(pages, portal.link(order), "shipped", {"carrier": "GLS", "tracking": " GLS  77-1 ", "date": SOON})

    status = portal.status(order)
    assert status.state is SupplierState.SHIPPED
    assert [(one.tracking_number, one.carrier, one.lines) for one in status.parcels] == [("GLS 77-1", "GLS", ())]
    page = pages.get(portal.link(order)).text
    assert "Parcel GLS 77-1 with GLS: all that was open" in page
    assert "needs no further confirmation" in page


def test_parcels_with_units_ship_the_order_part_by_part(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    states = []
    for tracking, units in (("T1", "2"), ("T2", "3")):
        fill_in(pages, portal.link(order), "shipped", {"tracking": tracking, "units-0": units})
        states.append(portal.status(order).state)

    assert states == [SupplierState.ACKNOWLEDGED, SupplierState.SHIPPED]
    assert [[line.quantity for line in parcel.lines] for parcel in portal.status(order).parcels] == [[2], [3]]
    assert portal.tasks(order) == []


def test_more_units_than_were_ordered_are_believed_as_far_as_they_were_and_asked_about(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    posted = fill_in(pages, portal.link(order), "shipped", {"tracking": "T1", "units-0": "6"})

    assert posted.status_code == 303
    assert portal.tasks(order) == ["shipment_contradicts"]
    assert "does not fit: it ships more than it should" in pages.get(portal.link(order)).text
    assert [line.quantity for line in portal.status(order).parcels[0].lines] == [5]


@pytest.mark.parametrize(
    ("before", "what", "entered"),
    [
        (("refuse", {"reason": "other"}), "shipped", {"tracking": "T1"}),
        (("shipped", {"tracking": "T1"}), "refuse", {"reason": "other"}),
        (("shipped", {"tracking": "T1"}), "shipped", {"tracking": "T2"}),
    ],
    ids=["ships what it refused", "refuses what it shipped", "ships twice"],
)
def test_what_can_not_be_true_is_kept_shown_and_asked_about(
    portal: PortalWorld,
    pages: httpx.Client,
    order: PurchaseOrderRequest,
    before: tuple[str, dict[str, str]],
    what: str,
    entered: dict[str, str],
) -> None:
    stale = form_of(pages.get(portal.link(order)), what)
    fill_in(pages, portal.link(order), *before)

    posted = pages.post(portal.link(order), data=stale | entered)

    assert posted.status_code == 303
    assert portal.tasks(order) == ["shipment_contradicts"]
    assert "does not fit" in pages.get(portal.link(order)).text
    assert len(portal.documents(order)) == 2
