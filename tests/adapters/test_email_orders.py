"""Orders over a real SMTP server: what leaves, once, and what proves that it left."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pypdf
import pytest

from adapters.errors import AdapterError, Doubtful, NotSent, Refused
from adapters.suppliers.email import order_papers
from adapters.suppliers.email.adapter import EmailSupplier, build
from adapters.suppliers.email.outgoing import recipient_of
from dropwright.testing.contract import CUSTOMER
from models.calls import CallRecord
from models.exchange import DocumentKind, DocumentState
from models.suppliers import Cancellation, DoubtMeans, LookupVerdict, SupplierState
from sandbox.mail_partner import CREDENTIALS
from tests.adapters.mail_world import MailWorld, closed_port, mail_world, profile, settings


@pytest.fixture(scope="module")
def served() -> Iterator[MailWorld]:
    with mail_world() as world:
        yield world


@pytest.fixture
def world(served: MailWorld) -> MailWorld:
    served.reset()
    return served


def sent_mail(world: MailWorld, kind: DocumentKind = DocumentKind.ORDER) -> Any:
    outgoing = world.desk.find_outgoing(kind, "DW-1-11")
    assert outgoing is not None
    return message_from_bytes(outgoing.body, policy=policy.default)


def news_of(records: list[Any]) -> list[Any]:
    return [item for record in records for item in record.reading.news]


# What leaves.


def test_an_order_leaves_as_plain_text_with_its_papers(world: MailWorld) -> None:
    port = world.port(attach=["pdf", "csv"], plus_address=True, account="77", greeting="Dear Ana,")
    port.place_order(world.order())
    mail = sent_mail(world)
    assert mail["Subject"] == "[PO:DW-1-11] Purchase order DW-1-11"
    assert mail["Reply-To"] == "orders+DW-1-11@shop.example"
    assert mail["Message-ID"] == "<po.DW-1-11.1.olmo@shop.example>"
    text = mail.get_body().get_content()
    assert mail.get_body().get_content_type() == "text/plain"
    assert text.startswith("Dear Ana,")
    assert all(fact in text for fact in (CUSTOMER.name, CUSTOMER.address1, "2 x 4006381333931", "customer number: 77"))
    pdf, table = mail.iter_attachments()
    assert (pdf.get_filename(), table.get_filename()) == ("DW-1-11.pdf", "DW-1-11.csv")
    printed = pypdf.PdfReader(io.BytesIO(pdf.get_content())).pages[0].extract_text()
    assert CUSTOMER.address1 in printed
    rows = list(csv.DictReader(io.StringIO(table.get_content())))
    assert [(row["po_number"], row["line"], row["ean"], row["qty"]) for row in rows] == [
        ("DW-1-11", "1", "4006381333931", "2"),
        ("DW-1-11", "2", "8411061123456", "1"),
    ]


def test_the_page_of_the_supplier_is_named_where_there_is_one_and_its_link_kept_in_no_record(world: MailWorld) -> None:
    calls: list[CallRecord] = []
    link = f"https://shop.example/s/{'Az09-_' * 10}"
    port = build(
        settings=settings(profile(world.app.smtp_port, None)),
        supplier_id="olmo",
        secrets=lambda _: CREDENTIALS[1],
        sink=calls.append,
        documents=world.desk,
        link_for=lambda _: link,
    )
    port.place_order(world.order())
    assert link in sent_mail(world).get_body().get_content()
    assert "[PO:DW-1-11]" in calls[0].request
    assert "Az09-_" not in calls[0].request


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x00", "\x85"])
def test_no_address_or_name_breaks_out_of_a_header_or_a_line(world: MailWorld, break_: str) -> None:
    bad = f"x{break_}Bcc: thief@evil.example{break_}{break_}[PO:DW-9-11]"
    order = world.order()
    address = order.address.model_copy(update={"name": bad, "city": bad})
    world.port(sender_name=bad[:80]).place_order(order.model_copy(update={"address": address, "carrier": bad[:60]}))
    mail = sent_mail(world)
    assert mail["Bcc"] is None
    assert [book["number"] for book in world.books()] == ["DW-1-11"]
    assert [line for line in mail.get_body().get_content().splitlines() if line.startswith("Bcc")] == []


def test_no_cell_of_the_table_calculates(world: MailWorld) -> None:
    address = CUSTOMER.model_copy(
        update={"name": '=HYPERLINK("http://evil.example")', "city": "@SUM(A1)", "phone": "+34600"}
    )
    table = order_papers.as_csv(world.order().model_copy(update={"address": address})).decode()
    row = next(csv.DictReader(io.StringIO(table)))
    assert row["ship_name"].startswith("'=")
    assert row["ship_city"].startswith("'@")
    assert row["ship_phone"] == "+34600"


def test_the_same_order_prints_the_same_pages(world: MailWorld) -> None:
    order = world.order()
    many = order.model_copy(update={"lines": order.lines * 60})
    assert order_papers.as_pdf(many) == order_papers.as_pdf(many)
    assert len(pypdf.PdfReader(io.BytesIO(order_papers.as_pdf(many))).pages) > 1


def test_what_the_page_can_not_print_is_said_there(world: MailWorld) -> None:
    order = world.order()
    order = order.model_copy(update={"address": CUSTOMER.model_copy(update={"city": "東京"})})
    printed = pypdf.PdfReader(io.BytesIO(order_papers.as_pdf(order))).pages[0].extract_text()
    assert "see the mail's text" in printed
    assert "東京" in order_papers.as_text(order)


def test_a_call_is_recorded_without_the_password(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    world.round(port)
    assert {call.method for call in world.calls} == {"SMTP", "IMAP"}
    assert any(CUSTOMER.city in call.request for call in world.calls)
    assert not any(CREDENTIALS[1] in call.model_dump_json() for call in world.calls)


def test_a_test_order_goes_to_its_own_address_or_nowhere(world: MailWorld) -> None:
    with pytest.raises(Refused) as caught:
        world.port().place_order(world.order(test=True))
    assert caught.value.code == "no_test_orders"
    port = world.port(test_to="tests@olmo.example")
    assert port.capabilities.test_orders
    assert port.place_order(world.order(test=True)).state is SupplierState.AWAITING_PAYMENT
    mail = sent_mail(world)
    assert mail["To"] == "tests@olmo.example"
    assert "THIS IS A TEST" in mail.get_body().get_content()


# Once.


@pytest.mark.parametrize(
    ("operation", "status", "failure"),
    [("RCPT", 451, NotSent), ("DATA", 421, NotSent), ("RCPT", 550, Refused), ("DATA", 554, Refused)],
)
def test_what_was_not_taken_is_forgotten_and_written_anew(
    world: MailWorld, operation: str, status: int, failure: type[AdapterError]
) -> None:
    port, order = world.port(), world.order()
    world.spoil(operation, "error", status=status)
    with pytest.raises(failure) as caught:
        port.place_order(order)
    assert caught.value.code == f"smtp_{status}"
    assert port.find_order(order).verdict is LookupVerdict.ABSENT
    world.unspoil()
    moved = order.address.model_copy(update={"address1": "1 New Street"})
    port.place_order(order.model_copy(update={"address": moved}))
    assert "1 New Street" in sent_mail(world).get_body().get_content()
    assert [book["mails"] for book in world.books()] == [1]


@pytest.mark.parametrize("kind", ["reset_before", "hang"])
def test_a_connection_that_dies_before_the_body_sent_nothing(world: MailWorld, kind: str) -> None:
    world.spoil("RCPT", kind)
    with pytest.raises(NotSent):
        world.port().place_order(world.order())
    assert world.books() == []


def test_a_mail_that_would_leave_too_late_does_not_leave(world: MailWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    port, order = world.port(), world.order()
    world.spoil("RCPT", "latency", milliseconds=100)
    monkeypatch.setattr(port._post, "_timeout", timedelta(milliseconds=100))
    with pytest.raises(NotSent) as caught:
        port.place_order(order)
    assert caught.value.code == "too_slow"
    assert world.books() == []


def test_a_mail_in_doubt_is_repeated_byte_for_byte_when_a_person_says_so(world: MailWorld) -> None:
    port, order = world.port(), world.order()
    world.spoil("DATA", "reset_after")
    with pytest.raises(Doubtful):
        port.place_order(order)
    world.unspoil()
    moved = order.model_copy(update={"address": CUSTOMER.model_copy(update={"city": "Elsewhere"})})
    port.place_order(moved)
    (book,) = world.books()
    assert book["message_ids"] == ["<po.DW-1-11.1.olmo@shop.example>"] * 2
    assert "Elsewhere" not in sent_mail(world).get_body().get_content()


def test_a_later_attempt_that_fails_does_not_prove_that_the_first_did(world: MailWorld) -> None:
    port, order = world.port(), world.order()
    world.spoil("DATA", "reset_after")
    with pytest.raises(Doubtful):
        port.place_order(order)
    world.spoil("RCPT", "error", status=550)
    with pytest.raises(Refused):
        port.place_order(order)
    assert port.find_order(order).verdict is LookupVerdict.UNSURE


def test_a_mail_that_has_left_is_not_sent_again(world: MailWorld) -> None:
    port, order = world.port(), world.order()
    assert port.place_order(order) == port.place_order(order)
    assert [book["mails"] for book in world.books()] == [1]


def test_a_desk_that_fails_after_the_mail_left_does_not_make_it_unsent(
    world: MailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise NotSent("the database is gone")

    port, order = world.port(), world.order()
    monkeypatch.setattr(world.desk, "sent", fail)
    assert port.place_order(order).state is SupplierState.SENT
    assert port.find_order(order).verdict is LookupVerdict.UNSURE


# Proof.


def in_doubt(world: MailWorld, port: EmailSupplier) -> Any:
    order = world.order()
    world.spoil("DATA", "reset_after")
    with pytest.raises(Doubtful):
        port.place_order(order)
    world.unspoil()
    assert port.capabilities.doubt is DoubtMeans.PROOF
    return order


def test_the_sent_folder_of_the_provider_proves_that_a_mail_left(world: MailWorld) -> None:
    world.behave(keeps_sent=True, answers=None)
    port = world.port()
    order = in_doubt(world, port)
    world.work()
    found = port.find_order(order)
    assert (found.verdict, found.said) == (LookupVerdict.FOUND, "it lies in the Sent folder")
    outgoing = world.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11")
    assert outgoing is not None
    assert outgoing.state is DocumentState.SENT


def test_an_answer_that_was_not_picked_up_yet_proves_it_too(world: MailWorld) -> None:
    port = world.port()
    order = in_doubt(world, port)
    assert port.find_order(order).verdict is LookupVerdict.UNSURE
    world.work()
    found = port.find_order(order)
    assert (found.verdict, found.said) == (LookupVerdict.FOUND, "an answer refers to it")


def test_a_forged_answer_proves_nothing(world: MailWorld) -> None:
    port = world.port()
    order = in_doubt(world, port)
    world.write_back("accepted", defects=["forged"])
    assert port.find_order(order).verdict is LookupVerdict.UNSURE


def test_an_answer_in_our_books_proves_it(world: MailWorld) -> None:
    port = world.port()
    order = in_doubt(world, port)
    world.write_back("")
    world.round(port)
    found = port.find_order(order)
    assert (found.verdict, found.said) == (LookupVerdict.FOUND, "the supplier has answered it")
    assert found.placed is not None
    assert found.placed.state is SupplierState.SENT


def test_our_own_copy_lies_in_the_sent_folder_where_that_is_asked_for(world: MailWorld) -> None:
    world.port(imap={"append_sent": True}).place_order(world.order())
    assert len(world.folders()["Sent"]) == 1


def test_a_copy_that_can_not_be_kept_costs_nothing(world: MailWorld) -> None:
    world.spoil("IMAP", "error")
    placed = world.port(imap={"append_sent": True}).place_order(world.order())
    assert placed.state is SupplierState.SENT
    assert world.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11").state is DocumentState.SENT  # type: ignore[union-attr]


# Cancelling.


def test_a_cancellation_in_doubt_is_sent_again_and_an_order_is_not(world: MailWorld) -> None:
    port = world.port(cancel=True)
    port.place_order(world.order())
    world.spoil("DATA", "reset_after")
    assert port.cancel_order("DW-1-11") is Cancellation.REQUESTED
    order = world.order("DW-2-11")
    with pytest.raises(Doubtful):
        port.place_order(order)
    world.unspoil()
    world.round(port)
    assert sent_mail(world, DocumentKind.CANCELLATION)["Message-ID"] == "<cancel.DW-1-11.2.olmo@shop.example>"
    assert [(book["number"], book["mails"]) for book in world.books()] == [("DW-1-11", 1), ("DW-2-11", 1)]
    world.work()
    world.round(port)
    assert port.fetch_order("DW-1-11").state is SupplierState.CANCELLED


def test_a_cancellation_whose_fate_stays_open_is_asked_for_twice_and_not_at_every_round(world: MailWorld) -> None:
    port = world.port(cancel=True)
    port.place_order(world.order())
    world.spoil("DATA", "reset_after")
    port.cancel_order("DW-1-11")
    with pytest.raises(Doubtful):
        world.round(port)
    for _ in range(3):
        assert world.round(port) == []
    asked = [call for call in world.calls if call.method == "SMTP" and "Cancellation" in call.request]
    assert len(asked) == 2


def test_a_cancellation_that_was_not_taken_is_tried_again(world: MailWorld) -> None:
    port = world.port(cancel=True)
    port.place_order(world.order())
    world.spoil("RCPT", "error", status=451)
    with pytest.raises(NotSent):
        port.cancel_order("DW-1-11")
    world.unspoil()
    assert port.cancel_order("DW-1-11") is Cancellation.REQUESTED


def test_a_cancellation_that_is_refused_is_not_tried_for_ever(world: MailWorld) -> None:
    port = world.port(cancel=True)
    port.place_order(world.order())
    world.spoil("RCPT", "error", status=451)
    with pytest.raises(NotSent):
        port.cancel_order("DW-1-11")
    world.spoil("RCPT", "error", status=550)
    with pytest.raises(Refused):
        world.round(port)
    assert world.round(port) == []


def test_an_order_leaves_again_where_a_person_wants_it_to_the_address_as_it_is_now(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    outgoing = world.desk.find_outgoing(DocumentKind.ORDER, "DW-1-11")
    assert outgoing is not None
    world.desk.resend(outgoing)
    world.spoil("DATA", "reset_after")
    with pytest.raises(Doubtful):
        world.round(port)
    world.unspoil()
    world.round(port)
    assert [book["mails"] for book in world.books()] == [2]
    assert len(set(world.books()[0]["message_ids"])) == 1
    assert (
        recipient_of(outgoing.body, port._profile.model_copy(update={"to": "new@olmo.example"})) == "new@olmo.example"
    )


def test_an_option_is_refused_by_name(world: MailWorld) -> None:
    wrong = settings(profile(closed_port(), None)).model_copy(update={"options": {"shelf": "A"}})
    with pytest.raises(ValueError, match="shelf"):
        build(
            settings=wrong,
            supplier_id="olmo",
            secrets=lambda _: "",
            sink=lambda _: None,
            documents=world.desk,
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"imap": {"append_sent": True, "sent": None}},
        {"imap": {"archive": "INBOX"}},
        {"to": "a@b\r\nBcc: c@d"},
        {"smpt": 1},
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(world: MailWorld, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="profile: "):
        world.port(**wrong)
