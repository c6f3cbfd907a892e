"""What a supplier's page shows, and what it leaves out."""

import httpx
import pytest

from models.contracts import PurchaseOrderRequest
from tests.intake.portal_world import PortalWorld, fill_in, form_of

OTHER = "8411061999999"


def test_the_customers_address_for_mails_is_nothing_that_a_supplier_needs(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    query = "SELECT address ->> 'email' AS email FROM addresses WHERE order_id = :id"
    (email,) = {row["email"] for row in portal.inner.rows(query, id=untouched.order_id)}

    assert "@" in email
    assert "@" not in pages.get(portal.link(untouched)).text


@pytest.mark.parametrize("state", ["cancelled", "cancelled_by_supplier", "rejected", "returned"])
def test_an_order_that_no_longer_stands_is_said_to_be_shipped_by_nobody(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest, state: str
) -> None:
    update = "UPDATE purchase_orders SET state = :state, ended_at = now() WHERE id = :id RETURNING id"
    portal.inner.rows(update, id=order.purchase_order_id, state=state)

    page = pages.get(portal.link(order))

    assert "no longer stands: please ship nothing" in page.text
    assert "Confirm everything" not in page.text
    assert form_of(page, "shipped"), "what has left all the same can be told"


def test_what_is_said_of_every_line_alike_is_shown_once(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    insert = (
        "INSERT INTO purchase_order_lines (purchase_order_id, line_id, ean, sku, quantity) "
        "VALUES (:id, 'z', :ean, 'B-9', 4) RETURNING ean"
    )
    portal.inner.rows(insert, id=order.purchase_order_id, ean=OTHER)

    fill_in(pages, portal.link(order), "refuse", {"reason": "destination"})

    assert "<li>Everything: refused (we don&#39;t ship there)</li>" in pages.get(portal.link(order)).text
