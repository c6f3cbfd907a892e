import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from models.contracts import PurchaseOrderRequest
from starter.portal_form import MAX_FILE
from tests.activities.world import ARTICLE
from tests.intake.portal_world import (
    PortalWorld,
    fill_in,
    form_of,
)

OTHER = "8411061999999"
TODAY = datetime.now(UTC).date()
SOON, LATER = str(TODAY + timedelta(days=2)), str(TODAY + timedelta(days=20))
OVER = str(TODAY - timedelta(days=300))
NASTY = "\"><script>alert(1)</script>&amp;' ={{ 7*7 }}"


def kept_form(portal: PortalWorld, order: PurchaseOrderRequest) -> dict[str, Any]:
    """The newest form, as it is kept."""
    bodies = [bytes(one["body"]) for one in portal.documents(order)]
    form: dict[str, Any] = json.loads(next(body for body in reversed(bodies) if body.startswith(b'{"portal":1')))
    return form


# Invoices.


def test_an_invoice_is_kept_with_its_file_byte_for_byte(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    pdf = b"%PDF-1.7 " + bytes(range(256)) * 8
    entered = {"invoice": "R-1", "total": "44,90", "date": str(TODAY)}

    posted = fill_in(pages, portal.link(order), "invoice", entered, files={"file": ("R 1.PDF", pdf, "text/html")})

    assert posted.status_code == 303
    file, form = portal.documents(order)
    assert (file["name"], file["kind"], bytes(file["body"])) == (f"invoice-{order.number}.pdf", "portal", pdf)
    assert json.loads(bytes(form["body"]))["entered"]["file"]["sha256"] == file["digest"].removeprefix("attached:")
    (row,) = portal.inner.rows(
        "SELECT * FROM supplier_invoices WHERE purchase_order_id = :id", id=order.purchase_order_id
    )
    assert (row["invoice"], str(row["total"]), row["currency"]) == ("R-1", "44.9000", "EUR")
    assert portal.tasks(order) == []
    assert "Invoice R-1 over 44.90 EUR" in pages.get(portal.link(order)).text


def test_an_invoice_over_another_sum_is_asked_about(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    fill_in(pages, portal.link(order), "invoice", {"invoice": "R-2", "total": "99.00"})

    assert portal.tasks(order) == ["invoice_differs"]


def test_one_file_for_two_orders_is_kept_once_and_named_by_both(portal: PortalWorld, pages: httpx.Client) -> None:
    orders = [portal.placed(1), portal.placed(1)]
    for place, one in enumerate(orders):
        file = {"file": ("all.pdf", b"one for all", "application/pdf")}
        fill_in(pages, portal.link(one), "invoice", {"invoice": f"C-{place}", "total": "12.90"}, files=file)

    first, second = (portal.documents(one)[0] for one in orders)
    assert first["id"] == second["id"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", ""),
        ("..\\..\\Planted Person.XML", ".xml"),
        ("a\0.pdf", ".pdf"),
        ("\u202efdp.exe", ""),
        ("scan.JPG", ".jpg"),
        ("page.html", ""),
        ("x" * 5000 + ".pdf", None),
        ("no.extension-at-all", ""),
    ],
)
def test_a_files_own_name_names_nothing_here(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest, name: str, kept: str | None
) -> None:
    file = {"file": (name, f"file {name[:9]}".encode(), "application/pdf")}
    posted = fill_in(pages, portal.link(order), "invoice", {"invoice": "R-3", "total": "44.90"}, files=file)

    if kept is None:  # a header as long as that is no browser's
        assert posted.status_code == 422
        return
    assert posted.status_code == 303
    assert portal.documents(order)[0]["name"] == f"invoice-{order.number}{kept}"
    assert "\0" not in kept_form(portal, order)["entered"]["file"]["name"]


def test_a_file_may_have_ten_megabytes_and_no_more(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    link, entered = portal.link(order), {"invoice": "R-4", "total": "44.90"}
    over = fill_in(pages, link, "invoice", entered, files={"file": ("big.pdf", b"\r\n--" * (11 * 2**18), "a/b")})
    just_over = fill_in(pages, link, "invoice", entered, files={"file": ("big.pdf", b"x" * (MAX_FILE + 1), "a/b")})
    nothing_yet = portal.documents(order)
    fits = fill_in(pages, link, "invoice", entered, files={"file": ("big.pdf", b"\r\n--" * (MAX_FILE // 4), "a/b")})

    assert (over.status_code, just_over.status_code, fits.status_code) == (413, 422, 303)
    assert "10 MB" in over.text
    assert "R-4" in just_over.text
    assert nothing_yet == []
    assert portal.documents(order)[0]["size"] == MAX_FILE


# Forms that can't be meant.


@pytest.mark.parametrize(
    ("what", "entered", "words"),
    [
        ("answer", {"units-0": ""}, "how many of"),
        ("answer", {"units-0": "6"}, "can&#39;t confirm 6"),
        ("answer", {"units-0": "-1"}, "without decimals"),
        ("answer", {"units-0": "1e3"}, "without decimals"),
        ("answer", {"units-0": "٣"}, "without decimals"),
        ("answer", {"units-0": "9" * 400}, "without decimals"),
        ("answer", {"units-0": "3"}, "becomes of the other 2"),
        ("answer", {"units-0": "3", "rest-0": "refused:nonsense"}, "choose a reason"),
        ("answer", {"units-0": "3", "rest-0": "later"}, "will ship"),
        ("answer", {"units-0": "3", "rest-0": "later", "later-0": OVER}, "will ship"),
        ("answer", {"rest-0": "refused:out_of_stock"}, "what becomes of others"),
        ("answer", {"rest-0": "later", "later-0": LATER}, "what becomes of others"),
        ("answer", {"units-0": "3", "rest-0": "instead", "instead-0": f" {ARTICLE} "}, "which article"),
        ("answer", {"price-0": "1.234"}, "1234.50"),
        ("answer", {"price-0": "1,234.50"}, "1234.50"),
        ("answer", {"price-0": "NaN"}, "1234.50"),
        ("answer", {"price-0": "-1"}, "1234.50"),
        ("answer", {"date-0": "31.02.2026"}, "2026-03-31"),
        ("answer", {"date-0": "02/03/2026"}, "2026-03-31"),
        ("answer", {"date-0": "9999-12-31"}, "2026-03-31"),
        ("confirm", {"their_number": "<b>"}, "your order number"),
        ("confirm", {"what": "everything"}, "choose once more"),
        ("refuse", {}, "choose a reason"),
        ("shipped", {}, "tracking number"),
        ("shipped", {"tracking": "=cmd()|x"}, "tracking number"),
        ("shipped", {"tracking": "T1", "units-0": "x"}, "without decimals"),
        ("shipped", {"tracking": "T1", "units-0": "0"}, "how many units"),
        ("invoice", {"invoice": "R-9"}, "its total"),
        ("invoice", {"invoice": "R-9", "total": "10", "currency": "E€"}, "three letters"),
    ],
)
def test_a_form_that_can_not_be_meant_is_explained_with_what_was_typed_and_keeps_nothing(
    portal: PortalWorld,
    pages: httpx.Client,
    untouched: PurchaseOrderRequest,
    what: str,
    entered: dict[str, str],
    words: str,
) -> None:
    refused = fill_in(pages, portal.link(untouched), what, entered)

    assert refused.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', refused.text)
    assert alert is not None
    assert words in alert[1]
    if '<a href="#wrong">' in alert[1]:
        beside = re.search(r'id="wrong".*?<span class="wrong">(.*?)</span>', refused.text, re.DOTALL)
        assert beside is not None
        assert words in beside[1]
    else:
        assert what == "confirm", "only a form that is none of ours names no field"
    if what == entered.get("what", what):
        sent = form_of(refused, what)
        typed = {name: value for name, value in entered.items() if len(value) < 100 and value != "refused:nonsense"}
        assert {name: sent[name] for name in typed} == {name: value.strip() for name, value in typed.items()}
    assert portal.documents(untouched) == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"what=confirm&seen=0&x=%FF", "application/x-www-form-urlencoded"),
        (b"a=b&" * 5000, "application/x-www-form-urlencoded"),
        (b'{"what": "confirm"}', "application/json"),
        (b"what=confirm&seen=0", "multipart/form-data"),
        (b"--x\r\nContent-Disposition: form-data; name=what\r\n\r\nconfirm\r\n", "multipart/form-data; boundary=x"),
        (b"what=confirm&seen=x", "application/x-www-form-urlencoded"),
        (b"what=confirm", "application/x-www-form-urlencoded"),
        (b"--y\r\n", "multipart/form-data; boundary=x"),
        (b"\0" * 100, "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nconfirm\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_no_page_of_ours_sends_is_explained_and_keeps_nothing(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest, body: bytes, content_type: str
) -> None:
    refused = pages.post(portal.link(untouched), content=body, headers={"Content-Type": content_type})

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert portal.documents(untouched) == []


def test_more_than_half_a_megabyte_of_fields_is_not_read(
    portal: PortalWorld, pages: httpx.Client, untouched: PurchaseOrderRequest
) -> None:
    refused = pages.post(portal.link(untouched), content=b"what=confirm&seen=0&x=" + b"x" * 600_000)

    assert refused.status_code == 413
    assert portal.documents(untouched) == []


def test_markup_and_formulas_in_every_field_are_only_text(
    portal: PortalWorld, pages: httpx.Client, order: PurchaseOrderRequest
) -> None:
    link = portal.link(order)
    update = (
        "UPDATE addresses SET address = address || jsonb_build_object('name', :nasty) WHERE order_id = :id RETURNING id"
    )
    portal.inner.rows(update.replace(":nasty", "CAST(:nasty AS text)"), id=order.order_id, nasty=NASTY)
    shown = [pages.get(link)]
    for what in ("confirm", "answer", "refuse", "shipped", "invoice"):
        fields = form_of(pages.get(link), what)
        shown.append(fill_in(pages, link, what, {name: NASTY for name in fields if name not in ("what", "seen")}))
    answer = {"units-0": "1", "rest-0": "instead", "instead-0": NASTY, "note-0": NASTY}
    file = {"file": (NASTY, NASTY.encode(), NASTY)}
    posted = [
        fill_in(pages, link, "answer", answer),
        fill_in(pages, link, "shipped", {"tracking": "T1", "carrier": NASTY}),
        fill_in(pages, link, "invoice", {"invoice": "R-5", "total": "1"}, files=file),
    ]
    shown.append(pages.get(link))

    assert [one.status_code for one in posted] == [303] * 3
    for page in shown:
        assert "<script" not in page.text
        assert "49" not in re.sub(r"\d{13}", "", page.text).replace(order.number, "")
    assert NASTY[:60] in [line.substitute for line in portal.status(order).lines]
