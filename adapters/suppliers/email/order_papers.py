"""A purchase order for people: as plain text, as a table and as a page. Pure; the same order gives the same bytes."""

import csv
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import reportlab
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from adapters.notifiers.smtp import one_line
from models.money import Money
from models.orders import Address
from models.suppliers import SupplierLine, SupplierOrder

COLUMNS = (
    "po_number,order_date,line,supplier_sku,ean,qty,unit_cost,currency,ship_name,ship_company,ship_addr1,ship_addr2,"
    "ship_city,ship_state,ship_postcode,ship_country,ship_phone,ship_email,ship_method"
).split(",")
ANSWERS = ("status", "qty_accepted", "eta")  # columns that the supplier may fill in, and send back
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HARMLESS = re.compile(r"[+-]?[\d ().,/-]+")  # a number or a telephone number calculates nothing
FONT, BOLD = "Vera", "VeraBd"  # of reportlab's own wheel: embedded, so that every reader shows the same
SEE_TEXT = "(some signs of this line can't be printed here: see the mail's text)"
LEFT, TOP, BOTTOM, LEADING = 20 * mm, A4[1] - 20 * mm, 20 * mm, 5 * mm
WIDEST = 92  # signs that fit on a line


def as_text(order: SupplierOrder, *, account: str = "") -> str:
    """Write the order as the mail's own text says it."""
    return "\n".join(_paragraphs(order, account)) + "\n"


def as_csv(order: SupplierOrder) -> bytes:
    """Write the order as a table, one row per line; people open it, so no cell may calculate (CWE-1236)."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([*COLUMNS, *ANSWERS])
    for position, line in enumerate(order.lines, 1):
        writer.writerow([*map(harmless, _cells(order, position, line)), *("" for _ in ANSWERS)])
    return written.getvalue().encode()


def as_pdf(order: SupplierOrder, *, account: str = "") -> bytes:
    """Write the order as a page, or several."""
    _register_fonts()
    page = io.BytesIO()
    canvas = Canvas(page, pagesize=A4, invariant=True)
    canvas.setTitle(f"Purchase order {order.number}")
    height = 0.0
    for position, line in enumerate(_wrapped(_paragraphs(order, account))):
        if height < BOTTOM:
            if position:
                canvas.showPage()
            height = TOP
        canvas.setFont(*((BOLD, 14) if position == 0 else (FONT, 9)))
        canvas.drawString(LEFT, height, line if _printable(line) else SEE_TEXT)
        height -= LEADING
    canvas.save()
    return page.getvalue()


def harmless(cell: str) -> str:
    """Keep a spreadsheet from calculating what somebody wrote into an address."""
    return f"'{cell}" if cell.startswith(FORMULA) and not HARMLESS.fullmatch(cell) else cell


def _paragraphs(order: SupplierOrder, account: str) -> Iterator[str]:
    yield f"Purchase order {order.number}"
    yield ""
    for label, value in _facts(order, account):
        if value:
            yield f"{label}: {one_line(str(value))}"
    yield ""
    yield "Ship to our customer directly:"
    yield from (f"  {line}" for line in _address_lines(order.address))
    yield ""
    yield "Articles:"
    for position, line in enumerate(order.lines, 1):
        yield f"  {position}. {_line(line)}"


def _facts(order: SupplierOrder, account: str) -> Iterator[tuple[str, object]]:
    yield "Our customer number", account
    yield "Order date", order.placed_on
    yield "Ship with", order.carrier
    yield "Ship by", order.ship_by
    yield "To arrive by", order.arrive_by
    yield "Note", "THIS IS A TEST: ship nothing" if order.test else ""


def _address_lines(address: Address) -> list[str]:
    town = " ".join(part for part in (address.postal_code, address.city, address.province_code) if part)
    contact = ", ".join(part for part in (address.phone, address.email) if part)
    lines = (address.name, address.company, address.address1, address.address2, town, address.country_code, contact)
    return [one_line(line) for line in lines if line]


def _line(line: SupplierLine) -> str:
    sku = f", your article {one_line(line.sku)}" if line.sku else ""
    return (
        f"{line.quantity} x {one_line(line.ean)}{sku}{f' at {_price(line.unit_cost)} each' if line.unit_cost else ''}"
    )


def _price(cost: Money) -> str:
    return (
        f"{cost.amount.normalize():f} {cost.currency}"
        if cost.amount.normalize() != round(cost.amount, 2)
        else str(cost)
    )


def _cells(order: SupplierOrder, position: int, line: SupplierLine) -> Iterator[str]:
    to, cost = order.address, line.unit_cost
    yield from (order.number, str(order.placed_on or ""), str(position), line.sku, line.ean, str(line.quantity))
    yield from (f"{cost.amount:f}", cost.currency) if cost else ("", "")
    yield from (to.name, to.company, to.address1, to.address2, to.city, to.province_code, to.postal_code)
    yield from (to.country_code, to.phone, to.email, order.carrier)


def _wrapped(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line[:WIDEST]
        for start in range(WIDEST, len(line), WIDEST - 4):
            yield f"    {line[start : start + WIDEST - 4]}"


@cache
def _register_fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))


def _printable(line: str) -> bool:
    glyphs = pdfmetrics.getFont(FONT).face.charToGlyph
    return all(ord(sign) in glyphs for sign in line)
