import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from activities.dependencies import build_dependencies
from activities.outside import Outside
from adapters.errors import NotSent
from adapters.plugin import Plugin, load_plugins
from models.contracts import PurchaseOrderRequest
from tests.intake.portal_world import (
    OLD,
    PORTAL,
    SECRETS,
    PortalWorld,
    form_of,
    serving,
)
from workflows.decisions.links import Purpose, sign_link

OTHER = "8411061999999"
TODAY = datetime.now(UTC).date()
SOON, LATER = str(TODAY + timedelta(days=2)), str(TODAY + timedelta(days=20))
NASTY = "\"><script>alert(1)</script>&amp;' ={{ 7*7 }}"


# Links.


def test_a_link_by_the_secret_before_is_still_good(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    assert pages.get(portal.link(untouched, secret=OLD)).status_code == 200


@pytest.mark.parametrize("secret", ["somebody else's secret", "short", ""])
def test_a_forged_link_shows_and_changes_nothing(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest, secret: str
) -> None:
    forged, genuine = portal.link(untouched, secret=secret), form_of(pages.get(portal.link(untouched)), "confirm")

    for response in (pages.get(forged), pages.post(forged, data=genuine)):
        assert response.status_code == 404
        assert "Planted" not in response.text
    assert portal.documents(untouched) == []


def test_a_link_that_has_run_out_shows_and_changes_nothing(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    old, form = (
        portal.link(untouched, valid_for=timedelta(seconds=-1)),
        form_of(pages.get(portal.link(untouched)), "confirm"),
    )

    for response in (pages.get(old), pages.post(old, data=form)):
        assert response.status_code == 410
        assert "Planted" not in response.text
    assert portal.documents(untouched) == []


def test_a_form_sent_by_another_orders_link_is_about_that_order(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    other = portal.placed(5)

    pages.post(portal.link(other), data=form_of(pages.get(portal.link(order)), "confirm") | {"number": order.number})

    assert portal.news(order) == []
    assert portal.news(other)[0]["number"] == other.number


def test_a_customers_link_leads_to_no_order_though_the_secret_be_the_same(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    expires_at = datetime.now(UTC) + timedelta(days=1)
    token = sign_link(Purpose.CUSTOMER_QUESTION, untouched.purchase_order_id, expires_at, SECRETS["PAGE_SECRET"])

    assert pages.get(f"/s/{token}").status_code == 404


def test_a_genuine_link_to_an_order_that_is_gone_leads_nowhere(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    gone = untouched.model_copy(update={"purchase_order_id": 2**62})

    assert pages.get(portal.link(gone)).status_code == 404


def test_where_no_page_is_configured_no_link_leads_anywhere(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    portal.inner.configure(portal=None)
    time.sleep(0.1)
    status = pages.get(portal.link(untouched)).status_code
    portal.inner.configure(portal=PORTAL)
    time.sleep(0.1)

    assert status == 404
    assert pages.get(portal.link(untouched)).status_code == 200


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90))
def test_whatever_is_put_in_a_links_place_is_answered_with_not_found(pages: httpx.Client, token: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in token.encode()).encode()

    response = pages.get(httpx.URL(str(pages.base_url), raw_path=b"/s/" + quoted), follow_redirects=True)

    assert response.status_code == 404


def test_a_plugin_that_wants_links_gets_them_signed_and_lasting(
    portal: PortalWorld, untouched: PurchaseOrderRequest
) -> None:
    built: dict[str, Any] = {}
    plugins = {
        "suppliers": {
            "recorded": Plugin(id="recorded", group="suppliers", build=lambda **p: built.update(p), links=True)
        }
    }
    ids = {untouched.number: untouched.purchase_order_id}
    outside = Outside(
        portal.inner.configurations, plugins, SECRETS.__getitem__, lambda _: None, purchase_order_id=ids.get
    )
    outside.supplier("bts")

    link = built["link_for"](untouched.number)

    assert re.fullmatch(r"https://orders\.planted\.example/s/[\w-]{64}", link)
    assert built["link_for"]("DW-0-00") is None
    with serving(portal) as client:
        assert untouched.number in client.get(httpx.URL(link).path).text


def test_mails_to_suppliers_get_a_link_to_the_orders_own_page(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    link = build_dependencies(portal.inner.database, SECRETS.__getitem__).outside.supplier_link(untouched.number)

    assert load_plugins("suppliers")["email"].links
    assert link is not None
    assert untouched.number in pages.get(httpx.URL(link).path).text


@pytest.mark.parametrize("secrets", [{}, {"PAGE_SECRET": "too short"}])
def test_without_a_secret_mails_hold_no_link(
    portal: PortalWorld, untouched: PurchaseOrderRequest, secrets: dict[str, str]
) -> None:
    outside = build_dependencies(portal.inner.database, secrets.__getitem__).outside

    assert outside.supplier_link(untouched.number) is None


def test_while_the_database_is_away_no_mail_leaves_without_its_link(portal: PortalWorld) -> None:
    def away(_number: str) -> int | None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    outside = Outside(portal.inner.configurations, {}, SECRETS.__getitem__, lambda _: None, purchase_order_id=away)

    with pytest.raises(NotSent):
        outside.supplier_link("DW-1-11")
