"""Our own papers that come back with an answer: as they were, filled in, or changed by somebody."""

import csv
import io
import tracemalloc
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest

from adapters.suppliers.email.letter import read_letter
from adapters.suppliers.email.reading import read_mail
from models.exchange import DocumentKind, OrderAcknowledged, OrderReceived
from models.suppliers import SupplierState
from tests.adapters.mail_letters import LINES, OURS, configured, unclear, written
from tests.adapters.mail_world import EANS, MailWorld, mail_world

YES = {"status": "accepted"}
NO = {"status": "rejected"}


@pytest.fixture(scope="module")
def world() -> Iterator[MailWorld]:
    with mail_world() as world:
        yield world


@pytest.fixture(scope="module")
def order_mail(world: MailWorld) -> bytes:
    """Two units of A-1 and one of an article without a number of the supplier's."""
    world.port(attach=["pdf", "csv"]).place_order(world.order())
    outgoing = world.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11")
    assert outgoing is not None
    world.reset()
    return outgoing.body


def papers(order_mail: bytes) -> dict[str, bytes]:
    return {one.name: one.content for one in read_letter(order_mail).attachments}


def table(order_mail: bytes, *filled: dict[str, str], delimiter: str = ",") -> bytes:
    """Write our table as a spreadsheet would save it, with as many rows as are filled in."""
    ours = csv.DictReader(io.StringIO(papers(order_mail)["DW-1-11.csv"].decode()))
    rows = [row | values for row, values in zip(ours, filled, strict=False)]
    saved = io.StringIO()
    writer = csv.DictWriter(saved, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return saved.getvalue().encode("utf-8-sig")


def answer(order_mail: bytes, text: str, attached: Mapping[str, bytes]) -> Any:
    return said_in(written(text, attached=attached), order_mail)


def said_in(mail: bytes, order_mail: bytes) -> Any:
    reading = read_mail(mail, profile=configured(), lines_of=lambda _: LINES, order_mail_of=lambda _: order_mail)
    (news,) = reading.news
    return news


def filled_in(order_mail: bytes, *filled: dict[str, str], text: str = "", **more: Any) -> Any:
    return answer(order_mail, text, {"confirmation.csv": table(order_mail, *filled, **more)})


def said(news: Any) -> list[tuple[str, int, str, str]]:
    assert isinstance(news, OrderAcknowledged)
    return [(line.ean, line.quantity, str(line.status), str(line.expected_on or "")) for line in news.lines]


def test_our_papers_come_back_as_they_were_and_say_nothing(order_mail: bytes) -> None:
    ours = papers(order_mail)
    assert answer(order_mail, "accepted", ours).status_text == "accepted by mail"
    assert answer(order_mail, "", ours) == OrderReceived(number="DW-1-11")


def test_another_paper_under_the_name_of_ours_is_a_persons_to_read(order_mail: bytes) -> None:
    assert unclear(answer(order_mail, "accepted", {"DW-1-11.pdf": b"%PDF-1.4 only one left"})) == "attachment"


@pytest.mark.parametrize("text", ["", "Please find attached our order confirmation.", "Siehe Anhang", "accepted"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_our_table_filled_in_confirms_each_line(order_mail: bytes, text: str, delimiter: str) -> None:
    news = filled_in(order_mail, YES, {"qty_accepted": "1", "eta": "12.03.2026"}, text=text, delimiter=delimiter)

    assert said(news) == [(EANS[0], 2, "accepted", ""), (EANS[1], 1, "accepted", "2026-03-12")]
    assert news.state is SupplierState.ACKNOWLEDGED


def test_our_table_splits_a_line_and_refuses_another(order_mail: bytes) -> None:
    news = filled_in(order_mail, {"status": "Rückstand", "qty_accepted": "1", "eta": "2026-04-01"}, NO)

    assert said(news) == [
        (EANS[0], 1, "accepted", ""),
        (EANS[0], 1, "backordered", "2026-04-01"),
        (EANS[1], 1, "rejected", ""),
    ]


def test_our_table_with_every_line_refused_refuses_the_order(order_mail: bytes) -> None:
    assert filled_in(order_mail, NO, NO).state is SupplierState.CANCELLED


def test_an_ean_that_a_spreadsheet_has_spoilt_is_known_by_the_suppliers_own_number(order_mail: bytes) -> None:
    assert said(filled_in(order_mail, YES | {"ean": "4.00638E+12", "unit_cost": ""}, YES))[0][0] == EANS[0]


@pytest.mark.parametrize(
    "filled",
    [
        [YES, {}],
        [YES],
        [YES, {"status": "perhaps"}],
        [YES, {"status": "not accepted"}],
        [{"qty_accepted": "1"}, YES],
        [YES | {"qty_accepted": "1"}, YES],
        [YES | {"qty_accepted": "3"}, YES],
        [{"qty_accepted": "two"}, YES],
        [NO | {"qty_accepted": "2"}, YES],
        [NO | {"eta": "2026-04-01"}, YES],
        [{"status": "backordered"}, YES],
        [YES | {"eta": "soon"}, YES],
        [YES | {"eta": "31.02.2026"}, YES],
        [YES | {"qty": "5"}, YES],
        [YES | {"unit_cost": "99"}, YES],
        [YES | {"po_number": "DW-2-11"}, YES],
        [YES, YES | {"ean": "4.00638E+12"}],
        [YES | {"supplier_sku": "B-9"}, YES],
        [YES | {"ean": EANS[2]}, YES],
        [YES | {"ean": "4.00639E+12"}, YES],
        [YES | {"ship_postcode": "28002"}, YES],
        [{"status": "backordered", "eta": "2026-01-15"}, YES],
        [YES | {"eta": "01.03.2026"}, YES],
        [YES | {"remark": "only in red"}, YES],
        [YES | {"line": "2"}, YES],
        [YES | {"ship_city": "Sevilla"}, YES],
    ],
    ids=str,
)
def test_a_table_that_is_not_certain_is_a_persons_to_read(order_mail: bytes, filled: list[dict[str, str]]) -> None:
    assert unclear(filled_in(order_mail, *filled)) == "attachment"


@pytest.mark.parametrize("more", [",,\r\n", ",qty\r\n"])
def test_of_two_columns_under_one_name_none_is_left_out(order_mail: bytes, more: str) -> None:
    head, *rows = table(order_mail, YES, YES).decode().splitlines()
    values = [f"{row},only one left," if more == ",,\r\n" else f"{row},{row.split(',')[5]}" for row in rows]
    body = "\r\n".join([head + more.strip(), *values]).encode()
    assert unclear(answer(order_mail, "accepted", {"a.csv": body})) == "attachment"


def test_a_table_of_very_many_rows_takes_little_memory(order_mail: bytes) -> None:
    body = table(order_mail, YES, YES) + b"x\r\n" * 300_000
    tracemalloc.start()
    try:
        assert unclear(answer(order_mail, "accepted", {"a.csv": body})) == "attachment"
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_a_table_in_answer_to_our_wish_to_cancel_is_a_persons_to_read(order_mail: bytes) -> None:
    mail = written("", attached={"a.csv": table(order_mail, YES, YES)}, In_Reply_To=OURS.replace("<po.", "<cancel."))
    assert unclear(said_in(mail, order_mail)) == "attachment"


@pytest.mark.parametrize(
    ("kind", "shown"), [("csv", "inline"), ("csv", None), ("plain", 'inline; filename="DW-1-11.csv"')]
)
def test_a_table_that_is_shown_in_place_is_attached_all_the_same(
    order_mail: bytes, kind: str, shown: str | None
) -> None:
    mail = message_from_bytes(written("accepted"), policy=SMTP)
    mail.add_attachment(table(order_mail, YES, NO), maintype="text", subtype=kind)
    *_, paper = mail.iter_parts()
    del paper["Content-Disposition"]
    if shown is not None:
        paper["Content-Disposition"] = shown
    assert unclear(said_in(mail.as_bytes(), order_mail)) == "attachment"


@pytest.mark.parametrize("text", ["accepted", "accepted, 2026-05-01", "rejected"])
def test_a_table_and_a_text_that_differ_are_a_persons_to_read(order_mail: bytes, text: str) -> None:
    assert unclear(filled_in(order_mail, YES, NO, text=text)) == "attachment"


def test_words_beside_a_table_are_a_persons_to_read(order_mail: bytes) -> None:
    assert unclear(filled_in(order_mail, YES, YES, text="See attached. The red one has scratches.")) == "no_known_words"


def test_two_tables_or_another_paper_beside_one_are_a_persons_to_read(order_mail: bytes) -> None:
    one = {"a.csv": table(order_mail, YES, YES)}
    for other in ({"b.csv": table(order_mail, YES, NO)}, {"b.pdf": b"%PDF"}):
        assert unclear(answer(order_mail, "", one | other)) == "attachment"


@pytest.mark.parametrize(
    "body", [b"?", b"\xff\xfe", b"po_number,qty\r\n", b'po_number,"', b"\x00" * 99, b"a;b\n" * 9999]
)
def test_bytes_that_are_no_table_are_a_persons_to_read(order_mail: bytes, body: bytes) -> None:
    assert unclear(answer(order_mail, "accepted", {"a.csv": body})) == "attachment"


def test_a_table_that_was_filled_in_is_picked_up_and_believed(world: MailWorld) -> None:
    port = world.port(attach=["csv"])
    port.place_order(world.order())
    outgoing = world.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11")
    assert outgoing is not None
    world.deliver(written("See attached", attached={"DW-1-11.csv": table(outgoing.body, YES, NO)}))

    world.round(port)

    status = port.fetch_order("DW-1-11")
    assert [(line.quantity, str(line.status)) for line in status.lines] == [(2, "accepted"), (1, "rejected")]
