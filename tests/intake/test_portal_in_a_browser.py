"""The supplier's page in a real browser, without JavaScript, on a wide screen and on a telephone's."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, async_playwright

from models.contracts import PurchaseOrderRequest
from models.suppliers import LineStatus
from tests.activities.world import ARTICLE
from tests.intake.portal_world import PortalWorld

TELEPHONE = {"width": 360, "height": 740}


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium on PATH: apt-get install chromium"
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        await opened.close()


async def open_all(page: Page) -> None:
    """Open all that can be opened, and what lies in it."""
    while await (closed := page.locator("details:not([open]) > summary:visible")).count():
        await closed.first.click()


@pytest_asyncio.fixture
async def page(browser: Browser, pages: httpx.Client, portal: PortalWorld, order: PurchaseOrderRequest) -> Page:
    """The order's page, as somebody opens it on a telephone."""
    context = await browser.new_context(java_script_enabled=False, viewport=TELEPHONE)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{pages.base_url}{portal.link(order)}")
    return page


async def test_a_supplier_confirms_in_part_enters_a_parcel_and_sends_an_invoice(
    page: Page, portal: PortalWorld, order: PurchaseOrderRequest, tmp_path: Path
) -> None:
    assert order.number in await page.locator("h1").inner_text()

    await page.get_by_text("Confirm in part, with another price or date").click()
    part = page.locator("form", has=page.get_by_role("button", name="Send this answer"))
    await part.get_by_label("Units you confirm").fill("3")
    await part.get_by_role("button", name="Send this answer").click()
    assert await page.get_by_role("alert").count() == 1, "two units are left without a word: it asks"

    part = page.locator("form", has=page.get_by_role("button", name="Send this answer"))
    await part.get_by_label("The other units").select_option(index=1)
    await part.get_by_role("button", name="Send this answer").click()
    assert "Thank you" in await page.get_by_role("status").inner_text()

    await page.get_by_text("A parcel has left").click()
    parcel = page.locator("form", has=page.get_by_role("button", name="Enter the parcel"))
    await parcel.get_by_label("Carrier").fill("GLS")
    await parcel.get_by_label("Tracking number").fill("GLS-4711")
    await parcel.get_by_role("button", name="Enter the parcel").click()

    paper = tmp_path / "../../Planted Person.pdf"
    file = FilePayload(name=paper.name, mimeType="application/pdf", buffer=b"%PDF-1.4 an invoice")
    await page.get_by_text("Send an invoice").click()
    invoice = page.locator("form", has=page.get_by_role("button", name="Send the invoice"))
    await invoice.get_by_label("Invoice number").fill("R-2026-1")
    await invoice.get_by_label("Total").fill("24.00")
    await invoice.locator("input[type=file]").set_input_files(files=[file])
    await invoice.get_by_role("button", name="Send the invoice").click()
    assert "Thank you" in await page.get_by_role("status").inner_text()

    status = portal.status(order)
    assert {(line.quantity, line.status) for line in status.lines} == {
        (3, LineStatus.ACCEPTED),
        (2, LineStatus.REJECTED),
    }
    assert [one.tracking_number for one in status.parcels] == ["GLS-4711"]
    assert [one["invoice"] for one in portal.inner.rows("SELECT invoice FROM supplier_invoices")] == ["R-2026-1"]
    assert b"%PDF-1.4 an invoice" in [bytes(one["body"]) for one in portal.documents(order)]


async def test_the_page_fits_a_telephone_and_names_what_it_asks(page: Page) -> None:
    await open_all(page)
    assert ARTICLE in await page.locator("main").inner_text()
    widest = await page.locator("main").bounding_box()
    assert widest is not None
    assert widest["x"] >= 0
    assert widest["x"] + widest["width"] <= TELEPHONE["width"]
    for field in await page.locator("input:visible, select:visible").all():
        box = await field.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= TELEPHONE["width"]


async def test_what_is_asked_of_other_units_is_asked_where_there_are_some(page: Page) -> None:
    await page.get_by_text("Confirm in part, with another price or date").click()
    asked = {name: page.locator(f".card .{name}") for name in ("later", "instead", "remark")}
    seen = []
    for choice in ("", "later", "instead", "refused:other"):
        await page.locator(".card select").select_option(choice)
        seen.append([name for name, one in asked.items() if await one.is_visible()])

    assert seen == [[], ["later", "remark"], ["instead", "remark"], ["remark"]]


async def test_what_is_wrong_is_said_beside_its_field_which_is_in_view(page: Page) -> None:
    await page.get_by_text("A parcel has left").click()
    await page.get_by_role("button", name="Enter the parcel").click()

    wrong = page.get_by_label("Tracking number")
    assert "Please enter the parcel's tracking number." in await wrong.locator("xpath=..").inner_text()
    assert await wrong.evaluate("one => one === document.activeElement")
    assert await page.locator("summary", has_text="A parcel has left").is_visible()


async def test_nothing_of_the_page_is_refused_by_its_own_rules(
    browser: Browser, pages: httpx.Client, portal: PortalWorld, order: PurchaseOrderRequest
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{pages.base_url}{portal.link(order)}")
    colour = await page.locator("button").first.evaluate("one => getComputedStyle(one).backgroundColor")
    assert colour not in ("", "rgba(0, 0, 0, 0)"), "the style's hash is the one that the rules name"
    assert [one for one in complaints if "favicon" not in one] == []


@pytest.mark.parametrize("path", ["/s/not-a-link", "/c/not-a-link"])
async def test_a_wrong_link_is_a_page_that_says_so(browser: Browser, pages: httpx.Client, path: str) -> None:
    page = await (await browser.new_context(viewport=TELEPHONE)).new_page()  # type: ignore[arg-type]
    response = await page.goto(f"{pages.base_url}{path}")
    assert response is not None
    assert response.status == 404
    assert await page.locator("h1").inner_text() == "We can't find this page"
